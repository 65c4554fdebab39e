"""What each organ may see. Default deny: an organ without a scope sees nothing, and what lies outside is not found."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session

from exchange import ids
from exchange.actors import REGULATOR, Actor
from exchange.db import Transaction, read, verb
from exchange.errors import Conflict, Forbidden, Invalid, NotFound
from exchange.journal import entry, queries
from exchange.oversight.models import Coverage, Scope
from exchange.oversight.states import AUTHORITIES, SCOPE_KINDS

ADMINISTRATOR = "administrator"
#: The subjects of oversight itself. They are in nobody's scope: an organ reads its own on pages of their own.
APART = ("look_", "isp_", "csf_")
PARTY_PREFIX = "org_"
MAX_BASIS = 500
_FORMS = {
    "category": ("cat_", re.compile(r"[a-z0-9_]{2,40}")),
    "district": ("dst_", re.compile(r"[0-9]{6}")),
}


@dataclass(frozen=True, slots=True)
class Reach:
    """What an organ may see at this moment.

    Args:
        whole: Everything but other organs' looks.
        keys: Parties, categories and districts, as subjects.
        cases: Every subject of the cases assigned to it, surroundings included.
        authorities: As what kinds of organ it acts, by the scope that says so.
    """

    whole: bool
    keys: frozenset[str]
    cases: frozenset[str]
    authorities: frozenset[str]

    @property
    def empty(self) -> bool:
        """Whether nothing at all is covered."""
        return not (self.whole or self.keys or self.cases)

    def covers(self, subject: InstrumentedAttribute[str]) -> ColumnElement[bool]:
        """The condition that rows of a table with a ``subject`` column are covered."""
        apart = and_(*(~subject.startswith(prefix, autoescape=True) for prefix in APART))
        if self.whole:
            return apart
        if self.empty:
            return false()
        covered = select(Coverage.subject).where(Coverage.subject == subject, Coverage.covered_by.in_(self.keys))
        return and_(apart, or_(subject.in_(self.keys | self.cases), covered.exists()))

    def includes(self, session: Session, subject: str) -> bool:
        """Whether ``subject`` is covered."""
        if subject.startswith(APART):
            return False
        if self.whole or subject in self.keys or subject in self.cases:
            return True
        covered = select(true()).where(Coverage.subject == subject, Coverage.covered_by.in_(self.keys))
        return session.scalar(covered.limit(1)) is not None


def reach(session: Session, organ_id: str | None) -> Reach:
    """What the organ's scopes in force cover; of a case everything a case file would hold."""
    found = session.execute(
        select(Scope.kind, Scope.value, Scope.authority).where(Scope.organ_id == organ_id, Scope.ended_at.is_(None))
    ).all()
    cases = {near for kind, value, _ in found if kind == "case" for near in queries.around(session, value)}
    return Reach(
        whole=any(kind == "all" for kind, _, _ in found),
        keys=frozenset(value for kind, value, _ in found if kind not in {"all", "case"}),
        cases=frozenset(cases),
        authorities=frozenset(authority for _, _, authority in found),
    )


def require(session: Session, actor: Actor, subject: str) -> Reach:
    """What the actor's organ may see, when ``subject`` is part of it.

    Raises:
        NotFound: It is not; the answer is that of a subject that never was.
    """
    found = reach(session, actor.org_id)
    if not found.includes(session, subject):
        raise NotFound("The journal tells nothing of this.")
    return found


def require_whole(session: Session, actor: Actor) -> None:
    """Refuse who does not supervise the whole exchange.

    Raises:
        Forbidden: The organ's scope is narrower.
    """
    if not reach(session, actor.org_id).whole:
        raise Forbidden("Your organ does not supervise the whole exchange.", code="scope_too_narrow")


def belongs(session: Session, subject: str, party: str) -> bool:
    """Whether the journal ties ``subject`` to ``party``: as far as the log has been read off, or by its own entries."""
    tied = select(true()).where(Coverage.subject == subject, Coverage.covered_by == party)
    return session.scalar(tied.limit(1)) is not None or party in queries.linked(session, subject)


@verb
def grant_scope(tx: Transaction, organ_id: str, *, authority: str, kind: str, value: str = "", basis: str) -> Scope:
    """Let an organ see more; ``basis`` names the appointment or the statute, and no person.

    Raises:
        Forbidden: The actor is no administrator.
        Invalid: An unknown authority or kind, a value of another form, or no basis.
        Conflict: The organ has this scope.
    """
    tx.actor.need(ADMINISTRATOR)
    if authority not in AUTHORITIES or kind not in SCOPE_KINDS or not entry.is_subject(organ_id):
        raise Invalid("Name an organ, its kind and what it may see.", code="invalid_scope")
    if not basis.strip() or len(basis) > MAX_BASIS:
        raise Invalid("A scope names its basis.", code="basis_missing", fields={"basis": ["Missing data."]})
    covered = _value(kind, value.strip())
    live = select(Scope).where(Scope.organ_id == organ_id, Scope.kind == kind, Scope.value == covered)
    if tx.first(live.where(Scope.ended_at.is_(None))) is not None:
        raise Conflict("The organ has this scope already.", code="scope_exists")
    scope = Scope(
        id=ids.new("scp"),
        organ_id=organ_id,
        authority=authority,
        kind=kind,
        value=covered,
        basis=basis.strip(),
        since=tx.now,
    )
    tx.add(scope)
    facts = {"scope": scope.id, "authority": authority, "kind": kind, "value": covered, "basis": scope.basis}
    tx.record(organ_id, "scope.granted", by=ADMINISTRATOR, facts=facts)
    return scope


@verb
def end_scope(tx: Transaction, scope_id: str) -> Scope:
    """Take a scope away. Ending it twice changes nothing the second time.

    Raises:
        Forbidden: The actor is no administrator.
        NotFound: There is no such scope.
    """
    tx.actor.need(ADMINISTRATOR)
    scope = tx.lock(Scope, scope_id)
    if scope.ended_at is None:
        scope.ended_at = tx.now
        tx.record(scope.organ_id, "scope.ended", by=ADMINISTRATOR, facts={"scope": scope.id})
    return scope


def scopes_of(actor: Actor, organ_id: str | None = None) -> Sequence[Scope]:
    """The scopes in force: an organ's own for its officers; for administrators and auditors all, or one organ's."""
    statement: Select[Scope] = select(Scope).where(Scope.ended_at.is_(None)).order_by(Scope.organ_id, Scope.id)
    own = actor.org_id if REGULATOR in actor.roles else organ_id
    if own is not None:
        statement = statement.where(Scope.organ_id == own)
    with read() as session:
        return list(session.scalars(statement.limit(500)))


def _value(kind: str, value: str) -> str:
    """The subject that ``value`` stands for."""
    if kind == "all" and not value:
        return ""
    if kind in _FORMS and _FORMS[kind][1].fullmatch(value):
        return _FORMS[kind][0] + value
    if kind == "party" and entry.is_subject(value) and value.startswith(PARTY_PREFIX):
        return value
    if kind == "case" and entry.is_subject(value) and not value.startswith((PARTY_PREFIX, *APART)):
        return value
    raise Invalid("This does not name what the scope covers.", code="invalid_scope_value")


def category(code: str) -> str:
    """The subject that stands for a category, in scopes and restraints."""
    return _FORMS["category"][0] + code


def as_facts(scope: Scope) -> dict[str, Any]:
    """A scope as pages and the API show it."""
    names = ("id", "organ_id", "authority", "kind", "value", "basis", "since")
    return {name: getattr(scope, name) for name in names}
