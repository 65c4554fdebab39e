"""Figures for overseers. Rooms to the right register what they count; here they are only asked, within a scope.

``wsgi.py`` registers providers at start, as it does with handlers: ``exchange`` knows no product or trade.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exchange import clock
from exchange.journal.models import JournalEntry
from exchange.marks import N_
from exchange.money import Money
from exchange.oversight.models import Directive
from exchange.oversight.scopes import Reach
from exchange.workdays import beijing_date


class Bar(NamedTuple):
    """One part of a figure: ``label`` is a marked message, or an action of the journal."""

    label: str
    value: int


@dataclass(frozen=True, slots=True)
class Figure:
    """A number for the overview.

    Args:
        label: What it counts, a marked message.
        value: A count, an amount, or a text that needs no translation.
        of: What a share is a share of; the page then shows the part of it that ``value`` is.
        bars: Its parts, drawn as a chart beside a table.
        url: Where the rows behind it are listed, if there is such a page.
    """

    label: str
    value: int | Money | str
    of: int | None = None
    bars: Sequence[Bar] = ()
    url: str | None = None


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """A line of the ledger of products made from government data 政务数据产品台账.

    ``state`` is a code of the life cycle ``cycle``; ``feedback_due_at`` when the use has to be reported next.
    """

    subject: str
    title: str
    party: str
    sources: Sequence[str]
    cycle: str
    state: str
    since: datetime
    feedback_due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ledger:
    """A page of the ledger and the cursor of what follows."""

    items: Sequence[LedgerLine]
    next_cursor: str | None


#: Counts what lies in a scope, by an indexed query.
Provider = Callable[[Session, Reach], Iterable[Figure]]
#: A page of the ledger within a scope, newest first, after a cursor.
LedgerProvider = Callable[[Session, Reach, str | None], Ledger]

_providers: list[Provider] = []
_ledgers: list[LedgerProvider] = []


def register(provider: Provider) -> None:
    """Ask ``provider`` for figures too. Registering it again changes nothing."""
    if provider not in _providers:
        _providers.append(provider)


def register_ledger(provider: LedgerProvider) -> None:
    """Read the ledger of products made from government data from ``provider``."""
    _ledgers[:] = [provider]


def figures(session: Session, reach: Reach, organ_id: str) -> list[Figure]:
    """Today's figures: those of oversight itself, then those of the rooms in the order they registered."""
    return [*_own(session, reach, organ_id), *(figure for ask in _providers for figure in ask(session, reach))]


def ledger(session: Session, reach: Reach, cursor: str | None) -> Ledger:
    """A page of the ledger; empty when no room keeps one."""
    return _ledgers[0](session, reach, cursor) if _ledgers else Ledger([], None)


def _own(session: Session, reach: Reach, organ_id: str) -> Iterable[Figure]:
    midnight = datetime.combine(beijing_date(clock.now()), time(), clock.BEIJING)
    rows = session.execute(
        select(JournalEntry.action, func.count())
        .where(JournalEntry.at >= midnight, reach.covers(JournalEntry.subject))
        .group_by(JournalEntry.action)
        .order_by(func.count().desc(), JournalEntry.action)
    ).all()
    yield Figure(N_("Entries today"), sum(count for _, count in rows), bars=[Bar(*row) for row in rows[:12]])
    found = session.execute(
        select(Directive.state, func.count()).where(Directive.organ_id == organ_id).group_by(Directive.state)
    ).all()
    states = {state: count for state, count in found}  # noqa: C416  (rows are no pairs to mypy)
    in_force = sum(states.get(state, 0) for state in ("served", "answered", "overdue"))
    yield Figure(N_("Directives in force"), in_force)
    yield Figure(N_("Answers overdue"), states.get("overdue", 0))
