"""Once a day the whole log is checked against itself and against the tables; what is found is kept, and cried out.

The worker does it a step at a time between its other work, one worker at a time.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg
from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange import clock
from exchange.journal import completeness
from exchange.journal.findings import Finding
from exchange.journal.fsck import LIMIT_PER_CODE, Fsck
from exchange.journal.models import JournalCheck, JournalCheckFinding
from exchange.journal.sources import Address

log = logging.getLogger(__name__)

DAY: Final = timedelta(days=1)
#: How long after the worker's start it first looks whether a check is due, and how long it then rests.
FIRST: Final = timedelta(minutes=5)
REST: Final = timedelta(minutes=10)
#: The advisory lock's key: the first eight bytes of SHA-256("databourse nightly check"), as a signed integer.
LOCK: Final = -8201400606008992097

_SAVE = """
    INSERT INTO journal_check (started_at, ended_at, size, entries, rows, found)
    VALUES (%s, %s, %s, %s, %s, %s) RETURNING id
"""
_SAVE_FINDING = """
    INSERT INTO journal_check_finding (check_id, position, code, path, detail) VALUES (%s, %s, %s, %s, %s)
"""


class Nightly:
    """The worker's round.

    Args:
        conninfo: The database, in the application's role.
        vkeys: Verifier keys of the log: the present one, and retired ones that signed checkpoints before.
        first: How long to wait before the first look.
    """

    def __init__(self, conninfo: str, vkeys: Sequence[str], *, first: timedelta = FIRST) -> None:
        self._conninfo = conninfo
        self._vkeys = tuple(vkeys)
        self._next = clock.real_now() + first
        self._work: Iterator[None] | None = None

    def __call__(self) -> bool:
        """Do a step of a check that is due; whether there are more."""
        if self._work is None:
            if clock.real_now() < self._next:
                return False
            self._work = self._check()
        try:
            next(self._work)
        except StopIteration:
            pass
        except psycopg.OperationalError:
            log.warning("the check of the log was broken off: the database does not answer")
        else:
            return True
        self._work = None
        self._next = clock.real_now() + REST
        return False

    def _check(self) -> Iterator[None]:
        with closing(psycopg.connect(self._conninfo, autocommit=True)) as connection:
            if connection.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,)).fetchone() != (True,):
                return
            started = clock.real_now()
            last = connection.execute("SELECT max(started_at) FROM journal_check").fetchone()
            if last is not None and last[0] is not None and last[0] > started - DAY:
                return
            checking = Fsck(Address(conninfo=self._conninfo), self._vkeys)
            for _ in checking.steps():
                yield
            checked = checking.result
            found: Counter[str] = Counter(checked.found)
            findings = list(checked.findings)
            rows = 0
            for count, more in completeness.steps(connection, completeness.business_tables()):
                rows += count
                for one in more:
                    found[one.code] += 1
                    if found[one.code] <= LIMIT_PER_CODE:
                        findings.append(one)
                yield
            values = (started, clock.real_now(), checked.size, checked.entries, rows, found.total())
            _save(connection, values, findings)
        if found:
            told = ", ".join(f"{code} {count}" for code, count in sorted(found.items()))
            log.error("the check of the log found: %s", told)
        else:
            log.info("the log of %s leaves and %d rows are sound", checked.size, rows)


def _save(
    connection: "psycopg.Connection[tuple[Any, ...]]", values: tuple[object, ...], findings: Sequence[Finding]
) -> None:
    with connection.transaction():
        row = connection.execute(_SAVE, values).fetchone()
        check_id = row[0] if row else None
        with connection.cursor() as cursor:
            cursor.executemany(
                _SAVE_FINDING,
                [(check_id, place, one.code, one.path, one.detail) for place, one in enumerate(findings)],
            )


# -- reads ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Checked:
    """A check that was made, as a page shows it; ``findings`` are codes, what they are about, and detail."""

    id: int
    started_at: datetime
    ended_at: datetime
    size: int | None
    entries: int
    rows: int
    found: int
    findings: Sequence[tuple[str, str, str]]


def newest(session: Session, limit: int = 14) -> list[Checked]:
    """The newest checks, each with what it found."""
    checks = session.scalars(select(JournalCheck).order_by(JournalCheck.started_at.desc()).limit(limit)).all()
    kept = JournalCheckFinding
    rows = session.execute(
        select(kept.check_id, kept.code, kept.path, kept.detail)
        .where(kept.check_id.in_([check.id for check in checks]))
        .order_by(kept.check_id, kept.position)
    ).all()
    return [
        Checked(
            check.id,
            check.started_at,
            check.ended_at,
            check.size,
            check.entries,
            check.rows,
            check.found,
            [(row.code, row.path, row.detail) for row in rows if row.check_id == check.id],
        )
        for check in checks
    ]
