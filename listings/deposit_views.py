"""A seller's files in the browser: sent by pieces (tus 1.0, with the session's cookie), or whole by a plain form.

Both go straight from the connection into sealed objects. The views that take bytes are therefore exempt from the
general CSRF check, which would read the body first, and ask for the token themselves.
"""

import base64
import binascii
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, BinaryIO, cast
from urllib.parse import quote

from flask import Response, abort, g, render_template, request, url_for
from flask_babel import gettext
from flask_wtf.csrf import CSRFError, validate_csrf
from werkzeug.exceptions import ClientDisconnected
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from exchange.errors import Conflict, ExchangeError, Invalid, InvariantBroken
from exchange.web import access, problems
from exchange.web.app import csrf
from exchange.web.forms import CSRF, Form
from exchange.web.views import Answer, blueprint, done
from listings import deposits, queries, words
from listings.streams import BLOCK_BYTES, reader
from provenance import vocabulary

deposit_pages = blueprint("deposits", __name__, url_prefix="/desk/deposits")

TUS = "1.0.0"
PIECE_TYPE = "application/offset+octet-stream"
#: What a form adds to the file it carries.
_FORM_BYTES = 64 * 1024
_FIELD_BYTES = 4096
_SELLING = ("owner", "trader")


@deposit_pages.get("")
@access.member()
def index() -> Answer:
    """One's own files, and the form that sends another."""
    return _index()


def _index() -> str:
    page = queries.deposits(access.caller(), cursor=request.args.get("cursor"))
    return render_template("listings/deposits.html", page=page, endings=deposits.ENDINGS, most=deposits.MAX_BYTES)


@deposit_pages.get("/<deposit_id>")
@access.member()
def show(deposit_id: str) -> Answer:
    """One file: how far it is, and what was found in it."""
    return _page(deposit_id)


def _page(deposit_id: str) -> str:
    deposit = queries.deposit(access.caller(), deposit_id)
    return render_template(
        "listings/deposit.html",
        deposit=deposit,
        rejections=words.REJECTIONS,
        column_types=words.COLUMN_TYPES,
        scan_kinds=vocabulary.SCANNED,
        confidences=vocabulary.CONFIDENCES,
    )


@deposit_pages.get("/<deposit_id>/progress")
@access.member()
def progress(deposit_id: str) -> Answer:
    """How far a file is: the part of pages that asks for itself again until it is done."""
    deposit = queries.deposit(access.caller(), deposit_id)
    return render_template("listings/_deposit_status.html", deposit=deposit, rejections=words.REJECTIONS)


@deposit_pages.post("/<deposit_id>/abandon")
@access.member(*_SELLING)
def abandon(deposit_id: str) -> Answer:
    """Give an upload up."""
    form = Form(None)
    if form.submit(lambda _: deposits.abandon_deposit(access.actor(), deposit_id)) is None:
        return form.answer(lambda: _page(deposit_id))
    return done(gettext("The upload was given up; nothing of it is kept."), url_for(".index"))


@deposit_pages.post("/<deposit_id>/complete")
@access.member(*_SELLING)
def complete(deposit_id: str) -> Answer:
    """Say that all bytes were sent."""
    form = Form(None)
    if form.submit(lambda _: deposits.complete_deposit(access.actor(), deposit_id)) is None:
        return form.answer(lambda: _page(deposit_id))
    return done(
        gettext("The file is complete. It is now sealed and looked into."), url_for(".show", deposit_id=deposit_id)
    )


# -- by pieces --------------------------------------------------------------------------------------------------------


@deposit_pages.post("/uploads")
@access.member(*_SELLING)
def begin() -> Response:
    """Announce a file (tus, creation): its size and name come in headers, its address goes back in ``Location``."""
    size_bytes = request.headers.get("Upload-Length", type=int)
    if size_bytes is None:
        abort(HTTPStatus.BAD_REQUEST)
    name = _metadata().get("filename", "")
    opened = deposits.open_deposit(
        access.caller(), file_name=name, size_bytes=size_bytes, media_type=deposits.media_type_of(name)
    )
    answer = _tus(HTTPStatus.CREATED, 0)
    answer.headers["Location"] = url_for(".offset", deposit_id=opened.id)
    return answer


@deposit_pages.route("/<deposit_id>/bytes", methods=["HEAD"])
@access.member()
def offset(deposit_id: str) -> Response:
    """How far an upload is."""
    held, announced = queries.upload_progress(access.caller(), deposit_id)
    answer = _tus(HTTPStatus.OK, held)
    answer.headers["Upload-Length"] = str(announced)
    return answer


@deposit_pages.route("/<deposit_id>/bytes", methods=["PATCH"])
@access.member(*_SELLING)
def append(deposit_id: str) -> Response:
    """Take the bytes from ``Upload-Offset`` on; the last one completes the file."""
    if request.mimetype != PIECE_TYPE:
        abort(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    _check_token(request.headers.get("X-CSRFToken"))
    begins = request.headers.get("Upload-Offset", type=int)
    if begins is None or begins < 0:
        abort(HTTPStatus.BAD_REQUEST)
    request.max_content_length = deposits.MAX_BYTES
    content = cast("BinaryIO", _UntilCut(cast("BinaryIO", request.stream)))
    try:
        held = deposits.append(access.caller(), deposit_id, offset=begins, content=content, completing=True)
    except Conflict as conflict:
        return _tus(HTTPStatus.CONFLICT, conflict.params.get("offset", begins))
    return _tus(HTTPStatus.NO_CONTENT, held)


class _UntilCut:
    """The request's body up to its end, or up to where the connection was cut: what came is kept."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except (ClientDisconnected, OSError):
            return b""


def _tus(status: HTTPStatus, held: int) -> Response:
    headers = {"Tus-Resumable": TUS, "Upload-Offset": str(held), "Cache-Control": "no-store"}
    return Response(status=status, headers=headers)


def _metadata() -> dict[str, str]:
    """What ``Upload-Metadata`` says: names and base64 of their values."""
    found: dict[str, str] = {}
    for pair in request.headers.get("Upload-Metadata", "").split(","):
        name, _, value = pair.strip().partition(" ")
        try:
            found[name] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            abort(HTTPStatus.BAD_REQUEST)
    return found


def _check_token(token: str | None) -> None:
    """Refuse what no page of ours sent.

    Raises:
        CSRFError: The token is missing, old or another session's.
    """
    try:
        validate_csrf(token)
    except ValueError as error:  # wtforms' ValidationError
        raise CSRFError(error.args[0]) from None


# -- whole ------------------------------------------------------------------------------------------------------------


@deposit_pages.post("/whole")
@access.member(*_SELLING)
def send_whole() -> Answer:
    """Take a file from a plain form: the token first, then the file, streamed as it comes."""
    if request.mimetype != "multipart/form-data" or "boundary" not in request.mimetype_params:
        abort(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    if request.content_length is None:
        abort(HTTPStatus.LENGTH_REQUIRED)
    request.max_content_length = deposits.MAX_BYTES + _FORM_BYTES
    sent = _Sent(cast("BinaryIO", request.stream), request.mimetype_params["boundary"])
    try:
        deposit_id = _deposit(sent, most_bytes=request.content_length)
    except InvariantBroken:
        raise
    except ExchangeError as error:
        g.problem, status = problems.problem(error)
        return _index(), status
    url = local(sent.fields.get("next", "")) or url_for(".show", deposit_id=deposit_id)
    return done(gettext("The file is complete. It is now sealed and looked into."), url)


def _deposit(sent: "_Sent", *, most_bytes: int) -> str:
    name = sent.begin()
    _check_token(sent.fields.get(CSRF))
    return deposits.deposit_whole(
        access.caller(), file_name=name, content=reader(sent.content()), most_bytes=most_bytes
    )


def local(url: str) -> str | None:
    """``url`` as an address on this site; ``None`` when it is none: nobody is sent elsewhere."""
    if not url.startswith("/") or url.startswith(("//", "/\\")) or any(ord(c) <= ord(" ") for c in url):
        return None
    return quote(url, safe="/?&=#%-._~:@!$'()*+,;")


for _view in (append, send_whole):
    csrf.exempt(_view)


class _Sent:
    """A multipart form read as it arrives: the fields that stand before the file, then the file's bytes.

    Args:
        stream: The request's body.
        boundary: What its parts are separated by.
    """

    def __init__(self, stream: BinaryIO, boundary: str) -> None:
        self.fields: dict[str, str] = {}
        self._stream = stream
        self._decoder = MultipartDecoder(boundary.encode("latin-1"), max_form_memory_size=4 * BLOCK_BYTES)

    def begin(self) -> str:
        """Read up to the file; its name.

        Raises:
            Invalid: There is no file (``file_missing``).
        """
        name = ""
        for event in self._events():
            if isinstance(event, File):
                if not event.filename:
                    break
                return event.filename
            if isinstance(event, Field):
                name = event.name
                self.fields[name] = ""
            elif isinstance(event, Data) and len(self.fields[name]) < _FIELD_BYTES:
                self.fields[name] += event.data.decode(errors="replace")
        raise Invalid("Choose a file first.", code="file_missing")

    def content(self) -> Iterator[bytes]:
        """The file's bytes, to its end.

        Raises:
            Invalid: The form ended before the file did (``upload_cut``).
        """
        for event in self._events():
            if not isinstance(event, Data):
                break
            yield event.data
            if not event.more_data:
                return
        raise Invalid("The file did not arrive whole. Send it again.", code="upload_cut")

    def _events(self) -> Iterator[Any]:
        while not isinstance(event := self._next(), Epilogue):
            yield event

    def _next(self) -> Any:
        try:
            while isinstance(event := self._decoder.next_event(), NeedData):
                self._decoder.receive_data(self._stream.read(BLOCK_BYTES) or None)
        except (ValueError, ClientDisconnected):
            return Epilogue(b"")
        return event
