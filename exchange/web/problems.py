"""Errors as the web answers them: a status, and problem+json (RFC 9457) or a page. HTTP statuses live here only."""

import logging
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, g, jsonify, render_template, request
from flask_babel import gettext
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException, InternalServerError

from exchange import errors, rules
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


def init_app(app: Flask) -> None:
    """Answer the exchange's errors, HTTP errors and anything unforeseen."""
    app.register_error_handler(errors.ExchangeError, _exchange_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unforeseen)


def problem(error: errors.ExchangeError) -> tuple[dict[str, Any], HTTPStatus]:
    """The members of the problem document and its status."""
    status = next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
    if status is HTTPStatus.INTERNAL_SERVER_ERROR:
        return _bare(status, error.code, gettext("Something went wrong here. It has been noted.")), status
    body = _bare(status, error.code, gettext(error.message) % error.params if error.params else gettext(error.message))
    if isinstance(error, errors.Invalid) and error.fields:
        body["fields"] = error.fields
    if isinstance(error, errors.Refused):
        rule = rules.rule(error.rule_id)
        body["rule"] = {
            "id": rule.id,
            "citation": rules.citation(rule, language()),
            "text": getattr(rule.text, language()),
        }
        if error.remedy:
            body["remedy"] = gettext(error.remedy) % error.params if error.params else gettext(error.remedy)
    return body, status


def _bare(status: HTTPStatus, code: str, detail: str) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "code": code,
        "detail": detail,
        "request_id": g.get("request_id"),
    }


def _exchange_error(error: errors.ExchangeError) -> Response:
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
    body = _bare(status, status.name.lower(), gettext(error.description or status.phrase))
    cause = getattr(error, "exc", None)
    if isinstance(cause, ValidationError):  # webargs keeps what marshmallow found
        body["code"] = "invalid"
        body["fields"] = cause.messages
        body["detail"] = gettext("Some fields are not right.")
    response = _answer(body, status)
    for name, value in error.get_headers():
        if name.lower() not in {"content-type", "content-length"}:
            response.headers[name] = value
    return response


def _unforeseen(error: Exception) -> Response:
    log.error("unforeseen error", exc_info=error)
    return _http_error(InternalServerError(gettext("Something went wrong here. It has been noted.")))


def _answer(body: dict[str, Any], status: HTTPStatus) -> Response:
    best = request.accept_mimetypes.best_match(["application/json", "application/problem+json", "text/html"])
    if best == "text/html" and not request.path.startswith("/api/"):
        response = Response(render_template("exchange/problem.html", problem=body), status.value)
    else:
        response = jsonify(body)
        response.status_code = status.value
        response.content_type = "application/problem+json"
    return response
