"""The API of export assessments."""

from typing import Any

from exchange.web import access
from exchange.web.api import PageQuery, blueprint
from exchange.web.paging import Page
from listings import export_queries, export_schemas, exports, queries
from listings.exports import Export
from listings.grade_schemas import WhyBody
from listings.states import REVIEWER

beside_versions = blueprint("version_exports", __name__, "Data of a version going abroad.", below="versions")
export_api = blueprint("export-assessments", __name__, "Assessments of giving data to recipients abroad.")
blps = [beside_versions, export_api]

_READERS = tuple(sorted(queries.READERS))
_SEEING = ("owner", "trader", "approver", "finance", "viewer", *_READERS)


@beside_versions.route("/<version_id>/export-assessments", methods=["POST"])
@access.member("owner", "trader")
@beside_versions.arguments(export_schemas.ExportBody)
@beside_versions.response(201, export_schemas.ExportOut)
def open_assessment(body: Export, version_id: str) -> dict[str, Any]:
    """Open an assessment for a recipient, purposes and kinds of data."""
    made = exports.open_assessment(access.actor(), version_id, body)
    return export_queries.assessment(access.caller(), made.id)


@beside_versions.route("/<version_id>/export-assessments", methods=["GET"])
@access.anyone_of(*_SEEING)
@beside_versions.arguments(PageQuery, location="query")
@beside_versions.response(200, export_schemas.ExportPage)
def list_assessments(query: dict[str, Any], version_id: str) -> Page[dict[str, Any]]:
    """The assessments of a version, newest first."""
    return export_queries.of_version(access.actor(), version_id, **query)


@export_api.route("", methods=["GET"])
@access.staff(*_READERS)
@export_api.arguments(PageQuery, location="query")
@export_api.response(200, export_schemas.ExportPage)
def list_waiting(query: dict[str, Any]) -> Page[dict[str, Any]]:
    """What waits for reviewers."""
    return export_queries.waiting(access.actor(), **query)


@export_api.route("/<assessment_id>", methods=["GET"])
@access.anyone_of(*_SEEING)
@export_api.response(200, export_schemas.ExportOut)
def show_assessment(assessment_id: str) -> dict[str, Any]:
    """One assessment, with its path explained."""
    return export_queries.assessment(access.actor(), assessment_id)


@export_api.route("/<assessment_id>/submit", methods=["POST"])
@access.member("owner", "trader")
@export_api.arguments(export_schemas.SubmitBody)
@export_api.response(200, export_schemas.ExportOut)
def submit_assessment(body: dict[str, Any], assessment_id: str) -> dict[str, Any]:
    """Hand the facts in; the path is computed."""
    exports.submit_assessment(access.actor(), assessment_id, **body)
    return export_queries.assessment(access.caller(), assessment_id)


@export_api.route("/<assessment_id>/agree", methods=["POST"])
@access.staff(REVIEWER)
@export_api.arguments(WhyBody)
@export_api.response(200, export_schemas.ExportOut)
def agree(body: dict[str, Any], assessment_id: str) -> dict[str, Any]:
    """Agree: the first reviewer seconds it, the second makes it valid."""
    exports.agree(access.actor(), assessment_id, **body)
    return export_queries.assessment(access.caller(), assessment_id)


@export_api.route("/<assessment_id>/return", methods=["POST"])
@access.staff(REVIEWER)
@export_api.arguments(WhyBody)
@export_api.response(200, export_schemas.ExportOut)
def send_back(body: dict[str, Any], assessment_id: str) -> dict[str, Any]:
    """Return it to be completed."""
    exports.send_back(access.actor(), assessment_id, **body)
    return export_queries.assessment(access.caller(), assessment_id)


@export_api.route("/<assessment_id>/refuse", methods=["POST"])
@access.staff(REVIEWER)
@export_api.arguments(WhyBody)
@export_api.response(200, export_schemas.ExportOut)
def refuse(body: dict[str, Any], assessment_id: str) -> dict[str, Any]:
    """Refuse it for good."""
    exports.refuse(access.actor(), assessment_id, **body)
    return export_queries.assessment(access.caller(), assessment_id)


@export_api.route("/<assessment_id>/withdraw", methods=["POST"])
@access.member("owner", "trader")
@export_api.response(200, export_schemas.ExportOut)
def withdraw_assessment(assessment_id: str) -> dict[str, Any]:
    """Take it back."""
    exports.withdraw_assessment(access.actor(), assessment_id)
    return export_queries.assessment(access.caller(), assessment_id)
