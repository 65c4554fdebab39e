"""Keyset paging: a list is read from an index, a page at a time, without counting or skipping."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from exchange.errors import Invalid

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
_BIGINT_BITS = 63

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items and the cursor of those that follow (``None`` at the end)."""

    items: Sequence[T]
    next_cursor: str | None


def page(
    session: Session,
    statement: Select[*tuple[Any, ...]],
    keys: Sequence[InstrumentedAttribute[Any]],
    *,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
    shape: Callable[[Any], T],
    ascending: bool = False,
) -> Page[T]:
    """One page of ``statement`` in order of ``keys`` (unique together, selected as the first columns).

    The order is descending, the newest first, unless ``ascending``: for queues, the longest waiting first. ``shape``
    turns a row into an item.

    Raises:
        Invalid: The cursor is not one of ours.
        TypeError: The statement does not begin with ``keys``: its second page could not be asked for.
    """
    if [column["name"] for column in statement.column_descriptions[: len(keys)]] != [key.key for key in keys]:
        raise TypeError("a paged statement selects its keys first")
    if cursor is not None:
        place, last = tuple_(*keys), tuple_(*_decode(cursor, keys))
        statement = statement.where(place > last if ascending else place < last)
    limit = max(1, min(limit, MAX_LIMIT))
    sorting = (key.asc() if ascending else key.desc() for key in keys)
    rows = session.execute(statement.order_by(*sorting).limit(limit + 1)).all()
    following = _encode(rows[limit - 1][: len(keys)]) if len(rows) > limit else None
    return Page([shape(row) for row in rows[:limit]], following)


def _encode(values: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(list(values), default=str).encode()).decode().rstrip("=")


def _decode(cursor: str, keys: Sequence[InstrumentedAttribute[Any]]) -> list[Any]:
    """The values of a cursor, each as its column holds it. Cursors are not secret and not signed: they only point."""
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if isinstance(values, list):
            return [_value(value, key) for value, key in zip(values, keys, strict=True)]
    except (ValueError, TypeError, RecursionError):  # not base64, not JSON, not as many, not of the column's kind
        pass
    raise Invalid("This page cursor is not valid.", code="invalid_cursor")


def _value(value: Any, key: InstrumentedAttribute[Any]) -> Any:
    kind = key.type.python_type
    if kind is datetime:
        instant = datetime.fromisoformat(value)
        if instant.tzinfo is None:
            raise ValueError("an instant without its offset")
        return instant
    if type(value) is not kind or (kind is int and value.bit_length() > _BIGINT_BITS) or value == "":
        raise ValueError("not what the column holds")
    if kind is str:
        value.encode()
        if "\0" in value:
            raise ValueError("no text that a table could hold")
    return value
