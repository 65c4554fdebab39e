"""What a change upstream means to holders: they are told, a batch of live grants at a time.

Paid orders and live grants go on as the contract says: nothing is clawed back by software alone (DESIGN 5).
"""

from typing import Final

from sqlalchemy import select

from exchange.actors import Actor
from exchange.db import Transaction, verb
from exchange.lifecycle import CLOCK
from listings.models import Version
from provenance.changes import CHANGED
from settlement.delivery_models import Grant
from settlement.delivery_states import GRANT
from settlement.states import EXCHANGE

BATCH: Final = 200


def plan_telling(tx: Transaction, *, declaration_id: str, **_news: str) -> None:
    """Let the worker tell who holds goods of the declaration's versions: they may be many."""
    for version_id in tx.session.scalars(select(Version.id).where(Version.declaration_id == declaration_id)):
        tx.due(CHANGED, version_id, tx.now)


def tell_holders(actor: Actor, version_id: str) -> None:
    """Tell every holder of a live grant that the origin of its goods was looked at again (called by the clock)."""
    actor.need(CLOCK)
    after: str | None = ""
    while after is not None:
        after = _tell_batch(actor, version_id, after)


@verb
def _tell_batch(tx: Transaction, version_id: str, after: str) -> str | None:
    """Tell up to ``BATCH`` holders; the grant to go on after, ``None`` at the end."""
    held = select(Grant).where(Grant.version_id == version_id, Grant.state == GRANT.initial, Grant.id > after)
    grants = tx.all(held.order_by(Grant.id).limit(BATCH))
    for grant in grants:
        links = [grant.lot_id, grant.order_id, version_id]
        tx.record(grant.id, "grant.origin_changed", by=EXCHANGE, links=links)
    return grants[-1].id if len(grants) == BATCH else None
