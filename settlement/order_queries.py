"""Reads for the trade page: the story of a trade, its proposals, signatures, and a party's trades by state."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from exchange import clock
from exchange.actors import Actor
from exchange.db import read
from exchange.errors import NotFound
from exchange.journal import canonical, merkle
from exchange.journal import queries as journal
from exchange.journal.models import JournalCheckpoint, JournalEntry
from exchange.members.models import MemberKey, Organisation, Signature
from exchange.money import Money
from exchange.web.paging import DEFAULT_LIMIT, Page, page
from listings.models import Version
from settlement.delivery_models import Grant, Voucher
from settlement.models import Lot, Order
from settlement.negotiation_models import Proposal
from settlement.parties import side_of
from settlement.queries import order_actions
from settlement.states import BUYER

#: A trade's story is shown up to so many entries, the newest of them.
MAX_STORY: Final = 200
#: What has its deadline within this is called soon.
SOON = timedelta(days=3)

_COLUMNS = (
    Order.id,
    Order.state,
    Order.proposed_by,
    Order.amount_minor,
    Order.currency,
    Order.government_derived,
    Order.deadline_at,
    Order.created_at,
    Version.title_zh,
    Version.title_en,
    Organisation.name,
)


def trades(
    actor: Actor,
    *,
    side: str = BUYER,
    state: str | None = None,
    soon: bool = False,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[dict[str, Any]]:
    """The trades of the actor's organisation on one ``side``, newest first.

    ``state`` keeps one state; ``soon`` those in which a deadline lies within three days or has passed.
    """
    own, other = Order.buyer_org_id, Order.seller_org_id
    if side != BUYER:
        own, other = other, own
    statement = (
        select(*_COLUMNS)
        .join(Version, Version.id == Order.version_id)
        .join(Organisation, Organisation.id == other)
        .where(own == actor.org_id)
    )
    if state is not None:
        statement = statement.where(Order.state == state)

    with read() as session:
        if soon:
            end = clock.now() + SOON
            pressing = select(Lot.id).where(Lot.order_id == Order.id, Lot.deadline_at <= end).exists()
            unsigned = (Order.state == "requested") & (Order.deadline_at <= end)
            statement = statement.where(or_(unsigned, (Order.state == "open") & pressing))
        found = page(session, statement, [Order.id], cursor=cursor, limit=limit, shape=lambda row: _card(row, side))
        _add_lots(session, found.items)
        return found


def _card(row: Any, side: str) -> dict[str, Any]:
    waiting = row.state == "requested"
    return {
        "id": row.id,
        "state": row.state,
        "side": side,
        "title": {"zh": row.title_zh, "en": row.title_en},
        "other": row.name,
        "price": Money(row.amount_minor, row.currency),
        "government_derived": row.government_derived,
        "deadline_at": row.deadline_at if waiting else None,
        "mine": waiting and row.proposed_by != side,
        "created_at": row.created_at,
        "actions": order_actions(row.state, row.proposed_by, frozenset({side})),
        "lots": [],
    }


def _add_lots(session: Session, cards: Sequence[dict[str, Any]]) -> None:
    """Put each order's lots beside it: their states, and the nearest deadline."""
    by_id = {card["id"]: card for card in cards}
    statement = select(Lot.order_id, Lot.state, Lot.deadline_at).where(Lot.order_id.in_(by_id)).order_by(Lot.number)
    for order_id, state, deadline_at in session.execute(statement):
        card = by_id[order_id]
        card["lots"].append(state)
        if deadline_at is not None and (card["deadline_at"] is None or deadline_at < card["deadline_at"]):
            card["deadline_at"] = deadline_at


def waiting_orders(session: Session, actor: Actor, limit: int) -> Sequence[Any]:
    """Orders that wait for the actor's organisation to sign or to answer, the most pressing first."""
    statement = (
        select(Order.id, Order.proposals, Order.deadline_at, Order.changed_at, Version.title_zh, Version.title_en)
        .join(Version, Version.id == Order.version_id)
        .where(
            Order.state == "requested",
            or_(
                (Order.seller_org_id == actor.org_id) & (Order.proposed_by == BUYER),
                (Order.buyer_org_id == actor.org_id) & (Order.proposed_by != BUYER),
            ),
        )
    )
    return session.execute(statement.order_by(Order.deadline_at, Order.id).limit(limit)).all()


def proposals(actor: Actor, order_id: str) -> list[dict[str, Any]]:
    """All proposals of an order of the actor's organisation, first to last (at most twenty).

    Raises:
        NotFound: There is no such order, or it is another party's.
    """
    with read() as session:
        _own(session, actor, order_id)
        found = session.scalars(select(Proposal).where(Proposal.order_id == order_id).order_by(Proposal.number))
        names = ("number", "side", "price", "terms", "disputes", "at")
        return [
            {name: getattr(one, name) for name in names} | {"contract_sha256": one.contract_digest.hex()}
            for one in found
        ]


def signatures(actor: Actor, order_id: str) -> list[dict[str, Any]]:
    """The signatures under the contract that stands: side, party, grade of the key, digest, signature and time.

    Raises:
        NotFound: There is no such order, or it is another party's.
    """
    with read() as session:
        order = _own(session, actor, order_id)
        ids = [one for one in (order.buyer_signature_id, order.seller_signature_id) if one is not None]
        statement = (
            select(Signature, MemberKey.grade, Organisation.name)
            .join(MemberKey, MemberKey.id == Signature.key_id)
            .join(Organisation, Organisation.id == Signature.org_id)
            .where(Signature.id.in_(ids))
        )
        found = [
            {
                "side": side_of(order, signed.org_id),
                "name": name,
                "grade": grade,
                "public_key": signed.public_key.hex(),
                "signature": signed.signature.hex(),
                "sha256": signed.digest.hex(),
                "at": signed.at,
            }
            for signed, grade, name in session.execute(statement)
        ]
        return sorted(found, key=lambda signed: str(signed["side"]))


def voucher_number(actor: Actor, order_id: str) -> str | None:
    """The number of the trade's voucher, once it is issued.

    Raises:
        NotFound: There is no such order, or it is another party's.
    """
    with read() as session:
        _own(session, actor, order_id)
        return session.scalar(select(Voucher.number).where(Voucher.order_id == order_id))


def story(actor: Actor, order_id: str) -> list[dict[str, Any]]:
    """What happened in a trade: the entries of the order, its lots, grants and voucher, oldest first.

    Raises:
        NotFound: There is no such order, or it is another party's.
    """
    with read() as session:
        order = _own(session, actor, order_id)
        subjects = _subjects(session, order)
        statement = journal.columns().where(JournalEntry.subject.in_(subjects))
        newest = statement.order_by(JournalEntry.at.desc(), JournalEntry.id.desc()).limit(MAX_STORY)
        told = [journal.told(row) for row in session.execute(newest)]
        names = _names(session, [entry.org_id for entry in told])
        return [
            {
                "id": entry.id,
                "at": entry.at,
                "action": entry.action,
                "by": canonical.loads(entry.body)["role"],
                "org": names.get(entry.org_id or ""),
                "subject": entry.subject,
                "seq": entry.seq,
            }
            for entry in reversed(told)
        ]


def entry(actor: Actor, order_id: str, entry_id: str) -> dict[str, Any]:
    """One entry of a trade, byte for byte, with its place in the log and the proof that it stands there.

    ``index`` is ``None`` until the sequencer has placed it; ``proof`` until a checkpoint covers it.

    Raises:
        NotFound: There is no such order, it is another party's, or no such entry tells of it.
    """
    with read() as session:
        order = _own(session, actor, order_id)
        found = session.execute(journal.columns().where(JournalEntry.id == entry_id)).one_or_none()
        if found is None or found.subject not in _subjects(session, order):
            raise NotFound("There is no such entry.")
        told = journal.told(found)
        return {
            "id": told.id,
            "at": told.at,
            "action": told.action,
            "subject": told.subject,
            "seq": told.seq,
            "index": told.index,
            "body": told.body.decode(),
            "leaf_hash": merkle.leaf_hash(told.body).hex(),
            "proof": _proof(session, told.index),
        }


def _proof(session: Session, index: int | None) -> dict[str, Any] | None:
    latest = session.scalars(select(JournalCheckpoint).order_by(JournalCheckpoint.size.desc()).limit(1)).first()
    if index is None or latest is None or latest.size <= index:
        return None
    hashes = journal.inclusion_proof(session, index, latest.size)
    signed_at: datetime = latest.signed_at
    return {
        "size": latest.size,
        "root": latest.root.hex(),
        "signed_at": signed_at,
        "hashes": [one.hex() for one in hashes],
        "note": latest.note,
    }


def _own(session: Session, actor: Actor, order_id: str) -> Order:
    order = session.get(Order, order_id)
    if order is None:
        raise NotFound("There is no such %(kind)s.", kind=Order.__tablename__)
    side_of(order, actor.org_id)
    return order


def _subjects(session: Session, order: Order) -> set[str]:
    """Whose stories a trade is made of."""
    parts = (
        select(Lot.id).where(Lot.order_id == order.id),
        select(Grant.id).where(Grant.order_id == order.id),
        select(Voucher.id).where(Voucher.order_id == order.id),
    )
    return {order.id, *(one for part in parts for one in session.scalars(part))}


def _names(session: Session, org_ids: Sequence[str | None]) -> dict[str, str]:
    wanted = {one for one in org_ids if one is not None}
    found = session.execute(select(Organisation.id, Organisation.name).where(Organisation.id.in_(wanted)))
    return {row.id: row.name for row in found}
