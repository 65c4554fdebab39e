"""Personal information in a table: identifiers, ways to reach a person, names and addresses, in columns and free text.

A finding says that values have the form of personal information, and how sure that is; it does not say whose they are.
What nobody can tell by form (a picture, a pseudonym, a profile) is not found. No value stands unmasked in a result.
"""

# ruff: noqa: S608 - statements are built from this module's own words and numbers

from collections.abc import Iterator
from typing import Any

import numpy as np

from provenance.scan import chinese, columns
from provenance.scan.containers import scan_tables
from provenance.scan.contract import Limits, Progress, Result
from provenance.scan.detectors import Piece
from provenance.scan.judgement import HIGH, KINDS, LOW, MEDIUM, PERSONAL, SENSITIVE, Tally, judge, share
from provenance.scan.numerals import gather, integers
from provenance.scan.tables import Column, Table, shown

_VALUES = 32_768  # a piece; DuckDB keeps rows in groups of 122,880
_PIECE_CHARACTERS = 4_000_000  # above, a piece is looked at in parts
_SAMPLES = 3
_NAME_CHARACTERS = 200
_HEADS = 16  # different beginnings, remembered up to this many
_MOBILE = 11
_TEXT_TYPES = ("text", "other")
#: How many characters of a kind are shown, and what stands for the rest; of other kinds, the first three and last two.
_MASKS = {
    "name": (1, "**"), "email": (1, "***@***"), "ip": (1, "***"), "address": (3, "***"), "plate": (2, "*****"),
    "passport": (2, "*******"), "permit": (2, "*******"),
}  # fmt: skip


def personal(path: str, limits: Limits, progress: Progress) -> Result:
    """Look for personal information in the table in the file at ``path``.

    Of a file with several tables, see `provenance.scan.containers.scan_tables`, with ``personal`` and ``sensitive`` of
    all together; of one table this

    returns ``format``, ``rows``, ``columns`` (their number), ``personal`` (whether a finding of confidence high or
    medium points to a person: an identity document, a mobile number, a bank card, a name), ``sensitive`` (whether one
    of those is sensitive by Art. 28 PIPL: identity and financial documents) and ``findings``, each with

    ``column`` (its name, or ``column N`` where the name itself may be a person's), ``position`` (from 0), ``kind``
    (`provenance.scan.judgement.KINDS`, or of the hints: ``birth_date``, ``health``, ``religion``, ``biometric``,
    ``whereabouts``, ``minors``), ``count`` (rows that hold one), ``share_permille`` (of the rows with a value),
    ``where`` (``cell``: mostly whole values; ``text``: within longer ones; ``name``: only the column's name says so),
    ``confidence`` (high, medium, low), ``evidence`` (codes: ``column_name``, ``neighbours``, ``checksum``, ``issuer``,
    ``format``, ``almost_all_fit``, ``consecutive``, ``more_than_chance``, ``in_text``, ``surname``, ``given_name``,
    ``words_beside``), ``samples`` (up to three, masked) and ``sensitive``.

    Raises:
        ScanRefused: see `provenance.scan.tables.load`.
    """
    result = scan_tables(path, limits, progress, lambda table: of_table(table, progress))
    if "tables" in result:
        result |= {key: any(table[key] for table in result["tables"]) for key in ("personal", "sensitive")}
    return result


def of_table(table: Table, progress: Progress) -> Result:
    """As ``personal``, of a table that is loaded."""
    findings: list[dict[str, Any]] = []
    for position, column in enumerate(table.columns):
        findings += _column(table, position, column)
        progress(60 + 39 * (position + 1) // len(table.columns))
    _weigh_neighbours(findings)
    sure = [finding for finding in findings if finding["confidence"] != LOW and finding["where"] != "name"]
    return {
        "format": table.format,
        "rows": table.rows,
        "columns": len(table.columns),
        "personal": any(finding["kind"] in PERSONAL for finding in sure),
        "sensitive": any(finding["sensitive"] for finding in sure),
        "findings": findings,
    }


def _column(table: Table, position: int, column: Column) -> list[dict[str, Any]]:
    tallies: dict[str, Tally] = {}
    present = 0
    for text in _texts(table, position, column):
        piece = Piece(text)
        present += text.count("\n") + 1
        _look_for_numbers(piece, tallies)
        if not piece.is_ascii:
            _look_for_chinese(piece.text, tallies)
    name = _safe_name(column.name, position)
    findings = []
    for kind in KINDS:
        tally = tallies.get(kind)
        if tally is None or not tally.rows:
            continue
        judged = judge(kind, tally, column.name, present)
        if judged is None:
            continue
        confidence, evidence = judged
        findings.append(
            {
                "column": name,
                "position": position,
                "kind": kind,
                "count": tally.rows,
                "share_permille": share(tally.rows, present),
                "where": "cell" if tally.whole * 2 >= tally.finds else "text",
                "confidence": confidence,
                "evidence": evidence,
                "samples": tally.samples,
                "sensitive": kind in SENSITIVE,
            }
        )
    return findings + [_hint(name, position, kind, present) for kind in columns.hints(column.name)]


def _hint(name: str, position: int, kind: str, present: int) -> dict[str, Any]:
    return {
        "column": name, "position": position, "kind": kind, "count": present, "share_permille": 1000 if present else 0,
        "where": "name", "confidence": LOW, "evidence": ["column_name"], "samples": [],
        "sensitive": kind != "birth_date",
    }  # fmt: skip


def _texts(table: Table, position: int, column: Column) -> Iterator[str]:
    """The column's values as text, a line each, some thousands at a time; without numbers too short for any kind."""
    value = f"c{position}"
    if column.type not in {"integer", "number", *_TEXT_TYPES}:
        return
    kept = f"{value} IS NOT NULL"
    if column.type in {"integer", "number"}:
        kept += f" AND {value} NOT BETWEEN -9999999999 AND 9999999999"
    text = f"CAST({value} AS VARCHAR)"
    if column.type == "number":
        text = f"CAST(CAST({value} AS DECIMAL(38, 0)) AS VARCHAR)"
        kept += f" AND {value} BETWEEN -1e19 AND 1e19 AND {value} = trunc({value})"
    elif column.type != "integer":
        text = f"replace(replace({value}, chr(10), ' '), chr(13), ' ')"
    query = f"SELECT string_agg({text}, chr(10)) FROM t WHERE {kept} AND rowid >= "
    for first in range(0, table.rows, _VALUES):
        row = table.connection.execute(f"{query}{first} AND rowid < {first + _VALUES}").fetchone()
        if row is None or row[0] is None:
            continue
        whole: str = row[0]
        start = 0
        while len(whole) - start > _PIECE_CHARACTERS:
            end = whole.find("\n", start + _PIECE_CHARACTERS)
            if end < 0:
                break
            yield whole[start:end]
            start = end + 1
        yield whole[start:]


def _look_for_numbers(piece: Piece, tallies: dict[str, Tally]) -> None:
    for kind, finds in piece.find():
        tally = tallies.setdefault(kind, Tally())
        tally.candidates += finds.candidates
        if not len(finds.starts):
            continue
        tally.finds += len(finds.starts)
        rows = np.sort(piece.rows(finds.starts))
        tally.rows += 1 + int((rows[1:] != rows[:-1]).sum())
        tally.whole += piece.whole(finds.starts, finds.ends)
        if kind == "mobile":
            plain = finds.starts[finds.ends - finds.starts == _MOBILE]
            if len(plain):
                numbers = integers(gather(piece.data, plain, _MOBILE))
                tally.note(int(numbers.min()), int(numbers.max()))
        for start, end in zip(finds.starts[:_HEADS].tolist(), finds.ends[:_HEADS].tolist(), strict=True):
            found = piece.shown(start, end)
            tally.heads.add(found[:3])
            if len(tally.samples) < _SAMPLES:
                tally.samples.append(masked(kind, found))


def _look_for_chinese(text: str, tallies: dict[str, Tally]) -> None:
    lines: list[str] | None = None
    looks = chinese.NameLooks(text)
    if looks.count:
        tally = tallies.setdefault("name", Tally())
        tally.rows += looks.count
        tally.finds += looks.count
        tally.whole += looks.count
        tally.usual += looks.usual
        lines = text.split("\n")
        for row in looks.rows[:_HEADS].tolist():
            tally.heads.add(lines[row][0])
            if len(tally.samples) < _SAMPLES:
                tally.samples.append(masked("name", lines[row]))
    for kind, spans in (
        ("plate", chinese.plates(text)),
        ("address", chinese.addresses(text)),
        ("name", [] if looks.count else chinese.names_in(text)),
    ):
        if not spans:
            continue
        tally = tallies.setdefault(kind, Tally())
        rows = np.unique(np.searchsorted(looks.breaks, np.array([start for start, _ in spans]) + 1))
        tally.rows += len(rows)
        tally.finds += len(spans)
        if kind != "name":
            bounds = f"\n{text}\n"
            tally.whole += sum(1 for start, end in spans if bounds[start] == "\n" == bounds[end + 1])
        for start, end in spans[: _SAMPLES - len(tally.samples)]:
            tally.samples.append(masked(kind, text[start:end]))


def masked(kind: str, value: str) -> str:
    """The value with so much hidden that it names nobody any more."""
    shape = _MASKS.get(kind)
    if shape is None:
        return value[:3] + "*" * (len(value) - 5) + value[-2:]
    kept, hidden = shape
    return shown(value[:kept], kept) + hidden


def _safe_name(name: str, position: int) -> str:
    """The column's name, unless it is a value: the first row of a file without a header may be taken for names."""
    piece = Piece(name.replace("\n", " "))
    values = any(len(finds.starts) for _, finds in piece.find()) or chinese.plates(name) or chinese.addresses(name)
    a_person = chinese.NameLooks(name).count and not any(columns.says(name, kind) for kind in KINDS)
    return f"column {position + 1}" if values or a_person else shown(name, _NAME_CHARACTERS)


def _weigh_neighbours(findings: list[dict[str, Any]]) -> None:
    """A mobile number, document or name of medium confidence beside a sure finding of another kind is sure too."""
    sure = {(finding["kind"], finding["position"]) for finding in findings if finding["confidence"] == HIGH}
    for finding in findings:
        beside = any(kind in PERSONAL and position != finding["position"] for kind, position in sure)
        if finding["confidence"] == MEDIUM and finding["kind"] in PERSONAL and beside:
            finding["confidence"] = HIGH
            finding["evidence"].append("neighbours")
