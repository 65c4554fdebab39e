"""Counters against guessing, kept in the database so that every process counts alike. Their time is real time.

An attempt is counted before it is judged, in a transaction of its own: guesses sent at once count each, and a refused
attempt stays counted.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import delete, text
from sqlalchemy.orm import Session

from exchange import clock, vault
from exchange.db import engine
from exchange.errors import TooManyRequests
from exchange.members.models import Attempt


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``most`` attempts of this kind by the same caller within ``window`` of the first."""

    kind: str
    most: int
    window: timedelta

    def bucket(self, who: str) -> str:
        """The counter of ``who`` (an address, an account): a keyed digest, so that the table names nobody."""
        return f"{self.kind}:{vault.ring().blind_index('attempt', who).hex()}"


SIGN_IN = Limit("sign_in", 10, timedelta(minutes=15))
SIGN_IN_ORIGIN = Limit("sign_in_origin", 200, timedelta(minutes=15))
SIGN_UP = Limit("sign_up", 5, timedelta(hours=1))
SIGN_UP_ORIGIN = Limit("sign_up_origin", 30, timedelta(hours=1))
SIGNATURE = Limit("signature", 10, timedelta(minutes=15))
ACCEPT = Limit("accept", 10, timedelta(minutes=15))
PASSWORD = Limit("password", 10, timedelta(minutes=15))
RESET = Limit("reset", 3, timedelta(minutes=15))
RESET_ORIGIN = Limit("reset_origin", 30, timedelta(hours=1))
SECOND_FACTOR = Limit("second_factor", 10, timedelta(minutes=15))

_COUNT = text(
    """
    INSERT INTO attempt AS a (bucket, count, window_started_at) VALUES (:bucket, 1, :now)
    ON CONFLICT (bucket) DO UPDATE SET
        count = CASE WHEN a.window_started_at <= :since THEN 1 ELSE a.count + 1 END,
        window_started_at = CASE WHEN a.window_started_at <= :since THEN :now ELSE a.window_started_at END
    RETURNING count, window_started_at
    """
)


def count(limit: Limit, who: str) -> None:
    """Count an attempt of ``who``, for good.

    Raises:
        TooManyRequests: This attempt is one too many.
    """
    now = clock.real_now()
    with engine().begin() as connection:
        values = {"bucket": limit.bucket(who), "now": now, "since": now - limit.window}
        counted, started = connection.execute(_COUNT, values).one()
    if counted > limit.most:
        raise _too_many(limit, started, now)


def refuse_exhausted(session: Session, limit: Limit, who: str) -> None:
    """Refuse ``who`` without counting.

    Raises:
        TooManyRequests: The attempts of this window are used up.
    """
    now = clock.real_now()
    known = session.get(Attempt, limit.bucket(who))
    if known is not None and known.count >= limit.most and known.window_started_at > now - limit.window:
        raise _too_many(limit, known.window_started_at, now)


def forget(session: Session, limit: Limit, who: str) -> None:
    """Begin again at nothing: ``who`` proved to be who they say."""
    session.execute(delete(Attempt).where(Attempt.bucket == limit.bucket(who)))


def _too_many(limit: Limit, started: datetime, now: datetime) -> TooManyRequests:
    left = started + limit.window - now
    return TooManyRequests(
        "Too many attempts. Wait and try again.",
        code=f"too_many.{limit.kind}",
        retry_after_seconds=max(1, ceil(left.total_seconds())),
    )
