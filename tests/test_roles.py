"""What the database's roles may do: nobody who serves the exchange can rewrite what was written."""

import psycopg
import pytest
from conftest import Database

from exchange.orm import Base

#: What a trade rests on: once written it stands, whoever asks.
EVIDENCE = (
    "journal_entry",
    "journal_leaf",
    "journal_checkpoint",
    "ledger_transfer",
    "served_range",
    "signature",
    "document",  # contracts, receipts and vouchers, once they are complete
)
REFUSED = {"42501", "DB003"}  # insufficient privilege, append-only


def append_only() -> list[str]:
    return sorted(table.name for table in Base.metadata.tables.values() if table.info["append_only"])


def refusal(database: Database, role: str, *statements: str) -> str | None:
    """The state with which the last of the statements is refused; ``None`` when it is carried out (and taken back)."""
    with psycopg.connect(database.conninfo(role)) as connection:
        try:
            for statement in statements:
                connection.execute(statement)  # type: ignore[arg-type]
        except psycopg.Error as error:
            return error.sqlstate
        finally:
            connection.rollback()
    return None


@pytest.mark.rule("R-02")
def test_what_a_trade_rests_on_is_append_only(database: Database) -> None:
    assert set(EVIDENCE) <= set(append_only())
    mark = "SELECT set_config('databourse.tx', 'a test', true)"
    for table in append_only():
        column = next(c.name for c in Base.metadata.tables[table].columns if c.identity is None)
        for statement in (
            f'UPDATE {table} SET "{column}" = "{column}"',  # noqa: S608  (our own names)
            f"DELETE FROM {table}",  # noqa: S608  (as above)
            f"TRUNCATE {table} CASCADE",
        ):
            for role in ("app", "sequencer"):
                assert refusal(database, role, mark, statement) in REFUSED, (role, statement)


def test_business_rows_are_never_deleted(database: Database) -> None:
    mark = "SELECT set_config('databourse.tx', 'a test', true)"
    for table in Base.metadata.tables.values():
        if "subject" in table.info:
            for statement in (f"DELETE FROM {table.name}", f"TRUNCATE {table.name} CASCADE"):  # noqa: S608  (as above)
                assert refusal(database, "app", mark, statement) == "42501", statement


def test_the_log_is_written_by_the_sequencer_and_entries_by_the_application(database: Database) -> None:
    assert refusal(database, "app", "INSERT INTO journal_leaf VALUES (0, 'ent_x')") == "42501"
    assert refusal(database, "app", "INSERT INTO journal_tile VALUES (0, 0, sha256(''))") == "42501"
    assert refusal(database, "app", "UPDATE journal_tile SET hashes = hashes") == "42501"
    assert refusal(database, "app", "INSERT INTO journal_checkpoint VALUES (1, '', '', now())") == "42501"
    assert refusal(database, "app", "INSERT INTO journal_pending (entry_id) VALUES ('ent_x')") == "42501"
    assert refusal(database, "app", "DELETE FROM journal_pending") == "42501"
    assert refusal(database, "sequencer", "INSERT INTO journal_entry SELECT * FROM journal_entry") == "42501"
    assert refusal(database, "sequencer", "UPDATE journal_subject SET seq = 1") == "42501"


WAYS_AROUND = (
    "SET session_replication_role = replica",
    "SELECT set_config('session_replication_role', 'replica', true)",
    "ALTER TABLE journal_entry DISABLE TRIGGER ALL",
    "ALTER TABLE journal_entry DISABLE TRIGGER append_only",
    "DROP TRIGGER append_only ON journal_entry",
    "DROP TABLE journal_entry",
    "ALTER TABLE journal_entry OWNER TO CURRENT_USER",
    "CREATE RULE forget AS ON INSERT TO journal_entry DO INSTEAD NOTHING",
    "CREATE OR REPLACE FUNCTION databourse_append_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
    "SET ROLE databourse_owner",
    "SET SESSION AUTHORIZATION databourse_owner",
    "CREATE TABLE journal_entry_2 (id text)",
    "COPY journal_entry TO PROGRAM 'cat'",
    "SELECT pg_read_file('PG_VERSION')",
)


@pytest.mark.parametrize("role", ["app", "sequencer"])
def test_no_way_around_it(database: Database, role: str) -> None:
    for statement in WAYS_AROUND:
        assert refusal(database, role, statement) == "42501", statement
    # A privilege that one cannot grant is not granted, with a warning.
    grant = "GRANT DELETE ON journal_entry TO CURRENT_USER"
    assert refusal(database, role, grant, "DELETE FROM journal_entry") in REFUSED


def test_the_owner_is_no_superuser(database: Database) -> None:
    """Migrations run as the owner, who cannot put all triggers aside at once either."""
    assert refusal(database, "owner", "SET session_replication_role = replica") == "42501"
    assert refusal(database, "owner", "DELETE FROM journal_entry") == "DB003"
    assert refusal(database, "owner", "TRUNCATE journal_leaf") == "DB003"
