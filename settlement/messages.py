"""Messages between the two sides of an order: sealed, named by digest in the journal, read by nobody else.

A dispute officer reads them while a lot of the order is disputed, and each look is recorded in the order's story.
"""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange import ids, vault
from exchange.actors import Actor
from exchange.db import Transaction, read, verb
from exchange.errors import Invalid, NotFound, Refused
from exchange.gates import gate
from exchange.journal import canonical
from exchange.members import attempts
from exchange.members.gates import not_own_case
from exchange.web.paging import DEFAULT_LIMIT, Page, page
from settlement import parties
from settlement.models import Lot, Order
from settlement.negotiation_models import TradeMessage
from settlement.states import OFFICER

TYPE = "databourse/message/v1"
MAX_CHARACTERS: Final = 4000
#: Who may speak for a side, and how often.
ROLES = ("owner", "trader", "approver", "finance")
SENDING = attempts.Limit("trade_message", 60, timedelta(hours=1))

_TABLE, _COLUMN = TradeMessage.__tablename__, "sealed"
_SALT_BYTES = 16
#: A dispute is being decided in these states of a lot.
_DISPUTED = ("disputed", "ruled")


class Message(NamedTuple):
    """A message as its readers see it."""

    id: str
    side: str
    words: str
    at: datetime
    sha256: str


@verb
def send_message(tx: Transaction, order_id: str, *, words: str) -> TradeMessage:
    """Say something to the other side of an order.

    Raises:
        NotFound: There is no such order, or it is another party's.
        Invalid: Nothing is said, or too much.
        TooManyRequests: The sender said more than sixty things within the hour.
    """
    order, side = parties.locked_order(tx, order_id, *ROLES)
    said = words.strip()
    if not said:
        raise Invalid("Write something.", code="message_empty")
    if len(said) > MAX_CHARACTERS:
        raise Invalid("A message has at most %(most)s characters.", code="message_too_long", most=MAX_CHARACTERS)
    attempts.count(SENDING, tx.actor.name)
    message_id = ids.new("msg")
    salt = secrets.token_hex(_SALT_BYTES)
    plain = canonical.dumps({"type": TYPE, "id": message_id, "by": side, "salt": salt, "words": said})
    message = TradeMessage(
        id=message_id,
        order_id=order.id,
        side=side,
        sealed=vault.seal_text(tx.session, order.id, _TABLE, _COLUMN, plain.decode()),
        digest=hashlib.sha256(plain).digest(),
        at=tx.now,
    )
    tx.record(order.id, "order.message_sent", by=side, digests={"message": message.digest})
    return tx.add(message)


def between(actor: Actor, order_id: str, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Message]:
    """The messages of an order of the actor's organisation, newest first.

    Raises:
        NotFound: There is no such order, or it is another party's.
    """
    with read() as session:
        order = session.get(Order, order_id)
        if order is None:
            raise NotFound("There is no such %(kind)s.", kind=Order.__tablename__)
        parties.side_of(order, actor.org_id)
        return _page(session, order_id, cursor, limit)


def in_dispute(actor: Actor, order_id: str, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Message]:
    """The messages of a disputed order for a dispute officer, whose look is recorded first.

    Raises:
        NotFound: There is no such order.
        Refused: No lot of it is disputed (S-04), or the officer belongs to a party (I-08).
    """
    look_into_messages(actor, order_id)
    with read() as session:
        return _page(session, order_id, cursor, limit)


@verb
def look_into_messages(tx: Transaction, order_id: str) -> Order:
    """Record that a dispute officer reads what the parties wrote to each other."""
    role = tx.actor.need(OFFICER)
    order = tx.lock(Order, order_id)
    for org_id in (order.buyer_org_id, order.seller_org_id):
        not_own_case(tx, org_id)
    disputed(order, tx.all(select(Lot.state).where(Lot.order_id == order.id)))
    tx.record(order.id, "order.messages_read", by=role)
    return order


@gate("S-04")
def disputed(order: Order, lot_states: Iterable[str]) -> None:
    """Nobody but the parties reads their messages unless a dispute about the order is being decided."""
    if not set(lot_states) & set(_DISPUTED):
        raise Refused(
            "S-04",
            "The parties' messages are read in a dispute only.",
            code="no_dispute",
            subjects=(order.id,),
        )


def _page(session: Session, order_id: str, cursor: str | None, limit: int) -> Page[Message]:
    columns = (TradeMessage.id, TradeMessage.side, TradeMessage.sealed, TradeMessage.digest, TradeMessage.at)
    statement = select(*columns).where(TradeMessage.order_id == order_id)

    def opened(row: Any) -> Message:
        plain = vault.open_text(session, order_id, _TABLE, _COLUMN, row.sealed)
        words = canonical.loads(plain.encode())["words"]
        return Message(row.id, row.side, words, row.at, row.digest.hex())

    return page(session, statement, [TradeMessage.id], cursor=cursor, limit=limit, shape=opened)
