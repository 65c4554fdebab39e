from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import workdays
from exchange.workdays import INITIAL_DAYS, INITIAL_YEARS, Calendar, CalendarMissing, Deadline, add, between

CALENDAR = workdays.calendar_of(INITIAL_YEARS, INITIAL_DAYS)

#: (received, working days, last day): RULES G-13.
OFFICIAL_VECTORS = [
    (date(2026, 9, 17), 10, date(2026, 10, 8)),
    (date(2026, 9, 17), 20, date(2026, 10, 21)),
    (date(2026, 2, 12), 5, date(2026, 2, 26)),
    (date(2026, 2, 12), 10, date(2026, 3, 4)),
    (date(2026, 9, 19), 5, date(2026, 9, 24)),
    (date(2026, 4, 28), 10, date(2026, 5, 14)),
]

held_dates = st.dates(date(2025, 1, 1), date(2027, 6, 30))


@pytest.mark.rule("G-13")
@pytest.mark.parametrize(("received", "days", "last"), OFFICIAL_VECTORS)
def test_add_counts_from_the_day_after_receipt_and_counts_worked_weekends(
    received: date, days: int, last: date
) -> None:
    assert add(CALENDAR, received, days) == Deadline(last, provisional=False)


@pytest.mark.rule("G-13")
def test_add_flags_a_count_that_runs_into_an_unannounced_year() -> None:
    assert add(CALENDAR, date(2026, 12, 21), 10) == Deadline(date(2027, 1, 5), provisional=True)
    assert add(CALENDAR, date(2026, 12, 21), 8) == Deadline(date(2026, 12, 31), provisional=False)


@pytest.mark.rule("G-13")
def test_add_without_the_next_year_raises_instead_of_answering() -> None:
    until_2026 = Calendar(CALENDAR.days, CALENDAR.official_years, frozenset())
    with pytest.raises(CalendarMissing) as missing:
        add(until_2026, date(2026, 12, 21), 10)
    assert missing.value.year == 2027


def test_receipt_in_a_year_not_held_is_fine_because_that_day_is_not_counted() -> None:
    assert add(CALENDAR, date(2024, 12, 31), 1) == Deadline(date(2025, 1, 2), provisional=False)


@pytest.mark.parametrize("days", [0, -1])
def test_add_refuses_a_period_without_days(days: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        add(CALENDAR, date(2026, 3, 2), days)


def test_instants_are_refused_where_dates_are_meant() -> None:
    instant = datetime(2026, 3, 2, 20, tzinfo=UTC)
    with pytest.raises(TypeError):
        add(CALENDAR, instant, 1)
    with pytest.raises(TypeError):
        between(CALENDAR, date(2026, 3, 2), instant)


def test_beijing_date_turns_at_sixteen_hours_utc() -> None:
    assert workdays.beijing_date(datetime(2026, 3, 2, 15, 59, 59, tzinfo=UTC)) == date(2026, 3, 2)
    assert workdays.beijing_date(datetime(2026, 3, 2, 16, tzinfo=UTC)) == date(2026, 3, 3)
    with pytest.raises(ValueError, match="time zone"):
        workdays.beijing_date(datetime(2026, 3, 2, 16))  # noqa: DTZ001  (a naive instant is the point)


def test_a_deadline_ends_at_beijing_midnight() -> None:
    deadline = Deadline(date(2026, 10, 8), provisional=False)
    assert deadline.ends_at == datetime(2026, 10, 8, 16, tzinfo=UTC)
    assert workdays.beijing_date(deadline.ends_at - timedelta(microseconds=1)) == deadline.date


def test_between_is_what_is_left_and_negative_when_overdue() -> None:
    deadline = date(2026, 10, 8)
    assert between(CALENDAR, date(2026, 9, 30), deadline) == 1
    assert between(CALENDAR, deadline, deadline) == 0
    assert between(CALENDAR, date(2026, 10, 12), deadline) == -3
    with pytest.raises(CalendarMissing):
        between(CALENDAR, date(2027, 12, 31), date(2028, 1, 2))


@given(received=held_dates, days=st.integers(1, 60))
def test_add_lands_on_the_working_day_that_completes_the_count(received: date, days: int) -> None:
    deadline = add(CALENDAR, received, days)
    assert CALENDAR.is_working(deadline.date)
    assert between(CALENDAR, received, deadline.date) == days
    assert deadline.provisional == (deadline.date.year == 2027)


@given(received=held_dates, first=st.integers(1, 30), then=st.integers(1, 30))
def test_an_extension_continues_where_the_first_period_ended(received: date, first: int, then: int) -> None:
    ended = add(CALENDAR, received, first)
    assert add(CALENDAR, ended.date, then).date == add(CALENDAR, received, first + then).date


@given(a=held_dates, b=held_dates, c=held_dates)
def test_between_adds_up(a: date, b: date, c: date) -> None:
    assert between(CALENDAR, a, b) + between(CALENDAR, b, c) == between(CALENDAR, a, c)


def test_a_year_is_official_or_provisional() -> None:
    with pytest.raises(ValueError, match="2026"):
        Calendar({}, frozenset({2026}), frozenset({2026}))


def test_initial_days_hold_what_the_notices_announced() -> None:
    off = {year: sum(not d.working for d in INITIAL_DAYS if d.day.year == year) for year in (2025, 2026, 2027)}
    worked = {year: sum(d.working for d in INITIAL_DAYS if d.day.year == year) for year in (2025, 2026, 2027)}
    assert off == {2025: 28, 2026: 33, 2027: 6}
    assert worked == {2025: 5, 2026: 6, 2027: 0}
    assert len({d.day for d in INITIAL_DAYS}) == len(INITIAL_DAYS)
    assert all(d.day.weekday() >= 5 for d in INITIAL_DAYS if d.working)


@pytest.mark.parametrize(("year", "working_days"), [(2025, 248), (2026, 248)])
def test_an_official_year_has_the_working_days_of_the_holiday_regulation(year: int, working_days: int) -> None:
    # Weekdays less the thirteen statutory holidays: exchanging weekends moves days and loses none.
    last_of_before, last = date(year - 1, 12, 31), date(year, 12, 31)
    assert between(CALENDAR, last_of_before, last) == working_days
