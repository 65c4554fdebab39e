"""The bare web application: settings, headers, languages, errors. ``wsgi.py`` hangs the rooms into it."""

import secrets
from pathlib import Path

from flask import Flask, Response, abort, g, request
from flask_wtf.csrf import CSRFProtect

from exchange.web import access, filters, languages, problems

ROOT = Path(__file__).resolve().parent.parent.parent
#: JSON and form bodies; goods are streamed by their own routes and never held.
MAX_BODY_BYTES = 12 * 1024 * 1024

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}

csrf = CSRFProtect()


def make_app(*, secret_key: str, base_url: str, load_actor: access.ActorLoader) -> Flask:
    """A Flask application with nothing in it but the house rules of the rim."""
    app = Flask("databourse", root_path=str(ROOT), template_folder="templates", static_folder="static")
    app.config.update(
        SECRET_KEY=secret_key,
        SESSION_COOKIE_SECURE=base_url.startswith("https://"),
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        PROPAGATE_EXCEPTIONS=False,
    )
    app.before_request(_name_request)
    app.before_request(_refuse_nul)
    access.init_app(app, load_actor)
    csrf.init_app(app)
    languages.init_app(app)
    filters.init_app(app)
    problems.init_app(app)
    app.after_request(_add_headers)
    return app


def _name_request() -> None:
    g.request_id = secrets.token_hex(8)


def _refuse_nul() -> None:
    """No address of ours has a NUL in it, and no table could hold one."""
    if "\0" in request.path or any("\0" in value for values in request.args.lists() for value in values[1]):
        abort(400)


def _add_headers(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if "request_id" in g:
        response.headers["X-Request-Id"] = g.request_id
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if "Cache-Control" not in response.headers and request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
    return response
