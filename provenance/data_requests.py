"""Requests for government data and the working days in which their department answers (Art. 16(2), 18(2)).

The requests themselves run in the unified systems (Art. 11): the department mirrors here, by official number, what it
received and how it answered. A period that is over is shown as overdue; it is never taken for consent (RULES G-14).
"""

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy.exc import IntegrityError

from exchange import ids
from exchange.calendar import working_days_after
from exchange.db import Transaction, verb
from exchange.errors import Conflict, Invalid, NotFound, WrongState
from exchange.members.gates import vetted
from exchange.members.people import org_of
from exchange.texts import said
from exchange.workdays import beijing_date
from provenance.models import CatalogueRecord, DataRequest
from provenance.states import ANSWER_DAYS, DEPARTMENT, USER
from provenance.terms import begins_at, last_day

#: A request received longer ago than this is not entered any more.
OLDEST = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a department received: from whom, for which record, when, and its number in the unified system."""

    kind: str
    official_number: str
    applicant_org_id: str
    record_id: str
    received_on: date


@verb
def receive(tx: Transaction, receipt: Receipt) -> DataRequest:
    """Mirror a request that the actor's department received; the day of receipt is not counted (Civil Code 201).

    Raises:
        Forbidden: The actor is neither owner nor trader.
        NotFound: There is no such record of the actor's department, or no such applicant.
        Invalid: The kind does not fit the record or the applicant, or the date lies ahead or too far back.
        Conflict: The department recorded that number before.
        Unavailable: The calendar does not hold a year of the period.
    """
    tx.actor.need("owner", "trader")
    record = tx.get(CatalogueRecord, receipt.record_id)
    if record.department_org_id != tx.actor.org_id:
        raise NotFound("There is no such %(kind)s.", kind="catalogue_record")
    vetted(tx, record.department_org_id)
    _check(tx, receipt, record)
    due = working_days_after(tx.session, begins_at(receipt.received_on), ANSWER_DAYS[receipt.kind])
    request = DataRequest(
        id=ids.new("drq"),
        department_org_id=record.department_org_id,
        applicant_org_id=receipt.applicant_org_id,
        kind=receipt.kind,
        official_number=receipt.official_number,
        record_id=record.id,
        received_on=receipt.received_on,
        due_at=due.ends_at,
        provisional=due.provisional,
        extended_days=0,
        approved_by="",
        reason="",
        legal_basis="",
    )
    facts = {"official_number": request.official_number, "kind": request.kind, "last_day": due.date.isoformat()}
    tx.create(request, "data_request.received", by=DEPARTMENT, facts=facts, links=_links(request))
    try:
        tx.session.flush()
    except IntegrityError:
        raise Conflict(
            "The number %(number)s is recorded already.", code="number_taken", number=receipt.official_number
        ) from None
    return request


@verb
def extend(tx: Transaction, request_id: str, *, days: int, approved_by: str) -> DataRequest:
    """Extend the period once, with the approval of the head of the unit (本单位负责人), before it is over.

    Raises:
        NotFound: It is no request to the actor's department.
        WrongState: It was extended or answered before, or its period is over.
        Invalid: More working days than the article allows.
        Unavailable: The calendar does not hold a year of the period.
    """
    request = _locked(tx, request_id, DEPARTMENT)
    request.__lifecycle__.edge(request.state, "extend")
    if request.due_at <= tx.now:
        raise WrongState("The period of this request is over; it cannot be extended any more.", code="period_over")
    most = ANSWER_DAYS[request.kind]
    if not 1 <= days <= most:
        raise Invalid("The period is extended by at most %(days)s working days.", code="too_long", days=most)
    due = working_days_after(tx.session, begins_at(last_day(request.due_at)), days)
    request.due_at = due.ends_at
    request.provisional = request.provisional or due.provisional
    request.extended_days = days
    request.approved_by = said(approved_by)
    facts = {"days": days, "last_day": due.date.isoformat()}
    tx.advance(request, "extend", by=DEPARTMENT, facts=facts, links=_links(request))
    return request


@verb
def grant(tx: Transaction, request_id: str) -> DataRequest:
    """Record that the department granted the request.

    Raises:
        NotFound: It is no request to the actor's department.
        WrongState: It was answered or withdrawn before.
    """
    request = _locked(tx, request_id, DEPARTMENT)
    tx.advance(request, "grant", by=DEPARTMENT, facts=_lateness(tx, request), links=_links(request))
    return request


@verb
def refuse(tx: Transaction, request_id: str, *, reason: str, legal_basis: str) -> DataRequest:
    """Record that the department refused, with the reason and the basis the article asks for.

    Raises:
        NotFound: It is no request to the actor's department.
        WrongState: It was answered or withdrawn before.
        Invalid: Reason or basis is blank.
    """
    request = _locked(tx, request_id, DEPARTMENT)
    request.__lifecycle__.edge(request.state, "refuse")
    request.reason, request.legal_basis = said(reason), said(legal_basis)
    tx.advance(request, "refuse", by=DEPARTMENT, facts=_lateness(tx, request), links=_links(request))
    return request


@verb
def withdraw(tx: Transaction, request_id: str) -> DataRequest:
    """Record that the applicant withdrew; either side may.

    Raises:
        NotFound: It is no request of the actor's organisation.
        WrongState: It was answered or withdrawn before.
    """
    request = tx.lock(DataRequest, request_id)
    side = side_of(request, tx.actor.org_id)
    tx.actor.need("owner", "trader")
    tx.advance(request, "withdraw", by=side, links=_links(request))
    return request


def side_of(request: DataRequest, org_id: str | None) -> str:
    """Which side of the request an organisation is: ``user`` or ``department``.

    Raises:
        NotFound: Neither.
    """
    sides = {request.applicant_org_id: USER, request.department_org_id: DEPARTMENT}
    try:
        return sides[org_id or ""]
    except KeyError:
        raise NotFound("There is no such %(kind)s.", kind="data_request") from None


def _check(tx: Transaction, receipt: Receipt, record: CatalogueRecord) -> None:
    applicant = org_of(tx, receipt.applicant_org_id)
    if receipt.kind not in ANSWER_DAYS or applicant.id == record.department_org_id:
        raise Invalid("A request comes from somebody else and is of a known kind.", code="unknown_kind")
    if receipt.kind == "sharing" and applicant.kind != DEPARTMENT:
        raise Invalid("Data is shared between government departments only.", code="not_a_department")
    if receipt.kind == "conditional" and record.open_attribute != "conditional":
        raise Invalid("Only data that is open on conditions is applied for.", code="not_conditional")
    today = beijing_date(tx.now)
    if not today - OLDEST <= receipt.received_on <= today:
        raise Invalid("The day of receipt lies ahead, or more than a year back.", code="impossible_day")


def _locked(tx: Transaction, request_id: str, side: str) -> DataRequest:
    request = tx.lock(DataRequest, request_id)
    if side_of(request, tx.actor.org_id) != side:
        raise NotFound("There is no such %(kind)s.", kind="data_request")
    tx.actor.need("owner", "trader")
    return request


def _lateness(tx: Transaction, request: DataRequest) -> dict[str, bool]:
    return {"overdue": request.due_at <= tx.now}


def _links(request: DataRequest) -> list[str]:
    return [request.department_org_id, request.applicant_org_id, request.record_id]
