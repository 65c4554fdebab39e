"""``databourse log``: its exit status, what it prints, what it writes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Database
from written import body, seal, tell, write_files

import command
import wsgi
from exchange import attest, db
from exchange.journal import checkpoint, merkle, note
from exchange.journal.keys import Signer


@pytest.fixture
def house(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Signer]:
    """A house in the environment with three hundred entries in its log; the key that signs it."""
    for role, variable in wsgi.VARIABLES.items():
        monkeypatch.setenv(variable, database.url(role))
    monkeypatch.setenv("DATABOURSE_MODE", "development")
    monkeypatch.setenv("DATABOURSE_HOME", str(tmp_path / "home"))
    with wsgi.house(command._config()):
        tell("ord_1aa", times=300)
        seal(database, attest.signer())
        signer = attest.signer()
        db.engine().dispose()
    yield signer
    db.engine().dispose()


def test_a_sound_log_ends_with_0_and_a_changed_one_with_1(
    house: Signer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["log", "fsck", "--key", house.vkey]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("SOUND 日志完好: localhost/databourse\n  size 条目总数 300,")
    assert told.err == ""
    copy = tmp_path / "copy"
    assert command.main(["log", "export", str(copy)]) == 0
    assert capsys.readouterr().out.startswith("300 entries copied")
    tile = copy / "tile/0/000"
    tile.write_bytes(bytes(32) + tile.read_bytes()[32:])
    assert command.main(["log", "fsck", str(copy), "--key", house.vkey, "--jobs", "1"]) == 1
    told = capsys.readouterr()
    assert "tile.changed  tile/0/000 hash 0" in told.out
    assert "NOT SOUND 日志有误或已改动" in told.out
    assert command.main(["log", "export", str(tmp_path / "again"), "--from", str(copy)]) == 0


def test_the_result_can_be_read_by_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str], house: Signer) -> None:
    write_files(tmp_path / "log", [body(0, "ord_1aa", 1), body(1, "ord_1aa", 3)], house)
    assert command.main(["log", "fsck", str(tmp_path / "log"), "--key", house.vkey, "--json", "--deep"]) == 1
    result = json.loads(capsys.readouterr().out)
    assert (result["sound"], result["size"], result["entries"], result["found"]) == (False, 2, 2, {"subject.gap": 1})
    assert result["findings"][0]["path"] == "ord_1aa"
    assert result["findings"][0]["zh"].endswith("。")


def test_what_cannot_be_read_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str], house: Signer) -> None:
    for words in (
        ["fsck", str(tmp_path / "none"), "--key", house.vkey],
        ["fsck", str(tmp_path), "--key", "nonsense"],
        ["export", str(tmp_path / "copy"), "--from", str(tmp_path)],
        ["export", "/proc/nowhere"],
        ["proof", "ent_none"],
    ):
        assert command.main(["log", *words]) == 2, words
        told = capsys.readouterr()
        assert (told.out, told.err.startswith("databourse log ")) == ("", True), words


def test_an_entry_is_proven_with_its_bytes_and_its_receipt(
    house: Signer, database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with db.engine().connect() as connection:
        entry_id = connection.exec_driver_sql("SELECT entry_id FROM journal_leaf WHERE index = 270").scalar_one()
    leaf, receipt = tmp_path / "leaf.json", tmp_path / "receipt.cose"
    assert command.main(["log", "proof", entry_id, "--leaf", str(leaf), "--receipt", str(receipt)]) == 0
    proof = checkpoint.parse_proof(capsys.readouterr().out)
    tree = checkpoint.parse(note.open(proof.checkpoint, [house.vkey]))
    merkle.verify_inclusion(merkle.leaf_hash(leaf.read_bytes()), 270, tree.size, proof.hashes, tree.root)
    assert proof.index == 270
    assert receipt.read_bytes()[:2] == b"\xd2\x84"
