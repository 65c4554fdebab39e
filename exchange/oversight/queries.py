"""Reads of the room: directives, inspections, looks and case files, shaped for pages and the API."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from exchange import clock
from exchange.actors import REGULATOR, Actor
from exchange.db import read
from exchange.documents import Document
from exchange.errors import NotFound
from exchange.journal.models import JournalCheckpoint, JournalEntry, JournalPending
from exchange.journal.queries import SEARCH_KEYS, Criteria, Told, found, search
from exchange.oversight import figures, looks, projection, scopes
from exchange.oversight.figures import Ledger
from exchange.oversight.looks import OWN_DESK, looks_of, record_look
from exchange.oversight.models import CaseFile, Directive, Inspection, Restraint
from exchange.oversight.states import BASES, DIRECTIVE
from exchange.web.paging import DEFAULT_LIMIT, Page, page

#: Staff who see what was ordered, without purposes or words.
STAFF = frozenset({"security_administrator", "auditor"})
_SHOWN = (
    *("id", "organ_id", "measure", "basis", "document_number", "target_kind", "target", "served_on", "binding"),
    *("state", "row_version", "answer_due_at", "served_at", "answered_at", "created_at", "changed_at"),
)


# -- directives -------------------------------------------------------------------------------------------------------


def directives(actor: Actor, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[dict[str, Any]]:
    """An organ's own directives, drafts too; a party's from their service; for staff all in force, without words."""
    statement = select(Directive.id, Directive)
    if REGULATOR in actor.roles:
        record_look(actor.with_key(None), "directives", "own", OWN_DESK)
        statement = statement.where(Directive.organ_id == actor.org_id)
    elif STAFF & actor.roles:
        statement = statement.where(Directive.served_at.is_not(None))
    else:
        statement = statement.where(Directive.served_on == actor.org_id, Directive.served_at.is_not(None))
    with read() as session:
        return page(
            session, statement, [Directive.id], cursor=cursor, limit=limit, shape=lambda row: shape(actor, row[1])
        )


def directive(actor: Actor, directive_id: str) -> dict[str, Any]:
    """One directive with what was said about it, for its organ and the party it was served on.

    Raises:
        NotFound: There is none, or it is another's.
    """
    if REGULATOR in actor.roles:
        record_look(actor.with_key(None), "directive", directive_id, OWN_DESK)
    with read() as session:
        row = session.get(Directive, directive_id)
        if row is None or not _may_read(actor, row):
            raise NotFound("There is no such %(kind)s.", kind="directive")
        said = _said(session, row)
        if REGULATOR not in actor.roles and row.state != "lifted":
            said = [words for words in said if words["kind"] != "lifting"]  # what is only proposed binds nobody
        return shape(actor, row) | {"said": said, "files": _files(session, row.id)}


def attachment(actor: Actor, directive_id: str, digest: str) -> tuple[bytes, str]:
    """A document of an answer and its media type, for the organ and the party.

    Raises:
        NotFound: There is none, or it is another's.
    """
    if REGULATOR in actor.roles:
        record_look(actor.with_key(None), "attachment", directive_id, OWN_DESK)
    with read() as session:
        row = session.get(Directive, directive_id)
        known = {file["digest"] for file in _files(session, directive_id)}
        if row is None or not _may_read(actor, row) or digest not in known:
            raise NotFound("There is no such %(kind)s.", kind="document")
        kept = session.get_one(Document, (directive_id, bytes.fromhex(digest)))
        return kept.content, kept.media_type


def shape(actor: Actor, row: Directive) -> dict[str, Any]:
    """A directive as the reader may see it, with what the reader may do next."""
    shown = {name: getattr(row, name) for name in _SHOWN}
    if STAFF & actor.roles:
        return shown | {"actions": []}
    return shown | {"demand": row.demand, "answer_days": row.answer_days, "actions": actions(actor, row)}


def actions(actor: Actor, row: Directive) -> list[str]:
    """What the reader may do: the life cycle's edges, less what takes another officer."""
    edges = DIRECTIVE.actions(row.state, actor.roles)
    if REGULATOR not in actor.roles:
        return edges if row.served_on == actor.org_id else []
    if actor.person_id == row.proposed_by:
        edges = [action for action in edges if action != "confirm"]
    if row.lift_proposed_by is None:
        return ["propose_lifting" if action == "lift" else action for action in edges]
    return [action for action in edges if action != "lift" or actor.person_id != row.lift_proposed_by]


def _may_read(actor: Actor, row: Directive) -> bool:
    if REGULATOR in actor.roles:
        return row.organ_id == actor.org_id
    return row.served_on is not None and row.served_on == actor.org_id and row.served_at is not None


def _said(session: Session, row: Directive) -> list[dict[str, Any]]:
    """What organ and party wrote, oldest first."""
    rows = session.scalars(
        select(Document).where(Document.subject == row.id, Document.media_type == "application/json")
    ).all()
    told = [{"kind": kept.kind, "at": kept.created_at, "words": json.loads(kept.content)["words"]} for kept in rows]
    return sorted(told, key=lambda words: words["at"])


def _files(session: Session, directive_id: str) -> list[dict[str, Any]]:
    rows = session.execute(
        select(Document.digest, Document.media_type, func.octet_length(Document.content), Document.created_at)
        .where(Document.subject == directive_id, Document.kind == "attachment")
        .order_by(Document.created_at, Document.digest)
    )
    return [{"digest": d.hex(), "media_type": kind, "size_bytes": size, "at": at} for d, kind, size, at in rows]


# -- restraints -------------------------------------------------------------------------------------------------------


def restraints(actor: Actor, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Restraint]:
    """What the operator itself stopped, newest first, the lifted ones too; what directives stop stands with them."""
    statement = select(Restraint.id, Restraint).where(
        Restraint.org_id == actor.org_id, Restraint.directive_id.is_(None)
    )
    with read() as session:
        return page(session, statement, [Restraint.id], cursor=cursor, limit=limit, shape=lambda row: row.Restraint)


# -- inspections and looks --------------------------------------------------------------------------------------------


def inspections(actor: Actor, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[dict[str, Any]]:
    """The inspections of the reader's organ, newest first; the reader's own say what was written about them."""
    record_look(actor.with_key(None), "inspections", "own", OWN_DESK)
    with read() as session:
        statement = select(Inspection.id, Inspection).where(Inspection.organ_id == actor.org_id)
        return page(
            session,
            statement,
            [Inspection.id],
            cursor=cursor,
            limit=limit,
            shape=lambda row: _inspection(session, actor, row[1]),
        )


def inspection_now(actor: Actor) -> dict[str, Any] | None:
    """The inspection that the reader's looks are for at this moment."""
    with read() as session:
        now = looks.current(session, actor, clock.now())
        return None if now is None else _inspection(session, actor, now)


def _inspection(session: Session, actor: Actor, row: Inspection) -> dict[str, Any]:
    names = ("id", "purpose", "reference", "state", "row_version", "created_at", "expires_at")
    own = row.person_id == actor.person_id
    return {name: getattr(row, name) for name in names} | {
        "own": own,
        "note": looks.note_of(session, row) if own else "",
        "actions": ["close"] if own and row.state == "open" else [],
    }


def organ_looks(actor: Actor, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Told]:
    """What the officers of the reader's own organ looked at, newest first: for the organ to watch over itself."""
    record_look(actor.with_key(None), "looks", "own", OWN_DESK)
    statement = search(Criteria()).where(JournalEntry.subject == looks_of(actor.org_id or ""))
    with read() as session:
        return page(session, statement, SEARCH_KEYS, cursor=cursor, limit=limit, shape=found)


def look_counts(since: datetime) -> list[tuple[str, int]]:
    """Organs and how many looks they took from ``since`` on: all that the operator's auditor learns of them."""
    with read() as session:
        rows = session.execute(
            select(JournalEntry.org_id, func.count())
            .where(JournalEntry.action == "inspection.looked", JournalEntry.at >= since)
            .group_by(JournalEntry.org_id)
            .order_by(JournalEntry.org_id)
        )
        return [(organ, count) for organ, count in rows if organ is not None]


# -- overview ---------------------------------------------------------------------------------------------------------


def overview(actor: Actor) -> dict[str, Any]:
    """Today's figures within the organ's scope, its scopes, and how the log stands."""
    record_look(actor.with_key(None), "overview", "all", OWN_DESK)
    with read() as session:
        reach = scopes.reach(session, actor.org_id)
        signed = session.scalars(select(JournalCheckpoint).order_by(JournalCheckpoint.size.desc()).limit(1)).first()
        return {
            "figures": figures.figures(session, reach, actor.org_id or ""),
            "scopes": scopes.scopes_of(actor),
            "log": {
                "size": signed.size if signed else 0,
                "signed_at": signed.signed_at if signed else None,
                "waiting": session.scalar(select(func.count()).select_from(JournalPending)),
                "followed": projection.followed_to(session),
            },
        }


def ledger(actor: Actor, *, cursor: str | None = None) -> Ledger:
    """A page of the ledger of products made from government data, within the organ's scope.

    Raises:
        Refused: No inspection is open.
    """
    record_look(actor.with_key(None), "ledger", "all")
    with read() as session:
        return figures.ledger(session, scopes.reach(session, actor.org_id), cursor)


def measures_of(actor: Actor) -> list[tuple[str, str]]:
    """The rows of the table of measures that the reader's organ may use: measure and basis."""
    record_look(actor.with_key(None), "directive_form", "own", OWN_DESK)
    with read() as session:
        authorities = scopes.reach(session, actor.org_id).authorities
    known = ((code, basis) for code, basis in BASES.items() if basis.authorities & authorities)
    return sorted((measure, code) for code, basis in known for measure in basis.measures)


# -- case files -------------------------------------------------------------------------------------------------------


def case_files(actor: Actor, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[CaseFile]:
    """The case files that the reader's organ asked for, newest first."""
    record_look(actor.with_key(None), "case_files", "own", OWN_DESK)
    with read() as session:
        statement = select(CaseFile.id, CaseFile).where(CaseFile.organ_id == actor.org_id)
        return page(session, statement, [CaseFile.id], cursor=cursor, limit=limit, shape=lambda row: row[1])


# -- stories ----------------------------------------------------------------------------------------------------------


def neighbours(actor: Actor, subjects: Sequence[str]) -> list[dict[str, Any]]:
    """For each subject the last thing that happened to it, in the order given."""
    with read() as session:
        reach = scopes.reach(session, actor.org_id)
        rows = session.execute(
            select(JournalEntry.subject, JournalEntry.seq, JournalEntry.action, JournalEntry.at)
            .where(JournalEntry.subject.in_(subjects), reach.covers(JournalEntry.subject))
            .ext(distinct_on(JournalEntry.subject))
            .order_by(JournalEntry.subject, JournalEntry.seq.desc())
        )
        last = {row.subject: row for row in rows}
    shown = (last[subject] for subject in subjects if subject in last)
    return [{"subject": row.subject, "count": row.seq, "action": row.action, "at": row.at} for row in shown]
