"""COSE receipts (RFC 9942): an inclusion proof in CBOR under a signature of the root it leads to.

A receipt is a COSE_Sign1 (RFC 9052) whose payload, the root, is detached: whoever verifies it computes the root from
the entry's bytes and the proof, and then checks the signature. Only what that takes is encoded here, in the shortest
form of each head and with map keys in order (RFC 8949 section 4.2.1).

The log's Ed25519 key signs notes and receipts. The two cannot be taken for each other: what a receipt signs begins with
a byte that no UTF-8 text begins with.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from exchange.journal import merkle
from exchange.journal.keys import Signer

MEDIA_TYPE: Final = "application/cose"

#: Labels of header parameters (IANA, COSE Header Parameters), and of the proofs of RFC 9162's tree.
_ALG, _KID, _VDS, _VDP = 1, 4, 395, 396
_EDDSA: Final = -8
_RFC9162_SHA256: Final = 1
_INCLUSION: Final = -1
_COSE_SIGN1_TAG: Final = 18

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG = range(7)
_NULL: Final = b"\xf6"


def receipt(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes, *, signer: Signer) -> bytes:
    """The receipt that the entry ``leaf`` stands at ``index`` in the tree of ``size`` leaves and ``root``.

    Raises:
        InvalidProof: The proof does not lead to the root, or is empty (RFC 9942 has no receipts of a lone leaf).
    """
    merkle.verify_inclusion(merkle.leaf_hash(leaf), index, size, proof, root)
    if not proof:
        raise merkle.InvalidProof("a tree of one leaf has no receipts")
    protected = encode({_ALG: _EDDSA, _KID: signer.key.key_id, _VDS: _RFC9162_SHA256})
    signature = signer.sign_bytes(encode(["Signature1", protected, b"", root]))
    unprotected = {_VDP: {_INCLUSION: [encode([size, index, list(proof)])]}}
    return _head(_TAG, _COSE_SIGN1_TAG) + encode([protected, unprotected, None, signature])


def encode(value: Any) -> bytes:
    """The deterministic CBOR of integers, bytes, text, None, lists and maps of them.

    Raises:
        TypeError: Any other type.
        OverflowError: An integer of more than 64 bits.
    """
    if value is None:
        return _NULL
    if isinstance(value, int) and not isinstance(value, bool):
        return _head(_UNSIGNED, value) if value >= 0 else _head(_NEGATIVE, -1 - value)
    if isinstance(value, bytes):
        return _head(_BYTES, len(value)) + value
    if isinstance(value, str):
        return _head(_TEXT, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return _head(_ARRAY, len(value)) + b"".join(map(encode, value))
    if isinstance(value, Mapping):
        members = sorted((encode(key), encode(inner)) for key, inner in value.items())
        return _head(_MAP, len(members)) + b"".join(key + inner for key, inner in members)
    raise TypeError(f"{type(value).__name__} is not encoded")


def _head(major: int, number: int) -> bytes:
    """The head of an item: its major type and its number, in as few bytes as hold it (RFC 8949 section 3)."""
    if number < 24:  # noqa: PLR2004  (smaller ones stand in the first byte itself)
        return bytes([major << 5 | number])
    for extra, length in enumerate((1, 2, 4, 8)):
        if number < 1 << (8 * length):
            return bytes([major << 5 | 24 + extra]) + number.to_bytes(length)
    raise OverflowError("an integer of more than 64 bits")
