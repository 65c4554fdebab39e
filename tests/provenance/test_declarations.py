import hashlib
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import origins
import people
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from origins import content, own_source
from people import Party
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from exchange import documents
from exchange.db import advance_clock, read, transaction
from exchange.errors import Conflict, Forbidden, Invalid, NotFound, Refused, StaleVersion, WrongState
from exchange.journal import canonical
from exchange.journal.models import JournalEntry
from exchange.members.models import Signature
from provenance import declarations, queries
from provenance.models import Declaration, DeclaredSource


def told(subject: str) -> list[dict[str, Any]]:
    with read() as session:
        statement = select(JournalEntry.body).where(JournalEntry.subject == subject).order_by(JournalEntry.seq)
        return [canonical.loads(body) for body in session.scalars(statement)]


@pytest.mark.rule("P-05")
def test_a_signed_declaration_is_a_document_that_its_signature_verifies(seller: Party) -> None:
    signed = origins.signed(seller, content())
    assert signed.document_digest is not None
    with read() as session:
        said = documents.get(session, signed.document_digest).content
        signature = session.scalars(select(Signature).where(Signature.subject == signed.id)).one()
    Ed25519PublicKey.from_public_bytes(signature.public_key).verify(signature.signature, said)
    assert hashlib.sha256(said).digest() == signed.document_digest
    document = canonical.loads(said)
    assert document["undertaking"] == declarations.UNDERTAKING
    assert document["sources"][0]["evidence_digest"] == origins.EVIDENCE.hex()
    last = told(signed.id)[-1]
    assert (last["action"], last["digests"]) == ("declaration.signed", {"declaration": signed.document_digest.hex()})
    assert (last["facts"]["ground"], last["facts"]["sources"]) == ("A", 1)


@pytest.mark.rule("P-05")
def test_what_is_signed_cannot_change(seller: Party) -> None:
    signed = origins.signed(seller, content())
    with pytest.raises(WrongState):
        declarations.revise_declaration(seller.actor, signed.id, content(), row_version=signed.row_version)
    with pytest.raises(WrongState):
        declarations.sign_declaration(seller.actor, signed.id, password=seller.password)
    with (
        pytest.raises(DBAPIError) as refusal,
        transaction(seller.actor) as tx,
    ):
        tx.record(signed.id, "declaration.forged", by="seller")
        tx.session.execute(text("UPDATE declared_source SET holder = 'somebody else'"))
    assert isinstance(refusal.value.orig, psycopg.Error)


@pytest.mark.rule("P-05")
def test_a_change_is_a_new_declaration_that_replaces_the_signed_one(seller: Party, stranger: Party) -> None:
    signed = origins.signed(seller, content())
    following = declarations.declare(seller.actor, content(), replaces_id=signed.id)
    assert (following.state, following.replaces_id) == ("draft", signed.id)
    assert told(following.id)[0]["links"] == [signed.id]
    with pytest.raises(WrongState):
        declarations.declare(seller.actor, content(), replaces_id=following.id)
    with pytest.raises(NotFound):
        declarations.declare(stranger.actor, content(), replaces_id=signed.id)


@pytest.mark.rule("P-05")
def test_the_undertaking_is_given_before_signing(seller: Party) -> None:
    drafted = declarations.declare(seller.actor, content(truth_undertaken=False))
    with pytest.raises(Refused) as refusal:
        declarations.sign_declaration(seller.actor, drafted.id, password=seller.password)
    assert (refusal.value.rule_id, refusal.value.code) == ("P-05", "undertaking_missing")
    assert told(drafted.id)[-1]["action"] == "gate.refused"


@pytest.mark.rule("P-05")
def test_only_a_person_empowered_by_the_party_signs(seller: Party) -> None:
    drafted = declarations.declare(seller.actor, content())
    for role in ("viewer", "finance", "approver"):
        with pytest.raises(Forbidden):
            declarations.sign_declaration(
                replace(seller.actor, roles=frozenset({role})), drafted.id, password=seller.password
            )
    with pytest.raises(Forbidden) as wrong:
        declarations.sign_declaration(seller.actor, drafted.id, password="wrong horse battery staple")
    assert wrong.value.code == "wrong_password"


def test_a_party_that_is_not_vetted_does_not_sign(db: object) -> None:
    party = people.registered(db, "未审核公司")
    with pytest.raises(Refused) as refusal:
        origins.signed(party, content())
    assert refusal.value.rule_id == "I-01"


@pytest.mark.rule("P-02")
def test_every_source_is_described_before_signing(seller: Party) -> None:
    lacking: dict[str, dict[str, Any]] = {
        "method": {"method": " "},
        "period": {"collected_to": None},
        "territory": {"territory": ""},
        "legal basis": {"licence": ""},
        "evidence": {"evidence_digest": None},
    }
    for name, missing in lacking.items():
        with pytest.raises(Refused) as refusal:
            origins.signed(seller, content(own_source(), own_source(**missing)))
        assert refusal.value.rule_id == "P-02"
        assert refusal.value.params["missing"] == f"2: {name}"


@pytest.mark.rule("P-02")
def test_a_declaration_without_sources_is_not_signed(seller: Party) -> None:
    drafted = declarations.declare(seller.actor, replace(content(), sources=()))
    with pytest.raises(Refused) as refusal:
        declarations.sign_declaration(seller.actor, drafted.id, password=seller.password)
    assert refusal.value.rule_id == "P-02"


@pytest.mark.rule("P-03")
def test_with_neither_ground_nothing_is_signed(seller: Party) -> None:
    lacking: tuple[dict[str, Any], ...] = (
        {"ground": None},
        {"anonymisation_evidence": None},
        {"anonymisation_method": " "},
        {"ground": "B"},
    )
    for neither in lacking:
        with pytest.raises(Refused) as refusal:
            origins.signed(seller, content(**neither))
        assert refusal.value.rule_id == "P-03"


def test_a_draft_keeps_its_earlier_revisions(seller: Party) -> None:
    drafted = declarations.declare(seller.actor, content(own_source(title="第一稿")))
    revised = declarations.revise_declaration(
        seller.actor, drafted.id, content(own_source(title="第二稿"), own_source()), row_version=drafted.row_version
    )
    assert revised.revision == 2
    shown = queries.declaration(seller.actor, drafted.id)
    assert [source.title for source in shown["sources"]] == ["第二稿", "客流计数"]
    with read() as session:
        assert len(session.scalars(select(DeclaredSource)).all()) == 3
    with pytest.raises(StaleVersion):
        declarations.revise_declaration(seller.actor, drafted.id, content(), row_version=drafted.row_version)


def test_another_partys_declaration_is_not_there(seller: Party, stranger: Party) -> None:
    drafted = declarations.declare(seller.actor, content())
    with pytest.raises(NotFound):
        declarations.sign_declaration(stranger.actor, drafted.id, password=stranger.password)
    with pytest.raises(NotFound):
        declarations.revise_declaration(stranger.actor, drafted.id, content(), row_version=drafted.row_version)
    with pytest.raises(NotFound):
        queries.declaration(stranger.actor, drafted.id)
    with pytest.raises(NotFound):
        queries.classification(stranger.actor, drafted.id)


def test_reviewers_see_what_is_signed_and_no_drafts(seller: Party, db: object) -> None:
    drafted = declarations.declare(seller.actor, content())
    signed = origins.signed(seller, content())
    reviewer = people.staff(db, "compliance_reviewer")
    assert queries.declaration(reviewer, signed.id)["state"] == "signed"
    assert [item["id"] for item in queries.declarations(reviewer).items] == [signed.id]
    with pytest.raises(NotFound):
        queries.declaration(reviewer, drafted.id)


@pytest.mark.rule("Z-01")
def test_a_regulators_look_is_recorded_apart(seller: Party, db: object) -> None:
    signed = origins.signed(seller, content())
    officer = people.regulator(db)
    with pytest.raises(Refused):
        queries.declaration(officer, signed.id)
    before = len(told(signed.id))
    assert queries.declaration(officer, signed.id, purpose="例行检查")["id"] == signed.id
    assert len(told(signed.id)) == before
    assert told(f"look_{officer.org_id}")[-1]["facts"]["about"] == signed.id


def test_a_declaration_names_only_what_is_the_partys(seller: Party, stranger: Party, department: Party) -> None:
    record = origins.record(department, "conditional")
    agreement = origins.agreement(stranger, department, record)
    with pytest.raises(NotFound):
        declarations.declare(seller.actor, content(origins.government_source(record, agreement_id=agreement.id)))
    bought = origins.acquired(stranger, origins.signed(seller, content()))
    with pytest.raises(NotFound):
        declarations.declare(seller.actor, content(origins.bought_source(bought)))
    with pytest.raises(NotFound):
        declarations.declare(seller.actor, content(own_source(record_id="cat_00000000000000000000000000")))
    with pytest.raises(Invalid) as mismatch:
        declarations.declare(seller.actor, content(origins.government_source(record, holder_org_id=stranger.org_id)))
    assert mismatch.value.code == "holder_mismatch"


def test_what_does_not_fit_is_invalid(seller: Party) -> None:
    wrong = {
        "unknown_kind": content(own_source(kind="found")),
        "empty_period": content(own_source(collected_to=date(2024, 1, 1))),
        "unknown_ground": content(ground="C"),
        "empty_term": origins.on_grants(origins.grant(ends_on=date(2020, 1, 1))),
        "unknown_purpose": origins.on_grants(origins.grant(purposes=("fun",))),
    }
    for code, said in wrong.items():
        with pytest.raises(Invalid) as refusal:
            declarations.declare(seller.actor, said)
        assert refusal.value.code == code


def test_a_repeated_request_declares_once(seller: Party) -> None:
    actor = seller.actor.with_key("once")
    assert declarations.declare(actor, content()).id == declarations.declare(actor, content()).id
    with read() as session:
        assert len(session.scalars(select(Declaration)).all()) == 1


@pytest.mark.rule("P-04")
def test_an_authorisation_can_be_withdrawn_once_by_the_party_or_a_reviewer(
    seller: Party, stranger: Party, db: object
) -> None:
    signed = origins.signed(seller, origins.on_grants(origins.grant(), origins.grant()))
    first, second = queries.declaration(seller.actor, signed.id)["authorisations"]
    with pytest.raises(NotFound):
        declarations.withdraw_authorisation(stranger.actor, signed.id, first.id, reason="不相干")
    declarations.withdraw_authorisation(seller.actor, signed.id, first.id, reason="授权人来函")
    with pytest.raises(Conflict):
        declarations.withdraw_authorisation(seller.actor, signed.id, first.id, reason="授权人来函")
    reviewer = people.staff(db, "compliance_reviewer")
    declarations.withdraw_authorisation(reviewer, signed.id, second.id, reason="授权人来函")
    last = told(signed.id)[-1]
    assert (last["action"], last["role"]) == ("authorisation.withdrawn", "compliance_reviewer")
    assert "授权人来函" not in str(told(signed.id))


def test_the_time_of_signing_is_the_exchanges(seller: Party) -> None:
    before = origins.signed(seller, content()).signed_at
    advance_clock(seller.actor, timedelta(days=3))
    after = origins.signed(seller, content()).signed_at
    assert before is not None
    assert after is not None
    assert after - before >= timedelta(days=3)
