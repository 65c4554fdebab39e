"""The profile of a table: what a reviewer sees of a file without opening it.

Counts are integers; every value taken from the table is text, numbers in decimal notation. Text is shown only where it
repeats, since a rare value may name a person; yet a smallest number may be somebody's telephone number: publish a
profile only after the scan for personal information.
"""

# ruff: noqa: S608 - statements are built from this module's own words and numbers; all else is a parameter

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Context, Decimal
from typing import Any

from provenance.scan.containers import scan_tables
from provenance.scan.contract import Limits, Progress, Result
from provenance.scan.quality import quality
from provenance.scan.tables import Column, Table, shown

_BUCKETS = 12
_TOP_VALUES = 8
_SHOWN_FROM = 5  # occurrences below which a text value is not shown
_VALUE_CHARACTERS = 64
_NAME_CHARACTERS = 200
_EXACT_ROWS = 1_000_000  # above, distinct values are estimated (HyperLogLog, about 2 %)
_EDGES = Context(prec=15)  # what survives a binary64 number

_INSTANT = "%Y-%m-%dT%H:%M:%S.%f"


def profile(path: str, limits: Limits, progress: Progress) -> Result:
    """Profile the table in the file at ``path``.

    Of a file with several tables, see `provenance.scan.containers.scan_tables`; of one table this

    returns ``format`` (csv, jsonl, parquet, xlsx), ``encoding``, ``delimiter`` and ``header`` (None where they mean
    nothing), ``rows``, ``columns``, ``duplicate_rows`` (rows beyond the first of their kind, by a 64-bit hash of the
    row), ``time_coverage`` (of the first timestamp or date column that has values, or None), ``schema_sha256`` and
    ``quality`` (`provenance.scan.quality.quality`, on the day of the scan, UTC).

    A column has ``name``, ``type`` (`provenance.scan.tables.Column`), ``nulls``, ``distinct`` (of the values that are
    not null), ``distinct_exact``, ``min`` and ``max`` (None for text and truth values; text has ``min_length`` and
    ``max_length``, in characters), ``histogram`` (numbers: ``from``, ``to``, ``count`` of up to 12 buckets of equal
    width, each open at its upper edge but the last; of integers, closed) and ``values`` (text and truth values: up to
    8 ``value`` and ``count``, the most frequent first, none that occurs less than five times).

    Raises:
        ScanRefused: see `provenance.scan.tables.load`.
    """
    return scan_tables(path, limits, progress, lambda table: of_table(table, progress))


def of_table(table: Table, progress: Progress) -> Result:
    """As ``profile``, of a table that is loaded."""
    columns = []
    for position, column in enumerate(table.columns):
        columns.append(_column(table, position, column))
        progress(60 + 40 * (position + 1) // len(table.columns))
    repeated = _duplicate_rows(table)
    return {
        "format": table.format,
        "encoding": table.encoding,
        "delimiter": table.delimiter,
        "header": table.header,
        "rows": table.rows,
        "columns": columns,
        "duplicate_rows": repeated,
        "time_coverage": _time_coverage(columns),
        "schema_sha256": schema_digest(table.columns),
        "quality": quality(table, columns, repeated, datetime.now(UTC).date()),
    }


def schema_digest(columns: Iterable[Column]) -> str:
    r"""SHA-256, in hexadecimal, over one line per column in order: ``name:type`` and LF, in UTF-8.

    In the name a backslash is written ``\\``, LF ``\n`` and CR ``\r``; types hold no
    colon. So no two schemas share their lines.
    """
    digest = hashlib.sha256()
    for column in columns:
        name = column.name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
        digest.update(f"{name}:{column.type}\n".encode())
    return digest.hexdigest()


def _column(table: Table, position: int, column: Column) -> dict[str, Any]:
    value = f"c{position}"
    found: dict[str, Any] = {
        "name": shown(column.name, _NAME_CHARACTERS),
        "type": column.type,
        **_counts(table, value),
        "min": None,
        "max": None,
    }
    if column.type in {"integer", "number"}:
        low, high = _number_range(table, value, column.type)
        if low is not None and high is not None:
            found |= {"min": _decimal(low), "max": _decimal(high)}
            buckets = _integer_buckets if column.type == "integer" else _number_buckets
            found["histogram"] = buckets(table, value, low, high)
    elif column.type in {"date", "timestamp", "timestamptz"}:
        found["min"], found["max"] = _time_range(table, value, column.type)
    else:
        if column.type != "boolean":
            found["min_length"], found["max_length"] = _one(table, f"min(length({value})), max(length({value}))")
        found["values"] = _top_values(table, value)
    return found


def _one(table: Table, expressions: str, parameters: dict[str, Any] | None = None) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = table.connection.execute(f"SELECT {expressions} FROM t", parameters).fetchone()
    return row or ()


def _counts(table: Table, value: str) -> dict[str, Any]:
    exact = table.rows <= _EXACT_ROWS
    count = f"count(DISTINCT {value})" if exact else f"approx_count_distinct({value})"
    present, distinct = _one(table, f"count({value}), {count}")
    return {"nulls": table.rows - present, "distinct": min(distinct, present), "distinct_exact": exact}


def _finite(value: str) -> str:
    """Infinities and NaN have no place on an axis: they count as values and are left out of ranges."""
    return f"CASE WHEN isfinite({value}) THEN {value} END"


def _number_range(table: Table, value: str, kind: str) -> tuple[Decimal | None, Decimal | None]:
    considered = value if kind == "integer" else _finite(value)
    low, high = _one(table, f"CAST(min({considered}) AS VARCHAR), CAST(max({considered}) AS VARCHAR)")
    return (None, None) if low is None else (Decimal(low), Decimal(high))


def _decimal(number: Decimal) -> str:
    """Decimal text without needless zeros; with an exponent only where the digits would run past reading."""
    reduced = number.normalize(Context(prec=40))
    return f"{reduced:f}" if -10 <= reduced.adjusted() <= 20 else str(reduced)  # noqa: PLR2004 - a matter of looks


def _integer_buckets(table: Table, value: str, low: Decimal, high: Decimal) -> list[dict[str, Any]]:
    first, last = int(low), int(high)
    width = (last - first) // _BUCKETS + 1
    index = f"CAST((CAST({value} AS HUGEINT) - {first}) // {width} AS INTEGER)"
    edges = [(edge, min(edge + width - 1, last)) for edge in range(first, last + 1, width)]
    return [
        {"from": str(start), "to": str(end), "count": count}
        for (start, end), count in zip(edges, _fill(table, index, len(edges)), strict=True)
    ]


def _number_buckets(table: Table, value: str, low: Decimal, high: Decimal) -> list[dict[str, Any]]:
    buckets = 1 if low == high else _BUCKETS
    width = _EDGES.divide(_EDGES.subtract(high, low), Decimal(buckets))
    edges = [low, *(_EDGES.add(low, width * n) for n in range(1, buckets)), high]
    bounds = " ".join(f"WHEN {value} < CAST('{edge}' AS DOUBLE) THEN {n}" for n, edge in enumerate(edges[1:-1]))
    index = f"CASE WHEN NOT isfinite({value}) THEN NULL {bounds} WHEN {value} IS NOT NULL THEN {buckets - 1} END"
    return [
        {"from": _decimal(start), "to": _decimal(end), "count": count}
        for start, end, count in zip(edges, edges[1:], _fill(table, index, buckets), strict=False)
    ]


def _fill(table: Table, index: str, buckets: int) -> list[int]:
    counts = [0] * buckets
    grouped = table.connection.execute(
        f"SELECT {index} AS bucket, count(*) FROM t GROUP BY bucket HAVING bucket IS NOT NULL"
    )
    for bucket, count in grouped.fetchall():
        counts[bucket] = count
    return counts


def _time_range(table: Table, value: str, kind: str) -> tuple[str | None, str | None]:
    """Dates as ISO 8601; timestamps with six decimals, and with ``Z`` if they are instants."""
    form = {"date": "%Y-%m-%d", "timestamp": _INSTANT, "timestamptz": f"{_INSTANT}Z"}[kind]
    extremes = (f"{extreme}({_finite(value)})" for extreme in ("min", "max"))
    low, high = _one(
        table, ", ".join(f"strftime(CAST({extreme} AS TIMESTAMP), $form)" for extreme in extremes), {"form": form}
    )
    return low, high


def _top_values(table: Table, value: str) -> list[dict[str, Any]]:
    rows = table.connection.execute(
        f"SELECT left(CAST({value} AS VARCHAR), {_VALUE_CHARACTERS + 1}), n "
        f"FROM (SELECT {value}, count(*) AS n FROM t WHERE {value} IS NOT NULL GROUP BY {value} "
        f"HAVING n >= {_SHOWN_FROM} ORDER BY n DESC, {value} LIMIT {_TOP_VALUES})"
    ).fetchall()
    return [{"value": shown(text, _VALUE_CHARACTERS), "count": count} for text, count in rows]


def _duplicate_rows(table: Table) -> int:
    names = ", ".join(f"c{position}" for position in range(len(table.columns)))
    row = table.connection.execute(f"SELECT count(*) FROM (SELECT 1 FROM t GROUP BY hash(row({names})))").fetchone()
    return table.rows - (row[0] if row else 0)


def _time_coverage(columns: list[dict[str, Any]]) -> dict[str, str] | None:
    for column in columns:
        if column["type"] in {"date", "timestamp", "timestamptz"} and column["min"] is not None:
            return {"column": column["name"], "from": column["min"], "to": column["max"]}
    return None
