"""A party's statement, and what settlement officers order to be paid, over the API."""

from typing import Any

from exchange.web import access
from exchange.web.api import PageQuery, blueprint
from exchange.web.paging import Page
from settlement import lot_schemas as schemas
from settlement import money_queries, payment_orders, queries
from settlement.lot_models import PaymentOrder
from settlement.parties import PAYING
from settlement.schemas import LotState, ReasonBody
from settlement.states import SETTLEMENT_OFFICER

movement_api = blueprint("money-operations", __name__, "Money that did not arrive, ordered again.")
payment_order_api = blueprint("payment-orders", __name__, "What one officer orders to be paid and another confirms.")
held_api = blueprint("held_lots", __name__, "Lots whose money is held for too long.", below="lots")
statement_api = blueprint("statements", __name__, "Where a party's money came from and went.")
blps = [movement_api, payment_order_api, held_api, statement_api]

_OFFICER = access.staff(SETTLEMENT_OFFICER)


@movement_api.route("/<op_id>/order-again", methods=["POST"])
@_OFFICER
@movement_api.arguments(ReasonBody)
@movement_api.response(201, schemas.PaymentOrderOut)
def propose_again(body: dict[str, Any], op_id: str) -> PaymentOrder:
    """Propose to order a transfer or refund once more that was turned down for good; another officer confirms."""
    return payment_orders.propose_again(access.actor(), op_id, **body)


@held_api.route("/<lot_id>/return", methods=["POST"])
@_OFFICER
@held_api.arguments(ReasonBody)
@held_api.response(201, schemas.PaymentOrderOut)
def propose_return(body: dict[str, Any], lot_id: str) -> PaymentOrder:
    """Propose that held money goes back to its buyer."""
    return payment_orders.propose_return(access.actor(), lot_id, **body)


@held_api.route("/<lot_id>/decided-refund", methods=["POST"])
@_OFFICER
@held_api.arguments(schemas.DecidedRefundBody)
@held_api.response(201, schemas.PaymentOrderOut)
def propose_decided_refund(body: dict[str, Any], lot_id: str) -> PaymentOrder:
    """Propose to give settled money back because a court or an authority decided so."""
    return payment_orders.propose_decided_refund(access.actor(), lot_id, **body)


@held_api.route("/<lot_id>/extend-holding", methods=["POST"])
@_OFFICER
@held_api.arguments(schemas.HoldingBody)
@held_api.response(201, LotState)
def extend_holding(body: dict[str, Any], lot_id: str) -> dict[str, Any]:
    """Let money be held for longer; then it comes back to the desk."""
    lot = payment_orders.extend_holding(access.actor(), lot_id, **body)
    return queries.lot(access.caller(), lot.id)


@payment_order_api.route("", methods=["GET"])
@_OFFICER
@payment_order_api.arguments(PageQuery, location="query")
@payment_order_api.response(200, schemas.PaymentOrderPage)
def list_payment_orders(query: dict[str, Any]) -> Page[dict[str, Any]]:
    """The orders that wait for a second officer."""
    return money_queries.payment_orders(**query)


@payment_order_api.route("/<payment_order_id>/confirm", methods=["POST"])
@_OFFICER
@payment_order_api.response(201, schemas.PaymentOrderOut)
def confirm_payment_order(payment_order_id: str) -> PaymentOrder:
    """Confirm another officer's order: it is carried out at once."""
    return payment_orders.confirm_payment_order(access.actor(), payment_order_id)


@payment_order_api.route("/<payment_order_id>/reject", methods=["POST"])
@_OFFICER
@payment_order_api.response(201, schemas.PaymentOrderOut)
def reject_payment_order(payment_order_id: str) -> PaymentOrder:
    """Reject another officer's order."""
    return payment_orders.reject_payment_order(access.actor(), payment_order_id)


@payment_order_api.route("/<payment_order_id>/withdraw", methods=["POST"])
@_OFFICER
@payment_order_api.response(201, schemas.PaymentOrderOut)
def withdraw_payment_order(payment_order_id: str) -> PaymentOrder:
    """Take one's own order back."""
    return payment_orders.withdraw_payment_order(access.actor(), payment_order_id)


@statement_api.route("", methods=["GET"])
@access.member(*PAYING)
@statement_api.arguments(PageQuery, location="query")
@statement_api.response(200, schemas.StatementPage)
def statement(query: dict[str, Any]) -> Page[dict[str, Any]]:
    """The movements of one's own organisation's money, newest first."""
    return money_queries.statement(access.actor(), **query)
