"""Terms in whole days: from the beginning of a first day to the end of a last day, in Beijing (Civil Code 201-203)."""

from datetime import date, datetime, time, timedelta

from exchange.clock import BEIJING

_DAY = timedelta(days=1)


def begins_at(first_day: date) -> datetime:
    """The first instant of a term."""
    return datetime.combine(first_day, time(), BEIJING)


def ends_at(last_day: date) -> datetime:
    """The first instant after a term."""
    return begins_at(last_day + _DAY)


def last_day(end: datetime) -> date:
    """The last day of a term whose first instant after it is ``end``."""
    return end.astimezone(BEIJING).date() - _DAY
