"""The whole log, hashed once more from the entries' bytes by arithmetic of our own (RFC 6962, 2.1)."""

import hashlib
from collections.abc import Sequence

import psycopg

from exchange.journal import checkpoint, note


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes."""
    level = list(leaves)
    while len(level) > 1:
        # an odd one out goes up as it is
        pairs = [
            hashlib.sha256(b"\x01" + left + right).digest()
            for left, right in zip(level[::2], level[1::2], strict=False)
        ]
        level = pairs + level[2 * len(pairs) :]
    return level[0] if level else hashlib.sha256().digest()


def rehashed(conninfo: str, vkey: str) -> dict[int, bytes]:
    """The root at the size of every checkpoint that was ever signed, after each was found to be right.

    Every entry has one place, and the places have no gap; nothing waits for one.
    """
    with psycopg.connect(conninfo) as connection:
        rows = connection.execute(
            "SELECT l.index, e.body FROM journal_entry e LEFT JOIN journal_leaf l ON l.entry_id = e.id ORDER BY l.index"
        ).fetchall()
        (waiting,) = connection.execute("SELECT count(*) FROM journal_pending").fetchone() or (None,)
        signed = connection.execute("SELECT size, root, note FROM journal_checkpoint ORDER BY size").fetchall()
    assert waiting == 0
    assert [index for index, _ in rows] == list(range(len(rows)))
    leaves = [hashlib.sha256(b"\x00" + body).digest() for _, body in rows]
    roots = {size: root(leaves[:size]) for size, _, _ in signed}
    for size, kept, text in signed:
        told = checkpoint.parse(note.open(text, [vkey]))
        assert (told.size, told.root, kept) == (size, roots[size], roots[size])
    assert max(roots) == len(rows)
    return roots
