"""What a change upstream does to listings: the shelf follows, direct offers close, what was found out is suspended.

Told for one declaration at a time, in a transaction of its own (`provenance.changes`). Versions of a declaration are
few: a declaration is made for a product.
"""

from sqlalchemy import select

from exchange.db import Transaction
from listings import shelf
from listings.models import Offer, Version
from listings.states import EXCHANGE, LISTING_PUBLIC, OFFER
from provenance import routing
from provenance.finding_models import Finding
from provenance.states import ESTABLISHED, SUSPECTED

#: Versions of one declaration that are looked at.
MAX_VERSIONS = 500


def reconsider(tx: Transaction, *, declaration_id: str, why: str) -> None:
    """Bring the versions of a declaration in line with its classification and findings at this moment."""
    shown = select(Version).where(Version.declaration_id == declaration_id, Version.state.in_(LISTING_PUBLIC))
    versions = tx.all(shown.order_by(Version.id).limit(MAX_VERSIONS).with_for_update())
    if not versions:
        return
    derived = routing.classify(tx, declaration_id).government_derived
    found_out = _established(tx, declaration_id)
    for version in versions:
        if derived:
            _close_direct(tx, version, why)
        if found_out and version.state == "published":
            tx.advance(version, "suspend", by=EXCHANGE, facts={"why": why}, links=[version.org_id, declaration_id])
        shelf.changed(tx.session, version.id)


def _established(tx: Transaction, declaration_id: str) -> bool:
    """Whether something is established against the declaration itself that a new one has to remedy.

    How a source was used is no such thing: its classification follows, and the declaration told the truth.
    """
    against = select(Finding.id).where(
        Finding.declaration_id == declaration_id,
        Finding.kind != "use",
        Finding.state.in_(ESTABLISHED - SUSPECTED - {"remedied"}),
    )
    return tx.first(against) is not None


def _close_direct(tx: Transaction, version: Version, why: str) -> None:
    direct = select(Offer).where(
        Offer.version_id == version.id, Offer.channel == "direct", Offer.state == OFFER.initial
    )
    for offer in tx.all(direct.order_by(Offer.id).with_for_update()):
        tx.advance(offer, "close", by=EXCHANGE, facts={"why": why}, links=[version.id, version.org_id])
