"""What the parties say to each other about an order: their proposals, and messages that only they read."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from exchange.money import MAX_MINOR, Money
from exchange.orm import Base, Journalled
from settlement.models import Order


class Proposal(Base, Journalled):
    """One proposal of a contract, signed by ``side``, its maker; the order holds the terms of the last one.

    ``number`` counts from 1, the buyer's request. ``contract_digest`` names the document that was signed.
    """

    __tablename__ = "proposal"
    __subject__ = "order_id"
    __append_only__ = True
    __table_args__ = (
        UniqueConstraint("order_id", "number"),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint("side IN ('buyer', 'seller')", name="side"),
        CheckConstraint(f"amount_minor BETWEEN 1 AND {MAX_MINOR}", name="amount"),
        CheckConstraint("octet_length(contract_digest) = 32", name="contract_digest"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey(Order.id))
    number: Mapped[int]
    side: Mapped[str]
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    terms: Mapped[dict[str, Any]]
    disputes: Mapped[str]
    contract_digest: Mapped[bytes]
    signature_id: Mapped[str]
    at: Mapped[datetime]

    @property
    def price(self) -> Money:
        """What the order was proposed to cost."""
        return Money(self.amount_minor, self.currency)


class TradeMessage(Base, Journalled):
    """A message from one side of an order to the other, sealed under the order's own key.

    ``digest`` is that of the sealed text's plain form, which holds a random salt: the journal names it, and whoever is
    shown the plain form can tell that nothing was changed, while nobody can guess at the words.
    """

    __tablename__ = "trade_message"
    __subject__ = "order_id"
    __append_only__ = True
    __table_args__ = (
        CheckConstraint("side IN ('buyer', 'seller')", name="side"),
        CheckConstraint("octet_length(digest) = 32", name="digest"),
        Index(None, "order_id", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey(Order.id))
    side: Mapped[str]
    sealed: Mapped[bytes]
    digest: Mapped[bytes]
    at: Mapped[datetime]
