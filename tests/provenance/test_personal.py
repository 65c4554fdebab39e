"""The scan for personal information, on planted tables: found, how sure, masked; and what is not alarmed at."""

import io
import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted import COLUMNS, People, expected, planted

from exchange.identifiers import InvalidIdentifier, check_resident_id, check_uscc
from provenance.scan import sandbox
from provenance.scan.detectors import Piece
from provenance.scan.judgement import Tally
from provenance.scan.numerals import luhn, resident_ids, usccs
from provenance.scan.personal import _look_for_chinese

ROWS = 400
DEMO = Path(__file__).parents[2] / "demo_data"


def personal(text: str) -> dict[str, Any]:
    return sandbox.run("personal", io.BytesIO(text.encode()))


def kinds(result: dict[str, Any]) -> dict[tuple[str, str], str]:
    return {(found["column"], found["kind"]): found["confidence"] for found in result["findings"]}


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return sandbox.run_file("personal", planted(tmp_path_factory.mktemp("planted"), 7, ROWS))


def test_what_is_planted_is_found(result: dict[str, Any]) -> None:
    found = {(finding["column"], finding["kind"]): finding for finding in result["findings"]}
    least = {"address": 940, "plate": 950, "name": 900}
    for column, kind in expected().items():
        finding = found[column, kind]
        planted_rows = ROWS if not column.startswith("note_") else ROWS // 10
        assert finding["count"] * 1000 >= planted_rows * least.get(kind, 1000), (column, finding)
        assert finding["confidence"] in {"high", "medium"}
    assert (result["personal"], result["sensitive"]) == (True, True)


def test_named_columns_are_sure(result: dict[str, Any]) -> None:
    confidence = kinds(result)
    assert {confidence[named, kind] for kind, (named, _) in COLUMNS.items()} == {"high"}


def test_what_is_innocent_alarms_nobody(result: dict[str, Any]) -> None:
    assert {column for column, _ in kinds(result)} <= expected().keys()
    assert all(expected()[column] == kind for column, kind in kinds(result)), kinds(result)


def test_no_value_stands_unmasked(result: dict[str, Any], tmp_path: Path) -> None:
    said = json.dumps(result, ensure_ascii=False)
    rows = planted(tmp_path, 7, ROWS).read_text().splitlines()[1:]
    values = {value for row in rows for value in row.split(",")[:22] if len(value) > 3}
    assert not [value for value in values if value in said]
    assert not re.search(r"[0-9]{7}", said)


@given(st.integers(0, 10**9))
def test_check_digits_are_those_of_single_numbers(seed: int) -> None:
    people = People.__new__(People)
    People.__init__(people, seed)
    for right in (people.resident_id(), people.uscc()):
        for text in (right, right[:-1] + str(seed % 10), people.digits(18)):
            matrix = np.frombuffer(text.encode(), dtype=np.uint8).reshape(1, 18)
            assert bool(resident_ids(matrix, 2026)[0]) == _is(lambda t: check_resident_id(t, date(2026, 12, 31)), text)
            assert bool(usccs(matrix)[0]) == _is(check_uscc, text)
    card = people.bank_card()
    wrong = card[:-1] + str((int(card[-1]) + 1) % 10)
    matrix = np.array([list(card.encode()), list(wrong.encode())], dtype=np.uint8)
    assert luhn(matrix).tolist() == [True, False]


def _is(check: Any, text: str) -> bool:
    try:
        check(text)
    except InvalidIdentifier:
        return False
    return True


@pytest.mark.parametrize(
    "value",
    [
        "138-1234-5678",
        "138 1234 5678",
        "+8613812345678",
        "１３８１２３４５６７８",
        "手机13812345678转2",
        "138 1234 5678 ",
    ],
)
def test_a_mobile_number_however_written(value: str) -> None:
    (finding,) = personal("phone\n" + f"{value}\n" * 3)["findings"]
    assert (finding["kind"], finding["count"]) == ("mobile", 3)


def test_header_that_is_a_value_is_not_repeated() -> None:
    text = "\n".join(f"张三{'丰伟敏'[n % 3]},1381234{n:04d}x" for n in range(30))
    result = personal("李小龙,13812345678\n" + text)
    assert "李小龙" not in json.dumps(result, ensure_ascii=False)
    assert "13812345678" not in json.dumps(result)


def test_running_numbers_are_no_sure_mobiles() -> None:
    result = personal("no\n" + "".join(f"{13_800_000_000 + n}\n" for n in range(500)))
    assert kinds(result) == {("no", "mobile"): "low"}
    assert not result["personal"]


def test_columns_whose_name_alone_speaks() -> None:
    result = personal("出生日期,诊断\n" + "1990-01-01,感冒\n" * 5)
    assert {(f["kind"], f["where"], f["confidence"], f["sensitive"]) for f in result["findings"]} == {
        ("birth_date", "name", "low", False),
        ("health", "name", "low", True),
    }


@pytest.mark.parametrize("name", ["bts-flights-2013-01.csv", "noaa-weather-2013-01.csv", "gbt2260-counties.csv"])
def test_real_tables_without_people(name: str) -> None:
    assert sandbox.run_file("personal", DEMO / name)["findings"] == []


_SCRAPS = st.sampled_from(
    [
        "13812345678",
        "110101199003070000",
        "1.2.3.4",
        "::1",
        "@",
        "a@b.cn",
        "-",
        " ",
        ".",
        "\n",
        "渝A12345",
        "张伟",
        "路1号",
        "１",
        "·",
    ]
)


@given(st.lists(st.one_of(_SCRAPS, st.text(max_size=3)), max_size=12).map("".join))
def test_any_text_is_looked_through(text: str) -> None:
    piece = Piece(text)
    for _, finds in piece.find():
        assert ((finds.starts >= 1) & (finds.ends > finds.starts) & (finds.ends < len(piece.raw))).all()
    tallies: dict[str, Tally] = {}
    _look_for_chinese(piece.text, tallies)
    assert all(tally.rows <= piece.text.count("\n") + 1 for tally in tallies.values())


@pytest.mark.parametrize("name", ["personal", "anonymity"])
def test_table_of_many_types(tmp_path: Path, name: str) -> None:
    path = tmp_path / "made.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE made AS SELECT 18446744073709551615::UBIGINT AS u, "
            " 2.50::DECIMAL(18, 2) AS d, 'nan'::DOUBLE AS nan, "
            "-1e308 AS low, 'inf'::FLOAT AS f, 170141183460469231731687303715884105727::HUGEINT AS h, "
            "(-128)::TINYINT AS t, "
            ""
            "'infinity'::TIMESTAMP AS never, {'mobile': '13812345678'} AS s, '\\xFF'::BLOB AS b, uuid() AS id, "
            "NULL AS nothing, 13912345678.0::DOUBLE AS phone FROM range(7)"
        )
        connection.execute(f"COPY made TO '{path}' (FORMAT parquet)")
    result = sandbox.run_file(name, path)
    assert result["rows"] == 7
    if name == "personal":
        assert kinds(result) == {("phone", "mobile"): "high", ("s", "mobile"): "high"}
