"""The exchange's time.

``now()`` is the only clock that deadlines may be compared with. In demonstration mode it runs ahead of real time by
an offset that is kept in the database, only grows, and is journalled (``exchange.db.advance_clock``); everywhere
else the offset is nothing. Sessions, one-time codes, webhook signatures, tickets and checkpoints use ``real_now()``.
"""

from datetime import UTC, datetime, timedelta, timezone

from exchange.errors import Forbidden

#: Printed times are Beijing times (RULES T-16); China has no daylight saving time.
BEIJING = timezone(timedelta(hours=8), "UTC+08:00")

_offset = timedelta()
_demonstration = False


def allow_offset(*, demonstration: bool) -> None:
    """Say once, at start, whether this is a demonstration: only there may the clock run ahead."""
    global _demonstration  # noqa: PLW0603  (the process has one time)
    _demonstration = demonstration


def require_demonstration() -> None:
    """Raise ``Forbidden`` outside a demonstration."""
    if not _demonstration:
        raise Forbidden("The clock can be moved in a demonstration only.", code="not_a_demonstration")


def real_now() -> datetime:
    """The machine's time, aware, in UTC."""
    return datetime.now(UTC)


def now() -> datetime:
    """The exchange's time, aware, in UTC: real time plus the demonstration's offset as last read."""
    return real_now() + _offset


def set_offset(offset: timedelta) -> None:
    """Take over the offset just read from the database.

    Raises:
        ValueError: The offset is negative, or there is one outside a demonstration.
    """
    global _offset  # noqa: PLW0603  (the process has one time)
    if offset < timedelta() or (offset and not _demonstration):
        raise ValueError("the clock runs ahead of real time in a demonstration only, and never behind it")
    _offset = offset


def text(moment: datetime) -> str:
    """UTC with six decimals, as journal entries hold it: ``2026-11-23T11:00:00.000000Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def beijing(moment: datetime) -> str:
    """For people: ``2026-11-23 19:00:00 (UTC+08:00)``."""
    return moment.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S (UTC+08:00)")
