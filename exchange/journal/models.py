"""The journal's tables: entries, their place in the tree, tiles and checkpoints."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from exchange.orm import Base, Bookkeeping


class Xid8(UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction id."""

    cache_ok = True

    def get_col_spec(self, **_kw: Any) -> str:
        """The type's name in DDL."""
        return "xid8"


class JournalEntry(Base, Bookkeeping):
    """One entry: ``body`` is the leaf, byte for byte; the other columns are copies to search by.

    ``person_id`` stands here and not in the body: the body holds a salted commitment to it.
    """

    __tablename__ = "journal_entry"
    __bookkeeping__ = "it is the story itself"
    __append_only__ = True
    __grants__ = "SELECT, INSERT"
    __sequencer_grants__ = "SELECT"
    __table_args__ = (
        UniqueConstraint("subject", "seq"),
        CheckConstraint("seq > 0", name="seq"),
        CheckConstraint("octet_length(body) BETWEEN 2 AND 65535", name="body"),
        Index(None, "links", postgresql_using="gin"),
        Index(None, "at", "id"),
        Index(None, "action", "at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    txid: Mapped[int] = mapped_column(Xid8, server_default=text("pg_current_xact_id()"))
    at: Mapped[datetime]
    subject: Mapped[str]
    seq: Mapped[int] = mapped_column(BigInteger)
    action: Mapped[str]
    org_id: Mapped[str | None]
    person_id: Mapped[str | None]
    links: Mapped[list[str]] = mapped_column(ARRAY(Text))
    body: Mapped[bytes]


class JournalSubject(Base, Bookkeeping):
    """The last ``seq`` given to a subject; its row lock serialises the subject's entries."""

    __tablename__ = "journal_subject"
    __bookkeeping__ = "a counter of the journal"
    __grants__ = "SELECT, INSERT, UPDATE"

    subject: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)


class JournalPending(Base, Bookkeeping):
    """Entries that wait for an index. Written by a trigger on ``journal_entry``, emptied by the sequencer."""

    __tablename__ = "journal_pending"
    __bookkeeping__ = "the sequencer's queue"
    __grants__ = "SELECT"
    __sequencer_grants__ = "SELECT, DELETE"

    position: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    entry_id: Mapped[str]


class JournalLeaf(Base, Bookkeeping):
    """The place of an entry in the tree."""

    __tablename__ = "journal_leaf"
    __bookkeeping__ = "the sequencer's output"
    __append_only__ = True
    __grants__ = "SELECT"
    __sequencer_grants__ = "SELECT, INSERT"
    __table_args__ = (UniqueConstraint("entry_id"), CheckConstraint('"index" >= 0', name="index"))

    index: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    entry_id: Mapped[str]


class JournalTile(Base, Bookkeeping):
    """A tile of the tree (C2SP tlog-tiles): up to 256 hashes of one level; the last of a level grows."""

    __tablename__ = "journal_tile"
    __bookkeeping__ = "the sequencer's output"
    __grants__ = "SELECT"
    __sequencer_grants__ = "SELECT, INSERT, UPDATE"
    __table_args__ = (CheckConstraint("octet_length(hashes) BETWEEN 32 AND 8192", name="hashes"),)

    level: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    index: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    hashes: Mapped[bytes]


class JournalCheckpoint(Base, Bookkeeping):
    """A signed checkpoint: the root the log had at ``size`` leaves."""

    __tablename__ = "journal_checkpoint"
    __bookkeeping__ = "the sequencer's output"
    __append_only__ = True
    __grants__ = "SELECT"
    __sequencer_grants__ = "SELECT, INSERT"

    size: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    root: Mapped[bytes]
    note: Mapped[str]
    signed_at: Mapped[datetime]


class JournalCosignature(Base, Bookkeeping):
    """A witness's line under the checkpoint of ``size``, verified when it came; ``name`` is its key's."""

    __tablename__ = "journal_cosignature"
    __bookkeeping__ = "what witnesses say of the log"
    __append_only__ = True
    __grants__ = "SELECT, INSERT"

    size: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(primary_key=True)
    key_id: Mapped[bytes] = mapped_column(primary_key=True)
    line: Mapped[str]
    received_at: Mapped[datetime]


class JournalQuorum(Base, Bookkeeping):
    """A checkpoint that enough witnesses cosigned, by the policy in force at ``met_at``."""

    __tablename__ = "journal_quorum"
    __bookkeeping__ = "what witnesses say of the log"
    __append_only__ = True
    __grants__ = "SELECT, INSERT"

    size: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    met_at: Mapped[datetime]


class JournalWitness(Base, Bookkeeping):
    """How a witness of the policy stands; ``name`` is the policy's, times are real.

    ``problem`` is why the last attempt brought no cosignature; ``alarm`` is ``late`` or ``disagrees`` since
    ``alarm_since``, until the witness cosigns again.
    """

    __tablename__ = "journal_witness"
    __bookkeeping__ = "the state of a conversation"
    __table_args__ = (CheckConstraint("alarm IN ('late', 'disagrees')", name="alarm"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    cosigned_at: Mapped[datetime | None]
    asked_at: Mapped[datetime | None]
    problem: Mapped[str | None]
    alarm: Mapped[str | None]
    alarm_since: Mapped[datetime | None]


class JournalDisagreement(Base, Bookkeeping):
    """A witness holds another history of the log than the database: the evidence as it was seen.

    ``kind`` is ``rollback`` (the witness cosigned ``held_size`` leaves, more than there are here) or ``fork`` (at
    ``held_size`` it holds another root). ``request`` and ``answer`` are what was sent and what came back.
    """

    __tablename__ = "journal_disagreement"
    __bookkeeping__ = "what witnesses say of the log"
    __append_only__ = True
    __grants__ = "SELECT, INSERT"
    __table_args__ = (
        UniqueConstraint("witness", "kind", "held_size"),
        CheckConstraint("kind IN ('rollback', 'fork')", name="kind"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    witness: Mapped[str]
    kind: Mapped[str]
    held_size: Mapped[int] = mapped_column(BigInteger)
    request: Mapped[bytes]
    answer: Mapped[str]
    seen_at: Mapped[datetime]


class JournalCheck(Base, Bookkeeping):
    """A check of the whole log, and of the tables it tells of, that came to its end; times are real.

    ``size`` leaves were covered by the newest checkpoint (none: it did not verify), ``entries`` of them hashed again,
    ``rows`` of business tables held against their stories; ``found`` counts all findings, kept or not.
    """

    __tablename__ = "journal_check"
    __bookkeeping__ = "what was found when the log was checked"
    __append_only__ = True
    __grants__ = "SELECT, INSERT"
    __table_args__ = (Index(None, "started_at"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    size: Mapped[int | None] = mapped_column(BigInteger)
    entries: Mapped[int] = mapped_column(BigInteger)
    rows: Mapped[int] = mapped_column(BigInteger)
    found: Mapped[int] = mapped_column(BigInteger)


class JournalCheckFinding(Base, Bookkeeping):
    """Something that a check found: a code of ``exchange.journal.fsck_findings`` and what it is about."""

    __tablename__ = "journal_check_finding"
    __bookkeeping__ = "what was found when the log was checked"
    __append_only__ = True
    __grants__ = "SELECT, INSERT"

    check_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    code: Mapped[str]
    path: Mapped[str]
    detail: Mapped[str]
