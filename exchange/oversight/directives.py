"""Directives 监管措施: what an organ orders, by two of its officers, and how the party answers.

A measure is ordered on a legal basis that the table of measure x organ x basis allows, with the number of the organ's
own document. What suspends takes effect the moment the second officer confirms it; money is frozen only on a statute
that says so, and is otherwise recorded as a request that binds nobody.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from exchange import clock, documents, ids
from exchange.actors import REGULATOR
from exchange.db import Transaction, verb
from exchange.errors import Conflict, Forbidden, Invalid, NotFound, Refused, WrongState
from exchange.gates import gate
from exchange.journal import canonical, entry, queries
from exchange.lifecycle import CLOCK
from exchange.oversight import restraints, scopes
from exchange.oversight.models import Directive
from exchange.oversight.scopes import PARTY_PREFIX, Reach
from exchange.oversight.states import ANSWERING, BASES, IN_FORCE, MEASURES

OVERDUE = "directive.overdue"
MAX_WORDS = 4000
MAX_NUMBER = 100
MAX_DAYS = 180
MAX_FILES = 5
_MAGIC = {b"%PDF-": "application/pdf", b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


@gate("Z-04")
def lawful(reach: Reach, measure: str, basis: str, document_number: str) -> None:
    """An organ orders what its kind may order, on a basis that carries it, under a document number of its own."""
    known = BASES.get(basis)
    fits = known is not None and (measure in known.measures or MEASURES[measure].statutory)
    if not fits or known is None or not known.authorities & reach.authorities:
        raise Refused(
            "Z-04",
            "This basis does not let your organ order this measure.",
            remedy="Choose a basis that the table of measures gives your organ.",
            code="measure_not_allowed",
        )
    if not document_number.strip():
        raise Refused(
            "Z-04",
            "A directive without a document number is refused.",
            remedy="Give the number of your organ's document.",
            code="document_number_missing",
        )


@gate("Z-04")
def second_officer(tx: Transaction, first: str | None) -> None:
    """Two natural persons order, and two lift."""
    if tx.actor.person_id == first:
        raise Refused(
            "Z-04",
            "Another officer of your organ has to confirm this.",
            remedy="Ask a second officer to confirm.",
            code="second_officer_missing",
        )


# -- ordering ---------------------------------------------------------------------------------------------------------


@verb
def propose_directive(
    tx: Transaction,
    *,
    measure: str,
    basis: str,
    document_number: str,
    target_kind: str,
    target: str = "",
    served_on: str | None = None,
    demand: str,
    answer_days: int,
) -> Directive:
    """Draft a directive; it binds nobody until another officer of the organ confirms it.

    Args:
        tx: The open transaction of an officer.
        measure: A code of ``MEASURES``.
        basis: A code of ``BASES``.
        document_number: Of the organ's own document.
        target_kind: A code of ``TARGET_KINDS``.
        target: The party, the subject, or the category's code; nothing for the whole market.
        served_on: The party that answers, where the target is a subject.
        demand: What is demanded, in the words the party will read.
        answer_days: Days for the answer, from service.

    Raises:
        Invalid: The measure does not fit the target, or something is missing.
        NotFound: The target is outside the organ's scope.
        Refused: The basis does not carry the measure for this organ, or there is no document number (Z-04).
    """
    organ_id, person_id = _officer(tx)
    if measure not in MEASURES or target_kind not in MEASURES[measure].targets:
        raise Invalid("This measure cannot be ordered about this.", code="measure_target")
    if not demand.strip() or len(demand) > MAX_WORDS or not 1 <= answer_days <= MAX_DAYS:
        raise Invalid("A directive says what is demanded, and in how many days.", code="demand_missing")
    if len(document_number) > MAX_NUMBER:
        raise Invalid("A document number has at most %(most)s characters.", most=MAX_NUMBER)
    about, party = _target(target_kind, target, served_on)
    reach = scopes.reach(tx.session, organ_id)
    _in_scope(tx, reach, target_kind, about, party)
    lawful(reach, measure, basis, document_number)
    directive = Directive(
        id=ids.new("drv"),
        organ_id=organ_id,
        measure=measure,
        basis=basis,
        document_number=document_number.strip(),
        target_kind=target_kind,
        target=about,
        served_on=party,
        binding=not MEASURES[measure].statutory or measure in BASES[basis].measures,
        demand=demand.strip(),
        answer_days=answer_days,
        proposed_by=person_id,
    )
    # A draft links to nothing: nobody's story shows that something is being prepared.
    facts = {"measure": measure, "basis": basis, "binding": directive.binding}
    tx.create(directive, "directive.proposed", by=REGULATOR, facts=facts, digests=_keep_demand(tx, directive))
    return directive


@verb
def confirm_directive(tx: Transaction, directive_id: str) -> Directive:
    """Put a directive in force as the second officer: it is served, and what it suspends is suspended at once.

    Raises:
        NotFound: There is none, it is another organ's, or its target has left the organ's scope.
        Refused: The same officer proposed it, or the organ may no longer order it (Z-04).
        WrongState: It is not waiting for confirmation.
    """
    directive = _own(tx, directive_id)
    second_officer(tx, directive.proposed_by)
    reach = scopes.reach(tx.session, directive.organ_id)
    _in_scope(tx, reach, directive.target_kind, directive.target, directive.served_on)
    lawful(reach, directive.measure, directive.basis, directive.document_number)
    directive.confirmed_by = tx.actor.person_id
    directive.served_at = tx.now
    due = _set_deadline(tx, directive)
    links = sorted({directive.target, *([directive.served_on] if directive.served_on else [])})
    facts = {"measure": directive.measure, "document": directive.document_number, "binding": directive.binding, **due}
    tx.advance(directive, "confirm", by=REGULATOR, facts=facts, links=links)
    if directive.binding and MEASURES[directive.measure].restrains:
        restraints.impose(tx, directive)
    return directive


@verb
def withdraw_directive(tx: Transaction, directive_id: str) -> Directive:
    """Drop a draft; nobody outside the organ hears of it.

    Raises:
        NotFound: There is none, or it is another organ's.
        WrongState: It is in force, or was.
    """
    directive = _own(tx, directive_id)
    tx.advance(directive, "withdraw", by=REGULATOR)
    return directive


@verb
def send_back_directive(tx: Transaction, directive_id: str, *, reason: str, answer_days: int) -> Directive:
    """Find an answer insufficient: the party answers again within ``answer_days``.

    Raises:
        NotFound: There is none, or it is another organ's.
        Invalid: No reason, or days out of range.
        WrongState: There is no answer to send back.
    """
    directive = _own(tx, directive_id)
    if not 1 <= answer_days <= MAX_DAYS:
        raise Invalid("An answer is due in 1 to %(most)s days.", most=MAX_DAYS)
    digests = {"reason": _keep(tx, directive, "sending_back", reason)}
    directive.answer_days = answer_days
    due = _set_deadline(tx, directive)
    tx.advance(directive, "send_back", by=REGULATOR, facts=due, links=_served(directive), digests=digests)
    return directive


@verb
def propose_lifting(tx: Transaction, directive_id: str, *, reason: str) -> Directive:
    """Propose to end a directive; another officer of the organ lifts it.

    Raises:
        NotFound: There is none, or it is another organ's.
        Invalid: No reason.
        WrongState: It is not in force.
        Conflict: It is proposed already.
    """
    directive = _own(tx, directive_id)
    if directive.state not in IN_FORCE:
        raise WrongState("Only a directive in force is lifted.", code="not_in_force")
    if directive.lift_proposed_by is not None:
        raise Conflict("Lifting is proposed already.", code="lifting_proposed")
    digests = {"reason": _keep(tx, directive, "lifting", reason)}
    directive.lift_proposed_by, directive.lift_reason = tx.actor.person_id, reason.strip()
    tx.record(directive.id, "directive.lifting_proposed", by=REGULATOR, digests=digests)
    return directive


@verb
def lift_directive(tx: Transaction, directive_id: str) -> Directive:
    """End a directive as the second officer; what it suspended goes on at once.

    Raises:
        NotFound: There is none, or it is another organ's.
        WrongState: It is not in force, or nobody proposed to lift it.
        Refused: The same officer proposed it (Z-04).
    """
    directive = _own(tx, directive_id)
    if directive.lift_proposed_by is None:
        raise WrongState("Nobody proposed to lift this.", code="lifting_not_proposed")
    second_officer(tx, directive.lift_proposed_by)
    directive.answer_due_at = None
    tx.undue(OVERDUE, directive.id)
    tx.advance(directive, "lift", by=REGULATOR, links=_served(directive))
    restraints.release(tx, directive)
    return directive


# -- answering --------------------------------------------------------------------------------------------------------


@gate("Z-03")
def answered_in_words(answer: str) -> None:
    """An answer says what was done."""
    if not answer.strip():
        raise Refused(
            "Z-03",
            "An answer without words is refused.",
            remedy="Say what you did about each demand.",
            code="answer_missing",
        )


@verb
def answer_directive(tx: Transaction, directive_id: str, *, answer: str, files: Sequence[bytes] = ()) -> Directive:
    """Answer a directive as the party it was served on, with documents (PDF, PNG or JPEG, at most 8 MiB each).

    Raises:
        Forbidden: The actor may not answer for a party.
        NotFound: There is none, or it was served on another party.
        Invalid: The words are too long, there are too many files, or one is of another type.
        Refused: There are no words (Z-03).
        WrongState: No answer is due.
    """
    role = tx.actor.need(*ANSWERING)
    directive = tx.lock(Directive, directive_id)
    if directive.served_on is None or directive.served_on != tx.actor.org_id or directive.served_at is None:
        raise NotFound("There is no such %(kind)s.", kind="directive")
    answered_in_words(answer)
    if len(files) > MAX_FILES:
        raise Invalid("An answer has at most %(most)s files.", code="too_many_files", most=MAX_FILES)
    digests = {"answer": _keep(tx, directive, "answer", answer)}
    for number, content in enumerate(files, 1):
        media_type = media_type_of(content)
        kept = documents.put(tx, content, subject=directive.id, kind="attachment", media_type=media_type)
        digests[f"attachment_{number}"] = kept.digest
    directive.answered_at, directive.answer_due_at = tx.now, None
    tx.undue(OVERDUE, directive.id)
    tx.advance(directive, "answer", by=role, facts={"files": len(files)}, digests=digests)
    return directive


@verb
def mark_overdue(tx: Transaction, directive_id: str) -> Directive:
    """Note that no answer came in time (called by the clock): the organ's desk shows it."""
    tx.actor.need(CLOCK)
    directive = tx.lock(Directive, directive_id)
    if directive.answer_due_at is None or directive.answer_due_at > tx.now:
        raise WrongState("The time to answer is not over.", code="not_over")
    tx.advance(directive, "overdue", by=CLOCK, links=_served(directive))
    return directive


def media_type_of(content: bytes) -> str:
    """The type of a document, by how it begins.

    Raises:
        Invalid: It is none of those that are taken.
    """
    for magic, media_type in _MAGIC.items():
        if content.startswith(magic):
            return media_type
    raise Invalid("A document is a PDF, PNG or JPEG file.", code="document_type")


# -- parts ------------------------------------------------------------------------------------------------------------


def _officer(tx: Transaction) -> tuple[str, str]:
    tx.actor.need(REGULATOR)
    if tx.actor.org_id is None or tx.actor.person_id is None:
        raise Forbidden("An overseer acts for a body.")
    return tx.actor.org_id, tx.actor.person_id


def _own(tx: Transaction, directive_id: str) -> Directive:
    organ_id, _ = _officer(tx)
    directive = tx.lock(Directive, directive_id)
    if directive.organ_id != organ_id:
        raise NotFound("There is no such %(kind)s.", kind="directive")
    return directive


def _target(kind: str, target: str, served_on: str | None) -> tuple[str, str | None]:
    """The subject a directive is about, and the party that answers."""
    if kind == "market":
        about = restraints.MARKET
    elif kind == "category":
        about = scopes.category(target)
    else:
        about = target
    is_party = about.startswith(PARTY_PREFIX)
    if not entry.is_subject(about) or (kind == "category" and not target) or (kind == "party") != is_party:
        raise Invalid("A directive names what it is about by its id.", code="invalid_target")
    if kind == "party":
        return about, about
    if kind == "subject" and (served_on is None or not served_on.startswith(PARTY_PREFIX)):
        raise Invalid("Name the party that the directive is served on.", code="party_missing")
    return about, served_on if kind == "subject" else None


def _in_scope(tx: Transaction, reach: Reach, kind: str, target: str, party: str | None) -> None:
    """A category needs that category or everything; the whole market needs everything."""
    known = reach.whole or (kind == "category" and target in reach.keys)
    if kind in {"party", "subject"}:
        known = reach.includes(tx.session, target) and queries.is_told_of(tx.session, target)
        if party is not None and party != target:
            known = known and scopes.belongs(tx.session, target, party)
    if not known:
        raise NotFound("The journal tells nothing of this.")


def _set_deadline(tx: Transaction, directive: Directive) -> dict[str, Any]:
    """A directive that somebody answers has a deadline from this moment."""
    if directive.served_on is None:
        return {}
    directive.answer_due_at = tx.now + timedelta(days=directive.answer_days)
    tx.due(OVERDUE, directive.id, directive.answer_due_at)
    return {"answer_days": directive.answer_days}


def _served(directive: Directive) -> list[str]:
    return [directive.served_on] if directive.served_on else []


def _keep_demand(tx: Transaction, directive: Directive) -> dict[str, bytes]:
    return {"demand": _keep(tx, directive, "demand", directive.demand)}


def _keep(tx: Transaction, directive: Directive, kind: str, words: str) -> bytes:
    """Keep words as a document of the directive: they may speak of people, and entries do not."""
    if not words.strip() or len(words) > MAX_WORDS:
        raise Invalid("Say why, in at most %(most)s characters.", code="reason_missing", most=MAX_WORDS)
    told = {"directive": directive.id, "at": clock.text(tx.now), "words": words.strip()}
    content = canonical.dumps({"type": f"databourse/directive/{kind}/v1", **told})
    kept = documents.put(tx, content, subject=directive.id, kind=kind, media_type="application/json")
    return kept.digest
