"""Deals made outside and filed here (备案): one party files, the other confirms, the exchange gives a receipt.

Only products that are offered ``direct`` can be filed, and nothing that was made with government data: that is traded
at an exchange (Art. 28(2)), and a filing of it would be the proof that it was not.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from exchange import documents, ids, workdays
from exchange.actors import Actor
from exchange.db import Transaction, read, verb
from exchange.errors import Conflict, Forbidden, Invalid, NotFound
from exchange.journal import canonical
from exchange.marks import N_
from exchange.members import gates as member_gates
from exchange.members.models import Organisation
from exchange.money import Money
from exchange.oversight.restraints import refuse_restrained
from exchange.web.paging import DEFAULT_LIMIT, Page, page
from listings.gates import declaration_of
from listings.models import Offer, Version
from provenance import routing
from settlement import signed, statements
from settlement.lot_models import Filing
from settlement.parties import SIGNING
from settlement.states import BUYER, SELLER

DOCUMENT = "databourse/filing/v1"
NOTE = "databourse/filing-note/v1"
DIRECT = "direct"
DIGEST_BYTES = 32
#: A deal is filed within this time.
LATEST = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Deal:
    """What is filed.

    Args:
        version_id: The version that was sold.
        counterparty: The other party: its id here, or its unified social credit code.
        amount: What was paid for it.
        dealt_on: The day of the contract, in Beijing.
        contract_digest: SHA-256 of the contract, which the parties keep.
    """

    version_id: str
    counterparty: str
    amount: Money
    dealt_on: date
    contract_digest: bytes


@verb
def file_deal(tx: Transaction, deal: Deal) -> Filing:
    """File a deal, as its seller or its buyer; the other side confirms it.

    Raises:
        NotFound: There is no such version, or it was never shown to the public.
        Invalid: There is no such other party, or the amount, day or digest is out of range.
        Conflict: The version was never offered directly (``not_direct``), or neither party sells it (``not_seller``).
        Refused: The product was made with government data (G-01), a party is not vetted (I-01, I-02), or something is
            restrained (K-05).
    """
    tx.actor.need(*SIGNING)
    if tx.actor.org_id is None:
        raise Forbidden("A member organisation files deals.")
    version = tx.get(Version, deal.version_id)
    if version.published_at is None:
        raise NotFound("There is no such %(kind)s.", kind=Version.__tablename__)
    _check(tx, deal)
    other = _counterparty(tx, deal.counterparty)
    parties = {SELLER: version.org_id, BUYER: other if version.org_id == tx.actor.org_id else tx.actor.org_id}
    if version.org_id not in {tx.actor.org_id, other}:
        raise Conflict("Neither of the parties sells this version.", code="not_seller")
    if parties[SELLER] == parties[BUYER]:
        raise Invalid(
            "A deal has two parties.", code="same_party", fields={"counterparty": [N_("A deal has two parties.")]}
        )
    filing = Filing(
        id=ids.new("fil"),
        number=ids.short_number("F"),
        product_id=version.product_id,
        version_id=version.id,
        seller_org_id=parties[SELLER],
        buyer_org_id=parties[BUYER],
        filed_by=SELLER if version.org_id == tx.actor.org_id else BUYER,
        amount_minor=deal.amount.minor,
        currency=deal.amount.currency,
        dealt_on=deal.dealt_on,
        contract_digest=deal.contract_digest,
    )
    _ask(tx, filing, version)
    facts = {"number": filing.number, "amount": deal.amount.facts(), "dealt_on": deal.dealt_on.isoformat()}
    digests = {"contract": deal.contract_digest}
    tx.create(filing, "filing.filed", by=filing.filed_by, facts=facts, links=_about(filing), digests=digests)
    return filing


@verb
def confirm_filing(tx: Transaction, filing_id: str) -> Filing:
    """Confirm, as the other side, that the deal was made as filed: the receipt is signed.

    Raises:
        NotFound: There is no such filing, or it is another party's.
        Forbidden: The actor's own side filed it.
        WrongState: It was answered or withdrawn.
        Refused: By now the product is government-derived (G-01), or a party has no standing.
    """
    filing, side = _locked(tx, filing_id)
    filing.__lifecycle__.edge(filing.state, "confirm")
    _refuse_own(filing, side)
    version = tx.get(Version, filing.version_id)
    _ask(tx, filing, version)
    content = canonical.dumps(_document(tx, filing, version))
    filing.document_digest, filing.note_digest = signed.keep(
        tx, content, subject=filing.id, kind="filing", title=NOTE, name=filing.number
    )
    digests = {"filing": filing.document_digest, "note": filing.note_digest}
    tx.advance(filing, "confirm", by=side, links=_about(filing), digests=digests)
    return filing


@verb
def decline_filing(tx: Transaction, filing_id: str, *, reason: str) -> Filing:
    """Say, as the other side, that there was no such deal, or not this one.

    Raises:
        NotFound: There is no such filing, or it is another party's.
        Forbidden: The actor's own side filed it.
        WrongState: It was answered or withdrawn.
        Invalid: No reason is given.
    """
    filing, side = _locked(tx, filing_id)
    filing.__lifecycle__.edge(filing.state, "decline")
    _refuse_own(filing, side)
    digests = statements.keep(tx, filing.id, by=side, step="decline", words=reason)
    filing.closing_reason = statements.cleaned(reason)
    tx.advance(filing, "decline", by=side, links=_about(filing), digests=digests)
    return filing


@verb
def withdraw_filing(tx: Transaction, filing_id: str) -> Filing:
    """Take one's own filing back before it is answered.

    Raises:
        NotFound: There is no such filing, or it is another party's.
        Forbidden: The other side filed it.
        WrongState: It was answered or withdrawn.
    """
    filing, side = _locked(tx, filing_id)
    filing.__lifecycle__.edge(filing.state, "withdraw")
    if filing.filed_by != side:
        raise Forbidden("Only the side that filed this may withdraw it.", code="other_side")
    tx.advance(filing, "withdraw", by=side, links=_about(filing))
    return filing


# -- reading ----------------------------------------------------------------------------------------------------------


def filings_of(actor: Actor, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[dict[str, Any]]:
    """The filings of the actor's organisation, newest first."""
    statement = _shown().where(or_(Filing.seller_org_id == actor.org_id, Filing.buyer_org_id == actor.org_id))
    with read() as session:
        return page(
            session, statement, [Filing.id], cursor=cursor, limit=limit, shape=lambda row: _shape(session, actor, row)
        )


def filing(actor: Actor, filing_id: str) -> dict[str, Any]:
    """One of the actor's own filings.

    Raises:
        NotFound: There is no such filing, or it is another party's.
    """
    with read() as session:
        row = session.execute(_shown().where(Filing.id == filing_id)).one_or_none()
        if row is None or actor.org_id not in {row.Filing.seller_org_id, row.Filing.buyer_org_id}:
            raise _none()
        return _shape(session, actor, row)


def document(actor: Actor, filing_id: str) -> bytes:
    """The receipt of a confirmed filing as it was signed, for its two parties.

    Raises:
        NotFound: There is none, or it is another party's.
    """
    with read() as session:
        found = session.get(Filing, filing_id)
        if found is None or actor.org_id not in {found.seller_org_id, found.buyer_org_id}:
            raise _none()
        if found.document_digest is None:
            raise NotFound("This filing is not confirmed.", code="not_confirmed")
        return documents.get(session, found.document_digest).content


def _shown() -> Any:
    columns = (Filing.id, Filing, Version.title_zh, Version.title_en)
    return select(*columns).join(Version, Version.id == Filing.version_id)


def _shape(session: Session, actor: Actor, row: Any) -> dict[str, Any]:
    found: Filing = row.Filing
    side = SELLER if found.seller_org_id == actor.org_id else BUYER
    names = {org_id: session.get_one(Organisation, org_id).name for org_id in (found.seller_org_id, found.buyer_org_id)}
    actions = found.__lifecycle__.actions(found.state, frozenset({side}))
    barred = {"confirm", "decline"} if found.filed_by == side else {"withdraw"}
    shown = ("id", "row_version", "number", "state", "version_id", "product_id", "filed_by", "amount", "dealt_on")
    return {name: getattr(found, name) for name in shown} | {
        "title": {"zh": row.title_zh, "en": row.title_en},
        "side": side,
        "seller": {"id": found.seller_org_id, "name": names[found.seller_org_id]},
        "buyer": {"id": found.buyer_org_id, "name": names[found.buyer_org_id]},
        "contract_sha256": found.contract_digest.hex(),
        "document_sha256": found.document_digest.hex() if found.document_digest else None,
        "closing_reason": found.closing_reason,
        "created_at": found.created_at,
        "changed_at": found.changed_at,
        "actions": [action for action in actions if action not in barred],
    }


# -- inside -----------------------------------------------------------------------------------------------------------


def _ask(tx: Transaction, filing: Filing, version: Version) -> None:
    """What is asked when a deal is filed and once more when it is confirmed."""
    routing.channel_allowed(tx, declaration_of(version), DIRECT)
    offered = select(Offer.id).where(Offer.version_id == version.id, Offer.channel == DIRECT)
    if tx.first(offered) is None:
        raise Conflict("This version was never offered for direct deals.", code="not_direct")
    member_gates.vetted(tx, *sorted((filing.seller_org_id, filing.buyer_org_id)))
    refuse_restrained(tx, version.product_id, version.id)


def _check(tx: Transaction, deal: Deal) -> None:
    today = workdays.beijing_date(tx.now)
    if deal.amount.minor < 1:
        raise Invalid("The amount is more than nothing.", code="invalid_amount")
    if not today - LATEST <= deal.dealt_on <= today:
        raise Invalid(
            "A deal is filed within a year, and not before it was made.",
            code="invalid_day",
            fields={"dealt_on": [N_("Within the last year.")]},
        )
    if len(deal.contract_digest) != DIGEST_BYTES:
        raise Invalid("A SHA-256 digest has 32 bytes.", code="invalid_digest")


def _counterparty(tx: Transaction, named: str) -> str:
    known = tx.first(select(Organisation.id).where(or_(Organisation.id == named, Organisation.uscc == named)))
    if known is None:
        raise Invalid(
            "There is no member of this name.",
            code="unknown_party",
            fields={"counterparty": [N_("No member has this id or unified social credit code.")]},
        )
    return known


def _locked(tx: Transaction, filing_id: str) -> tuple[Filing, str]:
    tx.actor.need(*SIGNING)
    found = tx.lock(Filing, filing_id)
    sides = {found.seller_org_id: SELLER, found.buyer_org_id: BUYER}
    if tx.actor.org_id not in sides:
        raise _none()
    return found, sides[tx.actor.org_id]


def _refuse_own(filing: Filing, side: str) -> None:
    if filing.filed_by == side:
        raise Forbidden("The other side has to answer this.", code="other_side")


def _about(filing: Filing) -> list[str]:
    return [filing.version_id, filing.product_id, filing.seller_org_id, filing.buyer_org_id]


def _document(tx: Transaction, filing: Filing, version: Version) -> dict[str, Any]:
    return {
        "type": DOCUMENT,
        "number": filing.number,
        "filing": filing.id,
        "seller": _party(tx, filing.seller_org_id),
        "buyer": _party(tx, filing.buyer_org_id),
        "goods": {
            "product": version.product_id,
            "version": version.id,
            "title": {"zh": version.title_zh, "en": version.title_en},
            "listing_sha256": version.listing_digest.hex() if version.listing_digest else None,
        },
        "amount": filing.amount.facts(),
        "dealt_on": filing.dealt_on.isoformat(),
        "contract_sha256": filing.contract_digest.hex(),
        "filed": signed.instant(filing.created_at),
        "confirmed": signed.instant(tx.now),
        "notice": {
            "zh": "本回执仅证明双方向平台备案了该交易，平台未参与签约、结算和交付",
            "en": "This receipt shows that both parties filed the deal; the exchange took no part in contract, payment"
            " or delivery",
        },
    }


def _party(tx: Transaction, org_id: str) -> dict[str, str | None]:
    organisation = tx.get(Organisation, org_id)
    return {"id": org_id, "name": organisation.name, "uscc": organisation.uscc}


def _none() -> NotFound:
    return NotFound("There is no such %(kind)s.", kind=Filing.__tablename__)
