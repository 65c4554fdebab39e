"""The buyer's right to use delivered goods: opened at delivery, ended by its term or by what undoes the trade."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from sqlalchemy import ColumnElement, or_, select

from exchange import ids
from exchange.actors import Actor
from exchange.db import Transaction, read, verb
from exchange.errors import InvariantBroken, WrongState
from exchange.lifecycle import CLOCK
from exchange.web.paging import DEFAULT_LIMIT, Page, page
from listings.models import Deposit, Version
from settlement.delivery_models import Grant, Receipt
from settlement.delivery_states import GRANT
from settlement.models import Lot, Order
from settlement.states import EXCHANGE

#: Why a grant ends when its lot is delivered once more.
DELIVERED_AGAIN = "delivered_again"
#: The due row of a revision whose holders are to be told.
REVISED: Final = "grant.revised"
#: Holders told in one transaction.
BATCH = 200


def open_grant(tx: Transaction, order: Order, lot: Lot) -> Grant:
    """Open the grant of a lot that is being delivered, with an empty receipt if the goods are a file.

    A grant of an earlier delivery of the lot is revoked: what it served and what was received counts no more.

    Raises:
        InvariantBroken: The version's file was discarded although somebody may still buy it.
    """
    for earlier in _live(tx, Grant.lot_id == lot.id):
        _revoke(tx, earlier, DELIVERED_AGAIN)
    tx.session.flush()  # the earlier grant has to end before there is another live one
    grant = Grant(
        id=ids.new("grt"),
        order_id=order.id,
        lot_id=lot.id,
        org_id=order.buyer_org_id,
        version_id=order.version_id,
        ends_at=tx.now + timedelta(days=order.terms["term_days"]),
    )
    digests = _pin_file(tx, grant, lot.deposit_id)
    facts, links = {"term_days": order.terms["term_days"]}, (lot.id, order.id, order.version_id)
    tx.create(grant, "grant.opened", by=EXCHANGE, facts=facts, links=links, digests=digests)
    tx.due("grant.expire", grant.id, grant.ends_at)
    if digests:
        tx.session.flush()
        tx.add(Receipt(id=ids.new("rcp"), lot_id=lot.id, grant_id=grant.id))
    return grant


def revoke(tx: Transaction, order_id: str, reason: str) -> None:
    """End the live grants of an order at once; ``reason`` is a stable code such as ``refunded``."""
    for grant in _live(tx, Grant.order_id == order_id):
        _revoke(tx, grant, reason)


@verb
def expire_grant(tx: Transaction, grant_id: str) -> Grant:
    """End a grant whose term is over (called by the clock)."""
    tx.actor.need(CLOCK)
    grant = tx.lock(Grant, grant_id)
    if grant.ends_at > tx.now:
        raise WrongState("The grant's term is not over.", code="not_over")
    tx.advance(grant, "expire", by=CLOCK, links=[grant.lot_id])
    return grant


def plan_telling(tx: Transaction, *, version_id: str, **_news: str) -> None:
    """Let the worker tell holders of a revision: they may be more than the seller's transaction should hold."""
    tx.due(REVISED, version_id, tx.now)


def tell_holders(actor: Actor, version_id: str) -> Version:
    """Tell the next holders of a revision (called by the clock).

    Raises:
        Forbidden: The actor is not the clock.
        NotFound: There is no such version.
    """
    actor.need(CLOCK)
    with read() as session:
        seller_id = session.scalar(select(Version.org_id).where(Version.id == version_id))
    # It was the seller's doing and is told as such: who did a thing is not notified of it.
    return _tell_batch(replace(actor, org_id=seller_id), version_id)


@verb
def _tell_batch(tx: Transaction, version_id: str) -> Version:
    """Tell up to ``BATCH`` holders of live grants of what the revision revises, and see to it that the next are told.

    Who was told of a later revision before is left alone. A holder keeps the right to what was bought, no more.
    """
    revision = tx.get(Version, version_id)
    line = select(Version.id).where(
        Version.product_id == revision.product_id,
        Version.number < revision.number,
        or_(Version.id == revision.revises_id, Version.revises_id == revision.revises_id),
    )
    untold = select(Grant).where(
        Grant.version_id.in_(tx.all(line)), Grant.told_number < revision.number, Grant.state == GRANT.initial
    )
    told = tx.all(untold.order_by(Grant.id).limit(BATCH).with_for_update().execution_options(populate_existing=True))
    for grant in told:
        grant.told_number = revision.number
        links = [grant.lot_id, grant.order_id, revision.id]
        tx.record(grant.id, "grant.revised", by=EXCHANGE, facts={"number": revision.number}, links=links)
    if len(told) == BATCH:
        tx.due(REVISED, version_id, tx.now)
    return revision


def latest_grant(tx: Transaction, lot_id: str) -> Grant | None:
    """The grant of a lot's last delivery, whatever became of it; ``None`` before the first."""
    return tx.first(select(Grant).where(Grant.lot_id == lot_id).order_by(Grant.id.desc()))


def grants_of(actor: Actor, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Grant]:
    """The grants of the actor's organisation, newest first."""
    statement = select(Grant.id, Grant).where(Grant.org_id == actor.org_id)
    with read() as session:
        return page(session, statement, [Grant.id], cursor=cursor, limit=limit, shape=lambda row: row.Grant)


def _live(tx: Transaction, condition: ColumnElement[bool]) -> list[Grant]:
    statement = select(Grant).where(condition, Grant.state == GRANT.initial).order_by(Grant.id).with_for_update()
    return list(tx.all(statement.execution_options(populate_existing=True)))


def _revoke(tx: Transaction, grant: Grant, reason: str) -> None:
    grant.closing_reason = reason
    tx.advance(grant, "revoke", by=EXCHANGE, facts={"reason": reason}, links=[grant.lot_id])
    tx.undue("grant.expire", grant.id)


def _pin_file(tx: Transaction, grant: Grant, deposit_id: str | None) -> dict[str, bytes]:
    """Pin the file on the grant, the version's unless another was made for the lot; its digests, none without one."""
    deposit = _deposit(tx, grant.version_id, deposit_id)
    if deposit is None:
        return {}
    if deposit.digest is None or deposit.plain_root is None or deposit.file_key is None:
        raise InvariantBroken("the goods of %(version)s are gone", version=grant.version_id)
    grant.deposit_id = deposit.id
    grant.media_type, grant.size_bytes = deposit.media_type, deposit.size_bytes
    grant.digest, grant.plain_root = deposit.digest, deposit.plain_root
    return {"content": deposit.digest, "plain_root": deposit.plain_root}


def _deposit(tx: Transaction, version_id: str, deposit_id: str | None) -> Deposit | None:
    if deposit_id is not None:
        return tx.get(Deposit, deposit_id)
    return tx.first(select(Deposit).join(Version, Version.deposit_id == Deposit.id).where(Version.id == version_id))
