"""Extensions, evidence and refunds of lots over the API."""

from typing import Any

from flask import Response
from werkzeug.datastructures import FileStorage

from exchange.web import access
from exchange.web.api import blueprint
from settlement import dispute_files, extensions, lot_queries, refunds
from settlement import lot_schemas as schemas
from settlement.lot_models import Extension, Refund
from settlement.parties import SIGNING
from settlement.states import OFFICER

#: Routes below ``/lots``; the lots themselves have their own module.
beside_lots = blueprint("lot_extras", __name__, "Extensions, evidence and refunds of a lot.", below="lots")
extension_api = blueprint("extensions", __name__, "Later deadlines by consent of both sides.")
evidence_api = blueprint("evidence", __name__, "Documents laid before a dispute officer.")
refund_api = blueprint("refunds", __name__, "Money that goes back after settlement.")
blps = [beside_lots, extension_api, evidence_api, refund_api]

_DEALING = access.member(*SIGNING)
_READING = access.anyone_of(*SIGNING, "approver", "finance", "viewer", OFFICER)


# -- extensions -------------------------------------------------------------------------------------------------------


@beside_lots.route("/<lot_id>/extensions", methods=["POST"])
@_DEALING
@beside_lots.arguments(schemas.ExtensionBody)
@beside_lots.response(201, schemas.ExtensionOut)
def propose_extension(body: dict[str, Any], lot_id: str) -> Extension:
    """Propose a later deadline for delivery or inspection."""
    return extensions.propose_extension(access.actor(), lot_id, **body)


@extension_api.route("/<extension_id>/agree", methods=["POST"])
@_DEALING
@extension_api.response(201, schemas.ExtensionOut)
def agree_extension(extension_id: str) -> Extension:
    """Agree, as the other side: the deadline moves at once."""
    return extensions.agree_extension(access.actor(), extension_id)


@extension_api.route("/<extension_id>/decline", methods=["POST"])
@_DEALING
@extension_api.response(201, schemas.ExtensionOut)
def decline_extension(extension_id: str) -> Extension:
    """Decline, as the other side; the deadline stands."""
    return extensions.decline_extension(access.actor(), extension_id)


@extension_api.route("/<extension_id>/withdraw", methods=["POST"])
@_DEALING
@extension_api.response(201, schemas.ExtensionOut)
def withdraw_extension(extension_id: str) -> Extension:
    """Take one's own proposal back."""
    return extensions.withdraw_extension(access.actor(), extension_id)


# -- disputes ---------------------------------------------------------------------------------------------------------


@beside_lots.route("/<lot_id>/answer", methods=["POST"])
@_DEALING
@beside_lots.arguments(schemas.AnswerBody)
@beside_lots.response(201, schemas.EvidenceOut(many=True))
def answer_dispute(body: dict[str, Any], lot_id: str) -> list[dict[str, Any]]:
    """Answer a dispute, as the seller; what lies before the officer so far."""
    dispute_files.answer_dispute(access.actor(), lot_id, **body)
    return lot_queries.evidence_of(access.actor(), lot_id)


@beside_lots.route("/<lot_id>/evidence", methods=["POST"])
@_DEALING
@beside_lots.arguments(schemas.EvidenceForm, location="form")
@beside_lots.arguments(schemas.EvidenceFile, location="files")
@beside_lots.response(201, schemas.EvidenceOut)
def add_evidence(form: dict[str, Any], files: dict[str, FileStorage], lot_id: str) -> dict[str, Any]:
    """Lay a document before the officer: PDF, PNG, JPEG or text, at most 4 MiB."""
    content = files["file"].stream.read(dispute_files.MAX_BYTES + 1)
    return lot_queries.evidence_shape(dispute_files.add_evidence(access.actor(), lot_id, content=content, **form))


@beside_lots.route("/<lot_id>/evidence", methods=["GET"])
@_READING
@beside_lots.response(200, schemas.EvidenceOut(many=True))
def list_evidence(lot_id: str) -> list[dict[str, Any]]:
    """What both sides laid before the officer."""
    return lot_queries.evidence_of(access.actor(), lot_id)


@evidence_api.route("/<evidence_id>", methods=["GET"])
@_READING
@evidence_api.response(200, {"type": "string", "format": "binary"}, content_type="application/octet-stream")
def read_evidence(evidence_id: str) -> Response:
    """The document itself. An officer's look is recorded."""
    found = dispute_files.read_evidence(access.actor(), evidence_id)
    return Response(found.content, mimetype="application/octet-stream")


# -- refunds ----------------------------------------------------------------------------------------------------------


@beside_lots.route("/<lot_id>/refunds", methods=["POST"])
@_DEALING
@beside_lots.arguments(schemas.RefundBody)
@beside_lots.response(201, schemas.RefundOut)
def propose_refund(body: dict[str, Any], lot_id: str) -> Refund:
    """Propose that money of a settled lot goes back."""
    return refunds.propose_refund(access.actor(), lot_id, **body)


@refund_api.route("/<refund_id>/agree", methods=["POST"])
@_DEALING
@refund_api.response(201, schemas.RefundOut)
def agree_refund(refund_id: str) -> Refund:
    """Agree, as the other side: the seller's money is called back, and the buyer is paid from it."""
    return refunds.agree_refund(access.actor(), refund_id)


@refund_api.route("/<refund_id>/decline", methods=["POST"])
@_DEALING
@refund_api.response(201, schemas.RefundOut)
def decline_refund(refund_id: str) -> Refund:
    """Decline, as the other side."""
    return refunds.decline_refund(access.actor(), refund_id)


@refund_api.route("/<refund_id>/withdraw", methods=["POST"])
@_DEALING
@refund_api.response(201, schemas.RefundOut)
def withdraw_refund(refund_id: str) -> Refund:
    """Take one's own proposal back."""
    return refunds.withdraw_refund(access.actor(), refund_id)
