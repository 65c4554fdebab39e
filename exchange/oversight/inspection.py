"""Inspection: what regulators read, each look recorded with its purpose before anything is shown.

Looks form subjects of their own and link to nothing, so that a party's story does not tell it that it was looked at.
"""

import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from typing import BinaryIO, cast

from sqlalchemy.orm import Session

from exchange import attest, documents
from exchange.actors import REGULATOR, Actor
from exchange.db import Transaction, read, verb
from exchange.errors import Invalid, NotFound, Refused, Unavailable
from exchange.gates import gate
from exchange.journal import canonical, evidence, queries
from exchange.journal.models import JournalCheckpoint, JournalEntry
from exchange.journal.queries import Told
from exchange.web.paging import Page, page

#: How far from its subject a case file reaches: what it links to or is linked from, and what those link to.
REACH = 2
#: A case file of more subjects than this is a period's export, not a case.
MAX_SUBJECTS = 500


@gate("Z-01")
def purpose_given(_tx: Transaction, purpose: str) -> None:
    """A look at somebody's business says what it is for, or is not given."""
    if not purpose.strip():
        raise Refused(
            "Z-01",
            "An inspection without a purpose is refused.",
            remedy="Say what this inspection is for.",
            code="purpose_missing",
        )


@verb
def look(tx: Transaction, what: str, about: str, purpose: str) -> None:
    """Record that a regulator looks at ``about``, and why, apart from the subject's own story (RULES Z-01, Z-06).

    Raises:
        Refused: No purpose was given.
    """
    tx.actor.need(REGULATOR)
    purpose_given(tx, purpose)
    facts = {"what": what, "about": about, "purpose": purpose}
    tx.record(f"look_{tx.actor.org_id}", "inspection.looked", by=REGULATOR, facts=facts)


def search(
    actor: Actor,
    *,
    purpose: str,
    subject: str | None = None,
    action: str | None = None,
    org_id: str | None = None,
    cursor: str | None = None,
    limit: int = 20,
) -> Page[Told]:
    """Entries that fit, newest first."""
    look(actor, "search", subject or action or org_id or "all", purpose)
    with read() as session:
        statement = queries.search(subject, action, org_id)
        keys = (JournalEntry.id,)
        return page(session, statement, keys, cursor=cursor, limit=limit, shape=queries.told)


def story(actor: Actor, subject: str, *, purpose: str) -> tuple[list[Told], list[str]]:
    """A subject's entries in order, and the subjects around it.

    Raises:
        NotFound: No entry tells of it.
    """
    look(actor, "story", subject, purpose)
    with read() as session:
        told = queries.story(session, subject)
        if not told:
            raise NotFound("The journal tells nothing of this.")
        return told, queries.related(session, subject)


def bag(actor: Actor, about: str, *, purpose: str) -> BinaryIO:
    """The evidence bag of ``about`` as an open temporary file at its start; it is gone when it is closed.

    Raises:
        NotFound: No entry tells of ``about``.
        Unavailable: An entry has no place in the log yet; the sequencer needs a moment.
    """
    look(actor, "bag", about, purpose)
    file = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115  (handed to the caller open)
    try:
        with read() as session:
            _write(session, about, file)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def around(session: Session, about: str) -> list[str]:
    """The subjects of a case file: ``about`` and everything within ``REACH``, in a stable order."""
    distance, waiting = {about: 0}, deque([about])
    while waiting:
        subject = waiting.popleft()
        if distance[subject] == REACH:
            continue
        # Beyond the first step only what is linked *to* counts: an organisation is linked from all of its trades.
        near = queries.related(session, subject) if subject == about else queries.linked(session, subject)
        for other in near:
            if other not in distance:
                distance[other] = distance[subject] + 1
                waiting.append(other)
    return sorted(distance)


def _write(session: Session, about: str, file: BinaryIO) -> None:
    subjects = around(session, about)
    if len(subjects) > MAX_SUBJECTS:
        raise Invalid("This reaches too far for one case file.", code="bag_too_large")
    if queries.waiting(session, subjects):
        raise Unavailable("Some entries are just being placed in the log.", retry_after_seconds=1)
    signed = queries.latest_checkpoint(session)
    last, mentioned = _survey(session, subjects, signed)
    if about not in last:
        raise NotFound("The journal tells nothing of this.")
    kept = documents.held(session, sorted(mentioned), of=subjects)
    withheld = dict.fromkeys(mentioned - kept, "goods, or a document that this case file does not carry")
    evidence.write_bag(
        file,
        story=evidence.Story(origin=attest.signer().name, about=about, complete=last, withheld=withheld),
        signed_checkpoint=signed.note,
        entries=_proven(session, subjects, signed.size),
        documents=((digest, documents.open_bytes(session, digest)) for digest in sorted(kept)),
        signer=attest.signer(),
    )


def _survey(session: Session, subjects: Sequence[str], signed: JournalCheckpoint) -> tuple[dict[str, int], set[str]]:
    last: dict[str, int] = {}
    mentioned: set[str] = set()
    for told in queries.in_log(session, subjects, signed.size):
        last[told.subject] = max(told.seq, last.get(told.subject, 0))
        mentioned.update(canonical.loads(told.body)["digests"].values())
    return last, mentioned


def _proven(session: Session, subjects: Sequence[str], size: int) -> Iterator[evidence.ProvenEntry]:
    for told in queries.in_log(session, subjects, size):
        if told.index is not None:
            proof = queries.inclusion_proof(session, told.index, size)
            yield evidence.ProvenEntry(told.index, told.body, proof)
