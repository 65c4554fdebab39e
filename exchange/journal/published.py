"""What the log shows of itself: checkpoints with the cosignatures they have, and how its witnesses stand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exchange.errors import NotFound
from exchange.journal.models import (
    JournalCheckpoint,
    JournalCosignature,
    JournalDisagreement,
    JournalEntry,
    JournalLeaf,
    JournalQuorum,
    JournalWitness,
)


@dataclass(frozen=True, slots=True)
class Published:
    """A committed checkpoint; in ``note`` the lines of ``cosigners`` (names of their keys) follow the log's own."""

    size: int
    root: bytes
    note: str
    signed_at: datetime
    cosigners: tuple[str, ...]


def newest(session: Session) -> Published:
    """The newest checkpoint. In a busy log it may have no cosignature yet: witnesses are asked every few seconds.

    Raises:
        NotFound: The log is empty.
    """
    return _of_size(session, session.scalar(select(func.max(JournalCheckpoint.size))))


def witnessed(session: Session) -> Published:
    """The newest checkpoint that met the witness policy's quorum: the one to show to whoever asks for cosignatures.

    Raises:
        NotFound: None ever did.
    """
    return _of_size(session, session.scalar(select(func.max(JournalQuorum.size))))


def covering(session: Session, size: int) -> Published:
    """The checkpoint to prove the first ``size`` leaves to.

    The newest that met the quorum, if it reaches so far; else the newest with a cosignature; else the newest.

    Raises:
        NotFound: No checkpoint reaches so far.
    """
    for column in (JournalQuorum.size, JournalCosignature.size, JournalCheckpoint.size):
        found = session.scalar(select(func.max(column)).where(column >= size))
        if found is not None:
            return _of_size(session, found)
    raise NotFound("The log has no checkpoint yet.")


def covering_stories(session: Session, subjects: Sequence[str]) -> Published:
    """As ``covering``, for all entries of ``subjects`` that have their place in the log."""
    statement = select(func.max(JournalLeaf.index)).join(JournalEntry, JournalEntry.id == JournalLeaf.entry_id)
    last = session.scalar(statement.where(JournalEntry.subject.in_(subjects)))
    return covering(session, 0 if last is None else last + 1)


def standings(session: Session) -> Sequence[JournalWitness]:
    """How each witness of the policy stands, by name."""
    return session.scalars(select(JournalWitness).order_by(JournalWitness.name)).all()


def disagreements(session: Session) -> Sequence[JournalDisagreement]:
    """The newest disagreements with witnesses; there should be none."""
    return session.scalars(select(JournalDisagreement).order_by(JournalDisagreement.id.desc()).limit(100)).all()


def _of_size(session: Session, size: int | None) -> Published:
    """The lines were verified over this very text when they came, so they are put behind it as they are."""
    found = None if size is None else session.get(JournalCheckpoint, size)
    if found is None:
        raise NotFound("The log has no checkpoint yet.")
    rows = session.execute(
        select(JournalCosignature.name, JournalCosignature.line)
        .where(JournalCosignature.size == found.size)
        .order_by(JournalCosignature.received_at, JournalCosignature.name, JournalCosignature.key_id)
    ).all()
    text = found.note + "".join(row.line for row in rows)
    return Published(found.size, found.root, text, found.signed_at, tuple(row.name for row in rows))
