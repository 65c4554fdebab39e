"""The listings' API: deposits (resumable upload as in tus 1.0), products and versions, reviews, objections, offers."""

from http import HTTPStatus
from typing import Any, BinaryIO, cast

from flask import Response, abort, after_this_request, request
from werkzeug.exceptions import ClientDisconnected

from exchange.db import read
from exchange.errors import Conflict
from exchange.web import access
from exchange.web.api import PageQuery, blueprint
from exchange.web.paging import Page
from listings import (
    deposits,
    digest_checks,
    export_api,
    grade_api,
    notice,
    offers,
    prohibited_api,
    queries,
    review,
    revisions,
    schemas,
    search,
    search_schemas,
    versions,
)
from listings.models import Version
from listings.offers import Terms
from listings.search import Counts
from listings.states import REVIEWER
from listings.versions import Description
from provenance.schemas import PurposeQuery

deposit_api = blueprint("deposits", __name__, "Files entrusted to the exchange; sent in pieces that can be resumed.")
product_api = blueprint("products", __name__, "The public catalogue, and products to be listed.")
version_api = blueprint("versions", __name__, "Versions: drafted, submitted, reviewed, on notice, published.")
objection_api = blueprint("objections", __name__, "What was said against a version on public notice.")
offer_api = blueprint("offers", __name__, "The terms on which versions can be had.")
blps = [
    deposit_api,
    product_api,
    version_api,
    objection_api,
    offer_api,
    *grade_api.blps,
    *export_api.blps,
    *prohibited_api.blps,
]

TUS_VERSION = "1.0.0"
PIECE_TYPE = "application/offset+octet-stream"


# -- deposits ---------------------------------------------------------------------------------------------------------


@deposit_api.route("", methods=["POST"])
@access.member("owner", "trader")
@deposit_api.arguments(schemas.DepositBody)
@deposit_api.response(201, schemas.DepositOut)
def open_deposit(body: dict[str, Any]) -> dict[str, Any]:
    """Announce a file; its bytes follow by PATCH."""
    return queries.deposit(access.actor(), deposits.open_deposit(access.actor(), **body).id)


@deposit_api.route("", methods=["GET"])
@access.member()
@deposit_api.arguments(PageQuery, location="query")
@deposit_api.response(200, schemas.DepositPage)
def list_deposits(query: dict[str, Any]) -> Page[dict[str, Any]]:
    """One's own deposits, newest first."""
    return queries.deposits(access.actor(), **query)


@deposit_api.route("/<deposit_id>", methods=["HEAD"])
@access.member()
@deposit_api.response(200)
def upload_offset(deposit_id: str) -> Response:
    """How far the upload is: ``Upload-Offset`` of ``Upload-Length`` bytes."""
    held, announced = queries.upload_progress(access.actor(), deposit_id)
    answer = _tus(Response(status=HTTPStatus.OK), held)
    answer.headers["Upload-Length"] = str(announced)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@deposit_api.route("/<deposit_id>", methods=["GET"])
@access.member()
@deposit_api.response(200, schemas.DepositOut)
def show_deposit(deposit_id: str) -> dict[str, Any]:
    """A deposit, with its profile once there is one."""
    return queries.deposit(access.actor(), deposit_id)


@deposit_api.route("/<deposit_id>", methods=["PATCH"])
@access.member("owner", "trader")
@deposit_api.doc(
    parameters=[{"in": "header", "name": "Upload-Offset", "required": True, "schema": {"type": "integer"}}],
    requestBody={"content": {PIECE_TYPE: {"schema": {"type": "string", "format": "binary"}}}},
)
@deposit_api.response(204)
def append(deposit_id: str) -> Response:
    """Send the bytes from ``Upload-Offset`` on. After a cut, HEAD says where to go on; 409 says so too."""
    if request.headers.get("Tus-Resumable", TUS_VERSION) != TUS_VERSION:
        abort(HTTPStatus.PRECONDITION_FAILED)
    if request.mimetype != PIECE_TYPE:
        abort(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    offset = request.headers.get("Upload-Offset", type=int)
    if offset is None or offset < 0:
        abort(HTTPStatus.BAD_REQUEST)
    request.max_content_length = deposits.MAX_BYTES
    try:
        held = deposits.append(access.actor(), deposit_id, offset=offset, content=_received())
    except Conflict as conflict:
        at = conflict.params.get("offset")
        if at is not None:
            after_this_request(lambda answer: _tus(answer, at))
        raise
    return _tus(Response(status=HTTPStatus.NO_CONTENT), held)


@deposit_api.route("/<deposit_id>/complete", methods=["POST"])
@access.member("owner", "trader")
@deposit_api.response(200, schemas.DepositOut)
def complete_deposit(deposit_id: str) -> dict[str, Any]:
    """Say that all bytes were sent: the exchange seals and profiles the file."""
    return queries.deposit(access.actor(), deposits.complete_deposit(access.actor(), deposit_id).id)


@deposit_api.route("/<deposit_id>/abandon", methods=["POST"])
@access.member("owner", "trader")
@deposit_api.response(200, schemas.DepositOut)
def abandon_deposit(deposit_id: str) -> dict[str, Any]:
    """Give an upload up."""
    return queries.deposit(access.actor(), deposits.abandon_deposit(access.actor(), deposit_id).id)


class _UntilCut:
    """The request's body up to its end, or up to where the connection was cut: what came is kept."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except (ClientDisconnected, OSError):
            return b""


def _received() -> BinaryIO:
    return cast("BinaryIO", _UntilCut(cast("BinaryIO", request.stream)))


def _tus(answer: Response, held: int) -> Response:
    answer.headers["Tus-Resumable"] = TUS_VERSION
    answer.headers["Upload-Offset"] = str(held)
    return answer


# -- products and versions --------------------------------------------------------------------------------------------


def _version(version: Version) -> dict[str, Any]:
    return queries.version(access.actor(), version.id)


@product_api.route("", methods=["GET"])
@access.public
@product_api.arguments(search_schemas.ProductsQuery, location="query")
@product_api.response(200, search_schemas.ProductCardPage)
def list_products(query: dict[str, Any]) -> Page[dict[str, Any]]:
    """What is published, or on public notice, newest first."""
    with read() as session:
        return search.products(session, **query)


@product_api.route("/by-digest/<digest>", methods=["GET"])
@access.public
@product_api.response(200, schemas.KnownFile)
def check_file(digest: str) -> dict[str, Any]:
    """Whether a file with this SHA-256 is a product here that must be traded at an exchange."""
    known = digest_checks.by_digest(digest)
    if known is None:
        return {"known": False}
    title = {"zh": known.title_zh, "en": known.title_en}
    return {"known": True, "product_id": known.product_id, "title": title, "exchange_only": known.exchange_only}


@product_api.route("/facets", methods=["GET"])
@access.public
@product_api.arguments(search_schemas.SearchQuery, location="query")
@product_api.response(200, search_schemas.FacetsOut)
def count_products(query: dict[str, Any]) -> Counts:
    """How many of what was found have each value of each facet."""
    with read() as session:
        return search.count(session, **query)


@product_api.route("", methods=["POST"])
@access.member("owner", "trader")
@product_api.arguments(schemas.DescriptionBody)
@product_api.response(201, schemas.VersionOut)
def create_product(body: Description) -> dict[str, Any]:
    """Draft a product: the answer is its first version."""
    return _version(versions.create_product(access.actor(), body))


@product_api.route("/<product_id>", methods=["GET"])
@access.public
@product_api.response(200, schemas.ProductOut)
def show_product(product_id: str) -> dict[str, Any]:
    """A product's public page."""
    return queries.product(product_id)


@product_api.route("/<product_id>/versions", methods=["POST"])
@access.member("owner", "trader")
@product_api.arguments(schemas.DescriptionBody)
@product_api.response(201, schemas.VersionOut)
def add_version(body: Description, product_id: str) -> dict[str, Any]:
    """Draft a further version."""
    return _version(versions.add_version(access.actor(), product_id, body))


@version_api.route("", methods=["GET"])
@access.member()
@version_api.arguments(PageQuery, location="query")
@version_api.response(200, schemas.CardPage)
def list_versions(query: dict[str, Any]) -> Page[dict[str, Any]]:
    """One's own versions, newest first."""
    return queries.own_versions(access.actor(), **query)


@version_api.route("/queue", methods=["GET"])
@access.anyone_of(*sorted(queries.READERS))
@version_api.arguments(PageQuery, location="query")
@version_api.response(200, schemas.CardPage)
def review_queue(query: dict[str, Any]) -> Page[dict[str, Any]]:
    """What waits for reviewers, the nearest deadline first."""
    return queries.review_queue(**query)


@version_api.route("/<version_id>", methods=["GET"])
@access.public
@version_api.arguments(PurposeQuery, location="query")
@version_api.response(200, schemas.VersionOut)
def show_version(query: dict[str, Any], version_id: str) -> dict[str, Any]:
    """A version; its seller and the reviewers see its file, and a regulator who says what for."""
    return queries.version(access.actor(), version_id, **query)


@version_api.route("/<version_id>", methods=["PUT"])
@access.member("owner", "trader")
@version_api.arguments(schemas.DescriptionBody)
@version_api.response(200, schemas.VersionOut)
def edit_version(body: Description, version_id: str) -> dict[str, Any]:
    """Describe a draft anew."""
    return _version(versions.edit_version(access.actor(), version_id, body))


@version_api.route("/<version_id>/attach", methods=["POST"])
@access.member("owner", "trader")
@version_api.arguments(schemas.AttachBody)
@version_api.response(200, schemas.VersionOut)
def attach(body: dict[str, Any], version_id: str) -> dict[str, Any]:
    """Name the deposit and the declaration of a draft."""
    return _version(versions.attach(access.actor(), version_id, **body))


@version_api.route("/<version_id>/submit", methods=["POST"])
@access.member("owner", "trader")
@version_api.response(200, schemas.VersionOut)
def submit(version_id: str) -> dict[str, Any]:
    """Hand a version in for review."""
    return _version(versions.submit(access.actor(), version_id))


@version_api.route("/<version_id>/withdraw", methods=["POST"])
@access.member("owner", "trader")
@version_api.response(200, schemas.VersionOut)
def withdraw(version_id: str) -> dict[str, Any]:
    """Take a version back for good."""
    return _version(versions.withdraw(access.actor(), version_id))


@version_api.route("/<version_id>/revise", methods=["POST"])
@access.member("owner", "trader")
@version_api.arguments(schemas.ReviseBody)
@version_api.response(201, schemas.VersionOut)
def revise(body: dict[str, Any], version_id: str) -> dict[str, Any]:
    """Put newer rows in the place of a published version's, without review."""
    return _version(revisions.revise(access.actor(), version_id, **body))


@version_api.route("/<version_id>/take-up", methods=["POST"])
@access.staff(REVIEWER)
@version_api.response(200, schemas.VersionOut)
def take_up(version_id: str) -> dict[str, Any]:
    """Begin the review."""
    return _version(review.take_up(access.actor(), version_id))


@version_api.route("/<version_id>/approve", methods=["POST"])
@access.staff(REVIEWER)
@version_api.arguments(schemas.DecisionBody)
@version_api.response(200, schemas.VersionOut)
def approve(body: dict[str, Any], version_id: str) -> dict[str, Any]:
    """Approve; with the last approval needed the public notice begins."""
    return _version(review.approve(access.actor(), version_id, **body))


@version_api.route("/<version_id>/return", methods=["POST"])
@access.staff(REVIEWER)
@version_api.arguments(schemas.DecisionBody)
@version_api.response(200, schemas.VersionOut)
def return_version(body: dict[str, Any], version_id: str) -> dict[str, Any]:
    """Give a version back to be mended."""
    return _version(review.return_version(access.actor(), version_id, **body))


@version_api.route("/<version_id>/refuse", methods=["POST"])
@access.staff(REVIEWER)
@version_api.arguments(schemas.DecisionBody)
@version_api.response(200, schemas.VersionOut)
def refuse(body: dict[str, Any], version_id: str) -> dict[str, Any]:
    """Refuse a version for good."""
    return _version(review.refuse(access.actor(), version_id, **body))


@version_api.route("/<version_id>/suspend", methods=["POST"])
@access.staff(REVIEWER)
@version_api.arguments(schemas.ReasonBody)
@version_api.response(200, schemas.VersionOut)
def suspend(body: dict[str, Any], version_id: str) -> dict[str, Any]:
    """Stop new orders of a published version."""
    return _version(review.suspend(access.actor(), version_id, **body))


@version_api.route("/<version_id>/restore", methods=["POST"])
@access.staff(REVIEWER)
@version_api.arguments(schemas.ReasonBody)
@version_api.response(200, schemas.VersionOut)
def restore(body: dict[str, Any], version_id: str) -> dict[str, Any]:
    """Let a suspended version be ordered again."""
    return _version(review.restore(access.actor(), version_id, **body))


@version_api.route("/<version_id>/objections", methods=["POST"])
@access.signed_in
@version_api.arguments(schemas.StatementBody)
@version_api.response(201, schemas.ObjectionOut)
def object_to(body: dict[str, Any], version_id: str) -> dict[str, Any]:
    """Object to a version on public notice."""
    return queries.objection(access.actor(), notice.object_to(access.actor(), version_id, **body).id)


# -- objections and offers --------------------------------------------------------------------------------------------


@objection_api.route("/<objection_id>", methods=["GET"])
@access.signed_in
@objection_api.response(200, schemas.ObjectionOut)
def show_objection(objection_id: str) -> dict[str, Any]:
    """One's own objection; for reviewers any."""
    return queries.objection(access.actor(), objection_id)


@objection_api.route("/<objection_id>/dismiss", methods=["POST"])
@access.staff(REVIEWER)
@objection_api.arguments(schemas.AnswerBody)
@objection_api.response(200, schemas.ObjectionOut)
def dismiss_objection(body: dict[str, Any], objection_id: str) -> dict[str, Any]:
    """Find that an objection does not stand in the way."""
    return queries.objection(access.actor(), notice.dismiss_objection(access.actor(), objection_id, **body).id)


@objection_api.route("/<objection_id>/uphold", methods=["POST"])
@access.staff(REVIEWER)
@objection_api.arguments(schemas.AnswerBody)
@objection_api.response(200, schemas.ObjectionOut)
def uphold_objection(body: dict[str, Any], objection_id: str) -> dict[str, Any]:
    """Find that an objection is right: the version goes back to the seller."""
    return queries.objection(access.actor(), notice.uphold_objection(access.actor(), objection_id, **body).id)


@offer_api.route("", methods=["POST"])
@access.member("owner", "trader")
@offer_api.arguments(schemas.TermsBody)
@offer_api.response(201, schemas.OfferOut)
def open_offer(body: dict[str, Any]) -> dict[str, Any]:
    """Offer a version that is being listed or on sale."""
    terms: Terms = body["terms"]
    return queries.offer(access.actor(), offers.open_offer(access.actor(), body["version_id"], terms).id)


@offer_api.route("/<offer_id>", methods=["GET"])
@access.public
@offer_api.response(200, schemas.OfferOut)
def show_offer(offer_id: str) -> dict[str, Any]:
    """An offer, open or closed."""
    return queries.offer(access.actor(), offer_id)


@offer_api.route("/<offer_id>/close", methods=["POST"])
@access.member("owner", "trader")
@offer_api.response(200, schemas.OfferOut)
def close_offer(offer_id: str) -> dict[str, Any]:
    """Take an offer back."""
    return queries.offer(access.actor(), offers.close_offer(access.actor(), offer_id).id)
