"""What a party or an officer says when taking a step: kept word for word, so that evidence holds it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange import documents
from exchange.db import Transaction
from exchange.errors import Invalid
from exchange.journal import canonical

KIND = "statement"
TYPE = "databourse/statement/v1"
MAX_CHARACTERS = 2000


def cleaned(words: str) -> str:
    """``words`` without the space around them.

    Raises:
        Invalid: Nothing is said, or too much.
    """
    said = words.strip()
    if not said:
        raise Invalid("Say why.", code="reason_missing")
    if len(said) > MAX_CHARACTERS:
        raise Invalid("A reason has at most %(most)s characters.", code="reason_too_long", most=MAX_CHARACTERS)
    return said


def keep(tx: Transaction, subject: str, *, by: str, step: str, words: str) -> dict[str, bytes]:
    """Keep what ``by`` said at a step of ``subject``; the digests that the step's entry names it by.

    Raises:
        Invalid: Nothing is said, or too much.
    """
    content = canonical.dumps({"type": TYPE, "subject": subject, "by": by, "step": step, "words": cleaned(words)})
    kept = documents.put(tx, content, subject=subject, kind=KIND, media_type="application/json")
    return {"statement": kept.digest}


def of(session: Session, subject: str) -> Iterator[tuple[dict[str, Any], datetime]]:
    """What was said at the steps of ``subject`` and when, oldest first: ``by``, ``step`` and ``words``."""
    document = documents.Document
    kept = select(document.content, document.created_at).where(document.subject == subject, document.kind == KIND)
    for content, at in session.execute(kept.order_by(document.created_at, document.digest)):
        yield canonical.loads(content), at
