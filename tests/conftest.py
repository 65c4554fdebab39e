"""A real PostgreSQL for the whole run, a fresh database for each test that asks for one."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from demonstrated import Carried, carried
from sqlalchemy import create_engine

import wsgi
from exchange import clock, postgres, schema, vault
from exchange import db as exchange_db
from exchange.postgres import Role, Server

ROLES: dict[str, Role] = {
    "owner": "databourse_owner",
    "app": "databourse_app",
    "sequencer": "databourse_sequencer",
}
TEMPLATE = "template_for_tests"


@dataclass(frozen=True)
class Database:
    """A fresh database: how to reach it in each role (``owner``, ``app``, ``sequencer``)."""

    server: Server
    name: str

    def conninfo(self, role: str) -> str:
        return self.server.conninfo(ROLES[role], self.name)

    def url(self, role: str) -> str:
        return self.server.url(ROLES[role], self.name)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One embedded PostgreSQL for the run; its folder goes with it."""
    home = Path(tempfile.mkdtemp(prefix="databourse-tests-"))
    home.chmod(0o755)
    running = postgres.start(home, fast=True)
    try:
        yield running
    finally:
        running.release()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def template(server: Server) -> str:
    """A database with the whole schema, to make the others from."""
    wsgi.rooms()
    server.create_database(TEMPLATE)
    engine = create_engine(server.url(ROLES["owner"], TEMPLATE))
    try:
        with engine.begin() as connection:
            schema.create(connection)
    finally:
        engine.dispose()
    return TEMPLATE


@pytest.fixture
def database(server: Server, template: str) -> Iterator[Database]:
    """A fresh database with the schema; nothing is bound to it."""
    name = f"test_{os.getpid()}_{secrets.token_hex(4)}"
    server.create_database(name, template)
    yield Database(server, name)
    server.drop_database(name)


@pytest.fixture
def db(database: Database) -> Iterator[Database]:
    """A fresh database that the exchange is bound to, with a fresh key ring and the demonstration's clock."""
    engine = exchange_db.bind(database.url("app"))
    vault.bind(vault.KeyRing.generate())
    clock.allow_offset(demonstration=True)
    clock.set_offset(timedelta())
    yield database
    engine.dispose()
    clock.set_offset(timedelta())


@pytest.fixture(scope="session")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Carried]:
    """The demonstration after its trades, made once for a run of the tests, however many processes share it."""
    with carried(tmp_path_factory) as made:
        yield made
