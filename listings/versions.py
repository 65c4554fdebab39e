"""The seller's side of a listing: products and their versions, drafted, submitted, withdrawn."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from exchange import calendar, clock, documents, ids
from exchange.db import Transaction, verb
from exchange.errors import Conflict, Forbidden, NotFound
from exchange.journal import canonical
from listings import gates
from listings.models import Deposit, Product, Version
from listings.states import LISTING, LISTING_OPEN, SELLER
from provenance.models import Declaration

#: Working days in which reviewers mean to decide; the queue is sorted by it, and nothing lapses.
REVIEW_DAYS = 5
_SELLING = ("owner", "trader")


@dataclass(frozen=True, slots=True)
class Description:
    """What a seller says about a version, in both languages; ``category`` and ``grade`` as in ``listings.states``."""

    title_zh: str
    title_en: str
    description_zh: str
    description_en: str
    category: str
    grade: str


@verb
def create_product(tx: Transaction, description: Description) -> Version:
    """Draft a product; its first version, which the answer is, holds the description."""
    tx.actor.need(*_SELLING)
    if tx.actor.org_id is None:
        raise Forbidden("You act for no organisation.")
    product = Product(id=ids.new("prd"), org_id=tx.actor.org_id, created_at=tx.now)
    tx.add(product)
    tx.session.flush()
    tx.record(product.id, "product.created", by=SELLER, links=[product.org_id])
    return _draft(tx, product, 1, description)


@verb
def add_version(tx: Transaction, product_id: str, description: Description) -> Version:
    """Draft a further version of one's product; it takes the place of the published one when it is published itself.

    Raises:
        NotFound: There is no such product, or it is another party's.
    """
    tx.actor.need(*_SELLING)
    product = tx.lock(Product, product_id)  # the next number belongs to one
    if product.org_id != tx.actor.org_id:
        raise NotFound("There is no such %(kind)s.", kind="product")
    return _draft(tx, product, next_number(tx, product), description)


@verb
def edit_version(tx: Transaction, version_id: str, description: Description) -> Version:
    """Describe a draft, or a returned version, anew.

    Raises:
        NotFound: There is no such version, or it is another party's.
        Conflict: It is submitted; a change is a new version.
    """
    version = _open(tx, version_id)
    for name, value in asdict(description).items():
        setattr(version, name, value)
    version.changed_at = tx.now
    tx.record(version.id, "listing.edited", by=SELLER, facts=facts_of(version))
    return version


@verb
def attach(
    tx: Transaction, version_id: str, *, deposit_id: str | None = None, declaration_id: str | None = None
) -> Version:
    """Name the deposit and the declaration of a draft; what is not given stays.

    Raises:
        NotFound: There is no such version, deposit or declaration, or it is another party's.
        Conflict: The version is submitted.
    """
    version = _open(tx, version_id)
    if deposit_id is not None:
        _require_own(tx, Deposit, deposit_id)
        version.deposit_id = deposit_id
    if declaration_id is not None:
        _require_own(tx, Declaration, declaration_id)
        version.declaration_id = declaration_id
    version.changed_at = tx.now
    links = [link for link in (deposit_id, declaration_id) if link is not None]
    tx.record(version.id, "listing.attached", by=SELLER, links=links)
    return version


@verb
def submit(tx: Transaction, version_id: str) -> Version:
    """Hand a version in for review. What is reviewed is kept as a document and cannot change from here on.

    Raises:
        NotFound: There is no such version, or it is another party's.
        Conflict: The deposit is not profiled yet.
        Refused: The seller is not vetted, the declaration is missing or has no standing, the grade is not listed here,
            or something is under a restraint.
    """
    version = own(tx, version_id)
    LISTING.edge(version.state, "submit")
    gates.SUBMIT.ask(tx, version)
    deposit = gates.deposited(tx, version)
    version.submission += 1
    version.submitted_at = tx.now
    version.reviewer_id = None
    due = calendar.working_days_after(tx.session, tx.now, REVIEW_DAYS).ends_at
    version.review_due_at, version.urgency = due, -int(due.timestamp())
    version.listing_digest = keep_document(tx, version, deposit)
    tx.advance(
        version,
        "submit",
        by=SELLER,
        facts={**facts_of(version), "submission": version.submission},
        links=[version.org_id, deposit.id, gates.declaration_of(version)],
        digests=digests_of(version, deposit),
    )
    tx.send("version.scan", version_id=version.id)
    return version


@verb
def withdraw(tx: Transaction, version_id: str) -> Version:
    """Take a version back for good. Orders already placed go on.

    Raises:
        NotFound: There is no such version, or it is another party's.
        WrongState: It is over already.
    """
    version = own(tx, version_id)
    tx.advance(version, "withdraw", by=SELLER)
    tx.undue("version.publish", version.id)
    return version


def next_number(tx: Transaction, product: Product) -> int:
    """The number of the next version of a locked product."""
    return (tx.first(select(func.max(Version.number)).where(Version.product_id == product.id)) or 0) + 1


def _draft(tx: Transaction, product: Product, number: int, description: Description) -> Version:
    version = Version(
        id=ids.new("ver"), product_id=product.id, org_id=product.org_id, number=number, submission=0,
        **asdict(description),
    )  # fmt: skip
    tx.create(version, "listing.drafted", by=SELLER, facts=facts_of(version), links=[product.id, product.org_id])
    return version


def facts_of(version: Version) -> dict[str, Any]:
    """What entries say about a version."""
    return {"number": version.number, "category": version.category, "grade": version.grade}


def digests_of(version: Version, deposit: Deposit) -> dict[str, bytes]:
    """What an entry commits to when a version is handed in: its document and its goods."""
    named = {
        "document": version.listing_digest,
        "content": deposit.digest,
        "plain_root": deposit.plain_root,
        "sealed_root": deposit.sealed_root,
    }
    return {name: digest for name, digest in named.items() if digest is not None}


def keep_document(tx: Transaction, version: Version, deposit: Deposit) -> bytes:
    """Keep what is submitted, byte for byte: the canonical document that entries and contracts name by digest."""
    listing = {
        "kind": "listing",
        "version": version.id,
        "product": version.product_id,
        "number": version.number,
        "submission": version.submission,
        "seller": version.org_id,
        "title": {"zh": version.title_zh, "en": version.title_en},
        "description": {"zh": version.description_zh, "en": version.description_en},
        "category": version.category,
        "grade": version.grade,
        "declaration": version.declaration_id,
        "revises": version.revises_id,
        "submitted_at": _instant(version.submitted_at),
        "goods": {
            "deposit": deposit.id,
            "media_type": deposit.media_type,
            "size_bytes": str(deposit.size_bytes),
            "sha256": _hex(deposit.digest),
            "plain_root": _hex(deposit.plain_root),
            "sealed_root": _hex(deposit.sealed_root),
            "key": _hex(deposit.key_digest),
            "schema": (deposit.profile or {})["schema_sha256"],
        },
    }
    content = canonical.dumps(listing)
    kept = documents.put(tx, content, subject=version.id, kind="listing", media_type="application/json")
    return kept.digest


def _instant(moment: datetime | None) -> str | None:
    return None if moment is None else clock.text(moment)


def _hex(digest: bytes | None) -> str | None:
    return None if digest is None else digest.hex()


def own(tx: Transaction, version_id: str) -> Version:
    """The seller's own version, locked."""
    tx.actor.need(*_SELLING)
    version = tx.lock(Version, version_id)
    if version.org_id != tx.actor.org_id:
        raise NotFound("There is no such %(kind)s.", kind="version")
    return version


def _open(tx: Transaction, version_id: str) -> Version:
    version = own(tx, version_id)
    if version.state not in LISTING_OPEN:
        raise Conflict("A submitted version does not change; make a new one.", code="version_submitted")
    return version


def _require_own(tx: Transaction, kind: type[Deposit] | type[Declaration], key: str) -> None:
    row: Deposit | Declaration = tx.get(kind, key)
    if row.org_id != tx.actor.org_id:
        raise NotFound("There is no such %(kind)s.", kind=kind.__tablename__)
