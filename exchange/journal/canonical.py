"""Canonical JSON: one value, one sequence of bytes (RFC 8785, restricted).

The restriction is the journal's own: no floating point numbers, and integers only where every JSON reader agrees on
them (|n| < 2^53, RFC 7493 section 2.2). Amounts and larger numbers travel as strings. What remains of RFC 8785 is the
order of keys (by UTF-16 code units), the minimal escapes and the absence of white space.
"""

import json
from typing import Any, NoReturn

#: Integers at or beyond this magnitude are not exact in readers that hold numbers as IEEE 754 doubles.
INTEGER_LIMIT = 2**53

#: Deeper nesting is refused, so that hostile input meets an answer and not the interpreter's recursion limit.
DEPTH_LIMIT = 64

_INTEGER_DIGITS = len(str(-INTEGER_LIMIT))


class NotCanonical(ValueError):
    """The value has no form in the restricted canonical JSON, or the bytes are not that form."""


def dumps(value: Any) -> bytes:
    """The canonical bytes of ``value``: None, bool, int, str, list and dict with string keys.

    Raises:
        NotCanonical: A float, an integer of 2^53 or beyond, a lone surrogate, a key that is no string, nesting beyond
            ``DEPTH_LIMIT``, or any other type.
    """
    ordered = _ordered(value, depth=0)
    text = json.dumps(ordered, ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":"))
    return text.encode()


def loads(data: bytes) -> Any:
    """The value whose canonical form is ``data``.

    Raises:
        NotCanonical: ``data`` is not JSON, or is not the canonical form of the value it means (white space, order or
            repetition of keys, escapes, floats, integers out of range).
    """
    try:
        value = json.loads(
            data.decode(),
            object_pairs_hook=_unique_keys,
            parse_float=_refuse_number,
            parse_int=_parse_int,
            parse_constant=_refuse_number,
        )
    except NotCanonical:
        raise
    except (ValueError, RecursionError) as error:
        raise NotCanonical(f"not JSON in UTF-8: {error}") from error
    if dumps(value) != data:
        raise NotCanonical("the bytes are JSON but not in canonical form")
    return value


def _ordered(value: Any, *, depth: int) -> Any:
    """``value`` with the keys of every object in canonical order, every part of it checked."""
    if depth > DEPTH_LIMIT:
        raise NotCanonical(f"nested deeper than {DEPTH_LIMIT} levels")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        if not value.isascii():
            _utf16(value)
        return value
    if isinstance(value, int):
        if not -INTEGER_LIMIT < value < INTEGER_LIMIT:
            raise NotCanonical("an integer of 2^53 or beyond must be written as a string")
        return value
    if isinstance(value, list):
        return [_ordered(item, depth=depth + 1) for item in value]
    if isinstance(value, dict):
        return {key: _ordered(value[key], depth=depth + 1) for key in _ordered_keys(value)}
    raise NotCanonical(f"{type(value).__name__} has no canonical form")


def _ordered_keys(members: dict[Any, Any]) -> list[str]:
    if all(isinstance(key, str) and key.isascii() for key in members):
        return sorted(members)  # code points order ASCII as UTF-16 code units do
    return sorted(members, key=_utf16)


def _utf16(text: Any) -> bytes:
    """The sort key of RFC 8785 section 3.2.3: big-endian UTF-16, whose bytes compare as its code units do."""
    if not isinstance(text, str):
        raise NotCanonical("a key must be a string")
    try:
        return text.encode("utf-16-be")
    except UnicodeEncodeError as error:
        raise NotCanonical("a string holds a lone surrogate") from error


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotCanonical("an object repeats a key")
    return members


def _parse_int(digits: str) -> int:
    if len(digits) > _INTEGER_DIGITS:
        raise NotCanonical("an integer of 2^53 or beyond must be written as a string")
    return int(digits)


def _refuse_number(text: str) -> NoReturn:
    raise NotCanonical(f"{text[:32]} is not an integer")
