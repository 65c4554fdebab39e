"""Requests for government data over the API."""

from typing import Any

from exchange.web import access
from exchange.web.api import PageQuery, blueprint
from exchange.web.paging import Page
from provenance import data_request_queries, data_requests
from provenance.data_request_schemas import DataRequestOut, DataRequestPage, ExtensionBody, ReceiptBody, RefusalBody
from provenance.data_requests import Receipt
from provenance.models import DataRequest

requests = blueprint("data-requests", __name__, "Requests for government data, and the working days to answer them")


@requests.route("", methods=["POST"])
@access.member("owner", "trader")
@requests.arguments(ReceiptBody)
@requests.response(201, DataRequestOut)
def receive_data_request(receipt: Receipt) -> DataRequest:
    """Mirror a request that the own department received."""
    return data_requests.receive(access.actor(), receipt)


@requests.route("", methods=["GET"])
@access.member()
@requests.arguments(PageQuery, location="query")
@requests.response(200, DataRequestPage)
def list_data_requests(query: dict[str, Any]) -> Page[Any]:
    """Requests to or from the own organisation, newest first."""
    return data_request_queries.data_requests(access.actor(), **query)


@requests.route("/overdue", methods=["GET"])
@access.staff(*sorted(data_request_queries.READERS))
@requests.arguments(PageQuery, location="query")
@requests.response(200, DataRequestPage)
def list_overdue_data_requests(query: dict[str, Any]) -> Page[Any]:
    """Requests whose period is over without an answer, newest first. Silence is no consent."""
    return data_request_queries.overdue(access.actor(), **query)


@requests.route("/<request_id>", methods=["GET"])
@access.member()
@requests.response(200, DataRequestOut)
def show_data_request(request_id: str) -> DataRequest:
    """One request."""
    return data_request_queries.data_request(access.actor(), request_id)


@requests.route("/<request_id>/extend", methods=["POST"])
@access.member("owner", "trader")
@requests.arguments(ExtensionBody)
@requests.response(200, DataRequestOut)
def extend_data_request(body: dict[str, Any], request_id: str) -> DataRequest:
    """Extend the period once, as the department, with the approval of the head of the unit."""
    return data_requests.extend(access.actor(), request_id, **body)


@requests.route("/<request_id>/grant", methods=["POST"])
@access.member("owner", "trader")
@requests.response(200, DataRequestOut)
def grant_data_request(request_id: str) -> DataRequest:
    """Record that the request was granted, as the department."""
    return data_requests.grant(access.actor(), request_id)


@requests.route("/<request_id>/refuse", methods=["POST"])
@access.member("owner", "trader")
@requests.arguments(RefusalBody)
@requests.response(200, DataRequestOut)
def refuse_data_request(body: dict[str, Any], request_id: str) -> DataRequest:
    """Record that the request was refused, as the department, with reason and basis."""
    return data_requests.refuse(access.actor(), request_id, **body)


@requests.route("/<request_id>/withdraw", methods=["POST"])
@access.member("owner", "trader")
@requests.response(200, DataRequestOut)
def withdraw_data_request(request_id: str) -> DataRequest:
    """Record that the applicant withdrew, as either side."""
    return data_requests.withdraw(access.actor(), request_id)
