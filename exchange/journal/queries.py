"""Reading the log: checkpoints, tiles, proofs, and the story of a subject."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, Select, func, literal, or_, select
from sqlalchemy.orm import Session

from exchange.errors import NotFound
from exchange.journal import merkle, tiles
from exchange.journal.models import JournalCheckpoint, JournalEntry, JournalLeaf, JournalSubject, JournalTile

#: How far a case reaches: what its subject links to or is linked from, and what those link to.
REACH: Final = 2

_Columns = tuple[str, int | None, datetime, str, int, str, str | None, list[str], bytes]


@dataclass(frozen=True, slots=True)
class Told:
    """An entry as it stands in the log; ``index`` is ``None`` until the sequencer has placed it."""

    id: str
    index: int | None
    at: datetime
    subject: str
    seq: int
    action: str
    org_id: str | None
    links: Sequence[str]
    body: bytes


def latest_checkpoint(session: Session) -> JournalCheckpoint:
    """The newest committed checkpoint.

    Raises:
        NotFound: The log is empty.
    """
    found = session.scalars(select(JournalCheckpoint).order_by(JournalCheckpoint.size.desc()).limit(1)).first()
    if found is None:
        raise NotFound("The log has no checkpoint yet.")
    return found


def tile(session: Session, level: int, index: int, width: int) -> bytes:
    """The first ``width`` hashes of a tile.

    Raises:
        NotFound: The tile is not there or not that wide yet.
    """
    found = session.scalar(select(JournalTile.hashes).where(JournalTile.level == level, JournalTile.index == index))
    if found is None or len(found) < width * merkle.HASH_BYTES:
        raise NotFound("There is no such tile.")
    return found[: width * merkle.HASH_BYTES]


def bodies(session: Session, index: int, width: int) -> list[bytes]:
    """The first ``width`` entries of the bundle ``index``.

    Raises:
        NotFound: The log does not reach so far yet.
    """
    first = index * tiles.WIDTH
    statement = (
        select(JournalEntry.body)
        .join(JournalLeaf, JournalLeaf.entry_id == JournalEntry.id)
        .where(JournalLeaf.index >= first, JournalLeaf.index < first + width)
        .order_by(JournalLeaf.index)
    )
    found = list(session.scalars(statement))
    if len(found) < width:
        raise NotFound("There is no such tile.")
    return found


def inclusion_proof(session: Session, index: int, size: int) -> list[bytes]:
    """The proof that leaf ``index`` is in the tree of ``size`` leaves (RFC 9162, 2.1.3)."""
    return tiles.inclusion_proof(index, size, lambda *place: tile(session, *place))


def consistency_proof(session: Session, size1: int, size2: int) -> list[bytes]:
    """The proof that the tree of ``size2`` begins with the tree of ``size1`` (RFC 9162, 2.1.4)."""
    return tiles.consistency_proof(size1, size2, lambda *place: tile(session, *place))


def columns() -> Select[*_Columns]:
    """Entries with their index, for callers that add their own conditions."""
    entry = JournalEntry
    return select(
        entry.id,
        JournalLeaf.index,
        entry.at,
        entry.subject,
        entry.seq,
        entry.action,
        entry.org_id,
        entry.links,
        entry.body,
    ).outerjoin(JournalLeaf, JournalLeaf.entry_id == entry.id)


def told(row: Row[*_Columns]) -> Told:
    """A row of ``columns()`` as a value."""
    return Told(*row)


def story(session: Session, subject: str) -> list[Told]:
    """All entries of one subject, in order."""
    rows = session.execute(columns().where(JournalEntry.subject == subject).order_by(JournalEntry.seq))
    return [told(row) for row in rows]


def related(session: Session, subject: str) -> list[str]:
    """The subjects one step around ``subject``: those its entries link to, and those whose entries link to it."""
    inward = select(JournalEntry.subject).where(JournalEntry.links.contains([subject])).distinct()
    return sorted({*linked(session, subject), *session.scalars(inward)} - {subject})


def linked(session: Session, subject: str) -> list[str]:
    """The subjects that entries of ``subject`` link to."""
    outward = select(func.unnest(JournalEntry.links)).where(JournalEntry.subject == subject).distinct()
    return sorted(session.scalars(outward))


def in_log(session: Session, subjects: Sequence[str], size: int) -> Iterator[Told]:
    """The entries of ``subjects`` within the first ``size`` leaves, in the log's order, streamed."""
    statement = (
        columns()
        .where(JournalEntry.subject.in_(subjects), JournalLeaf.index < size)
        .order_by(JournalLeaf.index)
        .execution_options(yield_per=500)
    )
    for row in session.execute(statement):
        yield told(row)


def waiting(session: Session, subjects: Sequence[str]) -> bool:
    """Whether an entry of ``subjects`` has no place in the tree yet."""
    statement = columns().where(JournalEntry.subject.in_(subjects), JournalLeaf.index.is_(None))
    return session.execute(statement.with_only_columns(literal(1)).limit(1)).first() is not None


def around(session: Session, about: str, reach: int = REACH) -> list[str]:
    """The subjects of a case: ``about`` and everything within ``reach`` steps of it, in a stable order."""
    distance, queue = {about: 0}, deque([about])
    while queue:
        subject = queue.popleft()
        if distance[subject] == reach:
            continue
        # Beyond the first step only what is linked *to* counts: an organisation is linked from all of its trades.
        near = related(session, subject) if subject == about else linked(session, subject)
        for other in near:
            if other not in distance:
                distance[other] = distance[subject] + 1
                queue.append(other)
    return sorted(distance)


def entry(session: Session, entry_id: str) -> Told:
    """One entry.

    Raises:
        NotFound: There is none.
    """
    row = session.execute(columns().where(JournalEntry.id == entry_id)).one_or_none()
    if row is None:
        raise NotFound("The journal tells nothing of this.")
    return told(row)


def is_told_of(session: Session, subject: str) -> bool:
    """Whether any entry tells of ``subject``."""
    return session.get(JournalSubject, subject) is not None


@dataclass(frozen=True, slots=True)
class Criteria:
    """What to look for; whatever is ``None`` is left open. ``since`` is included, ``until`` is not."""

    subject: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


#: The order of a search, newest first: the exchange's time, then the entry.
SEARCH_KEYS = (JournalEntry.at, JournalEntry.id)


def search(criteria: Criteria) -> Select[*tuple[Any, ...]]:
    """Entries that fit, each behind its ``SEARCH_KEYS``; ``found`` reads a row."""
    statement = columns().with_only_columns(JournalEntry.at, *columns().selected_columns)
    if criteria.subject is not None:
        about = JournalEntry.subject == criteria.subject
        statement = statement.where(or_(about, JournalEntry.links.contains([criteria.subject])))
    if criteria.action is not None:
        statement = statement.where(JournalEntry.action == criteria.action)
    if criteria.since is not None:
        statement = statement.where(JournalEntry.at >= criteria.since)
    if criteria.until is not None:
        statement = statement.where(JournalEntry.at < criteria.until)
    return statement


def found(row: Row[*tuple[Any, ...]]) -> Told:
    """A row of ``search`` as a value."""
    return Told(*row[1:])
