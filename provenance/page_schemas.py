"""Bodies of the room's forms, where a form says something otherwise than JSON does."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from marshmallow import fields, post_load, pre_load, validate

from exchange.clock import BEIJING
from exchange.web.api import Body
from provenance.declarations import MAX_ITEMS, Grant
from provenance.drafting import Basis
from provenance.schemas import ContentBody, Digest, GrantBody, SourceBody


class SourceForm(SourceBody):
    """A source; its time of retrieval is a time in Beijing without an offset."""

    @pre_load
    def in_beijing(self, data: Mapping[str, Any], **_options: Any) -> dict[str, Any]:
        """Give the time its offset; what is no time is left for the field to refuse."""
        said = dict(data)
        try:
            instant = datetime.fromisoformat(str(said.get("retrieved_at", "")))
        except ValueError:
            return said
        if instant.tzinfo is None:
            said["retrieved_at"] = instant.replace(tzinfo=BEIJING).isoformat()
        return said


class GrantForm(GrantBody):
    """An authorisation; its document may come as a file instead of a digest, its columns as lines of text."""

    evidence_digest = Digest(load_default=b"")
    onward_allowed = fields.Boolean(load_default=False)
    columns: Any = fields.String(load_default="", validate=validate.Length(max=4000))

    @post_load
    def build(self, data: Mapping[str, Any], **_options: Any) -> Grant:
        """As the operation takes it."""
        columns = tuple(name.strip() for name in data["columns"].splitlines() if name.strip())
        return Grant(**{**data, "purposes": tuple(data["purposes"]), "columns": columns[:MAX_ITEMS]})


class BasisForm(ContentBody):
    """The ground and the processing of a declaration."""

    class Meta(Body.Meta):
        """Marshmallow's options."""

        exclude = ("sources", "authorisations", "truth_undertaken")

    @post_load
    def build(self, data: Mapping[str, Any], **_options: Any) -> Basis:
        """As the operation takes it."""
        steps = tuple((step["name"], step["description"]) for step in data["processing_steps"])
        return Basis(**{**data, "processing_steps": steps})
