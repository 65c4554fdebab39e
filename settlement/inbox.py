"""What gateways send us: kept once, answered at once, and only then looked into.

An event says that something changed, never what is true: the object is retrieved, and operations only move forward, so
events may come late, twice, out of order or not at all (``money.poll`` reads what no event told of).
"""

from collections.abc import Callable

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.dialects.postgresql import insert

from exchange import clock
from exchange.actors import Actor
from exchange.db import read, transaction
from exchange.errors import NotFound
from settlement import money, suspense
from settlement.carriers import outcome_of_payment
from settlement.gateways.stripe_gateway import StripeGateway
from settlement.money_models import CONFIRMED, FAILED, SENT, STRIPE, GatewayEvent, MoneyOp


def receive(gateway: StripeGateway, payload: bytes, signature: str) -> bool:
    """Keep an event and let the worker look into it; says whether it is new.

    Raises:
        BadSignature: The gateway did not send it.
    """
    event = gateway.open_event(payload, signature)
    row = {"gateway": STRIPE, "id": event.id, "type": event.type, "object_id": event.object_id}
    with transaction(Actor.gateway(), "receive_event") as tx:
        kept = tx.session.scalar(
            insert(GatewayEvent)
            .values(**row, received_at=clock.real_now())
            .on_conflict_do_nothing()
            .returning(GatewayEvent.id)
        )
        if kept is not None:
            tx.send("gateway.event", gateway=STRIPE, event_id=event.id)
    return kept is not None


def process(gateway: StripeGateway, event_id: str) -> None:
    """Look into a kept event. Doing so again changes nothing; types that do not concern us are done at once.

    Raises:
        NotFound: No such event was kept.
    """
    with read() as session:
        event = session.get(GatewayEvent, (STRIPE, event_id))
    if event is None:
        raise NotFound("There is no such %(kind)s.", kind=GatewayEvent.__tablename__)
    look_into = _BY_PREFIX.get(event.type.rpartition(".")[0])
    if event.done_at is None and look_into is not None and event.object_id is not None:
        look_into(gateway, event.object_id)
    with transaction(Actor.gateway(), "process_event") as tx:
        tx.session.execute(
            update(GatewayEvent)
            .where(GatewayEvent.gateway == STRIPE, GatewayEvent.id == event_id, GatewayEvent.done_at.is_(None))
            .values(done_at=clock.real_now())
        )


def _payment(gateway: StripeGateway, payment_id: str) -> None:
    payment = gateway.payment(payment_id)
    op = _op(MoneyOp.id == payment.operation)
    if op is not None:
        # A decline on an open page is not the end of it: the payer may try another card there.
        if payment.status == "succeeded" or op.page_id is None:
            money.settle_outcome(Actor.gateway(), op.id, outcome_of_payment(op, payment))
    elif payment.status == "succeeded":
        suspense.note(Actor.gateway(), payment.charge_id or payment.id, code="unknown_payment", amount=payment.amount)


def _movement(gateway: StripeGateway, object_id: str) -> None:
    op = _op((MoneyOp.gateway_id == object_id) | (MoneyOp.page_id == object_id))
    if op is not None:  # otherwise our own call has not returned yet, or the poller will find it
        money.look(gateway, op.id)


def look_into_dispute(gateway: StripeGateway, dispute_id: str) -> None:
    """Read a chargeback and settle how it stands.

    Raises:
        GatewayRefused: The gateway has no such dispute.
    """
    dispute = gateway.dispute(dispute_id)
    op = _op(MoneyOp.gateway_id == dispute.payment_id)
    if op is None:
        suspense.note(Actor.gateway(), dispute.id, code="unknown_chargeback", amount=dispute.amount)
        return
    state = {"open": SENT, "lost": CONFIRMED, "won": FAILED}[dispute.status]
    money.settle_chargeback(Actor.gateway(), op.id, dispute_id=dispute.id, amount=dispute.amount, state=state)


def _op(condition: ColumnElement[bool]) -> MoneyOp | None:
    with read() as session:
        return session.scalars(select(MoneyOp).where(MoneyOp.gateway == STRIPE, condition)).first()


#: What an event is about, by its type up to the last dot.
_BY_PREFIX: dict[str, Callable[[StripeGateway, str], None]] = {
    "payment_intent": _payment,
    "checkout.session": _movement,
    "refund": _movement,
    "transfer": _movement,
    "payout": _movement,
    "charge.dispute": look_into_dispute,
}
