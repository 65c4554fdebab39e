"""Proposals of a contract: what the parties may change of an offer's terms, and the signature under each proposal."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from exchange import ids
from exchange.db import Transaction
from exchange.errors import Conflict, Invalid, Refused
from exchange.gates import gate
from exchange.members import signatures
from exchange.money import Money
from listings.models import Offer, Version
from settlement import contracts, deadlines
from settlement.models import Order
from settlement.negotiation_models import Proposal
from settlement.states import BUYER

#: Who decides when the parties cannot agree.
DISPUTES = ("officer", "none")
#: After so many proposals the parties begin anew with another order.
MAX_PROPOSALS: Final = 20
#: What may be agreed: the fewest and the most days of use, hours of inspection, days until delivery.
RANGES = {"term_days": (1, 3650), "inspection_hours": (1, 2160), "delivery_days": (1, 90)}
MAX_CRITERIA: Final = 2000
#: So long before the time to answer is over the side that is waited for is reminded.
REMINDER: Final = timedelta(days=1)
#: Rights that the sources of a government-derived product bound: they may be narrowed, never widened.
_RIGHTS = ("redistribution", "derivation")


@dataclass(frozen=True, slots=True)
class Changes:
    """What a proposal changes of the terms as they stand; ``None`` leaves a term as it is.

    Args:
        price: The price of the whole order, in the offer's currency.
        term_days: How long the goods may be used.
        redistribution: Whether the buyer may pass the data on.
        derivation: Whether the buyer may make and sell products from it.
        inspection_hours: How long the buyer may inspect a delivery.
        delivery_days: How many days after payment goods made on order are delivered at the latest.
        acceptance_criteria: Against what the buyer accepts or rejects.
        disputes: ``officer`` or ``none``, as `DISPUTES` has them.
    """

    price: Money | None = None
    term_days: int | None = None
    redistribution: bool | None = None
    derivation: bool | None = None
    inspection_hours: int | None = None
    delivery_days: int | None = None
    acceptance_criteria: str | None = None
    disputes: str | None = None


def offered(offer: Offer) -> dict[str, Any]:
    """The terms of an offer, as orders pin them."""
    return {
        "term_days": offer.term_days,
        "territory": offer.territory,
        "redistribution": offer.redistribution,
        "derivation": offer.derivation,
        "inspection_hours": offer.inspection_hours,
        "delivery": offer.delivery,
        "delivery_days": deadlines.DELIVERY.days,
        "acceptance_criteria": offer.acceptance_criteria,
    }


def change(order: Order, offer: Offer, changes: Changes) -> None:
    """Put ``changes`` on the order.

    Raises:
        Invalid: A value is out of range, or in another currency than the offer's.
        Refused: A government-derived product would be let go more widely than it is offered (G-17).
    """
    if changes.price is not None:
        if changes.price.minor < 1:
            raise Invalid("The price is more than nothing.", code="invalid_amount")
        if changes.price.currency != offer.currency:
            raise Invalid(
                "The price is in the currency of the offer: %(currency)s.",
                code="another_currency",
                currency=offer.currency,
            )
        order.amount_minor = changes.price.minor
    if changes.disputes is not None:
        order.disputes = _known(changes.disputes)
    terms = dict(order.terms)
    for name in ("term_days", "redistribution", "derivation", "inspection_hours", "delivery_days"):
        value = getattr(changes, name)
        if value is not None:
            terms[name] = value
    if changes.acceptance_criteria is not None:
        terms["acceptance_criteria"] = changes.acceptance_criteria.strip()
    _check(terms)
    not_wider(order, offer, terms)
    order.terms = terms


def differs(order: Order, last: Proposal) -> bool:
    """Whether the order now says anything else than its last proposal."""
    return (order.price, order.terms, order.disputes) != (last.price, last.terms, last.disputes)


def sign(tx: Transaction, order: Order, version: Version, offer: Offer, password: str, *, words: str) -> Proposal:
    """Compose the contract as the order now stands and sign it as the side that proposes; the other side's is void.

    The caller records an entry of the order, which names the contract's digest.

    Raises:
        Conflict: There were too many proposals (``too_many_proposals``).
        Refused: The contract lacks a part (T-05), or the signer has no authority for it (I-07).
        Forbidden: The actor has no key, or the password is not right.
    """
    if order.proposals > MAX_PROPOSALS:
        raise Conflict(
            "There were %(most)s proposals: begin anew with another order.",
            code="too_many_proposals",
            most=MAX_PROPOSALS,
        )
    content = contracts.compose(tx, order, version, offered=(offer.price, offered(offer)), words=words)
    contracts.complete(order, content)
    order.contract_digest = contracts.keep(tx, order, content)
    signature = signatures.sign(tx, order.id, password, content, scope="contract", amount=order.price)
    by_buyer = order.proposed_by == BUYER
    order.buyer_signature_id = signature.id if by_buyer else None
    order.seller_signature_id = None if by_buyer else signature.id
    return Proposal(
        id=ids.new("prp"),
        order_id=order.id,
        number=order.proposals,
        side=order.proposed_by,
        amount_minor=order.amount_minor,
        currency=order.currency,
        terms=order.terms,
        disputes=order.disputes,
        contract_digest=order.contract_digest,
        signature_id=signature.id,
        at=tx.now,
    )


def await_answer(tx: Transaction, order: Order) -> None:
    """Give the other side its time to sign, and a word before it is over."""
    order.deadline_at = tx.now + deadlines.SIGNING
    tx.due("order.signing", order.id, order.deadline_at)
    tx.due("order.reminder", order.id, order.deadline_at - REMINDER)


def no_more_answers(tx: Transaction, order: Order) -> None:
    """Nobody is waited for any longer."""
    tx.undue("order.signing", order.id)
    tx.undue("order.reminder", order.id)


@gate("G-17")
def not_wider(order: Order, offer: Offer, terms: dict[str, Any]) -> None:
    """What was made with government data is passed on and built upon no further than it was vetted and offered for."""
    wider = [name for name in _RIGHTS if terms[name] and not getattr(offer, name)]
    if order.government_derived and wider:
        raise Refused(
            "G-17",
            "Rights to a government-derived product may be narrowed, not widened beyond the offer.",
            remedy="Leave redistribution and derivation as the offer has them.",
            code="wider_than_offered",
            subjects=(offer.id,),
        )


def _check(terms: dict[str, Any]) -> None:
    for name, (least, most) in RANGES.items():
        if not least <= terms[name] <= most:
            raise Invalid(
                "This term lies between %(least)s and %(most)s: %(name)s.",
                code="term_out_of_range",
                least=least,
                most=most,
                name=name,
            )
    if len(terms["acceptance_criteria"]) > MAX_CRITERIA:
        raise Invalid(
            "Acceptance criteria have at most %(most)s characters.", code="criteria_too_long", most=MAX_CRITERIA
        )


def _known(disputes: str) -> str:
    if disputes not in DISPUTES:
        raise Invalid("Disputes are decided by an officer, or not here.", code="invalid_disputes")
    return disputes
