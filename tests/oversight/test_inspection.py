"""What a regulator sees, and what is kept of the look."""

import io

import people
import pytest
from conftest import Database
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange import attest
from exchange.actors import Actor
from exchange.db import read, transaction
from exchange.errors import Forbidden, Invalid, NotFound, Refused, Unavailable
from exchange.journal import entry, note, queries, verify
from exchange.journal.sequencer import Sequencer
from exchange.oversight import inspection

AUDITOR = Actor("per_auditor", "org_operator", frozenset({"auditor"}))
REGULATOR = Actor("per_officer", "org_organ", frozenset({"regulator"}))


@pytest.fixture
def signer() -> note.Signer:
    made = note.Signer("localhost/test", Ed25519PrivateKey.generate())
    attest.bind(made)
    return made


def tell(subject: str, *links: str, actor: Actor = AUDITOR) -> None:
    with transaction(actor) as tx:
        tx.record(subject, "subject.seen", by="auditor", links=links)


def sequence(db: Database, signer: note.Signer) -> None:
    sequencer = Sequencer(db.conninfo("sequencer"), signer)
    sequencer.open()
    while sequencer.step():
        pass
    sequencer.close()


@pytest.mark.rule("Z-01")
def test_each_look_is_recorded_with_its_purpose_apart_from_the_subject(db: Database) -> None:
    tell("prd_x")
    inspection.story(REGULATOR, "prd_x", purpose="case 7")
    inspection.search(REGULATOR, purpose="case 7", subject="prd_x")
    with read() as session:
        looks = queries.story(session, "look_org_organ")
        assert [told.action for told in queries.story(session, "prd_x")] == ["subject.seen"]
        assert queries.related(session, "prd_x") == []
    facts = [entry.parse(told.body)["facts"] for told in looks]
    assert [fact["what"] for fact in facts] == ["story", "search"]
    assert {fact["purpose"] for fact in facts} == {"case 7"}


@pytest.mark.rule("Z-01")
@pytest.mark.parametrize("purpose", ["", "   "])
def test_a_look_without_a_purpose_is_refused_and_shows_nothing(db: Database, purpose: str) -> None:
    tell("prd_x")
    with pytest.raises(Refused) as caught:
        inspection.story(REGULATOR, "prd_x", purpose=purpose)
    assert caught.value.rule_id == "Z-01"


def test_only_regulators_inspect(db: Database) -> None:
    for role in ("auditor", "administrator", "owner"):
        with pytest.raises(Forbidden):
            inspection.story(Actor("per_x", "org_x", frozenset({role})), "prd_x", purpose="x")


def test_search_narrows_and_pages(db: Database) -> None:
    for number in range(5):
        tell(f"prd_{number}abc", "org_party")
    first = inspection.search(REGULATOR, purpose="p", subject="org_party", limit=3)
    second = inspection.search(REGULATOR, purpose="p", subject="org_party", limit=3, cursor=first.next_cursor)
    assert [told.subject for told in (*first.items, *second.items)] == [f"prd_{n}abc" for n in (4, 3, 2, 1, 0)]
    assert second.next_cursor is None
    assert inspection.search(REGULATOR, purpose="p", action="no.such").items == []
    with pytest.raises(Invalid):
        inspection.search(REGULATOR, purpose="p", cursor="!")


def test_what_nobody_told_of_is_not_found(db: Database, signer: note.Signer) -> None:
    tell("prd_x")
    sequence(db, signer)
    with pytest.raises(NotFound):
        inspection.story(REGULATOR, "prd_nothing", purpose="p")
    sequence(db, signer)
    with pytest.raises(NotFound):
        inspection.bag(REGULATOR, "prd_nothing", purpose="p")


def test_a_bag_holds_the_story_and_its_surroundings_and_verifies(db: Database, signer: note.Signer) -> None:
    tell("ord_x", "ver_x", "org_buyer")
    tell("lot_x", "ord_x")
    tell("ver_x", "dep_x")
    tell("dep_x", "org_seller")
    tell("ord_other", "org_buyer")
    sequence(db, signer)
    with inspection.bag(REGULATOR, "ord_x", purpose="p") as file:
        result = verify.verify_stream(io.BytesIO(file.read()), [signer.vkey])
    assert result.findings == ()
    with read() as session:
        assert inspection.around(session, "ord_x") == ["dep_x", "lot_x", "ord_x", "org_buyer", "ver_x"]


def test_a_bag_waits_for_the_sequencer(db: Database, signer: note.Signer) -> None:
    tell("ord_x")
    with pytest.raises(Unavailable):
        inspection.bag(REGULATOR, "ord_x", purpose="p")


def test_a_bag_of_a_real_party_carries_no_personal_data(db: Database, signer: note.Signer) -> None:
    party = people.approved_company(db, "示例公司")
    sequence(db, signer)
    with inspection.bag(REGULATOR, party.org_id, purpose="p") as file:
        content = file.read()
    assert verify.verify_stream(io.BytesIO(content), [signer.vkey]).findings == ()
    for private in ("王小明", party.email, people.DETAILS.address, people.DETAILS.phone):
        assert private.encode() not in content
