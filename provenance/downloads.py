"""Documents as downloads: never shown inside a page, never kept on the way."""

from flask import Response

from exchange.documents import Document
from provenance.media import JPEG, PDF, PNG, TEXT, ZIP

_ENDINGS = {PDF: "pdf", PNG: "png", JPEG: "jpg", TEXT: "txt", ZIP: "zip"}


def download(document: Document) -> Response:
    """The bytes of a document, under a name made of its digest."""
    response = Response(document.content, mimetype="application/octet-stream")
    name = f"{document.digest.hex()[:16]}.{_ENDINGS.get(document.media_type, 'bin')}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response
