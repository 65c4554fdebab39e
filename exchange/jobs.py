"""The worker: carries out what fell due and what waits in the outbox.

Rows are the truth: a due row is compared with the exchange's time, an outbox row with real time. Several workers may
run; a row is claimed by pushing its ``retry_at`` ahead under ``SKIP LOCKED``, so a worker that dies lets go of it.
Everything runs at least once: handlers are verbs that a life cycle refuses the second time, carriers are idempotent.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, TextClause, text
from sqlalchemy.exc import OperationalError

from exchange import clock
from exchange.actors import Actor
from exchange.db import engine, read
from exchange.errors import Conflict, ExchangeError, NotFound

log = logging.getLogger(__name__)

#: Handles a due row: ``handler(actor, subject_id)``.
DueHandler = Callable[[Actor, str], Any]
#: Carries out an outbox row: ``carrier(payload)``.
Carrier = Callable[[dict[str, Any]], None]
#: Called once a round without a row, for work that keeps its own rows; says whether it found any.
Round = Callable[[], bool]

#: How long a claimed row is left alone before another worker may take it.
CLAIM = timedelta(seconds=60)
#: Longest pause between two tries of the same row.
MAX_PAUSE = timedelta(hours=1)

_CLAIM_DUE = text(
    """
    UPDATE due SET retry_at = :until WHERE id IN (
        SELECT id FROM due WHERE at <= :now AND (retry_at IS NULL OR retry_at <= :real)
        ORDER BY at, id LIMIT 20 FOR UPDATE SKIP LOCKED)
    RETURNING id, kind, subject, at, attempts
    """
)
_CLAIM_OUTBOX = text(
    """
    UPDATE outbox SET retry_at = :until WHERE id IN (
        SELECT id FROM outbox WHERE done_at IS NULL AND retry_at <= :real
        ORDER BY retry_at, id LIMIT 20 FOR UPDATE SKIP LOCKED)
    RETURNING id, kind, payload, attempts
    """
)


_SETTLE_DUE = {
    True: text("DELETE FROM due WHERE id = :id AND at = :at"),
    False: text("UPDATE due SET retry_at = :until, attempts = attempts + 1, problem = :problem WHERE id = :id"),
}
_SETTLE_OUTBOX = {
    True: text("UPDATE outbox SET done_at = :real, problem = NULL WHERE id = :id"),
    False: text("UPDATE outbox SET retry_at = :until, attempts = attempts + 1, problem = :problem WHERE id = :id"),
}


@dataclass(frozen=True, slots=True)
class Worker:
    """What can be done, by kind; ``wsgi.py`` fills it from the rooms."""

    due: Mapping[str, DueHandler]
    outbox: Mapping[str, Carrier]
    rounds: tuple[Round, ...] = ()
    pause_seconds: float = 0.25

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set. A database that went away is waited for."""
        while not stop.is_set():
            try:
                busy = self.step()
            except OperationalError:
                log.warning("the database does not answer", exc_info=True)
                busy = False
            if not busy:
                stop.wait(self.pause_seconds)

    def step(self) -> bool:
        """One round; says whether there was anything to do."""
        with read():
            now = clock.now()
        due = _claim(_CLAIM_DUE, now=now)
        for row in due:
            handler = self.due[row.kind]
            _settle(_SETTLE_DUE, row, _attempt(row.kind, handler, Actor.clock(), row.subject), at=row.at)
        letters = _claim(_CLAIM_OUTBOX)
        for row in letters:
            _settle(_SETTLE_OUTBOX, row, _attempt(row.kind, self.outbox[row.kind], row.payload))
        found = [work() for work in self.rounds]
        return bool(due or letters or any(found))


def _claim(statement: TextClause, **values: Any) -> Sequence[Row[Any]]:
    real = clock.real_now()
    with engine().begin() as connection:
        return connection.execute(statement, {"real": real, "until": real + CLAIM, **values}).all()


def _attempt(kind: str, work: Callable[..., Any], *arguments: Any) -> str | None:
    """Do the work; ``None`` when it is done or no longer applies, else what stands in its way (no personal data)."""
    try:
        work(*arguments)
    except (Conflict, NotFound) as moot:
        log.info("%s no longer applies: %s", kind, moot.code)
    except ExchangeError as refusal:
        return refusal.code
    except Exception as error:
        log.exception("%s failed", kind)
        return type(error).__name__
    return None


def _settle(statements: Mapping[bool, TextClause], row: Row[Any], problem: str | None, **values: Any) -> None:
    real = clock.real_now()
    pause = min(timedelta(seconds=2 ** min(row.attempts, 12)), MAX_PAUSE)
    with engine().begin() as connection:
        connection.execute(
            statements[problem is None],
            {"id": row.id, "real": real, "until": real + pause, "problem": problem, **values},
        )
