from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.journal import merkle, tiles
from exchange.journal.tiles import Tile, TreeBuilder

LEAVES = [merkle.leaf_hash(str(number).encode()) for number in range(70_000)]


class Store:
    """Rows (level, index) -> hashes, as the sequencer keeps them."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, int], bytes] = {}

    def save(self, dirty: Sequence[Tile]) -> None:
        for tile in dirty:
            assert tile.hashes.startswith(self.rows.get((tile.level, tile.index), b""))
            self.rows[tile.level, tile.index] = tile.hashes

    def read(self, level: int, index: int, width: int) -> bytes:
        return self.rows[level, index][: width * merkle.HASH_BYTES]


@pytest.fixture(scope="module")
def large() -> Store:
    store = Store()
    store.save(TreeBuilder().append(LEAVES))
    return store


def test_shape_of_the_specification_example(large: Store) -> None:
    """c2sp.org/tlog-tiles, «Partial tiles»: a tree of 70,000."""
    widths: dict[int, list[int]] = {}
    for (level, _), hashes in sorted(large.rows.items()):
        widths.setdefault(level, []).append(len(hashes) // 32)
    assert widths == {0: [256] * 273 + [112], 1: [256, 17], 2: [1]}
    assert [tiles.width_at(level, index, 70_000) for level, index in ((0, 273), (1, 1), (2, 0), (3, 0), (0, 274))] == [
        112,
        17,
        1,
        0,
        0,
    ]


def test_a_full_first_tile_begins_the_next_level() -> None:
    dirty = TreeBuilder().append(LEAVES[:256])
    assert [(tile.level, tile.index, tile.width) for tile in dirty] == [(0, 0, 256), (1, 0, 1)]
    assert dirty[1].hashes == merkle.root(LEAVES[:256])


@pytest.mark.parametrize(
    ("level", "index", "width", "path"),
    [
        (0, 0, 256, "tile/0/000"),
        (0, 255, 256, "tile/0/255"),
        (0, 1234067, 256, "tile/0/x001/x234/067"),
        (63, 1000, 256, "tile/63/x001/000"),
        (1, 123456789000, 256, "tile/1/x123/x456/x789/000"),
        (0, 273, 112, "tile/0/273.p/112"),
        (15, 455667, 34, "tile/15/x455/667.p/34"),
        (2, 0, 1, "tile/2/000.p/1"),
    ],
)
def test_paths(level: int, index: int, width: int, path: str) -> None:
    """Examples of c2sp.org/tlog-tiles and of Tessera's layout tests."""
    assert tiles.tile_path(level, index, width) == path
    assert tiles.parse_path(path) == tiles.Coordinates(level, index, width)


def test_paths_of_entry_bundles() -> None:
    assert tiles.entries_path(123456789) == "tile/entries/x123/x456/789"
    assert tiles.entries_path(7, 3) == "tile/entries/007.p/3"
    assert tiles.parse_path("tile/entries/x123/x456/789") == tiles.Coordinates(None, 123456789, 256)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0/0",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/x000/000",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/257",
        "tile/0/000/",
        "tile/0/000\n",
        "tile/0/٠٠٠",
        "tile/data/000",
        "../tile/0/000",
    ],
)
def test_no_other_path_names_a_tile(path: str) -> None:
    with pytest.raises(tiles.InvalidTile):
        tiles.parse_path(path)


@pytest.mark.parametrize("place", [(-1, 0, 1), (64, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257)])
def test_no_path_for_impossible_coordinates(place: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="no tile"):
        tiles.tile_path(*place)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 900), max_size=6), st.data())
def test_batches_give_the_tree_of_the_whole(batches: list[int], data: st.DataObject) -> None:
    store, builder, size = Store(), TreeBuilder(), 0
    for batch in batches:
        if data.draw(st.booleans()):
            builder = TreeBuilder.load(size, store.read)
        dirty = builder.append(LEAVES[size : size + batch])
        assert len({(tile.level, tile.index) for tile in dirty}) == len(dirty)
        store.save(dirty)
        size += batch
        assert builder.size == size
        assert builder.root() == merkle.root(LEAVES[:size])
    whole = Store()
    whole.save(TreeBuilder().append(LEAVES[:size]))
    assert store.rows == whole.rows


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 69_999, 70_000])
def test_roots_of_older_sizes(large: Store, size: int) -> None:
    """A store of a later size answers for every size before."""
    assert tiles.root(size, large.read) == merkle.root(LEAVES[:size])


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_proofs_from_tiles_verify(large: Store, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 70_000) | st.sampled_from([256, 512, 65_536, 65_537, 70_000]))
    index = data.draw(st.integers(0, size - 1))
    root = tiles.root(size, large.read)
    merkle.verify_inclusion(LEAVES[index], index, size, tiles.inclusion_proof(index, size, large.read), root)
    size1 = data.draw(st.integers(1, size))
    path = tiles.consistency_proof(size1, size, large.read)
    merkle.verify_consistency(size1, size, path, tiles.root(size1, large.read), root)


@pytest.mark.parametrize("size", [1, 3, 255, 256, 300, 600])
def test_proofs_from_tiles_are_those_from_leaves(large: Store, size: int) -> None:
    for number in range(0, size, 17):
        assert tiles.inclusion_proof(number, size, large.read) == merkle.inclusion_proof(LEAVES[:size], number)
        path = tiles.consistency_proof(number + 1, size, large.read)
        assert path == merkle.consistency_proof(LEAVES[:size], number + 1)


def test_a_proof_reads_few_tiles(large: Store) -> None:
    read: list[tuple[int, int, int]] = []

    def count(level: int, index: int, width: int) -> bytes:
        read.append((level, index, width))
        return large.read(level, index, width)

    tiles.inclusion_proof(12_345, 70_000, count)
    assert len(read) == len(set(read)) <= 5


def test_a_short_tile_is_refused(large: Store) -> None:
    def short(level: int, index: int, width: int) -> bytes:
        return large.read(level, index, width)[:-1]

    for attempt in (
        lambda: TreeBuilder.load(300, short),
        lambda: tiles.inclusion_proof(5, 300, short),
        lambda: tiles.consistency_proof(5, 300, short),
    ):
        with pytest.raises(tiles.InvalidTile):
            attempt()


def test_a_refused_batch_adds_nothing() -> None:
    builder = TreeBuilder()
    with pytest.raises(ValueError, match="32 bytes"):
        builder.append([LEAVES[0], b"short"])
    assert builder.size == 0
    assert builder.root() == merkle.EMPTY_ROOT
    assert builder.append([]) == []
    with pytest.raises(ValueError, match="no tree"):
        TreeBuilder.load(-1, Store().read)
