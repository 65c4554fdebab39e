"""What bookkeeping is deleted, what stays, in which portions."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from conftest import Database
from sqlalchemy import insert, inspect, select, text

from exchange import clock, hygiene
from exchange.db import engine, read
from exchange.hygiene import Hygiene, Stale
from exchange.journal.models import JournalEntry
from exchange.members import stale
from exchange.members.models import Attempt
from exchange.models import ClockOffset, Outbox, RequestKey

EVERYTHING = (*hygiene.STALE, *stale.STALE)


def ago(**delta: int) -> datetime:
    return clock.real_now() - timedelta(**delta)


def put(table: type, **row: Any) -> None:
    with engine().begin() as connection:
        connection.execute(insert(table).values(row))


def used_key(key: str, at: datetime) -> None:
    put(RequestKey, actor="per_x@org_x", verb="v", key=key, body_digest=bytes(32), at=at)


def sent(kind: str, done_at: datetime | None) -> None:
    put(Outbox, kind=kind, payload={}, created_at=ago(days=400), retry_at=ago(days=400), attempts=0, done_at=done_at)


def left(column: Any) -> list[str]:
    with read() as session:
        return sorted(session.scalars(select(column)))


def test_what_served_its_time_goes_and_the_rest_stays(db: Database) -> None:
    used_key("old", ago(days=31))
    used_key("young", ago(days=29))
    sent("done long ago", ago(days=31))
    sent("done lately", ago(days=29))
    sent("never done", None)
    put(Attempt, bucket="old", count=3, window_started_at=ago(days=2))
    put(Attempt, bucket="counting", count=3, window_started_at=ago(minutes=59))
    assert not Hygiene(*EVERYTHING)()
    assert left(RequestKey.key) == ["young"]
    assert left(Outbox.kind) == ["done lately", "never done"]
    assert left(Attempt.bucket) == ["counting"]


def test_request_keys_are_as_old_as_the_exchanges_time_says(db: Database) -> None:
    used_key("young", ago(days=29))
    clock.set_offset(timedelta(days=2))
    Hygiene(*EVERYTHING)()
    assert left(RequestKey.key) == []


def test_a_large_heap_goes_batch_by_batch_and_then_there_is_rest(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hygiene, "BATCH_ROWS", 2)
    for number in range(5):
        used_key(f"{number}", ago(days=40 - number))
    clear = Hygiene(*EVERYTHING)
    assert clear()
    assert left(RequestKey.key) == ["2", "3", "4"]  # the oldest went first
    assert clear()
    assert not clear()
    assert left(RequestKey.key) == []
    used_key("later", ago(days=40))
    assert not clear()
    assert left(RequestKey.key) == ["later"]  # until the hour is over


def test_a_row_that_somebody_holds_is_passed_over(db: Database) -> None:
    used_key("held", ago(days=40))
    used_key("free", ago(days=40))
    with engine().begin() as other:
        other.execute(text("SELECT 1 FROM request_key WHERE key = 'held' FOR UPDATE"))
        assert not Hygiene(*EVERYTHING)()
    assert left(RequestKey.key) == ["held"]


@pytest.mark.parametrize("rows", EVERYTHING, ids=lambda rows: rows.table.__tablename__)
def test_an_index_serves_each(db: Database, rows: Stale) -> None:
    indexes = inspect(engine()).get_indexes(rows.table.__tablename__)
    assert rows.column in {index["column_names"][0] for index in indexes}


def test_business_rows_and_entries_cannot_be_stale(db: Database) -> None:
    with pytest.raises(TypeError):
        Stale(ClockOffset, "at", timedelta(days=1))
    with pytest.raises(Exception, match="permission denied"):
        Stale(JournalEntry, "at", timedelta()).prune()
