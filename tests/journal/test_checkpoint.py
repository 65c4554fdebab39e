import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from exchange.journal import checkpoint, merkle, note
from exchange.journal.checkpoint import Checkpoint, TlogProof

SIGNER = note.Signer("example.com/log", Ed25519PrivateKey.from_private_bytes(bytes(32)))
ROOT = bytes(range(32))
ENCODED = base64.b64encode(ROOT).decode()


def test_the_specification_example() -> None:
    """c2sp.org/tlog-checkpoint."""
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    parsed = checkpoint.parse(text)
    assert (parsed.origin, parsed.size, parsed.extensions) == ("example.com/behind-the-sofa", 20852163, ())
    assert checkpoint.format(parsed.origin, parsed.size, parsed.root) == text


def test_a_signed_checkpoint_is_parsed_from_its_note() -> None:
    signed = note.sign(checkpoint.format("example.com/log", 7, ROOT), SIGNER)
    assert checkpoint.parse(note.open(signed, [SIGNER.vkey])) == Checkpoint("example.com/log", 7, ROOT)
    with pytest.raises(note.InvalidNote):
        checkpoint.parse(signed)  # signatures are no part of the text


def test_the_empty_tree() -> None:
    assert checkpoint.parse(checkpoint.format("log", 0, merkle.EMPTY_ROOT)).size == 0


def test_extension_lines_are_kept() -> None:
    assert checkpoint.parse(f"log\n1\n{ENCODED}\none\ntwo\n").extensions == ("one", "two")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        f"log\n1\n{ENCODED}",
        f"log\n{ENCODED}\n",
        f"\n1\n{ENCODED}\n",
        f"log\n\n{ENCODED}\n",
        f"log\n1\n{ENCODED}\n\n",
        f"log\n1\n{ENCODED}\n\nx\n",
        f"log\n01\n{ENCODED}\n",
        f"log\n+1\n{ENCODED}\n",
        f"log\n-1\n{ENCODED}\n",
        f"log\n1 \n{ENCODED}\n",
        f"log\n0x1\n{ENCODED}\n",
        f"log\n１\n{ENCODED}\n",
        f"log\n{'9' * 20}\n{ENCODED}\n",
        f"log\n1\n{ENCODED[:-1]}\n",
        f"log\n1\n{ENCODED} \n",
        f"log\n1\n{base64.b64encode(ROOT[:31]).decode()}\n",
        f"log\n1\n{base64.b64encode(ROOT + b'x').decode()}\n",
        f"log\n1\n{ROOT.hex()}\n",
    ],
)
def test_malformed_checkpoints_are_refused(text: str) -> None:
    with pytest.raises(note.InvalidNote):
        checkpoint.parse(text)


@pytest.mark.parametrize(
    "tree", [("", 1, ROOT), ("a\nb", 1, ROOT), ("log", -1, ROOT), ("log", 10**19, ROOT), ("log", 1, ROOT[1:])]
)
def test_what_is_no_checkpoint_is_not_written(tree: tuple[str, int, bytes]) -> None:
    with pytest.raises(note.InvalidNote):
        checkpoint.format(*tree)


@given(st.integers(0, 10**19 - 1), st.lists(st.binary(min_size=32, max_size=32), max_size=64))
def test_proofs_read_as_written(index: int, hashes: list[bytes]) -> None:
    signed = note.sign(checkpoint.format("log", 8, ROOT), SIGNER)
    text = checkpoint.format_proof(index, hashes, signed)
    assert text.startswith(f"c2sp.org/tlog-proof@v1\nindex {index}\n")
    assert checkpoint.parse_proof(text) == TlogProof(index, tuple(hashes), signed)


@pytest.mark.parametrize(
    "text",
    [
        "wrong-header\nindex 0\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\n",
        "c2sp.org/tlog-proof@v1\nindex 0\n",
        "c2sp.org/tlog-proof@v1\n\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nextra !!notbase64!!\nindex 0\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nextra AAAA\nindex 0\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex notanumber\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex -5\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 05\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 0\n!!notbase64!!\n\ncheckpoint\n",
        f"c2sp.org/tlog-proof@v1\nindex 0\n{base64.b64encode(bytes(64)).decode()}\n\ncheckpoint\n",
        f"c2sp.org/tlog-proof@v1\nindex 0\n{ENCODED}\r\n\r\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 0\n" + f"{ENCODED}\n" * 65 + "\ncheckpoint\n",
    ],
)
def test_malformed_proofs_are_refused(text: str) -> None:
    """Error cases of transparency-dev/merkle proof/tlog_proof_test.go, and more."""
    with pytest.raises(note.InvalidNote):
        checkpoint.parse_proof(text)
