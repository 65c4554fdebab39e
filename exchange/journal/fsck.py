"""Check a whole log: every entry hashed again, every tile, every checkpoint, every subject's story.

A log is cut into chunks of 16,384 leaves, each checked from its own reading: bundles are cut into entries, entries are
hashed and held against the tile of their hashes and against what the database keeps beside them. What a chunk hands on
is small: the hashes of its 64 tiles, of each subject the first and the last number told, and links that lead out of
it. The tree above is built from the former; stories and links are spilled to temporary files by subject and put
together part by part at the end. So memory does not grow with the log.

A faulty hash is told of once: where a tile fits what stands above it, the tree goes on from the tile.
"""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

from exchange.journal import bundles, checkpoint, entry, frame, merkle, note, tiles
from exchange.journal.findings import Finding
from exchange.journal.fsck_database import database_findings
from exchange.journal.fsck_findings import finding
from exchange.journal.fsck_tree import Levels, cached, checkpoint_findings, open_checkpoint
from exchange.journal.sources import Address, Bundle, DatabaseSource, Source
from exchange.journal.stories import Stories

#: Bundles in a chunk: some tenths of a second of work.
CHUNK: Final = 64
#: Findings told of one code; more are counted.
LIMIT_PER_CODE: Final = 100


@dataclass(frozen=True, slots=True)
class Result:
    """The verdict on a log: sound if there are no findings.

    ``origin``, ``size`` and ``root`` (lower hex) are of the newest checkpoint, ``None`` when it could not be verified.
    ``entries`` were hashed again and ``size_bytes`` of them; none where the source does not give them, and then leaves
    are believed to be what the tiles say. ``found`` counts the findings by code, those left out of ``findings`` too.
    """

    findings: tuple[Finding, ...]
    found: dict[str, int]
    origin: str | None = None
    size: int | None = None
    root: str | None = None
    entries: int = 0
    size_bytes: int = 0
    checkpoints: int = 0


@dataclass(slots=True)
class Chunk:
    """What the check of a chunk hands on.

    ``nodes`` are hashes of full tiles, ``tail`` leaves behind the last one. Of each subject ``first`` and ``told`` are
    the first and the last number told; ``links`` are lists of links as entries have them, each with a leaf that does.
    ``mended`` are tiles of level 0 as they should be.
    """

    findings: list[Finding] = field(default_factory=list)
    nodes: list[bytes] = field(default_factory=list)
    tail: list[bytes] = field(default_factory=list)
    first: dict[bytes, int] = field(default_factory=dict)
    told: dict[bytes, int] = field(default_factory=dict)
    links: dict[bytes, int] = field(default_factory=dict)
    mended: dict[int, bytes] = field(default_factory=dict)
    entries: int = 0
    size_bytes: int = 0
    checkpoints: int = 0


class Fsck:
    """One check of one log, up to its newest checkpoint.

    Args:
        address: Where it is.
        vkeys: Keys that its checkpoints may be signed by, from outside.
        jobs: Processes that read; 1 works in this one.
        deep: Whether to parse each entry in full, facts included, which takes ten times as long.

    Raises:
        note.InvalidKey: A key is malformed, or none was given.
    """

    def __init__(self, address: Address, vkeys: Sequence[str], *, jobs: int = 1, deep: bool = False) -> None:
        if not vkeys:
            raise note.InvalidKey("a verifier key from an independent source is required")
        note.check_vkeys(vkeys)
        self._task = _Task(address, tuple(vkeys), deep=deep)
        self._jobs = jobs
        self._tree: checkpoint.Checkpoint | None = None
        self._kept: list[Finding] = []
        self._found: Counter[str] = Counter()
        self._entries = self._size_bytes = self._checkpoints = 0

    def run(self) -> Result:
        """The verdict.

        Raises:
            Unreadable: The source does not answer as a log does.
        """
        for _ in self.steps():
            pass
        return self.result

    @property
    def result(self) -> Result:
        """The verdict, once ``steps`` came to its end."""
        tree = self._tree
        return Result(
            tuple(self._kept),
            dict(self._found),
            origin=tree.origin if tree else None,
            size=tree.size if tree else None,
            root=tree.root.hex() if tree else None,
            entries=self._entries,
            size_bytes=self._size_bytes,
            checkpoints=self._checkpoints + (tree is not None and self._checkpoints == 0),
        )

    def steps(self) -> Iterator[tuple[int, int]]:
        """The check step by step: leaves done, and of how many.

        Raises:
            Unreadable: As ``run``.
        """
        with closing(self._task.address.open()) as source:
            tree = self._tree = self._newest(source)
            if tree is None:
                return
            yield 0, tree.size
            levels = Levels(source, tree.size)
            with Stories(tree.size) as stories:
                done = 0
                for chunk in self._chunks(source, tree):
                    self._tell(chunk.findings)
                    self._tell(levels.add(chunk.nodes, chunk.tail))
                    stories.add(chunk.first, chunk.told, chunk.links)
                    self._entries += chunk.entries
                    self._size_bytes += chunk.size_bytes
                    self._checkpoints += chunk.checkpoints
                    done = min(done + CHUNK * tiles.WIDTH, tree.size)
                    yield done, tree.size
                for found in stories.put_together():
                    self._tell(found)
                    yield done, tree.size
            self._tell(levels.finish(tree.root))
            if isinstance(source, DatabaseSource):
                self._tell(list(database_findings(source)))

    def _chunks(self, source: Source, tree: checkpoint.Checkpoint) -> Iterator[Chunk]:
        tasks = [(tree, first) for first in range(0, -(-tree.size // tiles.WIDTH), CHUNK)]
        if self._jobs == 1 or len(tasks) == 1:
            for task in tasks:
                yield self._task.check(source, *task)
            return
        with ProcessPoolExecutor(self._jobs, initializer=_begin, initargs=(self._task,)) as pool:
            # A few ahead of the one that is waited for, so that results do not pile up.
            waiting = [pool.submit(_work, *task) for task in tasks[: 2 * self._jobs]]
            later = iter(tasks[2 * self._jobs :])
            while waiting:
                yield waiting.pop(0).result()
                waiting += [pool.submit(_work, *task) for task in itertools.islice(later, 1)]

    def _newest(self, source: Source) -> checkpoint.Checkpoint | None:
        text = source.newest()
        if text is None:
            self._tell([finding("checkpoint.missing", "checkpoint")])
            return None
        try:
            return open_checkpoint(text, self._task.vkeys)
        except note.InvalidNote as error:
            self._tell([finding("checkpoint.invalid", "checkpoint", error)])
            return None

    def _tell(self, findings: Sequence[Finding]) -> None:
        for found in findings:
            self._found[found.code] += 1
            if self._found[found.code] <= LIMIT_PER_CODE:
                self._kept.append(found)


@dataclass(frozen=True, slots=True)
class _Task:
    """What every process of a check knows."""

    address: Address
    vkeys: tuple[str, ...]
    deep: bool

    def check(self, source: Source, tree: checkpoint.Checkpoint, first: int) -> Chunk:
        """Check the chunk that begins with bundle ``first``."""
        made = Chunk()
        last = min(first + CHUNK, -(-tree.size // tiles.WIDTH))
        for bundle in source.bundles(first, last, tree.size):
            hashes = self._leaves(source, bundle, tree, made)
            if bundle.width == tiles.WIDTH:
                made.nodes.append(merkle.root(hashes))
            else:
                made.tail = hashes
        self._check_checkpoints(source, tree, first * tiles.WIDTH, made)
        return made

    def _leaves(self, source: Source, bundle: Bundle, tree: checkpoint.Checkpoint, made: Chunk) -> list[bytes]:
        """The leaf hashes of a bundle, from its entries or, where they are not given or do not fit, from its tile."""
        stored = _cut(bundle.tile, bundle.width)
        if stored is None:
            made.findings.append(finding("tile.missing", tiles.tile_path(0, bundle.index, bundle.width)))
        bodies = _bodies(bundle, made)
        if bodies is None:
            return stored or _unknown(bundle)
        self._read(bundle, bodies, made)
        hashes = [merkle.leaf_hash(body) if body is not None else None for body in bodies]
        if hashes == stored:
            return stored
        whole = [value for value in hashes if value is not None]
        if stored is None:
            return self._mend(bundle, whole, made) if len(whole) == bundle.width else _unknown(bundle)
        wrong = [place for place, value in enumerate(hashes) if value not in {None, stored[place]}]
        if len(whole) == bundle.width and not _fits(source, bundle, stored, tree):
            path = tiles.tile_path(0, bundle.index, bundle.width)
            made.findings.append(finding("tile.changed", path, f"hash {wrong[0]}"))
            return self._mend(bundle, whole, made)
        first = bundle.index * tiles.WIDTH
        made.findings += [finding("entry.changed", str(first + place)) for place in wrong]
        return stored

    def _mend(self, bundle: Bundle, hashes: list[bytes], made: Chunk) -> list[bytes]:
        """Go on with the hashes of the entries where a tile of level 0 is missing or wrong."""
        made.mended[bundle.index] = b"".join(hashes)
        return hashes

    def _read(self, bundle: Bundle, bodies: Sequence[bytes | None], made: Chunk) -> None:
        """Read off each entry what its story needs, and hold the database's copies against it."""
        told, links, copies = made.told, made.links, bundle.copies
        for index, body in enumerate(bodies, bundle.index * tiles.WIDTH):
            if body is None:
                made.findings.append(finding("entry.missing", str(index)))
                continue
            made.entries += 1
            made.size_bytes += len(body)
            try:
                fields = frame.tail(body)
                if copies is not None and b"|".join(frame.head(body) + fields) != copies[index % tiles.WIDTH]:
                    made.findings.append(finding("entry.copy", str(index), fields[0].decode()))
                if self.deep:
                    entry.parse(body)
            except entry.InvalidEntry as error:
                made.findings.append(finding("entry.malformed", str(index), error))
                continue
            _, linked, _, digits, subject = fields
            seq = int(digits)
            before = told.get(subject)
            if before is not None and seq != before + 1:
                made.findings.append(finding("subject.gap", subject.decode(), f"{seq} follows {before}"))
            elif before is None:
                made.first[subject] = seq
            told[subject] = seq
            if linked and linked not in links:
                links[linked] = index

    def _check_checkpoints(self, source: Source, tree: checkpoint.Checkpoint, after: int, made: Chunk) -> None:
        upto = min(after + CHUNK * tiles.WIDTH, tree.size)
        read = cached(source, made.mended)
        for stored in source.checkpoints(after, upto):
            made.checkpoints += 1
            made.findings += checkpoint_findings(stored, tree, self.vkeys, read)


_task: _Task | None = None
_source: Source | None = None


def _begin(task: _Task) -> None:
    """Let this process of a pool work on ``task``, with a source of its own."""
    global _task, _source
    _task, _source = task, task.address.open()


def _work(tree: checkpoint.Checkpoint, first: int) -> Chunk:
    if _task is None or _source is None:
        raise RuntimeError("the process was not begun")
    return _task.check(_source, tree, first)


# -- bundles and tiles ------------------------------------------------------------------------------------------------


def _bodies(bundle: Bundle, made: Chunk) -> Sequence[bytes | None] | None:
    """The bodies of a bundle; ``None`` where the source gives none, or none that could be told apart."""
    if bundle.entries is None:
        return bundle.remains
    try:
        return bundles.split(bundle.entries, bundle.width)
    except bundles.InvalidBundle as error:
        path = tiles.entries_path(bundle.index, bundle.width)
        made.findings.append(finding("bundle.malformed", path, error))
        return None


def _unknown(bundle: Bundle) -> list[bytes]:
    """Leaf hashes that nothing is known of: no tree above them can fit, and the root will tell so."""
    return [bytes(merkle.HASH_BYTES)] * bundle.width


def _cut(tile: bytes | None, width: int) -> list[bytes] | None:
    if tile is None or len(tile) != width * merkle.HASH_BYTES:
        return None
    return [tile[start : start + merkle.HASH_BYTES] for start in range(0, len(tile), merkle.HASH_BYTES)]


def _fits(source: Source, bundle: Bundle, stored: Sequence[bytes], tree: checkpoint.Checkpoint) -> bool:
    """Whether the tile of a bundle's hashes is the one that the tree above it demands."""
    if bundle.width == tiles.WIDTH:
        index, offset = divmod(bundle.index, tiles.WIDTH)
        above = source.tile(1, index, offset + 1)
        return above is not None and above[-merkle.HASH_BYTES :] == merkle.root(stored)
    try:
        return tiles.root(tree.size, lambda *place: source.tile(*place) or b"") == tree.root
    except tiles.InvalidTile:
        return False
