"""The proof of a single entry: as a tlog-proof for people and C2SP's tools, as a COSE receipt for others."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from exchange.errors import Unavailable
from exchange.journal import checkpoint, cose, merkle, published, queries
from exchange.journal.keys import Signer


@dataclass(frozen=True, slots=True)
class Proven:
    """An entry's bytes, its place, and the proof to a published checkpoint of ``size`` leaves and ``root``."""

    id: str
    leaf: bytes
    index: int
    size: int
    root: bytes
    hashes: tuple[bytes, ...]
    note: str

    @property
    def text(self) -> str:
        """The tlog-proof."""
        return checkpoint.format_proof(self.index, self.hashes, self.note)

    def receipt(self, signer: Signer) -> bytes:
        """The COSE receipt, signed now.

        Raises:
            Unavailable: The log has a single entry, of which RFC 9942 knows no receipt.
        """
        try:
            return cose.receipt(self.leaf, self.index, self.size, self.hashes, self.root, signer=signer)
        except merkle.InvalidProof as error:
            raise Unavailable("There is no receipt of this entry yet.", retry_after_seconds=1) from error


def of_entry(session: Session, entry_id: str) -> Proven:
    """The entry ``entry_id`` with its proof to the checkpoint that says most for it.

    Raises:
        NotFound: There is no such entry.
        Unavailable: It waits for its place in the log; the sequencer needs a moment.
    """
    told = queries.entry(session, entry_id)
    if told.index is None:
        raise Unavailable("The entry is just being placed in the log.", retry_after_seconds=1)
    signed = published.covering(session, told.index + 1)
    hashes = queries.inclusion_proof(session, told.index, signed.size)
    return Proven(told.id, told.body, told.index, signed.size, signed.root, tuple(hashes), signed.note)
