"""Grants, tickets, what was served, receipts, vouchers and payout accounts."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index
from sqlalchemy.orm import Mapped, mapped_column

from exchange.orm import Base, Bookkeeping, Journalled, Stateful
from listings.models import Deposit, Version
from settlement.delivery_states import GRANT, PAYOUT_ACCOUNT, VOUCHER
from settlement.models import Lot, Order

#: What may stand between a delivery and its acceptance: the stored goods no longer open, other bytes were served than
#: were listed, or the recipient received another digest.
GOODS_BROKEN, SERVED_DIFFERS, RECEIVED_DIFFERS = "goods_broken", "served_differs", "received_differs"


class Grant(Base, Stateful):
    """The buyer's right to use what a lot delivered, until ``ends_at``. Each delivery of a lot makes its own grant.

    The file is pinned as it was committed to at its deposit: ``digest`` is the SHA-256 of the plaintext, ``plain_root``
    the root over its chunks (`listings.commitments`); ``deposit_id`` is that deposit: the version's, or the one made on
    order. All are empty when the goods are no file. ``told_number`` is the number of the latest revision of the goods
    that the holder was told of, 0 before the first.
    """

    __tablename__ = "usage_grant"
    __lifecycle__ = GRANT
    __table_args__ = (
        CheckConstraint("num_nonnulls(media_type, size_bytes, digest, plain_root) IN (0, 4)", name="file"),
        Index("uq_usage_grant_live", "lot_id", unique=True, postgresql_where="state = 'live'"),
        Index(None, "org_id", "id"),
        Index(None, "order_id"),
        Index(None, "lot_id", "id"),
        Index("ix_usage_grant_told", "version_id", "told_number", postgresql_where="state = 'live'"),
    )

    order_id: Mapped[str] = mapped_column(ForeignKey(Order.id))
    lot_id: Mapped[str] = mapped_column(ForeignKey(Lot.id))
    org_id: Mapped[str]
    version_id: Mapped[str] = mapped_column(ForeignKey(Version.id))
    deposit_id: Mapped[str | None] = mapped_column(ForeignKey(Deposit.id))
    ends_at: Mapped[datetime]
    media_type: Mapped[str | None]
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    digest: Mapped[bytes | None]
    plain_root: Mapped[bytes | None]
    closing_reason: Mapped[str | None]
    told_number: Mapped[int] = mapped_column(default=0, server_default="0")


class Ticket(Base, Journalled):
    """Leave for one person to fetch the file of a grant, until ``expires_at`` (real time). The token is not kept."""

    __tablename__ = "ticket"
    __subject__ = "lot_id"
    __append_only__ = True
    __table_args__ = (
        CheckConstraint("octet_length(token_digest) = 32", name="token_digest"),
        Index(None, "grant_id", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    lot_id: Mapped[str] = mapped_column(ForeignKey(Lot.id))
    grant_id: Mapped[str] = mapped_column(ForeignKey(Grant.id))
    person_id: Mapped[str]
    org_id: Mapped[str]
    token_digest: Mapped[bytes] = mapped_column(unique=True)
    expires_at: Mapped[datetime]


class ServedRange(Base, Bookkeeping):
    """The bytes ``start`` to ``stop`` of a grant's file as they were handed out by one response.

    ``leaves`` are the hashes (RFC 6962) of the chunks that the range touches, in order, 32 bytes each; empty once the
    grant's file is known chunk by chunk.
    """

    __tablename__ = "served_range"
    __bookkeeping__ = "progress of downloads; that a file was served as a whole is told in the lot's story"
    __append_only__ = True
    __grants__ = "SELECT, INSERT"
    __table_args__ = (
        CheckConstraint("0 <= start AND start < stop", name="range"),
        Index(None, "grant_id", "start", "stop"),
        Index(None, "ticket_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    grant_id: Mapped[str] = mapped_column(ForeignKey(Grant.id))
    ticket_id: Mapped[str] = mapped_column(ForeignKey(Ticket.id))
    start: Mapped[int] = mapped_column(BigInteger)
    stop: Mapped[int] = mapped_column(BigInteger)
    leaves: Mapped[bytes]
    completed_at: Mapped[datetime]


class Receipt(Base, Journalled):
    """Both halves of a delivery's receipt: what the exchange served and what the recipient received.

    The document and its signature (a signed note) exist once both halves agree with the listed version. ``problem``
    says what stands against accepting the delivery meanwhile.
    """

    __tablename__ = "receipt"
    __subject__ = "lot_id"
    __table_args__ = (
        CheckConstraint("(served_root IS NULL) = (served_at IS NULL)", name="served"),
        CheckConstraint("num_nonnulls(received_digest, received_at, received_by) IN (0, 3)", name="received"),
        CheckConstraint("num_nonnulls(document_digest, note_digest, completed_at) IN (0, 3)", name="document"),
        CheckConstraint("document_digest IS NULL OR problem IS NULL", name="complete"),
        CheckConstraint(f"problem IN ('{GOODS_BROKEN}', '{SERVED_DIFFERS}', '{RECEIVED_DIFFERS}')", name="problem"),
        Index(None, "lot_id", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    lot_id: Mapped[str] = mapped_column(ForeignKey(Lot.id))
    grant_id: Mapped[str] = mapped_column(ForeignKey(Grant.id), unique=True)
    served_root: Mapped[bytes | None]
    served_at: Mapped[datetime | None]
    received_digest: Mapped[bytes | None]
    received_at: Mapped[datetime | None]
    received_by: Mapped[str | None]
    problem: Mapped[str | None]
    document_digest: Mapped[bytes | None]
    note_digest: Mapped[bytes | None]
    completed_at: Mapped[datetime | None]


class Voucher(Base, Stateful):
    """交易凭证: that an order was completed (RULES T-22). ``number`` cannot be guessed: it opens the public check."""

    __tablename__ = "voucher"
    __lifecycle__ = VOUCHER
    __table_args__ = (
        Index(None, "buyer_org_id", "id"),
        Index(None, "seller_org_id", "id"),
    )

    number: Mapped[str] = mapped_column(unique=True)
    order_id: Mapped[str] = mapped_column(ForeignKey(Order.id), unique=True)
    buyer_org_id: Mapped[str]
    seller_org_id: Mapped[str]
    title_zh: Mapped[str]
    title_en: Mapped[str]
    document_digest: Mapped[bytes]
    note_digest: Mapped[bytes]


class PayoutAccount(Base, Stateful):
    """A seller's account at the payment gateway, asked for under this row's id as idempotency key.

    ``country`` is ISO 3166-1 alpha-2. ``account_id`` is the gateway's. ``problem`` is the code of why it failed. The
    gateway knows the key until ``key_expires_at`` (real time).
    """

    __tablename__ = "payout_account"
    __lifecycle__ = PAYOUT_ACCOUNT
    __table_args__ = (
        CheckConstraint("(state = 'ready') = (account_id IS NOT NULL)", name="account"),
        CheckConstraint("(state = 'failed') = (problem IS NOT NULL)", name="problem"),
        Index("uq_payout_account_live", "gateway", "org_id", unique=True, postgresql_where="state <> 'failed'"),
        Index(None, "org_id", "id"),
    )

    org_id: Mapped[str]
    gateway: Mapped[str]
    country: Mapped[str]
    key_expires_at: Mapped[datetime]
    account_id: Mapped[str | None] = mapped_column(unique=True)
    problem: Mapped[str | None]
