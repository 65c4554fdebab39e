"""Reads of this room: the public catalogue, a seller's own things, the reviewers' queue."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, undefer

from exchange.actors import REGULATOR, Actor
from exchange.db import read
from exchange.errors import NotFound
from exchange.members.models import Organisation
from exchange.oversight.looks import look
from exchange.web.paging import DEFAULT_LIMIT, Page, page
from listings.deposits import held_bytes
from listings.models import Deposit, Objection, Offer, Review, Version
from listings.states import DEPOSIT, LISTING, LISTING_PUBLIC, OBJECTION, OFFER, REVIEWER, SELLER
from provenance import lineage, routing
from provenance.finding_queries import of_declaration

#: Who sees every version and its file, besides the seller; a regulator does who says what for.
READERS = frozenset({REVIEWER, "auditor"})
#: What the public sees of a product, the first of these that there is.
_SHOWN = ("published", "suspended", "notice", "superseded")

_CARD = (
    Version.id,
    Version.product_id,
    Version.number,
    Version.state,
    Version.title_zh,
    Version.title_en,
    Version.category,
    Version.grade,
    Version.notice_ends_at,
    Version.published_at,
    Version.org_id,
    Organisation.name,
)


def acting(actor: Actor, org_id: str) -> frozenset[str]:
    """The roles of life cycles in which ``actor`` stands towards what belongs to ``org_id``."""
    own = actor.org_id == org_id and actor.roles & {"owner", "trader"}
    return actor.roles | {SELLER} if own else actor.roles


# -- the public catalogue ---------------------------------------------------------------------------------------------


def product(product_id: str) -> dict[str, Any]:
    """What everybody may see of a product: its published version, else the one that comes nearest to it.

    Raises:
        NotFound: There is no such product, or nothing of it was ever shown to the public.
    """
    with read() as session:
        public = select(Version).where(Version.product_id == product_id, Version.state.in_(LISTING_PUBLIC))
        versions = session.scalars(public.order_by(Version.number.desc()).limit(100)).all()
        if not versions:
            raise NotFound("There is no such %(kind)s.", kind="product")
        shown = min(versions, key=lambda version: _SHOWN.index(version.state))
        offers = select(Offer).where(Offer.version_id == shown.id, Offer.state == OFFER.initial).order_by(Offer.id)
        seller = session.get_one(Organisation, shown.org_id)
        return {
            "id": product_id,
            "seller": {"id": seller.id, "kind": seller.kind, "name": seller.name},
            "version": _public_version(session, shown),
            "offers": [offer_shape(offer) for offer in session.scalars(offers.limit(100))],
            "versions": [
                {"id": one.id, "number": one.number, "state": one.state, "published_at": one.published_at}
                for one in versions
            ],
        }


def offer(actor: Actor, offer_id: str) -> dict[str, Any]:
    """One offer, open or closed, of a version that was shown to the public, or of one's own.

    Raises:
        NotFound: There is none, or it is not to be seen.
    """
    with read() as session:
        found = session.get(Offer, offer_id)
        if found is None or not _may_see(actor, session.get_one(Version, found.version_id)):
            raise NotFound("There is no such %(kind)s.", kind="offer")
        return offer_shape(found) | {"actions": OFFER.actions(found.state, acting(actor, found.org_id))}


def offer_shape(offer: Offer) -> dict[str, Any]:
    """An offer's terms."""
    names = (
        "id row_version version_id product_id state channel exchange_name purposes term_days territory redistribution"
        " derivation inspection_hours delivery acceptance_criteria"
    )
    return {name: getattr(offer, name) for name in names.split()} | {"price": offer.price}


# -- sellers and reviewers --------------------------------------------------------------------------------------------


def own_versions(actor: Actor, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[dict[str, Any]]:
    """The versions of the actor's organisation, newest first."""
    statement = _cards().where(Version.org_id == actor.org_id)
    with read() as session:
        return page(session, statement, [Version.id], cursor=cursor, limit=limit, shape=_card)


def review_queue(*, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[dict[str, Any]]:
    """The versions that wait for reviewers, the nearest deadline first."""
    statement = (
        select(Version.urgency, *_CARD, Version.review_due_at, Version.reviewer_id)
        .join(Organisation, Organisation.id == Version.org_id)
        .where(Version.state.in_(("scanned", "in_review")))
    )

    def shape(row: Any) -> dict[str, Any]:
        return _card(row) | {"review_due_at": row.review_due_at, "reviewer_id": row.reviewer_id}

    with read() as session:
        return page(session, statement, [Version.urgency, Version.id], cursor=cursor, limit=limit, shape=shape)


def version(actor: Actor, version_id: str, *, purpose: str = "") -> dict[str, Any]:
    """Everything about a version, for its seller and for reviewers; what the public sees, for everybody else.

    A regulator who gives a ``purpose`` sees everything too, and that look is recorded first (RULES Z-01, Z-06).

    Raises:
        NotFound: There is none, or it was never shown to the public and is another party's.
    """
    inspecting = REGULATOR in actor.roles and purpose != ""
    if inspecting:
        look(actor.with_key(None), "version", version_id, purpose)
    with read() as session:
        found = session.get(Version, version_id)
        if found is None or not (inspecting or _may_see(actor, found)):
            raise NotFound("There is no such %(kind)s.", kind="version")
        answer = _public_version(session, found)
        answer["actions"] = LISTING.actions(found.state, acting(actor, found.org_id))
        if inspecting or _is_file_reader(actor, found):
            with_objections = inspecting or bool(READERS & actor.roles)
            answer["file"] = _file(session, actor, found, with_objections=with_objections)
        return answer


def objection(actor: Actor, objection_id: str) -> dict[str, Any]:
    """One objection, for reviewers and for who made it.

    Raises:
        NotFound: There is none, or it is somebody else's.
    """
    with read() as session:
        found = session.get(Objection, objection_id)
        if found is None or not (READERS & actor.roles or found.person_id == actor.person_id):
            raise NotFound("There is no such %(kind)s.", kind="objection")
        return _objection(actor, found)


def deposit(actor: Actor, deposit_id: str) -> dict[str, Any]:
    """A deposit of one's own, with its profile.

    Raises:
        NotFound: There is none, or it is another party's.
    """
    with read() as session:
        found = session.get(Deposit, deposit_id, options=[undefer(Deposit.profile), undefer(Deposit.scans)])
        if found is None or found.org_id != actor.org_id:
            raise NotFound("There is no such %(kind)s.", kind="deposit")
        return deposit_shape(session, actor, found)


def deposits(actor: Actor, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[dict[str, Any]]:
    """The deposits of the actor's organisation, newest first."""
    statement = select(
        Deposit.id, Deposit.state, Deposit.file_name, Deposit.media_type, Deposit.size_bytes, Deposit.code,
        Deposit.created_at,
    ).where(Deposit.org_id == actor.org_id)  # fmt: skip
    with read() as session:
        return page(session, statement, [Deposit.id], cursor=cursor, limit=limit, shape=_mapping)


def upload_progress(actor: Actor, deposit_id: str) -> tuple[int, int]:
    """How many bytes of one's own upload are held, and how many were announced.

    Raises:
        NotFound: There is none, or it is another party's.
    """
    with read() as session:
        found = session.get(Deposit, deposit_id)
        if found is None or found.org_id != actor.org_id:
            raise NotFound("There is no such %(kind)s.", kind="deposit")
        held = held_bytes(session, deposit_id) if found.state == DEPOSIT.initial else found.size_bytes
        return held, found.size_bytes


# -- shapes -----------------------------------------------------------------------------------------------------------


def _cards() -> Select[*tuple[Any, ...]]:
    return select(*_CARD).join(Organisation, Organisation.id == Version.org_id)


def _mapping(row: Any) -> dict[str, Any]:
    return dict(row._mapping)  # noqa: SLF001  (SQLAlchemy's public name for a row as a mapping)


def _card(row: Any) -> dict[str, Any]:
    card = _mapping(row)
    return card | {
        "title": {"zh": card["title_zh"], "en": card["title_en"]},
        "seller": {"id": card["org_id"], "name": card["name"]},
    }


def _may_see(actor: Actor, version: Version) -> bool:
    return version.state in LISTING_PUBLIC or _is_file_reader(actor, version)


def _is_file_reader(actor: Actor, version: Version) -> bool:
    return actor.org_id == version.org_id or bool(READERS & actor.roles)


def _public_version(session: Session, version: Version) -> dict[str, Any]:
    kept = None
    if version.deposit_id is not None:
        kept = session.get_one(Deposit, version.deposit_id, options=[undefer(Deposit.profile), undefer(Deposit.scans)])
    return {
        "id": version.id,
        "product_id": version.product_id,
        "number": version.number,
        "state": version.state,
        "title": {"zh": version.title_zh, "en": version.title_en},
        "description": {"zh": version.description_zh, "en": version.description_en},
        "category": version.category,
        "grade": version.grade,
        "notice_ends_at": version.notice_ends_at,
        "notice_provisional": version.notice_provisional,
        "published_at": version.published_at,
        "document_digest": _hex(version.listing_digest),
        "row_version": version.row_version,
        "revises_id": version.revises_id,
        "change_note": version.change_note,
        "goods": None if kept is None else goods_shape(kept),
        **_provenance(session, version.declaration_id),
    }


def goods_shape(deposit: Deposit) -> dict[str, Any]:
    """What everybody may know of the goods: their commitment and their data dictionary.

    Of the profile only names, types and counts: a value, even a smallest one, may name a person.
    """
    profile: Mapping[str, Any] = deposit.profile or {}
    return {
        "media_type": deposit.media_type,
        "size_bytes": deposit.size_bytes,
        "digest": _hex(deposit.digest),
        "plain_root": _hex(deposit.plain_root),
        "sealed_root": _hex(deposit.sealed_root),
        "schema_digest": profile.get("schema_sha256"),
        "rows": profile.get("rows"),
        "columns": [
            {name: column[name] for name in ("name", "type", "nulls", "distinct")}
            for column in profile.get("columns", ())
        ],
    }


def _provenance(session: Session, declaration_id: str | None) -> dict[str, Any]:
    """Source lines (RULES G-15) and the classification, in words."""
    if declaration_id is None:
        return {"source_lines": [], "classification": None}
    found = routing.classification(session, declaration_id)
    chain = [
        {"zh": link.text.zh, "en": link.text.en, "depth": link.depth, "government": link.government}
        for link in found.chain
    ]
    return {
        "source_lines": [{"zh": line.zh, "en": line.en} for line in lineage.source_lines(session, declaration_id)],
        "classification": {
            "government_derived": found.government_derived,
            "text": {"zh": found.text.zh, "en": found.text.en},
            "chain": chain,
            "rules": list(found.rules),
        },
    }


def _file(session: Session, actor: Actor, version: Version, *, with_objections: bool) -> dict[str, Any]:
    """The seller's and the reviewers' part: the full profile, the decisions, the objections (these for reviewers)."""
    reviews: Sequence[Review] = session.scalars(
        select(Review).where(Review.version_id == version.id).order_by(Review.id).limit(100)
    ).all()
    objections: Sequence[Objection] = ()
    if with_objections:
        about = select(Objection).where(Objection.version_id == version.id)
        objections = session.scalars(about.order_by(Objection.id).limit(100)).all()
    kept = None if version.deposit_id is None else session.get_one(Deposit, version.deposit_id)
    return {
        "deposit_id": version.deposit_id,
        "declaration_id": version.declaration_id,
        "profile": None if kept is None else kept.profile,
        "scans": None if kept is None else kept.scans,
        "findings": [] if version.declaration_id is None else of_declaration(session, version.declaration_id),
        "submission": version.submission,
        "submitted_at": version.submitted_at,
        "review_due_at": version.review_due_at,
        "reviews": [
            {
                "decision": review.decision,
                "submission": review.submission,
                "checklist": review.checklist,
                "reason": review.reason,
                "at": review.at,
            }
            for review in reviews
        ],
        "objections": [_objection(actor, objection) for objection in objections],
    }


def _objection(actor: Actor, objection: Objection) -> dict[str, Any]:
    return {
        "id": objection.id,
        "version_id": objection.version_id,
        "state": objection.state,
        "statement": objection.statement,
        "answer": objection.answer,
        "created_at": objection.created_at,
        "actions": OBJECTION.actions(objection.state, actor.roles),
    }


def deposit_shape(session: Session, actor: Actor, deposit: Deposit, *, with_profile: bool = True) -> dict[str, Any]:
    """A deposit as its owner sees it; without its profile where many are shown."""
    return {
        "id": deposit.id,
        "state": deposit.state,
        "row_version": deposit.row_version,
        "file_name": deposit.file_name,
        "media_type": deposit.media_type,
        "size_bytes": deposit.size_bytes,
        "held_bytes": held_bytes(session, deposit.id) if deposit.state == DEPOSIT.initial else deposit.size_bytes,
        "code": deposit.code,
        "created_at": deposit.created_at,
        "digest": _hex(deposit.digest),
        "plain_root": _hex(deposit.plain_root),
        "sealed_root": _hex(deposit.sealed_root),
        "profile": deposit.profile if with_profile else None,
        "scans": deposit.scans if with_profile else None,
        "actions": DEPOSIT.actions(deposit.state, acting(actor, deposit.org_id)),
    }


def _hex(digest: bytes | None) -> str | None:
    return None if digest is None else digest.hex()
