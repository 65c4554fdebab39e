"""Orders to a gateway, what it told us, and what nobody can explain."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from exchange.money import MAX_MINOR, Money
from exchange.orm import Base, Bookkeeping, Journalled

#: States of an operation. ``sent``: on its way, or waiting for somebody at the gateway (a payer, a bank).
PLANNED, SENT, UNKNOWN, CONFIRMED, FAILED = "planned", "sent", "unknown", "confirmed", "failed"
#: An operation in one of these still needs the worker.
OPEN_STATES = (PLANNED, SENT, UNKNOWN)

#: The gateway's name in rows and accounts.
STRIPE = "stripe"

PAYMENT, TRANSFER, REFUND, REVERSAL, PAYOUT, CHARGEBACK = (
    "payment",
    "transfer",
    "refund",
    "reversal",
    "payout",
    "chargeback",
)


def _one_of(column: str, *values: str) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


class MoneyOp(Base, Bookkeeping):
    """Something a gateway is to do about a lot's money; committed with the transition that asks for it.

    Its id is the idempotency key, so that it happens at most once. ``rests_on`` is the operation it draws on: a refund
    or transfer on the payment, a reversal on the transfer, a chargeback on the payment. A chargeback is the bank's
    doing: ``sent`` while it is disputed, ``confirmed`` when lost, ``failed`` when it was won.

    Args:
        org_id: The party on the other side: who pays, is paid, or is paid back.
        gateway_id: The gateway's id of it (payment, transfer, …), once known.
        charge_id: Of a payment: the charge that transfers draw on and balance lines name.
        page_id: Of a payment on a hosted page: the page, at ``page_url`` while it is open.
        request: What else the gateway is asked with; a repetition sends it unchanged.
        retry_at: Not before then (real time) does a worker look at it again.
        problem: Code of what stood in its way last.
    """

    __tablename__ = "money_op"
    __bookkeeping__ = "progress at a gateway; what comes of it is told in the lot's story"
    __grants__ = "SELECT, INSERT, UPDATE"
    __table_args__ = (
        CheckConstraint(_one_of("kind", PAYMENT, TRANSFER, REFUND, REVERSAL, PAYOUT, CHARGEBACK), name="kind"),
        CheckConstraint(_one_of("state", *OPEN_STATES, CONFIRMED, FAILED), name="state"),
        CheckConstraint(f"amount_minor BETWEEN 1 AND {MAX_MINOR}", name="amount"),
        CheckConstraint(f"state <> '{CONFIRMED}' OR gateway_id IS NOT NULL", name="confirmed"),
        UniqueConstraint("gateway", "gateway_id"),
        UniqueConstraint("gateway", "charge_id"),
        UniqueConstraint("gateway", "page_id"),
        Index(None, "lot_id", "id"),
        Index(None, "org_id", "id"),
        Index("ix_money_op_failed", "id", postgresql_where="state = 'failed'"),
        Index(None, "retry_at", "id", postgresql_where=_one_of("state", *OPEN_STATES)),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    state: Mapped[str]
    gateway: Mapped[str]
    lot_id: Mapped[str]
    org_id: Mapped[str]
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    rests_on: Mapped[str | None] = mapped_column(ForeignKey("money_op.id"))
    request: Mapped[dict[str, Any]]
    gateway_id: Mapped[str | None]
    charge_id: Mapped[str | None]
    page_id: Mapped[str | None]
    page_url: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(default=0)
    planned_at: Mapped[datetime]
    first_sent_at: Mapped[datetime | None]
    retry_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    problem: Mapped[str | None]

    @property
    def amount(self) -> Money:
        """How much moves."""
        return Money(self.amount_minor, self.currency)


class GatewayAccount(Base, Bookkeeping):
    """Where a gateway pays a seller."""

    __tablename__ = "gateway_account"
    __bookkeeping__ = "an address at a gateway"
    __grants__ = "SELECT, INSERT"
    __table_args__ = (UniqueConstraint("gateway", "account_id"),)

    gateway: Mapped[str] = mapped_column(primary_key=True)
    org_id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str]
    opened_at: Mapped[datetime]


class GatewayEvent(Base, Bookkeeping):
    """Word from a gateway that an object changed. It is kept once, however often it arrives."""

    __tablename__ = "gateway_event"
    __bookkeeping__ = "the inbox; the retrieved object is what counts"
    __grants__ = "SELECT, INSERT, UPDATE"
    __table_args__ = (Index(None, "received_at", postgresql_where="done_at IS NULL"),)

    gateway: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str]
    object_id: Mapped[str | None]
    received_at: Mapped[datetime]
    done_at: Mapped[datetime | None]


class SuspenseItem(Base, Journalled):
    """Something at a gateway that belongs to no operation of ours, or differs from it; ``code`` says how."""

    __tablename__ = "suspense_item"
    __table_args__ = (
        UniqueConstraint("gateway", "object_id"),
        CheckConstraint("(amount_minor IS NULL) = (currency IS NULL)", name="amount"),
        Index(None, "noted_at", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    gateway: Mapped[str]
    object_id: Mapped[str]
    code: Mapped[str]
    amount_minor: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str | None]
    noted_at: Mapped[datetime]


class GatewayLine(Base, Bookkeeping):
    """A movement of our balance at a gateway, and what it met: an operation, or (after some days) an item in suspense.

    The balance changed by ``amount_minor - fee_minor``; either may be negative.
    """

    __tablename__ = "gateway_line"
    __bookkeeping__ = "the gateway's statement, as read"
    __grants__ = "SELECT, INSERT, UPDATE"
    __table_args__ = (
        UniqueConstraint("gateway", "line_id"),
        CheckConstraint("num_nonnulls(op_id, suspense_id) <= 1", name="met"),
        Index(None, "op_id"),
        Index("ix_gateway_line_unmet", "gateway", "position", postgresql_where="op_id IS NULL AND suspense_id IS NULL"),
    )

    position: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    gateway: Mapped[str]
    line_id: Mapped[str]
    type: Mapped[str]
    source_id: Mapped[str | None]
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    fee_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    at: Mapped[datetime]
    op_id: Mapped[str | None] = mapped_column(ForeignKey("money_op.id"))
    suspense_id: Mapped[str | None] = mapped_column(ForeignKey("suspense_item.id"))

    @property
    def amount(self) -> Money:
        """What moved, before the gateway's charge."""
        return Money(self.amount_minor, self.currency)

    @property
    def fee(self) -> Money:
        """The gateway's charge."""
        return Money(self.fee_minor, self.currency)
