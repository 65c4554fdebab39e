"""Oversight over the API: search, story, evidence bag, restraints."""

from typing import Any

from flask import Response

from exchange.oversight import inspection, restraints, schemas
from exchange.oversight.models import Restraint
from exchange.web import access
from exchange.web.api import blueprint

journal = blueprint("journal", __name__, "The journal, for regulators; every look is recorded")
directives = blueprint("restraints", __name__, "Stopping a subject, and letting it go on")
blps = [journal, directives]

CHUNK_BYTES = 1 << 16


@journal.route("/entries", methods=["GET"])
@access.regulator
@journal.arguments(schemas.SearchQuery, location="query")
@journal.response(200, schemas.EntryPage)
def search(query: dict[str, Any]) -> Any:
    """Search entries by subject, action or organisation, newest first."""
    query["org_id"] = query.pop("organisation", None)
    return inspection.search(access.actor(), **query)


@journal.route("/subjects/<subject>", methods=["GET"])
@access.regulator
@journal.arguments(schemas.PurposeQuery, location="query")
@journal.response(200, schemas.Story)
def story(query: dict[str, Any], subject: str) -> Any:
    """The story of a subject."""
    entries, related = inspection.story(access.actor(), subject, purpose=query["purpose"])
    return {"subject": subject, "entries": entries, "related": related}


@journal.route("/subjects/<subject>/bag", methods=["GET"])
@access.regulator
@journal.arguments(schemas.PurposeQuery, location="query")
@journal.response(200, {"type": "string", "format": "binary"}, content_type="application/zip")
def bag(query: dict[str, Any], subject: str) -> Response:
    """The evidence bag of a subject: check it with ``databourse verify``."""
    file = inspection.bag(access.actor(), subject, purpose=query["purpose"])
    response = Response(iter(lambda: file.read(CHUNK_BYTES), b""), mimetype="application/zip")
    response.call_on_close(file.close)
    response.headers["Content-Disposition"] = f'attachment; filename="{subject}.zip"'
    return response


@directives.route("", methods=["POST"])
@access.anyone_of("regulator", "security_administrator")
@directives.arguments(schemas.RestraintBody)
@directives.response(201, schemas.RestraintOut)
def restrain(body: dict[str, Any]) -> Restraint:
    """Put a restraint on a subject."""
    return restraints.restrain(access.actor(), **body)


@directives.route("/<restraint_id>/lift", methods=["POST"])
@access.anyone_of("regulator", "security_administrator")
@directives.arguments(schemas.LiftBody)
@directives.response(200, schemas.RestraintOut)
def lift(body: dict[str, Any], restraint_id: str) -> Restraint:
    """Lift a restraint."""
    return restraints.lift(access.actor(), restraint_id, **body)
