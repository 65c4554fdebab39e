"""Bookkeeping of the transaction itself: request keys, due rows, the outbox, the demonstration's clock."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from exchange.orm import Base, Bookkeeping, Journalled


class RequestKey(Base, Bookkeeping):
    """An idempotency key that was used: who, for which verb, with which body, and the subject that came of it."""

    __tablename__ = "request_key"
    __bookkeeping__ = "remembers requests, not business"
    __table_args__ = (Index(None, "at"),)

    actor: Mapped[str] = mapped_column(primary_key=True)
    verb: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    body_digest: Mapped[bytes]
    subject_table: Mapped[str | None]
    subject_id: Mapped[str | None]
    at: Mapped[datetime]


class Due(Base, Bookkeeping):
    """Something that falls due at ``at`` of the exchange's time: ``kind`` names the handler of ``subject``.

    ``retry_at`` (real time) holds a row back whose handler was refused or failed.
    """

    __tablename__ = "due"
    __bookkeeping__ = "a reminder of a deadline; the deadline itself stands on the subject"
    __table_args__ = (UniqueConstraint("kind", "subject"), Index(None, "at", "id"))

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    kind: Mapped[str]
    subject: Mapped[str]
    at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime | None]
    problem: Mapped[str | None]


class Outbox(Base, Bookkeeping):
    """What must happen outside once the transaction is committed: ``kind`` names the carrier."""

    __tablename__ = "outbox"
    __bookkeeping__ = "delivery of what is already recorded"
    __table_args__ = (
        Index(None, "retry_at", "id", postgresql_where="done_at IS NULL"),
        Index(None, "done_at", postgresql_where="done_at IS NOT NULL"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    kind: Mapped[str]
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    retry_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    done_at: Mapped[datetime | None]
    problem: Mapped[str | None]


class ClockOffset(Base, Journalled):
    """How far the demonstration's clock runs ahead of real time; the largest row counts."""

    __tablename__ = "clock_offset"
    __subject__ = "subject"
    __append_only__ = True
    __table_args__ = (CheckConstraint("seconds > 0", name="seconds"),)

    seconds: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    subject: Mapped[str]
    at: Mapped[datetime]
