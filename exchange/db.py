"""One verb, one transaction, its journal entries.

``transaction()`` is the only door through which business rows are written; ``@verb`` turns a function that takes the
open transaction into a verb that opens it, understands idempotency keys and keeps refusals. ``read()`` is the door for
everything that only looks.
"""

import functools
import json
import select as system
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import psycopg.errors
from sqlalchemy import Engine, Select, create_engine, event, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import InvalidatePoolError, OperationalError
from sqlalchemy.orm import Session, UOWTransaction
from sqlalchemy.orm.exc import StaleDataError

from exchange import clock, vault
from exchange.actors import Actor
from exchange.errors import InvariantBroken, KeyReused, NotFound, Refused, StaleVersion
from exchange.journal import record
from exchange.journal.record import Author, Event
from exchange.models import ClockOffset, Due, Outbox, RequestKey
from exchange.orm import Base, Journalled, Stateful

P = ParamSpec("P")
R = TypeVar("R")
Row = TypeVar("Row", bound=Base)

#: A transaction that lost a deadlock changed nothing and is tried again this often.
DEADLOCK_TRIES = 4
CLOCK_SUBJECT = "clk_demonstration"

_engine: Engine | None = None

# The mark that the guards look for, the clock's offset and the actor's wrapped data key, in one round trip.
_BEGIN = """
    SELECT set_config('databourse.tx', %s, true), (SELECT max(seconds) FROM clock_offset),
        (SELECT wrapped FROM subject_key WHERE subject = %s)
"""
_OFFSET = text("SELECT max(seconds) FROM clock_offset")


def bind(url: str, *, pool_size: int = 10) -> Engine:
    """Use the database at ``url`` in this process from now on."""
    global _engine  # noqa: PLW0603  (a process has one database)
    if _engine is not None:
        _engine.dispose()
    _engine = create_engine(url, pool_size=pool_size, max_overflow=pool_size, pool_timeout=20, hide_parameters=True)
    event.listen(_engine, "checkout", _refuse_hung_up)
    return _engine


def _refuse_hung_up(connection: Any, _record: Any, _proxy: Any) -> None:
    """Pass over pooled connections whose server went away, and all that are as old.

    An idle server says nothing but goodbye, so something to be read tells as much as a question would, without its
    round trip.
    """
    poll = system.poll()
    poll.register(connection.fileno(), system.POLLIN)
    if poll.poll(0):
        raise InvalidatePoolError("the server of a pooled connection went away")


def engine() -> Engine:
    """The bound database.

    Raises:
        InvariantBroken: ``bind`` was not called.
    """
    if _engine is None:
        raise InvariantBroken("no database is bound")
    return _engine


class Transaction:
    """An open business transaction: what verbs, and the functions they call, write through."""

    def __init__(self, session: Session, actor: Actor, now: datetime, wrapped: bytes | None) -> None:
        self.session = session
        self.actor = actor
        self.now = now
        self._wrapped = wrapped
        self._events: list[Event] = []
        self._written = False
        self._expects = actor.expects

    # -- reading and locking ------------------------------------------------------------------------------------

    def get(self, kind: type[Row], key: Any) -> Row:
        """The row of ``kind`` with primary key ``key``.

        Raises:
            NotFound: There is none.
        """
        row = self.session.get(kind, key)
        if row is None:
            raise NotFound("There is no such %(kind)s.", kind=kind.__tablename__)
        return row

    def lock(self, kind: type[Row], key: Any) -> Row:
        """As ``get``, locked until the transaction ends and read afresh."""
        row = self.session.get(kind, key, with_for_update=True, populate_existing=True)
        if row is None:
            raise NotFound("There is no such %(kind)s.", kind=kind.__tablename__)
        self._meet_expectation(row)
        return row

    def _meet_expectation(self, row: Base) -> None:
        """Hold the caller to the version it read, the first time its subject is locked."""
        if self._expects is None or not isinstance(row, Stateful):
            return
        subject: Stateful = row
        if subject.id == self._expects[0]:
            if subject.row_version != self._expects[1]:
                raise _stale()
            self._expects = None  # what this verb changes itself from here on is its own affair

    def first(self, statement: Select[R]) -> R | None:
        """The first result of ``statement``, or ``None``."""
        return self.session.scalars(statement.limit(1)).first()

    def all(self, statement: Select[R]) -> Sequence[R]:
        """All results of a ``statement`` that is bounded by its nature."""
        return self.session.scalars(statement).all()

    # -- writing ------------------------------------------------------------------------------------------------

    def add(self, row: Row) -> Row:
        """Add a row that belongs to the story of a subject recorded in this transaction."""
        self.session.add(row)
        return row

    def create(
        self,
        subject: Stateful,
        action: str,
        *,
        by: str,
        facts: Mapping[str, Any] | None = None,
        links: Sequence[str] = (),
        digests: Mapping[str, bytes] | None = None,
    ) -> None:
        """Begin the life of ``subject`` in its life cycle's initial state, recording ``action``."""
        subject.state = subject.__lifecycle__.initial
        subject.created_at = subject.changed_at = self.now
        self.session.add(subject)
        self.record(subject.id, action, by=by, facts=facts, links=links, digests=digests)

    def advance(
        self,
        subject: Stateful,
        action: str,
        *,
        by: str,
        facts: Mapping[str, Any] | None = None,
        links: Sequence[str] = (),
        digests: Mapping[str, bytes] | None = None,
    ) -> None:
        """Take the edge ``action`` of the subject's life cycle, acting as ``by``, and record its entry.

        Raises:
            WrongState: The life cycle has no such edge from here.
            InvariantBroken: The edge is not for ``by``: the verb should have asked for the role first.
        """
        edge = subject.__lifecycle__.edge(subject.state, action)
        if by not in edge.by:
            raise InvariantBroken("«%(action)s» is not an edge for %(by)s", action=action, by=by)
        subject.state = edge.to
        subject.changed_at = self.now
        self.record(subject.id, edge.entry, by=by, facts=facts, links=links, digests=digests)

    def record(
        self,
        subject_id: str,
        action: str,
        *,
        by: str,
        facts: Mapping[str, Any] | None = None,
        links: Sequence[str] = (),
        digests: Mapping[str, bytes] | None = None,
    ) -> None:
        """Record an entry in the story of ``subject_id``; it is written when the transaction ends."""
        self._events.append(Event(subject_id, action, self.actor.org_id, by, links, facts or {}, digests or {}))

    def due(self, kind: str, subject_id: str, at: datetime) -> None:
        """Let the worker call the handler of ``kind`` for ``subject_id`` once the exchange's time reaches ``at``."""
        row = {"kind": kind, "subject": subject_id, "at": at, "attempts": 0, "retry_at": None, "problem": None}
        statement = insert(Due).values(row)
        self.session.execute(statement.on_conflict_do_update(index_elements=["kind", "subject"], set_=row))

    def undue(self, kind: str, subject_id: str) -> None:
        """Forget what was due."""
        self.session.execute(
            text("DELETE FROM due WHERE kind = :kind AND subject = :subject"), {"kind": kind, "subject": subject_id}
        )

    def send(self, kind: str, **payload: Any) -> None:
        """Put something in the outbox: carried out after the commit, at least once."""
        moment = clock.real_now()
        self.session.add(Outbox(kind=kind, payload=payload, created_at=moment, retry_at=moment))

    # -- the end ------------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        if self._expects is not None:
            raise _stale()  # the verb never came across the subject that the caller read
        self.session.flush()
        if self._events:
            record.write(self.session.connection(), self._events, self.now, self._author())
        elif self._written:
            raise InvariantBroken("business rows were written and nothing was recorded")

    def _author(self) -> Author | None:
        person_id = self.actor.person_id
        if person_id is None:
            return None
        if self._wrapped is None:  # the person's first deed; this transaction may have made the key meanwhile
            return Author(person_id, vault.subject_key(self.session, person_id))
        return Author(person_id, vault.open_key(self._wrapped, person_id))


@event.listens_for(Session, "before_flush")
def _only_inside(session: Session, _context: UOWTransaction, _instances: Any) -> None:
    """Business rows are written inside ``transaction()`` only (the statement trigger holds raw SQL to the same)."""
    changed = [row for row in (*session.new, *session.dirty, *session.deleted) if isinstance(row, Journalled)]
    if not changed:
        return
    tx = session.info.get("transaction")
    if tx is None:
        raise InvariantBroken("a business row is written outside a transaction of the exchange")
    tx._written = True  # noqa: SLF001  (the listener is the transaction's other half)


@contextmanager
def transaction(actor: Actor, verb_name: str = "transaction") -> Iterator[Transaction]:
    """Open the one transaction of a verb; commit at the end, roll back on any error.

    Raises:
        InvariantBroken: Business rows were written and nothing was recorded.
        StaleVersion: A row changed under the transaction's feet.
    """
    with Session(engine(), expire_on_commit=False) as session, session.begin():
        _, seconds, wrapped = session.connection().exec_driver_sql(_BEGIN, (verb_name, actor.person_id)).one()
        clock.set_offset(timedelta(seconds=seconds or 0))
        tx = Transaction(session, actor, clock.now(), wrapped)
        session.info["transaction"] = tx
        try:
            yield tx
            tx._finish()  # noqa: SLF001  (the context manager is the transaction's other half)
        except StaleDataError as error:
            raise _stale() from error


def _stale() -> StaleVersion:
    return StaleVersion("This was changed by somebody else in the meantime; read it again.")


@contextmanager
def read() -> Iterator[Session]:
    """A read-only session with the exchange's time brought up to date."""
    with Session(engine().execution_options(postgresql_readonly=True)) as session:
        clock.set_offset(timedelta(seconds=session.scalar(_OFFSET) or 0))
        yield session


def verb(function: Callable[Concatenate[Transaction, P], R]) -> Callable[Concatenate[Actor, P], R]:
    """Make a verb of a function that takes the open transaction.

    The verb takes the actor in its place. With ``actor.request_key`` set, a repetition returns the subject as it stands
    (so such a function returns a row with an ``id``), and the same key with other arguments is ``KeyReused``; a refused
    or failed call leaves its key unused. A refusal about a subject is recorded in that subject's story, in a
    transaction of its own.
    """
    name = function.__name__

    @functools.wraps(function)
    def call(actor: Actor, *args: P.args, **kwargs: P.kwargs) -> R:
        for attempt in range(1, DEADLOCK_TRIES + 1):
            try:
                with transaction(actor, name) as tx:
                    known = _take_key(tx, name, (args, kwargs))
                    if known is not None:
                        tx._expects = None  # noqa: SLF001  (this call was carried out before; nothing is left to meet)
                        return known  # type: ignore[no-any-return]  # the row this verb returned the first time
                    answer = function(tx, *args, **kwargs)
                    _keep_answer(tx, name, answer)
                    return answer
            except OperationalError as error:
                if not isinstance(error.orig, psycopg.errors.DeadlockDetected) or attempt == DEADLOCK_TRIES:
                    raise
            except Refused as refusal:
                _keep_refusal(actor, name, refusal)
                raise
        raise InvariantBroken("unreachable: the last attempt raises")

    return cast("Callable[Concatenate[Actor, P], R]", call)


def _take_key(tx: Transaction, verb_name: str, body: Any) -> Any:
    """Claim the actor's request key; the subject of the first call if this one repeats it, else ``None``."""
    key = tx.actor.request_key
    if key is None:
        return None
    # Keyed: a body may hold a signer's password, and a plain digest could be guessed at.
    digest = vault.ring().mac("request", json.dumps(body, sort_keys=True, default=str).encode())
    place = {"actor": tx.actor.name, "verb": verb_name, "key": key}
    # A concurrent first call is waited for here: the unique index holds this insert until that call ends.
    claim = insert(RequestKey).values(**place, body_digest=digest, at=tx.now).on_conflict_do_nothing()
    if tx.session.scalar(claim.returning(RequestKey.key)) is not None:
        return None
    known = tx.session.get_one(RequestKey, tuple(place.values()))
    if known.body_digest != digest:
        raise KeyReused("This idempotency key was used before with another request.")
    if known.subject_table is None:
        raise InvariantBroken("a request key was kept without its subject")
    kind = next(m.class_ for m in Base.registry.mappers if m.local_table.name == known.subject_table)  # type: ignore[attr-defined]
    return tx.get(kind, known.subject_id)


def _keep_answer(tx: Transaction, verb_name: str, answer: Any) -> None:
    if tx.actor.request_key is None:
        return
    if not isinstance(answer, Base):
        raise InvariantBroken("%(verb)s takes a request key but returns no subject", verb=verb_name)
    tx.session.flush()
    known = tx.session.get_one(RequestKey, (tx.actor.name, verb_name, tx.actor.request_key))
    known.subject_table, known.subject_id = answer.__tablename__, answer.id  # type: ignore[attr-defined]


def _keep_refusal(actor: Actor, verb_name: str, refusal: Refused) -> None:
    """Record a gate's «no» in the story of what it was about, after the rollback."""
    if not refusal.subjects:
        return
    about, *links = refusal.subjects
    facts = {"rule": refusal.rule_id, "code": refusal.code, "verb": verb_name}
    with transaction(actor.expecting(None), "keep_refusal") as tx:
        role = min(actor.roles, default="visitor")
        tx.record(about, "gate.refused", by=role, facts=facts, links=links)


@verb
def advance_clock(tx: Transaction, by: timedelta) -> None:
    """Move the demonstration's clock forward by whole seconds, for good, and record it.

    Raises:
        Forbidden: Outside demonstration mode (``exchange.clock`` is the only reader of that mode here).
    """
    clock.require_demonstration()
    ahead = tx.session.scalar(_OFFSET) or 0
    seconds = ahead + int(by.total_seconds())
    if seconds <= ahead:
        raise ValueError("the clock only moves forward")
    tx.add(ClockOffset(seconds=seconds, subject=CLOCK_SUBJECT, at=tx.now))
    tx.record(CLOCK_SUBJECT, "clock.advanced", by="demonstration", facts={"seconds_ahead": seconds})
