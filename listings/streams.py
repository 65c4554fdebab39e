"""Pieces of bytes as a binary file, for readers that ask for so many bytes at a time."""

import io
from collections.abc import Iterable
from typing import Any, BinaryIO

BLOCK_BYTES = 1024 * 1024


def reader(pieces: Iterable[bytes]) -> BinaryIO:
    """A file to be read once from start to end; about 1 MiB beyond the present piece is in memory.

    Errors of ``pieces`` come through from the read that meets them.
    """
    return io.BufferedReader(_Pieces(pieces), BLOCK_BYTES)


class _Pieces(io.RawIOBase):
    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        room = memoryview(buffer)
        taken = min(len(room), len(self._rest))
        room[:taken] = self._rest[:taken]
        self._rest = self._rest[taken:]
        return taken
