"""A shop whose goods are bought and delivered by the verbs; of the payment gateway only its answers are made up."""

import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Database
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask
from flask.testing import FlaskClient
from market import CSV, Published, published_product
from people import Party, approved_company
from sqlalchemy import select

from exchange import attest, calendar, clock, vault
from exchange import db as exchange_db
from exchange.actors import Actor
from exchange.db import read
from exchange.journal.models import JournalEntry
from exchange.journal.note import Signer
from exchange.oversight import restraints
from exchange.postgres import Server
from exchange.storage import open_store
from exchange.web import access, languages, problems
from exchange.web import api as rim
from listings import goods
from settlement import delivery, delivery_api, jobs, lots, money, orders  # noqa: F401  (jobs hears the gateway)
from settlement.carriers import Outcome
from settlement.delivery_models import Grant, Receipt, Voucher
from settlement.models import Lot, Order
from settlement.money_models import CONFIRMED, PAYMENT, TRANSFER
from settlement.orders import Request

#: Three chunks of 64 KiB and a part of one.
CONTENT = CSV + b"".join(b"S%d,2026-04-%02d,%d\n" % (n % 3, n % 28 + 1, n) for n in range(11_000))
DIGEST = hashlib.sha256(CONTENT).digest()
OVERSEER = Actor("per_overseer", "org_organ", frozenset({"security_administrator"}))


@dataclass(frozen=True)
class Shop:
    """A seller, a product on sale and a buyer; ``store`` is the folder that holds the goods."""

    database: Database
    store: Path
    seller: Party
    buyer: Party
    product: Published


@dataclass(frozen=True)
class Bought:
    """An order and its one lot."""

    order_id: str
    lot_id: str


@dataclass
class Desk:
    """A way to the API as whoever acts."""

    client: FlaskClient
    actors: dict[str, Actor] = field(default_factory=dict)

    def __call__(self, method: str, path: str, by: Actor | None = None, **more: Any) -> Any:
        headers = dict(more.pop("headers", {}))
        if by is not None:
            token = f"token-of-{by.person_id}"
            self.actors[token] = by
            headers["Authorization"] = f"Bearer {token}"
        return self.client.open(f"/api/v1{path}", method=method, headers=headers, **more)


@pytest.fixture(scope="module", name="shop")
def shop_fixture(server: Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One shop for the tests of a module, in a database of its own: publishing a product takes a second."""
    name = f"shop_{secrets.token_hex(4)}"
    server.create_database(name, template)
    database = Database(server, name)
    engine = exchange_db.bind(database.url("app"))
    vault.bind(vault.KeyRing.generate())
    attest.bind(Signer("databourse.example/log", Ed25519PrivateKey.generate()))
    clock.allow_offset(demonstration=True)
    clock.set_offset(timedelta())
    store = tmp_path_factory.mktemp("goods") / "store"
    goods.bind(open_store(f"file://{store}"))
    calendar.seed(Actor.clock())
    seller, buyer = approved_company(database, "供方示例公司"), approved_company(database, "需方示例公司")
    yield Shop(database, store, seller, buyer, published_product(database, seller, content=CONTENT))
    engine.dispose()
    clock.set_offset(timedelta())
    server.drop_database(name)


@pytest.fixture(scope="module", name="desk")
def desk_fixture(shop: Shop) -> Desk:
    """The room's API."""
    app = Flask(__name__)
    languages.init_app(app)
    problems.init_app(app)
    desk = Desk(app.test_client())
    access.init_app(app, desk.actors.get)
    rim.init_app(app, *delivery_api.blps)
    return desk


# -- trades ---------------------------------------------------------------------------------------------------------


def bought(shop: Shop, *, product: Published | None = None) -> Bought:
    """A lot that was paid for, and so delivered."""
    offer_id = (product or shop.product).offer_id
    request = Request(offer_id, purpose="research", disputes="officer", password=shop.buyer.password)
    order = orders.request_order(shop.buyer.actor, request)
    orders.sign_order(shop.seller.actor, order.id, password=shop.seller.password)
    with read() as session:
        lot_id = session.scalars(select(Lot.id).where(Lot.order_id == order.id)).one()
    lots.pay_lot(shop.buyer.actor, lot_id, request={"payment_method": "pm_card_visa"})
    answered(lot_id, PAYMENT)
    return Bought(order.id, lot_id)


def fetched(shop: Shop, trade: Bought) -> bytes:
    """The whole file, as the buyer fetches it."""
    return b"".join(streamed(shop, trade))


def streamed(shop: Shop, trade: Bought, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """A range of the file under a ticket of its own."""
    ticket = delivery.issue_ticket(shop.buyer.actor, trade.lot_id)
    opened = delivery.open_delivery(shop.buyer.actor, ticket.token)
    return delivery.stream(opened, start, opened.goods.size_bytes if stop is None else stop)


def completed(shop: Shop, trade: Bought) -> Voucher:
    """The voucher of a trade that is received, accepted and settled."""
    fetched(shop, trade)
    with read() as session:
        grant = session.scalars(select(Grant).where(Grant.lot_id == trade.lot_id)).one()
    delivery.confirm_receipt(shop.buyer.actor, trade.lot_id, grant.digest or b"")
    lots.accept_lot(shop.buyer.actor, trade.lot_id)
    answered(trade.lot_id, TRANSFER)
    with read() as session:
        return session.scalars(select(Voucher).where(Voucher.order_id == trade.order_id)).one()


def answered(lot_id: str, kind: str) -> None:
    """The gateway says that it carried out what was asked for the lot."""
    with read() as session:
        op = next(op for op in money.ops_of(session, lot_id) if op.kind == kind)
    outcome = Outcome(CONFIRMED, gateway_id=f"made_up_{op.id}", charge_id=f"charge_{op.id}")
    money.settle_outcome(Actor.gateway(), op.id, outcome)


def restrained(subject: str) -> str:
    """The id of a restraint on a subject."""
    return restraints.restrain(OVERSEER, subject, measure="suspension", basis="示例条例第1条", reason="调查").id


# -- what is there --------------------------------------------------------------------------------------------------


def found(kind: type, key: str) -> Any:
    with read() as session:
        return session.get_one(kind, key)


def lot_of(trade: Bought) -> Lot:
    return found(Lot, trade.lot_id)  # type: ignore[no-any-return]


def order_of(trade: Bought) -> Order:
    return found(Order, trade.order_id)  # type: ignore[no-any-return]


def grants_of(trade: Bought) -> list[Grant]:
    """The grants of a lot's deliveries, in order."""
    with read() as session:
        return list(session.scalars(select(Grant).where(Grant.lot_id == trade.lot_id).order_by(Grant.id)))


def receipt_of(trade: Bought) -> Receipt:
    """The receipt of the last delivery."""
    with read() as session:
        return session.scalars(select(Receipt).where(Receipt.grant_id == grants_of(trade)[-1].id)).one()


def story(subject: str) -> list[str]:
    """The actions told of a subject, in order."""
    with read() as session:
        told = select(JournalEntry.action).where(JournalEntry.subject == subject)
        return list(session.scalars(told.order_by(JournalEntry.seq)))
