"""Runs of digits and characters in a buffer of bytes, and the check digits of those that look like identifiers.

The check digits are those of `exchange.identifiers`, for many numbers at once; a test holds the two equal. Matrices
have a row for each number and a column for each of its digits.
"""

import numpy as np
import numpy.ma  # numpy loads it when first needed: then its files are out of reach
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Places = NDArray[np.int64]
Truths = NDArray[np.bool_]

_RESIDENT_WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
_RESIDENT_CHECKS = np.frombuffer(b"10X98765432", dtype=np.uint8)
_USCC_WEIGHTS = np.array([1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28])
_USCC_ALPHABET = b"0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_MODULUS = 31
_DAYS = np.array([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_FEBRUARY, _LEAP_DAY = 2, 29
_MONTHS, _EARLIEST_YEAR = 12, 1880


def members(characters: bytes) -> Truths:
    """A table of 256: whether a byte is one of the characters."""
    table = np.zeros(256, dtype=np.bool_)
    table[np.frombuffer(characters, dtype=np.uint8)] = True
    return table


DIGITS = members(b"0123456789")
ALPHANUMERIC = members(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
#: Province parts of GB/T 2260 under which identity numbers and residence permits (81 to 83) are given.
_PROVINCES = np.zeros(100, dtype=np.bool_)
_PROVINCES[[*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55)]] = True
_PROVINCES[[*range(61, 66), 71, 81, 82, 83]] = True
_USCC_VALUES = np.full(256, -1, dtype=np.int64)
_USCC_VALUES[np.frombuffer(_USCC_ALPHABET, dtype=np.uint8)] = np.arange(_USCC_MODULUS)
_USCC_FIRST = members(b"123456789ANY")


def runs(inside: Truths) -> tuple[Places, Places]:
    """Where runs of truth begin, and the places after them; neither the first nor the last place may be in a run."""
    edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1
    return edges[::2], edges[1::2]


def gather(data: Bytes, starts: Places, length: int) -> Bytes:
    """The ``length`` bytes from each of the starts on, as a matrix."""
    windows: Bytes = np.lib.stride_tricks.sliding_window_view(data, length)[starts]
    return windows


def resident_ids(characters: Bytes, last_year: int) -> Truths:
    """Which rows of 18 characters are resident identity numbers (GB 11643-1999, ISO 7064 MOD 11-2) by form and check.

    A birth in or before ``last_year`` is asked for, and none before 1880.
    """
    if not len(characters):
        return np.zeros(0, dtype=np.bool_)
    digits = characters[:, :17].astype(np.int64) - 48
    form = ((digits >= 0) & (digits <= 9)).all(axis=1)  # noqa: PLR2004 - digits
    digits[~form] = 0
    year = digits[:, 6:10] @ np.array([1000, 100, 10, 1])
    month, day = digits[:, 10] * 10 + digits[:, 11], digits[:, 12] * 10 + digits[:, 13]
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    dated = (month >= 1) & (month <= _MONTHS) & (day >= 1) & (day <= _DAYS[np.minimum(month, _MONTHS)])
    dated &= ~((month == _FEBRUARY) & (day == _LEAP_DAY) & ~leap) & (year >= _EARLIEST_YEAR) & (year <= last_year)
    last = np.where(characters[:, 17] == ord("x"), ord("X"), characters[:, 17])
    checked: Truths = _RESIDENT_CHECKS[digits @ _RESIDENT_WEIGHTS % 11] == last
    valid: Truths = form & dated & _PROVINCES[digits[:, 0] * 10 + digits[:, 1]] & checked
    return valid


def luhn(characters: Bytes) -> Truths:
    """Which rows of digits end in the check digit of ISO/IEC 7812-1 (Luhn)."""
    digits = characters.astype(np.int64)[:, ::-1] - 48
    doubled = digits[:, 1::2] * 2
    total = digits[:, ::2].sum(axis=1) + (doubled - 9 * (doubled > 9)).sum(axis=1)  # noqa: PLR2004 - digits
    valid: Truths = total % 10 == 0
    return valid


def usccs(characters: Bytes) -> Truths:
    """Which rows of 18 characters are unified social credit codes (GB 32100-2015) by form and check."""
    if not len(characters):
        return np.zeros(0, dtype=np.bool_)
    upper = np.where((characters >= ord("a")) & (characters <= ord("z")), characters - 32, characters)
    values = _USCC_VALUES[upper]
    form = (values >= 0).all(axis=1) & _USCC_FIRST[upper[:, 0]] & DIGITS[upper[:, 2:8]].all(axis=1)
    checked: Truths = -(values[:, :17] @ _USCC_WEIGHTS) % _USCC_MODULUS == values[:, 17]
    return form & checked


def integers(characters: Bytes) -> Places:
    """Rows of at most 18 digits as integers."""
    weights = 10 ** np.arange(characters.shape[1] - 1, -1, -1, dtype=np.int64)
    numbers: Places = (characters.astype(np.int64) - 48) @ weights
    return numbers
