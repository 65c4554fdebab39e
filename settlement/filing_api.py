"""Deals made outside and filed here, over the API."""

from typing import Any

from flask import Response

from exchange.web import access
from exchange.web.api import PageQuery, blueprint
from exchange.web.paging import Page
from settlement import filings
from settlement import lot_schemas as schemas
from settlement.filings import Deal
from settlement.parties import SIGNING
from settlement.schemas import ReasonBody

filing_api = blueprint("filings", __name__, "Deals made outside, filed by one party and confirmed by the other.")
blps = [filing_api]

_DEALING = access.member(*SIGNING)


@filing_api.route("", methods=["POST"])
@_DEALING
@filing_api.arguments(schemas.FilingBody)
@filing_api.response(201, schemas.FilingOut)
def file_deal(body: Deal) -> dict[str, Any]:
    """File a deal, as its seller or its buyer."""
    return filings.filing(access.caller(), filings.file_deal(access.actor(), body).id)


@filing_api.route("", methods=["GET"])
@access.member()
@filing_api.arguments(PageQuery, location="query")
@filing_api.response(200, schemas.FilingPage)
def list_filings(query: dict[str, Any]) -> Page[dict[str, Any]]:
    """The filings of one's own organisation, newest first."""
    return filings.filings_of(access.actor(), **query)


@filing_api.route("/<filing_id>", methods=["GET"])
@access.member()
@filing_api.response(200, schemas.FilingOut)
def show_filing(filing_id: str) -> dict[str, Any]:
    """One of one's own filings."""
    return filings.filing(access.actor(), filing_id)


@filing_api.route("/<filing_id>/document", methods=["GET"])
@access.member()
@filing_api.response(200, {"type": "string", "format": "binary"}, content_type="application/json")
def filing_document(filing_id: str) -> Response:
    """The receipt of a confirmed filing, byte for byte as it was signed."""
    return Response(filings.document(access.actor(), filing_id), mimetype="application/json")


@filing_api.route("/<filing_id>/confirm", methods=["POST"])
@_DEALING
@filing_api.response(201, schemas.FilingOut)
def confirm_filing(filing_id: str) -> dict[str, Any]:
    """Confirm, as the other side, that the deal was made as filed."""
    return filings.filing(access.caller(), filings.confirm_filing(access.actor(), filing_id).id)


@filing_api.route("/<filing_id>/decline", methods=["POST"])
@_DEALING
@filing_api.arguments(ReasonBody)
@filing_api.response(201, schemas.FilingOut)
def decline_filing(body: dict[str, Any], filing_id: str) -> dict[str, Any]:
    """Say, as the other side, that there was no such deal."""
    return filings.filing(access.caller(), filings.decline_filing(access.actor(), filing_id, **body).id)


@filing_api.route("/<filing_id>/withdraw", methods=["POST"])
@_DEALING
@filing_api.response(201, schemas.FilingOut)
def withdraw_filing(filing_id: str) -> dict[str, Any]:
    """Take one's own filing back."""
    return filings.filing(access.caller(), filings.withdraw_filing(access.actor(), filing_id).id)
