"""Triggers and grants that hold the database to the house rules, derived from the marks on the tables.

* A business table refuses a statement outside ``exchange.db.transaction`` (``databourse.tx`` unset).
* At commit, each row written must belong to a subject with an entry of the same transaction.
* The application's role cannot delete business rows, nor change append-only ones; only the sequencer gives indices.

This is hygiene against mistakes; proof against the operator is the log and its witnesses.
"""

from collections.abc import Iterator

from sqlalchemy import MetaData, Table

APP, SEQUENCER = "databourse_app", "databourse_sequencer"

FUNCTIONS = """\
CREATE FUNCTION databourse_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('databourse.tx', true), '') = '' THEN
        RAISE EXCEPTION 'table % is written outside a transaction of the exchange', TG_TABLE_NAME
            USING ERRCODE = 'DB001';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION databourse_owes_entry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    about text;
    told xid8;
BEGIN
    EXECUTE format('SELECT ($1).%I', TG_ARGV[0]) INTO about USING coalesce(NEW, OLD);
    SELECT txid INTO told FROM journal_entry WHERE subject = about ORDER BY seq DESC LIMIT 1;
    IF told IS DISTINCT FROM pg_current_xact_id() THEN
        RAISE EXCEPTION 'table % was written and no entry tells of %', TG_TABLE_NAME, about
            USING ERRCODE = 'DB002';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION databourse_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'DB003';
END $$;

CREATE FUNCTION databourse_await_index() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO journal_pending (entry_id) VALUES (NEW.id);
    RETURN NULL;
END $$;
"""

DROP_FUNCTIONS = """\
DROP FUNCTION databourse_guard();
DROP FUNCTION databourse_owes_entry();
DROP FUNCTION databourse_append_only();
DROP FUNCTION databourse_await_index();
"""


def statements(metadata: MetaData) -> Iterator[str]:
    """The functions, triggers and grants that ``metadata``'s tables ask for, in an order that can be run."""
    yield FUNCTIONS
    for table in metadata.sorted_tables:
        yield from _triggers(table)
        yield from _grants(table)
    yield (
        "CREATE TRIGGER await_index AFTER INSERT ON journal_entry"
        " FOR EACH ROW EXECUTE FUNCTION databourse_await_index()"
    )
    yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {APP}"


def _triggers(table: Table) -> Iterator[str]:
    if table.info["append_only"]:
        yield (
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table.name}"
            " FOR EACH STATEMENT EXECUTE FUNCTION databourse_append_only()"
        )
    if "subject" not in table.info:
        return
    yield (
        f"CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table.name}"
        " FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard()"
    )
    yield (
        f"CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON {table.name}"
        " DEFERRABLE INITIALLY DEFERRED"
        f" FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('{table.info['subject']}')"
    )


def _grants(table: Table) -> Iterator[str]:
    if "subject" in table.info:
        rights = "SELECT, INSERT" if table.info["append_only"] else "SELECT, INSERT, UPDATE"
        yield f"GRANT {rights} ON {table.name} TO {APP}"
        return
    if table.info["grants"]:
        yield f"GRANT {table.info['grants']} ON {table.name} TO {APP}"
    if table.info["sequencer_grants"]:
        yield f"GRANT {table.info['sequencer_grants']} ON {table.name} TO {SEQUENCER}"
