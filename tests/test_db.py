"""One verb, one transaction, its entries: in the ORM and against raw SQL, bulk statements and functions."""

import threading
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from conftest import Database
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError, InternalError
from sqlalchemy.orm import Session

from exchange import clock, ids, vault
from exchange.actors import Actor
from exchange.db import Transaction, advance_clock, engine, read, transaction, verb
from exchange.errors import Conflict, Forbidden, InvariantBroken, KeyReused, NotFound, Refused
from exchange.journal import entry, queries
from exchange.journal.models import JournalEntry
from exchange.oversight.models import Restraint
from exchange.oversight.restraints import lift, refuse_restrained, restrain

OFFICER = Actor("per_officer", "org_operator", frozenset({"security_administrator"}))
SUBJECT = "prd_anything"


def restraint(subject: str = SUBJECT, **changes: object) -> Restraint:
    ordered = {"org_id": OFFICER.org_id, "since": datetime.now(UTC)}
    values = ordered | {"measure": "suspension", "basis": "basis", "reason": "reason"}
    return Restraint(id=ids.new("rst"), subject=subject, **{**values, **changes})


def order(actor: Actor = OFFICER, subject: str = SUBJECT, reason: str = "reason") -> Restraint:
    return restrain(actor, subject, measure="suspension", basis="basis", reason=reason)


def actions(subject: str = SUBJECT) -> list[str]:
    with read() as session:
        return [told.action for told in queries.story(session, subject)]


def test_a_verb_commits_its_rows_with_their_entry(db: Database) -> None:
    made = order()
    with read() as session:
        (told,) = queries.story(session, SUBJECT)
        kept = session.get_one(Restraint, made.id)
    leaf = entry.parse(told.body)
    assert (leaf["action"], leaf["seq"], leaf["links"]) == ("subject.restrained", 1, [made.id])
    assert kept.reason == "reason"
    assert "per_officer" not in told.body.decode()


def test_rows_without_an_entry_do_not_commit(db: Database) -> None:
    with pytest.raises(InvariantBroken), transaction(OFFICER) as tx:
        tx.add(restraint())
    assert actions() == []


def test_an_entry_about_another_subject_does_not_do(db: Database) -> None:
    with pytest.raises(DBAPIError, match="no entry tells of"), transaction(OFFICER) as tx:
        tx.add(restraint())
        tx.record("prd_other", "subject.restrained", by="auditor")


def test_an_entry_of_an_earlier_transaction_does_not_do(db: Database) -> None:
    order()
    with pytest.raises(DBAPIError, match="no entry tells of"), transaction(OFFICER) as tx:
        tx.session.execute(insert(Restraint), [{**row(), "subject": SUBJECT}])
        tx.record("prd_other", "subject.restrained", by="auditor")


def row() -> dict[str, object]:
    values = restraint()
    return {name: getattr(values, name) for name in ("id", "subject", "org_id", "measure", "basis", "reason", "since")}


def test_the_orm_writes_inside_a_transaction_only(db: Database) -> None:
    from sqlalchemy.orm import Session

    with Session(engine()) as session, pytest.raises(InvariantBroken):
        session.add(restraint())
        session.flush()


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO restraint SELECT 'rst_x', 'prd_x', 'org_x', 'suspension', 'b', 'r', now(), NULL",
        "UPDATE restraint SET reason = 'other'",
        "DO $$ BEGIN UPDATE restraint SET reason = 'other'; END $$",
    ],
)
def test_raw_sql_outside_a_transaction_is_refused(db: Database, statement: str) -> None:
    order()
    with psycopg.connect(db.conninfo("app")) as raw, pytest.raises(psycopg.DatabaseError) as caught:
        raw.execute(statement)
    assert caught.value.sqlstate == "DB001"


def test_raw_sql_that_claims_a_transaction_still_owes_its_entry(db: Database) -> None:
    order()
    raw = psycopg.connect(db.conninfo("app"))
    raw.execute("SELECT set_config('databourse.tx', 'mine', true)")
    raw.execute("UPDATE restraint SET reason = 'other'")
    with pytest.raises(psycopg.DatabaseError) as caught:
        raw.commit()
    assert caught.value.sqlstate == "DB002"
    raw.close()


def test_bulk_writes_owe_an_entry_for_each_subject(db: Database) -> None:
    order(subject="prd_one")
    order(subject="prd_two")
    with pytest.raises(DBAPIError, match="no entry tells of prd_two"), transaction(OFFICER) as tx:
        tx.session.execute(update(Restraint).values(reason="all"))
        tx.record("prd_one", "subject.changed", by="auditor")
    with transaction(OFFICER) as tx:
        tx.session.execute(update(Restraint).values(reason="all"))
        tx.record("prd_one", "subject.changed", by="auditor")
        tx.record("prd_two", "subject.changed", by="auditor")
    assert actions("prd_two") == ["subject.restrained", "subject.changed"]


@pytest.mark.rule("R-01")
@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("app", "DELETE FROM restraint"),
        ("app", "UPDATE journal_entry SET body = body"),
        ("app", "DELETE FROM journal_entry"),
        ("app", "TRUNCATE journal_entry"),
        ("app", "INSERT INTO journal_leaf VALUES (0, 'ent_x')"),
        ("app", "DELETE FROM journal_pending"),
        ("app", "INSERT INTO journal_checkpoint VALUES (1, '', '', now())"),
        ("app", "SET session_replication_role = replica"),
        ("app", "ALTER TABLE restraint DISABLE TRIGGER ALL"),
        ("app", "CREATE TABLE public.journal_leaf_2 (id int)"),
        ("app", "CREATE TEMP TABLE journal_entry (subject text, seq bigint, txid xid8)"),
        ("app", "CREATE FUNCTION public.databourse_post() RETURNS int LANGUAGE sql AS 'SELECT 1'"),
        ("app", "SET ROLE databourse_owner"),
        ("sequencer", "SET ROLE databourse_app"),
        ("sequencer", "SELECT databourse_post('{}', '{}', '{}', '{}', '{}', '{}', '{}', now())"),
        ("sequencer", "INSERT INTO restraint SELECT * FROM restraint"),
        ("sequencer", "UPDATE journal_entry SET body = body"),
        ("sequencer", "DELETE FROM journal_leaf"),
    ],
)
def test_roles_may_do_no_more_than_their_work(db: Database, role: str, statement: str) -> None:
    order()
    with psycopg.connect(db.conninfo(role)) as raw, pytest.raises(psycopg.errors.InsufficientPrivilege):
        raw.execute("SELECT set_config('databourse.tx', 'mine', true)")
        raw.execute(statement)


def test_even_the_owner_meets_the_append_only_trigger(db: Database) -> None:
    order()
    with psycopg.connect(db.conninfo("owner")) as raw, pytest.raises(psycopg.DatabaseError) as caught:
        raw.execute("UPDATE journal_entry SET action = 'x.y'")
    assert caught.value.sqlstate == "DB003"


def test_reading_cannot_write(db: Database) -> None:
    with read() as session, pytest.raises(InternalError):
        session.execute(text("DELETE FROM due"))


def test_seq_is_gapless_under_concurrency_and_rollbacks(db: Database) -> None:
    def work(number: int) -> None:
        for turn in range(10):
            try:
                with transaction(OFFICER) as tx:
                    tx.record(SUBJECT, "subject.seen", by="auditor", facts={"n": number})
                    tx.record(f"prd_{turn % 3}", "subject.seen", by="auditor")
                    if turn % 4 == 0:
                        raise Conflict("rolled back on purpose")  # noqa: TRY301  (the block is what rolls back)
            except Conflict:
                pass

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with read() as session:
        told = queries.story(session, SUBJECT)
    assert [one.seq for one in told] == list(range(1, 8 * 7 + 1))


def test_the_same_request_key_returns_the_subject_as_it_stands(db: Database) -> None:
    keyed = OFFICER.with_key("k-1")
    first = order(keyed)
    lift(OFFICER, first.id, reason="done")
    again = order(keyed)
    assert again.id == first.id
    assert again.lifted_at is not None
    assert actions() == ["subject.restrained", "subject.unrestrained"]


def test_a_request_key_with_another_body_is_refused(db: Database) -> None:
    keyed = OFFICER.with_key("k-1")
    order(keyed)
    with pytest.raises(KeyReused):
        order(keyed, reason="another")


def test_a_refused_request_leaves_its_key_unused(db: Database) -> None:
    keyed = OFFICER.with_key("k-1")
    with pytest.raises(Forbidden):
        order(Actor("per_officer", None, frozenset(), "k-1"))
    assert order(keyed).id


def test_one_key_in_eight_threads_is_one_subject(db: Database) -> None:
    keyed, found = OFFICER.with_key("k-1"), []
    threads = [threading.Thread(target=lambda: found.append(order(keyed).id)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert actions() == ["subject.restrained"]


@pytest.mark.rule("K-05")
def test_a_refusal_about_a_subject_is_kept_in_its_story(db: Database) -> None:
    made = order()

    @verb
    def trade(tx: Transaction) -> None:
        tx.due("some.kind", SUBJECT, tx.now)
        refuse_restrained(tx, SUBJECT, "org_x")

    with pytest.raises(Refused) as caught:
        trade(OFFICER)
    assert caught.value.rule_id == "K-05"
    with read() as session:
        told = queries.story(session, SUBJECT)[-1]
        assert session.scalar(text("SELECT count(*) FROM due")) == 0
    assert told.action == "gate.refused"
    assert entry.parse(told.body)["facts"]["rule"] == "K-05"
    lift(OFFICER, made.id, reason="done")
    trade(OFFICER)


def test_what_is_not_there_is_not_found(db: Database) -> None:
    with pytest.raises(NotFound):
        lift(OFFICER, "rst_none", reason="x")


def test_the_demonstrations_clock_only_moves_forward_and_is_recorded(db: Database) -> None:
    before = clock.now()
    advance_clock(OFFICER, timedelta(days=3))
    with read():
        assert clock.now() - before > timedelta(days=3)
    assert actions("clk_demonstration") == ["clock.advanced"]
    with pytest.raises(ValueError, match="forward"):
        advance_clock(OFFICER, timedelta(days=-1))


def test_the_clock_stands_outside_a_demonstration(db: Database) -> None:
    clock.allow_offset(demonstration=False)
    with pytest.raises(Forbidden):
        advance_clock(OFFICER, timedelta(days=1))


def test_a_server_that_went_away_is_noticed_before_a_transaction_begins(db: Database) -> None:
    def seen(count: int) -> None:
        with ExitStack() as stack:  # so many connections at once
            for _ in range(count):
                stack.enter_context(engine().connect()).execute(text("SELECT 1"))

    seen(4)
    with psycopg.connect(db.conninfo("app"), autocommit=True) as other:
        ended = other.execute(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone()
    assert ended == (4,)
    seen(4)
    with transaction(OFFICER) as tx:
        tx.record(SUBJECT, "subject.seen", by="auditor")
    assert actions() == ["subject.seen"]


def test_entries_of_one_transaction_keep_their_order(db: Database) -> None:
    told = [(f"prd_{number % 3}", f"step.n{number}") for number in range(20)]
    with transaction(OFFICER) as tx:
        for subject, action in told:
            tx.record(subject, action, by="auditor")
    with read() as session:
        queue = session.execute(
            text(
                "SELECT e.subject, e.action, e.seq, e.body FROM journal_pending p JOIN journal_entry e"
                " ON e.id = p.entry_id ORDER BY p.position"
            )
        ).all()
    assert [(row.subject, row.action) for row in queue] == told
    assert [row.seq for row in queue if row.subject == "prd_0"] == list(range(1, 8))
    assert [entry.parse(row.body)["seq"] for row in queue] == [row.seq for row in queue]


def test_a_text_that_looks_like_a_number_of_an_entry_stays_what_it_is(db: Database) -> None:
    sly = '"seq":9007199254740991,"subject":"'
    facts = {"sly": sly, "seq": 9007199254740991, "subject": "x", "zh": "数\u0000\\u0000"}
    with transaction(OFFICER) as tx:
        tx.record(SUBJECT, "subject.seen", by="auditor", facts=facts, links=["prd_b", "prd_a"])
    with read() as session:
        row = session.scalars(select(JournalEntry)).one()
    told = entry.parse(row.body)
    assert (told["facts"], told["seq"], told["links"]) == (facts, 1, ["prd_a", "prd_b"])
    assert (row.links, row.person_id, row.seq) == (["prd_a", "prd_b"], OFFICER.person_id, 1)


def test_what_makes_no_entry_is_refused_whole(db: Database) -> None:
    for facts in ({"x": 1.5}, {"x": "y" * 65_536}, {"x": 2**53}):
        with pytest.raises(InvariantBroken), transaction(OFFICER) as tx:
            tx.record(SUBJECT, "subject.seen", by="auditor", facts=facts)
    assert actions() == []


def test_nobody_acts_whose_key_was_destroyed(db: Database) -> None:
    with transaction(OFFICER) as tx:
        tx.record(SUBJECT, "subject.seen", by="auditor")
    with engine().begin() as connection, Session(connection) as session:
        vault.destroy_subject_key(session, OFFICER.person_id or "")
    with pytest.raises(vault.KeyDestroyed), transaction(OFFICER) as tx:
        tx.record(SUBJECT, "subject.seen", by="auditor")
    assert actions() == ["subject.seen"]
