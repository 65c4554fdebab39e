import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.journal import merkle

# Inputs, roots and proofs of Certificate Transparency's reference tests (google/certificate-transparency,
# transparency-dev/merkle testonly/constants.go and proof/verify_test.go).
LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    bytes.fromhex(root)
    for root in (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]
H1 = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
H23 = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
H4567 = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
H4 = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
H67 = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
H45 = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
H6 = "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f"
HASHES = [merkle.leaf_hash(leaf) for leaf in LEAVES]


def sample(size: int) -> list[bytes]:
    return [merkle.leaf_hash(str(number).encode()) for number in range(size)]


def recursive_root(hashes: list[bytes]) -> bytes:
    """The definition of RFC 6962 section 2.1, word for word, over leaf hashes."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    left, right = recursive_root(hashes[:split]), recursive_root(hashes[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


@pytest.mark.parametrize("size", range(9))
def test_published_roots(size: int) -> None:
    assert merkle.root(HASHES[:size]) == ROOTS[size]


@pytest.mark.parametrize(
    ("index", "size", "proof"),
    [
        (0, 1, []),
        (0, 8, [H1, H23, H4567]),
        (5, 8, [H4, H67, ROOTS[4].hex()]),
        (2, 3, [ROOTS[2].hex()]),
        (1, 5, [ROOTS[1].hex(), H23, H4]),
    ],
)
def test_published_inclusion_proofs(index: int, size: int, proof: list[str]) -> None:
    expected = [bytes.fromhex(value) for value in proof]
    assert merkle.inclusion_proof(HASHES[:size], index) == expected
    merkle.verify_inclusion(HASHES[index], index, size, expected, ROOTS[size])


@pytest.mark.parametrize(
    ("size1", "size2", "proof"),
    [
        (1, 1, []),
        (1, 8, [H1, H23, H4567]),
        (6, 8, [H45, H67, ROOTS[4].hex()]),
        (2, 5, [H23, H4]),
        (6, 7, [H45, H6, ROOTS[4].hex()]),
    ],
)
def test_published_consistency_proofs(size1: int, size2: int, proof: list[str]) -> None:
    expected = [bytes.fromhex(value) for value in proof]
    assert merkle.consistency_proof(HASHES[:size2], size1) == expected
    merkle.verify_consistency(size1, size2, expected, ROOTS[size1], ROOTS[size2])


def test_root_follows_the_recursive_definition() -> None:
    hashes = sample(130)
    for size in range(131):
        assert merkle.root(hashes[:size]) == recursive_root(hashes[:size])


def test_every_proof_of_every_small_tree() -> None:
    hashes = sample(40)
    roots = [merkle.root(hashes[:size]) for size in range(41)]
    for size in range(1, 41):
        for number in range(size):
            proof = merkle.inclusion_proof(hashes[:size], number)
            merkle.verify_inclusion(hashes[number], number, size, proof, roots[size])
            path = merkle.consistency_proof(hashes[:size], number + 1)
            merkle.verify_consistency(number + 1, size, path, roots[number + 1], roots[size])


@given(st.data())
def test_a_wrong_inclusion_claim_is_refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 70))
    index = data.draw(st.integers(0, size - 1))
    hashes = sample(size)
    root, proof = merkle.root(hashes), merkle.inclusion_proof(hashes, index)
    garbage = data.draw(st.binary(min_size=32, max_size=32))
    wrong: list[tuple[Any, ...]] = [
        (garbage, index, size, proof, root),
        (hashes[index], index, size, proof, garbage),
        (hashes[index], index, size, proof, merkle.EMPTY_ROOT),
        (hashes[index], index, size, [*proof, garbage], root),
        (hashes[index], index, size, [*proof, root], root),
        (hashes[index], index, size, [garbage, *proof], root),
        (hashes[index], index, size, [root, *proof], root),
    ]
    wrong += [(hashes[index], other, size, proof, root) for other in {index - 1, index + 1, index ^ 2, size} - {index}]
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        wrong += [
            (hashes[index], index, size, proof[:place] + proof[place + 1 :], root),
            (hashes[index], index, size, [*proof[:place], garbage, *proof[place + 1 :]], root),
            (hashes[index], index, size * 4, proof, root),
        ]
    for claim in wrong:
        with pytest.raises(merkle.InvalidProof):
            merkle.verify_inclusion(*claim)


@given(st.data())
def test_a_wrong_consistency_claim_is_refused(data: st.DataObject) -> None:
    size2 = data.draw(st.integers(2, 70))
    size1 = data.draw(st.integers(1, size2 - 1))
    hashes = sample(size2)
    root1, root2 = merkle.root(hashes[:size1]), merkle.root(hashes)
    proof = merkle.consistency_proof(hashes, size1)
    garbage = data.draw(st.binary(min_size=32, max_size=32))
    place = data.draw(st.integers(0, len(proof) - 1))
    wrong = [
        (size1, size2, proof, garbage, root2),
        (size1, size2, proof, root1, garbage),
        (size1, size2, proof, root2, root1),
        (size1, size2, [], root1, root2),
        (size1, size2, [*proof, garbage], root1, root2),
        (size1, size2, [garbage, *proof], root1, root2),
        (size1, size2, [root1, *proof], root1, root2),
        (size1, size2, proof[:place] + proof[place + 1 :], root1, root2),
        (size1, size2, [*proof[:place], garbage, *proof[place + 1 :]], root1, root2),
        (0, size2, proof, root1, root2),
        (size2, size1, proof, root2, root1),
        (size2, size2, proof, root2, root2),
        (size1, size1, [], root1, root2),
    ]
    for claim in wrong:
        with pytest.raises(merkle.InvalidProof):
            merkle.verify_consistency(*claim)


def test_another_size_is_refused_where_it_changes_the_path() -> None:
    proof = [bytes.fromhex(value) for value in (H45, H67, ROOTS[4].hex())]
    for size1, size2 in ((5, 8), (7, 8), (4, 8), (6, 4), (6, 16)):
        with pytest.raises(merkle.InvalidProof):
            merkle.verify_consistency(size1, size2, proof, ROOTS[6], ROOTS[8])


@pytest.mark.parametrize("bad", [b"", bytes(31), bytes(33), "0" * 32, None, bytearray(32), 7])
def test_a_hash_is_32_bytes(bad: Any) -> None:
    good = HASHES[0]
    for claim in ((bad, 0, 1, [], good), (good, 0, 1, [], bad), (good, 0, 2, [bad], good)):
        with pytest.raises(merkle.InvalidProof):
            merkle.verify_inclusion(*claim)
    for path in ((1, 1, [], bad, bad), (1, 2, [bad], good, good)):
        with pytest.raises(merkle.InvalidProof):
            merkle.verify_consistency(*path)


@pytest.mark.parametrize("bad", [True, "1", None, -1])
def test_a_size_is_an_integer(bad: Any) -> None:
    good = HASHES[0]
    with pytest.raises(merkle.InvalidProof):
        merkle.verify_inclusion(good, bad, 2, [good], good)
    with pytest.raises(merkle.InvalidProof):
        merkle.verify_inclusion(good, 0, bad, [], good)
    with pytest.raises(merkle.InvalidProof):
        merkle.verify_consistency(bad, 2, [good], good, good)


@pytest.mark.parametrize("bad", [None, bytes(32), "", iter([])])
def test_a_proof_is_a_list(bad: Any) -> None:
    with pytest.raises(merkle.InvalidProof):
        merkle.verify_inclusion(HASHES[0], 0, 1, bad, HASHES[0])


def test_no_proof_outside_the_tree() -> None:
    for index in (-1, 3):
        with pytest.raises(ValueError, match="no leaf"):
            merkle.inclusion_proof(HASHES[:3], index)
    for size1 in (0, 4):
        with pytest.raises(ValueError, match="no consistency proof"):
            merkle.consistency_proof(HASHES[:3], size1)
