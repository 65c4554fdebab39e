"""How good a table is, by what can be counted in it: five parts, each in per mille, and their mean."""

# ruff: noqa: S608 - statements are built from this module's own words and numbers; all else is a parameter

from collections.abc import Sequence
from datetime import date
from typing import Any

from provenance.scan.tables import Table

_ALL = 1_000
_MOSTLY = 0.8  # share of a column's values from which the others count as faults
_NUMBER = r"-?[0-9]+(\.[0-9]+)?"
_DAY = r"[0-9]{4}[-/.年][0-9]{1,2}[-/.月][0-9]{1,2}日?"
#: What stands in a cell where nothing is known.
_PLACEHOLDERS = (
    "n/a",
    "na",
    "null",
    "none",
    "nan",
    "-",
    "--",
    "?",
    "unknown",
    "无",
    "未知",
    "不详",
    "空",
    "#n/a",
    "#value!",
)
_FRESH_DAYS, _STALE_DAYS = 365, 5 * 365


def quality(table: Table, columns: Sequence[dict[str, Any]], duplicate_rows: int, today: date) -> dict[str, int | None]:
    """Score and parts, in per mille.

    ``completeness``: cells that are not null. ``uniqueness``: rows that do not repeat an earlier one. ``validity``:
    values of the kind of their column: no placeholder (n/a, 未知), and in a column of text of which four fifths or more
    are numbers, or dates, no other. ``consistency``: text without space around it, of which no other spelling, in
    upper or lower case, is more frequent. ``timeliness``: 1,000 where the latest day in the first
    column of time lies within a year before ``today``, falling evenly to 0 at five years; None without such a column.
    ``score``: the mean of the parts that are not None, rounded down.
    """
    cells = table.rows * len(columns)
    present = cells - sum(column["nulls"] for column in columns)
    texts = [position for position, column in enumerate(columns) if column["type"] == "text"]
    invalid = sum(_invalid(table, position) for position in texts)
    uneven = sum(_uneven(table, position) for position in texts)
    in_text = sum(table.rows - columns[position]["nulls"] for position in texts)
    parts: dict[str, int | None] = {
        "completeness": present * _ALL // cells,
        "uniqueness": (table.rows - duplicate_rows) * _ALL // table.rows,
        "validity": (present - invalid) * _ALL // present if present else 0,
        "consistency": (in_text - uneven) * _ALL // in_text if in_text else _ALL,
        "timeliness": _timeliness(columns, today),
    }
    counted = [part for part in parts.values() if part is not None]
    return {"score": sum(counted) // len(counted), **parts}


def _invalid(table: Table, position: int) -> int:
    row = table.connection.execute(
        f"SELECT count(*), count(*) FILTER (held), count(*) FILTER (NOT held AND number), "
        f"count(*) FILTER (NOT held AND day) FROM (SELECT list_contains($held, lower(trim(c{position}))) AS held, "
        f"regexp_full_match(c{position}, $number) AS number, regexp_full_match(c{position}, $day) AS day "
        f"FROM t WHERE c{position} IS NOT NULL)",
        {"held": list(_PLACEHOLDERS), "number": _NUMBER, "day": _DAY},
    ).fetchone()
    if row is None or row[0] == 0:
        return 0
    values, held, numbers, days = row
    known = values - held
    for fitting in (numbers, days):
        if fitting < known and fitting >= _MOSTLY * known:
            return int(held + known - fitting)
    return int(held)


def _uneven(table: Table, position: int) -> int:
    """Values with space around them, and those written otherwise than most values alike but for case."""
    row = table.connection.execute(
        f"SELECT coalesce(sum(n) FILTER (v <> trim(v) OR n < most), 0) FROM (SELECT v, n, max(n) OVER (PARTITION BY "
        f"lower(nfc_normalize(trim(v)))) AS most FROM (SELECT c{position} AS v, count(*) AS n FROM t "
        f"WHERE c{position} IS NOT NULL GROUP BY v))"
    ).fetchone()
    return int(row[0]) if row else 0


def _timeliness(columns: Sequence[dict[str, Any]], today: date) -> int | None:
    for column in columns:
        if column["type"] in {"date", "timestamp", "timestamptz"} and column["max"] is not None:
            try:
                age = (today - date.fromisoformat(column["max"][:10])).days
            except ValueError:  # a year of five digits
                continue
            past = min(max(age - _FRESH_DAYS, 0), _STALE_DAYS - _FRESH_DAYS)
            return _ALL - past * _ALL // (_STALE_DAYS - _FRESH_DAYS)
    return None
