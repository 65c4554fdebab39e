"""Disputes: settled between the parties, ruled by officers, objected to in time."""

from datetime import timedelta

import pytest
from people import staff
from sqlalchemy import select
from trades import Trade, entries, found, money_of, ops_of

from exchange.actors import Actor
from exchange.db import advance_clock, read
from exchange.documents import Document
from exchange.errors import Conflict, Forbidden, Invalid, Refused
from exchange.journal import canonical
from settlement import dispute_files, lots_disputes, queries
from settlement.lot_models import Dispute
from settlement.models import Lot, Order

PRICE = 120_000


def rule(officer: Actor, lot: Lot, percent: int) -> Lot:
    with read() as session:
        waiting = session.scalars(select(Dispute).where(Dispute.lot_id == lot.id, Dispute.answered_at.is_(None))).all()
        seller = session.get_one(Order, lot.order_id).seller_org_id
    if waiting:
        dispute_files.answer_dispute(Actor("per_seller", seller, frozenset({"trader"})), lot.id, answer="as listed")
    return lots_disputes.rule_dispute(officer, lot.id, seller_share_percent=percent, reason="as the sample shows")


def test_a_dispute_stops_the_clock_and_keeps_the_money(trade: Trade) -> None:
    lot = lots_disputes.dispute_lot(
        trade.buyer.actor, trade.delivered().id, reason="half the rows", evidence_digest=bytes(32)
    )
    assert lot.deadline_at is None
    trade.later(days=90)
    assert found(Lot, lot.id).state == "disputed"
    assert money_of(lot) == {"funded": PRICE, "held": PRICE}
    assert [card["id"] for card in queries.disputes().items] == [lot.id]


@pytest.mark.parametrize(
    ("percent", "ended", "order", "money"),
    [
        (100, "settled", "completed", {"funded": PRICE, "released": 116_400, "fee": 3_600}),
        (33, "settled", "completed", {"funded": PRICE, "released": 38_412, "fee": 1_188, "refunded": 80_400}),
        (0, "refunded", "refunded", {"funded": PRICE, "refunded": PRICE}),
    ],
)
def test_a_ruling_divides_the_money_after_five_working_days(
    trade: Trade, percent: int, ended: str, order: str, money: dict[str, int]
) -> None:
    lot = trade.ruled(percent)
    assert (lot.state, money_of(lot)) == ("ruled", {"funded": PRICE, "held": PRICE})
    trade.later(days=4)
    assert found(Lot, lot.id).state == "ruled"
    trade.later(days=6)
    assert (found(Lot, lot.id).state, found(Order, lot.order_id).state) == (ended, order)
    assert money_of(lot) == money
    assert "lot.ruling_final" in entries(lot.id)


@pytest.mark.rule("I-08")
def test_after_an_objection_another_officer_rules_for_good(trade: Trade) -> None:
    first, second = staff(trade, "dispute_officer"), staff(trade, "dispute_officer")
    lot = rule(first, trade.disputed(), 0)
    lots_disputes.object_to_ruling(trade.seller.actor, lot.id, reason="all rows are there")
    with pytest.raises(Refused) as caught:
        rule(first, lot, 0)
    assert (caught.value.rule_id, caught.value.code) == ("I-08", "second_person_needed")
    assert rule(second, lot, 80).deadline_at is None
    with pytest.raises(Conflict) as final:
        lots_disputes.object_to_ruling(trade.buyer.actor, lot.id, reason="no")
    assert final.value.code == "ruling_final"
    trade.work()
    assert found(Lot, lot.id).state == "settled"
    assert money_of(lot)["refunded"] == PRICE // 5


@pytest.mark.rule("T-01")
def test_an_objection_comes_in_time(trade: Trade) -> None:
    lot = trade.ruled()
    advance_clock(Actor.clock(), timedelta(days=12))
    with pytest.raises(Refused) as caught:
        lots_disputes.object_to_ruling(trade.buyer.actor, lot.id, reason="late")
    assert caught.value.code == "deadline_passed"


def test_the_parties_settle_when_both_name_the_same_share(trade: Trade) -> None:
    lot = trade.disputed()

    def settle(party: Actor, percent: int) -> Lot:
        return lots_disputes.settle_dispute(party, lot.id, seller_share_percent=percent)

    assert settle(trade.buyer.actor, 20).state == "disputed"
    assert settle(trade.seller.actor, 70).state == "disputed"
    assert settle(trade.seller.actor, 70).state == "disputed"
    assert settle(trade.buyer.actor, 70).state == "ruled"
    trade.work()
    assert found(Lot, lot.id).state == "settled"
    assert money_of(lot)["refunded"] == 36_000
    assert sorted(ops_of(lot)) == [("payment", "confirmed"), ("refund", "confirmed"), ("transfer", "confirmed")]


def test_a_proposal_made_before_a_ruling_is_off_the_table_after_an_objection(trade: Trade) -> None:
    lot = trade.disputed()
    lots_disputes.settle_dispute(trade.buyer.actor, lot.id, seller_share_percent=30)
    rule(staff(trade, "dispute_officer"), lot, 60)
    lots_disputes.object_to_ruling(trade.buyer.actor, lot.id, reason="too much")
    proposed = lots_disputes.settle_dispute(trade.seller.actor, lot.id, seller_share_percent=30)
    assert (proposed.state, proposed.proposed_by) == ("disputed", "seller")
    assert lots_disputes.settle_dispute(trade.buyer.actor, lot.id, seller_share_percent=30).state == "ruled"


@pytest.mark.rule("K-03")
def test_no_officer_rules_where_the_contract_leaves_it_to_the_courts(trade: Trade) -> None:
    lot = trade.disputed(disputes="none")
    with pytest.raises(Refused) as caught:
        rule(staff(trade, "dispute_officer"), lot, 50)
    assert (caught.value.rule_id, caught.value.code) == ("K-03", "no_officer_agreed")
    assert found(Lot, lot.id).state == "disputed"
    assert queries.disputes().items == []


def test_who_may_rule_and_how(trade: Trade) -> None:
    lot = trade.disputed()
    officer = staff(trade, "dispute_officer")
    for nobody in (trade.seller.actor, staff(trade, "settlement_officer")):
        with pytest.raises(Forbidden):
            rule(nobody, lot, 50)
    with pytest.raises(Invalid):
        rule(officer, lot, 101)
    with pytest.raises(Invalid):
        lots_disputes.rule_dispute(officer, lot.id, seller_share_percent=1, reason=" ")
    member = Actor(trade.seller.person_id, officer.org_id, officer.roles)
    with pytest.raises(Refused) as caught:
        rule(member, lot, 100)
    assert caught.value.code == "own_case"


def test_what_was_said_at_each_step_is_kept_word_for_word(trade: Trade) -> None:
    lot = trade.ruled()
    lots_disputes.object_to_ruling(trade.seller.actor, lot.id, reason=" all rows are there ")
    with read() as session:
        kept = select(Document.content).where(Document.subject == lot.id, Document.kind == "statement")
        said = [canonical.loads(content) for content in session.scalars(kept.order_by(Document.created_at))]
    assert {(one["by"], one["step"], one["words"]) for one in said} == {
        ("buyer", "dispute", "half the rows"),
        ("seller", "answer", "all rows are there"),
        ("dispute_officer", "rule", "half is there"),
        ("seller", "object", "all rows are there"),
    }
    with pytest.raises(Invalid) as caught:
        lots_disputes.rule_dispute(staff(trade, "dispute_officer"), lot.id, seller_share_percent=1, reason="x" * 2001)
    assert caught.value.code == "reason_too_long"
