"""What waits for a party in this room: drafts to finish, agreements to sign or confirm, copies owed, terms that end."""

from collections.abc import Iterator
from datetime import timedelta

from flask import url_for
from flask_babel import gettext
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from exchange import clock
from exchange.actors import Actor
from exchange.web.desk import INBOX_LIMIT, Waiting
from provenance.models import COPY_OWED, Agreement, DataRequest, Declaration

#: A term that ends within this is shown to the user of the data.
SOON = timedelta(days=30)
_WRITERS = frozenset({"owner", "trader"})


def drafts(session: Session, actor: Actor) -> Iterator[Waiting]:
    """Declarations begun and not signed."""
    if not _WRITERS & actor.roles:
        return
    rows = session.execute(
        select(Declaration.id, Declaration.created_at)
        .where(Declaration.org_id == actor.org_id, Declaration.state == "draft")
        .order_by(Declaration.id.desc())
        .limit(INBOX_LIMIT)
    )
    for row in rows:
        url = url_for("declarations.sources", declaration_id=row.id)
        yield Waiting(row.id, gettext("Finish and sign the declaration of provenance"), url, None, row.created_at)


def to_conclude(session: Session, actor: Actor) -> Iterator[Waiting]:
    """Agreements that wait for this side: the user's drafts, the department's offers and scans."""
    if not _WRITERS & actor.roles:
        return
    asked = {
        ("draft", Agreement.user_org_id): gettext("Finish and sign the agreement on government data"),
        ("offered", Agreement.department_org_id): gettext("Sign the agreement on government data"),
        ("brought", Agreement.department_org_id): gettext("Confirm the scan of the agreement"),
    }
    for (state, side), title in asked.items():
        rows = session.execute(
            select(Agreement.id, Agreement.changed_at)
            .where(side == actor.org_id, Agreement.state == state)
            .order_by(Agreement.id.desc())
            .limit(INBOX_LIMIT)
        )
        for row in rows:
            yield Waiting(row.id, title, url_for("agreements.show", agreement_id=row.id), None, row.changed_at)


def copies_owed(session: Session, actor: Actor) -> Iterator[Waiting]:
    """Agreements in force whose copy the department has not recorded: due since they are in force."""
    if not _WRITERS & actor.roles:
        return
    rows = session.execute(
        select(Agreement.id, Agreement.changed_at)
        .where(Agreement.department_org_id == actor.org_id, text(COPY_OWED))
        .order_by(Agreement.id.desc())
        .limit(INBOX_LIMIT)
    )
    for row in rows:
        title, url = gettext("Send the authority its copy of the agreement"), _address(row.id)
        yield Waiting(row.id, title, url, row.changed_at, row.changed_at)


def ending_soon(session: Session, actor: Actor) -> Iterator[Waiting]:
    """Agreements whose term is nearly over, for the user of the data."""
    rows = session.execute(
        select(Agreement.id, Agreement.ends_at, Agreement.changed_at)
        .where(
            Agreement.user_org_id == actor.org_id,
            Agreement.state == "in_force",
            Agreement.ends_at <= clock.now() + SOON,
        )
        .order_by(Agreement.ends_at)
        .limit(INBOX_LIMIT)
    )
    for row in rows:
        title = gettext("The agreement on government data ends: dispose of the data or agree anew")
        yield Waiting(row.id, title, _address(row.id), row.ends_at, row.changed_at)


def to_answer(session: Session, actor: Actor) -> Iterator[Waiting]:
    """Requests for data that the department has not answered, the nearest end of a period first."""
    if not _WRITERS & actor.roles:
        return
    rows = session.execute(
        select(DataRequest.id, DataRequest.due_at, DataRequest.changed_at)
        .where(DataRequest.department_org_id == actor.org_id, DataRequest.state.in_(("received", "extended")))
        .order_by(DataRequest.due_at)
        .limit(INBOX_LIMIT)
    )
    for row in rows:
        url = url_for("data_requests.show", request_id=row.id)
        yield Waiting(row.id, gettext("Answer the request for government data"), url, row.due_at, row.changed_at)


def _address(agreement_id: str) -> str:
    return url_for("agreements.show", agreement_id=agreement_id)
