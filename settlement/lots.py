"""Lots: paid, delivered, accepted or given back. Disputes and the gateway's answers have modules of their own."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from exchange.db import Transaction, verb
from exchange.errors import Conflict, WrongState
from exchange.lifecycle import CLOCK
from settlement import deadlines, dispute_files, fulfilment, gates, money, on_order, parties, statements
from settlement.models import Lot
from settlement.money_models import OPEN_STATES, PAYMENT, MoneyOp
from settlement.states import BUYER, EXCHANGE, SELLER

# -- paying ---------------------------------------------------------------------------------------------------------


@verb
def pay_lot(tx: Transaction, lot_id: str, *, request: Mapping[str, str]) -> MoneyOp:
    """Plan the payment of a lot that is due; the gateway's answer funds it.

    Args:
        tx: The open transaction.
        lot_id: The lot.
        request: ``payment_method``, to charge at once, or ``return_url``, to pay on the gateway's hosted page.

    Raises:
        NotFound: There is no such lot, or it is another party's.
        WrongState: It is not due.
        Conflict: A payment is under way (``payment_under_way``).
        Refused: A party is not vetted (I-01, I-02), the goods have lost their standing, something is restrained
            (K-05), or the time to pay is over (T-01).
    """
    order, lot = parties.own_lot(tx, lot_id, BUYER, *parties.PAYING)
    if lot.state != "due":  # the edge from «cancelled» is for money that comes late, not for orders to pay
        raise WrongState("This lot is not to be paid.", code="not_due")
    gates.PAY.ask(tx, order, lot)
    pending = select(MoneyOp.id).where(
        MoneyOp.lot_id == lot.id, MoneyOp.kind == PAYMENT, MoneyOp.state.in_(OPEN_STATES)
    )
    if tx.first(pending) is not None:
        raise Conflict("A payment of this lot is under way.", code="payment_under_way")
    op = money.plan(
        tx, kind=PAYMENT, lot=lot, amount=lot.amount, org_id=order.buyer_org_id, request=_asked(order.id, request)
    )
    facts = {"amount": lot.amount.facts(), "gateway": op.gateway}
    tx.record(lot.id, "lot.payment_ordered", by=BUYER, facts=facts, links=[order.id, op.id])
    parties.keep_checks(tx, order, "pay", lot.id)
    return op


@verb
def cancel_lot(tx: Transaction, lot_id: str) -> Lot:
    """Give a lot up, as the buyer, before it is paid. Money that comes later goes back.

    Raises:
        NotFound: There is no such lot, or it is another party's.
        WrongState: It is not due.
    """
    order, lot = parties.own_lot(tx, lot_id, BUYER, *parties.SIGNING)
    deadlines.advance(tx, lot, "cancel", by=BUYER)
    fulfilment.follow(tx, order)
    return lot


@verb
def lapse_payment(tx: Transaction, lot_id: str) -> Lot:
    """Cancel a lot that was not paid in time (called by the clock).

    Raises:
        WrongState: It is not due.
    """
    tx.actor.need(CLOCK)
    order, lot = parties.locked_lot(tx, lot_id)
    if deadlines.ripe(tx, order, lot, "due", gates.CLOCK):
        deadlines.advance(tx, lot, "lapse", by=CLOCK)
        fulfilment.follow(tx, order)
    return lot


# -- delivering -----------------------------------------------------------------------------------------------------


@verb
def deliver_lot(tx: Transaction, lot_id: str, *, deposit_id: str | None = None) -> Lot:
    """Deliver a paid lot, as the seller: what is made on order, or once more what was rejected.

    Args:
        tx: The open transaction.
        lot_id: The lot.
        deposit_id: Of a lot made ``on_order``: the seller's deposit that was made for it, new after a rejection.

    Raises:
        NotFound: There is no such lot or deposit, or it is another party's.
        WrongState: It is not paid, or was delivered.
        Conflict: The deposit cannot be delivered (``deposit_not_ready``, ``goods_of_another_product``,
            ``goods_rejected``), or the goods of this lot are those on deposit (``goods_on_deposit``).
        Invalid: A lot made on order is delivered without a deposit (``goods_missing``).
        Refused: The time to deliver is over (T-01), or a restraint or a chargeback stands in the way (K-05).
    """
    order, lot = parties.own_lot(tx, lot_id, SELLER, *parties.SIGNING)
    lot.__lifecycle__.edge(lot.state, "deliver")
    gates.in_time(tx, order, lot)
    lot.deposit_id = on_order.goods_for(tx, order, lot, deposit_id)
    fulfilment.hand_over(tx, order, lot, by=SELLER)
    return lot


@verb
def make_available(tx: Transaction, lot_id: str) -> Lot:
    """Make a paid lot's deposited goods available that something stood in the way of (called by the clock).

    Raises:
        WrongState: It is not paid, or was delivered.
        Refused: A restraint or a chargeback still stands in the way (K-05): it is tried again.
    """
    tx.actor.need(CLOCK)
    order, lot = parties.locked_lot(tx, lot_id)
    fulfilment.hand_over(tx, order, lot, by=EXCHANGE)
    return lot


@verb
def decline_lot(tx: Transaction, lot_id: str, *, reason: str) -> Lot:
    """Refuse, as the seller, to deliver a paid lot: the buyer gets the money back.

    Raises:
        NotFound: There is no such lot, or it is another party's.
        WrongState: It is not paid, or was delivered.
        Invalid: No reason is given.
    """
    order, lot = parties.own_lot(tx, lot_id, SELLER, *parties.SIGNING)
    lot.__lifecycle__.edge(lot.state, "decline")
    digests = statements.keep(tx, lot.id, by=SELLER, step="decline", words=reason)
    lot.closing_reason = statements.cleaned(reason)
    deadlines.advance(tx, lot, "decline", by=SELLER, digests=digests)
    fulfilment.give_back(tx, order, lot)
    return lot


@verb
def lapse_delivery(tx: Transaction, lot_id: str) -> Lot:
    """Give the money of a lot back that was not delivered in time (called by the clock).

    Raises:
        WrongState: It is not waiting for delivery.
    """
    tx.actor.need(CLOCK)
    order, lot = parties.locked_lot(tx, lot_id)
    if deadlines.ripe(tx, order, lot, "funded", gates.CLOCK):
        deadlines.advance(tx, lot, "lapse", by=CLOCK)
        fulfilment.give_back(tx, order, lot)
    return lot


# -- accepting ------------------------------------------------------------------------------------------------------


@verb
def accept_lot(tx: Transaction, lot_id: str) -> Lot:
    """Accept what was delivered, as the buyer: the seller is paid.

    Raises:
        NotFound: There is no such lot, or it is another party's.
        WrongState: It is not delivered, or no longer to be accepted.
        Refused: The receipt is missing or differs (T-10), or something stands in the way (K-05).
    """
    order, lot = parties.own_lot(tx, lot_id, BUYER, *parties.SIGNING)
    lot.__lifecycle__.edge(lot.state, "accept")
    gates.ACCEPT.ask(tx, order, lot)
    lot.accepted_at = tx.now
    deadlines.advance(tx, lot, "accept", by=BUYER, facts={"amount": lot.amount.facts()})
    fulfilment.release(tx, order, lot)
    return lot


@verb
def lapse_inspection(tx: Transaction, lot_id: str) -> Lot:
    """Take a delivery for accepted whose inspection window is over (called by the clock).

    Where what was served or received is not what was listed, and the buyer neither rejected nor disputed it, the
    delivery is in dispute: nobody's money waits for ever for a statement that never comes.

    Raises:
        WrongState: The lot is not under inspection.
    """
    tx.actor.need(CLOCK)
    order, lot = parties.locked_lot(tx, lot_id)
    if not deadlines.ripe(tx, order, lot, "delivered", gates.CLOCK):
        return lot
    differs = gates.hindrance(tx, gates.DEEMED, order, lot)
    if differs is not None:
        deadlines.advance(tx, lot, "contest", by=CLOCK, facts={"rule": differs.rule_id, "code": differs.code})
        dispute_files.begin(tx, lot, opened_by=CLOCK, reason=None)
        return lot
    lot.accepted_at = tx.now
    deadlines.advance(tx, lot, "lapse", by=CLOCK, facts={"amount": lot.amount.facts()})
    fulfilment.release(tx, order, lot)
    return lot


@verb
def reject_lot(tx: Transaction, lot_id: str, *, reason: str) -> Lot:
    """Reject, as the buyer, what does not meet the acceptance criteria: the seller delivers again.

    Raises:
        NotFound: There is no such lot, or it is another party's.
        WrongState: It is not delivered.
        Conflict: It was delivered again already (``no_redelivery_left``): accept or dispute it.
        Refused: The inspection window is over (T-01).
        Invalid: No reason is given.
    """
    order, lot = parties.own_lot(tx, lot_id, BUYER, *parties.SIGNING)
    lot.__lifecycle__.edge(lot.state, "reject")
    gates.in_time(tx, order, lot)
    if lot.redeliveries_left == 0:
        raise Conflict("This was delivered again already; accept or dispute it.", code="no_redelivery_left")
    digests = statements.keep(tx, lot.id, by=BUYER, step="reject", words=reason)
    lot.closing_reason = statements.cleaned(reason)
    lot.redeliveries_left -= 1
    until = tx.now + deadlines.delivery_time(order)
    deadlines.advance(tx, lot, "reject", by=BUYER, until=until, digests=digests)
    return lot


def _asked(order_id: str, request: Mapping[str, str]) -> dict[str, Any]:
    if "payment_method" in request:
        return money.by_method(request["payment_method"])
    url = request["return_url"]
    return money.on_page(description=order_id, success_url=url, cancel_url=url)
