"""Findings against declarations, what reviewers voted, and what was reported."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from exchange.members.models import Organisation
from exchange.orm import Base, Journalled, Stateful
from provenance.models import CatalogueRecord, Declaration
from provenance.states import FINDING, FINDING_KINDS


def _one_of(column: str, values: Iterable[str]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in sorted(values))})"


class Finding(Base, Stateful):
    """Something that speaks against a declaration (疑点), put as a question to the party that made it.

    ``about`` is what was looked at: a deposit, a report; its id is opaque here. What the finding is about is a record
    of the government catalogue (``record_id``), a product bought or sold here by its declaration
    (``source_declaration_id``), a declared source by its ``position`` (kind ``use``), or only its ``title``.
    ``fingerprint`` tells findings of one declaration apart, so that looking again raises nothing twice. ``evidence``
    is what both sides see: masked, small, without values that name people. ``stage`` is 1, and 2 on appeal.
    """

    __tablename__ = "finding"
    __lifecycle__ = FINDING
    __table_args__ = (
        CheckConstraint(_one_of("kind", FINDING_KINDS), name="kind"),
        CheckConstraint("kind <> 'use' OR position IS NOT NULL", name="position"),
        CheckConstraint("octet_length(fingerprint) = 32", name="fingerprint"),
        CheckConstraint("stage IN (1, 2)", name="stage"),
        UniqueConstraint("declaration_id", "fingerprint"),
        Index(None, "org_id", "state", "id"),
        Index(None, "state", "id"),
        Index(None, "about"),
    )

    declaration_id: Mapped[str] = mapped_column(ForeignKey(Declaration.id))
    org_id: Mapped[str] = mapped_column(ForeignKey(Organisation.id))
    kind: Mapped[str]
    about: Mapped[str]
    title: Mapped[str]
    record_id: Mapped[str | None] = mapped_column(ForeignKey(CatalogueRecord.id))
    source_declaration_id: Mapped[str | None] = mapped_column(ForeignKey(Declaration.id))
    position: Mapped[int | None]
    fingerprint: Mapped[bytes]
    evidence: Mapped[dict[str, Any]]
    evidence_digest: Mapped[bytes]
    answer_due_at: Mapped[datetime]
    answer: Mapped[str | None]
    answered_at: Mapped[datetime | None]
    appeal: Mapped[str | None]
    stage: Mapped[int] = mapped_column(server_default="1", default=1)
    remedied_by: Mapped[str | None] = mapped_column(ForeignKey(Declaration.id))


class FindingVote(Base, Journalled):
    """What one reviewer holds of a finding at one stage, and why. Two that agree decide."""

    __tablename__ = "finding_vote"
    __subject__ = "finding_id"
    __append_only__ = True
    __table_args__ = (CheckConstraint("outcome IN ('confirm', 'dismiss')", name="outcome"),)

    finding_id: Mapped[str] = mapped_column(ForeignKey(Finding.id), primary_key=True)
    stage: Mapped[int] = mapped_column(primary_key=True)
    reviewer_id: Mapped[str] = mapped_column(primary_key=True)
    outcome: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime]
