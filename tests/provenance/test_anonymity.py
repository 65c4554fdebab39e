"""The scan for anonymity: its counts on small tables, and digests that are reversed."""

import hashlib
import io
from typing import Any

import pytest

from provenance.scan import sandbox
from provenance.scan.contract import ScanRefused

PATIENTS = "年龄,性别,邮编,诊断\n" + "30,男,400000,感冒\n" * 3 + "30,男,400000,胃炎\n" * 2 + "41,女,400010,感冒\n" * 5


def anonymity(text: str, **options: Any) -> dict[str, Any]:
    return sandbox.run("anonymity", io.BytesIO(text.encode()), options=options)


def test_groups_of_declared_and_suggested_columns() -> None:
    result = anonymity(PATIENTS, quasi_identifiers=["年龄"], sensitive=["诊断"])
    declared, suggested = result["assessments"]
    assert declared == {
        "basis": "declared", "quasi_identifiers": ["年龄"], "k": 5, "groups": 2, "unique_rows": 0, "unique_permille": 0,
        "small_permille": 0, "highest_risk_permille": 200, "average_risk_permille": 200,
        "l": [{"column": "诊断", "l": 1}],
    }  # fmt: skip
    assert suggested["quasi_identifiers"] == ["年龄", "性别", "邮编"]
    assert (result["linkage_risk"], result["standing"]) == ("low", "evidence")


def test_unique_rows_are_a_high_risk() -> None:
    result = anonymity("age,city\n" + "".join(f"{20 + n % 50},c{n % 7}\n" for n in range(400)))
    (found,) = result["assessments"]
    assert (found["k"], found["groups"], found["unique_permille"]) == (1, 350, 750)
    assert result["linkage_risk"] == "high"


@pytest.mark.parametrize(
    ("algorithm", "value", "method"),
    [
        ("md5", lambda n: str(100_000 + n), "serial_numbers"),
        ("sha256", lambda n: f"13800{n * 4000:06d}", "mobile_sample"),
        ("sm3", lambda n: str(1_000 + n), "serial_numbers"),
    ],
)
def test_digests_of_what_can_be_enumerated(algorithm: str, value: Any, method: str) -> None:
    digests = [hashlib.new(algorithm, value(n).encode()).hexdigest() for n in range(50)]
    (found,) = anonymity("user\n" + "\n".join(digests) + "\n")["hashed"]
    assert (found["reversed"], found["algorithm"], found["method"]) == (True, algorithm, method)
    assert found["matched"] == 50


def test_digests_of_values_that_stand_beside_them_and_salted_ones() -> None:
    rows = [(f"u-{n}", hashlib.sha1(f"u-{n}".encode(), usedforsecurity=False).hexdigest()) for n in range(30)]
    rows = [(*row, hashlib.md5(f"salt{row[0]}".encode(), usedforsecurity=False).hexdigest().upper()) for row in rows]
    result = anonymity("user,digest,salted\n" + "".join(",".join(row) + "\n" for row in rows))
    beside, salted = result["hashed"]
    assert (beside["method"], beside["matched"]) == ("values_beside", 30)
    assert (salted["reversed"], salted["tested"] > 1_000_000) == (False, True)
    assert result["linkage_risk"] == "high"


def test_column_that_does_not_stand_in_the_table() -> None:
    with pytest.raises(ScanRefused, match="there is no column"):
        anonymity(PATIENTS, quasi_identifiers=["身高"])


def test_table_with_nothing_to_assess() -> None:
    result = anonymity("x,y\n1,2\n3,4\n")
    assert (result["assessments"], result["hashed"], result["linkage_risk"]) == ([], [], None)
