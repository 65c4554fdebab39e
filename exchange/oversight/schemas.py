"""What overseers send and receive over the API."""

import json
from typing import Any

from marshmallow import Schema, fields, validate

from exchange.web.api import Body, PageQuery, page_of

_PURPOSE = fields.String(required=True, validate=validate.Length(1, 500))


class SearchQuery(PageQuery):
    """What to look for, and what for."""

    purpose = _PURPOSE
    subject = fields.String()
    action = fields.String()
    organisation = fields.String()


class PurposeQuery(Body):
    """Why somebody looks."""

    purpose = _PURPOSE


class Entry(Schema):
    """A journal entry; ``index`` is null until the sequencer has placed it."""

    index = fields.Integer(allow_none=True)
    entry = fields.Method("_parsed", metadata={"type": "object"})

    def _parsed(self, told: Any) -> Any:
        return json.loads(told.body)


#: A page of entries, newest first.
EntryPage = page_of(Entry)


class Story(Schema):
    """All entries of one subject, and the subjects around it."""

    subject = fields.String()
    entries = fields.List(fields.Nested(Entry))
    related = fields.List(fields.String())


class RestraintBody(Body):
    """An order to stop a subject."""

    subject = fields.String(required=True, validate=validate.Length(5, 64))
    measure = fields.String(required=True, validate=validate.OneOf(["suspension", "rectification"]))
    basis = fields.String(required=True, validate=validate.Length(1, 500))
    reason = fields.String(required=True, validate=validate.Length(1, 2000))


class LiftBody(Body):
    """The end of a restraint."""

    reason = fields.String(required=True, validate=validate.Length(1, 2000))


class RestraintOut(Schema):
    """A restraint as it stands."""

    id = fields.String()
    subject = fields.String()
    measure = fields.String()
    basis = fields.String()
    reason = fields.String()
    since = fields.AwareDateTime()
    lifted_at = fields.AwareDateTime(allow_none=True)
