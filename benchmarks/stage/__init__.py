"""A whole exchange to measure: the real application over an embedded server with its durable defaults (fsync).

The made-up people and goods are those of the tests. Argon2 is made cheap: what a password costs is set, not measured.
"""

# ruff: noqa: E402  (the made-up people live in the tests, which are no package on the path)

import base64
import dataclasses
import secrets
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine
from werkzeug.test import TestResponse

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import market
import people
import trades
from flask import Flask

import wsgi
from exchange import calendar, db, postgres, schema
from exchange.actors import Actor
from exchange.config import Config
from settlement.sandbox import store, webhooks

HOOK = "/hooks/stripe"
BASE_URL = "http://127.0.0.1:8000"
#: A copy of the database as it was before anything was measured.
TWIN = "twin"


@dataclass(frozen=True)
class Stage:
    """An open house with a product of ``seller`` on sale that ``buyer`` may order."""

    house: wsgi.House
    app: Flask
    server: postgres.Server
    folder: Path
    seller: people.Party
    buyer: people.Party
    product: market.Published

    def call(
        self, by: people.Party, method: str, path: str, body: Any = None, *, buffered: bool = True
    ) -> TestResponse:
        """One request through the WSGI application, answered well.

        Raises:
            RuntimeError: It was not.
        """
        answer = self.app.test_client().open(
            f"/api/v1{path}",
            method=method,
            json=body,
            headers={"Authorization": f"Bearer {by.person_id}"},
            buffered=buffered,
        )
        if answer.status_code >= 300:  # noqa: PLR2004  (what HTTP calls successful ends there)
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer

    def ask(self, by: people.Party, method: str, path: str, body: Any = None) -> Any:
        """The JSON that such a request is answered with."""
        return self.call(by, method, path, body).json

    def work(self) -> None:
        """Let the worker do what it finds, and the sandbox post its events, until there is nothing more."""
        worker = wsgi.worker(self.house)
        worker = dataclasses.replace(worker, rounds=(*worker.rounds[:-1], self._deliver_events))
        trades.hurry()
        for _ in range(200):
            if not worker.step():
                return
        raise RuntimeError("the worker does not come to an end")

    def _deliver_events(self) -> bool:
        return webhooks.deliver_webhooks(self.house.conninfo("app"), self._post_event, limit=50) > 0

    def _post_event(self, _url: str, body: bytes, headers: Mapping[str, str]) -> int:
        return self.app.test_client().post(HOOK, data=body, headers=dict(headers)).status_code


@contextmanager
def stage() -> Iterator[Stage]:
    """Set it up in a temporary folder, and leave nothing behind."""
    with tempfile.TemporaryDirectory(prefix="databourse-bench-") as name, people.small_argon2():
        folder = Path(name)
        folder.chmod(0o755)
        with postgres.start(folder) as server:
            config = _config(server, folder)
            _install(server, config)
            with _opened(config):
                calendar.seed(Actor.clock())
                seller, buyer = (people.approved_company(server, name) for name in ("供方公司", "需方公司"))
                product = market.published_product(server, seller)
            server.create_database(TWIN, postgres.DATABASE)  # while nobody is connected
            with _opened(config) as house:
                app = wsgi.create_app(house)
                actors = {party.person_id: party.actor for party in (seller, buyer)}
                app.extensions["load_actor"] = actors.get
                yield Stage(house, app, server, folder, seller, buyer, product)


@contextmanager
def _opened(config: Config) -> Iterator[wsgi.House]:
    with wsgi.house(config) as house:
        try:
            yield house
        finally:
            db.engine().dispose()
            if house.sandbox is not None:
                house.sandbox.close()


def _install(server: postgres.Server, config: Config) -> None:
    wsgi.rooms()
    owner = create_engine(server.url("databourse_owner"))
    with owner.begin() as connection:
        schema.create(connection)
    owner.dispose()
    conninfo = server.conninfo("databourse_owner")
    store.install(conninfo, users=(wsgi.ROLES["app"],))
    webhooks.ensure_endpoint(conninfo, url=f"{BASE_URL}{HOOK}", secret=config.webhook_secret)


def _config(server: postgres.Server, folder: Path) -> Config:
    return Config(
        mode="demonstration",
        home=folder,
        origin="bench.example/log",
        base_url=BASE_URL,
        store_url=f"file://{folder}/goods",
        databases={name: server.url(role) for name, role in wsgi.ROLES.items()},
        secret_key=secrets.token_hex(24),
        master_keys=(secrets.token_bytes(32),),
        log_key=secrets.token_bytes(32),
        stripe_key=f"sk_test_sandbox{secrets.token_hex(16)}",
        webhook_secret=f"whsec_{base64.b32encode(secrets.token_bytes(20)).decode()}",
    )
