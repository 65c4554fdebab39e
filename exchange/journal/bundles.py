"""Entry bundles (C2SP tlog-tiles, «Log entries»): up to 256 consecutive leaves, each behind its length in 16 bits."""

import struct
from collections.abc import Iterable
from typing import Final

from exchange.journal import entry

_LENGTH: Final = struct.Struct(">H")


class InvalidBundle(ValueError):
    """The bytes are not a bundle of so many entries."""


def join(bodies: Iterable[bytes]) -> bytes:
    """The bundle of ``bodies``, in their order.

    Raises:
        InvalidBundle: A body is longer than 16 bits can say.
    """
    parts: list[bytes] = []
    for body in bodies:
        if len(body) > entry.SIZE_LIMIT_BYTES:
            raise InvalidBundle(f"an entry has at most {entry.SIZE_LIMIT_BYTES} bytes")
        parts += (_LENGTH.pack(len(body)), body)
    return b"".join(parts)


def split(bundle: bytes, count: int) -> list[bytes]:
    """The ``count`` bodies of a bundle.

    Raises:
        InvalidBundle: It holds more or fewer, or ends within one.
    """
    bodies = []
    place, end = 0, len(bundle)
    while place < end:
        start = place + _LENGTH.size
        if start > end:
            raise InvalidBundle("the bundle ends within a length")
        place = start + (bundle[start - 2] << 8 | bundle[start - 1])
        bodies.append(bundle[start:place])
    if place != end:
        raise InvalidBundle("the bundle ends within an entry")
    if len(bodies) != count:
        raise InvalidBundle(f"the bundle holds {len(bodies)} entries, not {count}")
    return bodies
