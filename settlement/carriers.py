"""How each kind of money operation is asked of the gateway, read back, and found again without its id."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from exchange.errors import InvariantBroken
from settlement.gateways.stripe_gateway import StripeGateway
from settlement.gateways.stripe_values import Payment, Payout, Refund, Reversal, Transfer
from settlement.money_models import CONFIRMED, FAILED, PAYMENT, PAYOUT, REFUND, REVERSAL, SENT, TRANSFER, MoneyOp

#: Kinds that need the seller's account at the gateway.
NEEDS_ACCOUNT = frozenset({TRANSFER, PAYOUT})


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an operation stands: ``confirmed``, ``failed``, or ``sent`` while somebody at the gateway is waited for."""

    state: str
    gateway_id: str | None = None
    charge_id: str | None = None
    page_id: str | None = None
    page_url: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Resting:
    """The gateway's ids of what an operation draws on: the payment or transfer, its charge, the seller's account."""

    gateway_id: str | None
    charge_id: str | None
    account_id: str | None


Step = Callable[[StripeGateway, MoneyOp, Resting], Outcome]


@dataclass(frozen=True, slots=True)
class Carrier:
    """One kind: ``send`` asks (again under the same key), ``read`` looks by id, ``find`` looks by our own note."""

    send: Step
    read: Step
    find: Callable[[StripeGateway, MoneyOp, Resting], Outcome | None]


class _Noted(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def operation(self) -> str | None: ...


Made = TypeVar("Made", bound=_Noted)


def of(op: MoneyOp) -> Carrier:
    """The carrier of an operation's kind."""
    return _CARRIERS[op.kind]


def outcome_of_payment(op: MoneyOp, payment: Payment) -> Outcome:
    """What a payment's status means for its operation.

    Raises:
        InvariantBroken: The payment is of another amount.
    """
    if payment.amount != op.amount:
        raise InvariantBroken("the gateway took another amount than asked for")
    states = {"succeeded": CONFIRMED, "pending": SENT, "failed": FAILED, "cancelled": FAILED}
    state = states[payment.status]
    problem = f"payment_{payment.status}" if state == FAILED else None
    return Outcome(state, gateway_id=payment.id, charge_id=payment.charge_id, problem=problem)


def _send_payment(gateway: StripeGateway, op: MoneyOp, _resting: Resting) -> Outcome:
    request = op.request
    if "payment_method" in request:
        payment = gateway.pay_with_method(
            op.id,
            amount=op.amount,
            reference=op.lot_id,
            transfer_group=op.lot_id,
            payment_method=request["payment_method"],
        )
        return outcome_of_payment(op, payment)
    page = gateway.create_checkout(
        op.id,
        amount=op.amount,
        reference=op.lot_id,
        transfer_group=op.lot_id,
        description=request["description"],
        success_url=request["success_url"],
        cancel_url=request["cancel_url"],
        expires_at=datetime.fromisoformat(request["expires_at"]),
    )
    return Outcome(SENT, page_id=page.id, page_url=page.url)


def _read_payment(gateway: StripeGateway, op: MoneyOp, _resting: Resting) -> Outcome:
    payment_id = op.gateway_id
    if op.page_id is not None:
        page = gateway.checkout(op.page_id)
        if page.status == "open":
            return Outcome(SENT, page_url=page.url)
        if page.status == "expired":
            return Outcome(FAILED, problem="page_expired")
        payment_id = page.payment_id
    if payment_id is None:
        raise InvariantBroken("a paid page has no payment")
    return outcome_of_payment(op, gateway.payment(payment_id))


def _find_payment(gateway: StripeGateway, op: MoneyOp, _resting: Resting) -> Outcome | None:
    found = _noted(op, gateway.find_payments(op.lot_id))
    return outcome_of_payment(op, found) if found else None


def _send_refund(gateway: StripeGateway, op: MoneyOp, resting: Resting) -> Outcome:
    payment_id = _known(resting.gateway_id)
    return _moved(gateway.refund(op.id, payment_id=payment_id, amount=op.amount, reference=op.lot_id))


def _find_refund(gateway: StripeGateway, op: MoneyOp, resting: Resting) -> Outcome | None:
    found = _noted(op, gateway.find_refunds(_known(resting.gateway_id)))
    return _moved(found) if found else None


def _send_transfer(gateway: StripeGateway, op: MoneyOp, resting: Resting) -> Outcome:
    return _made(
        gateway.transfer(
            op.id,
            amount=op.amount,
            account_id=_known(resting.account_id),
            charge_id=_known(resting.charge_id),
            transfer_group=op.lot_id,
            reference=op.lot_id,
        )
    )


def _find_transfer(gateway: StripeGateway, op: MoneyOp, _resting: Resting) -> Outcome | None:
    found = _noted(op, gateway.find_transfers(op.lot_id))
    return _made(found) if found else None


def _send_reversal(gateway: StripeGateway, op: MoneyOp, resting: Resting) -> Outcome:
    return _made(gateway.reverse(op.id, transfer_id=_known(resting.gateway_id), amount=op.amount))


def _find_reversal(gateway: StripeGateway, op: MoneyOp, resting: Resting) -> Outcome | None:
    found = _noted(op, gateway.find_reversals(_known(resting.gateway_id)))
    return _made(found) if found else None


def _send_payout(gateway: StripeGateway, op: MoneyOp, resting: Resting) -> Outcome:
    return _moved(gateway.payout(op.id, account_id=_known(resting.account_id), amount=op.amount))


def _read_payout(gateway: StripeGateway, op: MoneyOp, resting: Resting) -> Outcome:
    return _moved(gateway.payout_of(_known(resting.account_id), _known(op.gateway_id)))


def _find_payout(gateway: StripeGateway, op: MoneyOp, resting: Resting) -> Outcome | None:
    found = _noted(op, gateway.find_payouts(_known(resting.account_id), since=op.planned_at))
    return _moved(found) if found else None


def _moved(movement: Refund | Payout) -> Outcome:
    state = {"succeeded": CONFIRMED, "pending": SENT, "failed": FAILED}[movement.status]
    return Outcome(state, gateway_id=movement.id, problem="returned_by_bank" if state == FAILED else None)


def _made(movement: Transfer | Reversal) -> Outcome:
    return Outcome(CONFIRMED, gateway_id=movement.id)


def _noted(op: MoneyOp, objects: Iterable[Made]) -> Made | None:
    return next((found for found in objects if found.operation == op.id), None)


def _known(id_: str | None) -> str:
    if id_ is None:
        raise InvariantBroken("an operation draws on something the gateway never confirmed")
    return id_


def _by_finding(find: Callable[[StripeGateway, MoneyOp, Resting], Outcome | None]) -> Step:
    def read(gateway: StripeGateway, op: MoneyOp, resting: Resting) -> Outcome:
        found = find(gateway, op, resting)
        if found is None:
            raise InvariantBroken("the gateway lost a %(kind)s", kind=op.kind)
        return found

    return read


_CARRIERS = {
    PAYMENT: Carrier(_send_payment, _read_payment, _find_payment),
    REFUND: Carrier(_send_refund, _by_finding(_find_refund), _find_refund),
    TRANSFER: Carrier(_send_transfer, _by_finding(_find_transfer), _find_transfer),
    REVERSAL: Carrier(_send_reversal, _by_finding(_find_reversal), _find_reversal),
    PAYOUT: Carrier(_send_payout, _read_payout, _find_payout),
}
