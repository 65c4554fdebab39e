"""What is asked before a version is submitted, published, offered and ordered.

Standing is computed here at the moment of asking and stored nowhere: when an identity lapses or an agreement ends, the
next submission, publication, offer or order is refused without anybody having to be told.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from exchange.db import Transaction
from exchange.errors import Conflict, NotFound, Refused
from exchange.gates import Step, gate
from exchange.members import gates as member_gates
from exchange.oversight import scopes
from exchange.oversight.restraints import refuse_restrained
from listings.grade_models import DataReport, Grading, ImportantDataFile, Lowering
from listings.models import Deposit, Offer, Product, Review, Version
from listings.prohibited_models import NegativeCheck, NegativeItem
from listings.states import CATEGORIES, CHECK_RESULTS, CHECKLIST, GRADES, LISTING_OFFERED
from provenance import gates as provenance_gates
from provenance import grading, lineage, routing
from provenance.models import Declaration


@gate("I-01", "I-02")
def seller_vetted(tx: Transaction, version: Version, *_about: object) -> None:
    """The seller is who it says, at this moment."""
    member_gates.vetted(tx, version.org_id)


@gate("P-01", "P-05")
def declared(tx: Transaction, version: Version, *_about: object) -> None:
    """A signed declaration of the seller says where the data came from."""
    declaration = None if version.declaration_id is None else tx.session.get(Declaration, version.declaration_id)
    if declaration is None or declaration.state != "signed" or declaration.org_id != version.org_id:
        raise Refused(
            "P-01",
            "The version has no signed provenance declaration.",
            remedy="Sign a provenance declaration and attach it.",
            code="declaration_missing",
            subjects=(version.id,),
        )


@gate("P-03", "P-04", "P-06", "G-04", "G-06", "G-07", "G-08", "G-18")
def standing(tx: Transaction, version: Version, *_about: object) -> None:
    """What the declaration rests on holds at this moment."""
    provenance_gates.STANDING.ask(tx, declaration_of(version))


@gate("N-06")
def negative_list_clear(tx: Transaction, version: Version) -> None:
    """Every item of the negative list in force was checked for this submission, and none applies."""
    found = negative_results(tx.session, version)
    for item in negative_items(tx.session, tx.now):
        result = found.get(item.id)
        if result != "clear":
            raise Refused(
                "N-06",
                "The check against the negative list is not complete, or an item applies: %(item)s.",
                remedy="Check every item; where one applies, refuse the listing.",
                code="negative_item_found" if result else "negative_list_unchecked",
                subjects=(version.id,),
                item=item.code,
            )


@gate("N-07")
def not_taken_down(tx: Transaction, version: Version, *_about: object) -> None:
    """What was taken down as forbidden does not come back while the report stands."""
    standing_report = select(DataReport.id).where(
        DataReport.version_id == version.id, DataReport.kind == "prohibited", DataReport.state != "dismissed"
    )
    if tx.first(standing_report) is not None:
        raise Refused(
            "N-07",
            "This was taken down as forbidden.",
            remedy="The security administrator has to find that it was nothing.",
            code="taken_down",
            subjects=(version.id,),
        )


def negative_items(session: Session, moment: datetime) -> Sequence[NegativeItem]:
    """The items of the negative list in force at ``moment``, by code: of each the latest edition that has begun."""
    kept = select(NegativeItem).where(NegativeItem.state == "kept", NegativeItem.effective_at <= moment)
    latest = kept.ext(distinct_on(NegativeItem.code)).order_by(NegativeItem.code, NegativeItem.edition.desc())
    return session.scalars(latest).all()


def negative_results(session: Session, version: Version) -> dict[str, str]:
    """What the latest check of this submission found, by item."""
    checks = select(NegativeCheck).where(
        NegativeCheck.version_id == version.id, NegativeCheck.submission == version.submission
    )
    return {check.item_id: check.result for check in session.scalars(checks.order_by(NegativeCheck.id))}


@gate("C-01", "C-02", "C-03", "C-04", "C-07", "C-08")
def graded(tx: Transaction, version: Version, *_about: object) -> None:
    """Category and grade are given; the grade is what the form comes to and no lower than the sources' without leave.

    Core data and secrets are never listed, important data after its procedure.
    """
    if version.category not in CATEGORIES:
        raise Refused("C-01", "The version has no category.", code="category_missing", subjects=(version.id,))
    form = latest_grading(tx, version.revises_id or version.id)
    secret = form is not None and form.secrecy in {"state_secret", "work_secret"}
    if secret:
        raise Refused("C-08", "State secrets and work secrets are not traded.", code="secret", subjects=(version.id,))
    if version.grade == "core" or (form is not None and form.grade == "core"):
        raise Refused("C-03", "Core data is not listed here.", code="core_data", subjects=(version.id,))
    if form is None or form.grade is None:
        raise Refused(
            "C-02",
            "The grading form is not complete.",
            remedy="Fill in the grading form; an answer that is unknown has to be found out first.",
            code="grading_missing",
            subjects=(version.id,),
        )
    _no_lower(tx, version, form)
    if version.grade == "important" and _important_data_file(tx, version.revises_id or version.id) is None:
        raise Refused(
            "C-04",
            "Important data needs its identification record, a risk assessment and a named officer.",
            remedy="Complete the file of important data beside the grading form.",
            code="important_data",
            subjects=(version.id,),
        )


def _no_lower(tx: Transaction, version: Version, form: Grading) -> None:
    least = [form.grade or "core"]
    if not _lowered(tx, form):
        least.append(sources_grade(tx, version))
    if grading.rank(version.grade) < grading.rank(grading.highest(least)):
        raise Refused(
            "C-07" if grading.rank(version.grade) >= grading.rank(least[0]) else "C-02",
            "The grade is lower than the form or the sources ask for.",
            remedy="Fill in the grading form again, or ask for a lower grade and say why.",
            code="grade_too_low",
            subjects=(version.id,),
        )


def latest_grading(tx: Transaction, version_id: str) -> Grading | None:
    """The grading form of a version that counts."""
    return tx.first(select(Grading).where(Grading.version_id == version_id).order_by(Grading.id.desc()))


def _important_data_file(tx: Transaction, version_id: str) -> ImportantDataFile | None:
    of_version = select(ImportantDataFile).where(ImportantDataFile.version_id == version_id)
    return tx.first(of_version.order_by(ImportantDataFile.id.desc()))


def _lowered(tx: Transaction, form: Grading) -> bool:
    granted = select(Lowering.id).where(Lowering.grading_id == form.id, Lowering.state == "granted")
    return tx.first(granted) is not None


def sources_grade(tx: Transaction, version: Version) -> str:
    """The highest grade of what a version was derived from: of all versions behind what its seller acquired here."""
    return sources_grade_of(tx.session, version)


def sources_grade_of(session: Session, version: Version) -> str:
    """As ``sources_grade``, for pages."""
    if version.declaration_id is None:
        return GRADES[0]
    acquired = {
        link.acquisition.declaration_id
        for link in lineage.trace(session, version.declaration_id)
        if link.acquisition is not None
    }
    if not acquired:
        return GRADES[0]
    submitted = select(Version.grade).where(Version.declaration_id.in_(acquired), Version.submission > 0)
    return grading.highest(session.scalars(submitted.distinct()).all())


@gate("K-05")
def unrestrained(tx: Transaction, version: Version, *about: Offer) -> None:
    """Nothing the trade is about is under a restraint, its field and the market included."""
    field = scopes.category(version.category)
    refuse_restrained(tx, version.product_id, version.id, *(offer.id for offer in about), field)


@gate("G-01")
def channel_allowed(tx: Transaction, version: Version, offer: Offer) -> None:
    """What is government-derived is offered at an exchange."""
    routing.channel_allowed(tx, declaration_of(version), offer.channel)


@gate("G-01")
def open_offers_allowed(tx: Transaction, version: Version, *_about: object) -> None:
    """Every open offer of the version has a channel that its classification allows at this moment."""
    declaration_id = declaration_of(version)
    open_channels = select(Offer.channel).where(Offer.version_id == version.id, Offer.state == "open").distinct()
    for channel in tx.all(open_channels):
        routing.channel_allowed(tx, declaration_id, channel)


@gate("G-17")
def purposes_covered(tx: Transaction, version: Version, offer: Offer) -> None:
    """The purposes on offer lie inside those that the sources allow."""
    provenance_gates.purposes_covered(tx, declaration_of(version), offer.purposes)


@gate("I-09")
def reasoned(version: Version, decision: str, checklist: Mapping[str, str], reason: str) -> None:
    """A decision says what was checked and why: every point has a result; a «no» has a reason."""
    if set(checklist) != set(CHECKLIST) or not set(checklist.values()) <= set(CHECK_RESULTS):
        raise _unreasoned(version, "Every point of the checklist needs a result: %(points)s.", ", ".join(CHECKLIST))
    if decision == "approve" and set(checklist.values()) != {"pass"}:
        raise _unreasoned(version, "A listing is approved only when every point of the checklist passes.")
    if decision != "approve" and not reason.strip():
        raise _unreasoned(version, "The seller has to be told the reason.")


@gate("P-09", "PI-06")
def answered(tx: Transaction, version: Version) -> None:
    """Nothing that speaks against the declaration is left unanswered or undecided when the version is approved."""
    provenance_gates.unsuspected(tx, declaration_of(version))


@gate("I-08", "C-07")
def another_person(tx: Transaction, subject_id: str, *before: str | None) -> None:
    """What two natural persons decide, no two decisions ``before`` and now are by the same one."""
    if tx.actor.person_id in before:
        raise Refused(
            "I-08",
            "You decided this already; a second person has to.",
            remedy="Another reviewer has to decide.",
            code="second_person_needed",
            subjects=(subject_id,),
        )


@gate("I-08")
def sufficiently_approved(tx: Transaction, version: Version, *_about: object) -> None:
    """The submission has as many approvals as its classification asks for at this moment."""
    if len(approvers(tx, version)) < approvals_needed(tx, version):
        raise Refused(
            "I-08",
            "This needs the approval of a second reviewer.",
            remedy="Submit the version again.",
            code="approval_missing",
            subjects=(version.id,),
        )


SUBMIT = Step("listings.submit", (seller_vetted, declared, standing, open_offers_allowed, unrestrained, graded))
PUBLISH = Step(
    "listings.publish",
    (
        seller_vetted,
        declared,
        standing,
        sufficiently_approved,
        open_offers_allowed,
        unrestrained,
        graded,
        not_taken_down,
    ),
)
OFFER = Step("listings.offer", (seller_vetted, standing, channel_allowed, purposes_covered, unrestrained))
ORDER = Step("listings.order", (seller_vetted, standing, channel_allowed, purposes_covered, unrestrained))


def orderable(tx: Transaction, offer_id: str, *, negotiation_open: bool = False) -> tuple[Offer, Version, Product]:
    """The offer, its version and product, if an order can be placed on it at this moment.

    Offer and version stay locked against a change (shared) until the transaction ends. For a negotiation that was
    opened before (``negotiation_open``) it does not matter that the offer was closed or the version superseded since.

    Raises:
        NotFound: There is no such offer, or its version was never shown to the public.
        Conflict: The offer is closed (``offer_closed``); the version is suspended (``version_suspended``), superseded
            (``version_superseded``) or else not on sale (``not_on_sale``); or the offer is traded elsewhere
            (``not_traded_here``).
        Refused: By a gate of the step ``listings.order``.
    """
    offer = tx.first(select(Offer).where(Offer.id == offer_id).with_for_update(read=True))
    if offer is None:
        raise NotFound("There is no such %(kind)s.", kind="offer")
    version = tx.session.get_one(Version, offer.version_id, with_for_update={"read": True}, populate_existing=True)
    _on_sale(version, negotiation_open=negotiation_open)
    if offer.state != "open" and not negotiation_open:
        raise Conflict("This offer is closed.", code="offer_closed")
    if offer.channel != "exchange":
        raise Conflict("This offer is not traded here.", code="not_traded_here")
    ORDER.ask(tx, version, offer)
    return offer, version, tx.get(Product, version.product_id)


def _on_sale(version: Version, *, negotiation_open: bool) -> None:
    if version.state == "suspended":
        raise Conflict("This version is suspended: it cannot be ordered.", code="version_suspended")
    if version.state == "superseded" and not negotiation_open:
        raise Conflict("A newer version took the place of this one: order that.", code="version_superseded")
    if version.state not in {"published", "superseded"}:
        raise Conflict("This version is not on sale.", code="not_on_sale")


def offerable(version: Version) -> None:
    """Raise ``Conflict`` unless offers may be opened for the version."""
    if version.state not in LISTING_OFFERED:
        raise Conflict("Offers are opened for what is being listed or on sale.", code="not_offerable")


def deposited(tx: Transaction, version: Version) -> Deposit:
    """The version's profiled deposit.

    Raises:
        Conflict: It has none, or it is not profiled yet.
    """
    deposit = None if version.deposit_id is None else tx.session.get(Deposit, version.deposit_id)
    if deposit is None or deposit.state != "profiled":
        raise Conflict("The version has no deposit that is sealed and profiled.", code="deposit_not_ready")
    return deposit


def approvers(tx: Transaction, version: Version) -> Sequence[str]:
    """Who approved the present submission; of a revision, who approved what it revises."""
    reviewed = version if version.revises_id is None else tx.get(Version, version.revises_id)
    approvals = select(Review.reviewer_id).where(
        Review.version_id == reviewed.id, Review.submission == reviewed.submission, Review.decision == "approve"
    )
    return tx.all(approvals)


def approvals_needed(tx: Transaction, version: Version) -> int:
    """Two where government data is in the product or shaped it, or the data is important; else one (RULES I-08)."""
    return approvals_for(version, routing.classify(tx, declaration_of(version)))


def approvals_for(version: Version, found: routing.Classification) -> int:
    """As ``approvals_needed``, of a version whose classification is known."""
    return 2 if found.government_derived or found.needs_decision or version.grade == "important" else 1


def declaration_of(version: Version) -> str:
    """The id of the version's declaration.

    Raises:
        Refused: It has none (P-01).
    """
    if version.declaration_id is None:
        raise Refused(
            "P-01",
            "The version has no signed provenance declaration.",
            remedy="Sign a provenance declaration and attach it.",
            code="declaration_missing",
            subjects=(version.id,),
        )
    return version.declaration_id


def _unreasoned(version: Version, problem: str, points: str = "") -> Refused:
    return Refused(
        "I-09",
        problem,
        remedy="Complete the checklist and the reason, then decide again.",
        code="decision_incomplete",
        subjects=(version.id,),
        points=points,
    )
