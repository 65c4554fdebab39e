"""Orders: requested by a buyer, signed by the seller, ended by either side; the contract is what both sign."""

from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select

from exchange import ids
from exchange.db import Transaction, verb
from exchange.errors import Conflict, Forbidden, Invalid, WrongState
from exchange.lifecycle import CLOCK
from exchange.members import signatures
from listings import gates as listing_gates
from listings.models import Offer, Version
from provenance import routing
from settlement import contracts, deadlines, gates, grants, parties, statements
from settlement.models import Lot, Order
from settlement.states import BUYER, EXCHANGE, LOT_ENDED, SELLER

#: The exchange's fee as published with its trading rules: 3 % of what the seller gets.
FEE_BASIS_POINTS: Final = 300
#: Who decides when the parties cannot agree, as the buyer proposes and the seller signs.
DISPUTES = ("officer", "none")
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
    """

    offer_id: str
    purpose: str
    disputes: str
    password: str = field(repr=False)


@verb
def request_order(tx: Transaction, request: Request) -> Order:
    """Order what an offer offers, and sign the contract as its buyer. Version, price, fee and terms are pinned.

    Raises:
        NotFound: There is no such offer.
        Conflict: The offer cannot be ordered here and now (``offer_closed``, ``not_on_sale``, ``not_traded_here``).
        Invalid: The purpose or the way to decide disputes is not known.
        Refused: Buyer and seller are the same (I-02), one of them is not vetted (I-01, I-02), the purpose is not
            covered (G-17), the goods have lost their standing, or something is restrained (K-05).
        Forbidden: The actor may not sign for the buyer, or the password is not right.
    """
    tx.actor.need(*parties.SIGNING)
    if request.disputes not in DISPUTES:
        raise Invalid("Disputes are decided by an officer, or not here.", code="invalid_disputes")
    offer, version, _ = listing_gates.orderable(tx, request.offer_id)
    gates.purpose_offered(offer.id, offer.purposes, request.purpose)
    order = _pin(tx, offer, version, request)
    gates.REQUEST.ask(tx, order)
    content = contracts.compose(tx, order, version)
    order.contract_digest = contracts.keep(tx, order, content)
    order.buyer_signature_id = signatures.sign(tx, order.id, request.password, content).id
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
    parties.keep_checks(tx, order, "request", order.id)
    tx.due("order.signing", order.id, order.deadline_at)
    return order


@verb
def sign_order(tx: Transaction, order_id: str, *, password: str) -> Order:
    """Sign the contract as its seller: the order is agreed and opens with its lot, which the buyer now has to pay.

    Raises:
        NotFound: There is no such order, or it is another party's.
        WrongState: It does not wait for a signature.
        Conflict: The time to sign is over (``signing_over``).
        Refused: A party is not vetted (I-01, I-02), the goods have lost their standing, or something is restrained.
        Forbidden: The actor may not sign for the seller, or the password is not right.
    """
    order = _own(tx, order_id, SELLER)
    order.__lifecycle__.edge(order.state, "sign")
    if order.deadline_at <= tx.now:
        raise Conflict("The time to sign this order is over.", code="signing_over")
    gates.SIGN.ask(tx, order)
    signature = signatures.sign(tx, order.id, password, contracts.content_of(tx, order))
    order.seller_signature_id = signature.id
    digests = {"contract": order.contract_digest}
    tx.advance(order, "sign", by=SELLER, facts={"signature": signature.id}, links=_about(order), digests=digests)
    parties.keep_checks(tx, order, "sign", order.id)
    tx.undue("order.signing", order.id)
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
    tx.undue("order.signing", order.id)
    return order


@verb
def withdraw_order(tx: Transaction, order_id: str) -> Order:
    """Take a request back, as the buyer, before the seller signs.

    Raises:
        NotFound: There is no such order, or it is another party's.
        WrongState: It was signed, or has ended.
    """
    order = _own(tx, order_id, BUYER)
    tx.advance(order, "withdraw", by=BUYER, links=_about(order))
    tx.undue("order.signing", order.id)
    return order


@verb
def lapse_signing(tx: Transaction, order_id: str) -> Order:
    """End a request that the seller did not sign in time (called by the clock).

    Raises:
        WrongState: It does not wait for a signature, or there is time left.
    """
    tx.actor.need(CLOCK)
    order = tx.lock(Order, order_id)
    if tx.now < order.deadline_at:
        raise WrongState("The time to sign is not over.", code="not_over")
    tx.advance(order, "lapse", by=CLOCK, links=_about(order))
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
        fee_basis_points=FEE_BASIS_POINTS,
        purpose=request.purpose,
        terms={
            "term_days": offer.term_days,
            "territory": offer.territory,
            "redistribution": offer.redistribution,
            "derivation": offer.derivation,
            "inspection_hours": offer.inspection_hours,
            "delivery": offer.delivery,
            "acceptance_criteria": offer.acceptance_criteria,
        },
        government_derived=routing.classify(tx, declaration_id).government_derived,
        disputes=request.disputes,
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
