"""Every line of the gateway's statement meets what it belongs to; what is left is seen and grows old."""

from datetime import timedelta
from types import SimpleNamespace

import psycopg
import pytest
from conftest import Database
from money_desk import BUYER, NET, PRICE, SELLER, Desk, paid, plan, settled
from sqlalchemy import text

from exchange.db import engine, read
from exchange.money import Money
from settlement import ledger, money, suspense
from settlement.gateways.stripe_gateway import StripeGateway
from settlement.reconciliation import reconcile

NOTHING = Money(0, "HKD")
AT_ONCE = timedelta(seconds=-5)  # Stripe's times are whole seconds


@pytest.fixture
def desk(db: Database, monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = Desk()
    monkeypatch.setattr(money, "OUTCOMES", made.outcomes())
    return made


@pytest.fixture
def gateway(desk: Desk, near_world: SimpleNamespace) -> StripeGateway:
    made: StripeGateway = near_world.gateway()
    return made


def stranger(near_world: SimpleNamespace) -> None:
    near_world.client().payment_intents.create(
        {
            "amount": 700,
            "currency": "hkd",
            "confirm": True,
            "payment_method": "pm_card_visa",
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
    )


def test_every_kind_of_movement_meets_its_operation(gateway: StripeGateway, near_world: SimpleNamespace) -> None:
    settled(gateway)
    taken_back = settled(gateway)
    money.carry_out(gateway, plan("reversal", NET, ledger.reversal(taken_back.id, SELLER, NET), lot=taken_back))
    money.carry_out(gateway, plan("refund", NET, ledger.refund(taken_back.id, BUYER, NET), lot=taken_back))
    found = reconcile(gateway)
    assert (found.lines, found.waiting, found.suspense) == (6, 0, 0)
    assert (found.missing, found.drift, found.discrepancies) == ([], {"HKD": NOTHING}, ())
    with read() as session:
        cash = ledger.balance(session, ledger.cash("stripe", "HKD"))
        assert ledger.balance(session, ledger.costs("stripe", "HKD")).minor == 2 * (340 + 235)
    funds = near_world.client().balance.retrieve().available
    assert cash.minor == next(line.amount for line in funds if line.currency == "hkd")


def test_a_run_goes_on_where_the_last_one_ended(gateway: StripeGateway) -> None:
    settled(gateway)
    assert reconcile(gateway).lines == 2
    assert reconcile(gateway).lines == 0
    paid(gateway)
    again = reconcile(gateway)
    assert (again.lines, again.drift) == (1, {"HKD": NOTHING})


def test_money_of_a_stranger_waits_and_then_goes_to_suspense(
    gateway: StripeGateway, near_world: SimpleNamespace
) -> None:
    stranger(near_world)
    first = reconcile(gateway)
    assert (first.waiting, first.suspense) == (1, 0)
    for _ in range(2):
        later = reconcile(gateway, patience=AT_ONCE)
        assert (later.waiting, later.suspense, later.drift) == (0, 1, {"HKD": NOTHING})
    with read() as session:
        item = suspense.items(session).items[0]
        assert (item.code, item.amount) == ("unexplained_charge", Money(700, "HKD"))
        assert ledger.balance(session, ledger.suspense("stripe", "HKD")).minor == 700 - 24 - 235


def test_a_chargeback_that_no_event_told_of_is_found(
    gateway: StripeGateway, desk: Desk, near_world: SimpleNamespace
) -> None:
    paid(gateway, "pm_card_createDispute")
    found = reconcile(gateway)
    assert desk.told[1:] == [("chargeback", "sent")]
    assert (found.lines, found.waiting, found.drift) == (2, 0, {"HKD": NOTHING})
    near_world.control.decide_dispute(near_world.client().disputes.list({}).data[0].id, "won")
    found = reconcile(gateway)
    assert desk.told[2:] == [("chargeback", "failed")]
    assert (found.lines, found.waiting, found.drift) == (1, 0, {"HKD": NOTHING})


def test_an_operation_that_the_statement_does_not_show_is_missed(gateway: StripeGateway, db: Database) -> None:
    lot = paid(gateway)
    with engine().begin() as connection:
        connection.execute(text("UPDATE money_op SET gateway_id = 'pi_elsewhere', charge_id = 'ch_elsewhere'"))
        connection.execute(text("UPDATE money_op SET ended_at = ended_at - interval '2 days'"))
    found = reconcile(gateway)
    with read() as session:
        assert found.missing == [money.ops_of(session, lot.id)[0].id]
    assert found.waiting == 1
    with psycopg.connect(db.conninfo("owner")) as connection:
        connection.execute("UPDATE lot_money SET funded_minor = 1, held_minor = 1")
    assert reconcile(gateway).discrepancies == (ledger.hold(lot.id),)


def test_a_line_of_another_amount_does_not_meet_the_operation(gateway: StripeGateway) -> None:
    paid(gateway)
    with engine().begin() as connection:
        connection.execute(text("UPDATE money_op SET amount_minor = :minor"), {"minor": PRICE.minor + 1})
    assert reconcile(gateway).waiting == 1


def test_the_worker_reconciles_once_a_day(near_world: SimpleNamespace, gateway: StripeGateway) -> None:
    from settlement.jobs import DailyReconciliation

    def lines() -> int:
        with read() as session:
            return session.scalar(text("SELECT count(*) FROM gateway_line")) or 0

    stranger(near_world)
    later = DailyReconciliation(gateway)
    assert (later(), lines()) == (False, 0)
    now = DailyReconciliation(gateway, first=timedelta())
    assert (now(), lines()) == (False, 1)
    stranger(near_world)
    assert (now(), lines()) == (False, 1)
