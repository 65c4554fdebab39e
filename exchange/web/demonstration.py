"""What a demonstration offers beyond the product: moving the clock. Registered in demonstration mode only."""

from datetime import timedelta
from typing import Any

from marshmallow import Schema, fields, validate

from exchange import clock
from exchange.db import advance_clock, read
from exchange.web import access
from exchange.web.api import Body, blueprint

blp = blueprint("demonstration", __name__, "Demonstration only: the exchange's clock")


class ClockBody(Body):
    """How far to move."""

    hours = fields.Integer(required=True, validate=validate.Range(1, 24 * 366))


class ClockOut(Schema):
    """The exchange's time."""

    now = fields.AwareDateTime()


@blp.route("/clock", methods=["GET"])
@access.staff("administrator")
@blp.response(200, ClockOut)
def read_clock() -> dict[str, Any]:
    """The exchange's time."""
    with read():
        return {"now": clock.now()}


@blp.route("/clock", methods=["POST"])
@access.staff("administrator")
@blp.arguments(ClockBody)
@blp.response(200, ClockOut)
def move_clock(body: dict[str, Any]) -> dict[str, Any]:
    """Move the exchange's clock forward for everybody."""
    advance_clock(access.actor().with_key(None), timedelta(hours=body["hours"]))
    return {"now": clock.now()}
