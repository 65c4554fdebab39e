"""A table as tokens that survive renaming, reordering and reformatting: pairs of canonical cells of one row.

Only pairs that say enough to be no coincidence count, and of those the ones with the smallest hashes (a bottom-k
sketch): two tables sketched apart still keep the same tokens of what they share.
"""

import hashlib
import re
import unicodedata
from itertools import combinations
from typing import Any

import numpy as np
import numpy.ma  # numpy.unique loads it when first called, and then it is out of reach
from numpy.typing import NDArray

from provenance.scan.containers import scan_tables
from provenance.scan.contract import Limits, Progress, Result
from provenance.scan.tables import Table

Hashes = NDArray[np.uint64]

TOKENS = 20_000
_COLUMNS = 24  # of a wider table the most varied are paired
_BITS = 22.0
_BITS_OF_CHARACTER = 3.3
_MOST_OF_A_PAIR = 3  # a pair of cells seen more often is a habit of the data
_KEYS, _MEASURES = 6, 12
_LEAST_GROUPS = 3
_EXPECTED = 0.2
_SHUFFLE = 7919
_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[t ]0{1,2}:00(?::00(?:\.0+)?)?)?")
_DAY_FIRST = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})")
_NUMBER = re.compile(r"[-+]?(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d*)?(?:e[-+]?\d{1,3})?")
_BLANK = {"", "na", "n/a", "null", "none", "nan", "-"}


def canonical(text: str) -> str:
    """The cell in one form whatever it was written in; empty when it says nothing.

    Numbers keep four digits, dates become ``d`` and day, month and year with the smaller of day and month first, so
    that both orders agree; everything else is NFKC without case and spare space.
    """
    text = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    if text in _BLANK:
        return ""
    if found := _DATE.fullmatch(text):
        year, first, second = map(int, found.groups())
    elif found := _DAY_FIRST.fullmatch(text):
        first, second, year = map(int, found.groups())
    elif _NUMBER.fullmatch(text):
        return f"{float(text.replace(',', '')):.3e}"
    else:
        return text
    return f"d{year:04}{min(first, second):02}{max(first, second):02}"


def fingerprint(path: str, limits: Limits, progress: Progress) -> Result:
    """The sketches of the file's table or tables.

    Keys of each: ``rows``; ``columns`` (names); ``tokens``, ``shuffled`` and ``aggregates``: lists of ``[hash, row,
    column, column]``, the column of the smaller cell first; of an aggregate, row is the group.
    """
    return scan_tables(path, limits, progress, sketch)


def sketch(table: Table) -> Result:
    """The sketch of one table: see `fingerprint`."""
    cells, bits, numbers = [], [], []
    for position in range(len(table.columns)):
        cell, weight, number = _column(table, position)
        cells.append(cell)
        bits.append(weight)
        numbers.append(number)
    varied = sorted(range(len(cells)), key=lambda one: -len(np.unique(cells[one])))[:_COLUMNS]
    shifted = [np.roll(cell, _SHUFFLE * one % max(1, table.rows)) for one, cell in enumerate(cells)]
    weights = [np.roll(weight, _SHUFFLE * one % max(1, table.rows)) for one, weight in enumerate(bits)]
    return {
        "rows": table.rows,
        "columns": [column.name for column in table.columns],
        "tokens": _tokens(cells, bits, sorted(varied)),
        "shuffled": _tokens(shifted, weights, sorted(varied)),
        "aggregates": _aggregates(cells, numbers, table.rows),
    }


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest())


def _column(table: Table, position: int) -> tuple[Hashes, NDArray[np.float64], NDArray[np.float64]]:
    """Hashes of the cells (0: empty), what each can say in bits, and the numbers they are or NaN."""
    rows = table.connection.execute(f"SELECT CAST(c{position} AS VARCHAR) FROM t").fetchall()  # noqa: S608 - a number
    known: dict[str | None, tuple[int, float, float]] = {None: (0, 0.0, np.nan)}
    for (text,) in rows:
        if text not in known:
            form = canonical(text)
            plain = unicodedata.normalize("NFKC", text).replace(",", "").strip()
            number = float(plain) if form and _NUMBER.fullmatch(plain.casefold()) else np.nan
            says = len(plain.strip("0.+-")) if number == number else len(form)  # noqa: PLR0124 - not NaN
            known[text] = (_hash(form) if form else 0, min(says * _BITS_OF_CHARACTER, 18.0), number)
    found = [known[text] for (text,) in rows]
    return (
        np.array([one[0] for one in found], dtype=np.uint64),
        np.array([one[1] for one in found], dtype=np.float64),
        np.array([one[2] for one in found], dtype=np.float64),
    )


def _mixed(tokens: Hashes) -> Hashes:
    """Spread sums of hashes evenly (the finaliser of MurmurHash3), in 53 bits."""
    tokens = (tokens ^ (tokens >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    tokens = (tokens ^ (tokens >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return (tokens ^ (tokens >> np.uint64(33))) >> np.uint64(11)


def _tokens(cells: list[Hashes], bits: list[NDArray[np.float64]], chosen: list[int]) -> list[list[int]]:
    kept: list[NDArray[Any]] = []
    often = {one: _often(cells[one]) for one in chosen}
    for one, other in combinations(chosen, 2):
        a, b = cells[one], cells[other]
        rare = often[one] * often[other] <= _EXPECTED * len(a)  # of columns that know nothing of each other
        rows = np.flatnonzero((a != 0) & (b != 0) & (a != b) & (bits[one] + bits[other] >= _BITS) & rare)
        unique, first, count = np.unique(_mixed(a[rows] + b[rows]), return_index=True, return_counts=True)
        few = np.flatnonzero(count <= _MOST_OF_A_PAIR)[:TOKENS]
        at = rows[first[few]]
        smaller = a[at] < b[at]
        columns = np.where(smaller, one, other), np.where(smaller, other, one)
        kept.append(np.stack([unique[few].astype(np.int64), at, *columns], axis=1))
    return _smallest(kept)


def _often(cells: Hashes) -> NDArray[np.int64]:
    _, group, count = np.unique(cells, return_inverse=True, return_counts=True)
    often: NDArray[np.int64] = count[group]
    return often


def _smallest(kept: list[NDArray[Any]]) -> list[list[int]]:
    if not kept:
        return []
    every = np.concatenate(kept)
    found: list[list[int]] = every[np.argsort(every[:, 0], kind="stable")[:TOKENS]].tolist()
    return found


def _aggregates(cells: list[Hashes], numbers: list[NDArray[np.float64]], rows: int) -> list[list[int]]:
    """Pairs of a group's key and the count, sum, mean, least and greatest of a column of numbers in it."""
    groups = {one: np.unique(cell, return_inverse=True, return_counts=True) for one, cell in enumerate(cells)}
    keys = [one for one, (values, _, _) in groups.items() if _LEAST_GROUPS <= len(values) <= max(3, rows // 2)][:_KEYS]
    measures = [one for one, number in enumerate(numbers) if np.isfinite(number).sum() > rows // 2][:_MEASURES]
    kept: list[NDArray[Any]] = []
    for key in keys:
        values, group, _ = groups[key]
        for measure in measures:
            if measure == key:
                continue
            fit = np.isfinite(numbers[measure])
            of, number = group[fit], numbers[measure][fit]
            count = np.bincount(of, minlength=len(values))
            total = np.bincount(of, weights=number, minlength=len(values))
            least, most = np.full(len(values), np.inf), np.full(len(values), -np.inf)
            np.minimum.at(least, of, number)
            np.maximum.at(most, of, number)
            with np.errstate(invalid="ignore", divide="ignore"):
                results = (total, total / count, least, most)
            for result in results:
                at = np.flatnonzero((count > 1) & (values != 0) & np.isfinite(result))
                hashes = np.array([_hash(f"{value:.3e}") for value in result[at].tolist()], dtype=np.uint64)
                smaller = values[at] < hashes
                columns = np.where(smaller, key, measure), np.where(smaller, measure, key)
                tokens = _mixed(values[at] + hashes).astype(np.int64)
                kept.append(np.stack([tokens, at, *columns], axis=1))
    return _smallest(kept)
