"""Letters of authority: who may sign what for an organisation, up to which amount, and until when."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import people
import pytest

from exchange import clock
from exchange.actors import Actor
from exchange.db import Transaction, advance_clock, read, transaction, verb
from exchange.errors import Forbidden, Invalid, NotFound, Refused, WrongState
from exchange.journal.models import JournalEntry
from exchange.members import authority, signatures
from exchange.members.models import Membership, Signature
from exchange.members.states import SCOPES
from exchange.money import Money

SUBJECT = "ord_test"
CEILING = Money(10_000_00, "CNY")


@verb
def sign_here(tx: Transaction, password: str, scope: str = "contract", amount: Money | None = CEILING) -> Signature:
    signature = signatures.sign(tx, SUBJECT, password, b"{}", scope=scope, amount=amount)
    tx.record(SUBJECT, "order.agreed", by="trader", digests={"contract": signature.digest})
    return signature


@pytest.fixture
def company(db: object) -> people.Party:
    return people.registered(db, "示例公司")


@pytest.fixture
def handler(db: object, company: people.Party) -> Actor:
    return people.handler(db, company)


@pytest.mark.rule("I-07")
def test_a_handler_signs_under_a_letter_that_covers_it(company: people.Party, handler: Actor) -> None:
    letter = people.authorised(company, handler, scopes={"contract"}, ceiling=CEILING)
    assert sign_here(handler, people.PASSWORD).authority_id == letter.id
    assert sign_here(company.actor, company.password).authority_id is None


@pytest.mark.rule("I-07")
@pytest.mark.parametrize("scope", SCOPES)
def test_a_handler_without_a_letter_signs_nothing(handler: Actor, scope: str) -> None:
    assert _refused(handler, scope) == "no_authority"


@pytest.mark.rule("I-07")
@pytest.mark.parametrize("scope", SCOPES)
def test_a_letter_for_everything_else_does_not_cover_it(company: people.Party, handler: Actor, scope: str) -> None:
    people.authorised(company, handler, scopes=set(SCOPES) - {scope})
    assert _refused(handler, scope) == "no_authority"


@pytest.mark.rule("I-07")
@pytest.mark.parametrize("amount", [CEILING + Money(1, "CNY"), Money(1, "HKD")])
def test_no_amount_above_the_ceiling_or_in_another_currency(
    company: people.Party, handler: Actor, amount: Money
) -> None:
    people.authorised(company, handler, ceiling=CEILING)
    assert _refused(handler, "contract", amount) == "above_ceiling"
    people.authorised(company, handler)
    sign_here(handler, people.PASSWORD, amount=amount)


@pytest.mark.rule("I-07")
def test_nothing_is_signed_before_the_term_or_after_it(company: people.Party, handler: Actor) -> None:
    begins = clock.now() + timedelta(days=1)
    letter = people.authorised(company, handler, starts_at=begins, ends_at=begins + timedelta(days=1))
    assert _refused(handler) == "no_authority"
    advance_clock(people.VISITOR, timedelta(days=1, minutes=1))
    sign_here(handler, people.PASSWORD)
    with pytest.raises(WrongState):
        authority.expire_authority(Actor.clock(), letter.id)
    advance_clock(people.VISITOR, timedelta(days=1))
    assert _refused(handler) == "authority_ended"
    assert authority.expire_authority(Actor.clock(), letter.id).state == "expired"
    assert _refused(handler) == "authority_ended"


@pytest.mark.rule("I-07")
def test_a_revoked_letter_ends_at_once(company: people.Party, handler: Actor) -> None:
    letter = people.authorised(company, handler)
    sign_here(handler, people.PASSWORD)
    assert authority.revoke_authority(company.actor, letter.id).state == "revoked"
    assert _refused(handler) == "authority_ended"
    with pytest.raises(WrongState):
        authority.revoke_authority(company.actor, letter.id)


def test_a_refused_signature_is_told_in_the_organisations_story(company: people.Party, handler: Actor) -> None:
    _refused(handler)
    with read() as session:
        told = session.query(JournalEntry).filter_by(subject=company.org_id, action="gate.refused").all()
        assert session.query(Signature).filter_by(subject=SUBJECT).all() == []
    (facts,) = [json.loads(entry.body)["facts"] for entry in told]
    assert (facts["rule"], facts["code"]) == ("I-07", "no_authority")


def test_only_an_owner_gives_and_takes_back(db: object, company: people.Party, handler: Actor) -> None:
    letter = people.authorised(company, handler)
    stranger = people.registered(db, "另一公司")
    terms = people.letter_terms()
    for actor, error in ((handler, Forbidden), (stranger.actor, NotFound)):
        with pytest.raises(error):
            authority.revoke_authority(actor, letter.id)
        with pytest.raises(error):
            authority.give_authority(actor, handler.person_id or "", terms, password=people.PASSWORD)
    with pytest.raises(NotFound):
        authority.give_authority(company.actor, company.person_id, terms, password=company.password)


@pytest.mark.parametrize(
    "change",
    [
        {"scopes": set()},
        {"scopes": {"everything"}},
        {"scopes": {"authority"}},
        {"ceiling": Money(0, "CNY")},
        {"ends_at": clock.real_now() - timedelta(days=1)},
        {"ends_at": clock.real_now() + timedelta(days=4000)},
    ],
)
def test_a_letter_says_what_how_much_and_how_long(
    company: people.Party, handler: Actor, change: dict[str, Any]
) -> None:
    with pytest.raises(Invalid) as fault:
        people.authorised(company, handler, **change)
    assert fault.value.fields


def test_giving_takes_the_owners_password(company: people.Party, handler: Actor) -> None:
    with pytest.raises(Forbidden) as wrong:
        authority.give_authority(
            company.actor, handler.person_id or "", people.letter_terms(), password="a wrong password"
        )
    assert wrong.value.code == "wrong_password"


def test_a_letter_of_one_organisation_says_nothing_at_another(
    db: object, company: people.Party, handler: Actor
) -> None:
    people.authorised(company, handler)
    other = people.registered(db, "另一公司")
    with transaction(other.actor) as tx:
        tx.add(Membership(person_id=handler.person_id or "", org_id=other.org_id, role="trader", since=tx.now))
        tx.record(other.org_id, "member.joined", by="owner")
    assert _refused(replace(handler, org_id=other.org_id)) == "no_authority"


def _refused(actor: Actor, scope: str = "contract", amount: Money | None = CEILING) -> str:
    with pytest.raises(Refused) as refusal:
        sign_here(actor, people.PASSWORD, scope, amount)
    assert refusal.value.rule_id == "I-07"
    return refusal.value.code
