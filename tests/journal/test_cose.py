"""COSE receipts, read by somebody else's COSE and CBOR, and checked by RFC 9162's own words."""

import hashlib
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cwt import COSE, COSEKey
from hypothesis import given
from hypothesis import strategies as st

from exchange.journal import cose, keys, merkle

LEAVES = [f"entry {number}".encode() for number in range(11)]
HASHES = [merkle.leaf_hash(leaf) for leaf in LEAVES]
SIZE = len(LEAVES)


@pytest.fixture(scope="module")
def private_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture(scope="module")
def signer(private_key: Ed25519PrivateKey) -> keys.Signer:
    return keys.Signer("log.example/1", private_key)


def made(signer: keys.Signer, index: int) -> bytes:
    proof = merkle.inclusion_proof(HASHES, index)
    return cose.receipt(LEAVES[index], index, SIZE, proof, merkle.root(HASHES), signer=signer)


def root_by_rfc_9162(leaf: bytes, size: int, index: int, path: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.3.2, as it is written there."""
    assert index < size
    fn, sn, r = index, size - 1, hashlib.sha256(b"\0" + leaf).digest()
    for p in path:
        assert sn != 0
        if fn & 1 or fn == sn:
            r = hashlib.sha256(b"\1" + p + r).digest()
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = hashlib.sha256(b"\1" + r + p).digest()
        fn, sn = fn >> 1, sn >> 1
    assert sn == 0
    return r


def verified(receipt: bytes, leaf: bytes, public_key: bytes) -> dict[Any, Any]:
    """What a stranger does with a receipt: the root from entry and proof, then the signature over that root."""
    tagged = cbor2.loads(receipt)
    assert tagged.tag == 18
    protected, unprotected, payload, _ = tagged.value
    assert payload is None
    (encoded,) = unprotected[396][-1]
    size, index, path = cbor2.loads(encoded)
    root = root_by_rfc_9162(leaf, size, index, path)
    header = cbor2.loads(protected)
    key = COSEKey.new({1: 1, -1: 6, -2: public_key, 3: -8, 2: header[4]})
    assert COSE.new().decode(receipt, key, detached_payload=root) == root
    return dict(header)


@pytest.mark.parametrize("index", range(SIZE))
def test_another_library_accepts_the_receipt(signer: keys.Signer, private_key: Ed25519PrivateKey, index: int) -> None:
    public_key = private_key.public_key().public_bytes_raw()
    header = verified(made(signer, index), LEAVES[index], public_key)
    assert header == {1: -8, 4: signer.key.key_id, 395: 1}


def test_it_refuses_another_entry_another_key_and_a_changed_byte(
    signer: keys.Signer, private_key: Ed25519PrivateKey
) -> None:
    public_key, receipt = private_key.public_key().public_bytes_raw(), made(signer, 3)
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    for data, leaf, key in (
        (receipt, LEAVES[4], public_key),
        (receipt, LEAVES[3], other),
        (receipt[:-1] + bytes([receipt[-1] ^ 1]), LEAVES[3], public_key),
    ):
        with pytest.raises(Exception, match=r"(?i)verif|invalid"):
            verified(data, leaf, key)


def test_no_receipt_is_made_that_does_not_hold(signer: keys.Signer) -> None:
    proof, root = merkle.inclusion_proof(HASHES, 3), merkle.root(HASHES)
    for leaf, index, size in ((LEAVES[4], 3, SIZE), (LEAVES[3], 4, SIZE), (LEAVES[3], 3, SIZE + 8)):
        with pytest.raises(merkle.InvalidProof):
            cose.receipt(leaf, index, size, proof, root, signer=signer)
    with pytest.raises(merkle.InvalidProof, match="one leaf"):
        cose.receipt(LEAVES[0], 0, 1, [], HASHES[0], signer=signer)


class Noting(keys.Signer):
    """Keeps what it signed."""

    signed = b""

    def sign_bytes(self, message: bytes) -> bytes:
        self.signed = message
        return super().sign_bytes(message)


def test_what_is_signed_cannot_be_read_as_a_note(private_key: Ed25519PrivateKey) -> None:
    noting = Noting("log.example/1", private_key)
    made(noting, 3)
    with pytest.raises(UnicodeDecodeError):
        noting.signed.decode()


_PLAIN = st.none() | st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=300) | st.text(max_size=300)
_NESTED = st.recursive(
    _PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.integers(-500, 500), inner), max_leaves=30
)


@given(_PLAIN | st.lists(_PLAIN, max_size=300))
def test_the_encoding_is_the_shortest(value: Any) -> None:
    assert cose.encode(value) == cbor2.dumps(value, canonical=True)


@given(st.dictionaries(st.integers(-(2**64), 2**64 - 1), _NESTED, max_size=30))
def test_what_is_encoded_is_read_back(value: dict[int, Any]) -> None:
    assert cbor2.loads(cose.encode(value)) == value


def test_keys_of_maps_are_in_the_order_of_their_bytes() -> None:
    assert cose.encode({396: 1, -1: 2, 4: 3, 1: 4}).hex() == "a401040403" + "19018c01" + "2002"


@pytest.mark.parametrize("value", [1.5, True, {1}, 2**64, -(2**64) - 1])
def test_nothing_else_is_encoded(value: object) -> None:
    with pytest.raises((TypeError, OverflowError)):
        cose.encode(value)
