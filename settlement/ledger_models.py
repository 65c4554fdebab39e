"""The ledger's tables. Only the function ``databourse_post`` (``ledger.sql``) writes them.

An account is named by a code: ``cash:<gateway>:<currency>``, ``hold:<lot_id>``, ``payable:<org_id>:<currency>`` and so
on. Where its balance stands depends on its kind: a hold's in its lot's ``LotMoney``, that of an account of one party in
``LedgerAccount``; an account that every posting meets (cash, fee, cost) keeps no row, which would be locked by
everyone, and is summed from its transfers.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from exchange.money import EXPONENTS, MAX_MINOR
from exchange.orm import Base, Bookkeeping, Journalled


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of transfer: the kinds of account it debits and credits."""

    debit: str
    credit: str


#: Every kind of transfer there is; the table refuses any other.
KINDS = {
    "fund": Kind("cash", "hold"),
    "release": Kind("hold", "payable"),
    "fee": Kind("hold", "fee"),
    "pay_out": Kind("payable", "cash"),
    "refund": Kind("hold", "refundable"),
    "refund_paid": Kind("refundable", "cash"),
    "reversal": Kind("receivable", "hold"),
    "reversal_paid": Kind("cash", "receivable"),
    "fee_return": Kind("fee", "hold"),
    "chargeback": Kind("hold", "cash"),
    "chargeback_won": Kind("cash", "hold"),
    "gateway_cost": Kind("cost", "cash"),
    "gateway_cost_returned": Kind("cash", "cost"),
    "suspense_in": Kind("cash", "suspense"),
    "suspense_out": Kind("suspense", "cash"),
}

#: Accounts that hold what somebody has or owes: debits raise their balance. Credits raise every other's.
DEBIT_KINDS = frozenset({"cash", "receivable", "cost"})
#: Accounts of one party or one gateway's unknown money; they keep a row with their balance.
ROW_KINDS = frozenset({"payable", "refundable", "receivable", "suspense"})

# One constant each: PostgreSQL reads a CHECK's text anew at every statement, and a long list costs more than the row.
_SHAPES = ",".join(f"{name} {kind.debit} {kind.credit}" for name, kind in KINDS.items())
_CURRENCIES = ",".join(sorted(EXPONENTS))


class LedgerAccount(Base, Bookkeeping):
    """The balance of an account of one party. Only unknown money (suspense) may have gone the wrong way."""

    __tablename__ = "ledger_account"
    __bookkeeping__ = "sums of transfers, each of which is told in its lot's story"
    __grants__ = "SELECT"
    __table_args__ = (
        CheckConstraint(f"kind IN ({', '.join(repr(kind) for kind in sorted(ROW_KINDS))})", name="kind"),
        CheckConstraint("split_part(code, ':', 1) = kind AND split_part(code, ':', 3) = currency", name="code"),
        CheckConstraint("balance_minor >= 0 OR kind = 'suspense'", name="balance"),
    )

    code: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    currency: Mapped[str]
    balance_minor: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class LedgerTransfer(Base, Journalled):
    """One amount from one account to another. ``subject`` is the lot (or item in suspense) whose story tells it."""

    __tablename__ = "ledger_transfer"
    __subject__ = "subject"
    __append_only__ = True
    __table_args__ = (
        CheckConstraint(f"amount_minor BETWEEN 1 AND {MAX_MINOR}", name="amount"),
        CheckConstraint(f"currency = ANY ('{{{_CURRENCIES}}}'::text[])", name="currency"),
        CheckConstraint(
            "kind || ' ' || split_part(debit_account, ':', 1) || ' ' || split_part(credit_account, ':', 1)"
            f" = ANY ('{{{_SHAPES}}}'::text[])",
            name="shape",
        ),
        CheckConstraint(
            " AND ".join(
                f"({side} = 'hold:' || subject OR ({side} NOT LIKE 'hold:%' AND {side} LIKE '%:' || currency))"
                for side in ("debit_account", "credit_account")
            ),
            name="accounts",
        ),
        Index(None, "debit_account", "id", postgresql_include=["amount_minor"]),
        Index(None, "credit_account", "id", postgresql_include=["amount_minor"]),
        Index(None, "subject", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    kind: Mapped[str]
    debit_account: Mapped[str]
    credit_account: Mapped[str]
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    subject: Mapped[str]
    op_id: Mapped[str | None]
    at: Mapped[datetime]


class LotMoney(Base, Bookkeeping):
    """Where a lot's money is. Everything that came in is held, released (net of reversals), refunded or the fee.

    ``held_minor`` is the balance of ``hold:<lot_id>``. A reversal takes released money back into the hold and is owed
    by the seller; a chargeback counts as refunded, for the buyer's bank gave the buyer the money back. What the seller
    owes may reach as far as the fee that the exchange keeps.
    """

    __tablename__ = "lot_money"
    __bookkeeping__ = "sums of transfers, each of which is told in its lot's story"
    __grants__ = "SELECT"
    __table_args__ = (
        CheckConstraint(
            "held_minor + (released_minor - reversed_minor) + refunded_minor + fee_minor = funded_minor",
            name="balanced",
        ),
        CheckConstraint("held_minor >= 0", name="held"),
        CheckConstraint("released_minor >= 0 AND reversed_minor BETWEEN 0 AND released_minor + fee_minor", name="paid"),
        CheckConstraint("refunded_minor >= 0 AND fee_minor >= 0", name="returned"),
    )

    lot_id: Mapped[str] = mapped_column(primary_key=True)
    currency: Mapped[str]
    funded_minor: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    held_minor: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    released_minor: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    reversed_minor: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    refunded_minor: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    fee_minor: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
