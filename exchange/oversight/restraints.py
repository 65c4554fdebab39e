"""Restraints: how an overseer stops a subject without knowing what it is.

Every gate of a trade asks ``refuse_restrained`` with the ids it is about (party, product, version, order, lot).
"""

from sqlalchemy import select

from exchange import documents, ids
from exchange.actors import REGULATOR
from exchange.db import Transaction, verb
from exchange.errors import Forbidden, Invalid, Refused
from exchange.gates import gate
from exchange.journal import canonical, entry
from exchange.oversight.models import Restraint


@verb
def restrain(tx: Transaction, subject: str, *, measure: str, basis: str, reason: str) -> Restraint:
    """Put a restraint on ``subject``: ``measure`` names it (``suspension``), ``basis`` the legal basis.

    Raises:
        Forbidden: The actor is neither a regulator nor a security administrator.
        Invalid: ``subject`` has not the form of an id, or basis or reason is missing.
    """
    role, org_id = _overseer(tx)
    if not entry.is_subject(subject):
        raise Invalid("A restraint names a subject by its id.", code="invalid_subject")
    if not (basis.strip() and reason.strip()):
        raise Invalid("A restraint names its basis and its reason.", code="reason_missing")
    restraint = Restraint(
        id=ids.new("rst"),
        subject=subject,
        org_id=org_id,
        measure=measure,
        basis=basis,
        reason=reason,
        since=tx.now,
    )
    tx.add(restraint)
    tx.record(subject, "subject.restrained", by=role, facts={"measure": measure, "basis": basis}, links=[restraint.id])
    return restraint


@verb
def lift(tx: Transaction, restraint_id: str, *, reason: str) -> Restraint:
    """Lift a restraint, as the body that ordered it. Lifting twice changes nothing the second time.

    Raises:
        Forbidden: The actor is no overseer, or acts for another body than the one that ordered it.
        NotFound: There is no such restraint.
    """
    role, org_id = _overseer(tx)
    restraint = tx.lock(Restraint, restraint_id)
    if restraint.org_id != org_id:
        raise Forbidden("The body that ordered this lifts it.", code="another_body")
    if restraint.lifted_at is None:
        restraint.lifted_at = tx.now
        digests = {"lifting": _keep_lifting(tx, restraint, reason)}
        tx.record(restraint.subject, "subject.unrestrained", by=role, links=[restraint.id], digests=digests)
    return restraint


def _overseer(tx: Transaction) -> tuple[str, str]:
    """The role of an overseer, and the body acted for."""
    role = tx.actor.need(REGULATOR, "security_administrator")
    if tx.actor.org_id is None:
        raise Forbidden("An overseer acts for a body.")
    return role, tx.actor.org_id


def _keep_lifting(tx: Transaction, restraint: Restraint, reason: str) -> bytes:
    """Keep why as a document: words may speak of people, and entries do not."""
    content = canonical.dumps({"type": "databourse/lifting/v1", "restraint": restraint.id, "reason": reason})
    kept = documents.put(tx, content, subject=restraint.subject, kind="lifting", media_type="application/json")
    return kept.digest


@gate("K-05")
def refuse_restrained(tx: Transaction, *subjects: str) -> None:
    """Refuse while any of ``subjects`` is under a restraint."""
    restraint = tx.first(select(Restraint).where(Restraint.subject.in_(subjects), Restraint.lifted_at.is_(None)))
    if restraint is not None:
        raise Refused(
            "K-05",
            "This is suspended: %(measure)s.",
            remedy="The restraint has to be lifted by the body that ordered it.",
            code="restrained",
            subjects=(restraint.subject,),
            measure=restraint.measure,
        )
