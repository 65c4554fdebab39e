"""The sequencer: gives entries their place in the tree and signs checkpoints.

There is one at a time, held apart by a session-level advisory lock on the very connection that writes. Entries are
taken in the order their transactions queued them, whatever commits later comes later: nothing is ever sealed «up to the
highest id». A batch's indices, tiles and checkpoint commit together, and only then is the checkpoint public.
"""

import logging
import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from exchange import clock
from exchange.journal import checkpoint, merkle, note
from exchange.journal.tiles import TreeBuilder

log = logging.getLogger(__name__)

#: The advisory lock's key: the first eight bytes of SHA-256("databourse sequencer"), as a signed integer.
LOCK = -1165752108795089680

_BATCH = """
    WITH taken AS (
        DELETE FROM journal_pending
        WHERE position IN (SELECT position FROM journal_pending ORDER BY position LIMIT %s)
        RETURNING position, entry_id
    )
    SELECT e.id, e.body FROM taken JOIN journal_entry e ON e.id = taken.entry_id ORDER BY taken.position
"""
_PUT_TILE = """
    INSERT INTO journal_tile (level, index, hashes) VALUES (%s, %s, %s)
    ON CONFLICT (level, index) DO UPDATE SET hashes = excluded.hashes
"""
_LAST = "SELECT size, root, note, signed_at FROM journal_checkpoint ORDER BY size DESC LIMIT 1"


class SequencerRefuses(RuntimeError):
    """The log must not grow.

    Another sequencer runs, the stored tree is not the one last signed, the key is not the one that signed it, or the
    clock went back.
    """


@dataclass(frozen=True, slots=True)
class Settings:
    """``interval_seconds`` between batches when there is little work; ``batch`` entries at most in one transaction."""

    interval_seconds: float = 0.2
    batch: int = 2000


class Sequencer:
    """Owns one database connection, the right edge of the tree and the signing key, whose name is the log's origin."""

    def __init__(self, conninfo: str, signer: note.Signer, settings: Settings | None = None) -> None:
        self._conninfo = conninfo
        self._signer = signer
        self._settings = settings or Settings()
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        self._tree = TreeBuilder()
        self._signed_at: datetime | None = None

    def open(self) -> None:
        """Take the lock and load the tree.

        Raises:
            SequencerRefuses: See the class.
        """
        connection = psycopg.connect(self._conninfo, autocommit=True, row_factory=tuple_row)
        self._connection = connection
        try:
            self._take_lock()
            self._load()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the connection and, with it, of the lock."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def step(self) -> int:
        """Sequence one batch; returns how many entries it took (0: nothing waited).

        After an error the tree is loaded again from what is committed.
        """
        try:
            return self._batch()
        except BaseException:
            if self._connection is not None and not self._connection.closed:
                self._load()
            raise

    def run(self, stop: threading.Event) -> None:
        """Sequence until ``stop`` is set, then once more so that nothing committed is left waiting."""
        while not stop.is_set():
            if self.step() < self._settings.batch:
                stop.wait(self._settings.interval_seconds)
        self.step()

    @property
    def _db(self) -> psycopg.Connection[tuple[Any, ...]]:
        if self._connection is None:
            raise SequencerRefuses("the sequencer is not open")
        return self._connection

    def _take_lock(self) -> None:
        if self._db.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,)).fetchone() != (True,):
            raise SequencerRefuses("another sequencer is running")

    def _load(self) -> None:
        """Read the right edge and hold it against the last checkpoint: start and recovery take the same path."""
        last = self._db.execute(_LAST).fetchone()
        if last is None:
            leaves = self._db.execute("SELECT count(*) FROM journal_leaf").fetchone()
            if leaves != (0,):
                raise SequencerRefuses("there are leaves and no checkpoint")
            self._tree, self._signed_at = TreeBuilder(), None
            return
        size, root, text, signed_at = last
        try:
            signed = checkpoint.parse(note.open(text, [self._signer.vkey]))
        except note.InvalidNote as error:
            raise SequencerRefuses("the last checkpoint was not signed by this key") from error
        if (signed.origin, signed.size, signed.root) != (self._signer.name, size, bytes(root)):
            raise SequencerRefuses("the last checkpoint does not say what its row says")
        highest = self._db.execute("SELECT max(index) FROM journal_leaf").fetchone()
        tree = TreeBuilder.load(size, self._read_tile)
        if highest != (size - 1,) or tree.root() != signed.root:
            raise SequencerRefuses("the stored tree is not the one that was signed last")
        if signed_at > clock.real_now():
            raise SequencerRefuses("the clock went back behind the last checkpoint")
        self._tree, self._signed_at = tree, signed_at

    def _read_tile(self, level: int, index: int, width: int) -> bytes:
        row = self._db.execute(
            "SELECT hashes FROM journal_tile WHERE level = %s AND index = %s", (level, index)
        ).fetchone()
        if row is None:
            raise SequencerRefuses("a tile of the signed tree is missing")
        return bytes(row[0])[: width * merkle.HASH_BYTES]

    def _batch(self) -> int:
        with self._db.transaction():
            rows = self._db.execute(_BATCH, (self._settings.batch,), binary=True).fetchall()
            if not rows:
                return 0
            signed_at = clock.real_now()
            if self._signed_at is not None and signed_at < self._signed_at:
                raise SequencerRefuses("the clock went back behind the last checkpoint")
            first = self._tree.size
            dirty = self._tree.append([merkle.leaf_hash(bytes(body)) for _, body in rows])
            root = self._tree.root()
            text = note.sign(checkpoint.format(self._signer.name, self._tree.size, root), self._signer)
            with self._db.cursor() as cursor:
                with cursor.copy("COPY journal_leaf (index, entry_id) FROM STDIN") as copy:
                    for offset, (entry_id, _) in enumerate(rows):
                        copy.write_row((first + offset, entry_id))
                cursor.executemany(_PUT_TILE, [(tile.level, tile.index, tile.hashes) for tile in dirty])
                cursor.execute(
                    "INSERT INTO journal_checkpoint (size, root, note, signed_at) VALUES (%s, %s, %s, %s)",
                    (self._tree.size, root, text, signed_at),
                )
        self._signed_at = signed_at
        log.info("checkpoint %d", self._tree.size)
        return len(rows)
