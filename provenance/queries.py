"""Reads of the room. A party sees its own things; reviewers, auditors and regulators see what is signed."""

from typing import Any, TypeVar

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from exchange.actors import REGULATOR, Actor
from exchange.db import read
from exchange.errors import NotFound
from exchange.oversight.inspection import look
from exchange.web.paging import DEFAULT_LIMIT, Page, page
from provenance import routing
from provenance.lineage import source_lines
from provenance.models import Agreement, Authorisation, CatalogueRecord, Declaration, DeclaredSource
from provenance.register import side_of
from provenance.routing import Classification
from provenance.states import AGREEMENT, DECLARATION, SELLER, USER

T = TypeVar("T")

#: Staff who see declarations and agreements of every party.
READERS = frozenset({"compliance_reviewer", "auditor"})
#: Roles in which a member may write.
_WRITERS = frozenset({"owner", "trader"})


# -- the catalogue ----------------------------------------------------------------------------------------------------


def catalogue_record(record_id: str) -> CatalogueRecord:
    """One catalogue record.

    Raises:
        NotFound: There is none.
    """
    with read() as session:
        return _got(session.get(CatalogueRecord, record_id), "catalogue_record")


def catalogue_records(
    *, department_org_id: str | None = None, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[Row[Any]]:
    """Catalogue records, of one department if it is given, newest first."""
    statement = select(*CatalogueRecord.__table__.columns)
    if department_org_id is not None:
        statement = statement.where(CatalogueRecord.department_org_id == department_org_id)
    with read() as session:
        return page(session, statement, [CatalogueRecord.id], cursor=cursor, limit=limit, shape=lambda row: row)


# -- agreements -------------------------------------------------------------------------------------------------------


def agreement(actor: Actor, agreement_id: str, *, purpose: str = "") -> dict[str, Any]:
    """One agreement, for its parties, reviewers and auditors, or a regulator who says what for.

    Raises:
        NotFound: There is none, or it is other parties'.
        Invalid: A regulator gave no purpose.
    """
    _record_look(actor, "agreement", agreement_id, purpose)
    with read() as session:
        row = _got(session.get(Agreement, agreement_id), "agreement")
        if not _oversees(actor) or row.state in {"draft", "declined"}:
            side_of(row, actor.org_id)
        return agreement_shape(actor, row)


def agreements(
    actor: Actor, *, side: str = USER, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[dict[str, Any]]:
    """The agreements that the actor's organisation is the ``user`` or the ``department`` of, newest first."""
    party = Agreement.user_org_id if side == USER else Agreement.department_org_id
    statement = select(Agreement.id, Agreement).where(party == actor.org_id)
    with read() as session:
        return page(
            session,
            statement,
            [Agreement.id],
            cursor=cursor,
            limit=limit,
            shape=lambda row: agreement_shape(actor, row.Agreement),
        )


def agreement_shape(actor: Actor, row: Agreement) -> dict[str, Any]:
    """An agreement as the API shows it, with what the actor may do next."""
    shown = {column.key: getattr(row, column.key) for column in Agreement.__table__.columns}
    sides = {row.user_org_id: "user", row.department_org_id: "department"}
    roles = {sides[actor.org_id]} if actor.org_id in sides and _WRITERS & actor.roles else set()
    return shown | {
        "missing_items": row.missing_items,
        "copy_overdue": row.copy_overdue,
        "actions": AGREEMENT.actions(row.state, frozenset(roles)),
    }


# -- declarations -----------------------------------------------------------------------------------------------------


def declaration(actor: Actor, declaration_id: str, *, purpose: str = "") -> dict[str, Any]:
    """One declaration with its sources and authorisations, for its party; once signed also for overseers.

    Raises:
        NotFound: There is none, or it is another party's, or another party's draft.
        Invalid: A regulator gave no purpose.
    """
    _record_look(actor, "declaration", declaration_id, purpose)
    with read() as session:
        row = _visible(session, actor, declaration_id)
        present = (DeclaredSource.declaration_id == row.id, DeclaredSource.revision == row.revision)
        given = (Authorisation.declaration_id == row.id, Authorisation.revision == row.revision)
        return declaration_shape(actor, row) | {
            "sources": session.scalars(select(DeclaredSource).where(*present).order_by(DeclaredSource.position)).all(),
            "authorisations": session.scalars(select(Authorisation).where(*given).order_by(Authorisation.id)).all(),
            "source_lines": source_lines(session, row.id),
        }


def declarations(
    actor: Actor, *, purpose: str = "", cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[dict[str, Any]]:
    """The party's own declarations, or for overseers all that are signed; newest first.

    Raises:
        Invalid: A regulator gave no purpose.
    """
    _record_look(actor, "declarations", "all", purpose)
    statement = select(Declaration.id, Declaration)
    if _oversees(actor):
        statement = statement.where(Declaration.state == "signed")
    else:
        statement = statement.where(Declaration.org_id == actor.org_id)
    with read() as session:
        return page(
            session,
            statement,
            [Declaration.id],
            cursor=cursor,
            limit=limit,
            shape=lambda row: declaration_shape(actor, row.Declaration),
        )


def classification(actor: Actor, declaration_id: str, *, purpose: str = "") -> Classification:
    """Whether a declaration's product is government-derived, and why.

    Raises:
        NotFound: As for ``declaration``.
        Invalid: A regulator gave no purpose.
    """
    _record_look(actor, "classification", declaration_id, purpose)
    with read() as session:
        return routing.classification(session, _visible(session, actor, declaration_id).id)


def declaration_shape(actor: Actor, row: Declaration) -> dict[str, Any]:
    """A declaration as the API shows it in a list, with what the actor may do next."""
    shown = {column.key: getattr(row, column.key) for column in Declaration.__table__.columns}
    roles = {SELLER} if actor.org_id == row.org_id and _WRITERS & actor.roles else set()
    return shown | {"actions": DECLARATION.actions(row.state, frozenset(roles))}


# -- who sees what ----------------------------------------------------------------------------------------------------


def _visible(session: Session, actor: Actor, declaration_id: str) -> Declaration:
    row = _got(session.get(Declaration, declaration_id), "declaration")
    if row.org_id != actor.org_id and not (_oversees(actor) and row.state == "signed"):
        raise NotFound("There is no such %(kind)s.", kind="declaration")
    return row


def _oversees(actor: Actor) -> bool:
    return bool(actor.roles & (READERS | {REGULATOR}))


def _record_look(actor: Actor, what: str, about: str, purpose: str) -> None:
    """A regulator's look is recorded before anything is shown."""
    if REGULATOR in actor.roles:
        look(actor.with_key(None), what, about, purpose)


def _got(row: T | None, kind: str) -> T:
    if row is None:
        raise NotFound("There is no such %(kind)s.", kind=kind)
    return row
