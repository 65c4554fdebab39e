"""The API of grading: the form, the file of important data, lower grades, and reports of what must not be here."""

from typing import Any

from exchange.web import access
from exchange.web.api import PageQuery, blueprint
from exchange.web.paging import Page
from listings import grade_queries, grade_schemas, grading, queries
from listings.grade_models import DataReport, Lowering
from listings.states import REVIEWER, SECURITY
from provenance.grading import Form

grading_api = blueprint("gradings", __name__, "Grades of versions, by GB/T 43697-2024.", below="versions")
lowering_api = blueprint("grade-lowerings", __name__, "Grades below those of the sources, granted by two reviewers.")
report_api = blueprint("data-reports", __name__, "Core data, secrets and forbidden goods, reported to security.")
blps = [grading_api, lowering_api, report_api]

_READERS = tuple(sorted(queries.READERS))
_SEEING = ("owner", "trader", "approver", "finance", "viewer", *_READERS)


@grading_api.route("/<version_id>/grading", methods=["GET"])
@access.anyone_of(*_SEEING)
@grading_api.response(200, grade_schemas.GradingOut)
def show_grading(version_id: str) -> dict[str, Any]:
    """How a version is graded, and why."""
    return grade_queries.graded(access.actor(), version_id)


@grading_api.route("/<version_id>/grading", methods=["PUT"])
@access.member("owner", "trader")
@grading_api.arguments(grade_schemas.GradingBody)
@grading_api.response(200, grade_schemas.GradingOut)
def grade(body: Form, version_id: str) -> dict[str, Any]:
    """Fill in the grading form of a draft."""
    grading.grade_version(access.actor(), version_id, body)
    return grade_queries.graded(access.caller(), version_id)


@grading_api.route("/<version_id>/important-data", methods=["PUT"])
@access.member("owner", "trader")
@grading_api.arguments(grade_schemas.ImportantDataBody)
@grading_api.response(200, grade_schemas.GradingOut)
def file_important_data(body: dict[str, Any], version_id: str) -> dict[str, Any]:
    """Bring what important data needs before it is provided."""
    grading.file_important_data(access.actor(), version_id, **body)
    return grade_queries.graded(access.caller(), version_id)


@grading_api.route("/<version_id>/lower-grade", methods=["POST"])
@access.member("owner", "trader")
@grading_api.arguments(grade_schemas.WhyBody)
@grading_api.response(201, grade_schemas.LoweringOut)
def ask_lower_grade(body: dict[str, Any], version_id: str) -> Lowering:
    """Ask that a derived product keep its own grade, below that of its sources."""
    return grading.ask_lower_grade(access.actor(), version_id, **body)


@lowering_api.route("", methods=["GET"])
@access.staff(*_READERS)
@lowering_api.arguments(PageQuery, location="query")
@lowering_api.response(200, grade_schemas.LoweringPage)
def list_lowerings(query: dict[str, Any]) -> Page[dict[str, Any]]:
    """Lower grades that wait for reviewers."""
    return grade_queries.lowerings(**query)


@lowering_api.route("/<lowering_id>", methods=["GET"])
@access.anyone_of(*_SEEING)
@lowering_api.response(200, grade_schemas.LoweringOut)
def show_lowering(lowering_id: str) -> Lowering:
    """One of them."""
    return grade_queries.lowering(access.actor(), lowering_id)


@lowering_api.route("/<lowering_id>/allow", methods=["POST"])
@access.staff(REVIEWER)
@lowering_api.arguments(grade_schemas.WhyBody)
@lowering_api.response(200, grade_schemas.LoweringOut)
def allow_lower_grade(body: dict[str, Any], lowering_id: str) -> Lowering:
    """Agree: the first reviewer seconds it, the second grants it."""
    return grading.allow_lower_grade(access.actor(), lowering_id, **body)


@lowering_api.route("/<lowering_id>/refuse", methods=["POST"])
@access.staff(REVIEWER)
@lowering_api.arguments(grade_schemas.WhyBody)
@lowering_api.response(200, grade_schemas.LoweringOut)
def refuse_lower_grade(body: dict[str, Any], lowering_id: str) -> Lowering:
    """Keep the grade of the sources."""
    return grading.refuse_lower_grade(access.actor(), lowering_id, **body)


@report_api.route("", methods=["GET"])
@access.staff(*sorted(grade_queries.REPORT_READERS))
@report_api.arguments(PageQuery, location="query")
@report_api.response(200, grade_schemas.ReportPage)
def list_reports(query: dict[str, Any]) -> Page[dict[str, Any]]:
    """What was reported, newest first."""
    return grade_queries.reports(**query)


@report_api.route("/<report_id>", methods=["GET"])
@access.staff(*sorted(grade_queries.REPORT_READERS))
@report_api.response(200, grade_schemas.ReportOut)
def show_report(report_id: str) -> DataReport:
    """One report."""
    return grade_queries.data_report(report_id)


@report_api.route("/<report_id>/report", methods=["POST"])
@access.staff(SECURITY)
@report_api.arguments(grade_schemas.AuthorityBody)
@report_api.response(200, grade_schemas.ReportOut)
def tell_authority(body: dict[str, Any], report_id: str) -> DataReport:
    """Record which authority was told, and under which number."""
    return grading.tell_authority(access.actor(), report_id, **body)


@report_api.route("/<report_id>/dismiss", methods=["POST"])
@access.staff(SECURITY)
@report_api.arguments(grade_schemas.WhyBody)
@report_api.response(200, grade_schemas.ReportOut)
def dismiss_report(body: dict[str, Any], report_id: str) -> DataReport:
    """Find that it was nothing."""
    return grading.dismiss_report(access.actor(), report_id, answer=body["reason"])
