"""The forms of a lot's page: their schemas as a page sends them, and their names, so that several stand on one page."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from exchange.clock import BEIJING
from exchange.web.api import Body
from exchange.web.forms import Form
from settlement import lot_schemas, schemas
from settlement.dispute_files import MAX_TITLE
from settlement.models import WHOLE_PERCENT


class UntilForm(schemas.ReasonBody):
    """A deadline as a page's field has it: in Beijing time, without an offset."""

    until = fields.AwareDateTime(required=True, default_timezone=BEIJING)


class ShareForm(Body):
    """A share as a page's field has it: a number in text."""

    seller_share_percent = fields.Integer(required=True, validate=validate.Range(0, WHOLE_PERCENT))


class RulingForm(ShareForm, schemas.ReasonBody):
    """A ruling and its reason."""


class EvidenceForm(Body):
    """What a document shows; a checkbox that is not set is absent."""

    title = fields.String(required=True, validate=validate.Length(1, MAX_TITLE))
    personal = fields.Boolean(load_default=False)


class DisputeForm(schemas.ReasonBody):
    """Why; evidence follows on the dispute's own page."""


#: The forms of a lot by action.
SCHEMAS: Mapping[str, type[Schema] | None] = {
    "accept": None,
    "cancel": None,
    "pay": None,
    "ticket": None,
    "deliver": lot_schemas.DeliverBody,
    "decline": schemas.ReasonBody,
    "reject": schemas.ReasonBody,
    "dispute": DisputeForm,
    "settle": ShareForm,
    "object": schemas.ReasonBody,
    "answer": lot_schemas.AnswerBody,
    "evidence": EvidenceForm,
    "extension": UntilForm,
    "refund": lot_schemas.RefundBody,
    "receipt": lot_schemas.ReceiptForm,
    "rule": RulingForm,
    "return": schemas.ReasonBody,
    "decided": lot_schemas.DecidedRefundBody,
    "holding": UntilForm,
}


def form(action: str, lot_id: str, values: Mapping[str, Any] | None = None) -> Form:
    """The form of an action on a lot; its fields begin with both names."""
    return Form(SCHEMAS[action], name=f"{action}_{lot_id}", values=values)
