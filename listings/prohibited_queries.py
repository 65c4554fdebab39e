"""The negative list, and what checks against it found."""

from typing import Any

from sqlalchemy import select

from exchange import clock
from exchange.db import read
from exchange.errors import NotFound
from exchange.web.paging import DEFAULT_LIMIT, Page, page
from listings import gates
from listings.models import Version
from listings.prohibited_models import NegativeItem


def items(*, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[NegativeItem]:
    """The list with its former editions, by code."""
    keys = [NegativeItem.code, NegativeItem.edition]
    with read() as session:
        every = select(*keys, NegativeItem)
        return page(
            session, every, keys, cursor=cursor, limit=limit, shape=lambda row: row.NegativeItem, ascending=True
        )


def item(item_id: str) -> NegativeItem:
    """One item.

    Raises:
        NotFound: There is none.
    """
    with read() as session:
        found = session.get(NegativeItem, item_id)
        if found is None:
            raise NotFound("There is no such %(kind)s.", kind="negative_item")
        return found


def of_version(version_id: str) -> list[dict[str, Any]]:
    """The items in force with what the check of a version's present submission found (``None``: not checked yet)."""
    with read() as session:
        version = session.get_one(Version, version_id)
        found = gates.negative_results(session, version)
        return [{"item": one, "result": found.get(one.id)} for one in gates.negative_items(session, clock.now())]
