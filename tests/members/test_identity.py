"""Identity cases: the file, its review, the reasons, lapse and suspension, and who may look."""

from dataclasses import replace
from datetime import timedelta

import people
import pytest
from sqlalchemy import text

from exchange import clock, documents, handlers
from exchange.actors import Actor
from exchange.db import Transaction, advance_clock, read, transaction
from exchange.errors import Conflict, Forbidden, Invalid, NotFound, Refused, WrongState
from exchange.jobs import Worker
from exchange.journal import canonical
from exchange.members import gates, identity, jobs, queries, vetting
from exchange.members.models import IdentityCase, Membership
from exchange.members.states import APPOINTMENT, IDENTITY

REASON = "执照照片不清晰"


def state(case_id: str) -> str:
    with read() as session:
        return session.get_one(IdentityCase, case_id).state


def actions(subject: str) -> list[str]:
    with read() as session:
        told = "SELECT action FROM journal_entry WHERE subject = :subject ORDER BY seq"
        return list(session.execute(text(told), {"subject": subject}).scalars())


def bodies() -> list[dict[str, object]]:
    with read() as session:
        return [canonical.loads(body) for body in session.execute(text("SELECT body FROM journal_entry")).scalars()]


def in_review(db: object) -> tuple[people.Party, Actor]:
    party, officer = people.submitted(db, "示例公司"), people.staff(db, "vetting_officer")
    vetting.take_up(officer, party.case_id)
    return party, officer


@pytest.mark.rule("I-09")
def test_an_approval_records_who_when_on_what_and_until(db: object) -> None:
    party, officer = in_review(db)
    case = vetting.approve(officer, party.case_id, checklist=people.passing())
    assert (case.state, case.reviewer_id) == ("approved", officer.person_id)
    assert case.valid_until is not None
    assert timedelta(days=364) < case.valid_until - clock.now() <= identity.VALIDITY
    entry = next(body for body in bodies() if body["action"] == "identity.approved")
    assert (entry["role"], entry["org"]) == ("vetting_officer", officer.org_id)
    assert len(str(entry["who"])) == 64
    with read() as session:
        kept = documents.get(session, bytes.fromhex(entry["digests"]["decision"]))  # type: ignore[index]
        decision = canonical.loads(kept.content)
    assert decision["checklist"] == people.passing()
    assert len(decision["evidence"]) == 2
    assert actions(party.case_id)[-3:] == ["identity.submitted", "identity.taken_up", "identity.approved"]


@pytest.mark.rule("I-09")
@pytest.mark.parametrize("decide", [vetting.return_case, vetting.refuse_case])
def test_a_no_needs_a_reason_that_the_applicant_reads(db: object, decide: object) -> None:
    party, officer = in_review(db)
    checklist = people.passing() | {"I-07": "fail"}
    with pytest.raises(Refused) as refusal:
        decide(officer, party.case_id, checklist=checklist, reason="  ")  # type: ignore[operator]
    assert refusal.value.rule_id == "I-09"
    assert actions(party.case_id)[-1] == "gate.refused"
    decide(officer, party.case_id, checklist=checklist, reason=REASON)  # type: ignore[operator]
    assert queries.identity_case(party.actor, party.case_id)["reason"] == REASON
    assert all(REASON not in str(body) for body in bodies())


@pytest.mark.rule("I-09")
@pytest.mark.parametrize(
    "checklist",
    [{}, {"I-03": "pass"}, people.passing() | {"I-04": "question"}, people.passing() | {"Z-99": "pass"}],
    ids=["empty", "incomplete", "open question", "foreign point"],
)
def test_an_approval_passes_every_point(db: object, checklist: dict[str, str]) -> None:
    party, officer = in_review(db)
    with pytest.raises(Refused):
        vetting.approve(officer, party.case_id, checklist=checklist)
    assert state(party.case_id) == "in_review"


@pytest.mark.rule("I-08", "S-04")
def test_nobody_decides_what_they_submitted(db: object) -> None:
    party = people.submitted(db, "示例公司")
    turncoat = replace(party.actor, roles=frozenset({"vetting_officer"}))
    for step in (
        lambda: vetting.take_up(turncoat, party.case_id),
        lambda: vetting.suspend_party(turncoat, party.org_id, reason=REASON),
    ):
        with pytest.raises(Refused) as refusal:
            step()
        assert refusal.value.rule_id == "I-08"
    assert state(party.case_id) == "submitted"
    assert actions(party.org_id)[-1] == "gate.refused"


@pytest.mark.rule("I-08")
def test_nobody_decides_about_a_party_they_have_left(db: object) -> None:
    party, officer = people.submitted(db, "示例公司"), people.staff(db, "vetting_officer")
    with transaction(party.actor) as tx:
        tx.add(
            Membership(person_id=officer.person_id, org_id=party.org_id, role="viewer", since=tx.now, ended_at=tx.now)
        )
        tx.record(party.org_id, "member.left", by="owner")
    with pytest.raises(Refused):
        vetting.take_up(officer, party.case_id)


@pytest.mark.rule("S-04")
def test_only_vetting_officers_vet(db: object) -> None:
    party = people.submitted(db, "示例公司")
    roles = {"compliance_reviewer", "administrator", "auditor", "owner", "regulator"}
    other = Actor("per_other", "org_other", frozenset(roles))
    for step in (
        lambda: vetting.take_up(other, party.case_id),
        lambda: vetting.approve(other, party.case_id, checklist=people.passing()),
        lambda: vetting.suspend_party(other, party.org_id, reason=REASON),
        lambda: vetting.lapse_identity(other, party.case_id),
    ):
        with pytest.raises(Forbidden):
            step()
    assert state(party.case_id) == "submitted"


def test_another_partys_case_does_not_exist(db: object) -> None:
    party, other = people.submitted(db, "甲公司"), people.registered(db, "乙公司")
    document = queries.identity_case(party.actor, party.case_id)["documents"][0]["id"]
    for step in (
        lambda: queries.identity_case(other.actor, party.case_id),
        lambda: identity.amend_identity_case(other.actor, party.case_id, people.DETAILS),
        lambda: identity.add_document(other.actor, party.case_id, "other", people.PNG),
        lambda: identity.submit_identity_case(other.actor, party.case_id),
        lambda: identity.read_details(other.actor, party.case_id),
        lambda: identity.read_document(other.actor, party.case_id, document),
    ):
        with pytest.raises(NotFound):
            step()
    assert queries.identity_cases(other.actor).items == []


def test_a_file_is_submitted_complete(db: object) -> None:
    party = people.registered(db, "示例公司")
    case = identity.open_identity_case(party.actor, people.DETAILS)
    identity.add_document(party.actor, case.id, "business_licence", people.PNG)
    with pytest.raises(Invalid) as invalid:
        identity.submit_identity_case(party.actor, case.id)
    assert invalid.value.params["kinds"] == "authority_letter"
    with pytest.raises(Conflict):
        identity.open_identity_case(party.actor, people.DETAILS)


def test_a_licence_bounds_the_approval(db: object) -> None:
    party, officer = people.registered(db, "示例公司"), people.staff(db, "vetting_officer")
    today = clock.now().astimezone(clock.BEIJING).date()
    case = identity.open_identity_case(party.actor, people.DETAILS, today - timedelta(days=1))
    for kind in ("business_licence", "authority_letter"):
        identity.add_document(party.actor, case.id, kind, people.PNG)
    with pytest.raises(Invalid, match="expired"):
        identity.submit_identity_case(party.actor, case.id)
    identity.amend_identity_case(party.actor, case.id, people.DETAILS, today + timedelta(days=9))
    identity.submit_identity_case(party.actor, case.id)
    vetting.take_up(officer, case.id)
    with pytest.raises(Invalid):
        vetting.approve(officer, case.id, checklist=people.passing(), valid_until=clock.now() + timedelta(days=11))
    approved = vetting.approve(officer, case.id, checklist=people.passing())
    assert approved.valid_until is not None
    assert approved.valid_until.astimezone(clock.BEIJING).date() == today + timedelta(days=10)


def test_a_returned_file_is_completed_and_submitted_again(db: object) -> None:
    party, officer = in_review(db)
    with pytest.raises(WrongState):
        identity.add_document(party.actor, party.case_id, "other", people.PNG)
    vetting.return_case(officer, party.case_id, checklist=people.passing() | {"I-07": "question"}, reason=REASON)
    identity.add_document(party.actor, party.case_id, "business_licence", b"%PDF-1.7 clearer")
    again = identity.submit_identity_case(party.actor, party.case_id)
    assert (again.state, again.reason, again.reviewer_id) == ("submitted", None, None)


def test_a_refused_party_may_open_another_case(db: object) -> None:
    party, officer = in_review(db)
    vetting.refuse_case(officer, party.case_id, checklist=people.passing() | {"I-03": "fail"}, reason=REASON)
    assert identity.open_identity_case(party.actor, people.DETAILS).id != party.case_id


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "document_size"),
        (b"GIF89a...", "document_type"),
        (b"<svg onload=alert(1)>", "document_type"),
        (b"%PDF-" + bytes(documents.MAX_BYTES), "document_size"),
    ],
    ids=["empty", "gif", "svg", "large"],
)
def test_only_scans_are_taken(db: object, content: bytes, code: str) -> None:
    party = people.registered(db, "示例公司")
    case = identity.open_identity_case(party.actor, people.DETAILS)
    with pytest.raises(Invalid) as invalid:
        identity.add_document(party.actor, case.id, "other", content)
    assert invalid.value.code == code


def test_looks_of_staff_are_recorded_and_those_of_the_party_are_not(db: object) -> None:
    party, officer = in_review(db)
    document = queries.identity_case(officer, party.case_id)["documents"][0]["id"]
    before = actions(party.case_id)
    assert identity.read_document(party.actor, party.case_id, document) == ("image/png", people.PNG)
    assert identity.read_details(party.actor, party.case_id) == people.DETAILS
    assert actions(party.case_id) == before
    assert identity.read_document(officer, party.case_id, document).content == people.PNG
    assert identity.read_details(officer, party.case_id) == people.DETAILS
    assert actions(party.case_id) == [*before, "identity.read", "identity.read"]


def test_what_is_in_a_file_stands_sealed_and_in_no_entry(db: object) -> None:
    in_review(db)
    kept = people.everything_kept()
    for personal in (people.DETAILS.legal_representative, people.DETAILS.phone, people.DETAILS.address):
        assert personal not in kept
        assert personal not in repr(people.DETAILS)
        assert all(personal not in str(body) for body in bodies())
    assert people.PNG.hex() not in kept


def test_an_approval_lapses_by_the_clock_and_can_be_renewed(db: object) -> None:
    party = people.approved_company(db, "示例公司")
    worker = Worker(due=jobs.DUE, outbox={})
    with pytest.raises(WrongState):
        vetting.lapse_identity(Actor.clock(), party.case_id)
    advance_clock(people.VISITOR, identity.VALIDITY + timedelta(seconds=1))
    worker.step()
    assert state(party.case_id) == "lapsed"
    identity.submit_identity_case(party.actor, party.case_id)
    officer = people.staff(db, "vetting_officer")
    vetting.take_up(officer, party.case_id)
    vetting.approve(officer, party.case_id, checklist=people.passing())
    worker.step()
    assert state(party.case_id) == "approved"


@pytest.mark.rule("I-07")
def test_an_approval_is_renewed_while_it_goes_on(db: object) -> None:
    party = people.approved_company(db, "示例公司")
    officer, worker = people.staff(db, "vetting_officer"), Worker(due=jobs.DUE, outbox={})
    with pytest.raises(WrongState):
        identity.submit_identity_case(party.actor, party.case_id)
    with pytest.raises(WrongState):
        identity.add_document(party.actor, party.case_id, "permit", people.PNG)
    with pytest.raises(WrongState):
        vetting.remind_renewal(Actor.clock(), party.case_id)
    advance_clock(people.VISITOR, identity.VALIDITY - identity.REMINDER + timedelta(seconds=1))
    worker.step()
    assert [body["action"] for body in bodies()].count("identity.renewal_due") == 1
    identity.add_document(party.actor, party.case_id, "permit", people.PNG)
    identity.submit_identity_case(party.actor, party.case_id)
    assert state(party.case_id) == "renewing"
    with transaction(party.actor) as tx:
        gates.vetted(tx, party.org_id)
    vetting.return_case(officer, party.case_id, checklist=people.passing() | {"I-07": "fail"}, reason=REASON)
    assert state(party.case_id) == "approved"
    identity.submit_identity_case(party.actor, party.case_id)
    with read() as session:
        before = session.get_one(IdentityCase, party.case_id).valid_until
    renewed = vetting.approve(officer, party.case_id, checklist=people.passing())
    assert before is not None
    assert renewed.valid_until is not None
    assert renewed.valid_until > before


def test_a_renewal_that_nobody_decided_in_time_waits_without_standing(db: object) -> None:
    party, worker = people.approved_company(db, "示例公司"), Worker(due=jobs.DUE, outbox={})
    advance_clock(people.VISITOR, identity.VALIDITY - timedelta(days=1))
    identity.submit_identity_case(party.actor, party.case_id)
    advance_clock(people.VISITOR, timedelta(days=1, seconds=1))
    with pytest.raises(Refused) as refusal, transaction(party.actor) as tx:
        gates.vetted(tx, party.org_id)
    assert refusal.value.code == "party_lapsed"
    worker.step()
    assert state(party.case_id) == "submitted"


def test_other_rooms_hear_of_a_suspension_and_its_end(db: object, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[tuple[str, str]] = []

    def listener(news: str) -> handlers.Handler:
        def hear(tx: Transaction, *, org_id: str) -> None:
            heard.append((news, org_id))

        return hear

    monkeypatch.setattr(
        handlers, "_handlers", {n: [listener(n)] for n in ("party.suspended", "party.restored", "party.lapsed")}
    )
    party, officer = people.approved_company(db, "示例公司"), people.staff(db, "vetting_officer")
    vetting.suspend_party(officer, party.org_id, reason=REASON)
    advance_clock(people.VISITOR, identity.VALIDITY + timedelta(seconds=1))
    Worker(due=jobs.DUE, outbox={}).step()
    assert state(party.case_id) == "suspended"
    vetting.restore_party(officer, party.org_id, reason="已整改")
    Worker(due=jobs.DUE, outbox={}).step()
    assert state(party.case_id) == "lapsed"
    assert heard == [(news, party.org_id) for news in ("party.suspended", "party.restored", "party.lapsed")]


def test_an_officer_takes_no_edge_that_is_not_there(db: object) -> None:
    officer = people.staff(db, "vetting_officer")
    waiting, done = people.submitted(db, "甲公司"), people.approved_company(db, "乙公司")
    decision = {"checklist": people.passing(), "reason": REASON}
    for step in (
        lambda: vetting.approve(officer, waiting.case_id, **decision),
        lambda: vetting.return_case(officer, waiting.case_id, **decision),
        lambda: vetting.refuse_case(officer, done.case_id, **decision),
        lambda: vetting.suspend_party(officer, waiting.org_id, reason=REASON),
        lambda: vetting.restore_party(officer, done.org_id, reason=REASON),
        lambda: vetting.take_up(officer, done.case_id),
    ):
        with pytest.raises(WrongState):
            step()
    assert (state(waiting.case_id), state(done.case_id)) == ("submitted", "approved")


def test_the_queue_shows_what_waits_page_by_page(db: object) -> None:
    waiting = [people.submitted(db, name).case_id for name in ("甲公司", "乙公司", "丙公司")]
    people.approved_company(db, "丁公司")
    officer = people.staff(db, "vetting_officer")
    first = queries.identity_cases(officer, limit=2)
    second = queries.identity_cases(officer, limit=2, cursor=first.next_cursor)
    assert [case["id"] for case in (*first.items, *second.items)] == waiting[::-1]
    assert second.next_cursor is None
    assert first.items[0]["actions"] == ["take_up"]


def test_the_life_cycles_can_be_drawn() -> None:
    for lifecycle in (IDENTITY, APPOINTMENT):
        assert lifecycle.mermaid().startswith("stateDiagram-v2")


def test_a_repeated_request_opens_one_case(db: object) -> None:
    party = people.registered(db, "示例公司")
    actor = party.actor.with_key("key-1")
    assert (
        identity.open_identity_case(actor, people.DETAILS).id == identity.open_identity_case(actor, people.DETAILS).id
    )
