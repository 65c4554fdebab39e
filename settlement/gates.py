"""What is asked before a trade moves: who the parties are, what the goods rest on, what stands in the way.

Standing is computed at the moment of asking. What was paid goes on although a party lapses: only new duties are barred.
"""

from sqlalchemy import select

from exchange.db import Transaction
from exchange.errors import Refused
from exchange.gates import Step, gate
from exchange.members import gates as member_gates
from exchange.members.models import MemberKey, Membership, Signature
from exchange.oversight import scopes
from exchange.oversight.restraints import refuse_restrained
from listings import exports
from listings.models import Version
from provenance import gates as provenance_gates
from provenance import government, purposes
from settlement import receipts
from settlement.models import Lot, Order

#: States from which money may leave a hold for the seller.
_RELEASING = frozenset({"accepted", "ruled"})


@gate("I-02")
def two_parties(tx: Transaction, order: Order) -> None:
    """A trade has two sides: neither the same organisation nor the same natural person stands on both."""
    if order.buyer_org_id == order.seller_org_id:
        raise Refused(
            "I-02",
            "A party does not buy from itself.",
            code="same_party",
            subjects=(order.offer_id, order.buyer_org_id),
        )
    seat = select(Membership.person_id).where(
        Membership.person_id == tx.actor.person_id,
        Membership.org_id.in_((order.buyer_org_id, order.seller_org_id)),
        Membership.org_id != tx.actor.org_id,
        Membership.ended_at.is_(None),
    )
    if tx.first(seat) is not None:
        raise Refused(
            "I-02",
            "You belong to both parties of this trade.",
            remedy="Another person has to act for one of them.",
            code="same_person",
            subjects=(order.offer_id, order.buyer_org_id, order.seller_org_id),
        )


@gate("I-02")
def two_people(tx: Transaction, order: Order) -> None:
    """No natural person signs a contract for both of its sides, wherever that person belongs by now."""
    signed = (order.buyer_signature_id, order.seller_signature_id)
    signer = select(MemberKey.person_id).join(Signature, Signature.key_id == MemberKey.id)
    other = signer.where(Signature.id.in_([one for one in signed if one is not None]))
    if tx.actor.person_id in tx.all(other):
        raise Refused(
            "I-02",
            "You signed this contract for the other side.",
            remedy="Another person has to act for one of them.",
            code="same_person",
            subjects=(order.id,),
        )


@gate("I-01", "I-02")
def parties_vetted(tx: Transaction, order: Order, *_about: Lot) -> None:
    """Both sides are who they say, at this moment."""
    member_gates.vetted(tx, *sorted((order.buyer_org_id, order.seller_org_id)))


@gate("P-03", "P-04", "P-06", "G-04", "G-06", "G-07", "G-08", "G-18")
def standing(tx: Transaction, order: Order, *_about: Lot) -> None:
    """What the goods were declared to rest on holds at this moment."""
    provenance_gates.STANDING.ask(tx, order.declaration_id)


@gate("G-17")
def purpose_covered(tx: Transaction, order: Order) -> None:
    """The buyer's purpose lies inside what every source allows, and so does a buyer of this kind."""
    provenance_gates.purposes_covered(tx, order.declaration_id, [order.purpose])
    government.buyer_allowed(tx, order.declaration_id, order.buyer_org_id)


@gate("G-17")
def purpose_offered(offer_id: str, offered: list[str], purpose: str) -> None:
    """The buyer's purpose lies inside those the goods are offered for.

    Raises:
        Invalid: The purpose is not in the tree.
        Refused: It lies outside.
    """
    if purposes.uncovered(offered, purposes.check([purpose])):
        raise Refused(
            "G-17",
            "The goods are not offered for this purpose: %(purpose)s.",
            remedy="Order for one of the purposes on offer: %(offered)s.",
            code="purpose_not_offered",
            subjects=(offer_id,),
            purpose=purpose,
            offered=", ".join(offered),
        )


@gate("X-01", "X-06")
def export_covered(tx: Transaction, order: Order, *_about: Lot) -> None:
    """What goes to a buyer outside the mainland is covered by a valid assessment."""
    exports.export_covered(tx, order.version_id, order.buyer_org_id, order.purpose)


@gate("K-05")
def unrestrained(tx: Transaction, order: Order, *lots: Lot) -> None:
    """Neither the trade nor anything it is about is under a restraint, the goods' field and the market included."""
    field = scopes.category(tx.get(Version, order.version_id).category)
    about = (order.id, order.offer_id, order.version_id, order.product_id, order.buyer_org_id, order.seller_org_id)
    refuse_restrained(tx, *about, *(lot.id for lot in lots), field)


@gate("K-05")
def not_charged_back(_tx: Transaction, _order: Order, lot: Lot) -> None:
    """The buyer's bank does not claim the money back at this moment."""
    if lot.chargeback_hold:
        raise Refused(
            "K-05",
            "The payer's bank claims the payment back.",
            remedy="The claim has to be decided first.",
            code="chargeback_hold",
            subjects=(lot.id,),
        )


@gate("T-01")
def in_time(tx: Transaction, order: Order, lot: Lot) -> None:
    """A step is taken while its time runs, or stands still behind something in the way."""
    over = lot.deadline_at is not None and lot.deadline_at <= tx.now
    if over and lot.clock_stopped_at is None and hindrance(tx, CLOCK, order, lot) is None:
        raise Refused("T-01", "The time for this step is over.", code="deadline_passed", subjects=(lot.id,))


@gate("I-08")
def another_officer(tx: Transaction, _order: Order, lot: Lot) -> None:
    """After an objection another natural person rules."""
    if tx.actor.person_id is not None and tx.actor.person_id == lot.ruled_by:
        raise Refused(
            "I-08",
            "You ruled on this already.",
            remedy="Another officer has to rule.",
            code="second_person_needed",
            subjects=(lot.id,),
        )


@gate("T-14")
def releasable(_tx: Transaction, _order: Order, lot: Lot) -> None:
    """Money leaves the hold for the seller after acceptance or a decision that no objection can still stop."""
    if lot.state not in _RELEASING or (lot.state == "ruled" and lot.deadline_at is not None):
        raise Refused(
            "T-14",
            "The money is released after acceptance, the end of the inspection window, or a decision.",
            code="not_releasable",
            subjects=(lot.id,),
        )


@gate("T-10")
def as_listed(tx: Transaction, _order: Order, lot: Lot) -> None:
    """Nothing that was served or received contradicts the listed version."""
    receipts.refuse_differing(tx, lot)


@gate("T-10")
def received(tx: Transaction, _order: Order, lot: Lot) -> None:
    """The goods were received as listed, and both halves of the receipt say so."""
    receipts.require_matching(tx, lot)


REQUEST = Step("settlement.request", (two_parties, parties_vetted, purpose_covered, export_covered, unrestrained))
_CONTRACT = (two_parties, two_people, parties_vetted, standing, purpose_covered, export_covered, unrestrained)
COUNTER = Step("settlement.counter", _CONTRACT)
SIGN = Step("settlement.sign", _CONTRACT)
PAY = Step("settlement.pay", (parties_vetted, standing, export_covered, unrestrained, not_charged_back, in_time))
DELIVER = Step("settlement.deliver", (export_covered, unrestrained, not_charged_back))
ACCEPT = Step("settlement.accept", (received,))
RELEASE = Step("settlement.release", (releasable, unrestrained, not_charged_back))
#: Behind these the clock of a lot stands still.
CLOCK = Step("settlement.clock", (parties_vetted, unrestrained, not_charged_back))
#: Without these a delivery is not taken for accepted.
DEEMED = Step("settlement.deemed_acceptance", (as_listed,))


def hindrance(tx: Transaction, step: Step, order: Order, lot: Lot) -> Refused | None:
    """What a step's gates have against a lot at this moment."""
    try:
        step.ask(tx, order, lot)
    except Refused as found:
        return found
    return None
