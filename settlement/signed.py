"""Documents that the exchange signs: kept byte for byte, each with a signed note that names it by digest."""

from datetime import datetime

from exchange import attest, clock, documents
from exchange.db import Transaction


def keep(tx: Transaction, content: bytes, *, subject: str, kind: str, title: str, name: str) -> tuple[bytes, bytes]:
    """Keep a canonical JSON document of ``subject`` and, beside it, the exchange's note on it; the digests of both.

    The note (C2SP signed-note) has three lines: ``title``, the ``name`` of what the document is about, and the
    document's SHA-256 in hex. An entry of the subject in the same transaction names both digests.
    """
    document = documents.put(tx, content, subject=subject, kind=kind, media_type="application/json")
    note = attest.sign(f"{title}\n{name}\n{document.digest.hex()}\n").encode()
    kept = documents.put(tx, note, subject=subject, kind=f"{kind}_note", media_type="text/plain; charset=utf-8")
    return document.digest, kept.digest


def instant(moment: datetime | None) -> dict[str, str] | None:
    """An instant as documents print it: in UTC, and in Beijing time (RULES T-16)."""
    return {"utc": clock.text(moment), "beijing": clock.beijing(moment)} if moment else None
