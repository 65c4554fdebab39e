"""Made-up organs and subjects, told of in the journal by the house's own means."""

import pytest
from conftest import Database
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange import attest
from exchange.actors import Actor
from exchange.db import transaction
from exchange.journal import note
from exchange.journal.sequencer import Sequencer
from exchange.oversight import looks, projection, scopes

AUDITOR = Actor("per_auditor", "org_operator", frozenset({"auditor"}))
ADMINISTRATOR = Actor("per_admin", "org_operator", frozenset({"administrator"}))


@pytest.fixture
def signer() -> note.Signer:
    made = note.Signer("localhost/test", Ed25519PrivateKey.generate())
    attest.bind(made)
    return made


def officer(organ: str = "org_organ", person: str = "per_officer") -> Actor:
    return Actor(person, organ, frozenset({"regulator"}))


def tell(subject: str, *links: str, org: str = "org_operator", role: str = "auditor", **facts: object) -> None:
    actor = Actor("per_teller", org, frozenset({role}))
    with transaction(actor) as tx:
        tx.record(subject, "subject.seen", by=role, links=links, facts=facts)


def grant(organ: str, kind: str, value: str = "", authority: str = "data") -> str:
    return scopes.grant_scope(
        ADMINISTRATOR, organ, authority=authority, kind=kind, value=value, basis="DRAFT 32; appointment 7"
    ).id


def inspecting(actor: Actor, purpose: str = "case") -> str:
    return looks.open_inspection(actor, purpose=purpose, reference="CQ-2026-7").id


def sequence(db: Database, signer: note.Signer) -> None:
    """Give every entry its place, and read the log off."""
    sequencer = Sequencer(db.conninfo("sequencer"), signer)
    sequencer.open()
    while sequencer.step():
        pass
    sequencer.close()
    while projection.follow():
        pass
