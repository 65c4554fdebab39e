"""Drafts written part by part: a source, an authorisation, the ground, and a new version that carries the old one over.

Each part is a new revision of the draft. Evidence that comes with a part is kept with the declaration, by its digest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import select

from exchange import documents
from exchange.db import Transaction, verb
from exchange.errors import Invalid, NotFound, WrongState
from exchange.workdays import beijing_date
from provenance import media
from provenance.declarations import Content, Grant, Source, begin, own, rewrite, rows_of
from provenance.models import Authorisation, Declaration, DeclaredSource
from provenance.states import SELLER
from provenance.terms import last_day

_SOURCE_FIELDS = tuple(Source.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Basis:
    """Why the data may be traded, and what was done to it; as in ``Content``."""

    ground: str | None
    anonymisation_method: str
    anonymisation_evidence: bytes | None
    processing_steps: tuple[tuple[str, str], ...]
    personal_information: bool


@verb
def put_source(
    tx: Transaction, declaration_id: str, source: Source, *, position: int | None = None, evidence: bytes | None = None
) -> Declaration:
    """Add a source to a draft, or write the one at ``position`` anew; ``evidence`` is its file, if one is brought.

    Raises:
        NotFound: The draft is not the party's, has no such source, or something the source names is not the party's.
        WrongState: It is signed.
        Invalid: The source does not fit, or the evidence is too large or of a kind that is not kept.
    """
    declaration = own(tx, declaration_id)
    content = content_of(tx, declaration)
    digest = _kept(tx, declaration, evidence)
    if digest is not None:
        source = replace(source, evidence_digest=digest)
    sources = list(content.sources)
    if position is None:
        sources.append(source)
    else:
        sources[_within(position, len(sources))] = source
    rewrite(tx, declaration, replace(content, sources=tuple(sources)), _named(digest))
    return declaration


@verb
def remove_source(tx: Transaction, declaration_id: str, position: int) -> Declaration:
    """Take a source out of a draft.

    Raises:
        NotFound: The draft is not the party's, or has no such source.
        WrongState: It is signed.
    """
    declaration = own(tx, declaration_id)
    content = content_of(tx, declaration)
    sources = list(content.sources)
    del sources[_within(position, len(sources))]
    rewrite(tx, declaration, replace(content, sources=tuple(sources)))
    return declaration


@verb
def put_authorisation(
    tx: Transaction,
    declaration_id: str,
    grant: Grant,
    *,
    authorisation_id: str | None = None,
    evidence: bytes | None = None,
) -> Declaration:
    """Add an authorisation to a draft, or write one anew; ``evidence`` is the document, if it is brought.

    Raises:
        NotFound: The draft is not the party's, or has no such authorisation.
        WrongState: It is signed.
        Invalid: The authorisation does not fit, or the evidence is missing, too large or of a kind that is not kept.
    """
    declaration = own(tx, declaration_id)
    content, grants = content_of(tx, declaration), _grants_by_id(tx, declaration)
    digest = _kept(tx, declaration, evidence)
    if digest is not None:
        grant = replace(grant, evidence_digest=digest)
    if authorisation_id is not None and authorisation_id not in grants:
        raise NotFound("There is no such %(kind)s.", kind="authorisation")
    if not grant.evidence_digest:
        problem = "Bring the authorisation document, or give its digest."
        raise Invalid(problem, code="evidence_missing", fields={"evidence_digest": [problem]})
    grants[authorisation_id or ""] = grant
    rewrite(tx, declaration, replace(content, authorisations=tuple(grants.values())), _named(digest))
    return declaration


@verb
def remove_authorisation(tx: Transaction, declaration_id: str, authorisation_id: str) -> Declaration:
    """Take an authorisation out of a draft.

    Raises:
        NotFound: The draft is not the party's, or has no such authorisation.
        WrongState: It is signed.
    """
    declaration = own(tx, declaration_id)
    content, grants = content_of(tx, declaration), _grants_by_id(tx, declaration)
    if grants.pop(authorisation_id, None) is None:
        raise NotFound("There is no such %(kind)s.", kind="authorisation")
    rewrite(tx, declaration, replace(content, authorisations=tuple(grants.values())))
    return declaration


@verb
def set_basis(tx: Transaction, declaration_id: str, basis: Basis, *, evidence: bytes | None = None) -> Declaration:
    """Say in a draft why the data may be traded and what was done to it; ``evidence`` is that of the anonymisation.

    Raises:
        NotFound: The draft is not the party's.
        WrongState: It is signed.
        Invalid: The ground is unknown, or the evidence is too large or of a kind that is not kept.
    """
    declaration = own(tx, declaration_id)
    content = content_of(tx, declaration)
    digest = _kept(tx, declaration, evidence)
    rewrite(
        tx,
        declaration,
        replace(
            content,
            ground=basis.ground,
            anonymisation_method=basis.anonymisation_method,
            anonymisation_evidence=digest or basis.anonymisation_evidence,
            processing_steps=basis.processing_steps,
            personal_information=basis.personal_information,
        ),
        _named(digest),
    )
    return declaration


@verb
def renew_declaration(tx: Transaction, declaration_id: str) -> Declaration:
    """Begin the next version of a signed declaration with all that it says; the draft begun before, if there is one.

    What does not hold any more (authorisations that ended or were withdrawn) is left out, and the undertaking is to be
    given anew.

    Raises:
        NotFound: The declaration is not the party's.
        WrongState: It is not signed.
    """
    declaration = own(tx, declaration_id)
    if declaration.state != "signed":
        raise WrongState("A draft is revised, not replaced.", code="not_signed")
    begun = tx.first(select(Declaration).where(Declaration.replaces_id == declaration.id, Declaration.state == "draft"))
    if begun is not None:
        return begun
    _, authorisations = rows_of(tx, declaration)
    holding = tuple(_grant(row) for row in authorisations if row.withdrawn_at is None and tx.now < row.ends_at)
    content = replace(content_of(tx, declaration), authorisations=holding, truth_undertaken=False)
    return begin(tx, declaration.org_id, content, declaration.id)


@verb
def bring_evidence(tx: Transaction, declaration_id: str, content: bytes) -> Declaration:
    """Keep an evidence file with a draft; its sources and authorisations name it by its digest.

    Raises:
        NotFound: The draft is not the party's.
        WrongState: It is signed.
        Invalid: Empty, more than 8 MiB, or of a kind that is not kept.
    """
    declaration = own(tx, declaration_id)
    declaration.__lifecycle__.edge(declaration.state, "revise")
    digest = _kept(tx, declaration, content)
    tx.record(declaration.id, "declaration.evidenced", by=SELLER, digests=_named(digest))
    return declaration


def content_of(tx: Transaction, declaration: Declaration) -> Content:
    """All that the present revision of a declaration says."""
    sources, authorisations = rows_of(tx, declaration)
    return Content(
        sources=tuple(_source(row) for row in sources),
        ground=declaration.ground,
        anonymisation_method=declaration.anonymisation_method,
        anonymisation_evidence=declaration.anonymisation_evidence,
        authorisations=tuple(_grant(row) for row in authorisations),
        processing_steps=tuple((step["name"], step["description"]) for step in declaration.processing_steps),
        personal_information=declaration.personal_information,
        truth_undertaken=declaration.truth_undertaken,
    )


def _source(row: DeclaredSource) -> Source:
    return Source(**{name: getattr(row, name) for name in _SOURCE_FIELDS})


def _grant(row: Authorisation) -> Grant:
    return Grant(
        grantor=row.grantor,
        data=row.data,
        purposes=tuple(row.purposes),
        onward_allowed=row.onward_allowed,
        starts_on=beijing_date(row.starts_at),
        ends_on=last_day(row.ends_at),
        evidence_digest=row.evidence_digest,
        columns=tuple(row.columns),
    )


def _grants_by_id(tx: Transaction, declaration: Declaration) -> dict[str, Grant]:
    return {row.id: _grant(row) for row in rows_of(tx, declaration)[1]}


def _within(position: int, count: int) -> int:
    if not 0 <= position < count:
        raise NotFound("There is no such %(kind)s.", kind="source")
    return position


def _kept(tx: Transaction, declaration: Declaration, evidence: bytes | None) -> bytes | None:
    """Keep an evidence file with the declaration; its digest, or ``None`` when none was brought."""
    if evidence is None:
        return None
    kind = media.evidence_type(evidence)
    return documents.put(tx, evidence, subject=declaration.id, kind="evidence", media_type=kind).digest


def _named(digest: bytes | None) -> Mapping[str, bytes]:
    return {} if digest is None else {"evidence": digest}
