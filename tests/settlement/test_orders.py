"""Orders: pinned at the request, signed by both sides, ended by either."""

from dataclasses import replace
from datetime import timedelta

import pytest
from people import approved_company
from sqlalchemy import func, select
from trades import PURPOSE, Trade, entries, found, lot_of

from exchange.actors import Actor
from exchange.db import advance_clock, read
from exchange.errors import Conflict, Forbidden, Invalid, KeyReused, NotFound, Refused
from listings import offers
from settlement import lots, orders, queries, tariff
from settlement.models import Lot, Order
from settlement.orders import Request


def test_a_request_pins_offer_version_price_fee_and_terms(trade: Trade) -> None:
    order = trade.request()
    offers.close_offer(trade.seller.actor, trade.product.offer_id)
    again = found(Order, order.id)
    assert (again.version_id, again.offer_id) == (trade.product.version_id, trade.product.offer_id)
    assert (str(again.price), again.fee_basis_points, again.purpose) == ("1200.00 HKD", 300, PURPOSE)
    assert again.terms["inspection_hours"] == 72
    assert again.government_derived is False
    assert orders.sign_order(trade.seller.actor, order.id, password=trade.seller.password).state == "open"
    with pytest.raises(Conflict, match="closed") as caught:
        trade.request()
    assert caught.value.code == "offer_closed"


def test_signing_opens_one_lot_that_is_due(trade: Trade) -> None:
    order = trade.signed()
    lot = lot_of(order)
    assert (lot.number, lot.state, lot.amount, lot.delivery) == (1, "due", order.price, "deposit")
    assert entries(order.id) == ["order.requested", "order.agreed", "order.opened"]
    assert lot.deadline_at is not None
    assert lot.deadline_at - lot.created_at == timedelta(days=3)


def test_the_same_request_sent_twice_is_one_order(trade: Trade) -> None:
    buyer = trade.buyer.actor.with_key("k1")
    request = Request(trade.product.offer_id, PURPOSE, "officer", trade.buyer.password)
    first, second = (orders.request_order(buyer, request) for _ in range(2))
    assert first.id == second.id
    with pytest.raises(KeyReused):
        orders.request_order(buyer, replace(request, disputes="none"))
    with read() as session:
        assert session.scalar(select(func.count()).select_from(Order)) == 1


def test_a_refused_request_leaves_its_key_unused(trade: Trade) -> None:
    buyer = trade.buyer.actor.with_key("k1")
    request = Request(trade.product.offer_id, PURPOSE, "officer", "not the password")
    with pytest.raises(Forbidden) as caught:
        orders.request_order(buyer, request)
    assert caught.value.code == "wrong_password"
    assert orders.request_order(buyer, replace(request, password=trade.buyer.password)).state == "requested"


def test_a_request_names_a_known_way_to_decide_disputes(trade: Trade) -> None:
    with pytest.raises(Invalid) as caught:
        trade.request(disputes="duel")
    assert caught.value.code == "invalid_disputes"


@pytest.mark.rule("G-17")
def test_a_purpose_outside_the_offer_is_refused(trade: Trade) -> None:
    with pytest.raises(Refused) as caught:
        trade.request(purpose="commercial.insurance")
    assert (caught.value.rule_id, caught.value.code) == ("G-17", "purpose_not_offered")
    with pytest.raises(Invalid) as unknown:
        trade.request(purpose="world.domination")
    assert unknown.value.code == "unknown_purpose"


def test_each_side_does_its_own(trade: Trade) -> None:
    order = trade.request()
    with pytest.raises(Conflict) as caught:
        orders.sign_order(trade.buyer.actor, order.id, password=trade.buyer.password)
    assert caught.value.code == "not_your_turn"
    with pytest.raises(Forbidden):
        orders.withdraw_order(trade.seller.actor, order.id)
    viewer = replace(trade.seller.actor, roles=frozenset({"viewer"}))
    with pytest.raises(Forbidden):
        orders.sign_order(viewer, order.id, password=trade.seller.password)


def test_the_seller_declines_and_the_buyer_withdraws(trade: Trade) -> None:
    declined = orders.decline_order(trade.seller.actor, trade.request().id, reason="not now")
    withdrawn = orders.withdraw_order(trade.buyer.actor, trade.request().id)
    assert (declined.state, declined.closing_reason) == ("cancelled", "not now")
    assert entries(withdrawn.id) == ["order.requested", "order.withdrawn"]
    with pytest.raises(Invalid) as caught:
        orders.decline_order(trade.seller.actor, trade.request().id, reason="  ")
    assert caught.value.code == "reason_missing"


def test_what_the_seller_does_not_sign_in_time_lapses(trade: Trade) -> None:
    order = trade.request()
    advance_clock(Actor.clock(), timedelta(days=5))
    with pytest.raises(Conflict) as caught:
        orders.sign_order(trade.seller.actor, order.id, password=trade.seller.password)
    assert caught.value.code == "signing_over"
    trade.work()
    assert found(Order, order.id).state == "cancelled"
    assert entries(order.id)[-1] == "order.lapsed"


def test_either_side_ends_an_open_contract_before_money_is_held(trade: Trade) -> None:
    for party in (trade.seller, trade.buyer):
        order = trade.signed()
        ended = orders.terminate_order(party.actor, order.id, reason="plans changed")
        assert ended.state == "terminated"
        assert lot_of(order).state == "cancelled"
        assert entries(order.id)[-1] == "order.terminated"
    lot = trade.delivered()
    with pytest.raises(Conflict) as caught:
        orders.terminate_order(trade.seller.actor, lot.order_id, reason="too late")
    assert caught.value.code == "lot_under_way"


def test_an_order_follows_its_lots(trade: Trade) -> None:
    states = {
        lot.state: found(Order, lot.order_id).state for lot in (trade.settled(), trade.refunded(), trade.cancelled())
    }
    assert states == {"settled": "completed", "refunded": "refunded", "cancelled": "cancelled"}


def test_another_partys_order_and_lot_do_not_exist(trade: Trade) -> None:
    stranger = approved_company(trade, "旁人公司").actor
    order = trade.signed()
    lot = lot_of(order)
    for look in (
        lambda: orders.withdraw_order(stranger, order.id),
        lambda: orders.sign_order(stranger, order.id, password="x"),
        lambda: orders.terminate_order(stranger, order.id, reason="x"),
        lambda: lots.pay_lot(stranger, lot.id, request={"payment_method": "pm_card_visa"}),
        lambda: lots.cancel_lot(stranger, lot.id),
        lambda: lots.accept_lot(stranger, lot.id),
        lambda: queries.order(stranger, order.id),
        lambda: queries.contract(stranger, order.id),
        lambda: queries.lot(stranger, lot.id),
    ):
        with pytest.raises(NotFound):
            look()
    assert queries.orders(stranger).items == []
    assert found(Lot, lot.id).state == "due"


def test_both_sides_list_the_order_with_what_they_may_do(trade: Trade) -> None:
    order = trade.request()
    sides = ((trade.buyer, "buyer", ["withdraw"]), (trade.seller, "seller", ["sign", "counter", "decline"]))
    for party, side, actions in sides:
        (card,) = queries.orders(party.actor).items
        assert (card["id"], card["side"], card["actions"]) == (order.id, side, actions)
        assert queries.orders(party.actor, side={"buyer": "seller", "seller": "buyer"}[side]).items == []
    lot = lot_of(orders.sign_order(trade.seller.actor, order.id, password=trade.seller.password))
    assert queries.lot(trade.buyer.actor, lot.id)["actions"] == ["pay", "cancel"]
    assert queries.lot(trade.seller.actor, lot.id)["actions"] == []


def test_an_order_keeps_the_fee_it_was_placed_with(trade: Trade) -> None:
    first = trade.request()
    tariff.bind(150)
    try:
        assert trade.request().fee_basis_points == 150
        orders.sign_order(trade.seller.actor, first.id, password=trade.seller.password)
        assert found(Order, first.id).fee_basis_points == 300
    finally:
        tariff.bind(tariff.DEFAULT_BASIS_POINTS)


@pytest.mark.parametrize("basis_points", [-1, 2001, 10_000])
def test_a_fee_beyond_reason_is_refused(basis_points: int) -> None:
    with pytest.raises(ValueError, match="basis points"):
        tariff.bind(basis_points)
