"""Appending to the journal and sealing it, against one-row inserts of the same size in the same run.

``journal_append_1``, ``_8`` and ``_32``: an entry made and written by the journal's own code (``record.write``:
the canonical body with its nonce and its commitment to the actor, the gapless number, the queue of the sequencer) and
committed durably on a connection in autocommit, without the session of a verb around it; as a share of inserting and
committing one row of as many bytes by raw psycopg. Clients of both are processes, as in the web, so that neither waits
for the other's interpreter.

``verb_append_1`` and ``verb_append_8``: the same entry through the whole of ``exchange.db.transaction``: in addition a
pooled connection and a session, the exchange's time, the guards' mark and the actor's key, three round trips more.

``journal_statement_8``: only the statement that writes an entry, by raw psycopg, with its body made beforehand: what
any client could reach without the house around it.

``journal_drain``: leaves sequenced, as a share of COPY of the same rows, in turns, median. ``journal_seal_p50_ms`` and
``_p99_ms``: from the commit of a lone event to a signed checkpoint that holds it, the sequencer resting as long as it
does by default.
"""

import json
import math
import multiprocessing
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import create_engine

import wsgi
from exchange import clock, db, ids, postgres, schema, vault
from exchange.actors import Actor
from exchange.journal import record
from exchange.journal.note import Signer
from exchange.journal.sequencer import Sequencer

SECONDS = 1.5
ROUNDS = 3
SEALS = 100
DRAINED = 4_000
ACTOR = Actor("per_bench", "org_bench", frozenset({"auditor"}))
PLAIN = "CREATE TABLE plain (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea NOT NULL)"
BODY = b"x" * 420
FACTS = {"note": "y" * 120}
PLACED = "SELECT 1 FROM journal_leaf JOIN journal_entry e ON e.id = entry_id WHERE subject = %s"

#: Makes the step of one client, in that client's process.
Client = Callable[[postgres.Server, int], Callable[[], object]]


def plain(server: postgres.Server, _number: int) -> Callable[[], object]:
    """One-row insert and commit."""
    connection = psycopg.connect(server.conninfo("databourse_app"), autocommit=True)
    return lambda: connection.execute("INSERT INTO plain (body) VALUES (%s)", (BODY,))


def statement(server: postgres.Server, number: int) -> Callable[[], object]:
    """The statement that writes an entry, committed."""
    connection = psycopg.connect(server.conninfo("databourse_app"), autocommit=True)
    row = {"place": 0, "subject": f"prd_raw{number}", "behind": 0, "action": "subject.seen", "links": []}
    halves = {"head": "x" * 210, "tail": "x" * 210}

    def call() -> object:
        rows = json.dumps([row | halves | {"id": ids.new("ent")}])
        return connection.execute(record.APPEND, (rows, datetime.now(UTC)))

    return call


def append(server: postgres.Server, number: int) -> Callable[[], object]:
    """One entry made and written by the journal, committed; each client tells of its own subject."""
    connection = create_engine(server.url("databourse_app"), isolation_level="AUTOCOMMIT").connect()
    author = record.Author("per_bench", bytes(vault.KEY_BYTES))
    event = record.Event(f"prd_append{number}", "subject.seen", ACTOR.org_id, "auditor", facts=FACTS)
    return lambda: record.write(connection, [event], datetime.now(UTC), author)


def verb(server: postgres.Server, number: int) -> Callable[[], object]:
    """One entry in a transaction of the exchange."""
    db.bind(server.url("databourse_app"))
    return lambda: tell(f"prd_bench{number}")


def tell(subject: str) -> None:
    """Record an entry about ``subject``."""
    with db.transaction(ACTOR) as tx:
        tx.record(subject, "subject.seen", by="auditor", facts=FACTS)


def rate(server: postgres.Server, client: Client, clients: int) -> float:
    """Steps per second of so many clients, each in a process of its own."""
    context = multiprocessing.get_context("fork")
    ready, counts = context.Barrier(clients), context.SimpleQueue()

    def work(number: int) -> None:
        step = client(server, number)
        step()
        ready.wait()
        done, end = 0, time.perf_counter() + SECONDS
        while time.perf_counter() < end:
            step()
            done += 1
        counts.put(done)

    processes = [context.Process(target=work, args=(number,)) for number in range(clients)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    done: int = sum(counts.get() for _ in processes)
    return done / SECONDS


def compare(server: postgres.Server, name: str, client: Client, clients: int) -> None:
    """Print the ratio of a client's steps to plain inserts, in turns."""
    ratios = []
    for _ in range(ROUNDS):
        limit, reached = rate(server, plain, clients), rate(server, client, clients)
        ratios.append(reached / limit)
        print(f"# {name}: {reached:.0f}/s, insert {limit:.0f}/s", file=sys.stderr)
    print(f"{name} {statistics.median(ratios):.2f} ratio", flush=True)


def drain(server: postgres.Server, sequencer: Sequencer) -> None:
    """Print how many leaves a second the sequencer takes, as a share of a COPY of as many rows, in turns."""
    ratios = []
    for _ in range(ROUNDS):
        leaves = DRAINED
        while leaves > 0:  # what a round drains is written for it
            with db.transaction(ACTOR) as tx:
                for _ in range(500):
                    tx.record("prd_drained", "subject.seen", by="auditor", facts=FACTS)
            leaves -= 500
        limit = DRAINED / copied(server, DRAINED)
        begun, taken = time.perf_counter(), 0
        while more := sequencer.step():
            taken += more
        reached = taken / (time.perf_counter() - begun)
        assert taken == DRAINED
        ratios.append(reached / limit)
        print(f"# journal_drain: {reached:.0f}/s, COPY {limit:.0f}/s", file=sys.stderr)
    print(f"journal_drain {statistics.median(ratios):.2f} ratio", flush=True)


def copied(server: postgres.Server, rows: int) -> float:
    """Seconds for a COPY of so many rows."""
    with psycopg.connect(server.conninfo("databourse_app")) as connection:
        begun = time.perf_counter()
        with connection.cursor().copy("COPY plain (body) FROM STDIN") as copy:
            for _ in range(rows):
                copy.write_row((BODY,))
        connection.commit()
        return time.perf_counter() - begun


def seal_ms(server: postgres.Server, sequencer: Sequencer) -> list[float]:
    """Milliseconds from the commit of an event to the checkpoint that holds it, of each of ``SEALS``, ascending."""
    stop = threading.Event()
    running = threading.Thread(target=sequencer.run, args=(stop,))
    running.start()
    taken = []
    with psycopg.connect(server.conninfo("databourse_app"), autocommit=True) as connection:
        for number in range(SEALS):
            time.sleep(random.uniform(0.0, 0.2))  # noqa: S311  (a load, not a secret)
            tell(f"prd_seal{number}")
            committed = time.perf_counter()
            while connection.execute(PLACED, (f"prd_seal{number}",)).fetchone() is None:
                time.sleep(0.001)
            taken.append(time.perf_counter() - committed)
    stop.set()
    running.join()
    return sorted(seconds * 1000 for seconds in taken)


def prepare(server: postgres.Server) -> None:
    """The schema, a plain table, a ring of keys; the actor has a data key already, as anybody who ever acted."""
    wsgi.rooms()
    owner = create_engine(server.url("databourse_owner"))
    with owner.begin() as connection:
        schema.create(connection)
        connection.exec_driver_sql(PLAIN)
        connection.exec_driver_sql("GRANT SELECT, INSERT ON plain TO databourse_app")
    owner.dispose()
    vault.bind(vault.KeyRing.generate())
    clock.allow_offset(demonstration=False)
    clock.set_offset(timedelta())


def main() -> None:
    """Run all of it on an embedded server with its normal safety."""
    with tempfile.TemporaryDirectory(prefix="databourse-bench-") as folder:
        Path(folder).chmod(0o755)
        with postgres.start(Path(folder)) as server:
            prepare(server)
            for clients in (1, 8, 32):
                compare(server, f"journal_append_{clients}", append, clients)
                compare(server, f"verb_append_{clients}", verb, clients)
            compare(server, "journal_statement_8", statement, 8)
            signer = Signer("localhost/bench", Ed25519PrivateKey.generate())
            sequencer = Sequencer(server.conninfo("databourse_sequencer"), signer)
            sequencer.open()
            db.bind(server.url("databourse_app"))
            while sequencer.step():  # what the writers left
                pass
            drain(server, sequencer)
            taken = seal_ms(server, sequencer)
            print(f"journal_seal_p50_ms {statistics.median(taken):.0f} ms", flush=True)
            print(f"journal_seal_p99_ms {taken[math.ceil(0.99 * len(taken)) - 1]:.0f} ms", flush=True)
            sequencer.close()
            db.engine().dispose()


if __name__ == "__main__":
    main()
