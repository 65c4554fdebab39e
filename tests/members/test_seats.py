"""Seats: people are invited, accept, hold roles, act for one organisation at a time, and leave."""

from collections.abc import Iterator

import people
import pytest

from exchange.actors import Actor
from exchange.db import advance_clock, read
from exchange.errors import Conflict, Forbidden, Invalid, NotFound, NotSignedIn, WrongState
from exchange.jobs import Worker
from exchange.members import invitations, jobs, queries, seats, sessions, staff
from exchange.members.invitations import invitation_token
from exchange.members.models import Invitation
from exchange.members.passwords import LETTER
from exchange.members.people import standing

EMAIL = "colleague@example.org"
TRADER = frozenset({"trader"})


@pytest.fixture(autouse=True)
def _cheap() -> Iterator[None]:
    with people.small_argon2():
        yield


@pytest.fixture
def party(db: object) -> people.Party:
    return people.registered(db, "示例公司")


def invited(party: people.Party, email: str = EMAIL, roles: frozenset[str] = TRADER) -> Invitation:
    return invitations.invite(party.actor, email=email, person_name="同事", roles=roles)


def accept(invitation: Invitation, password: str = people.PASSWORD) -> Invitation:
    token = invitation_token(invitation.id)
    return invitations.accept_invitation(people.VISITOR, token=token, password=password, origin=people.ORIGIN)


def test_a_newcomer_accepts_with_a_password_of_their_own(party: people.Party) -> None:
    invitation = invited(party)
    kept = people.everything_kept()
    assert EMAIL not in kept
    assert invitation_token(invitation.id) not in kept
    assert accept(invitation).state == "accepted"
    opened = people.sign_in(party, email=EMAIL)
    assert queries.actor_of_token(opened.token) == Actor(opened.person_id, party.org_id, TRADER)
    with pytest.raises(NotSignedIn):
        accept(invitation)


def test_who_is_known_proves_it_and_switches_desks(db: object, party: people.Party) -> None:
    other = people.registered(db, "另一公司")
    invitation = invited(party, other.email, frozenset({"viewer"}))
    with pytest.raises(NotSignedIn):
        accept(invitation, "not the password they have")
    accept(invitation, other.password)
    first = people.sign_in(other)
    moved = sessions.switch_desk(other.actor, first.token, party.org_id)
    assert queries.actor_of_token(first.token) is None
    seated = queries.actor_of_token(moved.token)
    assert seated == Actor(other.person_id, party.org_id, frozenset({"viewer"}))
    assert moved.expires_at == first.expires_at
    with pytest.raises(Forbidden):
        sessions.switch_desk(other.actor, moved.token, people.registered(db, "第三公司").org_id)


def test_an_invitation_ends_by_time_or_by_its_owner(party: people.Party) -> None:
    late, withdrawn = invited(party), invited(party, "second@example.org")
    assert invitations.withdraw_invitation(party.actor, withdrawn.id).state == "withdrawn"
    with pytest.raises(WrongState):
        invitations.lapse_invitation(Actor.clock(), late.id)
    advance_clock(people.VISITOR, invitations.ACCEPTANCE_TIME)
    for invitation in (late, withdrawn):
        with pytest.raises(NotSignedIn):
            accept(invitation)
    Worker(due=jobs.DUE, outbox={LETTER: lambda _payload: None}).step()
    with read() as session:
        assert session.get_one(Invitation, late.id).state == "lapsed"


@pytest.mark.parametrize("token", ["", " ", ".", "inv_x", "inv_x.y", "\ud800"])
def test_no_other_code_accepts(party: people.Party, token: str) -> None:
    with pytest.raises(NotSignedIn):
        invitations.accept_invitation(people.VISITOR, token=token, password=people.PASSWORD, origin=people.ORIGIN)


def test_only_owners_invite_and_change(db: object, party: people.Party) -> None:
    accept(invited(party))
    colleague = Actor(people.sign_in(party, email=EMAIL).person_id, party.org_id, TRADER)
    stranger = people.registered(db, "另一公司")
    waiting = invited(party, "third@example.org")
    for actor, error in ((colleague, Forbidden), (stranger.actor, NotFound)):
        with pytest.raises(error):
            invitations.withdraw_invitation(actor, waiting.id)
        with pytest.raises(error):
            seats.change_roles(actor, party.person_id, TRADER)
        with pytest.raises(error):
            seats.end_seat(actor, party.person_id)
    with pytest.raises(Forbidden):
        invitations.invite(colleague, email=EMAIL, person_name="同事", roles=TRADER)
    for roles in (frozenset(), frozenset({"administrator"}), frozenset({"regulator"})):
        with pytest.raises(Invalid):
            invited(party, roles=roles)


def test_a_natural_person_has_no_colleagues(db: object) -> None:
    with pytest.raises(Conflict):
        invited(people.registered(db, "王小明", "individual"))


def test_staff_take_no_seat(db: object, party: people.Party) -> None:
    nomination = staff.appoint_staff(
        people.administrator(db), person_name="审核员", email=EMAIL, roles=frozenset({"auditor"})
    )
    people.accept(nomination)
    with pytest.raises(Conflict):
        accept(invited(party))
    with read() as session:
        assert standing(session, nomination.person_id).seats == {}


def test_the_last_owner_stays(party: people.Party) -> None:
    for change in (
        lambda: seats.change_roles(party.actor, party.person_id, TRADER),
        lambda: seats.end_seat(party.actor, party.person_id),
    ):
        with pytest.raises(Conflict) as conflict:
            change()
        assert conflict.value.code == "last_owner"
    accept(invited(party, roles=frozenset({"owner"})))
    seats.end_seat(party.actor, party.person_id)
    with pytest.raises(Forbidden):
        people.sign_in(party)


def test_who_is_a_handler_no_longer_loses_the_letters(db: object, party: people.Party) -> None:
    handler = people.handler(db, party)
    letter = people.authorised(party, handler)
    seats.change_roles(party.actor, handler.person_id or "", frozenset({"viewer"}))
    (member,) = [m for m in seats.members_of(party.org_id) if m["person_id"] == handler.person_id]
    assert member["roles"] == ["viewer"]
    assert [(held["id"], held["state"]) for held in member["letters"]] == [(letter.id, "revoked")]


def test_an_ended_seat_ends_its_sessions(party: people.Party) -> None:
    accept(invited(party))
    opened = people.sign_in(party, email=EMAIL)
    seats.end_seat(party.actor, opened.person_id)
    assert queries.actor_of_token(opened.token) is None
    with pytest.raises(NotFound):
        seats.end_seat(party.actor, opened.person_id)
    accept(invited(party))
    assert queries.actor_of_token(people.sign_in(party, email=EMAIL).token) is not None
