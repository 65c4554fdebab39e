"""The whole way of traded data, from its sources to the receipt, as one PROV-JSON document (RULES P-10).

What stands before the version is what the public page shows of it; what follows are the order, each delivery, and the
goods as they were served and received. Only the parties and the exchange's own desks see it.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange import clock
from exchange.actors import Actor
from exchange.db import read
from listings.models import Version
from provenance.graph import lineage_graph
from provenance.prov import OWN, prov_document, qualified
from settlement import queries
from settlement.delivery_models import Grant, Receipt

#: An order with more deliveries than this is told by its first ones.
MAX_DELIVERIES = 1000


def provenance_chain(actor: Actor, order_id: str, namespace: str) -> dict[str, Any]:
    """Sources, processing, version, trade and deliveries of an order; ``namespace`` is where own names expand to.

    Raises:
        NotFound: There is no such order, or it is another party's.
    """
    order = queries.order(actor, order_id)
    with read() as session:
        version = session.get_one(Version, order["version_id"])
        declaration_id = version.declaration_id or ""  # nothing is ordered that was published without one
        graph = lineage_graph(session, declaration_id, public=True)
        seller = order["seller"]
        document = prov_document(graph, namespace, maker=(seller["id"], seller["name"]))
        _add_trade(document, order, version)
        for grant, receipt in _deliveries(session, order_id):
            _add_delivery(document, order, grant, receipt)
    return document


def _deliveries(session: Session, order_id: str) -> list[tuple[Grant, Receipt | None]]:
    statement = (
        select(Grant, Receipt).outerjoin(Receipt, Receipt.grant_id == Grant.id).where(Grant.order_id == order_id)
    )
    return [(row.Grant, row.Receipt) for row in session.execute(statement.order_by(Grant.id).limit(1000))]


def _add_trade(document: dict[str, Any], order: dict[str, Any], version: Version) -> None:
    buyer, trade, sold = _own(order["buyer"]["id"]), _own(order["id"]), _own(version.id)
    document["agent"][buyer] = {"prov:type": _ORGANIZATION, "prov:label": order["buyer"]["name"]}
    document["entity"][sold] = {
        "prov:type": qualified("DataProductVersion"),
        f"{OWN}:number": version.number,
        f"{OWN}:listing_sha256": None if version.listing_digest is None else version.listing_digest.hex(),
    }
    document["specializationOf"] = {
        "_:version": {"prov:specificEntity": sold, "prov:generalEntity": _own(version.declaration_id or "")}
    }
    document["activity"][trade] = {
        "prov:type": qualified("Trade"),
        "prov:startTime": _time(order["created_at"]),
        f"{OWN}:contract_sha256": order["contract_sha256"],
        f"{OWN}:state": order["state"],
    }
    document.setdefault("used", {})["_:sold"] = {"prov:activity": trade, "prov:entity": sold}
    for side in ("buyer", "seller"):
        document["wasAssociatedWith"][f"_:{side}"] = {
            "prov:activity": trade,
            "prov:agent": _own(order[side]["id"]),
            "prov:role": side,
        }


def _add_delivery(document: dict[str, Any], order: dict[str, Any], grant: Grant, receipt: Receipt | None) -> None:
    delivery, goods = _own(f"{grant.id}.delivery"), _own(f"{grant.id}.goods")
    sold = _own(grant.version_id)
    document["activity"][delivery] = {"prov:type": qualified("Delivery"), "prov:startTime": _time(grant.created_at)}
    facts = {f"{OWN}:sha256": grant.digest, f"{OWN}:plain_root": grant.plain_root}
    if receipt is not None:
        facts |= {f"{OWN}:served_root": receipt.served_root, f"{OWN}:received_sha256": receipt.received_digest}
    document["entity"][goods] = {
        "prov:type": qualified("DeliveredGoods"),
        **{name: digest.hex() for name, digest in facts.items() if digest is not None},
    }
    number = grant.id
    document["used"][f"_:{number}.used"] = {"prov:activity": delivery, "prov:entity": sold}
    document["wasGeneratedBy"][f"_:{number}.made"] = {"prov:entity": goods, "prov:activity": delivery}
    document.setdefault("wasDerivedFrom", {})[f"_:{number}.derived"] = {
        "prov:generatedEntity": goods,
        "prov:usedEntity": sold,
        "prov:activity": delivery,
    }
    document.setdefault("wasInformedBy", {})[f"_:{number}.informed"] = {
        "prov:informed": delivery,
        "prov:informant": _own(order["id"]),
    }


_ORGANIZATION = {"$": "prov:Organization", "type": "prov:QUALIFIED_NAME"}


def _own(local: str) -> str:
    return f"{OWN}:{local}"


def _time(at: datetime) -> str:
    return clock.text(at)
