"""How fast the ledger posts, as a ratio to inserting and committing one row in the same run.

All run on the embedded server with its durable defaults (fsync), with one client and with eight, in turns. The clients
share 64 lots and 16 sellers; half of the postings move two transfers (release and fee).

``ledger_posting`` is the transaction's mark, the call of ``databourse_post`` and the commit, the debt of an entry being
waived for the time; ``ledger_told_posting`` writes the entry in the lot's story as well, as every real posting does.
"""

import functools
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
from sqlalchemy import create_engine

from exchange import ids, postgres, schema
from exchange.journal import models as _journal  # noqa: F401  (the entries' tables)
from exchange.oversight import models as _oversight  # noqa: F401
from settlement import ledger as _ledger  # noqa: F401  (the ledger's tables and function)

SECONDS, TURNS = 1.5, 4
LOTS, SELLERS = 64, 16

Step = Callable[[psycopg.Connection, random.Random, list[str]], None]

_MARK = "SELECT set_config('databourse.tx', 'bench', true)"
_SEQ = (
    "INSERT INTO journal_subject AS s (subject, seq) VALUES (%s, 1)"
    " ON CONFLICT (subject) DO UPDATE SET seq = s.seq + 1 RETURNING seq"
)
_ENTRY = (
    "INSERT INTO journal_entry (id, at, subject, seq, action, links, body)"
    " VALUES (%s, now(), %s, %s, 'lot.accepted', '{}', %s)"
)
_POST = (
    "SELECT databourse_post(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::text[],"
    " now())"
)


def insert_one(connection: psycopg.Connection, _random: random.Random, _lots: list[str]) -> None:
    """The measure: one row, committed."""
    with connection.transaction():
        connection.execute("INSERT INTO bench_row (body) VALUES (%s)", ["x" * 60])


def tell(connection: psycopg.Connection, lot: str) -> None:
    """An entry in a lot's story."""
    row = connection.execute(_SEQ, [lot]).fetchone()
    assert row is not None
    connection.execute(_ENTRY, [ids.new("ent"), lot, row[0], b"x" * 400])


def post(connection: psycopg.Connection, rng: random.Random, lots: list[str], *, told: bool = False) -> None:
    """A release, half of the time with its fee."""
    lot = rng.choice(lots)
    seller = f"payable:org_{rng.randrange(SELLERS)}:HKD"
    moves = [("release", f"hold:{lot}", seller, 95), ("fee", f"hold:{lot}", "fee:HKD", 5)][: rng.randint(1, 2)]
    send(connection, lot, moves, told=told)


def send(connection: psycopg.Connection, lot: str, moves: list[tuple[str, str, str, int]], *, told: bool) -> None:
    """A posting in a transaction of its own."""
    kinds, debits, credits_, amounts = (list(column) for column in zip(*moves, strict=True))
    n = len(moves)
    with connection.transaction():
        connection.execute(_MARK)
        connection.execute(_POST, [kinds, debits, credits_, amounts, ["HKD"] * n, [lot] * n, [None] * n])
        if told:
            tell(connection, lot)


def rate(conninfo: str, clients: int, step: Step, lots: list[str]) -> float:
    """Steps per second of ``clients`` at once."""
    counts = [0] * clients
    ready = threading.Barrier(clients)

    def work(index: int) -> None:
        rng = random.Random(index)  # noqa: S311  (a load, not a secret)
        with psycopg.connect(conninfo, autocommit=True, prepare_threshold=2) as connection:
            ready.wait()
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                step(connection, rng, lots)
                counts[index] += 1

    threads = [threading.Thread(target=work, args=(index,)) for index in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / SECONDS


def prepare(server: postgres.Server) -> list[str]:
    """The schema, and lots with money."""
    engine = create_engine(server.url("databourse_owner"))
    with engine.begin() as connection:
        schema.create(connection)
        connection.exec_driver_sql("CREATE TABLE bench_row (id bigint GENERATED ALWAYS AS IDENTITY, body text)")
        connection.exec_driver_sql("GRANT INSERT ON bench_row TO databourse_app")
    engine.dispose()
    lots = [ids.new("lot") for _ in range(LOTS)]
    with psycopg.connect(server.conninfo("databourse_app"), autocommit=True) as connection:
        for lot in lots:
            send(connection, lot, [("fund", "cash:stripe:HKD", f"hold:{lot}", 10**9)], told=True)
    return lots


def compare(name: str, conninfo: str, step: Step, lots: list[str]) -> None:
    """Print the ratio of ``step`` to an insert, with one client and with eight."""
    for clients in (1, 8):
        ratios = []
        for _ in range(TURNS):
            base, posted = (rate(conninfo, clients, each, lots) for each in (insert_one, step))
            ratios.append(posted / base)
            print(f"# {name}, {clients} clients: {posted:.0f}/s, insert {base:.0f}/s", file=sys.stderr)
        print(f"{name}_{clients} {statistics.median(ratios):.2f} ratio")


def main() -> None:
    """Print ``name ratio`` lines; steps per second go to standard error."""
    with tempfile.TemporaryDirectory(prefix="databourse-bench-") as folder:
        Path(folder).chmod(0o755)
        with postgres.start(Path(folder)) as server:
            lots, conninfo = prepare(server), server.conninfo("databourse_app")
            compare("ledger_told_posting", conninfo, functools.partial(post, told=True), lots)
            with psycopg.connect(server.conninfo("databourse_owner")) as owner:
                owner.execute("ALTER TABLE ledger_transfer DISABLE TRIGGER owes_entry")
            compare("ledger_posting", conninfo, post, lots)


if __name__ == "__main__":
    main()
