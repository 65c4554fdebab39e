"""The real application over a fresh database, as ``wsgi`` hangs it together."""

import base64
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import people
from conftest import Database
from flask import Flask
from flask.testing import FlaskClient

import wsgi
from exchange import attest, db
from exchange.actors import Actor
from exchange.config import Config
from exchange.journal.sequencer import Sequencer
from exchange.oversight import looks
from settlement.sandbox import store

BASE_URL = "http://127.0.0.1:8000"
OFFICER = Actor("per_officer", "org_organ", frozenset({"regulator"}))


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

    def record(self, count: int) -> None:
        """Write entries into the journal."""
        for number in range(count):
            looks.record_look(OFFICER, "story", f"subject_{number}", "a test")

    def seal(self) -> None:
        """Let the sequencer place what waits, and sign."""
        sequencer = Sequencer(self.house.conninfo("sequencer"), attest.signer())
        sequencer.open()
        try:
            while sequencer.step():
                pass
        finally:
            sequencer.close()


@contextmanager
def opened(database: Database, home: Path, mode: str = "demonstration") -> Iterator[Site]:
    """The site over ``database``; passwords cost little."""
    with ExitStack() as stack:
        stack.enter_context(people.small_argon2())
        store.install(database.conninfo("owner"), users=(wsgi.ROLES["app"],))
        house = stack.enter_context(wsgi.house(_config(database, home, mode)))
        stack.callback(db.engine().dispose)
        if house.sandbox is not None:
            stack.callback(house.sandbox.close)
        yield Site(house, wsgi.create_app(house), database)


def _config(database: Database, home: Path, mode: str) -> Config:
    return Config(
        mode=mode,
        home=home,
        origin="test.example/log",
        base_url=BASE_URL,
        store_url=f"file://{home}/goods",
        databases={role: database.url(role) for role in wsgi.ROLES},
        secret_key=secrets.token_hex(24),
        master_keys=(secrets.token_bytes(32),),
        log_key=secrets.token_bytes(32),
        stripe_key=f"sk_test_sandbox{secrets.token_hex(16)}",
        webhook_secret=f"whsec_{base64.b32encode(secrets.token_bytes(20)).decode()}",
    )
