"""What government sources ask for before anything made with them is traded (Art. 17 to 21)."""

from collections.abc import Iterable
from datetime import datetime
from typing import NoReturn

from sqlalchemy import select

from exchange.db import Transaction
from exchange.errors import Refused
from exchange.gates import gate
from exchange.members.people import org_of
from exchange.workdays import beijing_date
from provenance.lineage import SourceLink, trace
from provenance.models import Agreement


@gate("G-03", "G-04", "G-06", "G-07", "G-08", "G-17", "G-18")
def government_sources_stand(tx: Transaction, declaration_id: str) -> None:
    """Every government source in the lineage may be used for sale at this moment.

    Raises:
        Refused: By the first of ``GOVERNMENT_CHECKS`` that a source fails. A department's own catalogue needs no more
            than its record.
    """
    links = trace(tx.session, declaration_id)
    _hold_agreements(tx, links)
    for link in links:
        if link.government:
            for check in GOVERNMENT_CHECKS:
                check(declaration_id, link, tx.now)


def _recorded(about: str, link: SourceLink, _now: datetime) -> None:
    """The open attribute is known, because a catalogue record is named (G-03)."""
    if link.record is None:
        _refuse(
            "G-03",
            about,
            link,
            "«%(title)s» is government data, and its catalogue record is not named.",
            remedy="Name the catalogue record of the department that holds the data.",
            code="record_missing",
        )


def _not_closed(about: str, link: SourceLink, _now: datetime) -> None:
    """What is not open is used under authorised operation only (G-04)."""
    if _attribute(link) == "closed" and (link.agreement is None or link.agreement.basis != "authorised_operation"):
        _refuse(
            "G-04",
            about,
            link,
            "«%(title)s» is not open; it may be used under authorised operation only.",
            remedy="Name the agreement on authorised operation, or leave the source out.",
            code="closed_data",
        )


def _retrieved(about: str, link: SourceLink, _now: datetime) -> None:
    """Open data comes with evidence of its retrieval in the open system, and the time of it (G-06)."""
    source = link.source
    if _attribute(link) == "unconditional" and (source.evidence_digest is None or source.retrieved_at is None):
        _refuse(
            "G-06",
            about,
            link,
            "«%(title)s» is open data, and the evidence of its retrieval or the time of it is missing.",
            remedy="Give the evidence file's digest and the time of retrieval.",
            code="retrieval_not_evidenced",
        )


def _within_term(about: str, link: SourceLink, now: datetime) -> None:
    """The agreement has neither ended nor been terminated (G-18)."""
    agreement = link.agreement
    if agreement is None:
        return
    if agreement.state in {"ended", "terminated"} or (agreement.ends_at is not None and now >= agreement.ends_at):
        _refuse(
            "G-18",
            about,
            link,
            "The agreement on the use of «%(title)s» has ended.",
            remedy="Conclude a new agreement and declare the sources anew.",
            code="agreement_ended",
        )


def _agreed(about: str, link: SourceLink, now: datetime) -> None:
    """What is open on conditions is used under a signed agreement of the declaring party that lists it (G-07)."""
    agreement, record = link.agreement, link.record
    if agreement is None and _attribute(link) not in {"conditional", "closed"}:
        return
    if agreement is None or record is None:
        problem, code = "The use of «%(title)s» needs an agreement with the department.", "agreement_missing"
    elif agreement.state != "in_force" or agreement.user_org_id != link.declaration.org_id:
        problem, code = "The agreement on the use of «%(title)s» is not in force.", "agreement_not_in_force"
    elif agreement.starts_on is not None and beijing_date(now) < agreement.starts_on:
        problem, code = "The term of the agreement on «%(title)s» has not begun.", "agreement_not_begun"
    elif agreement.data and not agreement.covers_record(record.id):
        problem, code = "The agreement's list of data does not name «%(title)s».", "agreement_without_record"
    else:
        return
    _refuse("G-07", about, link, problem, remedy="Conclude the agreement with the department first.", code=code)


def _complete(about: str, link: SourceLink, _now: datetime) -> None:
    """The agreement holds all six items of Art. 19(2) (G-08)."""
    missing = link.agreement.missing_items if link.agreement is not None else ()
    if missing:
        _refuse(
            "G-08",
            about,
            link,
            "The agreement on «%(title)s» lacks: %(missing)s.",
            remedy="Conclude an agreement that holds all six items.",
            code="agreement_incomplete",
            missing=", ".join(missing),
        )


def _saleable(about: str, link: SourceLink, _now: datetime) -> None:
    """The agreement lets be sold what is made with the data (G-17)."""
    if link.agreement is not None and link.passing and not link.agreement.outputs_may_be_sold:
        _refuse(
            "G-17",
            about,
            link,
            "The agreement on «%(title)s» does not allow what is made with it to be sold.",
            remedy="Agree with the department that outputs may be sold.",
            code="outputs_not_for_sale",
        )


#: What each government source is asked, in order.
GOVERNMENT_CHECKS = (_recorded, _not_closed, _retrieved, _within_term, _agreed, _complete, _saleable)


@gate("G-17")
def buyer_allowed(tx: Transaction, declaration_id: str, buyer_org_id: str) -> None:
    """Every agreement behind what stands in the goods allows a buyer of this kind."""
    kind = org_of(tx, buyer_org_id).kind
    for link in trace(tx.session, declaration_id):
        if link.agreement is not None and link.passing and kind not in link.agreement.buyers_allowed:
            _refuse(
                "G-17",
                declaration_id,
                link,
                "The agreement on «%(title)s» does not allow a sale to a buyer of this kind (%(kind)s).",
                remedy="The department would have to allow it.",
                code="buyer_not_allowed",
                kind=kind,
            )


def _attribute(link: SourceLink) -> str | None:
    """The open attribute that binds the declaring party; ``None`` for a department's own data."""
    return None if link.record is None or link.from_own_catalogue else link.record.open_attribute


def _refuse(
    rule_id: str, about: str, link: SourceLink, problem: str, *, remedy: str, code: str, **params: str
) -> NoReturn:
    named = (link.source.record_id, link.source.agreement_id)
    raise Refused(
        rule_id,
        problem,
        remedy=remedy,
        code=code,
        subjects=(about, *(subject for subject in named if subject is not None)),
        title=link.source.title,
        **params,
    )


def _hold_agreements(tx: Transaction, links: Iterable[SourceLink]) -> None:
    """Hold the agreements against an end or a termination until the transaction ends, and read them afresh."""
    named = {link.agreement.id for link in links if link.agreement is not None}
    if named:
        tx.all(
            select(Agreement)
            .where(Agreement.id.in_(named))
            .order_by(Agreement.id)
            .with_for_update(read=True)
            .execution_options(populate_existing=True)
        )
