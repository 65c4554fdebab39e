"""What overseers may see, what they look at, what they order, and what they put in the way of a subject."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from exchange.orm import Base, Bookkeeping, Journalled, Stateful
from exchange.oversight.states import (
    AUTHORITIES,
    BASES,
    CASE_FILE,
    DIRECTIVE,
    INSPECTION,
    MEASURES,
    PURPOSES,
    SCOPE_KINDS,
    TARGET_KINDS,
)


def _one_of(column: str, codes: Any) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(code) for code in sorted(codes))})", name=column)


class Restraint(Base, Journalled):
    """A bar on a subject of any kind, known here by its opaque id only, from ``since`` until ``lifted_at``.

    ``org_id`` is the body that ordered it, and that alone may lift it; one that a directive ordered ends with it.
    """

    __tablename__ = "restraint"
    __subject__ = "subject"
    __table_args__ = (
        Index(None, "subject", postgresql_where="lifted_at IS NULL"),
        Index(None, "directive_id", postgresql_where="directive_id IS NOT NULL"),
        Index("ix_restraint_operator", "org_id", "id", postgresql_where="directive_id IS NULL"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str]
    org_id: Mapped[str]
    measure: Mapped[str]
    basis: Mapped[str]
    reason: Mapped[str]
    since: Mapped[datetime]
    lifted_at: Mapped[datetime | None]
    directive_id: Mapped[str | None]


class Scope(Base, Journalled):
    """What an organ may see, given by the operator's administrator on ``basis`` until ``ended_at``.

    ``value`` is a subject: of a category (``cat_…``), a district (``dst_…``), a party or a case; empty for ``all``.
    """

    __tablename__ = "oversight_scope"
    __subject__ = "organ_id"
    __table_args__ = (
        _one_of("authority", AUTHORITIES),
        _one_of("kind", SCOPE_KINDS),
        CheckConstraint("(kind = 'all') = (value = '')", name="value"),
        Index("uq_oversight_scope_live", "organ_id", "kind", "value", unique=True, postgresql_where="ended_at IS NULL"),
        Index(None, "organ_id", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    organ_id: Mapped[str]
    authority: Mapped[str]
    kind: Mapped[str]
    value: Mapped[str]
    basis: Mapped[str]
    since: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Coverage(Base, Bookkeeping):
    """That a subject belongs to a party, a category or a district, as its entries and what they link to say."""

    __tablename__ = "oversight_coverage"
    __bookkeeping__ = "read off the journal; it can be made again"
    __table_args__ = (Index(None, "covered_by", "subject"),)

    subject: Mapped[str] = mapped_column(primary_key=True)
    covered_by: Mapped[str] = mapped_column(primary_key=True)


class EntryTerms(Base, Bookkeeping):
    """The words of an entry's facts, cut for search; ``index`` is its place in the log."""

    __tablename__ = "journal_terms"
    __bookkeeping__ = "read off the journal; it can be made again"
    __table_args__ = (Index(None, "terms", postgresql_using="gin"),)

    entry_id: Mapped[str] = mapped_column(primary_key=True)
    terms: Mapped[str] = mapped_column(TSVECTOR)


class Projection(Base, Bookkeeping):
    """How far the journal has been read off: the index of the leaf that comes next."""

    __tablename__ = "journal_projection"
    __bookkeeping__ = "a cursor"

    name: Mapped[str] = mapped_column(primary_key=True)
    next_index: Mapped[int] = mapped_column(BigInteger)


class Inspection(Base, Stateful):
    """An officer's inspection: the purpose that looks carry until ``expires_at``.

    ``sealed_note`` is what the officer wrote about it, under the organ's key; entries hold code and number only.
    """

    __tablename__ = "inspection"
    __lifecycle__ = INSPECTION
    __table_args__ = (
        _one_of("purpose", PURPOSES),
        Index("uq_inspection_open", "person_id", unique=True, postgresql_where="state = 'open'"),
        Index(None, "organ_id", "id"),
    )

    organ_id: Mapped[str]
    person_id: Mapped[str]
    purpose: Mapped[str]
    reference: Mapped[str]
    sealed_note: Mapped[bytes | None]
    expires_at: Mapped[datetime]


class Directive(Base, Stateful):
    """What an organ orders of a party, or of everybody, and how it went.

    ``binding`` is false for what can only be asked for (money without a statute that says so). ``target`` is the
    subject it is about; ``served_on`` the party that answers, ``None`` for a category and the whole market. ``demand``
    is written by officers and is shown to the party; entries hold its digest.
    """

    __tablename__ = "directive"
    __lifecycle__ = DIRECTIVE
    __table_args__ = (
        _one_of("measure", MEASURES),
        _one_of("basis", BASES),
        _one_of("target_kind", TARGET_KINDS),
        CheckConstraint("answer_days BETWEEN 1 AND 180", name="answer_days"),
        CheckConstraint("confirmed_by <> proposed_by", name="two_officers"),
        CheckConstraint("state <> 'lifted' OR lift_proposed_by IS NOT NULL", name="lifting"),
        Index(None, "organ_id", "id"),
        Index(None, "organ_id", "state", "answer_due_at"),
        Index(None, "served_on", "id", postgresql_where="served_at IS NOT NULL"),
    )

    organ_id: Mapped[str]
    measure: Mapped[str]
    basis: Mapped[str]
    document_number: Mapped[str]
    target_kind: Mapped[str]
    target: Mapped[str]
    served_on: Mapped[str | None]
    binding: Mapped[bool]
    demand: Mapped[str]
    answer_days: Mapped[int]
    answer_due_at: Mapped[datetime | None]
    proposed_by: Mapped[str]
    confirmed_by: Mapped[str | None]
    served_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    lift_proposed_by: Mapped[str | None]
    lift_reason: Mapped[str | None]


class CaseFile(Base, Stateful):
    """An evidence bag that an officer asked for; the worker builds it and it is kept until ``expires_at``."""

    __tablename__ = "case_file"
    __lifecycle__ = CASE_FILE
    __table_args__ = (
        Index(None, "organ_id", "id"),
        Index(None, "id", postgresql_where="state = 'requested'"),
    )

    organ_id: Mapped[str]
    person_id: Mapped[str]
    about: Mapped[str]
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    digest: Mapped[bytes | None]
    problem: Mapped[str | None]
    expires_at: Mapped[datetime | None]


class CaseFilePart(Base, Bookkeeping):
    """A piece of a built case file."""

    __tablename__ = "case_file_part"
    __bookkeeping__ = "a copy of what is kept elsewhere; it can be made again and is deleted after a day"

    file_id: Mapped[str] = mapped_column(ForeignKey(CaseFile.id), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[bytes]
