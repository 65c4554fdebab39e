"""Signing in and out: one answer for every failure, counters, tokens kept as digests, real time."""

import hashlib
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import people
import pytest
from sqlalchemy import text

from exchange import clock
from exchange.actors import Actor
from exchange.db import advance_clock, engine, read, transaction
from exchange.errors import Forbidden, Invalid, NotSignedIn, TooManyRequests
from exchange.members import accounts, attempts, credentials, queries
from exchange.members.models import Membership, SessionRow


def test_a_session_speaks_for_its_person(db: object) -> None:
    party = people.registered(db, "示例公司")
    session = people.sign_in(party)
    assert queries.actor_of_token(session.token) == party.actor
    assert session.second_factor == "none"
    assert queries.actor_of_token(session.token + "x") is None


def test_the_token_is_kept_as_its_digest_and_shown_in_no_repr(db: object) -> None:
    session = people.sign_in(people.registered(db, "示例公司"))
    with read() as reading:
        (digest,) = reading.execute(text("SELECT token_digest FROM session_token")).scalars()
    assert digest == hashlib.sha256(session.token.encode()).digest()
    assert session.token not in repr(session)
    assert len(session.token) >= 43  # 32 bytes in base64


def test_an_unknown_address_and_a_wrong_password_are_answered_alike(db: object) -> None:
    party = people.registered(db, "示例公司")
    answers = []
    for email, password in ((party.email, "wrong " + party.password), ("nobody@example.org", party.password)):
        with pytest.raises(NotSignedIn) as failure:
            accounts.sign_in(people.VISITOR, email=email, password=password, origin=people.ORIGIN)
        answers.append((str(failure.value), failure.value.code, dict(failure.value.params)))
    assert answers[0] == answers[1]


def test_an_unknown_address_costs_the_same_work(monkeypatch: pytest.MonkeyPatch) -> None:
    verified = []

    class Counting:
        def hash(self, _password: str) -> str:
            return "hash of nobody's password"

        def verify(self, password_hash: str, _password: str) -> None:
            verified.append(password_hash)
            raise credentials.VerifyMismatchError

    monkeypatch.setattr(credentials, "_hasher", Counting())
    credentials._nobodys_hash.cache_clear()
    try:
        assert not credentials.password_fits(None, "anything")
        assert not credentials.password_fits("somebody's hash", "anything")
    finally:
        credentials._nobodys_hash.cache_clear()
    assert verified == ["hash of nobody's password", "somebody's hash"]


def test_nobodys_password_never_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    with people.small_argon2():
        monkeypatch.setattr(credentials, "_nobodys_hash", lambda: credentials.hash_password("guessed by chance"))
        assert not credentials.password_fits(None, "guessed by chance")


def test_guessing_locks_the_account_even_for_the_right_password(db: object) -> None:
    party = people.registered(db, "示例公司")
    for _ in range(attempts.SIGN_IN.most):
        with pytest.raises(NotSignedIn):
            people.sign_in(party, password="a wrong password")
    with pytest.raises(TooManyRequests) as locked:
        people.sign_in(party, email=party.email.upper())
    assert 0 < locked.value.retry_after_seconds <= attempts.SIGN_IN.window.total_seconds()
    _age_attempts(attempts.SIGN_IN.window)
    assert people.sign_in(party).person_id == party.person_id


def test_an_unknown_address_is_locked_alike(db: object) -> None:
    for _ in range(attempts.SIGN_IN.most):
        attempts.count(attempts.SIGN_IN, "nobody@example.org")
    with pytest.raises(TooManyRequests):
        accounts.sign_in(people.VISITOR, email="nobody@example.org", password="x", origin=people.ORIGIN)


def test_the_right_password_clears_the_count(db: object) -> None:
    party = people.registered(db, "示例公司")
    for _ in range(3):
        for _ in range(attempts.SIGN_IN.most - 1):
            attempts.count(attempts.SIGN_IN, party.email)
        people.sign_in(party)


def test_attempts_made_at_once_are_each_counted(db: object) -> None:
    def attempt(_: int) -> bool:
        try:
            attempts.count(attempts.SIGN_IN, "somebody@example.org")
        except TooManyRequests:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(24))) == attempts.SIGN_IN.most


def test_counters_name_nobody(db: object) -> None:
    attempts.count(attempts.SIGN_IN, "somebody@example.org")
    with read() as session:
        (bucket,) = session.execute(text("SELECT bucket FROM attempt")).scalars()
    assert "somebody" not in bucket


def test_sessions_end_in_real_time_whatever_the_exchanges_clock_says(db: object) -> None:
    session = people.sign_in(people.registered(db, "示例公司"))
    advance_clock(people.VISITOR, timedelta(days=30))
    assert queries.actor_of_token(session.token) is not None
    with engine().begin() as connection:
        connection.execute(text("UPDATE session_token SET expires_at = :now"), {"now": clock.real_now()})
    assert queries.actor_of_token(session.token) is None


def test_a_session_does_not_outlive_its_seat(db: object) -> None:
    """What is read by organisation must not be read by who has left it."""
    party = people.registered(db, "示例公司")
    session = people.sign_in(party)
    with transaction(party.actor) as tx:
        seat = tx.get(Membership, (party.person_id, party.org_id, "owner"))
        seat.ended_at = tx.now
        tx.record(party.org_id, "member.left", by="owner")
    assert queries.actor_of_token(session.token) is None


def test_signing_out_ends_the_session_and_is_recorded_once(db: object) -> None:
    party = people.registered(db, "示例公司")
    session = people.sign_in(party)
    for _ in range(2):
        accounts.sign_out(party.actor, session.token)
    assert queries.actor_of_token(session.token) is None
    with read() as reading:
        closed = reading.execute(text("SELECT count(*) FROM journal_entry WHERE action = 'session.closed'")).scalar()
    assert closed == 1


def test_nobody_ends_another_persons_session(db: object) -> None:
    session = people.sign_in(people.registered(db, "甲公司"))
    accounts.sign_out(people.registered(db, "乙公司").actor, session.token)
    assert queries.actor_of_token(session.token) is not None


def test_signing_in_replaces_the_session_the_caller_came_with(db: object) -> None:
    party = people.registered(db, "示例公司")
    first = people.sign_in(party)
    second = people.sign_in(party, replaces=first.token)
    assert queries.actor_of_token(first.token) is None
    assert queries.actor_of_token(second.token) == party.actor


def test_a_seat_elsewhere_is_not_given(db: object) -> None:
    other = people.registered(db, "乙公司")
    with pytest.raises(Forbidden):
        people.sign_in(people.registered(db, "甲公司"), org_id=other.org_id)


def test_me_tells_the_person_their_own_data_alone(db: object) -> None:
    party = people.registered(db, "示例公司")
    told = queries.me(party.actor)
    assert (told["email"], told["name"], told["roles"]) == (party.email, "王小明", ["owner"])
    with pytest.raises(NotSignedIn):
        queries.me(people.VISITOR)


@pytest.mark.parametrize("password", ["short", "x" * 129, "Owner@Example.org", "王小明王小明王小明王小明"])
def test_weak_passwords_are_refused(password: str) -> None:
    with pytest.raises(Invalid) as weak:
        credentials.check_password(password, "owner@example.org", "王小明王小明王小明王小明")
    assert weak.value.code == "weak_password"
    assert password not in str(weak.value)


def test_no_secret_reaches_a_log_or_an_error(db: object, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    party = people.registered(db, "示例公司")
    session = people.sign_in(party)
    with pytest.raises(NotSignedIn) as failure:
        people.sign_in(party, password="wrong password!")
    told = caplog.text + repr(failure.value) + str(failure.value)
    for secret in (party.email, party.password, "wrong password!", session.token, "王小明"):
        assert secret not in told


def test_the_clock_has_no_session(db: object) -> None:
    accounts.sign_out(Actor.clock(), "no token")
    with read() as session:
        assert session.query(SessionRow).count() == 0


def _age_attempts(by: timedelta) -> None:
    with engine().begin() as connection:
        connection.execute(text("UPDATE attempt SET window_started_at = window_started_at - :by"), {"by": by})
