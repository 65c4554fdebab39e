"""Reads of orders and lots: a party's own, and the disputes that wait for an officer."""

import functools
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from exchange import documents
from exchange.actors import Actor
from exchange.db import read
from exchange.errors import NotFound
from exchange.members.models import Organisation
from exchange.money import Money
from exchange.web.paging import DEFAULT_LIMIT, Page, page
from listings.models import Version
from settlement import ledger
from settlement.models import Lot, Order
from settlement.money_models import PAYMENT, MoneyOp
from settlement.parties import side_of
from settlement.states import BUYER, LOT, OFFICER, ORDER, SELLER

#: Staff who may read every order: they decide disputes, answer for money, or audit.
READERS = frozenset({OFFICER, "settlement_officer", "auditor"})

_STATE = (
    "id",
    "state",
    "offer_id",
    "product_id",
    "version_id",
    "purpose",
    "government_derived",
    "proposed_by",
    "deadline_at",
)
_OWN = ("proposals", "fee_basis_points", "terms", "disputes", "closing_reason", "created_at", "changed_at")
_WHOLE = (*_STATE, "row_version", *_OWN)

_CARD = (
    Order.id,
    Order.state,
    Order.offer_id,
    Order.product_id,
    Order.version_id,
    Order.buyer_org_id,
    Order.seller_org_id,
    Order.amount_minor,
    Order.currency,
    Order.purpose,
    Order.government_derived,
    Order.proposed_by,
    Order.deadline_at,
    Order.created_at,
    Version.title_zh,
    Version.title_en,
)


def orders(
    actor: Actor, *, side: str | None = None, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[dict[str, Any]]:
    """The orders of the actor's organisation, newest first; ``side`` keeps those it is ``buyer`` or ``seller`` of."""
    own = {BUYER: Order.buyer_org_id == actor.org_id, SELLER: Order.seller_org_id == actor.org_id}
    condition = own[side] if side else or_(*own.values())
    statement = select(*_CARD).join(Version, Version.id == Order.version_id).where(condition)
    with read() as session:
        return page(
            session, statement, [Order.id], cursor=cursor, limit=limit, shape=functools.partial(_card, actor.org_id)
        )


def order(actor: Actor, order_id: str) -> dict[str, Any]:
    """One order with its lots and parties.

    Raises:
        NotFound: There is no such order, or it is another party's.
    """
    with read() as session:
        found = _visible(session, actor, order_id)
        version = session.get_one(Version, found.version_id)
        names = select(Organisation.id, Organisation.name).where(
            Organisation.id.in_((found.buyer_org_id, found.seller_org_id))
        )
        parties = {row.id: row.name for row in session.execute(names)}
        lots = session.scalars(select(Lot).where(Lot.order_id == found.id).order_by(Lot.number)).all()
        shown = {name: getattr(found, name) for name in _WHOLE}
        return shown | {
            "title": {"zh": version.title_zh, "en": version.title_en},
            "buyer": {"id": found.buyer_org_id, "name": parties[found.buyer_org_id]},
            "seller": {"id": found.seller_org_id, "name": parties[found.seller_org_id]},
            "price": found.price,
            "contract_sha256": found.contract_digest.hex(),
            "lots": [lot_shape(actor, found, lot) for lot in lots],
            "actions": order_actions(found.state, found.proposed_by, acting(actor, found)),
        }


def contract(actor: Actor, order_id: str) -> bytes:
    """The contract of an order, the very bytes that were signed.

    Raises:
        NotFound: There is no such order, or it is another party's.
    """
    with read() as session:
        return documents.get(session, _visible(session, actor, order_id).contract_digest).content


def lot(actor: Actor, lot_id: str) -> dict[str, Any]:
    """One lot with its payments and where its money is.

    Raises:
        NotFound: There is no such lot, or it is another party's.
    """
    with read() as session:
        found = session.get(Lot, lot_id)
        if found is None:
            raise _no_lot()
        try:
            of = _visible(session, actor, found.order_id)
        except NotFound:
            raise _no_lot() from None
        payments = _payments(session, actor, of, lot_id)
        return lot_shape(actor, of, found) | {"payments": payments, "money": _money(session, lot_id)}


def disputes(*, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[dict[str, Any]]:
    """The disputed lots of contracts that let an officer rule, newest first."""
    columns = (Lot.id, Lot.order_id, Lot.amount_minor, Lot.currency, Lot.dispute_reason, Lot.rulings, Lot.changed_at)
    statement = select(*columns).join(Order).where(Lot.state == "disputed", Order.disputes == "officer")

    def shape(row: Any) -> dict[str, Any]:
        return _named(row) | {"amount": Money(row.amount_minor, row.currency)}

    with read() as session:
        return page(session, statement, [Lot.id], cursor=cursor, limit=limit, shape=shape)


def acting(actor: Actor, order: Order) -> frozenset[str]:
    """The roles of the life cycles in which the actor stands towards an order."""
    try:
        return frozenset({side_of(order, actor.org_id)})
    except NotFound:
        return actor.roles


def order_actions(state: str, proposed_by: str, roles: frozenset[str]) -> list[str]:
    """What somebody acting in ``roles`` may do with an order. Whose proposal stands waits for the other side."""
    actions = ORDER.actions(state, roles)
    if proposed_by in roles:
        return [action for action in actions if action not in {"sign", "counter"}]
    return actions


def order_shape(actor: Actor, order: Order) -> dict[str, Any]:
    """An order after a step, with what the actor may do next."""
    shown = {name: getattr(order, name) for name in _STATE}
    contract_sha256 = order.contract_digest.hex()
    actions = order_actions(order.state, order.proposed_by, acting(actor, order))
    return shown | {"price": order.price, "contract_sha256": contract_sha256, "actions": actions}


def lot_shape(actor: Actor, order: Order, lot: Lot) -> dict[str, Any]:
    """A lot, with what the actor may do next. A decision that is final cannot be objected to."""
    names = (
        "id order_id number state delivery deadline_at available_at accepted_at settled_at redeliveries_left"
        " closing_reason dispute_reason proposed_share_percent proposed_by seller_share_percent chargeback_hold"
    )
    roles = acting(actor, order)
    actions = LOT.actions(lot.state, roles)
    if lot.deadline_at is None and "object" in actions:
        actions.remove("object")
    if lot.state == "due" and BUYER in roles:  # the edge is the gateway's: it answers to the buyer's order to pay
        actions.insert(0, "pay")
    return {name: getattr(lot, name) for name in names.split()} | {
        "amount": lot.amount,
        "clock_stopped": lot.clock_stopped_at is not None,
        "actions": actions,
    }


def payment_shape(op: MoneyOp) -> dict[str, Any]:
    """A payment as its payer sees it."""
    names = ("id", "lot_id", "state", "page_url", "problem", "planned_at")
    return {name: getattr(op, name) for name in names} | {"amount": op.amount}


def _visible(session: Session, actor: Actor, order_id: str) -> Order:
    found = session.get(Order, order_id)
    if found is None:
        raise NotFound("There is no such %(kind)s.", kind=Order.__tablename__)
    if not actor.roles & READERS:
        side_of(found, actor.org_id)
    return found


def _payments(session: Session, actor: Actor, order: Order, lot_id: str) -> list[dict[str, Any]]:
    """The lot's payments, newest first: pages to pay on are the buyer's business."""
    if actor.org_id != order.buyer_org_id:
        return []
    statement = select(MoneyOp).where(MoneyOp.lot_id == lot_id, MoneyOp.kind == PAYMENT)
    return [payment_shape(op) for op in session.scalars(statement.order_by(MoneyOp.id.desc()).limit(20))]


def _money(session: Session, lot_id: str) -> dict[str, Money] | None:
    found = ledger.lot_money(session, lot_id)
    if found is None:
        return None
    names = ("funded", "held", "released", "refunded", "fee")
    return {name: Money(getattr(found, f"{name}_minor"), found.currency) for name in names}


def _card(org_id: str | None, row: Any) -> dict[str, Any]:
    side = BUYER if row.buyer_org_id == org_id else SELLER
    return _named(row) | {
        "title": {"zh": row.title_zh, "en": row.title_en},
        "price": Money(row.amount_minor, row.currency),
        "side": side,
        "actions": order_actions(row.state, row.proposed_by, frozenset({side})),
    }


def _named(row: Any) -> dict[str, Any]:
    return dict(row._mapping)  # noqa: SLF001  (SQLAlchemy's public name for a row as a mapping)


def _no_lot() -> NotFound:
    return NotFound("There is no such %(kind)s.", kind=Lot.__tablename__)
