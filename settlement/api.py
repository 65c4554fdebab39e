"""The API of orders, their contracts and lots."""

from typing import Any

from flask import Response, jsonify, request

from exchange.web import access
from exchange.web.api import PageQuery, blueprint
from exchange.web.paging import Page
from settlement import (
    chain,
    contracts,
    filing_api,
    lot_schemas,
    lots,
    lots_disputes,
    money_api,
    negotiation_api,
    negotiation_schemas,
    orders,
    queries,
    schemas,
)
from settlement import lot_api as lots_beside
from settlement.models import Lot, Order
from settlement.orders import Request
from settlement.parties import PAYING, SIGNING
from settlement.states import OFFICER

order_api = blueprint("orders", __name__, "Orders: requested, signed by both sides, ended.")
lot_api = blueprint("lots", __name__, "Lots: paid, delivered, accepted, disputed.")
blps = [order_api, *negotiation_api.blps, lot_api, *lots_beside.blps, *money_api.blps, *filing_api.blps]

_DEALING = access.member(*SIGNING)


def _order(order: Order) -> dict[str, Any]:
    return queries.order_shape(access.actor(), order)


def _lot(lot: Lot) -> dict[str, Any]:
    return queries.lot(access.actor(), lot.id)


# -- orders -----------------------------------------------------------------------------------------------------------


@order_api.route("", methods=["POST"])
@_DEALING
@order_api.arguments(negotiation_schemas.RequestBody)
@order_api.response(201, schemas.OrderState)
def request_order(body: Request) -> dict[str, Any]:
    """Order what an offer offers; the password signs the contract as the buyer."""
    return _order(orders.request_order(access.actor(), body))


@order_api.route("", methods=["GET"])
@access.member()
@order_api.arguments(schemas.OrdersQuery, location="query")
@order_api.response(200, schemas.OrderPage)
def list_orders(query: dict[str, Any]) -> Page[dict[str, Any]]:
    """One's own orders, bought and sold, newest first."""
    return queries.orders(access.actor(), **query)


@order_api.route("/<order_id>", methods=["GET"])
@access.signed_in
@order_api.response(200, schemas.OrderOut)
def show_order(order_id: str) -> dict[str, Any]:
    """An order with its lots."""
    return queries.order(access.actor(), order_id)


@order_api.route("/<order_id>/contract", methods=["GET"])
@access.signed_in
@order_api.response(200, {"type": "string", "format": "binary"}, content_type=contracts.MEDIA_TYPE)
def show_contract(order_id: str) -> Response:
    """The contract, byte for byte as it was signed: its SHA-256 is the order's ``contract_sha256``."""
    answer = Response(queries.contract(access.actor(), order_id), mimetype=contracts.MEDIA_TYPE)
    answer.headers["Content-Disposition"] = f'attachment; filename="{order_id}.json"'
    return answer


@order_api.route("/<order_id>/provenance", methods=["GET"])
@access.signed_in
@order_api.response(200, {"type": "object"})
def show_provenance(order_id: str) -> Response:
    """The way of the data from its sources through this trade to its deliveries, as PROV-JSON."""
    return jsonify(chain.provenance_chain(access.actor(), order_id, f"{request.url_root}prov#"))


@order_api.route("/<order_id>/sign", methods=["POST"])
@_DEALING
@order_api.arguments(schemas.SignBody)
@order_api.response(201, schemas.OrderState)
def sign_order(body: dict[str, Any], order_id: str) -> dict[str, Any]:
    """Sign what the other side proposed: the order opens and its lot falls due."""
    return _order(orders.sign_order(access.actor(), order_id, **body))


@order_api.route("/<order_id>/decline", methods=["POST"])
@_DEALING
@order_api.arguments(schemas.ReasonBody)
@order_api.response(201, schemas.OrderState)
def decline_order(body: dict[str, Any], order_id: str) -> dict[str, Any]:
    """Decline to sign, as the seller."""
    return _order(orders.decline_order(access.actor(), order_id, **body))


@order_api.route("/<order_id>/withdraw", methods=["POST"])
@_DEALING
@order_api.response(201, schemas.OrderState)
def withdraw_order(order_id: str) -> dict[str, Any]:
    """Take a request back, as the buyer, before the seller signs."""
    return _order(orders.withdraw_order(access.actor(), order_id))


@order_api.route("/<order_id>/terminate", methods=["POST"])
@_DEALING
@order_api.arguments(schemas.ReasonBody)
@order_api.response(201, schemas.OrderState)
def terminate_order(body: dict[str, Any], order_id: str) -> dict[str, Any]:
    """End the contract, as either side, before money is held for it."""
    return _order(orders.terminate_order(access.actor(), order_id, **body))


# -- lots -------------------------------------------------------------------------------------------------------------


@lot_api.route("/disputed", methods=["GET"])
@access.staff(OFFICER)
@lot_api.arguments(PageQuery, location="query")
@lot_api.response(200, schemas.DisputePage)
def list_disputes(query: dict[str, Any]) -> Page[dict[str, Any]]:
    """The disputed lots that wait for a dispute officer."""
    return queries.disputes(**query)


@lot_api.route("/<lot_id>", methods=["GET"])
@access.signed_in
@lot_api.response(200, schemas.LotOut)
def show_lot(lot_id: str) -> dict[str, Any]:
    """A lot, its payments and its money."""
    return queries.lot(access.actor(), lot_id)


@lot_api.route("/<lot_id>/pay", methods=["POST"])
@access.member(*PAYING)
@lot_api.arguments(schemas.PayBody)
@lot_api.response(201, schemas.PaymentOut)
def pay_lot(body: dict[str, Any], lot_id: str) -> dict[str, Any]:
    """Order the payment of a lot; what came of it, and the page to pay on, stand on the lot."""
    return queries.payment_shape(lots.pay_lot(access.actor(), lot_id, request=body))


@lot_api.route("/<lot_id>/cancel", methods=["POST"])
@_DEALING
@lot_api.response(201, schemas.LotState)
def cancel_lot(lot_id: str) -> dict[str, Any]:
    """Give a lot up, as the buyer, before it is paid."""
    return _lot(lots.cancel_lot(access.actor(), lot_id))


@lot_api.route("/<lot_id>/deliver", methods=["POST"])
@_DEALING
@lot_api.arguments(lot_schemas.DeliverBody)
@lot_api.response(201, schemas.LotState)
def deliver_lot(body: dict[str, Any], lot_id: str) -> dict[str, Any]:
    """Deliver, as the seller; what is made on order, from a deposit made for it."""
    return _lot(lots.deliver_lot(access.actor(), lot_id, **body))


@lot_api.route("/<lot_id>/decline", methods=["POST"])
@_DEALING
@lot_api.arguments(schemas.ReasonBody)
@lot_api.response(201, schemas.LotState)
def decline_lot(body: dict[str, Any], lot_id: str) -> dict[str, Any]:
    """Decline to deliver, as the seller: the buyer gets the money back."""
    return _lot(lots.decline_lot(access.actor(), lot_id, **body))


@lot_api.route("/<lot_id>/accept", methods=["POST"])
@_DEALING
@lot_api.response(201, schemas.LotState)
def accept_lot(lot_id: str) -> dict[str, Any]:
    """Accept what was delivered, as the buyer: the seller is paid."""
    return _lot(lots.accept_lot(access.actor(), lot_id))


@lot_api.route("/<lot_id>/reject", methods=["POST"])
@_DEALING
@lot_api.arguments(schemas.ReasonBody)
@lot_api.response(201, schemas.LotState)
def reject_lot(body: dict[str, Any], lot_id: str) -> dict[str, Any]:
    """Reject a delivery, as the buyer: the seller delivers again."""
    return _lot(lots.reject_lot(access.actor(), lot_id, **body))


@lot_api.route("/<lot_id>/dispute", methods=["POST"])
@_DEALING
@lot_api.arguments(schemas.DisputeBody)
@lot_api.response(201, schemas.LotState)
def dispute_lot(body: dict[str, Any], lot_id: str) -> dict[str, Any]:
    """Dispute a delivery, as the buyer: its clock stops and its money stays held."""
    digest = body.get("evidence_sha256")
    evidence = bytes.fromhex(digest) if digest else None
    return _lot(lots_disputes.dispute_lot(access.actor(), lot_id, reason=body["reason"], evidence_digest=evidence))


@lot_api.route("/<lot_id>/settle", methods=["POST"])
@_DEALING
@lot_api.arguments(schemas.ShareBody)
@lot_api.response(201, schemas.LotState)
def settle_dispute(body: dict[str, Any], lot_id: str) -> dict[str, Any]:
    """Propose how to divide the money; the same proposal by both sides settles the dispute."""
    return _lot(lots_disputes.settle_dispute(access.actor(), lot_id, **body))


@lot_api.route("/<lot_id>/rule", methods=["POST"])
@access.staff(OFFICER)
@lot_api.arguments(schemas.RulingBody)
@lot_api.response(201, schemas.LotState)
def rule_dispute(body: dict[str, Any], lot_id: str) -> dict[str, Any]:
    """Rule on the seller's share, as a dispute officer."""
    return _lot(lots_disputes.rule_dispute(access.actor(), lot_id, **body))


@lot_api.route("/<lot_id>/object", methods=["POST"])
@_DEALING
@lot_api.arguments(schemas.ReasonBody)
@lot_api.response(201, schemas.LotState)
def object_to_ruling(body: dict[str, Any], lot_id: str) -> dict[str, Any]:
    """Object to the first ruling before money moves."""
    return _lot(lots_disputes.object_to_ruling(access.actor(), lot_id, **body))
