"""Stands where the orders room will stand: hears the outcomes of money operations and posts what they mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert

from exchange import clock, ids
from exchange.actors import Actor
from exchange.db import Transaction, engine, read, transaction
from exchange.money import Money
from settlement import ledger, money
from settlement.gateways.stripe_gateway import StripeGateway
from settlement.ledger import Posting
from settlement.money_models import CONFIRMED, FAILED, SENT, STRIPE, GatewayAccount, MoneyOp

SELLER, BUYER = "org_seller", "org_buyer"
PRICE, NET, FEE = (Money(minor, "HKD") for minor in (10_000, 9_500, 500))


@dataclass(frozen=True)
class Lot:
    id: str


class Desk:
    """Keeps what it was told, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def outcomes(self) -> dict[str, Any]:
        return dict.fromkeys(("payment", "transfer", "refund", "reversal", "payout", "chargeback"), self.hear)

    def hear(self, tx: Transaction, op: MoneyOp) -> None:
        self.told.append((op.kind, op.state))
        tx.record(op.lot_id, f"lot.{op.kind}_{op.state}", by="gateway", facts=op.amount.facts())
        ledger.post(tx, _postings(op))


def _postings(op: MoneyOp) -> Sequence[Posting]:
    here, amount, by = (op.lot_id, STRIPE), op.amount, {"op_id": op.id}
    meant = {
        ("payment", CONFIRMED): [ledger.fund(*here, amount, **by)],
        ("transfer", CONFIRMED): [ledger.pay_out(*here, SELLER, amount, **by)],
        ("refund", CONFIRMED): [ledger.refund_paid(*here, BUYER, amount, **by)],
        ("reversal", CONFIRMED): [ledger.reversal_paid(*here, SELLER, amount, **by)],
        ("chargeback", SENT): [ledger.chargeback(*here, amount, **by)],
        ("chargeback", FAILED): [ledger.chargeback_won(*here, amount, **by)],
    }
    return meant.get((op.kind, op.state), [])


def plan(kind: str, amount: Money, *postings: Posting, lot: Lot, **more: Any) -> str:
    """A transition that asks for money, as a verb would."""
    with transaction(Actor.clock()) as tx:
        org_id = BUYER if kind in {"payment", "refund"} else SELLER
        op = money.plan(tx, kind=kind, lot=lot, amount=amount, org_id=org_id, **more)
        tx.record(lot.id, f"lot.{kind}_planned", by="clock", links=[op.id])
        if postings:
            ledger.post(tx, postings)
    return op.id


def paid(gateway: StripeGateway, method: str = "pm_card_visa") -> Lot:
    """A lot whose buyer paid by card."""
    lot = Lot(ids.new("lot"))
    money.carry_out(gateway, plan("payment", PRICE, lot=lot, request=money.by_method(method)))
    return lot


def open_account(gateway: StripeGateway) -> str:
    """The seller's account at the gateway."""
    account_id = gateway.create_account(f"account-{SELLER}", reference=SELLER, country="HK")
    row = {"gateway": STRIPE, "org_id": SELLER, "account_id": account_id, "opened_at": clock.real_now()}
    with engine().begin() as connection:
        connection.execute(insert(GatewayAccount).values(row).on_conflict_do_nothing())
    return account_id


def settled(gateway: StripeGateway) -> Lot:
    """A lot whose seller was paid."""
    lot = paid(gateway)
    open_account(gateway)
    postings = (ledger.release(lot.id, SELLER, NET), ledger.fee(lot.id, FEE))
    money.carry_out(gateway, plan("transfer", NET, *postings, lot=lot))
    return lot


def op(op_id: str) -> MoneyOp:
    with read() as session:
        return session.get_one(MoneyOp, op_id)


def ops(lot: Lot) -> list[tuple[str, str]]:
    with read() as session:
        return [(made.kind, made.state) for made in money.ops_of(session, lot.id)]


def wait(op_id: str, *, age: timedelta = timedelta()) -> None:
    """Let the pause before the next look be over, and the first sending lie ``age`` back."""
    with engine().begin() as connection:
        connection.execute(
            text("UPDATE money_op SET retry_at = planned_at, first_sent_at = first_sent_at - :age WHERE id = :id"),
            {"id": op_id, "age": age},
        )


def held(lot: Lot) -> Money:
    with read() as session:
        return ledger.balance(session, ledger.hold(lot.id))
