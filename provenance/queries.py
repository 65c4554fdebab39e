"""Reads of the room. A party sees its own things; reviewers, auditors and regulators see what is signed."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import select, text
from sqlalchemy.orm import Session, undefer

from exchange import documents
from exchange.actors import REGULATOR, Actor
from exchange.db import read
from exchange.documents import Document
from exchange.errors import NotFound
from exchange.oversight.looks import look
from exchange.web.paging import DEFAULT_LIMIT, Page, page
from provenance import difference as differing
from provenance import explanation as explaining
from provenance import graph, routing, standard_terms
from provenance.declarations import plain
from provenance.difference import Difference, Said
from provenance.explanation import Explanation
from provenance.graph import Graph
from provenance.lineage import source_lines
from provenance.models import (
    COPY_OWED,
    INCOMPLETE_AND_OPEN,
    Agreement,
    Authorisation,
    CatalogueRecord,
    Declaration,
    DeclaredSource,
)
from provenance.record_queries import got, names_of
from provenance.register import side_of
from provenance.routing import Classification
from provenance.states import AGREEMENT, DECLARATION, SELLER, USER

T = TypeVar("T")

#: Staff who see declarations and agreements of every party.
READERS = frozenset({"compliance_reviewer", "auditor"})
SHA256 = re.compile(r"[0-9a-f]{64}")
#: More versions than this back are not followed.
MAX_VERSIONS = 50
#: Roles in which a member may write.
_WRITERS = frozenset({"owner", "trader"})


# -- agreements -------------------------------------------------------------------------------------------------------


def agreement(actor: Actor, agreement_id: str, *, purpose: str = "") -> dict[str, Any]:
    """One agreement, for its parties, reviewers and auditors, or a regulator who says what for.

    Raises:
        NotFound: There is none, or it is other parties'.
        Invalid: A regulator gave no purpose.
    """
    _record_look(actor, "agreement", agreement_id, purpose)
    with read() as session:
        return agreement_shape(actor, _visible_agreement(session, actor, agreement_id))


def agreement_names(row: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, CatalogueRecord]]:
    """Names of an agreement's parties and the records on its list of data, by id."""
    with read() as session:
        listed = select(CatalogueRecord).where(CatalogueRecord.id.in_([item["record_id"] for item in row["data"]]))
        parties = names_of(session, [row["department_org_id"], row["user_org_id"]])
        return parties, {record.id: record for record in session.scalars(listed)}


def agreement_scan(actor: Actor, agreement_id: str, *, purpose: str = "") -> Document:
    """The scan of an agreement that was signed elsewhere, with its bytes.

    Raises:
        NotFound: As for ``agreement``, or it was signed here.
        Invalid: A regulator gave no purpose.
    """
    _record_look(actor, "agreement_scan", agreement_id, purpose)
    with read() as session:
        row = _visible_agreement(session, actor, agreement_id)
        key = (row.id, row.scan_digest)
        return got(session.get(Document, key, options=[undefer(Document.content)]), "scan")


def agreements_to_look_at(
    actor: Actor, *, what: str, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[dict[str, Any]]:
    """For reviewers: agreements whose copy (抄送) is ``owed``, or which are ``incomplete``; newest first.

    Raises:
        Forbidden: The actor is neither a reviewer nor an auditor.
    """
    actor.need(*sorted(READERS))
    condition = COPY_OWED if what == "owed" else INCOMPLETE_AND_OPEN
    statement = select(Agreement.id, Agreement).where(text(condition))
    with read() as session:
        return page(
            session,
            statement,
            [Agreement.id],
            cursor=cursor,
            limit=limit,
            shape=lambda row: agreement_shape(actor, row.Agreement),
        )


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
    items = {"security_measures": row.security_measures, "disposal": row.disposal}
    return shown | {
        "side": sides.get(actor.org_id or ""),
        "deviations": standard_terms.deviations(row.standard, items),
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
        sources, authorisations = _parts(session, row)
        return declaration_shape(actor, row) | {
            "sources": sources,
            "authorisations": authorisations,
            "source_lines": source_lines(session, row.id),
        }


def versions(actor: Actor, declaration_id: str) -> list[dict[str, Any]]:
    """The declaration with those it replaced and those that replaced it, oldest first, as far as the actor sees them.

    Raises:
        NotFound: As for ``declaration``.
    """
    with read() as session:
        row = _visible(session, actor, declaration_id)
        chain = _replaced_by(session, row)[::-1]
        while len(chain) < MAX_VERSIONS:
            following = (
                select(Declaration).where(Declaration.replaces_id == chain[-1].id).order_by(Declaration.id.desc())
            )
            later = session.scalars(following.limit(1)).first()
            if later is None:
                break
            chain.append(later)
        return [declaration_shape(actor, each) for each in chain if _sees(actor, each)]


def difference(actor: Actor, declaration_id: str, *, since: str | None = None, purpose: str = "") -> Difference | None:
    """What a declaration says otherwise than ``since``, or than the one it replaces; ``None`` when it replaces none.

    Raises:
        NotFound: As for ``declaration``, of either.
        Invalid: A regulator gave no purpose.
    """
    _record_look(actor, "difference", declaration_id, purpose)
    with read() as session:
        row = _visible(session, actor, declaration_id)
        earlier_id = since or row.replaces_id
        if earlier_id is None:
            return None
        earlier = _visible(session, actor, earlier_id)
        if earlier.org_id != row.org_id:
            raise NotFound("There is no such %(kind)s.", kind="declaration")
        return differing.compare(_said(session, earlier), _said(session, row))


def explanation(actor: Actor, declaration_id: str, *, purpose: str = "") -> Explanation:
    """The classification of a declaration with the whole chain in words.

    Raises:
        NotFound: As for ``declaration``.
        Invalid: A regulator gave no purpose.
    """
    _record_look(actor, "explanation", declaration_id, purpose)
    with read() as session:
        return explaining.explain(session, _visible(session, actor, declaration_id).id)


def lineage(actor: Actor, declaration_id: str, *, purpose: str = "") -> Graph:
    """What stands behind a declaration, as a graph.

    Raises:
        NotFound: As for ``declaration``.
        Invalid: A regulator gave no purpose.
    """
    _record_look(actor, "lineage", declaration_id, purpose)
    with read() as session:
        return graph.lineage_graph(session, _visible(session, actor, declaration_id).id)


def evidence(actor: Actor, declaration_id: str, digest: str, *, purpose: str = "") -> Document:
    """An evidence file by its digest (lower hex), brought with a declaration or one it replaces, with its bytes.

    Raises:
        NotFound: As for ``declaration``, or no such file was brought.
        Invalid: A regulator gave no purpose.
    """
    _record_look(actor, "evidence", declaration_id, purpose)
    with read() as session:
        chain = _replaced_by(session, _visible(session, actor, declaration_id))
        known = bytes.fromhex(digest) if SHA256.fullmatch(digest) else b""
        return got(_kept(session, [row.id for row in chain], known), "document")


def evidence_kept(actor: Actor, declaration_id: str, digests: Iterable[bytes]) -> set[str]:
    """Which evidence files (lower hex of their digests) were brought and can be read; others are known by digest only.

    Raises:
        NotFound: As for ``declaration``.
    """
    with read() as session:
        chain = _replaced_by(session, _visible(session, actor, declaration_id))
        wanted = sorted({digest.hex() for digest in digests})
        return documents.held(session, wanted, of=[row.id for row in chain])


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
    row = got(session.get(Declaration, declaration_id), "declaration")
    if not _sees(actor, row):
        raise NotFound("There is no such %(kind)s.", kind="declaration")
    return row


def _sees(actor: Actor, row: Declaration) -> bool:
    return row.org_id == actor.org_id or (_oversees(actor) and row.state == "signed")


def _visible_agreement(session: Session, actor: Actor, agreement_id: str) -> Agreement:
    row = got(session.get(Agreement, agreement_id), "agreement")
    if not _oversees(actor) or row.state in {"draft", "declined"}:
        side_of(row, actor.org_id)
    return row


def _oversees(actor: Actor) -> bool:
    return bool(actor.roles & (READERS | {REGULATOR}))


def _record_look(actor: Actor, what: str, about: str, purpose: str) -> None:
    """A regulator's look is recorded before anything is shown."""
    if REGULATOR in actor.roles:
        look(actor.with_key(None), what, about, purpose)


# -- shared -----------------------------------------------------------------------------------------------------------


def _parts(session: Session, row: Declaration) -> tuple[Sequence[DeclaredSource], Sequence[Authorisation]]:
    """The sources and authorisations of the present revision."""
    present = (DeclaredSource.declaration_id == row.id, DeclaredSource.revision == row.revision)
    given = (Authorisation.declaration_id == row.id, Authorisation.revision == row.revision)
    sources = session.scalars(select(DeclaredSource).where(*present).order_by(DeclaredSource.position)).all()
    return sources, session.scalars(select(Authorisation).where(*given).order_by(Authorisation.id)).all()


def _said(session: Session, row: Declaration) -> Said:
    sources, authorisations = _parts(session, row)
    fields = {
        "ground": row.ground,
        "anonymisation_method": row.anonymisation_method,
        "anonymisation_evidence": None if row.anonymisation_evidence is None else row.anonymisation_evidence.hex(),
        "processing_steps": row.processing_steps,
        "personal_information": row.personal_information,
    }
    return Said(fields, [plain(source) for source in sources], [plain(each) for each in authorisations])


def _replaced_by(session: Session, row: Declaration) -> list[Declaration]:
    """The declaration and those it replaced, newest first."""
    chain = [row]
    while chain[-1].replaces_id is not None and len(chain) < MAX_VERSIONS:
        chain.append(session.get_one(Declaration, chain[-1].replaces_id))
    return chain


def _kept(session: Session, subjects: Sequence[str], digest: bytes) -> Document | None:
    kept = select(Document).where(
        Document.subject.in_(subjects), Document.digest == digest, Document.kind == "evidence"
    )
    return session.scalars(kept.options(undefer(Document.content)).limit(1)).first()
