"""Deposits: resumable, sealed from the first byte, committed to, profiled in confinement."""

import hashlib
import io
import threading
import tracemalloc
import zipfile
from datetime import timedelta
from pathlib import Path

import duckdb
import market as fair
import pytest
from hypothesis import given
from hypothesis import strategies as st
from people import approved_company, registered
from sqlalchemy.orm import undefer

from exchange import sealing, vault
from exchange.actors import Actor
from exchange.db import advance_clock, engine, read
from exchange.errors import Conflict, ExchangeError, Forbidden, Invalid, NotFound, Refused, WrongState
from exchange.jobs import Worker
from exchange.journal import entry, merkle, queries
from listings import deposits, goods, intake, jobs
from listings.commitments import CHUNK_BYTES, key_digest
from listings.models import Deposit, DepositSegment
from provenance.scan.contract import Limits, ScanCrashed

MIB = 1024 * 1024


def opened(seller: object, size: int = 10, *, name: str = "a.csv", kind: str = "text/csv") -> str:
    return deposits.open_deposit(seller.actor, file_name=name, size_bytes=size, media_type=kind).id  # type: ignore[attr-defined]


def send(seller: object, deposit_id: str, offset: int, content: bytes) -> int:
    return deposits.append(seller.actor, deposit_id, offset=offset, content=io.BytesIO(content))  # type: ignore[attr-defined]


def kept(deposit_id: str) -> Deposit:
    with read() as session:
        return session.get_one(Deposit, deposit_id, options=[undefer(Deposit.profile)])


def told(subject: str) -> list[dict[str, object]]:
    with read() as session:
        return [entry.parse(one.body) for one in queries.story(session, subject)]


def work() -> None:
    worker = Worker(due={}, outbox=jobs.OUTBOX)
    while worker.step():
        pass


def stored(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "goods").rglob("*") if path.is_file()]


def test_a_file_is_received_sealed_profiled_and_its_pieces_are_removed(market: object, tmp_path: Path) -> None:
    seller = approved_company(market, "甲公司")
    deposit_id = fair.received(seller)
    assert len(stored(tmp_path)) == 2
    work()
    deposit = kept(deposit_id)
    assert deposit.state == "profiled"
    assert (deposit.digest, deposit.size_bytes) == (hashlib.sha256(fair.CSV).digest(), len(fair.CSV))
    assert deposit.plain_root == merkle.leaf_hash(fair.CSV)
    assert deposit.profile["rows"] == 40
    (only,) = stored(tmp_path)
    assert str(only).endswith(deposit.object_key)
    opened_, received, sealed, profiled = told(deposit_id)
    assert [e["action"] for e in (opened_, received, sealed, profiled)] == [
        "deposit.opened",
        "deposit.received",
        "deposit.sealed",
        "deposit.profiled",
    ]
    digests = {"content": deposit.digest, "plain_root": deposit.plain_root, "sealed_root": deposit.sealed_root}
    key = vault.ring().unwrap(deposit.file_key, purpose=goods.FILE_KEY, subject=deposit_id)
    assert sealed["digests"] == {name: d.hex() for name, d in (digests | {"key": key_digest(key)}).items()}
    assert sealed["role"] == "exchange"
    assert profiled["facts"] == {"format": "csv", "rows": "40", "columns": 3}


def test_nothing_lies_in_the_store_unsealed(market: object, tmp_path: Path) -> None:
    seller = approved_company(market, "甲公司")
    fair.received(seller)
    before = b"".join(path.read_bytes() for path in stored(tmp_path))
    work()
    after = b"".join(path.read_bytes() for path in stored(tmp_path))
    for lying in (before, after):
        assert b"visitors" not in lying
        assert b"2026-03" not in lying


def test_goods_are_read_by_ranges(market: object) -> None:
    seller = approved_company(market, "甲公司")
    content = b"a,b\n" + b"1,2\n" * 50_000
    found = goods.goods_of(kept(fair.deposited(seller, content)))
    assert b"".join(found.open_range(0, found.size_bytes)) == content
    assert b"".join(found.open_range(CHUNK_BYTES - 3, CHUNK_BYTES + 9)) == content[CHUNK_BYTES - 3 : CHUNK_BYTES + 9]
    assert b"".join(found.open_range(len(content) - 1, len(content) + 100)) == content[-1:]
    assert b"".join(found.open_range(len(content) + 5, len(content) + 9)) == b""
    with found.open() as whole:
        assert whole.read() == content


def test_an_altered_object_does_not_open(market: object, tmp_path: Path) -> None:
    deposit_id = fair.deposited(approved_company(market, "甲公司"))
    (only,) = stored(tmp_path)
    damaged = bytearray(only.read_bytes())
    damaged[sealing.HEADER_BYTES + 5] ^= 1
    only.write_bytes(damaged)
    with pytest.raises(sealing.SealBroken):
        list(goods.goods_of(kept(deposit_id)).open_range(0, 10))


def test_an_upload_goes_on_where_it_was_cut(market: object) -> None:
    seller = approved_company(market, "甲公司")
    deposit_id = opened(seller, 10)
    assert send(seller, deposit_id, 0, b"abcd") == 4
    with pytest.raises(Conflict) as caught:
        send(seller, deposit_id, 6, b"ghij")
    assert (caught.value.code, caught.value.params["offset"]) == ("upload_offset", 4)
    assert send(seller, deposit_id, 4, b"") == 4
    with pytest.raises(Conflict) as early:
        deposits.complete_deposit(seller.actor, deposit_id)
    assert early.value.params["offset"] == 4
    assert send(seller, deposit_id, 4, b"efghij") == 10
    assert deposits.complete_deposit(seller.actor, deposit_id).state == "received"
    with pytest.raises(WrongState):
        send(seller, deposit_id, 10, b"x")


def test_more_than_was_announced_is_refused_and_not_kept(market: object, tmp_path: Path) -> None:
    seller = approved_company(market, "甲公司")
    deposit_id = opened(seller, 4)
    with pytest.raises(Invalid) as caught:
        send(seller, deposit_id, 0, b"abcde")
    assert caught.value.code == "file_too_large"
    assert stored(tmp_path) == []
    assert send(seller, deposit_id, 0, b"abcd") == 4


def test_files_that_are_not_taken_have_stable_codes(market: object) -> None:
    seller = approved_company(market, "甲公司")
    for size, kind, code in (
        (0, "text/csv", "empty_file"),
        (-1, "text/csv", "empty_file"),
        (deposits.MAX_BYTES + 1, "text/csv", "file_too_large"),
        (10, "application/x-msdownload", "unsupported_type"),
    ):
        with pytest.raises(Invalid) as caught:
            opened(seller, size, kind=kind)
        assert caught.value.code == code


@pytest.mark.rule("I-01")
def test_who_is_not_vetted_deposits_nothing(market: object) -> None:
    with pytest.raises(Refused) as caught:
        opened(registered(market, "乙公司"))
    assert caught.value.rule_id == "I-01"


def test_another_party_does_not_find_the_deposit(market: object) -> None:
    deposit_id = opened(approved_company(market, "甲公司"))
    other = approved_company(market, "乙公司")
    for attempt in (
        lambda: send(other, deposit_id, 0, b"x"),
        lambda: deposits.complete_deposit(other.actor, deposit_id),
        lambda: deposits.abandon_deposit(other.actor, deposit_id),
    ):
        with pytest.raises(NotFound):
            attempt()


def test_a_viewer_sends_nothing(market: object) -> None:
    seller = approved_company(market, "甲公司")
    deposit_id = opened(seller)
    viewer = Actor(seller.person_id, seller.org_id, frozenset({"viewer"}))
    with pytest.raises(Forbidden):
        deposits.append(viewer, deposit_id, offset=0, content=io.BytesIO(b"x"))


@pytest.mark.parametrize(
    ("content", "kind", "code"),
    [
        (bytes(range(256)) * 8, "text/csv", "not_a_table"),
        (b"PAR1 this is no parquet file PAR1", "application/vnd.apache.parquet", "not_a_table"),
        (b'{"a": 1}\n{"a": 2}\n', "text/csv", "other_format"),
    ],
)
def test_what_cannot_be_listed_is_rejected_and_discarded(
    market: object, tmp_path: Path, content: bytes, kind: str, code: str
) -> None:
    seller = approved_company(market, "甲公司")
    deposit_id = fair.received(seller, content, kind=kind)
    work()
    deposit = kept(deposit_id)
    assert (deposit.state, deposit.code, deposit.file_key, deposit.staging_key) == ("rejected", code, None, b"")
    assert stored(tmp_path) == []
    assert told(deposit_id)[-1]["facts"] == {"code": code}
    with pytest.raises(NotFound):
        goods.goods_of(deposit)


def test_an_abandoned_upload_is_discarded(market: object, tmp_path: Path) -> None:
    seller = approved_company(market, "甲公司")
    deposit_id = opened(seller)
    send(seller, deposit_id, 0, b"abc")
    deposits.abandon_deposit(seller.actor, deposit_id)
    work()
    assert (kept(deposit_id).state, stored(tmp_path)) == ("rejected", [])
    with pytest.raises(WrongState):
        deposits.complete_deposit(seller.actor, deposit_id)


def test_an_upload_lapses_by_the_clock_and_not_before(market: object, tmp_path: Path) -> None:
    seller = approved_company(market, "甲公司")
    deposit_id = opened(seller)
    send(seller, deposit_id, 0, b"abc")
    with pytest.raises(WrongState):
        deposits.lapse_deposit(Actor.clock(), deposit_id)
    advance_clock(Actor.clock(), deposits.UPLOAD_TERM + timedelta(seconds=1))
    worker = Worker(due=jobs.DUE, outbox=jobs.OUTBOX)
    while worker.step():
        pass
    assert (kept(deposit_id).state, kept(deposit_id).code, stored(tmp_path)) == ("rejected", "lapsed", [])


def test_only_so_many_uploads_are_under_way(market: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deposits, "MAX_OPEN", 2)
    seller = approved_company(market, "甲公司")
    first = opened(seller)
    opened(seller)
    with pytest.raises(Conflict) as caught:
        opened(seller)
    assert caught.value.code == "too_many_uploads"
    deposits.abandon_deposit(seller.actor, first)
    opened(seller)


def test_two_pieces_for_one_place_make_one(market: object, tmp_path: Path) -> None:
    seller = approved_company(market, "甲公司")
    deposit_id = opened(seller, 10)
    outcomes: list[object] = []
    gate = threading.Barrier(4)

    def attempt(letter: bytes) -> None:
        gate.wait()
        try:
            outcomes.append(send(seller, deposit_id, 0, letter * 5))
        except ExchangeError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=attempt, args=(letter,)) for letter in (b"a", b"b", b"c", b"d")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, outcomes)) == ["5", "upload_offset", "upload_offset", "upload_offset"]
    assert len(stored(tmp_path)) == 1


def test_two_workers_seal_once(market: object, tmp_path: Path) -> None:
    seller = approved_company(market, "甲公司")
    deposit_id = fair.received(seller)
    outcomes: list[str] = []
    gate = threading.Barrier(2)

    def attempt() -> None:
        gate.wait()
        try:
            intake.seal_deposit(deposit_id)
            outcomes.append("done")
        except Conflict:
            outcomes.append("late")

    threads = [threading.Thread(target=attempt) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("done") >= 1
    work()
    assert len(stored(tmp_path)) == 1
    assert b"".join(goods.goods_of(kept(deposit_id)).open_range(0, 10**6)) == fair.CSV
    assert [e["action"] for e in told(deposit_id)].count("deposit.sealed") == 1


def test_each_step_can_be_repeated(market: object) -> None:
    seller = approved_company(market, "甲公司")
    deposit_id = fair.deposited(seller)
    before = told(deposit_id)
    for step in (intake.seal_deposit, intake.profile_deposit, intake.sweep_deposit):
        step(deposit_id)
    work()
    assert told(deposit_id) == before
    assert b"".join(goods.goods_of(kept(deposit_id)).open_range(0, 10**6)) == fair.CSV
    with engine().connect() as connection:
        assert connection.execute(DepositSegment.__table__.select()).all() == []


def test_a_large_file_is_never_whole_in_memory(market: object) -> None:
    seller = approved_company(market, "甲公司")
    size = 48 * MIB
    deposit_id = opened(seller, size)
    block = b"12345678,87654321\n" * 4096

    class Endless(io.RawIOBase):
        left = size

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
            taken = min(len(buffer), self.left, len(block))
            buffer[:taken] = block[:taken]
            self.left -= taken
            return taken

    tracemalloc.start()
    try:
        assert deposits.append(seller.actor, deposit_id, offset=0, content=io.BufferedReader(Endless())) == size
        deposits.complete_deposit(seller.actor, deposit_id)
        intake.seal_deposit(deposit_id)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 32 * MIB
    assert kept(deposit_id).state == "sealed"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\表 1.csv", "表 1.csv"),
        ("a\u202egpj.exe", "agpj.exe"),
        ("x\x00\r\ny\x1b[31m.csv", "xy[31m.csv"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("长" * 500, "长" * 85),
        ("长" * 500 + ".csv", "长" * 83 + ".csv"),
        ("a" * 300 + ".parquet", "a" * 247 + ".parquet"),
        ("CON", "_CON"),
        ("nul.csv", "_nul.csv"),
        ("com1.tar.csv", "_com1.tar.csv"),
        ("console.csv", "console.csv"),
        ("/", "unnamed"),
    ],
)
def test_hostile_file_names_are_data_for_display(name: str, shown: str) -> None:
    assert deposits.display_name(name) == shown


@given(st.text(max_size=300))
def test_a_displayed_name_is_short_and_holds_no_control(name: str) -> None:
    shown = deposits.display_name(name)
    assert 1 <= len(shown.encode()) <= 255
    assert not set(shown) & set("/\\\0\r\n\u202e\u200b")


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"PK\x03\x04" + bytes(100), "text/csv"),  # a ZIP, or a workbook, under the name of a table
        (b"\x1f\x8b\x08" + bytes(100), "application/x-ndjson"),
        (b"PAR1" + bytes(100), "text/csv"),
        (b"a,b\n1,2\n", "application/vnd.apache.parquet"),
    ],
)
def test_what_begins_as_another_type_is_refused_with_its_first_piece(
    market: object, tmp_path: Path, content: bytes, kind: str
) -> None:
    seller = approved_company(market, "甲公司")
    deposit_id = opened(seller, len(content), kind=kind)
    with pytest.raises(Invalid) as caught:
        send(seller, deposit_id, 0, content)
    assert caught.value.code == "wrong_type"
    assert stored(tmp_path) == []


def zip_bomb() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.csv", b"a" * (64 * MIB))
    return file.getvalue()


def parquet_bomb(folder: Path) -> bytes:
    """A few kilobytes that decode to many cells."""
    path = folder / "bomb.parquet"
    with duckdb.connect() as connection:
        rows = "SELECT repeat('x', 2000) AS s, 1 AS n FROM range(200000)"
        connection.execute(f"COPY ({rows}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
    return path.read_bytes()


def test_a_zip_bomb_is_refused_before_anything_is_inflated(market: object) -> None:
    seller, bomb = approved_company(market, "甲公司"), zip_bomb()
    with pytest.raises(Invalid) as caught:
        send(seller, opened(seller, len(bomb)), 0, bomb)
    assert caught.value.code == "wrong_type"


def test_a_parquet_bomb_is_rejected(market: object, tmp_path: Path) -> None:
    seller = approved_company(market, "甲公司")
    bomb = parquet_bomb(tmp_path)
    assert len(bomb) < 50_000
    deposit_id = fair.received(seller, bomb, kind="application/vnd.apache.parquet")
    intake.seal_deposit(deposit_id)
    intake.profile_deposit(deposit_id, Limits(cells=100_000))
    assert (kept(deposit_id).state, kept(deposit_id).code) == ("rejected", "bomb")
    work()
    assert stored(tmp_path) == []


def test_formulas_are_goods_like_any_other_cell(market: object) -> None:
    content = b"name,note\n" + b'=HYPERLINK("http://192.0.2.1"),@SUM(A1)\n' * 6
    deposit_id = fair.deposited(approved_company(market, "甲公司"), content)
    assert kept(deposit_id).state == "profiled"
    assert b"".join(goods.goods_of(kept(deposit_id)).open_range(0, 10**6)) == content


def pieces_of(deposit_id: str, tmp_path: Path) -> list[Path]:
    with read() as session:
        segments = session.query(DepositSegment).filter_by(deposit_id=deposit_id).order_by(DepositSegment.start)
        return [next(tmp_path.rglob(segment.object_key.rsplit("/", 1)[1])) for segment in segments]


@pytest.mark.parametrize("damage", ["altered", "truncated", "reordered"])
def test_pieces_that_were_tampered_with_reject_the_deposit(market: object, tmp_path: Path, damage: str) -> None:
    deposit_id = fair.received(approved_company(market, "甲公司"))
    first, second = pieces_of(deposit_id, tmp_path)
    if damage == "reordered":
        held = first.read_bytes()
        first.write_bytes(second.read_bytes())
        second.write_bytes(held)
    else:
        sealed = bytearray(first.read_bytes())
        sealed[-1] ^= damage == "altered"
        first.write_bytes(sealed[: -1 if damage == "truncated" else None])
    work()
    assert (kept(deposit_id).state, kept(deposit_id).code) == ("rejected", "damaged")
    assert stored(tmp_path) == []
    assert told(deposit_id)[-1]["facts"] == {"code": "damaged"}


@pytest.mark.parametrize("damage", ["truncated", "reordered"])
def test_goods_whose_segments_are_missing_or_moved_are_not_read(market: object, tmp_path: Path, damage: str) -> None:
    content = b"a,b\n" + b"1,2\n" * 20_000
    deposit_id = fair.deposited(approved_company(market, "甲公司"), content)
    (only,) = stored(tmp_path)
    whole, step = only.read_bytes(), sealing.SEGMENT_BYTES + sealing.TAG_BYTES
    head, one, two = (whole[: sealing.HEADER_BYTES], *(whole[sealing.HEADER_BYTES + n * step :][:step] for n in (0, 1)))
    rest = whole[sealing.HEADER_BYTES + 2 * step :]
    only.write_bytes(head + two + one + rest if damage == "reordered" else head + one + rest)
    with pytest.raises(sealing.SealBroken):
        list(goods.goods_of(kept(deposit_id)).open_range(0, len(content)))


def test_a_scan_that_fails_is_tried_some_times_and_then_tells_the_seller(market: object, tmp_path: Path) -> None:
    seller = approved_company(market, "甲公司")
    deposit_id = fair.received(seller)
    intake.seal_deposit(deposit_id)
    speechless = Limits(result_bytes=1)
    for _ in range(intake.SCAN_TRIES - 1):
        with pytest.raises(ScanCrashed):
            intake.profile_deposit(deposit_id, speechless)
        assert kept(deposit_id).state == "sealed"
    intake.profile_deposit(deposit_id, speechless)
    assert (kept(deposit_id).state, kept(deposit_id).code) == ("rejected", "scan_failed")
    work()
    assert stored(tmp_path) == []
    assert [e["action"] for e in told(deposit_id)][-3:] == ["deposit.scan_failed"] * 2 + ["deposit.rejected"]


# -- a file sent in one form ------------------------------------------------------------------------------------------


def test_a_file_whose_size_nobody_said_is_taken_whole(market: object) -> None:
    seller = approved_company(market, "甲公司")
    deposit_id = deposits.deposit_whole(
        seller.actor, file_name="v.csv", content=io.BytesIO(fair.CSV), most_bytes=len(fair.CSV) + 500
    )
    work()
    assert (kept(deposit_id).state, kept(deposit_id).size_bytes) == ("profiled", len(fair.CSV))


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("v.csv", b"", "empty_file"),
        ("v.csv", b"a,b\n1,2\n3,4\n", "file_too_large"),
        ("v.exe", b"a,b\n", "unsupported_type"),
        ("v.csv", b"PK\x03\x04", "wrong_type"),
    ],
)
def test_a_whole_file_that_is_refused_leaves_nothing(
    market: object, tmp_path: Path, name: str, content: bytes, code: str
) -> None:
    seller = approved_company(market, "甲公司")
    with pytest.raises(Invalid) as caught:
        deposits.deposit_whole(seller.actor, file_name=name, content=io.BytesIO(content), most_bytes=10)
    assert caught.value.code == code
    work()
    assert stored(tmp_path) == []
    with read() as session:
        assert session.query(Deposit).filter(Deposit.state != "rejected").count() == 0
