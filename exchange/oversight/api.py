"""Oversight over the API: inspections, the journal, case files, scopes, directives, restraints."""

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from flask import Response

from exchange import attest
from exchange.actors import MEMBER_ROLES
from exchange.journal import cose
from exchange.journal.proofs import Proven
from exchange.journal.queries import Told
from exchange.oversight import (
    case_files,
    directives,
    inspection,
    looks,
    own_entries,
    queries,
    restraints,
    schemas,
    scopes,
)
from exchange.oversight.models import CaseFile, Directive, Inspection, Restraint, Scope
from exchange.oversight.states import ANSWERING
from exchange.web import access
from exchange.web.api import PageQuery, blueprint
from exchange.web.paging import Page

inspecting = blueprint("inspections", __name__, "What an officer's looks are for, for a few hours.")
journal = blueprint("journal", __name__, "The journal, for regulators; every look is recorded")
scoping = blueprint("oversight-scopes", __name__, "What each organ may see.")
directing = blueprint("directives", __name__, "What an organ orders, and what the party answers.")
stopping = blueprint("restraints", __name__, "Stopping a subject, and letting it go on")
blps = [inspecting, journal, scoping, directing, stopping]

CHUNK_BYTES = 1 << 16
_ZIP = {"type": "string", "format": "binary"}


# -- inspections ------------------------------------------------------------------------------------------------------


@inspecting.route("", methods=["POST"])
@access.regulator
@inspecting.arguments(schemas.InspectionBody)
@inspecting.response(201, schemas.InspectionOut)
def open_inspection(body: dict[str, Any]) -> Inspection:
    """Open an inspection; one that is still open is closed."""
    return looks.open_inspection(access.actor(), **body)


@inspecting.route("", methods=["GET"])
@access.regulator
@inspecting.arguments(PageQuery, location="query")
@inspecting.response(200, schemas.InspectionPage)
def list_inspections(query: dict[str, Any]) -> Page[dict[str, Any]]:
    """The organ's inspections, newest first."""
    return queries.inspections(access.actor(), **query)


@inspecting.route("/<inspection_id>/close", methods=["POST"])
@access.regulator
@inspecting.response(200, schemas.InspectionOut)
def close_inspection(inspection_id: str) -> Inspection:
    """End one's own inspection."""
    return looks.close_inspection(access.actor(), inspection_id)


# -- the journal ------------------------------------------------------------------------------------------------------


@journal.route("/entries", methods=["GET"])
@access.regulator
@journal.arguments(schemas.SearchQuery, location="query")
@journal.response(200, schemas.EntryPage)
def search(query: dict[str, Any]) -> Page[Told]:
    """Search entries by subject, action, party, time and words, newest first."""
    return inspection.search(access.actor(), **query)


@journal.route("/entries/<entry_id>", methods=["GET"])
@access.regulator
@journal.arguments(schemas.PurposeQuery, location="query")
@journal.response(200, schemas.ProvenEntry)
def entry(query: dict[str, Any], entry_id: str) -> inspection.Proof:
    """One entry with the proof that the log holds it."""
    return inspection.proof(access.actor(), entry_id, **query)


@journal.route("/proofs/<entry_id>", methods=["GET"])
@access.member()
@journal.response(200, schemas.OwnProof)
def own_proof(entry_id: str) -> Proven:
    """An entry of one's own organisation, byte for byte, with its tlog-proof: checked without the exchange."""
    return own_entries.proof(access.actor(), entry_id)


@journal.route("/proofs/<entry_id>/receipt", methods=["GET"])
@access.member()
@journal.response(200, {"type": "string", "format": "binary"}, content_type=cose.MEDIA_TYPE)
def own_receipt(entry_id: str) -> Response:
    """The same proof as a COSE receipt (RFC 9942), signed by the log's key."""
    receipt = own_entries.proof(access.actor(), entry_id).receipt(attest.signer())
    response = Response(receipt, mimetype=cose.MEDIA_TYPE)
    response.headers["Content-Disposition"] = f'attachment; filename="{entry_id}.cose"'
    return response


@journal.route("/looks", methods=["GET"])
@access.regulator
@journal.arguments(PageQuery, location="query")
@journal.response(200, schemas.EntryPage)
def list_looks(query: dict[str, Any]) -> Page[Told]:
    """What the officers of one's own organ looked at."""
    return queries.organ_looks(access.actor(), **query)


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
@journal.response(200, _ZIP, content_type="application/zip")
def bag(query: dict[str, Any], subject: str) -> Response:
    """The evidence bag of a subject: check it with ``databourse verify``."""
    file = inspection.bag(access.actor(), subject, purpose=query["purpose"])
    response = sent(_chunks(file), f"{subject}.zip")
    response.call_on_close(file.close)
    return response


@journal.route("/subjects/<subject>/case-files", methods=["POST"])
@access.regulator
@journal.arguments(schemas.PurposeQuery, location="query")
@journal.response(201, schemas.CaseFileOut)
def request_case_file(query: dict[str, Any], subject: str) -> CaseFile:
    """Ask for an evidence bag that takes long; the worker builds it."""
    return case_files.request_case_file(access.actor(), subject, purpose=query["purpose"])


@journal.route("/case-files", methods=["GET"])
@access.regulator
@journal.arguments(PageQuery, location="query")
@journal.response(200, schemas.CaseFilePage)
def list_case_files(query: dict[str, Any]) -> Page[CaseFile]:
    """The case files that the organ asked for."""
    return queries.case_files(access.actor(), **query)


@journal.route("/case-files/<file_id>/content", methods=["GET"])
@access.regulator
@journal.arguments(schemas.PurposeQuery, location="query")
@journal.response(200, _ZIP, content_type="application/zip")
def case_file_content(query: dict[str, Any], file_id: str) -> Response:
    """A built case file."""
    return sent(case_files.parts(access.actor(), file_id, purpose=query["purpose"]), f"{file_id}.zip")


def sent(content: Iterator[bytes], name: str) -> Response:
    """A ZIP as a download."""
    response = Response(content, mimetype="application/zip")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: file.read(CHUNK_BYTES), b"")


# -- scopes -----------------------------------------------------------------------------------------------------------


@scoping.route("", methods=["POST"])
@access.staff("administrator")
@scoping.arguments(schemas.ScopeBody)
@scoping.response(201, schemas.ScopeOut)
def grant_scope(body: dict[str, Any]) -> Scope:
    """Let an organ see more."""
    return scopes.grant_scope(access.actor(), **body)


@scoping.route("", methods=["GET"])
@access.anyone_of("administrator", "auditor", "regulator")
@scoping.arguments(schemas.ScopeQuery, location="query")
@scoping.response(200, schemas.ScopeList)
def list_scopes(query: dict[str, Any]) -> dict[str, Sequence[Scope]]:
    """Scopes in force; an officer sees those of the own organ."""
    return {"items": scopes.scopes_of(access.actor(), **query)}


@scoping.route("/<scope_id>/end", methods=["POST"])
@access.staff("administrator")
@scoping.response(200, schemas.ScopeOut)
def end_scope(scope_id: str) -> Scope:
    """Take a scope away."""
    return scopes.end_scope(access.actor(), scope_id)


# -- directives -------------------------------------------------------------------------------------------------------


@directing.route("", methods=["POST"])
@access.regulator
@directing.arguments(schemas.DirectiveBody)
@directing.response(201, schemas.DirectiveOut)
def propose_directive(body: dict[str, Any]) -> dict[str, Any]:
    """Draft a directive; another officer puts it in force."""
    return _shown(directives.propose_directive(access.actor(), **body))


@directing.route("", methods=["GET"])
@access.anyone_of("regulator", *queries.STAFF, *MEMBER_ROLES)
@directing.arguments(PageQuery, location="query")
@directing.response(200, schemas.DirectivePage)
def list_directives(query: dict[str, Any]) -> Page[dict[str, Any]]:
    """An organ's directives, or those served on the party; staff see what is in force, without words."""
    return queries.directives(access.actor(), **query)


@directing.route("/<directive_id>", methods=["GET"])
@access.anyone_of("regulator", *MEMBER_ROLES)
@directing.response(200, schemas.DirectiveWhole)
def show_directive(directive_id: str) -> dict[str, Any]:
    """A directive with what was said about it."""
    return queries.directive(access.actor(), directive_id)


@directing.route("/<directive_id>/confirm", methods=["POST"])
@access.regulator
@directing.response(200, schemas.DirectiveOut)
def confirm_directive(directive_id: str) -> dict[str, Any]:
    """Put a directive in force, as the second officer."""
    return _shown(directives.confirm_directive(access.actor(), directive_id))


@directing.route("/<directive_id>/withdraw", methods=["POST"])
@access.regulator
@directing.response(200, schemas.DirectiveOut)
def withdraw_directive(directive_id: str) -> dict[str, Any]:
    """Drop a draft."""
    return _shown(directives.withdraw_directive(access.actor(), directive_id))


@directing.route("/<directive_id>/answer", methods=["POST"])
@access.member(*ANSWERING)
@directing.arguments(schemas.AnswerBody)
@directing.response(200, schemas.DirectiveOut)
def answer_directive(body: dict[str, Any], directive_id: str) -> dict[str, Any]:
    """Answer a directive, as the party it was served on."""
    return _shown(directives.answer_directive(access.actor(), directive_id, **body))


@directing.route("/<directive_id>/send-back", methods=["POST"])
@access.regulator
@directing.arguments(schemas.SendBackBody)
@directing.response(200, schemas.DirectiveOut)
def send_back_directive(body: dict[str, Any], directive_id: str) -> dict[str, Any]:
    """Find an answer insufficient."""
    return _shown(directives.send_back_directive(access.actor(), directive_id, **body))


@directing.route("/<directive_id>/propose-lifting", methods=["POST"])
@access.regulator
@directing.arguments(schemas.WordsBody)
@directing.response(200, schemas.DirectiveOut)
def propose_lifting(body: dict[str, Any], directive_id: str) -> dict[str, Any]:
    """Propose to end a directive."""
    return _shown(directives.propose_lifting(access.actor(), directive_id, **body))


@directing.route("/<directive_id>/lift", methods=["POST"])
@access.regulator
@directing.response(200, schemas.DirectiveOut)
def lift_directive(directive_id: str) -> dict[str, Any]:
    """End a directive, as the second officer."""
    return _shown(directives.lift_directive(access.actor(), directive_id))


def _shown(directive: Directive) -> dict[str, Any]:
    return queries.shape(access.actor(), directive)


# -- restraints -------------------------------------------------------------------------------------------------------


@stopping.route("", methods=["POST"])
@access.staff("security_administrator")
@stopping.arguments(schemas.RestraintBody)
@stopping.response(201, schemas.RestraintOut)
def restrain(body: dict[str, Any]) -> Restraint:
    """Put a restraint on a subject."""
    return restraints.restrain(access.actor(), **body)


@stopping.route("", methods=["GET"])
@access.staff(*sorted(queries.STAFF))
@stopping.arguments(PageQuery, location="query")
@stopping.response(200, schemas.RestraintPage)
def list_restraints(query: dict[str, Any]) -> Page[Restraint]:
    """What the operator itself stopped, newest first; what organs ordered stands among the directives."""
    return queries.restraints(access.actor(), **query)


@stopping.route("/<restraint_id>/lift", methods=["POST"])
@access.anyone_of("regulator", "security_administrator")
@stopping.arguments(schemas.LiftBody)
@stopping.response(200, schemas.RestraintOut)
def lift(body: dict[str, Any], restraint_id: str) -> Restraint:
    """Lift a restraint."""
    return restraints.lift(access.actor(), restraint_id, **body)
