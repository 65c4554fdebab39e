"""Seats in a member organisation: who holds which roles, changed and ended by its owners."""

from typing import Any

from sqlalchemy import select

from exchange import vault
from exchange.actors import MEMBER_ROLES
from exchange.db import Transaction, read, verb
from exchange.errors import Conflict, NotFound
from exchange.members import authority
from exchange.members.accounts import revoke_sessions
from exchange.members.invitations import check_roles, give_roles
from exchange.members.models import LetterOfAuthority, Membership, Organisation, Person

OWNER = "owner"


@verb
def change_roles(tx: Transaction, person_id: str, roles: frozenset[str]) -> Organisation:
    """Let a member of the actor's organisation hold exactly ``roles`` from now on.

    A handler who is one no longer loses the letters of authority.

    Raises:
        Forbidden: The actor owns no member organisation.
        NotFound: The person has no seat there.
        Invalid: A role is unknown, or none is given: ``end_seat`` is for that.
        Conflict: Nobody would own the organisation any more.
    """
    check_roles(roles)
    organisation, held = _held(tx, person_id)
    _change(tx, organisation, person_id, held, roles)
    facts = {"added": sorted(roles - held.keys()), "ended": sorted(held.keys() - roles)}
    tx.record(organisation.id, "member.roles_changed", by=OWNER, facts=facts)
    return organisation


@verb
def end_seat(tx: Transaction, person_id: str) -> Organisation:
    """End the seat of a member of the actor's organisation; all sessions of that person end.

    Raises:
        Forbidden: The actor owns no member organisation.
        NotFound: The person has no seat there.
        Conflict: Nobody would own the organisation any more.
    """
    organisation, held = _held(tx, person_id)
    _change(tx, organisation, person_id, held, frozenset())
    tx.lock(Person, person_id)
    revoke_sessions(tx, person_id)
    tx.record(person_id, "person.left", by=OWNER, links=[organisation.id])
    tx.record(organisation.id, "member.left", by=OWNER, facts={"ended": sorted(held)})
    return organisation


def members_of(org_id: str) -> list[dict[str, Any]]:
    """The people of an organisation with their roles and letters of authority, for its own people."""
    with read() as session:
        seats = session.execute(
            select(Membership, Person)
            .join(Person, Person.id == Membership.person_id)
            .where(Membership.org_id == org_id, Membership.ended_at.is_(None))
            .order_by(Membership.since, Membership.person_id)
        ).all()
        letters = session.scalars(
            select(LetterOfAuthority).where(LetterOfAuthority.org_id == org_id).order_by(LetterOfAuthority.id.desc())
        ).all()
        found: dict[str, dict[str, Any]] = {}
        for seat, person in seats:
            member = found.setdefault(
                person.id,
                {
                    "person_id": person.id,
                    "name": vault.open_text(session, person.id, "person", "name", person.sealed_name),
                    "since": seat.since,
                    "roles": [],
                    "letters": [letter_shape(letter) for letter in letters if letter.person_id == person.id],
                },
            )
            member["roles"].append(seat.role)
        return list(found.values())


def letter_shape(letter: LetterOfAuthority) -> dict[str, Any]:
    """A letter of authority as its organisation sees it."""
    return {
        "id": letter.id,
        "row_version": letter.row_version,
        "person_id": letter.person_id,
        "state": letter.state,
        "scopes": letter.scopes,
        "ceiling": letter.ceiling,
        "starts_at": letter.starts_at,
        "ends_at": letter.ends_at,
        "document": letter.document_digest.hex(),
    }


def _held(tx: Transaction, person_id: str) -> tuple[Organisation, dict[str, Membership]]:
    """The actor's organisation, locked so that two owners do not end each other at once, and the person's seat."""
    tx.actor.need(OWNER)
    organisation = tx.lock(Organisation, tx.actor.org_id)
    live = select(Membership).where(
        Membership.org_id == organisation.id,
        Membership.person_id == person_id,
        Membership.role.in_(MEMBER_ROLES),
        Membership.ended_at.is_(None),
    )
    held = {seat.role: seat for seat in tx.all(live)}
    if not held:
        raise NotFound("There is no such %(kind)s.", kind="member")
    return organisation, held


def _change(
    tx: Transaction, organisation: Organisation, person_id: str, held: dict[str, Membership], roles: frozenset[str]
) -> None:
    if OWNER in held and OWNER not in roles and not _another_owner(tx, organisation.id, person_id):
        raise Conflict("An organisation keeps one owner at least.", code="last_owner")
    for role in held.keys() - roles:
        held[role].ended_at = tx.now
    give_roles(tx, person_id, organisation.id, roles - held.keys())
    if authority.HANDLER in held and authority.HANDLER not in roles:
        authority.revoke_all(tx, person_id, organisation.id)


def _another_owner(tx: Transaction, org_id: str, person_id: str) -> bool:
    others = select(Membership.person_id).where(
        Membership.org_id == org_id,
        Membership.role == OWNER,
        Membership.person_id != person_id,
        Membership.ended_at.is_(None),
    )
    return tx.first(others) is not None
