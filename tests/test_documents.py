"""Documents: kept byte for byte under their digest, in the story of their subject."""

import hashlib

import people
import pytest
from sqlalchemy.exc import DBAPIError

from exchange import documents
from exchange.db import Transaction, read, transaction, verb
from exchange.documents import Document
from exchange.errors import Invalid, InvariantBroken, NotFound

SUBJECT, CONTENT = "ord_test", b'{"a":1}'


@verb
def keep(tx: Transaction, content: bytes, subject: str = SUBJECT) -> None:
    document = documents.put(tx, content, subject=subject, kind="contract", media_type="application/json")
    tx.record(subject, "order.agreed", by="seller", digests={"contract": document.digest})


def test_a_document_is_found_by_its_digest(db: object) -> None:
    keep(people.VISITOR, CONTENT)
    with read() as session:
        found = documents.get(session, hashlib.sha256(CONTENT).digest())
        assert (found.content, found.subject, found.kind) == (CONTENT, SUBJECT, "contract")
        with pytest.raises(NotFound):
            documents.get(session, bytes(32))


def test_the_same_bytes_are_kept_once_for_each_subject(db: object) -> None:
    for subject in (SUBJECT, SUBJECT, "ord_other"):
        keep(people.VISITOR, CONTENT, subject)
    with read() as session:
        assert session.query(Document).count() == 2


@pytest.mark.parametrize("content", [b"", bytes(documents.MAX_BYTES + 1)], ids=["empty", "large"])
def test_a_document_has_a_size(db: object, content: bytes) -> None:
    with pytest.raises(Invalid):
        keep(people.VISITOR, content)


def test_a_document_belongs_to_a_told_story_and_never_changes(db: object) -> None:
    with pytest.raises(InvariantBroken), transaction(people.VISITOR) as tx:
        documents.put(tx, CONTENT, subject=SUBJECT, kind="contract", media_type="application/json")
    keep(people.VISITOR, CONTENT)
    with pytest.raises(DBAPIError), transaction(people.VISITOR) as tx:
        tx.get(Document, (SUBJECT, hashlib.sha256(CONTENT).digest())).kind = "receipt"
        tx.record(SUBJECT, "order.changed", by="seller")
