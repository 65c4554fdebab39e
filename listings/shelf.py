"""The shelf: what the catalogue shows of each version that is published or on public notice, one row a version.

The row is made anew at the end of every transaction in which a version or an offer of it changed its state, whichever
verb did that: no verb can forget it, and the catalogue never differs from the listings.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, SmallInteger, Text, delete, event, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR, insert
from sqlalchemy.orm import Mapped, Session, UOWTransaction, mapped_column
from sqlalchemy.orm.attributes import get_history

from exchange.db import engine
from exchange.members.models import Organisation
from exchange.orm import Base, Bookkeeping
from listings.models import Deposit, Offer, Product, Version
from listings.states import CATEGORIES, OFFER
from provenance.lineage import source_lines_of, trace
from provenance.routing import classification_of
from provenance.search import tokens

#: The states that stand on the shelf.
SHOWN = ("published", "notice")
#: How rows are made. Raise it whenever they are made differently: ``restock`` then makes the old ones anew.
EDITION = 1
#: Words of a listing beyond this many characters are not looked for.
MAX_SEARCHED = 60_000
#: Perfect, for shares in thousandths.
PERMILLE = 1000

_CHANGED = "listings.shelf.changed"


class ShelfEntry(Base, Bookkeeping):
    """A version as the catalogue shows and finds it.

    ``tokens`` are the words to search by; ``facets`` what can be chosen, as ``<facet>:<value>``. ``prices`` holds the
    lowest open offer of each currency, in minor units; the facet ``price:<currency>:<digits>`` says how many digits
    that has, which brings an index to a range of prices. ``completeness`` is the share of cells that are not null, in
    thousandths. ``source_line_*`` is the first of ``source_line_count`` lines that must be printed (RULES G-15).
    """

    __tablename__ = "shelf_entry"
    __bookkeeping__ = "repeats what versions and offers say, for the catalogue; made anew from them at any time"
    __table_args__ = (
        Index(None, "state", "listed_at", "version_id"),
        Index(None, "tokens", "facets", postgresql_using="gin", postgresql_with={"fastupdate": "off"}),
        Index(None, "product_id"),
        Index("ix_shelf_entry_government", "version_id", postgresql_where="government_derived AND state = 'published'"),
    )

    version_id: Mapped[str] = mapped_column(ForeignKey(Version.id), primary_key=True)
    product_id: Mapped[str] = mapped_column(ForeignKey(Product.id))
    org_id: Mapped[str] = mapped_column(ForeignKey(Organisation.id))
    state: Mapped[str]
    number: Mapped[int]
    listed_at: Mapped[datetime]
    published_at: Mapped[datetime | None]
    notice_ends_at: Mapped[datetime | None]
    title_zh: Mapped[str]
    title_en: Mapped[str]
    category: Mapped[str]
    grade: Mapped[str]
    file_format: Mapped[str | None]
    row_count: Mapped[int | None] = mapped_column(BigInteger)
    column_count: Mapped[int | None]
    completeness: Mapped[int | None] = mapped_column(SmallInteger)
    government_derived: Mapped[bool]
    source_line_zh: Mapped[str | None]
    source_line_en: Mapped[str | None]
    source_line_count: Mapped[int]
    source_kinds: Mapped[list[Any]]
    prices: Mapped[dict[str, Any]]
    facets: Mapped[list[str]] = mapped_column(ARRAY(Text))
    tokens: Mapped[str] = mapped_column(TSVECTOR)
    edition: Mapped[int] = mapped_column(SmallInteger)


def place(session: Session, version_id: str) -> None:
    """Make the version's row anew, or take it off the shelf; the version stays locked until the transaction ends."""
    statement = (
        select(*Version.__table__.columns, Organisation.name.label("seller"), Deposit.profile)
        .join(Organisation, Organisation.id == Version.org_id)
        .outerjoin(Deposit, Deposit.id == Version.deposit_id)
        .where(Version.id == version_id)
        .with_for_update(of=Version, key_share=True)
    )
    version = session.execute(statement).one()
    if version.state not in SHOWN:
        session.execute(delete(ShelfEntry).where(ShelfEntry.version_id == version_id))
        return
    entry = _entry(session, version)
    others = {name: value for name, value in entry.items() if name != "version_id"}
    session.execute(insert(ShelfEntry).values(entry).on_conflict_do_update(index_elements=["version_id"], set_=others))


def restock(batch: int = 200) -> int:
    """Make the rows that are missing or of an older edition, a batch in a transaction; how many there were.

    For whoever brings the schema up to date: the shelf starts empty, and may be made differently in a later release.
    """
    missing = (
        select(Version.id)
        .outerjoin(ShelfEntry, ShelfEntry.version_id == Version.id)
        .where(Version.state.in_(SHOWN), or_(ShelfEntry.version_id.is_(None), ShelfEntry.edition != EDITION))
        .order_by(Version.id)
        .limit(batch)
    )
    placed = 0
    while True:
        with Session(engine()) as session, session.begin():
            found = session.scalars(missing).all()
            for version_id in found:
                place(session, version_id)
        if not found:
            return placed
        placed += len(found)


# -- when -------------------------------------------------------------------------------------------------------------


@event.listens_for(Session, "after_flush")
def _note_changes(session: Session, _context: UOWTransaction) -> None:
    """Remember which versions, or offers of them, changed their state in this transaction."""
    for row in (*session.new, *session.dirty):
        if isinstance(row, Version | Offer) and get_history(row, "state").has_changes():
            changed = session.info.setdefault(_CHANGED, set())
            changed.add(row.id if isinstance(row, Version) else row.version_id)


@event.listens_for(Session, "before_commit")
def _place_changed(session: Session) -> None:
    """Bring the shelf up to date with what the transaction did; in one order, so that no two wait for each other."""
    for version_id in sorted(session.info.pop(_CHANGED, ())):
        place(session, version_id)


@event.listens_for(Session, "after_rollback")
def _forget_changes(session: Session) -> None:
    session.info.pop(_CHANGED, None)


def changed(session: Session, version_id: str) -> None:
    """Have the version's row made anew at the end of the open transaction, for a reason that lies outside of it."""
    session.info.setdefault(_CHANGED, set()).add(version_id)


# -- what -------------------------------------------------------------------------------------------------------------


def _entry(session: Session, version: Any) -> dict[str, Any]:
    profile: Mapping[str, Any] = version.profile or {}
    columns: Sequence[Mapping[str, Any]] = profile.get("columns", ())
    prices, offered = _offered(session, version.id)
    origin = _origin(session, version.declaration_id)
    file_format = profile.get("format")
    facets = {
        f"category:{version.category}",
        f"grade:{version.grade}",
        f"origin:{'government' if origin['government_derived'] else 'other'}",
        *(f"source:{kind}" for kind in origin["source_kinds"]),
        *([] if file_format is None else [f"format:{file_format}"]),
        *offered,
    }
    return {
        "version_id": version.id,
        "listed_at": version.published_at or version.changed_at,
        **{name: getattr(version, name) for name in _COPIED},
        "file_format": file_format,
        "row_count": profile.get("rows"),
        "column_count": len(columns) if columns else None,
        "completeness": completeness(profile),
        **origin,
        "prices": prices,
        "facets": sorted(facets),
        "tokens": func.to_tsvector("english", _searched(version, columns, origin)),
        "edition": EDITION,
    }


_COPIED = (
    "product_id", "org_id", "state", "number", "published_at", "notice_ends_at", "title_zh", "title_en", "category",
    "grade",
)  # fmt: skip


def completeness(profile: Mapping[str, Any]) -> int | None:
    """The share of a table's cells that are not null, in thousandths, rounded down; ``None`` of an empty table."""
    columns = profile.get("columns", ())
    cells = (profile.get("rows") or 0) * len(columns)
    if cells == 0:
        return None
    return (cells - sum(int(column["nulls"]) for column in columns)) * PERMILLE // cells


def _offered(session: Session, version_id: str) -> tuple[dict[str, int], Iterable[str]]:
    """The lowest open price by currency, and the facets that open offers bring."""
    open_offers = select(Offer.amount_minor, Offer.currency, Offer.channel, Offer.delivery).where(
        Offer.version_id == version_id, Offer.state == OFFER.initial
    )
    prices: dict[str, int] = {}
    facets: set[str] = set()
    for offer in session.execute(open_offers):
        prices[offer.currency] = min(offer.amount_minor, prices.get(offer.currency, offer.amount_minor))
        facets |= {f"channel:{offer.channel}", f"delivery:{offer.delivery}", f"currency:{offer.currency}"}
    return prices, facets | {f"price:{currency}:{len(str(minor))}" for currency, minor in prices.items()}


def _origin(session: Session, declaration_id: str | None) -> dict[str, Any]:
    """Where the data came from, as declared and found; when that changes ``listings.upstream`` makes the row anew."""
    links = () if declaration_id is None else trace(session, declaration_id)
    lines = source_lines_of(links)
    found = None if declaration_id is None else classification_of(declaration_id, links)
    kinds = {link.source.kind for link in links if link.depth == 0}
    return {
        "government_derived": found is not None and found.government_derived,
        "source_line_zh": lines[0].zh if lines else None,
        "source_line_en": lines[0].en if lines else None,
        "source_line_count": len(lines),
        "source_kinds": sorted(kinds),
    }


def _searched(version: Any, columns: Sequence[Mapping[str, Any]], origin: Mapping[str, Any]) -> str:
    """The words by which a version is found, the weightiest first."""
    told = (
        version.title_zh,
        version.title_en,
        *CATEGORIES[version.category],
        version.seller,
        origin["source_line_zh"] or "",
        origin["source_line_en"] or "",
        *(str(column["name"]) for column in columns),
        version.description_zh,
        version.description_en,
    )
    return words(" ".join(told)[:MAX_SEARCHED])


def words(text: str) -> str:
    """The words of ``text``, apart from each other, in compatibility form: full-width letters are letters."""
    return tokens(unicodedata.normalize("NFKC", text))
