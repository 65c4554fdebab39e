"""How people of the demonstration come in: through the front door, as any member, officer or regulator does."""

import json
import secrets
from collections.abc import Mapping

from sqlalchemy import select

from demonstration.client import Person, Unexpected
from exchange import vault
from exchange.db import read
from exchange.members import accounts
from exchange.members.demonstration import PASSWORD
from exchange.members.models import SignUp

_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
_DOCUMENTS = {
    "company": ("business_licence", "authority_letter"),
    "department": ("registration_certificate", "authority_letter"),
}
_CHECKLIST = dict.fromkeys(("I-03", "I-04", "I-07"), "pass")
#: A one-page PDF that says what it is; demonstration licences carry no data of anybody's.
_SCAN = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj "
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 100]/Contents 4 0 R/Resources<</Font<</F<</Type/Font"
    b"/Subtype/Type1/BaseFont/Helvetica>>>>>>>>endobj 4 0 obj<</Length 53>>stream\n"
    b"BT /F 12 Tf 20 50 Td (Demonstration document) Tj ET  \nendstream endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)


def nominate(administrator: Person, name: str, seat: Mapping[str, object]) -> dict[str, str]:
    """Propose somebody for a ``seat``: roles of the staff, or an organ by name and code."""
    email = address()
    found: dict[str, str] = administrator.post("/appointments", {"person_name": name, "email": email, **seat})
    return {**found, "email": email}


def take_office(base_url: str, nomination: Mapping[str, str]) -> Person:
    """Accept an appointment, and sign in with a second factor."""
    person = Person(base_url)
    person.post("/appointments/accept", {"token": nomination["token"], "password": PASSWORD})
    person.sign_in(nomination["email"], PASSWORD)
    person.enrol_second_factor()
    return person


def sign_up(base_url: str, kind: str, name: str) -> Person:
    """An organisation with its owner, signed in, not vetted yet."""
    email = address()
    organisation = {
        "kind": kind,
        "name": name,
        "number": uscc("11" if kind == "department" else "91"),
        "territory": "CN",
        "overseas_control": False,
    }
    person = Person(base_url)
    body = {"organisation": organisation, "person_name": f"{name} 经办人", "email": email, "password": PASSWORD}
    person.post("/members", body)
    person.post("/members/confirm", {"token": _code_for(email)})
    person.sign_in(email, PASSWORD)
    return person


def _code_for(email: str) -> str:
    """The code in the letter to an address of nobody's: no mailbox holds it, so it is taken from where it is made."""
    with read() as session:
        for waiting in session.scalars(select(SignUp).order_by(SignUp.id.desc()).limit(100)):
            entered = vault.open_text(session, waiting.id, "sign_up", "entered", waiting.sealed)
            if json.loads(entered)["email"] == email:
                return accounts.sign_up_token(waiting.id)
    raise Unexpected(f"no sign-up of {email} waits for its code")


def bring_licence(person: Person, kind: str) -> str:
    """Hand in the identity case with its documents; its id."""
    details = {
        "legal_representative": "示范法定代表人",
        "phone": "+86 23 5550 0100",
        "address": "重庆市（示范地址）",
    }
    case: str = person.post("/identity-cases", {"details": details})["id"]
    for document in _DOCUMENTS[kind]:
        person.send(
            "POST",
            f"/identity-cases/{case}/documents",
            files={"file": ("scan.pdf", _SCAN, "application/pdf")},
            data={"kind": document},
        )
    person.post(f"/identity-cases/{case}/submit")
    return case


def vet(officer: Person, case: str) -> None:
    """Look at the case and approve it."""
    officer.post(f"/identity-cases/{case}/take-up")
    officer.post(
        f"/identity-cases/{case}/approve", {"checklist": _CHECKLIST, "reason": "示范：材料齐全 Demo: complete"}
    )


def uscc(head: str) -> str:
    """A well-formed code (GB 32100-2015) that begins with ``head`` and belongs to nobody."""
    body = head + "500000" + "".join(secrets.choice("0123456789") for _ in range(9))
    total = sum(_ALPHABET.index(character) * weight for character, weight in zip(body, _WEIGHTS, strict=True))
    return body + _ALPHABET[(31 - total % 31) % 31]


def address() -> str:
    """An e-mail address of nobody's."""
    return f"demo-{secrets.token_hex(6)}@example.org"
