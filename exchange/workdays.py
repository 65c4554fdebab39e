"""Working days of mainland China (RULES G-13).

A period in working days starts on the day after receipt (Civil Code, Art. 201) and ends when its last day ends
(Art. 203). Which days work is no arithmetic: the State Council announces each year's holidays and the weekends worked
in exchange (调休) in the autumn before. A ``Calendar`` therefore holds the exceptions to the plain week and says for
which years they are official. For a year not yet announced only weekends and the fixed-date holidays are known: its
answers are marked provisional. A year the calendar does not hold has no answer.

All dates are Beijing dates.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from exchange.clock import BEIJING

_DAY = timedelta(days=1)
_SATURDAY = 5


class CalendarMissing(ValueError):
    """The calendar holds nothing for ``year``, so no working day of it can be told."""

    def __init__(self, year: int) -> None:
        self.year = year
        super().__init__(f"the working-day calendar does not hold the year {year}")


@dataclass(frozen=True, slots=True)
class Calendar:
    """Exceptions to the plain week (``True``: worked, ``False``: off) and the years they can be relied on.

    Raises:
        ValueError: A year is given as both official and provisional.
    """

    days: Mapping[date, bool]
    official_years: frozenset[int]
    provisional_years: frozenset[int]

    def __post_init__(self) -> None:
        if both := self.official_years & self.provisional_years:
            raise ValueError(f"both official and provisional: {sorted(both)}")

    def is_working(self, day: date) -> bool:
        """Whether ``day`` is worked.

        Raises:
            CalendarMissing: The calendar does not hold its year.
        """
        if day.year not in self.official_years and day.year not in self.provisional_years:
            raise CalendarMissing(day.year)
        return self.days.get(day, day.weekday() < _SATURDAY)


@dataclass(frozen=True, slots=True, order=True)
class Deadline:
    """The last day of a period; ``provisional`` when a day counted lies in a year without an official notice."""

    date: date
    provisional: bool

    @property
    def ends_at(self) -> datetime:
        """The first instant that is too late, in UTC: Beijing midnight after ``date`` (Civil Code, Art. 203)."""
        return datetime.combine(self.date + _DAY, time(), BEIJING).astimezone(UTC)


def beijing_date(moment: datetime) -> date:
    """The Beijing date of an aware instant.

    Raises:
        ValueError: ``moment`` carries no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return moment.astimezone(BEIJING).date()


def add(calendar: Calendar, received: date, days: int) -> Deadline:
    """The last day of a period of ``days`` working days; the day of receipt is not counted.

    Raises:
        CalendarMissing: The count runs into a year that the calendar does not hold.
        TypeError: ``received`` is an instant, whose date depends on a time zone.
        ValueError: ``days`` is less than one.
    """
    _require_plain_date(received)
    if days < 1:
        raise ValueError("a period has at least one working day")
    day, left, provisional = received, days, False
    while left:
        day += _DAY
        left -= calendar.is_working(day)
        provisional = provisional or day.year in calendar.provisional_years
    return Deadline(day, provisional)


def between(calendar: Calendar, start: date, end: date) -> int:
    """Working days after ``start`` up to and including ``end``; negative when ``end`` lies before ``start``.

    ``between(calendar, today, deadline.date)`` is what is left of a period, or how long it is overdue.

    Raises:
        CalendarMissing: A day in question lies in a year that the calendar does not hold.
        TypeError: A bound is an instant, whose date depends on a time zone.
    """
    _require_plain_date(start)
    _require_plain_date(end)
    if end < start:
        return -between(calendar, end, start)
    return sum(calendar.is_working(day) for day in _span(start + _DAY, end))


def _require_plain_date(value: date) -> None:
    if isinstance(value, datetime):
        raise TypeError("working days are counted between dates: convert the instant with beijing_date()")


def _span(first: date, last: date) -> Iterator[date]:
    for offset in range((last - first).days + 1):
        yield first + offset * _DAY


@dataclass(frozen=True, slots=True)
class CalendarYear:
    """A year the calendar holds, and on what its days rest."""

    year: int
    official: bool
    source: str


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """A day that differs from the plain week."""

    day: date
    working: bool
    occasion: str


def _holiday(occasion: str, first: date, last: date, *, worked: Iterable[date] = ()) -> Iterator[CalendarDay]:
    """A holiday from ``first`` to ``last`` and the weekend days worked in exchange for it."""
    for day in _span(first, last):
        yield CalendarDay(day, working=False, occasion=occasion)
    for day in worked:
        yield CalendarDay(day, working=True, occasion=f"{occasion}调休上班")


#: What a new installation's calendar starts with; the operator adds each year's notice and may correct days.
INITIAL_YEARS: tuple[CalendarYear, ...] = (
    CalendarYear(
        2025, official=True, source="国务院办公厅关于2025年部分节假日安排的通知，国办发明电〔2024〕12号，2024-11-12"
    ),
    CalendarYear(
        2026, official=True, source="国务院办公厅关于2026年部分节假日安排的通知，国办发明电〔2025〕7号，2025-11-04"
    ),
    CalendarYear(
        2027,
        official=False,
        source="全国年节及纪念日放假办法（2024年修订）第二条中固定公历日期的假日；国务院当年通知尚未录入",
    ),
)

#: The days of ``INITIAL_YEARS`` that differ from the plain week. Holidays that follow the lunar calendar are left
#: out of the provisional year: how the days around them are exchanged is not known before the notice.
INITIAL_DAYS: tuple[CalendarDay, ...] = (
    *_holiday("元旦", date(2025, 1, 1), date(2025, 1, 1)),
    *_holiday("春节", date(2025, 1, 28), date(2025, 2, 4), worked=(date(2025, 1, 26), date(2025, 2, 8))),
    *_holiday("清明节", date(2025, 4, 4), date(2025, 4, 6)),
    *_holiday("劳动节", date(2025, 5, 1), date(2025, 5, 5), worked=(date(2025, 4, 27),)),
    *_holiday("端午节", date(2025, 5, 31), date(2025, 6, 2)),
    *_holiday("国庆节、中秋节", date(2025, 10, 1), date(2025, 10, 8), worked=(date(2025, 9, 28), date(2025, 10, 11))),
    *_holiday("元旦", date(2026, 1, 1), date(2026, 1, 3), worked=(date(2026, 1, 4),)),
    *_holiday("春节", date(2026, 2, 15), date(2026, 2, 23), worked=(date(2026, 2, 14), date(2026, 2, 28))),
    *_holiday("清明节", date(2026, 4, 4), date(2026, 4, 6)),
    *_holiday("劳动节", date(2026, 5, 1), date(2026, 5, 5), worked=(date(2026, 5, 9),)),
    *_holiday("端午节", date(2026, 6, 19), date(2026, 6, 21)),
    *_holiday("中秋节", date(2026, 9, 25), date(2026, 9, 27)),
    *_holiday("国庆节", date(2026, 10, 1), date(2026, 10, 7), worked=(date(2026, 9, 20), date(2026, 10, 10))),
    *_holiday("元旦", date(2027, 1, 1), date(2027, 1, 1)),
    *_holiday("劳动节", date(2027, 5, 1), date(2027, 5, 2)),
    *_holiday("国庆节", date(2027, 10, 1), date(2027, 10, 3)),
)


def calendar_of(years: Iterable[CalendarYear], days: Iterable[CalendarDay]) -> Calendar:
    """The calendar that rows of years and days describe."""
    held = tuple(years)
    return Calendar(
        days={row.day: row.working for row in days},
        official_years=frozenset(row.year for row in held if row.official),
        provisional_years=frozenset(row.year for row in held if not row.official),
    )
