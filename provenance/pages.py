"""What the room's pages share: files of an upload, and the words that templates speak."""

from typing import Any

from flask import Blueprint, request

from exchange.documents import MAX_BYTES
from exchange.web.forms import Form
from exchange.web.views import blueprint
from provenance import purposes, vocabulary
from provenance.declarations import MAX_ITEMS


def room(name: str, module: str, url_prefix: str) -> Blueprint:
    """A blueprint whose templates know the room's words."""
    made = blueprint(name, module, url_prefix=url_prefix)
    made.context_processor(words)
    return made


def words() -> dict[str, Any]:
    """The closed vocabularies, and purposes by code."""
    return {"vocab": vocabulary, "all_purposes": purposes.PURPOSES}


def rows(form: Form, path: str, *names: str) -> int:
    """How many rows of a list a form shows: all down to the last filled one, and an empty one below it."""
    filled = [n for n in range(MAX_ITEMS) if any(form.value(f"{path}.{n}.{name}") for name in names)]
    return min(max(filled, default=-1) + 2, MAX_ITEMS)


def brought(field: str = "file") -> bytes | None:
    """The file that came in ``field``, or ``None``; one byte more than is kept, so that the operation refuses it."""
    file = request.files.get(field)
    if file is None or not file.filename:
        return None
    return file.stream.read(MAX_BYTES + 1)
