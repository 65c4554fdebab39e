"""Writing entries: canonical bytes, gapless ``seq`` per subject, inside the business transaction."""

import hashlib
import hmac
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from exchange import clock, ids, vault
from exchange.errors import InvariantBroken
from exchange.journal import canonical, entry
from exchange.journal.models import JournalEntry

# One statement locks the counters in sorted order (so two transactions cannot wait for each other) and moves them on.
_TAKE_SEQ = text(
    """
    INSERT INTO journal_subject AS s (subject, seq)
    SELECT subject, n FROM unnest(CAST(:subjects AS text[]), CAST(:counts AS bigint[])) AS t (subject, n)
    ORDER BY subject
    ON CONFLICT (subject) DO UPDATE SET seq = s.seq + excluded.seq
    RETURNING subject, seq
    """
)


@dataclass(frozen=True, slots=True)
class Event:
    """What happened, before it has a place in its subject's story.

    ``facts`` hold no floats and no personal data; every amount and big number is a string. ``digests`` name documents
    and goods by SHA-256.
    """

    subject: str
    action: str
    org_id: str | None
    role: str
    person_id: str | None
    links: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    digests: Mapping[str, bytes] = field(default_factory=dict)


def commitment(salt: bytes, person_id: str) -> bytes:
    """Who acted, as an entry may say it: SHA-256 of a tag, a 32-byte salt and the person's id."""
    return hashlib.sha256(b"databourse/who/v1" + salt + person_id.encode()).digest()


def salt_of(person_key: bytes, entry_id: str) -> bytes:
    """The salt of one entry's commitment, from the person's own key: destroying the key destroys every salt."""
    return hmac.digest(person_key, b"databourse/salt/v1" + entry_id.encode(), "sha256")


def write(session: Session, events: Sequence[Event], at: datetime) -> None:
    """Record ``events``, in order, at the instant ``at``.

    Raises:
        InvariantBroken: An event does not make an entry of the form that readers accept.
    """
    counts = Counter(event.subject for event in events)
    subjects = sorted(counts)
    taken = session.execute(_TAKE_SEQ, {"subjects": subjects, "counts": [counts[s] for s in subjects]})
    last: dict[str, int] = {row.subject: row.seq for row in taken}
    following = {subject: last[subject] - counts[subject] for subject in subjects}
    rows = []
    for event in events:
        following[event.subject] += 1
        rows.append(_row(session, event, following[event.subject], at))
    session.execute(insert(JournalEntry), rows)


def _row(session: Session, event: Event, seq: int, at: datetime) -> dict[str, Any]:
    entry_id = ids.new("ent")
    who = None
    if event.person_id is not None:
        salt = salt_of(vault.subject_key(session, event.person_id), entry_id)
        who = commitment(salt, event.person_id).hex()
    links = sorted(set(event.links) - {event.subject})
    body = canonical.dumps(
        {
            "v": entry.VERSION,
            "id": entry_id,
            "nonce": secrets.token_hex(16),
            "at": clock.text(at),
            "org": event.org_id,
            "role": event.role,
            "who": who,
            "action": event.action,
            "subject": event.subject,
            "seq": seq,
            "links": links,
            "facts": dict(event.facts),
            "digests": {name: digest.hex() for name, digest in event.digests.items()},
        }
    )
    try:
        entry.parse(body)  # nothing is written that a reader of the log would not accept
    except entry.InvalidEntry as fault:
        raise InvariantBroken("%(action)s: %(fault)s", action=event.action, fault=str(fault)) from fault
    return {
        "id": entry_id,
        "at": at,
        "subject": event.subject,
        "seq": seq,
        "action": event.action,
        "org_id": event.org_id,
        "person_id": event.person_id,
        "links": links,
        "body": body,
    }
