"""Receipts: what the exchange served and what the recipient received, and that both are what was listed (RULES T-10).

The halves come in any order. A half that contradicts the listed version is kept and stands in the way of accepting the
delivery; once both agree with it the receipt is a document, signed by the exchange. Functions here take the open
transaction, in which the caller has locked the lot.
"""

from typing import Any

from sqlalchemy import select

from exchange import attest
from exchange.db import Transaction
from exchange.errors import InvariantBroken, Refused
from exchange.gates import gate
from exchange.journal import canonical
from listings.commitments import CHUNK_BYTES
from settlement import signed
from settlement.delivery_models import GOODS_BROKEN, RECEIVED_DIFFERS, SERVED_DIFFERS, Grant, Receipt
from settlement.grants import latest_grant
from settlement.models import Lot, Order
from settlement.states import BUYER, EXCHANGE

DOCUMENT = "databourse/receipt/v1"
NOTE = "databourse/receipt-note/v1"

_PROBLEMS = {
    GOODS_BROKEN: "The stored goods no longer open.",
    SERVED_DIFFERS: "The bytes served are not those of the listed version.",
    RECEIVED_DIFFERS: "The digest received is not that of the listed version.",
}


def receipt_of(tx: Transaction, grant: Grant) -> Receipt | None:
    """The receipt of a grant's delivery; ``None`` when the goods are no file."""
    return tx.first(select(Receipt).where(Receipt.grant_id == grant.id))


# -- the two halves -------------------------------------------------------------------------------------------------


def note_served(tx: Transaction, lot: Lot, grant: Grant, receipt: Receipt, root: bytes) -> bool:
    """Every byte of the file was served, and the chunks served have the root ``root``.

    Returns:
        Whether this completed the receipt.
    """
    if root != grant.plain_root:
        note_problem(tx, lot, receipt, SERVED_DIFFERS, digests={"plain_root": root})
        return False
    receipt.served_root, receipt.served_at = root, tx.now
    if receipt.problem != RECEIVED_DIFFERS:
        receipt.problem = None
    digests = {"content": _pinned(grant.digest), "plain_root": root}
    tx.record(lot.id, "lot.served", by=EXCHANGE, facts=_size(grant), links=[grant.id], digests=digests)
    return _complete(tx, lot, grant, receipt)


def note_received(tx: Transaction, lot: Lot, grant: Grant, receipt: Receipt, digest: bytes) -> bool:
    """The recipient says that the file received has the SHA-256 ``digest``. The last word counts until it agrees.

    Returns:
        Whether this completed the receipt.
    """
    if receipt.received_digest == grant.digest:
        return False
    receipt.received_digest, receipt.received_at, receipt.received_by = digest, tx.now, tx.actor.person_id
    if digest != grant.digest:
        if receipt.problem in {None, RECEIVED_DIFFERS}:
            receipt.problem = RECEIVED_DIFFERS
        facts = {"problem": RECEIVED_DIFFERS}
        tx.record(lot.id, "receipt.mismatch", by=BUYER, facts=facts, links=[grant.id], digests={"received": digest})
        return False
    if receipt.problem == RECEIVED_DIFFERS:
        receipt.problem = None
    tx.record(lot.id, "lot.received", by=BUYER, facts=_size(grant), links=[grant.id], digests={"content": digest})
    return _complete(tx, lot, grant, receipt)


def note_problem(
    tx: Transaction, lot: Lot, receipt: Receipt, problem: str, *, digests: dict[str, bytes] | None = None
) -> None:
    """The exchange could not serve what was listed; it is said once."""
    if receipt.problem == problem:
        return
    receipt.problem = problem
    links = [receipt.grant_id]
    tx.record(lot.id, "receipt.mismatch", by=EXCHANGE, facts={"problem": problem}, links=links, digests=digests)


# -- gates ----------------------------------------------------------------------------------------------------------


@gate("T-10")
def require_matching(tx: Transaction, lot: Lot) -> None:
    """The recipient confirmed the digest received, and what was served, received and listed agree.

    Raises:
        Refused: A half of the receipt is missing or differs, or nothing was delivered.
    """
    grant = latest_grant(tx, lot.id)
    if grant is None:
        raise _refusal(lot, "Nothing was delivered yet.", "not_delivered")
    receipt = receipt_of(tx, grant)
    if receipt is None:  # the goods are no file
        return
    _refuse_problem(lot, receipt)
    if receipt.completed_at is None:
        raise _refusal(lot, "The receipt is not complete.", "receipt_incomplete")


@gate("T-10")
def refuse_differing(tx: Transaction, lot: Lot) -> None:
    """Nothing contradicts the listed version: time may take a delivery for accepted only then.

    Raises:
        Refused: What was served or received differs from what was listed.
    """
    grant = latest_grant(tx, lot.id)
    receipt = receipt_of(tx, grant) if grant is not None else None
    if receipt is not None:
        _refuse_problem(lot, receipt)


def _refuse_problem(lot: Lot, receipt: Receipt) -> None:
    if receipt.problem is not None:
        raise _refusal(lot, _PROBLEMS[receipt.problem], receipt.problem)


def _refusal(lot: Lot, reason: str, code: str) -> Refused:
    return Refused(
        "T-10",
        reason,
        remedy="Download the whole file and confirm its SHA-256, or reject the delivery.",
        code=code,
        subjects=(lot.id, lot.order_id),
    )


# -- the document ---------------------------------------------------------------------------------------------------


def _complete(tx: Transaction, lot: Lot, grant: Grant, receipt: Receipt) -> bool:
    """Make the document if both halves are there and agree."""
    if receipt.problem is not None or receipt.served_root is None or receipt.received_digest is None:
        return False
    order = tx.get(Order, lot.order_id)
    content = canonical.dumps(_document(order, lot, grant, receipt))
    receipt.document_digest, receipt.note_digest = signed.keep(
        tx, content, subject=lot.id, kind="receipt", title=NOTE, name=lot.id
    )
    receipt.completed_at = tx.now
    digests = {"receipt": receipt.document_digest, "note": receipt.note_digest}
    tx.record(lot.id, "lot.receipted", by=EXCHANGE, links=[grant.id, order.id], digests=digests)
    return True


def _document(order: Order, lot: Lot, grant: Grant, receipt: Receipt) -> dict[str, Any]:
    return {
        "type": DOCUMENT,
        "order": order.id,
        "lot": lot.id,
        "grant": grant.id,
        "version": grant.version_id,
        "seller": order.seller_org_id,
        "recipient": order.buyer_org_id,
        "channel": "file",
        "file": {
            "sha256": _pinned(grant.digest).hex(),
            "media_type": grant.media_type,
            **_size(grant),
        },
        "served": {
            "by": attest.signer().name,
            "plain_root": _pinned(receipt.served_root).hex(),
            "chunk_bytes": CHUNK_BYTES,
            "at": signed.instant(receipt.served_at),
        },
        "received": {"sha256": _pinned(receipt.received_digest).hex(), "at": signed.instant(receipt.received_at)},
    }


def _size(grant: Grant) -> dict[str, str]:
    return {"size_bytes": str(grant.size_bytes)}


def _pinned(digest: bytes | None) -> bytes:
    if digest is None:
        raise InvariantBroken("a receipt of goods that are no file")
    return digest
