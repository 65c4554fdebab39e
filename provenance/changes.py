"""What changes upstream reaches every descendant: classification, a withdrawal, the end of an agreement, a takedown.

Standing is computed when it is asked, so new trades stop at the same moment everywhere. What has to be done about it
besides (offers closed, holders told) is done by the worker, declaration by declaration, each in its own transaction:
a hundred thousand descendants never stand in one.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from exchange import handlers
from exchange.actors import Actor
from exchange.db import Transaction, read, verb
from provenance.models import Acquisition, Declaration, DeclaredSource
from provenance.states import EXCHANGE

#: The outbox row that starts a walk downstream, and the news each declaration's own step tells.
REEVALUATE: Final = "provenance.reevaluate"
CHANGED: Final = "provenance.changed"

#: Why something is looked at again.
CONFIRMED: Final = "finding_confirmed"
DISMISSED: Final = "finding_dismissed"
AGREEMENT_ENDED: Final = "agreement_ended"
AUTHORISATION_WITHDRAWN: Final = "authorisation_withdrawn"
TAKEN_DOWN: Final = "taken_down"

#: Declarations looked at between two questions to the database.
BATCH: Final = 200
_WORKER = Actor(None, None, frozenset({EXCHANGE}))


def reevaluate_later(tx: Transaction, declaration_id: str, why: str) -> None:
    """Have a declaration and everything made with it looked at again, once this transaction is committed."""
    tx.send(REEVALUATE, declaration_id=declaration_id, why=why)


def agreement_ended(tx: Transaction, *, agreement_id: str, **_how: Any) -> None:
    """An agreement is over: whatever was declared on it is looked at again."""
    named = (
        select(DeclaredSource.declaration_id)
        .join(Declaration, _present())
        .where(DeclaredSource.agreement_id == agreement_id, Declaration.state == "signed")
        .distinct()
    )
    for declaration_id in tx.session.scalars(named):
        reevaluate_later(tx, declaration_id, AGREEMENT_ENDED)


def carry(payload: dict[str, Any]) -> None:
    """Walk downstream from a declaration and look at each again (called by the worker; repeating it is harmless)."""
    for declaration_id in descendants(payload["declaration_id"]):
        reevaluate(_WORKER, declaration_id, root_id=payload["declaration_id"], why=payload["why"])


@verb
def reevaluate(tx: Transaction, declaration_id: str, *, root_id: str, why: str) -> Declaration:
    """Look at one declaration again: the rooms to the right act on what follows (offers, shelf, holders)."""
    tx.actor.need(EXCHANGE)
    declaration = tx.get(Declaration, declaration_id)
    facts = {"why": why}
    links = [] if root_id == declaration_id else [root_id]
    tx.record(declaration_id, "declaration.reevaluated", by=EXCHANGE, facts=facts, links=[*links, declaration.org_id])
    handlers.tell(tx, CHANGED, declaration_id=declaration_id, why=why)
    return declaration


def descendants(declaration_id: str) -> Sequence[str]:
    """The declaration itself and every signed one that builds on it, over purchases here, nearest first."""
    with read() as session:
        return descendants_of(session, declaration_id)


def descendants_of(session: Session, declaration_id: str) -> Sequence[str]:
    """As ``descendants``, in an open session: one recursive query, each declaration once."""
    below = select(Declaration.id.label("id")).where(Declaration.id == declaration_id).cte("below", recursive=True)
    further = (
        select(DeclaredSource.declaration_id)
        .select_from(below)
        .join(Acquisition, Acquisition.declaration_id == below.c.id)
        .join(DeclaredSource, DeclaredSource.acquisition_id == Acquisition.id)
        .join(Declaration, and_(_present(), Declaration.state == "signed"))
    )
    walk = below.union(further)
    return list(session.scalars(select(walk.c.id)))


def _present() -> Any:
    return and_(Declaration.id == DeclaredSource.declaration_id, Declaration.revision == DeclaredSource.revision)
