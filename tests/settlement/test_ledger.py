"""The ledger: what may be posted, what it comes to, and what nobody can do to it."""

from collections.abc import Callable, Sequence

import psycopg
import pytest
from conftest import Database
from sqlalchemy.exc import DBAPIError

from exchange import ids
from exchange.actors import Actor
from exchange.db import read, transaction
from exchange.errors import InvariantBroken, NotFound
from exchange.money import Money
from settlement import ledger
from settlement.ledger import InsufficientHold, Posting

pytestmark = pytest.mark.usefixtures("db")

SELLER, BUYER, OP = "org_seller", "org_buyer", "mop_1"


def hkd(minor: int) -> Money:
    return Money(minor, "HKD")


def post(*postings: Posting, told: Sequence[str] | None = None) -> list[int]:
    """Post in a transaction that tells each subject's story, as verbs do."""
    with transaction(Actor.gateway()) as tx:
        for subject in told or sorted({p.subject for p in postings}):
            tx.record(subject, "lot.moved", by="gateway")
        return ledger.post(tx, postings)


def funded(minor: int = 10_000) -> str:
    lot_id = ids.new("lot")
    post(ledger.fund(lot_id, "stripe", hkd(minor), op_id=OP))
    return lot_id


def columns(lot_id: str) -> tuple[int, ...]:
    """Funded, held, released, reversed, refunded, fee."""
    with read() as session:
        row = ledger.lot_money(session, lot_id)
    assert row is not None
    return (
        row.funded_minor,
        row.held_minor,
        row.released_minor,
        row.reversed_minor,
        row.refunded_minor,
        row.fee_minor,
    )


def balance(account: str) -> int:
    with read() as session:
        return ledger.balance(session, account).minor


def settled(lot_id: str) -> None:
    post(ledger.release(lot_id, SELLER, hkd(9_500)), ledger.fee(lot_id, hkd(500)))
    post(ledger.pay_out(lot_id, "stripe", SELLER, hkd(9_500), op_id=OP))


def test_a_trade_from_payment_to_payout() -> None:
    lot_id = funded()
    assert columns(lot_id) == (10_000, 10_000, 0, 0, 0, 0)
    post(ledger.release(lot_id, SELLER, hkd(9_500)), ledger.fee(lot_id, hkd(500)))
    assert columns(lot_id) == (10_000, 0, 9_500, 0, 0, 500)
    assert balance(ledger.payable(SELLER, "HKD")) == 9_500
    post(ledger.pay_out(lot_id, "stripe", SELLER, hkd(9_500), op_id=OP))
    assert balance(ledger.payable(SELLER, "HKD")) == 0
    assert balance(ledger.cash("stripe", "HKD")) == 500
    assert balance(ledger.fees("HKD")) == 500


def test_a_ruling_splits_the_hold() -> None:
    lot_id = funded()
    post(
        ledger.release(lot_id, SELLER, hkd(2_850)),
        ledger.fee(lot_id, hkd(150)),
        ledger.refund(lot_id, BUYER, hkd(7_000)),
    )
    post(ledger.refund_paid(lot_id, "stripe", BUYER, hkd(7_000), op_id=OP))
    assert columns(lot_id) == (10_000, 0, 2_850, 0, 7_000, 150)
    assert balance(ledger.refundable(BUYER, "HKD")) == 0


def test_a_chargeback_after_release_is_owed_by_the_seller() -> None:
    lot_id = funded()
    settled(lot_id)
    post(
        ledger.reversal(lot_id, SELLER, hkd(9_500)),
        ledger.fee_return(lot_id, hkd(500)),
        ledger.chargeback(lot_id, "stripe", hkd(10_000), op_id=OP),
    )
    assert columns(lot_id) == (10_000, 0, 9_500, 9_500, 10_000, 0)
    assert balance(ledger.receivable(SELLER, "HKD")) == 9_500
    post(ledger.reversal_paid(lot_id, "stripe", SELLER, hkd(9_500), op_id=OP))
    assert balance(ledger.receivable(SELLER, "HKD")) == 0
    assert balance(ledger.cash("stripe", "HKD")) == 0


def test_the_seller_may_owe_the_fee_too_and_no_more() -> None:
    lot_id = funded()
    settled(lot_id)
    chargeback = ledger.chargeback(lot_id, "stripe", hkd(10_000), op_id=OP)
    post(ledger.reversal(lot_id, SELLER, hkd(10_000)), chargeback)
    assert columns(lot_id) == (10_000, 0, 9_500, 10_000, 10_000, 500)
    with pytest.raises(InvariantBroken):
        post(ledger.reversal(lot_id, SELLER, hkd(1)))


def test_a_won_chargeback_comes_back_into_the_hold() -> None:
    lot_id = funded()
    post(ledger.chargeback(lot_id, "stripe", hkd(10_000), op_id=OP))
    post(ledger.chargeback_won(lot_id, "stripe", hkd(10_000), op_id=OP))
    assert columns(lot_id) == (10_000, 10_000, 0, 0, 0, 0)


def test_unknown_money_and_costs_leave_lots_alone() -> None:
    item = ids.new("sus")
    lot_id = funded()
    post(ledger.suspense_in(item, "stripe", hkd(700)), ledger.gateway_cost(lot_id, "stripe", hkd(30), op_id=OP))
    post(ledger.suspense_out(item, "stripe", hkd(900)))
    assert balance(ledger.suspense("stripe", "HKD")) == -200
    assert balance(ledger.cash("stripe", "HKD")) == 10_000 + 700 - 900 - 30
    assert balance(ledger.costs("stripe", "HKD")) == 30
    assert columns(lot_id) == (10_000, 10_000, 0, 0, 0, 0)


@pytest.mark.parametrize(
    "more",
    [
        lambda lot: [ledger.release(lot, SELLER, hkd(10_001))],
        lambda lot: [ledger.release(lot, SELLER, hkd(9_500)), ledger.fee(lot, hkd(501))],
        lambda lot: [ledger.pay_out(lot, "stripe", SELLER, hkd(1), op_id=OP)],
        lambda lot: [ledger.refund_paid(lot, "stripe", BUYER, hkd(1), op_id=OP)],
        lambda lot: [ledger.reversal_paid(lot, "stripe", SELLER, hkd(1), op_id=OP)],
    ],
)
def test_what_is_not_there_cannot_leave(more: Callable[[str], list[Posting]]) -> None:
    lot_id = funded()
    with pytest.raises(InsufficientHold):
        post(*more(lot_id))
    assert columns(lot_id) == (10_000, 10_000, 0, 0, 0, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda lot: ledger.release(lot, SELLER, Money(100, "CNY")),
        lambda lot: ledger.fund(lot, "stripe", Money(100, "CNY"), op_id=OP),
        lambda _: ledger.release("lot_never_funded", SELLER, hkd(100)),
        lambda lot: ledger.release(lot, SELLER, hkd(0)),
        lambda lot: ledger.release(lot, SELLER, hkd(-100)),
        lambda lot: Posting("gift", ledger.hold(lot), ledger.payable(SELLER, "HKD"), hkd(1), lot),
        lambda lot: Posting("release", ledger.hold(lot), ledger.refundable(SELLER, "HKD"), hkd(1), lot),
        lambda lot: Posting("release", ledger.hold(lot), ledger.payable(SELLER, "CNY"), hkd(1), lot),
        lambda lot: Posting("release", ledger.hold(lot), ledger.payable(SELLER, "HKD"), hkd(1), "lot_of_another"),
    ],
)
def test_what_no_rule_allows_is_refused(wrong: Callable[[str], Posting]) -> None:
    lot_id = funded()
    with pytest.raises(InvariantBroken):
        post(wrong(lot_id))
    assert columns(lot_id) == (10_000, 10_000, 0, 0, 0, 0)


def test_money_is_not_moved_untold() -> None:
    lot_id = funded()
    with pytest.raises(DBAPIError, match="no entry tells of"):
        post(ledger.release(lot_id, SELLER, hkd(100)), told=[ids.new("lot")])
    assert balance(ledger.hold(lot_id)) == 10_000


def test_money_is_not_moved_outside_a_transaction_of_the_exchange(db: Database) -> None:
    with psycopg.connect(db.conninfo("app")) as connection, pytest.raises(psycopg.Error) as caught:
        connection.execute(
            "SELECT databourse_post('{fund}', '{cash:stripe:HKD}', '{hold:lot_1}', '{1}', '{HKD}', '{lot_1}', '{mop_1}'"
            ", now())"
        )
    assert caught.value.sqlstate == "DB001"


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO ledger_transfer (kind) VALUES ('fund')",
        "UPDATE ledger_transfer SET amount_minor = 1",
        "DELETE FROM ledger_transfer",
        "TRUNCATE ledger_transfer",
        "INSERT INTO ledger_account VALUES ('payable:org_1:HKD', 'payable', 'HKD', 100)",
        "UPDATE ledger_account SET balance_minor = 1",
        "UPDATE lot_money SET funded_minor = funded_minor + 1, held_minor = held_minor + 1",
        "DELETE FROM lot_money",
    ],
)
def test_the_application_cannot_write_the_tables(db: Database, statement: str) -> None:
    funded()
    with psycopg.connect(db.conninfo("app")) as connection:
        connection.execute("SELECT set_config('databourse.tx', 'test', true)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


@pytest.mark.parametrize(
    ("statement", "state"),
    [
        ("UPDATE ledger_transfer SET amount_minor = 1", "DB003"),
        ("DELETE FROM ledger_transfer", "DB003"),
        ("UPDATE lot_money SET held_minor = held_minor - 1", "23514"),
        ("UPDATE lot_money SET fee_minor = -1, held_minor = 501", "23514"),
        ("UPDATE lot_money SET held_minor = -1, released_minor = 10001", "23514"),
        ("UPDATE ledger_account SET balance_minor = -1", "23514"),
    ],
)
def test_even_the_owner_meets_the_invariants(db: Database, statement: str, state: str) -> None:
    settled(funded())
    with psycopg.connect(db.conninfo("owner")) as connection:
        connection.execute("SELECT set_config('databourse.tx', 'test', true)")
        with pytest.raises(psycopg.Error) as caught:
            connection.execute(statement)
    assert caught.value.sqlstate == state


def test_nobody_else_may_post(db: Database) -> None:
    with psycopg.connect(db.conninfo("sequencer")) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT databourse_post('{}', '{}', '{}', '{}', '{}', '{}', '{}', now())")


def test_tampering_shows(db: Database) -> None:
    lot_id = funded()
    settled(lot_id)
    with read() as session:
        assert list(ledger.discrepancies(session)) == []
    with psycopg.connect(db.conninfo("owner")) as connection:
        connection.execute("UPDATE lot_money SET held_minor = 100, funded_minor = funded_minor + 100")
        connection.execute("UPDATE ledger_account SET balance_minor = 7")
    with read() as session:
        assert list(ledger.discrepancies(session)) == [ledger.hold(lot_id), ledger.payable(SELLER, "HKD")]


def test_a_statement_reads_from_the_account_s_side_a_page_at_a_time() -> None:
    lots = [funded(1_000) for _ in range(3)]
    for lot_id in lots:
        post(ledger.release(lot_id, SELLER, hkd(1_000)))
    post(ledger.pay_out(lots[0], "stripe", SELLER, hkd(2_500), op_id="mop_9"))
    with read() as session:
        first = ledger.statement(session, ledger.payable(SELLER, "HKD"), limit=2)
        rest = ledger.statement(session, ledger.payable(SELLER, "HKD"), limit=2, cursor=first.next_cursor)
        cash = ledger.statement(session, ledger.cash("stripe", "HKD"))
    assert [(line.kind, line.amount.minor) for line in first.items] == [("pay_out", -2_500), ("release", 1_000)]
    assert [line.counterpart for line in rest.items] == [ledger.hold(lots[1]), ledger.hold(lots[0])]
    assert rest.next_cursor is None
    assert [line.amount.minor for line in cash.items] == [-2_500, 1_000, 1_000, 1_000]
    assert first.items[0].op_id == "mop_9"


def test_a_lot_without_money() -> None:
    with read() as session:
        assert ledger.lot_money(session, "lot_1") is None
        with pytest.raises(NotFound):
            ledger.balance(session, ledger.hold("lot_1"))
        assert ledger.balance(session, ledger.payable("org_1", "CNY")) == Money(0, "CNY")
