"""What every answer carries."""

import pytest
from flask.testing import FlaskClient
from opened import Site

from exchange.web import access
from exchange.web.app import CONTENT_SECURITY_POLICY, MAX_BODY_BYTES

ANSWERS = [
    ("GET", "/", 200),
    ("GET", "/rules", 200),
    ("GET", "/log", 200),
    ("GET", "/health", 200),
    ("GET", "/nowhere", 404),
    ("POST", "/rules", 405),
    ("OPTIONS", "/rules", 200),
    ("GET", "/static/theme.css", 200),
    ("GET", "/log/checkpoint", 404),
    ("GET", "/api/v1/openapi.json", 200),
    ("GET", "/api/v1/products", 200),
    ("GET", "/api/v1/orders", 401),
    ("POST", "/api/v1/sessions", 422),
    ("POST", "/hooks/stripe", 400),
]


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_every_answer_is_hardened(client: FlaskClient, accept: str) -> None:
    for method, path, status in ANSWERS:
        with client.open(path, method=method, headers={"Accept": accept}) as answer:
            assert answer.status_code == status, path
            assert answer.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY, path
            assert answer.headers["X-Content-Type-Options"] == "nosniff", path
            assert answer.headers["Referrer-Policy"] == "same-origin", path
            assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin", path
            assert len(answer.headers["X-Request-Id"]) == 16, path
            assert "Set-Cookie" not in answer.headers, path


def test_the_policy_lets_nothing_in_that_is_not_ours() -> None:
    policy = dict(part.strip().split(" ", 1) for part in CONTENT_SECURITY_POLICY.split(";"))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    for word in ("unsafe", "http", "*"):
        assert word not in CONTENT_SECURITY_POLICY


def test_answers_about_people_and_trades_are_not_cached(client: FlaskClient) -> None:
    for path in ("/", "/api/v1/products", "/api/v1/orders", "/nowhere"):
        assert client.get(path).headers["Cache-Control"] == "no-store"


def test_transport_security_is_told_over_https_only(client: FlaskClient) -> None:
    assert "Strict-Transport-Security" not in client.get("/").headers
    assert "Strict-Transport-Security" in client.get("/", base_url="https://exchange.example").headers


def test_each_answer_has_its_own_request_id(client: FlaskClient) -> None:
    first, second = (client.get("/nowhere", headers={"Accept": "application/json"}) for _ in range(2))
    assert first.json["request_id"] == first.headers["X-Request-Id"] != second.headers["X-Request-Id"]


def test_a_form_without_its_token_is_refused_and_the_api_needs_none(site: Site) -> None:
    site.app.add_url_rule("/form", view_func=access.public(lambda: "sent"), endpoint="form", methods=["POST"])
    client = site.client()
    answer = client.post("/form", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json["code"]) == (400, "form_expired")
    assert client.post("/api/v1/sessions", json={}).status_code == 422


def test_a_body_beyond_the_limit_is_not_read(client: FlaskClient) -> None:
    body = b'"' + b"x" * MAX_BODY_BYTES + b'"'
    answer = client.post("/api/v1/sessions", data=body, content_type="application/json")
    assert (answer.status_code, answer.json["code"]) == (413, "too_large")
