"""The working-day calendar of this installation: rows that the operator keeps, as ``exchange.workdays`` reads them."""

from collections.abc import Iterable
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session, mapped_column

from exchange import workdays
from exchange.db import Transaction, verb
from exchange.errors import Invalid, Unavailable
from exchange.orm import Base, Journalled
from exchange.workdays import Calendar, CalendarDay, CalendarYear, Deadline

#: The subject whose story tells what was entered, and when.
CALENDAR_SUBJECT = "cal_mainland"

#: Years that a notice can be for: the holidays are those of the measures of 1999, and a number beyond is a slip.
NOTICES = range(2000, 2100)
_SATURDAY = 5


class WorkYear(Base, Journalled):
    """A year the calendar holds; ``provisional`` until the State Council's notice of it is entered."""

    __tablename__ = "work_year"
    __subject__ = "subject"

    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    subject: Mapped[str]
    provisional: Mapped[bool]
    source: Mapped[str]


class WorkDay(Base, Journalled):
    """A day that differs, or may differ, from the plain week."""

    __tablename__ = "work_calendar"
    __subject__ = "subject"

    day: Mapped[date] = mapped_column("date", primary_key=True)
    subject: Mapped[str]
    is_working: Mapped[bool]
    note: Mapped[str]


def calendar(session: Session) -> Calendar:
    """The calendar as it stands."""
    years = session.execute(select(WorkYear.year, WorkYear.provisional, WorkYear.source)).all()
    days = session.execute(select(WorkDay.day, WorkDay.is_working, WorkDay.note)).all()
    return workdays.calendar_of(
        (CalendarYear(year, official=not provisional, source=source) for year, provisional, source in years),
        (CalendarDay(day, working=is_working, occasion=note) for day, is_working, note in days),
    )


def working_days_after(session: Session, moment: datetime, days: int) -> Deadline:
    """The last day of a period of ``days`` working days that begins with ``moment`` (its day is not counted).

    Raises:
        Unavailable: The count runs into a year that nobody has entered.
    """
    try:
        return workdays.add(calendar(session), workdays.beijing_date(moment), days)
    except workdays.CalendarMissing as missing:
        raise Unavailable(
            "The working-day calendar does not hold the year %(year)s yet.",
            code="calendar_missing",
            retry_after_seconds=3600,
            year=missing.year,
        ) from missing


@verb
def seed(tx: Transaction) -> None:
    """Enter the years and days a new installation starts with; years that are held already stay as they are."""
    held = set(tx.all(select(WorkYear.year)))
    fresh = [year for year in workdays.INITIAL_YEARS if year.year not in held]
    for year in fresh:
        _enter(tx, year, (day for day in workdays.INITIAL_DAYS if day.day.year == year.year), by="operator")


@verb
def announce(tx: Transaction, year: int, *, source: str, days: Iterable[CalendarDay]) -> WorkYear:
    """Enter the State Council's notice for ``year``: from now on the year is official.

    Days entered before for that year and not named now fall back to the plain week.

    Raises:
        Forbidden: The actor is no administrator.
        Invalid: The notice has no source, names a day of another year, or is for a year that has no notice.
    """
    role = tx.actor.need("administrator")
    named = list(days)
    if year not in NOTICES:
        raise Invalid("There is no notice for this year.", code="invalid_year")
    if not source.strip() or any(day.day.year != year for day in named):
        raise Invalid("A notice names its source and days of its own year.", code="invalid_notice")
    return _enter(tx, CalendarYear(year, official=True, source=source), named, by=role)


def _enter(tx: Transaction, year: CalendarYear, days: Iterable[CalendarDay], *, by: str) -> WorkYear:
    row = WorkYear(year=year.year, subject=CALENDAR_SUBJECT, provisional=not year.official, source=year.source)
    tx.session.merge(row)
    named = {day.day: day for day in days}
    for known in tx.all(select(WorkDay).where(WorkDay.day.between(date(year.year, 1, 1), date(year.year, 12, 31)))):
        if known.day not in named:
            known.is_working, known.note = known.day.weekday() < _SATURDAY, ""
    for day in named.values():
        entered = WorkDay(day=day.day, subject=CALENDAR_SUBJECT, is_working=day.working, note=day.occasion)
        tx.session.merge(entered)
    facts = {"year": year.year, "official": year.official, "source": year.source, "days": len(named)}
    tx.record(CALENDAR_SUBJECT, "calendar.changed", by=by, facts=facts)
    return tx.get(WorkYear, year.year)
