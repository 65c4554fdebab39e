"""What everybody may see of one product, read in one statement, and what that says in numbers."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, case, cast, func, literal, select
from sqlalchemy.dialects.postgresql import JSONPATH
from sqlalchemy.orm import Session

from exchange.errors import NotFound
from exchange.members.models import Organisation
from exchange.money import Money
from exchange.oversight import scopes
from exchange.oversight.models import Restraint
from exchange.oversight.restraints import MARKET
from listings.models import Deposit, Offer, Version
from listings.shelf import PERMILLE, completeness
from listings.states import LISTING_PUBLIC, OFFER

#: What the public sees of a product, the first of these that there is.
_SHOWN = ("published", "suspended", "notice", "superseded")
#: So many offers and earlier versions stand on a page.
MAX_LINES = 50
#: Fewer values than this are not told apart: a bucket of its own may be one person.
_TOGETHER_FROM = 5
#: The highest bar of a shape, in pixels.
BAR_HEIGHT = 24

_VERSION = (
    "id", "product_id", "org_id", "number", "state", "row_version", "title_zh", "title_en", "description_zh",
    "description_en", "category", "grade", "declaration_id", "listing_digest", "notice_ends_at", "notice_provisional",
    "published_at", "changed_at", "change_note",
)  # fmt: skip
_OFFER = (
    "id", "channel", "exchange_name", "purposes", "term_days", "territory", "redistribution", "derivation",
    "inspection_hours", "delivery", "acceptance_criteria", "amount_minor", "currency",
)  # fmt: skip


def product(session: Session, product_id: str) -> dict[str, Any]:
    """A product's page: the version shown, its goods and seller, its open offers, its versions, what is on notice.

    Raises:
        NotFound: There is no such product, or nothing of it was ever shown to the public.
    """
    return told(row_of(session.connection(), product_id))


def row_of(connection: Connection, product_id: str) -> Mapping[str, Any]:
    """All that the page is made from, lineage apart, as the database has it.

    Raises:
        NotFound: There is no such product, or nothing of it was ever shown to the public.
    """
    row = connection.execute(_STATEMENT, {"product_id": product_id}).mappings().one_or_none()
    if row is None:
        raise NotFound("There is no such %(kind)s.", kind="product")
    return dict(row)


def told(row: Mapping[str, Any]) -> dict[str, Any]:
    """The page that ``row`` tells of."""
    profile: Mapping[str, Any] = row["profile"] or {}
    history = _history(row["history"])
    return {
        **{name: row[name] for name in _VERSION},
        "title": {"zh": row["title_zh"], "en": row["title_en"]},
        "description": {"zh": row["description_zh"], "en": row["description_en"]},
        "seller": {"id": row["org_id"], "name": row["seller_name"], "kind": row["seller_kind"]},
        "measure": row["measure"],
        "goods": {name: row[name] for name in ("media_type", "size_bytes", "digest", "plain_root")},
        "format": profile.get("format"),
        "rows": profile.get("rows"),
        "schema_digest": profile.get("schema_sha256"),
        "columns": [column_shape(column, int(profile["rows"])) for column in profile.get("columns", ())],
        "quality": quality(profile),
        "offers": [_offer(offer) for offer in row["offers"]],
        "versions": history,
        "on_notice": next((one for one in history if one["state"] == "notice" and one["id"] != row["id"]), None),
    }


def _statement() -> Select[*tuple[Any, ...]]:
    public = Version.product_id == bindparam("product_id"), Version.state.in_(LISTING_PUBLIC)
    rank = case({state: place for place, state in enumerate(_SHOWN)}, value=Version.state)
    columns = [Version.__table__.c[name] for name in (*_VERSION, "deposit_id")]
    shown = select(*columns).where(*public).order_by(rank, Version.number.desc()).limit(1).cte("shown")
    offers = (
        select(*(Offer.__table__.c[name] for name in _OFFER))
        .where(Offer.version_id == select(shown.c.id).scalar_subquery(), Offer.state == OFFER.initial)
        .order_by(Offer.amount_minor, Offer.id)
        .limit(MAX_LINES)
    )
    names = func.jsonb_path_query_array(Deposit.profile, cast("$.columns[*].name", JSONPATH))
    history = (
        select(
            Version.id,
            Version.number,
            Version.state,
            Version.published_at,
            Version.notice_ends_at,
            Version.change_note,
            Version.declaration_id,
            Deposit.profile["rows"].label("rows"),
            names.label("columns"),
        )
        .outerjoin(Deposit, Deposit.id == Version.deposit_id)
        .where(*public)
        .order_by(Version.number.desc())
        .limit(MAX_LINES)
    )
    field = literal(scopes.category("")).op("||")(shown.c.category)
    restrained = (
        select(Restraint.measure)
        .where(
            Restraint.subject.in_([shown.c.id, shown.c.product_id, shown.c.org_id, field, MARKET]),
            Restraint.lifted_at.is_(None),
        )
        .limit(1)
        .correlate(shown)
    )
    goods = (Deposit.media_type, Deposit.size_bytes, Deposit.digest, Deposit.plain_root, Deposit.profile)
    return (
        select(
            *shown.c,
            *goods,
            Organisation.name.label("seller_name"),
            Organisation.kind.label("seller_kind"),
            restrained.scalar_subquery().label("measure"),
            _as_json(offers, "offers"),
            _as_json(history, "history"),
        )
        .select_from(shown)
        .join(Organisation, Organisation.id == shown.c.org_id)
        .outerjoin(Deposit, Deposit.id == shown.c.deposit_id)
    )


def _as_json(rows: Select[Any], name: str) -> Any:
    lines = rows.subquery(f"{name}_lines")
    gathered = select(func.coalesce(func.jsonb_agg(func.to_jsonb(lines.table_valued())), func.jsonb_build_array()))
    return gathered.scalar_subquery().label(name)


_STATEMENT = _statement()


def _offer(offer: Mapping[str, Any]) -> dict[str, Any]:
    return {**offer, "price": Money(offer["amount_minor"], offer["currency"])}


def _history(lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The versions, newest first, each with what is different from the one before it."""
    told = []
    for line, before in zip(lines, [*lines[1:], None], strict=True):
        instants = {name: _instant(line[name]) for name in ("published_at", "notice_ends_at")}
        told.append({**line, **instants, "changes": None if before is None else _changes(before, line)})
    return told


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    old, new = before["columns"] or [], after["columns"] or []
    return {
        "rows": None if before["rows"] == after["rows"] else (before["rows"], after["rows"]),
        "added": [name for name in new if name not in old],
        "removed": [name for name in old if name not in new],
        "origin": before["declaration_id"] != after["declaration_id"],
    }


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


# -- the data dictionary ----------------------------------------------------------------------------------------------


def column_shape(column: Mapping[str, Any], rows: int) -> dict[str, Any]:
    """A column as everybody may know it: type, counts and shape. No value: even a smallest one may name a person.

    ``shape`` has the counts of numbers in buckets of equal width, where the buckets begin being left out, and the
    height of each as a bar; a count below five is ``None``. ``filled`` is the share of cells that are not null, in
    thousandths.
    """
    return {
        "name": column["name"],
        "type": column["type"],
        "nulls": column["nulls"],
        "distinct": column["distinct"],
        "filled": (rows - column["nulls"]) * PERMILLE // rows if rows else 0,
        "lengths": None if column.get("max_length") is None else (column["min_length"], column["max_length"]),
        "shape": _bars([bucket["count"] for bucket in column.get("histogram", ())]),
    }


def _bars(counts: Sequence[int]) -> list[tuple[int | None, int]]:
    if len(counts) < 2:  # noqa: PLR2004  (a single bucket has no shape)
        return []
    most = max(counts)
    return [(n, max(2, BAR_HEIGHT * n // most)) if n >= _TOGETHER_FROM else (None, 1) for n in counts]


def quality(profile: Mapping[str, Any]) -> dict[str, int] | None:
    """How good a table is, by what can be counted, in thousandths; ``None`` when there are no cells.

    ``score`` is the mean of its parts: ``completeness`` (cells that are not null), ``uniqueness`` (rows that do not
    repeat another one), ``columns_filled`` (columns in which every cell has a value).
    """
    complete = completeness(profile)
    if complete is None:
        return None
    columns, rows = profile["columns"], int(profile["rows"])
    parts = {
        "completeness": complete,
        "uniqueness": (rows - int(profile.get("duplicate_rows") or 0)) * PERMILLE // rows,
        "columns_filled": sum(column["nulls"] == 0 for column in columns) * PERMILLE // len(columns),
    }
    return {"score": sum(parts.values()) // len(parts), **parts}
