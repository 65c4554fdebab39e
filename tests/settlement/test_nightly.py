"""The nightly check of the whole house: trades of every kind are found sound, and what the owner changes is found."""

from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest
from conftest import Database
from psycopg.rows import dict_row
from trades import Trade
from written import as_owner, seal

from exchange import attest
from exchange.db import engine, read
from exchange.journal import completeness, nightly
from exchange.journal.nightly import Checked, Nightly
from exchange.postgres import Server


@pytest.fixture
def house(server: Server, trade: Trade) -> Database:
    """Trades that ended in every way, in the log."""
    trade.settled()
    trade.refunded()
    trade.cancelled()
    trade.ruled()
    trade.received(trade.delivered())
    trade.work()
    house = Database(server, engine().url.database or "")
    signer = attest.signer()
    seal(house, signer)
    return house


def check(house: Database) -> Checked:
    """A check by a worker that has just started, whatever was checked before."""
    with as_owner(house, "journal_check", "journal_check_finding") as owner:
        owner.execute("DELETE FROM journal_check_finding")
        owner.execute("DELETE FROM journal_check")
    drive(Nightly(house.conninfo("app"), [attest.vkey()], first=timedelta()))
    with read() as session:
        (found,) = nightly.newest(session)
    return found


def drive(work: Callable[[], bool]) -> int:
    steps = 0
    while work():
        steps += 1
    return steps


FLIP = "UPDATE journal_tile SET hashes = set_byte(hashes, 70, get_byte(hashes, 70) # 1) WHERE level = 0"
#: What to change, what is found then, and about what. They are made one after the other, on the same house.
TAMPERINGS = [
    # a business row that says other than its story, one without a story, a story without its row
    ("UPDATE lot SET state = 'refunded' WHERE id = %(settled)s", "row.state", "settled"),
    ("UPDATE lot SET state = 'funded' WHERE id = %(cancelled)s", "row.state", "cancelled"),
    ("UPDATE signature SET subject = 'ord_nobody'", "row.untold", "ord_nobody"),
    ("DELETE FROM trade_order WHERE id = %(order)s", "entry.rowless", "order"),
    ("UPDATE voucher SET id = 'vou_other'", "row.untold", "vou_other"),
    # a tile (and back again), an entry's body, an entry at the end, a hole between numbers, a checkpoint
    (FLIP, "tile.changed", "tile"),
    (FLIP, None, None),
    (
        """UPDATE journal_entry SET body = set_byte(body, 30, 65) FROM journal_leaf
        WHERE id = entry_id AND index = %(index)s""",
        "entry.changed",
        "index",
    ),
    (
        "DELETE FROM journal_entry USING journal_leaf WHERE id = entry_id AND index = %(last)s",
        "entry.missing",
        "last",
    ),
    ("DELETE FROM journal_entry WHERE subject = %(settled)s AND seq = 3", "subject.gap", "settled"),
    ("UPDATE journal_checkpoint SET root = sha256('') WHERE size = %(size)s", "checkpoint.row", "size"),
]
_NAMES = """
    SELECT settled, (SELECT id FROM lot WHERE state = 'cancelled') AS cancelled,
        (SELECT id FROM trade_order WHERE state = 'refunded') AS order,
        (SELECT min(index)::text FROM journal_leaf JOIN journal_entry ON id = entry_id AND subject = settled) AS index,
        (SELECT max(index)::text FROM journal_leaf) AS last, (SELECT min(size)::text FROM journal_checkpoint) AS size,
        'tile/0/000.p/' || (SELECT max(size) FROM journal_checkpoint) AS tile
    FROM (SELECT min(id) AS settled FROM lot WHERE state = 'settled') AS lot
"""


@pytest.mark.rule("R-02")
def test_what_the_owner_of_the_tables_changes_is_found(house: Database, caplog: pytest.LogCaptureFixture) -> None:
    sound = check(house)
    assert (sound.found, sound.findings) == (0, [])
    assert sound.size == sound.entries
    assert sound.entries > 50
    assert sound.rows > 30
    assert "found" not in caplog.text
    with psycopg.connect(house.conninfo("app"), row_factory=dict_row) as connection:
        names = connection.execute(_NAMES).fetchone()
    assert names is not None
    for tampering, code, about in TAMPERINGS:
        with as_owner(house, *TABLES) as owner:
            for table in TABLES:
                drop_references(owner, table)
            owner.execute("SELECT set_config('databourse.tx', 'tampering', false)")
            owner.execute(tampering, names)  # type: ignore[arg-type]
        if code is None:
            continue
        found = check(house)
        assert (code, names.get(about, about)) in {one[:2] for one in found.findings}, (tampering, found)
        assert f"{code} " in caplog.text


TABLES = ("lot", "trade_order", "signature", "voucher")


def drop_references(owner: psycopg.Connection, table: str) -> None:
    """Foreign keys would stop some of it; their owner can drop them."""
    query = (
        "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'f' AND confrelid = %s::regclass"
    )
    for holder, name in owner.execute(query + "::regclass", (table,)).fetchall():
        owner.execute(f"ALTER TABLE {holder} DROP CONSTRAINT {name}")


def test_it_is_made_once_a_day_and_by_one_worker(house: Database) -> None:
    work = Nightly(house.conninfo("app"), [attest.vkey()], first=timedelta())
    assert work() is True
    other = Nightly(house.conninfo("app"), [attest.vkey()], first=timedelta())
    assert other() is False
    assert drive(work) > 5
    assert drive(Nightly(house.conninfo("app"), [attest.vkey()], first=timedelta())) == 0
    assert Nightly(house.conninfo("app"), [attest.vkey()])() is False
    with read() as session:
        assert len(nightly.newest(session)) == 1


def test_links_lead_to_subjects_that_are_told_of(house: Database) -> None:
    """What makes ``link.unknown`` a finding: in this house every link does, but those to kinds never told of."""
    with psycopg.connect(house.conninfo("app")) as connection:
        query = "SELECT DISTINCT unnest(links) AS link FROM journal_entry EXCEPT SELECT subject FROM journal_subject"
        unknown = {link.partition("_")[0] for (link,) in connection.execute(query)}
        told = {subject.partition("_")[0] for (subject,) in connection.execute("SELECT subject FROM journal_subject")}
    assert unknown <= {"dsp", "mop", "tkt"}
    assert not unknown & told


def test_every_business_table_is_looked_at() -> None:
    names = {table.name for table in completeness.business_tables()}
    assert {"trade_order", "lot", "ledger_transfer", "receipt", "identity_case", "version", "declaration"} <= names
    assert not {name for name in names if name.startswith("journal_")}
