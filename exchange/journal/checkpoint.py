"""Checkpoints and inclusion proofs as text (c2sp.org/tlog-checkpoint, c2sp.org/tlog-proof).

A checkpoint is the text of a signed note: the log's origin, the tree's size, the root in base64. A tlog-proof is an
index, an inclusion proof and the signed checkpoint it leads to, in one file that can be checked offline.
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass

from exchange.journal import merkle
from exchange.journal.note import InvalidNote, Note, decode_base64

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_MANDATORY_LINES = 3
_PROOF_HEADER = "c2sp.org/tlog-proof@v1"
_PROOF_LIMIT = 64


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says of itself: ``size`` leaves under ``root``. Extension lines are kept, and mean nothing here."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TlogProof:
    """A parsed tlog-proof; ``checkpoint`` is the signed note as it stands in the file, unverified."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str


def format(origin: str, size: int, root: bytes) -> str:  # noqa: A001  (read as ``checkpoint.format``)
    """The text to sign for a tree.

    Raises:
        InvalidNote: ``origin`` is empty or not one line, ``size`` is negative or has more than 19 digits, or ``root``
            is not 32 bytes.
    """
    text = f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"
    if parse(text) != Checkpoint(origin, size, root):
        raise InvalidNote("the origin is not one line")
    return text


def parse(note: Note | str) -> Checkpoint:
    """The checkpoint in a note, or in the text of one.

    Raises:
        InvalidNote: Fewer than three lines, an empty line, a size that is not plain decimal, or a root that is not
            base64 of 32 bytes.
    """
    text = note.text if isinstance(note, Note) else note
    lines = text.split("\n")
    if lines.pop() or len(lines) < _MANDATORY_LINES or not all(lines):
        raise InvalidNote("a checkpoint has three lines or more, none of them empty")
    origin, size, encoded, *extensions = lines
    return Checkpoint(origin, _parse_decimal(size), _parse_hash(encoded), tuple(extensions))


def format_proof(index: int, hashes: Sequence[bytes], checkpoint: str) -> str:
    """The tlog-proof of leaf ``index``: ``hashes`` prove it to the signed note ``checkpoint``."""
    lines = [_PROOF_HEADER, f"index {index}", *(base64.b64encode(value).decode() for value in hashes)]
    return "\n".join(lines) + "\n\n" + checkpoint


def parse_proof(text: str) -> TlogProof:
    """The parts of a tlog-proof; neither the proof nor the checkpoint is verified.

    A line of extra data is refused: nothing authenticates it, and the journal has no use for it.

    Raises:
        InvalidNote: The text is not a tlog-proof without extra data.
    """
    head, separator, checkpoint = text.partition("\n\n")
    header, _, rest = head.partition("\n")
    if header != _PROOF_HEADER or not separator:
        raise InvalidNote("not a tlog-proof")
    index, *hashes = rest.split("\n")
    if not index.startswith("index "):
        raise InvalidNote("a tlog-proof names its index in the second line")
    if len(hashes) > _PROOF_LIMIT:
        raise InvalidNote("a tlog-proof is longer than any tree is high")
    return TlogProof(
        _parse_decimal(index.removeprefix("index ")),
        tuple(_parse_hash(value) for value in hashes),
        checkpoint,
    )


def _parse_hash(encoded: str) -> bytes:
    value = decode_base64(encoded)
    if len(value) != merkle.HASH_BYTES:
        raise InvalidNote(f"a hash is {merkle.HASH_BYTES} bytes")
    return value


def _parse_decimal(text: str) -> int:
    if not _DECIMAL.fullmatch(text):
        raise InvalidNote("a size or index is plain decimal without leading zeros")
    return int(text)
