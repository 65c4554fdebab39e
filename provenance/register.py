"""Agreements on the use of government data (Art. 19), between a department and the user of its data.

Both sign here, the user first; or the agreement was signed elsewhere, either brings a scan of it, and the department
confirms that scan with a signature of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select

from exchange import documents, handlers, ids
from exchange.db import Transaction, verb
from exchange.errors import Conflict, Forbidden, Invalid, InvariantBroken, NotFound, StaleVersion, WrongState
from exchange.journal import canonical
from exchange.lifecycle import CLOCK
from exchange.members import signatures
from exchange.members.gates import vetted
from exchange.members.models import Organisation
from exchange.members.people import org_of
from provenance import media, purposes
from provenance.models import Agreement, CatalogueRecord
from provenance.standard_terms import STANDARDS
from provenance.states import AGREEMENT_BASES, BUYER_KINDS, DEPARTMENT, USER
from provenance.terms import ends_at, last_day

#: Told when an agreement no longer holds, with ``agreement_id`` and ``how`` (``ended``, ``terminated``).
ENDED = "agreement.ended"


@dataclass(frozen=True, slots=True)
class DataItem:
    """An item of an agreement's list of data: a catalogue record and which of its columns (all when none is named)."""

    record_id: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """What an agreement says; the six items of Art. 19(2) may still be empty. ``ends_on`` is the term's last day.

    ``standard`` names the standard terms it began with, if any.
    """

    basis: str
    official_number: str
    data: tuple[DataItem, ...]
    purposes: tuple[str, ...]
    purpose_text: str
    application_scenario: str
    security_measures: str
    starts_on: date | None
    ends_on: date | None
    disposal: str
    outputs_may_be_sold: bool
    buyers_allowed: tuple[str, ...]
    standard: str = ""
    registration_number: str = ""


# -- agreements -------------------------------------------------------------------------------------------------------


@verb
def draft_agreement(
    tx: Transaction, terms: Terms, *, department_org_id: str, user_org_id: str | None = None
) -> Agreement:
    """Draft an agreement, as its user (``user_org_id`` may be left out) or as the department.

    Raises:
        Forbidden: The actor is neither owner nor trader.
        NotFound: The actor's organisation is neither of the two parties, or a party does not exist.
        Invalid: The terms name a record of another department, unknown columns, purposes or kinds, or an empty term.
    """
    tx.actor.need("owner", "trader")
    agreement = Agreement(
        id=ids.new("agr"),
        department_org_id=org_of(tx, department_org_id).id,
        user_org_id=org_of(tx, user_org_id or tx.actor.org_id or "").id,
    )
    side = side_of(agreement, tx.actor.org_id)
    if org_of(tx, department_org_id).kind != DEPARTMENT or agreement.department_org_id == agreement.user_org_id:
        raise Invalid("An agreement is between a government department and somebody else.", code="no_department")
    _apply(tx, agreement, terms)
    facts = {"basis": agreement.basis, "missing": ",".join(agreement.missing_items)}
    tx.create(agreement, "agreement.drafted", by=side, facts=facts, links=_parties(agreement))
    return agreement


@verb
def revise_agreement(tx: Transaction, agreement_id: str, terms: Terms, *, row_version: int) -> Agreement:
    """Change a draft; ``row_version`` is that of the draft which the change was made from.

    Raises:
        NotFound: It is no agreement of the actor's organisation.
        WrongState: It is no draft any more.
        StaleVersion: The other side changed it in the meantime.
        Invalid: As for ``draft_agreement``.
    """
    agreement, side = _locked(tx, agreement_id)
    agreement.__lifecycle__.edge(agreement.state, "revise")
    if agreement.row_version != row_version:
        raise _changed()
    _apply(tx, agreement, terms)
    facts = {"basis": agreement.basis, "missing": ",".join(agreement.missing_items)}
    tx.advance(agreement, "revise", by=side, facts=facts, links=_parties(agreement))
    return agreement


@verb
def sign_agreement(tx: Transaction, agreement_id: str, *, password: str, row_version: int | None = None) -> Agreement:
    """Sign: the user offers its draft, then the department puts it in force. Both sign the same stored bytes.

    An agreement that lacks one of the six items can be signed; what is made on it cannot be listed (G-08). The other
    side may still change a draft: ``row_version``, that of the agreement as the signer read it, guards against signing
    something else.

    Raises:
        NotFound: It is no agreement of the actor's organisation.
        WrongState: It is not this side's turn, or the term is over.
        StaleVersion: It is not the ``row_version`` that was read.
        Refused: One of the parties is not vetted (I-01, I-02).
        Forbidden: The actor may not sign, or the password is not right.
    """
    agreement, side = _locked(tx, agreement_id)
    edge = "offer" if side == USER else "sign"
    agreement.__lifecycle__.edge(agreement.state, edge)
    if row_version not in (None, agreement.row_version):
        raise _changed()
    _may_begin(tx, agreement)
    if side == USER:
        agreement.document_digest = _keep_document(tx, agreement)
    if agreement.document_digest is None:
        raise WrongState("There is nothing to sign yet.", code="not_offered")
    _sign(tx, agreement, edge, side, password=password, digests={"agreement": agreement.document_digest})
    return agreement


@verb
def bring_agreement(tx: Transaction, agreement_id: str, scan: bytes) -> Agreement:
    """Bring the ``scan`` (PDF, PNG or JPEG) of an agreement that was signed elsewhere, as either side of the draft.

    Raises:
        NotFound: It is no agreement of the actor's organisation.
        WrongState: It is no draft, or the term is over.
        Invalid: Not a PDF, PNG or JPEG file, empty, or more than 8 MiB.
        Refused: One of the parties is not vetted (I-01, I-02).
    """
    agreement, side = _locked(tx, agreement_id)
    agreement.__lifecycle__.edge(agreement.state, "bring")
    _may_begin(tx, agreement)
    kept = documents.put(tx, scan, subject=agreement.id, kind="agreement_scan", media_type=media.scan_type(scan))
    agreement.scan_digest = kept.digest
    tx.advance(
        agreement,
        "bring",
        by=side,
        facts={"missing": ",".join(agreement.missing_items)},
        links=_parties(agreement),
        digests={"scan": kept.digest},
    )
    return agreement


@verb
def confirm_agreement(
    tx: Transaction, agreement_id: str, *, password: str, row_version: int | None = None
) -> Agreement:
    """Confirm, as the department, that the scan shows the agreement and what was entered of it; this puts it in force.

    The department signs what was entered together with the scan's digest.

    Raises:
        NotFound: It is no agreement of the actor's organisation.
        WrongState: No scan waits for confirmation, or the term is over.
        Forbidden: The actor is not of the department, may not sign, or the password is not right.
        StaleVersion: It is not the ``row_version`` that was read.
        Refused: One of the parties is not vetted (I-01, I-02).
    """
    agreement, side = _locked(tx, agreement_id)
    agreement.__lifecycle__.edge(agreement.state, "confirm")
    if side != DEPARTMENT:
        raise Forbidden("The department confirms the scan.", code="not_the_department")
    if row_version not in (None, agreement.row_version):
        raise _changed()
    _may_begin(tx, agreement)
    if agreement.scan_digest is None:
        raise InvariantBroken("%(agreement)s was brought without a scan", agreement=agreement.id)
    agreement.document_digest = _keep_document(tx, agreement)
    digests = {"agreement": agreement.document_digest, "scan": agreement.scan_digest}
    _sign(tx, agreement, "confirm", side, password=password, digests=digests)
    return agreement


@verb
def decline_agreement(tx: Transaction, agreement_id: str, *, reason: str) -> Agreement:
    """Give up a draft or an offer, as either side, saying why.

    Raises:
        NotFound: It is no agreement of the actor's organisation.
        WrongState: It is in force or closed.
    """
    agreement, side = _locked(tx, agreement_id)
    agreement.closing_reason = reason
    tx.advance(agreement, "decline", by=side, links=_parties(agreement))
    return agreement


@verb
def record_copy(tx: Transaction, agreement_id: str, *, authority: str) -> Agreement:
    """Record that the department sent a copy to the big data authority of its level (抄送, G-09), now.

    Raises:
        NotFound: It is no agreement of the actor's organisation.
        Forbidden: The actor is not of the department.
        WrongState: It is not in force.
        Conflict: The copy is recorded already.
    """
    agreement, side = _locked(tx, agreement_id)
    if side != DEPARTMENT:
        raise Forbidden("The department sends the copy.", code="not_the_department")
    if agreement.copy_sent_at is not None:
        raise Conflict("The copy is recorded already.", code="copy_recorded")
    agreement.copy_sent_at, agreement.copy_sent_to = tx.now, authority
    tx.advance(agreement, "copy", by=side, facts={"authority": authority}, links=_parties(agreement))
    return agreement


@verb
def terminate_agreement(tx: Transaction, agreement_id: str, *, reason: str) -> Agreement:
    """End an agreement before its term, as either side. New trades on it stop at once.

    Raises:
        NotFound: It is no agreement of the actor's organisation.
        WrongState: It is not in force.
    """
    agreement, side = _locked(tx, agreement_id)
    agreement.closing_reason = reason
    tx.advance(agreement, "terminate", by=side, links=_parties(agreement))
    tx.undue("agreement.end", agreement.id)
    handlers.tell(tx, ENDED, agreement_id=agreement.id, how="terminated")
    return agreement


@verb
def end_agreement(tx: Transaction, agreement_id: str) -> Agreement:
    """Time ends an agreement at the end of its term (G-18).

    Raises:
        WrongState: It is not in force, or its term still runs.
    """
    tx.actor.need(CLOCK)
    agreement = tx.lock(Agreement, agreement_id)
    if agreement.ends_at is None or tx.now < agreement.ends_at:
        raise WrongState("The term of this agreement still runs.", code="term_runs")
    tx.advance(agreement, "end", by=CLOCK, links=_parties(agreement))
    handlers.tell(tx, ENDED, agreement_id=agreement.id, how="ended")
    return agreement


# -- shared -----------------------------------------------------------------------------------------------------------


def side_of(agreement: Agreement, org_id: str | None) -> str:
    """Which side of the agreement an organisation is: ``user`` or ``department``.

    Raises:
        NotFound: Neither.
    """
    sides = {agreement.user_org_id: USER, agreement.department_org_id: DEPARTMENT}
    try:
        return sides[org_id or ""]
    except KeyError:
        raise NotFound("There is no such %(kind)s.", kind="agreement") from None


def _locked(tx: Transaction, agreement_id: str) -> tuple[Agreement, str]:
    """The actor's own agreement, locked, and the actor's side of it."""
    agreement = tx.lock(Agreement, agreement_id)
    side = side_of(agreement, tx.actor.org_id)
    tx.actor.need("owner", "trader")
    return agreement, side


def _may_begin(tx: Transaction, agreement: Agreement) -> None:
    """Both parties are vetted, and something of the term is left."""
    vetted(tx, *sorted((agreement.user_org_id, agreement.department_org_id)))
    if agreement.ends_at is not None and agreement.ends_at <= tx.now:
        raise WrongState("The term of this agreement is over.", code="term_over")


def _keep_document(tx: Transaction, agreement: Agreement) -> bytes:
    """Keep the agreement as it will be signed; its digest."""
    content = canonical.dumps(_document(tx, agreement))
    return documents.put(tx, content, subject=agreement.id, kind="agreement", media_type="application/json").digest


def _sign(
    tx: Transaction, agreement: Agreement, edge: str, side: str, *, password: str, digests: Mapping[str, bytes]
) -> None:
    """Sign the kept document for one side; the department's signature starts the term's clock."""
    content = documents.get(tx.session, digests["agreement"]).content
    signature = signatures.sign(tx, agreement.id, password, content, scope="agreement")
    if side == USER:
        agreement.user_signature_id = signature.id
    else:
        agreement.department_signature_id = signature.id
        if agreement.ends_at is not None:
            tx.due("agreement.end", agreement.id, agreement.ends_at)
    facts = {"signature": signature.id, "missing": ",".join(agreement.missing_items)}
    tx.advance(agreement, edge, by=side, facts=facts, links=_parties(agreement), digests=digests)


def _changed() -> StaleVersion:
    return StaleVersion("This was changed by somebody else in the meantime; read it again.")


def _parties(agreement: Agreement) -> list[str]:
    return [agreement.user_org_id, agreement.department_org_id, *(item["record_id"] for item in agreement.data)]


def _apply(tx: Transaction, agreement: Agreement, terms: Terms) -> None:
    if terms.basis not in AGREEMENT_BASES or not set(terms.buyers_allowed) <= set(BUYER_KINDS):
        raise Invalid("There is no such basis or kind of buyer.", code="unknown_kind")
    if terms.starts_on is not None and terms.ends_on is not None and terms.ends_on < terms.starts_on:
        raise Invalid("The term ends before it starts.", code="empty_term")
    if terms.standard not in ("", *STANDARDS):
        raise Invalid("There are no such standard terms.", code="unknown_standard")
    agreement.basis = terms.basis
    agreement.standard = terms.standard
    agreement.registration_number = terms.registration_number.strip()
    agreement.official_number = terms.official_number
    agreement.data = _listed(tx, agreement.department_org_id, terms.data)
    agreement.purposes = purposes.check(terms.purposes)
    agreement.purpose_text = terms.purpose_text
    agreement.application_scenario = terms.application_scenario.strip()
    agreement.security_measures = terms.security_measures.strip()
    agreement.starts_on = terms.starts_on
    agreement.ends_at = None if terms.ends_on is None else ends_at(terms.ends_on)
    agreement.disposal = terms.disposal.strip()
    agreement.outputs_may_be_sold = terms.outputs_may_be_sold
    agreement.buyers_allowed = sorted(set(terms.buyers_allowed))


def _listed(tx: Transaction, department_org_id: str, data: Sequence[DataItem]) -> list[Any]:
    """The list of data, each record the department's and each column the record's."""
    statement = select(CatalogueRecord).where(CatalogueRecord.id.in_({item.record_id for item in data}))
    records = {record.id: record for record in tx.all(statement) if record.department_org_id == department_org_id}
    for item in data:
        record = records.get(item.record_id)
        if record is None:
            raise Invalid("The list of data names a record that is not the department's.", code="unknown_record")
        unknown = set(item.columns) - {field["name"] for field in record.fields}
        if unknown:
            raise Invalid(
                "The record has no such columns: %(columns)s.",
                code="unknown_column",
                columns=", ".join(sorted(unknown)),
            )
    return [{"record_id": item.record_id, "columns": list(item.columns)} for item in data]


def _document(tx: Transaction, agreement: Agreement) -> dict[str, Any]:
    """The agreement as both parties sign it."""
    return {
        "type": "government_data_use_agreement",
        "version": 1,
        "agreement": agreement.id,
        "department": _party(org_of(tx, agreement.department_org_id)),
        "user": _party(org_of(tx, agreement.user_org_id)),
        "basis": agreement.basis,
        "official_number": agreement.official_number,
        "data": [_data_item(tx, item) for item in agreement.data],
        "purposes": agreement.purposes,
        "purpose_text": agreement.purpose_text,
        "application_scenario": agreement.application_scenario,
        "security_measures": agreement.security_measures,
        "starts_on": None if agreement.starts_on is None else agreement.starts_on.isoformat(),
        "ends_on": None if agreement.ends_at is None else last_day(agreement.ends_at).isoformat(),
        "disposal": agreement.disposal,
        "outputs_may_be_sold": agreement.outputs_may_be_sold,
        "buyers_allowed": agreement.buyers_allowed,
        "standard": agreement.standard,
        "registration_number": agreement.registration_number,
        "scan_digest": None if agreement.scan_digest is None else agreement.scan_digest.hex(),
    }


def _party(organisation: Organisation) -> dict[str, str | None]:
    return {"id": organisation.id, "name": organisation.name, "uscc": organisation.uscc}


def _data_item(tx: Transaction, item: dict[str, Any]) -> dict[str, Any]:
    record = tx.get(CatalogueRecord, item["record_id"])
    title = {"zh": record.title_zh, "en": record.title_en}
    return {**item, "official_number": record.official_number, "title": title}
