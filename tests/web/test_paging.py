"""Lists over HTTP, a page at a time; a cursor that was tampered with is refused, whatever is in it."""

import base64
import contextlib
import itertools
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opened import Site
from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange.actors import Actor
from exchange.db import read
from exchange.errors import Invalid
from exchange.journal.models import JournalEntry
from exchange.web.paging import MAX_LIMIT, page

LISTS = ["products", "catalogue-records", "orders", "declarations", "agreements", "deposits", "grants"]


def cursor(values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


TAMPERED = [
    *map(cursor, ([1], [None], [True], [""], ["\0"], ["\ud800"], [10**30], [["x"]], ["x", "y"], [], {}, "a", 1)),
    "%",
    "é",
    "[" * 5_000,
    base64.urlsafe_b64encode(b"[" * 100_000).decode(),
]


def test_a_cursor_that_is_not_ours_is_refused(site: Site) -> None:
    site.let_in({"token": Actor("per_somebody", "org_somewhere", frozenset({"owner"}))})
    client, headers = site.client(), {"Authorization": "Bearer token"}
    for name, tampered in itertools.product(LISTS, TAMPERED):
        answer = client.get(f"/api/v1/{name}", query_string={"cursor": tampered}, headers=headers)
        assert (answer.status_code, answer.json["code"]) == (422, "invalid_cursor"), (name, tampered)


def walk(limit: int) -> list[list[str]]:
    pages, following = [], None
    with read() as session:
        while True:
            got = page(
                session,
                select(JournalEntry.id),
                (JournalEntry.id,),
                cursor=following,
                limit=limit,
                shape=lambda row: row.id,
            )
            pages.append(list(got.items))
            following = got.next_cursor
            if following is None:
                return pages


def test_pages_hold_every_item_once_newest_first(site: Site) -> None:
    site.record(7)
    everything = walk(MAX_LIMIT)[0]
    assert len(everything) == 7
    assert everything == sorted(everything, reverse=True)
    for limit in (1, 2, 3, 7, 8):
        pages = walk(limit)
        assert [item for items in pages for item in items] == everything
        assert all(len(items) == limit for items in pages[:-1])
        assert len(pages[-1]) > 0


def test_a_statement_that_does_not_begin_with_its_keys_is_found_at_once(site: Site) -> None:
    with read() as session, pytest.raises(TypeError):
        page(session, select(JournalEntry), (JournalEntry.id,), shape=lambda row: row)


def test_a_limit_beyond_reason_is_cut(site: Site) -> None:
    site.record(2)
    assert [len(items) for items in walk(0)] == [1, 1]
    assert [len(items) for items in walk(10_000)] == [2]


def test_instants_come_back_as_instants(site: Site) -> None:
    site.record(3)
    with read() as session:
        first = _by_time(session, None)
        second = _by_time(session, first.next_cursor)
        assert first.items[0] > second.items[0]
        for wrong in (["2026-01-01T00:00:00", "x"], ["yesterday", "x"], [1, "x"]):
            with pytest.raises(Invalid):
                _by_time(session, cursor(wrong))


def _by_time(session: Session, following: str | None) -> Any:
    statement = select(JournalEntry.at, JournalEntry.id)
    return page(
        session,
        statement,
        (JournalEntry.at, JournalEntry.id),
        cursor=following,
        limit=1,
        shape=lambda row: (row.at, row.id),
    )


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(), below, max_size=2),
    max_leaves=5,
)


@given(st.text() | _json.map(cursor))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_cursor_holds_it_is_taken_or_refused(site: Site, tampered: str) -> None:
    with read() as session:
        for keys in ((JournalEntry.id,), (JournalEntry.at, JournalEntry.id)):
            with contextlib.suppress(Invalid):
                page(session, select(*keys), keys, cursor=tampered, shape=lambda row: row)
