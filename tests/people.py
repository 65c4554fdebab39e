"""Made-up people and parties, brought about by the verbs themselves; only the argon2 work is made small."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import delete, literal_column, select

from exchange import clock, vault
from exchange.actors import Actor
from exchange.db import engine, read, transaction
from exchange.identifiers import InvalidIdentifier, check_resident_id, check_uscc
from exchange.members import accounts, authority, credentials, identity, people, vetting
from exchange.members import staff as appointing
from exchange.members.accounts import Applicant
from exchange.members.identity import Details
from exchange.members.models import LetterOfAuthority, Membership, StaffRole
from exchange.members.states import CHECKLIST, REQUIRED_DOCUMENTS, SCOPES
from exchange.models import Outbox
from exchange.orm import Base
from exchange.oversight import scopes

PASSWORD = "correct horse battery staple"
VISITOR = Actor(None, None, frozenset({"visitor"}))
#: Confirms what administrators propose.
SECOND = Actor("per_second", "org_operator", frozenset({"auditor"}))
ORIGIN = "192.0.2.7"  # RFC 5737: for documentation
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
DETAILS = Details(legal_representative="赵法定", phone="+86 23 5550 0100", address="重庆市渝中区示例路1号")

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Party:
    """A member organisation and its owner."""

    org_id: str
    person_id: str
    actor: Actor
    password: str
    email: str
    case_id: str = ""


@contextmanager
def small_argon2() -> Iterator[None]:
    """As little work as argon2 allows, for hashes and signing keys made inside."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(credentials, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        for name, value in {"_PASSES": 1, "_MEMORY_KIB": 8, "_LANES": 1}.items():
            patch.setattr(vault, name, value)
        yield


def uscc(number: int | None = None) -> str:
    """A well-formed unified social credit code of nobody's."""
    body = f"91500000MA{next(_numbers) if number is None else number:07}"
    return _with_check(body, check_uscc)


def resident_id(birth: str = "19900307") -> str:
    """A well-formed resident identity number of nobody's."""
    from datetime import date

    return _with_check(f"500101{birth}{next(_numbers) % 1000:03}", lambda text: check_resident_id(text, date.max))


def applicant(kind: str, name: str, **other: Any) -> Applicant:
    number = resident_id() if kind == "individual" else uscc()
    return Applicant(
        **{"kind": kind, "name": name, "number": number, "territory": "CN", "overseas_control": False} | other
    )


def signed_up(of: Applicant, *, email: str, **other: str) -> accounts.Registered:
    """Sign up, and enter the code of the letter."""
    entered = {"person_name": "王小明", "password": PASSWORD, "origin": f"sign-up {email}"} | other
    waiting = accounts.sign_up(VISITOR, of, email=email, **entered)
    with engine().begin() as connection:  # the letter was written and read
        connection.execute(delete(Outbox).where(Outbox.kind == accounts.LETTER))
    return accounts.confirm_sign_up(VISITOR, token=accounts.sign_up_token(waiting), origin=entered["origin"])


def registered(db: object, name: str, kind: str = "company") -> Party:
    """A party that signed up, and no more. ``db`` is the fixture: it says that a database is bound."""
    email = f"owner{next(_numbers)}@example.org"
    with small_argon2():
        made = signed_up(applicant(kind, name), person_name=name if kind == "individual" else "王小明", email=email)
    actor = Actor(made.person_id, made.org_id, frozenset({"owner"}))
    return Party(made.org_id, made.person_id, actor, PASSWORD, email)


def submitted(db: object, name: str, kind: str = "company") -> Party:
    """A party whose identity case waits for an officer."""
    party = registered(db, name, kind)
    case = identity.open_identity_case(party.actor, DETAILS)
    for document in sorted(REQUIRED_DOCUMENTS[kind]):
        identity.add_document(party.actor, case.id, document, PNG)
    identity.submit_identity_case(party.actor, case.id)
    return Party(party.org_id, party.person_id, party.actor, party.password, party.email, case.id)


def approved(db: object, name: str, kind: str = "company") -> Party:
    """A party that may trade."""
    party = submitted(db, name, kind)
    officer = staff(db, "vetting_officer")
    vetting.take_up(officer, party.case_id)
    vetting.approve(officer, party.case_id, checklist=passing(kind))
    return party


def approved_company(db: object, name: str) -> Party:
    return approved(db, name)


def approved_department(db: object, name: str) -> Party:
    return approved(db, name, "department")


def handler(db: object, party: Party) -> Actor:
    """A new handler 经办人 of the party, with a password and a key and no letter of authority yet."""
    with small_argon2():
        made = people.NewCredentials.of(PASSWORD)
    with transaction(party.actor) as tx:
        person = people.add_person(tx, email=f"handler{next(_numbers)}@example.org", name="经办人", by="owner")
        people.give_credentials(tx, person, made)
        tx.add(Membership(person_id=person.id, org_id=party.org_id, role="trader", since=tx.now))
        tx.record(party.org_id, "member.joined", by="owner", facts={"role": "trader"})
        return Actor(person.id, party.org_id, frozenset({"trader"}))


def letter_terms(**other: Any) -> authority.Terms:
    """A letter for everything, without a ceiling, for a year from now."""
    now = clock.now()
    terms = {"scopes": set(SCOPES), "ceiling": None, "starts_at": now, "ends_at": now + timedelta(days=365)} | other
    return authority.Terms(**terms | {"scopes": frozenset(terms["scopes"])})


def authorised(party: Party, who: Actor, **terms: Any) -> LetterOfAuthority:
    """Give a handler of the party a letter of authority."""
    return authority.give_authority(party.actor, who.person_id or "", letter_terms(**terms), password=party.password)


def passing(kind: str = "company") -> dict[str, str]:
    """A checklist without a question."""
    return dict.fromkeys(CHECKLIST[kind], "pass")


def administrator(db: object) -> Actor:
    """The operator's first administrator; the operator is installed if it is not."""
    with read() as session:
        org_id = people.operator_id(session)
        person_id = session.scalar(select(StaffRole.person_id).where(StaffRole.role == "administrator"))
    if org_id is None or person_id is None:
        org_id, person_id, _ = installed(db)
    return Actor(person_id, org_id, frozenset({"administrator"}))


def installed(db: object) -> appointing.Installation:
    with small_argon2():
        return appointing.create_operator(
            name="示例数据交易所",
            uscc=uscc(),
            person_name="管理员",
            email="admin@example.org",
            password=PASSWORD,
        )


def staff(db: object, *roles: str) -> Actor:
    """A new natural person with these roles, as in a session that passed its second factor."""
    nomination = appointing.appoint_staff(
        administrator(db), person_name="审核员", email=f"staff{next(_numbers)}@example.org", roles=frozenset(roles)
    )
    accept(nomination)
    return Actor(nomination.person_id, nomination.org_id, frozenset(roles))


def regulator(db: object, organ: str = "示例大数据局", code: str | None = None, *, whole: bool = True) -> Actor:
    """An officer of an organ, as in a session that passed its second factor; ``whole``: it sees the whole exchange."""
    nomination = appointing.appoint_regulator(
        administrator(db),
        organ_name=organ,
        organ_uscc=code or uscc(),
        person_name="监管员",
        email=f"officer{next(_numbers)}@example.org",
    )
    accept(nomination)
    granted = scopes.scopes_of(administrator(db), nomination.org_id)
    if whole and not granted:
        scopes.grant_scope(
            administrator(db), nomination.org_id, authority="data", kind="all", basis="DRAFT 32; appointment 1"
        )
    return Actor(nomination.person_id, nomination.org_id, frozenset({"regulator"}))


def accept(nomination: appointing.Nomination, password: str = PASSWORD) -> None:
    """Accept an appointment, once a second person confirmed it where one is needed."""
    if nomination.state == "proposed":
        appointing.confirm_appointment(SECOND, nomination.appointment_id)
    with small_argon2():
        appointing.accept_appointment(VISITOR, token=nomination.token, password=password)


def sign_in(party: Party, **other: Any) -> accounts.SignedIn:
    """Open a session of a party's owner."""
    return accounts.sign_in(VISITOR, **{"email": party.email, "password": party.password, "origin": ORIGIN} | other)


def everything_kept() -> str:
    """Every row of every table, as text."""
    with read() as session:
        rows = (
            session.scalars(select(literal_column(f"{table.name}::text")).select_from(table))
            for table in Base.metadata.sorted_tables
        )
        return "\n".join(row for found in rows for row in found)


def _with_check(body: str, check: Any) -> str:
    for character in "0123456789ABCDEFGHJKLMNPQRTUWXY":
        try:
            check(body + character)
        except InvalidIdentifier:
            continue
        return body + character
    raise ValueError(f"{body} has no check character")
