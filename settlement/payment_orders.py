"""What staff order to be paid: proposed by one officer, confirmed by another natural person.

Three things are ordered here: a movement that failed, once more; held money of a lot that comes to no end, back to its
buyer; and settled money that a court or an authority decided to be given back. Both officers belong to neither party.
"""

from datetime import datetime, timedelta

from sqlalchemy import select

from exchange import ids
from exchange.db import Transaction, verb
from exchange.errors import Conflict, Invalid, NotFound, Refused
from exchange.gates import Step, gate
from exchange.lifecycle import CLOCK
from exchange.members.gates import not_own_case
from exchange.money import Money
from settlement import deadlines, fulfilment, ledger, lots_money, parties, refunds, statements
from settlement.lot_models import AGAIN, DECIDED_REFUND, RETURN, PaymentOrder
from settlement.lot_states import PAYMENT_ORDER
from settlement.models import Lot, Order
from settlement.money_models import MoneyOp
from settlement.states import SETTLEMENT_OFFICER as OFFICER

MAX_NUMBER = 100
#: How far ahead an officer may put off the next look at money that is still held.
MOST_HOLDING = timedelta(days=60)

#: Whoever orders money to be moved belongs to neither party.
ORDER_PAYMENT = Step("settlement.order_payment", (not_own_case,))


@gate("I-08")
def another_officer(tx: Transaction, payment_order: PaymentOrder) -> None:
    """Money that staff order to be paid needs two natural persons."""
    if tx.actor.person_id == payment_order.proposed_by:
        raise Refused(
            "I-08",
            "You proposed this yourself.",
            remedy="Another settlement officer has to confirm it.",
            code="second_person_needed",
            subjects=(payment_order.id, payment_order.lot_id),
        )


# -- proposing --------------------------------------------------------------------------------------------------------


@verb
def propose_again(tx: Transaction, op_id: str, *, reason: str) -> PaymentOrder:
    """Propose to order a transfer or refund once more that the gateway or a bank turned down for good.

    Raises:
        Forbidden: The actor is no settlement officer.
        NotFound: There is no such operation.
        Conflict: It did not fail, or was ordered again already (``not_failed``); or another order waits
            (``payment_order_open``).
        Refused: The officer belongs to a party (I-08).
    """
    tx.actor.need(OFFICER)
    order, lot = parties.locked_lot(tx, tx.get(MoneyOp, op_id).lot_id)
    op = tx.lock(MoneyOp, op_id)
    lots_money.repeatable(tx, lot, op)
    return _propose(tx, order, lot, kind=AGAIN, amount=op.amount, reason=reason, op=op)


@verb
def propose_return(tx: Transaction, lot_id: str, *, reason: str) -> PaymentOrder:
    """Propose that the money held for a lot goes back to its buyer: it was held for too long, or nobody moves.

    Raises:
        Forbidden: The actor is no settlement officer.
        NotFound: There is no such lot.
        WrongState: Nothing is held for it that is not on its way.
        Conflict: Another order waits (``payment_order_open``), or a bank has the money (``nothing_held``).
        Refused: The officer belongs to a party (I-08).
    """
    tx.actor.need(OFFICER)
    order, lot = parties.locked_lot(tx, lot_id)
    lot.__lifecycle__.edge(lot.state, "return")
    return _propose(tx, order, lot, kind=RETURN, amount=_held(tx, lot), reason=reason)


@verb
def propose_decided_refund(
    tx: Transaction, lot_id: str, *, amount: Money, document_number: str, reason: str
) -> PaymentOrder:
    """Propose to give settled money back because a court or an authority decided so.

    Raises:
        Forbidden: The actor is no settlement officer.
        NotFound: There is no such lot.
        Conflict: The lot is not settled, a refund is under way, or another order waits.
        Invalid: The amount is out of range, or the decision has no number (``document_number``).
        Refused: The officer belongs to a party (I-08).
    """
    tx.actor.need(OFFICER)
    order, lot = parties.locked_lot(tx, lot_id)
    number = document_number.strip()
    if not 0 < len(number) <= MAX_NUMBER:
        raise Invalid("Name the decision by its number.", code="document_number")
    refunds.refundable(tx, order, lot, amount)
    return _propose(tx, order, lot, kind=DECIDED_REFUND, amount=amount, reason=reason, document_number=number)


# -- deciding ---------------------------------------------------------------------------------------------------------


@verb
def confirm_payment_order(tx: Transaction, payment_order_id: str) -> PaymentOrder:
    """Confirm another officer's order: it is carried out at once.

    Raises:
        Forbidden: The actor is no settlement officer.
        NotFound: There is no such order.
        WrongState: It was decided, or the lot moved on.
        Conflict: What it asks for is no longer possible; it has to be rejected.
        Refused: The same natural person proposed it, or belongs to a party (I-08).
    """
    payment_order, order, lot = _locked(tx, payment_order_id)
    payment_order.__lifecycle__.edge(payment_order.state, "confirm")
    another_officer(tx, payment_order)
    _refuse_concerned(tx, order)
    payment_order.decided_by = tx.actor.person_id
    facts = {"kind": payment_order.kind, "amount": payment_order.amount.facts()}
    tx.advance(payment_order, "confirm", by=OFFICER, facts=facts, links=[lot.id, order.id])
    _CARRY_OUT[payment_order.kind](tx, order, lot, payment_order)
    return payment_order


@verb
def reject_payment_order(tx: Transaction, payment_order_id: str) -> PaymentOrder:
    """Reject another officer's order.

    Raises:
        Forbidden: The actor is no settlement officer.
        NotFound: There is no such order.
        WrongState: It was decided.
        Refused: The same natural person proposed it, or belongs to a party (I-08).
    """
    payment_order, order, lot = _locked(tx, payment_order_id)
    payment_order.__lifecycle__.edge(payment_order.state, "reject")
    another_officer(tx, payment_order)
    _refuse_concerned(tx, order)
    payment_order.decided_by = tx.actor.person_id
    tx.advance(payment_order, "reject", by=OFFICER, links=[lot.id])
    return payment_order


@verb
def withdraw_payment_order(tx: Transaction, payment_order_id: str) -> PaymentOrder:
    """Take one's own order back before it is decided.

    Raises:
        Forbidden: The actor is no settlement officer.
        NotFound: There is no such order, or another officer's.
        WrongState: It was decided.
    """
    payment_order, _, lot = _locked(tx, payment_order_id)
    if payment_order.proposed_by != tx.actor.person_id:
        raise NotFound("There is no such %(kind)s.", kind=PaymentOrder.__tablename__)
    tx.advance(payment_order, "withdraw", by=OFFICER, links=[lot.id])
    return payment_order


# -- money held for too long ------------------------------------------------------------------------------------------


@verb
def flag_long_hold(tx: Transaction, lot_id: str) -> Lot:
    """Put a lot whose money is held for too long on the settlement officers' desk (called by the clock)."""
    tx.actor.need(CLOCK)
    order, lot = parties.locked_lot(tx, lot_id)
    found = ledger.lot_money(tx.session, lot.id)
    if found is not None and found.held_minor:
        lot.held_too_long_at = tx.now
        facts = {"held": Money(found.held_minor, found.currency).facts()}
        tx.record(lot.id, "lot.held_too_long", by=CLOCK, facts=facts, links=[order.id])
    return lot


@verb
def extend_holding(tx: Transaction, lot_id: str, *, until: datetime, reason: str) -> Lot:
    """Let a lot's money be held until the day ``until``; then it comes back to the desk. Nothing else changes.

    Raises:
        Forbidden: The actor is no settlement officer.
        NotFound: There is no such lot.
        Conflict: Its money is not on the desk (``not_on_desk``).
        Invalid: ``until`` is past or more than 60 days ahead (``extension_range``), or no reason is given.
        Refused: The officer belongs to a party (I-08).
    """
    tx.actor.need(OFFICER)
    order, lot = parties.locked_lot(tx, lot_id)
    _refuse_concerned(tx, order)
    if lot.held_too_long_at is None:
        raise Conflict("The money of this lot is not on the desk.", code="not_on_desk")
    if not tx.now < until <= tx.now + MOST_HOLDING:
        raise Invalid("The day lies ahead, at most %(days)s days.", code="extension_range", days=MOST_HOLDING.days)
    digests = statements.keep(tx, lot.id, by=OFFICER, step="hold", words=reason)
    lot.held_too_long_at = None
    tx.due("lot.held", lot.id, until)
    facts = {"until": until.isoformat()}
    tx.record(lot.id, "lot.holding_extended", by=OFFICER, facts=facts, links=[order.id], digests=digests)
    return lot


# -- inside -----------------------------------------------------------------------------------------------------------


def _propose(
    tx: Transaction,
    order: Order,
    lot: Lot,
    *,
    kind: str,
    amount: Money,
    reason: str,
    op: MoneyOp | None = None,
    document_number: str | None = None,
) -> PaymentOrder:
    _refuse_concerned(tx, order)
    waiting = select(PaymentOrder.id).where(PaymentOrder.lot_id == lot.id, PaymentOrder.state == PAYMENT_ORDER.initial)
    if tx.first(waiting) is not None:
        raise Conflict("Another order about this lot waits for its confirmation.", code="payment_order_open")
    payment_order = PaymentOrder(
        id=ids.new("pyo"),
        kind=kind,
        lot_id=lot.id,
        op_id=op.id if op else None,
        amount_minor=amount.minor,
        currency=amount.currency,
        reason=statements.cleaned(reason),
        document_number=document_number,
        proposed_by=tx.actor.person_id or "",
    )
    digests = statements.keep(tx, payment_order.id, by=OFFICER, step=kind, words=reason)
    facts = {"kind": kind, "amount": amount.facts()}
    links = [lot.id, order.id, *([op.id] if op else [])]
    tx.create(payment_order, "payment_order.proposed", by=OFFICER, facts=facts, links=links, digests=digests)
    return payment_order


def _again(tx: Transaction, order: Order, lot: Lot, payment_order: PaymentOrder) -> None:
    op = tx.lock(MoneyOp, payment_order.op_id)
    refunds.replaced(tx, op, lots_money.plan_again(tx, order, lot, op))


def _return(tx: Transaction, order: Order, lot: Lot, payment_order: PaymentOrder) -> None:
    if _held(tx, lot) != payment_order.amount:
        raise Conflict("Another amount is held by now.", code="amount_changed")
    lot.held_too_long_at = None
    lot.closing_reason = payment_order.reason
    deadlines.advance(tx, lot, "return", by=OFFICER, links=[payment_order.id])
    fulfilment.give_back(tx, order, lot)


def _refund(tx: Transaction, order: Order, lot: Lot, payment_order: PaymentOrder) -> None:
    refunds.carry_out_decision(tx, order, lot, payment_order)


_CARRY_OUT = {AGAIN: _again, RETURN: _return, DECIDED_REFUND: _refund}


def _held(tx: Transaction, lot: Lot) -> Money:
    found = ledger.lot_money(tx.session, lot.id)
    if found is None or not found.held_minor:
        raise Conflict("Nothing is held for this lot.", code="nothing_held")
    return Money(found.held_minor, found.currency)


def _refuse_concerned(tx: Transaction, order: Order) -> None:
    for org_id in (order.buyer_org_id, order.seller_org_id):
        ORDER_PAYMENT.ask(tx, org_id)


def _locked(tx: Transaction, payment_order_id: str) -> tuple[PaymentOrder, Order, Lot]:
    tx.actor.need(OFFICER)
    order, lot = parties.locked_lot(tx, tx.get(PaymentOrder, payment_order_id).lot_id)
    return tx.lock(PaymentOrder, payment_order_id), order, lot
