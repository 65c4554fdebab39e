"""How notes and checkpoints write bytes and numbers: every value has exactly one form, and no other is read."""

import base64
import binascii
import re
from typing import Final

from exchange.journal import merkle

#: 19 digits hold every size below 2^63, and Python's limit on digits is far.
_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}")


class InvalidNote(ValueError):
    """The note is malformed, no known key signed it, or a signature by a known key does not hold."""


def encode_base64(data: bytes) -> str:
    """``data`` in standard base64 (RFC 4648 section 4)."""
    return base64.b64encode(data).decode()


def decode_base64(text: str) -> bytes:
    """The bytes of standard base64 (RFC 4648 section 4) in its only form: padded, no white space, zero spare bits.

    Raises:
        InvalidNote: Any other form.
    """
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise InvalidNote("malformed base64") from error
    if encode_base64(data) != text:
        raise InvalidNote("malformed base64")
    return data


def decode_hash(text: str) -> bytes:
    """The hash that ``text`` holds in base64.

    Raises:
        InvalidNote: It is not base64 of 32 bytes.
    """
    value = decode_base64(text)
    if len(value) != merkle.HASH_BYTES:
        raise InvalidNote(f"a hash is {merkle.HASH_BYTES} bytes")
    return value


def decode_decimal(text: str) -> int:
    """The size or index that ``text`` writes.

    Raises:
        InvalidNote: It is not plain decimal without leading zeros, or has more than 19 digits.
    """
    if not _DECIMAL.fullmatch(text):
        raise InvalidNote("a size or index is plain decimal without leading zeros")
    return int(text)
