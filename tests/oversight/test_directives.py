"""Directives: two officers, a basis, service, an answer in time, and the end; what they suspend stops at once."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from conftest import Database
from oversight.conftest import grant, officer, sequence, tell
from sqlalchemy import select

from exchange import documents
from exchange.actors import Actor
from exchange.db import advance_clock, read, transaction
from exchange.errors import Conflict, Forbidden, Invalid, NotFound, Refused, WrongState
from exchange.journal import entry, note, queries
from exchange.oversight import directives, restraints
from exchange.oversight import queries as room
from exchange.oversight.models import Directive, Restraint

FIRST, SECOND = officer(person="per_first"), officer(person="per_second")
PARTY = Actor("per_owner", "org_seller", frozenset({"owner"}))
PDF = b"%PDF-1.7 what was done"


@pytest.fixture(autouse=True)
def whole(db: Database) -> None:
    grant("org_organ", "all")
    tell("org_seller")
    tell("prd_rail", "org_seller", org="org_seller", role="seller", category="transport")


def proposed(**other: Any) -> Directive:
    usual: dict[str, Any] = {
        "measure": "rectification",
        "basis": "dsl_44",
        "document_number": "渝数监〔2026〕7号",
        "target_kind": "party",
        "target": "org_seller",
        "demand": "请说明数据来源",
        "answer_days": 5,
    }
    return directives.propose_directive(FIRST, **usual | other)


def served(**other: Any) -> Directive:
    return directives.confirm_directive(SECOND, proposed(**other).id)


def ask(*subjects: str) -> None:
    with transaction(Actor.clock()) as tx:
        restraints.refuse_restrained(tx, *subjects)


def story(subject: str) -> list[str]:
    with read() as session:
        return [told.action for told in queries.story(session, subject)]


SUSPENSION = {"measure": "suspension", "basis": "dsl_45"}


# -- two officers ----------------------------------------------------------------------------------------------------


@pytest.mark.rule("Z-04")
def test_one_officer_orders_nothing(db: Database) -> None:
    draft = proposed(**SUSPENSION)
    with pytest.raises(Refused) as caught:
        directives.confirm_directive(FIRST, draft.id)
    assert (caught.value.rule_id, caught.value.code) == ("Z-04", "second_officer_missing")
    ask("org_seller")
    assert story("org_seller") == ["subject.seen"]
    in_force = directives.confirm_directive(SECOND, draft.id)
    assert in_force.state == "served"
    with pytest.raises(Refused) as stopped:
        ask("org_seller")
    assert (stopped.value.rule_id, stopped.value.code) == ("K-05", "restrained")
    assert story("org_seller")[-1] == "subject.restrained"


@pytest.mark.rule("Z-04")
def test_one_officer_lifts_nothing(db: Database) -> None:
    made = served(**SUSPENSION)
    with pytest.raises(WrongState):
        directives.lift_directive(SECOND, made.id)
    directives.propose_lifting(SECOND, made.id, reason="已整改")
    with pytest.raises(Conflict):
        directives.propose_lifting(FIRST, made.id, reason="again")
    with pytest.raises(Refused):
        directives.lift_directive(SECOND, made.id)
    with pytest.raises(Refused):
        ask("org_seller")
    assert directives.lift_directive(FIRST, made.id).state == "lifted"
    ask("org_seller")
    assert story("org_seller")[-1] == "subject.unrestrained"
    with pytest.raises(WrongState):
        directives.propose_lifting(FIRST, made.id, reason="x")


def test_a_restraint_of_a_directive_ends_with_it_only(db: Database) -> None:
    made = served(**SUSPENSION)
    with read() as session:
        restraint = session.scalars(select(Restraint).where(Restraint.directive_id == made.id)).one()
    with pytest.raises(Forbidden) as caught:
        restraints.lift(FIRST, restraint.id, reason="alone")
    assert caught.value.code == "by_directive"


def test_a_draft_tips_nobody_off(db: Database, signer: note.Signer) -> None:
    draft = proposed(**SUSPENSION)
    sequence(db, signer)
    with read() as session:
        assert queries.related(session, "org_seller") == ["prd_rail"]
    assert story("org_seller") == ["subject.seen"]
    assert room.directives(PARTY).items == []
    with pytest.raises(NotFound):
        room.directive(PARTY, draft.id)
    with pytest.raises(NotFound):
        directives.answer_directive(PARTY, draft.id, answer="x")
    directives.withdraw_directive(SECOND, draft.id)
    assert room.directives(PARTY).items == []


def test_another_organs_directive_is_not_found(db: Database) -> None:
    draft, other = proposed(), officer("org_other", "per_third")
    grant("org_other", "all")
    verbs: list[Callable[[], Any]] = [
        lambda: directives.confirm_directive(other, draft.id),
        lambda: directives.withdraw_directive(other, draft.id),
        lambda: directives.send_back_directive(other, draft.id, reason="x", answer_days=1),
        lambda: directives.propose_lifting(other, draft.id, reason="x"),
        lambda: directives.lift_directive(other, draft.id),
        lambda: room.directive(other, draft.id),
    ]
    for call in verbs:
        with pytest.raises(NotFound):
            call()
    assert room.directives(other).items == []


# -- measure x organ x basis -----------------------------------------------------------------------------------------


@pytest.mark.rule("Z-04")
@pytest.mark.parametrize(
    ("authority", "measure", "basis", "allowed"),
    [
        ("data", "interview", "dsl_44", True),
        ("data", "suspension", "dsl_44", False),
        ("market", "suspension", "dsl_45", False),
        ("sector", "suspension", "dsl_45", True),
        ("data", "rectification", "pipl_64", False),
        ("cyberspace", "rectification", "pipl_64", True),
        ("market", "interview", "trading_rules", True),
        ("data", "interview", "no_such_law", False),
    ],
)
def test_an_organ_orders_what_the_table_gives_it(
    db: Database, authority: str, measure: str, basis: str, *, allowed: bool
) -> None:
    grant("org_kind", "party", "org_seller", authority)
    actor = officer("org_kind")
    body = {"document_number": "7", "target_kind": "party", "target": "org_seller", "demand": "x", "answer_days": 1}

    def propose() -> Directive:
        return directives.propose_directive(actor, measure=measure, basis=basis, **body)  # type: ignore[arg-type]

    if allowed:
        assert propose().state == "proposed"
    else:
        with pytest.raises(Refused) as caught:
            propose()
        assert caught.value.code == "measure_not_allowed"


def test_a_directive_has_a_document_number(db: Database) -> None:
    with pytest.raises(Refused) as caught:
        proposed(document_number=" ")
    assert caught.value.code == "document_number_missing"


def test_money_without_a_statute_is_a_request(db: Database) -> None:
    tell("ord_rail", "org_seller")
    about = {"measure": "money", "target_kind": "subject", "target": "ord_rail", "served_on": "org_seller"}
    asked = served(**about, basis="dsl_45")
    assert not asked.binding
    ask("ord_rail")
    grant("org_police", "case", "ord_rail", "public_security")
    one, two = officer("org_police", "per_one"), officer("org_police", "per_two")
    draft = directives.propose_directive(
        one, **about, basis="cpl_144", document_number="8", demand="冻结", answer_days=3
    )
    assert directives.confirm_directive(two, draft.id).binding
    with pytest.raises(Refused) as caught:
        ask("ord_rail")
    assert caught.value.message == "The money of this trade is frozen by an order of an overseer."


@pytest.mark.parametrize(
    "wrong",
    [
        {"measure": "closure"},
        {"measure": "interview", "target_kind": "market", "target": ""},
        {"target": "prd_rail"},
        {"target_kind": "subject", "target": "prd_rail"},
        {"target_kind": "subject", "target": "not an id", "served_on": "org_seller"},
        {"demand": " "},
        {"demand": "x" * 4001},
        {"answer_days": 0},
        {"answer_days": 181},
        {"document_number": "7" * 101},
        SUSPENSION | {"target_kind": "category", "target": ""},
    ],
)
def test_a_directive_that_says_too_little_is_invalid(db: Database, wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        proposed(**wrong)


def test_a_directive_stays_inside_the_scope(db: Database, signer: note.Signer) -> None:
    tell("org_far")
    tell("prd_far", "org_far", org="org_far", role="seller", category="weather")
    sequence(db, signer)
    grant("org_narrow", "category", "transport")
    actor = officer("org_narrow")
    common = {"measure": "suspension", "basis": "dsl_45", "document_number": "7", "demand": "x", "answer_days": 1}

    def propose(kind: str, target: str = "", served_on: str | None = None) -> Directive:
        return directives.propose_directive(
            actor,
            **common,
            target_kind=kind,
            target=target,
            served_on=served_on,  # type: ignore[arg-type]
        )

    assert propose("category", "transport").target == "cat_transport"
    assert propose("subject", "prd_rail", "org_seller").served_on == "org_seller"
    for about in (("market",), ("category", "weather"), ("party", "org_seller"), ("subject", "prd_far", "org_far")):
        with pytest.raises(NotFound):
            propose(*about)
    with pytest.raises(NotFound):  # and is served on nobody the subject has nothing to do with
        propose("subject", "prd_rail", "org_far")


# -- what is suspended -----------------------------------------------------------------------------------------------


@pytest.mark.rule("Z-04")
def test_a_category_and_the_market_are_suspended_whole(db: Database, signer: note.Signer) -> None:
    sequence(db, signer)
    category = served(**SUSPENSION, target_kind="category", target="transport")
    with pytest.raises(Refused):
        ask("prd_rail")
    ask("prd_other")
    directives.propose_lifting(FIRST, category.id, reason="x")
    directives.lift_directive(SECOND, category.id)
    ask("prd_rail")
    served(**SUSPENSION, target_kind="market", target="")
    with pytest.raises(Refused) as caught:
        ask("prd_other")
    assert caught.value.subjects == ("prd_other",)
    assert "gate.refused" not in story("mkt_exchange")


# -- the answer ------------------------------------------------------------------------------------------------------


@pytest.mark.rule("Z-03")
def test_the_party_answers_and_the_organ_sends_back(db: Database) -> None:
    made = served()
    assert [row["id"] for row in room.directives(PARTY).items] == [made.id]
    assert room.directive(PARTY, made.id)["actions"] == ["answer"]
    for wrong in (Actor("per_x", "org_x", frozenset({"owner"})),):
        with pytest.raises(NotFound):
            directives.answer_directive(wrong, made.id, answer="x")
    with pytest.raises(Forbidden):
        directives.answer_directive(Actor("per_v", "org_seller", frozenset({"viewer"})), made.id, answer="x")
    with pytest.raises(Refused) as caught:
        directives.answer_directive(PARTY, made.id, answer=" ")
    assert caught.value.code == "answer_missing"
    with pytest.raises(Invalid):
        directives.answer_directive(PARTY, made.id, answer="x", files=[b"MZ not a document"])
    with pytest.raises(Invalid):
        directives.answer_directive(PARTY, made.id, answer="x", files=[PDF] * 6)
    answered = directives.answer_directive(PARTY, made.id, answer="王小明 已更正", files=[PDF])
    assert (answered.state, answered.answer_due_at) == ("answered", None)
    seen = room.directive(FIRST, made.id)
    assert [said["kind"] for said in seen["said"]] == ["demand", "answer"]
    content, media_type = room.attachment(FIRST, made.id, seen["files"][0]["digest"])
    assert (content, media_type) == (PDF, "application/pdf")
    with pytest.raises(NotFound):
        room.attachment(officer("org_other"), made.id, seen["files"][0]["digest"])
    with pytest.raises(WrongState):
        directives.answer_directive(PARTY, made.id, answer="again")
    directives.send_back_directive(SECOND, made.id, reason="证明不足", answer_days=2)
    assert directives.answer_directive(PARTY, made.id, answer="补充").state == "answered"
    with read() as session:
        bodies = b"".join(told.body for told in queries.story(session, made.id))
        digest = entry.parse(queries.story(session, made.id)[2].body)["digests"]["answer"]
        assert "王小明" in documents.get(session, bytes.fromhex(digest)).content.decode()
    assert "王小明".encode() not in bodies


@pytest.mark.rule("Z-03")
def test_no_answer_in_time_is_overdue(db: Database) -> None:
    made = served()
    with pytest.raises(WrongState):
        directives.mark_overdue(Actor.clock(), made.id)
    advance_clock(Actor.clock(), timedelta(days=5, seconds=1))
    assert directives.mark_overdue(Actor.clock(), made.id).state == "overdue"
    assert directives.answer_directive(PARTY, made.id, answer="迟复").state == "answered"
    with pytest.raises(WrongState):
        directives.mark_overdue(Actor.clock(), made.id)


def test_what_is_only_proposed_is_not_shown_to_the_party(db: Database) -> None:
    made = served()
    directives.propose_lifting(FIRST, made.id, reason="内部意见")
    assert "内部意见" not in str(room.directive(PARTY, made.id))
    directives.lift_directive(SECOND, made.id)
    assert "内部意见" in str(room.directive(PARTY, made.id))


def test_staff_see_what_is_in_force_without_its_words(db: Database) -> None:
    made, _ = served(), proposed()
    for role in ("auditor", "security_administrator"):
        rows = room.directives(Actor("per_s", "org_operator", frozenset({role}))).items
        assert [row["id"] for row in rows] == [made.id]
        assert not {"demand", "said"} & rows[0].keys()
