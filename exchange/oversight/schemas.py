"""What overseers send and receive over the API and through forms."""

import base64
import json
from typing import Any

from marshmallow import Schema, fields, validate

from exchange.oversight.directives import MAX_DAYS, MAX_NUMBER, MAX_WORDS
from exchange.oversight.inspection import MAX_QUERY
from exchange.oversight.looks import MAX_HOURS, MAX_NOTE, MAX_REFERENCE
from exchange.oversight.scopes import MAX_BASIS
from exchange.oversight.states import AUTHORITIES, BASES, MEASURES, PURPOSES, SCOPE_KINDS, TARGET_KINDS
from exchange.web.api import Body, PageQuery, page_of
from exchange.web.times import day, instant

_PURPOSE = fields.String(load_default="", validate=validate.Length(max=500))
_SUBJECT = validate.Regexp(r"[a-z][0-9a-z_]{2,63}\Z")


def _one_of(codes: Any) -> validate.OneOf:
    return validate.OneOf(sorted(codes))


class PurposeQuery(Body):
    """Why somebody looks; it may be left out while an inspection is open."""

    purpose = _PURPOSE


class SearchQuery(PageQuery):
    """What to look for; ``purpose`` may be left out while an inspection is open."""

    purpose = _PURPOSE
    subject = fields.String(validate=_SUBJECT)
    action = fields.String(validate=validate.Length(1, 100))
    party = fields.String(validate=_SUBJECT)
    since = instant()
    until = instant()
    words = fields.String(validate=validate.Length(1, MAX_QUERY))


class SearchForm(Body):
    """The search as a page asks for it: by days."""

    subject = fields.String(validate=_SUBJECT)
    action = fields.String(validate=validate.Length(1, 100))
    party = fields.String(validate=_SUBJECT)
    since = day()
    until = day()
    words = fields.String(validate=validate.Length(1, MAX_QUERY))


class Entry(Schema):
    """A journal entry; ``index`` is null until the sequencer has placed it."""

    id = fields.String()
    index = fields.Integer(allow_none=True)
    entry = fields.Method("_parsed", metadata={"type": "object"})

    def _parsed(self, told: Any) -> Any:
        return json.loads(told.body)


#: A page of entries, newest first.
EntryPage = page_of(Entry)


class ProvenEntry(Schema):
    """An entry and the tlog-proof that the log holds it; null while it waits for its place."""

    entry = fields.Nested(Entry, attribute="told")
    proof = fields.String(attribute="text", allow_none=True)


class OwnProof(Schema):
    """An entry of one's own: its bytes in base64, what they say, its place, and the tlog-proof of that place."""

    id = fields.String()
    index = fields.Integer()
    leaf = fields.Function(lambda proven: base64.b64encode(proven.leaf).decode(), metadata={"type": "string"})
    entry = fields.Function(lambda proven: json.loads(proven.leaf), metadata={"type": "object"})
    proof = fields.String(attribute="text")


class Story(Schema):
    """All entries of one subject, and the subjects around it."""

    subject = fields.String()
    entries = fields.List(fields.Nested(Entry))
    related = fields.List(fields.String())


# -- inspections ------------------------------------------------------------------------------------------------------


class InspectionBody(Body):
    """What the looks of the next hours are for. ``note`` is kept sealed; entries hold code and number only."""

    purpose = fields.String(required=True, validate=_one_of(PURPOSES))
    reference = fields.String(required=True, validate=validate.Length(1, MAX_REFERENCE))
    note = fields.String(load_default="", validate=validate.Length(max=MAX_NOTE))
    hours = fields.Integer(load_default=4, validate=validate.Range(1, MAX_HOURS))


class InspectionOut(Schema):
    """An inspection as it stands."""

    id = fields.String()
    purpose = fields.String()
    reference = fields.String()
    state = fields.String()
    row_version = fields.Integer()
    created_at = fields.AwareDateTime()
    expires_at = fields.AwareDateTime()


InspectionPage = page_of(InspectionOut)


class CaseFileOut(Schema):
    """A case file that the worker builds; ``problem`` is the code of what stood in the way."""

    id = fields.String()
    about = fields.String()
    state = fields.String()
    size_bytes = fields.Integer(allow_none=True)
    problem = fields.String(allow_none=True)
    created_at = fields.AwareDateTime()
    expires_at = fields.AwareDateTime(allow_none=True)


CaseFilePage = page_of(CaseFileOut)


# -- scopes -----------------------------------------------------------------------------------------------------------


class ScopeBody(Body):
    """What an organ may see: ``value`` is a category's code, six digits of a district, a party's id or a case's."""

    organ_id = fields.String(required=True, validate=_SUBJECT)
    authority = fields.String(required=True, validate=_one_of(AUTHORITIES))
    kind = fields.String(required=True, validate=_one_of(SCOPE_KINDS))
    value = fields.String(load_default="", validate=validate.Length(max=64))
    basis = fields.String(required=True, validate=validate.Length(1, MAX_BASIS))


class ScopeOut(Schema):
    """A scope as it stands."""

    id = fields.String()
    organ_id = fields.String()
    authority = fields.String()
    kind = fields.String()
    value = fields.String()
    basis = fields.String()
    since = fields.AwareDateTime()
    ended_at = fields.AwareDateTime(allow_none=True)


class ScopeList(Schema):
    """Scopes in force."""

    items = fields.List(fields.Nested(ScopeOut))


class ScopeQuery(Body):
    """Whose scopes."""

    organ_id = fields.String(validate=_SUBJECT)


# -- directives -------------------------------------------------------------------------------------------------------


class DirectiveBody(Body):
    """A draft: ``target`` is a party's or a subject's id, or a category's code; nothing for the whole market."""

    measure = fields.String(required=True, validate=_one_of(MEASURES))
    basis = fields.String(required=True, validate=_one_of(BASES))
    document_number = fields.String(load_default="", validate=validate.Length(max=MAX_NUMBER))
    target_kind = fields.String(required=True, validate=_one_of(TARGET_KINDS))
    target = fields.String(load_default="", validate=validate.Length(max=64))
    served_on = fields.String(load_default=None, allow_none=True, validate=_SUBJECT)
    demand = fields.String(required=True, validate=validate.Length(1, MAX_WORDS))
    answer_days = fields.Integer(required=True, validate=validate.Range(1, MAX_DAYS))


class WordsBody(Body):
    """Why."""

    reason = fields.String(required=True, validate=validate.Length(1, MAX_WORDS))


class SendBackBody(WordsBody):
    """Why an answer is not enough, and until when there has to be another."""

    answer_days = fields.Integer(required=True, validate=validate.Range(1, MAX_DAYS))


class AnswerBody(Body):
    """What the party did. Documents are added on the page."""

    answer = fields.String(load_default="", validate=validate.Length(max=MAX_WORDS))


class Said(Schema):
    """What the organ or the party wrote."""

    kind = fields.String()
    at = fields.AwareDateTime()
    words = fields.String()


class AttachedFile(Schema):
    """A document of an answer."""

    digest = fields.String()
    media_type = fields.String()
    size_bytes = fields.Integer()
    at = fields.AwareDateTime()


class DirectiveOut(Schema):
    """A directive as the reader may see it, with what the reader may do next."""

    id = fields.String()
    organ_id = fields.String()
    measure = fields.String()
    basis = fields.String()
    document_number = fields.String()
    target_kind = fields.String()
    target = fields.String()
    served_on = fields.String(allow_none=True)
    binding = fields.Boolean()
    state = fields.String()
    row_version = fields.Integer()
    demand = fields.String()
    answer_days = fields.Integer()
    answer_due_at = fields.AwareDateTime(allow_none=True)
    served_at = fields.AwareDateTime(allow_none=True)
    answered_at = fields.AwareDateTime(allow_none=True)
    created_at = fields.AwareDateTime()
    changed_at = fields.AwareDateTime()
    actions = fields.List(fields.String())


class DirectiveWhole(DirectiveOut):
    """A directive with what was said about it."""

    said = fields.List(fields.Nested(Said))
    files = fields.List(fields.Nested(AttachedFile))


DirectivePage = page_of(DirectiveOut)


# -- restraints -------------------------------------------------------------------------------------------------------


#: What the operator may order; money is frozen by organs only.
STOPPING = ("suspension", "rectification")


class RestraintBody(Body):
    """An order to stop a subject."""

    subject = fields.String(required=True, validate=validate.Length(5, 64))
    measure = fields.String(required=True, validate=validate.OneOf(STOPPING))
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
    directive_id = fields.String(allow_none=True)


#: A page of restraints, newest first.
RestraintPage = page_of(RestraintOut)
