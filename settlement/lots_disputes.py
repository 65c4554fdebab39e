"""Disputed lots: settled between the parties, or ruled by an officer where the contract says so.

A first ruling waits five working days for an objection; another officer then rules once more, and that is the
exchange's last word. The exchange's ruling divides the money it holds, and is no statutory arbitration.
"""

from exchange import calendar
from exchange.db import Transaction, verb
from exchange.errors import Conflict, Invalid, Refused
from exchange.gates import Step, gate
from exchange.lifecycle import CLOCK
from exchange.members.gates import not_own_case
from settlement import deadlines, dispute_files, fulfilment, gates, parties, statements
from settlement.models import WHOLE_PERCENT, Lot, Order
from settlement.states import BUYER, OFFICER

DIGEST_BYTES = 32
#: Nobody objects to the second ruling.
LAST_RULING = 2


@gate("K-03")
def officer_agreed(order: Order, lot: Lot) -> None:
    """Deciding disputes here is voluntary: an officer rules only where both parties agreed to that in the contract."""
    if order.disputes != "officer":
        raise Refused(
            "K-03",
            "The contract leaves disputes to the parties and the courts.",
            remedy="The parties settle, or bring the decision of a court.",
            code="no_officer_agreed",
            subjects=(lot.id, order.id),
        )


#: The officer belongs to neither party.
RULE = Step("settlement.rule", (not_own_case,))


@verb
def dispute_lot(tx: Transaction, lot_id: str, *, reason: str, evidence_digest: bytes | None = None) -> Lot:
    """Dispute a delivery, as the buyer: its clock stops and its money stays held.

    Args:
        tx: The open transaction.
        lot_id: The lot.
        reason: What is wrong, for the seller and the officer.
        evidence_digest: SHA-256 of the evidence that the buyer keeps, if there is any.

    Raises:
        NotFound: There is no such lot, or it is another party's.
        WrongState: It is not under inspection.
        Refused: The inspection window is over (T-01).
        Invalid: No reason is given, or the digest is none.
    """
    order, lot = parties.own_lot(tx, lot_id, BUYER, *parties.SIGNING)
    lot.__lifecycle__.edge(lot.state, "dispute")
    gates.in_time(tx, order, lot)
    if evidence_digest is not None and len(evidence_digest) != DIGEST_BYTES:
        raise Invalid("A SHA-256 digest has 32 bytes.", code="invalid_digest")
    digests = statements.keep(tx, lot.id, by=BUYER, step="dispute", words=reason)
    if evidence_digest is not None:
        digests["evidence"] = evidence_digest
    lot.dispute_reason, lot.dispute_evidence = statements.cleaned(reason), evidence_digest
    deadlines.advance(tx, lot, "dispute", by=BUYER, digests=digests)
    dispute_files.begin(tx, lot, opened_by=BUYER, reason=lot.dispute_reason)
    return lot


@verb
def settle_dispute(tx: Transaction, lot_id: str, *, seller_share_percent: int) -> Lot:
    """Propose how to divide the money; when the other side has proposed the same, the dispute is settled.

    Raises:
        NotFound: There is no such lot, or it is another party's.
        WrongState: It is not disputed.
        Invalid: The share is not between 0 and 100.
        Refused: It is settled, and something stands in the way of releasing the money (K-05).
    """
    order, lot, side = parties.party_lot(tx, lot_id, *parties.SIGNING)
    lot.__lifecycle__.edge(lot.state, "settle")
    _check(seller_share_percent)
    facts = {"seller_share_percent": seller_share_percent}
    if lot.proposed_by in {None, side} or lot.proposed_share_percent != seller_share_percent:
        lot.proposed_share_percent, lot.proposed_by = seller_share_percent, side
        tx.record(lot.id, "lot.settlement_proposed", by=side, facts=facts, links=[order.id])
        return lot
    lot.seller_share_percent = seller_share_percent
    deadlines.advance(tx, lot, "settle", by=side, facts=facts)
    fulfilment.release(tx, order, lot)
    return lot


@verb
def rule_dispute(tx: Transaction, lot_id: str, *, seller_share_percent: int, reason: str) -> Lot:
    """Rule, as a dispute officer, on the seller's share.

    Raises:
        Forbidden: The actor is no dispute officer.
        NotFound: There is no such lot.
        WrongState: It is not disputed.
        Invalid: The share is not between 0 and 100, or no reason is given.
        Refused: The contract leaves disputes to the parties and the courts, or the seller may still answer (K-03);
            the officer belongs to a party, or ruled before (I-08); or the money of a second ruling cannot be released
            yet (K-05).
    """
    tx.actor.need(OFFICER)
    order, lot = parties.locked_lot(tx, lot_id)
    lot.__lifecycle__.edge(lot.state, "rule")
    officer_agreed(order, lot)
    for org_id in (order.buyer_org_id, order.seller_org_id):
        RULE.ask(tx, org_id)
    gates.another_officer(tx, order, lot)
    dispute_files.heard(tx, lot)
    _check(seller_share_percent)
    digests = statements.keep(tx, lot.id, by=OFFICER, step="rule", words=reason)
    lot.closing_reason = statements.cleaned(reason)
    lot.seller_share_percent, lot.ruled_by = seller_share_percent, tx.actor.person_id
    lot.proposed_share_percent = lot.proposed_by = None  # what was proposed before a ruling is off the table
    lot.rulings += 1
    last = lot.rulings >= LAST_RULING
    until = None if last else calendar.working_days_after(tx.session, tx.now, deadlines.OBJECTION_WORKING_DAYS).ends_at
    facts = {"seller_share_percent": seller_share_percent, "ruling": lot.rulings}
    deadlines.advance(tx, lot, "rule", by=OFFICER, until=until, facts=facts, digests=digests)
    if last:
        fulfilment.release(tx, order, lot)
    return lot


@verb
def object_to_ruling(tx: Transaction, lot_id: str, *, reason: str) -> Lot:
    """Object, as a party, to the first ruling before money moves: another officer rules once more.

    Raises:
        NotFound: There is no such lot, or it is another party's.
        WrongState: It is not ruled.
        Conflict: The money is on its way (``ruling_final``).
        Refused: The time to object is over (T-01).
        Invalid: No reason is given.
    """
    order, lot, side = parties.party_lot(tx, lot_id, *parties.SIGNING)
    lot.__lifecycle__.edge(lot.state, "object")
    if lot.deadline_at is None:
        raise Conflict("This decision is final.", code="ruling_final")
    gates.in_time(tx, order, lot)
    digests = statements.keep(tx, lot.id, by=side, step="object", words=reason)
    lot.closing_reason = statements.cleaned(reason)
    deadlines.advance(tx, lot, "object", by=side, digests=digests)
    dispute_files.reopen(tx, lot)
    return lot


@verb
def carry_out_ruling(tx: Transaction, lot_id: str) -> Lot:
    """Move the money as ruled, once nobody objected in time (called by the clock).

    Raises:
        WrongState: The lot is not ruled.
    """
    tx.actor.need(CLOCK)
    order, lot = parties.locked_lot(tx, lot_id)
    if deadlines.ripe(tx, order, lot, "ruled", gates.CLOCK):
        deadlines.set_deadline(tx, lot, None)
        tx.record(lot.id, "lot.ruling_final", by=CLOCK, links=[order.id])
        fulfilment.release(tx, order, lot)
    return lot


def _check(seller_share_percent: int) -> None:
    if not 0 <= seller_share_percent <= WHOLE_PERCENT:
        raise Invalid("A share lies between 0 and 100 per cent.", code="invalid_share")
