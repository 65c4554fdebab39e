"""Offers: the terms on which a seller lets a version go."""

from dataclasses import dataclass
from typing import Any

from exchange import ids
from exchange.db import Transaction, verb
from exchange.errors import Invalid, NotFound
from exchange.money import Money
from listings import gates
from listings.models import Offer, Version
from listings.states import SELLER
from provenance import purposes

_SELLING = ("owner", "trader")


@dataclass(frozen=True, slots=True)
class Terms:
    """What an offer says.

    Args:
        price: What one order costs; more than nothing.
        channel: ``exchange``, ``other_exchange`` or ``direct``.
        purposes: Codes of `provenance.purposes`, at least one.
        term_days: How long the goods may be used, in days.
        territory: Where they may be used, in the words of the contract.
        redistribution: Whether the buyer may pass the data on.
        derivation: Whether the buyer may make and sell products from it.
        inspection_hours: How long the buyer may inspect what was delivered.
        delivery: ``deposit`` or ``on_order``.
        acceptance_criteria: Against what the buyer accepts or rejects, in the words of the contract.
        exchange_name: The other exchange, for ``other_exchange``.
    """

    price: Money
    channel: str
    purposes: tuple[str, ...]
    term_days: int
    territory: str
    redistribution: bool
    derivation: bool
    inspection_hours: int
    delivery: str
    acceptance_criteria: str
    exchange_name: str | None = None


@verb
def open_offer(tx: Transaction, version_id: str, terms: Terms) -> Offer:
    """Offer a version that is being listed or on sale; it can be ordered once it is published.

    Raises:
        NotFound: There is no such version, or it is another party's.
        Conflict: The version is over, suspended or superseded (``not_offerable``).
        Invalid: A term is missing or out of range.
        Refused: The channel is barred (G-01), a purpose is not covered (G-17), or the seller, the declaration or the
            version has no standing.
    """
    tx.actor.need(*_SELLING)
    version = tx.lock(Version, version_id)
    if version.org_id != tx.actor.org_id:
        raise NotFound("There is no such %(kind)s.", kind="version")
    gates.offerable(version)
    _check(terms)
    offer = Offer(
        id=ids.new("off"),
        version_id=version.id,
        product_id=version.product_id,
        org_id=version.org_id,
        amount_minor=terms.price.minor,
        currency=terms.price.currency,
        channel=terms.channel,
        exchange_name=terms.exchange_name,
        purposes=purposes.check(terms.purposes),
        term_days=terms.term_days,
        territory=terms.territory,
        redistribution=terms.redistribution,
        derivation=terms.derivation,
        inspection_hours=terms.inspection_hours,
        delivery=terms.delivery,
        acceptance_criteria=terms.acceptance_criteria,
    )
    gates.OFFER.ask(tx, version, offer)
    tx.create(offer, "offer.opened", by=SELLER, facts=facts_of(offer), links=links_of(offer))
    return offer


def facts_of(offer: Offer) -> dict[str, Any]:
    """What the entry of an offer says: its terms, but for their free words."""
    return {
        "price": offer.price.facts(),
        "channel": offer.channel,
        "purposes": list(offer.purposes),
        "term_days": offer.term_days,
        "redistribution": offer.redistribution,
        "derivation": offer.derivation,
        "delivery": offer.delivery,
    }


def links_of(offer: Offer) -> list[str]:
    """What an offer is about."""
    return [offer.version_id, offer.product_id, offer.org_id]


@verb
def close_offer(tx: Transaction, offer_id: str) -> Offer:
    """Take an offer back. Orders already placed go on.

    Raises:
        NotFound: There is no such offer, or it is another party's.
        WrongState: It is closed.
    """
    tx.actor.need(*_SELLING)
    offer = tx.lock(Offer, offer_id)
    if offer.org_id != tx.actor.org_id:
        raise NotFound("There is no such %(kind)s.", kind="offer")
    tx.advance(offer, "close", by=SELLER, links=[offer.version_id])
    return offer


def _check(terms: Terms) -> None:
    if terms.price.minor < 1:
        raise Invalid("The price is more than nothing.", code="invalid_amount")
    if not terms.purposes:
        raise Invalid("An offer names at least one purpose.", code="purpose_missing")
    if terms.term_days < 1 or terms.inspection_hours < 1:
        raise Invalid("Term and inspection window are at least one day and one hour.", code="invalid_term")
    if (terms.channel == "other_exchange") != (terms.exchange_name is not None):
        raise Invalid("The other exchange is named exactly when the offer is traded there.", code="exchange_name")
