"""The sequencer over a real database: order, recovery, refusal to grow a log that is not its own."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from conftest import Database
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.actors import Actor
from exchange.db import read, transaction
from exchange.journal import checkpoint, merkle, note, queries
from exchange.journal.sequencer import Sequencer, SequencerRefuses, Settings

AUDITOR = Actor("per_auditor", "org_operator", frozenset({"auditor"}))


@pytest.fixture
def signer() -> note.Signer:
    return note.Signer("localhost/test", Ed25519PrivateKey.generate())


@pytest.fixture
def sequencer(db: Database, signer: note.Signer) -> Iterator[Sequencer]:
    made = Sequencer(db.conninfo("sequencer"), signer, Settings(interval_seconds=0.01, batch=300))
    made.open()
    yield made
    made.close()


def record(count: int, subject: str = "prd_x") -> None:
    with transaction(AUDITOR) as tx:
        for number in range(count):
            tx.record(subject, "subject.seen", by="auditor", facts={"n": number})


def bodies(db: Database) -> list[bytes]:
    query = "SELECT e.body FROM journal_leaf l JOIN journal_entry e ON e.id = l.entry_id ORDER BY l.index"
    with psycopg.connect(db.conninfo("app")) as raw:
        return [bytes(row[0]) for row in raw.execute(query)]


@pytest.mark.rule("R-02")
def test_batches_make_the_tree_that_the_leaves_make(db: Database, sequencer: Sequencer, signer: note.Signer) -> None:
    record(700)
    assert [sequencer.step() for _ in range(4)] == [300, 300, 100, 0]
    leaves = [merkle.leaf_hash(body) for body in bodies(db)]
    with read() as session:
        signed = checkpoint.parse(note.open(queries.latest_checkpoint(session).note, [signer.vkey]))
        assert (signed.size, signed.root) == (700, merkle.root(leaves))
        for index in (0, 255, 256, 511, 699):
            proof = queries.inclusion_proof(session, index, 700)
            merkle.verify_inclusion(leaves[index], index, 700, proof, signed.root)
        proof = queries.consistency_proof(session, 300, 700)
    merkle.verify_consistency(300, 700, proof, merkle.root(leaves[:300]), signed.root)


def test_a_subjects_entries_stand_in_the_log_in_their_order(db: Database, sequencer: Sequencer) -> None:
    threads = [threading.Thread(target=record, args=(20,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sequencer.step()
    with read() as session:
        told = queries.story(session, "prd_x")
    assert [one.seq for one in told] == list(range(1, 81))
    assert [one.index for one in told] == sorted(one.index for one in told if one.index is not None)


def test_a_transaction_that_commits_late_is_sequenced_late(db: Database, sequencer: Sequencer) -> None:
    with transaction(AUDITOR) as tx:
        tx.record("prd_slow", "subject.seen", by="auditor")
        tx.session.flush()
        record(3, "prd_fast")
        assert sequencer.step() == 3
    assert sequencer.step() == 1


def test_there_is_one_sequencer(db: Database, sequencer: Sequencer, signer: note.Signer) -> None:
    second = Sequencer(db.conninfo("sequencer"), signer)
    with pytest.raises(SequencerRefuses, match="another"):
        second.open()
    sequencer.close()
    second.open()
    second.close()


def test_after_a_failed_batch_the_tree_is_read_again(db: Database, sequencer: Sequencer) -> None:
    record(5)
    sequencer.step()
    with psycopg.connect(db.conninfo("owner"), autocommit=True) as owner:
        owner.execute("ALTER TABLE journal_checkpoint ADD CONSTRAINT refuse CHECK (size < 6)")
        record(2)
        with pytest.raises(psycopg.errors.CheckViolation):
            sequencer.step()
        owner.execute("ALTER TABLE journal_checkpoint DROP CONSTRAINT refuse")
    assert sequencer.step() == 2
    with read() as session:
        root = queries.latest_checkpoint(session).root
    assert root == merkle.root([merkle.leaf_hash(body) for body in bodies(db)])


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE journal_tile SET hashes = set_byte(hashes, 40, 255 - get_byte(hashes, 40))",
        "DELETE FROM journal_tile",
        "DELETE FROM journal_leaf WHERE index = 4",
        "INSERT INTO journal_leaf VALUES (5, 'ent_more')",
        "UPDATE journal_checkpoint SET root = sha256(root)",
        "DELETE FROM journal_checkpoint",
        "UPDATE journal_checkpoint SET signed_at = signed_at + interval '1 day'",
    ],
)
def test_it_does_not_start_on_a_log_that_was_changed(
    db: Database, sequencer: Sequencer, signer: note.Signer, tampering: str
) -> None:
    record(5)
    sequencer.step()
    sequencer.close()
    with psycopg.connect(db.conninfo("owner"), autocommit=True) as owner:
        for table in ("journal_tile", "journal_leaf", "journal_checkpoint"):
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        owner.execute(tampering)
    with pytest.raises(SequencerRefuses):
        Sequencer(db.conninfo("sequencer"), signer).open()


def test_it_does_not_start_with_another_key_or_name(db: Database, sequencer: Sequencer, signer: note.Signer) -> None:
    record(1)
    sequencer.step()
    sequencer.close()
    with pytest.raises(SequencerRefuses, match="key"):
        Sequencer(db.conninfo("sequencer"), note.Signer(signer.name, Ed25519PrivateKey.generate())).open()
    with pytest.raises(SequencerRefuses, match="key"):
        Sequencer(db.conninfo("sequencer"), note.Signer("localhost/other", Ed25519PrivateKey.generate())).open()


def test_run_drains_what_is_committed_before_it_ends(db: Database, sequencer: Sequencer) -> None:
    stop = threading.Event()
    runner = threading.Thread(target=sequencer.run, args=(stop,))
    runner.start()
    for _ in range(10):
        record(10)
    stop.set()
    runner.join(timeout=timedelta(seconds=10).total_seconds())
    assert len(bodies(db)) == 100
