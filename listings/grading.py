"""Grading a version: the seller's form, the file of important data, a lower grade granted by two, and reports.

A grade is computed (`provenance.grading`), never chosen downwards: the form and the sources of a derived product set
the least, and the seller may only give more protection than that.
"""

from collections.abc import Mapping

from sqlalchemy import select

from exchange import ids
from exchange.db import Transaction, verb
from exchange.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from exchange.members.gates import not_own_case
from exchange.members.models import Membership
from exchange.texts import MAX_TEXT, said
from listings import gates, versions
from listings.grade_models import DataReport, Grading, ImportantDataFile, Lowering
from listings.models import Version
from listings.states import LISTING_OPEN, LOWERING, REVIEWER, RISK_POINTS, SECURITY, SELLER
from provenance import grading
from provenance.grading import Form

#: The role of the exchange's own findings.
EXCHANGE = "exchange"


@verb
def grade_version(tx: Transaction, version_id: str, form: Form) -> Version:
    """Fill in the grading form of a draft. The version takes the grade it comes to, or that of its sources if higher.

    What turns out core or secret is reported to the security administrator in the same moment (C-03, C-08).

    Raises:
        NotFound: There is no such version, or it is another party's.
        Conflict: The version is submitted.
        Invalid: An answer is none of the codes, or too long.
    """
    version = _open(tx, version_id)
    _check(form)
    result, least = grading.grade(form), gates.sources_grade(tx, version)
    row = Grading(
        id=ids.new("grd"),
        version_id=version.id,
        elements={name: form.elements.get(name, "").strip() for name in grading.ELEMENTS},
        effects={name: form.effects.get(name, "unknown") for name in grading.OBJECTS},
        identified_as=form.identified_as,
        secrecy=form.secrecy,
        grade=result.grade,
        sources_grade=least,
        at=tx.now,
    )
    tx.add(row)
    if result.grade is not None:
        version.grade = grading.highest([result.grade, least])
    version.changed_at = tx.now
    tx.record(
        version.id,
        "listing.graded",
        by=SELLER,
        facts={
            "grade": result.grade or "open",
            "sources": least,
            "effects": row.effects,
            "missing": len(result.missing),
            "rules": sorted({reason.rule for reason in result.reasons}),
        },
    )
    if result.grade == "core":
        report(tx, version, result.secret or "core_data", "")
    return version


def report(tx: Transaction, version: Version, kind: str, statement: str) -> DataReport:
    """Report what must not be here to the security administrator, once while the same report is open."""
    same = select(DataReport).where(
        DataReport.version_id == version.id, DataReport.kind == kind, DataReport.state == "open"
    )
    known = tx.first(same)
    if known is not None:
        return known
    made = DataReport(
        id=ids.new("drp"),
        version_id=version.id,
        org_id=version.org_id,
        kind=kind,
        statement=statement,
        authority="",
        reference="",
        answer="",
    )
    tx.create(made, "data_report.made", by=EXCHANGE, facts={"kind": kind}, links=[version.id, version.org_id])
    return made


@verb
def file_important_data(
    tx: Transaction, version_id: str, *, identification: str, assessment: Mapping[str, str], officer_id: str
) -> Version:
    """Bring what important data needs: how it was identified, the six points of NDR 31, and who is responsible.

    Raises:
        NotFound: There is no such version, or it is another party's.
        Conflict: The version is submitted.
        Invalid: A point is not answered, a text too long, or the officer is no member of the seller.
    """
    version = _open(tx, version_id)
    answers = {point: assessment.get(point, "").strip() for point in RISK_POINTS}
    for text in (identification.strip(), *answers.values()):
        if not 0 < len(text) <= MAX_TEXT:
            raise Invalid("Every point needs 1 to %(most)s characters.", code="point_missing", most=MAX_TEXT)
    seat = select(Membership.person_id).where(
        Membership.person_id == officer_id, Membership.org_id == version.org_id, Membership.ended_at.is_(None)
    )
    if tx.first(seat) is None:
        raise Invalid("The officer has to be a member of your organisation.", code="officer_unknown")
    row = ImportantDataFile(
        id=ids.new("idf"),
        version_id=version.id,
        identification=identification.strip(),
        assessment=answers,
        officer_id=officer_id,
        at=tx.now,
    )
    tx.add(row)
    version.changed_at = tx.now
    tx.record(version.id, "listing.important_data_filed", by=SELLER, facts={"points": len(answers)})
    return version


@verb
def ask_lower_grade(tx: Transaction, version_id: str, *, reason: str) -> Lowering:
    """Ask that a derived product keep the grade its own form comes to, below that of its sources.

    Raises:
        NotFound: There is no such version, or it is another party's.
        Conflict: The version is submitted (``version_submitted``), its form is not complete (``grading_missing``), its
            grade is not below the sources' (``nothing_to_lower``), or this was asked already (``lowering_waits``).
        Invalid: The reason is missing or too long.
        Refused: The sources hold core data (C-03).
    """
    version = _open(tx, version_id)
    form = gates.latest_grading(tx, version.id)
    if form is None or form.grade is None:
        raise Conflict("Complete the grading form first.", code="grading_missing")
    least = gates.sources_grade(tx, version)
    if least == "core":
        raise Refused(
            "C-03", "What is derived from core data is not listed here.", code="core_data", subjects=(version.id,)
        )
    if grading.rank(form.grade) >= grading.rank(least):
        raise Conflict("The grade is not below that of the sources.", code="nothing_to_lower")
    asked = select(Lowering.id).where(Lowering.grading_id == form.id)
    if tx.first(asked) is not None:
        raise Conflict("This was asked for already.", code="lowering_waits")
    made = Lowering(
        id=ids.new("low"),
        version_id=version.id,
        grading_id=form.id,
        org_id=version.org_id,
        from_grade=least,
        to_grade=form.grade,
        reason=said(reason),
    )
    facts = {"from": least, "to": form.grade}
    tx.create(made, "grade_lowering.asked", by=SELLER, facts=facts, links=[version.id, version.org_id])
    return made


@verb
def allow_lower_grade(tx: Transaction, lowering_id: str, *, reason: str) -> Lowering:
    """Agree to a lower grade: the first reviewer seconds it, another one grants it.

    Raises:
        Refused: The reviewer belongs to the seller, or agreed already (I-08).
        Invalid: No reason is given.
    """
    version, lowering = _decidable(tx, lowering_id)
    if lowering.state == LOWERING.initial:
        lowering.first_by, lowering.first_reason = tx.actor.person_id, said(reason)
        tx.advance(lowering, "second", by=REVIEWER, links=[version.id])
        return lowering
    LOWERING.edge(lowering.state, "grant")
    gates.another_person(tx, lowering.id, lowering.first_by)
    lowering.second_by, lowering.second_reason = tx.actor.person_id, said(reason)
    tx.advance(lowering, "grant", by=REVIEWER, links=[version.id])
    form = gates.latest_grading(tx, version.id)
    if form is not None and form.id == lowering.grading_id and version.state in LISTING_OPEN:
        version.grade, version.changed_at = lowering.to_grade, tx.now
        facts = {"from": lowering.from_grade, "to": lowering.to_grade}
        tx.record(version.id, "listing.grade_lowered", by=REVIEWER, facts=facts, links=[lowering.id])
    return lowering


@verb
def refuse_lower_grade(tx: Transaction, lowering_id: str, *, reason: str) -> Lowering:
    """Keep the grade of the sources.

    Raises:
        Refused: The reviewer belongs to the seller (I-08).
        Invalid: No reason is given.
    """
    version, lowering = _decidable(tx, lowering_id)
    LOWERING.edge(lowering.state, "refuse")
    if lowering.state == LOWERING.initial:
        lowering.first_by, lowering.first_reason = tx.actor.person_id, said(reason)
    else:
        gates.another_person(tx, lowering.id, lowering.first_by)
        lowering.second_by, lowering.second_reason = tx.actor.person_id, said(reason)
    tx.advance(lowering, "refuse", by=REVIEWER, links=[version.id])
    return lowering


@verb
def tell_authority(tx: Transaction, report_id: str, *, authority: str, reference: str) -> DataReport:
    """Record that the competent authority was told, and under which number.

    Raises:
        Invalid: The authority or the number is missing.
        WrongState: The report is closed.
    """
    found = _report(tx, report_id)
    found.authority, found.reference = said(authority), said(reference)
    tx.advance(found, "report", by=SECURITY, links=[found.version_id])
    return found


@verb
def dismiss_report(tx: Transaction, report_id: str, *, answer: str) -> DataReport:
    """Find that it was nothing, and say why.

    Raises:
        Invalid: No reason is given.
        WrongState: The report is closed.
    """
    found = _report(tx, report_id)
    found.answer = said(answer)
    tx.advance(found, "dismiss", by=SECURITY, links=[found.version_id])
    return found


# -- inside -----------------------------------------------------------------------------------------------------------


def _report(tx: Transaction, report_id: str) -> DataReport:
    tx.actor.need(SECURITY)
    found = tx.lock(DataReport, report_id)
    not_own_case(tx, found.org_id)
    return found


def _open(tx: Transaction, version_id: str) -> Version:
    version = versions.own(tx, version_id)
    if version.state not in LISTING_OPEN:
        raise Conflict("A submitted version does not change; make a new one.", code="version_submitted")
    return version


def _decidable(tx: Transaction, lowering_id: str) -> tuple[Version, Lowering]:
    tx.actor.need(REVIEWER)
    if tx.actor.person_id is None:
        raise Forbidden("A natural person decides.")
    known = tx.session.get(Lowering, lowering_id)
    if known is None:
        raise NotFound("There is no such %(kind)s.", kind="grade_lowering")
    version = tx.lock(Version, known.version_id)
    lowering = tx.lock(Lowering, lowering_id)
    not_own_case(tx, version.org_id)
    return version, lowering


def _check(form: Form) -> None:
    known = (
        set(form.elements) <= set(grading.ELEMENTS)
        and set(form.effects) <= set(grading.OBJECTS)
        and set(form.effects.values()) <= set(grading.DEGREES)
        and form.identified_as in grading.IDENTIFIED
        and form.secrecy in grading.SECRECY
    )
    if not known:
        raise Invalid("An answer of the grading form is none of those to choose from.", code="unknown_answer")
    if any(len(text) > MAX_TEXT for text in form.elements.values()):
        raise Invalid("Say it in 1 to %(most)s characters.", code="text_length", most=MAX_TEXT)
