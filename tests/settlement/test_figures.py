"""The figures of trade that overseers see: of their scope, of today, in the money it was."""

from datetime import timedelta

from sqlalchemy import select
from trades import Trade, lot_of

from exchange.actors import Actor
from exchange.db import advance_clock, read
from exchange.money import Money
from exchange.oversight.models import Coverage
from exchange.oversight.scopes import Reach
from settlement import figures, lots

WHOLE = Reach(whole=True, keys=frozenset(), cases=frozenset(), authorities=frozenset())
NOTHING = Reach(whole=False, keys=frozenset(), cases=frozenset(), authorities=frozenset())


def shown(reach: Reach = WHOLE) -> dict[str, object]:
    with read() as session:
        return {figure.label: figure.value for figure in figures.trade_figures(session, reach)}


def test_the_day_of_a_trade_is_counted(trade: Trade) -> None:
    trade.settled()
    disputed = trade.disputed()
    trade.refunded()
    now = shown()
    price = Money(120_000, "HKD")
    assert now == {
        "Trades opened today": 3,
        "Trades completed today": 1,
        "Completed today, made from government data": 0,
        "Paid in and held today": price + price + price,
        "Settled today, fees included": price,
        "Refunds today": 1,
        "Disputes open": 1,
        "Lots past their deadline": 0,
    }
    only = Reach(whole=False, keys=frozenset(), cases=frozenset({disputed.id}), authorities=frozenset())
    assert (shown(only)["Disputes open"], shown(only)["Trades opened today"]) == (1, 0)
    assert set(shown(NOTHING).values()) == {0}


def test_the_next_day_begins_at_nothing_and_lots_fall_behind(trade: Trade) -> None:
    lots.accept_lot(trade.buyer.actor, trade.received(trade.delivered()).id)
    late = lot_of(trade.signed())
    advance_clock(Actor.clock(), timedelta(days=4))
    now = shown()
    assert now["Trades opened today"] == 0
    assert "Paid in and held today" not in now
    assert now["Lots past their deadline"] == 1, late.id


def test_a_scope_counts_what_the_log_says_belongs_to_it(trade: Trade) -> None:
    trade.delivered()
    own = Reach(whole=False, keys=frozenset({trade.buyer.org_id}), cases=frozenset(), authorities=frozenset())
    with read() as session:
        covered = session.scalars(select(Coverage.subject)).all()
    assert covered == []  # the log is not read off yet: default deny
    assert shown(own)["Trades opened today"] == 0
