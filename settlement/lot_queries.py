"""Reads of a lot with all that stands beside it, for its two parties and for dispute officers."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange import clock
from exchange.actors import Actor
from exchange.db import read
from exchange.errors import NotFound
from exchange.members.models import Organisation
from exchange.money import Money
from exchange.web.paging import DEFAULT_LIMIT, Page, page
from listings.models import Deposit, Version
from settlement import ledger, queries
from settlement.delivery_models import Grant, Receipt
from settlement.lot_models import Dispute, Evidence, Extension, Refund
from settlement.models import Lot, Order
from settlement.money_models import PAYMENT, MoneyOp
from settlement.parties import side_of
from settlement.states import BUYER, OFFICER, SELLER

#: Most rows of a kind that are shown beside one lot.
_MOST = 50


def lot_sheet(actor: Actor, lot_id: str) -> dict[str, Any]:
    """A lot with its goods, money, extensions, dispute and refunds, as its page shows them.

    Raises:
        NotFound: There is no such lot, or it is another party's.
    """
    with read() as session:
        found, order = _visible(session, actor, lot_id)
        side = _side(order, actor)
        shown = queries.lot_shape(actor, order, found)
        return shown | {
            "row_version": found.row_version,
            "side": side,
            "seller": session.get_one(Organisation, order.seller_org_id).name,
            "over": found.deadline_at is not None and found.deadline_at <= clock.now(),
            "criteria": order.terms["acceptance_criteria"],
            "officer_agreed": order.disputes == "officer",
            "rulings": found.rulings,
            "reminded_at": found.reminded_at,
            "goods": _goods(session, found),
            "money": _money(session, found),
            "payment": _payment(session, found) if side == BUYER else None,
            "extensions": _rows(session, Extension, found.id),
            "dispute": _dispute(session, found),
            "refunds": _rows(session, Refund, found.id),
        }


def deliverable(actor: Actor, lot_id: str) -> list[tuple[str, str]]:
    """The newest sealed and scanned files of the actor's organisation that were listed nowhere: id and name.

    Raises:
        NotFound: There is no such lot, or it is another party's.
    """
    with read() as session:
        _visible(session, actor, lot_id)
        listed = select(Version.id).where(Version.deposit_id == Deposit.id).exists()
        mine = select(Deposit).where(Deposit.org_id == actor.org_id, Deposit.state == "profiled", ~listed)
        newest = session.scalars(mine.order_by(Deposit.id.desc()).limit(_MOST))
        return [(deposit.id, f"{deposit.file_name} ({deposit.id[-6:]})") for deposit in newest]


def lot_of_proposal(actor: Actor, proposal_id: str) -> str:
    """The lot that a proposal (an extension or a refund) is about.

    Raises:
        NotFound: There is no such proposal, or it is another trade's.
    """
    with read() as session:
        found = session.get(Extension, proposal_id) or session.get(Refund, proposal_id)
        if found is None:
            raise NotFound("There is no such %(kind)s.", kind=Extension.__tablename__)
        _visible(session, actor, found.lot_id)
        return found.lot_id


def evidence_of(actor: Actor, lot_id: str) -> list[dict[str, Any]]:
    """What both sides laid before the officer in all disputes of a lot, oldest first.

    Raises:
        NotFound: There is no such lot, or it is another party's.
    """
    with read() as session:
        found, _ = _visible(session, actor, lot_id)
        given = select(Evidence).where(Evidence.lot_id == found.id).order_by(Evidence.id).limit(_MOST)
        return [evidence_shape(row) for row in session.scalars(given)]


def evidence_shape(row: Evidence) -> dict[str, Any]:
    """A document of evidence without its content."""
    names = ("id", "lot_id", "side", "title", "media_type", "size_bytes", "sealed", "at")
    return {name: getattr(row, name) for name in names} | {"sha256": row.digest.hex()}


def open_disputes(*, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[dict[str, Any]]:
    """The open disputes that an officer may rule on, those whose time to answer ends first at the top."""
    statement = (
        select(Dispute.urgency, Dispute.id, Dispute, Lot, Order, Version.title_zh, Version.title_en)
        .join(Lot, Lot.id == Dispute.lot_id)
        .join(Order, Order.id == Lot.order_id)
        .join(Version, Version.id == Order.version_id)
        .where(Dispute.closed_at.is_(None), Order.disputes == "officer")
    )
    with read() as session:
        return page(session, statement, [Dispute.urgency, Dispute.id], cursor=cursor, limit=limit, shape=_card)


def dispute_case(actor: Actor, lot_id: str) -> dict[str, Any]:
    """What an officer decides from: the contract's clauses, what both sides said and gave, what was served.

    Raises:
        NotFound: There is no such lot, or it was never disputed.
    """
    with read() as session:
        found, order = _visible(session, actor, lot_id)
        dispute = _dispute(session, found)
        if dispute is None:
            raise NotFound("There is no such %(kind)s.", kind=Dispute.__tablename__)
        names = {
            side: session.get_one(Organisation, org_id).name
            for side, org_id in ((BUYER, order.buyer_org_id), (SELLER, order.seller_org_id))
        }
        version = session.get_one(Version, order.version_id)
        return {
            "order": {"id": order.id, "terms": order.terms, "disputes": order.disputes, "price": order.price},
            "contract_sha256": order.contract_digest.hex(),
            "title": {"zh": version.title_zh, "en": version.title_en},
            "parties": names,
            "lot": queries.lot_shape(actor, order, found)
            | {"row_version": found.row_version, "rulings": found.rulings},
            "goods": _goods(session, found),
            "money": _money(session, found),
            "dispute": dispute,
            "decided_by_reader": found.ruled_by is not None and found.ruled_by == actor.person_id,
        }


# -- inside -----------------------------------------------------------------------------------------------------------


def _visible(session: Session, actor: Actor, lot_id: str) -> tuple[Lot, Order]:
    found = session.get(Lot, lot_id)
    if found is not None:
        order = session.get_one(Order, found.order_id)
        if actor.roles & queries.READERS or actor.org_id in {order.buyer_org_id, order.seller_org_id}:
            return found, order
    raise NotFound("There is no such %(kind)s.", kind=Lot.__tablename__)


def _side(order: Order, actor: Actor) -> str:
    return OFFICER if actor.roles & queries.READERS else side_of(order, actor.org_id)


def _goods(session: Session, lot: Lot) -> dict[str, Any] | None:
    grant = session.scalars(select(Grant).where(Grant.lot_id == lot.id).order_by(Grant.id.desc()).limit(1)).first()
    if grant is None:
        return None
    receipt = session.scalars(select(Receipt).where(Receipt.grant_id == grant.id)).first()
    deposit = session.get(Deposit, grant.deposit_id) if grant.deposit_id else None
    return {
        "state": grant.state,
        "ends_at": grant.ends_at,
        "closing_reason": grant.closing_reason,
        "file_name": deposit.file_name if deposit else None,
        "media_type": grant.media_type,
        "size_bytes": grant.size_bytes,
        "sha256": grant.digest.hex() if grant.digest else None,
        "served_at": receipt.served_at if receipt else None,
        "received_at": receipt.received_at if receipt else None,
        "received_sha256": receipt.received_digest.hex() if receipt and receipt.received_digest else None,
        "problem": receipt.problem if receipt else None,
        "completed_at": receipt.completed_at if receipt else None,
        "live": grant.state == "live" and grant.ends_at > clock.now(),
    }


def _money(session: Session, lot: Lot) -> dict[str, Money] | None:
    found = ledger.lot_money(session, lot.id)
    if found is None:
        return None
    names = ("funded", "held", "released", "reversed", "refunded", "fee")
    return {name: Money(getattr(found, f"{name}_minor"), found.currency) for name in names}


def _payment(session: Session, lot: Lot) -> dict[str, Any] | None:
    """The buyer's newest payment."""
    newest = select(MoneyOp).where(MoneyOp.lot_id == lot.id, MoneyOp.kind == PAYMENT).order_by(MoneyOp.id.desc())
    op = session.scalars(newest.limit(1)).first()
    return queries.payment_shape(op) if op else None


def _rows(session: Session, kind: type[Extension] | type[Refund], lot_id: str) -> Sequence[Any]:
    return session.scalars(select(kind).where(kind.lot_id == lot_id).order_by(kind.id.desc()).limit(_MOST)).all()


def _dispute(session: Session, lot: Lot) -> dict[str, Any] | None:
    """The lot's last dispute with its evidence."""
    newest = select(Dispute).where(Dispute.lot_id == lot.id).order_by(Dispute.id.desc()).limit(1)
    found = session.scalars(newest).first()
    if found is None:
        return None
    given = select(Evidence).where(Evidence.dispute_id == found.id).order_by(Evidence.id)
    evidence = [evidence_shape(row) for row in session.scalars(given)]
    names = ("id", "opened_by", "reason", "opened_at", "answer_due_at", "answer", "answered_at", "closed_at")
    return {name: getattr(found, name) for name in names} | {
        "evidence": evidence,
        "may_rule": found.closed_at is None and (found.answered_at is not None or found.answer_due_at <= clock.now()),
    }


def _card(row: Any) -> dict[str, Any]:
    return {
        "lot_id": row.Lot.id,
        "order_id": row.Order.id,
        "title": {"zh": row.title_zh, "en": row.title_en},
        "amount": row.Lot.amount,
        "rulings": row.Lot.rulings,
        "opened_at": row.Dispute.opened_at,
        "answer_due_at": row.Dispute.answer_due_at,
        "answered_at": row.Dispute.answered_at,
    }
