"""``kill -9`` of the sequencer in each of its phases while eight write: what was acknowledged is in the log, once."""

import multiprocessing
import os
import random
import secrets
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from conftest import Database
from faults import sequencer_victim as victim
from faults.whole_log import rehashed

from exchange.actors import Actor
from exchange.db import transaction
from exchange.journal import checkpoint, entry, note

SEED = int(os.environ.get("SEED", "20260701"))
WRITERS = 8
#: How often it is killed wherever it is, besides once before each line.
AT_ANY_MOMENT = 6
#: Between two entries of a writer: the database is the sequencer's, too.
PACE_SECONDS = 0.01
AUDITOR = Actor("per_auditor", "org_operator", frozenset({"auditor"}))


def phases(conninfo: str, key: bytes) -> list[tuple[str, int]]:
    """The lines that a sequencer comes by when it starts on a log that has grown, and takes a batch."""
    seen: dict[tuple[str, int], None] = {}
    sequence(conninfo, key)
    tell("prd_first", 1)
    traced = sys.gettrace()
    try:
        victim.before_each_line(lambda *line: seen.setdefault(line))
        sequence(conninfo, key)
    finally:
        sys.settrace(traced)
    return list(seen)


def sequence(conninfo: str, key: bytes) -> None:
    """Take what waits."""
    sequencer = victim.made(conninfo, key)
    sequencer.open()
    while sequencer.step():
        pass
    sequencer.close()


def tell(subject: str, number: int) -> None:
    with transaction(AUDITOR) as tx:
        tx.record(subject, "subject.seen", by="auditor", facts={"n": number})


@contextmanager
def written(acknowledged: Counter[str]) -> Iterator[None]:
    """Eight writers, each of whom tells of its own subject and counts what was committed."""
    stop, failed = threading.Event(), []

    def write(subject: str) -> None:
        try:
            while not stop.wait(PACE_SECONDS):
                tell(subject, acknowledged[subject])
                acknowledged[subject] += 1
        except BaseException as error:
            failed.append(error)
            raise

    writers = [threading.Thread(target=write, args=(f"prd_writer{number}",)) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    try:
        yield
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert not failed


def test_what_was_acknowledged_is_in_the_log_once_wherever_the_sequencer_is_killed(
    db: Database, tmp_path: Path
) -> None:
    dice, key = random.Random(SEED), secrets.token_bytes(32)  # noqa: S311  (so that a failure can be repeated)
    conninfo, acknowledged = db.conninfo("sequencer"), Counter[str]()
    tell("prd_first", 0)
    fates: list[tuple[str, int] | None] = [*phases(conninfo, key), *[None] * AT_ANY_MOMENT]
    dice.shuffle(fates)
    assert len(fates) > 20
    signed: dict[int, bytes] = {}
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["faults.sequencer_victim"])
    with written(acknowledged):
        for turn, fate in enumerate(fates):
            running = tmp_path / str(turn)
            process = context.Process(target=victim.run, args=(conninfo, key, fate, running))
            process.start()
            if fate is None:
                while process.is_alive() and not running.exists():
                    time.sleep(0.001)
                time.sleep(dice.uniform(0, 0.03))
                process.kill()
            process.join()
            assert process.exitcode == -signal.SIGKILL, (SEED, fate)
            signed |= newest(db)
    sequence(conninfo, key)
    roots = rehashed(
        db.conninfo("owner"), victim.signer(key).vkey
    )  # one place for each, no gap, nothing waits, every signed root right
    assert len(signed) > 1
    assert {size: roots.get(size) for size in signed} == signed
    assert told(db) == {subject: list(range(count)) for subject, count in (acknowledged | {"prd_first": 2}).items()}


def newest(db: Database) -> dict[int, bytes]:
    """What the public checkpoint says after a death: it is never taken back."""
    with psycopg.connect(db.conninfo("app")) as connection:
        row = connection.execute("SELECT note FROM journal_checkpoint ORDER BY size DESC LIMIT 1").fetchone()
    tree = checkpoint.parse(note.text_of(row[0])) if row else None
    return {tree.size: tree.root} if tree else {}


def told(db: Database) -> dict[str, list[int]]:
    """The numbers each writer wrote, in the order of the log."""
    found: dict[str, list[int]] = {}
    query = "SELECT e.body FROM journal_leaf l JOIN journal_entry e ON e.id = l.entry_id ORDER BY l.index"
    with psycopg.connect(db.conninfo("app")) as connection:
        for (body,) in connection.execute(query):
            parsed = entry.parse(body)
            found.setdefault(parsed["subject"], []).append(parsed["facts"]["n"])
            assert parsed["seq"] == len(found[parsed["subject"]])
    return found
