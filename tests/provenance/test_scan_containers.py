"""Workbooks and archives of tables: read, and refused where they are built to harm."""

import io
import zipfile
from datetime import date
from typing import Any

import pytest
import xlsxwriter

from provenance.scan import sandbox
from provenance.scan.contract import Refusal, ScanRefused

CSV = b"name,n\nabc,1\nabd,2\n"


def workbook(*sheets: list[list[Any]]) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "default_date_format": "yyyy-mm-dd"}) as book:
        for rows in sheets:
            sheet = book.add_worksheet()
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    return out.getvalue()


def archive(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return out.getvalue()


def scan(content: bytes, name: str = "profile") -> dict[str, Any]:
    return sandbox.run(name, io.BytesIO(content))


def refusal(content: bytes) -> ScanRefused:
    with pytest.raises(ScanRefused) as refused:
        scan(content)
    return refused.value


SHEET: list[list[Any]] = [
    ["城市", "日期", "数值", "是", "电话"],
    ["重庆", date(2024, 1, 2), 1.5, True, 13812345678],
    ["北京, 城区", date(2024, 2, 2), 2, False, 13912345679],
]


def test_workbook_of_one_sheet_is_a_table() -> None:
    result = scan(workbook(SHEET, []))
    assert (result["format"], result["rows"], result["header"], result["encoding"]) == ("xlsx", 2, True, None)
    assert [(column["name"], column["type"]) for column in result["columns"]] == [
        ("城市", "text"), ("日期", "date"), ("数值", "number"), ("是", "boolean"), ("电话", "integer"),
    ]  # fmt: skip


def test_workbook_of_two_sheets_and_archive_of_tables_have_several() -> None:
    result = scan(workbook(SHEET, SHEET))
    assert (result["format"], result["rows"], result["columns"]) == ("xlsx", 4, 10)
    result = scan(archive({"a/first.csv": CSV, "second.jsonl": b'{"x": 1}\n{"x": 2}\n', "third.xlsx": workbook(SHEET)}))
    assert [(table["name"], table["format"], table["rows"]) for table in result["tables"]] == [
        ("a/first.csv", "csv", 2),
        ("second.jsonl", "jsonl", 2),
        ("third.xlsx#Sheet1", "xlsx", 2),
    ]
    result = scan(archive({"first.csv": CSV, "third.xlsx": workbook(SHEET)}), "personal")
    assert (result["personal"], result["tables"][0]["findings"]) == (True, [])


def test_formula_stands_as_its_value() -> None:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["a", "b"])
        sheet.write(1, 0, 3)
        sheet.write_formula(1, 1, "=A2*2", None, 6)
    assert scan(out.getvalue())["columns"][1]["max"] == "6"


@pytest.mark.parametrize(
    ("files", "word"),
    [
        ({"../out.csv": CSV}, "leads out"),
        ({"/abs.csv": CSV}, "leads out"),
        ({"a\\b.csv": CSV, "c:d.csv": CSV}, "leads out"),
        ({"deep.zip": archive({"a.csv": CSV})}, "archive within"),
        ({"deep.csv": archive({"a.csv": CSV})}, "archive within"),
        ({"A.csv": CSV, "a.csv": CSV}, "same name"),
        ({"run.exe": b"MZ"}, "is no table"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_archive_that_is_no_set_of_tables(files: dict[str, bytes], word: str) -> None:
    refused = refusal(archive(files))
    assert refused.code is Refusal.NOT_A_TABLE
    assert word in refused.reason


def test_link_and_encrypted_member() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        link = zipfile.ZipInfo("link.csv")
        link.external_attr = 0o120777 << 16
        made.writestr(link, "/etc/passwd")
    assert "no file" in refusal(out.getvalue()).reason
    content = bytearray(archive({"a.csv": CSV}))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in refusal(bytes(content)).reason


def test_bombs() -> None:
    assert refusal(archive({"bomb.csv": b"a,b\n" + b"1,1\n" * 8_000_000})).code is Refusal.BOMB
    many = {f"{number}.csv": CSV for number in range(101)}
    assert refusal(archive(many)).code is Refusal.BOMB


def test_workbook_that_reaches_to_the_last_cell() -> None:
    rows = workbook([["a", "b"]])
    source, out = zipfile.ZipFile(io.BytesIO(rows)), io.BytesIO()
    with source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for part in source.infolist():
            made.writestr(part.filename, source.read(part).replace(b'r="B1"', b'r="XFD1048576"'))
    assert refusal(out.getvalue()).code is Refusal.BOMB


@pytest.mark.parametrize(
    "content",
    [b"PK\x05\x06" + bytes(18), archive({"a.csv": CSV})[:40], b"PK\x03\x04" + bytes(99)],
    ids=["no entries", "cut short", "zeros"],  # an archive holds the time at which it was made: no name for a test
)
def test_torn_archive(content: bytes) -> None:
    assert refusal(content).code in {Refusal.EMPTY, Refusal.NOT_A_TABLE}


def test_torn_workbook() -> None:
    broken = archive({"xl/workbook.xml": b"<workbook", "[Content_Types].xml": b"<"})
    assert refusal(broken).code in {Refusal.EMPTY, Refusal.NOT_A_TABLE}
