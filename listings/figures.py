"""What overseers see of listings: how many there are, and the ledger of government data products 政务数据产品台账."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import func, select, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session

from exchange.marks import N_
from exchange.members.models import Organisation
from exchange.oversight.figures import Bar, Figure, Ledger, LedgerLine, LedgerProvider, Provider
from exchange.oversight.scopes import Reach
from exchange.web.languages import language
from exchange.web.paging import page
from listings.models import Version
from listings.shelf import ShelfEntry
from listings.states import CATEGORIES, LISTING
from provenance.lineage import source_lines_of, trace
from provenance.routing import classification_of


def listing_figures(session: Session, reach: Reach) -> Iterable[Figure]:
    """What is published, by field, and how much of it was made from government data; what is suspended or on notice."""
    rows = session.execute(
        select(Version.state, Version.category, func.count())
        .where(Version.state.in_(("published", "suspended", "notice")), reach.covers(Version.id))
        .group_by(Version.state, Version.category)
    )
    counts = {(state, category): times for state, category, times in rows}
    in_state = {state: sum(times for (found, _), times in counts.items() if found == state) for state, _ in counts}
    fields = sorted(
        (-times, category) for (state, category), times in counts.items() if state == "published"
    )  # the largest first
    published = in_state.get("published", 0)
    yield Figure(N_("Published products"), published, bars=[Bar(_field(code), -times) for times, code in fields])
    if published:
        derived = select(func.count()).where(*_published_derived(reach))
        yield Figure(N_("Published, made from government data"), session.scalar(derived) or 0, of=published)
    yield Figure(N_("Products suspended"), in_state.get("suspended", 0))
    yield Figure(N_("Products on public notice"), in_state.get("notice", 0))


def government_ledger(session: Session, reach: Reach, cursor: str | None) -> Ledger:
    """A page of the published and suspended versions that government data stands in, newest first.

    The shelf knows of the published ones what they are made from. Suspended ones are off the shelf: their lineage is
    read here, and a page may hold fewer lines than others for it.

    Raises:
        Invalid: The cursor is not one of ours.
    """
    suspended = select(Version.id).where(Version.state == "suspended", reach.covers(Version.id))
    on_sale = select(ShelfEntry.version_id).where(*_published_derived(reach))
    key = cast("InstrumentedAttribute[Any]", union_all(suspended, on_sale).subquery().c.id)
    statement = (
        select(key, *_LINE).join(Version, Version.id == key).join(Organisation, Organisation.id == Version.org_id)
    )
    while True:
        found = page(session, statement, [key], cursor=cursor, shape=_Listed.of)
        lines = [line for listed in found.items if (line := _line(session, listed)) is not None]
        cursor = found.next_cursor
        if lines or cursor is None:
            return Ledger(lines, cursor)


_LINE = (
    Version.title_zh,
    Version.title_en,
    Version.declaration_id,
    Version.state,
    Version.published_at,
    Version.changed_at,
    Organisation.name,
)


@dataclass(frozen=True, slots=True)
class _Listed:
    """A version that may belong in the ledger."""

    version_id: str
    title_zh: str
    title_en: str
    declaration_id: str | None
    state: str
    published_at: datetime | None
    changed_at: datetime
    party: str

    @classmethod
    def of(cls, row: Any) -> "_Listed":
        return cls(*row)


def _line(session: Session, listed: _Listed) -> LedgerLine | None:
    """The version's line; ``None`` when no government data stands in it."""
    if listed.declaration_id is None:
        return None
    links = trace(session, listed.declaration_id)
    if not classification_of(listed.declaration_id, links).government_derived:
        return None
    chinese = language() == "zh"
    return LedgerLine(
        subject=listed.version_id,
        title=listed.title_zh if chinese else listed.title_en,
        party=listed.party,
        sources=[line.zh if chinese else line.en for line in source_lines_of(links)],
        cycle=LISTING.name,
        state=listed.state,
        since=listed.changed_at if listed.state == "suspended" else listed.published_at or listed.changed_at,
    )


def _published_derived(reach: Reach) -> tuple[Any, ...]:
    """The conditions of shelf rows that are published, made from government data, and covered."""
    return ShelfEntry.government_derived, ShelfEntry.state == "published", reach.covers(ShelfEntry.version_id)


def _field(code: str) -> str:
    """A field of industry in the reader's language."""
    chinese, english = CATEGORIES[code]
    return chinese if language() == "zh" else english


FIGURES: tuple[Provider, ...] = (listing_figures,)
LEDGERS: tuple[LedgerProvider, ...] = (government_ledger,)
