"""Negotiation 磋商: proposals and counter-proposals before a contract is agreed, each signed by its maker.

The last proposal stands; the other side signs it, answers with its own, or ends the matter. While the offer's version
is superseded, or the offer closed, a negotiation that was open goes on; a suspended version stops it.
"""

from sqlalchemy import select

from exchange.db import Transaction, verb
from exchange.errors import Conflict, WrongState
from exchange.journal import canonical
from exchange.lifecycle import CLOCK
from listings import gates as listing_gates
from settlement import contracts, gates, parties, proposals
from settlement.models import Order
from settlement.negotiation_models import Proposal
from settlement.proposals import Changes
from settlement.states import BUYER, SELLER


@verb
def counter_order(tx: Transaction, order_id: str, changes: Changes, *, password: str) -> Order:
    """Answer the other side's proposal with one's own, signed; the other side may then sign it.

    Raises:
        NotFound: There is no such order, or it is another party's.
        WrongState: It does not wait for a signature.
        Conflict: It waits for the other side (``not_your_turn``), the time is over (``signing_over``), the proposal
            changes nothing (``nothing_changed``), there were too many (``too_many_proposals``), or the version cannot
            be ordered any more (``version_suspended``, ``not_on_sale``).
        Invalid: A term is out of range.
        Refused: A party is not vetted, the goods lost their standing, a term reaches too far (G-17, T-05), the signer
            lacks authority (I-07), or something is restrained (K-05).
        Forbidden: The actor may not sign for its side, or the password is not right.
    """
    order, side = parties.locked_order(tx, order_id, *parties.SIGNING)
    order.__lifecycle__.edge(order.state, "counter")
    refuse_untimely(tx, order, side)
    gates.COUNTER.ask(tx, order)
    offer, version, _ = listing_gates.orderable(tx, order.offer_id, negotiation_open=True)
    proposals.change(order, offer, changes)
    if not proposals.differs(order, last_proposal(tx, order)):
        raise Conflict("This is what the other side proposed: sign it instead.", code="nothing_changed")
    words = purpose_words(tx, order)
    order.proposals, order.proposed_by = order.proposals + 1, side
    made = proposals.sign(tx, order, version, offer, password, words=words)
    facts = {"price": order.price.facts(), "proposal": order.proposals, "signature": made.signature_id}
    links = [order.offer_id, order.buyer_org_id, order.seller_org_id]
    tx.advance(order, "counter", by=side, facts=facts, links=links, digests={"contract": order.contract_digest})
    tx.add(made)
    proposals.await_answer(tx, order)
    parties.keep_checks(tx, order, "counter", order.id)
    return order


@verb
def remind_signing(tx: Transaction, order_id: str) -> Order:
    """Remind the side that is waited for that its time runs out (called by the clock).

    Raises:
        WrongState: Nobody is waited for.
    """
    tx.actor.need(CLOCK)
    order = tx.lock(Order, order_id)
    if order.state != "requested" or order.deadline_at <= tx.now:
        raise WrongState("This order waits for nobody.", code="not_waiting")
    facts = {"waits_for": SELLER if order.proposed_by == BUYER else BUYER}
    tx.record(order.id, "order.reminded", by=CLOCK, facts=facts, links=[order.offer_id])
    return order


def refuse_untimely(tx: Transaction, order: Order, side: str) -> None:
    """Refuse an answer to one's own proposal, or one that comes too late.

    Raises:
        Conflict: ``not_your_turn`` or ``signing_over``.
    """
    if side == order.proposed_by:
        raise Conflict("Your proposal waits for the other side.", code="not_your_turn")
    if order.deadline_at <= tx.now:
        raise Conflict("The time to sign this order is over.", code="signing_over")


def last_proposal(tx: Transaction, order: Order) -> Proposal:
    """The proposal that stands."""
    found = select(Proposal).where(Proposal.order_id == order.id, Proposal.number == order.proposals)
    return tx.session.scalars(found).one()


def purpose_words(tx: Transaction, order: Order) -> str:
    """What the buyer said it needs the goods for, from the contract as proposed last."""
    return str(canonical.loads(contracts.content_of(tx, order))["purpose"]["words"])
