"""The negative list: its editions, the check that an approval needs, and taking down what slipped through."""

from datetime import timedelta

import market as fair
import pytest
from people import Party, approved_company, staff

from exchange import clock
from exchange.actors import Actor
from exchange.db import advance_clock, read
from exchange.errors import Conflict, Forbidden, Invalid, Refused, WrongState
from listings import gates, grading, jobs, prohibited, prohibited_queries, review
from listings.grade_models import DataReport
from listings.prohibited import INITIAL, Item
from listings.prohibited_models import NegativeCheck

ITEM = Item("N-90", "示例禁止项", "an example", "《示例条例》第1条")


@pytest.fixture
def seller(market: object) -> Party:
    return approved_company(market, "甲公司")


@pytest.mark.rule("N-06")
def test_an_item_has_basis_edition_and_a_day_it_takes_effect(market: object, seller: Party) -> None:
    keeper = staff(market, "administrator")
    with pytest.raises(Forbidden):
        prohibited.enter_initial(seller.actor)
    prohibited.enter_initial(keeper)
    with pytest.raises(Conflict):
        prohibited.enter_initial(keeper)
    with read():
        now = clock.now()
    with pytest.raises(Invalid):
        prohibited.enter_item(keeper, Item("N-90", "x", "x", " "), effective_at=now)
    first = prohibited.enter_item(keeper, ITEM, effective_at=now)
    later = prohibited.enter_item(keeper, ITEM, effective_at=now + timedelta(days=7))
    assert (first.edition, later.edition, prohibited_queries.item(first.id).state) == (1, 2, "kept")
    assert first.edition == 1
    with read() as session:
        assert [item.code for item in gates.negative_items(session, now)] == [item.code for item in INITIAL] + ["N-90"]
    assert prohibited.end_item(keeper, later.id).state == "ended"


@pytest.mark.rule("N-06")
def test_an_edition_is_in_force_until_the_next_takes_effect(market: object) -> None:
    keeper = staff(market, "administrator")
    with read():
        now = clock.now()
    first = prohibited.enter_item(keeper, ITEM, effective_at=now)
    mistaken = prohibited.enter_item(keeper, ITEM, effective_at=now + timedelta(days=9))
    second = prohibited.enter_item(keeper, ITEM, effective_at=now + timedelta(days=7))
    assert prohibited_queries.item(mistaken.id).state == "ended"  # it would never be in force

    def in_force() -> list[int]:
        with read() as session:
            return [item.edition for item in gates.negative_items(session, clock.now())]

    assert in_force() == [first.edition]
    with pytest.raises(WrongState):
        jobs.DUE["negative_item.supersede"](Actor.clock(), second.id)
    advance_clock(Actor.clock(), timedelta(days=8))
    assert in_force() == [second.edition]  # whether the worker came or not
    jobs.DUE["negative_item.supersede"](Actor.clock(), second.id)
    assert prohibited_queries.item(first.id).state == "ended"
    third = prohibited.enter_item(keeper, ITEM, effective_at=now + timedelta(days=30))
    prohibited.end_item(keeper, third.id)
    assert in_force() == [second.edition]
    prohibited.end_item(keeper, second.id)
    assert in_force() == []


def test_the_list_is_read_in_pages(market: object) -> None:
    prohibited.enter_initial(staff(market, "administrator"))
    begun = prohibited_queries.items(limit=3)
    rest = prohibited_queries.items(limit=3, cursor=begun.next_cursor)
    assert [item.code for item in (*begun.items, *rest.items)] == [item.code for item in INITIAL]
    assert rest.next_cursor is None


@pytest.mark.rule("N-06")
def test_a_version_is_approved_after_every_item_was_checked_and_none_applies(market: object, seller: Party) -> None:
    reviewer = staff(market, "compliance_reviewer")
    prohibited.enter_initial(reviewer)
    version = fair.submitted(seller)
    review.take_up(reviewer, version.id)

    def refusal() -> str:
        with pytest.raises(Refused) as caught:
            review.approve(reviewer, version.id, checklist=fair.PASSED)
        assert caught.value.rule_id == "N-06"
        return caught.value.code

    assert refusal() == "negative_list_unchecked"
    ids = [one["item"].id for one in prohibited_queries.of_version(version.id)]
    with pytest.raises(Invalid):
        prohibited.check_version(reviewer, version.id, {ids[0]: "clear"})
    prohibited.check_version(reviewer, version.id, dict.fromkeys(ids, "clear") | {ids[1]: "found"})
    assert refusal() == "negative_item_found"
    prohibited.check_version(reviewer, version.id, dict.fromkeys(ids, "clear"))
    assert review.approve(reviewer, version.id, checklist=fair.PASSED).state == "notice"
    with read() as session:
        assert session.query(NegativeCheck).count() == 2 * len(ids)  # each result is kept


@pytest.mark.rule("N-07")
def test_what_is_found_forbidden_is_taken_down_and_reported_and_stays_down(market: object, seller: Party) -> None:
    product = fair.published_product(market, seller)
    reviewer, security = staff(market, "compliance_reviewer"), staff(market, "security_administrator")
    assert prohibited.take_down(reviewer, product.version_id, statement="stolen").state == "suspended"
    with read() as session:
        report = session.query(DataReport).one()
    assert (report.kind, report.state, report.statement) == ("prohibited", "open", "stolen")
    for tell in (True, False):
        with pytest.raises(Refused) as caught:
            review.restore(reviewer, product.version_id, reason="fine")
        assert caught.value.rule_id == "N-07"
        if tell:
            grading.tell_authority(security, report.id, authority="网信办", reference="2026-7")


@pytest.mark.rule("N-07")
def test_what_proves_to_be_nothing_may_come_back(market: object, seller: Party) -> None:
    product = fair.published_product(market, seller)
    reviewer = staff(market, "compliance_reviewer")
    prohibited.take_down(reviewer, product.version_id, statement="stolen")
    with read() as session:
        report = session.query(DataReport).one()
    grading.dismiss_report(staff(market, "security_administrator"), report.id, answer="a mistake")
    assert review.restore(reviewer, product.version_id, reason="fine").state == "published"
