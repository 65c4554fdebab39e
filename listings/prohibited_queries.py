"""The negative list, and what checks against it found."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from exchange import clock
from exchange.db import read
from exchange.errors import NotFound
from listings import gates
from listings.models import Version
from listings.prohibited_models import NegativeItem

#: More items than a list of categories ever has.
_MOST = 200


def items() -> Sequence[NegativeItem]:
    """The list with its former editions, the newest of each code first."""
    with read() as session:
        every = select(NegativeItem).order_by(NegativeItem.code, NegativeItem.edition.desc()).limit(_MOST)
        return session.scalars(every).all()


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
