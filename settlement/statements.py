"""What a party or an officer says when taking a step: kept word for word, so that evidence holds it."""

from exchange import documents
from exchange.db import Transaction
from exchange.errors import Invalid
from exchange.journal import canonical

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
    kept = documents.put(tx, content, subject=subject, kind="statement", media_type="application/json")
    return {"statement": kept.digest}
