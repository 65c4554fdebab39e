"""Everybody who takes part in the demonstration: brought in at the first run, found again at the next ones.

They are listed for one-click sign-in once all of them are there, which is also how a later run knows them.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from sqlalchemy import select

from demonstration import people
from demonstration.client import Person, Say, Unexpected
from exchange.db import read
from exchange.members import demonstration
from exchange.members.demonstration import DemonstrationPerson
from exchange.members.people import operator_id
from exchange.members.staff import create_operator

ORGAN = "示范大数据主管部门 Demo big data authority"
#: Why the organ sees the whole exchange.
_BASIS = "示范：依职责监督全场交易 Demo: supervises the whole exchange"
#: How many come in at the same time: the exchange hashes passwords meanwhile, and has other work to do.
_AT_ONCE = 4


class Part(NamedTuple):
    """A part to be played: its role as the list of people names it, and the two names of who plays it."""

    role: str
    name_zh: str
    name_en: str

    @property
    def name(self) -> str:
        """The name in both languages."""
        return f"{self.name_zh} {self.name_en}"


#: In the order of the list.
PARTS: Mapping[str, Part] = {
    "seller": Part("seller", "示范供方", "Demo seller"),
    "buyer": Part("buyer", "示范需方", "Demo buyer"),
    "aviation": Part("department", "示范航空统计部门", "Demo aviation statistics department"),
    "weather": Part("department", "示范气象部门", "Demo weather department"),
    "civil_affairs": Part("department", "示范民政部门", "Demo civil affairs department"),
    "vetting_officer": Part("vetting_officer", "示范身份审核员", "Demo vetting officer"),
    "reviewer": Part("compliance_reviewer", "示范合规审核员甲", "Demo reviewer A"),
    "second_reviewer": Part("compliance_reviewer", "示范合规审核员乙", "Demo reviewer B"),
    "dispute_officer": Part("dispute_officer", "示范争议处理员", "Demo dispute officer"),
    "settlement_officer": Part("settlement_officer", "示范结算员甲", "Demo settlement officer A"),
    "second_settlement_officer": Part("settlement_officer", "示范结算员乙", "Demo settlement officer B"),
    "security_administrator": Part("security_administrator", "示范安全管理员", "Demo security administrator"),
    "auditor": Part("auditor", "示范审计员", "Demo auditor"),
    "administrator": Part("administrator", "示范系统管理员", "Demo administrator"),
    "regulator": Part("regulator", "示范监管员甲", "Demo regulator A"),
    "second_regulator": Part("regulator", "示范监管员乙", "Demo regulator B"),
}
_PARTIES = {
    "seller": "company",
    "buyer": "company",
    "aviation": "department",
    "weather": "department",
    "civil_affairs": "department",
}
_OFFICERS = tuple(part for part in PARTS if part not in {*_PARTIES, "administrator", "auditor"})

#: Everybody by their part.
Cast = Mapping[str, Person]


def install() -> None:
    """Install the operator with its administrator, if this home has none.

    Raises:
        Unexpected: The home has an operator, and its administrator is no demonstration person.
    """
    with read() as session:
        installed = operator_id(session) is not None
    if not installed:
        part = PARTS["administrator"]
        made = create_operator(
            name="示范数据交易服务机构 Demo data exchange",
            uscc=people.uscc("91"),
            person_name=part.name,
            email="administrator@example.org",
            password=demonstration.PASSWORD,
        )
        _enter("administrator", made.person_id)
    elif "administrator" not in _listed():
        raise Unexpected("this home holds no demonstration; set DATABOURSE_HOME to an empty folder")


def assemble(base_url: str, say: Say) -> tuple[Cast, bool]:
    """Everybody, signed in; whether they are new here."""
    listed = _listed()
    if PARTS.keys() <= listed.keys():
        say("the people of the demonstration are here already")
        return {part: _step_in(base_url, person_id) for part, person_id in listed.items()}, False
    administrator = _step_in(base_url, listed["administrator"])
    officers = _appoint(administrator)
    say("staff and two regulators appointed, confirmed by a second person, each with a second factor")
    parties = _admit(base_url, officers["vetting_officer"])
    say("three departments, a seller and a buyer signed up, brought their licences and were vetted")
    cast = {"administrator": administrator, **officers, **parties}
    for part, person in cast.items():
        _enter(part, person.person_id)
    return cast, True


def _appoint(administrator: Person) -> dict[str, Person]:
    """The auditor, whom a fresh installation has nobody to confirm, and everybody else, whom the auditor confirms."""
    base_url = administrator.base_url
    nomination = people.nominate(administrator, PARTS["auditor"].name, {"roles": ["auditor"]})
    auditor = people.take_office(base_url, nomination)
    organ = {"organ_name": ORGAN, "organ_uscc": people.uscc("11")}
    nominations = []
    for part in _OFFICERS:
        role, name = PARTS[part].role, PARTS[part].name
        nomination = people.nominate(administrator, name, organ if role == "regulator" else {"roles": [role]})
        auditor.post(f"/appointments/{nomination['appointment_id']}/confirm")
        nominations.append(nomination)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        seated = pool.map(lambda nomination: people.take_office(base_url, nomination), nominations)
        officers = dict(zip(_OFFICERS, seated, strict=True))
    scope = {"organ_id": officers["regulator"].org_id, "authority": "data", "kind": "all", "basis": _BASIS}
    administrator.post("/oversight-scopes", scope)
    return {"auditor": auditor, **officers}


def _admit(base_url: str, officer: Person) -> dict[str, Person]:
    """The parties, vetted."""

    def enter(part: str) -> tuple[Person, str]:
        person = people.sign_up(base_url, _PARTIES[part], PARTS[part].name)
        return person, people.bring_licence(person, _PARTIES[part])

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        entered = dict(zip(_PARTIES, pool.map(enter, _PARTIES), strict=True))
    for _person, case in entered.values():
        people.vet(officer, case)
    return {part: person for part, (person, _case) in entered.items()}


def _enter(part: str, person_id: str) -> None:
    named = PARTS[part]
    place = tuple(PARTS).index(part)
    demonstration.enter(person_id, place, named.role, name_zh=named.name_zh, name_en=named.name_en)


def _listed() -> dict[str, str]:
    """Who is listed for one-click sign-in: the person's id by their part."""
    parts = tuple(PARTS)
    with read() as session:
        rows: Any = session.execute(select(DemonstrationPerson.place, DemonstrationPerson.person_id))
        return {parts[place]: person_id for place, person_id in rows}


def _step_in(base_url: str, person_id: str) -> Person:
    """Become somebody who is listed, as one click on the sign-in page does."""
    opened, person = demonstration.sign_in(person_id), Person(base_url)
    person.use(opened.token, opened.person_id, opened.org_id, demonstration.PASSWORD)
    return person
