"""Reads of this room: who is calling, what they may see of themselves and of identity cases."""

from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from exchange import clock, vault
from exchange.actors import Actor
from exchange.calendar import WorkDay, WorkYear
from exchange.db import read
from exchange.errors import NotFound, NotSignedIn, Refused
from exchange.members import credentials, gates
from exchange.members.models import (
    Appointment,
    IdentityCase,
    IdentityDocument,
    MemberKey,
    Membership,
    Organisation,
    Person,
    SessionRow,
    StaffRole,
)
from exchange.members.states import IDENTITY
from exchange.web.paging import DEFAULT_LIMIT, Page, page
from exchange.workdays import CalendarDay

#: Who sees every identity case (without what is sealed in it).
READERS = frozenset({"vetting_officer", "auditor"})
#: The officers' queue.
WAITING = ("submitted", "in_review", "renewing")


def actor_of_token(token: str) -> Actor | None:
    """Who a token speaks for: ``None`` when it is unknown, expired (in real time) or revoked, or the seat has ended.

    A person with a staff role acts as staff alone. Staff and regulators have no role until the session has passed a
    second factor (RULES S-05): they can do no more than enrol one.
    """
    staff = select(StaffRole.role).where(StaffRole.person_id == SessionRow.person_id)
    seats = select(Membership.role).where(
        Membership.person_id == SessionRow.person_id,
        Membership.org_id == SessionRow.org_id,
        Membership.ended_at.is_(None),
    )
    statement = select(
        SessionRow.person_id,
        SessionRow.org_id,
        SessionRow.second_factor_at,
        func.array(staff.correlate(SessionRow).scalar_subquery()).label("staff"),
        func.array(seats.correlate(SessionRow).scalar_subquery()).label("seats"),
    ).where(
        SessionRow.token_digest == credentials.token_digest(token),
        SessionRow.expires_at > clock.real_now(),
        SessionRow.revoked_at.is_(None),
    )
    with read() as session:
        found = session.execute(statement).one_or_none()
    if found is None:
        return None
    roles = frozenset(found.staff or found.seats)
    if not roles:  # what is read by organisation must not outlive the seat there
        return None
    try:
        gates.second_factor_passed(roles, found.second_factor_at)
    except Refused:
        roles = frozenset()
    return Actor(found.person_id, found.org_id, roles)


def me(actor: Actor) -> dict[str, Any]:
    """The signed-in person's own account.

    Raises:
        NotSignedIn: Nobody is signed in.
    """
    if actor.person_id is None or actor.org_id is None:
        raise NotSignedIn("Sign in first.")
    with read() as session:
        person = session.get_one(Person, actor.person_id)
        organisation = session.get_one(Organisation, actor.org_id)
        state = session.scalar(
            select(IdentityCase.state).where(IdentityCase.org_id == organisation.id, IdentityCase.state != "refused")
        )
        return {
            "person_id": person.id,
            "name": vault.open_text(session, person.id, "person", "name", person.sealed_name),
            "email": vault.open_text(session, person.id, "person", "email", person.sealed_email),
            "organisation": {
                "id": organisation.id,
                "kind": organisation.kind,
                "name": legal_name(session, organisation),
                "uscc": organisation.uscc,
                "identity": state,
            },
            "roles": sorted(actor.roles),
            "second_factor": person.totp_confirmed_at is not None,
        }


def keys_of(actor: Actor) -> list[dict[str, Any]]:
    """The signed-in person's signing keys, newest first, the revoked ones too.

    Raises:
        NotSignedIn: Nobody is signed in.
    """
    if actor.person_id is None:
        raise NotSignedIn("Sign in first.")
    with read() as session:
        keys = select(MemberKey).where(MemberKey.person_id == actor.person_id).order_by(MemberKey.id.desc())
        return [key_shape(key) for key in session.scalars(keys)]


def key_shape(key: MemberKey) -> dict[str, Any]:
    """A signing key without what is sealed in it."""
    return {
        "id": key.id,
        "grade": key.grade,
        "public_key": key.public_key.hex(),
        "created_at": key.created_at,
        "revoked_at": key.revoked_at,
    }


def calendar_years() -> list[dict[str, Any]]:
    """The years of the working-day calendar, newest first, each with the days that differ from the plain week."""
    with read() as session:
        years = session.scalars(select(WorkYear).order_by(WorkYear.year.desc())).all()
        days = session.scalars(select(WorkDay).where(WorkDay.note != "").order_by(WorkDay.day)).all()
        return [
            {
                "year": year.year,
                "provisional": year.provisional,
                "source": year.source,
                "days": [CalendarDay(d.day, d.is_working, d.note) for d in days if d.day.year == year.year],
            }
            for year in years
        ]


def legal_name(session: Session, organisation: Organisation) -> str:
    """The full name of an organisation, for its own people and those it trades with (both sides know each other)."""
    if organisation.sealed_name is None:
        return organisation.name
    return vault.open_text(session, organisation.id, "organisation", "name", organisation.sealed_name)


def identity_case(actor: Actor, case_id: str) -> dict[str, Any]:
    """One identity case, with its documents named but not opened.

    Raises:
        NotFound: There is none, or it is another party's.
    """
    with read() as session:
        row = session.execute(_cases(actor).where(IdentityCase.id == case_id)).one_or_none()
        if row is None:
            raise NotFound("There is no such %(kind)s.", kind="identity_case")
        documents = session.scalars(
            select(IdentityDocument).where(IdentityDocument.case_id == case_id).order_by(IdentityDocument.id)
        ).all()
        return _shape(actor, row) | {"documents": [document_shape(document) for document in documents]}


def document_shape(document: IdentityDocument) -> dict[str, Any]:
    """A document of a case, named and not opened."""
    return {
        "id": document.id,
        "kind": document.kind,
        "media_type": document.media_type,
        "size_bytes": document.size_bytes,
        "digest": document.digest.hex(),
        "added_at": document.added_at,
    }


def identity_cases(actor: Actor, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[dict[str, Any]]:
    """The officers' queue of cases that wait for them; for a party its own cases. Newest first."""
    statement = _cases(actor)
    if READERS & actor.roles:
        statement = statement.where(IdentityCase.state.in_(WAITING))
    with read() as session:
        return page(
            session,
            statement,
            [IdentityCase.id],
            cursor=cursor,
            limit=limit,
            shape=lambda row: _shape(actor, row),
        )


def identity_queue(*, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[dict[str, Any]]:
    """The cases that wait for an officer, the longest waiting first."""
    keys = [IdentityCase.submitted_at, IdentityCase.id]
    columns = IdentityCase.state, IdentityCase.valid_until, Organisation.kind, Organisation.name
    statement = (
        select(*keys, *columns)
        .join(Organisation, Organisation.id == IdentityCase.org_id)
        .where(IdentityCase.state.in_(WAITING))
    )
    with read() as session:
        return page(
            session, statement, keys, cursor=cursor, limit=limit, shape=lambda row: row._asdict(), ascending=True
        )


def staff_members() -> list[dict[str, Any]]:
    """The operator's people with their roles, for administrator and auditor."""
    with read() as session:
        rows = session.execute(
            select(StaffRole, Person).join(Person, Person.id == StaffRole.person_id).order_by(StaffRole.since)
        ).all()
        found: dict[str, dict[str, Any]] = {}
        for role, person in rows:
            name = vault.open_text(session, person.id, "person", "name", person.sealed_name)
            confirmed = person.totp_confirmed_at is not None
            member = {"id": person.id, "name": name, "since": role.since, "roles": [], "second_factor": confirmed}
            found.setdefault(person.id, member)["roles"].append(role.role)
        return list(found.values())


def appointments_waiting() -> list[dict[str, Any]]:
    """Appointments that wait for a second person or for the appointee, the nearest end first."""
    with read() as session:
        rows = session.execute(
            select(Appointment, Person)
            .join(Person, Person.id == Appointment.person_id)
            .where(Appointment.state.in_(("proposed", "open")))
            .order_by(Appointment.expires_at)
            .limit(200)
        ).all()
        return [
            {
                "id": row.id,
                "row_version": row.row_version,
                "name": vault.open_text(session, person.id, "person", "name", person.sealed_name),
                "person_id": row.person_id,
                "proposed_by": row.proposed_by,
                "confirmed_by": row.confirmed_by,
                "roles": row.roles,
                "state": row.state,
                "expires_at": row.expires_at,
            }
            for row, person in rows
        ]


def _cases(actor: Actor) -> Select[Any]:
    """The cases ``actor`` may see, with the party's public name."""
    statement = select(
        IdentityCase.id,
        IdentityCase.org_id,
        IdentityCase.state,
        IdentityCase.row_version,
        IdentityCase.licence_expires_on,
        IdentityCase.submitted_at,
        IdentityCase.decided_at,
        IdentityCase.checklist,
        IdentityCase.reason,
        IdentityCase.valid_until,
        IdentityCase.created_at,
        Organisation.kind,
        Organisation.name,
        Organisation.uscc,
    ).join(Organisation, Organisation.id == IdentityCase.org_id)
    if READERS & actor.roles:
        return statement
    return statement.where(IdentityCase.org_id == actor.org_id)


def _shape(actor: Actor, row: Any) -> dict[str, Any]:
    case = dict(row._mapping)  # noqa: SLF001  (SQLAlchemy's public name for a row as a mapping)
    organisation = {"id": case.pop("org_id")} | {name: case.pop(name) for name in ("kind", "name", "uscc")}
    return case | {"organisation": organisation, "actions": IDENTITY.actions(row.state, actor.roles)}
