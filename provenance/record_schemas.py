"""Bodies and answers about records of the government catalogue."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, post_load, validate

from exchange.web.api import Body, PageQuery, page_of
from provenance.records import RecordEntry
from provenance.schemas import ID, RecordField, many, maybe, words
from provenance.states import OPEN_ATTRIBUTES


class RecordBody(Body):
    """A record of the government catalogue, as its department enters it."""

    official_number = words(120)
    title_zh = words()
    title_en = words()
    open_attribute = fields.String(required=True, validate=validate.OneOf(OPEN_ATTRIBUTES))
    legal_basis = maybe()
    record_fields = many(fields.Nested(RecordField), data_key="fields", attribute="fields", load_default=list)
    update_frequency = words(120)
    source_line_zh = words()
    source_line_en = words()

    @post_load
    def build(self, data: Mapping[str, Any], **_options: Any) -> RecordEntry:
        """As the operation takes it."""
        columns = tuple((field["name"], field["description"]) for field in data["fields"])
        return RecordEntry(**{**data, "fields": columns})


class RecordRevision(RecordBody):
    """A corrected record; ``revision`` is that of the record which the correction was made from."""

    revision = fields.Integer(required=True, validate=validate.Range(1, 2**31 - 1))

    @post_load
    def build(self, data: Mapping[str, Any], **options: Any) -> dict[str, Any]:
        """The entry and the revision apart."""
        said = {name: value for name, value in data.items() if name != "revision"}
        return {"entry": super().build(said, **options), "revision": data["revision"]}


class RecordOut(Schema):
    """A catalogue record."""

    id = fields.String()
    revision = fields.Integer()
    department_org_id = fields.String()
    official_number = fields.String()
    title_zh = fields.String()
    title_en = fields.String()
    open_attribute = fields.String()
    legal_basis = fields.String()
    record_fields = fields.List(fields.Nested(RecordField), data_key="fields", attribute="fields")
    update_frequency = fields.String()
    source_line_zh = fields.String()
    source_line_en = fields.String()
    recorded_at = fields.AwareDateTime()


class RecordQuery(PageQuery):
    """Which records to list."""

    q = fields.String(load_default="", validate=validate.Length(max=200))
    department_org_id = fields.String(validate=ID)
    open_attribute = fields.String(validate=validate.OneOf(OPEN_ATTRIBUTES))


#: A page of catalogue records, newest first.
RecordPage = page_of(RecordOut)
