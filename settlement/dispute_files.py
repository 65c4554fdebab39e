"""The file of a dispute: why it was opened, what the seller answers, what both lay before the officer.

Evidence is named by its digest in the lot's story. Where it may hold personal data it is sealed under the key of the
party that gave it; either party and the dispute officers may read it, and each look of an officer is recorded.
"""

import hashlib
import io
from dataclasses import dataclass

from sqlalchemy import func, select

from exchange import documents, ids, sealing, vault
from exchange.db import Transaction, verb
from exchange.errors import Conflict, Invalid, InvariantBroken, NotFound, Refused, WrongState
from exchange.gates import gate
from settlement import deadlines, parties, statements
from settlement.lot_models import Dispute, Evidence
from settlement.models import Lot, Order
from settlement.states import OFFICER, SELLER

#: Most documents that one side lays before the officer in one dispute.
MAX_EVIDENCE = 20
MAX_TITLE = 120
#: Largest document, in bytes: sealed, it still is one for ``exchange.documents``.
MAX_BYTES = documents.MAX_BYTES // 2
#: How a document begins; anything else is taken as text if it is UTF-8 without control characters.
_MAGIC = {b"%PDF-": "application/pdf", b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
_TEXT = "text/plain; charset=utf-8"
_LAYOUT = "\t\r\n"


@dataclass(frozen=True, slots=True)
class Content:
    """The plain bytes of a document of evidence."""

    media_type: str
    content: bytes
    name: str


def begin(tx: Transaction, lot: Lot, *, opened_by: str, reason: str | None) -> Dispute:
    """Open the file of a lot that has just become disputed; the caller recorded that."""
    due = tx.now + deadlines.ANSWER
    return tx.add(
        Dispute(
            id=ids.new("dsp"),
            lot_id=lot.id,
            opened_by=opened_by,
            reason=reason,
            opened_at=tx.now,
            answer_due_at=due,
            urgency=-int(due.timestamp()),
        )
    )


def reopen(tx: Transaction, lot: Lot) -> None:
    """Open the lot's last file again: a party objected to the ruling."""
    dispute = _last(tx, lot)
    dispute.closed_at = None
    dispute.urgency = -int(tx.now.timestamp())  # both were heard, or had their time


def file_of(tx: Transaction, lot: Lot) -> Dispute:
    """The open file of a disputed lot.

    Raises:
        WrongState: The lot is not disputed.
    """
    found = deadlines.open_dispute(tx, lot)
    if found is None:
        raise WrongState("This is not in dispute.", code="not_disputed")
    return found


@gate("K-03")
def heard(tx: Transaction, lot: Lot) -> None:
    """The seller has answered the dispute, or has had its time to.

    Raises:
        Refused: Neither (``answer_awaited``).
    """
    dispute = file_of(tx, lot)
    if dispute.answered_at is None and tx.now < dispute.answer_due_at:
        raise Refused(
            "K-03",
            "The seller has not been heard yet.",
            remedy="Rule once the seller has answered, or once its time to answer is over.",
            code="answer_awaited",
            subjects=(lot.id, lot.order_id),
        )


@verb
def answer_dispute(tx: Transaction, lot_id: str, *, answer: str) -> Lot:
    """Answer a dispute, as the seller, once.

    Raises:
        NotFound: There is no such lot, or it is another party's.
        WrongState: It is not disputed.
        Conflict: It was answered (``answered``); more is said with evidence.
        Invalid: Nothing is said, or too much.
    """
    order, lot = parties.own_lot(tx, lot_id, SELLER, *parties.SIGNING)
    dispute = file_of(tx, lot)
    if dispute.answered_at is not None:
        raise Conflict("This dispute was answered already.", code="answered")
    digests = statements.keep(tx, lot.id, by=SELLER, step="answer", words=answer)
    dispute.answer, dispute.answered_at = statements.cleaned(answer), tx.now
    tx.record(lot.id, "lot.dispute_answered", by=SELLER, links=[order.id, dispute.id], digests=digests)
    return lot


@verb
def add_evidence(tx: Transaction, lot_id: str, *, title: str, content: bytes, personal: bool = True) -> Evidence:
    """Lay a document before the officer, as either side.

    Args:
        tx: The open transaction.
        lot_id: The disputed lot.
        title: What it shows, for the list; nothing personal.
        content: A PDF, PNG or JPEG file, or text in UTF-8; at most 4 MiB.
        personal: It may hold personal data: it is sealed.

    Raises:
        NotFound: There is no such lot, or it is another party's.
        WrongState: It is not disputed.
        Invalid: The document is of another kind, empty or too large, or has no title (``document_type``,
            ``document_size``, ``title_missing``).
        Conflict: This side gave as many as it may (``too_much_evidence``).
    """
    order, lot, side = parties.party_lot(tx, lot_id, *parties.SIGNING)
    dispute = file_of(tx, lot)
    name = title.strip()
    if not 0 < len(name) <= MAX_TITLE:
        raise Invalid("Say in at most %(most)s characters what it shows.", code="title_missing", most=MAX_TITLE)
    given = select(func.count()).select_from(Evidence).where(Evidence.dispute_id == dispute.id, Evidence.side == side)
    if (tx.first(given) or 0) >= MAX_EVIDENCE:
        raise Conflict("Each side gives at most %(most)s documents.", code="too_much_evidence", most=MAX_EVIDENCE)
    media_type = _media_type(content)
    org_id = order.buyer_org_id if side != SELLER else order.seller_org_id
    evidence_id = ids.new("evd")
    kept = _sealed(tx, evidence_id, org_id, content) if personal else content
    kind, stored_type = ("sealed_evidence", "application/octet-stream") if personal else ("evidence", media_type)
    document = documents.put(tx, kept, subject=lot.id, kind=kind, media_type=stored_type)
    evidence = Evidence(
        id=evidence_id,
        dispute_id=dispute.id,
        lot_id=lot.id,
        side=side,
        org_id=org_id,
        title=name,
        media_type=media_type,
        size_bytes=len(content),
        digest=hashlib.sha256(content).digest(),
        kept_digest=document.digest,
        sealed=personal,
        at=tx.now,
    )
    tx.add(evidence)
    digests = {"evidence": evidence.digest, "document": document.digest}
    tx.record(lot.id, "lot.evidence_given", by=side, links=[order.id, dispute.id, evidence.id], digests=digests)
    return evidence


@verb
def read_evidence(tx: Transaction, evidence_id: str) -> Content:
    """The plain bytes of a document, for the parties and for dispute officers, whose look is recorded.

    Raises:
        NotFound: There is no such document, or it is another trade's.
    """
    evidence = tx.get(Evidence, evidence_id)
    if OFFICER in tx.actor.roles:
        tx.record(evidence.lot_id, "lot.evidence_read", by=OFFICER, links=[evidence.id])
    else:
        _refuse_strangers(tx, evidence)
    kept = tx.session.get(documents.Document, (evidence.lot_id, evidence.kept_digest))
    if kept is None:
        raise InvariantBroken("evidence is listed that is not kept")
    content = kept.content
    if evidence.sealed:
        key = vault.subject_key(tx.session, evidence.org_id)
        content = b"".join(sealing.unseal(io.BytesIO(content), key, _context(evidence.id)))
    return Content(evidence.media_type, content, evidence.id)


def _refuse_strangers(tx: Transaction, evidence: Evidence) -> None:
    order = tx.get(Order, tx.get(Lot, evidence.lot_id).order_id)
    try:
        parties.side_of(order, tx.actor.org_id)
    except NotFound:
        raise NotFound("There is no such %(kind)s.", kind=Evidence.__tablename__) from None


def _last(tx: Transaction, lot: Lot) -> Dispute:
    found = tx.first(select(Dispute).where(Dispute.lot_id == lot.id).order_by(Dispute.id.desc()))
    if found is None:
        raise InvariantBroken("a lot was ruled on without a dispute")
    return found


def _sealed(tx: Transaction, evidence_id: str, org_id: str, content: bytes) -> bytes:
    key = vault.subject_key(tx.session, org_id)
    return b"".join(sealing.seal(io.BytesIO(content), key, _context(evidence_id)))


def _context(evidence_id: str) -> bytes:
    return b"dispute evidence " + evidence_id.encode()


def _media_type(content: bytes) -> str:
    """What the content is, by how it begins: its name and what the sender calls it say nothing.

    Raises:
        Invalid: Empty, too large, or none of the kinds.
    """
    if not 0 < len(content) <= MAX_BYTES:
        raise Invalid("A document has between 1 and %(most)s bytes.", code="document_size", most=MAX_BYTES)
    for magic, media_type in _MAGIC.items():
        if content.startswith(magic):
            return media_type
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    if all(character.isprintable() or character in _LAYOUT for character in text):
        return _TEXT
    raise Invalid("Evidence is a PDF, PNG or JPEG file, or text in UTF-8.", code="document_type")
