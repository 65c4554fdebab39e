"""Vetting: an officer takes a case up, decides it, suspends and restores the party; the clock ends the approval."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select

from exchange import clock, documents, handlers
from exchange.db import Transaction, verb
from exchange.errors import Invalid, NotFound, WrongState
from exchange.journal import canonical
from exchange.lifecycle import CLOCK
from exchange.members import gates
from exchange.members.identity import OFFICER, REMINDER, VALIDITY, documents_of, licence_end
from exchange.members.models import IdentityCase
from exchange.members.states import IDENTITY

MAX_REASON = 2000


@verb
def take_up(tx: Transaction, case_id: str) -> IdentityCase:
    """Begin the review of a submitted case.

    Raises:
        Refused: The officer belongs to the party (I-08).
    """
    case = tx.lock(IdentityCase, case_id)
    tx.actor.need(OFFICER)
    gates.DECIDE.ask(tx, case.org_id)
    case.reviewer_id = tx.actor.person_id
    tx.advance(case, "take_up", by=OFFICER)
    return case


@verb
def approve(
    tx: Transaction,
    case_id: str,
    *,
    checklist: Mapping[str, str],
    reason: str = "",
    valid_until: datetime | None = None,
) -> IdentityCase:
    """Find that the party is who it says, until ``valid_until`` (a year from now or the licence's end, if not given).

    Raises:
        Refused: The officer belongs to the party (I-08), or a point of the checklist does not pass (I-09).
        Invalid: ``valid_until`` is past, or later than it may be.
    """
    case = tx.lock(IdentityCase, case_id)
    latest = min(tx.now + VALIDITY, licence_end(case, tx.now))
    until = latest if valid_until is None else valid_until
    if not tx.now < until <= latest:
        raise Invalid(
            "The approval can last until %(latest)s at most.", code="valid_until", latest=clock.beijing(latest)
        )
    _decide(tx, case, "approve", checklist, reason, valid_until=clock.text(until))
    case.valid_until = until
    tx.due("identity.lapse", case.id, until)
    tx.due("identity.remind", case.id, max(until - REMINDER, tx.now))
    return case


@verb
def return_case(tx: Transaction, case_id: str, *, checklist: Mapping[str, str], reason: str) -> IdentityCase:
    """Give the file back to be completed (补正), saying what is missing.

    Raises:
        Refused: The officer belongs to the party (I-08), or the reason or a result is missing (I-09).
    """
    return _decide(tx, tx.lock(IdentityCase, case_id), "return", checklist, reason)


@verb
def refuse_case(tx: Transaction, case_id: str, *, checklist: Mapping[str, str], reason: str) -> IdentityCase:
    """Find that the party is not who it says, or must not trade here; the applicant is told why.

    Raises:
        Refused: The officer belongs to the party (I-08), or the reason or a result is missing (I-09).
    """
    return _decide(tx, tx.lock(IdentityCase, case_id), "refuse", checklist, reason)


@verb
def suspend_party(tx: Transaction, org_id: str, *, reason: str) -> IdentityCase:
    """Bar an approved party from new trades; other rooms hear ``party.suspended`` and pause their clocks.

    Raises:
        Refused: The officer belongs to the party (I-08).
        Invalid: No reason is given.
        NotFound: There is no such party, or it never opened a case.
    """
    return _change_standing(tx, org_id, "suspend", "party.suspended", reason)


@verb
def restore_party(tx: Transaction, org_id: str, *, reason: str) -> IdentityCase:
    """Lift a suspension. An approval that ended meanwhile lapses at once.

    Raises:
        Refused: The officer belongs to the party (I-08).
        Invalid: No reason is given.
        NotFound: There is no such party, or it never opened a case.
    """
    case = _change_standing(tx, org_id, "restore", "party.restored", reason)
    if case.valid_until is not None:
        tx.due("identity.lapse", case.id, case.valid_until)
    return case


@verb
def remind_renewal(tx: Transaction, case_id: str) -> IdentityCase:
    """Tell that an approval ends soon (called by the clock); the party's inbox shows it until the file is renewed.

    Raises:
        WrongState: The case is not approved, or the time to renew has not come.
    """
    tx.actor.need(CLOCK)
    case = tx.lock(IdentityCase, case_id)
    if case.state != "approved" or case.valid_until is None or case.valid_until > tx.now + REMINDER:
        raise WrongState("The time to renew has not come.", code="not_due")
    facts = {"valid_until": clock.text(case.valid_until)}
    tx.record(case.id, "identity.renewal_due", by=CLOCK, facts=facts, links=[case.org_id])
    return case


@verb
def lapse_identity(tx: Transaction, case_id: str) -> IdentityCase:
    """End an approval whose time is over (called by the clock); other rooms hear ``party.lapsed``.

    Raises:
        WrongState: The approval is not over, or the case is not approved.
    """
    tx.actor.need(CLOCK)
    case = tx.lock(IdentityCase, case_id)
    if case.valid_until is None or case.valid_until > tx.now:
        raise WrongState("The approval is not over.", code="not_over")
    tx.advance(case, "lapse", by=CLOCK, links=[case.org_id])
    handlers.tell(tx, "party.lapsed", org_id=case.org_id)
    return case


# -- inside -----------------------------------------------------------------------------------------------------------


def _decide(
    tx: Transaction, case: IdentityCase, action: str, checklist: Mapping[str, str], reason: str, **facts: Any
) -> IdentityCase:
    """Record who decided, when, on which evidence, with which result and why (RULES I-09)."""
    tx.actor.need(OFFICER)
    gates.DECIDE.ask(tx, case.org_id)
    IDENTITY.edge(case.state, action)
    gates.reasoned(tx, case, action, checklist, reason)
    case.reviewer_id, case.decided_at = tx.actor.person_id, tx.now
    case.checklist, case.reason = dict(checklist), _clean_reason(reason)
    evidence = sorted(document.digest.hex() for document in documents_of(tx, case.id))
    digest = _keep_decision(tx, case, action, checklist=dict(checklist), evidence=evidence, **facts)
    tx.advance(case, action, by=OFFICER, facts=facts, links=[case.org_id], digests={"decision": digest})
    return case


def _change_standing(tx: Transaction, org_id: str, action: str, news: str, reason: str) -> IdentityCase:
    tx.actor.need(OFFICER)
    case_id = tx.first(select(IdentityCase.id).where(IdentityCase.org_id == org_id, IdentityCase.state != "refused"))
    if case_id is None:
        raise NotFound("There is no such %(kind)s.", kind="identity_case")
    case = tx.lock(IdentityCase, case_id)
    gates.DECIDE.ask(tx, org_id)
    if not reason.strip():
        raise Invalid("The party has to be told the reason.", code="reason_missing")
    case.reviewer_id, case.decided_at, case.reason = tx.actor.person_id, tx.now, _clean_reason(reason)
    IDENTITY.edge(case.state, action)
    digest = _keep_decision(tx, case, action)
    tx.advance(case, action, by=OFFICER, links=[org_id], digests={"decision": digest})
    handlers.tell(tx, news, org_id=org_id)
    return case


def _keep_decision(tx: Transaction, case: IdentityCase, action: str, **members: Any) -> bytes:
    """Keep the decision as a document; the reason stands there and not in the entry, since it may speak of people."""
    decision = {"case": case.id, "action": action, "at": clock.text(tx.now), "reason": case.reason, **members}
    content = canonical.dumps(decision)
    document = documents.put(tx, content, subject=case.id, kind="identity_decision", media_type="application/json")
    return document.digest


def _clean_reason(reason: str) -> str:
    if len(reason) > MAX_REASON:
        raise Invalid("A reason has at most %(most)s characters.", code="reason_too_long", most=MAX_REASON)
    return reason.strip()
