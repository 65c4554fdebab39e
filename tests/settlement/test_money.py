"""Money operations through the real client, against a sandbox that fails in all the ways a gateway can."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace

import pytest
from money_desk import BUYER, FEE, NET, PRICE, SELLER, Desk, Lot, held, op, open_account, ops, paid, plan, settled, wait
from sqlalchemy import select

from exchange import ids
from exchange.actors import Actor
from exchange.db import read, transaction
from exchange.errors import InvariantBroken
from exchange.models import Outbox
from settlement import ledger, money
from settlement.carriers import Outcome
from settlement.gateways.stripe_gateway import StripeGateway
from settlement.sandbox.faults import Fault

pytestmark = pytest.mark.usefixtures("db")

DAY = timedelta(days=1)
#: One call of the client: its first attempt and two repetitions.
WHOLE_CALL = 3


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = Desk()
    monkeypatch.setattr(money, "OUTCOMES", made.outcomes())
    return made


@pytest.fixture
def gateway(near_world: SimpleNamespace) -> Iterator[StripeGateway]:
    return near_world.gateway()


def plan_payment(lot: Lot | None = None) -> str:
    return plan("payment", PRICE, lot=lot or Lot(ids.new("lot")), request=money.by_method("pm_card_visa"))


def charges(near_world: SimpleNamespace) -> int:
    return len(near_world.client().charges.list({"limit": 100}).data)


def test_a_payment_is_planned_with_its_transition_and_waits_in_the_outbox(desk: Desk) -> None:
    op_id = plan_payment()
    assert op(op_id).state == "planned"
    with read() as session:
        letter = session.scalars(select(Outbox)).one()
        assert money.due_ops(session, "stripe") == [op_id]
    assert (letter.kind, letter.payload) == ("money.carry_out", {"gateway": "stripe", "op_id": op_id})


def test_an_operation_is_undone_with_its_transition(desk: Desk) -> None:
    lot = Lot(ids.new("lot"))
    with pytest.raises(InvariantBroken):
        plan("payment", PRICE, ledger.release(lot.id, SELLER, NET), lot=lot)
    assert ops(lot) == []


def test_a_card_payment_funds_the_lot(gateway: StripeGateway, desk: Desk) -> None:
    op_id = plan_payment()
    money.carry_out(gateway, op_id)
    done = op(op_id)
    assert (done.state, done.attempts, done.problem) == ("confirmed", 1, None)
    assert gateway.payment(done.gateway_id or "").operation == op_id
    assert held(Lot(done.lot_id)) == PRICE
    money.carry_out(gateway, op_id)
    assert desk.told == [("payment", "confirmed")]


def test_a_declined_payment_moves_nothing_and_the_buyer_tries_again(gateway: StripeGateway, desk: Desk) -> None:
    lot = paid(gateway, "pm_card_chargeDeclined")
    with read() as session:
        assert ledger.lot_money(session, lot.id) is None
    money.carry_out(gateway, plan_payment(lot))
    assert ops(lot) == [("payment", "failed"), ("payment", "confirmed")]
    assert held(lot) == PRICE


def test_a_payment_page_waits_for_its_payer(gateway: StripeGateway, desk: Desk, near_world: SimpleNamespace) -> None:
    lot = Lot(ids.new("lot"))
    request = money.on_page(description="A lot", success_url="https://a.test/paid", cancel_url="https://a.test/no")
    op_id = plan("payment", PRICE, lot=lot, request=request)
    money.carry_out(gateway, op_id)
    page = op(op_id)
    assert (page.state, desk.told) == ("sent", [])
    assert page.page_url
    money.look(gateway, op_id)
    assert op(op_id).state == "sent"
    near_world.control.pay_checkout(page.page_id, "4242424242424242")
    money.look(gateway, op_id)
    assert (op(op_id).state, op(op_id).page_url, held(lot)) == ("confirmed", None, PRICE)


def test_a_payment_page_that_nobody_paid_on_is_given_up(gateway: StripeGateway, desk: Desk) -> None:
    request = money.on_page(description="A lot", success_url="https://a.test/paid", cancel_url="https://a.test/no")
    op_id = plan("payment", PRICE, lot=Lot(ids.new("lot")), request=request)
    money.carry_out(gateway, op_id)
    gateway.expire_checkout("closing", op(op_id).page_id or "")
    wait(op_id)
    assert money.poll(gateway)
    assert (op(op_id).state, op(op_id).problem) == ("failed", "page_expired")


@pytest.mark.parametrize("fault", [Fault.LOST_RESPONSE, Fault.LOST_REQUEST, Fault.ERROR_AFTER, Fault.ERROR_BEFORE])
def test_an_unknown_outcome_is_asked_for_again_under_the_same_key(
    gateway: StripeGateway, desk: Desk, near_world: SimpleNamespace, fault: Fault
) -> None:
    op_id = plan_payment()
    near_world.control.inject(fault, target="/v1/payment_intents", times=WHOLE_CALL)
    money.carry_out(gateway, op_id)
    assert (op(op_id).state, op(op_id).problem, desk.told) == ("unknown", "outcome_unknown", [])
    assert not money.poll(gateway)
    wait(op_id)
    assert money.poll(gateway)
    assert (op(op_id).state, charges(near_world), desk.told) == ("confirmed", 1, [("payment", "confirmed")])


def test_after_a_day_the_gateway_is_read_and_not_asked(
    gateway: StripeGateway, desk: Desk, near_world: SimpleNamespace
) -> None:
    op_id = plan_payment()
    near_world.control.inject(Fault.LOST_RESPONSE, target="/v1/payment_intents", times=WHOLE_CALL)
    money.carry_out(gateway, op_id)
    near_world.control.inject(Fault.LOST_REQUEST, target="/v1/", method="POST", times=1)
    wait(op_id, age=DAY)
    money.carry_out(gateway, op_id)
    assert (op(op_id).state, charges(near_world)) == ("confirmed", 1)


def test_after_a_day_what_the_gateway_never_got_is_given_up(
    gateway: StripeGateway, desk: Desk, near_world: SimpleNamespace
) -> None:
    op_id = plan_payment()
    near_world.control.inject(Fault.LOST_REQUEST, target="/v1/payment_intents", times=WHOLE_CALL)
    money.carry_out(gateway, op_id)
    wait(op_id, age=DAY)
    money.carry_out(gateway, op_id)
    assert (op(op_id).state, op(op_id).problem) == ("failed", "never_arrived")
    assert (charges(near_world), desk.told) == (0, [("payment", "failed")])


def test_a_busy_gateway_did_nothing(gateway: StripeGateway, desk: Desk, near_world: SimpleNamespace) -> None:
    op_id = plan_payment()
    near_world.control.inject(Fault.RATE_LIMITED, target="/v1/payment_intents", times=WHOLE_CALL)
    money.carry_out(gateway, op_id)
    assert (op(op_id).state, op(op_id).problem) == ("planned", "gateway_busy")


def test_a_worker_that_dies_before_the_outcome_is_recorded_costs_nothing(
    gateway: StripeGateway, desk: Desk, near_world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    op_id = plan_payment()
    with monkeypatch.context() as dying:
        dying.setattr(money, "OUTCOMES", {})
        with pytest.raises(InvariantBroken):
            money.carry_out(gateway, op_id)
    assert op(op_id).state == "sent"
    money.carry_out(gateway, op_id)  # still claimed: left alone
    assert op(op_id).attempts == 1
    wait(op_id)
    assert money.poll(gateway)
    assert (op(op_id).state, charges(near_world)) == ("confirmed", 1)


def test_many_workers_carry_out_one_operation_once(
    gateway: StripeGateway, desk: Desk, near_world: SimpleNamespace
) -> None:
    op_id = plan_payment()
    workers = [threading.Thread(target=money.carry_out, args=(gateway, op_id)) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert (op(op_id).attempts, charges(near_world), desk.told) == (1, 1, [("payment", "confirmed")])


def test_what_was_given_up_may_still_turn_out_to_be_paid(gateway: StripeGateway, desk: Desk) -> None:
    op_id = plan_payment()
    money.settle_outcome(Actor.gateway(), op_id, Outcome("failed", problem="never_arrived"))
    late = Outcome("confirmed", gateway_id="pi_late", charge_id="ch_late")
    for outcome in (late, late, Outcome("failed")):
        money.settle_outcome(Actor.gateway(), op_id, outcome)
    assert desk.told == [("payment", "failed"), ("payment", "confirmed")]
    assert op(op_id).gateway_id == "pi_late"


def test_a_seller_without_an_account_is_waited_for(gateway: StripeGateway, desk: Desk) -> None:
    lot = paid(gateway)
    op_id = plan("transfer", NET, ledger.release(lot.id, SELLER, NET), ledger.fee(lot.id, FEE), lot=lot)
    for _ in range(2):
        wait(op_id, age=DAY)
        money.carry_out(gateway, op_id)
        assert (op(op_id).state, op(op_id).problem) == ("planned", "payee_unknown")
    account_id = open_account(gateway)
    wait(op_id, age=DAY)
    money.carry_out(gateway, op_id)
    assert op(op_id).state == "confirmed"
    assert [made.account_id for made in gateway.find_transfers(lot.id)] == [account_id]


def test_a_refund_goes_back_to_the_card(gateway: StripeGateway, desk: Desk) -> None:
    lot = paid(gateway)
    money.carry_out(gateway, plan("refund", PRICE, ledger.refund(lot.id, BUYER, PRICE), lot=lot))
    assert ops(lot) == [("payment", "confirmed"), ("refund", "confirmed")]
    with read() as session:
        assert ledger.balance(session, ledger.refundable(BUYER, "HKD")).minor == 0


@pytest.mark.parametrize("path", ["/v1/refunds", "/v1/transfers"])
def test_refunds_and_transfers_are_found_again_after_a_day(
    gateway: StripeGateway, desk: Desk, near_world: SimpleNamespace, path: str
) -> None:
    lot = paid(gateway)
    open_account(gateway)
    kind = "refund" if path == "/v1/refunds" else "transfer"
    posting = ledger.refund(lot.id, BUYER, PRICE) if kind == "refund" else ledger.release(lot.id, SELLER, PRICE)
    op_id = plan(kind, PRICE, posting, lot=lot)
    near_world.control.inject(Fault.LOST_RESPONSE, target=path, method="POST", times=WHOLE_CALL)
    money.carry_out(gateway, op_id)
    assert op(op_id).state == "unknown"
    wait(op_id, age=DAY)
    money.carry_out(gateway, op_id)
    assert op(op_id).state == "confirmed"


def test_a_transfer_is_reversed_before_the_buyer_is_refunded(gateway: StripeGateway, desk: Desk) -> None:
    lot = settled(gateway)
    money.carry_out(gateway, plan("reversal", NET, ledger.reversal(lot.id, SELLER, NET), lot=lot))
    money.carry_out(gateway, plan("refund", NET, ledger.refund(lot.id, BUYER, NET), lot=lot))
    assert [state for _, state in ops(lot)] == ["confirmed"] * 4
    with read() as session:
        assert ledger.balance(session, ledger.cash("stripe", "HKD")) == FEE
        assert ledger.balance(session, ledger.receivable(SELLER, "HKD")).minor == 0


def test_a_seller_s_account_is_paid_out(gateway: StripeGateway, desk: Desk) -> None:
    op_id = plan("payout", NET, lot=settled(gateway))
    money.carry_out(gateway, op_id)
    assert op(op_id).state == "confirmed"


def test_a_refused_order_is_given_up(gateway: StripeGateway, desk: Desk) -> None:
    op_id = plan("payout", PRICE, lot=settled(gateway))
    money.carry_out(gateway, op_id)
    assert (op(op_id).state, op(op_id).problem) == ("failed", "gateway.balance_insufficient")


def test_there_is_nothing_to_refund_without_a_payment() -> None:
    with transaction(Actor.clock()) as tx, pytest.raises(InvariantBroken):
        money.plan(tx, kind="refund", lot=Lot("lot_1"), amount=PRICE, org_id=BUYER)
