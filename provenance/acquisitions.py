"""What was bought here, told by the settlement of a trade: from then on the buyer carries the duties of its sources."""

from collections.abc import Iterable

from exchange import ids
from exchange.db import Transaction
from provenance.models import Acquisition
from provenance.purposes import check


def record_acquisition(
    tx: Transaction,
    *,
    org_id: str,
    declaration_id: str,
    reference: str,
    onward_allowed: bool,
    purposes: Iterable[str],
) -> str:
    """Record that ``org_id`` acquired goods in the trade ``reference``; the id its declarations name it by.

    Args:
        tx: The open transaction of the settlement.
        org_id: The buyer.
        declaration_id: The declaration of the version bought.
        reference: The id of the settled lot; it is recorded once.
        onward_allowed: Whether the licence allows processing for sale (RULES P-06).
        purposes: Codes of the purposes that the licence grants.

    Raises:
        Invalid: A purpose is not in the tree.
    """
    acquisition = Acquisition(
        id=ids.new("acq"),
        org_id=org_id,
        declaration_id=declaration_id,
        reference=reference,
        onward_allowed=onward_allowed,
        purposes=check(purposes),
        acquired_at=tx.now,
    )
    tx.add(acquisition)
    tx.record(
        acquisition.id,
        "acquisition.recorded",
        by=min(tx.actor.roles),
        facts={"onward_allowed": onward_allowed, "purposes": ",".join(acquisition.purposes)},
        links=[org_id, declaration_id, reference],
    )
    return acquisition.id
