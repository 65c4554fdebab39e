"""Timestamped signatures over checkpoints (c2sp.org/tlog-cosignature): what exactly is signed, and how it is packed.

A cosignature says: of the log that this checkpoint names, this is the largest tree I have seen by then, and it holds
every tree I saw before. There are two kinds. Ed25519 (0x04) signs two lines and the checkpoint's whole text; ML-DSA-44
(0x06) signs a structure of cosigner, time, origin, size and root, and says nothing of extension lines, so texts with
such lines are refused for it. A log may sign its own checkpoints with ML-DSA-44 too, as a second line.
"""

import struct
from typing import Final

from exchange.journal import checkpoint
from exchange.journal.encoding import InvalidNote

#: The largest time a cosignature may bear, in seconds since 1970.
TIME_LIMIT: Final = (1 << 63) - 1

_TIME: Final = struct.Struct(">Q")
_RANGE: Final = struct.Struct(">QQ")
_LABEL: Final = b"subtree/v1\n\x00"
_OPAQUE_LIMIT_BYTES: Final = 255


def join(timestamp: int, signature: bytes) -> bytes:
    """The structure ``timestamped_signature``: what follows the key id in a signature line."""
    _require_time(timestamp)
    return _TIME.pack(timestamp) + signature


def split(timestamped: bytes) -> tuple[int, bytes]:
    """Time, in seconds since 1970, and signature of a ``timestamped_signature``.

    Raises:
        InvalidNote: It is too short for a time, or the time is beyond ``TIME_LIMIT``.
    """
    if len(timestamped) <= _TIME.size:
        raise InvalidNote("a cosignature is a time and a signature")
    (timestamp,) = _TIME.unpack_from(timestamped)
    _require_time(timestamp)
    return timestamp, timestamped[_TIME.size :]


def ed25519_message(timestamp: int, text: str) -> bytes:
    """What a cosigner of kind 0x04 signs for the checkpoint ``text``."""
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()


def ml_dsa_44_message(name: str, timestamp: int, text: str) -> bytes:
    """What the cosigner ``name`` of kind 0x06 signs for the checkpoint ``text``: its whole tree, from leaf 0.

    Raises:
        InvalidNote: ``text`` is no checkpoint or has extension lines, or the name or origin is too long.
    """
    tree = checkpoint.parse(text)
    if tree.extensions:
        raise InvalidNote("ML-DSA-44 signs no extension lines")
    return b"".join(
        (
            _LABEL,
            _opaque(name),
            _TIME.pack(timestamp),
            _opaque(tree.origin),
            _RANGE.pack(0, tree.size),
            tree.root,
        )
    )


def _opaque(text: str) -> bytes:
    """The presentation ``opaque<1..2^8-1>`` of RFC 8446 section 3.4."""
    data = text.encode()
    if not 0 < len(data) <= _OPAQUE_LIMIT_BYTES:
        raise InvalidNote(f"a cosigned name or origin has 1 to {_OPAQUE_LIMIT_BYTES} bytes")
    return bytes([len(data)]) + data


def _require_time(timestamp: int) -> None:
    if not 0 <= timestamp <= TIME_LIMIT:
        raise InvalidNote("the time of a cosignature is out of range")
