"""The API of findings: answered by the party, decided by reviewers."""

from typing import Any

from exchange.web import access
from exchange.web.api import PageQuery, blueprint
from exchange.web.paging import Page
from provenance import finding_queries, finding_schemas, findings
from provenance.finding_models import Finding
from provenance.states import REVIEWER

found = blueprint("findings", __name__, "What speaks against declarations: questions, answers, decisions")
blps = [found]
_WRITING = access.member("owner", "trader")


def _shaped(finding: Finding) -> dict[str, Any]:
    return finding_queries.shaped(access.actor(), finding)


@found.route("", methods=["GET"])
@access.member()
@found.arguments(finding_schemas.FindingQuery, location="query")
@found.response(200, finding_schemas.FindingPage)
def list_findings(query: dict[str, Any]) -> Page[dict[str, Any]]:
    """One's own findings, newest first; with ``settled`` also those that are over."""
    return finding_queries.findings(access.actor(), **query)


@found.route("/queue", methods=["GET"])
@access.staff(*sorted(finding_queries.READERS))
@found.arguments(PageQuery, location="query")
@found.response(200, finding_schemas.FindingPage)
def list_queue(query: dict[str, Any]) -> Page[dict[str, Any]]:
    """What waits for reviewers."""
    return finding_queries.queue(**query)


@found.route("/<finding_id>", methods=["GET"])
@access.signed_in
@found.response(200, finding_schemas.FindingOut)
def show_finding(finding_id: str) -> dict[str, Any]:
    """A finding with its evidence, answer and votes."""
    return finding_queries.finding(access.actor(), finding_id)


@found.route("/<finding_id>/accept", methods=["POST"])
@_WRITING
@found.arguments(finding_schemas.AcceptBody)
@found.response(200, finding_schemas.FindingOut)
def accept_finding(body: dict[str, Any], finding_id: str) -> dict[str, Any]:
    """Say that it is so; a new declaration then names what was found."""
    return _shaped(findings.accept_finding(access.actor(), finding_id, **body))


@found.route("/<finding_id>/refute", methods=["POST"])
@_WRITING
@found.arguments(finding_schemas.RefuteBody)
@found.response(200, finding_schemas.FindingOut)
def refute_finding(body: dict[str, Any], finding_id: str) -> dict[str, Any]:
    """Say why it is not so; two reviewers decide."""
    return _shaped(findings.refute_finding(access.actor(), finding_id, **body))


@found.route("/<finding_id>/appeal", methods=["POST"])
@_WRITING
@found.arguments(finding_schemas.AppealBody)
@found.response(200, finding_schemas.FindingOut)
def appeal_finding(body: dict[str, Any], finding_id: str) -> dict[str, Any]:
    """Ask two other reviewers, once."""
    return _shaped(findings.appeal_finding(access.actor(), finding_id, **body))


@found.route("/<finding_id>/vote", methods=["POST"])
@access.staff(REVIEWER)
@found.arguments(finding_schemas.VoteBody)
@found.response(200, finding_schemas.FindingOut)
def vote_on_finding(body: dict[str, Any], finding_id: str) -> dict[str, Any]:
    """Hold the finding for true or not; with the second agreeing vote it is decided."""
    return _shaped(findings.vote_on_finding(access.actor(), finding_id, **body))
