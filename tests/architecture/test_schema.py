"""Models equal migrations, which go up and down."""

import secrets
from collections.abc import Iterator

import psycopg
import pytest
from conftest import ROLES, TEMPLATE

from exchange import migrate
from exchange.postgres import Server

#: Everything about a schema that a catalogue tells, one query a kind.
CATALOGUE = {
    "columns": "SELECT table_name, column_name, data_type, udt_name, is_nullable, column_default, identity_generation"
    " FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'",
    "constraints": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version'",
    "indexes": "SELECT indexname, indexdef FROM pg_indexes"
    " WHERE schemaname = 'public' AND tablename <> 'alembic_version'",
    "triggers": "SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "functions": "SELECT proname, pg_get_functiondef(oid), proacl::text FROM pg_proc"
    " WHERE pronamespace = 'public'::regnamespace",
    "views": "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'",
    "grants": "SELECT grantee, table_name, privilege_type FROM information_schema.role_table_grants"
    " WHERE table_schema = 'public' AND table_name <> 'alembic_version'",
}


def catalogue(conninfo: str) -> dict[str, list[tuple[object, ...]]]:
    with psycopg.connect(conninfo) as connection:
        return {kind: sorted(connection.execute(query).fetchall(), key=repr) for kind, query in CATALOGUE.items()}


@pytest.fixture
def empty(server: Server) -> Iterator[str]:
    name = f"empty_{secrets.token_hex(4)}"
    server.create_database(name)
    yield name
    server.drop_database(name)


@pytest.mark.parametrize("kind", CATALOGUE)
def test_models_equal_migrations(server: Server, template: str, empty: str, kind: str) -> None:
    migrate.upgrade(server.url(ROLES["owner"], empty))
    assert (
        catalogue(server.conninfo(ROLES["owner"], empty))[kind]
        == catalogue(server.conninfo(ROLES["owner"], TEMPLATE))[kind]
    )


def test_migrations_go_down_and_up_again(server: Server, empty: str) -> None:
    url = server.url(ROLES["owner"], empty)
    migrate.upgrade(url)
    whole = catalogue(server.conninfo(ROLES["owner"], empty))
    migrate.downgrade(url)
    assert not any(catalogue(server.conninfo(ROLES["owner"], empty)).values())
    migrate.upgrade(url)
    assert catalogue(server.conninfo(ROLES["owner"], empty)) == whole
