"""Whether the stories told in a log are whole: each subject's numbers without a gap, each link to a subject told of.

Entries also link to things of which no log tells, as operations at a bank: a link is missed where the log tells of
others of its target's kind, which is what stands before the underscore.

What chunks of the log told is spilled to temporary files by subject, and each file is looked at alone; so memory holds
the subjects of one file, however long the log is.
"""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Final, Self

from exchange.journal import frame
from exchange.journal.findings import Finding
from exchange.journal.fsck_findings import finding

#: Leaves for each file, and the most files there are.
_LEAVES_A_FILE: Final = 1 << 18
_MOST_FILES: Final = 256
#: A link may lead to a subject told of for the first time in the same transaction, whose entry got its place one batch
#: of the sequencer later: nothing is said of links from the newest leaves.
SETTLING: Final = 4096


class Stories:
    """Collects what chunks tell, in the log's order; to be used as a context manager.

    Args:
        size: Leaves of the log.
    """

    def __init__(self, size: int) -> None:
        self._settled = size - SETTLING
        self._count = max(1, min(_MOST_FILES, size // _LEAVES_A_FILE))
        self._kinds: set[bytes] = set()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._files = [self._stack.enter_context(tempfile.TemporaryFile()) for _ in range(self._count)]  # noqa: SIM115
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def add(self, first: Mapping[bytes, int], last: Mapping[bytes, int], links: Mapping[bytes, int]) -> None:
        """Take a chunk: of each subject the first and the last number told, of lists of links a leaf that has each."""
        lines: list[list[bytes]] = [[] for _ in self._files]
        for subject, number in first.items():
            self._kinds.add(_kind(subject))
            lines[hash(subject) % self._count].append(b"%b %d %d\n" % (subject, number, last[subject]))
        outward = {subject: index for linked, index in links.items() for subject in frame.subjects(linked)}
        for subject, index in outward.items():
            if subject not in last and index < self._settled:
                lines[hash(subject) % self._count].append(b"%b %d\n" % (subject, index))
        for file, part in zip(self._files, lines, strict=True):
            file.writelines(part)

    def put_together(self) -> Iterator[list[Finding]]:
        """What is wrong, part by part."""
        for file in self._files:
            file.seek(0)
            yield list(_look_through(file, self._kinds))


def _kind(subject: bytes) -> bytes:
    return subject.partition(b"_")[0]


def _look_through(lines: Iterable[bytes], kinds: set[bytes]) -> Iterator[Finding]:
    reached: dict[bytes, int] = {}
    links: dict[bytes, bytes] = {}
    for line in lines:
        subject, *numbers = line.split()
        if len(numbers) == 1:
            links[subject] = numbers[0]
            continue
        first, last = map(int, numbers)
        before = reached.get(subject, 0)
        if first != before + 1:
            yield finding("subject.gap", subject.decode(), f"{first} follows {before}")
        reached[subject] = last
    for subject, index in links.items():
        if subject not in reached and _kind(subject) in kinds:
            yield finding("link.unknown", subject.decode(), f"from {index.decode()}")
