"""Whose business an order or a lot is, and the order in which they are locked: the order first, then its lot."""

from sqlalchemy import select

from exchange import ids
from exchange.db import Transaction
from exchange.errors import Forbidden, InvariantBroken, NotFound
from exchange.members.models import IdentityCase
from exchange.members.states import IDENTITY_STANDING
from settlement.models import Lot, Order, PartyCheck
from settlement.states import BUYER, SELLER

#: Who signs and decides for a party, and who may pay for it.
SIGNING = ("owner", "trader")
PAYING = ("owner", "trader", "finance")


def side_of(order: Order, org_id: str | None) -> str:
    """Which side of the trade an organisation is on.

    Raises:
        NotFound: It is on neither, so the order is none of its business.
    """
    if org_id == order.buyer_org_id:
        return BUYER
    if org_id == order.seller_org_id:
        return SELLER
    raise NotFound("There is no such %(kind)s.", kind=Order.__tablename__)


def locked_order(tx: Transaction, order_id: str, *roles: str) -> tuple[Order, str]:
    """An order of the actor's organisation, locked, and the side it is on.

    Raises:
        Forbidden: The actor holds none of ``roles``.
        NotFound: There is no such order, or it is another party's.
    """
    tx.actor.need(*roles)
    order = tx.lock(Order, order_id)
    return order, side_of(order, tx.actor.org_id)


def locked_lot(tx: Transaction, lot_id: str) -> tuple[Order, Lot]:
    """A lot and its order, both locked, whosever they are: for the clock, gateways and officers."""
    order = tx.lock(Order, tx.get(Lot, lot_id).order_id)
    return order, tx.lock(Lot, lot_id)


def own_lot(tx: Transaction, lot_id: str, side: str, *roles: str) -> tuple[Order, Lot]:
    """A lot whose ``side`` the actor's organisation is on, and its order, both locked.

    Raises:
        Forbidden: The actor holds none of ``roles``, or stands on the other side.
        NotFound: There is no such lot, or it is another party's.
    """
    order, lot, found = party_lot(tx, lot_id, *roles)
    if found != side:
        raise Forbidden("Only the %(side)s may do this.", code="other_side", side=side)
    return order, lot


def party_lot(tx: Transaction, lot_id: str, *roles: str) -> tuple[Order, Lot, str]:
    """A lot of the actor's organisation, its order, both locked, and the side the organisation is on.

    Raises:
        Forbidden: The actor holds none of ``roles``.
        NotFound: There is no such lot, or it is another party's.
    """
    tx.actor.need(*roles)
    order, lot = locked_lot(tx, lot_id)
    try:
        return order, lot, side_of(order, tx.actor.org_id)
    except NotFound:
        raise NotFound("There is no such %(kind)s.", kind=Lot.__tablename__) from None


def keep_checks(tx: Transaction, order: Order, step: str, subject: str) -> None:
    """Keep with the trade that both parties stood at this step (RULES I-02); the gate was asked before.

    Raises:
        InvariantBroken: A party has no approved case although the gate let it pass.
    """
    org_ids = (order.buyer_org_id, order.seller_org_id)
    approved = select(IdentityCase).where(IdentityCase.org_id.in_(org_ids), IdentityCase.state.in_(IDENTITY_STANDING))
    cases = tx.all(approved.order_by(IdentityCase.org_id))
    if len(cases) != len(org_ids):
        raise InvariantBroken("a party passed its gate without an approved case")
    for case in cases:
        if case.valid_until is None:
            raise InvariantBroken("the case %(case)s was approved without an end", case=case.id)
        tx.add(
            PartyCheck(
                id=ids.new("chk"),
                subject=subject,
                order_id=order.id,
                step=step,
                org_id=case.org_id,
                case_id=case.id,
                valid_until=case.valid_until,
                at=tx.now,
            )
        )
