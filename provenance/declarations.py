"""Declarations of provenance (数据来源说明): drafted by a party, signed by one of its people, then fixed for good."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select

from exchange import clock, documents, ids
from exchange.db import Transaction, verb
from exchange.errors import Conflict, Invalid, NotFound, StaleVersion, WrongState
from exchange.journal import canonical
from exchange.members import signatures
from exchange.members.gates import vetted
from exchange.members.models import Organisation
from exchange.members.people import org_of
from provenance import findings, gates, purposes
from provenance.changes import AUTHORISATION_WITHDRAWN, reevaluate_later
from provenance.models import Acquisition, Agreement, Authorisation, CatalogueRecord, Declaration, DeclaredSource
from provenance.states import GROUNDS, SELLER, SOURCE_KINDS, SOURCE_USES
from provenance.terms import begins_at, ends_at

UNDERTAKING = {
    "zh": "本单位承诺：所述数据来源合法、真实、完整，并愿意承担由此产生的法律责任。",
    "en": "We undertake that the sources stated are lawful, true and complete, and answer for it under the law.",
}
#: More sources or authorisations than this belong into several products.
MAX_ITEMS = 200
#: Staff who may record that a grantor withdrew an authorisation.
REVIEWER = "compliance_reviewer"


@dataclass(frozen=True, slots=True)
class Source:
    """A source as declared. What is unknown is empty; signing asks for what RULES P-02 lists."""

    kind: str
    use: str
    title: str
    holder: str
    holder_org_id: str | None = None
    method: str = ""
    collected_from: date | None = None
    collected_to: date | None = None
    territory: str = ""
    licence: str = ""
    evidence_digest: bytes | None = None
    retrieved_at: datetime | None = None
    record_id: str | None = None
    agreement_id: str | None = None
    acquisition_id: str | None = None
    external_number: str = ""
    not_intrusive: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """An authorisation as declared (RULES P-04); the grantee is the declaring party.

    ``ends_on`` is the last day; ``columns`` names those it covers, none means all.
    """

    grantor: str
    data: str
    purposes: tuple[str, ...]
    onward_allowed: bool
    starts_on: date
    ends_on: date
    evidence_digest: bytes
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Content:
    """All that a declaration says. ``processing_steps`` are pairs of a step's name and description, in order."""

    sources: tuple[Source, ...]
    ground: str | None = None
    anonymisation_method: str = ""
    anonymisation_evidence: bytes | None = None
    authorisations: tuple[Grant, ...] = ()
    processing_steps: tuple[tuple[str, str], ...] = ()
    personal_information: bool = False
    truth_undertaken: bool = False


@verb
def declare(tx: Transaction, content: Content, *, replaces_id: str | None = None) -> Declaration:
    """Begin a declaration, or one that takes the place of the signed declaration ``replaces_id``.

    Raises:
        Forbidden: The actor is neither owner nor trader of a party.
        NotFound: An agreement, acquisition or declaration named is not the party's.
        Invalid: A word or purpose is unknown, or a record, holder or term does not fit.
        WrongState: What is to be replaced is not signed.
    """
    tx.actor.need("owner", "trader")
    party = org_of(tx, tx.actor.org_id or "")
    if replaces_id is not None and own(tx, replaces_id).state != "signed":
        raise WrongState("A draft is revised, not replaced.", code="not_signed")
    return begin(tx, party.id, content, replaces_id)


@verb
def revise_declaration(tx: Transaction, declaration_id: str, content: Content, *, row_version: int) -> Declaration:
    """Write a draft anew; ``row_version`` is that of the draft which the change was made from.

    Raises:
        NotFound: It is not the party's, or something it names is not.
        WrongState: It is signed.
        StaleVersion: Somebody else changed it in the meantime.
        Invalid: As for ``declare``.
    """
    declaration = own(tx, declaration_id)
    if declaration.row_version != row_version:
        declaration.__lifecycle__.edge(declaration.state, "revise")
        raise StaleVersion("This was changed by somebody else in the meantime; read it again.")
    rewrite(tx, declaration, content)
    return declaration


@verb
def sign_declaration(
    tx: Transaction, declaration_id: str, *, password: str, truth_undertaken: bool = False
) -> Declaration:
    """Sign for the party, with the actor's own key, the document that the declaration is from then on (RULES P-05).

    The undertaking may stand in the draft already, or be given with the signature as ``truth_undertaken``.

    Raises:
        NotFound: It is not the party's.
        WrongState: It is signed already.
        Refused: The party is not vetted (I-01, I-02); the undertaking (P-05), a source's description (P-02), a ground
            (P-03), an authorisation (P-04), the licence of something bought here (P-06) or the statement about
            automated gathering (P-07) is missing or does not hold.
        Forbidden: The actor may not sign, or the password is not right.
    """
    declaration = own(tx, declaration_id)
    declaration.__lifecycle__.edge(declaration.state, "sign")
    declaration.truth_undertaken = declaration.truth_undertaken or truth_undertaken
    vetted(tx, declaration.org_id)
    gates.SIGNING.ask(tx, declaration.id)
    sources, authorisations = rows_of(tx, declaration)
    content = canonical.dumps(_document(org_of(tx, declaration.org_id), declaration, sources, authorisations))
    kept = documents.put(tx, content, subject=declaration.id, kind="declaration", media_type="application/json")
    signature = signatures.sign(tx, declaration.id, password, content, scope="declare")
    declaration.document_digest = kept.digest
    declaration.signature_id = signature.id
    declaration.signed_at = tx.now
    facts = {
        "revision": declaration.revision,
        "ground": declaration.ground,
        "sources": len(sources),
        "personal_information": declaration.personal_information,
        "signature": signature.id,
    }
    tx.advance(
        declaration,
        "sign",
        by=SELLER,
        facts=facts,
        links=sorted(set(_named(sources))),
        digests={"declaration": kept.digest},
    )
    findings.remedy(tx, declaration)
    return declaration


@verb
def withdraw_authorisation(
    tx: Transaction, declaration_id: str, authorisation_id: str, *, reason: str
) -> Authorisation:
    """Record that a grantor withdrew its authorisation: from this moment the declaration does not stand (P-04).

    The party itself records it, or a reviewer whom the grantor told.

    Raises:
        NotFound: The declaration is not the party's, or has no such authorisation.
        WrongState: The declaration is a draft: leave the authorisation out instead.
        Conflict: It is recorded already.
    """
    declaration = tx.lock(Declaration, declaration_id)
    role = REVIEWER if REVIEWER in tx.actor.roles and declaration.state == "signed" else SELLER
    if role == SELLER:
        own(tx, declaration_id)
    authorisation = tx.lock(Authorisation, authorisation_id)
    if (authorisation.declaration_id, authorisation.revision) != (declaration.id, declaration.revision):
        raise NotFound("There is no such %(kind)s.", kind="authorisation")
    if declaration.state != "signed":
        raise WrongState("A draft is revised instead.", code="not_signed")
    if authorisation.withdrawn_at is not None:
        raise Conflict("This withdrawal is recorded already.", code="already_withdrawn")
    authorisation.withdrawn_at, authorisation.withdrawal_reason = tx.now, reason
    tx.record(declaration.id, "authorisation.withdrawn", by=role, facts={"authorisation": authorisation.id})
    reevaluate_later(tx, declaration.id, AUTHORISATION_WITHDRAWN)
    return authorisation


def rows_of(tx: Transaction, declaration: Declaration) -> tuple[list[DeclaredSource], list[Authorisation]]:
    """The sources and authorisations of the present revision, each in a stable order."""
    sources = tx.all(
        select(DeclaredSource)
        .where(DeclaredSource.declaration_id == declaration.id, DeclaredSource.revision == declaration.revision)
        .order_by(DeclaredSource.position)
    )
    authorisations = tx.all(
        select(Authorisation)
        .where(Authorisation.declaration_id == declaration.id, Authorisation.revision == declaration.revision)
        .order_by(Authorisation.id)
    )
    return list(sources), list(authorisations)


# -- shared -----------------------------------------------------------------------------------------------------------


def begin(tx: Transaction, org_id: str, content: Content, replaces_id: str | None) -> Declaration:
    """A new draft, recorded."""
    declaration = Declaration(id=ids.new("dec"), org_id=org_id, replaces_id=replaces_id, revision=1)
    _apply(declaration, content)
    facts = {"revision": 1, "sources": len(content.sources)}
    links = [] if replaces_id is None else [replaces_id]
    tx.create(declaration, "declaration.drafted", by=SELLER, facts=facts, links=links)
    tx.session.flush()
    _add_rows(tx, declaration, content)
    return declaration


def rewrite(
    tx: Transaction, declaration: Declaration, content: Content, digests: Mapping[str, bytes] | None = None
) -> None:
    """Write a locked draft anew, recorded; ``digests`` names documents kept with the change.

    Raises:
        WrongState: It is signed.
    """
    declaration.__lifecycle__.edge(declaration.state, "revise")
    declaration.revision += 1
    _apply(declaration, content)
    facts = {"revision": declaration.revision, "sources": len(content.sources)}
    tx.advance(declaration, "revise", by=SELLER, facts=facts, digests=digests)
    _add_rows(tx, declaration, content)


def own(tx: Transaction, declaration_id: str) -> Declaration:
    """The party's own declaration, locked, for somebody who may write it."""
    declaration = tx.lock(Declaration, declaration_id)
    if declaration.org_id != tx.actor.org_id:
        raise NotFound("There is no such %(kind)s.", kind="declaration")
    tx.actor.need("owner", "trader")
    return declaration


def _apply(declaration: Declaration, content: Content) -> None:
    if content.ground not in (None, *GROUNDS):
        raise Invalid("There is no such ground.", code="unknown_ground")
    declaration.ground = content.ground
    declaration.anonymisation_method = content.anonymisation_method.strip()
    declaration.anonymisation_evidence = content.anonymisation_evidence
    declaration.processing_steps = [{"name": name, "description": text} for name, text in content.processing_steps]
    declaration.personal_information = content.personal_information
    declaration.truth_undertaken = content.truth_undertaken


def _add_rows(tx: Transaction, declaration: Declaration, content: Content) -> None:
    if max(len(content.sources), len(content.authorisations)) > MAX_ITEMS:
        raise Invalid("A declaration has at most %(most)s of these.", code="too_many_items", most=MAX_ITEMS)
    for position, source in enumerate(content.sources):
        tx.add(_source_row(tx, declaration, position, source))
    for grant in content.authorisations:
        if grant.ends_on < grant.starts_on:
            raise Invalid("The term ends before it starts.", code="empty_term")
        tx.add(
            Authorisation(
                id=ids.new("aut"),
                declaration_id=declaration.id,
                revision=declaration.revision,
                grantor=grant.grantor,
                data=grant.data,
                purposes=purposes.check(grant.purposes),
                onward_allowed=grant.onward_allowed,
                starts_at=begins_at(grant.starts_on),
                ends_at=ends_at(grant.ends_on),
                evidence_digest=grant.evidence_digest,
                columns=list(grant.columns),
            )
        )


def _source_row(tx: Transaction, declaration: Declaration, position: int, source: Source) -> DeclaredSource:
    if source.kind not in SOURCE_KINDS or source.use not in SOURCE_USES:
        raise Invalid("There is no such kind or use of a source.", code="unknown_kind")
    if source.collected_from and source.collected_to and source.collected_to < source.collected_from:
        raise Invalid("The period of a source ends before it starts.", code="empty_period")
    holder_org_id = _holder(tx, source)
    for kind, key in ((Agreement, source.agreement_id), (Acquisition, source.acquisition_id)):
        if key is not None:
            _refuse_anothers(tx, kind, key, declaration.org_id)
    return DeclaredSource(
        declaration_id=declaration.id,
        revision=declaration.revision,
        position=position,
        kind=source.kind,
        title=source.title,
        holder=source.holder,
        holder_org_id=holder_org_id,
        method=source.method.strip(),
        collected_from=source.collected_from,
        collected_to=source.collected_to,
        territory=source.territory.strip(),
        licence=source.licence.strip(),
        evidence_digest=source.evidence_digest,
        retrieved_at=source.retrieved_at,
        record_id=source.record_id,
        agreement_id=source.agreement_id,
        acquisition_id=source.acquisition_id,
        use=source.use,
        external_number=source.external_number.strip(),
        not_intrusive=source.not_intrusive,
    )


def _holder(tx: Transaction, source: Source) -> str | None:
    """Who holds the source: the department of the record named, else who is said to."""
    if source.holder_org_id is not None:
        org_of(tx, source.holder_org_id)
    if source.record_id is None:
        return source.holder_org_id
    department = tx.get(CatalogueRecord, source.record_id).department_org_id
    if source.holder_org_id not in (None, department):
        raise Invalid("The catalogue record is held by another department.", code="holder_mismatch")
    return department


def _refuse_anothers(tx: Transaction, kind: type[Agreement | Acquisition], key: str, org_id: str) -> None:
    row = tx.get(kind, key)
    if org_id != (row.user_org_id if isinstance(row, Agreement) else row.org_id):
        raise NotFound("There is no such %(kind)s.", kind=kind.__tablename__)


def _named(sources: list[DeclaredSource]) -> Iterator[str]:
    for source in sources:
        yield from filter(None, (source.record_id, source.agreement_id, source.acquisition_id))


def _document(
    party: Organisation,
    declaration: Declaration,
    sources: list[DeclaredSource],
    authorisations: list[Authorisation],
) -> dict[str, Any]:
    """The declaration as it is signed."""
    return {
        "type": "declaration_of_provenance",
        "version": 1,
        "declaration": declaration.id,
        "replaces": declaration.replaces_id,
        "party": {"id": party.id, "name": party.name, "uscc": party.uscc},
        "sources": [plain(source) for source in sources],
        "ground": declaration.ground,
        "anonymisation": {
            "method": declaration.anonymisation_method,
            "evidence_digest": _text(declaration.anonymisation_evidence),
        },
        "authorisations": [plain(row) | {"grantee": party.id} for row in authorisations],
        "processing_steps": declaration.processing_steps,
        "personal_information": declaration.personal_information,
        "undertaking": UNDERTAKING,
    }


#: Columns that place a row or come later, and are no part of what is declared.
_NOT_DECLARED = frozenset({"declaration_id", "revision", "withdrawn_at", "withdrawal_reason"})


def plain(row: DeclaredSource | Authorisation) -> dict[str, Any]:
    """What a source or an authorisation says, as canonical JSON holds it."""
    names = (column.key for column in type(row).__table__.columns)
    return {name: _text(getattr(row, name)) for name in names if name not in _NOT_DECLARED}


def _text(value: Any) -> Any:
    """A column's value as canonical JSON holds it."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return clock.text(value)
    return value.isoformat() if isinstance(value, date) else value
