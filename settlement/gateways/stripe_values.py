"""What is read from Stripe, as the exchange's own values."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import stripe

from exchange.errors import InvariantBroken
from exchange.money import Money

PaymentStatus = Literal["pending", "succeeded", "failed", "cancelled"]
MovementStatus = Literal["pending", "succeeded", "failed"]
CheckoutStatus = Literal["open", "complete", "expired"]
DisputeStatus = Literal["open", "won", "lost"]


@dataclass(frozen=True, slots=True)
class Payment:
    """A PaymentIntent. ``failed``: the last attempt was declined; on an open checkout page a later one may succeed."""

    id: str
    status: PaymentStatus
    amount: Money
    charge_id: str | None
    reference: str | None
    operation: str | None


@dataclass(frozen=True, slots=True)
class Checkout:
    """A hosted payment page. ``url`` is gone once it is no longer open; ``payment_id`` comes with completion."""

    id: str
    url: str | None
    status: CheckoutStatus
    payment_id: str | None


@dataclass(frozen=True, slots=True)
class Refund:
    """Money on its way back to the payer."""

    id: str
    status: MovementStatus
    amount: Money
    payment_id: str | None
    reference: str | None
    operation: str | None


@dataclass(frozen=True, slots=True)
class Transfer:
    """Money put to a seller's connected account; ``reversed_amount`` of it came back."""

    id: str
    amount: Money
    reversed_amount: Money
    account_id: str
    reference: str | None
    operation: str | None


@dataclass(frozen=True, slots=True)
class Reversal:
    """A transfer, or part of one, taken back."""

    id: str
    amount: Money
    operation: str | None


@dataclass(frozen=True, slots=True)
class Payout:
    """Money sent from a connected account to the seller's bank. One that ``succeeded`` may still fail days later."""

    id: str
    status: MovementStatus
    amount: Money
    operation: str | None


@dataclass(frozen=True, slots=True)
class Dispute:
    """A chargeback: the payer's bank took ``amount`` of a payment back. ``won``: the platform has it again."""

    id: str
    status: DisputeStatus
    amount: Money
    payment_id: str | None


@dataclass(frozen=True, slots=True)
class BalanceLine:
    """A movement of the platform's balance at Stripe: ``net`` is ``amount`` less ``fee``; both may be negative.

    ``source_id`` names what moved it: a charge, refund, transfer, reversal, dispute or payout.
    """

    id: str
    type: str
    amount: Money
    fee: Money
    net: Money
    source_id: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """Word that an object changed; the object is to be retrieved, not believed. ``account_id`` when a seller's."""

    id: str
    type: str
    object_id: str | None
    created_at: datetime
    account_id: str | None


#: Stripe's words for where a payment stands; whatever is not listed is still on its way.
_PAYMENT: dict[str, PaymentStatus] = {"succeeded": "succeeded", "canceled": "cancelled"}

#: The same for refunds and payouts.
_MOVEMENT: dict[str, MovementStatus] = {
    "succeeded": "succeeded",
    "paid": "succeeded",
    "failed": "failed",
    "canceled": "failed",
}

#: The same for disputes; whatever is not listed is undecided.
_DISPUTE: dict[str, DisputeStatus] = {"won": "won", "lost": "lost"}

_CHECKOUT: dict[str, CheckoutStatus] = {"open": "open", "complete": "complete", "expired": "expired"}


def read_payment(intent: stripe.PaymentIntent) -> Payment:
    """A PaymentIntent; one that waits for another card after a decline has ``failed``."""
    status = _PAYMENT.get(intent.status, "pending")
    if intent.status == "requires_payment_method" and intent.last_payment_error is not None:
        status = "failed"
    return Payment(
        id=intent.id,
        status=status,
        amount=_money(intent.amount, intent.currency),
        charge_id=id_in(intent.latest_charge),
        reference=_note(intent.metadata, "reference"),
        operation=_note(intent.metadata, "operation"),
    )


def read_checkout(session: stripe.checkout.Session) -> Checkout:
    """A Checkout session.

    Raises:
        InvariantBroken: Its status is none that a payment page has.
    """
    status = _CHECKOUT.get(session.status or "")
    if status is None:
        raise InvariantBroken("A payment page has a status unknown here.")
    return Checkout(session.id, session.url, status, id_in(session.payment_intent))


def read_refund(refund: stripe.Refund) -> Refund:
    """A refund."""
    return Refund(
        id=refund.id,
        status=_MOVEMENT.get(refund.status or "", "pending"),
        amount=_money(refund.amount, refund.currency),
        payment_id=id_in(refund.payment_intent),
        reference=_note(refund.metadata, "reference"),
        operation=_note(refund.metadata, "operation"),
    )


def read_transfer(transfer: stripe.Transfer) -> Transfer:
    """A transfer to a connected account.

    Raises:
        InvariantBroken: It has no destination.
    """
    account_id = id_in(transfer.destination)
    if account_id is None:
        raise InvariantBroken("A transfer goes nowhere.")
    return Transfer(
        id=transfer.id,
        amount=_money(transfer.amount, transfer.currency),
        reversed_amount=_money(transfer.amount_reversed, transfer.currency),
        account_id=account_id,
        reference=_note(transfer.metadata, "reference"),
        operation=_note(transfer.metadata, "operation"),
    )


def read_reversal(reversal: stripe.TransferReversal) -> Reversal:
    """A reversal of a transfer."""
    return Reversal(reversal.id, _money(reversal.amount, reversal.currency), _note(reversal.metadata, "operation"))


def read_payout(payout: stripe.Payout) -> Payout:
    """A payout to a bank account."""
    return Payout(
        id=payout.id,
        status=_MOVEMENT.get(payout.status, "pending"),
        amount=_money(payout.amount, payout.currency),
        operation=_note(payout.metadata, "operation"),
    )


def read_dispute(dispute: stripe.Dispute) -> Dispute:
    """A chargeback."""
    return Dispute(
        id=dispute.id,
        status=_DISPUTE.get(dispute.status, "open"),
        amount=_money(dispute.amount, dispute.currency),
        payment_id=id_in(dispute.payment_intent),
    )


def read_line(line: stripe.BalanceTransaction) -> BalanceLine:
    """A balance transaction."""
    return BalanceLine(
        id=line.id,
        type=line.type,
        amount=_money(line.amount, line.currency),
        fee=_money(line.fee, line.currency),
        net=_money(line.net, line.currency),
        source_id=id_in(line.source),
        created_at=instant(line.created),
    )


def instant(seconds: int) -> datetime:
    """Unix seconds as an aware instant."""
    return datetime.fromtimestamp(seconds, UTC)


def id_in(value: str | stripe.StripeObject | None) -> str | None:
    """The id in a member that may hold the whole object."""
    return value if value is None or isinstance(value, str) else str(value["id"])


def _money(minor: int, currency: str) -> Money:
    return Money(minor, currency.upper())


def _note(metadata: stripe.StripeObject | None, name: str) -> str | None:
    notes = metadata.to_dict() if metadata is not None else {}
    return notes.get(name)
