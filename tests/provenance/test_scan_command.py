"""``databourse scan``: its exit status and what it prints."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import command
import scan_command

DEMO = Path(__file__).parents[2] / "demo_data"
COUNTIES = str(DEMO / "gbt2260-counties.csv")


def test_profile_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["scan", "profile", COUNTIES, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["format"], result["rows"]) == ("csv", 2_846)


@pytest.mark.parametrize("name", scan_command.FACES)
def test_every_scan_explains_itself(capsys: pytest.CaptureFixture[str], name: str) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["scan", name, "--help"])
    assert ended.value.code == 0
    assert "--json" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["profile"])
def test_report_for_people(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert command.main(["scan", name, COUNTIES]) == 0
    assert "code" in capsys.readouterr().out


def test_what_cannot_be_read_is_status_2(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert command.main(["scan", "profile", str(tmp_path / "nowhere.csv")]) == 2
    noise = tmp_path / "noise.csv"
    noise.write_bytes(bytes(range(256)) * 40)
    assert command.main(["scan", "profile", str(noise), "--json"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "not_a_table" in told.err


def test_neither_flask_nor_a_database_is_loaded() -> None:
    code = (
        f"import sys, command; command.main(['scan', 'profile', {COUNTIES!r}, '--json']); "
        "sys.exit(bool({'flask', 'sqlalchemy', 'psycopg'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0
