"""Writing entries: canonical bytes, gapless ``seq`` per subject, inside the business transaction."""

import hashlib
import hmac
import json
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from exchange import clock, ids
from exchange.errors import InvariantBroken
from exchange.journal import canonical, entry

#: Takes the numbers and writes the entries in one round trip. The counters are locked in sorted order, so two
#: transactions cannot wait for each other. An entry consists of its head, its number and its tail; ``behind`` counts
#: the later entries of the same subject. One JSON argument, because eight arrays cost a multiple to pass.
APPEND = """
    WITH event AS (
        SELECT * FROM json_to_recordset(%s::json) AS event (
            place integer, id text, subject text, behind bigint, action text, org_id text, person_id text,
            links text[], head text, tail text)
    ), taken AS (
        INSERT INTO journal_subject AS s (subject, seq)
        SELECT subject, count(*) FROM event GROUP BY subject ORDER BY subject
        ON CONFLICT (subject) DO UPDATE SET seq = s.seq + excluded.seq
        RETURNING subject, seq
    )
    INSERT INTO journal_entry (id, at, subject, seq, action, org_id, person_id, links, body)
    SELECT event.id, %s, subject, seq - behind, action, org_id, person_id, links,
        convert_to(head || (seq - behind) || tail, 'UTF8')
    FROM event JOIN taken USING (subject) ORDER BY place
"""
#: The largest number an entry can hold, so the longest: an entry is judged with it before it has its own.
_LAST_SEQ = canonical.INTEGER_LIMIT - 1


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
    links: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    digests: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Author:
    """The natural person who acts, and that person's data key (``exchange.vault``)."""

    person_id: str
    key: bytes = field(repr=False)


def commitment(salt: bytes, person_id: str) -> bytes:
    """Who acted, as an entry may say it: SHA-256 of a tag, a 32-byte salt and the person's id."""
    return hashlib.sha256(b"databourse/who/v1" + salt + person_id.encode()).digest()


def salt_of(person_key: bytes, entry_id: str) -> bytes:
    """The salt of one entry's commitment, from the person's own key: destroying the key destroys every salt."""
    return hmac.digest(person_key, b"databourse/salt/v1" + entry_id.encode(), "sha256")


def write(connection: Connection, events: Sequence[Event], at: datetime, author: Author | None) -> None:
    """Record ``events``, in order, at the instant ``at``, as the deeds of ``author`` (none: the clock, a gateway).

    Raises:
        InvariantBroken: An event does not make an entry of the form that readers accept.
    """
    behind = Counter(event.subject for event in events)
    rows = []
    for place, event in enumerate(events):
        behind[event.subject] -= 1
        rows.append({"place": place, "behind": behind[event.subject], **_row(event, at, author)})
    written = connection.exec_driver_sql(APPEND, (json.dumps(rows, ensure_ascii=False), at))
    if written.rowcount != len(events):
        raise InvariantBroken("entries got lost on the way into the journal")


def _row(event: Event, at: datetime, author: Author | None) -> dict[str, Any]:
    entry_id = ids.new("ent")
    links = sorted(set(event.links) - {event.subject})
    body = {
        "v": entry.VERSION,
        "id": entry_id,
        "nonce": secrets.token_hex(16),
        "at": clock.text(at),
        "org": event.org_id,
        "role": event.role,
        "who": None if author is None else commitment(salt_of(author.key, entry_id), author.person_id).hex(),
        "action": event.action,
        "subject": event.subject,
        "seq": _LAST_SEQ,
        "links": links,
        "facts": dict(event.facts),
        "digests": {name: digest.hex() for name, digest in event.digests.items()},
    }
    try:
        head, tail = _around_seq(body)  # nothing is written that a reader of the log would not accept
    except (entry.InvalidEntry, canonical.NotCanonical) as fault:
        raise InvariantBroken("%(action)s: %(fault)s", action=event.action, fault=str(fault)) from fault
    return {
        "id": entry_id,
        "subject": event.subject,
        "action": event.action,
        "org_id": event.org_id,
        "person_id": author.person_id if author else None,
        "links": links,
        "head": head,
        "tail": tail,
    }


def _around_seq(body: dict[str, Any]) -> tuple[str, str]:
    """The canonical text of an entry before and after its ``seq``.

    Raises:
        InvalidEntry: It is none, or a longer number would make it too long.
        NotCanonical: It holds what canonical JSON does not.
    """
    entry.check(body)
    data = canonical.dumps(body)
    if len(data) > entry.SIZE_LIMIT_BYTES:
        raise entry.InvalidEntry(f"an entry has at most {entry.SIZE_LIMIT_BYTES} bytes")
    # The last one is the entry's own: ``subject``, ``v`` and ``who``, which follow it, have forms without quotes.
    head, _, tail = data.decode().rpartition(f'"seq":{_LAST_SEQ},')
    return f'{head}"seq":', f",{tail}"
