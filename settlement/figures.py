"""What overseers see of trade on their overview: today in Beijing, within their scope, counted by indexed queries."""

from collections.abc import Iterable, Iterator
from datetime import datetime, time
from typing import Any

from sqlalchemy import SQLColumnExpression, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from exchange import clock
from exchange.journal.models import JournalEntry
from exchange.marks import N_
from exchange.money import Money
from exchange.oversight.figures import Figure, Provider
from exchange.oversight.scopes import Reach
from exchange.workdays import beijing_date
from settlement.ledger_models import LotMoney
from settlement.lot_models import Dispute
from settlement.models import Lot, Order

#: Entries that end a refund: of a whole lot, of a part after settlement.
_REFUNDED = ("lot.refunded", "refund.paid")


def trade_figures(session: Session, reach: Reach) -> Iterable[Figure]:
    """Trades opened and completed, money held and paid out, refunds today; disputes and overdue lots at this moment."""
    midnight = datetime.combine(beijing_date(clock.now()), time(), clock.BEIJING)
    told = dict(_told(session, reach, midnight))
    completed = told.get("order.completed", 0)
    yield Figure(N_("Trades opened today"), told.get("order.opened", 0))
    yield Figure(N_("Trades completed today"), completed)
    if completed:
        derived = _happened(reach, midnight, "order.completed", Order.id).where(Order.government_derived)
        found = session.scalar(derived.with_only_columns(func.count())) or 0
        yield Figure(N_("Completed today, made from government data"), found, of=completed)
    funded = _happened(reach, midnight, "lot.funded", Lot.id)
    yield from _volume(session, N_("Paid in and held today"), funded, Lot.currency, Lot.amount_minor)
    settled = _happened(reach, midnight, "lot.settled", LotMoney.lot_id)
    earned = LotMoney.released_minor - LotMoney.reversed_minor + LotMoney.fee_minor
    yield from _volume(session, N_("Settled today, fees included"), settled, LotMoney.currency, earned)
    yield Figure(N_("Refunds today"), sum(told.get(action, 0) for action in _REFUNDED))
    disputes = select(func.count()).where(Dispute.closed_at.is_(None), reach.covers(Dispute.lot_id))
    yield Figure(N_("Disputes open"), session.scalar(disputes) or 0)
    late = select(func.count()).where(Lot.deadline_at <= clock.now(), reach.covers(Lot.id))
    yield Figure(N_("Lots past their deadline"), session.scalar(late) or 0)


def _told(session: Session, reach: Reach, since: datetime) -> list[tuple[str, int]]:
    """How often each step that is counted was taken."""
    counted = ("order.opened", "order.completed", *_REFUNDED)
    statement = (
        select(JournalEntry.action, func.count())
        .where(JournalEntry.action.in_(counted), JournalEntry.at >= since, reach.covers(JournalEntry.subject))
        .group_by(JournalEntry.action)
    )
    return [(action, times) for action, times in session.execute(statement)]


def _happened(reach: Reach, since: datetime, action: str, subject: InstrumentedAttribute[str]) -> Any:
    """The rows of ``subject``'s table whose story tells of ``action`` since then; columns are still to be chosen."""
    return (
        select(subject)
        .join(JournalEntry, JournalEntry.subject == subject)
        .where(JournalEntry.action == action, JournalEntry.at >= since, reach.covers(JournalEntry.subject))
    )


def _volume(
    session: Session, label: str, rows: Any, currency: InstrumentedAttribute[str], minor: SQLColumnExpression[int]
) -> Iterator[Figure]:
    """The sum of each currency; currencies are never added up."""
    sums = rows.with_only_columns(currency, func.sum(minor)).group_by(currency).order_by(currency)
    for code, total in session.execute(sums):
        yield Figure(label, Money(int(total), code))


FIGURES: tuple[Provider, ...] = (trade_figures,)
