"""The people of the demonstration: plainly named as such, new at every run, brought in through the front door."""

import secrets
import time
from dataclasses import dataclass

import pyotp

from demonstration.client import Person, Unexpected

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


@dataclass(frozen=True)
class Administrator:
    """How the operator's administrator signs in."""

    email: str
    password: str
    totp_secret: str


def sign_in_administrator(base_url: str, administrator: Administrator) -> Person:
    """The administrator, signed in with the second factor.

    A code counts once. When the present one was used by a run that has just ended, the next one is due within the
    tolerance that a drifting phone is given.
    """
    person, codes = Person(base_url), pyotp.TOTP(administrator.totp_secret)
    for pause, ahead in ((0, 0), (0, codes.interval), (codes.interval, codes.interval)):
        time.sleep(pause)
        try:
            person.sign_in(administrator.email, administrator.password, codes.at(int(time.time()) + ahead))
        except Unexpected as failure:
            refusal = failure
        else:
            return person
    raise refusal


def appoint(administrator: Person, name: str, *roles: str) -> Person:
    """A member of the staff: appointed, accepted, signed in with a second factor."""
    email, password = _address(), secrets.token_urlsafe(18)
    offer = administrator.post("/appointments", {"person_name": name, "email": email, "roles": list(roles)})
    return _take_office(administrator.base_url, offer["token"], email, password)


def appoint_regulator(administrator: Person, organ: str, name: str) -> Person:
    """An officer of an organ, signed in with a second factor."""
    email, password = _address(), secrets.token_urlsafe(18)
    body = {"person_name": name, "email": email, "organ_name": organ, "organ_uscc": uscc("11")}
    return _take_office(administrator.base_url, administrator.post("/appointments", body)["token"], email, password)


def sign_up(base_url: str, kind: str, name: str) -> Person:
    """An organisation with its owner, signed in, not vetted yet."""
    email, password = _address(), secrets.token_urlsafe(18)
    organisation = {
        "kind": kind,
        "name": name,
        "number": uscc("11" if kind == "department" else "91"),
        "territory": "CN",
        "overseas_control": False,
    }
    person = Person(base_url)
    body = {"organisation": organisation, "person_name": f"{name} 经办人", "email": email, "password": password}
    person.post("/members", body)
    person.sign_in(email, password)
    return person


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


def _take_office(base_url: str, token: str, email: str, password: str) -> Person:
    person = Person(base_url)
    person.post("/appointments/accept", {"token": token, "password": password})
    person.sign_in(email, password)
    person.enrol_second_factor()
    return person


def _address() -> str:
    return f"demo-{secrets.token_hex(6)}@example.org"
