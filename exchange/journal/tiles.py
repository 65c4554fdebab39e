"""The tree as C2SP tlog-tiles: strips of 256 hashes that never change once they are full.

Tile ``index`` of level L holds the hashes of the consecutive full subtrees of 256^L leaves that begin at leaf
``index * 256^(L+1)``; level 0 holds leaf hashes. The last tile of a level may be partial (1 to 255 hashes). Nothing
else needs to be stored: every root and proof is computed from a few tiles. Source: c2sp.org/tlog-tiles.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

from exchange.journal import merkle

#: Levels of the tree that one tile spans.
HEIGHT = 8

#: Hashes in a full tile.
WIDTH = 1 << HEIGHT

_LEVEL_LIMIT = 64
_INDEX_GROUP = 1000

_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<index>(?:x[0-9]{3}/)*[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)

#: ``read_tile(level, index, width)`` returns the first ``width`` hashes of a tile: 32 * width bytes. A tile only ever
#: grows, so a store that has it wider answers with the beginning.
ReadTile = Callable[[int, int, int], bytes]


class InvalidTile(ValueError):
    """A stored tile does not have the bytes that the tree's size demands, or a path names no tile."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile's coordinates and its hashes, concatenated."""

    level: int
    index: int
    hashes: bytes

    @property
    def width(self) -> int:
        """The number of hashes, 1 to 256."""
        return len(self.hashes) // merkle.HASH_BYTES


@dataclass(frozen=True, slots=True)
class Coordinates:
    """What a tile's path names; ``level`` is None for a bundle of entries."""

    level: int | None
    index: int
    width: int


def tile_path(level: int, index: int, width: int = WIDTH) -> str:
    """Where a tile is served, relative to the log's prefix: ``tile/0/x001/x234/067.p/112``.

    Raises:
        ValueError: Not 0 <= level < 64, 0 <= index, 1 <= width <= 256.
    """
    if not 0 <= level < _LEVEL_LIMIT:
        raise ValueError(f"no tile level {level}")
    return f"tile/{level}/{_index_path(index, width)}"


def entries_path(index: int, width: int = WIDTH) -> str:
    """Where a bundle of entries is served, relative to the log's prefix: ``tile/entries/000``.

    Raises:
        ValueError: Not 0 <= index, 1 <= width <= 256.
    """
    return f"tile/entries/{_index_path(index, width)}"


def parse_path(path: str) -> Coordinates:
    """The inverse of ``tile_path`` and ``entries_path``.

    Raises:
        InvalidTile: No tile has this path; every tile has exactly one.
    """
    match = _PATH.fullmatch(path)
    if match is None:
        raise InvalidTile("not the path of a tile")
    level = None if match["level"] == "entries" else int(match["level"])
    index = int(match["index"].replace("x", "").replace("/", ""))
    width = int(match["width"]) if match["width"] else WIDTH
    if (level is not None and level >= _LEVEL_LIMIT) or width > WIDTH:
        raise InvalidTile("not the path of a tile")
    canonical = entries_path(index, width) if level is None else tile_path(level, index, width)
    if canonical != path:
        raise InvalidTile("not the path of a tile")
    return Coordinates(level, index, width)


def _index_path(index: int, width: int) -> str:
    if index < 0 or not 1 <= width <= WIDTH:
        raise ValueError(f"no tile of index {index} and width {width}")
    index, last = divmod(index, _INDEX_GROUP)
    elements = [f"{last:03d}"]
    while index:
        index, group = divmod(index, _INDEX_GROUP)
        elements.insert(0, f"x{group:03d}")
    return "/".join(elements) + ("" if width == WIDTH else f".p/{width}")


def width_at(level: int, index: int, size: int) -> int:
    """How many hashes the tile holds in a tree of ``size`` leaves: 0 (no such tile) to 256."""
    return max(0, min(WIDTH, (size >> (HEIGHT * level)) - WIDTH * index))


@dataclass(slots=True)
class TreeBuilder:
    """The right edge of a growing tree: for each level, the hashes of its partial tile.

    That is at most 255 hashes a level, whatever the size. ``append`` changes the builder at once; when the
    transaction that should have kept the tiles rolls back, load it again.
    """

    size: int = 0
    _edge: list[list[bytes]] = field(default_factory=list)

    @classmethod
    def load(cls, size: int, read_tile: ReadTile) -> Self:
        """The builder of the tree of ``size`` leaves, from its partial tiles.

        Compare ``root()`` with the signed checkpoint before appending.

        Raises:
            ValueError: ``size`` is negative.
            InvalidTile: A tile has the wrong length.
        """
        if size < 0:
            raise ValueError(f"no tree of size {size}")
        edge = []
        level = 0
        while size >> (HEIGHT * level):
            index, width = divmod(size >> (HEIGHT * level), WIDTH)
            edge.append(_read(read_tile, level, index, width) if width else [])
            level += 1
        return cls(size, edge)

    def append(self, leaf_hashes: Sequence[bytes]) -> list[Tile]:
        """Add leaves; returns every tile that came to be or grew, full ones and the new right edge.

        Raises:
            ValueError: A leaf hash is not 32 bytes; nothing was added.
        """
        if any(len(leaf) != merkle.HASH_BYTES for leaf in leaf_hashes):
            raise ValueError(f"a hash is {merkle.HASH_BYTES} bytes")
        dirty: list[Tile] = []
        added = list(leaf_hashes)
        first = self.size  # the number of full subtrees of this level before the new ones
        self.size += len(added)
        level = 0
        while added:
            if level == len(self._edge):
                self._edge.append([])
            hashes = self._edge[level] + added
            index = first // WIDTH
            strips = [hashes[start : start + WIDTH] for start in range(0, len(hashes), WIDTH)]
            dirty += [Tile(level, index + offset, b"".join(strip)) for offset, strip in enumerate(strips)]
            added = [merkle.root(strip) for strip in strips if len(strip) == WIDTH]
            self._edge[level] = strips[-1] if len(strips[-1]) < WIDTH else []
            first = index
            level += 1
        return dirty

    def root(self) -> bytes:
        """The root of the tree as it stands."""
        tail: list[bytes] = []  # the root of everything below and right of this level's full subtrees
        for hashes in self._edge:
            nodes = hashes + tail
            tail = [merkle.root(nodes)] if nodes else []
        return tail[0] if tail else merkle.EMPTY_ROOT


def root(size: int, read_tile: ReadTile) -> bytes:
    """The root that the tree had at ``size``, from tiles of that size or a later one.

    Raises:
        ValueError: ``size`` is negative.
        InvalidTile: A tile has the wrong length.
    """
    return TreeBuilder.load(size, read_tile).root()


def inclusion_proof(index: int, size: int, read_tile: ReadTile) -> list[bytes]:
    """The proof that leaf ``index`` is in the tree of ``size``; reads about log256(size) tiles.

    Raises:
        ValueError: No such leaf.
        InvalidTile: A tile has the wrong length.
    """
    ranges = merkle.inclusion_ranges(index, size)
    return _TileReader(size, read_tile).hash_ranges(ranges)


def consistency_proof(size1: int, size2: int, read_tile: ReadTile) -> list[bytes]:
    """The proof that the tree of ``size2`` begins with the tree of ``size1``.

    Raises:
        ValueError: Not 0 < ``size1`` <= ``size2``.
        InvalidTile: A tile has the wrong length.
    """
    ranges = merkle.consistency_ranges(size1, size2)
    return _TileReader(size2, read_tile).hash_ranges(ranges)


class _TileReader:
    """Hashes of leaf ranges of one tree, each tile read once."""

    def __init__(self, size: int, read_tile: ReadTile) -> None:
        self._size = size
        self._read_tile = read_tile
        self._tiles: dict[tuple[int, int], list[bytes]] = {}

    def hash_ranges(self, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        return [self._range(start, end) for start, end in ranges]

    def _range(self, start: int, end: int) -> bytes:
        """The hash over leaves [start, end), a node of the tree: full subtrees, ever smaller to the right."""
        subtrees = []
        while start < end:
            height = (end - start).bit_length() - 1
            subtrees.append(self._subtree(height, start >> height))
            start += 1 << height
        combined = subtrees.pop()
        while subtrees:
            combined = merkle.node_hash(subtrees.pop(), combined)
        return combined

    def _subtree(self, height: int, position: int) -> bytes:
        """The root of the full subtree over leaves [position * 2^height, (position + 1) * 2^height)."""
        level, inner = divmod(height, HEIGHT)
        index, offset = divmod(position << inner, WIDTH)
        hashes = self._tiles.get((level, index))
        if hashes is None:
            hashes = _read(self._read_tile, level, index, width_at(level, index, self._size))
            self._tiles[level, index] = hashes
        return merkle.root(hashes[offset : offset + (1 << inner)])


def _read(read_tile: ReadTile, level: int, index: int, width: int) -> list[bytes]:
    data = read_tile(level, index, width)
    if len(data) != width * merkle.HASH_BYTES:
        raise InvalidTile(f"{tile_path(level, index, width)} has {len(data)} bytes")
    return [data[start : start + merkle.HASH_BYTES] for start in range(0, len(data), merkle.HASH_BYTES)]
