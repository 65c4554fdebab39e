"""Refunds after settlement, held money that comes to no end, and the two persons that staff payments need."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from people import approved_company, staff
from trades import OVERSEER, Trade, balance, entries, found, hurry, money_of, ops_of

from exchange import clock
from exchange.actors import Actor
from exchange.db import read
from exchange.errors import Conflict, ExchangeError, Forbidden, Invalid, NotFound, Refused, WrongState
from exchange.money import Money
from settlement import ledger, money, money_queries, payment_orders, refunds
from settlement.carriers import Outcome
from settlement.lot_models import PaymentOrder, Refund
from settlement.models import Lot
from settlement.money_models import FAILED

PRICE, FEE, NET = 120_000, 3_600, 116_400
HALF = Money(50_000, "HKD")


def officer(trade: Trade) -> Actor:
    return staff(trade, "settlement_officer")


def propose(actor: Actor, lot: Lot, amount: Money = HALF) -> Refund:
    return refunds.propose_refund(actor, lot.id, amount=amount, reason="half the rows were old")


def together(*calls: Callable[[], object]) -> list[object]:
    """What comes of calls made at the same moment, each in a thread of its own."""
    gate, answers = threading.Barrier(len(calls)), list[object]()

    def run(call: Callable[[], object]) -> None:
        gate.wait()
        try:
            answers.append(call())
        except ExchangeError as error:
            answers.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


# -- refunds by agreement ---------------------------------------------------------------------------------------------


def test_what_both_agree_on_comes_back_from_the_seller_first(trade: Trade) -> None:
    lot = trade.settled()
    refund = propose(trade.buyer.actor, lot)
    assert refunds.agree_refund(trade.seller.actor, refund.id).state == "reversing"
    trade.work()
    assert found(Refund, refund.id).state == "paid"
    assert ops_of(lot)[2:] == [("reversal", "confirmed"), ("refund", "confirmed")]
    assert money_of(lot) == {"funded": PRICE, "released": NET, "reversed": 50_000, "refunded": 50_000, "fee": FEE}
    assert balance(ledger.receivable(trade.seller.org_id, "HKD")) == 0
    assert balance(ledger.refundable(trade.buyer.org_id, "HKD")) == 0
    assert (found(Lot, lot.id).state, entries(refund.id)) == (
        "settled",
        ["refund.proposed", "refund.agreed", "refund.reversed", "refund.paid"],
    )


def test_a_whole_refund_ends_the_right_to_use(trade: Trade) -> None:
    lot = trade.settled()
    refund = propose(trade.seller.actor, lot, Money(NET, "HKD"))
    refunds.agree_refund(trade.buyer.actor, refund.id)
    trade.work()
    assert found(Refund, refund.id).state == "paid"
    with pytest.raises(Invalid) as caught:
        propose(trade.seller.actor, lot, Money(1, "HKD"))
    assert caught.value.code == "refund_amount"


def test_a_seller_whose_account_is_empty_leaves_nothing_moved(trade: Trade) -> None:
    lot = trade.settled()
    refund = propose(trade.buyer.actor, lot)
    refunds.agree_refund(trade.seller.actor, refund.id)
    before = money_of(lot)
    op_id = found(Refund, refund.id).reversal_op_id
    money.settle_outcome(Actor.gateway(), op_id, Outcome(FAILED, problem="insufficient_funds"))
    assert (found(Refund, refund.id).state, money_of(lot)) == ("failed", before)
    assert propose(trade.buyer.actor, lot).state == "proposed"


def test_who_may_propose_and_answer_a_refund(trade: Trade) -> None:
    lot, stranger = trade.settled(), approved_company(trade, "旁观公司").actor
    refund = propose(trade.buyer.actor, lot)
    with pytest.raises(Conflict) as open_:
        propose(trade.seller.actor, lot)
    assert open_.value.code == "refund_open"
    for answer in (refunds.agree_refund, refunds.decline_refund):
        with pytest.raises(Forbidden):
            answer(trade.buyer.actor, refund.id)
        with pytest.raises(NotFound):
            answer(stranger, refund.id)
    with pytest.raises(Forbidden):
        refunds.withdraw_refund(trade.seller.actor, refund.id)
    refunds.decline_refund(trade.seller.actor, refund.id)
    assert refunds.withdraw_refund(trade.buyer.actor, propose(trade.buyer.actor, lot).id).state == "withdrawn"
    with pytest.raises(WrongState):
        refunds.agree_refund(trade.seller.actor, refund.id)
    assert len(ops_of(lot)) == 2


@pytest.mark.parametrize("amount", [Money(0, "HKD"), Money(NET + 1, "HKD"), Money(100, "CNY")])
def test_how_much_can_go_back(trade: Trade, amount: Money) -> None:
    with pytest.raises(Invalid) as caught:
        propose(trade.buyer.actor, trade.settled(), amount)
    assert caught.value.code == "refund_amount"


def test_only_what_is_settled_is_refunded(trade: Trade) -> None:
    with pytest.raises(Conflict) as caught:
        propose(trade.buyer.actor, trade.delivered())
    assert caught.value.code == "not_settled"


def test_two_who_agree_at_once_move_the_money_once(trade: Trade) -> None:
    lot = trade.settled()
    refund = propose(trade.buyer.actor, lot)
    seller = trade.seller.actor
    answers = together(*(lambda: refunds.agree_refund(seller, refund.id) for _ in range(4)))
    assert sum(isinstance(answer, Refund) for answer in answers) == 1
    trade.work()
    assert money_of(lot)["refunded"] == HALF.minor


# -- decided refunds --------------------------------------------------------------------------------------------------


@pytest.mark.rule("I-08")
def test_a_decision_is_carried_out_by_two_officers(trade: Trade) -> None:
    lot, first, second = trade.settled(), officer(trade), officer(trade)
    order = payment_orders.propose_decided_refund(
        first, lot.id, amount=HALF, document_number="（2026）示例民初1号", reason="judgment in force"
    )
    with pytest.raises(Refused):
        payment_orders.confirm_payment_order(first, order.id)
    payment_orders.confirm_payment_order(second, order.id)
    trade.work()
    assert money_of(lot)["refunded"] == HALF.minor
    with pytest.raises(Invalid):
        payment_orders.propose_decided_refund(first, lot.id, amount=HALF, document_number=" ", reason="so")


def test_an_officer_of_a_party_orders_nothing(trade: Trade) -> None:
    lot, first = trade.settled(), officer(trade)
    member = Actor(trade.seller.person_id, first.org_id, first.roles)
    with pytest.raises(Refused) as caught:
        payment_orders.propose_decided_refund(member, lot.id, amount=HALF, document_number="1", reason="so")
    assert (caught.value.rule_id, caught.value.code) == ("I-08", "own_case")
    order = payment_orders.propose_decided_refund(first, lot.id, amount=HALF, document_number="1", reason="so")
    with pytest.raises(Refused):
        payment_orders.confirm_payment_order(member, order.id)
    assert len(ops_of(lot)) == 2


# -- held money -------------------------------------------------------------------------------------------------------


def test_money_held_for_eighty_days_comes_to_the_desk(trade: Trade) -> None:
    lot = trade.disputed()
    trade.later(days=79)
    assert money_queries.held_too_long().items == []
    trade.later(days=2)
    assert [row["id"] for row in money_queries.held_too_long().items] == [lot.id]
    assert entries(lot.id)[-1] == "lot.held_too_long"


def test_an_officer_lets_money_wait_longer(trade: Trade) -> None:
    lot, first = trade.disputed(), officer(trade)
    with pytest.raises(Conflict):
        payment_orders.extend_holding(first, lot.id, until=clock.now() + timedelta(days=1), reason="so")
    trade.later(days=81)
    with pytest.raises(Invalid):
        payment_orders.extend_holding(first, lot.id, until=clock.now() + timedelta(days=61), reason="so")
    payment_orders.extend_holding(first, lot.id, until=clock.now() + timedelta(days=5), reason="talks go on")
    assert money_queries.held_too_long().items == []
    trade.later(days=6)
    assert [row["id"] for row in money_queries.held_too_long().items] == [lot.id]


@pytest.mark.parametrize("state", ["funded", "delivered", "disputed"])
@pytest.mark.rule("I-08")
def test_two_officers_give_held_money_back(trade: Trade, state: str) -> None:
    lot: Lot = getattr(trade, state)()
    first, second = officer(trade), officer(trade)
    order = payment_orders.propose_return(first, lot.id, reason="the seller is gone")
    assert [row["id"] for row in money_queries.payment_orders().items] == [order.id]
    with pytest.raises(Conflict) as caught:
        payment_orders.propose_return(second, lot.id, reason="again")
    assert caught.value.code == "payment_order_open"
    payment_orders.confirm_payment_order(second, order.id)
    trade.work()
    assert (found(Lot, lot.id).state, money_of(lot)) == ("refunded", {"funded": PRICE, "refunded": PRICE})
    assert "lot.returned" in entries(lot.id)


def test_an_order_is_rejected_or_withdrawn(trade: Trade) -> None:
    lot, first, second = trade.disputed(), officer(trade), officer(trade)
    order = payment_orders.propose_return(first, lot.id, reason="so")
    with pytest.raises(NotFound):
        payment_orders.withdraw_payment_order(second, order.id)
    assert payment_orders.reject_payment_order(second, order.id).state == "rejected"
    with pytest.raises(WrongState):
        payment_orders.confirm_payment_order(second, order.id)
    again = payment_orders.propose_return(first, lot.id, reason="so")
    assert payment_orders.withdraw_payment_order(first, again.id).state == "withdrawn"
    with pytest.raises(Forbidden):
        payment_orders.propose_return(OVERSEER, lot.id, reason="so")
    assert found(Lot, lot.id).state == "disputed"


def test_two_officers_who_confirm_at_once_pay_once(trade: Trade) -> None:
    lot, first = trade.disputed(), officer(trade)
    order = payment_orders.propose_return(first, lot.id, reason="so")
    others = [officer(trade) for _ in range(3)]
    answers = together(*(lambda who=who: payment_orders.confirm_payment_order(who, order.id) for who in others))  # type: ignore[misc]
    assert sum(isinstance(answer, PaymentOrder) for answer in answers) == 1
    trade.work()
    assert ops_of(lot) == [("payment", "confirmed"), ("refund", "confirmed")]


# -- what a party and the desk see ------------------------------------------------------------------------------------


def test_a_statement_tells_what_came_and_went(trade: Trade) -> None:
    lot = trade.settled()
    refund = propose(trade.buyer.actor, lot)
    refunds.agree_refund(trade.seller.actor, refund.id)
    trade.work()
    bought = [(line["kind"], line["amount"].minor) for line in money_queries.statement(trade.buyer.actor).items]
    sold = [(line["kind"], line["amount"].minor) for line in money_queries.whole_statement(trade.seller.actor)]
    assert bought == [("refund", 50_000), ("payment", -PRICE)]
    assert sold == [("reversal", -50_000), ("transfer", NET)]


def test_what_is_held_and_coming(trade: Trade) -> None:
    trade.delivered()
    assert money_queries.overview(trade.buyer.actor)["held"] == [Money(PRICE, "HKD")]
    assert money_queries.overview(trade.seller.actor)["coming"] == [Money(PRICE, "HKD")]
    trade.accepted()
    assert money_queries.overview(trade.seller.actor)["on_its_way"] == [Money(NET, "HKD")]


def test_the_desk_lists_what_failed_until_it_is_ordered_again(trade: Trade) -> None:
    lot = trade.accepted()
    with read() as session:
        transfer = next(op for op in money.ops_of(session, lot.id) if op.kind == "transfer")
    money.settle_outcome(Actor.gateway(), transfer.id, Outcome(FAILED, problem="account_closed"))
    assert [row["id"] for row in money_queries.failed_operations().items] == [transfer.id]
    order = payment_orders.propose_again(officer(trade), transfer.id, reason="so")
    payment_orders.confirm_payment_order(officer(trade), order.id)
    assert money_queries.failed_operations().items == []
    hurry()
    trade.work()
    assert found(Lot, lot.id).state == "settled"
