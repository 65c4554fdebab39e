"""Double entry: what was posted, where money is, and that the two agree.

A posting is one call of the database's function ``databourse_post``: some transfers, applied together. The functions
named for a kind of transfer (``fund``, ``release``, …) say which accounts it moves between; ``post`` moves it.
"""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any

import psycopg.errors
from sqlalchemy import func, select, text, union_all
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, aliased

from exchange import schema
from exchange.db import Transaction
from exchange.errors import InvariantBroken, NotFound
from exchange.guards import APP
from exchange.money import Money
from exchange.web.paging import DEFAULT_LIMIT, Page, page
from settlement.ledger_models import DEBIT_KINDS, ROW_KINDS, LedgerAccount, LedgerTransfer, LotMoney

_ARGUMENTS = "text[], text[], text[], bigint[], text[], text[], text[], timestamptz"
_POST = text(
    "SELECT databourse_post(CAST(:kinds AS text[]), CAST(:debits AS text[]), CAST(:credits AS text[]),"
    " CAST(:amounts AS bigint[]), CAST(:currencies AS text[]), CAST(:subjects AS text[]), CAST(:op_ids AS text[]), :at)"
)
#: Constraints that say «there is not that much there».
_SHORT = frozenset({"ck_lot_money_held", "ck_ledger_account_balance"})


class InsufficientHold(InvariantBroken):
    """More would leave a hold, or an account of a party, than is there.

    The life cycles never ask for that, so it is a fault of the exchange and not of whoever called.
    """

    default_code = "insufficient_hold"


def statements() -> list[str]:
    """What the ledger needs besides its tables, to be run after ``exchange.guards.statements``."""
    return [
        files(__package__).joinpath("ledger.sql").read_text(encoding="utf-8"),
        f"REVOKE ALL ON FUNCTION databourse_post({_ARGUMENTS}) FROM PUBLIC",
        f"GRANT EXECUTE ON FUNCTION databourse_post({_ARGUMENTS}) TO {APP}",
        f"REVOKE INSERT ON {LedgerTransfer.__tablename__} FROM {APP}",
    ]


schema.also(*statements())


# -- accounts and transfers -----------------------------------------------------------------------------------------


def cash(gateway: str, currency: str) -> str:
    """The account of what rests with a gateway or bank."""
    return f"cash:{gateway}:{currency}"


def hold(lot_id: str) -> str:
    """The account of what is held for a lot."""
    return f"hold:{lot_id}"


def payable(org_id: str, currency: str) -> str:
    """The account of what the exchange owes a seller."""
    return f"payable:{org_id}:{currency}"


def refundable(org_id: str, currency: str) -> str:
    """The account of what the exchange owes a buyer."""
    return f"refundable:{org_id}:{currency}"


def receivable(org_id: str, currency: str) -> str:
    """The account of what a seller owes the exchange after money was released and had to be given back."""
    return f"receivable:{org_id}:{currency}"


def fees(currency: str) -> str:
    """The account of what the exchange earned."""
    return f"fee:{currency}"


def costs(gateway: str, currency: str) -> str:
    """The account of what a gateway charged the exchange."""
    return f"cost:{gateway}:{currency}"


def suspense(gateway: str, currency: str) -> str:
    """The account of money that nobody knows what it is for."""
    return f"suspense:{gateway}:{currency}"


@dataclass(frozen=True, slots=True)
class Posting:
    """One transfer to be posted. ``op_id`` names the money operation that it follows from, if one does."""

    kind: str
    debit: str
    credit: str
    amount: Money
    subject: str
    op_id: str | None = None


def fund(lot_id: str, gateway: str, amount: Money, *, op_id: str) -> Posting:
    """The buyer's payment arrived and is held."""
    return Posting("fund", cash(gateway, amount.currency), hold(lot_id), amount, lot_id, op_id)


def release(lot_id: str, seller_id: str, amount: Money) -> Posting:
    """The seller is owed what was held (net of the fee, which is a transfer of its own)."""
    return Posting("release", hold(lot_id), payable(seller_id, amount.currency), amount, lot_id)


def fee(lot_id: str, amount: Money) -> Posting:
    """The exchange takes its fee out of the hold."""
    return Posting("fee", hold(lot_id), fees(amount.currency), amount, lot_id)


def fee_return(lot_id: str, amount: Money) -> Posting:
    """The exchange gives its fee back into the hold."""
    return Posting("fee_return", fees(amount.currency), hold(lot_id), amount, lot_id)


def pay_out(lot_id: str, gateway: str, seller_id: str, amount: Money, *, op_id: str) -> Posting:
    """The seller was paid what was owed."""
    debit, credit = payable(seller_id, amount.currency), cash(gateway, amount.currency)
    return Posting("pay_out", debit, credit, amount, lot_id, op_id)


def refund(lot_id: str, buyer_id: str, amount: Money) -> Posting:
    """The buyer is owed back what was held."""
    return Posting("refund", hold(lot_id), refundable(buyer_id, amount.currency), amount, lot_id)


def refund_paid(lot_id: str, gateway: str, buyer_id: str, amount: Money, *, op_id: str) -> Posting:
    """The buyer was paid back."""
    debit, credit = refundable(buyer_id, amount.currency), cash(gateway, amount.currency)
    return Posting("refund_paid", debit, credit, amount, lot_id, op_id)


def reversal(lot_id: str, seller_id: str, amount: Money) -> Posting:
    """Released money is claimed back: the seller owes it from now on, and the hold has it to give to the buyer."""
    return Posting("reversal", receivable(seller_id, amount.currency), hold(lot_id), amount, lot_id)


def reversal_paid(lot_id: str, gateway: str, seller_id: str, amount: Money, *, op_id: str) -> Posting:
    """The seller gave back what was owed."""
    debit, credit = cash(gateway, amount.currency), receivable(seller_id, amount.currency)
    return Posting("reversal_paid", debit, credit, amount, lot_id, op_id)


def chargeback(lot_id: str, gateway: str, amount: Money, *, op_id: str) -> Posting:
    """The buyer's bank took held money back. What was released already is claimed back first (``reversal``)."""
    return Posting("chargeback", hold(lot_id), cash(gateway, amount.currency), amount, lot_id, op_id)


def chargeback_won(lot_id: str, gateway: str, amount: Money, *, op_id: str) -> Posting:
    """The buyer's bank gave back what it took."""
    return Posting("chargeback_won", cash(gateway, amount.currency), hold(lot_id), amount, lot_id, op_id)


def gateway_cost(subject: str, gateway: str, amount: Money, *, op_id: str | None) -> Posting:
    """The gateway kept its charge, which the exchange bears."""
    debit, credit = costs(gateway, amount.currency), cash(gateway, amount.currency)
    return Posting("gateway_cost", debit, credit, amount, subject, op_id)


def gateway_cost_returned(subject: str, gateway: str, amount: Money, *, op_id: str) -> Posting:
    """The exchange has again what it bore, and nobody else had to."""
    debit, credit = cash(gateway, amount.currency), costs(gateway, amount.currency)
    return Posting("gateway_cost_returned", debit, credit, amount, subject, op_id)


def suspense_in(item_id: str, gateway: str, amount: Money) -> Posting:
    """Money came that belongs to no operation."""
    debit, credit = cash(gateway, amount.currency), suspense(gateway, amount.currency)
    return Posting("suspense_in", debit, credit, amount, item_id)


def suspense_out(item_id: str, gateway: str, amount: Money) -> Posting:
    """Money went that belongs to no operation."""
    debit, credit = suspense(gateway, amount.currency), cash(gateway, amount.currency)
    return Posting("suspense_out", debit, credit, amount, item_id)


def post(tx: Transaction, postings: Sequence[Posting]) -> list[int]:
    """Move money, all of ``postings`` or none, and return the transfers' numbers.

    Every subject named must get an entry in the same transaction, or the database refuses the commit.

    Raises:
        InsufficientHold: More would leave a hold or an account of a party than is there.
        InvariantBroken: A transfer that no rule allows: another currency than the lot's, a shape that does not exist.
    """
    columns = {
        "kinds": [p.kind for p in postings],
        "debits": [p.debit for p in postings],
        "credits": [p.credit for p in postings],
        "amounts": [p.amount.minor for p in postings],
        "currencies": [p.amount.currency for p in postings],
        "subjects": [p.subject for p in postings],
        "op_ids": [p.op_id for p in postings],
    }
    try:
        return list(tx.session.scalars(_POST, {**columns, "at": tx.now}))
    except DBAPIError as error:
        cause = error.orig
        if isinstance(cause, psycopg.errors.CheckViolation) and cause.diag.constraint_name in _SHORT:
            raise InsufficientHold("there is less than the posting moves") from error
        if isinstance(cause, psycopg.errors.IntegrityError) or getattr(cause, "sqlstate", None) == "DB010":
            raise InvariantBroken("the ledger refuses a posting of %(kinds)s", kinds=columns["kinds"]) from error
        raise


# -- reading --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StatementLine:
    """A transfer as one account sees it: ``amount`` is positive where it raises the account's balance."""

    transfer_id: int
    at: datetime
    kind: str
    counterpart: str
    amount: Money
    subject: str
    op_id: str | None


def lot_money(session: Session, lot_id: str) -> LotMoney | None:
    """Where a lot's money is; ``None`` before any came."""
    return session.get(LotMoney, lot_id, populate_existing=True)


def balance(session: Session, account: str) -> Money:
    """What stands on an account, in the sense of its name: what is held, owed, earned, paid or in the bank.

    Raises:
        NotFound: A hold of a lot that never had money (its currency is not known).
    """
    kind, _, rest = account.partition(":")
    if kind == "hold":
        held = lot_money(session, rest)
        if held is None:
            raise NotFound("There is no such %(kind)s.", kind="hold")
        return Money(held.held_minor, held.currency)
    currency = rest.rpartition(":")[2]
    if kind in ROW_KINDS:
        found = session.scalar(select(LedgerAccount.balance_minor).where(LedgerAccount.code == account))
        return Money(found or 0, currency)
    debited, credited = (
        session.scalar(select(func.coalesce(func.sum(LedgerTransfer.amount_minor), 0)).where(side == account)) or 0
        for side in (LedgerTransfer.debit_account, LedgerTransfer.credit_account)
    )
    sign = -1 if kind in DEBIT_KINDS else 1
    return Money(sign * int(credited - debited), currency)


def statement(
    session: Session, account: str, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[StatementLine]:
    """The transfers of an account, newest first."""
    sides = (LedgerTransfer.debit_account, LedgerTransfer.credit_account)
    both = union_all(*(select(LedgerTransfer).where(side == account) for side in sides)).subquery()
    transfer = aliased(LedgerTransfer, both)
    columns = (transfer.id, transfer.at, transfer.kind, transfer.debit_account, transfer.credit_account)
    rest = (transfer.amount_minor, transfer.currency, transfer.subject, transfer.op_id)
    return page(
        session,
        select(*columns, *rest),
        [transfer.id],
        cursor=cursor,
        limit=limit,
        shape=functools.partial(_line, account),
    )


def _line(account: str, row: Any) -> StatementLine:
    debited = row.debit_account == account
    rises = debited == (account.partition(":")[0] in DEBIT_KINDS)
    counterpart = row.credit_account if debited else row.debit_account
    amount = Money(row.amount_minor if rises else -row.amount_minor, row.currency)
    return StatementLine(row.id, row.at, row.kind, counterpart, amount, row.subject, row.op_id)


#: Rows that differ from the sum of their transfers.
_DISCREPANCIES = text(
    """
    WITH side (account, minor) AS (
        SELECT credit_account, amount_minor FROM ledger_transfer
        UNION ALL SELECT debit_account, -amount_minor FROM ledger_transfer
    ), posted AS (SELECT account, sum(minor) AS credited FROM side GROUP BY account),
    kept (account, credited) AS (
        SELECT 'hold:' || lot_id, held_minor FROM lot_money
        UNION ALL
        SELECT code, CASE kind WHEN 'receivable' THEN -balance_minor ELSE balance_minor END FROM ledger_account
    )
    SELECT account FROM posted FULL JOIN kept USING (account)
    WHERE split_part(account, ':', 1) IN ('hold', 'payable', 'refundable', 'receivable', 'suspense')
        AND coalesce(posted.credited, 0) <> coalesce(kept.credited, 0)
    ORDER BY account
    """
)


def discrepancies(session: Session) -> Iterator[str]:
    """Accounts whose kept balance is not the sum of their transfers. There are none unless rows were tampered with."""
    yield from session.scalars(_DISCREPANCIES)
