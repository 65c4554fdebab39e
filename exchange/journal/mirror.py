"""The public log as files in an object store: a bucket or a CDN serves it on without the database.

What is public goes there, and nothing else: tiles of hashes and the checkpoint. The checkpoint is written last, so the
copy is a whole log at any moment, perhaps an older one; it is also the mark from which the next round goes on. So the
copy is never ahead of the database either. Should the database ever hold another log than the mark says, or less of it,
it was set back: the copy then is evidence, and is left as it is.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Final

from exchange.journal import checkpoint, note, tiles
from exchange.journal.sources import DatabaseSource, Unreadable
from exchange.storage import ObjectMissing, StorageUnavailable, Store

log = logging.getLogger(__name__)

CHECKPOINT: Final = "checkpoint"
#: Leaves brought over with one checkpoint. A long way is gone in steps, so that the worker gets to its other work.
STEP: Final = 64 * tiles.WIDTH
PAUSE_SECONDS: Final = 5.0
#: The advisory lock's key: the first eight bytes of SHA-256("databourse mirror"), as a signed integer.
_LOCK: Final = 6803224560748054503

_TEXT = {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "public, max-age=1, must-revalidate"}
_BYTES = {"Content-Type": "application/octet-stream", "Cache-Control": "public, max-age=31536000, immutable"}


class OtherLog(Exception):
    """The copy's checkpoint is not one of the database's: it is of another log, or the database was set back."""


class Mirror:
    """The worker's round that keeps the copy. Several workers may have one: a lock lets one of them write.

    Args:
        store: Where the copy lies.
        conninfo: The database, in the application's role.
        pause_seconds: Rest between rounds when there is nothing more to bring over.
        clock: Seconds that only go forward.
    """

    def __init__(
        self,
        store: Store,
        conninfo: str,
        *,
        pause_seconds: float = PAUSE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._conninfo = conninfo
        self._pause_seconds = pause_seconds
        self._clock = clock
        self._rests_until = 0.0

    def __call__(self) -> bool:
        """Bring over one step; whether there is more at once."""
        if self._clock() < self._rests_until:
            return False
        try:
            more = self.step()
        except StorageUnavailable:
            log.warning("the log's mirror does not answer")
            more = False
        except OtherLog as problem:
            log.error("the log's mirror is left as it is: %s", problem)  # noqa: TRY400  (its traceback says nothing)
            more = False
        if not more:
            self._rests_until = self._clock() + self._pause_seconds
        return more

    def step(self) -> bool:
        """Go on from the mark to the next checkpoint within ``STEP`` leaves; whether there is a later one.

        Raises:
            OtherLog: See the class.
            StorageUnavailable: The store takes nothing now.
            Unreadable: The database lacks a tile of its own tree.
        """
        with closing(DatabaseSource(self._conninfo)) as source:
            if source.connection.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,)).fetchone() != (True,):
                return False
            newest = source.newest()
            if newest is None:
                return False
            mark = self._mark()
            if mark == newest:
                return False
            before = 0 if mark is None else self._require_own(source, mark)
            text = source.published(before, before + STEP) or newest
            size = _size(text)
            for level, index, width in _grown(before, size):
                self._put_tile(source, level, index, width)
            self._store.put(CHECKPOINT, [text.encode()], headers=_TEXT)
            for path in _outgrown(before, size):
                for partial in self._store.list(path + ".p"):
                    self._store.delete(partial)
            return text != newest

    def _mark(self) -> str | None:
        try:
            with self._store.open(CHECKPOINT) as file:
                return file.read(note.SIZE_LIMIT_BYTES + 1).decode()
        except ObjectMissing:
            return None
        except UnicodeDecodeError as error:
            raise OtherLog("its checkpoint is no text") from error

    def _require_own(self, source: DatabaseSource, mark: str) -> int:
        """The size of the copy, whose checkpoint must be one that the database has."""
        try:
            tree = checkpoint.parse(note.text_of(mark))
        except note.InvalidNote as error:
            raise OtherLog("its checkpoint cannot be read") from error
        kept = source.published(tree.size - 1, tree.size)
        if kept is None:
            raise OtherLog(f"the database has no checkpoint of {tree.size} leaves")
        if note.text_of(kept) != note.text_of(mark):
            raise OtherLog(f"the database has another root at {tree.size} leaves")
        return tree.size

    def _put_tile(self, source: DatabaseSource, level: int, index: int, width: int) -> None:
        path = tiles.tile_path(level, index, width)
        data = source.tile(level, index, width)
        if data is None:
            raise Unreadable(f"{path} is missing")
        self._store.put(path, [data], headers=_BYTES)


def _size(text: str) -> int:
    return checkpoint.parse(note.text_of(text)).size


def _grown(before: int, size: int) -> Iterator[tuple[int, int, int]]:
    """Level, index and width of the tiles that a tree of ``size`` has and one of ``before`` leaves had not."""
    level = 0
    while size >> (tiles.HEIGHT * level):
        index = (before >> (tiles.HEIGHT * level)) // tiles.WIDTH
        while width := tiles.width_at(level, index, size):
            if width > tiles.width_at(level, index, before):
                yield level, index, width
            index += 1
        level += 1


def _outgrown(before: int, size: int) -> Iterator[str]:
    """The paths of full tiles whose partial form a tree of ``before`` leaves had."""
    for level, index, width in _grown(before, size):
        if width == tiles.WIDTH and tiles.width_at(level, index, before):
            yield tiles.tile_path(level, index)
