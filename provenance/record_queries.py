"""Reads of the catalogue, which everybody may see, and of what a party bought here."""

from collections.abc import Iterable
from typing import Any, TypeVar

from sqlalchemy import Row, func, literal_column, select, text
from sqlalchemy.orm import Session

from exchange.actors import Actor
from exchange.db import read
from exchange.errors import NotFound
from exchange.members.models import Organisation
from exchange.web.paging import DEFAULT_LIMIT, Page, page
from provenance import search
from provenance.models import Acquisition, CatalogueRecord

T = TypeVar("T")


def catalogue_record(record_id: str) -> CatalogueRecord:
    """One catalogue record.

    Raises:
        NotFound: There is none.
    """
    with read() as session:
        return got(session.get(CatalogueRecord, record_id), "catalogue_record")


def catalogue_records(
    *,
    q: str = "",
    department_org_id: str | None = None,
    open_attribute: str | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Row[Any]]:
    """Catalogue records, newest first: those that hold all words of ``q``, of one department, of one attribute."""
    statement = select(*(column for column in CatalogueRecord.__table__.columns if column.key != "words"))
    words = search.query(q)
    if words:
        wanted = func.plainto_tsquery(literal_column("'simple'"), words)
        statement = statement.where(CatalogueRecord.words.bool_op("@@")(wanted))
    if department_org_id is not None:
        statement = statement.where(CatalogueRecord.department_org_id == department_org_id)
    if open_attribute is not None:
        statement = statement.where(CatalogueRecord.open_attribute == open_attribute)
    with read() as session:
        return page(session, statement, [CatalogueRecord.id], cursor=cursor, limit=limit, shape=lambda row: row)


def record_holders() -> list[tuple[str, str]]:
    """Ids and names of the departments that keep records here, at most a hundred, by name."""
    with read() as session:
        # One step of the index for each department, however many records it keeps.
        held = session.scalars(
            text(
                "WITH RECURSIVE held AS ("
                " (SELECT department_org_id AS id FROM catalogue_record ORDER BY 1 LIMIT 1)"
                " UNION ALL SELECT (SELECT department_org_id FROM catalogue_record"
                " WHERE department_org_id > held.id ORDER BY 1 LIMIT 1) FROM held WHERE held.id IS NOT NULL"
                ") SELECT id FROM held WHERE id IS NOT NULL LIMIT 100"
            )
        ).all()
        return sorted(names_of(session, held).items(), key=lambda pair: pair[1])


def acquisitions(actor: Actor, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Row[Any]]:
    """What the actor's organisation bought here and may name as a source, newest first."""
    statement = select(*Acquisition.__table__.columns).where(Acquisition.org_id == actor.org_id)
    with read() as session:
        return page(session, statement, [Acquisition.id], cursor=cursor, limit=limit, shape=lambda row: row)


# -- shared -----------------------------------------------------------------------------------------------------------


def got(row: T | None, kind: str) -> T:
    """``row``, which has to be there.

    Raises:
        NotFound: It is not.
    """
    if row is None:
        raise NotFound("There is no such %(kind)s.", kind=kind)
    return row


def names_of(session: Session, org_ids: Iterable[str]) -> dict[str, str]:
    """Organisations' names by their ids."""
    found = session.execute(select(Organisation.id, Organisation.name).where(Organisation.id.in_(set(org_ids))))
    return {row.id: row.name for row in found}
