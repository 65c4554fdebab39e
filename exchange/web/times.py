"""Days and instants in requests: within the years that people do business in, so that nothing overflows later."""

from datetime import UTC, date, datetime, time
from typing import Any, Final

from marshmallow import fields, validate

FIRST_DAY: Final = date(1900, 1, 1)
LAST_DAY: Final = date(2199, 12, 31)


def day(**options: Any) -> fields.Date:
    """A day of the years 1900 to 2199 (ISO 8601)."""
    return fields.Date(validate=validate.Range(FIRST_DAY, LAST_DAY), **options)


def instant(**options: Any) -> fields.AwareDateTime:
    """An instant with its offset, of the years 1900 to 2199."""
    first, last = (datetime.combine(day, time(), UTC) for day in (FIRST_DAY, LAST_DAY))
    return fields.AwareDateTime(validate=validate.Range(first, last), **options)
