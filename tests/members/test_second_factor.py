"""The second factor: nobody acts as staff or regulator without it, and no code counts twice."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import people
import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.db import read
from exchange.errors import Conflict, Forbidden, NotSignedIn, Refused, TooManyRequests
from exchange.members import accounts, attempts, credentials, gates, queries, vetting
from exchange.members.accounts import Enrolment, SignedIn
from exchange.members.models import Person

EMAIL = "new@example.org"


def sign_in(code: str | None = None, email: str = EMAIL) -> SignedIn:
    return accounts.sign_in(people.VISITOR, email=email, password=people.PASSWORD, origin=people.ORIGIN, code=code)


def enrol(session: SignedIn) -> tuple[Enrolment, SignedIn]:
    actor = queries.actor_of_token(session.token)
    assert actor is not None
    enrolment = accounts.enrol_second_factor(actor)
    return enrolment, accounts.confirm_second_factor(actor, pyotp.TOTP(enrolment.secret).now())


def appoint(db: object, role: str = "vetting_officer") -> None:
    nomination = people.appointing.appoint_staff(
        people.administrator(db), person_name="审核员", email=EMAIL, roles=frozenset({role})
    )
    people.accept(nomination)


@pytest.mark.rule("S-05")
def test_staff_have_no_role_before_their_second_factor(db: object) -> None:
    appoint(db)
    session = sign_in()
    actor = queries.actor_of_token(session.token)
    assert actor is not None
    assert (session.second_factor, actor.roles) == ("required", frozenset())
    with pytest.raises(Forbidden):
        vetting.take_up(actor, people.submitted(db, "示例公司").case_id)


@pytest.mark.rule("S-05")
def test_staff_have_their_roles_in_a_session_that_passed(db: object) -> None:
    appoint(db)
    first = sign_in()
    enrolment, second = enrol(first)
    actor = queries.actor_of_token(second.token)
    assert actor is not None
    assert actor.roles == {"vetting_officer"}
    assert queries.actor_of_token(first.token) is None
    with pytest.raises(NotSignedIn) as missing:
        sign_in()
    assert missing.value.code == "second_factor_required"
    third = sign_in(_next_code(enrolment.secret))
    assert third.second_factor == "passed"


@pytest.mark.rule("S-05")
def test_a_regulator_has_no_role_before_the_second_factor(db: object) -> None:
    nomination = people.appointing.appoint_regulator(
        people.administrator(db), organ_name="示例局", organ_uscc=people.uscc(), person_name="监管员", email=EMAIL
    )
    people.accept(nomination)
    session = sign_in()
    actor = queries.actor_of_token(session.token)
    assert actor is not None
    assert (actor.org_id, actor.roles) == (nomination.org_id, frozenset())
    _, passed = enrol(session)
    actor = queries.actor_of_token(passed.token)
    assert actor is not None
    assert actor.roles == {"regulator"}


@pytest.mark.rule("S-05")
@pytest.mark.parametrize("role", ["auditor", "administrator", "regulator", "settlement_officer"])
def test_the_gate_asks_each_of_them(role: str) -> None:
    gates.second_factor_passed(frozenset({role}), datetime.now(UTC))
    gates.second_factor_passed(frozenset({"owner"}), None)
    with pytest.raises(Refused):
        gates.second_factor_passed(frozenset({role}), None)


def test_a_code_counts_once(db: object) -> None:
    installation = people.installed(db)
    code = pyotp.TOTP(installation.totp_secret).now()
    assert sign_in(code, "admin@example.org").second_factor == "passed"
    with pytest.raises(NotSignedIn) as replayed:
        sign_in(code, "admin@example.org")
    assert replayed.value.code == "second_factor_failed"


def test_a_code_sent_eight_times_at_once_counts_once(db: object) -> None:
    installation = people.installed(db)
    code = pyotp.TOTP(installation.totp_secret).now()

    def attempt(_: int) -> bool:
        try:
            return sign_in(code, "admin@example.org").second_factor == "passed"
        except NotSignedIn:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1


def test_codes_cannot_be_guessed_at_leisure(db: object) -> None:
    people.installed(db)
    for _ in range(attempts.SIGN_IN.most):
        with pytest.raises(NotSignedIn):
            sign_in("000000", "admin@example.org")
    with pytest.raises(TooManyRequests):
        sign_in("000000", "admin@example.org")


def test_a_member_who_enrols_needs_the_code_from_then_on(db: object) -> None:
    party = people.registered(db, "示例公司")
    _, passed = enrol(people.sign_in(party))
    assert queries.actor_of_token(passed.token) == party.actor
    with pytest.raises(NotSignedIn):
        people.sign_in(party)
    with pytest.raises(Conflict):
        accounts.enrol_second_factor(party.actor)


def test_a_wrong_code_confirms_nothing(db: object) -> None:
    party = people.registered(db, "示例公司")
    with pytest.raises(Conflict):
        accounts.confirm_second_factor(party.actor, "000000")
    secret = accounts.enrol_second_factor(party.actor).secret
    wrong = f"{(int(pyotp.TOTP(secret).now()) + 1) % 1_000_000:06}"
    with pytest.raises(NotSignedIn):
        accounts.confirm_second_factor(party.actor, wrong)
    assert people.sign_in(party).second_factor == "none"


def test_the_secret_is_kept_sealed(db: object) -> None:
    party = people.registered(db, "示例公司")
    enrolment = accounts.enrol_second_factor(party.actor)
    assert f"secret={enrolment.secret}" in enrolment.uri
    with read() as session:
        sealed = session.get_one(Person, party.person_id).sealed_totp
    assert sealed is not None
    assert enrolment.secret.encode() not in sealed


@given(st.integers(120, 2**33), st.integers(-3, 3))
def test_a_code_fits_its_step_and_the_neighbours(seconds: int, off: int) -> None:
    at = datetime.fromtimestamp(seconds, UTC)
    secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    step = seconds // 30 + off
    code = pyotp.TOTP(secret).generate_otp(step)
    if abs(off) <= 1:
        assert credentials.totp_step(secret, code, at=at, after=None) is not None
        assert credentials.totp_step(secret, code, at=at, after=seconds // 30 + 1) is None


def test_the_published_vector() -> None:
    """RFC 6238, appendix B (SHA-1), the last six digits."""
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # "12345678901234567890" in base 32
    for seconds, code in ((59, "287082"), (1111111109, "081804"), (2000000000, "279037")):
        at = datetime.fromtimestamp(seconds, UTC)
        assert credentials.totp_step(secret, code, at=at, after=None) == seconds // 30
        assert credentials.totp_step(secret, code, at=at + timedelta(seconds=90), after=None) is None


def _next_code(secret: str) -> str:
    """The code of the step after the present one: still accepted, and not used yet."""
    generator = pyotp.TOTP(secret)
    return generator.generate_otp(int(datetime.now(UTC).timestamp()) // 30 + 1)
