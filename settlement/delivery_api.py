"""Deliveries, receipts, grants, vouchers and payout accounts over the API."""

# mypy: disallow-untyped-decorators=False
# flask-smorest's decorators are not typed.

import base64
from typing import Any
from urllib.parse import quote

from flask import Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.http import parse_range_header, quote_etag

from exchange.web import access
from exchange.web.api import PageQuery, blueprint
from exchange.web.paging import Page
from settlement import delivery, grants, payout_accounts, vouchers
from settlement import delivery_schemas as schemas
from settlement.delivery import Delivery, IssuedTicket
from settlement.delivery_models import Grant, PayoutAccount, Receipt, Voucher
from settlement.parties import SIGNING

#: Routes below ``/lots`` about what a lot delivered; the lots themselves have their own module.
lot_goods = blueprint("lot_goods", __name__, "Fetching what was bought.", below="lots")
deliveries = blueprint("deliveries", __name__, "Files under a ticket, by byte ranges.")
usage = blueprint("grants", __name__, "Rights to use what was bought.")
certificates = blueprint("vouchers", __name__, "Vouchers of completed trades: the public check and the document.")
accounts = blueprint("payout-accounts", __name__, "Where sellers are paid.")
blps = [lot_goods, deliveries, usage, certificates, accounts]

_FILE = {"type": "string", "format": "binary"}


# -- deliveries -----------------------------------------------------------------------------------------------------


@lot_goods.route("/<lot_id>/tickets", methods=["POST"])
@access.member(*SIGNING)
@lot_goods.response(201, schemas.TicketOut)
def issue_ticket(lot_id: str) -> IssuedTicket:
    """Get a ticket for the file of a lot; the token is shown once and lasts 15 minutes."""
    return delivery.issue_ticket(access.actor(), lot_id)


@lot_goods.route("/<lot_id>/receipt", methods=["POST"])
@access.member(*SIGNING)
@lot_goods.arguments(schemas.ReceiptBody)
@lot_goods.response(201, schemas.ReceiptOut)
def confirm_receipt(body: dict[str, Any], lot_id: str) -> Receipt:
    """Confirm the SHA-256 of the file as received. A digest that differs is kept and blocks acceptance."""
    return delivery.confirm_receipt(access.actor(), lot_id, bytes.fromhex(body["sha256"]))


@lot_goods.route("/<lot_id>/receipt", methods=["GET"])
@access.member()
@lot_goods.response(200, schemas.ReceiptOut)
def receipt(lot_id: str) -> Receipt:
    """The receipt of a lot's last delivery, for both parties."""
    return delivery.receipt_for(access.actor(), lot_id)


@deliveries.route("/<token>", methods=["GET"])
@access.member(*SIGNING)
@deliveries.response(200, _FILE, content_type="application/octet-stream")
def download(token: str) -> Response:
    """The file, or one range of it (RFC 9110, section 14). The entity tag, which If-Range takes, is the SHA-256."""
    found = delivery.open_delivery(access.actor(), token)
    size_bytes = found.goods.size_bytes
    asked = _asked(found)
    start, stop = asked or (0, size_bytes)
    body = () if request.method == "HEAD" else delivery.stream(found, start, stop)
    response = Response(body, 206 if asked else 200, mimetype=found.goods.media_type, direct_passthrough=True)
    response.content_length = stop - start
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["ETag"] = _etag(found)
    response.headers["Repr-Digest"] = f"sha-256=:{base64.b64encode(found.goods.digest).decode()}:"  # RFC 9530
    response.headers.set("Content-Disposition", "attachment", **named(found.goods.file_name))
    if asked:
        response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size_bytes}"
    return response


def _asked(found: Delivery) -> tuple[int, int] | None:
    """The one range asked for, as offsets; ``None`` for the whole file, as for anything that is not understood.

    Several ranges at once are not served: the whole file is (RFC 9110, section 14.2, lets a server ignore them).

    Raises:
        RequestedRangeNotSatisfiable: The range lies outside the file.
    """
    size_bytes = found.goods.size_bytes
    asked = parse_range_header(request.headers.get("Range"))
    if request.method != "GET" or asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return None
    if request.headers.get("If-Range", _etag(found)) != _etag(found):  # a strong comparison: no weak tag, no date
        return None
    start, stop = asked.ranges[0]
    if start < 0:  # the last so many bytes
        start = max(size_bytes + start, 0)
    stop = size_bytes if stop is None else min(stop, size_bytes)
    if start >= stop:
        raise RequestedRangeNotSatisfiable(size_bytes)
    return start, stop


def named(file_name: str) -> dict[str, str]:
    """The name to save a file under, for every client and for those that read UTF-8 (RFC 6266, appendix D)."""
    if file_name.isascii():
        return {"filename": file_name}
    plain = file_name.encode("ascii", "replace").decode().replace("?", "_")
    return {"filename": plain, "filename*": f"UTF-8''{quote(file_name, safe='')}"}


def _etag(found: Delivery) -> str:
    return quote_etag(found.goods.digest.hex())


@usage.route("", methods=["GET"])
@access.member()
@usage.arguments(PageQuery, location="query")
@usage.response(200, schemas.GrantPage)
def list_grants(query: dict[str, Any]) -> Page[Grant]:
    """The grants of one's own organisation."""
    return grants.grants_of(access.actor(), **query)


# -- vouchers -------------------------------------------------------------------------------------------------------


@certificates.route("", methods=["GET"])
@access.member()
@certificates.arguments(schemas.VoucherQuery, location="query")
@certificates.response(200, schemas.VoucherPage)
def list_vouchers(query: dict[str, Any]) -> Page[Voucher]:
    """The vouchers of one's own organisation, as buyer or as seller."""
    return vouchers.vouchers_of(access.actor(), **query)


@certificates.route("/<number>", methods=["GET"])
@access.public
@certificates.response(200, schemas.VoucherCheckOut)
def check_voucher(number: str) -> dict[str, Any]:
    """Check a voucher by its number: its state and what verifies the exchange's signature."""
    return vouchers.check(number)


@certificates.route("/<number>/document", methods=["GET"])
@access.member()
@certificates.response(200, _FILE, content_type="application/json")
def voucher_document(number: str) -> Response:
    """The document as it was signed, byte for byte, for the two parties."""
    return Response(vouchers.document(access.actor(), number), mimetype="application/json")


@certificates.route("/<number>/suspend", methods=["POST"])
@access.staff("settlement_officer")
@certificates.arguments(schemas.ReasonBody)
@certificates.response(200, schemas.VoucherOut)
def suspend_voucher(body: dict[str, Any], number: str) -> Voucher:
    """Suspend a voucher."""
    return vouchers.suspend_voucher(access.actor(), number, **body)


@certificates.route("/<number>/restore", methods=["POST"])
@access.staff("settlement_officer")
@certificates.arguments(schemas.ReasonBody)
@certificates.response(200, schemas.VoucherOut)
def restore_voucher(body: dict[str, Any], number: str) -> Voucher:
    """Make a suspended voucher valid again."""
    return vouchers.restore_voucher(access.actor(), number, **body)


@certificates.route("/<number>/void", methods=["POST"])
@access.staff("settlement_officer")
@certificates.arguments(schemas.ReasonBody)
@certificates.response(200, schemas.VoucherOut)
def void_voucher(body: dict[str, Any], number: str) -> Voucher:
    """Cancel a voucher for good."""
    return vouchers.void_voucher(access.actor(), number, **body)


# -- payout accounts ------------------------------------------------------------------------------------------------


@accounts.route("", methods=["POST"])
@access.member(*payout_accounts.ROLES)
@accounts.arguments(schemas.PayoutAccountBody)
@accounts.response(201, schemas.PayoutAccountOut)
def request_account(body: dict[str, Any]) -> PayoutAccount:
    """Ask the payment gateway for an account; the worker carries it out."""
    return payout_accounts.request_account(access.actor(), **body)


@accounts.route("", methods=["GET"])
@access.member(*payout_accounts.ROLES)
@accounts.arguments(PageQuery, location="query")
@accounts.response(200, schemas.PayoutAccountPage)
def list_accounts(query: dict[str, Any]) -> Page[PayoutAccount]:
    """The payout accounts of one's own organisation."""
    return payout_accounts.accounts_of(access.actor(), **query)


@accounts.route("/<payout_account_id>", methods=["GET"])
@access.member(*payout_accounts.ROLES)
@accounts.response(200, schemas.PayoutAccountOut)
def get_account(payout_account_id: str) -> PayoutAccount:
    """One of one's own payout accounts."""
    return payout_accounts.payout_account(access.actor(), payout_account_id)
