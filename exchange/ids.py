"""Sortable, prefixed identifiers: ``ord_01k9…``.

Forty-eight bits of Unix milliseconds and eighty random bits in Crockford's base 32 (the layout of a ULID), lower
case, behind a prefix that names the kind. Ids made later sort later, in one process within a millisecond too: a
transaction's entries sort as they were told. Nobody can guess one from another.
"""

import re
import secrets
import threading
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_SHAPE = re.compile(r"[a-z]{3}_[0-7][0-9a-hjkmnp-tv-z]{25}")


#: How far an id may lie beyond the one before it within a millisecond: too far to guess, and thousands fit.
_STEP_BITS = 64
_lock = threading.Lock()
_last = 0


def new(prefix: str) -> str:
    """A new id; ``prefix`` is the three letters that name the kind of thing."""
    global _last  # noqa: PLW0603  (a process has one sequence of ids)
    with _lock:
        now = (time.time_ns() // 1_000_000) << 80
        value = now | secrets.randbits(80) if now > _last else _last + 1 + secrets.randbits(_STEP_BITS)
        _last = value
    digits = []
    for _ in range(26):
        value, digit = divmod(value, 32)
        digits.append(_ALPHABET[digit])
    return f"{prefix}_{''.join(reversed(digits))}"


def is_id(text: str, prefix: str | None = None) -> bool:
    """Whether ``text`` has the shape of an id (of the kind ``prefix``, when given)."""
    return _SHAPE.fullmatch(text) is not None and (prefix is None or text.startswith(prefix + "_"))


def short_number(prefix: str) -> str:
    """An unguessable number for people to read out: ``V-2K7Q-9M4D-X1TR-5HPW`` (80 random bits)."""
    letters = [_ALPHABET[secrets.randbelow(32)] for _ in range(16)]
    groups = ("".join(letters[i : i + 4]).upper() for i in range(0, 16, 4))
    return f"{prefix}-{'-'.join(groups)}"
