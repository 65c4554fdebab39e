"""Deposits, products and their versions, reviews, objections and offers."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from exchange.members.models import Organisation
from exchange.money import Money
from exchange.orm import Base, Bookkeeping, Journalled, Stateful
from listings.states import CATEGORIES, DECISIONS, DELIVERIES, DEPOSIT, GRADES, LISTING, OBJECTION, OFFER
from provenance.models import Declaration
from provenance.states import CHANNELS


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in sorted(values))})"


class Deposit(Base, Stateful):
    """A file that a seller entrusts to the exchange, sealed under a key of its own.

    ``size_bytes`` is what the seller declared and what completing the upload requires. ``staging_key`` (wrapped) seals
    the segments of the upload, ``file_key`` (wrapped) the whole; both are emptied when the file is discarded. The
    digests are those of `listings.commitments.Commitment`. ``code`` says why a deposit was rejected. ``scans`` holds
    what the scans for personal information and for anonymity answered (`provenance.scan.examine`). ``scan_failures``
    counts how often the scan itself failed over this file.
    """

    __tablename__ = "deposit"
    __lifecycle__ = DEPOSIT
    __table_args__ = (
        CheckConstraint("size_bytes > 0", name="size_bytes"),
        CheckConstraint(
            "state NOT IN ('sealed', 'profiled') OR num_nonnulls(object_key, file_key, digest, plain_root,"
            " sealed_root, key_digest) = 6",
            name="sealed",
        ),
        CheckConstraint("(state = 'profiled') = (profile IS NOT NULL)", name="profile"),
        Index(None, "org_id", "id"),
        Index(None, "digest"),
    )

    org_id: Mapped[str] = mapped_column(ForeignKey(Organisation.id))
    file_name: Mapped[str]
    media_type: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    staging_key: Mapped[bytes]
    object_key: Mapped[str | None]
    file_key: Mapped[bytes | None]
    digest: Mapped[bytes | None]
    plain_root: Mapped[bytes | None]
    sealed_root: Mapped[bytes | None]
    key_digest: Mapped[bytes | None]
    profile: Mapped[dict[str, Any] | None] = mapped_column(deferred=True)
    scans: Mapped[dict[str, Any] | None] = mapped_column(deferred=True)
    code: Mapped[str | None]
    scan_failures: Mapped[int] = mapped_column(default=0, server_default="0")


class DepositSegment(Base, Bookkeeping):
    """A piece of an upload, from ``start`` to ``stop`` of the file, sealed in the store under ``object_key``."""

    __tablename__ = "deposit_segment"
    __bookkeeping__ = "progress of an upload; the deposit's entries tell what came of it"
    __grants__ = "SELECT, INSERT, DELETE"
    __table_args__ = (CheckConstraint("0 <= start AND start < stop", name="range"),)

    deposit_id: Mapped[str] = mapped_column(ForeignKey(Deposit.id), primary_key=True)
    start: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    stop: Mapped[int] = mapped_column(BigInteger)
    object_key: Mapped[str]


class Product(Base, Journalled):
    """What a seller lists; everything that can be said about it stands on its versions."""

    __tablename__ = "product"
    __table_args__ = (Index(None, "org_id", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    org_id: Mapped[str] = mapped_column(ForeignKey(Organisation.id))
    created_at: Mapped[datetime]


class Version(Base, Stateful):
    """A version of a product: what is reviewed, published and bought. It is immutable once submitted.

    ``submission`` counts how often it was submitted: approvals count for the submission they were given to.
    ``urgency`` is minus the Unix time of the review's deadline, since lists run in descending order.
    ``listing_digest`` names the canonical document of the submission, kept in ``exchange.documents``. A revision names
    the version whose review it rests on in ``revises_id``, and says in ``change_note`` what is new.
    """

    __tablename__ = "version"
    __lifecycle__ = LISTING
    __table_args__ = (
        UniqueConstraint("product_id", "number"),
        CheckConstraint(_one_of("grade", GRADES), name="grade"),
        CheckConstraint(_one_of("category", tuple(CATEGORIES)), name="category"),
        Index(
            "uq_version_published", "product_id", unique=True, postgresql_where="state IN ('published', 'suspended')"
        ),
        Index(None, "org_id", "id"),
        Index(None, "org_id", "state", "id"),
        Index(None, "state", "id"),
        Index(None, "state", "category", "id"),
        Index(None, "urgency", "id", postgresql_where="state IN ('scanned', 'in_review')"),
        Index(None, "deposit_id"),
        Index(None, "declaration_id"),
    )

    product_id: Mapped[str] = mapped_column(ForeignKey(Product.id))
    org_id: Mapped[str] = mapped_column(ForeignKey(Organisation.id))
    number: Mapped[int]
    title_zh: Mapped[str]
    title_en: Mapped[str]
    description_zh: Mapped[str]
    description_en: Mapped[str]
    category: Mapped[str]
    grade: Mapped[str]
    deposit_id: Mapped[str | None] = mapped_column(ForeignKey(Deposit.id))
    declaration_id: Mapped[str | None] = mapped_column(ForeignKey(Declaration.id))
    submission: Mapped[int]
    submitted_at: Mapped[datetime | None]
    listing_digest: Mapped[bytes | None]
    review_due_at: Mapped[datetime | None]
    urgency: Mapped[int | None] = mapped_column(BigInteger)
    reviewer_id: Mapped[str | None]
    notice_ends_at: Mapped[datetime | None]
    notice_provisional: Mapped[bool | None]
    published_at: Mapped[datetime | None]
    revises_id: Mapped[str | None] = mapped_column(ForeignKey("version.id"))
    change_note: Mapped[str | None]


class Review(Base, Journalled):
    """A reviewer's decision about a version, with what was checked and why (RULES I-09)."""

    __tablename__ = "review"
    __subject__ = "version_id"
    __append_only__ = True
    __table_args__ = (CheckConstraint(_one_of("decision", DECISIONS), name="decision"), Index(None, "version_id", "id"))

    id: Mapped[str] = mapped_column(primary_key=True)
    version_id: Mapped[str] = mapped_column(ForeignKey(Version.id))
    submission: Mapped[int]
    reviewer_id: Mapped[str]
    decision: Mapped[str]
    checklist: Mapped[dict[str, Any]]
    reason: Mapped[str]
    at: Mapped[datetime]


class Objection(Base, Stateful):
    """What somebody has against a version on public notice. Only reviewers see who objected."""

    __tablename__ = "objection"
    __lifecycle__ = OBJECTION
    __table_args__ = (
        Index(None, "version_id", "id"),
        Index("ix_objection_open", "id", postgresql_where=f"state = '{OBJECTION.initial}'"),
    )

    version_id: Mapped[str] = mapped_column(ForeignKey(Version.id))
    org_id: Mapped[str] = mapped_column(ForeignKey(Organisation.id))
    person_id: Mapped[str]
    statement: Mapped[str]
    decided_by: Mapped[str | None]
    answer: Mapped[str | None]
    decided_at: Mapped[datetime | None]


class Offer(Base, Stateful):
    """The terms on which a version can be had. They never change: other terms are another offer.

    ``purposes`` are codes of `provenance.purposes`. ``territory`` is in the words of the contract. ``exchange_name``
    names the other exchange of the channel ``other_exchange``.
    """

    __tablename__ = "offer"
    __lifecycle__ = OFFER
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount_minor"),
        CheckConstraint("term_days > 0", name="term_days"),
        CheckConstraint("inspection_hours > 0", name="inspection_hours"),
        CheckConstraint(_one_of("channel", CHANNELS), name="channel"),
        CheckConstraint(_one_of("delivery", DELIVERIES), name="delivery"),
        CheckConstraint("(channel = 'other_exchange') = (exchange_name IS NOT NULL)", name="exchange_name"),
        Index(None, "version_id", "id"),
        Index(None, "org_id", "id"),
    )

    version_id: Mapped[str] = mapped_column(ForeignKey(Version.id))
    product_id: Mapped[str] = mapped_column(ForeignKey(Product.id))
    org_id: Mapped[str] = mapped_column(ForeignKey(Organisation.id))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    channel: Mapped[str]
    exchange_name: Mapped[str | None]
    purposes: Mapped[list[Any]]
    term_days: Mapped[int]
    territory: Mapped[str]
    redistribution: Mapped[bool]
    derivation: Mapped[bool]
    inspection_hours: Mapped[int]
    delivery: Mapped[str]
    acceptance_criteria: Mapped[str]

    @property
    def price(self) -> Money:
        """What one order of this offer costs."""
        return Money(self.amount_minor, self.currency)
