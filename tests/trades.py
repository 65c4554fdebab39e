"""Made-up trades, brought about by the verbs themselves; money moves through the real client over the sandbox."""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from conftest import Database
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from market import Published, published_product
from people import Party, approved_company, staff
from sqlalchemy import select, text

from exchange import attest, calendar, clock, vault
from exchange import db as exchange_db
from exchange.actors import Actor
from exchange.db import advance_clock, engine, read, transaction
from exchange.jobs import Worker
from exchange.journal import note
from exchange.journal.models import JournalEntry
from exchange.members import jobs as member_jobs
from exchange.members.models import IdentityCase
from exchange.orm import Base
from exchange.oversight import restraints
from exchange.oversight.models import Restraint
from exchange.postgres import Server
from exchange.storage import open_store
from listings import goods
from listings import jobs as listing_jobs
from provenance import jobs as provenance_jobs
from settlement import delivery, dispute_files, jobs, ledger, lots, lots_disputes, money, orders, payout_accounts
from settlement.gateways.stripe_gateway import StripeGateway
from settlement.models import Lot, Order
from settlement.money_models import MoneyOp
from settlement.orders import Request

Row = TypeVar("Row", bound=Base)

TEMPLATE_OF_TRADES = "template_of_trades"
OVERSEER = Actor("per_overseer", "org_operator", frozenset({"security_administrator"}))
PURPOSE = "commercial.analytics"
VISA, DECLINED = "pm_card_visa", "pm_card_chargeDeclined"


@dataclass(frozen=True)
class Trade:
    """Two parties and a product of one of them on sale; ``world`` is the sandbox of the gateway."""

    seller: Party
    buyer: Party
    product: Published
    world: Any

    @property
    def gateway(self) -> StripeGateway:
        made: StripeGateway = self.world.gateway()
        return made

    def request(self, **changes: str) -> Order:
        asked = Request(self.product.offer_id, PURPOSE, "officer", self.buyer.password)
        return orders.request_order(self.buyer.actor, replace(asked, **changes))

    def signed(self, **changes: str) -> Order:
        order = self.request(**changes)
        return orders.sign_order(self.seller.actor, order.id, password=self.seller.password)

    def due(self, **changes: str) -> Lot:
        """A lot that waits for its payment."""
        return lot_of(self.signed(**changes))

    def pay(self, lot: Lot, method: str = VISA) -> MoneyOp:
        op = lots.pay_lot(self.buyer.actor, lot.id, request={"payment_method": method})
        money.carry_out(self.gateway, op.id)
        return found(MoneyOp, op.id)

    def delivered(self, **changes: str) -> Lot:
        """A paid lot whose goods are at the buyer's disposal."""
        lot = self.due(**changes)
        self.pay(lot)
        return found(Lot, lot.id)

    def funded(self) -> Lot:
        """A paid lot that waits for its delivery: rejected once."""
        return lots.reject_lot(self.buyer.actor, self.delivered().id, reason="wrong encoding")

    def accepted(self) -> Lot:
        return lots.accept_lot(self.buyer.actor, self.received(self.delivered()).id)

    def disputed(self, **changes: str) -> Lot:
        return lots_disputes.dispute_lot(self.buyer.actor, self.delivered(**changes).id, reason="half the rows")

    def ruled(self, percent: int = 50) -> Lot:
        officer = staff(self, "dispute_officer")
        lot = self.answered(self.disputed())
        return lots_disputes.rule_dispute(officer, lot.id, seller_share_percent=percent, reason="half is there")

    def answered(self, lot: Lot) -> Lot:
        """The disputed lot after its seller was heard."""
        return dispute_files.answer_dispute(self.seller.actor, lot.id, answer="all rows are there")

    def refunding(self) -> Lot:
        return lots.decline_lot(self.seller.actor, self.funded().id, reason="the source is gone")

    def cancelled(self) -> Lot:
        return lots.cancel_lot(self.buyer.actor, self.due().id)

    def settled(self) -> Lot:
        lot = self.accepted()
        self.work()
        return found(Lot, lot.id)

    def refunded(self) -> Lot:
        lot = self.refunding()
        self.work()
        return found(Lot, lot.id)

    def received(self, lot: Lot) -> Lot:
        """The lot after the buyer fetched the file and confirmed what arrived."""
        ticket = delivery.issue_ticket(self.buyer.actor, lot.id)
        opened = delivery.open_delivery(self.buyer.actor, ticket.token)
        content = b"".join(delivery.stream(opened, 0, opened.goods.size_bytes))
        delivery.confirm_receipt(self.buyer.actor, lot.id, hashlib.sha256(content).digest())
        return found(Lot, lot.id)

    def work(self) -> None:
        """Let the worker do what it finds, until it finds nothing more."""
        due = {**member_jobs.DUE, **provenance_jobs.DUE, **listing_jobs.DUE, **jobs.DUE}
        worker = Worker(due, {**listing_jobs.OUTBOX, **jobs.outbox(self.gateway)}, jobs.rounds(self.gateway))
        hurry()
        for _ in range(50):
            if not worker.step():
                return
        raise RuntimeError("the worker does not come to an end")

    def later(self, **delta: int) -> None:
        """Move the demonstration's clock, and let the worker see what fell due."""
        advance_clock(Actor.clock(), timedelta(**delta))
        self.work()


@dataclass(frozen=True)
class Prepared:
    """A database with two parties and a product on sale, to make others from: bringing it about takes seconds."""

    name: str
    keys: vault.KeyRing
    store_url: str
    seller: Party
    buyer: Party
    product: Published


@pytest.fixture(scope="session")
def prepared(server: Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Made once in a run."""
    store_url, keys = f"file://{tmp_path_factory.mktemp('goods')}", vault.KeyRing.generate()
    server.create_database(TEMPLATE_OF_TRADES, template)
    with bound(Database(server, TEMPLATE_OF_TRADES), keys, store_url) as database:
        calendar.seed(Actor.clock())
        seller, buyer = approved_company(database, "供方公司"), approved_company(database, "需方公司")
        product = published_product(database, seller)
    return Prepared(TEMPLATE_OF_TRADES, keys, store_url, seller, buyer, product)


@contextmanager
def bound(database: Database, keys: vault.KeyRing, store_url: str) -> Iterator[Database]:
    """The exchange at work on a database, with the demonstration's clock."""
    engine = exchange_db.bind(database.url("app"))
    vault.bind(keys)
    goods.bind(open_store(store_url))
    attest.bind(note.Signer("databourse.example/log", Ed25519PrivateKey.generate()))
    clock.allow_offset(demonstration=True)
    clock.set_offset(timedelta())
    yield database
    engine.dispose()
    clock.set_offset(timedelta())


@pytest.fixture
def trade(server: Server, prepared: Prepared, near_world: Any) -> Iterator[Trade]:
    """A trade about to begin; the seller can be paid. ``near_world`` is the sandbox in process."""
    name = f"trade_{secrets.token_hex(4)}"
    server.create_database(name, prepared.name)
    with bound(Database(server, name), prepared.keys, prepared.store_url):
        made = Trade(prepared.seller, prepared.buyer, prepared.product, near_world)
        payout_accounts.request_account(made.seller.actor, country="HK")
        made.work()
        yield made
    server.drop_database(name)


def hurry() -> None:
    """Let everything that was put off be tried again now."""
    with engine().begin() as connection:
        connection.execute(text("UPDATE due SET retry_at = NULL"))
        connection.execute(text("UPDATE outbox SET retry_at = created_at"))
        connection.execute(text("UPDATE money_op SET retry_at = planned_at"))


def found(kind: type[Row], key: str) -> Row:
    with read() as session:
        return session.get_one(kind, key)


def lot_of(order: Order) -> Lot:
    with read() as session:
        return session.scalars(select(Lot).where(Lot.order_id == order.id)).one()


def entries(subject: str) -> list[str]:
    """The actions told of a subject, in order."""
    with read() as session:
        story = select(JournalEntry.action).where(JournalEntry.subject == subject).order_by(JournalEntry.seq)
        return list(session.scalars(story))


def balance(account: str) -> int:
    with read() as session:
        return ledger.balance(session, account).minor


def money_of(lot: Lot) -> dict[str, int]:
    """Where a lot's money is, in minor units; what is nothing is left out."""
    with read() as session:
        kept = ledger.lot_money(session, lot.id)
        names = ("funded", "held", "released", "reversed", "refunded", "fee")
        amounts = {name: getattr(kept, f"{name}_minor") for name in names} if kept else {}
    return {name: minor for name, minor in amounts.items() if minor}


def ops_of(lot: Lot) -> list[tuple[str, str]]:
    with read() as session:
        return [(op.kind, op.state) for op in money.ops_of(session, lot.id)]


def end_of_approval(party: Party) -> None:
    """The approval of a party's identity ends at this moment; nobody has noticed yet."""
    with transaction(Actor.clock()) as tx:
        case = tx.lock(IdentityCase, party.case_id)
        case.valid_until = tx.now
        tx.record(case.id, "identity.shortened", by="test")


def restrained(subject: str) -> Restraint:
    return restraints.restrain(OVERSEER, subject, measure="suspension", basis="示例条例第1条", reason="调查")
