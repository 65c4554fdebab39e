"""The demonstration, as a person sees it: the command, a second run, its evidence checked offline."""

import base64
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from demonstrated import COMMAND, ROOT, Carried, carry_out


@pytest.fixture(scope="module")
def environ(demonstration: Carried) -> Iterator[dict[str, str]]:
    """A home in which it ran once."""
    with demonstration.copied() as environment:
        yield environment


@pytest.fixture(scope="module")
def lines(demonstration: Carried) -> list[str]:
    """What the first run printed."""
    return demonstration.lines


def verify(bag: Path, key: str, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "verify", str(bag), "--key", key, *more], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_the_demonstration_ends_in_four_lines(lines: list[str]) -> None:
    voucher, checkpoint, bag, verified = lines[-4:]
    assert re.fullmatch(r"voucher V(-[0-9A-Z]{4}){4}", voucher)
    _, size, root = checkpoint.split(" ")
    assert int(size) > 100
    assert len(base64.b64decode(root, validate=True)) == 32
    assert Path(bag.removeprefix("bag ")).is_file()
    assert verified == "verified yes"


def test_every_step_of_the_trade_was_taken(lines: list[str]) -> None:
    told = "\n".join(lines)
    for step in (
        "vetted",
        "无条件开放",
        "agreement of six items signed by both",
        "27004 rows profiled",
        "government-derived",
        "a direct offer is refused: G-01",
        "two reviewers",
        "public notice ended",
        "contract signed by both",
        "signed webhook put the money in the hold",
        "resumed for the remaining",
        "the receipt is complete",
        "transfer confirmed",
        "ruled by the officer 40/60",
        "released 465.60, refunded 720.00",
        "not delivered in time, HKD: funded 900.00, released 0.00, refunded 900.00",
        "sold directly and filed",
        "waiting: an identity case",
        "the regulator found the trade",
    ):
        assert step in told


def test_a_second_run_is_another_trade_in_the_same_log(lines: list[str], environ: dict[str, str]) -> None:
    again = carry_out(environ)
    told = "\n".join(again)
    assert "are here already" in told
    assert "profiled in a confined process" in told  # what waits for a reviewer is new
    assert "public notice ended" not in told  # the shelf is full
    assert again[-4] != lines[-4]
    assert int(again[-3].split(" ")[1]) > int(lines[-3].split(" ")[1])


def test_the_bag_is_refused_after_any_byte_is_changed(
    lines: list[str], tmp_path: Path, environ: dict[str, str]
) -> None:
    bag = Path(lines[-2].removeprefix("bag "))
    key = _key(environ)
    assert verify(bag, key).returncode == 0
    content = bag.read_bytes()
    altered = tmp_path / "altered.zip"
    for position in range(0, len(content), max(1, len(content) // 12)):
        changed = bytearray(content)
        changed[position] ^= 0x20
        altered.write_bytes(changed)
        done = verify(altered, key)
        assert done.returncode in {1, 2}, position
        assert done.stdout.strip() or done.stderr.strip()
    altered.write_bytes(b"not a bag")
    assert verify(altered, key).returncode == 2
    other = "localhost/databourse+00000000+" + base64.b64encode(b"\x01" + bytes(32)).decode()
    assert verify(bag, other).returncode != 0


def test_the_bag_holds_the_documents_of_the_trade_and_nothing_private(lines: list[str]) -> None:
    content = Path(lines[-2].removeprefix("bag ")).read_bytes()
    for expected in ("order.completed", "lot.accepted", "voucher.issued", "本凭证不构成对数据合法性的担保"):
        assert expected.encode() in content, expected
    for private in ("@example.org", "经办人", "示范法定代表人", "+86 23"):
        assert private.encode() not in content, private


def test_verify_needs_neither_web_nor_database() -> None:
    code = (
        "import sys, command\n"
        "command.main(['verify', 'nothing.zip', '--key', 'x'])\n"
        "print([m for m in ('flask', 'sqlalchemy', 'psycopg', 'stripe') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def _key(environ: dict[str, str]) -> str:
    """The log's public key, as ``databourse`` shows it."""
    done = subprocess.run(
        [*COMMAND, "log-key"],
        cwd=ROOT,
        env={**environ, "DATABOURSE_MODE": "demonstration"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()
