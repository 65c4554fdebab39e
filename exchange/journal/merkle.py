"""The Merkle tree of RFC 6962 section 2.1 (RFC 9162 section 2.1) over SHA-256.

Hashes and roots are 32 raw bytes; a proof is a sequence of them, nearest the leaf first. What a proof consists of is
said once, as ranges of leaves (``inclusion_ranges``, ``consistency_ranges``); this module hashes such ranges from a
list of leaf hashes, ``exchange.journal.tiles`` from stored tiles.

Verifiers return nothing when the proof holds and raise ``InvalidProof`` in every other case.
"""

import hashlib
from collections.abc import Iterator, Sequence

HASH_BYTES = 32

#: The root of the tree without leaves.
EMPTY_ROOT = hashlib.sha256(b"").digest()


class InvalidProof(ValueError):
    """The proof does not show what it is said to show."""


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf; the prefix keeps leaves and nodes apart (second preimages)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """The Merkle tree hash over ``leaf_hashes``.

    Pairing level by level and carrying an odd last node upwards gives the same tree as the RFC's recursive split at
    the largest power of two. The hashes may as well be the roots of equally high full subtrees.
    """
    if not leaf_hashes:
        return EMPTY_ROOT
    nodes = list(leaf_hashes)
    while len(nodes) > 1:
        parents = [node_hash(left, right) for left, right in zip(nodes[::2], nodes[1::2], strict=False)]
        if len(nodes) % 2:
            parents.append(nodes[-1])
        nodes = parents
    return nodes[0]


def inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """The leaf ranges [start, end) whose hashes form the inclusion proof PATH(index, D_size), leaf first.

    Raises:
        ValueError: No leaf ``index`` in a tree of ``size``.
    """
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    ranges = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return ranges[::-1]


def consistency_ranges(size1: int, size2: int) -> list[tuple[int, int]]:
    """The leaf ranges [start, end) whose hashes form PROOF(size1, D_size2); none when the sizes are equal.

    Raises:
        ValueError: Not 0 < ``size1`` <= ``size2``.
    """
    if not 0 < size1 <= size2:
        raise ValueError(f"no consistency proof leads from size {size1} to size {size2}")
    ranges = []
    start, end = 0, size2
    while size1 != end:
        middle = start + _split(end - start)
        if size1 <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    if start > 0:  # otherwise this subtree is the whole old tree, whose root the verifier holds
        ranges.append((start, end))
    return ranges[::-1]


def inclusion_proof(leaf_hashes: Sequence[bytes], index: int) -> list[bytes]:
    """The proof that leaf ``index`` is in the tree over ``leaf_hashes``.

    Raises:
        ValueError: No such leaf.
    """
    return [root(leaf_hashes[start:end]) for start, end in inclusion_ranges(index, len(leaf_hashes))]


def consistency_proof(leaf_hashes: Sequence[bytes], size1: int) -> list[bytes]:
    """The proof that the tree over ``leaf_hashes`` begins with the ``size1`` leaves it had before.

    Raises:
        ValueError: ``size1`` is not between 1 and the number of leaves.
    """
    return [root(leaf_hashes[start:end]) for start, end in consistency_ranges(size1, len(leaf_hashes))]


def verify_inclusion(leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that ``leaf_hash`` is leaf ``index`` of the tree of ``size`` and ``root`` (RFC 9162 section 2.1.3.2).

    Raises:
        InvalidProof: It is not shown, or an argument is malformed.
    """
    _require_hashes(proof, leaf_hash, root)
    _require_count(index)
    _require_count(size)
    if index >= size:
        raise InvalidProof(f"no leaf {index} in a tree of {size}")
    computed = leaf_hash
    for sibling, is_left in _climb(index, size - 1, proof):
        computed = node_hash(sibling, computed) if is_left else node_hash(computed, sibling)
    if computed != root:
        raise InvalidProof("the inclusion proof leads to another root")


def verify_consistency(size1: int, size2: int, proof: Sequence[bytes], root1: bytes, root2: bytes) -> None:
    """Check that the tree of ``size2`` and ``root2`` only added leaves to that of ``size1`` and ``root1``.

    RFC 9162 section 2.1.4.2. A tree of size 0 is refused: everything is consistent with it, so nothing is shown.

    Raises:
        InvalidProof: It is not shown, or an argument is malformed.
    """
    _require_hashes(proof, root1, root2)
    _require_count(size1)
    _require_count(size2)
    if not 0 < size1 <= size2:
        raise InvalidProof(f"no consistency proof leads from size {size1} to size {size2}")
    if size1 == size2:
        if proof or root1 != root2:
            raise InvalidProof("trees of one size are consistent if they have one root, by an empty proof")
        return
    path = list(proof)
    if size1 & (size1 - 1) == 0:
        path.insert(0, root1)  # the old tree is a full subtree of the new one: its root is where both paths begin
    if not path:
        raise InvalidProof("the consistency proof is too short")
    shift = _trailing_zeros(size1)
    node, last = (size1 - 1) >> shift, (size2 - 1) >> shift
    old = new = path[0]
    for sibling, is_left in _climb(node, last, path[1:]):
        if is_left:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
        else:
            new = node_hash(new, sibling)
    if old != root1:
        raise InvalidProof("the consistency proof leads to another old root")
    if new != root2:
        raise InvalidProof("the consistency proof leads to another new root")


def _climb(node: int, last: int, siblings: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
    """The siblings on the way from ``node`` to the root, each with whether it stands on the left.

    ``last`` is the index of the rightmost node on the same level. A node without a sibling there rises unchanged, so
    it takes no step.
    """
    for sibling in siblings:
        if last == 0:
            raise InvalidProof("the proof is too long")
        is_left = node & 1 == 1 or node == last
        yield sibling, is_left
        if is_left:
            shift = _trailing_zeros(node)
            node, last = node >> shift, last >> shift
        node, last = node >> 1, last >> 1
    if last != 0:
        raise InvalidProof("the proof is too short")


def _split(count: int) -> int:
    """The largest power of two below ``count`` (two or more): where RFC 6962 divides a tree."""
    return 1 << ((count - 1).bit_length() - 1)


def _trailing_zeros(number: int) -> int:
    """How often ``number`` can be halved; 0 for 0, as the RFCs' loops end there."""
    return (number & -number).bit_length() - 1 if number else 0


def _require_hashes(proof: object, *hashes: object) -> None:
    if not isinstance(proof, list | tuple):
        raise InvalidProof("a proof is a list of hashes")
    for value in (*hashes, *proof):
        if not isinstance(value, bytes) or len(value) != HASH_BYTES:
            raise InvalidProof(f"a hash is {HASH_BYTES} bytes")


def _require_count(value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InvalidProof("an index or size is a non-negative integer")
