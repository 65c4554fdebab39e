"""Giving data abroad: an assessment's life, and the gate that asks for it at each step of an order."""

from dataclasses import replace
from datetime import timedelta

import pytest
from people import approved_company, staff
from trades import Trade

from exchange import clock
from exchange.actors import Actor
from exchange.db import advance_clock, read, transaction
from exchange.errors import Forbidden, Invalid, NotFound, Refused, WrongState
from exchange.members.models import Organisation
from listings import exports, jobs
from listings.export_models import ExportAssessment
from listings.exports import Export
from listings.models import Version

EXPORT = Export("需方公司", "HK", ("commercial.analytics",), ("personal",))
KNOWN = {
    "critical_infrastructure": False,
    "important_data": False,
    "personal_information": True,
    "ordinary_persons": 150_000,
    "sensitive_persons": 0,
    "foreign_authority": False,
    "government_held": False,
    "scene": "none",
    "ftz_negative_list": False,
    "separate_consent": True,
}
SHOWN = ["ab" * 32]


def valid(trade: Trade, export: Export = EXPORT, **facts: object) -> ExportAssessment:
    """An assessment of the product on sale, agreed to by two reviewers."""
    made = exports.open_assessment(trade.seller.actor, trade.product.version_id, export)
    exports.submit_assessment(trade.seller.actor, made.id, facts=KNOWN | facts, documents=SHOWN)
    exports.agree(staff(trade, "compliance_reviewer"), made.id, reason="contract filed")
    return exports.agree(staff(trade, "compliance_reviewer"), made.id, reason="agreed")


def abroad(trade: Trade, *, important: bool = True) -> None:
    """Put the buyer where no sign-up lets anybody be yet, and make the goods important data."""
    with transaction(Actor.clock()) as tx:
        tx.lock(Organisation, trade.buyer.org_id).territory = "HK"
        tx.record(trade.buyer.org_id, "organisation.moved", by="test")
        if important:
            tx.lock(Version, trade.product.version_id).grade = "important"
            tx.record(trade.product.version_id, "listing.regraded", by="test")


@pytest.mark.rule("X-01")
@pytest.mark.rule("X-06")
def test_an_order_from_abroad_needs_a_valid_assessment_that_covers_it(trade: Trade) -> None:
    abroad(trade, important=False)
    assert trade.request().state == "requested"  # neither personal information nor important data
    abroad(trade)
    refused(trade, "X-01", "export_not_assessed")
    valid(trade, replace(EXPORT, kinds=("important",), recipient="另一公司"), important_data=True)
    refused(trade, "X-01", "export_not_assessed")
    valid(trade, replace(EXPORT, kinds=("important",), purposes=("research",)), important_data=True)
    refused(trade, "X-06", "export_beyond_assessment")
    covering = valid(trade, replace(EXPORT, kinds=("important",)), important_data=True)
    order = trade.request()
    exports.withdraw_assessment(trade.seller.actor, covering.id)
    with pytest.raises(Refused) as caught:
        trade.signed()
    assert caught.value.rule_id == "X-06"
    assert order.state == "requested"


def refused(trade: Trade, rule: str, code: str) -> None:
    with pytest.raises(Refused) as caught:
        trade.request()
    assert (caught.value.rule_id, caught.value.code) == (rule, code)


@pytest.mark.rule("X-02")
@pytest.mark.rule("X-08")
@pytest.mark.rule("X-09")
@pytest.mark.rule("X-10")
@pytest.mark.rule("X-12")
@pytest.mark.parametrize(
    ("change", "documents", "path", "rule"),
    [
        ({"sensitive_persons": None}, SHOWN, "incomplete", "X-10"),
        ({"foreign_authority": True}, SHOWN, "blocked", "X-08"),
        ({"ftz_negative_list": True}, [], "manual", "X-09"),
        ({"government_held": True}, [], "security_assessment", "X-02"),
        ({}, [], "contract_or_certification", "X-02"),
    ],
)
def test_reviewers_cannot_agree_where_there_is_no_way_or_nothing_is_shown(
    trade: Trade, change: dict[str, object], documents: list[str], path: str, rule: str
) -> None:
    made = exports.open_assessment(trade.seller.actor, trade.product.version_id, EXPORT)
    handed = exports.submit_assessment(trade.seller.actor, made.id, facts=KNOWN | change, documents=documents)
    assert (handed.path, handed.edition) == (path, "CBF-2024")
    reviewer = staff(trade, "compliance_reviewer")
    with pytest.raises(Refused) as caught:
        exports.agree(reviewer, made.id, reason="x")
    assert caught.value.rule_id == rule
    assert exports.send_back(reviewer, made.id, reason="complete it").state == "opened"


@pytest.mark.rule("X-04")
@pytest.mark.rule("X-06")
def test_an_assessment_names_all_that_the_version_holds(trade: Trade) -> None:
    abroad(trade)
    made = exports.open_assessment(trade.seller.actor, trade.product.version_id, EXPORT)
    exports.submit_assessment(trade.seller.actor, made.id, facts=KNOWN, documents=SHOWN)
    with pytest.raises(Refused) as caught:
        exports.agree(staff(trade, "compliance_reviewer"), made.id, reason="x")
    assert caught.value.code == "kinds_missing"
    # Important by its effects, but neither notified nor published as such: it is not filed as important data.
    assert valid(trade, replace(EXPORT, kinds=("personal", "important"))).path == "contract_or_certification"


@pytest.mark.rule("X-05")
def test_a_result_holds_three_years_and_renewal_is_told_before(trade: Trade) -> None:
    made = valid(trade)
    assert made.valid_until is not None
    with read():
        now = clock.now()
    assert timedelta(days=3 * 365) <= made.valid_until - now <= timedelta(days=3 * 365 + 1)
    advance_clock(Actor.clock(), made.valid_until - now - exports.RENEWAL + timedelta(seconds=1))
    assert jobs.DUE["export.remind"](Actor.clock(), made.id).state == "valid"
    advance_clock(Actor.clock(), exports.RENEWAL)
    assert jobs.DUE["export.lapse"](Actor.clock(), made.id).state == "lapsed"
    with pytest.raises(WrongState):
        exports.withdraw_assessment(trade.seller.actor, made.id)


@pytest.mark.rule("X-01")
def test_an_assessment_is_its_sellers_and_two_people_decide_it(trade: Trade) -> None:
    stranger = approved_company(trade, "丙公司")
    with pytest.raises(NotFound):
        exports.open_assessment(stranger.actor, trade.product.version_id, EXPORT)
    for wrong in ({"territory": "CN"}, {"territory": "香港"}, {"kinds": ("secret",)}, {"purposes": ()}):
        with pytest.raises(Invalid):
            exports.open_assessment(trade.seller.actor, trade.product.version_id, replace(EXPORT, **wrong))
    made = exports.open_assessment(trade.seller.actor, trade.product.version_id, EXPORT)
    for facts, documents in (({"scene": "holiday"}, []), ({"weather": 1}, []), (KNOWN, ["digest"])):
        with pytest.raises(Invalid):
            exports.submit_assessment(trade.seller.actor, made.id, facts=facts, documents=documents)
    exports.submit_assessment(trade.seller.actor, made.id, facts=KNOWN, documents=SHOWN)
    with pytest.raises(Forbidden):
        exports.agree(trade.seller.actor, made.id, reason="ours")
    first = staff(trade, "compliance_reviewer")
    exports.agree(first, made.id, reason="x")
    with pytest.raises(Refused, match="second person"):
        exports.agree(first, made.id, reason="x")
    assert exports.refuse(staff(trade, "compliance_reviewer"), made.id, reason="x").state == "refused"
