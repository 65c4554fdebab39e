"""The real application over a fresh database, as ``wsgi`` hangs it together."""

import base64
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import people
import pytest
import wsgi
from conftest import Database
from flask import Flask
from flask.testing import FlaskClient

from exchange import attest, db
from exchange.actors import Actor
from exchange.config import Config
from exchange.journal.sequencer import Sequencer
from settlement.sandbox import store

BASE_URL = "http://127.0.0.1:8000"


@dataclass(frozen=True)
class Site:
    """An open house, its application, and what stands behind it."""

    house: wsgi.House
    app: Flask
    database: Database

    def client(self) -> FlaskClient:
        return self.app.test_client()

    def let_in(self, actors: dict[str, Actor]) -> None:
        """Take these tokens for these people, whoever else is signed in."""
        known = self.app.extensions["load_actor"]
        self.app.extensions["load_actor"] = lambda token: actors.get(token) or known(token)

    def seal(self) -> None:
        """Let the sequencer place what waits, and sign."""
        sequencer = Sequencer(self.house.conninfo("sequencer"), attest.signer())
        sequencer.open()
        try:
            while sequencer.step():
                pass
        finally:
            sequencer.close()


def config(database: Database, home: Path, mode: str) -> Config:
    """Settings over a given database, with fresh secrets; the store lies in ``home``."""
    return Config(
        mode=mode,
        home=home,
        origin="test.example/log",
        base_url=BASE_URL,
        store_url=f"file://{home}/goods",
        databases={role: database.url(role) for role in wsgi.ROLES},
        secret_key=secrets.token_hex(24),
        master_key=secrets.token_bytes(32),
        log_key=secrets.token_bytes(32),
        stripe_key=f"sk_test_sandbox{secrets.token_hex(16)}",
        webhook_secret=f"whsec_{base64.b32encode(secrets.token_bytes(20)).decode()}",
    )


@pytest.fixture
def open_site(database: Database, tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Opens the house in a mode."""
    with ExitStack() as stack:

        def opened(mode: str = "demonstration") -> Site:
            store.install(database.conninfo("owner"), users=(wsgi.ROLES["app"],))
            house = stack.enter_context(wsgi.house(config(database, tmp_path, mode)))
            stack.callback(db.engine().dispose)
            if house.sandbox is not None:
                stack.callback(house.sandbox.close)
            app = wsgi.create_app(house)
            app.testing = False  # errors are answered, as they are in production
            return Site(house, app, database)

        yield opened


@pytest.fixture
def site(open_site: Callable[..., Site]) -> Iterator[Site]:
    """The exchange in demonstration mode; passwords cost little."""
    with people.small_argon2():
        yield open_site()


@pytest.fixture
def client(site: Site) -> FlaskClient:
    return site.client()


