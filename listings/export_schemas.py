"""Bodies and answers of export assessments."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, post_load, validate

from exchange.texts import MAX_TEXT
from exchange.web.api import Body, page_of
from listings.exports import MAX_DOCUMENTS, Export
from listings.schemas import Bilingual
from listings.states import EXPORT_KINDS
from provenance.crossborder import PATHS, SCENES
from provenance.purposes import PURPOSES

_SAID = validate.Length(1, MAX_TEXT)
#: More people than there are on Earth are a mistake.
_MOST_PERSONS = 10_000_000_000


def _known() -> fields.Boolean:
    return fields.Boolean(load_default=None, allow_none=True)


def _persons() -> fields.Integer:
    return fields.Integer(load_default=None, allow_none=True, validate=validate.Range(0, _MOST_PERSONS))


class ExportBody(Body):
    """``POST /versions/<id>/export-assessments``: to whom, what for and what of."""

    recipient = fields.String(required=True, validate=_SAID)
    territory = fields.String(required=True, validate=validate.Regexp(r"[A-Z]{2}\Z"))
    purposes = fields.List(
        fields.String(validate=validate.OneOf(list(PURPOSES))), required=True, validate=validate.Length(1, 50)
    )
    kinds = fields.List(
        fields.String(validate=validate.OneOf(EXPORT_KINDS)),
        required=True,
        validate=validate.Length(1, len(EXPORT_KINDS)),
    )

    @post_load
    def build(self, data: Mapping[str, Any], **_options: Any) -> Export:
        """As the operation takes it."""
        return Export(**data)


class FactsBody(Body):
    """What the path rests on; what is left out is unknown."""

    critical_infrastructure = _known()
    important_data = _known()
    personal_information = _known()
    ordinary_persons = _persons()
    sensitive_persons = _persons()
    foreign_authority = _known()
    government_held = _known()
    scene = fields.String(load_default="unknown", validate=validate.OneOf(list(SCENES)))
    ftz_negative_list = _known()
    separate_consent = _known()


class SubmitBody(Body):
    """``POST /export-assessments/<id>/submit``: the facts and the SHA-256 of what shows them."""

    facts = fields.Nested(FactsBody, required=True)
    documents = fields.List(
        fields.String(validate=validate.Regexp(r"[0-9a-f]{64}\Z")),
        load_default=list,
        validate=validate.Length(max=MAX_DOCUMENTS),
    )


class SubmitForm(Body):
    """The same from a page: a digest a line."""

    facts = fields.Nested(FactsBody, load_default=lambda: FactsBody().load({}))
    documents = fields.String(load_default="", validate=validate.Length(max=MAX_DOCUMENTS * 70))

    @post_load
    def build(self, data: Mapping[str, Any], **_options: Any) -> dict[str, Any]:
        """As the operation takes it."""
        return {"facts": data["facts"], "documents": str(data["documents"]).split()}


class PathReasonOut(Bilingual):
    """A step of the explanation."""

    rule = fields.String()


class ExportOut(Schema):
    """An assessment as it stands."""

    id = fields.String()
    row_version = fields.Integer()
    version_id = fields.String()
    state = fields.String()
    recipient = fields.String()
    territory = fields.String()
    purposes = fields.List(fields.String())
    kinds = fields.List(fields.String())
    facts = fields.Dict()
    documents = fields.List(fields.String())
    path = fields.String(allow_none=True, validate=validate.OneOf(list(PATHS)))
    edition = fields.String(allow_none=True)
    reasons = fields.List(fields.Nested(PathReasonOut))
    missing = fields.List(fields.String())
    reason = fields.String(allow_none=True)
    valid_until = fields.AwareDateTime(allow_none=True)
    created_at = fields.AwareDateTime()
    actions = fields.List(fields.String())


#: A page of assessments, newest first.
ExportPage = page_of(ExportOut)
