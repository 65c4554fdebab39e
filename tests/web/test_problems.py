"""Errors as problem+json: one shape, stable codes, nothing that helps an attacker."""

import logging

import pytest
from flask.testing import FlaskClient
from opened import Site
from werkzeug.test import TestResponse

from exchange import errors, rules
from exchange.web import access
from exchange.web.problems import STATUSES

SESSIONS = "/api/v1/sessions"
MEMBERS = {"type", "title", "status", "code", "detail", "request_id"}
RAISED: list[tuple[errors.ExchangeError, int, str]] = [
    (errors.Invalid("Say why."), 422, "invalid"),
    (errors.NotSignedIn("Sign in first."), 401, "not_signed_in"),
    (errors.Forbidden("You have no seat there."), 403, "forbidden"),
    (errors.NotFound("There is no such %(kind)s.", kind="lot"), 404, "not_found"),
    (errors.Conflict("This offer is closed."), 409, "conflict"),
    (errors.WrongState("The upload is over."), 409, "wrong_state"),
    (errors.StaleVersion("This was changed by somebody else in the meantime; read it again."), 409, "stale_version"),
    (errors.KeyReused("This idempotency key was used before with another request."), 409, "key_reused"),
    (errors.Refused("I-01", "The party is suspended.", remedy="Say why."), 409, "refused.I-01"),
    (errors.PaymentDeclined("The payment was declined."), 402, "payment_declined"),
    (errors.TooManyRequests("Too many attempts. Wait and try again.", retry_after_seconds=7), 429, "too_many_requests"),
    (errors.Unavailable("The payment gateway is busy.", retry_after_seconds=9), 503, "unavailable"),
    (errors.InvariantBroken("the secret is %(secret)s", secret="4711"), 500, "invariant_broken"),
]


def provoke(site: Site, error: Exception, **headers: str) -> TestResponse:
    def view() -> str:
        raise error

    if "provoked" not in site.app.view_functions:
        site.app.add_url_rule("/api/v1/provoked", endpoint="provoked")
    site.app.view_functions["provoked"] = access.public(view)
    return site.client().get("/api/v1/provoked", headers={"Accept-Language": "en"} | headers)


def test_every_class_of_error_is_tried_here() -> None:
    assert {type(error) for error, _, _ in RAISED} == set(STATUSES)


def test_an_error_has_its_status_and_code(site: Site) -> None:
    for error, status, code in RAISED:
        answer = provoke(site, error)
        assert (answer.status_code, answer.json["status"], answer.json["code"]) == (status, status, code)
        assert answer.mimetype == "application/problem+json"
        assert set(answer.json) - MEMBERS == ({"rule", "remedy"} if isinstance(error, errors.Refused) else set())
        assert answer.headers.get("Retry-After") == {429: "7", 503: "9"}.get(status)
        assert ("WWW-Authenticate" in answer.headers) == (status == 401)
        if status != 500:
            assert answer.json["detail"] == str(error)


@pytest.mark.parametrize(
    "error", [errors.InvariantBroken("the secret is %(secret)s", secret="4711"), RuntimeError("the secret is 4711")]
)
def test_our_own_faults_are_logged_and_not_told(site: Site, error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        answer = provoke(site, error)
    assert answer.status_code == 500
    assert "4711" not in answer.text
    assert "Traceback" not in answer.text
    assert "4711" in caplog.text
    page = site.client().get("/api/v1/provoked", headers={"Accept": "text/html"})
    assert "4711" not in page.text


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_refusal_shows_its_rule_with_its_citation(site: Site, lang: str) -> None:
    error = errors.Refused("G-01", "Say why.", remedy="Say why.")
    answer = provoke(site, error, **{"Accept-Language": lang})
    rule = rules.rule("G-01")
    assert answer.json["rule"] == {
        "id": "G-01",
        "citation": rules.citation(rule, lang),
        "text": rule.text.in_lang(lang),
    }


def test_a_person_gets_a_page_and_the_api_never_answers_with_one(client: FlaskClient) -> None:
    page = client.get("/nowhere", headers={"Accept": "text/html"})
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert client.get("/nowhere").mimetype == "application/problem+json"
    assert client.get("/api/v1/nowhere", headers={"Accept": "text/html"}).mimetype == "application/problem+json"


def test_a_page_shows_what_was_sent_as_text(client: FlaskClient) -> None:
    page = client.get("/log/tile/<script>alert(1)</script>", headers={"Accept": "text/html"})
    assert page.status_code == 404
    assert "<script>alert" not in page.text


def test_a_wrong_method_is_told_the_right_ones(client: FlaskClient) -> None:
    answer = client.delete("/api/v1/products")
    assert (answer.status_code, answer.json["code"]) == (405, "method_not_allowed")
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))


def test_fields_are_named_where_they_stand(client: FlaskClient) -> None:
    body = {"email": "nobody", "password": "x" * 12, "admin": True}
    answer = client.post(SESSIONS, json=body, headers={"Accept-Language": "en"})
    assert (answer.status_code, answer.json["code"]) == (422, "invalid")
    assert answer.json["fields"]["json"] == {"email": ["Not a valid email address."], "admin": ["Unknown field."]}
    assert client.get("/api/v1/products?limit=1000").json["fields"]["query"].keys() == {"limit"}


def test_a_password_never_comes_back(client: FlaskClient) -> None:
    answer = client.post(SESSIONS, json={"email": "a@example.org", "password": ["hunter2-hunter2"]})
    assert answer.status_code == 422
    assert "hunter2" not in answer.text


NO_JSON = {
    "cut": b"{",
    "no text": b"\xff\xfe",
    "too deep": b"[" * 100_000,
    "too long a number": b'{"email": ' + b"1" * 5_000 + b"}",
    "NUL": b'{"email": "a\\u0000"}',
    "half a character": b'{"email": {"deep": ["\\ud800"]}}',
    "NUL in a name": b'{"\\u0000": 1}',
}


def test_what_is_no_json_is_not_our_fault(client: FlaskClient) -> None:
    for name, body in NO_JSON.items():
        answer = client.post(SESSIONS, data=body, content_type="application/json")
        assert (answer.status_code, answer.json["code"]) == (400, "bad_request"), name


def test_a_body_that_is_not_called_json_is_not_taken(client: FlaskClient) -> None:
    for media_type in ("application/x-www-form-urlencoded", "text/plain", ""):
        answer = client.post(SESSIONS, data='{"email": "a@example.org"}', content_type=media_type)
        assert (answer.status_code, answer.json["code"]) == (415, "unsupported_media_type"), media_type


def test_a_nul_in_an_address_is_refused(client: FlaskClient) -> None:
    for path in ("/api/v1/products/%00", "/api/v1/products?cursor=%00", "/%00", "/?lang=%00"):
        assert client.get(path).status_code == 400, path
