"""Bodies and answers of grading."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, post_load, validate

from exchange.texts import MAX_TEXT
from exchange.web.api import Body, page_of
from listings.schemas import Bilingual
from listings.states import GRADES, REPORT_KINDS, RISK_POINTS
from provenance.grading import DEGREES, ELEMENTS, IDENTIFIED, OBJECTS, SECRECY, Form

_SAID = validate.Length(1, MAX_TEXT)


def _coded(codes: Any) -> Any:
    return validate.OneOf(list(codes))


class GradingBody(Body):
    """``PUT /versions/<id>/grading``: the form; what is left out is unknown."""

    elements = fields.Dict(
        keys=fields.String(validate=_coded(ELEMENTS)),
        values=fields.String(validate=validate.Length(max=MAX_TEXT)),
        load_default=dict,
    )
    effects = fields.Dict(
        keys=fields.String(validate=_coded(OBJECTS)),
        values=fields.String(validate=_coded(DEGREES)),
        load_default=dict,
    )
    identified_as = fields.String(validate=_coded(IDENTIFIED), load_default="unknown")
    secrecy = fields.String(validate=_coded(SECRECY), load_default="unknown")

    @post_load
    def build(self, data: Mapping[str, Any], **_options: Any) -> Form:
        """As the operation takes it."""
        return Form(**data)


class ImportantDataBody(Body):
    """``PUT /versions/<id>/important-data``: what important data needs."""

    identification = fields.String(required=True, validate=_SAID)
    assessment = fields.Dict(
        keys=fields.String(validate=_coded(RISK_POINTS)), values=fields.String(validate=_SAID), required=True
    )
    officer_id = fields.String(required=True)


class WhyBody(Body):
    """Why something is asked for, allowed, refused or dismissed."""

    reason = fields.String(required=True, validate=_SAID)


class AuthorityBody(Body):
    """Which authority was told, and under which number."""

    authority = fields.String(required=True, validate=_SAID)
    reference = fields.String(required=True, validate=_SAID)


class ReasonOut(Bilingual):
    """A reason of a grade."""

    grade = fields.String(validate=_coded(GRADES))
    rule = fields.String()


class ImportantDataOut(Schema):
    """The file of important data."""

    identification = fields.String()
    assessment = fields.Dict(keys=fields.String(), values=fields.String())
    officer_id = fields.String()
    at = fields.AwareDateTime()


class LoweringOut(Schema):
    """A lower grade that was asked for."""

    id = fields.String()
    row_version = fields.Integer()
    version_id = fields.String()
    state = fields.String()
    from_grade = fields.String()
    to_grade = fields.String()
    reason = fields.String()
    first_reason = fields.String(allow_none=True)
    second_reason = fields.String(allow_none=True)
    created_at = fields.AwareDateTime()


class GradingOut(Schema):
    """How a version is graded: ``computed`` is what the form comes to, empty while something is missing."""

    version_id = fields.String()
    row_version = fields.Integer()
    grade = fields.String()
    computed = fields.String(allow_none=True)
    sources_grade = fields.String()
    elements = fields.Dict(keys=fields.String(), values=fields.String())
    effects = fields.Dict(keys=fields.String(), values=fields.String())
    identified_as = fields.String()
    secrecy = fields.String()
    missing = fields.List(fields.String())
    reasons = fields.List(fields.Nested(ReasonOut))
    at = fields.AwareDateTime(allow_none=True)
    important_data = fields.Nested(ImportantDataOut, allow_none=True)
    lowerings = fields.List(fields.Nested(LoweringOut))


class ReportOut(Schema):
    """Something that must not be here, as the security administrator sees it."""

    id = fields.String()
    row_version = fields.Integer()
    version_id = fields.String()
    state = fields.String()
    kind = fields.String(validate=_coded(REPORT_KINDS))
    statement = fields.String()
    authority = fields.String()
    reference = fields.String()
    answer = fields.String()
    created_at = fields.AwareDateTime()


#: A page of reports, newest first.
ReportPage = page_of(ReportOut)
#: A page of lower grades asked for, newest first.
LoweringPage = page_of(LoweringOut)
