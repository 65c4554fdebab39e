"""Tables as files for a spreadsheet: CSV and XLSX, in which nothing that a party wrote is taken for a formula."""

import csv
import io
import itertools
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import xlsxwriter

Row = Sequence[str]

CSV_TYPE = "text/csv; charset=utf-8"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
#: What makes a spreadsheet take a cell for a formula (OWASP, CSV injection).
_LEADS = ("=", "+", "-", "@", "\t", "\r", "\n")
#: Signed numbers are what they look like.
_NUMBER_CHARACTERS = frozenset("0123456789.")


def defused(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe stands before what would begin one."""
    if not cell.startswith(_LEADS):
        return cell
    rest = cell[1:]
    if cell[0] in "+-" and rest and set(rest) <= _NUMBER_CHARACTERS:
        return cell
    return f"'{cell}"


def csv_lines(head: Row, rows: Iterable[Row]) -> Iterator[str]:
    """A CSV file (RFC 4180, with the mark that spreadsheets know UTF-8 by), a line at a time."""
    yield "\ufeff"
    for row in itertools.chain([head], rows):
        line = io.StringIO()
        csv.writer(line, lineterminator="\r\n").writerow([defused(cell) for cell in row])
        yield line.getvalue()


def xlsx(head: Row, rows: Iterable[Row], *, sheet: str) -> bytes:
    """An XLSX file of one sheet; every cell is text, and none is read as a formula or a link."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export.xlsx"
        options = {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "tmpdir": folder,
        }
        with xlsxwriter.Workbook(str(path), options) as book:
            page = book.add_worksheet(sheet)
            bold = book.add_format({"bold": True})
            page.freeze_panes(1, 0)
            for column, cell in enumerate(head):
                page.write_string(0, column, defused(cell), bold)
            for number, row in enumerate(rows, start=1):
                for column, cell in enumerate(row):
                    page.write_string(number, column, defused(cell))
        return path.read_bytes()
