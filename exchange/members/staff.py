"""The operator, its staff, and the officers of organs: installed, appointed, accepted."""

from datetime import datetime, timedelta
from itertools import combinations
from typing import NamedTuple

from sqlalchemy import select

from exchange import clock, ids
from exchange.actors import REGULATOR, STAFF_ROLES, Actor
from exchange.db import Transaction, read, transaction, verb
from exchange.errors import Conflict, Invalid, NotSignedIn, WrongState
from exchange.lifecycle import CLOCK
from exchange.members import attempts, credentials, gates, people
from exchange.members.accounts import revoke_sessions, seal_totp
from exchange.members.models import Appointment, Membership, Organisation, Person, StaffRole
from exchange.members.people import NewCredentials
from exchange.members.states import APPOINTMENT, COMBINABLE, CONFIRMING

#: How long an appointment can be accepted.
ACCEPTANCE_TIME = timedelta(days=7)
INSTALLER = "installer"


class Installation(NamedTuple):
    """The operator and its first administrator, whose TOTP secret is shown this once."""

    org_id: str
    person_id: str
    totp_secret: str


class Nomination(NamedTuple):
    """An appointment and the token to accept it with, shown this once and handed over by the administrator.

    In the state ``proposed`` the token is good for nothing until a second person confirms.
    """

    appointment_id: str
    person_id: str
    org_id: str
    token: str
    expires_at: datetime
    state: str


def create_operator(*, name: str, uscc: str, person_name: str, email: str, password: str) -> Installation:
    """Install the operator's organisation with its first administrator, second factor in force.

    Raises:
        Conflict: There is an operator, or the code or e-mail address is registered.
        Invalid: Something is malformed.
    """
    made = NewCredentials.of(password, email, person_name)
    secret = credentials.new_totp_secret()
    with transaction(Actor(None, None, frozenset({INSTALLER})), "create_operator") as tx:
        if people.operator_id(tx.session) is not None:
            raise Conflict("The operator is installed already.", code="operator_exists")
        operator = people.add_body(tx, kind="operator", name=name, uscc=uscc, by=INSTALLER)
        person = people.add_person(tx, email=email, name=person_name, by=INSTALLER)
        people.give_credentials(tx, person, made)
        seal_totp(tx, person, secret)
        person.totp_confirmed_at = clock.real_now()
        tx.add(StaffRole(person_id=person.id, role="administrator", since=tx.now))
        tx.record(person.id, "staff.appointed", by=INSTALLER, facts={"roles": ["administrator"]}, links=[operator.id])
        return Installation(operator.id, person.id, secret)


def appoint_staff(actor: Actor, *, person_name: str, email: str, roles: frozenset[str]) -> Nomination:
    """Propose a natural person, known already or not, for staff roles; a second person confirms.

    Raises:
        Forbidden: The actor is no administrator.
        Invalid: A role is unknown, or the person may not combine them.
        Conflict: The person is a regulator.
    """
    if not roles or not roles <= STAFF_ROLES:
        raise Invalid("Name roles of the staff.", code="unknown_role")
    with transaction(actor.with_key(None), "appoint_staff") as tx:
        tx.actor.need("administrator")
        operator = people.operator_id(tx.session)
        if operator is None:
            raise Conflict("The operator is not installed.", code="no_operator")
        person = _appointee(tx, person_name, email)
        return _nominate(tx, person, operator, roles)


def appoint_regulator(actor: Actor, *, organ_name: str, organ_uscc: str, person_name: str, email: str) -> Nomination:
    """Propose an officer of an organ, who inspects; the organ is made if its code is not known.

    Raises:
        Forbidden: The actor is no administrator.
        Conflict: The code belongs to an organisation that is no organ, or the person has another seat.
    """
    with transaction(actor.with_key(None), "appoint_regulator") as tx:
        tx.actor.need("administrator")
        code = people.checked_uscc(organ_uscc)
        organ = tx.first(select(Organisation).where(Organisation.uscc == code))
        if organ is None:
            organ = people.add_body(tx, kind="organ", name=organ_name, uscc=code, by="administrator")
        if organ.kind != "organ":
            raise Conflict("This code belongs to an organisation that is no organ.", code="not_an_organ")
        person = _appointee(tx, person_name, email)
        return _nominate(tx, person, organ.id, frozenset({REGULATOR}))


def accept_appointment(actor: Actor, *, token: str, password: str) -> Appointment:
    """Accept an appointment: a new person chooses the password, a known one proves it. All their sessions end.

    The roles count only in sessions that passed a second factor, so the next steps are to sign in and to enrol one.

    Raises:
        NotSignedIn: The token is unknown, used or too old, or the password is not right.
        Invalid: The new password is too weak.
        TooManyRequests: Too many attempts with this token.
    """
    token = token.strip()
    if not token or not token.isascii():
        raise _unknown_nominate()
    attempts.count(attempts.ACCEPT, token)
    digest = credentials.token_digest(token)
    with read() as session:
        found = session.execute(
            select(Appointment.id, Person.password_hash)
            .join(Person, Person.id == Appointment.person_id)
            .where(Appointment.token_digest == digest, Appointment.state == "open")
        ).one_or_none()
    if found is None:
        raise _unknown_nominate()
    if found.password_hash is None:
        return _accept(actor.with_key(None), found.id, None, NewCredentials.of(password))
    if not credentials.password_fits(found.password_hash, password):
        raise NotSignedIn("The password is not right.", code="sign_in_failed")
    return _accept(actor.with_key(None), found.id, found.password_hash, None)


@verb
def _accept(
    tx: Transaction, appointment_id: str, password_hash: str | None, made: NewCredentials | None
) -> Appointment:
    appointment = tx.lock(Appointment, appointment_id)
    person = tx.lock(Person, appointment.person_id)
    if appointment.state != "open" or appointment.expires_at <= tx.now or person.password_hash != password_hash:
        raise _unknown_nominate()
    roles = frozenset(appointment.roles)
    _check_seat(tx, person, appointment.org_id, roles)
    if made is not None:
        people.give_credentials(tx, person, made)
    if REGULATOR in roles:
        tx.session.merge(Membership(person_id=person.id, org_id=appointment.org_id, role=REGULATOR, since=tx.now))
        tx.record(appointment.org_id, "member.joined", by="appointee", facts={"role": REGULATOR})
    else:
        staff = people.standing(tx.session, person.id).staff
        tx.session.add_all(StaffRole(person_id=person.id, role=role, since=tx.now) for role in sorted(roles - staff))
    tx.record(person.id, "staff.appointed", by="appointee", facts={"roles": sorted(roles)}, links=[appointment.org_id])
    revoke_sessions(tx, person.id)
    tx.undue("appointment.lapse", appointment.id)
    tx.advance(appointment, "accept", by="appointee")
    return appointment


@verb
def confirm_appointment(tx: Transaction, appointment_id: str) -> Appointment:
    """Agree, as a second person, to an appointment: from now on it can be accepted.

    Raises:
        Forbidden: The actor is neither auditor nor administrator.
        Refused: The actor proposed it, or is appointed by it (S-04).
        WrongState: It is confirmed, refused or lapsed.
    """
    role, appointment = _to_decide(tx, appointment_id, "confirm")
    appointment.confirmed_by = tx.actor.person_id
    tx.advance(appointment, "confirm", by=role)
    return appointment


@verb
def refuse_appointment(tx: Transaction, appointment_id: str) -> Appointment:
    """Refuse, as a second person, an appointment that was proposed.

    Raises:
        Forbidden: The actor is neither auditor nor administrator.
        Refused: The actor proposed it, or is appointed by it (S-04).
        WrongState: It is confirmed, refused or lapsed.
    """
    role, appointment = _to_decide(tx, appointment_id, "refuse")
    tx.advance(appointment, "refuse", by=role)
    tx.undue("appointment.lapse", appointment.id)
    return appointment


def _to_decide(tx: Transaction, appointment_id: str, action: str) -> tuple[str, Appointment]:
    role = tx.actor.need("auditor", "administrator")
    appointment = tx.lock(Appointment, appointment_id)
    APPOINTMENT.edge(appointment.state, action)
    gates.second_person(tx, appointment)
    return role, appointment


@verb
def lapse_appointment(tx: Transaction, appointment_id: str) -> Appointment:
    """End an appointment that nobody accepted in time (called by the clock)."""
    tx.actor.need(CLOCK)
    appointment = tx.lock(Appointment, appointment_id)
    if appointment.expires_at > tx.now:
        raise WrongState("The time to accept is not over.", code="not_over")
    tx.advance(appointment, "lapse", by=CLOCK)
    return appointment


def check_combination(roles: frozenset[str]) -> None:
    """Keep apart what one natural person may not hold together (RULES S-04).

    Raises:
        Invalid: Two of the roles exclude each other.
    """
    for pair in combinations(sorted(roles), 2):
        if frozenset(pair) not in COMBINABLE:
            raise Invalid(
                "One person may not be both %(one)s and %(other)s.",
                code="roles_apart",
                one=pair[0],
                other=pair[1],
            )


def _appointee(tx: Transaction, person_name: str, email: str) -> Person:
    known = people.find_person(tx.session, email)
    return known or people.add_person(tx, email=email, name=person_name, by="administrator")


def _check_seat(tx: Transaction, person: Person, org_id: str, roles: frozenset[str]) -> None:
    """Ask when a person is appointed, and again when they accept: meanwhile their standing may have changed."""
    standing = people.standing(tx.session, person.id)
    if REGULATOR in roles:
        apart = bool(standing.staff or standing.seats.keys() - {org_id})
    else:
        apart = any(REGULATOR in held for held in standing.seats.values())
    if apart:
        raise Conflict("A regulator holds no other seat here.", code="other_seat")
    check_combination((roles | standing.staff) - {REGULATOR})


def _nominate(tx: Transaction, person: Person, org_id: str, roles: frozenset[str]) -> Nomination:
    _check_seat(tx, person, org_id, roles)
    token, digest = credentials.new_token()
    appointment = Appointment(
        id=ids.new("apt"),
        person_id=person.id,
        org_id=org_id,
        roles=sorted(roles),
        token_digest=digest,
        expires_at=tx.now + ACCEPTANCE_TIME,
        proposed_by=tx.actor.person_id,
    )
    facts = {"roles": sorted(roles)}
    tx.create(appointment, "appointment.proposed", by="administrator", facts=facts, links=[org_id])
    if not _anyone_to_confirm(tx, person.id):
        # A fresh installation has one administrator and nobody else. Its entry says that no second person confirmed.
        tx.advance(appointment, "waive", by="administrator", facts={"reason": "nobody_to_confirm"})
    tx.due("appointment.lapse", appointment.id, appointment.expires_at)
    return Nomination(appointment.id, person.id, org_id, token, appointment.expires_at, appointment.state)


def _anyone_to_confirm(tx: Transaction, appointee_id: str) -> bool:
    """Whether somebody but the proposer and the appointee could confirm."""
    apart = {tx.actor.person_id or "", appointee_id}
    confirming = select(StaffRole.person_id).where(StaffRole.role.in_(CONFIRMING), StaffRole.person_id.not_in(apart))
    return tx.first(confirming) is not None


def _unknown_nominate() -> NotSignedIn:
    return NotSignedIn("This token is not valid, or was used.", code="unknown_token")
