"""Errors as the web answers them: a status, and problem+json (RFC 9457) or a page. HTTP statuses live here only."""

import logging
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import urlencode

from flask import Flask, Response, g, jsonify, redirect, render_template, request
from flask_babel import gettext
from flask_wtf.csrf import CSRFError
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from exchange import errors, rules
from exchange.web.field_messages import translated
from exchange.web.languages import language

log = logging.getLogger(__name__)

STATUSES: dict[type[errors.ExchangeError], HTTPStatus] = {
    errors.Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.NotSignedIn: HTTPStatus.UNAUTHORIZED,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.WrongState: HTTPStatus.CONFLICT,
    errors.StaleVersion: HTTPStatus.CONFLICT,
    errors.KeyReused: HTTPStatus.CONFLICT,
    errors.Refused: HTTPStatus.CONFLICT,
    errors.PaymentDeclined: HTTPStatus.PAYMENT_REQUIRED,
    errors.TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.InvariantBroken: HTTPStatus.INTERNAL_SERVER_ERROR,
}


class HttpError(NamedTuple):
    """How an error that HTTP itself knows is answered: a stable code, its title and a sentence."""

    code: str
    title: str
    detail: str


#: Our own words: werkzeug's and the standard library's change with their versions.
HTTP_ERRORS: dict[HTTPStatus, HttpError] = {
    HTTPStatus.BAD_REQUEST: HttpError("bad_request", "Bad request", "The request cannot be read."),
    HTTPStatus.UNAUTHORIZED: HttpError("not_signed_in", "Not signed in", "Sign in first."),
    HTTPStatus.PAYMENT_REQUIRED: HttpError("payment_declined", "Payment declined", "The payment was declined."),
    HTTPStatus.FORBIDDEN: HttpError("forbidden", "Not allowed", "You may not do this."),
    HTTPStatus.NOT_FOUND: HttpError("not_found", "Not found", "There is nothing here."),
    HTTPStatus.METHOD_NOT_ALLOWED: HttpError(
        "method_not_allowed", "Method not allowed", "This address does not take this method."
    ),
    HTTPStatus.NOT_ACCEPTABLE: HttpError("not_acceptable", "Not acceptable", "There is no such form of this."),
    HTTPStatus.CONFLICT: HttpError("conflict", "Conflict", "This does not fit the present state."),
    HTTPStatus.PRECONDITION_FAILED: HttpError(
        "precondition_failed", "Precondition failed", "A condition of the request does not hold."
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: HttpError("too_large", "Too large", "The request is too large."),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: HttpError(
        "unsupported_media_type", "Unsupported media type", "This content type is not taken here."
    ),
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: HttpError(
        "range_not_satisfiable", "Range not satisfiable", "The file has no such bytes."
    ),
    HTTPStatus.UNPROCESSABLE_ENTITY: HttpError("invalid", "Invalid input", "Some fields are not right."),
    HTTPStatus.TOO_MANY_REQUESTS: HttpError("too_many_requests", "Too many requests", "Wait and try again."),
    HTTPStatus.INTERNAL_SERVER_ERROR: HttpError(
        "internal_error", "Internal error", "Something went wrong here. It has been noted."
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: HttpError("unavailable", "Unavailable", "Wait and try again."),
}


def init_app(app: Flask) -> None:
    """Answer the exchange's errors, HTTP errors and anything unforeseen."""
    app.register_error_handler(errors.ExchangeError, _exchange_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unforeseen)


def problem(error: errors.ExchangeError) -> tuple[dict[str, Any], HTTPStatus]:
    """The members of the problem document and its status."""
    status = next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
    if status is HTTPStatus.INTERNAL_SERVER_ERROR:
        return _bare(status, error.code, gettext(HTTP_ERRORS[status].detail)), status
    body = _bare(status, error.code, _filled(error.message, error))
    if isinstance(error, errors.Invalid) and error.fields:
        body["fields"] = translated(error.fields)
    if isinstance(error, errors.Refused):
        rule = rules.rule(error.rule_id)
        body["rule"] = {
            "id": rule.id,
            "citation": rules.citation(rule, language()),
            "text": rule.text.in_lang(language()),
        }
        if error.remedy:
            body["remedy"] = _filled(error.remedy, error)
    return body, status


def _filled(template: str, error: errors.ExchangeError) -> str:
    words: str = gettext(template)
    return words % error.params if error.params else words


def _bare(status: HTTPStatus, code: str, detail: str) -> dict[str, Any]:
    known = HTTP_ERRORS.get(status)
    return {
        "type": "about:blank",
        "title": gettext(known.title) if known is not None else status.phrase,
        "status": status.value,
        "code": code,
        "detail": detail,
        "request_id": g.get("request_id"),
    }


def _exchange_error(error: errors.ExchangeError) -> BaseResponse:
    if isinstance(error, errors.NotSignedIn) and _is_page() and request.method == "GET":
        return redirect(f"/sign-in?{urlencode({'next': request.full_path.rstrip('?')})}", HTTPStatus.SEE_OTHER)
    body, status = problem(error)
    if status is HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("invariant broken: %s", error, exc_info=error)
    response = _answer(body, status)
    if isinstance(error, errors.Unavailable | errors.TooManyRequests):
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, errors.NotSignedIn):
        response.headers["WWW-Authenticate"] = 'Bearer realm="databourse"'
    return response


def _http_error(error: HTTPException) -> Response:
    if error.response is not None:
        return error.response  # type: ignore[return-value]  # a redirect or an answer made elsewhere
    status = HTTPStatus(error.code or 500)
    known = HTTP_ERRORS.get(status, HttpError(status.name.lower(), status.phrase, status.phrase))
    body = _bare(status, known.code, gettext(known.detail))
    if isinstance(error, CSRFError):
        body["code"] = "form_expired"
        body["detail"] = gettext("The form has expired. Load the page again and send it once more.")
    cause = getattr(error, "exc", None)
    if isinstance(cause, ValidationError):  # webargs keeps what marshmallow found
        body["fields"] = translated(cause.messages)
    response = _answer(body, status)
    for name, value in error.get_headers():
        if name.lower() not in {"content-type", "content-length"}:
            response.headers[name] = value
    return response


def _unforeseen(error: Exception) -> Response:
    log.error("unforeseen error", exc_info=error)
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    known = HTTP_ERRORS[status]
    return _answer(_bare(status, known.code, gettext(known.detail)), status)


def _is_page() -> bool:
    """Whether the answer goes to a reader's browser."""
    best = request.accept_mimetypes.best_match(["application/json", "application/problem+json", "text/html"])
    return best == "text/html" and not request.path.startswith("/api/")


def _answer(body: dict[str, Any], status: HTTPStatus) -> Response:
    if _is_page():
        response = Response(render_template("exchange/problem.html", problem=body), status.value)
    else:
        response = jsonify(body)
        response.status_code = status.value
        response.content_type = "application/problem+json"
    return response
