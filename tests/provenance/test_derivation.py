"""The scan for derivation: one planted source among others, each transformation found, a stranger not."""

import csv
import json
import random
from pathlib import Path

import pytest

import scan_command

_HEADER = ["station", "date", "district", "flow", "level"]


def _rows(seed: int, count: int = 300) -> list[list[str]]:
    chance = random.Random(seed)  # noqa: S311 - a fixed table
    return [
        [
            f"{chance.choice('ABCDEF')}{chance.randrange(10**6):06}",
            f"2024-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}",
            f"district {seed} {chance.randrange(20)}",
            f"{chance.uniform(1000, 90000):.3f}",
            f"{chance.uniform(1, 9):.4f}",
        ]
        for _ in range(count)
    ]


def _write(path: Path, header: list[str], rows: list[list[str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def _reformatted(row: list[str]) -> list[str]:
    year, month, day = row[1].split("-")
    return [row[0].lower(), f"{year}年{int(month)}月{int(day)}日", row[2].upper(), f"{float(row[3]):,.3f}", row[4]]


def _means(rows: list[list[str]]) -> list[list[str]]:
    groups: dict[str, list[float]] = {}
    for row in rows:
        groups.setdefault(row[2], []).append(float(row[3]))
    return [[key, f"{sum(flows) / len(flows):.6f}"] for key, flows in groups.items()]


_SOURCE = _rows(1)
_CASES = {
    "copy": (_HEADER, _SOURCE, "records"),
    "renamed and reordered": (["e", "d", "c", "b", "a"], [row[::-1] for row in _SOURCE], "records"),
    "a tenth of the rows": (_HEADER, _SOURCE[::10], "records"),
    "reformatted": (_HEADER, [_reformatted(row) for row in _SOURCE], "records"),
    "among others": (_HEADER, _SOURCE[:40] + _rows(7, 360), "records"),
    "half of the columns": (_HEADER[2:4], [row[2:4] for row in _SOURCE], "records"),
    "joined": (
        [*_HEADER[:4], "x", "y"],
        [row[:4] + other[3:] for row, other in zip(_SOURCE, _rows(8), strict=True)],
        "records",
    ),
    "means by group": (["district", "mean"], _means(_SOURCE), "aggregate"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two sources, the first of which is the planted one."""
    sources = tmp_path / "sources"
    sources.mkdir()
    _write(sources / "planted.csv", _HEADER, _SOURCE)
    _write(sources / "other.csv", _HEADER, _rows(2))
    return sources


def _scan(file: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    assert scan_command.main(["derivation", str(file), "--against", str(folder), "--json"]) == 0
    findings: list[dict[str, object]] = json.loads(capsys.readouterr().out)["findings"]
    return findings


@pytest.mark.parametrize("case", _CASES)
def test_a_source_is_recognised(case: str, tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    header, rows, kind = _CASES[case]
    findings = _scan(_write(tmp_path / "upload.csv", header, rows), folder, capsys)
    assert [(found["source"], found["kind"]) for found in findings] == [("planted.csv", kind)]


def test_a_table_of_its_own_is_not_accused(tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _scan(_write(tmp_path / "upload.csv", _HEADER, _rows(9)), folder, capsys) == []


def test_a_broken_source_is_told_and_passed_over(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "broken.csv").write_bytes(b"\x00\xff\xfe\x00")
    upload = _write(tmp_path / "upload.csv", _HEADER, _SOURCE)
    assert scan_command.main(["derivation", str(upload), "--against", str(folder), "--json"]) == 0
    assert "broken.csv" in capsys.readouterr().err
    assert scan_command.main(["derivation", str(folder / "broken.csv"), "--against", str(folder)]) == 2
    assert scan_command.main(["derivation", str(upload), "--against", str(tmp_path / "none")]) == 2
