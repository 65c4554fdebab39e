"""Bookkeeping that served its time is deleted: used request keys, outbox rows carried out, counters of attempts.

The worker calls ``Hygiene`` once a round. Rows go in batches, oldest first, along an index, and rows that somebody else
holds are passed over; so nobody waits, and two workers share the work.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Column, delete, select

from exchange import clock
from exchange.db import engine
from exchange.models import Outbox, RequestKey
from exchange.orm import Base, Bookkeeping

BATCH_ROWS: Final = 1000
#: Between the end of one clearing and the begin of the next.
PAUSE_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Stale:
    """Rows of ``table`` that are of no more use once ``column`` lies ``keep`` in the past.

    Args:
        table: A bookkeeping table: no story is told of its rows.
        column: An instant, the first column of an index; rows without one stay.
        keep: How long a row is kept.
        exchange_time: Whether the instant is the exchange's time, and not real time.
    """

    table: type[Base]
    column: str
    keep: timedelta
    exchange_time: bool = False

    def __post_init__(self) -> None:
        if not issubclass(self.table, Bookkeeping):
            raise TypeError(f"{self.table.__name__} is no bookkeeping: its rows are never deleted")

    def prune(self) -> int:
        """Delete one batch; how many rows went."""
        now = clock.now() if self.exchange_time else clock.real_now()
        table = self.table.metadata.tables[self.table.__tablename__]
        instant: Column[datetime] = table.c[self.column]
        key = table.primary_key.columns.values()
        old = select(*key).where(instant < now - self.keep).order_by(instant).limit(BATCH_ROWS)
        gone = old.with_for_update(skip_locked=True).cte("gone")
        same = [column == gone.c[column.name] for column in key]
        with engine().begin() as connection:
            return connection.execute(delete(self.table).where(*same)).rowcount


#: A client that repeats a request does so within minutes; what was sent is looked up when somebody asks where it is.
STALE = (
    Stale(RequestKey, "at", timedelta(days=30), exchange_time=True),
    Stale(Outbox, "done_at", timedelta(days=30)),
)


class Hygiene:
    """The worker's round: clears what is stale, then rests for an hour."""

    def __init__(self, *stale: Stale) -> None:
        self._stale = stale
        self._rests_until = 0.0

    def __call__(self) -> bool:
        """Delete a batch of each; whether there may be more."""
        if time.monotonic() < self._rests_until:
            return False
        more = BATCH_ROWS in [stale.prune() for stale in self._stale]
        if not more:
            self._rests_until = time.monotonic() + PAUSE_SECONDS
        return more
