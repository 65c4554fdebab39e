"""Two at once, in real threads: one wins, the other is told, and the money moves once."""

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from trades import PURPOSE, VISA, Trade, entries, found, money_of, ops_of

from exchange.actors import Actor
from exchange.db import advance_clock, read
from exchange.errors import Conflict, ExchangeError
from settlement import lots, lots_disputes, money, orders
from settlement.models import Lot, Order
from settlement.orders import Request

CLOCK = Actor.clock()
PRICE, FEE = 120_000, 3_600


def at_once(*calls: Callable[[], object]) -> list[object]:
    """What each call answered or raised, having begun together."""
    barrier = threading.Barrier(len(calls))
    answers: list[object] = [None] * len(calls)

    def run(place: int, call: Callable[[], object]) -> None:
        barrier.wait()
        try:
            answers[place] = call()
        except ExchangeError as error:
            answers[place] = error

    threads = [threading.Thread(target=run, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def refused(answers: Sequence[object]) -> list[type]:
    return [type(answer) for answer in answers if isinstance(answer, ExchangeError)]


def one_won(answers: Sequence[object]) -> bool:
    losers = [answer for answer in answers if isinstance(answer, Exception)]
    return len(losers) == len(answers) - 1 and all(isinstance(error, Conflict) for error in losers)


def test_two_acceptances_at_once(trade: Trade) -> None:
    lot = trade.received(trade.delivered())
    assert one_won(at_once(*[lambda: lots.accept_lot(trade.buyer.actor, lot.id)] * 4))
    trade.work()
    assert ops_of(lot) == [("payment", "confirmed"), ("transfer", "confirmed")]
    assert entries(lot.id).count("lot.accepted") == 1


@pytest.mark.parametrize("_round", range(3))
def test_acceptance_against_dispute(trade: Trade, _round: int) -> None:
    lot = trade.received(trade.delivered())
    answers = at_once(
        lambda: lots.accept_lot(trade.buyer.actor, lot.id),
        lambda: lots_disputes.dispute_lot(trade.buyer.actor, lot.id, reason="half the rows"),
    )
    assert one_won(answers)
    assert money_of(lot) in ({"funded": PRICE, "held": PRICE}, {"funded": PRICE, "released": PRICE - FEE, "fee": FEE})


def test_acceptance_against_the_end_of_the_window(trade: Trade) -> None:
    lot = trade.received(trade.delivered())
    advance_clock(CLOCK, timedelta(hours=72))
    assert one_won(
        at_once(
            lambda: lots.accept_lot(trade.buyer.actor, lot.id),
            lambda: lots.lapse_inspection(CLOCK, lot.id),
        )
    )
    trade.work()
    assert found(Lot, lot.id).state == "settled"
    assert money_of(lot) == {"funded": PRICE, "released": PRICE - FEE, "fee": FEE}


def test_a_payment_against_the_end_of_its_time(trade: Trade) -> None:
    lot = trade.due()
    op = lots.pay_lot(trade.buyer.actor, lot.id, request={"payment_method": VISA})
    advance_clock(CLOCK, timedelta(days=3))
    at_once(
        lambda: money.carry_out(trade.gateway, op.id),
        lambda: lots.lapse_payment(CLOCK, lot.id),
    )
    trade.work()
    ended = found(Lot, lot.id).state
    assert ended in {"delivered", "refunded"}
    assert money_of(lot) == {"funded": PRICE, ("held" if ended == "delivered" else "refunded"): PRICE}


def test_two_orders_to_pay_at_once(trade: Trade) -> None:
    lot = trade.due()
    assert one_won(at_once(*[lambda: lots.pay_lot(trade.buyer.actor, lot.id, request={"payment_method": VISA})] * 3))
    trade.work()
    assert ops_of(lot) == [("payment", "confirmed")]


def test_one_request_key_at_once_is_one_order(trade: Trade) -> None:
    buyer = trade.buyer.actor.with_key("once")
    request = Request(trade.product.offer_id, PURPOSE, "officer", trade.buyer.password)
    answers = at_once(*[lambda: orders.request_order(buyer, request)] * 4)
    assert refused(answers) == []
    assert len({answer.id for answer in answers if isinstance(answer, Order)}) == 1
    with read() as session:
        assert session.scalar(select(func.count()).select_from(Order)) == 1


def test_a_signature_against_a_withdrawal(trade: Trade) -> None:
    order = trade.request()
    answers = at_once(
        lambda: orders.sign_order(trade.seller.actor, order.id, password=trade.seller.password),
        lambda: orders.withdraw_order(trade.buyer.actor, order.id),
    )
    assert one_won(answers)
    assert found(Order, order.id).state in {"open", "cancelled"}


def test_a_cancellation_against_a_termination(trade: Trade) -> None:
    lot = trade.due()
    answers = at_once(
        lambda: lots.cancel_lot(trade.buyer.actor, lot.id),
        lambda: orders.terminate_order(trade.seller.actor, lot.order_id, reason="plans changed"),
    )
    assert one_won(answers)
    assert found(Lot, lot.id).state == "cancelled"
