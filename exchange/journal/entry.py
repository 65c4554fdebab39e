"""The form of an entry, version 1: what every reader of the journal may rely on.

An entry is a leaf of the tree: canonical JSON of at most 65,535 bytes (the length prefix of C2SP entry bundles has 16
bits), an object with exactly the keys of ``KEYS``. It holds no natural person: ``who`` is a salted commitment.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from exchange.journal import canonical

VERSION: Final = 1
SIZE_LIMIT_BYTES: Final = 65_535

_ENTRY_ID = re.compile(r"ent_[0-9a-z]{1,60}")
_SUBJECT = re.compile(r"[a-z][0-9a-z_]{2,63}")
_NONCE = re.compile(r"[0-9a-f]{32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ROLE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_ACTION = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
_AT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")


class InvalidEntry(ValueError):
    """The bytes are not an entry of version 1."""


def parse(data: bytes) -> dict[str, Any]:
    """The entry whose bytes are ``data``.

    Raises:
        InvalidEntry: Too long, not canonical JSON, keys missing or unknown, or a value of another form.
    """
    if len(data) > SIZE_LIMIT_BYTES:
        raise InvalidEntry(f"an entry has at most {SIZE_LIMIT_BYTES} bytes")
    try:
        entry = canonical.loads(data)
    except canonical.NotCanonical as error:
        raise InvalidEntry(str(error)) from error
    check(entry)
    return entry  # type: ignore[no-any-return]  # an object, as was just checked


def check(entry: Any) -> None:
    """Hold a value, whose bytes are or will be canonical, to the form of an entry.

    Raises:
        InvalidEntry: Keys are missing or unknown, or a value has another form.
    """
    if not isinstance(entry, dict) or entry.keys() != KEYS.keys():
        raise InvalidEntry("an entry is an object with exactly the keys of version 1")
    for key, has_form in KEYS.items():
        if not has_form(entry[key]):
            raise InvalidEntry(f"{key} does not have its form")


def is_sha256(value: Any) -> bool:
    """Whether ``value`` is a SHA-256 digest in lower hex."""
    return _matches(_SHA256, value)


def is_subject(value: Any) -> bool:
    """Whether ``value`` has the form of a subject: an opaque identifier, never a name."""
    return _matches(_SUBJECT, value)


def is_count(value: Any) -> bool:
    """Whether ``value`` is an integer of 1 or more."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _matches(form: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and form.fullmatch(value) is not None


def _is_instant(value: Any) -> bool:
    if not _matches(_AT, value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:  # the digits are no date, as on 30 February
        return False
    return True


def _is_links(value: Any) -> bool:
    return isinstance(value, list) and all(map(is_subject, value)) and value == sorted(set(value))


def _is_digests(value: Any) -> bool:
    return isinstance(value, dict) and all(map(is_sha256, value.values()))


#: The keys of an entry, each with the test of its value.
KEYS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "v": lambda value: value == VERSION and not isinstance(value, bool),
    "id": lambda value: _matches(_ENTRY_ID, value),
    "nonce": lambda value: _matches(_NONCE, value),
    "at": _is_instant,
    "org": lambda value: value is None or is_subject(value),
    "role": lambda value: _matches(_ROLE, value),
    "who": lambda value: value is None or is_sha256(value),
    "action": lambda value: _matches(_ACTION, value),
    "subject": is_subject,
    "seq": is_count,
    "links": _is_links,
    "facts": lambda value: isinstance(value, dict),
    "digests": _is_digests,
}
