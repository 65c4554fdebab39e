"""Reads of findings: a party its own, reviewers and auditors all, regulators by purpose."""

from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from exchange.actors import REGULATOR, Actor
from exchange.db import read
from exchange.errors import NotFound
from exchange.oversight.looks import look
from exchange.web.paging import DEFAULT_LIMIT, Page, page
from provenance.finding_models import Finding, FindingVote
from provenance.states import FINDING, REVIEWER, SELLER, UNSETTLED

READERS = frozenset({REVIEWER, "auditor"})
_WRITERS = frozenset({"owner", "trader"})
#: States in which reviewers have something to decide.
TO_DECIDE = ("in_review", "overdue", "appealed")

_CARD = (
    Finding.id, Finding.row_version, Finding.state, Finding.kind, Finding.title, Finding.declaration_id,
    Finding.org_id, Finding.about, Finding.answer_due_at, Finding.created_at,
)  # fmt: skip


def findings(
    actor: Actor, *, settled: bool = False, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[dict[str, Any]]:
    """The party's own findings, newest first: those that are not settled, or all."""
    condition: list[ColumnElement[bool]] = [Finding.org_id == (actor.org_id or "")]
    if not settled:
        condition.append(Finding.state.in_(UNSETTLED))
    return _page(condition, cursor, limit)


def queue(*, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[dict[str, Any]]:
    """What waits for reviewers."""
    return _page([Finding.state.in_(TO_DECIDE)], cursor, limit)


def _page(conditions: list[ColumnElement[bool]], cursor: str | None, limit: int) -> Page[dict[str, Any]]:
    with read() as session:
        statement = select(*_CARD).where(*conditions)
        return page(session, statement, [Finding.id], cursor=cursor, limit=limit, shape=lambda row: dict(row._mapping))  # noqa: SLF001


def finding(actor: Actor, finding_id: str, *, purpose: str = "") -> dict[str, Any]:
    """One finding with its votes and what the actor may do about it.

    Raises:
        NotFound: There is none, or it is another party's.
        Refused: A regulator gave no purpose.
    """
    if REGULATOR in actor.roles:
        look(actor.with_key(None), "finding", finding_id, purpose)
    with read() as session:
        found = session.get(Finding, finding_id)
        if found is None or not (found.org_id == actor.org_id or actor.roles & (READERS | {REGULATOR})):
            raise NotFound("There is no such %(kind)s.", kind="finding")
        return shape(session, actor, found)


def shape(session: Session, actor: Actor, found: Finding) -> dict[str, Any]:
    """A finding as the API shows it."""
    told = {column.key: getattr(found, column.key) for column in Finding.__table__.columns}
    votes = session.scalars(select(FindingVote).where(FindingVote.finding_id == found.id).order_by(FindingVote.at))
    return told | {
        "votes": [
            {"stage": vote.stage, "outcome": vote.outcome, "reason": vote.reason, "at": vote.at} for vote in votes
        ],
        "actions": FINDING.actions(found.state, _acting(actor, found)),
    }


def shaped(actor: Actor, found: Finding) -> dict[str, Any]:
    """As ``finding``, of a row that a verb returned."""
    with read() as session:
        return shape(session, actor, found)


def against(declaration_id: str) -> list[dict[str, Any]]:
    """As ``of_declaration``, for a page whose reader may see the declaration."""
    with read() as session:
        return of_declaration(session, declaration_id)


def of_declaration(session: Session, declaration_id: str) -> list[dict[str, Any]]:
    """The findings against one declaration, oldest first."""
    statement = select(*_CARD).where(Finding.declaration_id == declaration_id).order_by(Finding.id).limit(200)
    return [dict(row._mapping) for row in session.execute(statement)]  # noqa: SLF001


def _acting(actor: Actor, found: Finding) -> frozenset[str]:
    if actor.org_id == found.org_id:
        return frozenset({SELLER}) if actor.roles & _WRITERS else frozenset()
    return actor.roles & {REVIEWER}
