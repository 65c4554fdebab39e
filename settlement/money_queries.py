"""Reads of money: what a party has held, coming and paid, its statement; and the desk of settlement officers."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, aliased

from exchange.actors import Actor
from exchange.db import read
from exchange.money import Money
from exchange.web.paging import DEFAULT_LIMIT, MAX_LIMIT, Page, page
from settlement import suspense
from settlement.ledger_models import LedgerAccount, LotMoney
from settlement.lot_models import PaymentOrder
from settlement.lot_states import PAYMENT_ORDER
from settlement.models import Lot, Order
from settlement.money_models import (
    CHARGEBACK,
    CONFIRMED,
    FAILED,
    PAYMENT,
    REFUND,
    REVERSAL,
    TRANSFER,
    GatewayLine,
    MoneyOp,
)

#: Most lines of an export: an older history is exported from its own pages on.
MAX_EXPORT = 10_000

#: What raises (1) or lowers (-1) what a party has.
_SIGNS = {PAYMENT: -1, REVERSAL: -1, REFUND: 1, TRANSFER: 1, CHARGEBACK: 1}
_FAILED_OP = aliased(MoneyOp)


def overview(actor: Actor) -> dict[str, list[Money]]:
    """The money of the actor's organisation by currency.

    ``held``: what it paid and is still held; ``coming``: what is held of its sales; ``on_its_way``: what the exchange
    has ordered to be paid to it; ``owed``: what it has to give back.
    """
    with read() as session:
        return {
            "held": _held(session, Order.buyer_org_id == actor.org_id),
            "coming": _held(session, Order.seller_org_id == actor.org_id),
            "on_its_way": _balances(session, actor.org_id, "payable", "refundable"),
            "owed": _balances(session, actor.org_id, "receivable"),
        }


def statement(actor: Actor, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[dict[str, Any]]:
    """The movements of the organisation's money that a gateway or bank confirmed, newest first."""
    with read() as session:
        return page(session, _lines(actor), [MoneyOp.id], cursor=cursor, limit=limit, shape=_line)


def whole_statement(actor: Actor) -> Iterator[dict[str, Any]]:
    """The lines of ``statement`` one after the other, at most ``MAX_EXPORT``; no session is held in between."""
    cursor: str | None = None
    for _ in range(MAX_EXPORT // MAX_LIMIT):
        found = statement(actor, cursor=cursor, limit=MAX_LIMIT)
        yield from found.items
        cursor = found.next_cursor
        if cursor is None:
            return


# -- the officers' desk -----------------------------------------------------------------------------------------------


def payment_orders(*, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[dict[str, Any]]:
    """The orders that wait for a second officer, newest first."""
    waiting = select(PaymentOrder.id, PaymentOrder).where(PaymentOrder.state == PAYMENT_ORDER.initial)
    with read() as session:
        return page(session, waiting, [PaymentOrder.id], cursor=cursor, limit=limit, shape=_payment_order)


def failed_operations(*, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[dict[str, Any]]:
    """Transfers and refunds that were turned down for good and not ordered again, newest first."""
    later = (
        select(MoneyOp.id)
        .where(MoneyOp.lot_id == _FAILED_OP.lot_id, MoneyOp.kind == _FAILED_OP.kind, MoneyOp.id > _FAILED_OP.id)
        .exists()
    )
    kinds = _FAILED_OP.kind.in_((TRANSFER, REFUND))
    statement = select(_FAILED_OP.id, _FAILED_OP).where(_FAILED_OP.state == FAILED, kinds, ~later)
    with read() as session:
        return page(session, statement, [_FAILED_OP.id], cursor=cursor, limit=limit, shape=lambda row: _op(row[1]))


def held_too_long(*, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[dict[str, Any]]:
    """Lots whose money has been held for too long, those that came to the desk last at the top."""
    keys = [Lot.held_too_long_at, Lot.id]
    statement = (
        select(*keys, Lot.state, Lot.order_id, LotMoney.held_minor, LotMoney.currency)
        .join(LotMoney, LotMoney.lot_id == Lot.id)
        .where(Lot.held_too_long_at.is_not(None), LotMoney.held_minor > 0)
    )
    with read() as session:
        return page(session, statement, keys, cursor=cursor, limit=limit, shape=_held_lot)


def suspended_items(*, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[suspense.ListedItem]:
    """What a gateway has that belongs to no operation of ours, newest first."""
    with read() as session:
        return suspense.items(session, cursor=cursor, limit=limit)


def unmet_lines() -> Sequence[GatewayLine]:
    """The oldest lines of gateways' statements that have met nothing yet."""
    waiting = select(GatewayLine).where(GatewayLine.op_id.is_(None), GatewayLine.suspense_id.is_(None))
    with read() as session:
        return session.scalars(waiting.order_by(GatewayLine.gateway, GatewayLine.position).limit(MAX_LIMIT)).all()


# -- inside -----------------------------------------------------------------------------------------------------------


def _held(session: Session, mine: Any) -> list[Money]:
    total = func.sum(LotMoney.held_minor)
    statement = (
        select(LotMoney.currency, total)
        .join(Lot, Lot.id == LotMoney.lot_id)
        .join(Order, Order.id == Lot.order_id)
        .where(mine, Order.state == "open")
        .group_by(LotMoney.currency)
        .having(total > 0)
        .order_by(LotMoney.currency)
    )
    return [Money(int(minor), currency) for currency, minor in session.execute(statement)]


def _balances(session: Session, org_id: str | None, *kinds: str) -> list[Money]:
    sums: dict[str, int] = {}
    for kind in kinds:
        prefix = f"{kind}:{org_id}:"
        mine = select(LedgerAccount).where(LedgerAccount.code > prefix, LedgerAccount.code < f"{prefix}~")
        for account in session.scalars(mine):
            sums[account.currency] = sums.get(account.currency, 0) + account.balance_minor
    return [Money(minor, currency) for currency, minor in sorted(sums.items()) if minor]


def _lines(actor: Actor) -> Select[str, MoneyOp, str]:
    columns = (MoneyOp.id, MoneyOp, Lot.order_id)
    mine = (MoneyOp.org_id == actor.org_id, MoneyOp.state == CONFIRMED, MoneyOp.kind.in_(_SIGNS))
    return select(*columns).join(Lot, Lot.id == MoneyOp.lot_id).where(*mine)


def _line(row: Any) -> dict[str, Any]:
    op: MoneyOp = row.MoneyOp
    amount = Money(_SIGNS[op.kind] * op.amount_minor, op.currency)
    return {
        "id": op.id,
        "at": op.ended_at,
        "kind": op.kind,
        "amount": amount,
        "lot_id": op.lot_id,
        "order_id": row.order_id,
    }


def _payment_order(row: Any) -> dict[str, Any]:
    found: PaymentOrder = row.PaymentOrder
    names = "id row_version state kind lot_id op_id amount reason document_number proposed_by created_at"
    return {name: getattr(found, name) for name in names.split()}


def _op(op: MoneyOp) -> dict[str, Any]:
    names = ("id", "kind", "lot_id", "amount", "problem", "ended_at", "attempts")
    return {name: getattr(op, name) for name in names}


def _held_lot(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "state": row.state,
        "order_id": row.order_id,
        "since": row.held_too_long_at,
        "held": Money(row.held_minor, row.currency),
    }
