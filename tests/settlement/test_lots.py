"""Lots by the table: paid, delivered, accepted, rejected, lapsed, given back."""

from dataclasses import replace
from datetime import timedelta

import pytest
from market import CSV, deposited, published_product, received
from sqlalchemy import select
from trades import VISA, Trade, balance, entries, found, money_of, ops_of

from exchange.actors import Actor
from exchange.db import advance_clock, read
from exchange.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from provenance.models import Acquisition
from settlement import delivery, ledger, lots
from settlement.delivery_models import Grant, Voucher
from settlement.models import Lot, Order

PRICE, FEE = 120_000, 3_600


@pytest.mark.rule("T-14")
def test_a_trade_from_request_to_voucher(trade: Trade) -> None:
    lot = trade.delivered()
    assert money_of(lot) == {"funded": PRICE, "held": PRICE}
    lots.accept_lot(trade.buyer.actor, trade.received(lot).id)
    assert money_of(lot) == {"funded": PRICE, "released": PRICE - FEE, "fee": FEE}
    assert balance(ledger.payable(trade.seller.org_id, "HKD")) == PRICE - FEE
    trade.work()
    settled = found(Lot, lot.id)
    assert (settled.state, found(Order, lot.order_id).state) == ("settled", "completed")
    assert settled.available_at is not None
    assert settled.accepted_at is not None
    assert settled.settled_at is not None
    assert balance(ledger.payable(trade.seller.org_id, "HKD")) == 0
    assert balance(ledger.fees("HKD")) == FEE
    assert ops_of(lot) == [("payment", "confirmed"), ("transfer", "confirmed")]
    with read() as session:
        voucher = session.scalars(select(Voucher)).one()
        acquisition = session.scalars(select(Acquisition)).one()
        grant = session.scalars(select(Grant)).one()
    assert (voucher.order_id, grant.state) == (lot.order_id, "live")
    assert (acquisition.org_id, acquisition.reference) == (trade.buyer.org_id, lot.id)
    assert (acquisition.onward_allowed, acquisition.purposes) == (True, ["commercial.analytics"])
    assert [action for action in entries(lot.id) if action.startswith("lot.")] == [
        "lot.opened",
        "lot.payment_ordered",
        "lot.funded",
        "lot.delivered",
        "lot.served",
        "lot.received",
        "lot.receipted",
        "lot.accepted",
        "lot.settled",
    ]


def test_a_lot_that_is_not_paid_in_time_is_cancelled(trade: Trade) -> None:
    lot = trade.due()
    trade.later(days=2)
    assert found(Lot, lot.id).state == "due"
    trade.later(days=1)
    assert found(Lot, lot.id).state == "cancelled"
    assert found(Order, lot.order_id).state == "cancelled"
    assert entries(lot.id)[-1] == "lot.payment_lapsed"


def test_an_inspection_that_runs_out_is_an_acceptance(trade: Trade) -> None:
    lot = trade.received(trade.delivered())
    trade.later(hours=71)
    assert found(Lot, lot.id).state == "delivered"
    trade.later(hours=1)
    assert found(Lot, lot.id).state == "settled"
    assert "lot.inspection_lapsed" in entries(lot.id)


def test_without_a_receipt_the_window_begins_fourteen_days_after_availability(trade: Trade) -> None:
    lot = trade.delivered()
    trade.later(days=16)
    assert found(Lot, lot.id).state == "delivered"
    trade.later(days=1)
    assert found(Lot, lot.id).state == "settled"


@pytest.mark.rule("T-10")
def test_goods_that_differ_are_never_deemed_accepted(trade: Trade) -> None:
    lot = trade.delivered()
    delivery.confirm_receipt(trade.buyer.actor, lot.id, bytes(32))
    assert lots.reject_lot(trade.buyer.actor, lot.id, reason="other bytes").state == "funded"


@pytest.mark.rule("T-10")
def test_a_difference_that_nobody_takes_up_is_a_dispute_when_the_window_ends(trade: Trade) -> None:
    from people import staff

    from settlement import lots_disputes, queries

    lot = trade.delivered()
    delivery.confirm_receipt(trade.buyer.actor, lot.id, bytes(32))
    trade.later(days=16)
    assert found(Lot, lot.id).state == "delivered"
    trade.later(days=60)
    assert (found(Lot, lot.id).state, entries(lot.id)[-1]) == ("disputed", "lot.contested")
    assert money_of(lot) == {"funded": lot.amount_minor, "held": lot.amount_minor}
    assert [card["id"] for card in queries.disputes().items] == [lot.id]
    trade.answered(lot)
    officer = staff(trade, "dispute_officer")
    lots_disputes.rule_dispute(officer, lot.id, seller_share_percent=100, reason="served as listed")
    trade.later(days=10)
    assert found(Lot, lot.id).state == "settled"


def test_a_rejected_delivery_is_made_once_more(trade: Trade) -> None:
    lot = trade.funded()
    assert (lot.state, lot.redeliveries_left, lot.closing_reason) == ("funded", 0, "wrong encoding")
    assert lots.deliver_lot(trade.seller.actor, lot.id).state == "delivered"
    with pytest.raises(Conflict) as caught:
        lots.reject_lot(trade.buyer.actor, lot.id, reason="still wrong")
    assert caught.value.code == "no_redelivery_left"
    lots.accept_lot(trade.buyer.actor, trade.received(lot).id)
    trade.work()
    assert found(Lot, lot.id).state == "settled"


@pytest.mark.rule("T-01")
def test_what_was_inspected_long_enough_is_not_rejected(trade: Trade) -> None:
    lot = trade.received(trade.delivered())
    advance_clock(Actor.clock(), timedelta(hours=73))
    with pytest.raises(Refused) as caught:
        lots.reject_lot(trade.buyer.actor, lot.id, reason="late")
    assert (caught.value.rule_id, caught.value.code) == ("T-01", "deadline_passed")


def test_a_seller_who_declines_gives_the_money_back(trade: Trade) -> None:
    lot = trade.refunding()
    assert money_of(lot) == {"funded": PRICE, "refunded": PRICE}
    assert balance(ledger.refundable(trade.buyer.org_id, "HKD")) == PRICE
    trade.work()
    assert (found(Lot, lot.id).state, found(Order, lot.order_id).state) == ("refunded", "refunded")
    assert balance(ledger.refundable(trade.buyer.org_id, "HKD")) == 0
    with read() as session:
        assert session.scalars(select(Grant.state)).all() == ["revoked"]


def test_what_is_not_delivered_in_time_is_paid_back(trade: Trade) -> None:
    lot = trade.funded()
    trade.later(days=7)
    assert found(Lot, lot.id).state == "refunded"
    assert "lot.delivery_lapsed" in entries(lot.id)


def test_what_is_made_on_order_waits_for_its_seller(trade: Trade) -> None:
    made_on_order = order_made(trade)
    lot = made_on_order.due()
    made_on_order.pay(lot)
    assert found(Lot, lot.id).state == "funded"
    with pytest.raises(Forbidden):
        lots.deliver_lot(trade.buyer.actor, lot.id)
    with pytest.raises(Invalid) as missing:
        lots.deliver_lot(trade.seller.actor, lot.id)
    assert missing.value.code == "goods_missing"
    made = deposited(trade.seller, CSV + b"S1,2026-04-01,11\n", name="made.csv")
    assert lots.deliver_lot(trade.seller.actor, lot.id, deposit_id=made).state == "delivered"
    ticket = delivery.issue_ticket(trade.buyer.actor, lot.id)
    opened = delivery.open_delivery(trade.buyer.actor, ticket.token)
    content = b"".join(delivery.stream(opened, 0, opened.goods.size_bytes))
    assert content == CSV + b"S1,2026-04-01,11\n"
    assert opened.goods.file_name == "made.csv"


def order_made(trade: Trade) -> Trade:
    return replace(trade, product=published_product(trade, trade.seller, delivery="on_order"))


def test_what_was_made_and_rejected_is_made_anew(trade: Trade) -> None:
    made = order_made(trade)
    lot = made.due()
    made.pay(lot)
    first = deposited(trade.seller, CSV + b"S1,2026-04-01,11\n")
    lots.deliver_lot(trade.seller.actor, lot.id, deposit_id=first)
    lots.reject_lot(trade.buyer.actor, lot.id, reason="a day is missing")
    with pytest.raises(Conflict) as caught:
        lots.deliver_lot(trade.seller.actor, lot.id, deposit_id=first)
    assert caught.value.code == "goods_rejected"
    second = deposited(trade.seller, CSV + b"S1,2026-04-01,11\nS2,2026-04-01,12\n")
    assert lots.deliver_lot(trade.seller.actor, lot.id, deposit_id=second).state == "delivered"
    lots.accept_lot(trade.buyer.actor, made.received(lot).id)
    trade.work()
    assert found(Lot, lot.id).state == "settled"
    with read() as session:
        grants = session.scalars(select(Grant).order_by(Grant.id)).all()
    assert [(grant.state, grant.deposit_id) for grant in grants] == [("revoked", first), ("live", second)]


def test_which_files_may_be_delivered(trade: Trade) -> None:
    made = order_made(trade)
    lot = made.due()
    made.pay(lot)
    unfinished = received(trade.seller, CSV + b"S1,2026-04-01,11\n")
    cases = {unfinished: "deposit_not_ready", trade.product.deposit_id: "goods_of_another_product"}
    for deposit_id, code in cases.items():
        with pytest.raises(Conflict) as caught:
            lots.deliver_lot(trade.seller.actor, lot.id, deposit_id=deposit_id)
        assert caught.value.code == code
    others = deposited(trade.buyer, CSV)
    with pytest.raises(NotFound):
        lots.deliver_lot(trade.seller.actor, lot.id, deposit_id=others)
    with pytest.raises(Conflict) as settled:
        lots.deliver_lot(trade.seller.actor, trade.funded().id, deposit_id=others)
    assert settled.value.code == "goods_on_deposit"
    assert found(Lot, lot.id).state == "funded"


@pytest.mark.rule("T-01")
def test_what_is_not_made_in_time_is_paid_back(trade: Trade) -> None:
    made = order_made(trade)
    lot = made.due()
    made.pay(lot)
    goods = deposited(trade.seller, CSV + b"S1,2026-04-01,11\n")
    advance_clock(Actor.clock(), timedelta(days=60))
    with pytest.raises(Refused) as caught:
        lots.deliver_lot(trade.seller.actor, lot.id, deposit_id=goods)
    assert caught.value.code == "deadline_passed"
    trade.work()
    assert (found(Lot, lot.id).state, found(Order, lot.order_id).state) == ("refunded", "refunded")


def test_one_payment_at_a_time(trade: Trade) -> None:
    lot = trade.due()
    lots.pay_lot(trade.buyer.actor, lot.id, request={"payment_method": VISA})
    with pytest.raises(Conflict) as caught:
        lots.pay_lot(trade.buyer.actor, lot.id, request={"payment_method": VISA})
    assert caught.value.code == "payment_under_way"


def test_the_same_order_to_pay_sent_twice_is_one_payment(trade: Trade) -> None:
    lot = trade.due()
    buyer = trade.buyer.actor.with_key("pay-1")
    first, second = (lots.pay_lot(buyer, lot.id, request={"payment_method": VISA}) for _ in range(2))
    assert first.id == second.id
    trade.work()
    assert ops_of(lot) == [("payment", "confirmed")]


def test_a_page_to_pay_on(trade: Trade) -> None:
    lot = trade.due()
    op = lots.pay_lot(trade.buyer.actor, lot.id, request={"return_url": "https://buyer.example/back"})
    trade.work()
    page = found(type(op), op.id)
    assert (page.state, page.page_url is not None) == ("sent", True)
    trade.world.control.pay_checkout(page.page_id, "4242424242424242")
    trade.work()
    assert found(Lot, lot.id).state == "delivered"
