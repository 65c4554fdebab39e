"""Refunds after settlement: agreed between the parties, or ordered by a decision. New rows, never new states of a lot.

The seller's money comes back first. Only what really came back goes on to the buyer, so a seller whose account is
empty leaves the exchange owing nobody. The exchange keeps its fee: it is on what was delivered and settled.
"""

from sqlalchemy import or_, select

from exchange import ids
from exchange.db import Transaction, verb
from exchange.errors import Conflict, Forbidden, Invalid, NotFound
from exchange.lifecycle import GATEWAY
from exchange.marks import N_
from exchange.money import Money
from settlement import gates, grants, ledger, lots_money, money, parties, statements
from settlement.lot_models import AGREEMENT, DECISION, PaymentOrder, Refund
from settlement.lot_states import REFUND as REFUND_CYCLE
from settlement.models import Lot, Order
from settlement.money_models import CONFIRMED, FAILED, REFUND, REVERSAL, MoneyOp
from settlement.states import SETTLEMENT_OFFICER

#: The kinds of operation that this module hears of; refunds of lots that were never settled are passed on.
HEARD = (REVERSAL, REFUND)


@verb
def propose_refund(tx: Transaction, lot_id: str, *, amount: Money, reason: str) -> Refund:
    """Propose, as either side, that ``amount`` of a settled lot goes back to the buyer.

    Raises:
        NotFound: There is no such lot, or it is another party's.
        Conflict: The lot is not settled (``not_settled``), or another refund is under way (``refund_open``).
        Invalid: Nothing, or more than the seller was paid (``refund_amount``); or no reason.
    """
    order, lot, side = parties.party_lot(tx, lot_id, *parties.SIGNING)
    refund = _made(tx, order, lot, basis=AGREEMENT, by=side, amount=amount, reason=reason)
    digests = statements.keep(tx, refund.id, by=side, step="refund", words=reason)
    facts = {"amount": amount.facts(), "basis": AGREEMENT}
    tx.create(refund, "refund.proposed", by=side, facts=facts, links=[lot.id, order.id], digests=digests)
    return refund


@verb
def agree_refund(tx: Transaction, refund_id: str) -> Refund:
    """Agree, as the other side: the seller's money is called back.

    Raises:
        NotFound: There is no such proposal, or it is another trade's.
        Forbidden: The actor's own side proposed it.
        WrongState: It was answered or withdrawn.
        Refused: The buyer's bank claims the payment back at this moment (K-05).
    """
    refund, order, lot, side = _locked(tx, refund_id)
    refund.__lifecycle__.edge(refund.state, "agree")
    if refund.proposed_by == side:
        raise Forbidden("The other side has to answer this.", code="other_side")
    _call_back(tx, order, lot, refund, by=side)
    return refund


@verb
def decline_refund(tx: Transaction, refund_id: str) -> Refund:
    """Decline, as the other side.

    Raises:
        NotFound: There is no such proposal, or it is another trade's.
        Forbidden: The actor's own side proposed it.
        WrongState: It was answered or withdrawn.
    """
    refund, _, lot, side = _locked(tx, refund_id)
    refund.__lifecycle__.edge(refund.state, "decline")
    if refund.proposed_by == side:
        raise Forbidden("The other side has to answer this.", code="other_side")
    tx.advance(refund, "decline", by=side, links=[lot.id])
    return refund


@verb
def withdraw_refund(tx: Transaction, refund_id: str) -> Refund:
    """Take one's own proposal back before it is answered.

    Raises:
        NotFound: There is no such proposal, or it is another trade's.
        Forbidden: The other side proposed it.
        WrongState: It was answered or withdrawn.
    """
    refund, _, lot, side = _locked(tx, refund_id)
    refund.__lifecycle__.edge(refund.state, "withdraw")
    if refund.proposed_by != side:
        raise Forbidden("Only the side that proposed this may withdraw it.", code="other_side")
    tx.advance(refund, "withdraw", by=side, links=[lot.id])
    return refund


def refundable(tx: Transaction, order: Order, lot: Lot, amount: Money) -> None:
    """Whether ``amount`` of a settled lot can go back at all.

    Raises:
        Conflict: The lot is not settled, or another refund is under way.
        Invalid: Nothing, or more than the seller was paid.
    """
    if lot.state != "settled":
        raise Conflict("Only what was settled is refunded this way.", code="not_settled")
    under_way = select(Refund.id).where(Refund.lot_id == lot.id, Refund.state.not_in(REFUND_CYCLE.final))
    if tx.first(under_way) is not None:
        raise Conflict("Another refund of this lot is under way.", code="refund_open")
    most = paid_out(tx, lot)
    if amount.currency != lot.currency or not 0 < amount.minor <= most.minor:
        raise Invalid(
            "A refund is more than nothing and at most what the seller was paid for the lot.",
            code="refund_amount",
            fields={"amount": [N_("More than nothing and at most what the seller was paid.")]},
            subject=order.id,
        )


def paid_out(tx: Transaction, lot: Lot) -> Money:
    """What the seller was paid for the lot and has not given back."""
    found = ledger.lot_money(tx.session, lot.id)
    return Money(found.released_minor - found.reversed_minor if found else 0, lot.currency)


def carry_out_decision(tx: Transaction, order: Order, lot: Lot, payment_order: PaymentOrder) -> Refund:
    """Refund what a decision says, once two officers have ordered it.

    Raises:
        Conflict: As ``refundable``.
        Invalid: As ``refundable``.
    """
    refund = _made(
        tx, order, lot, basis=DECISION, by=SETTLEMENT_OFFICER, amount=payment_order.amount, reason=payment_order.reason
    )
    facts = {"amount": refund.amount.facts(), "basis": DECISION, "decision": payment_order.document_number}
    links = [lot.id, order.id, payment_order.id]
    tx.create(refund, "refund.proposed", by=SETTLEMENT_OFFICER, facts=facts, links=links)
    _call_back(tx, order, lot, refund, by=SETTLEMENT_OFFICER)
    return refund


# -- money ------------------------------------------------------------------------------------------------------------


def heard(tx: Transaction, op: MoneyOp) -> None:
    """Take the outcome of a reversal or refund over (``money.OUTCOMES``): ours, or that of a lot not settled."""
    refund = tx.first(select(Refund).where(or_(Refund.reversal_op_id == op.id, Refund.refund_op_id == op.id)))
    if refund is None:
        lots_money.heard(tx, op)
        return
    order, lot = parties.locked_lot(tx, op.lot_id)
    refund = tx.lock(Refund, refund.id)
    if op.kind == REVERSAL:
        _reversed(tx, order, lot, refund, op)
        return
    lots_money.heard(tx, op)
    if op.state == CONFIRMED:
        tx.advance(refund, "confirm", by=GATEWAY, facts={"amount": op.amount.facts()}, links=[lot.id, op.id])
        if paid_out(tx, lot).minor == 0:
            grants.revoke(tx, order.id, "refunded")


def replaced(tx: Transaction, op: MoneyOp, again: MoneyOp) -> None:
    """``again`` was ordered in the place of ``op``, which failed: the refund it belongs to waits for that one."""
    refund = tx.first(select(Refund).where(Refund.refund_op_id == op.id).with_for_update())
    if refund is not None:
        refund.refund_op_id = again.id
        tx.record(refund.id, "refund.ordered_again", by=SETTLEMENT_OFFICER, links=[op.id, again.id])


def _call_back(tx: Transaction, order: Order, lot: Lot, refund: Refund, *, by: str) -> None:
    gates.not_charged_back(tx, order, lot)
    op = money.plan(tx, kind=REVERSAL, lot=lot, amount=refund.amount, org_id=order.seller_org_id)
    tx.session.flush()
    refund.reversal_op_id = op.id
    tx.advance(refund, "agree", by=by, facts={"amount": refund.amount.facts()}, links=[lot.id, op.id])


def _reversed(tx: Transaction, order: Order, lot: Lot, refund: Refund, op: MoneyOp) -> None:
    """The seller's money came back, or did not: then nothing has moved, and the refund has failed."""
    facts = {"amount": op.amount.facts()}
    if op.state == FAILED:
        problem = {"problem": op.problem or "unknown"}
        tx.advance(refund, "fail", by=GATEWAY, facts=facts | problem, links=[lot.id, op.id])
        return
    ledger.post(
        tx,
        [
            ledger.reversal(lot.id, order.seller_org_id, op.amount),
            ledger.reversal_paid(lot.id, op.gateway, order.seller_org_id, op.amount, op_id=op.id),
            ledger.refund(lot.id, order.buyer_org_id, op.amount),
        ],
    )
    back = money.plan(tx, kind=REFUND, lot=lot, amount=op.amount, org_id=order.buyer_org_id)
    tx.session.flush()
    refund.refund_op_id = back.id
    tx.record(lot.id, "lot.payment_reversed", by=GATEWAY, facts=facts, links=[order.id, op.id, refund.id])
    tx.advance(refund, "reverse", by=GATEWAY, facts=facts, links=[lot.id, op.id, back.id])


def _made(tx: Transaction, order: Order, lot: Lot, *, basis: str, by: str, amount: Money, reason: str) -> Refund:
    refundable(tx, order, lot, amount)
    return Refund(
        id=ids.new("rfd"),
        order_id=order.id,
        lot_id=lot.id,
        basis=basis,
        proposed_by=by,
        amount_minor=amount.minor,
        currency=amount.currency,
        reason=statements.cleaned(reason),
    )


def _locked(tx: Transaction, refund_id: str) -> tuple[Refund, Order, Lot, str]:
    try:
        order, lot, side = parties.party_lot(tx, tx.get(Refund, refund_id).lot_id, *parties.SIGNING)
    except NotFound:
        raise NotFound("There is no such %(kind)s.", kind=Refund.__tablename__) from None
    return tx.lock(Refund, refund_id), order, lot, side
