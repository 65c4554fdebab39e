"""Signatures: by the person's own key, with the password, over the exact bytes."""

import hashlib

import people
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy.exc import DBAPIError

from exchange.actors import Actor
from exchange.db import Transaction, transaction, verb
from exchange.errors import Forbidden, InvariantBroken, TooManyRequests
from exchange.members import attempts, signatures
from exchange.members.models import Signature

MESSAGE = b'{"contract":"ord_1"}'
SUBJECT = "ord_test"


@verb
def sign_here(tx: Transaction, password: str) -> Signature:
    signature = signatures.sign(tx, SUBJECT, password, MESSAGE, scope="contract")
    tx.record(SUBJECT, "order.agreed", by="owner", digests={"contract": signature.digest})
    return signature


def test_anybody_can_check_a_signature(db: object) -> None:
    party = people.registered(db, "示例公司")
    made = sign_here(party.actor, party.password)
    key = Ed25519PublicKey.from_public_bytes(made.public_key)
    key.verify(made.signature, MESSAGE)
    with pytest.raises(InvalidSignature):
        key.verify(made.signature, MESSAGE + b" ")
    assert (made.subject, made.org_id, made.digest) == (SUBJECT, party.org_id, hashlib.sha256(MESSAGE).digest())


def test_a_wrong_password_signs_nothing_and_is_counted(db: object) -> None:
    party = people.registered(db, "示例公司")
    for _ in range(attempts.SIGNATURE.most):
        with pytest.raises(Forbidden) as wrong:
            sign_here(party.actor, "a wrong password")
        assert wrong.value.code == "wrong_password"
    with pytest.raises(TooManyRequests):
        sign_here(party.actor, party.password)


def test_who_has_no_key_signs_nothing(db: object) -> None:
    for actor in (people.VISITOR, Actor.clock()):
        with pytest.raises(Forbidden):
            sign_here(actor, "anything")


def test_a_signature_belongs_to_a_told_story_and_never_changes(db: object) -> None:
    party = people.registered(db, "示例公司")
    with pytest.raises(InvariantBroken), transaction(party.actor) as tx:
        signatures.sign(tx, SUBJECT, party.password, MESSAGE, scope="contract")
    made = sign_here(party.actor, party.password)
    with pytest.raises(DBAPIError, match=r"append-only|permission"), transaction(party.actor) as tx:
        tx.lock(Signature, made.id).digest = bytes(32)
        tx.record(SUBJECT, "order.changed", by="owner")
