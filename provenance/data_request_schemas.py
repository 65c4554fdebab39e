"""Bodies and answers about requests for government data."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, post_load, validate

from exchange.web.api import Body, page_of
from provenance.data_requests import Receipt
from provenance.schemas import ID, words
from provenance.states import ANSWER_DAYS


class ReceiptBody(Body):
    """A request as its department received it."""

    kind = fields.String(required=True, validate=validate.OneOf(sorted(ANSWER_DAYS)))
    official_number = words(120)
    applicant_org_id = fields.String(required=True, validate=ID)
    record_id = fields.String(required=True, validate=ID)
    received_on = fields.Date(required=True)

    @post_load
    def build(self, data: Mapping[str, Any], **_options: Any) -> Receipt:
        """As the operation takes it."""
        return Receipt(**data)


class ExtensionBody(Body):
    """By how many working days the period is extended, and the office whose head approved it."""

    days = fields.Integer(required=True, validate=validate.Range(1, max(ANSWER_DAYS.values())))
    approved_by = words(200)


class RefusalBody(Body):
    """Why the request is refused, and on what basis."""

    reason = words(2000)
    legal_basis = words(2000)


class DataRequestOut(Schema):
    """A request for government data and its period."""

    id = fields.String()
    state = fields.String()
    kind = fields.String()
    official_number = fields.String()
    department_org_id = fields.String()
    applicant_org_id = fields.String()
    record_id = fields.String()
    received_on = fields.Date()
    due_at = fields.AwareDateTime()
    provisional = fields.Boolean()
    extended_days = fields.Integer()
    approved_by = fields.String()
    reason = fields.String()
    legal_basis = fields.String()
    created_at = fields.AwareDateTime()
    changed_at = fields.AwareDateTime()


#: A page of requests, newest first.
DataRequestPage = page_of(DataRequestOut)
