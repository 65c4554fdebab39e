"""The party's identity file 身份审核档案: opened, filled, submitted, looked into.

What is in a file is personal data: it is sealed, stands in no entry, and each look of staff at it is recorded.
"""

import hashlib
import io
import json
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from sqlalchemy import select

from exchange import clock, documents, ids, sealing, vault
from exchange.db import Transaction, verb
from exchange.errors import Conflict, Invalid, NotFound, WrongState
from exchange.members import people
from exchange.members.models import IdentityCase, IdentityDocument
from exchange.members.states import DOCUMENT_KINDS, IDENTITY, IDENTITY_OPEN, REQUIRED_DOCUMENTS

#: An approval lasts a year at most, and no longer than the licence it rests on.
VALIDITY = timedelta(days=365)
#: How long before its end an approval can be renewed; the owner is reminded then.
REMINDER = timedelta(days=30)
MAX_DOCUMENTS = 20
OFFICER = "vetting_officer"

#: How files of the accepted types begin.
_MAGIC = {b"%PDF-": "application/pdf", b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


@dataclass(frozen=True, slots=True, repr=False)
class Details:
    """What the file says beside its documents: who represents the party by law, and where it is reached."""

    legal_representative: str
    phone: str
    address: str

    def __str__(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)

    @classmethod
    def parse(cls, text: str) -> "Details":
        """Read what ``str`` wrote."""
        return cls(**json.loads(text))


class Content(NamedTuple):
    """An opened document."""

    media_type: str
    content: bytes


# -- the party ----------------------------------------------------------------------------------------------------


@verb
def open_identity_case(tx: Transaction, details: Details, licence_expires_on: date | None = None) -> IdentityCase:
    """Open the file of the actor's organisation; ``licence_expires_on`` is the licence's last day, if it has one.

    Raises:
        Forbidden: The actor does not own a member organisation.
        Conflict: The organisation has a case that was not refused.
    """
    role = tx.actor.need("owner")
    org_id = _acting_for(tx)
    if tx.first(select(IdentityCase.id).where(IdentityCase.org_id == org_id, IdentityCase.state != "refused")):
        raise Conflict("There is an identity case already.", code="identity_case_exists")
    case = IdentityCase(
        id=ids.new("idc"),
        org_id=org_id,
        sealed_details=_seal_details(tx, org_id, details),
        licence_expires_on=licence_expires_on,
    )
    tx.create(case, "identity.opened", by=role, links=[org_id])
    people.flush_new(tx)
    return case


@verb
def amend_identity_case(
    tx: Transaction, case_id: str, details: Details, licence_expires_on: date | None = None
) -> IdentityCase:
    """Replace the details of a file that is with the party.

    Raises:
        WrongState: The file was submitted.
    """
    role, case = _own_open_case(tx, case_id)
    case.sealed_details = _seal_details(tx, case.org_id, details)
    case.licence_expires_on = licence_expires_on
    tx.record(case.id, "identity.amended", by=role)
    return case


@verb
def add_document(tx: Transaction, case_id: str, kind: str, content: bytes) -> IdentityDocument:
    """Add a scan to a file that is with the party; of several of a kind the newest counts.

    Raises:
        Invalid: Not a PDF, PNG or JPEG file, more than 8 MiB, an unknown kind, or too many documents.
        WrongState: The file was submitted.
    """
    role, case = _own_open_case(tx, case_id)
    if kind not in DOCUMENT_KINDS:
        raise Invalid("This kind of document is not known.", code="document_kind")
    if not 0 < len(content) <= documents.MAX_BYTES:
        raise Invalid("A document has between 1 and %(most)s bytes.", code="document_size", most=documents.MAX_BYTES)
    if len(documents_of(tx, case.id)) >= MAX_DOCUMENTS:
        raise Invalid("A case holds at most %(most)s documents.", code="too_many_documents", most=MAX_DOCUMENTS)
    document_id = ids.new("idd")
    key = vault.subject_key(tx.session, case.org_id)
    document = IdentityDocument(
        id=document_id,
        case_id=case.id,
        kind=kind,
        media_type=_media_type(content),
        size_bytes=len(content),
        digest=hashlib.sha256(content).digest(),
        sealed=b"".join(sealing.seal(io.BytesIO(content), key, _context(document_id))),
        added_at=tx.now,
    )
    tx.add(document)
    facts = {"document": document_id, "kind": kind}
    tx.record(case.id, "identity.document_added", by=role, facts=facts, digests={"document": document.digest})
    return document


@verb
def submit_identity_case(tx: Transaction, case_id: str) -> IdentityCase:
    """Hand the file in for review; that of an approved party for its renewal, while the approval goes on.

    Raises:
        Invalid: A document that this kind of party needs is missing, or the licence has expired.
        WrongState: It is not with the party.
    """
    role, case = _own_case(tx, case_id)
    action = "renew" if case.state == "approved" else "submit"
    IDENTITY.edge(case.state, action)
    if not _renewable(case, tx.now):
        raise WrongState("The time to renew has not come.", code="not_due")
    held = {document.kind: document.digest for document in documents_of(tx, case.id)}
    missing = REQUIRED_DOCUMENTS[people.org_of(tx, case.org_id).kind] - held.keys()
    if missing:
        raise Invalid("Documents are missing: %(kinds)s.", code="documents_missing", kinds=", ".join(sorted(missing)))
    if licence_end(case, tx.now) <= tx.now:
        raise Invalid("The licence has expired.", code="licence_expired")
    case.submitted_by, case.submitted_at = tx.actor.person_id, tx.now
    case.reviewer_id = case.checklist = case.reason = case.decided_at = None
    tx.undue("identity.remind", case.id)
    tx.advance(case, action, by=role, links=[case.org_id], digests=held)
    return case


# -- looking into the file --------------------------------------------------------------------------------------------


@verb
def read_document(tx: Transaction, case_id: str, document_id: str) -> Content:
    """The plain bytes of a document, for the party or a vetting officer, whose look is recorded.

    Raises:
        NotFound: There is no such document, or it is another party's.
    """
    case = _visible_case(tx, case_id)
    document = tx.get(IdentityDocument, document_id)
    if document.case_id != case.id:
        raise NotFound("There is no such document.")
    key = vault.subject_key(tx.session, case.org_id)
    content = b"".join(sealing.unseal(io.BytesIO(document.sealed), key, _context(document.id)))
    _record_look(tx, case, document.id)
    return Content(document.media_type, content)


@verb
def read_details(tx: Transaction, case_id: str) -> Details:
    """The details of a file, for the party or a vetting officer, whose look is recorded.

    Raises:
        NotFound: There is no such case, or it is another party's.
    """
    case = _visible_case(tx, case_id)
    text = vault.open_text(tx.session, case.org_id, "identity_case", "details", case.sealed_details)
    _record_look(tx, case, "details")
    return Details.parse(text)


# -- inside -------------------------------------------------------------------------------------------------------


def _acting_for(tx: Transaction) -> str:
    if tx.actor.org_id is None:
        raise NotFound("There is no such organisation.")
    return tx.actor.org_id


def _own_case(tx: Transaction, case_id: str) -> tuple[str, IdentityCase]:
    role = tx.actor.need("owner")
    case = tx.lock(IdentityCase, case_id)
    if case.org_id != tx.actor.org_id:
        raise NotFound("There is no such %(kind)s.", kind="identity_case")
    return role, case


def _own_open_case(tx: Transaction, case_id: str) -> tuple[str, IdentityCase]:
    role, case = _own_case(tx, case_id)
    if case.state not in IDENTITY_OPEN or not _renewable(case, tx.now):
        raise WrongState("The file is not with you: it cannot be changed now.", code="file_submitted")
    return role, case


def _renewable(case: IdentityCase, now: datetime) -> bool:
    """Whether an approved case is near enough to its end; a case that is not approved is not held to that."""
    return case.state != "approved" or case.valid_until is None or case.valid_until <= now + REMINDER


def _visible_case(tx: Transaction, case_id: str) -> IdentityCase:
    case = tx.get(IdentityCase, case_id)
    if OFFICER not in tx.actor.roles and case.org_id != tx.actor.org_id:
        raise NotFound("There is no such %(kind)s.", kind="identity_case")
    return case


def _record_look(tx: Transaction, case: IdentityCase, what: str) -> None:
    if OFFICER in tx.actor.roles:
        tx.record(case.id, "identity.read", by=OFFICER, facts={"what": what})


def documents_of(tx: Transaction, case_id: str) -> list[IdentityDocument]:
    """A case's documents, oldest first, without their contents."""
    return list(
        tx.all(select(IdentityDocument).where(IdentityDocument.case_id == case_id).order_by(IdentityDocument.id))
    )


def _seal_details(tx: Transaction, org_id: str, details: Details) -> bytes:
    limits = {"legal_representative": people.MAX_NAME, "phone": 32, "address": 300}
    faults = {
        name: ["This has to be filled in, and not be too long."]
        for name, most in limits.items()
        if not 0 < len(getattr(details, name).strip()) <= most
    }
    if faults:
        raise Invalid("Some fields are not right.", code="invalid_details", fields=faults)
    return vault.seal_text(tx.session, org_id, "identity_case", "details", str(details))


def _media_type(content: bytes) -> str:
    for magic, media_type in _MAGIC.items():
        if content.startswith(magic):
            return media_type
    raise Invalid("A document is a PDF, PNG or JPEG file.", code="document_type")


def _context(document_id: str) -> bytes:
    return b"identity document " + document_id.encode()


def licence_end(case: IdentityCase, now: datetime) -> datetime:
    """The instant after the licence's last day in Beijing; far enough away when it has none."""
    if case.licence_expires_on is None:
        return now + VALIDITY
    return datetime.combine(case.licence_expires_on + timedelta(days=1), time(), clock.BEIJING)
