"""Bodies and answers about findings."""

from marshmallow import Schema, fields, validate

from exchange.web.api import Body, PageQuery, page_of
from provenance.findings import MAX_WORDS
from provenance.states import FINDING_KINDS

_WORDS = validate.Length(1, MAX_WORDS)


class AcceptBody(Body):
    """That it is so, with a word on it if the party likes."""

    answer = fields.String(load_default="", validate=validate.Length(max=MAX_WORDS))


class RefuteBody(Body):
    """Why it is not so."""

    answer = fields.String(required=True, validate=_WORDS)


class AppealBody(Body):
    """Why the decision is wrong."""

    appeal = fields.String(required=True, validate=_WORDS)


class VoteBody(Body):
    """What a reviewer holds, and why."""

    outcome = fields.String(required=True, validate=validate.OneOf(["confirm", "dismiss"]))
    reason = fields.String(required=True, validate=_WORDS)


class FindingQuery(PageQuery):
    """The query of a list of findings."""

    settled = fields.Boolean(load_default=False)


class FindingCard(Schema):
    """A finding in a list."""

    id = fields.String()
    row_version = fields.Integer()
    state = fields.String()
    kind = fields.String(validate=validate.OneOf(FINDING_KINDS))
    title = fields.String()
    declaration_id = fields.String()
    org_id = fields.String()
    about = fields.String()
    answer_due_at = fields.AwareDateTime()
    created_at = fields.AwareDateTime()


class VoteOut(Schema):
    """A reviewer's vote; who it was stands in no answer to the party."""

    stage = fields.Integer()
    outcome = fields.String()
    reason = fields.String()
    at = fields.AwareDateTime()


class FindingOut(FindingCard):
    """A finding whole."""

    record_id = fields.String(allow_none=True)
    source_declaration_id = fields.String(allow_none=True)
    position = fields.Integer(allow_none=True)
    evidence = fields.Dict()
    answer = fields.String(allow_none=True)
    answered_at = fields.AwareDateTime(allow_none=True)
    appeal = fields.String(allow_none=True)
    stage = fields.Integer()
    remedied_by = fields.String(allow_none=True)
    votes = fields.List(fields.Nested(VoteOut))
    actions = fields.List(fields.String())


#: A page of findings.
FindingPage = page_of(FindingCard)
