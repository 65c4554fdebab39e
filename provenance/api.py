"""Provenance over the API: the catalogue, agreements, declarations and their classification."""

from typing import Any

from flask import Response
from werkzeug.datastructures import FileStorage

from exchange.documents import MAX_BYTES
from exchange.web import access
from exchange.web.api import blueprint
from exchange.web.paging import Page
from provenance import (
    data_request_api,
    drafting,
    explanation_schemas,
    finding_api,
    queries,
    record_queries,
    record_schemas,
    records,
    register,
    schemas,
)
from provenance import declarations as declaring
from provenance.declarations import Content
from provenance.difference import Difference
from provenance.downloads import download
from provenance.explanation import Explanation
from provenance.graph import Graph
from provenance.models import Authorisation, CatalogueRecord
from provenance.queries import agreement_shape, declaration_shape
from provenance.records import RecordEntry
from provenance.routing import Classification

catalogue = blueprint("catalogue-records", __name__, "The government data catalogue, mirrored by official numbers")
agreements = blueprint("agreements", __name__, "Agreements between departments and users of their data")
declarations = blueprint("declarations", __name__, "Where the data of products came from")
blps = [catalogue, agreements, declarations, data_request_api.requests, *finding_api.blps]


# -- the catalogue ----------------------------------------------------------------------------------------------------


@catalogue.route("", methods=["POST"])
@access.member("owner")
@catalogue.arguments(record_schemas.RecordBody)
@catalogue.response(201, record_schemas.RecordOut)
def record_catalogue(entry: RecordEntry) -> CatalogueRecord:
    """Mirror a record of the unified catalogue, as the department that holds the data."""
    return records.record_catalogue(access.actor(), entry)


@catalogue.route("", methods=["GET"])
@access.public
@catalogue.arguments(record_schemas.RecordQuery, location="query")
@catalogue.response(200, record_schemas.RecordPage)
def list_catalogue(query: dict[str, Any]) -> Page[Any]:
    """Catalogue records, newest first."""
    return record_queries.catalogue_records(**query)


@catalogue.route("/<record_id>", methods=["PUT"])
@access.member("owner")
@catalogue.arguments(record_schemas.RecordRevision)
@catalogue.response(200, record_schemas.RecordOut)
def revise_record(body: dict[str, Any], record_id: str) -> CatalogueRecord:
    """Correct a record, as its department."""
    return records.revise_record(access.actor(), record_id, **body)


@catalogue.route("/<record_id>", methods=["GET"])
@access.public
@catalogue.response(200, record_schemas.RecordOut)
def show_record(record_id: str) -> CatalogueRecord:
    """One catalogue record."""
    return record_queries.catalogue_record(record_id)


# -- agreements -------------------------------------------------------------------------------------------------------


@agreements.route("", methods=["POST"])
@access.member("owner", "trader")
@agreements.arguments(schemas.AgreementBody)
@agreements.response(201, schemas.AgreementOut)
def draft_agreement(body: dict[str, Any]) -> dict[str, Any]:
    """Draft an agreement, as the user of the data or as the department."""
    actor = access.actor()
    return agreement_shape(actor, register.draft_agreement(actor, body.pop("terms"), **body))


@agreements.route("", methods=["GET"])
@access.member()
@agreements.arguments(schemas.AgreementQuery, location="query")
@agreements.response(200, schemas.AgreementPage)
def list_agreements(query: dict[str, Any]) -> Page[dict[str, Any]]:
    """The own organisation's agreements, newest first."""
    return queries.agreements(access.actor(), **query)


@agreements.route("/to-look-at", methods=["GET"])
@access.staff(*sorted(queries.READERS))
@agreements.arguments(schemas.ReviewQuery, location="query")
@agreements.response(200, schemas.AgreementPage)
def list_agreements_to_look_at(query: dict[str, Any]) -> Page[dict[str, Any]]:
    """Agreements whose copy the department still owes, or which lack one of the six items, newest first."""
    return queries.agreements_to_look_at(access.actor(), **query)


@agreements.route("/<agreement_id>", methods=["GET"])
@access.signed_in
@agreements.arguments(schemas.PurposeQuery, location="query")
@agreements.response(200, schemas.AgreementOut)
def show_agreement(query: dict[str, Any], agreement_id: str) -> dict[str, Any]:
    """One agreement."""
    return queries.agreement(access.actor(), agreement_id, **query)


@agreements.route("/<agreement_id>", methods=["PUT"])
@access.member("owner", "trader")
@agreements.arguments(schemas.AgreementRevision)
@agreements.response(200, schemas.AgreementOut)
def revise_agreement(body: dict[str, Any], agreement_id: str) -> dict[str, Any]:
    """Write a draft anew."""
    actor = access.actor()
    return agreement_shape(actor, register.revise_agreement(actor, agreement_id, **body))


@agreements.route("/<agreement_id>/sign", methods=["POST"])
@access.member("owner", "trader")
@agreements.arguments(schemas.AgreementSignature)
@agreements.response(200, schemas.AgreementOut)
def sign_agreement(body: dict[str, Any], agreement_id: str) -> dict[str, Any]:
    """Sign: the user first, then the department, whose signature puts it in force."""
    actor = access.actor()
    return agreement_shape(actor, register.sign_agreement(actor, agreement_id, **body))


@agreements.route("/<agreement_id>/scan", methods=["POST"])
@access.member("owner", "trader")
@agreements.arguments(schemas.FileForm, location="files")
@agreements.response(201, schemas.AgreementOut)
def bring_agreement(files: dict[str, FileStorage], agreement_id: str) -> dict[str, Any]:
    """Bring the scan (PDF, PNG or JPEG, at most 8 MiB) of an agreement that was signed elsewhere."""
    actor = access.actor()
    scan = files["file"].stream.read(MAX_BYTES + 1)
    return agreement_shape(actor, register.bring_agreement(actor, agreement_id, scan))


@agreements.route("/<agreement_id>/scan", methods=["GET"])
@access.signed_in
@agreements.arguments(schemas.PurposeQuery, location="query")
@agreements.response(200, content_type="application/octet-stream")
def read_scan(query: dict[str, Any], agreement_id: str) -> Response:
    """The scan, always as a download."""
    return download(queries.agreement_scan(access.actor(), agreement_id, **query))


@agreements.route("/<agreement_id>/confirm", methods=["POST"])
@access.member("owner", "trader")
@agreements.arguments(schemas.AgreementSignature)
@agreements.response(200, schemas.AgreementOut)
def confirm_agreement(body: dict[str, Any], agreement_id: str) -> dict[str, Any]:
    """Confirm a scan, as the department: this puts the agreement in force."""
    actor = access.actor()
    return agreement_shape(actor, register.confirm_agreement(actor, agreement_id, **body))


@agreements.route("/<agreement_id>/decline", methods=["POST"])
@access.member("owner", "trader")
@agreements.arguments(schemas.ReasonBody)
@agreements.response(200, schemas.AgreementOut)
def decline_agreement(body: dict[str, Any], agreement_id: str) -> dict[str, Any]:
    """Give up a draft or an offer."""
    actor = access.actor()
    return agreement_shape(actor, register.decline_agreement(actor, agreement_id, **body))


@agreements.route("/<agreement_id>/copy", methods=["POST"])
@access.member("owner", "trader")
@agreements.arguments(schemas.CopyBody)
@agreements.response(200, schemas.AgreementOut)
def copy_agreement(body: dict[str, Any], agreement_id: str) -> dict[str, Any]:
    """Record that the department sent the authority its copy."""
    actor = access.actor()
    return agreement_shape(actor, register.record_copy(actor, agreement_id, **body))


@agreements.route("/<agreement_id>/terminate", methods=["POST"])
@access.member("owner", "trader")
@agreements.arguments(schemas.ReasonBody)
@agreements.response(200, schemas.AgreementOut)
def terminate_agreement(body: dict[str, Any], agreement_id: str) -> dict[str, Any]:
    """End an agreement before its term."""
    actor = access.actor()
    return agreement_shape(actor, register.terminate_agreement(actor, agreement_id, **body))


# -- declarations -----------------------------------------------------------------------------------------------------


@declarations.route("", methods=["POST"])
@access.member("owner", "trader")
@declarations.arguments(schemas.DeclarationBody)
@declarations.response(201, schemas.DeclarationOut)
def declare(body: dict[str, Any]) -> dict[str, Any]:
    """Begin a declaration of provenance."""
    actor = access.actor()
    content: Content = body["content"]
    return declaration_shape(actor, declaring.declare(actor, content, replaces_id=body["replaces_id"]))


@declarations.route("", methods=["GET"])
@access.signed_in
@declarations.arguments(schemas.DeclarationQuery, location="query")
@declarations.response(200, schemas.DeclarationPage)
def list_declarations(query: dict[str, Any]) -> Page[dict[str, Any]]:
    """The own organisation's declarations, or for overseers all that are signed; newest first."""
    return queries.declarations(access.actor(), **query)


@declarations.route("/<declaration_id>", methods=["GET"])
@access.signed_in
@declarations.arguments(schemas.PurposeQuery, location="query")
@declarations.response(200, schemas.DeclarationDetail)
def show_declaration(query: dict[str, Any], declaration_id: str) -> dict[str, Any]:
    """One declaration with its sources."""
    return queries.declaration(access.actor(), declaration_id, **query)


@declarations.route("/<declaration_id>", methods=["PUT"])
@access.member("owner", "trader")
@declarations.arguments(schemas.DeclarationRevision)
@declarations.response(200, schemas.DeclarationOut)
def revise_declaration(body: dict[str, Any], declaration_id: str) -> dict[str, Any]:
    """Write a draft anew."""
    actor = access.actor()
    return declaration_shape(actor, declaring.revise_declaration(actor, declaration_id, **body))


@declarations.route("/<declaration_id>/sign", methods=["POST"])
@access.member("owner", "trader")
@declarations.arguments(schemas.DeclarationSignature)
@declarations.response(200, schemas.DeclarationOut)
def sign_declaration(body: dict[str, Any], declaration_id: str) -> dict[str, Any]:
    """Sign a declaration with the own key; from then on it cannot change."""
    actor = access.actor()
    return declaration_shape(actor, declaring.sign_declaration(actor, declaration_id, **body))


@declarations.route("/<declaration_id>/classification", methods=["GET"])
@access.signed_in
@declarations.arguments(schemas.PurposeQuery, location="query")
@declarations.response(200, explanation_schemas.ClassificationOut)
def show_classification(query: dict[str, Any], declaration_id: str) -> Classification:
    """Whether the product is government-derived, and why."""
    return queries.classification(access.actor(), declaration_id, **query)


@declarations.route("/<declaration_id>/explanation", methods=["GET"])
@access.signed_in
@declarations.arguments(schemas.PurposeQuery, location="query")
@declarations.response(200, explanation_schemas.ExplanationOut)
def show_explanation(query: dict[str, Any], declaration_id: str) -> Explanation:
    """The classification with its whole chain in words."""
    return queries.explanation(access.actor(), declaration_id, **query)


@declarations.route("/<declaration_id>/lineage", methods=["GET"])
@access.signed_in
@declarations.arguments(schemas.PurposeQuery, location="query")
@declarations.response(200, explanation_schemas.GraphOut)
def show_lineage(query: dict[str, Any], declaration_id: str) -> Graph:
    """What stands behind the declaration, as a graph."""
    return queries.lineage(access.actor(), declaration_id, **query)


@declarations.route("/<declaration_id>/difference", methods=["GET"])
@access.signed_in
@declarations.arguments(schemas.SinceQuery, location="query")
@declarations.response(200, explanation_schemas.DifferenceOut)
def show_difference(query: dict[str, Any], declaration_id: str) -> Difference:
    """What changed since another version; nothing when this is the first."""
    return queries.difference(access.actor(), declaration_id, **query) or Difference((), (), ())


@declarations.route("/<declaration_id>/renew", methods=["POST"])
@access.member("owner", "trader")
@declarations.response(201, schemas.DeclarationOut)
def renew_declaration(declaration_id: str) -> dict[str, Any]:
    """Begin the next version with all that still holds; the draft begun before, if there is one."""
    actor = access.actor()
    return declaration_shape(actor, drafting.renew_declaration(actor, declaration_id))


@declarations.route("/<declaration_id>/evidence", methods=["POST"])
@access.member("owner", "trader")
@declarations.arguments(schemas.FileForm, location="files")
@declarations.response(201, schemas.DeclarationOut)
def bring_evidence(files: dict[str, FileStorage], declaration_id: str) -> dict[str, Any]:
    """Keep an evidence file (at most 8 MiB) with a draft; sources and authorisations name it by its SHA-256."""
    actor = access.actor()
    content = files["file"].stream.read(MAX_BYTES + 1)
    return declaration_shape(actor, drafting.bring_evidence(actor, declaration_id, content))


@declarations.route("/<declaration_id>/evidence/<digest>", methods=["GET"])
@access.signed_in
@declarations.arguments(schemas.PurposeQuery, location="query")
@declarations.response(200, content_type="application/octet-stream")
def read_evidence(query: dict[str, Any], declaration_id: str, digest: str) -> Response:
    """An evidence file by its SHA-256 in lower hex, always as a download."""
    return download(queries.evidence(access.actor(), declaration_id, digest, **query))


@declarations.route("/<declaration_id>/authorisations/<authorisation_id>/withdraw", methods=["POST"])
@access.anyone_of("owner", "trader", "compliance_reviewer")
@declarations.arguments(schemas.ReasonBody)
@declarations.response(200, schemas.AuthorisationOut)
def withdraw_authorisation(body: dict[str, Any], declaration_id: str, authorisation_id: str) -> Authorisation:
    """Record that a grantor withdrew an authorisation: new trades stop at once."""
    return declaring.withdraw_authorisation(access.actor(), declaration_id, authorisation_id, **body)
