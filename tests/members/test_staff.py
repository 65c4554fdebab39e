"""The operator and its people: installed once, appointed by an administrator, kept apart."""

from dataclasses import replace

import people
import pytest
from sqlalchemy import text

from exchange.actors import STAFF_ROLES, Actor
from exchange.db import advance_clock, read
from exchange.errors import Conflict, Forbidden, Invalid, NotSignedIn, Refused, TooManyRequests, WrongState
from exchange.jobs import Worker
from exchange.members import accounts, attempts, jobs, queries, staff
from exchange.members.models import Appointment
from exchange.members.people import standing

EMAIL = "new@example.org"


def nominated(db: object, *roles: str, email: str = EMAIL) -> staff.Nomination:
    return staff.appoint_staff(people.administrator(db), person_name="新人", email=email, roles=frozenset(roles))


def test_the_operator_is_installed_once(db: object) -> None:
    people.installed(db)
    with pytest.raises(Conflict):
        people.installed(db)


@pytest.mark.rule("S-04")
def test_only_an_administrator_appoints(db: object) -> None:
    other = Actor("per_x", "org_x", (STAFF_ROLES - {"administrator"}) | {"owner", "regulator"})
    with pytest.raises(Forbidden):
        staff.appoint_staff(other, person_name="新人", email=EMAIL, roles=frozenset({"auditor"}))
    with pytest.raises(Forbidden):
        staff.appoint_regulator(other, organ_name="示例局", organ_uscc=people.uscc(), person_name="新人", email=EMAIL)


def test_a_token_is_used_once_and_kept_as_its_digest(db: object) -> None:
    made = nominated(db, "auditor")
    with read() as session:
        assert made.token not in session.execute(text("SELECT a::text FROM appointment a")).scalar_one()
    people.accept(made)
    with pytest.raises(NotSignedIn):
        people.accept(made)
    with pytest.raises(NotSignedIn):
        people.accept(made._replace(token="another"))


@pytest.mark.rule("S-04")
def test_an_appointment_takes_a_second_natural_person(db: object) -> None:
    admin = people.administrator(db)
    first = nominated(db, "auditor", email="auditor@example.org")
    assert first.state == "open"  # nobody else was there to confirm
    people.accept(first)
    auditor = Actor(first.person_id, first.org_id, frozenset({"auditor"}))
    made = nominated(db, "vetting_officer")
    assert made.state == "proposed"
    with pytest.raises(NotSignedIn):
        staff.accept_appointment(people.VISITOR, token=made.token, password=people.PASSWORD)
    with pytest.raises(Refused) as refusal:
        staff.confirm_appointment(admin, made.appointment_id)
    assert (refusal.value.rule_id, refusal.value.code) == ("S-04", "second_person")
    own = nominated(db, "auditor", email="second@example.org")
    with pytest.raises(Refused):
        staff.confirm_appointment(Actor(own.person_id, own.org_id, frozenset({"auditor"})), own.appointment_id)
    with pytest.raises(Forbidden):
        staff.confirm_appointment(replace(auditor, roles=frozenset({"vetting_officer"})), made.appointment_id)
    assert staff.confirm_appointment(auditor, made.appointment_id).confirmed_by == auditor.person_id
    staff.accept_appointment(people.VISITOR, token=made.token, password=people.PASSWORD)
    assert staff.refuse_appointment(auditor, own.appointment_id).state == "refused"
    with pytest.raises(WrongState):
        staff.confirm_appointment(auditor, own.appointment_id)


def test_an_appointment_not_accepted_in_time_lapses(db: object) -> None:
    made = nominated(db, "auditor")
    advance_clock(people.VISITOR, staff.ACCEPTANCE_TIME)
    with pytest.raises(NotSignedIn):
        people.accept(made)
    Worker(due=jobs.DUE, outbox={}).step()
    with read() as session:
        assert session.get_one(Appointment, made.appointment_id).state == "lapsed"


def test_nobody_signs_in_before_accepting(db: object) -> None:
    nominated(db, "auditor")
    with pytest.raises(NotSignedIn) as refused:
        accounts.sign_in(people.VISITOR, email=EMAIL, password=people.PASSWORD, origin=people.ORIGIN)
    assert refused.value.code == "sign_in_failed"


@pytest.mark.rule("S-04")
@pytest.mark.parametrize(
    "roles",
    [
        {"administrator", "vetting_officer"},
        {"auditor", "compliance_reviewer"},
        {"settlement_officer", "dispute_officer"},
        {"vetting_officer", "compliance_reviewer", "settlement_officer"},
    ],
    ids=sorted,
)
def test_some_roles_stay_apart(roles: set[str]) -> None:
    with pytest.raises(Invalid) as invalid:
        staff.check_combination(frozenset(roles))
    assert invalid.value.code == "roles_apart"


@pytest.mark.rule("S-04")
def test_roles_stay_apart_over_two_appointments(db: object) -> None:
    first, second = nominated(db, "settlement_officer"), nominated(db, "dispute_officer")
    people.accept(first)
    with pytest.raises(Invalid):
        people.accept(second)
    with pytest.raises(Invalid):
        nominated(db, "compliance_reviewer")


@pytest.mark.rule("S-04")
def test_five_people_fill_all_roles() -> None:
    desks = [
        {"administrator"},
        {"auditor"},
        {"vetting_officer", "settlement_officer"},
        {"compliance_reviewer", "dispute_officer"},
        {"compliance_reviewer", "security_administrator"},
    ]
    for roles in desks:
        staff.check_combination(frozenset(roles))
    assert frozenset().union(*desks) == STAFF_ROLES


@pytest.mark.rule("S-04")
def test_a_member_who_becomes_staff_trades_no_more(db: object) -> None:
    party = people.approved_company(db, "示例公司")
    before = people.sign_in(party)
    made = nominated(db, "auditor", email=party.email)
    assert made.person_id == party.person_id
    with pytest.raises(NotSignedIn):
        people.accept(made, password="not the member's password")
    people.accept(made, password=party.password)
    assert queries.actor_of_token(before.token) is None
    session = people.sign_in(party)
    actor = queries.actor_of_token(session.token)
    assert actor is not None
    assert (actor.roles, actor.org_id, session.second_factor) == (frozenset(), made.org_id, "required")
    with pytest.raises(Forbidden):
        people.sign_in(party, org_id=party.org_id)


def test_the_token_cannot_be_used_to_guess_a_members_password(db: object) -> None:
    party = people.registered(db, "示例公司")
    made = nominated(db, "auditor", email=party.email)
    for _ in range(attempts.ACCEPT.most):
        with pytest.raises(NotSignedIn):
            people.accept(made, password="a wrong password")
    with pytest.raises(TooManyRequests):
        people.accept(made, password=party.password)


def test_officers_of_one_organ_share_it(db: object) -> None:
    code = people.uscc()
    first, second = people.regulator(db, code=code), people.regulator(db, code=code)
    assert first.org_id == second.org_id
    assert first.person_id != second.person_id


def test_a_regulator_holds_no_other_seat(db: object) -> None:
    party, officer = people.registered(db, "示例公司"), people.staff(db, "auditor")
    with read() as session:
        assert standing(session, str(officer.person_id)).staff == {"auditor"}
    with pytest.raises(Conflict):
        staff.appoint_regulator(
            people.administrator(db),
            organ_name="示例局",
            organ_uscc=people.uscc(),
            person_name="王小明",
            email=party.email,
        )


def test_a_seat_taken_before_acceptance_counts(db: object) -> None:
    code = people.uscc()
    admin = people.administrator(db)
    seat = staff.appoint_regulator(admin, organ_name="示例局", organ_uscc=code, person_name="新人", email=EMAIL)
    desk = nominated(db, "auditor")
    assert seat.person_id == desk.person_id
    people.accept(seat)
    with pytest.raises(Conflict):
        people.accept(desk)
    with pytest.raises(Conflict):
        nominated(db, "auditor")


def test_a_companys_code_makes_no_organ(db: object) -> None:
    code = people.uscc()
    with people.small_argon2():
        people.signed_up(people.applicant("company", "示例公司", number=code), email=EMAIL)
    with pytest.raises(Conflict):
        people.regulator(db, code=code)


def test_a_weak_password_accepts_nothing(db: object) -> None:
    made = nominated(db, "auditor")
    with pytest.raises(Invalid):
        people.accept(made, password="short")
