"""Changing a known password, and getting past a forgotten one by mail.

A change keeps the signing key: it is sealed anew. A reset cannot open it: the key is revoked and another one made, the
person's story tells so, and all sessions end. What the exchange answers to somebody who asks for a reset, and how
long that takes, is the same whether the address is known: the worker looks it up afterwards.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from exchange import clock, ids, vault
from exchange.actors import Actor
from exchange.db import Transaction, read, transaction
from exchange.errors import Invalid, NotSignedIn
from exchange.members import attempts, credentials, people
from exchange.members.accounts import LETTER, PERSON, VISITOR, revoke_sessions
from exchange.members.models import MemberKey, PasswordReset, Person
from exchange.members.people import NewCredentials

#: How long a reset can be used, in real time.
RESET_LIFE = timedelta(minutes=30)
RESET_ASKED = "members.reset_asked"
_RESET = "password reset"
SYSTEM = Actor(None, None, frozenset({"exchange"}))


def change_password(actor: Actor, *, token: str, password: str, new_password: str) -> None:
    """Give the signed-in person another password; the signing key is sealed under it, all other sessions end.

    Args:
        actor: The person.
        token: Of the session that goes on.
        password: The present one.
        new_password: The next one.

    Raises:
        NotSignedIn: Nobody is signed in.
        Invalid: The present password is not right, or the new one too weak.
        TooManyRequests: Too many attempts.
    """
    person_id = _signed_in(actor)
    attempts.count(attempts.PASSWORD, person_id)
    with read() as session:
        person = session.get_one(Person, person_id)
        known = person.password_hash
        name = vault.open_text(session, person.id, "person", "name", person.sealed_name)
        email = vault.open_text(session, person.id, "person", "email", person.sealed_email)
        key = session.scalar(_live_key(person_id))
        sealed = None if key is None else key.sealed_key
    if not credentials.password_fits(known, password):
        raise _wrong_password()
    credentials.check_password(new_password, name, email, field="new_password")
    new_hash = credentials.hash_password(new_password)
    resealed = None if sealed is None else vault.reseal_signing_key(sealed, password, new_password)
    with transaction(actor.with_key(None), "change_password") as tx:
        locked = tx.lock(Person, person_id)
        held = tx.first(_live_key(person_id))
        if locked.password_hash != known or (held is not None and held.sealed_key != sealed):
            raise _wrong_password()
        locked.password_hash = new_hash
        if held is not None and resealed is not None:
            held.sealed_key = resealed
        attempts.forget(tx.session, attempts.PASSWORD, person_id)
        revoke_sessions(tx, person_id, but=token)
        tx.record(person_id, "password.changed", by=PERSON)


def replace_signing_key(actor: Actor, *, password: str) -> MemberKey:
    """Revoke the signed-in person's signing key and make another one. What it signed stays signed.

    Raises:
        NotSignedIn: Nobody is signed in.
        Invalid: The password is not right.
        TooManyRequests: Too many attempts.
    """
    person_id = _signed_in(actor)
    attempts.count(attempts.PASSWORD, person_id)
    with read() as session:
        known = session.get_one(Person, person_id).password_hash
    if not credentials.password_fits(known, password):
        raise _wrong_password()
    public_key, sealed_key = vault.new_signing_key(password)
    with transaction(actor.with_key(None), "replace_signing_key") as tx:
        person = tx.lock(Person, person_id)
        if person.password_hash != known:
            raise _wrong_password()
        attempts.forget(tx.session, attempts.PASSWORD, person_id)
        revoked = _revoke_key(tx, person_id)
        key = people.give_key(tx, person_id, public_key, sealed_key)
        tx.record(person_id, "signing_key.replaced", by=PERSON, facts={"revoked": revoked, "key": key.id})
        return key


# -- a forgotten password ---------------------------------------------------------------------------------------------


def ask_reset(actor: Actor, *, email: str, origin: str) -> None:
    """Ask for a letter with a code that sets a new password. Says nothing about the address.

    Raises:
        Invalid: It cannot be an address.
        TooManyRequests: Too many letters to this address, or asked for from this origin.
    """
    email = people.clean_email(email)
    attempts.count(attempts.RESET_ORIGIN, origin)
    attempts.count(attempts.RESET, email)
    address = vault.ring().blind_index("email", email).hex()
    with transaction(actor.with_key(None), "ask_reset") as tx:
        tx.send(RESET_ASKED, address=address)


def open_reset(payload: dict[str, Any]) -> None:
    """Open the reset that was asked for, if the address is that of somebody with a password (called by the worker)."""
    with transaction(SYSTEM, "open_reset") as tx:
        asking = select(Person).where(Person.email_index == bytes.fromhex(payload["address"]))
        person = tx.first(asking.where(Person.password_hash.is_not(None)).with_for_update())
        if person is None:
            return
        now = clock.real_now()
        reset = PasswordReset(id=ids.new("rst"), person_id=person.id, created_at=now, expires_at=now + RESET_LIFE)
        tx.add(reset)
        tx.record(person.id, "password.reset_asked", by=VISITOR)
        tx.send(LETTER, template="password_reset", id=reset.id)


def reset_token(reset_id: str) -> str:
    """The code in the letter: it is kept nowhere, the key ring makes it again from the id."""
    return credentials.derived_token(_RESET, reset_id)


def reset_password(actor: Actor, *, token: str, password: str, origin: str) -> None:
    """Set a new password with the code of a letter. The signing key is revoked and replaced; all sessions end.

    The second factor stays: the next sign-in asks for it.

    Raises:
        NotSignedIn: The code is not right, was used, or is too old.
        Invalid: The new password is too weak.
        TooManyRequests: Too many attempts from this origin.
    """
    attempts.count(attempts.RESET_ORIGIN, origin)
    reset_id = credentials.row_of_token(_RESET, token)
    if reset_id is None:
        raise _unknown_code()
    made = NewCredentials.of(password)
    with transaction(actor.with_key(None), "reset_password") as tx:
        reset = tx.session.get(PasswordReset, reset_id, with_for_update=True)
        if reset is None or reset.ended_at is not None or reset.expires_at <= clock.real_now():
            raise _unknown_code()
        person = tx.lock(Person, reset.person_id)
        revoked = _revoke_key(tx, person.id)
        person.password_hash = made.password_hash
        key = people.give_key(tx, person.id, made.public_key, made.sealed_key)
        live = (PasswordReset.person_id == person.id) & PasswordReset.ended_at.is_(None)
        tx.session.execute(update(PasswordReset).where(live).values(ended_at=clock.real_now()))
        revoke_sessions(tx, person.id)
        tx.record(person.id, "password.reset", by=VISITOR, facts={"revoked": revoked, "key": key.id})


# -- inside -----------------------------------------------------------------------------------------------------------


def _signed_in(actor: Actor) -> str:
    if actor.person_id is None:
        raise NotSignedIn("Sign in first.")
    return actor.person_id


def _live_key(person_id: str) -> Any:
    return select(MemberKey).where(MemberKey.person_id == person_id, MemberKey.revoked_at.is_(None))


def _revoke_key(tx: Transaction, person_id: str) -> str:
    """Revoke the live key; its id, empty if there was none."""
    key = tx.first(_live_key(person_id))
    if key is None:
        return ""
    key.revoked_at = tx.now
    tx.session.flush()  # before another one takes its place: a person has one live key
    return str(key.id)


def _wrong_password() -> Invalid:
    problem = "The password is not right."
    return Invalid(problem, code="wrong_password", fields={"password": [problem]})


def _unknown_code() -> NotSignedIn:
    return NotSignedIn("This code is not valid, or was used.", code="unknown_token")
