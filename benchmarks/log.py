"""A whole log: checked against bare SHA-256 of the same bytes, and proofs out of it.

``log_fsck_1e5`` (and ``1e6`` with the argument ``1000000``): entries a second of ``exchange.journal.fsck`` over the
database, every entry hashed again, read, held against tiles and copies, as a share of hashing the same bodies once with
bare SHA-256, one process, from memory; in turns, median of three (of 10^6 once). ``log_fsck_files_…``: the same over
the exported folder. ``…_peak_mb``: the memory that the check of the database added, its processes together.

``log_inclusion_us_…``, ``log_consistency_us_…``: a proof made from the tiles in the database, median, at 10^4 leaves
and at the full size. ``log_bytes_per_entry``: of the tables with all their indexes, against ``log_body_bytes`` of the
body itself.

Entries are synthetic, written by COPY with their tree, as the sequencer would have left them.
"""

import hashlib
import itertools
import json
import os
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import create_engine

import wsgi
from exchange import clock, db, postgres, schema
from exchange.journal import canonical, checkpoint, export, merkle, note, queries
from exchange.journal.fsck import Fsck
from exchange.journal.sources import Address
from exchange.journal.tiles import Tile, TreeBuilder

SMALL, USUAL = 10_000, 100_000
BATCH = 2_000
PROOFS = 200
WARM_UP = 20
ROUNDS = 3
ENTRIES_OF_A_SUBJECT = 8
SUBJECTS_AT_ONCE = 500
STARTED = datetime(2026, 7, 1, tzinfo=UTC)
JOBS = len(os.sched_getaffinity(0))

_TABLES = "journal_entry", "journal_subject", "journal_leaf", "journal_tile", "journal_checkpoint"
_PUT_TILE = """
    INSERT INTO journal_tile (level, index, hashes) VALUES (%s, %s, %s)
    ON CONFLICT (level, index) DO UPDATE SET hashes = excluded.hashes
"""


def entries(size: int) -> Iterator[tuple[str, datetime, str, int, str, str, list[str], bytes]]:
    """Rows of ``journal_entry``: trades of eight steps each, five hundred of them under way at any time."""
    numbers = random.Random(7)  # noqa: S311  (a load, not a secret)
    for index in range(size):
        group, within = divmod(index, ENTRIES_OF_A_SUBJECT * SUBJECTS_AT_ONCE)
        step, place = divmod(within, SUBJECTS_AT_ONCE)
        subject = f"ord_{group * SUBJECTS_AT_ONCE + place:026d}"
        org, links = f"org_{place:026d}", [] if group == 0 else [f"ord_{place:026d}"]
        at = STARTED + timedelta(milliseconds=index)
        entry_id, action = f"ent_{index:026d}", f"order.step_{step}"
        body = {
            "v": 1,
            "id": entry_id,
            "nonce": f"{numbers.getrandbits(128):032x}",
            "at": clock.text(at),
            "org": org,
            "role": "buyer",
            "who": f"{numbers.getrandbits(256):064x}",
            "action": action,
            "subject": subject,
            "seq": step + 1,
            "links": links,
            "facts": {"amount": {"amount": "1200.00", "currency": "CNY"}, "note": "一批数据 " + "x" * 60},
            "digests": {},
        }
        data = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        yield entry_id, at, subject, step + 1, action, org, links, data


def fill(server: postgres.Server, size: int, signer: note.Signer) -> int:
    """Write a log of ``size`` leaves, sealed in batches; returns the bytes of all bodies."""
    tree, total = TreeBuilder(), 0
    made = entries(size)
    with psycopg.connect(server.conninfo("databourse_owner")) as owner, owner.cursor() as cursor:
        cursor.execute("ALTER TABLE journal_entry DISABLE TRIGGER USER")
        while rows := list(itertools.islice(made, BATCH)):
            first = tree.size
            with cursor.copy(
                "COPY journal_entry (id, at, subject, seq, action, org_id, links, body, txid) FROM STDIN"
            ) as copy:
                for row in rows:
                    copy.write_row((*row, "3"))
                    total += len(row[-1])
            with cursor.copy("COPY journal_leaf (index, entry_id) FROM STDIN") as copy:
                for offset, row in enumerate(rows):
                    copy.write_row((first + offset, row[0]))
            dirty = tree.append([merkle.leaf_hash(row[-1]) for row in rows])
            seal(cursor, tree, dirty, signer)
        cursor.execute("INSERT INTO journal_subject SELECT subject, max(seq) FROM journal_entry GROUP BY subject")
        cursor.execute("ALTER TABLE journal_entry ENABLE TRIGGER USER")
        owner.commit()
        owner.autocommit = True
        cursor.execute(f"VACUUM ANALYZE {', '.join(_TABLES)}")
    return total


def seal(cursor: "psycopg.Cursor[Any]", tree: TreeBuilder, dirty: list[Tile], signer: note.Signer) -> None:
    """Keep the tiles that grew, and a checkpoint."""
    cursor.executemany(_PUT_TILE, [(tile.level, tile.index, tile.hashes) for tile in dirty])
    text = note.sign(checkpoint.format(signer.name, tree.size, tree.root()), signer)
    at = STARTED + timedelta(milliseconds=tree.size)
    cursor.execute("INSERT INTO journal_checkpoint VALUES (%s, %s, %s, %s)", (tree.size, tree.root(), text, at))


def bare(size: int) -> float:
    """Seconds to hash the bodies, once each, with nothing else done to them."""
    spent = 0.0
    made = (row[-1] for row in entries(size))
    while bodies := list(itertools.islice(made, BATCH)):
        begun = time.perf_counter()
        for body in bodies:
            hashlib.sha256(body).digest()
        spent += time.perf_counter() - begun
    return spent


def check(address: Address, vkey: str, size: int) -> float:
    """Seconds that a whole check takes, which must find nothing."""
    begun = time.perf_counter()
    result = Fsck(address, [vkey], jobs=JOBS).run()
    spent = time.perf_counter() - begun
    assert (result.findings, result.size, result.entries) == ((), size, size), result
    return spent


def compare(name: str, address: Address, vkey: str, size: int) -> None:
    """Print bare hashing as a share of a whole check, in turns: once only of a log that is larger than usual."""
    ratios = []
    for _ in range(ROUNDS if size <= USUAL else 1):
        limit, spent = bare(size), check(address, vkey, size)
        ratios.append(limit / spent)
        print(f"# {name}: bare {limit:.2f} s, fsck {spent:.2f} s", file=sys.stderr)
    print(f"{name} {statistics.median(ratios):.2f} ratio", flush=True)


def peak_mb() -> float:
    """The most memory this process, and any one of those it started, has held, in MB."""
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return (own + children) / 1024


def median_us(call: Callable[[], object]) -> float:
    """Median microseconds of ``PROOFS`` calls, after some that are not counted."""
    taken = []
    for _ in range(WARM_UP):
        call()
    for _ in range(PROOFS):
        begun = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken) * 1e6


def measure_proofs(size: int, name: str) -> None:
    """Proofs to the tree of ``size``."""
    numbers = random.Random(8)  # noqa: S311  (as above)
    with db.read() as session:
        inclusion = median_us(lambda: queries.inclusion_proof(session, numbers.randrange(size), size))
        consistency = median_us(lambda: queries.consistency_proof(session, numbers.randrange(1, size), size))
    print(f"log_inclusion_us_{name} {inclusion:.0f} us", flush=True)
    print(f"log_consistency_us_{name} {consistency:.0f} us", flush=True)


def measure_space(server: postgres.Server, size: int, body_bytes: int) -> None:
    """Bytes in the database for each entry, all told."""
    with psycopg.connect(server.conninfo("databourse_owner")) as owner:
        total = sum(
            row[0] for name in _TABLES for row in owner.execute("SELECT pg_total_relation_size(%s::regclass)", (name,))
        )
    print(f"log_bytes_per_entry {total / size:.0f} bytes", flush=True)
    print(f"log_body_bytes {body_bytes / size:.0f} bytes", flush=True)


def main(size: int) -> None:
    """Run all of it on an embedded server with its normal safety."""
    assert canonical.loads(next(entries(1))[-1]), "the synthetic entries are canonical"
    signer = note.Signer("localhost/bench", Ed25519PrivateKey.generate())
    name = {USUAL: "1e5", 1_000_000: "1e6"}.get(size, str(size))
    with tempfile.TemporaryDirectory(prefix="databourse-bench-") as folder:
        Path(folder).chmod(0o755)
        with postgres.start(Path(folder)) as server:
            wsgi.rooms()
            owner = create_engine(server.url("databourse_owner"))
            with owner.begin() as connection:
                schema.create(connection)
            owner.dispose()
            total = fill(server, size, signer)
            address = Address(conninfo=server.conninfo("databourse_app"))
            before = peak_mb()
            compare(f"log_fsck_{name}", address, signer.vkey, size)
            print(f"log_fsck_{name}_peak_mb {peak_mb() - before:.0f} MB", flush=True)
            copy = Path(folder) / "copy"
            export.export(address, copy)
            compare(f"log_fsck_files_{name}", Address(place=str(copy)), signer.vkey, size)
            db.bind(server.url("databourse_app"))
            for of, label in ((SMALL, "1e4"), (size, name)):
                measure_proofs(of, label)
            measure_space(server, size, total)
            db.engine().dispose()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else USUAL)
