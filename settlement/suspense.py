"""What a gateway has that belongs to no operation of ours. The list is an alarm: it should be empty."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from exchange import clock, ids
from exchange.db import Transaction, verb
from exchange.lifecycle import GATEWAY
from exchange.money import Money
from exchange.web.paging import DEFAULT_LIMIT, Page, page
from settlement.money_models import STRIPE, SuspenseItem


@verb
def note(tx: Transaction, object_id: str, *, code: str, amount: Money | None) -> SuspenseItem:
    """Put an object of the gateway on the list; ``code`` says what is wrong with it."""
    return open_item(tx, object_id, code=code, amount=amount)


def open_item(tx: Transaction, object_id: str, *, code: str, amount: Money | None) -> SuspenseItem:
    """The item of a gateway's object, opened if it is not on the list yet."""
    item_id = ids.new("sus")
    row = {
        "gateway": STRIPE,
        "object_id": object_id,
        "code": code,
        "amount_minor": amount.minor if amount else None,
        "currency": amount.currency if amount else None,
    }
    opened = tx.session.scalar(
        insert(SuspenseItem)
        .values(**row, id=item_id, noted_at=tx.now)
        .on_conflict_do_nothing(index_elements=["gateway", "object_id"])
        .returning(SuspenseItem.id)
    )
    if opened is not None:
        facts: dict[str, Any] = {"gateway": STRIPE, "object": object_id, "code": code}
        tx.record(item_id, "suspense.opened", by=GATEWAY, facts=facts | ({"amount": amount.facts()} if amount else {}))
    same = (SuspenseItem.gateway == STRIPE, SuspenseItem.object_id == object_id)
    return tx.session.scalars(select(SuspenseItem).where(*same)).one()


@dataclass(frozen=True, slots=True)
class ListedItem:
    """An item of the list, and how long it has been there (the exchange's time)."""

    id: str
    gateway: str
    object_id: str
    code: str
    amount: Money | None
    noted_at: datetime
    age: timedelta


def items(session: Session, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[ListedItem]:
    """The list, newest first."""
    columns = (SuspenseItem.noted_at, SuspenseItem.id, SuspenseItem.gateway, SuspenseItem.object_id, SuspenseItem.code)
    statement = select(*columns, SuspenseItem.amount_minor, SuspenseItem.currency)
    keys = [SuspenseItem.noted_at, SuspenseItem.id]
    return page(session, statement, keys, cursor=cursor, limit=limit, shape=_listed)


def _listed(row: Any) -> ListedItem:
    amount = Money(row.amount_minor, row.currency) if row.currency else None
    age = clock.now() - row.noted_at
    return ListedItem(row.id, row.gateway, row.object_id, row.code, amount, row.noted_at, age)
