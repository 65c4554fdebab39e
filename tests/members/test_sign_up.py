"""Signing up: organisations by their code, natural persons by their number, nobody twice, nobody from overseas."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import people
import psycopg
import pytest
from conftest import Database
from sqlalchemy import text

from exchange import mail
from exchange.db import read
from exchange.errors import Conflict, Invalid, NotSignedIn, Refused, TooManyRequests
from exchange.journal.models import JournalEntry
from exchange.members import accounts, attempts, letters, queries
from exchange.members.models import Organisation, SignUp
from exchange.members.people import clean_email, clean_name


def sign_up(applicant: accounts.Applicant, **other: str) -> accounts.Registered:
    whole = {"email": "owner@example.org", "origin": people.ORIGIN} | other
    with people.small_argon2():
        return people.signed_up(applicant, **whole)


@pytest.mark.rule("I-04")
@pytest.mark.parametrize("code", ["91110000600037341M", "I1110000600037341L", "9111000060003734", "91ABCD00600037341L"])
def test_a_code_that_fails_its_check_is_refused(db: object, code: str) -> None:
    with pytest.raises(Refused) as refusal:
        sign_up(people.applicant("company", "示例公司", number=code))
    assert refusal.value.rule_id == "I-04"
    with read() as session:
        assert session.query(Organisation).count() == 0


@pytest.mark.rule("I-04")
def test_a_code_is_kept_in_its_normal_form(db: object) -> None:
    made = sign_up(people.applicant("company", "示例公司", number=" 91110000600037341l "))
    with read() as session:
        assert session.get_one(Organisation, made.org_id).uscc == "91110000600037341L"


def test_a_party_registers_once(db: object) -> None:
    first = people.applicant("company", "示例公司")
    sign_up(first)
    answers = []
    for applicant, email in ((first, "else@example.org"), (people.applicant("company", "乙"), "OWNER@example.org")):
        with pytest.raises(Conflict) as conflict:
            sign_up(applicant, email=email)
        answers.append((str(conflict.value), conflict.value.code))
        assert conflict.value.__cause__ is None
    assert answers[0] == answers[1]


def asked(email: str) -> str:
    with people.small_argon2():
        return accounts.sign_up(
            people.VISITOR,
            people.applicant("company", "示例公司"),
            person_name="王小明",
            email=email,
            password=people.PASSWORD,
            origin=people.ORIGIN,
        )


def letter(db: object, tmp_path: Path, sign_up_id: str) -> EmailMessage:
    """What the worker writes about a sign-up."""
    box = tmp_path / sign_up_id
    mail.bind(mail.Folder(box, "exchange@example.org"))
    letters.carry({"template": "sign_up", "id": sign_up_id})
    [written] = box.iterdir()
    return message_from_bytes(written.read_bytes(), policy=policy.default)  # type: ignore[return-value]


def test_nothing_is_registered_before_the_code_of_the_letter_comes_back(db: object, tmp_path: Path) -> None:
    waiting = asked("owner@example.org")
    with read() as session:
        assert session.query(Organisation).count() == 0
        assert session.query(JournalEntry).count() == 0
    written = letter(db, tmp_path, waiting)
    assert written["To"] == "owner@example.org"
    code = written.get_content().strip().splitlines()[-1]
    made = accounts.confirm_sign_up(people.VISITOR, token=code, origin=people.ORIGIN)
    with read() as session:
        assert session.get_one(Organisation, made.org_id).name == "示例公司"
        assert session.query(SignUp).count() == 0
    for spent in (code, "sup_x.y", ""):
        with pytest.raises(NotSignedIn):
            accounts.confirm_sign_up(people.VISITOR, token=spent, origin=people.ORIGIN)


def test_a_known_address_is_told_by_letter_alone(db: object, tmp_path: Path) -> None:
    known = people.registered(db, "示例公司")
    written = letter(db, tmp_path, asked(known.email))
    assert "已有账户" in written.get_content()
    assert "sup_" not in written.get_content()


def test_a_code_is_good_for_a_day(db: Database) -> None:
    waiting = asked("owner@example.org")
    with psycopg.connect(db.conninfo("owner"), autocommit=True) as owner:
        owner.execute("UPDATE sign_up SET expires_at = now() - interval '1 second'")
    with pytest.raises(NotSignedIn):
        accounts.confirm_sign_up(people.VISITOR, token=accounts.sign_up_token(waiting), origin=people.ORIGIN)


@pytest.mark.parametrize("change", [{"territory": "US"}, {"overseas_control": True}])
def test_an_overseas_party_is_refused(db: object, change: dict[str, object]) -> None:
    with pytest.raises(Refused) as refusal:
        sign_up(people.applicant("company", "示例公司", **change))
    assert refusal.value.rule_id == "I-11"


@pytest.mark.parametrize("kind", ["operator", "organ", "cartel"])
def test_only_parties_sign_up(db: object, kind: str) -> None:
    with pytest.raises(Invalid):
        sign_up(people.applicant(kind, "示例机构"))


def test_a_natural_person_is_masked_to_others_and_found_by_number(db: object) -> None:
    number = people.resident_id()
    made = sign_up(people.applicant("individual", "欧阳小明", number=number))
    with read() as session:
        organisation = session.get_one(Organisation, made.org_id)
        assert (organisation.name, organisation.uscc) == ("欧***", None)
        assert queries.legal_name(session, organisation) == "欧阳小明"
    with pytest.raises(Conflict):
        sign_up(people.applicant("individual", "欧阳小明", number=number.lower()), email="else@example.org")


@pytest.mark.parametrize(
    ("number", "code"), [("500101199003070011", "invalid_id_number"), (people.resident_id("20200307"), "minor")]
)
def test_a_natural_persons_number_is_checked_and_not_repeated(db: object, number: str, code: str) -> None:
    with pytest.raises(Invalid) as invalid:
        sign_up(people.applicant("individual", "王小明", number=number))
    assert invalid.value.code == code
    assert number not in repr(invalid.value) + str(invalid.value.fields)


@pytest.mark.parametrize("email", ["", "nobody", "@example.org", "a b@example.org", "a@" + "x" * 260])
def test_an_address_has_two_sides(email: str) -> None:
    with pytest.raises(Invalid):
        clean_email(email)


@pytest.mark.parametrize("name", ["", " ", "x" * 121, "a\x00b"])
def test_a_name_can_be_read(name: str) -> None:
    with pytest.raises(Invalid):
        clean_name(name, "name")


def test_one_origin_signs_up_so_often(db: object) -> None:
    for _ in range(attempts.SIGN_UP_ORIGIN.most):
        attempts.count(attempts.SIGN_UP_ORIGIN, people.ORIGIN)
    with pytest.raises(TooManyRequests):
        sign_up(people.applicant("company", "示例公司"))


def test_personal_data_stand_sealed_in_every_column_and_in_no_entry(db: object) -> None:
    number = people.resident_id()
    sign_up(people.applicant("individual", "欧阳小明", number=number), person_name="欧阳小明")
    kept = people.everything_kept()
    with read() as session:
        bodies = b"".join(session.execute(text("SELECT body FROM journal_entry")).scalars())
    for personal in ("欧阳小明", "owner@example.org", number, people.PASSWORD):
        assert personal not in kept
        assert personal.encode().hex() not in kept
        assert personal.encode() not in bodies
