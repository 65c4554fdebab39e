"""How well a table's rows hide whom they are about: groups of like rows, and identifiers that hashing does not hide.

Evidence, never a conclusion in law (PI-07; GB/T 37964-2019 and GB/T 42460-2023 name the measures): a table of large k
can still be linked with what others hold, and rows that are unique need not be about persons at all.
"""

# ruff: noqa: S608 - statements are built from this module's own words and numbers; all else is a parameter

import hashlib
import re
from collections.abc import Sequence
from typing import Any

from provenance.scan import columns
from provenance.scan.containers import scan_tables
from provenance.scan.contract import Limits, Progress, Refusal, Result, ScanRefused
from provenance.scan.tables import Table, shown

_NAME_CHARACTERS = 200
_SUGGESTED_MOST = 6
_SMALL_GROUP = 5
_IDENTIFYING = 950  # per mille of rows with a value of their own: a key, not a trait
_RISKY = 200  # per mille of unique rows
_DIGESTS = {32: ("md5",), 40: ("sha1",), 64: ("sha256", "sm3")}
_LOOKED_AT = 1_000
_MOSTLY = 900
_BESIDE_MOST = 200_000
_SERIALS = 1_000_000
_MOBILE_HEADS = (130, 131, 132, 133, 134, 135, 136, 137, 138, 139, 150, 151, 152, 153, 155, 156, 157, 158, 159, 166,
                 173, 176, 177, 178, 180, 181, 182, 183, 185, 186, 187, 188, 189, 191, 198, 199)  # fmt: skip
_MOBILE_STEP = 4_000
_MOBILES_OF_A_HEAD = 10**8
_SLOW_MOST = 200_000  # candidates for an algorithm that the database engine has not

_TRAITS = re.compile(
    r"年龄|性别|出生|生日|邮编|邮政|省|市|区县|县|地区|籍贯|户籍|民族|婚|学历|教育|职业|行业|职务|岗位|国籍|入院|就诊"
    r"|\bage\b|sex|gender|birth|zip|postal|postcode|province|\bcity\b|county|region|district|ethnic|race\b|marital|"
    r"education|occupation|\bjob\b|industry|nationality|admission"
)
_SECRETS = re.compile(
    r"诊断|疾病|病种|收入|工资|薪|资产|负债|信用分|宗教|犯罪|违法|政治面貌|成绩|disease|diagnos|illness|income|salary|wage|"
    r"wealth|debt|religio|crime|score"
)


def anonymity(
    path: str,
    limits: Limits,
    progress: Progress,
    *,
    quasi_identifiers: Sequence[str] = (),
    sensitive: Sequence[str] = (),
) -> Result:
    """Measure the table in the file at ``path`` by the named columns, and by those that this scan suggests.

    Of a file with several tables, see `provenance.scan.containers.scan_tables`, every one of which must then have the
    named columns; of one table this

    returns ``format``, ``rows``, ``columns`` (their number), ``assessments``, ``hashed``, ``linkage_risk`` and
    ``standing`` (always ``evidence``). An assessment has ``basis`` (``declared``, ``suggested``), ``quasi_identifiers``
    (columns), ``k`` (rows of the smallest group of rows alike in them), ``groups``, ``unique_rows``,
    ``unique_permille``, ``small_permille`` (rows in groups of fewer than five), ``highest_risk_permille`` (of being
    picked out of the smallest group, 1/k), ``average_risk_permille`` (groups by rows) and ``l`` (for each sensitive
    ``column`` the fewest different values, ``l``, within a group; declared ones or those whose name suggests it).

    ``hashed`` tells of columns whose values look like digests: ``column``, ``position``, ``algorithms`` (by length),
    ``reversed`` (whether hashing candidates without salt met values), ``algorithm`` (that did, or None), ``method``
    (``values_beside``: values of other columns; ``serial_numbers``: 0 to 999,999; ``mobile_sample``: some numbers of
    each common prefix; None), ``matched`` (distinct values met) and ``tested`` (candidates hashed). A column that was
    not reversed may still be: the candidates are bounded, whoever wants to know is not.

    ``linkage_risk`` is high where a digest was reversed or 200 in 1,000 rows or more are unique in some assessment,
    medium where k is less than five or digests stand, low else, and None where nothing could be assessed.

    Raises:
        ScanRefused: see `provenance.scan.tables.load`; or a named column does not stand in the table.
    """

    def look(table: Table) -> Result:
        return of_table(table, progress, quasi_identifiers, sensitive)

    return scan_tables(path, limits, progress, look)


def of_table(table: Table, progress: Progress, quasi_identifiers: Sequence[str], sensitive: Sequence[str]) -> Result:
    """As ``anonymity``, of a table that is loaded."""
    names = [column.name for column in table.columns]
    declared = _positions(names, quasi_identifiers)
    secrets = _positions(names, sensitive) or _suggested(table, _SECRETS)
    assessments = []
    if declared:
        assessments.append(_assessment(table, "declared", declared, secrets))
    suggested = _suggested(table, _TRAITS)
    progress(75)
    if suggested and suggested != declared:
        assessments.append(_assessment(table, "suggested", suggested, secrets))
    progress(85)
    hashed = _hashed(table)
    progress(100)
    return {
        "format": table.format,
        "rows": table.rows,
        "columns": len(table.columns),
        "assessments": assessments,
        "hashed": hashed,
        "linkage_risk": _risk(assessments, hashed),
        "standing": "evidence",
    }


def _positions(names: list[str], wanted: Sequence[str]) -> list[int]:
    for name in wanted:
        if name not in names:
            raise ScanRefused(Refusal.NOT_A_TABLE, f"there is no column {shown(name, _NAME_CHARACTERS)}")
    return sorted({names.index(name) for name in wanted})


def _suggested(table: Table, words: re.Pattern[str]) -> list[int]:
    """Columns whose name speaks for a trait and whose values repeat; no keys and no constants."""
    found = []
    for position, column in enumerate(table.columns):
        if not words.search(columns.plain(column.name)):
            continue
        (distinct,) = _one(table, f"approx_count_distinct(c{position})")
        if distinct > 1 and distinct * 1000 < _IDENTIFYING * table.rows:
            found.append(position)
    return found[:_SUGGESTED_MOST]


def _one(table: Table, expressions: str, source: str = "t") -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = table.connection.execute(f"SELECT {expressions} FROM {source}").fetchone()
    return row or ()


def _assessment(table: Table, basis: str, traits: list[int], secrets: list[int]) -> dict[str, Any]:
    keys = ", ".join(f"c{position}" for position in traits)
    k, groups, unique, small = _one(
        table,
        f"min(n), count(*), count(*) FILTER (n = 1), coalesce(sum(n) FILTER (n < {_SMALL_GROUP}), 0)",
        f"(SELECT count(*) AS n FROM t GROUP BY {keys})",
    )
    diversity = []
    for position in secrets:
        if position in traits:
            continue
        (least,) = _one(table, "min(d)", f"(SELECT count(DISTINCT c{position}) AS d FROM t GROUP BY {keys})")
        diversity.append({"column": _name(table, position), "l": least})
    return {
        "basis": basis,
        "quasi_identifiers": [_name(table, position) for position in traits],
        "k": k,
        "groups": groups,
        "unique_rows": unique,
        "unique_permille": unique * 1000 // table.rows,
        "small_permille": int(small) * 1000 // table.rows,
        "highest_risk_permille": 1000 // k,
        "average_risk_permille": groups * 1000 // table.rows,
        "l": diversity,
    }


def _name(table: Table, position: int) -> str:
    return shown(table.columns[position].name, _NAME_CHARACTERS)


def _hashed(table: Table) -> list[dict[str, Any]]:
    found = []
    for position, column in enumerate(table.columns):
        if column.type != "text":
            continue
        looked, length, fitting = _one(
            table,
            "count(*), mode(length(v)), count(*) FILTER (regexp_full_match(v, '[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|"
            "[0-9a-fA-F]{64}'))",
            f"(SELECT c{position} AS v FROM t WHERE c{position} IS NOT NULL LIMIT {_LOOKED_AT})",
        )
        if looked and fitting * 1000 >= looked * _MOSTLY and length in _DIGESTS:
            found.append(_reverse(table, position, _DIGESTS[length]))
    return found


def _reverse(table: Table, position: int, algorithms: tuple[str, ...]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "column": _name(table, position), "position": position, "algorithms": list(algorithms), "reversed": False,
        "algorithm": None, "method": None, "matched": 0, "tested": 0,
    }  # fmt: skip
    for method, candidates in _candidates(table, position):
        for algorithm in algorithms:
            tested, matched = _meet(table, position, algorithm, candidates)
            told["tested"] += tested
            if matched:
                return told | {"reversed": True, "algorithm": algorithm, "method": method, "matched": matched}
    return told


def _candidates(table: Table, position: int) -> list[tuple[str, str]]:
    """Queries of candidates, each with the method's name, the cheapest first."""
    beside = [
        f"(SELECT DISTINCT CAST(c{other} AS VARCHAR) AS v FROM t WHERE c{other} IS NOT NULL LIMIT {_BESIDE_MOST})"
        for other, column in enumerate(table.columns)
        if other != position and column.type in {"text", "integer"}
    ]
    heads = ", ".join(f"({head})" for head in _MOBILE_HEADS)
    return [
        *[("values_beside", query) for query in beside],
        ("serial_numbers", f"(SELECT CAST(range AS VARCHAR) AS v FROM range({_SERIALS}))"),
        (
            "mobile_sample",
            (
                f"(SELECT CAST(head * {_MOBILES_OF_A_HEAD}::BIGINT + range AS VARCHAR) AS v "
                f"FROM (VALUES {heads}) AS h(head), range(0, {_MOBILES_OF_A_HEAD}, {_MOBILE_STEP}))"
            ),
        ),
    ]


def _meet(table: Table, position: int, algorithm: str, candidates: str) -> tuple[int, int]:
    """How many candidates were hashed, and how many distinct values of the column they met."""
    values = f"(SELECT DISTINCT lower(c{position}) AS d FROM t)"
    if algorithm != "sm3":
        (tested,) = _one(table, "count(*)", candidates)
        (matched,) = _one(table, "count(DISTINCT d)", f"{values} SEMI JOIN {candidates} ON d = {algorithm}(v)")
        return tested, matched
    if algorithm not in hashlib.algorithms_available:
        return 0, 0
    drawn = table.connection.execute(f"SELECT v FROM {candidates} LIMIT {_SLOW_MOST}").fetchall()
    digests = [hashlib.new(algorithm, value.encode()).hexdigest() for (value,) in drawn]
    row = table.connection.execute(
        f"SELECT count(DISTINCT d) FROM {values} WHERE d IN (SELECT unnest($digests))", {"digests": digests}
    ).fetchone()
    return len(drawn), row[0] if row else 0


def _risk(assessments: list[dict[str, Any]], hashed: list[dict[str, Any]]) -> str | None:
    if any(column["reversed"] for column in hashed) or any(a["unique_permille"] >= _RISKY for a in assessments):
        return "high"
    if hashed or any(a["k"] < _SMALL_GROUP for a in assessments):
        return "medium"
    return "low" if assessments else None
