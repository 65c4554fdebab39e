"""The gateway's statement against our operations and ledger: every line meets one of them, or goes to suspense."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import exists, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from exchange import clock
from exchange.actors import Actor
from exchange.db import Transaction, engine, read, verb
from exchange.lifecycle import GATEWAY
from exchange.money import Money
from settlement import inbox, ledger, suspense
from settlement.gateways.errors import GatewayRefused
from settlement.gateways.stripe_gateway import StripeGateway
from settlement.money_models import (
    CHARGEBACK,
    CONFIRMED,
    PAYMENT,
    PAYOUT,
    REFUND,
    REVERSAL,
    STRIPE,
    TRANSFER,
    GatewayLine,
    MoneyOp,
    SuspenseItem,
)

#: Whether an operation's lines raise (1) or lower (-1) our balance. A chargeback that is won has two.
_SIGNS = {PAYMENT: (1,), REVERSAL: (1,), REFUND: (-1,), TRANSFER: (-1,), CHARGEBACK: (-1, 1)}
#: A line may be read before the answer that names it; an operation may stay unknown for a day.
PATIENCE = timedelta(days=2)
#: A confirmed operation without a line is missed after this long.
_GRACE = timedelta(days=1)

_WAITING = (GatewayLine.gateway == STRIPE, GatewayLine.op_id.is_(None), GatewayLine.suspense_id.is_(None))


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What a run found.

    ``lines`` were read, of all so far ``waiting`` belong to no operation yet and ``suspense`` items were opened;
    ``missing`` names confirmed operations that the statement does not show. ``drift`` is, per currency, the gateway's
    balance less the ledger's: nothing, once nothing waits and every operation has ended. ``discrepancies`` names
    accounts whose kept balance is not the sum of their transfers.
    """

    lines: int
    waiting: int
    suspense: int
    missing: Sequence[str]
    drift: Mapping[str, Money]
    discrepancies: Sequence[str]


def reconcile(gateway: StripeGateway, *, patience: timedelta = PATIENCE) -> Reconciliation:
    """Read the statement from where the last run ended, and let each line that waits meet what it belongs to.

    A line that has met nothing for longer than ``patience`` (real time) goes to suspense.
    """
    lines = _keep_lines(gateway)
    with read() as session:
        waiting = session.scalars(select(GatewayLine).where(*_WAITING).order_by(GatewayLine.position)).all()
    for line in waiting:
        if line.type == "adjustment" and line.source_id is not None:
            with suppress(GatewayRefused):  # no dispute, but another kind of adjustment
                inbox.look_into_dispute(gateway, line.source_id)
        meet_line(Actor.gateway(), line.position, patience=patience)
    with read() as session:
        return Reconciliation(
            lines=lines,
            waiting=session.scalar(select(func.count()).select_from(GatewayLine).where(*_WAITING)) or 0,
            suspense=session.scalar(select(func.count()).select_from(SuspenseItem)) or 0,
            missing=_missing(session),
            drift=_drift(session),
            discrepancies=tuple(ledger.discrepancies(session)),
        )


@verb
def meet_line(tx: Transaction, position: int, *, patience: timedelta) -> GatewayLine:
    """Let a line meet its operation, and post what it alone tells: the gateway's charge, and money nobody knows."""
    line = tx.lock(GatewayLine, position)
    if line.op_id is not None or line.suspense_id is not None:
        return line
    op = _op_of(tx, line)
    if op is not None:
        line.op_id = op.id
        _book_cost(tx, op, line)
    elif line.at < clock.real_now() - patience:
        item = suspense.open_item(
            tx, line.source_id or line.line_id, code=f"unexplained_{line.type}", amount=line.amount
        )
        line.suspense_id = item.id
        _book_suspense(tx, item, line)
    return line


def _keep_lines(gateway: StripeGateway) -> int:
    newest = select(GatewayLine.line_id).where(GatewayLine.gateway == STRIPE).order_by(GatewayLine.position.desc())
    with read() as session:
        last = session.scalar(newest.limit(1))
    kept = 0
    for line in gateway.balance_transactions(last):
        row = {
            "gateway": STRIPE,
            "line_id": line.id,
            "type": line.type,
            "source_id": line.source_id,
            "amount_minor": line.amount.minor,
            "fee_minor": line.fee.minor,
            "currency": line.net.currency,
            "at": line.created_at,
        }
        with Session(engine()) as session, session.begin():
            session.execute(insert(GatewayLine).values(row).on_conflict_do_nothing())
        kept += 1
    return kept


def _op_of(tx: Transaction, line: GatewayLine) -> MoneyOp | None:
    """The operation a line belongs to: same source, same amount, and not more lines than it has movements."""
    if line.source_id is None:
        return None
    named = (MoneyOp.gateway_id == line.source_id) | (MoneyOp.charge_id == line.source_id)
    op = tx.first(select(MoneyOp).where(MoneyOp.gateway == STRIPE, named).with_for_update())
    if op is None or op.kind not in _SIGNS:
        return None
    before = tx.session.scalar(select(func.count()).select_from(GatewayLine).where(GatewayLine.op_id == op.id)) or 0
    signs = _SIGNS[op.kind]
    if before >= len(signs) or line.amount != Money(signs[before] * op.amount_minor, op.currency):
        return None
    return op


def _book_cost(tx: Transaction, op: MoneyOp, line: GatewayLine) -> None:
    if line.fee_minor > 0:
        facts = {"op": op.id, "cost": line.fee.facts()}
        tx.record(op.lot_id, "lot.gateway_cost_booked", by=GATEWAY, facts=facts)
        ledger.post(tx, [ledger.gateway_cost(op.lot_id, STRIPE, line.fee, op_id=op.id)])


def _book_suspense(tx: Transaction, item: SuspenseItem, line: GatewayLine) -> None:
    net = line.amount - line.fee
    tx.record(item.id, "suspense.booked", by=GATEWAY, facts={"line": line.line_id, "net": net.facts()})
    if net.minor > 0:
        ledger.post(tx, [ledger.suspense_in(item.id, STRIPE, net)])
    elif net.minor < 0:
        ledger.post(tx, [ledger.suspense_out(item.id, STRIPE, Money(-net.minor, net.currency))])


def _missing(session: Session) -> Sequence[str]:
    """Operations that ended as confirmed a while ago and moved no money at the gateway."""
    shown = exists().where(GatewayLine.op_id == MoneyOp.id)
    return session.scalars(
        select(MoneyOp.id)
        .where(
            MoneyOp.gateway == STRIPE,
            MoneyOp.state == CONFIRMED,
            MoneyOp.kind != PAYOUT,
            MoneyOp.ended_at < clock.real_now() - _GRACE,
            ~shown,
        )
        .order_by(MoneyOp.id)
    ).all()


def _drift(session: Session) -> dict[str, Money]:
    totals = session.execute(
        select(GatewayLine.currency, func.sum(GatewayLine.amount_minor - GatewayLine.fee_minor))
        .where(GatewayLine.gateway == STRIPE)
        .group_by(GatewayLine.currency)
    )
    return {
        currency: Money(int(net), currency) - ledger.balance(session, ledger.cash(STRIPE, currency))
        for currency, net in totals
    }
