"""What the exchange commits to when goods are deposited: one pass over the stream, in constant memory.

Both trees are those of RFC 6962 (``exchange.journal.merkle``). The leaves of the plaintext tree are its chunks of
64 KiB. The first leaf of the sealed tree is the header of the sealed stream: with the header outside the tree a
changed salt would make honest goods look false. Every further leaf is the sealed form of one plaintext chunk (four
segments of 16 KiB and their tags), so leaf n of the one belongs to leaf n + 1 of the other, and a complaint about a
chunk is decided with that chunk and two paths.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from exchange import sealing
from exchange.journal import merkle
from listings.streams import Aside, reader

CHUNK_BYTES = 64 * 1024
SEALED_CHUNK_BYTES = CHUNK_BYTES // sealing.SEGMENT_BYTES * (sealing.SEGMENT_BYTES + sealing.TAG_BYTES)

_KEY_TAG = b"databourse/file-key/v1"


def key_digest(key: bytes) -> bytes:
    """H(key): what is said in public about the 32 random bytes of a file key. SHA-256 of a tag and the key."""
    return hashlib.sha256(_KEY_TAG + key).digest()


class ChunkTree:
    """The Merkle tree over the chunks of a byte stream, fed in pieces of any size.

    It remembers one hash per level: the roots of the full subtrees so far, the largest first.

    Args:
        chunk_bytes: Size of a leaf; the last may be shorter, and is not empty.
        first_bytes: Size of leaf 0, where it differs.
    """

    def __init__(self, chunk_bytes: int, first_bytes: int | None = None) -> None:
        self._chunk_bytes = chunk_bytes
        self._full: list[tuple[int, bytes]] = []  # height and root
        self._begin_leaf(chunk_bytes if first_bytes is None else first_bytes)

    def update(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        view = memoryview(data)
        while view:
            taken = view[: self._room]
            self._leaf.update(taken)
            self._room -= len(taken)
            view = view[len(taken) :]
            if not self._room:
                self._full = _joined(self._full, self._leaf.digest())
                self._begin_leaf(self._chunk_bytes)

    def root(self) -> bytes:
        """The root over what was fed so far; ``merkle.EMPTY_ROOT`` for nothing."""
        full = self._full
        if self._room < self._leaf_bytes:
            full = _joined(full, self._leaf.digest())
        if not full:
            return merkle.EMPTY_ROOT
        *others, (_, node) = full
        for _, left in reversed(others):
            node = merkle.node_hash(left, node)
        return node

    def _begin_leaf(self, size: int) -> None:
        self._leaf = hashlib.sha256(b"\x00")  # RFC 6962's prefix of leaves
        self._leaf_bytes = self._room = size


def _joined(full: list[tuple[int, bytes]], node: bytes) -> list[tuple[int, bytes]]:
    """``full`` with one more leaf: equal heights become one, as a binary counter carries."""
    kept, height = list(full), 0
    while kept and kept[-1][0] == height:
        node = merkle.node_hash(kept.pop()[1], node)
        height += 1
    return [*kept, (height, node)]


@dataclass(frozen=True, slots=True)
class Commitment:
    """What identifies goods at rest.

    Args:
        size_bytes: Size of the plaintext.
        digest: SHA-256 of the plaintext.
        plain_root: Root over the plaintext's chunks.
        sealed_root: Root over the sealed stream, its header as leaf 0.
        key_digest: See `key_digest`.
    """

    size_bytes: int
    digest: bytes
    plain_root: bytes
    sealed_root: bytes
    key_digest: bytes

    def digests(self) -> dict[str, bytes]:
        """As an entry names them."""
        return {
            "content": self.digest,
            "plain_root": self.plain_root,
            "sealed_root": self.sealed_root,
            "key": self.key_digest,
        }


class Sealing:
    """Seals a plaintext and commits to it as the bytes pass: iterate ``sealed()`` to its end, then ask.

    The plaintext is hashed in a thread of its own, the sealed stream in the caller's: halves of the work.

    Args:
        pieces: The plaintext, in pieces of any size.
        key: 32 random bytes used for nothing else.
        context: What the stream is (see ``exchange.sealing.seal``).
    """

    def __init__(self, pieces: Iterable[bytes], key: bytes, context: bytes) -> None:
        self._pieces = pieces
        self._key = key
        self._context = context
        self._size_bytes = 0
        self._digest = hashlib.sha256()
        self._plain = ChunkTree(CHUNK_BYTES)
        self._sealed = ChunkTree(SEALED_CHUNK_BYTES, first_bytes=sealing.HEADER_BYTES)

    def sealed(self) -> Iterator[bytes]:
        """The sealed stream."""
        with Aside(self._take) as taken:
            for piece in sealing.seal(_Shown(reader(self._pieces), taken), self._key, self._context):
                self._sealed.update(piece)
                yield piece

    def commitment(self) -> Commitment:
        """What the stream was; right only after ``sealed()`` ended."""
        return Commitment(
            size_bytes=self._size_bytes,
            digest=self._digest.digest(),
            plain_root=self._plain.root(),
            sealed_root=self._sealed.root(),
            key_digest=key_digest(self._key),
        )

    def _take(self, block: bytes) -> None:
        self._size_bytes += len(block)
        self._digest.update(block)
        self._plain.update(block)


class _Shown:
    """A file whose blocks are shown to somebody else as they are read."""

    def __init__(self, source: BinaryIO, other: Callable[[bytes], None]) -> None:
        self._source = source
        self._other = other

    def read(self, size: int, /) -> bytes:
        block = self._source.read(size)
        self._other(block)
        return block
