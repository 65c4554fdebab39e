"""Assessments of giving a version's data to a recipient outside the mainland."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from exchange.members.models import Organisation
from exchange.orm import Base, Stateful
from listings.models import Version
from listings.states import EXPORT


class ExportAssessment(Base, Stateful):
    """What was assessed of an export (RULES X-01 to X-06): no export goes beyond it.

    ``recipient`` is the name under which the recipient is registered, ``territory`` where (ISO 3166-1); ``purposes``
    are codes of `provenance.purposes`, ``kinds`` of ``EXPORT_KINDS``. ``facts`` are those of
    `provenance.crossborder.Facts`, ``path`` what ``edition`` of the engine made of them, ``documents`` the SHA-256 of
    what was shown (the authority's result, the filed contract, the certificate), in hexadecimal.
    """

    __tablename__ = "export_assessment"
    __lifecycle__ = EXPORT
    __table_args__ = (
        CheckConstraint("territory <> 'CN'", name="territory"),
        CheckConstraint("first_by <> second_by", name="two_people"),
        CheckConstraint("state <> 'valid' OR valid_until IS NOT NULL", name="valid_until"),
        Index(None, "version_id", "id"),
        Index(None, "org_id", "id"),
        Index("ix_export_assessment_open", "id", postgresql_where="state IN ('submitted', 'seconded')"),
    )

    version_id: Mapped[str] = mapped_column(ForeignKey(Version.id))
    org_id: Mapped[str] = mapped_column(ForeignKey(Organisation.id))
    recipient: Mapped[str]
    territory: Mapped[str]
    purposes: Mapped[list[Any]]
    kinds: Mapped[list[Any]]
    facts: Mapped[dict[str, Any]]
    documents: Mapped[list[Any]]
    path: Mapped[str | None]
    edition: Mapped[str | None]
    first_by: Mapped[str | None]
    second_by: Mapped[str | None]
    reason: Mapped[str | None]
    valid_until: Mapped[datetime | None]
