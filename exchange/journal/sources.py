"""Where a log can be read from, to check or to copy it: its database, a folder, or a site (C2SP tlog-tiles).

All of them answer alike. What is not there, or not given to the reader, is ``None``: to say what that means is the
reader's business. A source is opened from its address, so that every process of a check has its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import psycopg

from exchange.journal import merkle, tiles
from exchange.journal.fetch import Unreachable, fetch

#: Bundles fetched from the database with one statement.
GROUP: Final = 32
#: The largest bundle there can be: 256 entries and their lengths.
_ANSWER_LIMIT_BYTES: Final = tiles.WIDTH * (2 + 0xFFFF)
#: What a site says to who may not read entries, or gives no purpose; and where it has no such file.
_REFUSALS: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.CONFLICT})
_ABSENT: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})

#: The entries of a row of bundles, each as C2SP lays it out, and beside it the copies of fields that searches use, in
#: the form in which they stand in the entries.
_BUNDLES: Final = """
    SELECT b.bundle, found.*, t.hashes
    FROM generate_series(%(first)s::bigint, %(last)s::bigint - 1) AS b (bundle) CROSS JOIN LATERAL (
        SELECT min(l.index) & 255, count(*), count(e.id),
            string_agg(substring(int4send(octet_length(e.body)) FROM 3) || e.body, ''::bytea ORDER BY l.index),
            string_agg(
                concat_ws('|', e.action, to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), e.id,
                    CASE WHEN cardinality(e.links) = 0 THEN '' ELSE '"' || array_to_string(e.links, '","') || '"' END,
                    coalesce('"' || e.org_id || '"', 'null'), e.seq, e.subject), E'\\n' ORDER BY l.index)
        FROM journal_leaf l LEFT JOIN journal_entry e ON e.id = l.entry_id
        WHERE l.index >= b.bundle * 256 AND l.index < least(b.bundle * 256 + 256, %(size)s)) AS found
    LEFT JOIN journal_tile t ON t.level = 0 AND t.index = b.bundle ORDER BY b.bundle
"""
#: A group of bundles is sorted in memory, and its entries are looked up one by one: nothing reads a whole table for it.
_SETTINGS: Final = "SET work_mem = '64MB'; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off"
_REMAINS: Final = """
    SELECT l.index, e.body FROM journal_leaf l JOIN journal_entry e ON e.id = l.entry_id
    WHERE l.index >= %s AND l.index < %s
"""
_TILE: Final = "SELECT substring(hashes FOR %s) FROM journal_tile WHERE level = %s AND index = %s"
_CHECKPOINTS: Final = "SELECT size, root, note FROM journal_checkpoint WHERE size > %s AND size <= %s ORDER BY size"
#: The newest checkpoint of a range of sizes as it is published: the log's own note, then the lines of witnesses.
_PUBLISHED: Final = """
    SELECT c.note || coalesce(
        (SELECT string_agg(w.line, '' ORDER BY w.received_at, w.name, w.key_id)
        FROM journal_cosignature w WHERE w.size = c.size), '')
    FROM journal_checkpoint c WHERE c.size > %s AND c.size <= %s ORDER BY c.size DESC LIMIT 1
"""
_NO_LIMIT: Final = (1 << 63) - 1


class Unreadable(Exception):
    """The source does not answer, or not as a log does."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle of ``width`` leaves: its entries and the tile of their hashes, ``None`` where not there or not given.

    ``copies`` are what the database keeps of each entry beside its bytes, a line each. Where it lacks some of the
    entries, ``remains`` are those that it has, in their places.
    """

    index: int
    width: int
    entries: bytes | None
    tile: bytes | None
    copies: list[bytes] | None = None
    remains: list[bytes | None] | None = None


class Stored(NamedTuple):
    """A kept checkpoint: its note, and what the row beside it says of size and root (``None`` where there is none)."""

    note: str
    size: int | None = None
    root: bytes | None = None


class Source(Protocol):
    """What every source offers."""

    def newest(self) -> str | None:
        """The newest checkpoint, a signed note."""

    def checkpoints(self, after: int, upto: int) -> Iterator[Stored]:
        """The kept checkpoints with sizes in (``after``, ``upto``], where older ones are kept."""

    def tile(self, level: int, index: int, width: int) -> bytes | None:
        """The first ``width`` hashes of a tile, or as many as there are."""

    def bundles(self, first: int, last: int, size: int) -> Iterator[Bundle]:
        """The bundles [``first``, ``last``) of a log of ``size`` leaves."""

    def close(self) -> None:
        """Let go of connections."""


class DatabaseSource:
    """The log where it is written."""

    def __init__(self, conninfo: str) -> None:
        self.connection = psycopg.connect(conninfo, autocommit=True)
        self.connection.execute(_SETTINGS)

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def newest(self) -> str | None:
        """The newest checkpoint, with the cosignatures it has so far."""
        return self.published(-1, _NO_LIMIT)

    def published(self, after: int, upto: int) -> str | None:
        """The newest checkpoint with a size in (``after``, ``upto``], with its cosignatures."""
        row = self.connection.execute(_PUBLISHED, (after, upto)).fetchone()
        return None if row is None else row[0]

    def checkpoints(self, after: int, upto: int) -> Iterator[Stored]:
        """All of them: none is ever deleted."""
        with self.connection.cursor(binary=True) as cursor:
            for size, root, text in cursor.execute(_CHECKPOINTS, (after, upto)):
                yield Stored(text, size, root)

    def tile(self, level: int, index: int, width: int) -> bytes | None:
        """From the tile's row, which may be wider by now."""
        with self.connection.cursor(binary=True) as cursor:
            row = cursor.execute(_TILE, (width * merkle.HASH_BYTES, level, index)).fetchone()
        return None if row is None else row[0]

    def bundles(self, first: int, last: int, size: int) -> Iterator[Bundle]:
        """Made by the database, ``GROUP`` at a time."""
        for start in range(first, last, GROUP):
            limits = {"first": start, "last": min(start + GROUP, last), "size": size}
            with self.connection.cursor(binary=True) as cursor:
                rows = cursor.execute(_BUNDLES, limits).fetchall()
            for row in rows:
                yield self._bundle(row, size)

    def _bundle(self, row: tuple[Any, ...], size: int) -> Bundle:
        index, offset, leaves, present, entries, copies, tile = row
        width = tiles.width_at(0, index, size)
        hashes = None if tile is None else tile[: width * merkle.HASH_BYTES]
        if offset == 0 and leaves == present == width:
            return Bundle(index, width, entries, hashes, copies.encode().split(b"\n"))
        return Bundle(index, width, None, hashes, None, self._remains(index * tiles.WIDTH, width))

    def _remains(self, first: int, width: int) -> list[bytes | None]:
        found: list[bytes | None] = [None] * width
        with self.connection.cursor(binary=True) as cursor:
            for index, body in cursor.execute(_REMAINS, (first, first + width)):
                found[index - first] = body
        return found


class _Files:
    """A log as files: the checkpoint, tiles and bundles by their paths."""

    def read(self, path: str) -> bytes | None:
        raise NotImplementedError

    def newest(self) -> str | None:
        """The checkpoint."""
        data = self.read("checkpoint")
        return None if data is None else _text(data)

    def checkpoints(self, after: int, upto: int) -> Iterator[Stored]:  # noqa: ARG002  (one question for all sources)
        """None: files hold the newest one only."""
        return iter(())

    def tile(self, level: int, index: int, width: int) -> bytes | None:
        """From the file of this width; once the tile is full its partial forms may be gone."""
        found = self.read(tiles.tile_path(level, index, width))
        if found is None and width < tiles.WIDTH:
            full = self.read(tiles.tile_path(level, index))
            found = None if full is None else full[: width * merkle.HASH_BYTES]
        return found

    def bundles(self, first: int, last: int, size: int) -> Iterator[Bundle]:
        """A file each, and a tile of hashes each."""
        for index in range(first, last):
            width = tiles.width_at(0, index, size)
            yield Bundle(index, width, self.read(tiles.entries_path(index, width)), self.tile(0, index, width))

    def close(self) -> None:
        """Nothing is held open."""


class FolderSource(_Files):
    """An exported log, or a bucket's copy of one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, path: str) -> bytes | None:
        """The file, if it is there.

        Raises:
            Unreadable: It is there and cannot be read.
        """
        try:
            return (self._folder / path).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unreadable(f"{path}: {error.strerror}") from error


class HttpSource(_Files):
    """A log's site; ``token`` opens the bundles of entries to who may read them."""

    def __init__(self, prefix: str, token: str | None = None) -> None:
        self._prefix = prefix.rstrip("/")
        self._token = token
        self._guarded = False

    def read(self, path: str) -> bytes | None:
        """What the site answers; ``None`` when it has no such file or does not give it to this reader.

        Raises:
            Unreadable: It does not answer, or says too much.
        """
        entries = path.startswith("tile/entries/")
        if entries and self._guarded:
            return None
        headers = {"Authorization": f"Bearer {self._token}"} if entries and self._token else {}
        try:
            answer = fetch(f"{self._prefix}/{path}", limit_bytes=_ANSWER_LIMIT_BYTES, headers=headers)
        except Unreachable as error:
            raise Unreadable(f"{path}: {error}") from error
        if answer.status == HTTPStatus.OK:
            return answer.body
        if entries and answer.status in _REFUSALS:
            self._guarded = True  # so are all others: they need not be asked for
        elif answer.status not in _ABSENT:
            raise Unreadable(f"{path}: the site answered {answer.status}")
        return None


@dataclass(frozen=True, slots=True)
class Address:
    """Where a log is; what every process of a check opens it from.

    ``conninfo`` is a database's, else ``place`` a folder or the URL of a site.
    """

    conninfo: str | None = field(default=None, repr=False)
    place: str = ""
    token: str | None = field(default=None, repr=False)

    def open(self) -> Source:
        """The source.

        Raises:
            Unreadable: There is no such folder.
        """
        if self.conninfo is not None:
            return DatabaseSource(self.conninfo)
        if "://" in self.place:
            return HttpSource(self.place, self.token)
        folder = Path(self.place)
        if not folder.is_dir():
            raise Unreadable(f"{self.place}: no such folder")
        return FolderSource(folder)


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Unreadable("the checkpoint is not UTF-8") from error
