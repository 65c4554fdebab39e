import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import origins
import people
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from people import Party
from sqlalchemy import select

from exchange import documents, handlers
from exchange.actors import Actor
from exchange.db import advance_clock, read
from exchange.errors import Conflict, Forbidden, Invalid, NotFound, Refused, StaleVersion, WrongState
from exchange.journal import canonical
from exchange.journal.models import JournalEntry
from exchange.members.models import Signature
from exchange.models import Due
from provenance import jobs, register
from provenance.models import Agreement
from provenance.purposes import covers, uncovered
from provenance.register import DataItem
from provenance.states import AGREEMENT


def told(subject: str) -> list[dict[str, Any]]:
    with read() as session:
        statement = select(JournalEntry.body).where(JournalEntry.subject == subject).order_by(JournalEntry.seq)
        return [canonical.loads(body) for body in session.scalars(statement)]


# -- the catalogue ----------------------------------------------------------------------------------------------------


def test_a_department_records_its_catalogue(department: Party) -> None:
    record = origins.record(department)
    assert record.department_org_id == department.org_id
    (entry,) = told(record.id)
    assert (entry["action"], entry["role"]) == ("catalogue.recorded", "department")
    assert entry["facts"] == {"official_number": record.official_number, "open_attribute": "unconditional"}


def test_only_the_owner_of_a_department_records(department: Party, seller: Party) -> None:
    with pytest.raises(Forbidden) as refusal:
        origins.record(seller)
    assert refusal.value.code == "not_a_department"
    trader = replace(department.actor, roles=frozenset({"trader"}))
    with pytest.raises(Forbidden):
        origins.record(replace(department, actor=trader))


def test_a_department_that_is_not_vetted_records_nothing(db: object) -> None:
    with pytest.raises(Refused) as refusal:
        origins.record(people.registered(db, "未审核局", "department"))
    assert refusal.value.rule_id == "I-01"


def test_a_catalogue_number_is_recorded_once(department: Party) -> None:
    record = origins.record(department)
    with pytest.raises(Conflict) as conflict:
        origins.record(department, official_number=record.official_number)
    assert conflict.value.code == "number_taken"


@pytest.mark.rule("G-05")
def test_a_limited_attribute_cites_its_legal_basis(department: Party) -> None:
    for attribute in ("conditional", "closed"):
        with pytest.raises(Refused) as refusal:
            origins.record(department, attribute, legal_basis=" ")
        assert refusal.value.rule_id == "G-05"
        assert told(department.org_id)[-1]["facts"]["rule"] == "G-05"
        assert origins.record(department, attribute).legal_basis


# -- purposes ---------------------------------------------------------------------------------------------------------


def test_a_purpose_covers_what_stands_below_it_and_nothing_else() -> None:
    assert covers("commercial", "commercial.insurance")
    assert covers("research", "research")
    assert not covers("commercial.insurance", "commercial")
    assert not covers("commercial", "commercialx")
    assert uncovered(["research", "commercial.credit"], ["research.academic", "commercial", "public"]) == [
        "commercial",
        "public",
    ]


# -- agreements -------------------------------------------------------------------------------------------------------


def test_user_and_department_sign_the_same_bytes(department: Party, seller: Party) -> None:
    record = origins.record(department, "conditional")
    agreement = origins.agreement(seller, department, record)
    assert agreement.state == "in_force"
    with read() as session:
        assert agreement.document_digest is not None
        content = documents.get(session, agreement.document_digest).content
        signatures = session.scalars(select(Signature).where(Signature.subject == agreement.id)).all()
    assert {signature.org_id for signature in signatures} == {seller.org_id, department.org_id}
    for signature in signatures:
        Ed25519PublicKey.from_public_bytes(signature.public_key).verify(signature.signature, content)
        assert signature.digest == hashlib.sha256(content).digest()
    said = canonical.loads(content)
    assert said["data"][0]["official_number"] == record.official_number
    assert said["ends_on"] == origins.days_from_now(365).isoformat()
    assert [entry["action"] for entry in told(agreement.id)] == [
        "agreement.drafted",
        "agreement.offered",
        "agreement.signed",
    ]
    assert told(agreement.id)[-1]["digests"] == {"agreement": agreement.document_digest.hex()}


def test_the_department_may_draft_and_the_user_revise(department: Party, seller: Party) -> None:
    record = origins.record(department, "conditional")
    drafted = register.draft_agreement(
        department.actor,
        origins.terms(record, disposal=""),
        department_org_id=department.org_id,
        user_org_id=seller.org_id,
    )
    assert drafted.missing_items == ("disposal",)
    whole = register.revise_agreement(seller.actor, drafted.id, origins.terms(record), row_version=drafted.row_version)
    assert whole.missing_items == ()
    with pytest.raises(StaleVersion):
        register.revise_agreement(department.actor, drafted.id, origins.terms(record), row_version=drafted.row_version)


def test_nobody_signs_what_was_changed_since_it_was_read(department: Party, seller: Party) -> None:
    record = origins.record(department, "conditional")
    read_by_seller = register.draft_agreement(seller.actor, origins.terms(record), department_org_id=department.org_id)
    harder = origins.terms(record, purposes=("research",), outputs_may_be_sold=False)
    now = register.revise_agreement(department.actor, read_by_seller.id, harder, row_version=read_by_seller.row_version)
    with pytest.raises(StaleVersion):
        register.sign_agreement(seller.actor, now.id, password=seller.password, row_version=read_by_seller.row_version)
    offered = register.sign_agreement(seller.actor, now.id, password=seller.password, row_version=now.row_version)
    assert offered.state == "offered"


def test_the_department_cannot_sign_before_the_user(department: Party, seller: Party) -> None:
    record = origins.record(department, "conditional")
    drafted = register.draft_agreement(seller.actor, origins.terms(record), department_org_id=department.org_id)
    with pytest.raises(WrongState):
        register.sign_agreement(department.actor, drafted.id, password=department.password)
    register.sign_agreement(seller.actor, drafted.id, password=seller.password)
    with pytest.raises(WrongState):
        register.sign_agreement(seller.actor, drafted.id, password=seller.password)
    with pytest.raises(WrongState):
        register.revise_agreement(seller.actor, drafted.id, origins.terms(record), row_version=2)


def test_another_partys_agreement_is_not_there(department: Party, seller: Party, stranger: Party) -> None:
    agreement = origins.agreement(seller, department, origins.record(department, "conditional"))
    with pytest.raises(NotFound):
        register.terminate_agreement(stranger.actor, agreement.id, reason="none of my business")
    with pytest.raises(NotFound):
        register.draft_agreement(
            stranger.actor, origins.terms(), department_org_id=department.org_id, user_org_id=seller.org_id
        )


def test_an_agreement_needs_a_department_and_its_own_records(department: Party, seller: Party, db: object) -> None:
    with pytest.raises(Invalid) as none:
        register.draft_agreement(seller.actor, origins.terms(), department_org_id=seller.org_id)
    assert none.value.code == "no_department"
    elsewhere = origins.record(people.approved_department(db, "另一局"), "conditional")
    with pytest.raises(Invalid) as foreign:
        register.draft_agreement(seller.actor, origins.terms(elsewhere), department_org_id=department.org_id)
    assert foreign.value.code == "unknown_record"
    record = origins.record(department, "conditional")
    with pytest.raises(Invalid) as column:
        register.draft_agreement(
            seller.actor,
            origins.terms(data=(DataItem(record.id, ("salary",)),)),
            department_org_id=department.org_id,
        )
    assert column.value.code == "unknown_column"


@pytest.mark.rule("G-09")
def test_a_missing_copy_is_the_departments_duty_and_blocks_nothing(department: Party, seller: Party) -> None:
    agreement = origins.agreement(seller, department, origins.record(department, "conditional"))
    assert agreement.copy_overdue
    with pytest.raises(Forbidden):
        register.record_copy(seller.actor, agreement.id, authority="示例大数据局")
    copied = register.record_copy(department.actor, agreement.id, authority="示例大数据局")
    assert (copied.state, copied.copy_overdue) == ("in_force", False)
    assert copied.copy_sent_at is not None
    assert told(agreement.id)[-1]["action"] == "agreement.copied"
    with pytest.raises(Conflict):
        register.record_copy(department.actor, agreement.id, authority="示例大数据局")


def test_an_offer_can_be_declined_and_is_closed_then(department: Party, seller: Party) -> None:
    record = origins.record(department, "conditional")
    drafted = register.draft_agreement(seller.actor, origins.terms(record), department_org_id=department.org_id)
    register.sign_agreement(seller.actor, drafted.id, password=seller.password)
    declined = register.decline_agreement(department.actor, drafted.id, reason="用途不明")
    assert declined.state == "declined"
    assert "用途不明" not in str(told(drafted.id))
    with pytest.raises(WrongState):
        register.sign_agreement(department.actor, drafted.id, password=department.password)


@pytest.fixture
def news(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    heard: list[dict[str, Any]] = []
    monkeypatch.setitem(handlers._handlers, register.ENDED, [lambda _tx, **what: heard.append(what)])
    return heard


@pytest.mark.rule("G-18")
def test_the_clock_ends_an_agreement_and_tells(department: Party, seller: Party, news: list[dict[str, Any]]) -> None:
    agreement = origins.agreement(seller, department, origins.record(department, "conditional"))
    with read() as session:
        due = session.scalars(select(Due).where(Due.subject == agreement.id)).one()
    assert (due.kind, due.at) == ("agreement.end", agreement.ends_at)
    with pytest.raises(WrongState):
        jobs.DUE[due.kind](Actor.clock(), agreement.id)
    advance_clock(seller.actor, timedelta(days=367))
    assert jobs.DUE[due.kind](Actor.clock(), agreement.id).state == "ended"
    assert news == [{"agreement_id": agreement.id, "how": "ended"}]
    assert told(agreement.id)[-1]["role"] == "clock"
    with pytest.raises(Forbidden):
        register.end_agreement(seller.actor, agreement.id)


def test_either_side_may_terminate(department: Party, seller: Party, news: list[dict[str, Any]]) -> None:
    agreement = origins.agreement(seller, department, origins.record(department, "conditional"))
    assert register.terminate_agreement(seller.actor, agreement.id, reason="不再使用").state == "terminated"
    assert news == [{"agreement_id": agreement.id, "how": "terminated"}]
    with read() as session:
        assert session.scalar(select(Due.id).where(Due.subject == agreement.id)) is None


def test_a_wrong_password_signs_nothing(department: Party, seller: Party) -> None:
    record = origins.record(department, "conditional")
    drafted = register.draft_agreement(seller.actor, origins.terms(record), department_org_id=department.org_id)
    with pytest.raises(Forbidden):
        register.sign_agreement(seller.actor, drafted.id, password="wrong horse battery staple")
    with read() as session:
        row = session.get_one(Agreement, drafted.id)
        assert (row.state, row.document_digest) == ("draft", None)


def test_every_edge_of_the_table_has_a_verb() -> None:
    assert {action for _, action in AGREEMENT.edges} == {
        "revise",
        "offer",
        "bring",
        "confirm",
        "sign",
        "decline",
        "copy",
        "end",
        "terminate",
    }
