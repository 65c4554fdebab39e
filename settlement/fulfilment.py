"""What follows from a lot's step: goods made available, money released or given back, the order brought along.

These functions take the open transaction of whoever took the step, with order and lot locked. They post money and plan
its movement; `settlement.lots_money` hears what became of it.
"""

from datetime import timedelta

from sqlalchemy import func, select

from exchange.db import Transaction
from exchange.money import Money
from provenance.acquisitions import record_acquisition
from settlement import deadlines, gates, grants, ledger, money, vouchers
from settlement.ledger_models import LedgerTransfer
from settlement.models import WHOLE_PERCENT, Lot, Order
from settlement.money_models import REFUND, TRANSFER
from settlement.states import EXCHANGE, LOT_ENDED

#: What the ledger owes, and the transfer that pays it.
_PAID_BY = {"release": "pay_out", "refund": "refund_paid"}


def hand_over(tx: Transaction, order: Order, lot: Lot, *, by: str) -> None:
    """Put the goods within the buyer's reach: from this moment they are delivered (RULES T-09).

    Raises:
        Refused: A restraint or a chargeback stands in the way.
        WrongState: The lot is not paid, or was delivered.
    """
    gates.DELIVER.ask(tx, order, lot)
    lot.available_at = tx.now
    until = tx.now + deadlines.RECEIPT + timedelta(hours=order.terms["inspection_hours"])
    deadlines.advance(tx, lot, "deliver", by=by, until=until, links=[order.version_id])
    grants.open_grant(tx, order, lot)


def release(tx: Transaction, order: Order, lot: Lot) -> None:
    """Divide what is held for the lot: the seller's share less the fee on it, and the rest back to the buyer.

    The caller records an entry of the lot.

    Raises:
        Refused: The lot is neither accepted nor finally decided (T-14), or something stands in the way (K-05).
    """
    gates.RELEASE.ask(tx, order, lot)
    held = ledger.balance(tx.session, ledger.hold(lot.id))  # less than the price once a bank kept a part of it
    percent = WHOLE_PERCENT if lot.seller_share_percent is None else lot.seller_share_percent
    share = held.share(percent, WHOLE_PERCENT)
    fee = order.fee_on(share)
    net, rest = share - fee, held - share
    nothing = Money(0, lot.currency)
    postings = [
        *([ledger.release(lot.id, order.seller_org_id, net)] if nothing < net else []),
        *([ledger.fee(lot.id, fee)] if nothing < fee else []),
        *([ledger.refund(lot.id, order.buyer_org_id, rest)] if nothing < rest else []),
    ]
    ledger.post(tx, postings)
    if nothing < net:
        money.plan(tx, kind=TRANSFER, lot=lot, amount=net, org_id=order.seller_org_id)
    if nothing < rest:
        money.plan(tx, kind=REFUND, lot=lot, amount=rest, org_id=order.buyer_org_id)


def give_back(tx: Transaction, order: Order, lot: Lot) -> None:
    """Plan the refund of all that is held for the lot; nothing, while the buyer's bank has taken it back.

    The caller records an entry of the lot.
    """
    found = ledger.lot_money(tx.session, lot.id)
    if found is None or found.held_minor == 0:
        return
    held = Money(found.held_minor, found.currency)
    ledger.post(tx, [ledger.refund(lot.id, order.buyer_org_id, held)])
    money.plan(tx, kind=REFUND, lot=lot, amount=held, org_id=order.buyer_org_id)


def all_paid(tx: Transaction, lot: Lot) -> bool:
    """Whether everything that was released or refunded of the lot has been paid."""
    sums = select(LedgerTransfer.kind, func.sum(LedgerTransfer.amount_minor)).where(LedgerTransfer.subject == lot.id)
    moved = {kind: int(total) for kind, total in tx.session.execute(sums.group_by(LedgerTransfer.kind))}
    return all(moved.get(owed, 0) == moved.get(paid, 0) for owed, paid in _PAID_BY.items())


def acquired(tx: Transaction, order: Order, lot: Lot) -> None:
    """The goods are the buyer's to use: what it builds on them carries the duties of their sources on."""
    record_acquisition(
        tx,
        org_id=order.buyer_org_id,
        declaration_id=order.declaration_id,
        reference=lot.id,
        onward_allowed=order.terms["derivation"],
        purposes=[order.purpose],
    )


def follow(tx: Transaction, order: Order) -> None:
    """Close an open order once all its lots have ended: completed if one was settled, refunded if one was paid back."""
    states = set(tx.all(select(Lot.state).where(Lot.order_id == order.id)))
    if order.state != "open" or not states <= LOT_ENDED:
        return
    if "settled" in states:
        tx.advance(order, "complete", by=EXCHANGE, links=[order.offer_id])
        vouchers.issue(tx, order)
        return
    refunded = "refunded" in states
    tx.advance(order, "refund" if refunded else "cancel", by=EXCHANGE, links=[order.offer_id])
    grants.revoke(tx, order.id, "refunded" if refunded else "cancelled")
