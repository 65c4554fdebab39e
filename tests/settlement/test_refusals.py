"""Who and what is refused at each step, with real parties, real suspensions and real restraints."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from people import registered, staff, submitted
from trades import OVERSEER, VISA, Trade, end_of_approval, entries, found, lot_of, money_of, ops_of, restrained

from exchange.actors import Actor
from exchange.db import advance_clock, transaction
from exchange.errors import Forbidden, Refused
from exchange.members import vetting
from exchange.members.models import Membership
from exchange.oversight import restraints
from settlement import fulfilment, lots, orders, parties
from settlement.models import Lot


def suspend(trade: Trade, side: str) -> None:
    vetting.suspend_party(staff(trade, "vetting_officer"), getattr(trade, side).org_id, reason="licence in doubt")


def lapse(trade: Trade, side: str) -> None:
    end_of_approval(getattr(trade, side))


def at_request(trade: Trade) -> Callable[[], object]:
    return trade.request


def at_signing(trade: Trade) -> Callable[[], object]:
    order = trade.request()
    return lambda: orders.sign_order(trade.seller.actor, order.id, password=trade.seller.password)


def at_paying(trade: Trade) -> Callable[[], object]:
    lot = trade.due()
    return lambda: lots.pay_lot(trade.buyer.actor, lot.id, request={"payment_method": VISA})


@pytest.mark.rule("I-02")
@pytest.mark.parametrize("side", ["buyer", "seller"])
@pytest.mark.parametrize("lose", [suspend, lapse])
@pytest.mark.parametrize("step", [at_request, at_signing, at_paying])
def test_a_party_without_standing_is_refused_at_every_step(
    trade: Trade, step: Callable[[Trade], Callable[[], object]], lose: Callable[[Trade, str], None], side: str
) -> None:
    take = step(trade)
    lose(trade, side)
    with pytest.raises(Refused) as caught:
        take()
    assert caught.value.rule_id == "I-02"
    assert caught.value.code == {suspend: "party_suspended", lapse: "party_lapsed"}[lose]
    assert entries(getattr(trade, side).org_id)[-1] == "gate.refused"


@pytest.mark.rule("I-01")
@pytest.mark.parametrize("make", [registered, submitted])
def test_a_buyer_who_was_not_vetted_orders_nothing(trade: Trade, make: Callable[..., object]) -> None:
    newcomer = replace(trade, buyer=make(trade, "新来公司"))
    with pytest.raises(Refused) as caught:
        newcomer.request()
    assert (caught.value.rule_id, caught.value.code) == ("I-01", "party_not_vetted")


@pytest.mark.rule("I-02")
def test_a_party_does_not_buy_from_itself(trade: Trade) -> None:
    with pytest.raises(Refused) as caught:
        replace(trade, buyer=trade.seller).request()
    assert (caught.value.rule_id, caught.value.code) == ("I-02", "same_party")


@pytest.mark.rule("I-02")
def test_one_person_does_not_act_for_both_sides(trade: Trade) -> None:
    with transaction(Actor.clock()) as tx:
        tx.add(Membership(person_id=trade.buyer.person_id, org_id=trade.seller.org_id, role="trader", since=tx.now))
        tx.record(trade.seller.org_id, "member.joined", by="owner")
    with pytest.raises(Refused) as caught:
        trade.request()
    assert caught.value.code == "same_person"


@pytest.mark.rule("K-05")
@pytest.mark.parametrize("step", [at_request, at_signing, at_paying])
def test_a_restraint_on_product_party_or_version_bars_every_step(
    trade: Trade, step: Callable[[Trade], Callable[[], object]]
) -> None:
    take = step(trade)
    for subject in (trade.product.product_id, trade.product.version_id, trade.seller.org_id, trade.buyer.org_id):
        restraint = restrained(subject)
        with pytest.raises(Refused) as caught:
            take()
        assert caught.value.code == "restrained"
        restraints.lift(OVERSEER, restraint.id, reason="done")
    take()


@pytest.mark.rule("K-05")
def test_a_restraint_on_the_order_holds_delivery_back_until_it_is_lifted(trade: Trade) -> None:
    lot = trade.due()
    op = lots.pay_lot(trade.buyer.actor, lot.id, request={"payment_method": VISA})
    restraint = restrained(lot.order_id)
    trade.work()
    assert found(Lot, lot.id).state == "funded"
    assert ops_of(lot) == [("payment", "confirmed")]
    assert op.amount == lot.amount
    restraints.lift(OVERSEER, restraint.id, reason="done")
    trade.work()
    assert found(Lot, lot.id).state == "delivered"


@pytest.mark.rule("K-05", "T-14")
@pytest.mark.parametrize("about", ["order", "lot", "product", "seller"])
def test_a_restraint_keeps_the_money_held(trade: Trade, about: str) -> None:
    lot = trade.received(trade.delivered())
    subjects = {
        "order": lot.order_id,
        "lot": lot.id,
        "product": trade.product.product_id,
        "seller": trade.seller.org_id,
    }
    restrained(subjects[about])
    with pytest.raises(Refused) as caught:
        lots.accept_lot(trade.buyer.actor, lot.id)
    assert caught.value.rule_id == "K-05"
    trade.later(days=30)
    assert found(Lot, lot.id).state == "delivered"
    assert "lot.clock_stopped" in entries(lot.id)
    assert money_of(lot) == {"funded": 120_000, "held": 120_000}


@pytest.mark.rule("T-10")
def test_goods_that_were_not_received_are_not_accepted(trade: Trade) -> None:
    lot = trade.delivered()
    with pytest.raises(Refused) as caught:
        lots.accept_lot(trade.buyer.actor, lot.id)
    assert (caught.value.rule_id, caught.value.code) == ("T-10", "receipt_incomplete")


def test_a_party_that_lapsed_can_still_finish_what_is_paid(trade: Trade) -> None:
    lot = trade.received(trade.delivered())
    suspend(trade, "seller")
    end_of_approval(trade.buyer)
    lots.accept_lot(trade.buyer.actor, lot.id)
    trade.work()
    assert found(Lot, lot.id).state == "settled"


def test_a_suspension_stops_the_clock_and_its_end_gives_a_day(trade: Trade) -> None:
    lot = trade.due()
    suspend(trade, "buyer")
    trade.later(days=10)
    stopped = found(Lot, lot.id)
    assert stopped.state == "due"
    assert stopped.clock_stopped_at is not None
    vetting.restore_party(staff(trade, "vetting_officer"), trade.buyer.org_id, reason="cleared")
    trade.later(days=1)
    resumed = found(Lot, lot.id)
    assert (resumed.state, resumed.clock_stopped_at) == ("due", None)
    trade.later(days=2)
    assert found(Lot, lot.id).state == "cancelled"
    assert entries(lot.id).count("lot.clock_resumed") == 1


@pytest.mark.rule("T-01")
def test_time_to_pay_that_is_over_is_over(trade: Trade) -> None:
    order = trade.signed()
    lot = lot_of(order)
    advance_clock(Actor.clock(), timedelta(days=4))
    with pytest.raises(Refused) as caught:
        lots.pay_lot(trade.buyer.actor, lot.id, request={"payment_method": VISA})
    assert (caught.value.rule_id, caught.value.code) == ("T-01", "deadline_passed")


@pytest.mark.rule("T-14")
@pytest.mark.parametrize("state", ["funded", "delivered", "disputed", "ruled", "refunding"])
def test_nothing_is_released_before_acceptance_or_a_final_decision(trade: Trade, state: str) -> None:
    made: Lot = getattr(trade, state)()
    before = money_of(made)
    with pytest.raises(Refused) as caught, transaction(Actor.clock()) as tx:
        order, lot = parties.locked_lot(tx, made.id)
        fulfilment.release(tx, order, lot)
    assert (caught.value.rule_id, caught.value.code) == ("T-14", "not_releasable")
    assert money_of(made) == before


def test_finance_pays_and_does_not_sign(trade: Trade) -> None:
    finance = replace(trade.buyer.actor, roles=frozenset({"finance"}))
    lot = trade.due()
    with pytest.raises(Forbidden):
        lots.cancel_lot(finance, lot.id)
    assert lots.pay_lot(finance, lot.id, request={"payment_method": VISA}).state == "planned"
