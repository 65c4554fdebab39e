"""Export assessments, for their sellers and reviewers."""

from collections.abc import Iterable
from typing import Any

from flask_babel import gettext
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from exchange.actors import Actor
from exchange.db import read
from exchange.errors import NotFound
from exchange.web.desk import INBOX_LIMIT, Waiting
from exchange.web.paging import DEFAULT_LIMIT, Page, page
from listings import queries
from listings.export_models import ExportAssessment
from listings.models import Version
from listings.states import EXPORT, REVIEWER
from provenance import crossborder
from provenance.crossborder import Facts

_WAITING = ("submitted", "seconded")


def assessment(actor: Actor, assessment_id: str) -> dict[str, Any]:
    """One assessment with the explanation of its path.

    Raises:
        NotFound: There is none, or it is another party's.
    """
    with read() as session:
        found = session.get(ExportAssessment, assessment_id)
        if found is None or not (queries.READERS & actor.roles or found.org_id == actor.org_id):
            raise NotFound("There is no such %(kind)s.", kind="export_assessment")
        shown: dict[str, Any] = _shape(actor)(found)
        return shown


def of_version(
    actor: Actor, version_id: str, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[dict[str, Any]]:
    """The assessments of a version, newest first.

    Raises:
        NotFound: There is no such version, or it is another party's.
    """
    with read() as session:
        version = session.get(Version, version_id)
        if version is None or not (queries.READERS & actor.roles or version.org_id == actor.org_id):
            raise NotFound("There is no such %(kind)s.", kind="version")
        held = select(ExportAssessment.id, ExportAssessment).where(ExportAssessment.version_id == version_id)
        return _page(session, actor, held, cursor, limit)


def waiting(actor: Actor, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[dict[str, Any]]:
    """What waits for reviewers, newest first."""
    statement = select(ExportAssessment.id, ExportAssessment).where(ExportAssessment.state.in_(_WAITING))
    with read() as session:
        return _page(session, actor, statement, cursor, limit)


def _page(
    session: Session, actor: Actor, statement: Select[*tuple[Any, ...]], cursor: str | None, limit: int
) -> Page[dict[str, Any]]:
    shape = _shape(actor)
    keys = [ExportAssessment.id]
    return page(session, statement, keys, cursor=cursor, limit=limit, shape=lambda row: shape(row.ExportAssessment))


def _shape(actor: Actor) -> Any:
    def shape(found: ExportAssessment) -> dict[str, Any]:
        names = (
            "id row_version version_id org_id state recipient territory purposes kinds facts documents path edition"
            " reason valid_until created_at first_by"
        )
        shown = {name: getattr(found, name) for name in names.split()}
        way = crossborder.path(Facts(**found.facts)) if found.facts else None
        shown["reasons"] = [] if way is None else [{"rule": r.rule, "zh": r.zh, "en": r.en} for r in way.reasons]
        shown["missing"] = [] if way is None else list(way.missing)
        shown["actions"] = EXPORT.actions(found.state, queries.acting(actor, found.org_id))
        return shown

    return shape


def exports_wait(session: Session, actor: Actor) -> Iterable[Waiting]:
    """Assessments that this reviewer can decide."""
    if REVIEWER not in actor.roles:
        return
    held = select(ExportAssessment).where(
        ExportAssessment.state.in_(_WAITING), ExportAssessment.first_by.is_distinct_from(actor.person_id)
    )
    for one in session.scalars(held.order_by(ExportAssessment.id).limit(INBOX_LIMIT)):
        words = gettext("Decide about data going abroad: %(territory)s", territory=one.territory)
        yield Waiting(one.id, words, f"/console/exports/{one.id}", None, one.changed_at)
