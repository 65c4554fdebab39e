"""One's own account: password, signing key, recovery codes, sessions, desks."""

from collections.abc import Iterator
from datetime import timedelta

import people
import pyotp
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select

from exchange.db import Transaction, read, verb
from exchange.errors import Conflict, Forbidden, Invalid, NotSignedIn, TooManyRequests
from exchange.jobs import Worker
from exchange.members import accounts, attempts, jobs, passwords, queries, recovery, sessions, signatures
from exchange.members.accounts import SignedIn
from exchange.members.models import MemberKey, PasswordReset, Signature
from exchange.models import Outbox

NEW = "another long password"


@pytest.fixture(autouse=True)
def _cheap() -> Iterator[None]:
    with people.small_argon2():
        yield


@pytest.fixture
def party(db: object) -> people.Party:
    return people.registered(db, "示例公司")


@verb
def sign_here(tx: Transaction, password: str) -> Signature:
    signature = signatures.sign(tx, "ord_test", password, b"{}", scope="contract")
    tx.record("ord_test", "order.agreed", by="owner", digests={"contract": signature.digest})
    return signature


def test_a_changed_password_opens_the_same_key(party: people.Party) -> None:
    before = sign_here(party.actor, party.password)
    own, other = people.sign_in(party), people.sign_in(party)
    passwords.change_password(party.actor, token=own.token, password=party.password, new_password=NEW)
    assert queries.actor_of_token(own.token) is not None
    assert queries.actor_of_token(other.token) is None
    after = sign_here(party.actor, NEW)
    assert after.public_key == before.public_key
    with pytest.raises(Forbidden):
        sign_here(party.actor, party.password)
    assert people.PASSWORD not in people.everything_kept()


@pytest.mark.parametrize(
    ("present", "new", "field"), [("wrong", NEW, "password"), (people.PASSWORD, "short", "new_password")]
)
def test_a_refused_change_changes_nothing(party: people.Party, present: str, new: str, field: str) -> None:
    own = people.sign_in(party)
    with pytest.raises(Invalid) as fault:
        passwords.change_password(party.actor, token=own.token, password=present, new_password=new)
    assert set(fault.value.fields) == {field}
    sign_here(party.actor, party.password)


def test_the_present_password_cannot_be_guessed_at_leisure(party: people.Party) -> None:
    for _ in range(attempts.PASSWORD.most):
        with pytest.raises(Invalid):
            passwords.replace_signing_key(party.actor, password="wrong")
    with pytest.raises(TooManyRequests):
        passwords.replace_signing_key(party.actor, password=party.password)


def test_a_replaced_key_is_revoked_and_what_it_signed_stays(party: people.Party) -> None:
    before = sign_here(party.actor, party.password)
    key = passwords.replace_signing_key(party.actor, password=party.password)
    after = sign_here(party.actor, party.password)
    assert after.key_id == key.id != before.key_id
    Ed25519PublicKey.from_public_bytes(before.public_key).verify(before.signature, b"{}")
    live = [held for held in queries.keys_of(party.actor) if held["revoked_at"] is None]
    assert [held["id"] for held in live] == [key.id]


def test_a_reset_revokes_the_key_and_works_once(party: people.Party) -> None:
    own = people.sign_in(party)
    token, other = asked(party), asked(party)
    passwords.reset_password(people.VISITOR, token=token, password=NEW, origin=people.ORIGIN)
    assert queries.actor_of_token(own.token) is None
    for used in (token, other):
        with pytest.raises(NotSignedIn) as refused:
            passwords.reset_password(people.VISITOR, token=used, password=NEW, origin=people.ORIGIN)
        assert refused.value.code == "unknown_token"
    sign_here(party.actor, NEW)
    with read() as session:
        keys = session.scalars(select(MemberKey).where(MemberKey.person_id == party.person_id)).all()
    assert sorted(key.revoked_at is None for key in keys) == [False, True]


def test_a_reset_ends_after_half_an_hour(party: people.Party, monkeypatch: pytest.MonkeyPatch) -> None:
    token = asked(party)
    late = passwords.clock.real_now() + passwords.RESET_LIFE + timedelta(seconds=1)
    monkeypatch.setattr(passwords.clock, "real_now", lambda: late)
    with pytest.raises(NotSignedIn):
        passwords.reset_password(people.VISITOR, token=token, password=NEW, origin=people.ORIGIN)


@pytest.mark.parametrize("token", ["", " ", ".", "rst_x", "rst_x.y", "\ud800"])
def test_no_other_code_resets(party: people.Party, token: str) -> None:
    with pytest.raises(NotSignedIn):
        passwords.reset_password(people.VISITOR, token=token, password=NEW, origin=people.ORIGIN)


def test_what_is_asked_for_a_known_address_and_another_leaves_the_same_trace(party: people.Party) -> None:
    for email in (party.email, "nobody@example.org"):
        passwords.ask_reset(people.VISITOR, email=email, origin=people.ORIGIN)
    with read() as session:
        asked_for = session.scalars(select(Outbox).where(Outbox.kind == passwords.RESET_ASKED)).all()
        assert [set(row.payload) for row in asked_for] == [{"address"}] * 2
        assert party.email not in str([row.payload for row in asked_for])
        assert session.scalars(select(PasswordReset)).all() == []


def test_letters_to_one_address_are_few(party: people.Party) -> None:
    for _ in range(attempts.RESET.most):
        passwords.ask_reset(people.VISITOR, email=party.email, origin=people.ORIGIN)
    with pytest.raises(TooManyRequests):
        passwords.ask_reset(people.VISITOR, email=party.email.upper(), origin=people.ORIGIN)


def test_a_recovery_code_stands_in_once(party: people.Party) -> None:
    opened = with_second_factor(party)
    codes = sessions.new_recovery_codes(party.actor, opened.token)
    assert len(set(codes)) == recovery.CODES
    kept = people.everything_kept()
    assert all(code not in kept for code in codes)
    again = people.sign_in(party, recovery_code=codes[0].replace("-", "").upper())
    assert again.second_factor == "passed"
    for code in (codes[0], "aaaaa-aaaaa", ""):
        with pytest.raises(NotSignedIn):
            people.sign_in(party, recovery_code=code)
    sessions.new_recovery_codes(party.actor, again.token)
    with pytest.raises(NotSignedIn):
        people.sign_in(party, recovery_code=codes[1])


def test_new_codes_take_a_second_factor_passed_just_now(party: people.Party, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Conflict):
        sessions.new_recovery_codes(party.actor, people.sign_in(party).token)
    opened = with_second_factor(party)
    late = sessions.clock.real_now() + sessions.FRESH + timedelta(seconds=1)
    monkeypatch.setattr(sessions.clock, "real_now", lambda: late)
    with pytest.raises(NotSignedIn) as refused:
        sessions.new_recovery_codes(party.actor, opened.token)
    assert refused.value.code == "step_up_required"


def with_second_factor(party: people.Party) -> SignedIn:
    secret = accounts.enrol_second_factor(party.actor).secret
    return accounts.confirm_second_factor(party.actor, pyotp.TOTP(secret).now())


def asked(party: people.Party) -> str:
    """Ask for a reset and read the code that the letter would hold."""
    passwords.ask_reset(people.VISITOR, email=party.email, origin=people.ORIGIN)
    Worker(due={}, outbox={passwords.RESET_ASKED: jobs.OUTBOX[passwords.RESET_ASKED], passwords.LETTER: keep}).step()
    with read() as session:
        newest = select(PasswordReset.id).order_by(PasswordReset.id.desc()).limit(1)
        return passwords.reset_token(session.scalars(newest).one())


def keep(_payload: dict[str, object]) -> None:
    """A letter stays in the box."""
