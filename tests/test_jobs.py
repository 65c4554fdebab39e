"""The worker: what is due, what waits, what fails, what no longer applies."""

from datetime import timedelta
from typing import Any

import pytest
from conftest import Database
from sqlalchemy import text

from exchange import jobs
from exchange.actors import Actor
from exchange.db import advance_clock, engine, read, transaction
from exchange.errors import Refused, WrongState
from exchange.jobs import Worker

OFFICER = Actor("per_officer", "org_operator", frozenset({"security_administrator"}))


def due(kind: str = "some.kind", subject: str = "prd_x", after: timedelta = timedelta()) -> None:
    with transaction(OFFICER) as tx:
        tx.due(kind, subject, tx.now + after)


def left() -> list[tuple[str, int, str | None]]:
    with read() as session:
        return [tuple(row) for row in session.execute(text("SELECT kind, attempts, problem FROM due ORDER BY id"))]


def at_once() -> None:
    """Let rows that were put off be tried again now."""
    with engine().begin() as connection:
        connection.execute(text("UPDATE due SET retry_at = NULL"))
        connection.execute(text("UPDATE outbox SET retry_at = created_at"))


def test_what_is_due_is_handled_once_by_the_clock(db: Database) -> None:
    seen: list[tuple[Actor, str]] = []
    due()
    worker = Worker(due={"some.kind": lambda actor, subject: seen.append((actor, subject))}, outbox={})
    assert worker.step()
    assert not worker.step()
    assert seen == [(Actor.clock(), "prd_x")]
    assert left() == []


def test_due_rows_wait_for_the_exchanges_time(db: Database) -> None:
    seen: list[str] = []
    due(after=timedelta(days=3))
    worker = Worker(due={"some.kind": lambda _, subject: seen.append(subject)}, outbox={})
    assert not worker.step()
    advance_clock(OFFICER, timedelta(days=4))
    assert worker.step()
    assert seen == ["prd_x"]


def test_a_deadline_moved_is_one_row(db: Database) -> None:
    due(after=timedelta(days=1))
    due(after=timedelta(days=9))
    assert len(left()) == 1


def test_a_row_that_no_longer_applies_is_dropped(db: Database) -> None:
    def moot(_actor: Actor, _subject: str) -> None:
        raise WrongState("too late")

    due()
    Worker(due={"some.kind": moot}, outbox={}).step()
    assert left() == []


def test_a_refused_or_failed_row_is_tried_again_later(db: Database) -> None:
    answers: list[Any] = [Refused("K-05", "restrained", code="restrained"), ValueError("private words"), None]

    def handler(_actor: Actor, _subject: str) -> None:
        answer = answers.pop(0)
        if answer is not None:
            raise answer

    due()
    worker = Worker(due={"some.kind": handler}, outbox={})
    worker.step()
    assert left() == [("some.kind", 1, "restrained")]
    assert not worker.step()
    at_once()
    worker.step()
    assert left() == [("some.kind", 2, "ValueError")]
    at_once()
    worker.step()
    assert left() == []


def test_the_outbox_is_carried_after_the_commit_and_until_it_arrives(db: Database) -> None:
    carried: list[dict[str, Any]] = []
    fails = [True]

    def carrier(payload: dict[str, Any]) -> None:
        if fails.pop() if fails else False:
            raise OSError("down")
        carried.append(payload)

    with transaction(OFFICER) as tx:
        tx.send("mail", to="somebody")
        tx.record("prd_x", "subject.seen", by="auditor")
    worker = Worker(due={}, outbox={"mail": carrier})
    worker.step()
    assert carried == []
    at_once()
    worker.step()
    worker.step()
    assert carried == [{"to": "somebody"}]


def test_nothing_is_sent_for_a_transaction_that_rolled_back(db: Database) -> None:
    with pytest.raises(WrongState), transaction(OFFICER) as tx:
        tx.send("mail", to="somebody")
        raise WrongState("no")
    assert not Worker(due={}, outbox={"mail": lambda _payload: None}).step()


def test_a_claimed_row_is_left_to_its_worker_for_a_while(db: Database) -> None:
    due()
    assert len(jobs._claim(jobs._CLAIM_DUE, now=jobs.clock.now())) == 1
    assert len(jobs._claim(jobs._CLAIM_DUE, now=jobs.clock.now())) == 0
