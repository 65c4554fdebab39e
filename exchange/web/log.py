"""The public log over HTTP (C2SP tlog-tiles): the checkpoint and the tiles of hashes. Entries are guarded."""

from flask import Blueprint, Response, request

from exchange import attest
from exchange.db import read
from exchange.errors import NotFound
from exchange.journal import queries, tiles
from exchange.web import access

blueprint = Blueprint("log", __name__, url_prefix="/log")

_IMMUTABLE = "public, max-age=31536000, immutable"
_FRESH = "public, max-age=1, must-revalidate"


@blueprint.get("/checkpoint")
@access.public
def checkpoint() -> Response:
    """The newest signed checkpoint, a signed note."""
    with read() as session:
        text = queries.latest_checkpoint(session).note
    response = Response(text, mimetype="text/plain")
    response.headers["Cache-Control"] = _FRESH
    response.add_etag()
    response.make_conditional(request)
    return response


@blueprint.get("/vkey")
@access.public
def vkey() -> Response:
    """The log's public key. Take it from a second place too: a log vouches badly for its own key."""
    return Response(attest.vkey() + "\n", mimetype="text/plain")


@blueprint.get("/tile/<path:place>")
@access.public
def tile(place: str) -> Response:
    """One tile of hashes, full or partial; a full tile never changes."""
    try:
        found = tiles.parse_path(f"tile/{place}")
    except tiles.InvalidTile:
        raise NotFound("There is no such tile.") from None
    if found.level is None:
        raise NotFound("Entries are guarded: regulators and parties read them through the API.")
    with read() as session:
        data = queries.tile(session, found.level, found.index, found.width)
    response = Response(data, mimetype="application/octet-stream")
    response.headers["Cache-Control"] = _IMMUTABLE  # a partial tile of a given width never changes either
    return response
