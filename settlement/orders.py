"""Orders: requested by a buyer, signed by both, ended by either side; the contract is what both sign."""

from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select

from exchange import ids
from exchange.actors import Actor
from exchange.db import Transaction, transaction, verb
from exchange.errors import Conflict, Forbidden, Invalid, WrongState
from exchange.lifecycle import CLOCK
from exchange.members import signatures
from listings import gates as listing_gates
from listings.models import Offer, Version
from provenance import routing
from settlement import contracts, deadlines, gates, grants, negotiation, parties, proposals, statements, tariff
from settlement.models import Lot, Order
from settlement.proposals import DISPUTES, Changes
from settlement.states import BUYER, EXCHANGE, LOT_ENDED, SELLER

#: What a buyer says it needs the goods for has at most so many characters.
MAX_WORDS: Final = 1000
#: How often a delivery may be rejected and made again.
REDELIVERIES: Final = 1


@dataclass(frozen=True, slots=True)
class Request:
    """What a buyer asks for.

    Args:
        offer_id: The offer it takes.
        purpose: A code of `provenance.purposes`, inside those on offer.
        disputes: ``officer``: the dispute officer may rule; ``none``: only the parties and the courts decide.
        password: Opens the buyer's signing key; the request is the buyer's signature of the contract.
        words: What the goods are needed for, in the buyer's own words; they stand in the contract only.
        changes: What the buyer would have otherwise than offered; the seller signs it or answers.
    """

    offer_id: str
    purpose: str
    disputes: str
    password: str = field(repr=False)
    words: str = ""
    changes: Changes = field(default_factory=Changes)


@verb
def request_order(tx: Transaction, request: Request) -> Order:
    """Order what an offer offers, and sign the contract as its buyer. Version, price, fee and terms are pinned.

    Raises:
        NotFound: There is no such offer.
        Conflict: The offer cannot be ordered here and now (``offer_closed``, ``version_suspended``,
            ``version_superseded``, ``not_on_sale``, ``not_traded_here``).
        Invalid: The purpose or the way to decide disputes is not known, or a term is out of range.
        Refused: Buyer and seller are the same (I-02), one of them is not vetted (I-01, I-02), the purpose or a change
            is not covered (G-17), the goods have lost their standing, the signer lacks authority (I-07), or something
            is restrained (K-05).
        Forbidden: The actor may not sign for the buyer, or the password is not right.
    """
    order, offer, version = _asked(tx, request)
    made = proposals.sign(tx, order, version, offer, request.password, words=request.words.strip())
    facts = {
        "price": order.price.facts(),
        "fee_basis_points": order.fee_basis_points,
        "purpose": order.purpose,
        "government_derived": order.government_derived,
        "disputes": order.disputes,
        "signature": order.buyer_signature_id,
    }
    links = [offer.id, version.id, offer.product_id, order.buyer_org_id, order.seller_org_id]
    tx.create(order, "order.requested", by=BUYER, facts=facts, links=links, digests={"contract": order.contract_digest})
    tx.session.flush()
    tx.add(made)
    parties.keep_checks(tx, order, "request", order.id)
    proposals.await_answer(tx, order)
    return order


def preview(actor: Actor, request: Request) -> bytes:
    """The contract that ``request`` would have the buyer sign, asked of the same gates; nothing is kept.

    Raises:
        ExchangeError: As `request_order` would, but for the signature.
    """
    with transaction(actor, "preview_order") as tx:
        order, offer, version = _asked(tx, request)
        terms = (offer.price, proposals.offered(offer))
        content = contracts.compose(tx, order, version, offered=terms, words=request.words.strip())
        contracts.complete(order, content)
        return content


def _asked(tx: Transaction, request: Request) -> tuple[Order, Offer, Version]:
    """The order that a request describes, not kept yet, if it can be placed at this moment."""
    tx.actor.need(*parties.SIGNING)
    if request.disputes not in DISPUTES:
        raise Invalid("Disputes are decided by an officer, or not here.", code="invalid_disputes")
    if len(request.words.strip()) > MAX_WORDS:
        raise Invalid("The purpose has at most %(most)s characters.", code="purpose_too_long", most=MAX_WORDS)
    offer, version, _ = listing_gates.orderable(tx, request.offer_id)
    gates.purpose_offered(offer.id, offer.purposes, request.purpose)
    order = _pin(tx, offer, version, request)
    proposals.change(order, offer, request.changes)
    gates.REQUEST.ask(tx, order)
    return order, offer, version


@verb
def sign_order(tx: Transaction, order_id: str, *, password: str) -> Order:
    """Sign what the other side proposed: the order is agreed and opens with its lot, which the buyer now has to pay.

    Raises:
        NotFound: There is no such order, or it is another party's.
        WrongState: It does not wait for a signature.
        Conflict: It waits for the other side (``not_your_turn``), the time to sign is over (``signing_over``), or the
            version cannot be sold any more (``version_suspended``, ``not_on_sale``).
        Refused: A party is not vetted (I-01, I-02), one person would sign for both (I-02), the goods have lost their
            standing, the signer lacks authority (I-07), or something is restrained.
        Forbidden: The actor may not sign for its side, or the password is not right.
    """
    order, side = parties.locked_order(tx, order_id, *parties.SIGNING)
    order.__lifecycle__.edge(order.state, "sign")
    negotiation.refuse_untimely(tx, order, side)
    gates.SIGN.ask(tx, order)
    listing_gates.orderable(tx, order.offer_id, negotiation_open=True)
    content = contracts.content_of(tx, order)
    signature = signatures.sign(tx, order.id, password, content, scope="contract", amount=order.price)
    if side == BUYER:
        order.buyer_signature_id = signature.id
    else:
        order.seller_signature_id = signature.id
    facts = {"signature": signature.id, "proposal": order.proposals}
    digests = {"contract": order.contract_digest}
    tx.advance(order, "sign", by=side, facts=facts, links=_about(order), digests=digests)
    parties.keep_checks(tx, order, "sign", order.id)
    proposals.no_more_answers(tx, order)
    lot = _open_lot(tx, order)
    tx.advance(order, "open", by=EXCHANGE, links=[lot.id])
    return order


@verb
def decline_order(tx: Transaction, order_id: str, *, reason: str) -> Order:
    """Refuse, as the seller, to sign.

    Raises:
        NotFound: There is no such order, or it is another party's.
        WrongState: It does not wait for a signature.
        Invalid: No reason is given.
    """
    order = _own(tx, order_id, SELLER)
    order.__lifecycle__.edge(order.state, "decline")
    digests = statements.keep(tx, order.id, by=SELLER, step="decline", words=reason)
    order.closing_reason = statements.cleaned(reason)
    tx.advance(order, "decline", by=SELLER, links=_about(order), digests=digests)
    proposals.no_more_answers(tx, order)
    return order


@verb
def withdraw_order(tx: Transaction, order_id: str) -> Order:
    """End the negotiation, as the buyer, before both have signed.

    Raises:
        NotFound: There is no such order, or it is another party's.
        WrongState: It was signed, or has ended.
    """
    order = _own(tx, order_id, BUYER)
    tx.advance(order, "withdraw", by=BUYER, links=_about(order))
    proposals.no_more_answers(tx, order)
    return order


@verb
def lapse_signing(tx: Transaction, order_id: str) -> Order:
    """End a negotiation in which nobody answered in time (called by the clock).

    Raises:
        WrongState: It does not wait for a signature, or there is time left.
    """
    tx.actor.need(CLOCK)
    order = tx.lock(Order, order_id)
    if tx.now < order.deadline_at:
        raise WrongState("The time to sign is not over.", code="not_over")
    tx.advance(order, "lapse", by=CLOCK, links=_about(order))
    proposals.no_more_answers(tx, order)
    return order


@verb
def terminate_order(tx: Transaction, order_id: str, *, reason: str) -> Order:
    """End an open contract, as either side, before money is held for it; lots still due are cancelled.

    A payment that is on its way comes late and goes back.

    Raises:
        NotFound: There is no such order, or it is another party's.
        WrongState: It is not open.
        Conflict: A lot is paid and not settled (``lot_under_way``): it is declined, accepted or disputed first.
        Invalid: No reason is given.
    """
    order, side = parties.locked_order(tx, order_id, *parties.SIGNING)
    order.__lifecycle__.edge(order.state, "terminate")
    digests = statements.keep(tx, order.id, by=side, step="terminate", words=reason)
    order.closing_reason = statements.cleaned(reason)
    lots = tx.all(select(Lot).where(Lot.order_id == order.id).order_by(Lot.number).with_for_update())
    if any(lot.state not in LOT_ENDED | {"due"} for lot in lots):
        raise Conflict("A lot of this order is paid and not settled yet.", code="lot_under_way")
    due = [lot for lot in lots if lot.state == "due"]
    tx.advance(order, "terminate", by=side, links=[*_about(order), *(lot.id for lot in due)], digests=digests)
    for lot in due:
        deadlines.advance(tx, lot, "cancel", by=EXCHANGE)
    grants.revoke(tx, order.id, "terminated")
    return order


def _own(tx: Transaction, order_id: str, side: str) -> Order:
    order, found = parties.locked_order(tx, order_id, *parties.SIGNING)
    if found != side:
        raise Forbidden("Only the %(side)s may do this.", code="other_side", side=side)
    return order


def _pin(tx: Transaction, offer: Offer, version: Version, request: Request) -> Order:
    """The order as it stands from now on, whatever becomes of the offer; it is not added yet."""
    if tx.actor.org_id is None:
        raise Forbidden("A member organisation orders.")
    declaration_id = listing_gates.declaration_of(version)
    return Order(
        id=ids.new("ord"),
        offer_id=offer.id,
        product_id=offer.product_id,
        version_id=version.id,
        declaration_id=declaration_id,
        buyer_org_id=tx.actor.org_id,
        seller_org_id=offer.org_id,
        amount_minor=offer.amount_minor,
        currency=offer.currency,
        fee_basis_points=tariff.basis_points(),
        purpose=request.purpose,
        terms=proposals.offered(offer),
        government_derived=routing.classify(tx, declaration_id).government_derived,
        disputes=request.disputes,
        proposals=1,
        proposed_by=BUYER,
        deadline_at=tx.now + deadlines.SIGNING,
    )


def _open_lot(tx: Transaction, order: Order) -> Lot:
    lot = Lot(
        id=ids.new("lot"),
        order_id=order.id,
        number=1,
        amount_minor=order.amount_minor,
        currency=order.currency,
        delivery=order.terms["delivery"],
        redeliveries_left=REDELIVERIES,
        rulings=0,
        chargeback_hold=False,
    )
    tx.create(lot, "lot.opened", by=EXCHANGE, facts={"amount": lot.amount.facts()}, links=[order.id])
    deadlines.set_deadline(tx, lot, tx.now + deadlines.PAYMENT)
    return lot


def _about(order: Order) -> list[str]:
    return [order.offer_id, order.buyer_org_id, order.seller_org_id]
