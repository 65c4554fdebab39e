"""The whole exchange as ``wsgi`` hangs it together, with a market in it; the sandbox's events arrive by HTTP too."""

import base64
import dataclasses
import hashlib
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import people
from conftest import Database
from flask import Flask
from market import Published, published_product
from people import Party, approved_company
from sqlalchemy import func, select
from trades import hurry
from werkzeug.test import TestResponse

import wsgi
from exchange import calendar, clock, db
from exchange.actors import Actor
from exchange.config import Config
from exchange.db import read
from exchange.journal.models import JournalEntry
from exchange.postgres import Server
from settlement import delivery, lots, orders, payout_accounts
from settlement.models import Lot
from settlement.orders import Request
from settlement.sandbox import store, webhooks
from settlement.sandbox.control import Control

BASE_URL = "http://127.0.0.1:8000"
HOOK = "/hooks/stripe"
PURPOSE, VISA = "commercial.analytics", "pm_card_visa"


@dataclass(frozen=True)
class Site:
    """An open house, its application, and a product of ``seller`` on sale that ``buyer`` may order."""

    house: wsgi.House
    app: Flask
    control: Control
    seller: Party
    buyer: Party
    product: Published
    actors: dict[str, Actor] = field(default_factory=dict)

    def call(self, by: Party | Actor | None, method: str, path: str, body: Any = None, **more: Any) -> TestResponse:
        """One request below ``/api/v1``, in English; ``more`` goes to the client, ``key`` is an idempotency key."""
        headers = {"Accept-Language": "en", **more.pop("headers", {})}
        if by is not None:
            actor = by.actor if isinstance(by, Party) else by
            token = f"token-of-{actor.person_id}-{actor.org_id}"
            self.actors[token] = actor
            headers["Authorization"] = f"Bearer {token}"
        if "key" in more:
            headers["Idempotency-Key"] = more.pop("key")
        if body is not None:
            more["json"] = body
        return self.app.test_client().open(f"/api/v1{path}", method=method, headers=headers, **more)

    def work(self) -> None:
        """Let the worker do what it finds, and the sandbox post its events, until there is nothing more."""
        worker = wsgi.worker(self.house)
        worker = dataclasses.replace(worker, rounds=(*worker.rounds[:-1], self.deliver_events))
        for _ in range(8):  # what a fault put off is tried again as often
            hurry()
            while worker.step():
                pass

    def deliver_events(self) -> bool:
        """Post the sandbox's events to the application, as they would come from outside."""
        return webhooks.deliver_webhooks(self.house.conninfo("app"), self.post_event, limit=50) > 0

    def post_event(self, _url: str, body: bytes, headers: Mapping[str, str]) -> int:
        return self.app.test_client().post(HOOK, data=body, headers=dict(headers)).status_code

    # -- trades, as far as a test needs them -----------------------------------------------------------------------

    def requested(self, buyer: Party | None = None) -> str:
        by = buyer or self.buyer
        return orders.request_order(by.actor, Request(self.product.offer_id, PURPOSE, "officer", by.password)).id

    def due(self, buyer: Party | None = None) -> Lot:
        """A lot that waits for its payment."""
        order_id = self.requested(buyer)
        orders.sign_order(self.seller.actor, order_id, password=self.seller.password)
        with read() as session:
            return session.scalars(select(Lot).where(Lot.order_id == order_id)).one()

    def delivered(self, buyer: Party | None = None) -> Lot:
        lot = self.due(buyer)
        lots.pay_lot((buyer or self.buyer).actor, lot.id, request={"payment_method": VISA})
        self.work()
        return lot

    def received(self, buyer: Party | None = None) -> Lot:
        """A delivered lot whose receipt is complete."""
        actor = (buyer or self.buyer).actor
        lot = self.delivered(buyer)
        opened = delivery.open_delivery(actor, delivery.issue_ticket(actor, lot.id).token)
        content = b"".join(delivery.stream(opened, 0, opened.goods.size_bytes))
        delivery.confirm_receipt(actor, lot.id, hashlib.sha256(content).digest())
        return lot

    def state_of(self, lot: Lot) -> str:
        with read() as session:
            return session.get_one(Lot, lot.id).state


def entries_told() -> int:
    """How many entries the journal has: nothing happened while it stands still."""
    with read() as session:
        return session.scalar(select(func.count()).select_from(JournalEntry)) or 0


def request_of(site: Site, **changes: str) -> dict[str, str]:
    """The body of an order by the buyer."""
    return {"offer_id": site.product.offer_id, "purpose": PURPOSE, "password": site.buyer.password} | changes


def refused(answer: TestResponse, rule: str, code: str) -> None:
    """The answer is a refusal by that rule: 409, a citation, a stable code."""
    assert answer.status_code == 409, answer.text
    assert (answer.json["rule"]["id"], answer.json["code"]) == (rule, code)
    assert answer.json["rule"]["citation"]


@contextmanager
def open_site(server: Server, template: str, home: Path) -> Iterator[Site]:
    """One exchange over a database of its own, with a market in it."""
    name = f"site_{secrets.token_hex(4)}"
    server.create_database(name, template)
    database = Database(server, name)
    with ExitStack() as stack:
        stack.callback(server.drop_database, name)
        stack.enter_context(people.small_argon2())
        owner = database.conninfo("owner")
        store.install(owner, users=(wsgi.ROLES["app"],))
        config = _config(database, home)
        webhooks.ensure_endpoint(owner, url=f"{BASE_URL}{HOOK}", secret=config.webhook_secret)
        house = stack.enter_context(wsgi.house(config))
        stack.callback(db.engine().dispose)
        if house.sandbox is not None:
            stack.callback(house.sandbox.close)
        yield _furnished(house, database)
        clock.set_offset(timedelta())


def _config(database: Database, home: Any) -> Config:
    return Config(
        mode="demonstration",
        home=home,
        origin="site.example/log",
        base_url=BASE_URL,
        store_url=f"file://{home}/goods",
        databases={role: database.url(role) for role in wsgi.ROLES},
        secret_key=secrets.token_hex(24),
        master_keys=(secrets.token_bytes(32),),
        log_key=secrets.token_bytes(32),
        stripe_key=f"sk_test_sandbox{secrets.token_hex(16)}",
        webhook_secret=f"whsec_{base64.b32encode(secrets.token_bytes(20)).decode()}",
    )


def _furnished(house: wsgi.House, database: Database) -> Site:
    app = wsgi.create_app(house)
    app.testing = False  # errors are answered, as they are in production
    calendar.seed(Actor.clock())
    seller, buyer = approved_company(database, "供方公司"), approved_company(database, "需方公司")
    product = published_product(database, seller)
    control = Control(database.conninfo("owner"))
    made = Site(house, app, control, seller, buyer, product)
    known = app.extensions["load_actor"]
    app.extensions["load_actor"] = lambda token: made.actors.get(token) or known(token)
    payout_accounts.request_account(seller.actor, country="HK")
    made.work()
    return made
