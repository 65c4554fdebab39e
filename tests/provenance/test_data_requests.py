"""Requests for government data: the period in working days, its one extension, the answer, and what is overdue."""

from datetime import date, timedelta

import origins
import people
import pytest
from people import Party

from exchange import calendar, clock
from exchange.actors import Actor
from exchange.calendar import working_days_after
from exchange.db import read
from exchange.errors import Conflict, Forbidden, Invalid, NotFound, WrongState
from exchange.workdays import beijing_date
from provenance import data_request_queries, data_requests
from provenance.data_requests import Receipt
from provenance.models import DataRequest
from provenance.terms import begins_at, last_day
from tests.provenance.desks import CHINESE, Site


@pytest.fixture(autouse=True)
def _working_days(db: object) -> None:
    calendar.seed(Actor.clock())


def received(department: Party, applicant: Party, kind: str = "conditional", **other: object) -> DataRequest:
    record = origins.record(department, "conditional")
    said = {"official_number": "申请-1", "received_on": beijing_date(clock.now())} | other
    return data_requests.receive(
        department.actor, Receipt(kind=kind, applicant_org_id=applicant.org_id, record_id=record.id, **said)
    )


def working_days_later(request: DataRequest, start: date, days: int) -> None:

    with read() as session:
        assert last_day(request.due_at) == working_days_after(session, begins_at(start), days).date


@pytest.mark.rule("G-11")
def test_an_application_has_ten_working_days_and_ten_more_once(department: Party, seller: Party) -> None:
    request = received(department, seller)
    working_days_later(request, request.received_on, 10)
    with pytest.raises(Invalid):
        data_requests.extend(department.actor, request.id, days=11, approved_by="本单位")
    request = data_requests.extend(department.actor, request.id, days=10, approved_by="本单位")
    working_days_later(request, request.received_on, 20)
    with pytest.raises(WrongState):
        data_requests.extend(department.actor, request.id, days=1, approved_by="本单位")


@pytest.mark.rule("G-12")
def test_sharing_has_five_working_days_and_is_between_departments(db: object, department: Party, seller: Party) -> None:
    with pytest.raises(Invalid, match="departments only"):
        received(department, seller, "sharing")
    other = people.approved_department(db, "示例统计局")
    request = received(department, other, "sharing", official_number="共享-1")
    working_days_later(request, request.received_on, 5)
    with pytest.raises(Invalid):
        data_requests.extend(department.actor, request.id, days=6, approved_by="本单位")


@pytest.mark.rule("G-11")
def test_a_refusal_gives_reason_and_basis_and_is_for_good(department: Party, seller: Party) -> None:
    request = received(department, seller)
    with pytest.raises(Invalid):
        data_requests.refuse(department.actor, request.id, reason="不符合条件", legal_basis=" ")
    assert (
        data_requests.refuse(department.actor, request.id, reason="不符合条件", legal_basis="条例").state == "refused"
    )
    with pytest.raises(WrongState):
        data_requests.grant(department.actor, request.id)


def test_overdue_is_shown_to_reviewers_and_is_no_consent(db: object, department: Party, seller: Party) -> None:
    request = received(department, seller, received_on=beijing_date(clock.now()) - timedelta(days=60))
    reviewer = people.staff(db, "compliance_reviewer")
    assert [row.id for row in data_request_queries.overdue(reviewer).items] == [request.id]
    assert data_request_queries.data_request(seller.actor, request.id).state == "received"
    with pytest.raises(WrongState):
        data_requests.extend(department.actor, request.id, days=1, approved_by="本单位")
    with pytest.raises(Forbidden):
        data_request_queries.overdue(seller.actor)


def test_only_the_two_sides_know_of_a_request(department: Party, seller: Party, stranger: Party) -> None:
    request = received(department, seller)
    with pytest.raises(NotFound):
        data_request_queries.data_request(stranger.actor, request.id)
    with pytest.raises(NotFound):
        data_requests.grant(seller.actor, request.id)
    with pytest.raises(NotFound):
        data_requests.withdraw(stranger.actor, request.id)
    with pytest.raises(Conflict):
        received(department, seller)
    with pytest.raises(Invalid):
        received(
            department, seller, official_number="申请-2", received_on=beijing_date(clock.now()) + timedelta(days=1)
        )
    assert data_requests.withdraw(seller.actor, request.id).state == "withdrawn"


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_request_is_recorded_extended_and_refused_on_pages(
    site: Site, department: Party, seller: Party, db: object, lang: str
) -> None:
    record, browser = origins.record(department, "conditional"), site.browser(department, lang)
    browser.get("/desk/data-requests/new")
    today = beijing_date(clock.now()).isoformat()
    said = {"kind": "conditional", "official_number": "A-7", "applicant_org_id": seller.org_id, "record_id": record.id}
    answer = browser.submit("/desk/data-requests/new", **said, received_on=today)
    at = answer.headers["Location"]
    assert bool(CHINESE.search(browser.follow(answer).text)) is True
    assert browser.submit(f"{at}/extend", days="11", approved_by="办公室").status_code == 422
    browser.follow(browser.submit(f"{at}/extend", days="3", approved_by="办公室"))
    shown = browser.follow(browser.submit(f"{at}/refuse", reason="不符合条件", legal_basis="条例第十八条"))
    assert "条例第十八条" in shown.text
    assert "A-7" in site.browser(seller, lang).get("/desk/data-requests").text
    assert site.browser(people.staff(db, "auditor"), lang).get("/console/data-requests").status_code == 200
