"""Orders, their lots, and the checks of the parties that are kept with the trade."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from exchange.money import MAX_MINOR, Money
from exchange.orm import Base, Journalled, Stateful
from listings.models import Deposit, Offer, Product, Version
from settlement.states import BUYER, LOT, ORDER

#: One hundred per cent, in hundredths of a per cent (basis points).
WHOLE_BASIS_POINTS = 10_000
WHOLE_PERCENT = 100


class Order(Base, Stateful):
    """What a buyer orders of an offer, with everything pinned that could change later.

    ``terms`` are the offer's as far as the parties did not agree otherwise: ``term_days``, ``territory``,
    ``redistribution``, ``derivation``, ``inspection_hours``, ``delivery``, ``delivery_days``, ``acceptance_criteria``.
    ``contract_digest`` names the document both parties sign; until they did it is that of the last proposal, which the
    other side's signature is missing from.

    Args:
        purpose: The code of `provenance.purposes` that the buyer bought for.
        fee_basis_points: The exchange's fee, in hundredths of a per cent of what the seller gets; floored.
        government_derived: The classification on the day of the request (Art. 28(2)).
        disputes: ``officer`` when both agree that the dispute officer rules, ``none`` otherwise.
        proposals: How many proposals there were; the first is the buyer's request.
        proposed_by: Who made the last one, ``buyer`` or ``seller``: the other side may sign it.
        deadline_at: Until when the last proposal may be signed.
        closing_reason: Why it was declined or terminated, in the party's words.
    """

    __tablename__ = "trade_order"
    __lifecycle__ = ORDER
    __table_args__ = (
        CheckConstraint("buyer_org_id <> seller_org_id", name="two_parties"),
        CheckConstraint(f"amount_minor BETWEEN 1 AND {MAX_MINOR}", name="amount"),
        CheckConstraint(f"fee_basis_points BETWEEN 0 AND {WHOLE_BASIS_POINTS - 1}", name="fee"),
        CheckConstraint("octet_length(contract_digest) = 32", name="contract_digest"),
        CheckConstraint("disputes IN ('officer', 'none')", name="disputes"),
        CheckConstraint(
            "state IN ('requested', 'cancelled') OR num_nulls(buyer_signature_id, seller_signature_id) = 0",
            name="signed",
        ),
        CheckConstraint("num_nonnulls(buyer_signature_id, seller_signature_id) > 0", name="proposed"),
        CheckConstraint("proposals > 0", name="proposals"),
        CheckConstraint("proposed_by IN ('buyer', 'seller')", name="proposed_by"),
        Index(None, "buyer_org_id", "id"),
        Index(None, "seller_org_id", "id"),
        Index(None, "buyer_org_id", "state", "id"),
        Index(None, "seller_org_id", "state", "id"),
        Index(None, "version_id", "id"),
    )

    offer_id: Mapped[str] = mapped_column(ForeignKey(Offer.id))
    product_id: Mapped[str] = mapped_column(ForeignKey(Product.id))
    version_id: Mapped[str] = mapped_column(ForeignKey(Version.id))
    declaration_id: Mapped[str]
    buyer_org_id: Mapped[str]
    seller_org_id: Mapped[str]
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    fee_basis_points: Mapped[int]
    purpose: Mapped[str]
    terms: Mapped[dict[str, Any]]
    government_derived: Mapped[bool]
    disputes: Mapped[str]
    contract_digest: Mapped[bytes]
    buyer_signature_id: Mapped[str | None]
    seller_signature_id: Mapped[str | None]
    proposals: Mapped[int] = mapped_column(default=1, server_default="1")
    proposed_by: Mapped[str] = mapped_column(default=BUYER, server_default=BUYER)
    deadline_at: Mapped[datetime]
    closing_reason: Mapped[str | None]

    @property
    def price(self) -> Money:
        """What the order costs."""
        return Money(self.amount_minor, self.currency)

    def fee_on(self, amount: Money) -> Money:
        """The exchange's fee on what the seller gets, floored to a minor unit."""
        return amount.share(self.fee_basis_points, WHOLE_BASIS_POINTS)


class Lot(Base, Stateful):
    """A part of an order that is paid, delivered and accepted by itself.

    Args:
        deadline_at: When the present state's time is up: payment (``due``), delivery (``funded``), inspection
            (``delivered``), objection (``ruled``); empty while no clock runs.
        clock_stopped_at: Since when the clock stands still behind a restraint, a suspension or a chargeback.
        redeliveries_left: How often the buyer may still reject.
        available_at: When the goods entered the buyer's reach (RULES T-09), last time.
        closing_reason: Why it was rejected, declined, ruled or objected to, in the words used last.
        seller_share_percent: Who gets how much of a disputed amount, once settled or ruled.
        proposed_share_percent: What ``proposed_by`` (``buyer`` or ``seller``) proposes to settle at.
        ruled_by: The officer who ruled last; another one rules after an objection.
        rulings: How often it was ruled. The second ruling is the exchange's last.
        chargeback_hold: The buyer's bank claims the money back: nothing is released or delivered meanwhile.
        deposit_id: Of ``on_order``: the file that the seller uploaded for this lot, last time.
        extended_until: The deadline of the present state that both sides agreed on; nothing shortens it.
        reminded_at: When the buyer was last reminded that the inspection window ends.
        held_too_long_at: Since when an officer should look why its money is still held.
    """

    __tablename__ = "lot"
    __lifecycle__ = LOT
    __table_args__ = (
        UniqueConstraint("order_id", "number"),
        CheckConstraint(f"amount_minor BETWEEN 1 AND {MAX_MINOR}", name="amount"),
        CheckConstraint("delivery IN ('deposit', 'on_order')", name="delivery"),
        CheckConstraint("redeliveries_left >= 0 AND rulings >= 0", name="counts"),
        CheckConstraint(f"seller_share_percent BETWEEN 0 AND {WHOLE_PERCENT}", name="seller_share_percent"),
        CheckConstraint(f"proposed_share_percent BETWEEN 0 AND {WHOLE_PERCENT}", name="proposed_share_percent"),
        CheckConstraint("(proposed_share_percent IS NULL) = (proposed_by IS NULL)", name="proposal"),
        CheckConstraint("state <> 'ruled' OR seller_share_percent IS NOT NULL", name="ruled"),
        Index(None, "state", "id"),
        Index(None, "deadline_at", postgresql_where=text("deadline_at IS NOT NULL")),
        Index(None, "held_too_long_at", "id", postgresql_where=text("held_too_long_at IS NOT NULL")),
    )

    order_id: Mapped[str] = mapped_column(ForeignKey(Order.id))
    number: Mapped[int]
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    delivery: Mapped[str]
    deadline_at: Mapped[datetime | None]
    clock_stopped_at: Mapped[datetime | None]
    redeliveries_left: Mapped[int]
    deposit_id: Mapped[str | None] = mapped_column(ForeignKey(Deposit.id))
    available_at: Mapped[datetime | None]
    accepted_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]
    closing_reason: Mapped[str | None]
    dispute_reason: Mapped[str | None]
    dispute_evidence: Mapped[bytes | None]
    proposed_share_percent: Mapped[int | None]
    proposed_by: Mapped[str | None]
    seller_share_percent: Mapped[int | None]
    ruled_by: Mapped[str | None]
    rulings: Mapped[int]
    chargeback_hold: Mapped[bool]
    extended_until: Mapped[datetime | None]
    reminded_at: Mapped[datetime | None]
    held_too_long_at: Mapped[datetime | None]

    @property
    def amount(self) -> Money:
        """What the lot costs."""
        return Money(self.amount_minor, self.currency)


class PartyCheck(Base, Journalled):
    """That a party was vetted at a step of a trade: the case that stood then and until when it does (RULES I-02).

    ``subject`` is the order or lot whose story tells the step: ``request``, ``sign`` or ``pay``.
    """

    __tablename__ = "party_check"
    __subject__ = "subject"
    __append_only__ = True
    __table_args__ = (Index(None, "order_id", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str]
    order_id: Mapped[str] = mapped_column(ForeignKey(Order.id))
    step: Mapped[str]
    org_id: Mapped[str]
    case_id: Mapped[str]
    valid_until: Mapped[datetime]
    at: Mapped[datetime]
