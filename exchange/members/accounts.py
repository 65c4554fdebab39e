"""Signing up, signing in and out, the second factor.

Passwords are checked outside transactions, since that takes a tenth of a second on purpose. What hands out a secret
(token, TOTP secret) takes no idempotency key: it cannot be shown twice.
"""

import json
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, update

from exchange import clock, ids, vault
from exchange.actors import REGULATOR, Actor
from exchange.db import Transaction, read, transaction, verb
from exchange.errors import Conflict, Forbidden, Invalid, InvariantBroken, NotSignedIn, Refused
from exchange.identifiers import InvalidIdentifier, age_on, check_resident_id
from exchange.members import attempts, credentials, people, recovery
from exchange.members.models import Membership, Organisation, Person, SessionRow, SignUp
from exchange.members.people import NewCredentials, Standing
from exchange.members.states import REQUIRED_DOCUMENTS

#: Absolute life of a session, in real time.
SESSION_LIFE = timedelta(hours=12)
MAJORITY_YEARS = 18
#: How long the code of a sign-up can be used, in real time.
SIGN_UP_LIFE = timedelta(hours=24)
LETTER = "members.letter"
_SIGN_UP = "sign up"
#: Roles of entries by somebody who is not signed in, and by a person about themselves.
VISITOR, PERSON = "visitor", "person"


@dataclass(frozen=True, slots=True, repr=False)
class Applicant:
    """An organisation that wants to join, as its first person describes it.

    ``number`` is the unified social credit code of a body, the identity number of a natural person. ``territory`` is
    where it is registered (ISO 3166-1), ``overseas_control`` whether it is controlled from outside the mainland.
    """

    kind: str
    name: str
    number: str
    territory: str
    overseas_control: bool


class Registered(NamedTuple):
    """What a sign-up made."""

    org_id: str
    person_id: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """An open session. ``second_factor`` is ``passed``, ``none``, or ``required``: enrol one before acting as staff."""

    token: str = field(repr=False)
    expires_at: datetime
    person_id: str
    org_id: str
    second_factor: str


class Enrolment(NamedTuple):
    """A TOTP secret, shown once, and the URI an authenticator app reads."""

    secret: str
    uri: str


# -- signing up ---------------------------------------------------------------------------------------------------


def sign_up(actor: Actor, applicant: Applicant, *, person_name: str, email: str, password: str, origin: str) -> str:
    """Ask to be registered: a letter with a code goes to the address. The id of what waits for that code.

    The answer, and the work it takes, are the same whether the address or the organisation is known here: the worker
    looks afterwards, and writes to a known address that it has an account.

    Args:
        actor: Anybody.
        applicant: The organisation; a natural person registers as an ``individual``.
        person_name: Of the first person; for an individual the same natural person.
        email: To sign in with.
        password: Opens the account and the signing key.
        origin: The caller's network address, for the limit on attempts.

    Raises:
        Invalid: Something is malformed, or the identity number fails its check or is a minor's.
        Refused: The code of a body fails its structure (I-04), or an overseas party: there is no cross-border
            procedure here (I-11).
        TooManyRequests: Too many sign-ups from this origin, or letters to this address.
    """
    attempts.count(attempts.SIGN_UP_ORIGIN, origin)
    made = NewCredentials.of(password, email, person_name)
    email, person_name = people.clean_email(email), people.clean_name(person_name, "person_name")
    attempts.count(attempts.SIGN_UP, email)
    return _ask(actor.with_key(None), applicant, person_name, email, made)


def _ask(actor: Actor, applicant: Applicant, person_name: str, email: str, made: NewCredentials) -> str:
    with transaction(actor, "sign_up") as tx:
        _check(applicant, _beijing_day(tx.now))
        sign_up_id = ids.new("sup")
        entered = {"applicant": asdict(applicant), "person_name": person_name, "email": email}
        row = SignUp(
            id=sign_up_id,
            sealed=vault.seal_text(tx.session, sign_up_id, "sign_up", "entered", json.dumps(entered)),
            password_hash=made.password_hash,
            public_key=made.public_key,
            sealed_key=made.sealed_key,
            expires_at=clock.real_now() + SIGN_UP_LIFE,
        )
        tx.session.add(row)
        tx.send(LETTER, template="sign_up", id=sign_up_id)
        return sign_up_id


def _check(applicant: Applicant, today: date) -> None:
    """Ask of the applicant what can be said at once."""
    if applicant.kind not in REQUIRED_DOCUMENTS:
        raise Invalid("This kind of organisation does not sign up.", code="invalid_kind")
    if applicant.territory != "CN" or applicant.overseas_control:
        raise Refused(
            "I-11",
            "Parties from outside the mainland, or controlled from there, cannot be admitted yet.",
            code="overseas_party",
        )
    people.clean_name(applicant.name, "name")
    if applicant.kind == "individual":
        _checked_adult(applicant, today)
    else:
        people.checked_uscc(applicant.number)


def sign_up_token(sign_up_id: str) -> str:
    """The code in the letter: it is kept nowhere, the key ring makes it again from the id."""
    return credentials.derived_token(_SIGN_UP, sign_up_id)


def confirm_sign_up(actor: Actor, *, token: str, origin: str) -> Registered:
    """Register the party, with the code of the letter: its organisation, and its first person, who owns it.

    Raises:
        NotSignedIn: The code is not right, was used or is too old.
        Conflict: The organisation or the e-mail address has been registered.
        TooManyRequests: Too many attempts from this origin.
    """
    attempts.count(attempts.SIGN_UP_ORIGIN, origin)
    sign_up_id = credentials.row_of_token(_SIGN_UP, token)
    if sign_up_id is None:
        raise _unknown_code()
    return _register(actor.with_key(None), sign_up_id)


@verb
def _register(tx: Transaction, sign_up_id: str) -> Registered:
    waiting = tx.session.get(SignUp, sign_up_id, with_for_update=True)
    if waiting is None or waiting.expires_at <= clock.real_now():
        raise _unknown_code()
    entered = json.loads(vault.open_text(tx.session, waiting.id, "sign_up", "entered", waiting.sealed))
    applicant = Applicant(**entered["applicant"])
    made = NewCredentials(waiting.password_hash, waiting.public_key, waiting.sealed_key)
    tx.session.delete(waiting)
    vault.destroy_subject_key(tx.session, waiting.id)
    if applicant.kind == "individual":
        organisation = _add_individual(tx, applicant)
    else:
        organisation = people.add_body(tx, kind=applicant.kind, name=applicant.name, uscc=applicant.number, by=VISITOR)
    person = people.add_person(tx, email=entered["email"], name=entered["person_name"], by=VISITOR)
    people.give_credentials(tx, person, made)
    tx.add(Membership(person_id=person.id, org_id=organisation.id, role="owner", since=tx.now))
    tx.record(organisation.id, "member.joined", by=VISITOR, facts={"role": "owner"})
    return Registered(organisation.id, person.id)


def _unknown_code() -> NotSignedIn:
    return NotSignedIn("This code is not valid, or was used.", code="unknown_token")


def _checked_adult(applicant: Applicant, today: date) -> str:
    """The identity number of an adult, in its normal form."""
    try:
        resident = check_resident_id(applicant.number, today)
    except InvalidIdentifier as fault:
        raise Invalid(
            "The identity number is not well formed.", code="invalid_id_number", fields={"number": [str(fault)]}
        ) from None
    if age_on(resident.birth_date, today) < MAJORITY_YEARS:
        raise Invalid("Only adults can trade.", code="minor")
    return resident.number


def _add_individual(tx: Transaction, applicant: Applicant) -> Organisation:
    number = _checked_adult(applicant, _beijing_day(tx.now))
    name = people.clean_name(applicant.name, "name")
    org_id = ids.new("org")
    organisation = Organisation(
        id=org_id,
        kind="individual",
        name=name[0] + "*" * (len(name) - 1),
        id_index=vault.ring().blind_index("id_number", number),
        sealed_id_number=vault.seal_text(tx.session, org_id, "organisation", "id_number", number),
        sealed_name=vault.seal_text(tx.session, org_id, "organisation", "name", name),
        created_at=tx.now,
    )
    tx.add(organisation)
    people.flush_new(tx)
    tx.record(org_id, "organisation.registered", by=VISITOR, facts={"kind": "individual"})
    return organisation


def _beijing_day(moment: datetime) -> date:
    return moment.astimezone(clock.BEIJING).date()


# -- signing in and out -------------------------------------------------------------------------------------------


def sign_in(
    actor: Actor,
    *,
    email: str,
    password: str,
    origin: str,
    code: str | None = None,
    recovery_code: str | None = None,
    org_id: str | None = None,
    replaces: str | None = None,
) -> SignedIn:
    """Open a session for the person with that e-mail address and password.

    An unknown address and a wrong password get the same answer after the same work.

    Args:
        actor: Anybody.
        email: As registered.
        password: The person's.
        origin: The caller's network address, for the limit on attempts.
        code: The one-time code, once a second factor is enrolled.
        recovery_code: One of the recovery codes in its place.
        org_id: Which of several organisations to act for; the first joined if not given.
        replaces: A token the caller came with: its session ends, so no session outlives a sign-in.

    Raises:
        NotSignedIn: The address or the password is not right, or the code is missing or not right.
        Forbidden: The person has no seat in ``org_id``, or none at all.
        TooManyRequests: Too many attempts on this account, or from this origin.
    """
    email = people.clean_email(email)
    attempts.count(attempts.SIGN_IN_ORIGIN, origin)
    attempts.count(attempts.SIGN_IN, email)
    with read() as session:
        person = people.find_person(session, email)
    password_hash = None if person is None else person.password_hash
    if not credentials.password_fits(password_hash, password) or person is None:
        raise NotSignedIn("The e-mail address or the password is not right.", code="sign_in_failed")
    with transaction(actor.with_key(None), "sign_in") as tx:
        known = tx.lock(Person, person.id)
        if known.password_hash != password_hash:
            raise NotSignedIn("The e-mail address or the password is not right.", code="sign_in_failed")
        passed = _pass_second_factor(tx, known, code, recovery_code)
        attempts.forget(tx.session, attempts.SIGN_IN, email)
        if replaces is not None:
            _revoke(tx, SessionRow.token_digest == credentials.token_digest(replaces))
        return open_session(tx, known.id, org_id, passed=passed)


def sign_out(actor: Actor, token: str) -> None:
    """End the actor's session of ``token``. Ending it twice changes nothing the second time."""
    if actor.person_id is None:
        return
    with transaction(actor, "sign_out") as tx:
        own = SessionRow.person_id == actor.person_id
        if _revoke(tx, own & (SessionRow.token_digest == credentials.token_digest(token))):
            tx.record(actor.person_id, "session.closed", by=PERSON)


def _pass_second_factor(tx: Transaction, person: Person, code: str | None, recovery_code: str | None) -> bool:
    """Whether the person has a second factor, which then must have been given."""
    if person.totp_confirmed_at is None:
        return False
    if code:
        take_code(tx, person, code)
    elif recovery_code:
        recovery.take(tx, person, recovery_code)
    else:
        raise NotSignedIn("Enter the code of your second factor.", code="second_factor_required")
    return True


def take_code(tx: Transaction, person: Person, code: str) -> None:
    """Use up a one-time code of the locked ``person``.

    Raises:
        NotSignedIn: It is not right, or was used before.
    """
    if person.sealed_totp is None:
        raise InvariantBroken("%(person)s has a second factor without a secret", person=person.id)
    secret = vault.open_text(tx.session, person.id, "person", "totp", person.sealed_totp)
    step = credentials.totp_step(secret, code, at=clock.real_now(), after=person.totp_step)
    if step is None:
        raise NotSignedIn("The code is not right or was used before.", code="second_factor_failed")
    person.totp_step = step


def open_session(tx: Transaction, person_id: str, org_id: str | None, *, passed: bool) -> SignedIn:
    """Open a session of somebody who proved who they are; ``passed`` says whether by a second factor too.

    Raises:
        Forbidden: The person has no seat in ``org_id``, or none at all.
    """
    standing = people.standing(tx.session, person_id)
    desk = _desk(tx, standing, org_id)
    token, digest = credentials.new_token()
    now = clock.real_now()
    row = SessionRow(
        token_digest=digest,
        person_id=person_id,
        org_id=desk,
        created_at=now,
        expires_at=now + SESSION_LIFE,
        second_factor_at=now if passed else None,
    )
    tx.add(row)
    required = standing.staff or REGULATOR in standing.seats.get(desk, ())
    second_factor = "passed" if passed else "required" if required else "none"
    tx.record(person_id, "session.opened", by=VISITOR, facts={"second_factor": second_factor})
    return SignedIn(token, row.expires_at, person_id, desk, second_factor)


def _desk(tx: Transaction, standing: Standing, org_id: str | None) -> str:
    """The organisation a session acts for: staff always the operator, others the one asked for or the first joined."""
    seats = list(standing.seats)
    if standing.staff:
        operator = people.operator_id(tx.session)
        seats = [operator] if operator else []
    if not seats or org_id not in {None, *seats}:
        raise Forbidden("You have no seat there.", code="no_seat")
    return org_id or seats[0]


def _revoke(tx: Transaction, which: ColumnElement[bool]) -> bool:
    """End live sessions; says whether there was one."""
    ended = (
        update(SessionRow)
        .where(which, SessionRow.revoked_at.is_(None))
        .values(revoked_at=clock.real_now())
        .returning(SessionRow.token_digest)
    )
    return bool(tx.session.execute(ended).all())


def revoke_sessions(tx: Transaction, person_id: str, *, but: str | None = None) -> None:
    """End all sessions of a person, whose standing just changed; the one of the token ``but`` goes on."""
    which = SessionRow.person_id == person_id
    if but is not None:
        which &= SessionRow.token_digest != credentials.token_digest(but)
    _revoke(tx, which)


# -- the second factor --------------------------------------------------------------------------------------------


def enrol_second_factor(actor: Actor) -> Enrolment:
    """Give the signed-in person a new TOTP secret, which counts once a code confirms it.

    Raises:
        NotSignedIn: Nobody is signed in.
        Conflict: A second factor is in force already.
    """
    secret = credentials.new_totp_secret()
    with transaction(actor.with_key(None), "enrol_second_factor") as tx:
        person = _self(tx)
        if person.totp_confirmed_at is not None:
            raise Conflict("You have a second factor already.", code="second_factor_exists")
        seal_totp(tx, person, secret)
        tx.record(person.id, "second_factor.enrolled", by=PERSON)
        account = vault.open_text(tx.session, person.id, "person", "email", person.sealed_email)
    return Enrolment(secret, credentials.totp_uri(secret, account))


def confirm_second_factor(actor: Actor, code: str) -> SignedIn:
    """Put the enrolled second factor in force. All sessions of the person end; a new one, which passed it, opens.

    Raises:
        NotSignedIn: Nobody is signed in, or the code is not right.
        Conflict: None was enrolled, or one is in force already.
        TooManyRequests: Too many codes.
    """
    if actor.person_id is None:
        raise NotSignedIn("Sign in first.")
    attempts.count(attempts.SECOND_FACTOR, actor.person_id)
    with transaction(actor.with_key(None), "confirm_second_factor") as tx:
        person = _self(tx)
        if person.sealed_totp is None or person.totp_confirmed_at is not None:
            raise Conflict("There is no second factor to confirm.", code="no_second_factor_enrolled")
        take_code(tx, person, code)
        person.totp_confirmed_at = clock.real_now()
        tx.record(person.id, "second_factor.confirmed", by=PERSON)
        revoke_sessions(tx, person.id)
        return open_session(tx, person.id, actor.org_id, passed=True)


def seal_totp(tx: Transaction, person: Person, secret: str) -> None:
    """Keep a TOTP secret of ``person``; the caller records an entry of the person."""
    person.sealed_totp = vault.seal_text(tx.session, person.id, "person", "totp", secret)


def _self(tx: Transaction) -> Person:
    if tx.actor.person_id is None:
        raise NotSignedIn("Sign in first.")
    return tx.lock(Person, tx.actor.person_id)
