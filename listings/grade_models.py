"""How versions were graded: forms, the file of important data, lower grades that were asked for, reports."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from exchange.members.models import Organisation
from exchange.orm import Base, Journalled, Stateful
from listings.models import Version
from listings.states import DATA_REPORT, GRADES, LOWERING, REPORT_KINDS


def _one_of(column: str, values: Iterable[str]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in sorted(values))})"


class Grading(Base, Journalled):
    """A grading form of a version (RULES C-02); the latest one counts.

    ``elements``, ``effects``, ``identified_as`` and ``secrecy`` are those of `provenance.grading.Form`; ``grade`` is
    what they come to, empty while something is unknown; ``sources_grade`` the highest grade of what the version was
    derived from at that time.
    """

    __tablename__ = "grading"
    __subject__ = "version_id"
    __append_only__ = True
    __table_args__ = (
        CheckConstraint(_one_of("grade", GRADES), name="grade"),
        CheckConstraint(_one_of("sources_grade", GRADES), name="sources_grade"),
        Index(None, "version_id", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    version_id: Mapped[str] = mapped_column(ForeignKey(Version.id))
    elements: Mapped[dict[str, Any]]
    effects: Mapped[dict[str, Any]]
    identified_as: Mapped[str]
    secrecy: Mapped[str]
    grade: Mapped[str | None]
    sources_grade: Mapped[str]
    at: Mapped[datetime]


class ImportantDataFile(Base, Journalled):
    """What important data needs before it is provided (RULES C-04, NDR 29-31); the latest of a version counts.

    ``identification`` tells the catalogue or notice, its authority, number and date; ``assessment`` answers each of the
    six points of NDR 31; ``officer_id`` is the person responsible for the data, a member of the seller.
    """

    __tablename__ = "important_data_file"
    __subject__ = "version_id"
    __append_only__ = True
    __table_args__ = (Index(None, "version_id", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    version_id: Mapped[str] = mapped_column(ForeignKey(Version.id))
    identification: Mapped[str]
    assessment: Mapped[dict[str, Any]]
    officer_id: Mapped[str]
    at: Mapped[datetime]


class Lowering(Base, Stateful):
    """A grade below that of the sources, asked for with a reason (RULES C-07). It holds for one grading form."""

    __tablename__ = "grade_lowering"
    __lifecycle__ = LOWERING
    __table_args__ = (
        CheckConstraint(_one_of("from_grade", GRADES), name="from_grade"),
        CheckConstraint(_one_of("to_grade", GRADES), name="to_grade"),
        CheckConstraint("first_by <> second_by", name="two_people"),
        Index(None, "version_id", "id"),
        Index("ix_grade_lowering_open", "id", postgresql_where="state IN ('asked', 'seconded')"),
    )

    version_id: Mapped[str] = mapped_column(ForeignKey(Version.id))
    grading_id: Mapped[str] = mapped_column(ForeignKey(Grading.id))
    org_id: Mapped[str] = mapped_column(ForeignKey(Organisation.id))
    from_grade: Mapped[str]
    to_grade: Mapped[str]
    reason: Mapped[str]
    first_by: Mapped[str | None]
    first_reason: Mapped[str | None]
    second_by: Mapped[str | None]
    second_reason: Mapped[str | None]


class DataReport(Base, Stateful):
    """Something that must not be here, reported to the security administrator (RULES C-03, C-08, N-07).

    ``authority`` and ``reference`` say who was told under which number, or ``answer`` why it was nothing.
    """

    __tablename__ = "data_report"
    __lifecycle__ = DATA_REPORT
    __table_args__ = (
        CheckConstraint(_one_of("kind", REPORT_KINDS), name="kind"),
        CheckConstraint("state <> 'reported' OR authority <> ''", name="authority"),
        Index(None, "version_id", "id"),
        Index("ix_data_report_open", "id", postgresql_where="state = 'open'"),
    )

    version_id: Mapped[str] = mapped_column(ForeignKey(Version.id))
    org_id: Mapped[str] = mapped_column(ForeignKey(Organisation.id))
    kind: Mapped[str]
    statement: Mapped[str]
    authority: Mapped[str]
    reference: Mapped[str]
    answer: Mapped[str]
