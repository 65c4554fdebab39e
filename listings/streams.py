"""Pieces of bytes as a binary file, and work on them beside the thread that passes them on.

Hashes, the cipher and the object store let go of the interpreter while they work on a block, so threads get the second
core. All of them are bounded: whoever is too far ahead waits.
"""

import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, BinaryIO, Final, Self, TypeVar

Item = TypeVar("Item")

BLOCK_BYTES = 1024 * 1024
#: So many items are made, or wait to be worked on, besides the one in hand.
BLOCKS_AHEAD = 2

_END: Final = object()


def reader(pieces: Iterable[bytes]) -> BinaryIO:
    """A file to be read once from start to end; about 1 MiB beyond the present piece is in memory.

    Errors of ``pieces`` come through from the read that meets them.
    """
    return io.BufferedReader(_Pieces(pieces), BLOCK_BYTES)


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items, the next ``BLOCKS_AHEAD`` of them being made in a thread while the present one is used.

    An error of ``items`` comes through where it arose: behind the items before it.
    """
    with ThreadPoolExecutor(1) as thread:
        made = deque(thread.submit(next, items, _END) for _ in range(BLOCKS_AHEAD))
        try:
            while (item := made.popleft().result()) is not _END:
                made.append(thread.submit(next, items, _END))
                yield item  # type: ignore[misc]  # all but the mark of the end are items
        finally:
            thread.shutdown(cancel_futures=True)


class Aside:
    """Calls ``work`` with the blocks that it is given, one after another, in a thread: a context manager.

    The thread is at most ``BLOCKS_AHEAD`` blocks behind, and has done them all when the context ends without an error.
    An error of ``work`` comes through from a later call, or from the end of the context.
    """

    def __init__(self, work: Callable[[bytes], object]) -> None:
        self._work = work
        self._thread = ThreadPoolExecutor(1)
        self._waiting: deque[Future[object]] = deque()

    def __call__(self, block: bytes) -> None:
        """Let the thread work on ``block``; waits while the thread is too far behind."""
        if len(self._waiting) == BLOCKS_AHEAD:
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(self._work, block))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._thread.shutdown(cancel_futures=error is not None)
        if error is None:
            for done in self._waiting:
                done.result()


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
