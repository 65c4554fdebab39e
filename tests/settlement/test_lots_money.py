"""Money against the table: declined, late, twice, charged back, and a gateway that is down at every call."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from people import staff
from trades import DECLINED, VISA, Trade, balance, entries, found, hurry, money_of, ops_of

from exchange.actors import Actor
from exchange.db import advance_clock, read
from exchange.errors import Conflict, Forbidden, Refused
from exchange.money import MAX_MINOR, Money
from settlement import ledger, lots, money, payment_orders
from settlement.carriers import Outcome
from settlement.models import Lot, Order
from settlement.money_models import CONFIRMED, FAILED, SENT, MoneyOp
from settlement.sandbox.faults import Fault

PRICE, FEE = 120_000, 3_600
GATEWAY = Actor.gateway()


@given(minor=st.integers(1, MAX_MINOR), percent=st.integers(0, 100), basis_points=st.integers(0, 9999))
def test_a_division_loses_nothing_and_favours_nobody(minor: int, percent: int, basis_points: int) -> None:
    order = Order(fee_basis_points=basis_points)
    amount = Money(minor, "HKD")
    share = amount.share(percent, 100)
    fee = order.fee_on(share)
    assert share.minor == minor * percent // 100
    assert fee.minor == share.minor * basis_points // 10_000
    assert (share - fee) + fee + (amount - share) == amount
    assert share.minor == 0 or fee < share


def test_a_declined_card_leaves_the_lot_due(trade: Trade) -> None:
    lot = trade.due()
    op = trade.pay(lot, DECLINED)
    assert (op.state, found(Lot, lot.id).state) == ("failed", "due")
    assert entries(lot.id)[-1] == "lot.payment_failed"
    assert money_of(lot) == {}
    trade.pay(lot)
    assert found(Lot, lot.id).state == "delivered"


def test_money_that_comes_after_the_lapse_goes_back(trade: Trade) -> None:
    lot = trade.due()
    op = lots.pay_lot(trade.buyer.actor, lot.id, request={"payment_method": VISA})
    advance_clock(Actor.clock(), timedelta(days=3))
    lots.lapse_payment(Actor.clock(), lot.id)
    money.carry_out(trade.gateway, op.id)
    assert found(Lot, lot.id).state == "refunding"
    trade.work()
    assert (found(Lot, lot.id).state, found(Order, lot.order_id).state) == ("refunded", "cancelled")
    assert ops_of(lot) == [("payment", "confirmed"), ("refund", "confirmed")]
    assert money_of(lot) == {"funded": PRICE, "refunded": PRICE}


def test_a_payment_that_was_given_up_and_came_after_all_is_paid_back(trade: Trade) -> None:
    lot = trade.due()
    given_up = trade.pay(lot, DECLINED)
    trade.pay(lot)
    paid = trade.gateway.pay_with_method(
        given_up.id + "-again", amount=lot.amount, reference=lot.id, transfer_group=lot.id, payment_method=VISA
    )
    outcome = Outcome(CONFIRMED, gateway_id=paid.id, charge_id=paid.charge_id)
    money.settle_outcome(GATEWAY, given_up.id, outcome)
    assert "lot.paid_twice" in entries(lot.id)
    trade.work()
    assert money_of(lot) == {"funded": 2 * PRICE, "held": PRICE, "refunded": PRICE}
    assert found(Lot, lot.id).state == "delivered"
    lots.accept_lot(trade.buyer.actor, trade.received(lot).id)
    trade.work()
    assert found(Lot, lot.id).state == "settled"
    assert money_of(lot) == {"funded": 2 * PRICE, "released": PRICE - FEE, "fee": FEE, "refunded": PRICE}


@pytest.mark.parametrize("fault", [Fault.LOST_REQUEST, Fault.LOST_RESPONSE, Fault.ERROR_BEFORE, Fault.ERROR_AFTER])
@pytest.mark.parametrize("target", ["/v1/payment_intents", "/v1/transfers", "/v1/refunds"])
def test_a_gateway_that_is_down_moves_money_once(trade: Trade, target: str, fault: Fault) -> None:
    trade.world.control.inject(fault, target=target, method="POST", times=2)
    lot = trade.due()
    lots.pay_lot(trade.buyer.actor, lot.id, request={"payment_method": VISA})
    for _ in range(3):
        trade.work()
    if target == "/v1/refunds":
        lots.reject_lot(trade.buyer.actor, lot.id, reason="no")
        lots.decline_lot(trade.seller.actor, lot.id, reason="no")
    else:
        lots.accept_lot(trade.buyer.actor, trade.received(lot).id)
    for _ in range(3):
        trade.work()
    ended = {"/v1/refunds": "refunded"}.get(target, "settled")
    assert found(Lot, lot.id).state == ended
    api = trade.world.client()
    charges = api.charges.list({"transfer_group": lot.id}).data
    assert [charge.amount for charge in charges] == [PRICE]
    assert charges[0].amount_refunded == (PRICE if ended == "refunded" else 0)
    sent = [transfer.amount for transfer in api.transfers.list({"transfer_group": lot.id}).data]
    assert sent == ([] if ended == "refunded" else [PRICE - FEE])


# -- chargebacks ------------------------------------------------------------------------------------------------------


def charge_back(trade: Trade, lot: Lot, state: str) -> None:
    with read() as session:
        payment = next(op for op in money.ops_of(session, lot.id) if op.kind == "payment")
    money.settle_chargeback(GATEWAY, payment.id, dispute_id="dp_1", amount=lot.amount, state=state)


@pytest.mark.rule("K-05")
def test_a_chargeback_freezes_the_lot_until_it_is_won(trade: Trade) -> None:
    lot = trade.received(trade.delivered())
    charge_back(trade, lot, SENT)
    assert found(Lot, lot.id).chargeback_hold
    assert money_of(lot) == {"funded": PRICE, "refunded": PRICE}
    with pytest.raises(Refused) as caught:
        lots.accept_lot(trade.buyer.actor, lot.id)
    assert caught.value.code == "chargeback_hold"
    trade.later(days=5)
    assert found(Lot, lot.id).state == "delivered"
    charge_back(trade, lot, FAILED)
    lots.accept_lot(trade.buyer.actor, lot.id)
    trade.work()
    assert found(Lot, lot.id).state == "settled"
    assert money_of(lot) == {"funded": PRICE, "released": PRICE - FEE, "fee": FEE}


def test_a_chargeback_that_is_lost_ends_the_lot(trade: Trade) -> None:
    lot = trade.delivered()
    charge_back(trade, lot, SENT)
    charge_back(trade, lot, CONFIRMED)
    assert (found(Lot, lot.id).state, found(Order, lot.order_id).state) == ("refunded", "refunded")
    assert entries(lot.id)[-1] == "lot.charged_back"
    assert balance(ledger.cash("stripe", "HKD")) == 0


@pytest.mark.parametrize("state", [CONFIRMED, FAILED])
def test_a_chargeback_after_release_is_owed_by_the_seller(trade: Trade, state: str) -> None:
    lot = trade.settled()
    charge_back(trade, lot, SENT)
    assert balance(ledger.receivable(trade.seller.org_id, "HKD")) == PRICE
    assert money_of(lot)["reversed"] == PRICE
    charge_back(trade, lot, state)
    assert balance(ledger.receivable(trade.seller.org_id, "HKD")) == (PRICE if state == CONFIRMED else 0)
    assert (found(Lot, lot.id).state, found(Lot, lot.id).chargeback_hold) == ("settled", False)


@pytest.mark.parametrize("state", [CONFIRMED, FAILED])
def test_a_refund_that_a_chargeback_overtook(trade: Trade, state: str) -> None:
    lot = trade.funded()
    charge_back(trade, lot, SENT)
    lots.decline_lot(trade.seller.actor, lot.id, reason="no")
    assert ops_of(lot)[1:] == [("chargeback", "sent")]
    charge_back(trade, lot, state)
    trade.work()
    assert found(Lot, lot.id).state == "refunded"
    assert money_of(lot) == {"funded": PRICE, "refunded": PRICE}


def test_what_the_exchange_bore_comes_back_with_a_won_chargeback(trade: Trade) -> None:
    """The refund was on its way when the bank took the money: no hold had it, and no seller."""
    lot = trade.funded()
    before = balance(ledger.cash("stripe", "HKD"))
    lots.decline_lot(trade.seller.actor, lot.id, reason="no")
    charge_back(trade, lot, SENT)
    assert balance(ledger.costs("stripe", "HKD")) == PRICE
    charge_back(trade, lot, FAILED)
    assert balance(ledger.costs("stripe", "HKD")) == 0
    assert balance(ledger.cash("stripe", "HKD")) == before
    trade.work()
    assert found(Lot, lot.id).state == "refunded"
    assert money_of(lot) == {"funded": PRICE, "refunded": PRICE}


# -- ordered again ----------------------------------------------------------------------------------------------------


@pytest.mark.rule("I-08")
def test_a_movement_that_failed_is_ordered_again_by_two_officers(trade: Trade) -> None:
    lot = trade.accepted()
    with read() as session:
        transfer = next(op for op in money.ops_of(session, lot.id) if op.kind == "transfer")
    money.settle_outcome(GATEWAY, transfer.id, Outcome(FAILED, problem="account_closed"))
    assert (found(Lot, lot.id).state, entries(lot.id)[-1]) == ("accepted", "lot.transfer_failed")
    with pytest.raises(Forbidden):
        payment_orders.propose_again(trade.seller.actor, transfer.id, reason="please")
    first, second = staff(trade, "settlement_officer"), staff(trade, "settlement_officer")
    order = payment_orders.propose_again(first, transfer.id, reason="a new account")
    with pytest.raises(Refused) as caught:
        payment_orders.confirm_payment_order(first, order.id)
    assert (caught.value.rule_id, caught.value.code) == ("I-08", "second_person_needed")
    assert ops_of(lot)[-1] == ("transfer", "failed")
    assert payment_orders.confirm_payment_order(second, order.id).state == "confirmed"
    with pytest.raises(Conflict) as again:
        payment_orders.propose_again(second, transfer.id, reason="again")
    assert again.value.code == "not_failed"
    hurry()
    trade.work()
    assert found(Lot, lot.id).state == "settled"
    assert found(MoneyOp, transfer.id).state == "failed"


def test_a_bank_that_keeps_a_part_leaves_the_rest_to_be_divided(trade: Trade) -> None:
    lot = trade.received(trade.delivered())
    part = Money(20_000, "HKD")
    with read() as session:
        payment = money.ops_of(session, lot.id)[0]
    for state in (SENT, CONFIRMED):
        money.settle_chargeback(GATEWAY, payment.id, dispute_id="dp_1", amount=part, state=state)
    assert (found(Lot, lot.id).state, entries(lot.id)[-1]) == ("delivered", "lot.chargeback_lost")
    lots.accept_lot(trade.buyer.actor, lot.id)
    trade.work()
    assert found(Lot, lot.id).state == "settled"
    assert money_of(lot) == {"funded": PRICE, "released": 97_000, "fee": 3_000, "refunded": 20_000}


def test_a_chargeback_overtakes_a_ruling(trade: Trade) -> None:
    lot = trade.ruled()
    charge_back(trade, lot, SENT)
    trade.later(days=20)
    assert found(Lot, lot.id).state == "ruled"
    charge_back(trade, lot, CONFIRMED)
    assert found(Lot, lot.id).state == "refunded"
