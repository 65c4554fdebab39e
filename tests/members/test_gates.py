"""Gates about parties: asked on both sides, at the exchange's time, and again at every trade."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import people
import pytest
from sqlalchemy import text

from exchange.actors import Actor
from exchange.db import Transaction, advance_clock, read, transaction, verb
from exchange.errors import Refused
from exchange.members import gates, identity, vetting
from exchange.oversight import restraints


@verb
def trade(tx: Transaction, *org_ids: str) -> None:
    gates.vetted(tx, *org_ids)


def draft(db: object) -> str:
    party = people.registered(db, "示例公司")
    identity.open_identity_case(party.actor, people.DETAILS)
    return party.org_id


def suspended(db: object) -> str:
    party = people.approved_company(db, "示例公司")
    vetting.suspend_party(people.staff(db, "vetting_officer"), party.org_id, reason="涉嫌伪造")
    return party.org_id


def expired(db: object) -> str:
    """Expired a second ago, and the clock's own step not yet taken."""
    party = people.approved_company(db, "示例公司")
    advance_clock(people.VISITOR, identity.VALIDITY + timedelta(seconds=1))
    return party.org_id


def lapsed(db: object) -> str:
    party = people.approved_company(db, "示例公司")
    advance_clock(people.VISITOR, identity.VALIDITY + timedelta(seconds=1))
    vetting.lapse_identity(Actor.clock(), party.case_id)
    return party.org_id


@pytest.mark.rule("I-01", "I-02")
def test_two_approved_parties_may_trade(db: object) -> None:
    seller, buyer = people.approved_department(db, "示例局"), people.approved(db, "王小明", "individual")
    trade(people.VISITOR, seller.org_id, buyer.org_id)


@pytest.mark.rule("I-01", "I-02")
@pytest.mark.parametrize(
    ("unfit", "rule", "code"),
    [
        (lambda db: people.registered(db, "示例公司").org_id, "I-01", "party_not_vetted"),
        (draft, "I-01", "party_not_vetted"),
        (lambda db: people.submitted(db, "示例公司").org_id, "I-01", "party_not_vetted"),
        (suspended, "I-02", "party_suspended"),
        (lapsed, "I-02", "party_lapsed"),
    ],
    ids=["no case", "draft", "submitted", "suspended", "lapsed"],
)
def test_one_unfit_side_stops_the_trade(db: object, unfit: Callable[[object], str], rule: str, code: str) -> None:
    org_id, other = unfit(db), people.approved_company(db, "另一公司").org_id
    for pair in ((org_id, other), (other, org_id)):
        with pytest.raises(Refused) as refusal:
            trade(people.VISITOR, *pair)
        assert (refusal.value.rule_id, refusal.value.code) == (rule, code)
        assert refusal.value.remedy
    with read() as session:
        kept = "SELECT action FROM journal_entry WHERE subject = :subject ORDER BY seq DESC LIMIT 1"
        assert session.execute(text(kept), {"subject": org_id}).scalar() == "gate.refused"


@pytest.mark.rule("I-02")
def test_an_approval_that_is_over_counts_no_more_before_the_clock_has_noticed(db: object) -> None:
    org_id = expired(db)
    with pytest.raises(Refused) as refusal:
        trade(people.VISITOR, org_id)
    assert refusal.value.code == "party_lapsed"


@pytest.mark.rule("I-02")
def test_a_restored_party_may_trade_again(db: object) -> None:
    org_id = suspended(db)
    vetting.restore_party(people.staff(db, "vetting_officer"), org_id, reason="已整改")
    trade(people.VISITOR, org_id)


@pytest.mark.rule("I-02")
def test_a_suspension_waits_for_the_trade_that_asked_first(db: object) -> None:
    org_id = people.approved_company(db, "示例公司").org_id
    officer = people.staff(db, "vetting_officer")
    with ThreadPoolExecutor(1) as pool:
        with transaction(people.VISITOR) as tx:
            gates.vetted(tx, org_id)
            suspension = pool.submit(vetting.suspend_party, officer, org_id, reason="涉嫌伪造")
            with pytest.raises(TimeoutError):
                suspension.result(timeout=0.3)
        assert suspension.result(timeout=10).state == "suspended"
    with pytest.raises(Refused):
        trade(people.VISITOR, org_id)


def test_a_restrained_party_may_not_trade(db: object) -> None:
    org_id = people.approved_company(db, "示例公司").org_id
    overseer = people.staff(db, "security_administrator")
    restraints.restrain(overseer, org_id, measure="suspension", basis="DSL 44", reason="约谈未到")
    with pytest.raises(Refused) as refusal:
        trade(people.VISITOR, org_id)
    assert refusal.value.rule_id == "K-05"


@pytest.mark.rule("I-01")
def test_the_operator_and_organs_are_no_parties(db: object) -> None:
    for org_id in (people.administrator(db).org_id, people.regulator(db).org_id):
        with pytest.raises(Refused):
            trade(people.VISITOR, str(org_id))
