"""Restraints: how an overseer stops a subject without knowing what it is.

Every gate of a trade asks ``refuse_restrained`` with the ids it is about (party, product, version, order, lot). A
category or the whole market is a subject too (``cat_…``, ``MARKET``): what belongs to it need not be listed.
"""

from sqlalchemy import or_, select

from exchange import documents, ids
from exchange.actors import REGULATOR
from exchange.db import Transaction, verb
from exchange.errors import Forbidden, Invalid, Refused
from exchange.gates import gate
from exchange.journal import canonical, entry
from exchange.oversight import scopes
from exchange.oversight.models import Coverage, Directive, Restraint

#: The subject that stands for everything traded here.
MARKET = "mkt_exchange"
#: Who stops something for the operator.
OPERATOR = "security_administrator"
_SAID = {
    "suspension": "This is suspended by an order of an overseer.",
    "rectification": "This waits for a rectification that an overseer ordered.",
    "money": "The money of this trade is frozen by an order of an overseer.",
}


@verb
def restrain(tx: Transaction, subject: str, *, measure: str, basis: str, reason: str) -> Restraint:
    """Stop ``subject`` as the operator: ``measure`` names it (``suspension``), ``basis`` what it rests on.

    An organ orders by a directive, which takes two of its officers.

    Raises:
        Forbidden: The actor is no security administrator.
        Invalid: ``subject`` has not the form of an id, or basis or reason is missing.
    """
    role, org_id = _overseer(tx, OPERATOR)
    if not entry.is_subject(subject):
        raise Invalid("A restraint names a subject by its id.", code="invalid_subject")
    if not (basis.strip() and reason.strip()):
        raise Invalid("A restraint names its basis and its reason.", code="reason_missing")
    if measure not in _SAID:
        raise Invalid("This measure is not known.", code="unknown_measure")
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
        Forbidden: The actor is no overseer, or acts for another body than the one that ordered it, or a directive
            ordered it: that takes two officers.
        NotFound: There is no such restraint.
    """
    role, org_id = _overseer(tx, REGULATOR, OPERATOR)
    restraint = tx.lock(Restraint, restraint_id)
    if restraint.org_id != org_id:
        raise Forbidden("The body that ordered this lifts it.", code="another_body")
    if restraint.directive_id is not None:
        raise Forbidden("This ends with its directive, which two officers lift.", code="by_directive")
    if restraint.lifted_at is None:
        restraint.lifted_at = tx.now
        digests = {"lifting": _keep_lifting(tx, restraint, reason)}
        tx.record(restraint.subject, "subject.unrestrained", by=role, links=[restraint.id], digests=digests)
    return restraint


def impose(tx: Transaction, directive: Directive) -> Restraint:
    """Let a directive take effect on its target, at once."""
    restraint = Restraint(
        id=ids.new("rst"),
        subject=directive.target,
        org_id=directive.organ_id,
        measure=directive.measure,
        basis=directive.basis,
        reason=directive.document_number,
        since=tx.now,
        directive_id=directive.id,
    )
    tx.add(restraint)
    facts = {"measure": directive.measure, "basis": directive.basis, "document": directive.document_number}
    links = [restraint.id, directive.id]
    tx.record(directive.target, "subject.restrained", by=REGULATOR, facts=facts, links=links)
    return restraint


def release(tx: Transaction, directive: Directive) -> None:
    """End what a directive had put in the way."""
    live = select(Restraint).where(Restraint.directive_id == directive.id, Restraint.lifted_at.is_(None))
    for restraint in tx.all(live.with_for_update()):
        restraint.lifted_at = tx.now
        links = [restraint.id, directive.id]
        tx.record(restraint.subject, "subject.unrestrained", by=REGULATOR, links=links)


def _overseer(tx: Transaction, *roles: str) -> tuple[str, str]:
    """Which of ``roles`` the actor holds, and the body acted for."""
    role = tx.actor.need(*roles)
    if tx.actor.org_id is None:
        raise Forbidden("An overseer acts for a body.")
    return role, tx.actor.org_id


def _keep_lifting(tx: Transaction, restraint: Restraint, reason: str) -> bytes:
    """Keep why as a document: words may speak of people, and entries do not."""
    content = canonical.dumps({"type": "databourse/lifting/v1", "restraint": restraint.id, "reason": reason})
    kept = documents.put(tx, content, subject=restraint.subject, kind="lifting", media_type="application/json")
    return kept.digest


@gate("K-05", "Z-04")
def refuse_restrained(tx: Transaction, *subjects: str) -> None:
    """Refuse while any of ``subjects``, a category that one of them belongs to, or the whole market is restrained."""
    categories = select(Coverage.covered_by).where(
        Coverage.subject.in_(subjects), Coverage.covered_by.startswith(scopes.category(""), autoescape=True)
    )
    about = or_(Restraint.subject.in_((*subjects, MARKET)), Restraint.subject.in_(categories))
    restraint = tx.first(select(Restraint).where(about, Restraint.lifted_at.is_(None)).order_by(Restraint.id))
    if restraint is not None:
        raise Refused(
            "K-05",
            _SAID[restraint.measure],
            remedy="The restraint has to be lifted by the body that ordered it.",
            code="restrained",
            subjects=(restraint.subject if restraint.subject in subjects else subjects[0],),
        )
