"""Grading of versions: what the form and the sources ask for, important data's procedure, lower grades, reports."""

from dataclasses import replace

import market as fair
import pytest
from origins import acquired, bought_source
from people import Party, approved_company, staff

from exchange.db import read
from exchange.errors import Conflict, Forbidden, Invalid, Refused
from listings import gates, grade_queries, grading, intake, review, versions
from listings.grade_models import DataReport
from listings.models import Version
from listings.states import RISK_POINTS
from provenance.grading import Form
from provenance.models import Declaration

ASSESSMENT = dict.fromkeys(RISK_POINTS, "checked")


def harmful(**effects: str) -> Form:
    return replace(fair.GRADED, effects=dict(fair.GRADED.effects) | effects)


@pytest.fixture
def seller(market: object) -> Party:
    return approved_company(market, "甲公司")


def refusal(version_id: str, seller: Party) -> tuple[str, str]:
    with pytest.raises(Refused) as caught:
        versions.submit(seller.actor, version_id)
    return caught.value.rule_id, caught.value.code


def version_of(version_id: str) -> Version:
    with read() as session:
        return session.get_one(Version, version_id)


@pytest.mark.rule("C-02")
def test_a_version_takes_the_grade_of_its_form_and_may_not_be_given_less(market: object, seller: Party) -> None:
    draft = fair.drafted(seller)
    assert refusal(draft.id, seller) == ("C-02", "grading_missing")
    grading.grade_version(seller.actor, draft.id, harmful(economy="unknown"))
    assert refusal(draft.id, seller) == ("C-02", "grading_missing")
    assert grading.grade_version(seller.actor, draft.id, harmful(economy="serious")).grade == "important"
    versions.edit_version(seller.actor, draft.id, fair.DESCRIPTION)
    assert refusal(draft.id, seller) == ("C-02", "grade_too_low")
    assert grading.grade_version(seller.actor, draft.id, harmful(individuals="extreme")).grade == "general"
    assert versions.submit(seller.actor, draft.id).state == "submitted"
    with pytest.raises(Conflict):
        grading.grade_version(seller.actor, draft.id, fair.GRADED)


@pytest.mark.rule("C-04")
def test_important_data_is_listed_after_its_file_and_two_approvals(market: object, seller: Party) -> None:
    draft = fair.drafted(seller)
    grading.grade_version(seller.actor, draft.id, harmful(economy="serious"))
    assert refusal(draft.id, seller) == ("C-04", "important_data")
    filed = {"identification": "行业目录 12", "assessment": ASSESSMENT, "officer_id": seller.actor.person_id}
    for wrong in ({"assessment": {}}, {"identification": " "}, {"officer_id": "per_other"}):
        with pytest.raises(Invalid):
            grading.file_important_data(seller.actor, draft.id, **(filed | wrong))
    grading.file_important_data(seller.actor, draft.id, **filed)
    versions.submit(seller.actor, draft.id)
    intake.scan_version(intake.EXCHANGE_ACTOR, draft.id)
    first, second = staff(market, "compliance_reviewer"), staff(market, "compliance_reviewer")
    review.take_up(first, draft.id)
    assert review.approve(first, draft.id, checklist=fair.PASSED).state == "in_review"
    with pytest.raises(Refused, match="second person"):
        review.approve(first, draft.id, checklist=fair.PASSED)
    assert review.approve(second, draft.id, checklist=fair.PASSED).state == "notice"


@pytest.mark.rule("C-03")
@pytest.mark.rule("C-08")
def test_core_data_and_secrets_are_refused_and_reported(market: object, seller: Party) -> None:
    security = staff(market, "security_administrator")
    core, secret = fair.drafted(seller), versions.create_product(seller.actor, fair.DESCRIPTION)
    for _ in range(2):  # told once
        grading.grade_version(seller.actor, core.id, harmful(national_security="serious"))
    versions.attach(seller.actor, secret.id, deposit_id=core.deposit_id, declaration_id=core.declaration_id)
    grading.grade_version(seller.actor, secret.id, replace(fair.GRADED, secrecy="work_secret"))
    assert refusal(core.id, seller) == ("C-03", "core_data")
    assert refusal(secret.id, seller) == ("C-08", "secret")
    waiting, told = grade_queries.reports(), {}
    for one in waiting.items:
        told[one["kind"]] = one["id"]
    assert sorted(told) == ["core_data", "work_secret"]
    with read() as session:
        assert len(list(grade_queries.reports_wait(session, security))) == 2
        assert not list(grade_queries.reports_wait(session, staff(market, "compliance_reviewer")))
    with pytest.raises(Forbidden):
        grading.tell_authority(seller.actor, told["core_data"], authority="网信办", reference="1")
    done = grading.tell_authority(security, told["core_data"], authority="网信办", reference="2026-1")
    assert (done.state, done.reference) == ("reported", "2026-1")
    assert grading.dismiss_report(security, told["work_secret"], answer="mistyped").state == "dismissed"
    with read() as session:
        assert not session.query(DataReport).filter_by(state="open").count()


@pytest.mark.rule("C-07")
def test_a_derived_product_keeps_the_grade_of_its_sources_until_two_grant_less(market: object, seller: Party) -> None:
    source = fair.drafted(seller)
    grading.grade_version(seller.actor, source.id, harmful(economy="serious"))
    filed = {"identification": "目录", "assessment": ASSESSMENT, "officer_id": seller.actor.person_id}
    grading.file_important_data(seller.actor, source.id, **filed)
    versions.submit(seller.actor, source.id)
    maker = approved_company(market, "乙公司")
    with read() as session:
        declaration = session.get_one(Declaration, source.declaration_id)
    derived = fair.drafted(maker, bought_source(acquired(maker, declaration)))
    assert grading.grade_version(maker.actor, derived.id, fair.GRADED).grade == "important"
    versions.edit_version(maker.actor, derived.id, fair.DESCRIPTION)
    assert refusal(derived.id, maker) == ("C-07", "grade_too_low")
    asked = grading.ask_lower_grade(maker.actor, derived.id, reason="只留月度合计")
    first, second = staff(market, "compliance_reviewer"), staff(market, "compliance_reviewer")
    with pytest.raises(Forbidden):
        grading.allow_lower_grade(maker.actor, asked.id, reason="ours")
    assert grading.allow_lower_grade(first, asked.id, reason="sums only").state == "seconded"
    assert refusal(derived.id, maker) == ("C-07", "grade_too_low")
    with pytest.raises(Refused, match="second person"):
        grading.allow_lower_grade(first, asked.id, reason="again")
    assert grading.allow_lower_grade(second, asked.id, reason="agreed").state == "granted"
    assert version_of(derived.id).grade == "general"
    assert versions.submit(maker.actor, derived.id).state == "submitted"


@pytest.mark.rule("C-07")
def test_a_refused_lower_grade_leaves_it_and_a_new_form_needs_a_new_decision(market: object, seller: Party) -> None:
    draft = fair.drafted(seller)
    grading.grade_version(seller.actor, draft.id, fair.GRADED)
    with pytest.raises(Conflict) as caught:
        grading.ask_lower_grade(seller.actor, draft.id, reason="none is needed")
    assert caught.value.code == "nothing_to_lower"
    with read() as session:
        assert gates.sources_grade_of(session, version_of(draft.id)) == "general"
