"""Giving data abroad: an assessment of each export, its life, and the gate that asks for it.

Nobody from outside the mainland can be admitted yet (I-11), so no order meets the gate today; it stands all the same,
so that admitting such parties later does not open a way around it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from exchange import clock, ids
from exchange.db import Transaction, verb
from exchange.errors import Forbidden, Invalid, NotFound, Refused
from exchange.gates import gate
from exchange.lifecycle import CLOCK
from exchange.members.gates import not_own_case
from exchange.members.models import Organisation
from exchange.texts import said
from listings import gates, versions
from listings.export_models import ExportAssessment
from listings.models import Version
from listings.states import EXPORT, EXPORT_KINDS, REVIEWER, SELLER
from provenance import crossborder, lineage, purposes
from provenance.crossborder import Facts
from provenance.models import Declaration

MAX_DOCUMENTS = 20
#: Renewal can be asked for in the last sixty working days (CBF 9): twelve weeks never hold more.
RENEWAL = timedelta(weeks=12)
#: Paths on which something has to be shown before reviewers agree.
_WITH_DOCUMENTS = frozenset({"security_assessment", "contract_or_certification", "manual"})
_CLOSED_PATHS = {"blocked": ("X-08", "export_blocked"), "incomplete": ("X-10", "facts_missing")}
_DIGEST = re.compile(r"[0-9a-f]{64}")
_TERRITORY = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, slots=True)
class Export:
    """To whom, what for and what of: what an assessment is about."""

    recipient: str
    territory: str
    purposes: Sequence[str]
    kinds: Sequence[str]


@verb
def open_assessment(tx: Transaction, version_id: str, export: Export) -> ExportAssessment:
    """Open an assessment of giving one's version to a recipient outside the mainland.

    Raises:
        NotFound: There is no such version, or it is another party's.
        Invalid: The territory is the mainland or no code, a purpose or kind is unknown, or the recipient has no name.
    """
    version = versions.own(tx, version_id)
    if export.territory == "CN" or not _TERRITORY.fullmatch(export.territory):
        raise Invalid("Give the two letters of a territory outside the mainland.", code="not_overseas")
    if not export.kinds or not set(export.kinds) <= set(EXPORT_KINDS):
        raise Invalid("Say which kinds of data are given abroad.", code="unknown_kind")
    if not export.purposes:
        raise Invalid("Say what for.", code="purpose_missing")
    assessment = ExportAssessment(
        id=ids.new("exa"),
        version_id=version.id,
        org_id=version.org_id,
        recipient=said(export.recipient),
        territory=export.territory,
        purposes=purposes.check(export.purposes),
        kinds=[kind for kind in EXPORT_KINDS if kind in export.kinds],
        facts={},
        documents=[],
    )
    facts = {"territory": assessment.territory, "purposes": assessment.purposes, "kinds": assessment.kinds}
    tx.create(assessment, "export_assessment.opened", by=SELLER, facts=facts, links=[version.id, version.org_id])
    return assessment


@verb
def submit_assessment(
    tx: Transaction, assessment_id: str, *, facts: Mapping[str, Any], documents: Sequence[str]
) -> ExportAssessment:
    """Hand the facts in, with the digests of what shows them; the path is computed and kept with its edition.

    Unknown facts may be handed in: reviewers see what is missing and return it. They cannot agree before (X-10).

    Raises:
        NotFound: There is none, or it is another party's.
        WrongState: It was handed in already.
        Invalid: A fact or a digest is not well formed.
    """
    assessment = _own(tx, assessment_id)
    EXPORT.edge(assessment.state, "submit")
    known = facts_of(facts)
    named = list(dict.fromkeys(documents))
    if len(named) > MAX_DOCUMENTS or not all(_DIGEST.fullmatch(digest) for digest in named):
        raise Invalid("A document is named by its SHA-256 in hexadecimal; at most 20 of them.", code="invalid_digest")
    found = crossborder.path(known)
    assessment.facts = {field.name: getattr(known, field.name) for field in fields(known)}
    assessment.documents, assessment.path, assessment.edition = named, found.code, found.edition
    assessment.first_by = assessment.second_by = None
    told = {"path": found.code, "edition": found.edition, "missing": list(found.missing), "documents": named}
    tx.advance(assessment, "submit", by=SELLER, facts=told, links=[assessment.version_id])
    return assessment


def facts_of(given: Mapping[str, Any]) -> Facts:
    """The facts of an export as the engine takes them.

    Raises:
        Invalid: A name or value is none of its facts.
    """
    try:
        known = Facts(**given)
        crossborder.path(known)
    except (TypeError, ValueError):
        raise Invalid("The facts of the export are not right.", code="invalid_facts") from None
    return known


@verb
def agree(tx: Transaction, assessment_id: str, *, reason: str) -> ExportAssessment:
    """Agree to an export: the first reviewer seconds it, another one makes it valid, for three years at most.

    Raises:
        Refused: The path is blocked (X-08), facts are missing (X-10), the documents of the path are (X-02), it does not
            name a kind that the version holds (X-06), or the reviewer belongs to the seller or agreed already (I-08).
        WrongState: It does not wait for a decision.
    """
    assessment = _decidable(tx, assessment_id)
    action = "approve" if assessment.state == "seconded" else "second"
    EXPORT.edge(assessment.state, action)
    way_open(assessment)
    kinds_named(tx, assessment)
    assessment.reason = said(reason)
    if action == "second":
        assessment.first_by = tx.actor.person_id
        tx.advance(assessment, "second", by=REVIEWER, links=[assessment.version_id])
        return assessment
    gates.another_person(tx, assessment.id, assessment.first_by)
    assessment.second_by = tx.actor.person_id
    until = _years_later(tx.now, crossborder.VALID_YEARS)
    assessment.valid_until = until
    tx.advance(
        assessment, "approve", by=REVIEWER, facts={"valid_until": clock.text(until)}, links=[assessment.version_id]
    )
    tx.due("export.remind", assessment.id, until - RENEWAL)
    tx.due("export.lapse", assessment.id, until)
    return assessment


@verb
def send_back(tx: Transaction, assessment_id: str, *, reason: str) -> ExportAssessment:
    """Return it: facts are missing or the documents do not show them (补充).

    Raises:
        WrongState: It does not wait for its first decision.
    """
    assessment = _decidable(tx, assessment_id)
    assessment.reason = said(reason)
    tx.advance(assessment, "return", by=REVIEWER, links=[assessment.version_id])
    return assessment


@verb
def refuse(tx: Transaction, assessment_id: str, *, reason: str) -> ExportAssessment:
    """Find that the data must not go there.

    Raises:
        WrongState: It does not wait for a decision.
    """
    assessment = _decidable(tx, assessment_id)
    assessment.reason = said(reason)
    tx.advance(assessment, "refuse", by=REVIEWER, links=[assessment.version_id])
    return assessment


@verb
def withdraw_assessment(tx: Transaction, assessment_id: str) -> ExportAssessment:
    """Take one's assessment back: no new order rests on it.

    Raises:
        NotFound: There is none, or it is another party's.
    """
    assessment = _own(tx, assessment_id)
    tx.advance(assessment, "withdraw", by=SELLER, links=[assessment.version_id])
    _forget(tx, assessment)
    return assessment


@verb
def remind_renewal(tx: Transaction, assessment_id: str) -> ExportAssessment:
    """Tell the seller that renewal can be asked for (called by the clock)."""
    tx.actor.need(CLOCK)
    assessment = tx.lock(ExportAssessment, assessment_id)
    tx.advance(assessment, "remind", by=CLOCK, links=[assessment.org_id])
    return assessment


@verb
def lapse(tx: Transaction, assessment_id: str) -> ExportAssessment:
    """End an assessment whose time is over (called by the clock)."""
    tx.actor.need(CLOCK)
    assessment = tx.lock(ExportAssessment, assessment_id)
    tx.advance(assessment, "lapse", by=CLOCK, links=[assessment.org_id])
    return assessment


# -- gates ------------------------------------------------------------------------------------------------------------


@gate("X-01", "X-05", "X-06")
def export_covered(tx: Transaction, version_id: str, buyer_org_id: str, purpose: str) -> None:
    """What leaves the mainland is covered by a valid assessment of this recipient, purpose and kind of data.

    Raises:
        Refused: There is none that is valid at this moment (X-01), or none that covers it (X-06).
    """
    buyer = tx.get(Organisation, buyer_org_id)
    if buyer.territory == "CN":
        return
    version = tx.get(Version, version_id)
    held = kinds_of(tx, version)
    if not held:
        return
    valid = select(ExportAssessment).where(
        ExportAssessment.version_id == version.id,
        ExportAssessment.state == "valid",
        ExportAssessment.valid_until > tx.now,
        ExportAssessment.territory == buyer.territory,
        ExportAssessment.recipient == buyer.name,
    )
    found = tx.all(valid.with_for_update(read=True))
    if not found:
        raise Refused(
            "X-01",
            "Personal information and important data leave the mainland under a valid assessment only.",
            remedy="The seller has to open an assessment for this recipient and have it decided.",
            code="export_not_assessed",
            subjects=(version.id, buyer.id),
        )
    if not any(held <= set(one.kinds) and not purposes.uncovered(one.purposes, [purpose]) for one in found):
        raise Refused(
            "X-06",
            "The assessment does not cover this purpose and these kinds of data.",
            remedy="The seller has to open an assessment that covers them.",
            code="export_beyond_assessment",
            subjects=(version.id, buyer.id),
        )


@gate("X-02", "X-03", "X-08", "X-09", "X-10", "X-11", "X-12")
def way_open(assessment: ExportAssessment) -> None:
    """The facts leave a way, and what that way asks for was shown."""
    if assessment.path in _CLOSED_PATHS:
        rule, code = _CLOSED_PATHS[assessment.path]
        raise Refused(
            rule,
            "The facts leave no way to give this abroad.",
            remedy="Return it, so that the seller completes the facts, or refuse it.",
            code=code,
            subjects=(assessment.id,),
        )
    if assessment.path in _WITH_DOCUMENTS and not assessment.documents:
        raise Refused(
            "X-09" if assessment.path == "manual" else "X-02",
            "The documents that this path asks for are missing.",
            remedy="Return it, so that the seller names the documents.",
            code="documents_missing",
            subjects=(assessment.id,),
        )


@gate("X-04", "X-06")
def kinds_named(tx: Transaction, assessment: ExportAssessment) -> None:
    """The assessment is about every kind of data that the version holds, and its facts say the same."""
    version = tx.get(Version, assessment.version_id)
    held, facts = kinds_of(tx, version), assessment.facts
    graded = gates.latest_grading(tx, version.id)
    notified = graded is None or graded.identified_as == "important"  # else it need not be filed as such
    said = {
        "important": facts["important_data"] is not False or not notified,
        "personal": facts["personal_information"] is not False,
    }
    if not held <= set(assessment.kinds) or not all(said[kind] for kind in held):
        raise Refused(
            "X-06",
            "The version holds more than the assessment says.",
            remedy="Return it, so that the seller names every kind of data.",
            code="kinds_missing",
            subjects=(assessment.id,),
        )


def kinds_of(tx: Transaction, version: Version) -> set[str]:
    """Which regulated kinds of data a version holds: by its grade, and by the declarations behind it."""
    held = {"important"} if version.grade == "important" else set()
    if version.declaration_id is not None:
        declared = tx.get(Declaration, version.declaration_id).personal_information
        behind = lineage.trace(tx.session, version.declaration_id)
        if declared or any(link.declaration.personal_information and link.passing for link in behind):
            held.add("personal")
    return held


# -- inside -----------------------------------------------------------------------------------------------------------


def _own(tx: Transaction, assessment_id: str) -> ExportAssessment:
    tx.actor.need("owner", "trader")
    assessment = tx.lock(ExportAssessment, assessment_id)
    if assessment.org_id != tx.actor.org_id:
        raise NotFound("There is no such %(kind)s.", kind="export_assessment")
    return assessment


def _decidable(tx: Transaction, assessment_id: str) -> ExportAssessment:
    tx.actor.need(REVIEWER)
    if tx.actor.person_id is None:
        raise Forbidden("A natural person decides.")
    assessment = tx.lock(ExportAssessment, assessment_id)
    not_own_case(tx, assessment.org_id)
    return assessment


def _forget(tx: Transaction, assessment: ExportAssessment) -> None:
    for kind in ("export.remind", "export.lapse"):
        tx.undue(kind, assessment.id)


def _years_later(moment: datetime, years: int) -> datetime:
    """The same day and time ``years`` later; 29 February becomes 28."""
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        return moment.replace(year=moment.year + years, day=28)
