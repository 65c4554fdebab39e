import hashlib
import io
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.scan import sandbox
from provenance.scan.contract import Limits, Refusal, ScanRefused
from provenance.scan.profile import schema_digest
from provenance.scan.tables import Column, _names, shown

DEMO = Path(__file__).parents[2] / "demo_data"


def profile(content: bytes | str, limits: Limits | None = None) -> dict[str, Any]:
    encoded = content.encode() if isinstance(content, str) else content
    return sandbox.run("profile", io.BytesIO(encoded), limits)


def refusal(content: bytes | str, limits: Limits | None = None) -> ScanRefused:
    with pytest.raises(ScanRefused) as refused:
        profile(content, limits)
    return refused.value


def demo(name: str) -> dict[str, Any]:
    with (DEMO / name).open("rb") as file:
        return sandbox.run("profile", file)


def types(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(column["name"], column["type"]) for column in result["columns"]]


def parquet(folder: Path, query: str) -> bytes:
    path = folder / "made.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
    return path.read_bytes()


def test_flight_delays_and_weather() -> None:
    told: list[int] = []
    with (DEMO / "flight-delay-weather.csv").open("rb") as file:
        result = sandbox.run("profile", file, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 100
    assert (result["format"], result["encoding"], result["delimiter"], result["header"]) == ("csv", "utf-8", ",", True)
    assert (result["rows"], result["duplicate_rows"]) == (27_004, 0)
    assert types(result) == [
        ("time_hour", "timestamptz"),
        *[(name, "text") for name in ("origin", "dest", "carrier")],
        *[(name, "integer") for name in ("flight", "dep_delay", "arr_delay")],
        *[(name, "number") for name in ("temp", "wind_speed", "precip", "visib")],
    ]
    lines = "".join(f"{name}:{kind}\n" for name, kind in types(result))
    assert result["schema_sha256"] == hashlib.sha256(lines.encode()).hexdigest()
    assert result["time_coverage"] == {
        "column": "time_hour",
        "from": "2013-01-01T10:00:00.000000Z",
        "to": "2013-02-01T04:00:00.000000Z",
    }
    _, origin, *_, arr_delay, temp, _, _, _ = result["columns"]
    assert origin["values"] == [
        {"value": "EWR", "count": 9_893},
        {"value": "JFK", "count": 9_161},
        {"value": "LGA", "count": 7_950},
    ]
    assert (origin["distinct"], origin["distinct_exact"], origin["max_length"]) == (3, True, 3)
    assert (arr_delay["nulls"], arr_delay["min"], arr_delay["max"]) == (606, "-70", "1272")
    assert len(temp["histogram"]) == 12
    assert sum(bucket["count"] for bucket in temp["histogram"]) == 27_004 - temp["nulls"]
    json.dumps(result, allow_nan=False)


@pytest.mark.parametrize(
    ("name", "rows", "width", "coverage"),
    [
        ("bts-flights-2013-01.csv", 27_004, 19, "time_hour"),
        ("noaa-weather-2013-01.csv", 2_226, 15, "time_hour"),
        ("gbt2260-counties.csv", 2_846, 5, None),
    ],
)
def test_other_demonstration_tables(name: str, rows: int, width: int, coverage: str | None) -> None:
    result = demo(name)
    assert (result["rows"], len(result["columns"])) == (rows, width)
    assert (result["time_coverage"] or {}).get("column") == coverage


def test_codes_with_leading_zeros_are_text() -> None:
    columns = {column["name"]: column for column in demo("gbt2260-counties.csv")["columns"]}
    assert columns["code"]["type"] == "integer"
    assert columns["city"]["type"] == "text"
    assert columns["city"]["values"][0] == {"value": "01", "count": 379}
    assert columns["code"]["distinct"] == 2_846


def test_gb18030_is_read_and_has_the_same_schema_as_utf8() -> None:
    text = "城市;数值\n重庆;1.5\n北京;2\n北京;2\n"
    result = profile(text.encode("gb18030"))
    assert (result["encoding"], result["delimiter"], result["rows"], result["duplicate_rows"]) == ("gb18030", ";", 3, 1)
    assert types(result) == [("城市", "text"), ("数值", "number")]
    again = profile("\ufeff" + text)
    assert again["encoding"] == "utf-8"
    assert again["schema_sha256"] == result["schema_sha256"]


def test_utf16_is_told_by_its_mark() -> None:
    result = profile("城市\t数值\n重庆\t1\n".encode("utf-16"))
    assert (result["encoding"], result["delimiter"], result["rows"]) == ("utf-16", "\t", 1)


def test_types_are_those_of_all_values() -> None:
    result = profile(
        "whole,part,day,bad_day,wall,instant,truth,id,late\n"
        + "1,1,2020-02-03,2020-02-03,2020-01-01 08:00,2020-01-01T08:00:00+08:00,true,110101199003070000,1\n" * 25_000
        + "-2,.5,2020-02-29,2020-02-30,2020-01-01 08:00:01.5,2020-01-01T00:00:00Z,False,1101011990030700001,x\n"
    )
    assert [kind for _, kind in types(result)] == [
        "integer",
        "number",
        "date",
        "text",
        "timestamp",
        "timestamptz",
        "boolean",
        "text",
        "text",
    ]
    part, day, wall, instant = (result["columns"][i] for i in (1, 2, 4, 5))
    assert (part["min"], part["max"]) == ("0.5", "1")
    assert (day["min"], day["max"]) == ("2020-02-03", "2020-02-29")
    assert wall["max"] == "2020-01-01T08:00:01.500000"
    assert instant["min"] == instant["max"] == "2020-01-01T00:00:00.000000Z"


def test_table_without_header_gets_names_by_position() -> None:
    result = profile("1,x\n2,y\n")
    assert result["header"] is False
    assert types(result) == [("column_1", "integer"), ("column_2", "text")]


def test_text_that_occurs_rarely_is_not_shown() -> None:
    (column,) = profile("name\n" + "often\n" * 5 + "张三\n" * 4)["columns"]
    assert column["values"] == [{"value": "often", "count": 5}]
    assert (column["min"], column["max"], column["distinct"]) == (None, None, 2)


def test_hostile_names_and_values_are_data() -> None:
    names = ['"a"");DROP TABLE t;--"', '"../../etc/passwd"', '"\u202ereversed\x1b[31m"', "", "twin", "twin"]
    result = profile(",".join(names) + "\n" + "1,'; DROP TABLE t; --,3,4,5,<script>\n" * 6)
    assert [name for name, _ in types(result)] == [
        'a");DROP TABLE t;--',
        "../../etc/passwd",
        "\ufffdreversed\ufffd[31m",
        "column_4",
        "twin",
        "twin_2",
    ]
    assert result["columns"][1]["values"] == [{"value": "'; DROP TABLE t; --", "count": 6}]
    assert (result["rows"], result["duplicate_rows"]) == (6, 5)


def test_json_lines() -> None:
    result = profile('{"n": 1, "t": "2020-01-01T00:00:00"}\n{"n": 2.5, "late": {"deep": [1, {"x": 2}]}}\n')
    assert result["format"] == "jsonl"
    assert types(result) == [("n", "number"), ("t", "timestamp"), ("late", "other")]
    assert [column["nulls"] for column in result["columns"]] == [0, 1, 1]


def test_parquet_of_many_types(tmp_path: Path) -> None:
    content = parquet(
        tmp_path,
        "SELECT 18446744073709551615::UBIGINT AS u, 2.50::DECIMAL(18, 2) AS d, 'nan'::DOUBLE AS nan, -1e308 AS low, "
        "170141183460469231731687303715884105727::HUGEINT AS h, 'infinity'::TIMESTAMP AS never, "
        "TIMESTAMPTZ '2020-01-01 08:00:00+08' AS at, {'a': 1} AS s, '\\xFF'::BLOB AS b, uuid() AS id, NULL AS nothing "
        "FROM range(7)",
    )
    result = profile(content)
    assert (result["format"], result["encoding"], result["rows"]) == ("parquet", None, 7)
    columns = {column["name"]: column for column in result["columns"]}
    assert columns["u"]["histogram"] == [{"from": "18446744073709551615", "to": "18446744073709551615", "count": 7}]
    assert (columns["d"]["min"], columns["d"]["type"]) == ("2.5", "number")
    assert (columns["nan"]["min"], columns["nan"]["nulls"]) == (None, 0)
    assert columns["low"]["min"] == "-1E+308"
    assert columns["never"]["min"] is None
    assert result["time_coverage"]["column"] == "at"
    assert [columns[name]["type"] for name in ("s", "b", "id")] == ["other", "other", "text"]
    assert columns["nothing"]["nulls"] == 7


def test_parquet_bomb_of_text(tmp_path: Path) -> None:
    content = parquet(tmp_path, "SELECT repeat('x', 20000) AS s FROM range(50000)")
    assert len(content) < 5_000
    assert refusal(content, Limits(decoded_bytes=100_000_000)).code is Refusal.BOMB


def test_parquet_bomb_of_cells_whatever_the_footer_claims(tmp_path: Path) -> None:
    content = parquet(tmp_path, "SELECT 1 AS a, 2 AS b FROM range(200000)")
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    claimed = bytes([0x80, 0xB5, 0x18])  # 200,000 as a zigzag varint
    lie = bytes([0xA0, 0x9C, 0x01])  # 10,000
    at = content.index(claimed, footer)
    lying = content[:at] + lie + content[at + 3 :]
    with duckdb.connect() as connection:
        path = tmp_path / "lying.parquet"
        path.write_bytes(lying)
        rows = connection.execute("SELECT num_rows FROM parquet_file_metadata($path)", {"path": str(path)}).fetchone()
    assert rows == (10_000,)
    for bomb in (content, lying):
        assert refusal(bomb, Limits(cells=100_000)).code is Refusal.BOMB


def test_parquet_bomb_of_nested_lists(tmp_path: Path) -> None:
    content = parquet(tmp_path, "SELECT list_resize([0], 500000, 0) AS l FROM range(20)")
    assert len(content) < 5_000
    assert refusal(content, Limits(memory_bytes=192 * 1024**2)).code is Refusal.OUT_OF_MEMORY


def test_columns_beyond_the_limit() -> None:
    keys = "".join(f'{{"k{number}": 1}}\n' for number in range(600))
    assert refusal(keys).code is Refusal.BOMB
    assert refusal(",".join(f"c{n}" for n in range(600)) + "\n" + ",".join("1" * 600) + "\n").code is Refusal.BOMB


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b" \n\n", Refusal.EMPTY),
        (b"a,b\n", Refusal.EMPTY),
        (bytes(range(256)) * 40, Refusal.NOT_A_TABLE),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), Refusal.NOT_A_TABLE),
        (b"PAR1" + bytes(500) + b"PAR1", Refusal.NOT_A_TABLE),
        (b"PAR1 is how this text begins", Refusal.NOT_A_TABLE),
        ("a,b\n1,2\n".encode("utf-16-le"), Refusal.NOT_A_TABLE),
        (b"a,b\n1,2\n3\n4,5,6\n" * 50, Refusal.NOT_A_TABLE),
        (b"a,b\n" + b"x" * 5_000_000 + b",1\n", Refusal.NOT_A_TABLE),
        (b'{"a": 1\n{"b": 2}\n', Refusal.NOT_A_TABLE),
        (b'{"a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}\n", Refusal.NOT_A_TABLE),
        (b'[{"a": 1}]', Refusal.NOT_A_TABLE),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_what_is_no_table(content: bytes, code: Refusal) -> None:
    assert refusal(content).code is code


def test_refusal_names_no_descriptor() -> None:
    assert "/proc/" not in refusal(b'{"a": 1\n{"b": 2}\n').reason


@given(st.lists(st.tuples(st.text(), st.sampled_from(["text", "integer"])), max_size=4), st.data())
def test_schema_digest_tells_schemas_apart(schema: list[tuple[str, str]], data: st.DataObject) -> None:
    other = data.draw(st.lists(st.tuples(st.text(), st.sampled_from(["text", "integer"])), max_size=4))
    digests = [schema_digest([Column(*column) for column in columns]) for columns in (schema, other)]
    assert (digests[0] == digests[1]) == (schema == other)


def test_schema_digest_of_names_that_look_like_lines() -> None:
    assert schema_digest([Column("a:text\nb", "text")]) != schema_digest([Column("a", "text"), Column("b", "text")])
    assert schema_digest([Column("a\\n", "text")]) != schema_digest([Column("a\n", "text")])


@given(st.lists(st.one_of(st.none(), st.sampled_from(["", "a", "a_2", "a_3", "column_1", "b"])), max_size=8))
def test_names_are_unique_and_keep_their_places(raw: list[str | None]) -> None:
    names = _names(tuple(raw))
    assert len(names) == len(raw) == len(set(names))


@given(st.text(), st.integers(min_value=1, max_value=20))
def test_shown_text_is_short_and_printable(text: str, characters: int) -> None:
    safe = shown(text, characters)
    assert len(safe) <= characters
    safe.encode()
    assert "\0" not in safe
