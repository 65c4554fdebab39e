"""The tree above a log's leaves, as a check of the log builds it, and the checkpoints that were signed of it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from exchange.journal import checkpoint, merkle, note, tiles
from exchange.journal.findings import Finding
from exchange.journal.fsck_findings import finding
from exchange.journal.sources import Source, Stored

_TILES_KEPT: Final = 64


class Levels:
    """The tree above the leaves: each level's nodes as they come, held against the tiles that are there."""

    def __init__(self, source: Source, size: int) -> None:
        self._source = source
        self._size = size
        self._edge: list[list[bytes]] = [[]]
        self._counts = [0]  # of nodes; those of level 0 are counted by nobody

    def add(self, nodes: Sequence[bytes], tail: Sequence[bytes]) -> list[Finding]:
        """Take the hashes of full tiles of level 0, and the leaves behind the last of them."""
        self._edge[0] = list(tail)
        return self._climb(1, nodes)

    def finish(self, signed_root: bytes) -> list[Finding]:
        """Hold the partial tiles and the root against what is there and what was signed."""
        findings = []
        for level in range(1, len(self._edge)):
            if self._edge[level]:
                findings += self._hold(level, self._counts[level] // tiles.WIDTH, self._edge[level])
        nodes: list[bytes] = []
        for hashes in self._edge:
            together = hashes + nodes
            nodes = [merkle.root(together)] if together else []
        if (nodes[0] if nodes else merkle.EMPTY_ROOT) != signed_root:
            findings.append(finding("checkpoint.root", str(self._size)))
        return findings

    def _climb(self, level: int, nodes: Sequence[bytes]) -> list[Finding]:
        if level == len(self._edge):
            self._edge.append([])
            self._counts.append(0)
        findings: list[Finding] = []
        for node in nodes:
            edge = self._edge[level]
            edge.append(node)
            self._counts[level] += 1
            if len(edge) == tiles.WIDTH:
                findings += self._hold(level, self._counts[level] // tiles.WIDTH - 1, edge)
                self._edge[level] = []
                findings += self._climb(level + 1, [merkle.root(edge)])
        return findings

    def _hold(self, level: int, index: int, hashes: Sequence[bytes]) -> list[Finding]:
        path = tiles.tile_path(level, index, len(hashes))
        stored = self._source.tile(level, index, len(hashes))
        if stored is None:
            return [finding("tile.missing", path)]
        return [] if stored == b"".join(hashes) else [finding("tile.changed", path)]


def open_checkpoint(text: str, vkeys: Sequence[str]) -> checkpoint.Checkpoint:
    """The checkpoint in a note that the log itself signed.

    Raises:
        InvalidNote: It is malformed, or signed by none of the keys under the log's own name.
    """
    opened = note.open(text, vkeys)
    tree = checkpoint.parse(opened)
    if all(signature.name != tree.origin for signature in opened.signatures):
        raise note.InvalidNote("no key that you gave signed under the log's own name")
    return tree


def checkpoint_findings(
    stored: Stored, newest: checkpoint.Checkpoint, vkeys: Sequence[str], read: tiles.ReadTile
) -> Iterator[Finding]:
    """What is wrong with a kept checkpoint: its signature, its row, its root against the tiles."""
    try:
        tree = open_checkpoint(stored.note, vkeys)
    except note.InvalidNote as error:
        yield finding("checkpoint.invalid", str(stored.size), error)
        return
    if tree.origin != newest.origin:
        yield finding("checkpoint.other_log", str(tree.size), tree.origin)
    if (tree.size, tree.root) != (stored.size, stored.root):
        yield finding("checkpoint.row", str(stored.size))
    try:
        root = tiles.root(tree.size, read) if tree.size <= newest.size else None
    except tiles.InvalidTile:
        root = None
    if root != tree.root:
        yield finding("checkpoint.root", str(tree.size))


def cached(source: Source, mended: Mapping[int, bytes]) -> tiles.ReadTile:
    """Tiles of a source, or of level 0 as they were ``mended``.

    Each is fetched once at its full width: neighbouring checkpoints ask for the same few.
    """
    known: dict[tuple[int, int], bytes] = {}

    def read(level: int, index: int, width: int) -> bytes:
        if level == 0 and index in mended:
            return mended[index][: width * merkle.HASH_BYTES]
        if (level, index) not in known or len(known[level, index]) < width * merkle.HASH_BYTES:
            known[level, index] = source.tile(level, index, tiles.WIDTH) or b""
            if len(known) > _TILES_KEPT:
                known.pop(next(iter(known)))
        return known[level, index][: width * merkle.HASH_BYTES]

    return read
