"""How versions are graded, for their sellers, reviewers and the security administrator."""

from collections.abc import Iterable
from typing import Any

from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange.actors import Actor
from exchange.db import read
from exchange.errors import NotFound
from exchange.web.desk import INBOX_LIMIT, Waiting
from exchange.web.languages import language
from exchange.web.paging import DEFAULT_LIMIT, Page, page
from listings import gates, queries
from listings.grade_models import DataReport, Grading, ImportantDataFile, Lowering
from listings.models import Version
from listings.states import DATA_REPORT, REVIEWER, SECURITY
from provenance import grading
from provenance.grading import Form

#: Who reads reports of what must not be here.
REPORT_READERS = frozenset({SECURITY, "auditor"})
_OPEN_LOWERINGS = ("asked", "seconded")


def graded(actor: Actor, version_id: str) -> dict[str, Any]:
    """The grading of a version, for its seller and reviewers.

    Raises:
        NotFound: There is no such version, or it is another party's.
    """
    with read() as session:
        version = session.get(Version, version_id)
        if version is None or not (queries.READERS & actor.roles or version.org_id == actor.org_id):
            raise NotFound("There is no such %(kind)s.", kind="version")
        return grading_of(session, version)


def grading_of(session: Session, version: Version) -> dict[str, Any]:
    """The grading form of a version that counts, what it comes to, and all that hangs on it."""
    about = version.revises_id or version.id
    newest = select(Grading).where(Grading.version_id == about).order_by(Grading.id.desc()).limit(1)
    row = session.scalars(newest).first()
    form = Form({}, {}, "unknown", "unknown")
    if row is not None:
        form = Form(row.elements, row.effects, row.identified_as, row.secrecy)
    result = grading.grade(form)
    held = select(ImportantDataFile).where(ImportantDataFile.version_id == about)
    asked = select(Lowering).where(Lowering.version_id == about).order_by(Lowering.id.desc()).limit(INBOX_LIMIT)
    return {
        "version_id": version.id,
        "row_version": version.row_version,
        "grade": version.grade,
        "computed": result.grade,
        "sources_grade": gates.sources_grade_of(session, version),
        "elements": dict(form.elements),
        "effects": dict(form.effects),
        "identified_as": form.identified_as,
        "secrecy": form.secrecy,
        "missing": list(result.missing),
        "reasons": [{"grade": r.grade, "zh": r.zh, "en": r.en, "rule": r.rule} for r in result.reasons],
        "at": None if row is None else row.at,
        "important_data": session.scalars(held.order_by(ImportantDataFile.id.desc()).limit(1)).first(),
        "lowerings": list(session.scalars(asked)),
    }


def lowering(actor: Actor, lowering_id: str) -> Lowering:
    """A lower grade that was asked for.

    Raises:
        NotFound: There is none, or it is another party's.
    """
    with read() as session:
        found = session.get(Lowering, lowering_id)
        if found is None or not (queries.READERS & actor.roles or found.org_id == actor.org_id):
            raise NotFound("There is no such %(kind)s.", kind="grade_lowering")
        return found


def lowerings(*, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[dict[str, Any]]:
    """Lower grades that wait for reviewers, newest first."""
    waiting = select(Lowering.id, Lowering, Version.title_zh, Version.title_en).join(
        Version, Version.id == Lowering.version_id
    )
    with read() as session:
        statement = waiting.where(Lowering.state.in_(_OPEN_LOWERINGS))
        return page(session, statement, [Lowering.id], cursor=cursor, limit=limit, shape=_card)


def reports(*, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[dict[str, Any]]:
    """Reports of what must not be here, newest first."""
    told = select(DataReport.id, DataReport, Version.title_zh, Version.title_en).join(
        Version, Version.id == DataReport.version_id
    )
    with read() as session:
        return page(session, told, [DataReport.id], cursor=cursor, limit=limit, shape=_card)


def data_report(report_id: str) -> DataReport:
    """One report.

    Raises:
        NotFound: There is none.
    """
    with read() as session:
        found = session.get(DataReport, report_id)
        if found is None:
            raise NotFound("There is no such %(kind)s.", kind="data_report")
        return found


def _card(row: Any) -> dict[str, Any]:
    found = row[1]
    told = {column.key: getattr(found, column.key) for column in found.__table__.columns}
    return told | {"title": {"zh": row.title_zh, "en": row.title_en}}


# -- what waits -------------------------------------------------------------------------------------------------------


def lowerings_wait(session: Session, actor: Actor) -> Iterable[Waiting]:
    """Lower grades that this reviewer can decide."""
    if REVIEWER not in actor.roles:
        return
    asked = (
        select(Lowering.id, Lowering.created_at, Version.title_zh, Version.title_en)
        .join(Version, Version.id == Lowering.version_id)
        .where(Lowering.state.in_(_OPEN_LOWERINGS), Lowering.first_by.is_distinct_from(actor.person_id))
    )
    for row in session.execute(asked.order_by(Lowering.id).limit(INBOX_LIMIT)):
        words = gettext("Decide about a lower grade: %(title)s", title=_title(row))
        yield Waiting(row.id, words, f"/console/grading#{row.id}", None, row.created_at)


def reports_wait(session: Session, actor: Actor) -> Iterable[Waiting]:
    """Reports that the security administrator has to pass on or dismiss."""
    if SECURITY not in actor.roles:
        return
    told = (
        select(DataReport.id, DataReport.created_at, Version.title_zh, Version.title_en)
        .join(Version, Version.id == DataReport.version_id)
        .where(DataReport.state == DATA_REPORT.initial)
    )
    for row in session.execute(told.order_by(DataReport.id).limit(INBOX_LIMIT)):
        words = gettext("Report what must not be here: %(title)s", title=_title(row))
        yield Waiting(row.id, words, f"/console/data-reports#{row.id}", None, row.created_at)


def _title(row: Any) -> str:
    return str(row.title_zh if language() == "zh" else row.title_en)
