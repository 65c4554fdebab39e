"""Checkpoints and inclusion proofs as text (c2sp.org/tlog-checkpoint, c2sp.org/tlog-proof).

A checkpoint is the text of a signed note: the log's origin, the tree's size, the root in base64. A tlog-proof is an
index, an inclusion proof and the signed checkpoint it leads to, in one file that can be checked offline.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from exchange.journal.encoding import InvalidNote, decode_decimal, decode_hash, encode_base64

_MANDATORY_LINES = 3
_PROOF_HEADER = "c2sp.org/tlog-proof@v1"
_PROOF_LIMIT = 64


class HasText(Protocol):
    """An opened note, or whatever else carries the text of a checkpoint."""

    @property
    def text(self) -> str:
        """The text, with its final newline."""


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
    text = f"{origin}\n{size}\n{encode_base64(root)}\n"
    if parse(text) != Checkpoint(origin, size, root):
        raise InvalidNote("the origin is not one line")
    return text


def parse(note: HasText | str) -> Checkpoint:
    """The checkpoint in a note, or in the text of one.

    Raises:
        InvalidNote: Fewer than three lines, an empty line, a size that is not plain decimal, or a root that is not
            base64 of 32 bytes.
    """
    text = note if isinstance(note, str) else note.text
    lines = text.split("\n")
    if lines.pop() or len(lines) < _MANDATORY_LINES or not all(lines):
        raise InvalidNote("a checkpoint has three lines or more, none of them empty")
    origin, size, encoded, *extensions = lines
    return Checkpoint(origin, decode_decimal(size), decode_hash(encoded), tuple(extensions))


def format_proof(index: int, hashes: Sequence[bytes], checkpoint: str) -> str:
    """The tlog-proof of leaf ``index``: ``hashes`` prove it to the signed note ``checkpoint``."""
    lines = [_PROOF_HEADER, f"index {index}", *(encode_base64(value) for value in hashes)]
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
        decode_decimal(index.removeprefix("index ")),
        tuple(decode_hash(value) for value in hashes),
        checkpoint,
    )
