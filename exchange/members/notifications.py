"""Notifications: what happened to a member's affairs, on its desk and by mail.

They are read off the journal: the worker follows the log by index and tells the parties of each entry's subject, all
but the one that acted. Which actions are worth telling is said by the rooms (``TOLD`` in their words). Nothing is told
of a regulator's look: no room names one.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import BigInteger, Connection, ForeignKey, Identity, Index, UniqueConstraint, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute, Mapped, Session, mapped_column

from exchange import clock, mail, vault
from exchange.actors import Actor
from exchange.db import engine, read
from exchange.errors import NotFound
from exchange.journal.models import JournalEntry, JournalLeaf
from exchange.members.models import Membership, Organisation, Person
from exchange.models import Outbox
from exchange.orm import Base, Bookkeeping
from exchange.web import languages
from exchange.web.paging import DEFAULT_LIMIT, Page, page

BATCH = 200
MAIL = "notification.mail"
#: Who gets mail about their organisation's affairs.
READERS = frozenset({"owner", "trader", "approver"})
#: Kinds of organisation that have a desk with notifications.
_PARTIES = frozenset({"company", "department", "individual"})


class Notification(Base, Bookkeeping):
    """An entry of the journal that a party should know of; ``read_at`` is real time."""

    __tablename__ = "notification"
    __bookkeeping__ = "a projection of the journal for its readers"
    __table_args__ = (
        UniqueConstraint("org_id", "entry_id"),
        Index(None, "org_id", "id"),
        Index(None, "org_id", postgresql_where="read_at IS NULL"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    org_id: Mapped[str] = mapped_column(ForeignKey(Organisation.id))
    entry_id: Mapped[str] = mapped_column(ForeignKey(JournalEntry.id))
    subject: Mapped[str]
    action: Mapped[str]
    at: Mapped[datetime]
    read_at: Mapped[datetime | None]


class SubjectParty(Base, Bookkeeping):
    """An organisation that a subject's entries name, or those of a subject it links to that hands its parties on."""

    __tablename__ = "subject_party"
    __bookkeeping__ = "a projection of the journal"

    subject: Mapped[str] = mapped_column(primary_key=True)
    org_id: Mapped[str] = mapped_column(ForeignKey(Organisation.id), primary_key=True)


class NotificationCursor(Base, Bookkeeping):
    """How far the log was followed: the next index."""

    __tablename__ = "notification_cursor"
    __bookkeeping__ = "a projection's place in the log"

    name: Mapped[str] = mapped_column(primary_key=True)
    next_index: Mapped[int] = mapped_column(BigInteger)


# -- following the log ------------------------------------------------------------------------------------------------


def follow(told: frozenset[str], hands_on: tuple[str, ...] = ()) -> Callable[[], bool]:
    """A round of the worker: tell of the next entries in the log whose action is in ``told``.

    ``hands_on`` are the prefixes of subjects whose parties are those of whatever links to them, too.
    """

    def step() -> bool:
        with engine().begin() as connection:
            start = _take_cursor(connection)
            if start is None:
                return False
            entries = _entries(connection, start)
            for entry in entries:
                parties = _parties(connection, entry, hands_on)
                if entry.action in told:
                    _tell(connection, entry, [party for party in parties if party != entry.org_id])
            if entries:
                moved = update(NotificationCursor).values(next_index=entries[-1].index + 1)
                connection.execute(moved)
        return bool(entries)

    return step


def _take_cursor(connection: Connection) -> int | None:
    """The next index, locked for this round; ``None`` while another worker follows."""
    first = insert(NotificationCursor).values(name="notifications", next_index=0)
    connection.execute(first.on_conflict_do_nothing())
    statement = select(NotificationCursor.next_index).with_for_update(skip_locked=True)
    return connection.execute(statement).scalar()


def _entries(connection: Connection, start: int) -> Sequence[Any]:
    statement = (
        select(
            JournalLeaf.index,
            JournalEntry.id,
            JournalEntry.subject,
            JournalEntry.action,
            JournalEntry.org_id,
            JournalEntry.links,
            JournalEntry.at,
        )
        .join(JournalEntry, JournalEntry.id == JournalLeaf.entry_id)
        .where(JournalLeaf.index >= start)
        .order_by(JournalLeaf.index)
        .limit(BATCH)
    )
    return connection.execute(statement).all()


def _parties(connection: Connection, entry: Any, hands_on: tuple[str, ...]) -> list[str]:
    """The parties of an entry's subject, this entry's own included."""
    named = {link for link in (entry.org_id, *entry.links) if link and link.startswith("org_")}
    above = [link for link in entry.links if link.startswith(hands_on)]
    inherited = select(SubjectParty.org_id).where(SubjectParty.subject.in_(above))
    found = [*named, *(connection.scalars(inherited) if above else ())]
    known = connection.scalars(
        select(Organisation.id).where(Organisation.id.in_(found), Organisation.kind.in_(_PARTIES))
    ).all()
    if known:
        rows = [{"subject": entry.subject, "org_id": party} for party in sorted(known)]
        connection.execute(insert(SubjectParty).values(rows).on_conflict_do_nothing())
    return list(connection.scalars(select(SubjectParty.org_id).where(SubjectParty.subject == entry.subject)))


def _tell(connection: Connection, entry: Any, parties: Iterable[str]) -> None:
    now = clock.real_now()
    for party in parties:
        told = insert(Notification).values(
            org_id=party, entry_id=entry.id, subject=entry.subject, action=entry.action, at=entry.at
        )
        if connection.execute(told.on_conflict_do_nothing()).rowcount == 0:
            continue
        readers = select(Membership.person_id).where(
            Membership.org_id == party, Membership.role.in_(READERS), Membership.ended_at.is_(None)
        )
        letters = [
            {
                "kind": MAIL,
                "payload": {"person": person, "subject": entry.subject, "action": entry.action},
                "created_at": now,
                "retry_at": now,
                "attempts": 0,
            }
            for person in connection.scalars(readers.distinct())
        ]
        if letters:
            connection.execute(insert(Outbox).values(letters))


# -- by mail ----------------------------------------------------------------------------------------------------------


def carrier(words: Mapping[str, str], base_url: str) -> Callable[[dict[str, Any]], None]:
    """Carries a notification to a person's mailbox, in both languages; ``words`` are the actions' messages."""

    def carry(payload: dict[str, Any]) -> None:
        message = words.get(payload["action"], payload["action"])
        chinese = languages.translations("zh").ugettext(message)
        with read() as session:
            person = session.get(Person, payload["person"])
            if person is None:
                raise NotFound("There is no such person.")
            address = vault.open_text(session, person.id, "person", "email", person.sealed_email)
        lines = (chinese, message, "", payload["subject"], f"{base_url}/desk/notifications")
        mail.send(mail.Letter(address, f"数衡 Databourse: {chinese}", "\n".join(lines)))

    return carry


# -- on the desk ------------------------------------------------------------------------------------------------------


def notifications(actor: Actor, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[dict[str, Any]]:
    """What the actor's organisation was told, newest first."""
    note = Notification
    statement = select(note.id, note.at, note.subject, note.action, note.read_at).where(note.org_id == actor.org_id)
    keys = [cast("InstrumentedAttribute[Any]", note.id)]
    with read() as session:
        return page(session, statement, keys, cursor=cursor, limit=limit, shape=lambda row: dict(row._mapping))  # noqa: SLF001


def unread(session: Session, org_id: str) -> int:
    """How many notifications an organisation has not read yet, counted up to 99."""
    some = select(Notification.id).where(Notification.org_id == org_id, Notification.read_at.is_(None)).limit(99)
    return len(session.scalars(some).all())


def mark_read(actor: Actor) -> None:
    """Mark what the actor's organisation was told as read."""
    statement = text("UPDATE notification SET read_at = :now WHERE org_id = :org AND read_at IS NULL")
    with engine().begin() as connection:
        connection.execute(statement, {"now": clock.real_now(), "org": actor.org_id})
