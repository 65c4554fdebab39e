"""Whether log and tables tell the same: every business row has its story, every story its row, and both one state.

States are replayed from entries along the life cycles: the first entry of a subject puts it into the initial state,
each later one takes the edge that writes such an entry. Rows and entries are read in one statement each time, so
whatever is traded meanwhile is seen before or after, never half.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString

import psycopg
from psycopg import sql

from exchange.journal.findings import Finding
from exchange.journal.fsck_findings import finding
from exchange.lifecycle import Lifecycle
from exchange.orm import Base, Journalled, Stateful

#: Rows of a table in one step.
BATCH: Final = 1000
#: Findings of one question; a table that has more is wrong as a whole.
_LIMIT: Final = 1000

_Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class BusinessTable:
    """A table whose rows belong to stories; ``subject`` is the column that says to whose.

    ``cycle`` is the life cycle of its rows, if they have one; ``own`` says that each row is a subject itself.
    """

    name: str
    subject: str
    own: bool
    cycle: Lifecycle | None


def business_tables() -> list[BusinessTable]:
    """The journalled tables of all rooms that are loaded, by name."""
    found = []
    for mapper in Base.registry.mappers:
        kind: Any = mapper.class_
        if issubclass(kind, Journalled):
            keys = [column.name for column in mapper.primary_key]
            cycle = kind.__lifecycle__ if issubclass(kind, Stateful) else None
            name, subject = mapper.local_table.description, kind.__subject__
            found.append(BusinessTable(name, subject, keys == [subject], cycle))
    return sorted(found, key=lambda table: table.name)


def steps(connection: _Connection, tables: Sequence[BusinessTable]) -> Iterator[tuple[int, list[Finding]]]:
    """Check the tables step by step: how many rows each step held against their stories, and what it found."""
    rowless: dict[str, Finding] = {}
    for table in tables:
        if table.cycle is None:
            yield _untold(connection, table)
        else:
            yield from _replayed(connection, table, table.cycle)
            rowless |= {found.path: found for found in _rowless(connection, table, table.cycle)}
    rowless |= {found.path: found for found in _vanished(connection, [table for table in tables if table.own])}
    yield 0, list(rowless.values())


def _untold(connection: _Connection, table: BusinessTable) -> tuple[int, list[Finding]]:
    """Rows that belong to a subject of which nothing is told."""
    about = sql.Identifier(table.subject)
    rows = connection.execute(
        _query("SELECT count(*) FROM {table}", table),
    ).fetchone()
    untold = connection.execute(
        _query(
            "SELECT DISTINCT t.{about} FROM {table} t"
            " WHERE NOT EXISTS (SELECT FROM journal_entry e WHERE e.subject = t.{about}) LIMIT {limit}",
            table,
            about=about,
        )
    )
    findings = [finding("row.untold", subject, table.name) for (subject,) in untold]
    return (rows[0] if rows else 0), findings


def _replayed(connection: _Connection, table: BusinessTable, cycle: Lifecycle) -> Iterator[tuple[int, list[Finding]]]:
    """The rows of a life cycle, in batches by their ids: each state against the one its entries lead to."""
    actions = sorted({edge.entry for edge in cycle.edges.values()})
    query = _query(
        "SELECT r.id, r.state, count(e.id), array_agg(e.action ORDER BY e.seq)"
        " FILTER (WHERE e.seq > 1 AND e.action = ANY(%s))"
        " FROM (SELECT id, state FROM {table} WHERE id > %s ORDER BY id LIMIT {batch}) r"
        " LEFT JOIN journal_entry e ON e.subject = r.id GROUP BY r.id, r.state ORDER BY r.id",
        table,
    )
    last = ""
    while rows := connection.execute(query, (actions, last)).fetchall():
        last = rows[-1][0]
        findings = [found for row in rows for found in _replay(table.name, cycle, row)]
        yield len(rows), findings


def _replay(table: str, cycle: Lifecycle, row: tuple[str, str, int, Sequence[str] | None]) -> Iterator[Finding]:
    subject, state, told, actions = row
    if not told:
        yield finding("row.untold", subject, table)
        return
    reached = cycle.initial
    for action in actions or ():
        targets = {edge.to for (source, _), edge in cycle.edges.items() if (source, edge.entry) == (reached, action)}
        if len(targets) != 1:
            yield finding("row.edge", subject, f"{table}: {action} from {reached}")
            return
        reached = targets.pop()
    if reached != state:
        yield finding("row.state", subject, f"{table}: {state}, told {reached}")


def _rowless(connection: _Connection, table: BusinessTable, cycle: Lifecycle) -> list[Finding]:
    """Subjects that took an edge of the life cycle and are not in its table."""
    actions = sorted({edge.entry for edge in cycle.edges.values()})
    query = _query(
        "SELECT DISTINCT e.subject FROM journal_entry e WHERE e.action = ANY(%s) AND e.seq > 1"
        " AND NOT EXISTS (SELECT FROM {table} t WHERE t.id = e.subject) LIMIT {limit}",
        table,
    )
    return [finding("entry.rowless", subject, table.name) for (subject,) in connection.execute(query, (actions,))]


def _vanished(connection: _Connection, tables: Sequence[BusinessTable]) -> list[Finding]:
    """Subjects whose story begins as those of a table's rows do, and that are in no such table."""
    kinds: defaultdict[str, list[BusinessTable]] = defaultdict(list)
    for table in tables:
        query = _query(
            "SELECT DISTINCT e.action FROM {table} t JOIN journal_entry e ON e.subject = t.{about} AND e.seq = 1",
            table,
            about=sql.Identifier(table.subject),
        )
        for (action,) in connection.execute(query):
            kinds[action].append(table)
    findings = []
    for action, homes in sorted(kinds.items()):
        absent = sql.SQL(" AND ").join(
            _query(
                "NOT EXISTS (SELECT FROM {table} t WHERE t.{about} = e.subject)",
                home,
                about=sql.Identifier(home.subject),
            )
            for home in homes
        )
        lone = sql.SQL("SELECT e.subject FROM journal_entry e WHERE e.seq = 1 AND e.action = %s AND {} LIMIT {}")
        names = ", ".join(home.name for home in homes)
        subjects = connection.execute(lone.format(absent, _LIMIT), (action,))
        findings += [finding("entry.rowless", subject, names) for (subject,) in subjects]
    return findings


def _query(text: LiteralString, table: BusinessTable, **parts: sql.Composable) -> sql.Composed:
    return sql.SQL(text).format(
        table=sql.Identifier(table.name), batch=sql.Literal(BATCH), limit=sql.Literal(_LIMIT), **parts
    )
