"""What in a column's text has the form of an identifier: numbers, addresses on the net, documents.

A column comes as pieces of text with a line for each value. Detectors work on the piece's UTF-8 bytes as a whole; each
says where its finds begin and end. Whether a find is worth reporting is for `provenance.scan.judgement` to say.
"""

import ipaddress
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from provenance.scan.numerals import (
    ALPHANUMERIC,
    DIGITS,
    Bytes,
    Places,
    Truths,
    gather,
    integers,
    luhn,
    members,
    resident_ids,
    runs,
    usccs,
)

_LINE = 10
_NARROW = {0x3000: 0x20} | {0xFEE0 + c: c for c in range(0x21, 0x7F)}  # full-width forms to ASCII
_WIDE = re.compile(b"\xef(?:\xbc[\x8b\x8d\x90-\x99\xa0-\xba]|\xbd[\x81-\x9a])")  # of digits, letters, + - @, in UTF-8
_CARD_LENGTHS = range(15, 20)
_MOBILE, _ID = 11, 18
_JOINS = members(b" -")
_LOCAL = members(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._%+-")
_DOMAIN = members(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.-")
_LETTERS = ALPHANUMERIC & ~DIGITS
_WORD = ALPHANUMERIC | members(b"_")
#: Prefixes of mobile numbers of the mainland, as allotted by the Ministry of Industry and Information Technology.
_MOBILE_PREFIXES = np.zeros(1000, dtype=np.bool_)
_MOBILE_PREFIXES[[*range(130, 140), 141, *range(144, 154), *range(155, 160), 162, *range(165, 168)]] = True
_MOBILE_PREFIXES[[*range(170, 179), *range(180, 194), *range(195, 200)]] = True
_PASSPORT = members(b"EGDSPK")
_PERMIT = members(b"CWHMTL")
_IPV6 = re.compile(rb"(?<![0-9A-Za-z:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![0-9A-Za-z:.])")
_OCTETS, _OCTET_DIGITS, _OCTET_MOST = 4, 3, 255


@dataclass(frozen=True)
class Finds:
    """Finds of a kind in a piece: where they begin and end, and how many candidates of the form there were."""

    starts: Places
    ends: Places
    candidates: int


class Piece:
    """Text with a line for each value."""

    def __init__(self, text: str) -> None:
        raw = text.encode(errors="replace")
        if _WIDE.search(raw):
            text = text.translate(_NARROW)
            raw = text.encode(errors="replace")
        self.text = text
        self.raw = b"\n" + raw + b"\n" * 24  # windows may look past the end
        self.data: Bytes = np.frombuffer(self.raw, dtype=np.uint8)
        self.lines: Places = np.flatnonzero(self.data == _LINE)
        self.is_ascii = text.isascii()

    @cached_property
    def digit_runs(self) -> tuple[Places, Places]:
        """Where digits run."""
        return runs(DIGITS[self.data])

    @cached_property
    def tokens(self) -> tuple[Places, Places]:
        """Where ASCII letters and digits run."""
        return runs(ALPHANUMERIC[self.data])

    def rows(self, starts: Places) -> Places:
        """The values in which finds lie, by their numbers."""
        found: Places = np.searchsorted(self.lines, starts) - 1
        return found

    def whole(self, starts: Places, ends: Places) -> int:
        """How many of the finds are the whole of their value."""
        return int(((self.data[starts - 1] == _LINE) & (self.data[ends] == _LINE)).sum())

    def shown(self, start: int, end: int) -> str:
        """A find's characters."""
        return self.raw[start:end].decode(errors="replace")

    def find(self) -> Iterator[tuple[str, Finds]]:
        """All detectors, each with its kind."""
        has_digits = len(self.digit_runs[0]) > 0
        if has_digits:
            ids = self._resident_ids()
            yield "resident_id", ids
            yield "mobile", self._mobiles()
            yield "bank_card", self._cards(ids.starts)
            yield "uscc", self._usccs()
            yield "passport", self._documents(_PASSPORT, (9,), second_letter=True)
            yield "permit", self._documents(_PERMIT, (9, 11), second_letter=False)
            yield "landline", self._landlines()
            if b"." in self.raw:
                yield "ip", self._ipv4()
        if b"::" in self.raw or self.raw.count(b":") >= 7 * (len(self.lines) - 24) // 8:
            yield "ip", self._ipv6()
        if b"@" in self.raw:
            yield "email", self._emails()

    def _alone(self, starts: Places, ends: Places) -> Truths:
        """Not part of a longer word, a fraction or a number with a fraction."""
        before, after = self.data[starts - 1], self.data[ends]
        fraction = (after == ord(".")) & DIGITS[self.data[ends + 1]]
        fraction |= (before == ord(".")) & DIGITS[self.data[np.maximum(starts - 2, 0)]]
        alone: Truths = ~(_WORD[before] | _WORD[after] | fraction)
        return alone

    def _grouped(self, *lengths: int) -> tuple[Places, Places, Places]:
        """Runs of these lengths in a row, one space or hyphen between: starts, ends, digits without what joins them."""
        starts, ends = self.digit_runs
        count, sizes = len(lengths), ends - starts
        if len(starts) < count:
            return _NOWHERE, _NOWHERE, _NOWHERE.reshape(0, sum(lengths))
        last = len(starts) - count + 1
        fits = np.ones(last, dtype=np.bool_)
        for place, length in enumerate(lengths):
            fits &= sizes[place : place + last] == length
            if place:
                gap = ends[place - 1 : place - 1 + last]
                fits &= (starts[place : place + last] - gap == 1) & _JOINS[self.data[gap]]
        first = np.flatnonzero(fits)
        parts = [gather(self.data, starts[first + place], length) for place, length in enumerate(lengths)]
        return starts[first], ends[first + count - 1], np.hstack(parts)

    def _resident_ids(self) -> Finds:
        starts, ends = self.digit_runs
        sizes = ends - starts
        ending_in_x = (sizes == _ID - 1) & ((self.data[ends] | 32) == ord("x"))
        chosen = starts[(sizes == _ID) | ending_in_x]
        chosen = chosen[~_WORD[self.data[chosen - 1]] & ~_WORD[self.data[chosen + _ID]]]
        valid = resident_ids(gather(self.data, chosen, _ID), _LAST_YEAR)
        apart, apart_ends, digits = self._grouped(6, 8, 4)
        kept = resident_ids(digits.astype(np.uint8), _LAST_YEAR) if len(apart) else np.zeros(0, dtype=np.bool_)
        return Finds(
            np.concatenate([chosen[valid], apart[kept]]),
            np.concatenate([chosen[valid] + _ID, apart_ends[kept]]),
            len(chosen) + len(apart),
        )

    def _mobiles(self) -> Finds:
        starts, ends = self.digit_runs
        sizes = ends - starts
        with_code = (sizes == _MOBILE + 2) & (self.data[starts] == ord("8")) & (self.data[starts + 1] == ord("6"))
        plain = np.concatenate([starts[sizes == _MOBILE], starts[with_code] + 2])
        plain_ends = plain + _MOBILE
        outer = np.concatenate([starts[sizes == _MOBILE], starts[with_code]])
        alone = self._alone(outer, plain_ends)
        plain, plain_ends = plain[alone], plain_ends[alone]
        valid = _MOBILE_PREFIXES[integers(gather(self.data, plain, 3))]
        apart, apart_ends, digits = self._grouped(3, 4, 4)
        kept = _MOBILE_PREFIXES[integers(digits[:, :3].astype(np.uint8))] & self._alone(apart, apart_ends)
        return Finds(
            np.concatenate([plain[valid], apart[kept]]),
            np.concatenate([plain_ends[valid], apart_ends[kept]]),
            len(plain) + len(apart),
        )

    def _cards(self, resident: Places) -> Finds:
        starts, ends = self.digit_runs
        sizes = ends - starts
        found, found_ends, candidates = [_NOWHERE], [_NOWHERE], 0
        taken = np.isin(starts, resident)
        for length in _CARD_LENGTHS:
            chosen = starts[(sizes == length) & ~taken]
            chosen = chosen[self._alone(chosen, chosen + length)]
            digits = gather(self.data, chosen, length)
            issued = _issued(digits)
            candidates += int(issued.sum())
            chosen = chosen[issued][luhn(digits[issued])]
            found.append(chosen)
            found_ends.append(chosen + length)
        for lengths in ((4, 4, 4, 4), (4, 4, 4, 4, 3), (4, 4, 4, 4, 2), (6, 13)):
            apart, apart_ends, joined = self._grouped(*lengths)
            joined_bytes = joined.astype(np.uint8)
            issued = _issued(joined_bytes)
            candidates += int(issued.sum())
            kept = issued & luhn(joined_bytes)
            found.append(apart[kept])
            found_ends.append(apart_ends[kept])
        return Finds(np.concatenate(found), np.concatenate(found_ends), candidates)

    def _usccs(self) -> Finds:
        starts, ends = self.tokens
        chosen = starts[ends - starts == _ID]
        codes = gather(self.data, chosen, _ID)
        valid = usccs(codes) & ~resident_ids(codes, _LAST_YEAR)
        return Finds(chosen[valid], chosen[valid] + _ID, len(chosen))

    def _documents(self, first: Truths, sizes: tuple[int, ...], *, second_letter: bool) -> Finds:
        """Tokens of a letter, perhaps a second one, and digits."""
        starts, ends = self.tokens
        lengths = ends - starts
        fits = np.isin(lengths, sizes) & first[self.data[starts] & 0xDF]
        starts, ends = starts[fits], ends[fits]
        letters = _LETTERS[self.data[starts + 1]] if second_letter else np.zeros(len(starts), dtype=np.bool_)
        digits = DIGITS[gather(self.data, starts, 9)]
        whole = digits[:, 2:].all(axis=1) & (letters | digits[:, 1])
        whole &= (ends - starts == 9) | DIGITS[self.data[starts + 9]] & DIGITS[self.data[starts + 10]]  # noqa: PLR2004
        whole &= self.data[starts - 1] != ord("_")
        return Finds(starts[whole], ends[whole], len(starts))

    def _landlines(self) -> Finds:
        """Numbers with an area code: 0 and two or three digits, a hyphen, seven or eight digits."""
        found, found_ends = [], []
        for area, local in ((3, 8), (4, 7), (4, 8), (3, 7)):
            starts, ends, _ = self._grouped(area, local)
            valid = (self.data[starts] == ord("0")) & (self.data[starts + 1] != ord("0")) & self._alone(starts, ends)
            found.append(starts[valid])
            found_ends.append(ends[valid])
        starts, ends = np.concatenate(found), np.concatenate(found_ends)
        return Finds(starts, ends, len(starts))

    def _ipv4(self) -> Finds:
        starts, ends = self.digit_runs
        last = len(starts) - _OCTETS + 1
        if last < 1:
            return Finds(_NOWHERE, _NOWHERE, 0)
        small = (ends - starts) <= _OCTET_DIGITS
        first = np.flatnonzero(small[:last] & (starts[1 : last + 1] - ends[:last] == 1))
        for place in range(1, _OCTETS):
            gap = ends[first + place - 1]
            joined = (starts[first + place] - gap == 1) & (self.data[gap] == ord(".")) & small[first + place]
            first = first[joined]
        begin, end = starts[first], ends[first + _OCTETS - 1]
        valid = ~_WORD[self.data[begin - 1]] & ~_WORD[self.data[end]] & (self.data[begin - 1] != ord("."))
        valid &= ~((self.data[end] == ord(".")) & DIGITS[self.data[end + 1]])
        for place in range(_OCTETS):
            octet, size = starts[first + place], ends[first + place] - starts[first + place]
            digits = self.data[np.stack([octet, octet + 1, octet + 2], axis=1)].astype(np.int64) - 48
            value = np.where(size == 1, digits[:, 0], digits[:, 0] * 10 + digits[:, 1])
            value = np.where(size == _OCTET_DIGITS, value * 10 + digits[:, 2], value)
            valid &= (value <= _OCTET_MOST) & ((place > 0) | (value > 0))
        return Finds(begin[valid], end[valid], len(first))

    def _ipv6(self) -> Finds:
        spans = [match.span() for match in _IPV6.finditer(self.raw) if _is_ipv6(match.group())]
        places = np.array(spans, dtype=np.int64).reshape(-1, 2)
        return Finds(places[:, 0], places[:, 1], len(spans))

    def _emails(self) -> Finds:
        at = np.flatnonzero(self.data == ord("@"))
        before, after = np.flatnonzero(~_LOCAL[self.data]), np.flatnonzero(~_DOMAIN[self.data])
        starts = before[np.searchsorted(before, at) - 1] + 1
        ends = after[np.searchsorted(after, at + 1)]
        ends -= self.data[ends - 1] == ord(".")
        dots = np.concatenate([[0], np.flatnonzero(self.data == ord("."))])
        dot = dots[np.searchsorted(dots, ends) - 1]
        valid = (starts < at) & (dot > at + 1) & (ends - dot > 2)  # noqa: PLR2004 - a top-level domain has two letters
        valid &= _LETTERS[self.data[dot + 1]] & _LETTERS[self.data[dot + 2]]
        return Finds(starts[valid], ends[valid], len(at))


_NOWHERE: Places = np.zeros(0, dtype=np.int64)
_LAST_YEAR = time.gmtime().tm_year  # of birth; a child starts for every scan


def _issued(digits: Bytes) -> Truths:
    """Which numbers begin as those of banks and card schemes do: UnionPay, Visa, Mastercard, JCB, American Express."""
    size = digits.shape[1]
    head = integers(digits[:, :4])
    two = head // 100
    chosen = (two == 62) | (head == 9558)  # noqa: PLR2004 - UnionPay, and what Chinese banks issued before it
    if size == 16:  # noqa: PLR2004 - length of a card number
        chosen |= (head // 1000 == 4) | ((two >= 51) & (two <= 55)) | ((head >= 2221) & (head <= 2720))  # noqa: PLR2004
        chosen |= (head >= 3528) & (head <= 3589)  # noqa: PLR2004
    if size == 15:  # noqa: PLR2004
        chosen = (two == 34) | (two == 37)  # noqa: PLR2004
    issued: Truths = chosen
    return issued


def _is_ipv6(token: bytes) -> bool:
    try:
        ipaddress.IPv6Address(token.decode())
    except ValueError:
        return False
    return len(token) > 3  # noqa: PLR2004 - «::» and «::1» name no one
