"""A sandbox over a fresh database, reached by the real client in process and over HTTP."""

import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import psycopg
import pytest
import stripe
from psycopg import sql
from trades import prepared, trade  # noqa: F401  (fixtures of every trade's tests)
from werkzeug.serving import WSGIRequestHandler, make_server

from exchange.postgres import Server
from settlement.gateways.stripe_gateway import StripeGateway, open_gateway
from settlement.sandbox.app import Sandbox
from settlement.sandbox.control import Control
from settlement.sandbox.store import install
from settlement.sandbox.transport import InProcessClient

SECRET_KEY = "sk_test_ours"


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002  (the base class's name)
        """Say nothing."""


@contextmanager
def served(sandbox: Sandbox) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, sandbox, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class StripeWorld:
    """A sandbox and the ways to it."""

    conninfo: str
    sandbox: Sandbox
    control: Control
    http_client: stripe.HTTPClient
    base_url: str | None

    def client(self, *, key: str = SECRET_KEY, retries: int = 0) -> stripe.V1Services:
        addresses: stripe.BaseAddresses = {"api": self.base_url} if self.base_url else {}
        made = stripe.StripeClient(
            key, http_client=self.http_client, base_addresses=addresses, max_network_retries=retries
        )
        return made.v1

    def gateway(self, *webhook_secrets: str) -> StripeGateway:
        return open_gateway(
            SECRET_KEY,
            webhook_secrets=webhook_secrets,
            http_client=self.http_client,
            base_url=self.base_url,
        )


@contextmanager
def _world(conninfo: str, way: str) -> Iterator[StripeWorld]:
    sandbox = Sandbox(conninfo, secret_key=SECRET_KEY, public_url="http://127.0.0.1:9/sandbox")
    with ExitStack() as stack:
        stack.callback(sandbox.close)
        base_url = stack.enter_context(served(sandbox)) if way == "over_http" else None
        http_client = stripe.RequestsClient(timeout=10) if base_url else InProcessClient(sandbox)
        stack.callback(http_client.close)
        yield StripeWorld(conninfo, sandbox, Control(conninfo), http_client, base_url)


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's pauses between its attempts, in a test's time."""
    monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0.02)
    monkeypatch.setattr(stripe.HTTPClient, "MAX_DELAY", 0.2)


@pytest.fixture(scope="session")
def sandbox_database(server: Server) -> Iterator[str]:
    """A database of its own: the sandbox needs nothing of the exchange's schema."""
    name = f"sandbox_{os.getpid()}_{secrets.token_hex(4)}"
    server.create_database(name)
    conninfo = server.conninfo("databourse_owner", name)
    install(conninfo)
    yield conninfo
    server.drop_database(name)


@pytest.fixture
def sandbox_conninfo(sandbox_database: str) -> str:
    """An empty sandbox."""
    with psycopg.connect(sandbox_database) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'sandbox'").fetchall()
        connection.execute(
            sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(sql.Identifier("sandbox", name) for (name,) in tables))
        )
    return sandbox_database


@pytest.fixture(params=["in_process", "over_http"])
def world(request: pytest.FixtureRequest, sandbox_conninfo: str) -> Iterator[StripeWorld]:
    """Both ways to the sandbox."""
    with _world(sandbox_conninfo, request.param) as made:
        yield made


@pytest.fixture
def near_world(sandbox_conninfo: str) -> Iterator[StripeWorld]:
    """The way in process, for what the transport has no part in."""
    with _world(sandbox_conninfo, "in_process") as made:
        yield made


@pytest.fixture
def api(world: StripeWorld) -> stripe.V1Services:
    """The real client, both ways."""
    return world.client()
