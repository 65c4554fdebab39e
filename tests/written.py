"""Logs written for tests: through the house into its database, and as files without it."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from conftest import Database

from exchange.actors import Actor
from exchange.db import transaction
from exchange.journal import bundles, checkpoint, merkle, note, tiles
from exchange.journal.sequencer import Sequencer, Settings

TELLER = Actor("per_teller", "org_teller", frozenset({"auditor"}))


def tell(subject: str, *, times: int = 1, links: Iterable[str] = ()) -> None:
    """Entries of one subject, in one transaction."""
    with transaction(TELLER) as tx:
        for number in range(times):
            tx.record(subject, "subject.seen", by="auditor", facts={"n": number}, links=list(links))


def seal(database: Database, signer: note.Signer, batch: int = 2000) -> None:
    """Give every entry its place."""
    sequencer = Sequencer(database.conninfo("sequencer"), signer, Settings(batch=batch))
    sequencer.open()
    try:
        while sequencer.step():
            pass
    finally:
        sequencer.close()


JOURNAL = ("journal_entry", "journal_leaf", "journal_tile", "journal_checkpoint")


@contextmanager
def as_owner(database: Database, *tables: str) -> Iterator[psycopg.Connection]:
    """The owner of the tables with their triggers put aside: who can change anything, and hide it from the database."""
    with psycopg.connect(database.conninfo("owner"), autocommit=True) as owner:
        for table in (*JOURNAL, *tables):
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")  # type: ignore[arg-type]
        yield owner
        for table in (*JOURNAL, *tables):
            owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")  # type: ignore[arg-type]


def body(index: int, subject: str, seq: int, links: Iterable[str] = (), facts: object = None) -> bytes:
    """The canonical bytes of an entry."""
    value = {
        "v": 1,
        "id": f"ent_{index:026d}",
        "nonce": f"{index:032x}",
        "at": "2026-11-23T11:00:00.000000Z",
        "org": "org_1aa",
        "role": "buyer",
        "who": None,
        "action": "order.accepted",
        "subject": subject,
        "seq": seq,
        "links": sorted(links),
        "facts": facts or {},
        "digests": {},
    }
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def write_files(folder: Path, bodies: list[bytes], signer: note.Signer) -> None:
    """A log of ``bodies`` as a folder of tiles and bundles, made without any of the code that checks or copies one."""
    builder = tiles.TreeBuilder()
    for tile in builder.append([merkle.leaf_hash(value) for value in bodies]):
        _put(folder / tiles.tile_path(tile.level, tile.index, tile.width), tile.hashes)
    for first in range(0, len(bodies), 256):
        part = bodies[first : first + 256]
        _put(folder / tiles.entries_path(first // 256, len(part)), bundles.join(part))
    text = checkpoint.format(signer.name, builder.size, builder.root())
    _put(folder / "checkpoint", note.sign(text, signer).encode())


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
