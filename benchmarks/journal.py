"""Appending to the journal and sealing it, against one-row inserts of the same bytes in the same run.

Prints ``journal_append_1`` and ``journal_append_8`` (a business transaction with one entry, as a share of a plain
one-row insert and commit) and ``journal_drain`` (leaves sequenced, as a share of COPY of the same rows).
"""

import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import create_engine

import wsgi
from exchange import clock, db, postgres, schema, vault
from exchange.actors import Actor
from exchange.journal.note import Signer
from exchange.journal.sequencer import Sequencer

SECONDS = 2.0
ROUNDS = 3
ACTOR = Actor("per_bench", "org_bench", frozenset({"auditor"}))
PLAIN = "CREATE TABLE plain (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea NOT NULL)"
BODY = b"x" * 420


def rate(work: Callable[[int], Callable[[], None]], clients: int) -> float:
    """Calls per second of ``work(client)()`` by so many threads."""
    counts, stop = [0] * clients, threading.Event()

    def loop(number: int) -> None:
        call = work(number)
        while not stop.is_set():
            call()
            counts[number] += 1

    threads = [threading.Thread(target=loop, args=(number,)) for number in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    time.sleep(SECONDS)
    stop.set()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - started)


def plain(conninfo: str) -> Callable[[int], Callable[[], None]]:
    """One-row insert and commit, each client on a connection of its own."""

    def client(_number: int) -> Callable[[], None]:
        connection = psycopg.connect(conninfo, autocommit=True)
        return lambda: connection.execute("INSERT INTO plain (body) VALUES (%s)", (BODY,)) and None

    return client


def append(number: int) -> Callable[[], None]:
    """One entry in a transaction of the exchange; each client tells of its own subject."""
    subject = f"prd_bench{number}"

    def call() -> None:
        with db.transaction(ACTOR) as tx:
            tx.record(subject, "subject.seen", by="auditor", facts={"note": "y" * 120})

    return call


def drain(server: postgres.Server) -> float:
    """Leaves per second of the sequencer, as a share of a COPY of as many rows."""
    signer = Signer("localhost/bench", Ed25519PrivateKey.generate())
    sequencer = Sequencer(server.conninfo("databourse_sequencer"), signer)
    sequencer.open()
    started = time.perf_counter()
    leaves = 0
    while taken := sequencer.step():
        leaves += taken
    spent = time.perf_counter() - started
    sequencer.close()
    with psycopg.connect(server.conninfo("databourse_app")) as connection:
        begun = time.perf_counter()
        with connection.cursor().copy("COPY plain (body) FROM STDIN") as copy:
            for _ in range(leaves):
                copy.write_row((BODY,))
        connection.commit()
        copied = time.perf_counter() - begun
    return copied / spent


def main() -> None:
    """Run all of it on an embedded server with its normal safety."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        with postgres.start(Path(folder)) as server:
            wsgi.rooms()
            owner = create_engine(server.url("databourse_owner"))
            with owner.begin() as connection:
                schema.create(connection)
                connection.exec_driver_sql(PLAIN)
                connection.exec_driver_sql("GRANT SELECT, INSERT ON plain TO databourse_app")
            db.bind(server.url("databourse_app"), pool_size=16)
            vault.bind(vault.KeyRing.generate())
            clock.allow_offset(demonstration=False)
            clock.set_offset(timedelta())
            for clients in (1, 8):
                ratios = [
                    rate(append, clients) / rate(plain(server.conninfo("databourse_app")), clients)
                    for _ in range(ROUNDS)
                ]
                print(f"journal_append_{clients} {statistics.median(ratios):.2f} ratio")
            print(f"journal_drain {drain(server):.2f} ratio")
            db.engine().dispose()
            owner.dispose()


if __name__ == "__main__":
    main()
