"""What stands around an entry's facts, read off its bytes without parsing them.

The canonical form leaves one place for each key, so one expression finds ``action`` and ``at`` at the beginning and one
finds ``id`` to ``who`` at the end. That takes a twentieth of the time of ``entry.parse``, which says more: what digests
and facts hold is not looked at here. For whoever reads millions of entries whose bytes a tree of hashes vouches for.

Fields come as bytes, as they stand in the entry: ``links`` without their brackets, ``org`` with its quotes.
"""

import re
from typing import Final

from exchange.journal import entry

Head = tuple[bytes, bytes]
Tail = tuple[bytes, bytes, bytes, bytes, bytes]

_HEAD: Final = re.compile(rb'\{"action":"([a-z0-9_.]++)","at":"([0-9T:.-]{26}Z)","digests":\{')
_TAIL: Final = re.compile(
    rb'\},"id":"(ent_[0-9a-z]{1,60})","links":\[([0-9a-z_",]*+)\],"nonce":"[0-9a-f]{32}",'
    rb'"org":(null|"[a-z][0-9a-z_]{2,63}"),"role":"[a-z][a-z0-9_]{0,63}","seq":([1-9][0-9]{0,15}),'
    rb'"subject":"([a-z][0-9a-z_]{2,63})","v":1,"who":(?:null|"[0-9a-f]{64}")\}'
)
#: Where the tail begins. Nothing behind ``id`` can hold it again: no value there has a quote inside.
_TAIL_START: Final = b'},"id":"ent_'


def head(body: bytes) -> Head:
    """``action`` and ``at``.

    Raises:
        InvalidEntry: The bytes do not begin as an entry does.
    """
    found = _HEAD.match(body)
    if found is None:
        raise entry.InvalidEntry("the bytes do not begin as an entry does")
    return found.groups()  # type: ignore[return-value]  # there are two


def tail(body: bytes) -> Tail:
    """``id``, ``links``, ``org``, ``seq`` and ``subject``.

    Raises:
        InvalidEntry: The bytes do not end as an entry does.
    """
    found = _TAIL.fullmatch(body, body.rfind(_TAIL_START))
    if found is None:
        raise entry.InvalidEntry("the bytes do not end as an entry does")
    return found.groups()  # type: ignore[return-value]  # there are five


def subjects(links: bytes) -> list[bytes]:
    """The subjects that ``links`` name."""
    return links[1:-1].split(b'","') if links else []
