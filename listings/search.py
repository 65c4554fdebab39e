"""Looking for products on the shelf: words in Chinese and English, facets, a range of prices; newest first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnClause,
    FromClause,
    Select,
    cast,
    false,
    func,
    literal,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from exchange.members.models import Organisation
from exchange.money import EXPONENTS, MAX_MINOR, Money
from exchange.web.paging import DEFAULT_LIMIT, Page, page
from listings.shelf import ShelfEntry, words
from listings.states import CATEGORIES, DELIVERIES, GRADES
from provenance.states import CHANNELS, SOURCE_KINDS

#: What can be chosen, several of a facet at once: any of the values of one facet, and all facets together.
FACETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "category": tuple(CATEGORIES),
        "origin": ("government", "other"),
        "source": SOURCE_KINDS,
        "format": ("csv", "jsonl", "parquet"),
        "grade": GRADES,
        "delivery": DELIVERIES,
        "channel": CHANNELS,
        "currency": tuple(EXPONENTS),
    }
)
#: More characters than this are not a search.
MAX_SEARCH = 500
#: More words than this are not looked for: the first ones have found enough.
MAX_WORDS = 16
#: Facets are counted over so many of the newest that were found, whatever the size of the catalogue.
COUNTED = 1000

_CARD = (
    ShelfEntry.listed_at,
    ShelfEntry.version_id,
    ShelfEntry.product_id,
    ShelfEntry.org_id,
    ShelfEntry.state,
    ShelfEntry.number,
    ShelfEntry.published_at,
    ShelfEntry.notice_ends_at,
    ShelfEntry.title_zh,
    ShelfEntry.title_en,
    ShelfEntry.category,
    ShelfEntry.grade,
    ShelfEntry.file_format,
    ShelfEntry.row_count,
    ShelfEntry.column_count,
    ShelfEntry.completeness,
    ShelfEntry.government_derived,
    ShelfEntry.source_line_zh,
    ShelfEntry.source_line_en,
    ShelfEntry.source_line_count,
    ShelfEntry.source_kinds,
    ShelfEntry.prices,
    Organisation.name.label("seller_name"),
)


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for.

    Args:
        text: Words, all of which are in the listing; nothing looks for nothing.
        state: ``published``, or ``notice`` for what is on public notice.
        chosen: Values of ``FACETS``, by facet.
        price_from: The lowest price, from which on is looked for.
        price_to: The highest price. Both are in one currency, in which the product is then on offer.
    """

    text: str = ""
    state: str = "published"
    chosen: Mapping[str, Sequence[str]] = field(default_factory=dict)
    price_from: Money | None = None
    price_to: Money | None = None

    def __post_init__(self) -> None:
        currencies = {limit.currency for limit in (self.price_from, self.price_to) if limit is not None}
        if len(currencies) > 1:
            raise ValueError("a range of prices is in one currency")


@dataclass(frozen=True, slots=True)
class Counts:
    """How many there are of each value of each facet among the first ``COUNTED`` found, and how many were found.

    A facet in which something is chosen is counted as if nothing were, so that the numbers say what another choice
    would bring. ``found`` stops at ``COUNTED``.
    """

    found: int
    facets: Mapping[str, Mapping[str, int]]


def products(
    session: Session, wanted: Search, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[dict[str, Any]]:
    """Cards of the versions found, newest first.

    Raises:
        Invalid: The cursor is not one of ours.
    """
    statement = _matching(select(*_CARD), wanted).join(Organisation, Organisation.id == ShelfEntry.org_id)
    keys = [ShelfEntry.listed_at, ShelfEntry.version_id]
    return page(session, statement, keys, cursor=cursor, limit=limit, shape=_card)


def newest(session: Session, limit: int = 6) -> Sequence[dict[str, Any]]:
    """Cards of what was published last."""
    return products(session, Search(), limit=limit).items


def count(session: Session, wanted: Search) -> Counts:
    """Count what was found, by facet, in one statement."""
    asked = sorted(name for name, values in wanted.chosen.items() if values)
    everything = _newest_facets(wanted).cte("found")
    parts: list[Select[str, int]] = [
        select(literal("").label("facet"), func.count().label("times")).select_from(everything),
        _grouped(everything, leaving_out=asked),
        *(_grouped(_newest_facets(wanted, but=name).subquery(), only=name) for name in asked),
    ]
    found = 0
    facets: dict[str, dict[str, int]] = {}
    for facet, times in session.execute(union_all(*parts)):
        name, _, value = facet.partition(":")
        if name:
            facets.setdefault(name, {})[value] = times
        else:
            found = times
    return Counts(found, facets)


def _newest_facets(wanted: Search, *, but: str = "") -> Select[list[str]]:
    """The facets of the newest that were found, whatever is chosen in the facet ``but``."""
    newest_first = ShelfEntry.listed_at.desc(), ShelfEntry.version_id.desc()
    return _matching(select(ShelfEntry.facets), wanted, but=but).order_by(*newest_first).limit(COUNTED)


def _grouped(found: FromClause, *, only: str = "", leaving_out: Sequence[str] = ()) -> Select[str, int]:
    each = select(func.unnest(found.c.facets).label("facet")).subquery()
    name = func.split_part(each.c.facet, ":", 1)
    chosen = name == only if only else name.not_in([*leaving_out, "price"])
    return select(each.c.facet, func.count()).where(chosen).group_by(each.c.facet)


def _matching(statement: Select[Any], wanted: Search, *, but: str = "") -> Select[Any]:
    statement = statement.where(ShelfEntry.state == wanted.state)
    if wanted.text.strip():
        statement = statement.where(_says(wanted.text))
    for name, values in sorted(wanted.chosen.items()):
        if values and name != but:
            statement = statement.where(ShelfEntry.facets.overlap([f"{name}:{value}" for value in sorted(values)]))
    limits = [limit for limit in (wanted.price_from, wanted.price_to) if limit is not None]
    if limits:
        statement = statement.where(*_priced(wanted, limits[0].currency))
    return statement


def _says(text: str) -> Any:
    """All words of ``text`` are in the listing. What holds no word at all is in none."""
    looked_for = words(text[:MAX_SEARCH]).split()
    # A single character is often cut from its word by the words around it: longer ones find better without it.
    telling = [word for word in looked_for if len(word) > 1] or looked_for
    if not telling:
        return false()
    return ShelfEntry.tokens.bool_op("@@")(func.plainto_tsquery(_ENGLISH, " ".join(telling[:MAX_WORDS])))


_ENGLISH: ColumnClause[Any] = literal_column("'english'::regconfig")


def _priced(wanted: Search, currency: str) -> tuple[Any, Any]:
    """The lowest price lies in the range; how many digits such prices have brings the index to them."""
    low = 1 if wanted.price_from is None else wanted.price_from.minor
    high = MAX_MINOR if wanted.price_to is None else wanted.price_to.minor
    digits = range(len(str(low)), len(str(high)) + 1)
    price = cast(ShelfEntry.prices[currency].astext, BigInteger)
    return ShelfEntry.facets.overlap([f"price:{currency}:{n}" for n in digits]), price.between(low, high)


def _card(row: Any) -> dict[str, Any]:
    return {
        "id": row.version_id,
        "product_id": row.product_id,
        "number": row.number,
        "state": row.state,
        "title": {"zh": row.title_zh, "en": row.title_en},
        "category": row.category,
        "grade": row.grade,
        "seller": {"id": row.org_id, "name": row.seller_name},
        "notice_ends_at": row.notice_ends_at,
        "published_at": row.published_at,
        "updated_at": row.listed_at,
        "format": row.file_format,
        "rows": row.row_count,
        "columns": row.column_count,
        "completeness": row.completeness,
        "government_derived": row.government_derived,
        "source_line": None
        if row.source_line_zh is None
        else {"zh": row.source_line_zh, "en": row.source_line_en, "count": row.source_line_count},
        "source_kinds": row.source_kinds,
        "prices": [Money(minor, currency) for currency, minor in sorted(row.prices.items())],
    }
