"""Files that hold several tables: ZIP archives of tables, and XLSX workbooks, which are ZIP archives of XML.

An archive's directory may lie, so bytes are counted while they are inflated. Nothing is unpacked under a name of the
archive's choosing. Of a workbook the values stand, those of formulas as last computed.
"""

import codecs
import csv
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from provenance.scan.contract import Limits, Progress, Refusal, Result, ScanRefused
from provenance.scan.tables import DATABASE, SCRATCH, TRANSCODED, Table, load, load_sheet, shown

_MEMBER = f"{SCRATCH}/member"
_ZIP, _EMPTY_ZIP = b"PK\x03\x04", b"PK\x05\x06"
_WORKBOOK = "xl/workbook.xml"
_ENDINGS = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".parquet", ".xlsx")
_MOST_MEMBERS = 100
_MOST_XLSX_PARTS = 2_000
_NAME_CHARACTERS = 200
_BLOCK_BYTES = 1024 * 1024
_RATIO, _RATIO_FROM = 200, 16 * 1024 * 1024  # bytes out by bytes in, once so many have come out
_CELL_BYTES = 128  # of memory for a cell of a sheet, empty ones included: its rectangle is held whole
_CELL = re.compile(rb"""\sr\s*=\s*["']\$?([A-Za-z]{1,3})\$?([0-9]{1,7})["']""")
_OVERLAP = 32
_EXACT = 2**53
codecs.lookup("cp437")  # of names in archives: found while files can still be read
_ENCRYPTED = 1


def scan_tables(path: str, limits: Limits, progress: Progress, look: Callable[[Table], Result]) -> Result:
    """What ``look`` says of the file's table.

    Of a file with several tables: ``format`` (zip, xlsx), ``rows`` and ``columns`` of all together, and ``tables``: for
    each what ``look`` says of it and its ``name`` (of the member, or of the sheet).

    Raises:
        ScanRefused: a bomb, an archive within an archive, an encrypted or unsafe member, or one that is no table.
    """
    with Path(path).open("rb") as file:
        head = file.read(4)
    if head == _EMPTY_ZIP:
        raise ScanRefused(Refusal.EMPTY, "the archive holds nothing")
    if head != _ZIP:
        return look(load(path, limits, progress))
    try:
        return _of_archive(path, limits, progress, look)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, CalamineError, UnicodeDecodeError) as error:
        raise ScanRefused(Refusal.NOT_A_TABLE, f"the archive cannot be read: {type(error).__name__}") from None


def _of_archive(path: str, limits: Limits, progress: Progress, look: Callable[[Table], Result]) -> Result:
    with zipfile.ZipFile(path) as archive:
        form = "xlsx" if _WORKBOOK in archive.namelist() else "zip"
    found: list[tuple[str, Result]] = []
    loaded = _sheets(path, limits, progress) if form == "xlsx" else _members(path, limits, progress)
    for name, table in loaded:
        found.append((name, look(table)))
        table.connection.close()
        for used in (DATABASE, TRANSCODED):
            Path(used).unlink(missing_ok=True)
    if not found:
        raise ScanRefused(Refusal.EMPTY, "it holds no table")
    if form == "xlsx" and len(found) == 1:
        return found[0][1]
    return {
        "format": form,
        "rows": sum(result["rows"] for _, result in found),
        "columns": sum(_width(result) for _, result in found),
        "tables": [{**result, "name": shown(name, _NAME_CHARACTERS)} for name, result in found],
    }


def _width(result: Result) -> int:
    columns = result["columns"]
    return columns if isinstance(columns, int) else len(columns)


def _members(path: str, limits: Limits, progress: Progress) -> Iterator[tuple[str, Table]]:
    left = limits.decoded_bytes
    with zipfile.ZipFile(path) as archive:
        files = [member for member in archive.infolist() if not member.is_dir()]
        if len(files) > _MOST_MEMBERS:
            raise ScanRefused(Refusal.BOMB, f"more than {_MOST_MEMBERS} files in the archive")
        _check_names([member.filename for member in files])
        for member in files:
            _check_member(member)
            with Path(_MEMBER).open("wb") as target:
                for block in _inflate(archive, member, left):
                    target.write(block)
                    left -= len(block)
            for sheet, table in _tables_of_member(member.filename, limits, progress):
                yield f"{member.filename}{sheet}", table
            Path(_MEMBER).unlink()


def _tables_of_member(name: str, limits: Limits, progress: Progress) -> Iterator[tuple[str, Table]]:
    with Path(_MEMBER).open("rb") as file:
        head = file.read(4)
    if head not in {_ZIP, _EMPTY_ZIP}:
        yield "", load(_MEMBER, limits, progress)
        return
    if not name.lower().endswith(".xlsx"):
        raise ScanRefused(Refusal.NOT_A_TABLE, "an archive within an archive")
    for sheet, table in _sheets(_MEMBER, limits, progress):
        yield f"#{sheet}", table


def _check_names(names: list[str]) -> None:
    if len({name.casefold() for name in names}) < len(names):
        raise ScanRefused(Refusal.NOT_A_TABLE, "two files of the archive have the same name")
    for name in names:
        parts = name.split("/")
        if "\\" in name or ":" in name or ".." in parts or "" in parts or not name.isprintable():
            raise ScanRefused(Refusal.NOT_A_TABLE, "a name in the archive leads out of it or cannot be shown")
        if name.lower().endswith(".zip"):
            raise ScanRefused(Refusal.NOT_A_TABLE, "an archive within an archive")
        if not name.lower().endswith(_ENDINGS):
            raise ScanRefused(Refusal.NOT_A_TABLE, f"{shown(name, _NAME_CHARACTERS)} in the archive is no table")


def _check_member(member: zipfile.ZipInfo) -> None:
    if member.flag_bits & _ENCRYPTED:
        raise ScanRefused(Refusal.NOT_A_TABLE, "a file of the archive is encrypted")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in {0, stat.S_IFREG}:
        raise ScanRefused(Refusal.NOT_A_TABLE, "the archive holds something that is no file")


def _inflate(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most: int) -> Iterator[bytes]:
    """The member's bytes, no more than ``most`` and none beyond what data compress to.

    Raises:
        ScanRefused: ``bomb``.
    """
    out = 0
    with archive.open(member) as source:
        while block := source.read(_BLOCK_BYTES):
            out += len(block)
            if out > most or (out > _RATIO_FROM and out > _RATIO * max(1, member.compress_size)):
                raise ScanRefused(Refusal.BOMB, "the archive inflates beyond measure")
            yield block


def _sheets(path: str, limits: Limits, progress: Progress) -> Iterator[tuple[str, Table]]:
    _measure_workbook(path, limits)
    workbook = CalamineWorkbook.from_path(path)
    for name in workbook.sheet_names:
        rows = workbook.get_sheet_by_name(name).iter_rows()
        if _write(rows):
            yield name, load_sheet(limits, progress)


def _measure_workbook(path: str, limits: Limits) -> None:
    """Inflate every part once, counting, and find how far each sheet reaches: its rectangle is held in memory."""
    left = limits.memory_bytes // 4
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
        if len(parts) > _MOST_XLSX_PARTS:
            raise ScanRefused(Refusal.BOMB, "too many parts in the workbook")
        for part in parts:
            _check_member(part)
            rows = columns = 0
            tail = b""
            for block in _inflate(archive, part, left):
                left -= len(block)
                if not part.filename.startswith("xl/worksheets/"):
                    continue
                for letters, number in _CELL.findall(tail + block):
                    rows, columns = max(rows, int(number)), max(columns, _column_number(letters))
                tail = block[-_OVERLAP:]
            if rows * columns > limits.memory_bytes // _CELL_BYTES:
                raise ScanRefused(Refusal.BOMB, f"a sheet of {rows} rows and {columns} columns")


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def _write(rows: Iterator[list[Any]]) -> bool:
    """Write a sheet's cells as CSV; whether it holds any."""
    some = False
    with Path(TRANSCODED).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_MINIMAL, lineterminator="\n")
        for row in rows:
            some = some or any(value != "" for value in row)
            writer.writerow([_text(value) for value in row])
    return some


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return str(int(value))
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
