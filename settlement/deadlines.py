"""How long each step may take, and what the clock does while something stands in the way.

A lot has one deadline, that of its present state. Behind a restraint, a chargeback, or a party that lapsed or was
suspended the clock stands still; once the way is free the parties get a full day before time takes its edge.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from exchange.db import Transaction
from exchange.errors import WrongState
from exchange.gates import Step
from exchange.lifecycle import CLOCK
from settlement import gates
from settlement.lot_models import Dispute, Extension
from settlement.lot_states import EXTENSION
from settlement.models import Lot, Order
from settlement.states import EXCHANGE

#: How long the seller may take to sign, the buyer to pay, and the seller to deliver what is made on order.
SIGNING = timedelta(days=5)
PAYMENT = timedelta(days=3)
DELIVERY = timedelta(days=7)
#: Without a complete receipt the inspection window begins this long after the goods became available.
RECEIPT = timedelta(days=14)
#: Working days in which a party may object to a ruling before money moves.
OBJECTION_WORKING_DAYS = 5
#: How long the seller may take to answer a dispute before an officer rules on it.
ANSWER = timedelta(days=7)
#: The buyer is reminded of an inspection window when half of it is over, and this long before its end.
LAST_REMINDER = timedelta(hours=24)
#: Money held for longer than this is looked at by an officer: a gateway holds a platform's money for 90 days.
HOLDING = timedelta(days=80)
#: How often a clock that stands still is looked at, and how long it runs at least once the way is free.
GRACE = timedelta(days=1)

#: The due row of each state that has a deadline.
KINDS = {"due": "lot.payment", "funded": "lot.delivery", "delivered": "lot.inspection", "ruled": "lot.ruling"}
#: The due rows of the two reminders.
HALF, LAST = "lot.reminder_half", "lot.reminder_last"


def advance(
    tx: Transaction,
    lot: Lot,
    action: str,
    *,
    by: str,
    until: datetime | None = None,
    facts: Mapping[str, Any] | None = None,
    links: Sequence[str] = (),
    digests: Mapping[str, bytes] | None = None,
) -> None:
    """Take an edge of the lot: the clock of the state it leaves stops, that of the state it enters runs ``until``.

    Raises:
        WrongState: The life cycle has no such edge from here.
    """
    left = lot.state
    tx.advance(lot, action, by=by, facts=facts, links=[lot.order_id, *links], digests=digests)
    _leave(tx, lot, left)
    lot.clock_stopped_at = lot.extended_until = None
    set_deadline(tx, lot, until)


def _leave(tx: Transaction, lot: Lot, left: str) -> None:
    """End what belonged to the state that a lot left: its clock, its reminders, an open proposal, its dispute."""
    if left in KINDS:
        tx.undue(KINDS[left], lot.id)
    if left == "delivered":
        tx.undue(HALF, lot.id)
        tx.undue(LAST, lot.id)
    if left in {"funded", "delivered"}:
        proposed = select(Extension).where(Extension.lot_id == lot.id, Extension.state == EXTENSION.initial)
        extension = tx.first(proposed)
        if extension is not None:
            tx.advance(extension, "lapse", by=EXCHANGE, links=[lot.id])
    if left == "disputed":
        dispute = open_dispute(tx, lot)
        if dispute is not None:
            dispute.closed_at = tx.now


def open_dispute(tx: Transaction, lot: Lot) -> Dispute | None:
    """The lot's dispute that is not closed, if there is one."""
    return tx.first(select(Dispute).where(Dispute.lot_id == lot.id, Dispute.closed_at.is_(None)))


def delivery_time(order: Order) -> timedelta:
    """How long the seller has to deliver once a lot is paid, or rejected: as agreed, else the exchange's rule."""
    days = order.terms.get("delivery_days")
    return DELIVERY if days is None else timedelta(days=days)


def set_deadline(tx: Transaction, lot: Lot, until: datetime | None) -> None:
    """Let the lot's present state last ``until``; the caller records an entry of the lot."""
    lot.deadline_at = until
    if until is None:
        return
    tx.due(KINDS[lot.state], lot.id, until)
    if lot.state == "delivered" and lot.clock_stopped_at is None:
        tx.due(HALF, lot.id, tx.now + (until - tx.now) / 2)
        if until - LAST_REMINDER > tx.now:
            tx.due(LAST, lot.id, until - LAST_REMINDER)
        else:
            tx.undue(LAST, lot.id)


def ripe(tx: Transaction, order: Order, lot: Lot, state: str, step: Step) -> bool:
    """Whether the clock may take its edge now. If not, the lot's deadline lies ahead or was moved ahead.

    ``step`` holds the gates behind which this clock stands still.

    Raises:
        WrongState: The lot is no longer in ``state``.
    """
    if lot.state != state:
        raise WrongState("The lot is no longer «%(state)s».", state=state)
    if lot.deadline_at is None or tx.now < lot.deadline_at:
        return False
    found = gates.hindrance(tx, step, order, lot)
    if found is None and lot.clock_stopped_at is None:
        return True
    if found is not None:
        action, facts = "lot.clock_stopped", {"rule": found.rule_id, "code": found.code}
        lot.clock_stopped_at = lot.clock_stopped_at or tx.now
    else:
        action, facts = "lot.clock_resumed", {}
        lot.clock_stopped_at = None
    set_deadline(tx, lot, tx.now + GRACE)
    tx.record(lot.id, action, by=CLOCK, facts=facts, links=[order.id])
    return False


def receipt_complete(tx: Transaction, lot: Lot) -> None:
    """Both halves of a lot's receipt are there for the first time: its inspection window begins now.

    The caller records the receipt in the lot's story.
    """
    hours = tx.get(Order, lot.order_id).terms["inspection_hours"]
    end = tx.now + timedelta(hours=hours)
    if lot.extended_until is not None:
        end = max(end, lot.extended_until)
    if lot.state == "delivered" and lot.deadline_at is not None and end < lot.deadline_at:
        set_deadline(tx, lot, end)
