"""The compliance review: a reviewer takes a version up and decides it; published versions are suspended and restored.

Government-derived products, and those that government data shaped, need the approval of two natural persons.
"""

from collections.abc import Mapping
from typing import Any

from exchange import calendar, clock, documents, ids
from exchange.db import Transaction, verb
from exchange.errors import Forbidden, Invalid
from exchange.journal import canonical
from exchange.members.gates import not_own_case
from listings import gates
from listings.models import Review, Version
from listings.states import LISTING, REVIEWER

#: 公示: working days in which anybody may object.
NOTICE_DAYS = 3
MAX_REASON = 2000


@verb
def take_up(tx: Transaction, version_id: str) -> Version:
    """Begin the review of a scanned version.

    Raises:
        Refused: The reviewer belongs to the seller (I-08).
    """
    version = _reviewable(tx, version_id)
    version.reviewer_id = tx.actor.person_id
    tx.advance(version, "take_up", by=REVIEWER, links=[version.org_id])
    return version


@verb
def approve(tx: Transaction, version_id: str, *, checklist: Mapping[str, str], reason: str = "") -> Version:
    """Find that the version may be listed. With the last approval needed, the public notice begins.

    Raises:
        Forbidden: Another reviewer took it up and has not approved it yet.
        Refused: The reviewer belongs to the seller or approved it already (I-08), a point does not pass (I-09), or a
            finding is not settled (P-09, PI-06).
    """
    version = _at_desk(tx, version_id, "approve")
    gates.reasoned(version, "approve", checklist, reason)
    gates.another_person(tx, version.id, *gates.approvers(tx, version))
    gates.negative_list_clear(tx, version)
    gates.answered(tx, version)
    given, needed = len(gates.approvers(tx, version)) + 1, gates.approvals_needed(tx, version)
    digest = _keep_decision(tx, version, "approve", checklist, reason)
    facts: dict[str, Any] = {"approvals": given, "needed": needed}
    if given < needed:
        tx.record(version.id, "listing.approved_once", by=REVIEWER, facts=facts, digests={"decision": digest})
        return version
    notice = calendar.working_days_after(tx.session, tx.now, NOTICE_DAYS)
    version.notice_ends_at, version.notice_provisional = notice.ends_at, notice.provisional
    facts["notice_ends_at"] = clock.text(notice.ends_at)
    tx.advance(version, "approve", by=REVIEWER, facts=facts, links=[version.org_id], digests={"decision": digest})
    tx.due("version.publish", version.id, notice.ends_at)
    return version


@verb
def return_version(tx: Transaction, version_id: str, *, checklist: Mapping[str, str], reason: str) -> Version:
    """Give a version back to be mended (补正), saying what is missing; also from the public notice.

    Raises:
        Forbidden: Another reviewer took it up and has not approved it yet.
        Refused: The reviewer belongs to the seller (I-08), or the reason or a result is missing (I-09).
    """
    return _turn_down(tx, version_id, "return", checklist, reason)


@verb
def refuse(tx: Transaction, version_id: str, *, checklist: Mapping[str, str], reason: str) -> Version:
    """Find that the version must not be listed; the seller is told why.

    Raises:
        Forbidden: Another reviewer took it up and has not approved it yet.
        Refused: The reviewer belongs to the seller (I-08), or the reason or a result is missing (I-09).
    """
    return _turn_down(tx, version_id, "refuse", checklist, reason)


@verb
def suspend(tx: Transaction, version_id: str, *, reason: str) -> Version:
    """Stop new orders of a published version.

    Raises:
        Refused: The reviewer belongs to the seller (I-08).
        Invalid: No reason is given.
    """
    return _change_standing(tx, version_id, "suspend", reason)


@verb
def restore(tx: Transaction, version_id: str, *, reason: str) -> Version:
    """Let a suspended version be ordered again.

    Raises:
        Refused: The reviewer belongs to the seller (I-08), or a gate of publication says no.
        Invalid: No reason is given.
    """
    return _change_standing(tx, version_id, "restore", reason)


# -- inside -----------------------------------------------------------------------------------------------------------


def _reviewable(tx: Transaction, version_id: str) -> Version:
    tx.actor.need(REVIEWER)
    version = tx.lock(Version, version_id)
    not_own_case(tx, version.org_id)
    return version


def _at_desk(tx: Transaction, version_id: str, action: str) -> Version:
    """The version, if it is this reviewer's to decide: taken up by them, or approved by who took it up."""
    version = _reviewable(tx, version_id)
    LISTING.edge(version.state, action)
    if tx.actor.person_id != version.reviewer_id and version.reviewer_id not in gates.approvers(tx, version):
        raise Forbidden("Another reviewer took this up.", code="taken_up_by_another")
    return version


def _turn_down(tx: Transaction, version_id: str, action: str, checklist: Mapping[str, str], reason: str) -> Version:
    version = _at_desk(tx, version_id, action)
    gates.reasoned(version, action, checklist, reason)
    digest = _keep_decision(tx, version, action, checklist, reason)
    tx.advance(version, action, by=REVIEWER, links=[version.org_id], digests={"decision": digest})
    tx.undue("version.publish", version.id)
    return version


def _change_standing(tx: Transaction, version_id: str, action: str, reason: str) -> Version:
    version = _reviewable(tx, version_id)
    LISTING.edge(version.state, action)
    if not reason.strip():
        raise Invalid("The seller has to be told the reason.", code="reason_missing")
    if action == "restore":
        gates.PUBLISH.ask(tx, version)
    digest = _keep_decision(tx, version, action, {}, reason)
    tx.advance(version, action, by=REVIEWER, links=[version.org_id], digests={"decision": digest})
    return version


def _keep_decision(
    tx: Transaction, version: Version, decision: str, checklist: Mapping[str, str], reason: str
) -> bytes:
    """Keep a decision as row and document; the reason, which may name people, stands there and not in the entry."""
    if len(reason) > MAX_REASON:
        raise Invalid("A reason has at most %(most)s characters.", code="reason_too_long", most=MAX_REASON)
    if tx.actor.person_id is None:
        raise Forbidden("A natural person decides.")
    review = Review(
        id=ids.new("rev"),
        version_id=version.id,
        submission=version.submission,
        reviewer_id=tx.actor.person_id,
        decision=decision,
        checklist=dict(checklist),
        reason=reason.strip(),
        at=tx.now,
    )
    tx.add(review)
    told = {
        "kind": "listing_decision",
        "review": review.id,
        "version": version.id,
        "submission": version.submission,
        "decision": decision,
        "checklist": dict(checklist),
        "reason": review.reason,
        "at": clock.text(tx.now),
    }
    content = canonical.dumps(told)
    kept = documents.put(tx, content, subject=version.id, kind="listing_decision", media_type="application/json")
    return kept.digest
