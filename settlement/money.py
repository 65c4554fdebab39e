"""Money operations: planned with a transition, carried out at a gateway, their outcome told to the lot.

The row is the truth. A worker claims it, asks the gateway outside any transaction under the row's id as idempotency
key, and records the answer in a business transaction. When no answer comes the outcome is unknown: the same key is
sent again while the gateway remembers it, and after that the gateway is read and never asked again.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange import clock, ids
from exchange.actors import Actor
from exchange.db import Transaction, engine, read, verb
from exchange.errors import ExchangeError, InvariantBroken, PaymentDeclined, Unavailable
from exchange.money import Money
from settlement import carriers
from settlement.carriers import Outcome
from settlement.gateways.errors import GatewayRefused, OutcomeUnknown
from settlement.gateways.stripe_gateway import StripeGateway
from settlement.money_models import (
    CHARGEBACK,
    CONFIRMED,
    FAILED,
    OPEN_STATES,
    PAYMENT,
    PLANNED,
    REFUND,
    REVERSAL,
    SENT,
    STRIPE,
    TRANSFER,
    UNKNOWN,
    GatewayAccount,
    MoneyOp,
)

log = logging.getLogger(__name__)

#: How long a claimed operation is left alone before another worker may take it: longer than a call with its retries.
CLAIM = timedelta(minutes=3)
#: Longest pause between two looks at an open operation.
MAX_PAUSE = timedelta(minutes=15)
#: A gateway remembers a key for a day (Stripe: at least 24 hours); an hour is left for clocks that differ.
KEY_LIFETIME = timedelta(hours=23)
#: How long a hosted payment page stays open.
PAGE_LIFETIME = timedelta(hours=1)

#: What comes of an operation, by its kind: called in the transaction that settles it, with ``op.state`` ``confirmed``
#: or ``failed`` (a chargeback also begins, ``sent``). Posts the money and moves the lot on, or does nothing.
OUTCOMES: dict[str, Callable[[Transaction, MoneyOp], None]] = {}

#: The operation whose confirmed row an operation of this kind draws on.
_RESTS_ON = {REFUND: PAYMENT, TRANSFER: PAYMENT, REVERSAL: TRANSFER}


class Identified(Protocol):
    """Whatever has an id: a lot, here."""

    @property
    def id(self) -> str:
        """The id."""


# -- planning -------------------------------------------------------------------------------------------------------


def plan(
    tx: Transaction,
    *,
    kind: str,
    lot: Identified,
    amount: Money,
    org_id: str,
    gateway: str = STRIPE,
    rests_on: MoneyOp | None = None,
    request: Mapping[str, Any] | None = None,
) -> MoneyOp:
    """Plan an operation about a lot's money, to be carried out after the commit.

    Args:
        tx: The transaction of the transition that asks for it.
        kind: ``payment``, ``transfer``, ``refund``, ``reversal`` or ``payout``.
        lot: The lot whose money it is.
        amount: How much; positive.
        org_id: Who pays, is paid or is paid back.
        gateway: Where; an operation that rests on another is carried out where that one was.
        rests_on: The payment (of a reversal: the transfer) it draws on; the lot's last confirmed one unless given.
        request: Of a payment: ``by_method`` or ``on_page``.

    Raises:
        InvariantBroken: There is no confirmed operation to draw on.
    """
    if kind in _RESTS_ON:
        rests_on = rests_on or _confirmed(tx, lot.id, _RESTS_ON[kind])
        gateway = rests_on.gateway
    now = clock.real_now()
    op = MoneyOp(
        id=ids.new("mop"),
        kind=kind,
        state=PLANNED,
        gateway=gateway,
        lot_id=lot.id,
        org_id=org_id,
        amount_minor=amount.minor,
        currency=amount.currency,
        rests_on=rests_on.id if rests_on else None,
        request=dict(request or {}),
        planned_at=now,
        retry_at=now,
    )
    tx.add(op)
    tx.send("money.carry_out", gateway=gateway, op_id=op.id)
    return op


def by_method(payment_method: str) -> dict[str, str]:
    """The request of a payment that charges a stored payment method at once."""
    return {"payment_method": payment_method}


def on_page(*, description: str, success_url: str, cancel_url: str) -> dict[str, str]:
    """The request of a payment on the gateway's hosted page. No personal data goes into ``description``."""
    expires_at = clock.real_now() + PAGE_LIFETIME
    return {
        "description": description,
        "success_url": success_url,
        "cancel_url": cancel_url,
        "expires_at": expires_at.isoformat(),
    }


def _confirmed(tx: Transaction, lot_id: str, kind: str) -> MoneyOp:
    found = tx.first(
        select(MoneyOp)
        .where(MoneyOp.lot_id == lot_id, MoneyOp.kind == kind, MoneyOp.state == CONFIRMED)
        .order_by(MoneyOp.id.desc())
    )
    if found is None:
        raise InvariantBroken("the lot has no confirmed %(kind)s to draw on", kind=kind)
    return found


def ops_of(session: Session, lot_id: str) -> Sequence[MoneyOp]:
    """A lot's operations, oldest first."""
    return session.scalars(select(MoneyOp).where(MoneyOp.lot_id == lot_id).order_by(MoneyOp.id)).all()


# -- carrying out ---------------------------------------------------------------------------------------------------


def carry_out(gateway: StripeGateway, op_id: str) -> None:
    """Ask the gateway for an operation that is due, or for news of it, and settle what it answers.

    Safe to call any number of times, by several workers: one that is claimed, ended or not yet due is left alone.

    Raises:
        InvariantBroken: The gateway contradicts what was asked of it.
    """
    claimed = _claim(op_id)
    if claimed is None:
        return
    op, before = claimed
    try:
        outcome = _ask(gateway, op)
    except OutcomeUnknown as problem:
        _put_off(op.id, UNKNOWN, problem.code)
    except Unavailable as problem:  # nothing was done this time
        _put_off(op.id, PLANNED if before == PLANNED else UNKNOWN, problem.code)
    except (PaymentDeclined, GatewayRefused) as refusal:
        settle_outcome(Actor.gateway(), op.id, Outcome(FAILED, problem=refusal.code))
    else:
        settle_outcome(Actor.gateway(), op.id, outcome)


def look(gateway: StripeGateway, op_id: str) -> None:
    """Read how an operation stands at the gateway and settle it; nothing is asked of the gateway."""
    with read() as session:
        op = session.get_one(MoneyOp, op_id)
        resting = _resting(session, op)
    if op.state == CONFIRMED or not (op.gateway_id or op.page_id):
        return
    settle_outcome(Actor.gateway(), op_id, carriers.of(op).read(gateway, op, resting))


def due_ops(session: Session, gateway: str, limit: int = 50) -> Sequence[str]:
    """Ids of the operations that a worker should look at now."""
    return session.scalars(
        select(MoneyOp.id)
        .where(
            MoneyOp.state.in_(OPEN_STATES),
            MoneyOp.retry_at <= clock.real_now(),
            MoneyOp.gateway == gateway,
            MoneyOp.kind != CHARGEBACK,
        )
        .order_by(MoneyOp.retry_at, MoneyOp.id)
        .limit(limit)
    ).all()


def poll(gateway: StripeGateway) -> bool:
    """Carry out what is due, whether or not anybody sent word of it; says whether there was anything."""
    with read() as session:
        due = due_ops(session, STRIPE)
    for op_id in due:
        try:
            carry_out(gateway, op_id)
        except ExchangeError:  # the claim holds this one back; the others must not wait for it
            log.exception("money operation %s failed", op_id)
    return bool(due)


def _claim(op_id: str) -> tuple[MoneyOp, str] | None:
    """Mark an operation that is due as sent, for us alone; with it the state it was in."""
    now = clock.real_now()
    with Session(engine(), expire_on_commit=False) as session, session.begin():
        op = session.scalars(
            select(MoneyOp)
            .where(
                MoneyOp.id == op_id,
                MoneyOp.state.in_(OPEN_STATES),
                MoneyOp.retry_at <= now,
                MoneyOp.kind != CHARGEBACK,
            )
            .with_for_update(skip_locked=True)
        ).first()
        if op is None:
            return None
        before, op.state = op.state, SENT
        op.attempts += 1
        op.first_sent_at = op.first_sent_at or now
        op.retry_at = now + CLAIM
    return op, before


def _ask(gateway: StripeGateway, op: MoneyOp) -> Outcome:
    with read() as session:
        resting = _resting(session, op)
        if resting.account_id is None and op.kind in carriers.NEEDS_ACCOUNT:
            raise Unavailable("The seller has no account at the gateway yet.", code="payee_unknown")
    carrier = carriers.of(op)
    if op.gateway_id or op.page_id:
        return carrier.read(gateway, op, resting)
    if clock.real_now() - _first_sent(op) < KEY_LIFETIME:
        return carrier.send(gateway, op, resting)
    return carrier.find(gateway, op, resting) or Outcome(FAILED, problem="never_arrived")


def _first_sent(op: MoneyOp) -> datetime:
    if op.first_sent_at is None:
        raise InvariantBroken("an operation is asked for that was not claimed")
    return op.first_sent_at


def _resting(session: Session, op: MoneyOp) -> carriers.Resting:
    base = session.get_one(MoneyOp, op.rests_on) if op.rests_on else None
    account = session.get(GatewayAccount, (op.gateway, op.org_id))
    return carriers.Resting(
        gateway_id=base.gateway_id if base else None,
        charge_id=base.charge_id if base else None,
        account_id=account.account_id if account else None,
    )


def _put_off(op_id: str, state: str, problem: str) -> None:
    with Session(engine()) as session, session.begin():
        op = session.get_one(MoneyOp, op_id, with_for_update=True)
        if op.state != SENT:  # an event settled it meanwhile
            return
        op.state, op.problem = state, problem
        op.retry_at = clock.real_now() + _pause(op.attempts)
        if state == PLANNED:  # the day for which the gateway remembers the key has not begun
            op.first_sent_at = None


def _pause(attempts: int) -> timedelta:
    return min(timedelta(seconds=2 ** min(attempts, 12)), MAX_PAUSE)


# -- outcomes -------------------------------------------------------------------------------------------------------


@verb
def settle_outcome(tx: Transaction, op_id: str, outcome: Outcome) -> MoneyOp:
    """Record what became of an operation and tell the lot.

    Outcomes move forward only: what was confirmed stays so, and repeating one changes nothing. One that was given up
    may still turn out to be confirmed (late money).

    Raises:
        InvariantBroken: Nobody waits for the outcome of this kind of operation.
    """
    op = tx.lock(MoneyOp, op_id)
    if op.state == CONFIRMED or (op.state == FAILED and outcome.state != CONFIRMED):
        return op
    op.state, op.problem = outcome.state, outcome.problem
    op.gateway_id = outcome.gateway_id or op.gateway_id
    op.charge_id = outcome.charge_id or op.charge_id
    op.page_id = outcome.page_id or op.page_id
    op.page_url = outcome.page_url
    if outcome.state == SENT:
        op.retry_at = clock.real_now() + _pause(op.attempts + 2)
        return op
    op.ended_at = clock.real_now()
    _tell(tx, op)
    return op


@verb
def settle_chargeback(tx: Transaction, payment_op_id: str, *, dispute_id: str, amount: Money, state: str) -> MoneyOp:
    """The payer's bank took back ``amount`` of a payment (``state`` ``sent``), and kept it or gave it back.

    Raises:
        InvariantBroken: The operation is no payment.
    """
    payment = tx.lock(MoneyOp, payment_op_id)
    if payment.kind != PAYMENT:
        raise InvariantBroken("only a payment can be charged back")
    known = tx.first(
        select(MoneyOp).where(MoneyOp.gateway == payment.gateway, MoneyOp.gateway_id == dispute_id).with_for_update()
    )
    if known is None:
        now = clock.real_now()
        known = MoneyOp(
            id=ids.new("mop"),
            kind=CHARGEBACK,
            state=SENT,
            gateway=payment.gateway,
            lot_id=payment.lot_id,
            org_id=payment.org_id,
            amount_minor=amount.minor,
            currency=amount.currency,
            rests_on=payment.id,
            request={},
            gateway_id=dispute_id,
            planned_at=now,
            first_sent_at=now,
            retry_at=now,
        )
        tx.add(known)
        _tell(tx, known)
    if known.state == SENT and state != SENT:
        known.state, known.ended_at = state, clock.real_now()
        _tell(tx, known)
    return known


def _tell(tx: Transaction, op: MoneyOp) -> None:
    tx.session.flush()
    try:
        tell = OUTCOMES[op.kind]
    except KeyError:
        raise InvariantBroken("nobody waits for the outcome of a %(kind)s", kind=op.kind) from None
    tell(tx, op)
