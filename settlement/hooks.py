"""Where gateways send their events. The body is proved by its signature, so the route asks for no session or token."""

from flask import Blueprint, Response, current_app, request

from exchange.web import access
from settlement import inbox
from settlement.gateways.errors import BadSignature
from settlement.gateways.stripe_gateway import EXTENSION, StripeGateway

#: Exempt from CSRF protection: nobody's cookie is looked at here.
hooks = Blueprint("hooks", __name__, url_prefix="/hooks")

#: ``app.extensions`` holds the gateway under this name.
GATEWAY_EXTENSION = EXTENSION
#: Events are a few kilobytes; what is longer is none.
MAX_BYTES = 256 * 1024


@hooks.route("/stripe", methods=["POST"])
@access.public
def stripe() -> Response:
    """Keep an event: 200 when it is kept (also when it was before), 400 when Stripe did not send it."""
    gateway: StripeGateway = current_app.extensions[GATEWAY_EXTENSION]
    request.max_content_length = MAX_BYTES
    try:
        inbox.receive(gateway, request.get_data(), request.headers.get("Stripe-Signature", ""))
    except BadSignature:
        return Response(status=400)
    return Response(status=200)
