"""Commitments: the roots are those of RFC 6962 over the stated chunks, however the bytes come."""

import hashlib
import io

from hypothesis import given, settings
from hypothesis import strategies as st

from exchange import sealing
from exchange.journal import merkle
from listings.commitments import CHUNK_BYTES, SEALED_CHUNK_BYTES, ChunkTree, Sealing, key_digest
from listings.streams import reader

KEY, CONTEXT = bytes(range(32)), b"goods dep_test"


def chunks(data: bytes, size: int) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]


def expected_root(leaves: list[bytes]) -> bytes:
    return merkle.root([merkle.leaf_hash(leaf) for leaf in leaves])


def sealed(data: bytes, piece_bytes: int) -> tuple[Sealing, bytes]:
    work = Sealing(chunks(data, piece_bytes), KEY, CONTEXT)
    return work, b"".join(work.sealed())


@given(st.binary(max_size=400), st.integers(1, 9), st.integers(1, 50), st.one_of(st.none(), st.integers(1, 9)))
def test_a_chunk_tree_is_rfc_6962_over_its_chunks(data: bytes, size: int, piece: int, first: int | None) -> None:
    tree = ChunkTree(size, first)
    for part in chunks(data, piece):
        tree.update(part)
    head = size if first is None else first
    leaves = [leaf for leaf in (data[:head], *chunks(data[head:], size)) if leaf]
    assert tree.root() == expected_root(leaves)
    assert tree.root() == tree.root()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3 * CHUNK_BYTES + 5), st.integers(1000, 200_000))
def test_both_roots_and_digest_are_of_the_bytes_and_open_again(size: int, piece: int) -> None:
    data = hashlib.shake_128(str(size).encode()).digest(size)
    work, stream = sealed(data, piece)
    found = work.commitment()
    header, body = stream[: sealing.HEADER_BYTES], stream[sealing.HEADER_BYTES :]
    assert found.size_bytes == size
    assert found.digest == hashlib.sha256(data).digest()
    assert found.plain_root == expected_root(chunks(data, CHUNK_BYTES))
    assert found.sealed_root == expected_root([header, *chunks(body, SEALED_CHUNK_BYTES)])
    assert found.key_digest == key_digest(KEY)
    assert b"".join(sealing.unseal(io.BytesIO(stream), KEY, CONTEXT)) == data


def test_a_plain_chunk_and_its_sealed_form_are_neighbouring_leaves() -> None:
    data = hashlib.shake_128(b"x").digest(2 * CHUNK_BYTES + 100)
    _, stream = sealed(data, 10_000)
    leaf = chunks(stream[sealing.HEADER_BYTES :], SEALED_CHUNK_BYTES)[1]
    patched = bytearray(len(stream))  # nothing but the header, one chunk and the end is needed to open the chunk
    patched[: sealing.HEADER_BYTES] = stream[: sealing.HEADER_BYTES]
    start = sealing.HEADER_BYTES + SEALED_CHUNK_BYTES
    patched[start : start + len(leaf)] = leaf
    tail = 100 + sealing.TAG_BYTES
    patched[-tail:] = stream[-tail:]
    opened = sealing.unseal_range(io.BytesIO(patched), KEY, CONTEXT, CHUNK_BYTES, 2 * CHUNK_BYTES)
    assert b"".join(opened) == data[CHUNK_BYTES : 2 * CHUNK_BYTES]


def test_an_altered_header_changes_the_sealed_root() -> None:
    _, stream = sealed(b"data", 4)
    tree = ChunkTree(SEALED_CHUNK_BYTES, sealing.HEADER_BYTES)
    tree.update(bytes([stream[0] ^ 1]) + stream[1:])
    again = ChunkTree(SEALED_CHUNK_BYTES, sealing.HEADER_BYTES)
    again.update(stream)
    assert tree.root() != again.root()


def test_the_empty_tree_has_the_empty_root() -> None:
    assert ChunkTree(4).root() == merkle.EMPTY_ROOT


@given(st.lists(st.binary(max_size=20), max_size=20), st.integers(1, 7))
def test_pieces_read_as_a_file(pieces: list[bytes], size: int) -> None:
    file, read = reader(pieces), b""
    while part := file.read(size):
        read += part
    assert read == b"".join(pieces)
