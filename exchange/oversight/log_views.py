"""The guarded part of the log over HTTP (C2SP tlog-tiles): bundles of entries, for organs that supervise everything.

Hashes and checkpoints are public and served by ``exchange.web.log``; what the leaves say is not. Every bundle read is a
look, recorded with what for: ``?purpose=…``, or the inspection that is open.
"""

from flask import request
from werkzeug.wrappers import Response

from exchange.errors import NotFound
from exchange.journal import tiles
from exchange.oversight import inspection
from exchange.web import access
from exchange.web.views import blueprint

entries = blueprint("log_entries", __name__, url_prefix="/log")
blps = [entries]


@entries.get("/tile/entries/<path:place>")
@access.regulator
def bundle(place: str) -> Response:
    """Up to 256 consecutive entries, each behind its length in 16 bits."""
    try:
        found = tiles.parse_path(f"tile/entries/{place}")
    except tiles.InvalidTile:
        raise NotFound("There is no such tile.") from None
    data = inspection.bundle(access.caller(), found.index, found.width, purpose=request.args.get("purpose", ""))
    response = Response(data, mimetype="application/octet-stream")
    # The bytes never change, but each reading is asked for anew: so that it is recorded.
    response.headers["Cache-Control"] = "private, no-cache"
    response.add_etag()
    response.make_conditional(request)
    return response
