"""Documents by digest: what entries name and evidence carries (contracts, decisions, receipts, declarations).

A document belongs to the story of one subject, is kept byte for byte, and is never changed. Large things (goods) live
in the object store instead.
"""

import hashlib
import io
from collections.abc import Sequence
from datetime import datetime
from typing import BinaryIO

from sqlalchemy import CheckConstraint, Index, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from exchange.db import Transaction
from exchange.errors import Invalid, NotFound
from exchange.orm import Base, Journalled

MAX_BYTES = 8 * 1024 * 1024


class Document(Base, Journalled):
    """The bytes whose SHA-256 is ``digest``, kept for ``subject``; ``kind`` says what they are to it."""

    __tablename__ = "document"
    __subject__ = "subject"
    __append_only__ = True
    __table_args__ = (
        CheckConstraint("octet_length(digest) = 32", name="digest"),
        CheckConstraint(f"octet_length(content) BETWEEN 1 AND {MAX_BYTES}", name="content"),
        Index(None, "digest"),
    )

    subject: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(primary_key=True)
    kind: Mapped[str]
    media_type: Mapped[str]
    content: Mapped[bytes] = mapped_column(deferred=True)
    created_at: Mapped[datetime]


def put(tx: Transaction, content: bytes, *, subject: str, kind: str, media_type: str) -> Document:
    """Keep ``content`` for ``subject``, whose entry in the same transaction should name its digest.

    The same bytes for the same subject are kept once: the first ``kind`` stays.

    Raises:
        Invalid: Empty, or more than 8 MiB.
    """
    if not 0 < len(content) <= MAX_BYTES:
        raise Invalid("A document has between 1 and %(most)s bytes.", code="document_size", most=MAX_BYTES)
    digest = hashlib.sha256(content).digest()
    known = tx.session.get(Document, (subject, digest))
    if known is not None:
        return known
    return tx.add(
        Document(subject=subject, digest=digest, kind=kind, media_type=media_type, content=content, created_at=tx.now)
    )


def get(session: Session, digest: bytes) -> Document:
    """The document of that digest, whosever it is: the caller has shown that the reader may see it.

    Raises:
        NotFound: Nobody keeps one.
    """
    document = session.scalars(select(Document).where(Document.digest == digest).limit(1)).first()
    if document is None:
        raise NotFound("There is no such document.")
    return document


def held(session: Session, digests: Sequence[str], *, of: Sequence[str]) -> set[str]:
    """Which of ``digests`` (lower hex) are documents kept for one of the subjects ``of``.

    A party may name any digest, that of somebody else's document too: whose story a document belongs to decides.
    """
    wanted = [bytes.fromhex(digest) for digest in digests]
    kept = select(Document.digest).where(Document.digest.in_(wanted), Document.subject.in_(of))
    return {found.hex() for found in session.scalars(kept)}


def open_bytes(session: Session, digest: str) -> BinaryIO:
    """The bytes of the document of that digest (lower hex), as a stream."""
    return io.BytesIO(get(session, bytes.fromhex(digest)).content)
