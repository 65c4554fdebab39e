"""Reads for desks: a seller's products, drafts and files; a reviewer's cases; what waits for each of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, aliased, undefer

from exchange.actors import Actor
from exchange.db import read, transaction
from exchange.errors import Conflict, ExchangeError, NotFound, Refused
from exchange.members.models import Organisation
from exchange.web.desk import INBOX_LIMIT, Waiting
from exchange.web.languages import language
from exchange.web.paging import DEFAULT_LIMIT, Page, page
from listings import gates, queries
from listings.grade_models import Grading
from listings.models import Deposit, Objection, Offer, Product, Review, Version
from listings.states import LISTING, LISTING_PUBLIC, OBJECTION, OFFER, REVIEWER
from provenance import routing
from provenance.models import Declaration

#: Most rows of a choice, or of one product's history, on a page.
MANY = 50
_SELLING = frozenset({"owner", "trader"})
#: Where each gate of submission is answered: a step of the form.
_STEPS = {
    "declared": "source",
    "standing": "source",
    "graded": "grading",
    "open_offers_allowed": "terms",
}


# -- the seller's desk ------------------------------------------------------------------------------------------------


def products(
    actor: Actor, *, state: str | None = None, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[dict[str, Any]]:
    """The products of the actor's organisation, newest first, each by its latest version; of one ``state`` if given."""
    newest = (
        select(Version.id)
        .where(Version.product_id == Product.id)
        .order_by(Version.number.desc())
        .limit(1)
        .correlate(Product)
        .scalar_subquery()
    )
    latest = aliased(Version)
    statement = (
        select(
            Product.id, latest.id.label("version_id"), latest.number, latest.state, latest.title_zh, latest.title_en,
            latest.category, latest.notice_ends_at, latest.changed_at, latest.deposit_id, latest.declaration_id,
        )
        .join(latest, latest.id == newest)
        .where(Product.org_id == actor.org_id)
    )  # fmt: skip
    if state is not None:
        statement = statement.where(latest.state == state)
    with read() as session:
        return page(session, statement, [Product.id], cursor=cursor, limit=limit, shape=_product_row)


def _product_row(row: Any) -> dict[str, Any]:
    found = dict(row._mapping)  # noqa: SLF001  (SQLAlchemy's public name for a row as a mapping)
    return found | {"title": {"zh": row.title_zh, "en": row.title_en}}


def product(actor: Actor, product_id: str) -> dict[str, Any]:
    """A product of one's own: its versions, newest first, each with its offers, decisions and objections.

    Raises:
        NotFound: There is none, or it is another party's.
    """
    with read() as session:
        found = session.get(Product, product_id)
        if found is None or found.org_id != actor.org_id:
            raise NotFound("There is no such %(kind)s.", kind="product")
        of_product = select(Version).where(Version.product_id == product_id)
        versions = session.scalars(of_product.order_by(Version.number.desc()).limit(MANY)).all()
        return {"id": found.id, "created_at": found.created_at, "versions": _with_story(session, actor, versions)}


def _with_story(session: Session, actor: Actor, versions: Sequence[Version]) -> list[dict[str, Any]]:
    ids = [version.id for version in versions]
    reviews = session.scalars(select(Review).where(Review.version_id.in_(ids)).order_by(Review.id.desc())).all()
    objections = session.scalars(select(Objection).where(Objection.version_id.in_(ids)).order_by(Objection.id)).all()
    offers = session.scalars(select(Offer).where(Offer.version_id.in_(ids)).order_by(Offer.id)).all()
    return [
        version_shape(actor, version)
        | {
            "reviews": [review for review in reviews if review.version_id == version.id],
            "objections": [objection for objection in objections if objection.version_id == version.id],
            "offers": [
                queries.offer_shape(o) | {"actions": OFFER.actions(o.state, queries.acting(actor, o.org_id))}
                for o in offers
                if o.version_id == version.id
            ],
        }
        for version in versions
    ]


def version_shape(actor: Actor, version: Version) -> dict[str, Any]:
    """A version as its seller's pages show it, with what may be done next."""
    names = (
        "id row_version product_id org_id number state title_zh title_en description_zh description_en category grade"
        " deposit_id declaration_id submission submitted_at review_due_at notice_ends_at notice_provisional"
        " published_at revises_id change_note changed_at"
    )
    return {name: getattr(version, name) for name in names.split()} | {
        "title": {"zh": version.title_zh, "en": version.title_en},
        "actions": LISTING.actions(version.state, queries.acting(actor, version.org_id)),
    }


def draft(actor: Actor, version_id: str) -> dict[str, Any]:
    """A version of one's own with what it names: its file (with the profile), its declaration, its offers.

    Raises:
        NotFound: There is none, or it is another party's.
    """
    with read() as session:
        version = session.get(Version, version_id)
        if version is None or version.org_id != actor.org_id:
            raise NotFound("There is no such %(kind)s.", kind="version")
        (shown,) = _with_story(session, actor, [version])
        deposit = declaration = None
        if version.deposit_id is not None:
            deposit = session.get(
                Deposit, version.deposit_id, options=[undefer(Deposit.profile), undefer(Deposit.scans)]
            )
        if version.declaration_id is not None:
            declaration = session.get(Declaration, version.declaration_id)
        return shown | {
            "deposit": None if deposit is None else queries.deposit_shape(session, actor, deposit),
            "declaration": None if declaration is None else {"id": declaration.id, "state": declaration.state},
            "graded": session.scalar(_graded(version_id)),
        }


def _graded(version_id: str) -> Select[tuple[bool]]:
    return select(select(Grading.id).where(Grading.version_id == version_id, Grading.grade.is_not(None)).exists())


def files(actor: Actor) -> list[dict[str, Any]]:
    """The newest files of the actor's organisation that can still become goods."""
    usable = select(Deposit).where(Deposit.org_id == actor.org_id, Deposit.state != "rejected")
    with read() as session:
        found = session.scalars(usable.order_by(Deposit.id.desc()).limit(MANY)).all()
        return [queries.deposit_shape(session, actor, deposit, with_profile=False) for deposit in found]


@dataclass(frozen=True, slots=True)
class Shortcoming:
    """What stands in the way of a submission, and the step where it is mended (``""``: not in this form)."""

    error: ExchangeError
    step: str


def shortcomings(actor: Actor, version_id: str) -> list[Shortcoming]:
    """Everything that would refuse the submission of one's own version at this moment: the gates themselves are asked.

    Raises:
        NotFound: There is no such version, or it is another party's.
    """
    found: dict[str, Shortcoming] = {}
    with transaction(actor.with_key(None).expecting(None), "shortcomings") as tx:
        version = tx.get(Version, version_id)
        if version.org_id != actor.org_id:
            raise NotFound("There is no such %(kind)s.", kind="version")
        try:
            gates.deposited(tx, version)
        except Conflict as conflict:
            found[conflict.code] = Shortcoming(conflict, "goods")
        for ask in gates.SUBMIT.gates:
            try:
                ask(tx, version)
            except Refused as refusal:
                found.setdefault(refusal.code, Shortcoming(refusal, _STEPS.get(ask.__name__, "")))
    return list(found.values())


# -- the reviewers' console -------------------------------------------------------------------------------------------


def case(actor: Actor, version_id: str) -> dict[str, Any]:
    """A version as reviewers decide it: all of it, its offers, who approved it, and what its seller did before.

    Raises:
        NotFound: There is none.
    """
    shown = queries.version(actor, version_id)
    with read() as session:
        version = session.get_one(Version, version_id)
        seller = session.get_one(Organisation, version.org_id)
        offers = session.scalars(select(Offer).where(Offer.version_id == version_id).order_by(Offer.id).limit(MANY))
        approvals = _approvals(session, version)
        approvers = {review.reviewer_id for review in approvals}
        at_desk = {actor.person_id if version.reviewer_id in approvers else version.reviewer_id}
        return shown | {
            "seller": {"id": seller.id, "kind": seller.kind, "name": seller.name},
            "offers": [queries.offer_shape(offer) for offer in offers],
            "reviewer_id": version.reviewer_id,
            "approvals": [{"at": review.at, "own": review.reviewer_id == actor.person_id} for review in approvals],
            "approvals_needed": _approvals_needed(session, version),
            "at_desk": actor.person_id is not None and actor.person_id in at_desk,
            "history": _history(session, version),
        }


def _approvals(session: Session, version: Version) -> Sequence[Review]:
    of_submission = select(Review).where(
        Review.version_id == version.id, Review.submission == version.submission, Review.decision == "approve"
    )
    return session.scalars(of_submission.order_by(Review.id)).all()


def _approvals_needed(session: Session, version: Version) -> int | None:
    if version.declaration_id is None:
        return None
    return gates.approvals_for(version, routing.classification(session, version.declaration_id))


def _history(session: Session, version: Version) -> dict[str, Any]:
    """What is known of the seller here: its versions by state, and the latest decisions about others of them."""
    counts = select(Version.state, func.count()).where(Version.org_id == version.org_id).group_by(Version.state)
    decided = (
        select(Review.decision, Review.at, Version.id, Version.title_zh, Version.title_en, Version.number)
        .join(Version, Version.id == Review.version_id)
        .where(Version.org_id == version.org_id, Version.id != version.id)
        .order_by(Review.id.desc())
        .limit(10)
    )
    return {
        "states": [(state, count) for state, count in session.execute(counts).all()],
        "decisions": [row._asdict() for row in session.execute(decided)],
    }


def own_objections(actor: Actor, product_id: str) -> list[Objection]:
    """What the actor's organisation objected to in a product, newest first, with the answers."""
    mine = (
        select(Objection)
        .join(Version, Version.id == Objection.version_id)
        .where(Version.product_id == product_id, Objection.org_id == actor.org_id)
    )
    with read() as session:
        return list(session.scalars(mine.order_by(Objection.id.desc()).limit(MANY)))


def on_notice(product_id: str) -> Version:
    """The version of a product that is on public notice.

    Raises:
        NotFound: None is.
    """
    with read() as session:
        noticed = select(Version).where(Version.product_id == product_id, Version.state == "notice")
        version = session.scalars(noticed.order_by(Version.number.desc()).limit(1)).one_or_none()
        if version is None:
            raise NotFound("Nothing of this product is on public notice.", code="not_on_notice")
        return version


def public_version(product_id: str) -> dict[str, Any]:
    """The version of a product that objections are about: on notice, else the newest that was shown to the public.

    Raises:
        NotFound: Nothing of it ever was.
    """
    with read() as session:
        public = select(Version).where(Version.product_id == product_id, Version.state.in_(LISTING_PUBLIC))
        shown = session.scalars(public.order_by(Version.number.desc()).limit(MANY)).all()
        if not shown:
            raise NotFound("There is no such %(kind)s.", kind="product")
        version = next((one for one in shown if one.state == "notice"), shown[0])
        names = "id product_id number state title_zh title_en notice_ends_at notice_provisional"
        return {name: getattr(version, name) for name in names.split()}


# -- what waits -------------------------------------------------------------------------------------------------------


def waits_for_seller(session: Session, actor: Actor) -> Iterable[Waiting]:
    """Versions to be mended or completed."""
    if actor.org_id is None or not _SELLING & actor.roles:
        return
    unfinished = select(
        Version.id, Version.product_id, Version.state, Version.title_zh, Version.title_en, Version.changed_at
    ).where(Version.org_id == actor.org_id, Version.state.in_(("returned", "draft")))
    for row in session.execute(unfinished.order_by(Version.id.desc()).limit(INBOX_LIMIT)):
        title = _title(row)
        if row.state == "returned":
            words = gettext("Mend and submit again: %(title)s", title=title)
        else:
            words = gettext("Complete your draft: %(title)s", title=title)
        yield Waiting(row.id, words, f"/desk/products/{row.product_id}", None, row.changed_at)


def waits_for_reviewer(session: Session, actor: Actor) -> Iterable[Waiting]:
    """Versions to be taken up or decided by this reviewer, and objections without an answer."""
    if REVIEWER not in actor.roles:
        return
    queue = select(
        Version.id, Version.title_zh, Version.title_en, Version.review_due_at, Version.submitted_at, Version.changed_at
    ).where(Version.state.in_(("scanned", "in_review")))
    for row in session.execute(queue.order_by(Version.urgency.desc(), Version.id.desc()).limit(INBOX_LIMIT)):
        words = gettext("Review: %(title)s", title=_title(row))
        since = row.submitted_at or row.changed_at
        yield Waiting(row.id, words, f"/console/listings/{row.id}", row.review_due_at, since)
    undecided = (
        select(Objection.id, Objection.version_id, Objection.created_at, Version.title_zh, Version.title_en,
               Version.notice_ends_at)
        .join(Version, Version.id == Objection.version_id)
        .where(Objection.state == OBJECTION.initial)
    )  # fmt: skip
    for one in session.execute(undecided.order_by(Objection.id).limit(INBOX_LIMIT)):
        words = gettext("Decide an objection: %(title)s", title=_title(one))
        url = f"/console/listings/{one.version_id}#objections"
        yield Waiting(one.id, words, url, one.notice_ends_at, one.created_at)


def _title(row: Any) -> str:
    return str(row.title_zh if language() == "zh" else row.title_en)
