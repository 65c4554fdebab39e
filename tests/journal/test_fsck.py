"""A whole log, checked: sound logs are found sound, and whatever the owner of the tables changes is found."""

import functools
import http.server
import itertools
import secrets
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import ROLES, Database
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from written import as_owner, body, seal, tell, write_files

from exchange import vault
from exchange.db import bind
from exchange.journal import bundles, export, note
from exchange.journal.fsck import Fsck, Result
from exchange.journal.fsck_findings import SENTENCES
from exchange.journal.sources import Address, Unreadable
from exchange.postgres import Server


@pytest.fixture(scope="module")
def signer() -> note.Signer:
    return note.Signer("localhost/test", Ed25519PrivateKey.generate())


@pytest.fixture(scope="module")
def written(server: Server, template: str, signer: note.Signer) -> Iterator[str]:
    """A database with a log of 700 leaves in several checkpoints, and three entries that wait."""
    name = f"log_{secrets.token_hex(4)}"
    server.create_database(name, template)
    engine = bind(server.url(ROLES["app"], name))
    vault.bind(vault.KeyRing.generate())
    for number in range(7):
        tell(f"ord_{number}aa", times=90, links=["org_teller"])
    tell("org_teller", times=70)
    seal(Database(server, name), signer, batch=130)
    tell("ord_0aa", times=3)
    engine.dispose()
    yield name
    server.drop_database(name)


@pytest.fixture
def house(server: Server, written: str) -> Iterator[Database]:
    """A copy of it, to be tampered with."""
    name = f"log_{secrets.token_hex(4)}"
    server.create_database(name, written)
    yield Database(server, name)
    server.drop_database(name)


@pytest.fixture
def address(house: Database) -> Address:
    return Address(conninfo=house.conninfo("app"))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, signer: note.Signer) -> Path:
    """A log of 70,000 leaves as files: tiles of three levels, two chunks."""
    folder = tmp_path_factory.mktemp("log")
    write_files(folder, many(70_000), signer)
    return folder


def many(count: int) -> list[bytes]:
    return [body(index, f"ord_{index % 1000:05d}", index // 1000 + 1, ["ord_00000"]) for index in range(count)]


def codes(result: Result) -> set[str]:
    return {found.code for found in result.findings}


def check(address: Address, signer: note.Signer, **options: int) -> Result:
    return Fsck(address, [signer.vkey], **options).run()  # type: ignore[arg-type]


def test_a_sound_database_is_found_sound(address: Address, signer: note.Signer) -> None:
    result = check(address, signer, deep=True)
    assert result.findings == ()
    assert (result.origin, result.size, result.entries, result.checkpoints) == ("localhost/test", 700, 700, 6)
    assert result.size_bytes > 700 * 200


def test_an_exported_folder_is_found_sound_and_is_the_same_log(
    address: Address, signer: note.Signer, tmp_path: Path
) -> None:
    assert export.export(address, tmp_path / "copy") == 700
    of_files, of_database = check(Address(place=str(tmp_path / "copy")), signer), check(address, signer)
    assert of_files.findings == ()
    assert (of_files.size, of_files.root, of_files.entries) == (700, of_database.root, 700)
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "copy").rglob("*") if path.is_file()}
    assert modes == {0o644}


def test_a_log_is_checked_over_http_and_copied_from_there(files: Path, signer: note.Signer, tmp_path: Path) -> None:
    with served(files) as url:
        assert check(Address(place=url), signer).findings == ()
        export.export(Address(place=url), tmp_path / "copy")
    assert check(Address(place=str(tmp_path / "copy")), signer).size == 70_000


def test_without_the_entries_the_tiles_are_checked(files: Path, signer: note.Signer, tmp_path: Path) -> None:
    (tmp_path / "tile").mkdir()
    for name in ("checkpoint", "tile/0", "tile/1", "tile/2"):
        (tmp_path / name).symlink_to(files / name)
    result = check(Address(place=str(tmp_path)), signer)
    assert (result.findings, result.size, result.entries) == ((), 70_000, 0)


def test_several_processes_find_the_same(files: Path, signer: note.Signer) -> None:
    one, two = check(Address(place=str(files)), signer), check(Address(place=str(files)), signer, jobs=2)
    assert one == two
    assert (one.findings, one.entries) == ((), 70_000)


def test_progress_is_told_in_leaves(files: Path, signer: note.Signer) -> None:
    told = list(Fsck(Address(place=str(files)), [signer.vkey]).steps())
    assert told[0] == (0, 70_000)
    assert told[-1] == (70_000, 70_000)
    assert all(before <= after for before, after in itertools.pairwise(told))


@pytest.mark.rule("R-02")
@pytest.mark.parametrize(
    ("tampering", "expected"),
    [
        # an entry's body changed, with the copies or without them
        (
            (
                "UPDATE journal_entry SET body = convert_to(replace(convert_from(body, 'UTF8'), 'n\":5}', 'n\":6}'),"
                " 'UTF8') WHERE subject = 'ord_3aa' AND seq = 6"
            ),
            ("entry.changed", "275"),
        ),
        (
            "UPDATE journal_entry SET action = 'subject.unseen' WHERE subject = 'ord_3aa' AND seq = 6",
            ("entry.copy", "275"),
        ),
        ("UPDATE journal_entry SET links = '{}' WHERE subject = 'ord_3aa' AND seq = 6", ("entry.copy", "275")),
        (
            "UPDATE journal_entry SET at = at - interval '1 day' WHERE subject = 'ord_3aa' AND seq = 6",
            ("entry.copy", "275"),
        ),
        # an entry deleted: from the middle, from the end of the log, before it got its place
        ("DELETE FROM journal_entry WHERE subject = 'ord_3aa' AND seq = 6", ("entry.missing", "275")),
        ("DELETE FROM journal_entry WHERE subject = 'org_teller' AND seq = 70", ("entry.missing", "699")),
        ("DELETE FROM journal_entry WHERE subject = 'ord_0aa' AND seq = 93", ("subject.counter", "ord_0aa")),
        ("DELETE FROM journal_pending", ("entry.unplaced", None)),
        # the end of the log cut off, with its leaves
        ("DELETE FROM journal_leaf WHERE index > 690", ("entry.missing", "691")),
        ("DELETE FROM journal_leaf WHERE index BETWEEN 256 AND 511", ("entry.missing", "300")),
        # two entries that change places
        (
            (
                "ALTER TABLE journal_leaf DROP CONSTRAINT uq_journal_leaf_entry_id;"
                " UPDATE journal_leaf SET entry_id = CASE index WHEN 275 THEN b ELSE a END FROM (SELECT max(entry_id)"
                " FILTER (WHERE index = 275) a, max(entry_id) FILTER (WHERE index = 276) b FROM journal_leaf) x"
                " WHERE index IN (275, 276)"
            ),
            ("entry.changed", "275"),
        ),
        # tiles
        (
            (
                "UPDATE journal_tile SET hashes = set_byte(hashes, 40, 255 - get_byte(hashes, 40))"
                " WHERE level = 0 AND index = 1"
            ),
            ("tile.changed", "tile/0/001"),
        ),
        (
            (
                "UPDATE journal_tile SET hashes = set_byte(hashes, 40, 255 - get_byte(hashes, 40))"
                " WHERE level = 0 AND index = 2"
            ),
            ("tile.changed", "tile/0/002.p/188"),
        ),
        (
            "UPDATE journal_tile SET hashes = set_byte(hashes, 40, 255 - get_byte(hashes, 40)) WHERE level = 1",
            ("tile.changed", "tile/1/000.p/2"),
        ),
        ("DELETE FROM journal_tile WHERE level = 0 AND index = 0", ("tile.missing", "tile/0/000")),
        (
            "INSERT INTO journal_tile SELECT 0, 3, hashes FROM journal_tile WHERE index = 0 AND level = 0",
            ("tile.unexpected", "0/3"),
        ),
        # checkpoints
        ("UPDATE journal_checkpoint SET root = sha256(root) WHERE size = 130", ("checkpoint.row", "130")),
        (
            "UPDATE journal_checkpoint SET note = replace(note, E'\\n130\\n', E'\\n131\\n') WHERE size = 130",
            ("checkpoint.invalid", "130"),
        ),
        ("DELETE FROM journal_checkpoint", ("checkpoint.missing", "checkpoint")),
        ("DELETE FROM journal_checkpoint WHERE size = 700", ("leaf.unsigned", "650")),
        (
            "UPDATE journal_checkpoint SET signed_at = signed_at + interval '1 day' WHERE size = 130",
            ("checkpoint.order", "260"),
        ),
        ("UPDATE journal_subject SET seq = 95 WHERE subject = 'ord_0aa'", ("subject.counter", "ord_0aa")),
    ],
)
def test_what_the_owner_of_the_tables_changes_is_found(
    address: Address, house: Database, signer: note.Signer, tampering: str, expected: tuple[str, str | None]
) -> None:
    code, about = expected
    with as_owner(house) as owner:
        owner.execute(tampering)  # type: ignore[arg-type]
    found = check(address, signer).findings
    assert any(one.code == code and about in {None, one.path} for one in found), found


def test_a_hole_in_a_story_made_through_the_house_is_found(db: Database, signer: note.Signer) -> None:
    """Who leaves an entry out before it is sequenced, and mends the counter, still leaves a hole between numbers."""
    tell("ord_1aa", times=5)
    with as_owner(db) as owner:
        owner.execute("DELETE FROM journal_pending USING journal_entry e WHERE e.id = entry_id AND seq = 3")
        owner.execute("DELETE FROM journal_entry WHERE seq = 3")
    seal(db, signer)
    result = check(Address(conninfo=db.conninfo("app")), signer)
    assert {(one.code, one.path) for one in result.findings} == {
        ("subject.gap", "ord_1aa"),
        ("subject.counter", "ord_1aa"),
    }


def test_a_checkpoint_replaced_by_one_of_another_tree_is_found(
    address: Address, house: Database, signer: note.Signer
) -> None:
    """The owner has the key as well, and signs another history."""
    other = note.sign(f"localhost/test\n130\n{'A' * 43}=\n", signer)
    with as_owner(house) as owner:
        owner.execute("UPDATE journal_checkpoint SET note = %s, root = %s WHERE size = 130", (other, bytes(32)))
    assert [(one.code, one.path) for one in check(address, signer).findings] == [("checkpoint.root", "130")]


def test_one_fault_is_told_once(address: Address, house: Database, signer: note.Signer) -> None:
    with as_owner(house) as owner:
        owner.execute(
            "UPDATE journal_tile SET hashes = set_byte(hashes, 40, 255 - get_byte(hashes, 40)) WHERE index = 1"
        )
    assert [one.path for one in check(address, signer).findings] == ["tile/0/001"]


def test_another_key_or_a_malformed_one_is_told(address: Address, signer: note.Signer) -> None:
    stranger = note.Signer("localhost/test", Ed25519PrivateKey.generate())
    result = Fsck(address, [stranger.vkey]).run()
    assert codes(result) == {"checkpoint.invalid"}
    assert result.size is None
    for keys in ([], ["nonsense"]):
        with pytest.raises(note.InvalidKey):
            Fsck(address, keys)


def test_findings_of_one_kind_are_told_to_a_limit_and_counted_beyond(
    address: Address, house: Database, signer: note.Signer
) -> None:
    with as_owner(house) as owner:
        owner.execute("UPDATE journal_entry SET action = 'subject.unseen'")
    result = check(address, signer)
    assert (len(result.findings), result.found["entry.copy"]) == (100, 700)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda folder: flip(folder / "tile/0/005", 100), ("tile.changed", "tile/0/005")),
        (lambda folder: flip(folder / "tile/1/000", 100), ("tile.changed", "tile/1/000")),
        (lambda folder: flip(folder / "tile/2/000.p/1", 5), ("tile.changed", "tile/2/000.p/1")),
        (lambda folder: flip(folder / "tile/1/001.p/17", 100), ("tile.changed", "tile/1/001.p/17")),
        (lambda folder: flip(folder / "tile/0/273.p/112", 100), ("tile.changed", "tile/0/273.p/112")),
        (lambda folder: (folder / "tile/0/005").unlink(), ("tile.missing", "tile/0/005")),
        (lambda folder: flip(folder / "tile/entries/005", 300), ("entry.changed", "1281")),
        (lambda folder: flip(folder / "tile/entries/273.p/112", 300), ("entry.changed", "69889")),
        (lambda folder: flip(folder / "tile/entries/005", 0), ("bundle.malformed", "tile/entries/005")),
        (lambda folder: (folder / "checkpoint").unlink(), ("checkpoint.missing", "checkpoint")),
    ],
)
def test_a_damaged_file_is_named(
    files: Path, signer: note.Signer, tmp_path: Path, damage: Callable[[Path], None], expected: tuple[str, str]
) -> None:
    copy = tmp_path / "copy"
    link_tree(files, copy)
    damage(copy)
    result = check(Address(place=str(copy)), signer)
    assert expected in {(one.code, one.path) for one in result.findings}, result.findings


def test_gaps_repeats_and_links_to_nowhere_are_found(signer: note.Signer, tmp_path: Path) -> None:
    bodies = many(66_000)
    bodies[3_007] = body(3_007, "ord_00007", 6)
    bodies[65_900] = body(65_900, "ord_00900", 65)
    bodies[2_000] = body(2_000, "ord_00000", 3, ["ord_nobody"])
    bodies[65_999] = body(65_999, "ord_00999", 66, ["ord_tomorrow"])
    write_files(tmp_path, bodies, signer)
    found = {(one.code, one.path) for one in check(Address(place=str(tmp_path)), signer).findings}
    assert found == {("subject.gap", "ord_00007"), ("subject.gap", "ord_00900"), ("link.unknown", "ord_nobody")}


def test_an_entry_that_is_none_is_found(signer: note.Signer, tmp_path: Path) -> None:
    good = body(0, "ord_00000", 1)
    write_files(tmp_path, [good, good.replace(b'"v":1', b'"v":2'), body(2, "ord_00000", 2, facts={"a": 1.5})], signer)
    address = Address(place=str(tmp_path))
    assert [one.path for one in check(address, signer).findings] == ["1"]
    deep = check(address, signer, deep=True).findings
    assert [(one.code, one.path) for one in deep] == [("entry.malformed", "1"), ("entry.malformed", "2")]


def test_what_cannot_be_read_is_refused(tmp_path: Path, signer: note.Signer) -> None:
    for place in (str(tmp_path / "none"), "ftp://log.example", "http://127.0.0.1:1"):
        with pytest.raises(Unreadable):
            check(Address(place=place), signer)
    with pytest.raises(Unreadable):
        export.export(Address(place=str(tmp_path)), tmp_path / "copy")


def test_every_finding_has_a_sentence_in_both_languages() -> None:
    assert all(en.endswith(".") and zh.endswith("。") for en, zh in SENTENCES.values())


@settings(max_examples=50)
@given(st.lists(st.binary(max_size=300), max_size=20))
def test_bundles_are_cut_as_they_were_joined(bodies: list[bytes]) -> None:
    joined = bundles.join(bodies)
    assert bundles.split(joined, len(bodies)) == bodies
    for broken, count in ((joined, len(bodies) + 1), (joined + b"\0", len(bodies)), (joined + b"\0\1", len(bodies))):
        with pytest.raises(bundles.InvalidBundle):
            bundles.split(broken, count)


def test_a_body_of_the_longest_length_fits_and_no_longer_one() -> None:
    longest = b"x" * 65_535
    assert bundles.split(bundles.join([longest, b""]), 2) == [longest, b""]
    with pytest.raises(bundles.InvalidBundle):
        bundles.join([longest + b"x"])


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.unlink()
    path.write_bytes(bytes(data))


def link_tree(source: Path, target: Path) -> None:
    """A copy that shares files: to damage one, it is replaced."""
    for path in source.rglob("*"):
        if path.is_file():
            linked = target / path.relative_to(source)
            linked.parent.mkdir(parents=True, exist_ok=True)
            linked.hardlink_to(path)


class served:  # noqa: N801  (reads as a verb)
    """A folder over HTTP on loopback."""

    def __init__(self, folder: Path) -> None:
        handler = functools.partial(_Quiet, directory=str(folder))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass
