"""Who may call a route. Default deny: a view without a guard is never served.

Guards stand directly under the route decorator, so they are asked before the body is read. They look at roles only;
whether *this* subject is the caller's business is decided by the operation.
"""

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Flask, current_app, g, request

from exchange.actors import MEMBER_ROLES, REGULATOR, STAFF_ROLES, Actor
from exchange.errors import Forbidden, Invalid, InvariantBroken, NotSignedIn

View = TypeVar("View", bound=Callable[..., Any])
#: Finds the actor behind a bearer token or session cookie; ``None`` when it is unknown, expired or revoked.
ActorLoader = Callable[[str], Actor | None]

COOKIE = "databourse_session"
#: What reads and changes nothing: repeating it needs no key.
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_ETAG = re.compile(r'"?(?P<id>[a-z_]{2,24}_[\w-]{1,64}):(?P<version>[0-9]{1,9})"?', re.ASCII)
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_VISITOR = Actor(None, None, frozenset({"visitor"}))


@dataclass(frozen=True, slots=True)
class Access:
    """What a guard asks for: ``kind`` is ``public``, ``signed_in``, ``member``, ``staff`` or ``regulator``."""

    kind: str
    roles: frozenset[str]


def init_app(app: Flask, load_actor: ActorLoader) -> None:
    """Deny every view without a guard, and look actors up by ``load_actor``.

    To be called before what reads a request's body: who may not call is told so first.
    """
    app.extensions["load_actor"] = load_actor
    app.before_request(_ask_guard)


def guard_of(view: Callable[..., Any]) -> Access | None:
    """The guard a view function carries."""
    return getattr(view, "__access__", None)


def public(view: View) -> View:
    """Anybody, signed in or not."""
    return _guarded(view, Access("public", frozenset()))


def signed_in(view: View) -> View:
    """Any natural person with a session."""
    return _guarded(view, Access("signed_in", frozenset()))


def member(*roles: str) -> Callable[[View], View]:
    """A person acting for a member organisation in one of ``roles`` (any role when none is named)."""
    return lambda view: _guarded(view, Access("member", frozenset(roles) or MEMBER_ROLES))


def staff(*roles: str) -> Callable[[View], View]:
    """The operator's staff in one of ``roles`` (any when none is named)."""
    return lambda view: _guarded(view, Access("staff", frozenset(roles) or STAFF_ROLES))


def regulator(view: View) -> View:
    """A regulator's officer."""
    return _guarded(view, Access("regulator", frozenset({REGULATOR})))


def anyone_of(*roles: str) -> Callable[[View], View]:
    """Any signed-in person holding one of ``roles``, on whichever side."""
    return lambda view: _guarded(view, Access("roles", frozenset(roles)))


def caller() -> Actor:
    """Who is calling; a visitor when nobody is signed in."""
    if "actor" not in g:
        token = _token()
        found = current_app.extensions["load_actor"](token) if token else None
        g.actor = found or _VISITOR
    found_before: Actor = g.actor
    return found_before


def actor() -> Actor:
    """Who is calling, with what came with the request: its idempotency key, and the version it was made from.

    The API says both in headers (``Idempotency-Key``, ``If-Match``), a page in fields of its form.

    Raises:
        Invalid: The key is empty, longer than 255 characters, or not of visible ASCII characters; or the version is
            not ``"<id>:<row_version>"``.
    """
    if request.method in _READING:
        return caller()
    return caller().with_key(_request_key()).expecting(_expected())


def _expected() -> tuple[str, int] | None:
    """The subject and version the request was made from."""
    said = request.headers.get("If-Match") if _through_the_api() else request.form.get("version")
    if not said or said == "*":
        return None
    found = _ETAG.fullmatch(said)
    if found is None:
        raise Invalid("The version is not one of ours.", code="invalid_version")
    return found["id"], int(found["version"])


def _through_the_api() -> bool:
    return request.path.startswith("/api/")


def _request_key() -> str | None:
    key = request.headers.get("Idempotency-Key") if _through_the_api() else request.form.get("request_key")
    if key is None:
        return None
    if _KEY.fullmatch(key) is None:
        raise Invalid(
            "An idempotency key has 1 to 255 visible characters without spaces.", code="invalid_idempotency_key"
        )
    return key


def _token() -> str | None:
    """A bearer token on the API, the session cookie on pages: never the other, so that no page can forge API calls.

    The log's files are read by programs and browsers alike: there a bearer token counts if one is sent, and nothing can
    be changed.
    """
    log_file = request.path.startswith("/log/") and "Authorization" in request.headers
    if _through_the_api() or log_file:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return token.strip() or None if scheme.lower() == "bearer" else None
    return request.cookies.get(COOKIE)


def _guarded(view: View, access: Access) -> View:
    @functools.wraps(view)
    def call(*args: Any, **kwargs: Any) -> Any:
        _ask(access)
        return view(*args, **kwargs)

    call.__access__ = access  # type: ignore[attr-defined]
    return call  # type: ignore[return-value]


def _ask(access: Access) -> None:
    if access.kind == "public":
        return
    who = caller()
    if who.person_id is None:
        raise NotSignedIn("Sign in first.")
    if access.roles and not access.roles & who.roles:
        raise Forbidden("This needs one of the roles: %(roles)s.", roles=", ".join(sorted(access.roles)))


def _ask_guard() -> None:
    if request.endpoint in (None, "static"):
        return
    guard = guard_of(current_app.view_functions[request.endpoint])
    if guard is None:
        raise InvariantBroken("the route %(endpoint)s has no guard", endpoint=request.endpoint)
    _ask(guard)
