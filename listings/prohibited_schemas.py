"""Bodies and answers of the negative list."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, post_load, validate

from exchange.texts import MAX_TEXT
from exchange.web.api import Body, page_of
from listings.prohibited import Item
from listings.states import NEGATIVE_RESULTS

_SAID = validate.Length(1, MAX_TEXT)


class ItemBody(Body):
    """``POST /negative-list``: an item, or a new edition of one, and the instant it takes effect."""

    code = fields.String(required=True, validate=validate.Length(1, 40))
    text_zh = fields.String(required=True, validate=_SAID)
    text_en = fields.String(required=True, validate=_SAID)
    basis = fields.String(required=True, validate=_SAID)
    effective_at = fields.AwareDateTime(required=True)

    @post_load
    def build(self, data: Mapping[str, Any], **_options: Any) -> dict[str, Any]:
        """As the operation takes it."""
        told = dict(data)
        effective_at = told.pop("effective_at")
        return {"item": Item(**told), "effective_at": effective_at}


class ResultsBody(Body):
    """What was found of each item in force, by its id."""

    results = fields.Dict(
        keys=fields.String(), values=fields.String(validate=validate.OneOf(NEGATIVE_RESULTS)), load_default=dict
    )


class TakeDownBody(Body):
    """What was found after listing."""

    statement = fields.String(required=True, validate=_SAID)


class ItemOut(Schema):
    """An item of the list."""

    id = fields.String()
    row_version = fields.Integer()
    state = fields.String()
    code = fields.String()
    edition = fields.Integer()
    text_zh = fields.String()
    text_en = fields.String()
    basis = fields.String()
    effective_at = fields.AwareDateTime()


#: A page of the list, by code.
ItemPage = page_of(ItemOut)
