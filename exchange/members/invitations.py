"""Invitations: an owner offers a seat to whoever reads the mail of an address; that person accepts with a password."""

from datetime import timedelta

from sqlalchemy import select

from exchange import ids, vault
from exchange.actors import MEMBER_ROLES, REGULATOR, Actor
from exchange.db import Transaction, read, transaction, verb
from exchange.errors import Conflict, Invalid, NotFound, NotSignedIn, WrongState
from exchange.lifecycle import CLOCK
from exchange.members import attempts, credentials, people
from exchange.members.accounts import LETTER, PERSON
from exchange.members.models import Invitation, Membership, Organisation, Person
from exchange.members.people import NewCredentials

OWNER = "owner"
ACCEPTANCE_TIME = timedelta(days=7)
_INVITATION = "invitation"
#: Members of the operator and of organs are appointed, not invited.
_INVITING = frozenset({"company", "department"})


@verb
def invite(tx: Transaction, *, email: str, person_name: str, roles: frozenset[str]) -> Invitation:
    """Invite somebody to the actor's organisation; the code to accept with goes to them by mail.

    Raises:
        Forbidden: The actor owns no member organisation.
        Invalid: A role is unknown or none is given, or the address or the name is malformed.
        Conflict: A natural person trades alone.
    """
    tx.actor.need(OWNER)
    check_roles(roles)
    email, name = people.clean_email(email), people.clean_name(person_name, "person_name")
    organisation = tx.get(Organisation, tx.actor.org_id)
    if organisation.kind not in _INVITING:
        raise Conflict("A natural person trades without colleagues.", code="no_colleagues")
    invitation_id = ids.new("inv")
    invitation = Invitation(
        id=invitation_id,
        org_id=organisation.id,
        sealed_email=vault.seal_text(tx.session, invitation_id, "invitation", "email", email),
        sealed_name=vault.seal_text(tx.session, invitation_id, "invitation", "name", name),
        roles=sorted(roles),
        expires_at=tx.now + ACCEPTANCE_TIME,
    )
    facts = {"roles": sorted(roles)}
    tx.create(invitation, "invitation.opened", by=OWNER, facts=facts, links=[organisation.id])
    tx.due("invitation.lapse", invitation.id, invitation.expires_at)
    tx.send(LETTER, template="invitation", id=invitation.id)
    return invitation


@verb
def withdraw_invitation(tx: Transaction, invitation_id: str) -> Invitation:
    """Take back an invitation that nobody accepted yet.

    Raises:
        Forbidden: The actor owns no member organisation.
        NotFound: There is no such invitation, or it is another party's.
        WrongState: It was accepted, withdrawn or has lapsed.
    """
    tx.actor.need(OWNER)
    invitation = tx.lock(Invitation, invitation_id)
    if invitation.org_id != tx.actor.org_id:
        raise NotFound("There is no such %(kind)s.", kind=Invitation.__tablename__)
    tx.advance(invitation, "withdraw", by=OWNER, links=[invitation.org_id])
    tx.undue("invitation.lapse", invitation.id)
    return invitation


@verb
def lapse_invitation(tx: Transaction, invitation_id: str) -> Invitation:
    """End an invitation that nobody accepted in time (called by the clock)."""
    tx.actor.need(CLOCK)
    invitation = tx.lock(Invitation, invitation_id)
    if invitation.expires_at > tx.now:
        raise WrongState("The time to accept is not over.", code="not_over")
    tx.advance(invitation, "lapse", by=CLOCK, links=[invitation.org_id])
    return invitation


def invitation_token(invitation_id: str) -> str:
    """The code in the letter: it is kept nowhere, the key ring makes it again from the id."""
    return credentials.derived_token(_INVITATION, invitation_id)


def accept_invitation(actor: Actor, *, token: str, password: str, origin: str) -> Invitation:
    """Take the seat: a new person chooses the password, one who is known here proves it.

    Raises:
        NotSignedIn: The code is not right, was used or is too old, or the password is not right.
        Invalid: The new password is too weak.
        Conflict: The person is of the staff or a regulator, who hold no other seat.
        TooManyRequests: Too many attempts from this origin, or with this code.
    """
    attempts.count(attempts.SIGN_UP_ORIGIN, origin)
    invitation_id = credentials.row_of_token(_INVITATION, token)
    if invitation_id is None:
        raise _unknown_code()
    attempts.count(attempts.ACCEPT, invitation_id)
    with read() as session:
        invitation = session.get(Invitation, invitation_id)
        if invitation is None:
            raise _unknown_code()
        email = vault.open_text(session, invitation_id, "invitation", "email", invitation.sealed_email)
        name = vault.open_text(session, invitation_id, "invitation", "name", invitation.sealed_name)
        person = people.find_person(session, email)
    password_hash = None if person is None else person.password_hash
    made = None
    if password_hash is None:
        made = NewCredentials.of(password, email, name)
    elif not credentials.password_fits(password_hash, password):
        raise NotSignedIn("The password is not right.", code="sign_in_failed")
    with transaction(actor.with_key(None), "accept_invitation") as tx:
        accepted = tx.lock(Invitation, invitation_id)
        if accepted.state != "open" or accepted.expires_at <= tx.now:
            raise _unknown_code()
        known = people.find_person(tx.session, email) or people.add_person(tx, email=email, name=name, by="invited")
        joined = tx.lock(Person, known.id)
        if joined.password_hash != password_hash:
            raise _unknown_code()
        if made is not None:
            people.give_credentials(tx, joined, made)
        _seat(tx, joined, accepted)
        tx.undue("invitation.lapse", accepted.id)
        tx.advance(accepted, "accept", by=PERSON, links=[accepted.org_id])
        return accepted


def check_roles(roles: frozenset[str]) -> None:
    """Ask for one known role at least.

    Raises:
        Invalid: There is none, or one that member organisations do not have.
    """
    if not roles or not roles <= MEMBER_ROLES:
        problem = "Name roles of the organisation."
        raise Invalid(problem, code="unknown_role", fields={"roles": [problem]})


def give_roles(tx: Transaction, person_id: str, org_id: str, roles: frozenset[str]) -> None:
    """Give a person roles it does not hold there; the caller records an entry of the organisation."""
    for role in sorted(roles):
        tx.session.merge(Membership(person_id=person_id, org_id=org_id, role=role, since=tx.now, ended_at=None))


def _seat(tx: Transaction, person: Person, invitation: Invitation) -> None:
    standing = people.standing(tx.session, person.id)
    if standing.staff or any(REGULATOR in held for held in standing.seats.values()):
        raise Conflict("Staff and regulators hold no other seat here.", code="other_seat")
    roles = frozenset(invitation.roles) - standing.seats.get(invitation.org_id, frozenset())
    give_roles(tx, person.id, invitation.org_id, roles)
    tx.record(person.id, "person.joined", by=PERSON, links=[invitation.org_id])
    tx.record(invitation.org_id, "member.joined", by="invited", facts={"roles": sorted(roles)}, links=[invitation.id])


def _unknown_code() -> NotSignedIn:
    return NotSignedIn("This code is not valid, or was used.", code="unknown_token")


def open_invitations(org_id: str) -> list[dict[str, object]]:
    """The open invitations of an organisation, newest first, for its owners."""
    with read() as session:
        rows = session.scalars(
            select(Invitation)
            .where(Invitation.org_id == org_id, Invitation.state == "open")
            .order_by(Invitation.id.desc())
            .limit(100)
        ).all()
        return [
            {
                "id": row.id,
                "row_version": row.row_version,
                "email": vault.open_text(session, row.id, "invitation", "email", row.sealed_email),
                "name": vault.open_text(session, row.id, "invitation", "name", row.sealed_name),
                "roles": row.roles,
                "state": row.state,
                "expires_at": row.expires_at,
            }
            for row in rows
        ]
