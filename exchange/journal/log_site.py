"""A log's site, read by whoever checks the log from outside (c2sp.org/tlog-tiles)."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, NoReturn
from urllib.parse import urlencode

from exchange.journal import fetch, merkle, note, tiles
from exchange.journal.fetch import Unreachable

_BUNDLE_LIMIT_BYTES: Final = tiles.WIDTH * (2 + 0xFFFF)
_TILE_LIMIT_BYTES: Final = tiles.WIDTH * merkle.HASH_BYTES
_NOT_THERE: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_NOT_GIVEN: Final = _NOT_THERE | {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.CONFLICT}


@dataclass(frozen=True, slots=True)
class Site:
    """Where a log is read; addresses are without a trailing slash.

    Args:
        prefix: Of its checkpoint and tiles.
        entries: Of its bundles of entries.
        token: Opens the bundles, where they are guarded.
        purpose: What they are read for, where that is asked.
    """

    prefix: str
    entries: str
    token: str | None = field(default=None, repr=False)
    purpose: str = ""

    def checkpoint(self) -> str:
        """The newest checkpoint.

        Raises:
            Unreachable: There is none, or no answer.
        """
        return self._note("checkpoint") or _missing("checkpoint")

    def witnessed(self) -> str | None:
        """The newest checkpoint with a quorum, where the log shows one apart."""
        return self._note("witnessed")

    def tile(self, level: int, index: int, width: int) -> bytes:
        """The first ``width`` hashes of a tile; of a partial tile that is gone, those of the full one.

        Raises:
            Unreachable: It is not there, or there is no answer.
        """
        paths = dict.fromkeys((tiles.tile_path(level, index, width), tiles.tile_path(level, index)))
        for path in paths:
            answer = fetch.fetch(f"{self.prefix}/{path}", limit_bytes=_TILE_LIMIT_BYTES)
            if answer.status == HTTPStatus.OK:
                return answer.body[: width * merkle.HASH_BYTES]
            if answer.status not in _NOT_THERE:
                raise Unreachable(f"{path}: the site answered {answer.status}")
        return _missing(next(iter(paths)))

    def bundle(self, index: int, width: int) -> bytes | None:
        """A bundle of entries; ``None`` when it is not given to this reader.

        Raises:
            Unreachable: There is no answer.
        """
        path = tiles.entries_path(index, width)
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        query = f"?{urlencode({'purpose': self.purpose})}" if self.purpose else ""
        answer = fetch.fetch(f"{self.entries}/{path}{query}", headers=headers, limit_bytes=_BUNDLE_LIMIT_BYTES)
        if answer.status == HTTPStatus.OK:
            return answer.body
        if answer.status in _NOT_GIVEN:
            return None
        raise Unreachable(f"{path}: the site answered {answer.status}")

    def _note(self, path: str) -> str | None:
        answer = fetch.fetch(f"{self.prefix}/{path}", limit_bytes=note.SIZE_LIMIT_BYTES)
        if answer.status in _NOT_THERE:
            return None
        if answer.status != HTTPStatus.OK:
            raise Unreachable(f"{path}: the site answered {answer.status}")
        return answer.text


def _missing(path: str) -> NoReturn:
    raise Unreachable(f"{path}: the site has no such file")
