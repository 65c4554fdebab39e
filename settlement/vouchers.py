"""Vouchers 交易凭证: that a trade was completed here, told by a signed document and checked by its number.

The number cannot be guessed and opens a minimal answer to everybody; the document is for the two parties.
"""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange import attest, documents, ids, rules
from exchange.actors import Actor
from exchange.db import Transaction, read, verb
from exchange.errors import NotFound, Refused
from exchange.gates import gate
from exchange.journal import canonical
from exchange.members.gates import not_own_case
from exchange.members.models import Organisation
from exchange.web.paging import DEFAULT_LIMIT, Page, page
from listings.models import Version
from provenance.lineage import source_lines
from settlement import signed, statements
from settlement.delivery_models import Grant, Receipt, Voucher
from settlement.models import Lot, Order
from settlement.states import EXCHANGE, SETTLEMENT_OFFICER

DOCUMENT = "databourse/voucher/v1"
NOTE = "databourse/voucher-note/v1"

#: RULES section 16: what a voucher does not say.
NOTICE = {
    "zh": "本凭证不构成对数据合法性的担保",
    "en": "This voucher is no guarantee that the data is lawful",
}
#: The rule by which a government-derived product is traded at an exchange.
_CHANNEL_RULE = "G-01"
_ANSWERS = {True: {"zh": "是", "en": "yes"}, False: {"zh": "否", "en": "no"}}


@gate("T-22")
def completed(_tx: Transaction, order: Order) -> None:
    """A voucher is issued only for a completed order."""
    if order.state != "completed":
        raise Refused(
            "T-22",
            "The order is not completed.",
            remedy="Every lot has to be settled first.",
            code="order_not_completed",
            subjects=(order.id,),
        )


def issue(tx: Transaction, order: Order) -> Voucher:
    """Issue the voucher of an order that was just completed.

    Raises:
        Refused: The order is not completed (T-22).
    """
    completed(tx, order)
    tx.session.flush()
    number = ids.short_number("V")
    version = tx.get(Version, order.version_id)
    voucher_id = ids.new("vou")
    content = canonical.dumps(_document(tx, order, version, number))
    document_digest, note_digest = signed.keep(tx, content, subject=voucher_id, kind="voucher", title=NOTE, name=number)
    voucher = Voucher(
        id=voucher_id,
        number=number,
        order_id=order.id,
        buyer_org_id=order.buyer_org_id,
        seller_org_id=order.seller_org_id,
        title_zh=version.title_zh,
        title_en=version.title_en,
        document_digest=document_digest,
        note_digest=note_digest,
    )
    digests = {"voucher": document_digest, "note": note_digest}
    tx.create(voucher, "voucher.issued", by=EXCHANGE, links=[order.id, version.id], digests=digests)
    return voucher


# -- after its issue ------------------------------------------------------------------------------------------------


@verb
def suspend_voucher(tx: Transaction, number: str, *, reason: str) -> Voucher:
    """Suspend a voucher 暂停 while something about its trade is looked into."""
    return _decide(tx, number, "suspend", reason)


@verb
def restore_voucher(tx: Transaction, number: str, *, reason: str) -> Voucher:
    """Make a suspended voucher valid again."""
    return _decide(tx, number, "restore", reason)


@verb
def void_voucher(tx: Transaction, number: str, *, reason: str) -> Voucher:
    """Cancel a voucher 注销, for good."""
    return _decide(tx, number, "void", reason)


def _decide(tx: Transaction, number: str, action: str, reason: str) -> Voucher:
    role = tx.actor.need(SETTLEMENT_OFFICER)
    voucher = tx.lock(Voucher, _find(tx.session, number).id)
    for org_id in (voucher.buyer_org_id, voucher.seller_org_id):
        not_own_case(tx, org_id)
    voucher.__lifecycle__.edge(voucher.state, action)
    digests = statements.keep(tx, voucher.id, by=role, step=action, words=reason)
    tx.advance(voucher, action, by=role, links=[voucher.order_id], digests=digests)
    return voucher


# -- reading --------------------------------------------------------------------------------------------------------


def check(number: str) -> dict[str, Any]:
    """What anybody may know of a voucher: that it exists, its state, and how to verify the exchange's signature.

    ``note`` signs the number and the SHA-256 of the document, ``key`` is the public key to verify it with: a party can
    show its document to whoever checked the number.

    Raises:
        NotFound: No voucher has this number.
    """
    with read() as session:
        voucher = _find(session, number)
        note = documents.get(session, voucher.note_digest).content.decode()
    return {
        "number": voucher.number,
        "state": voucher.state,
        "issued_at": voucher.created_at,
        "title_zh": voucher.title_zh,
        "title_en": voucher.title_en,
        "note": note,
        "key": attest.vkey(),
        "notice": NOTICE,
    }


def document(actor: Actor, number: str) -> bytes:
    """The voucher's document, byte for byte as it was signed.

    Raises:
        NotFound: No voucher has this number, or the actor acts for neither party.
    """
    with read() as session:
        voucher = _find(session, number)
        if actor.org_id not in {voucher.buyer_org_id, voucher.seller_org_id}:
            raise _not_found()
        return documents.get(session, voucher.document_digest).content


def vouchers_of(actor: Actor, *, side: str, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Voucher]:
    """The vouchers of the actor's organisation, as ``buyer`` or as ``seller``, newest first."""
    column = Voucher.buyer_org_id if side == "buyer" else Voucher.seller_org_id
    statement = select(Voucher.id, Voucher).where(column == actor.org_id)
    with read() as session:
        return page(session, statement, [Voucher.id], cursor=cursor, limit=limit, shape=lambda row: row.Voucher)


def issued(*, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Voucher]:
    """Every voucher, for officers, newest first."""
    statement = select(Voucher.id, Voucher)
    with read() as session:
        return page(session, statement, [Voucher.id], cursor=cursor, limit=limit, shape=lambda row: row.Voucher)


def case(number: str) -> dict[str, Any]:
    """One voucher as officers see it: with its parties, and why it was suspended, restored or cancelled.

    Raises:
        NotFound: No voucher has this number.
    """
    with read() as session:
        voucher = _find(session, number)
        sides = {"buyer": voucher.buyer_org_id, "seller": voucher.seller_org_id}
        return {
            "voucher": voucher,
            "parties": {side: session.get_one(Organisation, org_id).name for side, org_id in sides.items()},
            "decisions": [told | {"at": at} for told, at in statements.of(session, voucher.id)],
        }


def _find(session: Session, number: str) -> Voucher:
    voucher = session.scalars(select(Voucher).where(Voucher.number == number.strip().upper())).one_or_none()
    if voucher is None:
        raise _not_found()
    return voucher


def _not_found() -> NotFound:
    return NotFound("There is no such %(kind)s.", kind=Voucher.__tablename__)


# -- the document ---------------------------------------------------------------------------------------------------


def _document(tx: Transaction, order: Order, version: Version, number: str) -> dict[str, Any]:
    lots = tx.all(select(Lot).where(Lot.order_id == order.id).order_by(Lot.number))
    rule = rules.rule(_CHANNEL_RULE)
    basis = {"zh": rules.citation(rule, "zh"), "en": rules.citation(rule, "en")}
    return {
        "type": DOCUMENT,
        "number": number,
        "issued_by": attest.signer().name,
        "issued": signed.instant(tx.now),
        "order": order.id,
        "buyer": _party(tx, order.buyer_org_id),
        "seller": _party(tx, order.seller_org_id),
        "product": {
            "id": order.product_id,
            "version": order.version_id,
            "title": {"zh": version.title_zh, "en": version.title_en},
            "listing_sha256": version.listing_digest.hex() if version.listing_digest else None,
        },
        "purpose": order.purpose,
        "price": order.price.facts(),
        "contract_sha256": order.contract_digest.hex(),
        "lots": [_lot(tx, lot) for lot in lots],
        "source_lines": [{"zh": line.zh, "en": line.en} for line in source_lines(tx.session, order.declaration_id)],
        "government_derived": {
            "answer": _ANSWERS[order.government_derived],
            "basis": basis if order.government_derived else None,
        },
        "notice": NOTICE,
    }


def _party(tx: Transaction, org_id: str) -> dict[str, str | None]:
    """A party by the name it shows to everybody: a natural person's is masked."""
    organisation = tx.get(Organisation, org_id)
    return {"id": org_id, "name": organisation.name, "uscc": organisation.uscc}


def _lot(tx: Transaction, lot: Lot) -> dict[str, Any]:
    grant = tx.first(select(Grant).where(Grant.lot_id == lot.id).order_by(Grant.id.desc()))
    receipt = tx.first(select(Receipt).where(Receipt.lot_id == lot.id).order_by(Receipt.id.desc()))
    return {
        "id": lot.id,
        "number": lot.number,
        "amount": lot.amount.facts(),
        "content_sha256": grant.digest.hex() if grant is not None and grant.digest else None,
        "receipt_sha256": receipt.document_digest.hex() if receipt is not None and receipt.document_digest else None,
        "delivered": signed.instant(lot.available_at),
        "accepted": signed.instant(lot.accepted_at),
        "settled": signed.instant(lot.settled_at),
    }
