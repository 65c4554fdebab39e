"""The ledger against a model of it in two dictionaries, and under many hands at once."""

import random
import threading
from collections import Counter
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import text

from exchange import ids
from exchange.actors import Actor
from exchange.db import engine, read, transaction
from exchange.errors import InvariantBroken
from exchange.money import Money
from settlement import ledger
from settlement.ledger import InsufficientHold, Posting
from settlement.ledger_models import DEBIT_KINDS, KINDS

pytestmark = pytest.mark.usefixtures("db")

PARTIES = ("org_a", "org_b")
#: Accounts of a party may not fall below zero in sum; a lot's money may not at any step.
BOUNDED = frozenset({"payable", "refundable", "receivable"})
AMOUNTS = st.integers(1, 1_000)


def post(*postings: Posting) -> None:
    with transaction(Actor.gateway()) as tx:
        for subject in sorted({p.subject for p in postings}):
            tx.record(subject, "lot.moved", by="gateway")
        ledger.post(tx, postings)


def account(kind: str, lot_id: str, party: str, gateway: str) -> str:
    of_gateway = f"{kind}:{gateway}:HKD"
    return {
        "hold": f"hold:{lot_id}",
        "fee": "fee:HKD",
        **dict.fromkeys(("cash", "cost", "suspense"), of_gateway),
    }.get(kind, f"{kind}:{party}:HKD")


class LedgerMachine(RuleBasedStateMachine):
    """Posts anything that has a shape; the model says whether the ledger should take it and what it comes to."""

    lots = Bundle("lots")

    def __init__(self) -> None:
        super().__init__()
        self.tag = ids.new("try")  # the examples share a database, and only the account of fees
        with read() as session:
            self.balances = Counter({"fee:HKD": ledger.balance(session, "fee:HKD").minor})
        self.paid: Counter[tuple[str, str]] = Counter()

    @rule(target=lots, minor=AMOUNTS)
    def fund(self, minor: int) -> str:
        lot_id = ids.new("lot")
        self._post([("fund", lot_id, "org_a", minor)])
        return lot_id

    @rule(
        moves=st.lists(
            st.tuples(st.sampled_from(sorted(KINDS)), lots, st.sampled_from(PARTIES), AMOUNTS), min_size=1, max_size=4
        )
    )
    def move(self, moves: list[tuple[str, str, str, int]]) -> None:
        self._post(moves)

    def _post(self, moves: list[tuple[str, str, str, int]]) -> None:
        after, paid, postings, allowed = self.balances.copy(), self.paid.copy(), [], True
        for kind, lot_id, party, minor in moves:
            shape = KINDS[kind]
            debit, credit = (account(side, lot_id, self.tag + party, self.tag) for side in (shape.debit, shape.credit))
            postings.append(Posting(kind, debit, credit, Money(minor, "HKD"), lot_id))
            after[debit] += minor if shape.debit in DEBIT_KINDS else -minor
            after[credit] += -minor if shape.credit in DEBIT_KINDS else minor
            if "hold" in {shape.debit, shape.credit}:
                paid[kind, lot_id] += minor
                allowed = allowed and self._lot_allowed(lot_id, after, paid)
        if allowed and all(minor >= 0 for code, minor in after.items() if code.partition(":")[0] in BOUNDED):
            post(*postings)
            self.balances, self.paid = after, paid
        else:
            with pytest.raises(InvariantBroken):
                post(*postings)

    def _lot_allowed(self, lot: str, after: Counter[str], paid: Counter[tuple[str, str]]) -> bool:
        fee = paid["fee", lot] - paid["fee_return", lot]
        refunded = paid["refund", lot] + paid["chargeback", lot] - paid["chargeback_won", lot]
        owed = paid["release", lot] + fee - paid["reversal", lot]
        return min(after[ledger.hold(lot)], fee, refunded, owed) >= 0

    @invariant()
    def balances_agree(self) -> None:
        with read() as session:
            for code, minor in self.balances.items():
                assert ledger.balance(session, code) == Money(minor, "HKD")
            assert list(ledger.discrepancies(session)) == []


def test_the_ledger_agrees_with_its_model() -> None:
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=15, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


class Hand(threading.Thread):
    """Posts to the same few lots and sellers as every other hand, each time in an order of its own."""

    ROUNDS: ClassVar[int] = 25

    def __init__(self, lots: list[str], seed: int) -> None:
        super().__init__()
        self.lots = lots
        self.random = random.Random(seed)  # noqa: S311  (so that a failure can be repeated)
        self.error: BaseException | None = None
        self.refused = 0

    def run(self) -> None:
        try:
            for _ in range(self.ROUNDS):
                self._once()
        except BaseException as error:  # noqa: BLE001  (shown by the test)
            self.error = error

    def _once(self) -> None:
        chosen = self.random.sample(self.lots, 3)
        movements = [
            lambda lot: ledger.release(lot, self.random.choice(PARTIES), Money(7, "HKD")),
            lambda lot: ledger.fee(lot, Money(2, "HKD")),
            lambda lot: ledger.refund(lot, self.random.choice(PARTIES), Money(5, "HKD")),
            lambda lot: ledger.fund(lot, "stripe", Money(3, "HKD"), op_id="mop_1"),
        ]
        try:
            post(*(self.random.choice(movements)(lot) for lot in chosen))
        except InsufficientHold:
            self.refused += 1


def test_eight_hands_wait_for_each_other_and_never_in_a_circle() -> None:
    lots = [ids.new("lot") for _ in range(4)]
    for lot_id in lots:
        post(ledger.fund(lot_id, "stripe", Money(300, "HKD"), op_id="mop_1"))
    with engine().connect() as connection:
        deadlocks = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        before = connection.scalar(deadlocks)
    hands = [Hand(lots, seed) for seed in range(8)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join(60)
    assert [hand.error for hand in hands] == [None] * 8
    assert sum(hand.refused for hand in hands) > 0
    with engine().connect() as connection:
        assert connection.scalar(deadlocks) == before
    with read() as session:
        assert list(ledger.discrepancies(session)) == []
        cash = ledger.balance(session, ledger.cash("stripe", "HKD")).minor
        rest = [ledger.balance(session, ledger.hold(lot_id)).minor for lot_id in lots]
        rest += [
            ledger.balance(session, side(party, "HKD")).minor
            for party in PARTIES
            for side in (ledger.payable, ledger.refundable)
        ]
        assert sum(rest) + ledger.balance(session, ledger.fees("HKD")).minor == cash
