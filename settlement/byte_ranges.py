"""A file under a ticket as an HTTP answer: whole, or one range of it (RFC 9110, section 14)."""

import base64
from urllib.parse import quote

from flask import Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.http import parse_range_header, quote_etag

from settlement.delivery import Delivery, stream


def answer(found: Delivery) -> Response:
    """The file, or the one range that was asked for. The entity tag, which If-Range takes, is the SHA-256.

    Raises:
        RequestedRangeNotSatisfiable: The range lies outside the file.
    """
    size_bytes = found.goods.size_bytes
    asked = _asked(found)
    start, stop = asked or (0, size_bytes)
    body = () if request.method == "HEAD" else stream(found, start, stop)
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
