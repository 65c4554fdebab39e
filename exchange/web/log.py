"""The public log over HTTP (C2SP tlog-tiles): the checkpoint and the tiles of hashes. Entries are guarded."""

from flask import Blueprint, Response, request

from exchange import attest
from exchange.db import read
from exchange.errors import NotFound
from exchange.journal import published, queries, tiles
from exchange.journal.published import Published
from exchange.web import access

blueprint = Blueprint("log", __name__, url_prefix="/log")

_IMMUTABLE = "public, max-age=31536000, immutable"
_FRESH = "public, max-age=1, must-revalidate"


@blueprint.get("/checkpoint")
@access.public
def checkpoint() -> Response:
    """The newest checkpoint, a signed note with the cosignatures it has so far.

    Witnesses are asked every few seconds, so in a busy log the newest checkpoint may have none yet; whoever must see a
    quorum asks for ``/log/witnessed``.
    """
    with read() as session:
        return _fresh(published.newest(session))


@blueprint.get("/witnessed")
@access.public
def witnessed() -> Response:
    """The newest checkpoint that enough witnesses cosigned, by the policy of the exchange."""
    with read() as session:
        return _fresh(published.witnessed(session))


@blueprint.get("/vkey")
@access.public
def vkey() -> Response:
    """The log's public key. Take it from a second place too: a log vouches badly for its own key."""
    return Response(attest.vkey() + "\n", mimetype="text/plain")


@blueprint.get("/tile/<path:place>")
@access.public
def tile(place: str) -> Response:
    """One tile of hashes, full or partial. Neither ever changes: the width is part of a partial tile's name.

    Bundles of entries stand at ``tile/entries``, which ``exchange.oversight`` guards.
    """
    try:
        found = tiles.parse_path(f"tile/{place}")
    except tiles.InvalidTile:
        found = None
    if found is None or found.level is None:
        raise NotFound("There is no such tile.")
    with read() as session:
        data = queries.tile(session, found.level, found.index, found.width)
    response = Response(data, mimetype="application/octet-stream")
    response.headers["Cache-Control"] = _IMMUTABLE
    response.add_etag()
    response.make_conditional(request)
    return response


def _fresh(found: Published) -> Response:
    response = Response(found.note, mimetype="text/plain")
    response.headers["Cache-Control"] = _FRESH
    response.add_etag()
    response.make_conditional(request)
    return response
