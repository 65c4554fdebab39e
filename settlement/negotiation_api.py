"""The API of what leads to a contract: a look at it beforehand, counter-proposals, and messages between the parties."""

import json
from typing import Any

from flask import Response

from exchange.web import access
from exchange.web.api import PageQuery, blueprint
from exchange.web.paging import Page
from settlement import contracts, messages, negotiation, order_queries, orders, queries
from settlement import negotiation_schemas as schemas
from settlement.messages import Message
from settlement.negotiation_models import TradeMessage
from settlement.orders import Request
from settlement.parties import SIGNING
from settlement.schemas import OrderState
from settlement.states import OFFICER

negotiating = blueprint("negotiation", __name__, "Negotiation: proposals signed by their makers.", below="orders")
blps = [negotiating]


@negotiating.route("/preview", methods=["POST"])
@access.member(*SIGNING)
@negotiating.arguments(schemas.PreviewBody)
@negotiating.response(200, {"type": "object"}, content_type=contracts.MEDIA_TYPE)
def preview_order(body: Request) -> Response:
    """The contract that a request would have its buyer sign; nothing is kept."""
    found = orders.preview(access.caller(), body)
    return Response(json.dumps(json.loads(found), ensure_ascii=False), mimetype=contracts.MEDIA_TYPE)


@negotiating.route("/<order_id>/counter", methods=["POST"])
@access.member(*SIGNING)
@negotiating.arguments(schemas.CounterBody)
@negotiating.response(201, OrderState)
def counter_order(body: dict[str, Any], order_id: str) -> dict[str, Any]:
    """Answer the other side's proposal with one's own, signed."""
    return queries.order_shape(access.actor(), negotiation.counter_order(access.actor(), order_id, **body))


@negotiating.route("/<order_id>/proposals", methods=["GET"])
@access.member()
@negotiating.response(200, schemas.ProposalsOut)
def list_proposals(order_id: str) -> dict[str, Any]:
    """All proposals of an order, first to last."""
    return {"items": order_queries.proposals(access.actor(), order_id)}


@negotiating.route("/<order_id>/messages", methods=["POST"])
@access.member(*messages.ROLES)
@negotiating.arguments(schemas.MessageBody)
@negotiating.response(201, schemas.MessageSent)
def send_message(body: dict[str, Any], order_id: str) -> TradeMessage:
    """Say something to the other side."""
    return messages.send_message(access.actor(), order_id, **body)


@negotiating.route("/<order_id>/messages", methods=["GET"])
@access.anyone_of("owner", "trader", "approver", "finance", "viewer", OFFICER)
@negotiating.arguments(PageQuery, location="query")
@negotiating.response(200, schemas.MessagePage)
def list_messages(query: dict[str, Any], order_id: str) -> Page[Message]:
    """The messages of an order, newest first. A dispute officer reads them in a dispute only, and that is recorded."""
    actor = access.actor()
    read = messages.in_dispute if OFFICER in actor.roles else messages.between
    return read(actor, order_id, **query)
