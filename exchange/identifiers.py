"""Check digits of Chinese identifiers: unified social credit codes and resident identity numbers.

A passed check proves that nobody mistyped, not that the bearer exists: it is shown as 格式校验通过, never as
身份核验通过 (RULES I-06). Errors never repeat the number, which is personal data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

_LENGTH = 18
_DIGITS = frozenset("0123456789")
#: Full-width forms, as Chinese input methods produce them, to ASCII.
_NARROW: Mapping[int, int] = MappingProxyType({0x3000: 0x20} | {0xFEE0 + c: c for c in range(0x21, 0x7F)})

_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_FIRST = frozenset("123456789ANY")
_USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
_USCC_REGION = slice(2, 8)

_RESIDENT_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_RESIDENT_CHECKS = "10X98765432"
#: The province part of GB/T 2260, under which identity numbers were ever given.
_PROVINCES = frozenset(
    str(code)
    for codes in (range(11, 16), range(21, 24), range(31, 38), range(41, 47), range(50, 55), range(61, 66), (71,))
    for code in codes
)
#: Residence permits for residents of Hong Kong, Macao and Taiwan (港澳台居民居住证).
_RESIDENCE_PERMITS = frozenset({"81", "82", "83"})

Fault = Literal[
    "length", "alphabet", "first_character", "region_digits", "region", "birth_date", "birth_date_future", "checksum"
]

_MESSAGES: Mapping[Fault, str] = MappingProxyType(
    {
        "length": "the number must have 18 characters",
        "alphabet": "the number holds a character that may not stand there",
        "first_character": "the first character names no registering authority",
        "region_digits": "characters 3 to 8 must be digits",
        "region": "the first two digits name no province",
        "birth_date": "characters 7 to 14 are no date",
        "birth_date_future": "the birth date lies in the future",
        "checksum": "the check character does not fit: a character is probably mistyped",
    }
)


class InvalidIdentifier(ValueError):
    """An identifier fails its structure; ``code`` says where, the number itself is not repeated."""

    def __init__(self, code: Fault) -> None:
        self.code: Fault = code
        super().__init__(_MESSAGES[code])


class ResidentIdKind(StrEnum):
    """Which document carries the number."""

    RESIDENT = "resident"
    RESIDENCE_PERMIT = "residence_permit"


@dataclass(frozen=True, slots=True, repr=False)
class ResidentId:
    """A well-formed identity number. Sex, which the number also tells, is left out: nothing here needs it."""

    number: str
    birth_date: date
    kind: ResidentIdKind

    def __repr__(self) -> str:
        return f"ResidentId({mask(self.number)})"


def check_uscc(text: str) -> str:
    """A unified social credit code (统一社会信用代码, GB 32100-2015) in upper case.

    Full-width and lower-case characters and surrounding space are normalised. The organisation code inside (9 to 17)
    carries a check digit of its own, which issued codes do not all keep: it is not asked for.

    Raises:
        InvalidIdentifier: ``length``, ``alphabet``, ``first_character``, ``region_digits`` or ``checksum``.
    """
    code = _normalise(text)
    if len(code) != _LENGTH:
        raise InvalidIdentifier("length")
    if any(character not in _USCC_ALPHABET for character in code):
        raise InvalidIdentifier("alphabet")
    if code[0] not in _USCC_FIRST:
        raise InvalidIdentifier("first_character")
    if not _DIGITS.issuperset(code[_USCC_REGION]):
        raise InvalidIdentifier("region_digits")
    total = sum(w * _USCC_ALPHABET.index(c) for w, c in zip(_USCC_WEIGHTS, code[:-1], strict=True))
    if code[-1] != _USCC_ALPHABET[-total % 31]:
        raise InvalidIdentifier("checksum")
    return code


def check_resident_id(text: str, today: date) -> ResidentId:
    """A resident identity number (公民身份号码, GB 11643-1999) or residence permit number; ``today`` in Beijing.

    Full-width characters, a lower-case ``x`` and surrounding space are normalised.

    Raises:
        InvalidIdentifier: ``length``, ``alphabet``, ``region``, ``birth_date``, ``birth_date_future`` or ``checksum``.
    """
    number = _normalise(text)
    if len(number) != _LENGTH:
        raise InvalidIdentifier("length")
    if not _DIGITS.issuperset(number[:-1]) or number[-1] not in _RESIDENT_CHECKS:
        raise InvalidIdentifier("alphabet")
    kind = _kind(number[:2])
    try:
        birth_date = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        raise InvalidIdentifier("birth_date") from None
    if birth_date > today:
        raise InvalidIdentifier("birth_date_future")
    # ISO 7064 MOD 11-2
    total = sum(w * int(c) for w, c in zip(_RESIDENT_WEIGHTS, number[:-1], strict=True))
    if number[-1] != _RESIDENT_CHECKS[total % 11]:
        raise InvalidIdentifier("checksum")
    return ResidentId(number, birth_date, kind)


def age_on(birth_date: date, day: date) -> int:
    """Completed years of age (周岁) on ``day``; who was born on 29 February ages on 1 March of a common year.

    Raises:
        ValueError: ``day`` lies before the birth.
    """
    if day < birth_date:
        raise ValueError("the day lies before the birth")
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))


def mask(number: str) -> str:
    """A document number for display: the first three and last two characters; a short number shows none."""
    shown_head, shown_tail = 3, 2
    hidden = len(number) - shown_head - shown_tail
    if hidden < shown_head + shown_tail:
        return "*" * len(number)
    return f"{number[:shown_head]}{'*' * hidden}{number[-shown_tail:]}"


def _normalise(text: str) -> str:
    return text.translate(_NARROW).strip().upper()


def _kind(province: str) -> ResidentIdKind:
    if province in _RESIDENCE_PERMITS:
        return ResidentIdKind.RESIDENCE_PERMIT
    if province in _PROVINCES:
        return ResidentIdKind.RESIDENT
    raise InvalidIdentifier("region")
