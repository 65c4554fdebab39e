"""What is read off the log for overseers: which subjects belong to whom, and the words to find entries by.

The worker follows the log leaf by leaf, so recording costs nothing for it. Both tables can be emptied and made again.

A subject is covered by the parties of its entries, by the categories and districts its entries name, and by whatever
covers the subjects they link to: a lot by its trade's parties, a trade by its goods' category. Parties and people take
nothing over from what they link to: an organ that may see one category does not therefore see all of a trader's life.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import rjieba
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from exchange.actors import REGULATOR, STAFF_ROLES
from exchange.db import engine
from exchange.journal import canonical
from exchange.journal.models import JournalEntry, JournalLeaf
from exchange.oversight.models import Coverage, Projection
from exchange.oversight.scopes import APART, PARTY_PREFIX, category

NAME = "oversight"
#: Leaves taken in one round.
BATCH = 500
#: Longest text of one entry that is searched, in characters.
MAX_TEXT = 20_000
PERSON_PREFIX = "per_"
_OFFICIALS = STAFF_ROLES | {REGULATOR}
_WORD = re.compile(r"\w")
_DISTRICT = re.compile(r"[0-9]{6}")
_USCC_DISTRICT = slice(2, 8)

_CLAIM = text("SELECT next_index FROM journal_projection WHERE name = :name FOR UPDATE SKIP LOCKED")


class _Leaf(NamedTuple):
    place: int
    entry_id: str
    subject: str
    links: Sequence[str]
    body: bytes


def follow() -> bool:
    """Read off the next leaves; says whether there were any. Several workers may call it: one at a time works."""
    with Session(engine()) as session, session.begin():
        session.execute(insert(Projection).values(name=NAME, next_index=0).on_conflict_do_nothing())
        start = session.scalar(_CLAIM, {"name": NAME})
        if start is None:
            return False
        leaves = _next(session, start)
        if not leaves:
            return False
        entries = [canonical.loads(leaf.body) for leaf in leaves]
        _keep_terms(session, leaves, entries)
        _keep_coverage(session, leaves, entries)
        session.get_one(Projection, NAME).next_index = leaves[-1].place + 1
    return True


def followed_to(session: Session) -> int:
    """How many leaves of the log have been read off."""
    return session.scalar(select(Projection.next_index).where(Projection.name == NAME)) or 0


def cut(words: str) -> list[str]:
    """The words of a text, in lower case, as they are kept and as they are looked for."""
    return [word for token in rjieba.cut_for_search(words.lower()) if _WORD.search(word := token.strip())]


def _next(session: Session, start: int) -> list[_Leaf]:
    rows = session.execute(
        select(JournalLeaf.index, JournalEntry.id, JournalEntry.subject, JournalEntry.links, JournalEntry.body)
        .join(JournalEntry, JournalEntry.id == JournalLeaf.entry_id)
        .where(JournalLeaf.index >= start)
        .order_by(JournalLeaf.index)
        .limit(BATCH)
    )
    return [_Leaf(*row) for row in rows]


# -- words ------------------------------------------------------------------------------------------------------------


def _keep_terms(session: Session, leaves: Sequence[_Leaf], entries: Sequence[Mapping[str, Any]]) -> None:
    rows = [
        {"entry_id": leaf.entry_id, "words": cut(" ".join(_texts(told["facts"]))[:MAX_TEXT])}
        for leaf, told in zip(leaves, entries, strict=True)
        if not leaf.subject.startswith(APART)
    ]
    rows = [row for row in rows if row["words"]]
    if rows:
        statement = text(
            "INSERT INTO journal_terms (entry_id, terms) VALUES (:entry_id, array_to_tsvector(CAST(:words AS text[])))"
            " ON CONFLICT DO NOTHING"
        )
        session.execute(statement, [{**row, "words": sorted(set(row["words"]))} for row in rows])


def _texts(value: Any) -> Iterator[str]:
    """Every text and number of the facts."""
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _texts(inner)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


# -- coverage ---------------------------------------------------------------------------------------------------------


def _keep_coverage(session: Session, leaves: Sequence[_Leaf], entries: Sequence[Mapping[str, Any]]) -> None:
    known = _known(session, leaves)
    fresh: set[tuple[str, str]] = set()
    for leaf, told in zip(leaves, entries, strict=True):
        if leaf.subject.startswith(APART):
            continue
        for subject, keys in _covered(leaf, told, known):
            fresh |= {(subject, key) for key in keys - known[subject]}
            known[subject] |= keys
    if fresh:
        rows = [{"subject": subject, "covered_by": key} for subject, key in sorted(fresh)]
        session.execute(insert(Coverage).on_conflict_do_nothing(), rows)


def _known(session: Session, leaves: Sequence[_Leaf]) -> defaultdict[str, set[str]]:
    named = {subject for leaf in leaves for subject in (leaf.subject, *leaf.links)}
    known: defaultdict[str, set[str]] = defaultdict(set)
    rows = session.execute(select(Coverage.subject, Coverage.covered_by).where(Coverage.subject.in_(sorted(named))))
    for subject, key in rows:
        known[subject].add(key)
    return known


def _covered(leaf: _Leaf, told: Mapping[str, Any], known: Mapping[str, set[str]]) -> Iterable[tuple[str, set[str]]]:
    """What one entry says of the coverage of its subject, and of what it links to."""
    named = _classes(told["facts"])
    if leaf.subject.startswith((PARTY_PREFIX, PERSON_PREFIX)):
        own = {leaf.subject} if leaf.subject.startswith(PARTY_PREFIX) else set()
        districts = {key for key in named if not key.startswith(category(""))}
        yield leaf.subject, own | (districts if own else set())
        return
    parties = {link for link in leaf.links if link.startswith(PARTY_PREFIX)}
    if told["org"] is not None and told["role"] not in _OFFICIALS:
        parties.add(told["org"])
    inherited = {key for link in leaf.links if not link.startswith(PERSON_PREFIX) for key in known[link]}
    yield leaf.subject, named | parties | inherited
    # What a version is of, its goods are of too; parties are not of a category because they trade in it.
    for link in leaf.links:
        if named and not link.startswith((PARTY_PREFIX, PERSON_PREFIX)):
            yield link, named


def _classes(facts: Mapping[str, Any]) -> set[str]:
    """Categories and districts that facts name; of a body's code its place of registration, at all three levels."""
    found = set()
    code = facts.get("category")
    if isinstance(code, str) and code:
        found.add(category(code))
    place = facts.get("district") or str(facts.get("uscc") or "")[_USCC_DISTRICT]
    if isinstance(place, str) and _DISTRICT.fullmatch(place):
        found |= {f"dst_{place[:2]}0000", f"dst_{place[:4]}00", f"dst_{place}"}
    return found
