"""Deliveries, receipts, grants, vouchers and payout accounts over the API."""

# mypy: disallow-untyped-decorators=False
# flask-smorest's decorators are not typed.

from typing import Any

from flask import Response, request

from exchange.web import access
from exchange.web.api import PageQuery, blueprint
from exchange.web.paging import Page
from settlement import delivery, grants, payout_accounts, voucher_checks, vouchers
from settlement import delivery_schemas as schemas
from settlement.byte_ranges import answer
from settlement.delivery import IssuedTicket
from settlement.delivery_models import Grant, PayoutAccount, Receipt, Voucher
from settlement.parties import SIGNING
from settlement.voucher_checks import Verdict

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
    return answer(delivery.open_delivery(access.actor(), token))


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


@certificates.route("/check", methods=["POST"])
@access.public
@certificates.arguments(schemas.VoucherText)
@certificates.response(200, schemas.VerdictOut)
def check_text(body: dict[str, Any]) -> Verdict:
    """Check a voucher's text: whether this exchange issued it, unaltered. Texts that are none of ours are counted."""
    return voucher_checks.by_text(body["text"], origin=request.remote_addr or "unknown")


@certificates.route("/<number>", methods=["GET"])
@access.public
@certificates.response(200, schemas.VoucherCheckOut)
def check_voucher(number: str) -> dict[str, Any]:
    """Check a voucher by its number: its state and what verifies the signature. Wrong numbers are counted."""
    return voucher_checks.by_number(number, origin=request.remote_addr or "unknown")


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
