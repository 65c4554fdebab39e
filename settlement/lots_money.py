"""What the gateway's answers mean for a lot: they post its money and take the edges that only money takes.

An answer is a fact: it is recorded whatever state the lot is in, and refused by no gate.
"""

import dataclasses

from sqlalchemy import func, select

from exchange.db import Transaction
from exchange.errors import Conflict, NotFound, Refused
from exchange.lifecycle import GATEWAY
from exchange.money import Money
from settlement import deadlines, fulfilment, grants, ledger, money, parties
from settlement.ledger_models import LedgerTransfer
from settlement.models import Lot, Order
from settlement.money_models import CHARGEBACK, CONFIRMED, FAILED, PAYMENT, REFUND, SENT, TRANSFER, MoneyOp
from settlement.states import EXCHANGE, SETTLEMENT_OFFICER

#: The kinds of operation whose outcomes are heard here (``settlement.jobs`` registers ``heard`` for them).
HEARD = (PAYMENT, TRANSFER, REFUND, CHARGEBACK)


def heard(tx: Transaction, op: MoneyOp) -> None:
    """Take the outcome of an operation over into its lot (``money.OUTCOMES``)."""
    order, lot = parties.locked_lot(tx, op.lot_id)
    if op.kind == CHARGEBACK:
        _CHARGEBACK[op.state](tx, order, lot, op)
    elif op.state == FAILED:
        facts = {"amount": op.amount.facts(), "problem": op.problem or "unknown"}
        tx.record(lot.id, f"lot.{op.kind}_failed", by=GATEWAY, facts=facts, links=[order.id, op.id])
    elif op.kind == PAYMENT:
        _paid(tx, order, lot, op)
    else:
        _moved(tx, order, lot, op)


def repeatable(tx: Transaction, lot: Lot, op: MoneyOp) -> None:
    """Whether a movement of the lot's money may be ordered once more.

    Raises:
        NotFound: It is no transfer and no refund.
        Conflict: It did not fail, or was ordered again already (``not_failed``).
    """
    newest = select(MoneyOp.id).where(MoneyOp.lot_id == lot.id, MoneyOp.kind == op.kind).order_by(MoneyOp.id.desc())
    if op.kind not in {TRANSFER, REFUND}:
        raise NotFound("There is no such %(kind)s.", kind=MoneyOp.__tablename__)
    if op.state != FAILED or tx.first(newest) != op.id:
        raise Conflict("This did not fail, or was ordered again already.", code="not_failed")


def plan_again(tx: Transaction, order: Order, lot: Lot, op: MoneyOp) -> MoneyOp:
    """Order a transfer or refund once more that the gateway or a bank turned down for good.

    Raises:
        NotFound: As ``repeatable``.
        Conflict: As ``repeatable``.
    """
    repeatable(tx, lot, op)
    base = tx.get(MoneyOp, op.rests_on) if op.rests_on else None
    again = money.plan(tx, kind=op.kind, lot=lot, amount=op.amount, org_id=op.org_id, rests_on=base)
    facts = {"amount": op.amount.facts(), "kind": op.kind}
    tx.record(lot.id, "lot.money_ordered_again", by=SETTLEMENT_OFFICER, facts=facts, links=[order.id, op.id, again.id])
    tx.session.flush()
    return again


# -- payments -------------------------------------------------------------------------------------------------------


def _paid(tx: Transaction, order: Order, lot: Lot, op: MoneyOp) -> None:
    """Money arrived: it funds a lot that is due and goes back from one that is not."""
    ledger.post(tx, [ledger.fund(lot.id, op.gateway, op.amount, op_id=op.id)])
    facts = {"amount": op.amount.facts()}
    if lot.state == "due":
        until = tx.now + deadlines.delivery_time(order)
        deadlines.advance(tx, lot, "pay", by=GATEWAY, until=until, facts=facts, links=[op.id])
        tx.due("lot.held", lot.id, tx.now + deadlines.HOLDING)
        if lot.delivery == "deposit":
            _make_available(tx, order, lot)
    elif lot.state == "cancelled":
        deadlines.advance(tx, lot, "pay", by=GATEWAY, facts=facts, links=[op.id])
        fulfilment.give_back(tx, order, lot)
    else:
        tx.record(lot.id, "lot.paid_twice", by=GATEWAY, facts=facts, links=[order.id, op.id])
        ledger.post(tx, [ledger.refund(lot.id, order.buyer_org_id, op.amount)])
        money.plan(tx, kind=REFUND, lot=lot, amount=op.amount, org_id=order.buyer_org_id, rests_on=op)


def _make_available(tx: Transaction, order: Order, lot: Lot) -> None:
    try:
        fulfilment.hand_over(tx, order, lot, by=EXCHANGE)
    except Refused:  # the worker makes them available as soon as nothing stands in the way
        tx.due("lot.availability", lot.id, tx.now)


# -- transfers and refunds ------------------------------------------------------------------------------------------


def _moved(tx: Transaction, order: Order, lot: Lot, op: MoneyOp) -> None:
    """A transfer or refund arrived. After the last one the lot has ended, and its order may have."""
    here = (lot.id, op.gateway)
    if op.kind == TRANSFER:
        posting = ledger.pay_out(*here, order.seller_org_id, op.amount, op_id=op.id)
    else:
        posting = ledger.refund_paid(*here, order.buyer_org_id, op.amount, op_id=op.id)
    ledger.post(tx, [posting])
    facts = {"amount": op.amount.facts()}
    if lot.state not in {"accepted", "ruled", "refunding"} or not fulfilment.all_paid(tx, lot):
        tx.record(lot.id, f"lot.{op.kind}_arrived", by=GATEWAY, facts=facts, links=[order.id, op.id])
        return
    if lot.state == "refunding" or lot.seller_share_percent == 0:
        deadlines.advance(tx, lot, "confirm_refund", by=GATEWAY, facts=facts, links=[op.id])
        grants.revoke(tx, order.id, "refunded")
    else:
        lot.settled_at = tx.now
        deadlines.advance(tx, lot, "confirm", by=GATEWAY, facts=facts, links=[op.id])
        fulfilment.acquired(tx, order, lot)
    fulfilment.follow(tx, order)


# -- chargebacks ----------------------------------------------------------------------------------------------------


def _charged_back(tx: Transaction, order: Order, lot: Lot, op: MoneyOp) -> None:
    """The buyer's bank took money back. What was released is owed by the seller; the exchange bears what is left."""
    found = ledger.lot_money(tx.session, lot.id)
    held, owed = (found.held_minor, found.released_minor + found.fee_minor - found.reversed_minor) if found else (0, 0)
    from_hold = min(op.amount_minor, held)
    from_seller = min(op.amount_minor - from_hold, owed)
    left = op.amount_minor - from_hold - from_seller
    amounts = [Money(minor, op.currency) for minor in (from_seller, from_hold + from_seller, left)]
    reversal = dataclasses.replace(ledger.reversal(lot.id, order.seller_org_id, amounts[0]), op_id=op.id)
    postings = (
        reversal,
        ledger.chargeback(lot.id, op.gateway, amounts[1], op_id=op.id),
        ledger.gateway_cost(lot.id, op.gateway, amounts[2], op_id=op.id),
    )
    ledger.post(tx, [posting for posting in postings if posting.amount.minor])
    lot.chargeback_hold = True
    facts = {"amount": op.amount.facts()}
    tx.record(lot.id, "lot.chargeback_opened", by=GATEWAY, facts=facts, links=[order.id, op.id])


def _chargeback_lost(tx: Transaction, order: Order, lot: Lot, op: MoneyOp) -> None:
    """The bank keeps the money: a lot that was not settled has ended, its buyer paid back by the bank."""
    lot.chargeback_hold = False
    found = ledger.lot_money(tx.session, lot.id)
    empty = found is not None and found.held_minor == 0 and fulfilment.all_paid(tx, lot)
    facts = {"amount": op.amount.facts()}
    if not empty or (lot.state, "charge_back") not in lot.__lifecycle__.edges:
        tx.record(lot.id, "lot.chargeback_lost", by=GATEWAY, facts=facts, links=[order.id, op.id])
        return
    deadlines.advance(tx, lot, "charge_back", by=GATEWAY, facts=facts, links=[op.id])
    grants.revoke(tx, order.id, "charged_back")
    fulfilment.follow(tx, order)


def _chargeback_won(tx: Transaction, order: Order, lot: Lot, op: MoneyOp) -> None:
    """The bank gave the money back: to the hold, to the seller who owed it, to the exchange that bore the rest."""
    taken = _posted(tx, lot, op, "chargeback")
    owed = _posted(tx, lot, op, "reversal")
    here, seller = (lot.id, op.gateway), order.seller_org_id
    postings = (
        ledger.chargeback_won(*here, taken - owed, op_id=op.id),
        ledger.reversal_paid(*here, seller, owed, op_id=op.id),
        ledger.gateway_cost_returned(*here, op.amount - taken, op_id=op.id),
    )
    ledger.post(tx, [posting for posting in postings if posting.amount.minor])
    lot.chargeback_hold = False
    facts = {"amount": op.amount.facts()}
    tx.record(lot.id, "lot.chargeback_won", by=GATEWAY, facts=facts, links=[order.id, op.id])
    if lot.state == "refunding":
        fulfilment.give_back(tx, order, lot)


def _posted(tx: Transaction, lot: Lot, op: MoneyOp, kind: str) -> Money:
    total = select(func.coalesce(func.sum(LedgerTransfer.amount_minor), 0)).where(
        LedgerTransfer.subject == lot.id, LedgerTransfer.op_id == op.id, LedgerTransfer.kind == kind
    )
    return Money(int(tx.session.scalar(total) or 0), op.currency)


_CHARGEBACK = {SENT: _charged_back, CONFIRMED: _chargeback_lost, FAILED: _chargeback_won}
