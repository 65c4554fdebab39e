"""Bodies and answers of the provenance API. Digests are SHA-256 in lower hex; terms are whole Beijing days."""

import re
from collections.abc import Mapping
from typing import Any

from flask_smorest.fields import Upload
from marshmallow import Schema, ValidationError, fields, post_load, validate

from exchange.web.api import Body, PageQuery, page_of
from exchange.web.times import day, instant
from provenance.declarations import MAX_ITEMS, Content, Grant, Source
from provenance.purposes import PURPOSES
from provenance.register import DataItem, Terms
from provenance.standard_terms import STANDARDS
from provenance.states import (
    AGREEMENT_BASES,
    BUYER_KINDS,
    DEPARTMENT,
    GROUNDS,
    SOURCE_KINDS,
    SOURCE_USES,
    USER,
)

_SHA256 = re.compile(r"[0-9a-f]{64}")
ID = validate.Length(5, 64)


class Digest(fields.String):
    """A SHA-256 digest: 64 lower-case hexadecimal digits outside, 32 bytes inside."""

    def _serialize(self, value: Any, *_context: Any, **_options: Any) -> str | None:
        return None if value is None else value.hex()

    def _deserialize(self, value: Any, *_context: Any, **_options: Any) -> bytes:  # type: ignore[override]
        if not isinstance(value, str) or not _SHA256.fullmatch(value):
            raise ValidationError("A SHA-256 digest has 64 lower-case hexadecimal digits.")
        return bytes.fromhex(value)


def words(most: int = 500) -> fields.String:
    """Text that has to be there, of at most ``most`` characters."""
    return fields.String(required=True, validate=validate.Length(1, most))


def maybe(most: int = 2000) -> fields.String:
    """Text that may be left out."""
    return fields.String(load_default="", validate=validate.Length(max=most))


def many(what: Any, **options: Any) -> "fields.List[Any]":
    """A list as long as anything here gets."""
    return fields.List(what, validate=validate.Length(max=MAX_ITEMS), **options)


def _codes(**options: Any) -> "fields.List[Any]":
    return many(fields.String(validate=validate.OneOf(sorted(PURPOSES))), **options)


class RecordField(Body):
    """A column of the data."""

    name = words(120)
    description = maybe(500)


class PurposeQuery(Body):
    """What a regulator looks for; nobody else needs to say."""

    purpose = fields.String(load_default="", validate=validate.Length(max=500))


class PasswordBody(Body):
    """The signer's password, which opens the signer's key."""

    password = fields.String(required=True, load_only=True, validate=validate.Length(1, 128))


class DeclarationSignature(PasswordBody):
    """The signer's password; ``truth_undertaken`` gives the undertaking with the signature."""

    truth_undertaken = fields.Boolean(load_default=False)


class FileForm(Body):
    """The file of an upload: evidence or a scan, at most 8 MiB."""

    file = Upload(required=True)


class ReasonBody(Body):
    """Why; kept out of the journal."""

    reason = words(2000)


# -- agreements -------------------------------------------------------------------------------------------------------


class DataItemBody(Body):
    """A catalogue record and which of its columns; all of them when none is named."""

    record_id = fields.String(required=True, validate=ID)
    columns = many(fields.String(validate=validate.Length(1, 120)), load_default=list)

    @post_load
    def build(self, data: Mapping[str, Any], **_options: Any) -> DataItem:
        """As the operation takes it."""
        return DataItem(data["record_id"], tuple(data["columns"]))


class TermsBody(Body):
    """What an agreement says. The six items of Art. 19(2) may be left empty in a draft."""

    basis = fields.String(load_default="conditional_opening", validate=validate.OneOf(AGREEMENT_BASES))
    official_number = maybe(120)
    data = many(fields.Nested(DataItemBody), load_default=list)
    purposes = _codes(load_default=list)
    purpose_text = maybe()
    application_scenario = maybe()
    security_measures = maybe()
    starts_on = day(load_default=None)
    ends_on = day(load_default=None)
    disposal = maybe()
    outputs_may_be_sold = fields.Boolean(load_default=False)
    buyers_allowed = many(fields.String(validate=validate.OneOf(BUYER_KINDS)), load_default=list)
    standard = fields.String(load_default="", validate=validate.OneOf(["", *STANDARDS]))
    registration_number = maybe(120)

    @post_load
    def build(self, data: Mapping[str, Any], **_options: Any) -> Terms:
        """As the operation takes it."""
        lists = {name: tuple(data[name]) for name in ("data", "purposes", "buyers_allowed")}
        return Terms(**{**data, **lists})


class AgreementBody(Body):
    """A new draft. Without ``user_org_id`` the caller's organisation is the user."""

    department_org_id = fields.String(required=True, validate=ID)
    user_org_id = fields.String(load_default=None, validate=ID)
    terms = fields.Nested(TermsBody, required=True)


class AgreementRevision(Body):
    """A draft written anew; ``row_version`` is that of the draft it was made from."""

    row_version = fields.Integer(required=True)
    terms = fields.Nested(TermsBody, required=True)


class AgreementSignature(PasswordBody):
    """The signer's password; ``row_version`` is that of the agreement as the signer read it."""

    row_version = fields.Integer(strict=True)


class CopyBody(Body):
    """To which big data authority the copy went."""

    authority = words(120)


class Text(Schema):
    """The same words in both languages."""

    zh = fields.String()
    en = fields.String()


class DeviationOut(Schema):
    """An item that is worded otherwise than the standard terms word it."""

    item = fields.String()
    standard = fields.Nested(Text)
    said = fields.String()


class AgreementOut(Schema):
    """An agreement as it stands. ``ends_at`` is the first instant after the term."""

    id = fields.String()
    state = fields.String()
    row_version = fields.Integer()
    department_org_id = fields.String()
    user_org_id = fields.String()
    basis = fields.String()
    official_number = fields.String()
    data = fields.List(fields.Dict())
    purposes = fields.List(fields.String())
    purpose_text = fields.String()
    application_scenario = fields.String()
    security_measures = fields.String()
    starts_on = fields.Date(allow_none=True)
    ends_at = fields.AwareDateTime(allow_none=True)
    disposal = fields.String()
    outputs_may_be_sold = fields.Boolean()
    buyers_allowed = fields.List(fields.String())
    document_digest = Digest(allow_none=True)
    user_signature_id = fields.String(allow_none=True)
    department_signature_id = fields.String(allow_none=True)
    copy_sent_at = fields.AwareDateTime(allow_none=True)
    copy_sent_to = fields.String(allow_none=True)
    copy_overdue = fields.Boolean()
    missing_items = fields.List(fields.String())
    standard = fields.String()
    deviations = fields.List(fields.Nested(DeviationOut))
    registration_number = fields.String()
    scan_digest = Digest(allow_none=True)
    closing_reason = fields.String(allow_none=True)
    created_at = fields.AwareDateTime()
    changed_at = fields.AwareDateTime()
    actions = fields.List(fields.String())


class ReviewQuery(PageQuery):
    """Agreements whose copy is owed, or which are incomplete."""

    what = fields.String(load_default="owed", validate=validate.OneOf(["owed", "incomplete"]))


class AgreementQuery(PageQuery):
    """On which side of the agreements the caller stands."""

    side = fields.String(load_default=USER, validate=validate.OneOf([USER, DEPARTMENT]))


#: A page of agreements, newest first.
AgreementPage = page_of(AgreementOut)


# -- declarations -----------------------------------------------------------------------------------------------------


class SourceBody(Body):
    """A source. ``holder`` names an organisation or a group of people, never a person: names stand in the evidence."""

    kind = fields.String(required=True, validate=validate.OneOf(SOURCE_KINDS))
    use = fields.String(required=True, validate=validate.OneOf(SOURCE_USES))
    title = words()
    holder = words()
    holder_org_id = fields.String(load_default=None, validate=ID, allow_none=True)
    method = maybe()
    collected_from = day(load_default=None, allow_none=True)
    collected_to = day(load_default=None, allow_none=True)
    territory = maybe(120)
    licence = maybe()
    evidence_digest = Digest(load_default=None, allow_none=True)
    retrieved_at = instant(load_default=None, allow_none=True)
    record_id = fields.String(load_default=None, validate=ID, allow_none=True)
    agreement_id = fields.String(load_default=None, validate=ID, allow_none=True)
    acquisition_id = fields.String(load_default=None, validate=ID, allow_none=True)
    external_number = maybe(120)
    not_intrusive = fields.Boolean(load_default=False)

    @post_load
    def build(self, data: Mapping[str, Any], **_options: Any) -> Source:
        """As the operation takes it."""
        return Source(**data)


class GrantBody(Body):
    """An authorisation. ``grantor`` names an organisation or a group of people, never a person."""

    grantor = words()
    data = words(2000)
    purposes = _codes(required=True)
    onward_allowed = fields.Boolean(required=True)
    starts_on = day(required=True)
    ends_on = day(required=True)
    evidence_digest = Digest(required=True)
    columns = many(fields.String(validate=validate.Length(1, 120)), load_default=list)

    @post_load
    def build(self, data: Mapping[str, Any], **_options: Any) -> Grant:
        """As the operation takes it."""
        return Grant(**{**data, "purposes": tuple(data["purposes"]), "columns": tuple(data["columns"])})


class ContentBody(Body):
    """All that a declaration says. Ground A: anonymised beyond restoration; B: origin explained and authorised."""

    sources = many(fields.Nested(SourceBody), load_default=list)
    ground = fields.String(load_default=None, allow_none=True, validate=validate.OneOf(GROUNDS))
    anonymisation_method = maybe()
    anonymisation_evidence = Digest(load_default=None, allow_none=True)
    authorisations = many(fields.Nested(GrantBody), load_default=list)
    processing_steps = many(fields.Nested(RecordField), load_default=list)
    personal_information = fields.Boolean(load_default=False)
    truth_undertaken = fields.Boolean(load_default=False)

    @post_load
    def build(self, data: Mapping[str, Any], **_options: Any) -> Content:
        """As the operation takes it."""
        steps = tuple((step["name"], step["description"]) for step in data["processing_steps"])
        lists = {name: tuple(data[name]) for name in ("sources", "authorisations")}
        return Content(**{**data, **lists, "processing_steps": steps})


class DeclarationBody(Body):
    """A new declaration, or one that takes the place of a signed one."""

    replaces_id = fields.String(load_default=None, validate=ID)
    content = fields.Nested(ContentBody, required=True)


class DeclarationRevision(Body):
    """A draft written anew; ``row_version`` is that of the draft it was made from."""

    row_version = fields.Integer(required=True)
    content = fields.Nested(ContentBody, required=True)


class AuthorisationOut(Schema):
    """An authorisation as it stands; ``ends_at`` is the first instant at which it no longer holds."""

    id = fields.String()
    grantor = fields.String()
    data = fields.String()
    columns = fields.List(fields.String())
    purposes = fields.List(fields.String())
    onward_allowed = fields.Boolean()
    starts_at = fields.AwareDateTime()
    ends_at = fields.AwareDateTime()
    evidence_digest = Digest()
    withdrawn_at = fields.AwareDateTime(allow_none=True)


class DeclarationOut(Schema):
    """A declaration as it stands, without its sources."""

    id = fields.String()
    state = fields.String()
    row_version = fields.Integer()
    org_id = fields.String()
    replaces_id = fields.String(allow_none=True)
    revision = fields.Integer()
    ground = fields.String(allow_none=True)
    anonymisation_method = fields.String()
    anonymisation_evidence = Digest(allow_none=True)
    processing_steps = fields.List(fields.Nested(RecordField))
    personal_information = fields.Boolean()
    truth_undertaken = fields.Boolean()
    document_digest = Digest(allow_none=True)
    signature_id = fields.String(allow_none=True)
    signed_at = fields.AwareDateTime(allow_none=True)
    created_at = fields.AwareDateTime()
    changed_at = fields.AwareDateTime()
    actions = fields.List(fields.String())


class DeclarationDetail(DeclarationOut):
    """A declaration with its sources, its authorisations and the lines to print."""

    sources = fields.List(fields.Nested(SourceBody))
    authorisations = fields.List(fields.Nested(AuthorisationOut))
    source_lines = fields.List(fields.Nested(Text))


class SinceQuery(PurposeQuery):
    """The version to compare with; the one that was replaced when none is named."""

    since = fields.String(load_default=None, validate=ID)


class DeclarationQuery(PageQuery):
    """What a regulator lists declarations for."""

    purpose = fields.String(load_default="", validate=validate.Length(max=500))


#: A page of declarations, newest first.
DeclarationPage = page_of(DeclarationOut)
