"""What officers read in the journal: search, stories, single entries with their proof, evidence bags.

Every function records the look before anything is shown, and shows what the organ's scope covers only.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, cast

from sqlalchemy import Select, select, text
from sqlalchemy.orm import Session

from exchange import attest, clock, documents
from exchange.actors import Actor
from exchange.db import read
from exchange.errors import Invalid, NotFound, Unavailable
from exchange.journal import bundles, canonical, checkpoint, evidence, published, queries
from exchange.journal.models import JournalEntry, JournalSubject
from exchange.journal.published import Published
from exchange.journal.queries import Criteria, Told
from exchange.oversight import projection, scopes
from exchange.oversight.looks import look, record_look
from exchange.oversight.models import Coverage
from exchange.oversight.scopes import Reach
from exchange.web.paging import Page, page

#: A case file of more subjects than this is a period's export, not a case.
MAX_SUBJECTS = 500
MAX_QUERY = 200
#: Entries of a case on one page.
CASE_LIMIT = 50


@dataclass(frozen=True, slots=True)
class Proof:
    """An entry, and the tlog-proof that it is in the log; ``None`` while it waits for its place."""

    told: Told
    text: str | None


def search(
    actor: Actor,
    *,
    purpose: str = "",
    subject: str | None = None,
    action: str | None = None,
    party: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    words: str | None = None,
    cursor: str | None = None,
    limit: int = 20,
) -> Page[Told]:
    """Entries in scope that fit, newest first; ``words`` are looked for in the entries' facts.

    Raises:
        Invalid: The words are too long, or the cursor is not one of ours.
    """
    if words is not None and len(words) > MAX_QUERY:
        raise Invalid("Search for at most %(most)s characters.", code="query_too_long", most=MAX_QUERY)
    asked: dict[str, Any] = {"subject": subject, "action": action, "party": party, "words": words}
    asked |= {name: clock.text(moment) for name, moment in (("since", since), ("until", until)) if moment}
    given = {name: value for name, value in asked.items() if value is not None}
    record_look(actor.with_key(None), "search", subject or party or "all", purpose, given)
    with read() as session:
        reach = scopes.reach(session, actor.org_id)
        statement = queries.search(Criteria(subject, action, since, until)).where(reach.covers(JournalEntry.subject))
        if party is not None:
            statement = _of_party(statement, party)
        if words is not None:
            statement = _with_words(statement, words)
        keys = queries.SEARCH_KEYS
        return page(session, statement, keys, cursor=cursor, limit=limit, shape=queries.found)


def _of_party(statement: Select[*tuple[Any, ...]], party: str) -> Select[*tuple[Any, ...]]:
    covered = select(Coverage.subject).where(Coverage.subject == JournalEntry.subject, Coverage.covered_by == party)
    return statement.where(covered.exists())


def _with_words(statement: Select[*tuple[Any, ...]], words: str) -> Select[*tuple[Any, ...]]:
    """Every word has to occur. The query is built from an array of lexemes: nothing in it is read as an operator."""
    cut = projection.cut(words)
    if not cut:
        raise Invalid("Search for words or numbers.", code="nothing_to_search")
    matching = text(
        "EXISTS (SELECT 1 FROM journal_terms t WHERE t.entry_id = journal_entry.id AND t.terms @@ ("
        "SELECT string_agg(quote_literal(w), ' & ')::tsquery FROM unnest(CAST(:words AS text[])) AS u (w)))"
    )
    return statement.where(matching.bindparams(words=sorted(set(cut))))


def story(actor: Actor, subject: str, *, purpose: str = "") -> tuple[list[Told], list[str]]:
    """A subject's entries in order, and the subjects around it that are in scope too.

    Raises:
        NotFound: No entry tells of it, or it is outside the organ's scope.
    """
    look(actor, "story", subject, purpose)
    with read() as session:
        told = queries.story(session, subject)
        if not told:
            raise NotFound("The journal tells nothing of this.")
        reach = scopes.reach(session, actor.org_id)
        return told, visible(session, reach, queries.related(session, subject))


def case(actor: Actor, subject: str, *, purpose: str = "", cursor: str | None = None) -> Page[Told]:
    """The entries of a subject and of everything around it in one line, newest first.

    Raises:
        NotFound: It is outside the organ's scope.
    """
    look(actor, "case", subject, purpose)
    with read() as session:
        near = visible(session, scopes.reach(session, actor.org_id), queries.around(session, subject))[:MAX_SUBJECTS]
        statement = queries.search(Criteria()).where(JournalEntry.subject.in_(near))
        keys = queries.SEARCH_KEYS
        return page(session, statement, keys, cursor=cursor, limit=CASE_LIMIT, shape=queries.found)


def proof(actor: Actor, entry_id: str, *, purpose: str = "") -> Proof:
    """One entry, with the proof that the log holds it.

    Raises:
        NotFound: There is none, or its subject is outside the organ's scope.
    """
    with read() as session:
        known = session.scalar(select(JournalEntry.subject).where(JournalEntry.id == entry_id))
    if known is None:
        record_look(actor.with_key(None), "entry", "none", purpose)
        raise NotFound("The journal tells nothing of this.")
    look(actor, "entry", known, purpose)
    with read() as session:
        told = queries.entry(session, entry_id)
        if told.index is None:
            return Proof(told, None)
        signed = published.covering(session, told.index + 1)
        hashes = queries.inclusion_proof(session, told.index, signed.size)
        return Proof(told, checkpoint.format_proof(told.index, hashes, signed.note))


def bundle(actor: Actor, index: int, width: int, *, purpose: str = "") -> bytes:
    """The first ``width`` entries of a bundle of the log, as C2SP lays them out.

    Raises:
        Forbidden: The organ does not supervise the whole exchange: a bundle holds entries of anybody.
        NotFound: The log does not reach so far.
    """
    look(actor, "bundle", "all", purpose, {"bundle": index})
    with read() as session:
        return bundles.join(queries.bodies(session, index, width))


def bag(actor: Actor, about: str, *, purpose: str = "") -> BinaryIO:
    """The evidence bag of ``about`` as an open temporary file at its start; it is gone when it is closed.

    Raises:
        NotFound: No entry tells of ``about``, or it is outside the organ's scope.
        Unavailable: An entry has no place in the log yet; the sequencer needs a moment.
    """
    look(actor, "bag", about, purpose)
    with read() as session:
        return build(session, actor.org_id, about)


def build(session: Session, organ_id: str | None, about: str) -> BinaryIO:
    """The evidence bag of ``about``, of what the organ's scope covers around it; the caller recorded the look."""
    file = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115  (handed to the caller open)
    try:
        _write(session, scopes.reach(session, organ_id), about, file)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def visible(session: Session, reach: Reach, subjects: Sequence[str]) -> list[str]:
    """Those of ``subjects`` that the organ may see, in order."""
    statement = select(JournalSubject.subject).where(
        JournalSubject.subject.in_(subjects), reach.covers(JournalSubject.subject)
    )
    return sorted(session.scalars(statement))


def _write(session: Session, reach: Reach, about: str, file: BinaryIO) -> None:
    subjects = visible(session, reach, queries.around(session, about))
    if len(subjects) > MAX_SUBJECTS:
        raise Invalid("This reaches too far for one case file.", code="bag_too_large")
    if queries.waiting(session, subjects):
        raise Unavailable("Some entries are just being placed in the log.", retry_after_seconds=1)
    signed = published.covering_stories(session, subjects)
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


def _survey(session: Session, subjects: Sequence[str], signed: Published) -> tuple[dict[str, int], set[str]]:
    last: dict[str, int] = {}
    mentioned: set[str] = set()
    for told in queries.in_log(session, subjects, signed.size):
        last[told.subject] = max(told.seq, last.get(told.subject, 0))
        mentioned.update(canonical.loads(told.body)["digests"].values())
    return last, mentioned


def _proven(session: Session, subjects: Sequence[str], size: int) -> Iterator[evidence.ProvenEntry]:
    for told in queries.in_log(session, subjects, size):
        if told.index is not None:
            hashes = queries.inclusion_proof(session, told.index, size)
            yield evidence.ProvenEntry(told.index, told.body, hashes)
