"""The negative list of what is not traded, and what each version's check against it found."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from exchange.orm import Base, Journalled, Stateful
from listings.models import Version
from listings.states import NEGATIVE_ITEM


class NegativeItem(Base, Stateful):
    """An item of the negative list (RULES N-06): its words, legal basis and edition, in force from ``effective_at``."""

    __tablename__ = "negative_item"
    __lifecycle__ = NEGATIVE_ITEM
    __table_args__ = (
        CheckConstraint("basis <> ''", name="basis"),
        Index("uq_negative_item_code_edition", "code", "edition", unique=True),
    )

    code: Mapped[str]
    edition: Mapped[int]
    text_zh: Mapped[str]
    text_en: Mapped[str]
    basis: Mapped[str]
    effective_at: Mapped[datetime]


class NegativeCheck(Base, Journalled):
    """What a reviewer found of one item in one submission of a version; the latest counts."""

    __tablename__ = "negative_check"
    __subject__ = "version_id"
    __append_only__ = True
    __table_args__ = (
        CheckConstraint("result IN ('clear', 'found')", name="result"),
        Index(None, "version_id", "submission", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    version_id: Mapped[str] = mapped_column(ForeignKey(Version.id))
    submission: Mapped[int]
    item_id: Mapped[str] = mapped_column(ForeignKey(NegativeItem.id))
    result: Mapped[str]
    reviewer_id: Mapped[str]
    at: Mapped[datetime]
