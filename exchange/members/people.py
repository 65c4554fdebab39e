"""What the verbs of this room share: finding and making people and organisations inside an open transaction."""

from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from exchange import ids, vault
from exchange.db import Transaction
from exchange.errors import Conflict, Invalid
from exchange.identifiers import check_uscc
from exchange.members import credentials, gates
from exchange.members.models import MemberKey, Membership, Organisation, Person, StaffRole

MAX_NAME, MAX_EMAIL = 120, 254  # RFC 5321, section 4.5.3.1.3: a path of 256 with its angle brackets
#: The exchange holds the sealed key and sees the password: no claim of exclusive control (ESL Art. 13).
PLATFORM_HELD = "platform_held"


@dataclass(frozen=True, slots=True, repr=False)
class NewCredentials:
    """A password's hash and the signing key sealed under it, made before the transaction: both take a while."""

    password_hash: str
    public_key: bytes
    sealed_key: bytes

    @classmethod
    def of(cls, password: str, *known: str) -> "NewCredentials":
        """Credentials for ``password``, which must be none of what is ``known`` of the person.

        Raises:
            Invalid: The password is too weak.
        """
        credentials.check_password(password, *known)
        public_key, sealed_key = vault.new_signing_key(password)
        return cls(credentials.hash_password(password), public_key, sealed_key)


class Standing(NamedTuple):
    """What a person may act as: the operator's staff, or in member organisations and organs (id to roles)."""

    staff: frozenset[str]
    seats: dict[str, frozenset[str]]


def org_of(tx: Transaction, org_id: str) -> Organisation:
    """The organisation of that id.

    Raises:
        NotFound: There is none.
    """
    return tx.get(Organisation, org_id)


def operator_id(session: Session) -> str | None:
    """The id of the operator's own organisation, once it is installed."""
    return session.scalar(select(Organisation.id).where(Organisation.kind == "operator"))


def find_person(session: Session, email: str) -> Person | None:
    """The person who signs in with that e-mail address."""
    index = vault.ring().blind_index("email", clean_email(email))
    return session.scalar(select(Person).where(Person.email_index == index))


def standing(session: Session, person_id: str) -> Standing:
    """All that a person may act as today."""
    staff = session.scalars(select(StaffRole.role).where(StaffRole.person_id == person_id)).all()
    held = session.execute(
        select(Membership.org_id, Membership.role)
        .where(Membership.person_id == person_id, Membership.ended_at.is_(None))
        .order_by(Membership.since, Membership.org_id)
    ).all()
    seats: dict[str, frozenset[str]] = {}
    for org_id, role in held:
        seats[org_id] = seats.get(org_id, frozenset()) | {role}
    return Standing(frozenset(staff), seats)


def add_person(tx: Transaction, *, email: str, name: str, by: str) -> Person:
    """A new person without a password, recorded.

    Raises:
        Invalid: The e-mail address or the name is malformed.
        Conflict: The e-mail address is known already.
    """
    email, name = clean_email(email), clean_name(name, "person_name")
    person_id = ids.new("per")
    person = Person(
        id=person_id,
        email_index=vault.ring().blind_index("email", email),
        sealed_email=vault.seal_text(tx.session, person_id, "person", "email", email),
        sealed_name=vault.seal_text(tx.session, person_id, "person", "name", name),
        created_at=tx.now,
    )
    tx.add(person)
    flush_new(tx)
    tx.record(person_id, "person.registered", by=by)
    return person


def give_credentials(tx: Transaction, person: Person, made: NewCredentials) -> None:
    """Give ``person`` a password and a signing key; the caller records an entry of the person."""
    person.password_hash = made.password_hash
    give_key(tx, person.id, made.public_key, made.sealed_key)


def give_key(tx: Transaction, person_id: str, public_key: bytes, sealed_key: bytes) -> MemberKey:
    """Give a person without a signing key one; the caller records an entry of the person."""
    return tx.add(
        MemberKey(
            id=ids.new("key"),
            person_id=person_id,
            grade=PLATFORM_HELD,
            public_key=public_key,
            sealed_key=sealed_key,
            created_at=tx.now,
        )
    )


def add_body(tx: Transaction, *, kind: str, name: str, uscc: str, by: str) -> Organisation:
    """A new legal or unincorporated body, keyed on its unified social credit code, recorded.

    Raises:
        Invalid: The name is empty or too long.
        Refused: The code fails its structure (I-04).
        Conflict: The code is registered already.
    """
    code = checked_uscc(uscc)
    body = Organisation(id=ids.new("org"), kind=kind, name=clean_name(name, "name"), uscc=code, created_at=tx.now)
    tx.add(body)
    flush_new(tx)
    tx.record(body.id, "organisation.registered", by=by, facts={"kind": kind, "uscc": code})
    return body


def checked_uscc(text: str) -> str:
    """The unified social credit code in its normal form.

    Raises:
        Refused: It fails its structure (I-04).
    """
    gates.well_formed_code(text)
    return check_uscc(text)


def flush_new(tx: Transaction) -> None:
    """Write what was added, and answer a broken uniqueness the same way whatever it was, so that nobody learns which.

    Raises:
        Conflict: Somebody has it already.
    """
    try:
        tx.session.flush()
    except IntegrityError:  # its text holds the row: cut off
        raise Conflict("This is registered already. Sign in instead.", code="already_registered") from None


def clean_email(email: str) -> str:
    """The address without surrounding space. Its box's owner decides what else is legal: no more is asked of it.

    Raises:
        Invalid: It cannot be an address.
    """
    email = email.strip()
    local, at, domain = email.rpartition("@")
    if (
        not (local and at and domain)
        or len(email) > MAX_EMAIL
        or any(c.isspace() or not c.isprintable() for c in email)
    ):
        problem = "This is no e-mail address."
        raise Invalid(problem, code="invalid_email", fields={"email": [problem]})
    return email


def clean_name(name: str, field: str) -> str:
    """The name with its white space joined.

    Raises:
        Invalid: Empty, too long, or with control characters.
    """
    name = " ".join(name.split())
    if not 0 < len(name) <= MAX_NAME or not name.isprintable():
        problem = "A name has 1 to 120 printable characters."
        raise Invalid(problem, code="invalid_name", fields={field: [problem]})
    return name
