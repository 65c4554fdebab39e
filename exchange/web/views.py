"""What pages are made with: blueprints that name their room, and the answer every view gives."""

from flask import Blueprint, Response, flash, redirect
from werkzeug.wrappers import Response as BaseResponse

#: What a view returns: a page, a page with its status, or a response made elsewhere.
Answer = str | tuple[str, int] | Response | BaseResponse


def blueprint(name: str, module: str, url_prefix: str | None = None) -> Blueprint:
    """A blueprint of pages; templates and static files are the house's."""
    return Blueprint(name, module, url_prefix=url_prefix)


def done(message: str, url: str) -> BaseResponse:
    """Say that it worked, on the page the browser goes to next (303: it is fetched by GET)."""
    if message:
        flash(message)
    return redirect(url, 303)
