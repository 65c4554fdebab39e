"""What stands beside a lot: extensions, disputes with their evidence, refunds, payment orders. And deals filed here."""

from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from exchange.money import MAX_MINOR, Money
from exchange.orm import Base, Journalled, Stateful
from listings.models import Product, Version
from settlement.lot_states import EXTENSION, FILING, PAYMENT_ORDER, REFUND
from settlement.models import Lot, Order
from settlement.money_models import MoneyOp
from settlement.states import BUYER, SELLER

_SIDES = f"IN ('{BUYER}', '{SELLER}')"

#: What a payment order asks for: a movement that failed, once more; held money back to the buyer; settled money back.
AGAIN, RETURN, DECIDED_REFUND = "again", "return", "refund"
#: What a refund after settlement rests on: both parties, or a decision of a court or an authority.
AGREEMENT, DECISION = "agreement", "decision"


class Extension(Base, Stateful):
    """A later deadline for delivering or inspecting a lot, as one side proposes and the other agrees.

    Args:
        step: The lot's state whose deadline it is: ``funded`` (delivery) or ``delivered`` (inspection).
        deadline_at: The deadline that stood when it was proposed.
        until: The deadline that it proposes.
    """

    __tablename__ = "lot_extension"
    __lifecycle__ = EXTENSION
    __table_args__ = (
        CheckConstraint("step IN ('funded', 'delivered')", name="step"),
        CheckConstraint(f"proposed_by {_SIDES}", name="proposed_by"),
        CheckConstraint("until > deadline_at", name="later"),
        Index("uq_lot_extension_proposed", "lot_id", unique=True, postgresql_where=text("state = 'proposed'")),
        Index(None, "lot_id", "id"),
    )

    lot_id: Mapped[str] = mapped_column(ForeignKey(Lot.id))
    step: Mapped[str]
    proposed_by: Mapped[str]
    deadline_at: Mapped[datetime]
    until: Mapped[datetime]
    reason: Mapped[str]


class Dispute(Base, Journalled):
    """One dispute about a lot's delivery, from its opening to its settlement or final ruling.

    Args:
        opened_by: ``buyer``, or ``clock`` when what was received differs and nobody said so.
        answer_due_at: Until when the seller may answer before an officer rules.
        answer: What the seller says to it.
        urgency: Minus the Unix time of ``answer_due_at``, since lists run in descending order.
    """

    __tablename__ = "dispute"
    __subject__ = "lot_id"
    __table_args__ = (
        CheckConstraint("opened_by IN ('buyer', 'clock')", name="opened_by"),
        CheckConstraint("(answer IS NULL) = (answered_at IS NULL)", name="answer"),
        Index("uq_dispute_open", "lot_id", unique=True, postgresql_where=text("closed_at IS NULL")),
        Index(None, "lot_id", "id"),
        Index(None, "urgency", "id", postgresql_where=text("closed_at IS NULL")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    lot_id: Mapped[str] = mapped_column(ForeignKey(Lot.id))
    opened_by: Mapped[str]
    reason: Mapped[str | None]
    opened_at: Mapped[datetime]
    answer_due_at: Mapped[datetime]
    urgency: Mapped[int] = mapped_column(BigInteger)
    answer: Mapped[str | None]
    answered_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]


class Evidence(Base, Journalled):
    """A document that one side laid before the officer.

    ``digest`` is of the document as given. What is kept in ``exchange.documents`` under ``kept_digest`` is the same
    bytes, or, where it may hold personal data (``sealed``), those bytes sealed under the key of the party.
    """

    __tablename__ = "dispute_evidence"
    __subject__ = "lot_id"
    __append_only__ = True
    __table_args__ = (
        CheckConstraint(f"side {_SIDES}", name="side"),
        CheckConstraint("octet_length(digest) = 32 AND octet_length(kept_digest) = 32", name="digests"),
        Index(None, "dispute_id", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    dispute_id: Mapped[str] = mapped_column(ForeignKey(Dispute.id))
    lot_id: Mapped[str] = mapped_column(ForeignKey(Lot.id))
    side: Mapped[str]
    org_id: Mapped[str]
    title: Mapped[str]
    media_type: Mapped[str]
    size_bytes: Mapped[int]
    digest: Mapped[bytes]
    kept_digest: Mapped[bytes]
    sealed: Mapped[bool]
    at: Mapped[datetime]


class Refund(Base, Stateful):
    """Money that goes back to the buyer after its lot was settled: by agreement, or by a decision with its number."""

    __tablename__ = "refund"
    __lifecycle__ = REFUND
    __table_args__ = (
        CheckConstraint(f"amount_minor BETWEEN 1 AND {MAX_MINOR}", name="amount"),
        CheckConstraint(f"basis IN ('{AGREEMENT}', '{DECISION}')", name="basis"),
        CheckConstraint(f"proposed_by {_SIDES} OR basis = '{DECISION}'", name="proposed_by"),
        Index(
            "uq_refund_open",
            "lot_id",
            unique=True,
            postgresql_where=text("state IN ('proposed', 'reversing', 'refunding')"),
        ),
        Index(None, "lot_id", "id"),
        Index(None, "reversal_op_id"),
        Index(None, "refund_op_id"),
    )

    order_id: Mapped[str] = mapped_column(ForeignKey(Order.id))
    lot_id: Mapped[str] = mapped_column(ForeignKey(Lot.id))
    basis: Mapped[str]
    proposed_by: Mapped[str]
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    reason: Mapped[str]
    reversal_op_id: Mapped[str | None] = mapped_column(ForeignKey(MoneyOp.id))
    refund_op_id: Mapped[str | None] = mapped_column(ForeignKey(MoneyOp.id))

    @property
    def amount(self) -> Money:
        """What goes back."""
        return Money(self.amount_minor, self.currency)


class PaymentOrder(Base, Stateful):
    """What an officer orders to be paid, until another officer confirms it.

    Args:
        kind: ``again``, ``return`` or ``refund``.
        op_id: The operation that failed, of ``again``.
        document_number: The decision that ``refund`` carries out.
    """

    __tablename__ = "payment_order"
    __lifecycle__ = PAYMENT_ORDER
    __table_args__ = (
        CheckConstraint(f"kind IN ('{AGAIN}', '{RETURN}', '{DECIDED_REFUND}')", name="kind"),
        CheckConstraint(f"(kind = '{AGAIN}') = (op_id IS NOT NULL)", name="op"),
        CheckConstraint(f"(kind = '{DECIDED_REFUND}') = (document_number IS NOT NULL)", name="document_number"),
        CheckConstraint(f"amount_minor BETWEEN 1 AND {MAX_MINOR}", name="amount"),
        CheckConstraint("state <> 'confirmed' OR decided_by <> proposed_by", name="two_persons"),
        Index("uq_payment_order_proposed", "lot_id", unique=True, postgresql_where=text("state = 'proposed'")),
        Index(None, "id", postgresql_where=text("state = 'proposed'")),
        Index(None, "lot_id", "id"),
    )

    kind: Mapped[str]
    lot_id: Mapped[str] = mapped_column(ForeignKey(Lot.id))
    op_id: Mapped[str | None] = mapped_column(ForeignKey(MoneyOp.id))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    reason: Mapped[str]
    document_number: Mapped[str | None]
    proposed_by: Mapped[str]
    decided_by: Mapped[str | None]

    @property
    def amount(self) -> Money:
        """What is to be paid."""
        return Money(self.amount_minor, self.currency)


class Filing(Base, Stateful):
    """A deal that two members made outside and filed here (备案). Only products offered ``direct`` can be filed.

    ``number`` is its receipt number. The document and its note exist once the other side has confirmed it.
    """

    __tablename__ = "filing"
    __lifecycle__ = FILING
    __table_args__ = (
        CheckConstraint("buyer_org_id <> seller_org_id", name="two_parties"),
        CheckConstraint(f"filed_by {_SIDES}", name="filed_by"),
        CheckConstraint(f"amount_minor BETWEEN 1 AND {MAX_MINOR}", name="amount"),
        CheckConstraint("octet_length(contract_digest) = 32", name="contract_digest"),
        CheckConstraint(
            "(state = 'confirmed') = (document_digest IS NOT NULL) AND"
            " (document_digest IS NULL) = (note_digest IS NULL)",
            name="document",
        ),
        Index(None, "seller_org_id", "id"),
        Index(None, "buyer_org_id", "id"),
        Index(None, "version_id", "id"),
    )

    number: Mapped[str] = mapped_column(unique=True)
    product_id: Mapped[str] = mapped_column(ForeignKey(Product.id))
    version_id: Mapped[str] = mapped_column(ForeignKey(Version.id))
    seller_org_id: Mapped[str]
    buyer_org_id: Mapped[str]
    filed_by: Mapped[str]
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    dealt_on: Mapped[date]
    contract_digest: Mapped[bytes]
    closing_reason: Mapped[str | None]
    document_digest: Mapped[bytes | None]
    note_digest: Mapped[bytes | None]

    @property
    def amount(self) -> Money:
        """What the goods were sold for."""
        return Money(self.amount_minor, self.currency)
