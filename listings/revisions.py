"""Revisions: newer rows of a published version. Nothing that reviewers looked at changes, so nobody looks again.

Whatever differs in more than its rows (sources, columns, description) is a further version, and is reviewed
(``listings.versions.add_version``).
"""

from typing import Any

from sqlalchemy import select

from exchange import handlers, ids
from exchange.db import Transaction, verb
from exchange.errors import Conflict, Invalid, NotFound
from listings import gates, offers, versions
from listings.models import Deposit, Offer, Product, Version
from listings.states import EXCHANGE, OFFER, SELLER

MAX_NOTE = 1000
#: Told with ``previous_id`` and ``version_id`` when a revision took a version's place.
REVISED = "version.revised"
#: What a revision has in common with what it revises.
_KEPT = (
    "product_id", "org_id", "title_zh", "title_en", "description_zh", "description_en", "category", "grade",
    "declaration_id",
)  # fmt: skip
#: An offer's terms.
_TERMS = (
    "product_id", "org_id", "amount_minor", "currency", "channel", "exchange_name", "purposes", "term_days",
    "territory", "redistribution", "derivation", "inspection_hours", "delivery", "acceptance_criteria",
)  # fmt: skip


@verb
def revise(tx: Transaction, version_id: str, *, deposit_id: str, note: str) -> Version:
    """Put newer rows in the place of a published version's, at once and on the same terms; ``note`` says what is new.

    The revision supersedes the version, and each open offer is closed and opened anew on it. Holders of live grants
    are told by the rooms that know them (``REVISED``).

    Raises:
        NotFound: There is no such version or deposit, or it is another party's.
        Conflict: The version is not published (``not_on_sale``); the deposit is not ready (``deposit_not_ready``), is
            what was published already (``nothing_changed``), or has other columns or another format
            (``schema_changed``).
        Invalid: The note is missing or too long.
        Refused: By a gate of publication.
    """
    product_id = tx.get(Version, version_id).product_id
    product = tx.lock(Product, product_id)  # one version at a time takes the place
    published = versions.own(tx, version_id)
    if published.state != "published":
        raise Conflict("Only what is published can be revised.", code="not_on_sale")
    said = note.strip()
    if not 0 < len(said) <= MAX_NOTE:
        raise Invalid("Say in 1 to %(most)s characters what is new.", code="note_length", most=MAX_NOTE)
    deposit = _comparable(tx, published, deposit_id)
    gates.PUBLISH.ask(tx, published)
    revision = Version(
        id=ids.new("ver"),
        number=versions.next_number(tx, product),
        deposit_id=deposit.id,
        submission=1,
        submitted_at=tx.now,
        published_at=tx.now,
        revises_id=published.revises_id or published.id,
        change_note=said,
        **{name: getattr(published, name) for name in _KEPT},
    )
    facts = versions.facts_of(revision)
    tx.create(revision, "listing.drafted", by=SELLER, facts=facts, links=[product_id, product.org_id, published.id])
    tx.session.flush()
    revision.listing_digest = versions.keep_document(tx, revision, deposit)
    tx.advance(published, "supersede", by=EXCHANGE, links=[revision.id])
    tx.session.flush()  # the place of the published version is free before it is taken
    links = [product_id, product.org_id, deposit.id, gates.declaration_of(revision), published.id]
    tx.advance(
        revision, "revise", by=EXCHANGE, facts=facts, links=links, digests=versions.digests_of(revision, deposit)
    )
    _carry_offers(tx, published, revision)
    handlers.tell(tx, REVISED, previous_id=published.id, version_id=revision.id)
    return revision


def _comparable(tx: Transaction, published: Version, deposit_id: str) -> Deposit:
    """The deposit, if it differs from the published goods in its rows alone."""
    deposit = tx.get(Deposit, deposit_id)
    if deposit.org_id != published.org_id:
        raise NotFound("There is no such %(kind)s.", kind="deposit")
    if deposit.state != "profiled":
        raise Conflict("The deposit is not sealed and profiled yet.", code="deposit_not_ready")
    before = gates.deposited(tx, published)
    if deposit.digest == before.digest:
        raise Conflict("This file is the one that is published already.", code="nothing_changed")
    if (deposit.media_type, _schema(deposit)) != (before.media_type, _schema(before)):
        raise Conflict(
            "The columns or the format differ from what is published: make a new version, which is reviewed.",
            code="schema_changed",
        )
    return deposit


def _schema(deposit: Deposit) -> Any:
    return (deposit.profile or {}).get("schema_sha256")


def _carry_offers(tx: Transaction, published: Version, revision: Version) -> None:
    """Open each open offer anew on the revision: buyers order what is on sale, on the terms they know."""
    open_ones = select(Offer).where(Offer.version_id == published.id, Offer.state == OFFER.initial)
    for offer in tx.all(open_ones.order_by(Offer.id)):
        terms = {name: getattr(offer, name) for name in _TERMS}
        renewed = Offer(id=ids.new("off"), version_id=revision.id, **terms)
        tx.advance(offer, "close", by=SELLER, links=[published.id, renewed.id])
        tx.create(
            renewed,
            "offer.opened",
            by=SELLER,
            facts=offers.facts_of(renewed),
            links=[*offers.links_of(renewed), offer.id],
        )
