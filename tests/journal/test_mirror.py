"""The public log in an object store: a whole log at every moment, never ahead, never overwritten by another."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from conftest import Database
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from written import as_owner, seal, tell

from exchange.journal import checkpoint, merkle, mirror, note, tiles
from exchange.journal.fsck import Fsck
from exchange.journal.mirror import Mirror, OtherLog
from exchange.journal.sources import Address
from exchange.storage import StorageUnavailable, Store, open_store


@pytest.fixture
def signer() -> note.Signer:
    return note.Signer("localhost/test", Ed25519PrivateKey.generate())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "mirror"


@pytest.fixture
def store(folder: Path) -> Store:
    return open_store(f"file://{folder}")


@pytest.fixture
def copy(db: Database, store: Store) -> Mirror:
    return Mirror(store, db.conninfo("app"), pause_seconds=0)


class Failing(Store):
    """A store that takes so many objects, and no more."""

    def __init__(self, store: Store, left: int) -> None:
        super().__init__(store._backend, store._folder)
        self.left = left

    def put(self, key: str, chunks: Iterable[bytes], *, headers: Mapping[str, str] | None = None) -> int:
        if self.left == 0:
            raise StorageUnavailable("The object store does not take the object.")
        self.left -= 1
        return super().put(key, chunks, headers=headers)


def grow(db: Database, signer: note.Signer, count: int) -> None:
    tell("ord_1aa", times=count)
    seal(db, signer)


def size_of(folder: Path, signer: note.Signer) -> int:
    """The size of the log in the folder alone, after the whole of it was walked."""
    result = Fsck(Address(place=str(folder)), [signer.vkey]).run()
    assert (result.findings, result.entries) == ((), 0)
    return result.size or 0


def test_the_folder_alone_is_the_log(db: Database, signer: note.Signer, copy: Mirror, folder: Path) -> None:
    assert copy() is False
    assert not (folder / "checkpoint").exists()
    for count, size in ((3, 3), (1, 4), (251, 255), (1, 256), (1, 257), (700, 957)):
        grow(db, signer, count)
        copy()
        assert size_of(folder, signer) == size
    signed = checkpoint.parse(note.open((folder / "checkpoint").read_text(), [signer.vkey]))
    read = lambda level, index, width: (folder / tiles.tile_path(level, index, width)).read_bytes()  # noqa: E731
    assert tiles.root(957, read) == signed.root
    proof = tiles.inclusion_proof(300, 957, read)
    leaf = read(0, 1, 256)[44 * 32 : 45 * 32]
    merkle.verify_inclusion(leaf, 300, 957, proof, signed.root)


def test_entries_are_not_in_it(db: Database, signer: note.Signer, copy: Mirror, folder: Path) -> None:
    grow(db, signer, 300)
    copy()
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()) == [
        "checkpoint",
        "tile/0/000",
        "tile/0/001.p/44",
        "tile/1/000.p/1",
    ]


def test_partial_tiles_go_once_the_full_one_is_there(
    db: Database, signer: note.Signer, copy: Mirror, folder: Path
) -> None:
    for count in (5, 5, 250):
        grow(db, signer, count)
        copy()
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert names == {"checkpoint", "tile/0/000", "tile/0/001.p/4", "tile/1/000.p/1"}


def test_it_is_a_whole_log_wherever_the_store_gives_up(
    db: Database, signer: note.Signer, store: Store, folder: Path
) -> None:
    grow(db, signer, 5)
    assert Mirror(store, db.conninfo("app"), pause_seconds=0)() is False
    grow(db, signer, 600)
    for left in range(5):
        Mirror(Failing(store, left), db.conninfo("app"), pause_seconds=0)()
        assert size_of(folder, signer) == 5
    Mirror(store, db.conninfo("app"), pause_seconds=0)()
    assert size_of(folder, signer) == 605


def test_a_long_way_is_gone_in_steps(
    db: Database, signer: note.Signer, copy: Mirror, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror, "STEP", 300)
    for _ in range(4):
        grow(db, signer, 200)
    assert [copy() for _ in range(4)] == [True, True, True, False]
    assert size_of(folder, signer) == 800


def test_repeating_it_writes_nothing(db: Database, signer: note.Signer, copy: Mirror, store: Store) -> None:
    grow(db, signer, 5)
    copy()
    Mirror(Failing(store, 0), db.conninfo("app"), pause_seconds=0).step()


def test_late_cosignatures_are_brought_over(db: Database, signer: note.Signer, copy: Mirror, folder: Path) -> None:
    grow(db, signer, 5)
    copy()
    line = "— witness.example AAAAAAAAAA==\n"
    with as_owner(db) as owner:
        owner.execute("INSERT INTO journal_cosignature VALUES (5, 'witness.example', '\\x00', %s, now())", (line,))
    copy()
    assert (folder / "checkpoint").read_text().endswith(line)
    assert size_of(folder, signer) == 5


@pytest.fixture
def set_back(db: Database, signer: note.Signer, copy: Mirror) -> None:
    """A database that lost its newest leaves, as one from an old backup."""
    grow(db, signer, 5)
    grow(db, signer, 5)
    copy()
    with as_owner(db) as owner:
        owner.execute("DELETE FROM journal_checkpoint WHERE size = 10; DELETE FROM journal_leaf WHERE index >= 5")
        owner.execute("DELETE FROM journal_entry WHERE seq > 5; UPDATE journal_subject SET seq = 5")
        owner.execute("UPDATE journal_tile SET hashes = substring(hashes FOR 160)")


@pytest.mark.usefixtures("set_back")
def test_a_database_that_was_set_back_does_not_overwrite_the_evidence(
    db: Database, signer: note.Signer, copy: Mirror, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(OtherLog, match="no checkpoint"):
        copy.step()
    for more in (5, 50):  # as many leaves as before, but others; then more than before
        grow(db, signer, more)
        with pytest.raises(OtherLog, match="another root"):
            copy.step()
    assert copy() is False
    assert "left as it is" in caplog.text
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_one_worker_at_a_time_writes(db: Database, signer: note.Signer, copy: Mirror, folder: Path) -> None:
    grow(db, signer, 5)
    with as_owner(db) as owner:
        owner.execute("SELECT pg_advisory_lock(%s)", (mirror._LOCK,))
        assert copy() is False
        assert not (folder / "checkpoint").exists()
    copy()
    assert size_of(folder, signer) == 5


def test_it_rests_between_rounds(db: Database, signer: note.Signer, store: Store, folder: Path) -> None:
    now = [0.0]
    copy = Mirror(store, db.conninfo("app"), pause_seconds=5, clock=lambda: now[0])
    copy()
    grow(db, signer, 5)
    copy()
    assert not (folder / "checkpoint").exists()
    now[0] = 5.0
    copy()
    assert size_of(folder, signer) == 5


def test_the_locks_key_is_what_it_is_said_to_be() -> None:
    digest = hashlib.sha256(b"databourse mirror").digest()
    assert int.from_bytes(digest[:8], signed=True) == mirror._LOCK
