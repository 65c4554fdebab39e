"""A disk that is full and a store that is gone: a clear error, nothing half done, no hole, and on it goes afterwards.

The limit is the kernel's own on the size of a file (RLIMIT_FSIZE): a write beyond it fails with EFBIG where a full disk
fails with ENOSPC, in the same call. The database, other processes, is not touched by it.
"""

import io
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import market as fair
import pytest
from conftest import Database
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from faults.whole_log import rehashed
from people import approved_company
from written import seal, tell

from exchange.jobs import Worker
from exchange.journal import note
from exchange.journal.fsck import Fsck
from exchange.journal.mirror import Mirror
from exchange.journal.sources import Address
from exchange.storage import StorageUnavailable, Store, open_store
from listings import deposits, jobs

market = fair.market


@contextmanager
def room_for(size_bytes: int) -> Iterator[None]:
    """No file of this process grows beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    assert signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN  # Python's own choice: the write fails instead
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def away(folder: Path) -> Iterator[None]:
    """Where the store was is a file that nothing can be put into."""
    elsewhere = folder.with_name("elsewhere")
    folder.rename(elsewhere)
    folder.touch()
    try:
        yield
    finally:
        folder.unlink()
        elsewhere.rename(folder)


@pytest.fixture
def signer() -> note.Signer:
    return note.Signer("localhost/test", Ed25519PrivateKey.generate())


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_an_object_that_finds_no_room_is_not_there(tmp_path: Path) -> None:
    store: Store = open_store(f"file://{tmp_path}/goods")
    store.put("k", [b"before"])
    with room_for(1 << 20), pytest.raises(StorageUnavailable):
        store.put("k", [bytes(1 << 20)] * 3)
    with store.open("k") as kept:
        assert kept.read() == b"before"
    assert list(store.list()) == ["k"]
    assert store.put("k", [bytes(1 << 20)] * 3) == 3 << 20


@pytest.mark.parametrize("fault", ["full", "gone"])
def test_a_deposit_goes_on_after_a_store_that_took_nothing(
    market: Database, tmp_path: Path, signer: note.Signer, fault: str
) -> None:
    seller: Any = approved_company(market, "甲公司")
    content = b"a,b\n" + b"1,2\n" * 30_000
    opened = deposits.open_deposit(seller.actor, file_name="a.csv", size_bytes=len(content), media_type="text/csv")
    piece, rest = content[:1000], content[1000:]
    assert deposits.append(seller.actor, opened.id, offset=0, content=io.BytesIO(piece)) == 1000
    goods = tmp_path / "goods"
    before = files(goods)
    with room_for(4096) if fault == "full" else away(goods):
        with pytest.raises(StorageUnavailable):
            deposits.append(seller.actor, opened.id, offset=1000, content=io.BytesIO(rest))
        tell("prd_meanwhile", times=3)  # what needs no store goes on
    seal(market, signer)
    assert files(goods) == before
    assert deposits.append(seller.actor, opened.id, offset=1000, content=io.BytesIO(rest)) == len(content)
    assert deposits.complete_deposit(seller.actor, opened.id).state == "received"
    worker = Worker(due={}, outbox=jobs.OUTBOX)
    with room_for(4096) if fault == "full" else away(goods):
        worker.step()  # sealing is put off
    seal(market, signer)
    roots = rehashed(market.conninfo("owner"), signer.vkey)
    assert len(roots) > 1


@pytest.mark.parametrize("fault", ["full", "gone"])
def test_the_logs_copy_is_a_whole_log_of_before_and_catches_up(
    db: Database, tmp_path: Path, signer: note.Signer, fault: str
) -> None:
    folder = tmp_path / "mirror"
    copy = Mirror(open_store(f"file://{folder}"), db.conninfo("app"), pause_seconds=0)
    tell("ord_1aa", times=5)
    seal(db, signer)
    copy()
    tell("ord_1aa", times=600)
    with room_for(4096) if fault == "full" else away(folder):
        seal(db, signer)
        assert copy() is False
    assert size_of(folder, signer) == 5
    copy()
    assert size_of(folder, signer) == 605
    assert max(rehashed(db.conninfo("owner"), signer.vkey)) == 605


def size_of(folder: Path, signer: note.Signer) -> int:
    """The size of the log in the folder alone, after the whole of it was walked."""
    result = Fsck(Address(place=str(folder)), [signer.vkey]).run()
    assert result.findings == ()
    return result.size or 0
