"""From draft to publication: who decides, how many, in which order, and what holds it back."""

from dataclasses import replace
from datetime import timedelta

import market as fair
import pytest
from people import Party, approved_company, registered, staff

from exchange import documents, workdays
from exchange.actors import Actor
from exchange.calendar import calendar
from exchange.db import advance_clock, read, transaction
from exchange.errors import Conflict, Forbidden, NotFound, Refused, WrongState
from exchange.journal import canonical, entry, queries
from exchange.lifecycle import CLOCK
from exchange.members.models import Membership
from exchange.members.vetting import suspend_party
from exchange.oversight.restraints import restrain
from listings import grading, intake, notice, review, versions
from listings.jobs import DUE
from listings.models import Objection, Version
from listings.states import CHECKLIST, LISTING
from provenance import findings

FAILED = {**fair.PASSED, "N-01": "fail"}


@pytest.fixture
def seller(market: object) -> Party:
    return approved_company(market, "甲公司")


def now(version: Version) -> Version:
    with read() as session:
        return session.get_one(Version, version.id)


def told(subject: str) -> list[str]:
    with read() as session:
        return [one.action for one in queries.story(session, subject)]


def restrained(subject: str) -> None:
    officer = Actor("per_x", "org_operator", frozenset({"security_administrator"}))
    restrain(officer, subject, measure="suspension", basis="basis", reason="reason")


def on_notice(db: object, seller: Party) -> Version:
    return fair.approved(db, fair.submitted(seller))


def test_a_version_goes_from_draft_to_published(market: object, seller: Party) -> None:
    version = fair.published(on_notice(market, seller))
    assert version.state == "published"
    assert told(version.id) == [
        "listing.drafted",
        "listing.attached",
        "listing.graded",
        "listing.submitted",
        "listing.scanned",
        "listing.taken_up",
        "listing.approved",
        "listing.published",
    ]
    with read() as session:
        (document,) = (canonical.loads(documents.get(session, digest).content) for digest in (version.listing_digest,))
        last = entry.parse(queries.story(session, version.id)[-1].body)
    assert document["version"] == version.id
    assert document["goods"]["size_bytes"] == str(len(fair.CSV))
    assert last["facts"] == {"number": 1, "government_derived": False}
    assert last["digests"] == {"document": version.listing_digest.hex()}
    assert (last["role"], last["org"], last["who"]) == (CLOCK, None, None)


@pytest.mark.rule("P-01")
def test_without_a_signed_declaration_nothing_is_submitted(market: object, seller: Party) -> None:
    draft = versions.create_product(seller.actor, fair.DESCRIPTION)
    versions.attach(seller.actor, draft.id, deposit_id=fair.deposited(seller))
    with pytest.raises(Refused) as caught:
        versions.submit(seller.actor, draft.id)
    assert (caught.value.rule_id, caught.value.code) == ("P-01", "declaration_missing")
    assert told(draft.id)[-1] == "gate.refused"
    unsigned = fair.declarations.declare(seller.actor, fair.Content(sources=(fair.OWN_SOURCE,)))
    versions.attach(seller.actor, draft.id, declaration_id=unsigned.id)
    with pytest.raises(Refused) as again:
        versions.submit(seller.actor, draft.id)
    assert again.value.rule_id == "P-01"


def test_without_a_profiled_deposit_nothing_is_submitted(market: object, seller: Party) -> None:
    draft = versions.create_product(seller.actor, fair.DESCRIPTION)
    versions.attach(seller.actor, draft.id, deposit_id=fair.received(seller), declaration_id=fair.declared(seller))
    grading.grade_version(seller.actor, draft.id, fair.GRADED)
    with pytest.raises(Conflict) as caught:
        versions.submit(seller.actor, draft.id)
    assert caught.value.code == "deposit_not_ready"


@pytest.mark.rule("C-01")
@pytest.mark.rule("C-03")
@pytest.mark.rule("C-04")
def test_core_data_is_not_listed_and_important_data_not_without_its_file(market: object, seller: Party) -> None:
    draft = fair.drafted(seller)
    for grade, rule, code in (("core", "C-03", "core_data"), ("important", "C-04", "important_data")):
        grading.grade_version(seller.actor, draft.id, fair.GRADED)
        versions.edit_version(seller.actor, draft.id, replace(fair.DESCRIPTION, grade=grade))
        with pytest.raises(Refused) as caught:
            versions.submit(seller.actor, draft.id)
        assert (caught.value.rule_id, caught.value.code) == (rule, code)
    versions.edit_version(seller.actor, draft.id, fair.DESCRIPTION)
    assert versions.submit(seller.actor, draft.id).state == "submitted"


@pytest.mark.rule("I-01")
@pytest.mark.rule("I-02")
def test_a_suspended_seller_submits_nothing(market: object, seller: Party) -> None:
    draft = fair.drafted(seller)
    suspend_party(staff(market, "vetting_officer"), seller.org_id, reason="reason")
    with pytest.raises(Refused) as caught:
        versions.submit(seller.actor, draft.id)
    assert caught.value.code == "party_suspended"


@pytest.mark.rule("K-05")
def test_a_restrained_product_is_not_submitted(market: object, seller: Party) -> None:
    draft = fair.drafted(seller)
    restrained(draft.product_id)
    with pytest.raises(Refused) as caught:
        versions.submit(seller.actor, draft.id)
    assert caught.value.rule_id == "K-05"


def test_what_another_party_holds_is_neither_found_nor_attached(market: object, seller: Party) -> None:
    other = approved_company(market, "乙公司")
    draft = versions.create_product(seller.actor, fair.DESCRIPTION)
    foreign = fair.deposits.open_deposit(other.actor, file_name="x", size_bytes=1, media_type="text/csv").id
    declared = fair.declarations.declare(other.actor, fair.Content(sources=(fair.OWN_SOURCE,))).id
    for attempt in (
        lambda: versions.attach(seller.actor, draft.id, deposit_id=foreign),
        lambda: versions.attach(seller.actor, draft.id, declaration_id=declared),
        lambda: versions.attach(other.actor, draft.id, deposit_id=foreign),
        lambda: versions.edit_version(other.actor, draft.id, fair.DESCRIPTION),
        lambda: versions.add_version(other.actor, draft.product_id, fair.DESCRIPTION),
        lambda: versions.submit(other.actor, draft.id),
        lambda: versions.withdraw(other.actor, draft.id),
    ):
        with pytest.raises(NotFound):
            attempt()


def test_what_was_submitted_does_not_change(market: object, seller: Party) -> None:
    version = fair.submitted(seller)
    for attempt in (
        lambda: versions.edit_version(seller.actor, version.id, fair.DESCRIPTION),
        lambda: versions.attach(seller.actor, version.id, deposit_id=version.deposit_id),
        lambda: versions.submit(seller.actor, version.id),
    ):
        with pytest.raises(Conflict):
            attempt()


@pytest.mark.rule("I-08")
@pytest.mark.rule("P-08")
def test_a_government_derived_version_needs_two_natural_persons(market: object, seller: Party) -> None:
    version = fair.submitted(seller, fair.open_data(market))
    first, second = staff(market, "compliance_reviewer"), staff(market, "compliance_reviewer")
    review.take_up(first, version.id)
    with pytest.raises(Forbidden) as early:
        review.approve(second, version.id, checklist=fair.PASSED)
    assert early.value.code == "taken_up_by_another"
    assert review.approve(first, version.id, checklist=fair.PASSED).state == "in_review"
    with pytest.raises(Refused) as caught:
        review.approve(first, version.id, checklist=fair.PASSED)
    assert (caught.value.rule_id, caught.value.code) == ("I-08", "second_person_needed")
    assert review.approve(second, version.id, checklist=fair.PASSED).state == "notice"
    assert told(version.id)[-4:] == ["listing.taken_up", "listing.approved_once", "gate.refused", "listing.approved"]


@pytest.mark.parametrize("use", ["trained", "validated", "reference"])
def test_two_persons_decide_what_government_data_only_shaped(market: object, seller: Party, use: str) -> None:
    version = fair.submitted(seller, fair.OWN_SOURCE, replace(fair.open_data(market), use=use))
    reviewer = staff(market, "compliance_reviewer")
    review.take_up(reviewer, version.id)
    with pytest.raises(Refused) as caught:
        review.approve(reviewer, version.id, checklist=fair.PASSED)
    assert (caught.value.rule_id, caught.value.code) == ("P-09", "finding_open")
    [finding_id] = fair.findings_of(version)
    for one in (reviewer, staff(market, "compliance_reviewer")):
        findings.vote_on_finding(one, finding_id, outcome="dismiss", reason="只作训练 / trained only")
    assert review.approve(reviewer, version.id, checklist=fair.PASSED).state == "notice"


@pytest.mark.rule("I-08")
def test_nobody_decides_about_a_party_they_ever_belonged_to(market: object, seller: Party) -> None:
    version = fair.submitted(seller)
    reviewer = staff(market, "compliance_reviewer")
    with transaction(seller.actor) as tx:
        tx.add(
            Membership(person_id=reviewer.person_id, org_id=seller.org_id, role="viewer", since=tx.now, ended_at=tx.now)
        )
        tx.record(seller.org_id, "member.left", by="owner")
    with pytest.raises(Refused) as caught:
        review.take_up(reviewer, version.id)
    assert (caught.value.rule_id, caught.value.code) == ("I-08", "own_case")


@pytest.mark.rule("I-09")
def test_a_decision_says_what_was_checked_and_why(market: object, seller: Party) -> None:
    version = fair.submitted(seller)
    reviewer = staff(market, "compliance_reviewer")
    review.take_up(reviewer, version.id)
    for decide, checklist, reason in (
        (review.approve, {}, ""),
        (review.approve, FAILED, ""),
        (review.approve, {**fair.PASSED, "N-01": "perhaps"}, ""),
        (review.return_version, FAILED, " "),
        (review.refuse, FAILED, ""),
    ):
        with pytest.raises(Refused) as caught:
            decide(reviewer, version.id, checklist=checklist, reason=reason)
        assert caught.value.rule_id == "I-09"
    assert now(version).state == "in_review"


def test_a_returned_version_is_mended_and_approvals_start_anew(market: object, seller: Party) -> None:
    version = fair.submitted(seller, fair.open_data(market))
    first, second = staff(market, "compliance_reviewer"), staff(market, "compliance_reviewer")
    review.take_up(first, version.id)
    review.approve(first, version.id, checklist=fair.PASSED)
    review.return_version(second, version.id, checklist=FAILED, reason="请补充说明")
    versions.edit_version(seller.actor, version.id, replace(fair.DESCRIPTION, title_en="Mended"))
    again = versions.submit(seller.actor, version.id)
    assert (again.state, again.submission, again.reviewer_id) == ("submitted", 2, None)
    intake.scan_version(intake.EXCHANGE_ACTOR, version.id)
    assert again.listing_digest != version.listing_digest
    review.take_up(second, version.id)
    assert review.approve(second, version.id, checklist=fair.PASSED).state == "in_review"
    assert review.approve(first, version.id, checklist=fair.PASSED).state == "notice"


def test_a_refused_version_is_over(market: object, seller: Party) -> None:
    version = fair.submitted(seller)
    reviewer = staff(market, "compliance_reviewer")
    review.take_up(reviewer, version.id)
    assert review.refuse(reviewer, version.id, checklist=FAILED, reason="禁止交易").state == "refused"
    with pytest.raises(WrongState):
        versions.submit(seller.actor, version.id)
    with read() as session:
        assert "禁止交易" not in queries.story(session, version.id)[-1].body.decode()


@pytest.mark.parametrize("edge", sorted(LISTING.edges), ids="-".join)
def test_edges_are_for_their_actors_alone(edge: tuple[str, str]) -> None:
    assert set(LISTING.edges[edge].by) <= {"seller", "exchange", "compliance_reviewer", CLOCK}


def test_members_do_not_review_and_reviewers_do_not_sell(market: object, seller: Party) -> None:
    version = fair.submitted(seller)
    with pytest.raises(Forbidden):
        review.take_up(seller.actor, version.id)
    with pytest.raises(Forbidden):
        versions.create_product(staff(market, "compliance_reviewer"), fair.DESCRIPTION)
    with pytest.raises(Forbidden):
        notice.publish(seller.actor, version.id)
    with pytest.raises(Forbidden):
        intake.scan_version(seller.actor, version.id)


# -- notice -----------------------------------------------------------------------------------------------------------


def test_the_notice_lasts_three_working_days(market: object, seller: Party) -> None:
    version = on_notice(market, seller)
    with read() as session:
        held = calendar(session)
        expected = workdays.add(held, workdays.beijing_date(fair.clock.now()), review.NOTICE_DAYS)
    assert version.notice_ends_at == expected.ends_at
    with pytest.raises(WrongState):
        notice.publish(Actor.clock(), version.id)
    assert DUE["version.publish"] is notice.publish


def test_an_objection_holds_publication_back_until_it_is_dismissed(market: object, seller: Party) -> None:
    version = on_notice(market, seller)
    citizen = registered(market, "丙某", "individual")
    objection = notice.object_to(citizen.actor, version.id, statement="数据侵害隐私")
    assert fair.published(version).state == "notice"
    notice.dismiss_objection(staff(market, "compliance_reviewer"), objection.id, answer="已核实，不成立")
    assert notice.publish(Actor.clock(), version.id).state == "published"
    assert told(objection.id) == ["objection.made", "objection.dismissed"]
    with read() as session:
        story = b"".join(one.body for one in queries.story(session, version.id))
    assert citizen.org_id.encode() not in story  # the seller does not learn whose objection it was (K-02)


def test_an_upheld_objection_returns_the_version(market: object, seller: Party) -> None:
    version = on_notice(market, seller)
    objection = notice.object_to(registered(market, "丙").actor, version.id, statement="不实")
    reviewer = staff(market, "compliance_reviewer")
    notice.uphold_objection(reviewer, objection.id, answer="成立")
    assert now(version).state == "returned"
    with pytest.raises(WrongState):
        notice.dismiss_objection(reviewer, objection.id, answer="不成立")
    with pytest.raises(WrongState):
        notice.publish(Actor.clock(), version.id)


def test_objections_come_during_the_notice_only(market: object, seller: Party) -> None:
    version, citizen = fair.submitted(seller), registered(market, "丙")
    with pytest.raises(NotFound):
        notice.object_to(citizen.actor, version.id, statement="不实")
    version = fair.approved(market, version)
    advance_clock(Actor.clock(), fair.until(version.notice_ends_at))
    with pytest.raises(Conflict) as late:
        notice.object_to(citizen.actor, version.id, statement="不实")
    assert late.value.code == "not_on_notice"


def test_one_organisation_objects_once_at_a_time(market: object, seller: Party) -> None:
    version, citizen = on_notice(market, seller), registered(market, "丙")
    objection = notice.object_to(citizen.actor, version.id, statement="不实")
    with pytest.raises(Conflict) as caught:
        notice.object_to(citizen.actor, version.id, statement="还是不实")
    assert caught.value.code == "objection_waits"
    notice.dismiss_objection(staff(market, "compliance_reviewer"), objection.id, answer="不成立")
    assert notice.object_to(citizen.actor, version.id, statement="另有理由").state == "open"


@pytest.mark.rule("I-08")
def test_a_reviewer_does_not_decide_the_objection_of_an_own_party(market: object, seller: Party) -> None:
    version, citizen = on_notice(market, seller), registered(market, "丙")
    objection = notice.object_to(citizen.actor, version.id, statement="不实")
    inside = Actor(citizen.person_id, None, frozenset({"compliance_reviewer"}))
    with pytest.raises(Refused) as caught:
        notice.dismiss_objection(inside, objection.id, answer="不成立")
    assert caught.value.rule_id == "I-08"
    with read() as session:
        assert session.get_one(Objection, objection.id).state == "open"


def test_publication_asks_the_gates_again(market: object, seller: Party) -> None:
    version = on_notice(market, seller)
    suspend_party(staff(market, "vetting_officer"), seller.org_id, reason="reason")
    assert fair.published(version).state == "returned"
    with read() as session:
        last = entry.parse(queries.story(session, version.id)[-1].body)
    assert (last["action"], last["role"], last["facts"]["code"]) == ("listing.returned", CLOCK, "party_suspended")


@pytest.mark.rule("G-18")
def test_an_agreement_that_ended_stops_publication(market: object, seller: Party) -> None:
    today = workdays.beijing_date(fair.clock.now())
    source = fair.agreed_data(market, seller, ends_on=today + timedelta(days=1))
    version = fair.approved(market, fair.submitted(seller, source))
    assert fair.published(version).state == "returned"


# -- published --------------------------------------------------------------------------------------------------------


def test_a_new_version_supersedes_the_published_one(market: object, seller: Party) -> None:
    old = fair.published(on_notice(market, seller))
    new = fair.published(fair.approved(market, fair.submitted(seller, product_id=old.product_id)))
    assert (now(old).state, new.state, new.number) == ("superseded", "published", 2)
    with pytest.raises(WrongState):
        review.suspend(staff(market, "compliance_reviewer"), old.id, reason="reason")


def test_a_published_version_is_suspended_and_restored_with_reasons(market: object, seller: Party) -> None:
    version = fair.published(on_notice(market, seller))
    reviewer = staff(market, "compliance_reviewer")
    assert review.suspend(reviewer, version.id, reason="核查").state == "suspended"
    suspend_party(staff(market, "vetting_officer"), seller.org_id, reason="reason")
    with pytest.raises(Refused):
        review.restore(reviewer, version.id, reason="核查完毕")
    assert now(version).state == "suspended"


def test_a_seller_withdraws_for_good(market: object, seller: Party) -> None:
    version = on_notice(market, seller)
    assert versions.withdraw(seller.actor, version.id).state == "withdrawn"
    with pytest.raises(WrongState):
        notice.publish(Actor.clock(), version.id)


def test_the_checklist_names_rules_of_the_pack() -> None:
    from exchange import rules

    assert all(rules.rule(rule_id) for rule_id in CHECKLIST)
