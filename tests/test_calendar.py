"""The calendar of working days as rows: seeded once, announced by the administrator, counted with."""

from datetime import UTC, date, datetime

import pytest

from exchange import calendar
from exchange.actors import Actor
from exchange.db import read
from exchange.errors import Forbidden, Invalid, Unavailable
from exchange.journal import queries
from exchange.workdays import INITIAL_DAYS, INITIAL_YEARS, CalendarDay, calendar_of

ADMINISTRATOR = Actor(None, None, frozenset({"administrator"}))
SOURCE = "国务院办公厅关于2027年部分节假日安排的通知"


def told() -> list[str]:
    with read() as session:
        return [one.action for one in queries.story(session, calendar.CALENDAR_SUBJECT)]


@pytest.fixture
def seeded(db: object) -> None:
    calendar.seed(Actor.clock())


@pytest.mark.usefixtures("seeded")
def test_the_seed_is_what_workdays_starts_with_and_is_entered_once() -> None:
    calendar.seed(Actor.clock())
    with read() as session:
        assert calendar.calendar(session) == calendar_of(INITIAL_YEARS, INITIAL_DAYS)
    assert told() == ["calendar.changed"] * len(INITIAL_YEARS)


@pytest.mark.rule("G-13")
@pytest.mark.usefixtures("seeded")
def test_periods_are_counted_over_exchanged_days() -> None:
    received = datetime(2026, 9, 17, 2, tzinfo=UTC)
    with read() as session:
        deadline = calendar.working_days_after(session, received, 10)
    assert (deadline.date, deadline.provisional) == (date(2026, 10, 8), False)


@pytest.mark.rule("G-13")
@pytest.mark.usefixtures("seeded")
def test_a_year_is_provisional_until_its_notice_is_entered() -> None:
    received = datetime(2026, 12, 28, tzinfo=UTC)
    with read() as session:
        before = calendar.working_days_after(session, received, 5)
    holidays = [CalendarDay(date(2027, 1, day), working=False, occasion="元旦") for day in (1, 2, 4, 5)]
    assert not calendar.announce(ADMINISTRATOR, 2027, source=SOURCE, days=holidays).provisional
    with read() as session:
        after = calendar.working_days_after(session, received, 5)
    assert (before.date, before.provisional) == (date(2027, 1, 5), True)
    assert (after.date, after.provisional) == (date(2027, 1, 7), False)
    calendar.announce(ADMINISTRATOR, 2027, source=SOURCE, days=holidays[:1])
    with read() as session:
        assert calendar.working_days_after(session, received, 5).date == date(2027, 1, 5)


@pytest.mark.usefixtures("seeded")
def test_a_year_that_nobody_entered_has_no_answer() -> None:
    with read() as session, pytest.raises(Unavailable) as caught:
        calendar.working_days_after(session, datetime(2027, 12, 30, tzinfo=UTC), 5)
    assert caught.value.code == "calendar_missing"


@pytest.mark.usefixtures("seeded")
def test_notices_are_the_administrators_and_name_their_source_and_year() -> None:
    with pytest.raises(Forbidden):
        calendar.announce(Actor.clock(), 2027, source=SOURCE, days=[])
    with pytest.raises(Invalid):
        calendar.announce(ADMINISTRATOR, 2027, source=" ", days=[])
    for year in (0, 1999, 104_262):
        with pytest.raises(Invalid):
            calendar.announce(ADMINISTRATOR, year, source=SOURCE, days=[])
    with pytest.raises(Invalid):
        calendar.announce(
            ADMINISTRATOR, 2027, source=SOURCE, days=[CalendarDay(date(2026, 1, 1), working=False, occasion="元旦")]
        )
