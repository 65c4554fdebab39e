"""The parts of a table's quality."""

import io
from datetime import UTC, date, datetime
from typing import Any

import pytest

from provenance.scan import sandbox
from provenance.scan.quality import _timeliness


def quality(text: str) -> dict[str, Any]:
    found: dict[str, Any] = sandbox.run("profile", io.BytesIO(text.encode()))["quality"]
    return found


def test_a_table_without_fault() -> None:
    today = datetime.now(UTC).date().isoformat()
    assert quality(f"day,city\n{today},Chongqing\n{today},Beijing\n") == {
        "score": 1000, "completeness": 1000, "uniqueness": 1000, "validity": 1000, "consistency": 1000,
        "timeliness": 1000,
    }  # fmt: skip


def test_each_fault_counts_in_its_part() -> None:
    rows = [f"{n},{n}.5,Beijing" for n in range(14)]
    rows += ["14,n/a,Beijing", "15,much,Beijing", "16,1.5,BEIJING", "17,1.5, Beijing", "17,1.5, Beijing", "18,1.5,"]
    found = quality("n,amount,city\n" + "\n".join(rows) + "\n")
    assert found == {
        "completeness": 59 * 1000 // 60,
        "uniqueness": 19 * 1000 // 20,
        "validity": 57 * 1000 // 59,
        "consistency": 36 * 1000 // 39,
        "timeliness": None,
        "score": (983 + 950 + 966 + 923) // 4,
    }


@pytest.mark.parametrize(("last", "share"), [("2026-06-01", 1000), ("2023-12-02", 500), ("2001-01-01", 0)])
def test_timeliness_falls_from_one_year_to_five(last: str, share: int) -> None:
    assert _timeliness([{"type": "date", "max": last}], date(2026, 12, 1)) in range(share - 1, share + 2)
