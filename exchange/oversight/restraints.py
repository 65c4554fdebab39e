"""Restraints: how an overseer stops a subject without knowing what it is.

Every gate of a trade asks ``refuse_restrained`` with the ids it is about (party, product, version, order, lot).
"""

from sqlalchemy import select

from exchange import ids
from exchange.actors import REGULATOR
from exchange.db import Transaction, verb
from exchange.errors import Invalid, Refused
from exchange.gates import gate
from exchange.oversight.models import Restraint


@verb
def restrain(tx: Transaction, subject: str, *, measure: str, basis: str, reason: str) -> Restraint:
    """Put a restraint on ``subject``: ``measure`` names it (``suspension``), ``basis`` the legal basis.

    Raises:
        Forbidden: The actor is neither a regulator nor a security administrator.
    """
    role = tx.actor.need(REGULATOR, "security_administrator")
    if not (basis.strip() and reason.strip()):
        raise Invalid("A restraint names its basis and its reason.", code="reason_missing")
    restraint = Restraint(id=ids.new("rst"), subject=subject, measure=measure, basis=basis, reason=reason, since=tx.now)
    tx.add(restraint)
    tx.record(subject, "subject.restrained", by=role, facts={"measure": measure, "basis": basis}, links=[restraint.id])
    return restraint


@verb
def lift(tx: Transaction, restraint_id: str, *, reason: str) -> Restraint:
    """Lift a restraint. Lifting twice changes nothing the second time."""
    role = tx.actor.need(REGULATOR, "security_administrator")
    restraint = tx.lock(Restraint, restraint_id)
    if restraint.lifted_at is None:
        restraint.lifted_at = tx.now
        tx.record(restraint.subject, "subject.unrestrained", by=role, facts={"reason": reason}, links=[restraint.id])
    return restraint


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
