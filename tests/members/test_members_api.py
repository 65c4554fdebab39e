"""The members' API over HTTP, from sign-up to suspension."""

import io
from collections.abc import Iterator
from typing import Any

import people
import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from exchange.db import read
from exchange.members import accounts, api, queries
from exchange.members.models import SignUp
from exchange.web import access, languages, problems
from exchange.web import api as rim

BASE = "/api/v1"
EMAIL = "owner@example.org"
FILE = {
    "details": {"legal_representative": "赵法定", "phone": "+86 23 5550 0100", "address": "示例路1号"},
    "licence_expires_on": None,
}


@pytest.fixture
def client(db: object) -> Iterator[FlaskClient]:
    app = Flask(__name__)
    languages.init_app(app)
    problems.init_app(app)
    rim.init_app(app, *api.blps)
    access.init_app(app, queries.actor_of_token)
    # A guard is asked of the test's own routes too: the OpenAPI document is public where the roof says so.
    app.view_functions["api-docs.openapi_json"] = access.public(app.view_functions["api-docs.openapi_json"])
    with people.small_argon2():
        yield app.test_client()


def sign_up_body(**organisation: Any) -> dict[str, Any]:
    applicant = {
        "kind": "company",
        "name": "示例公司",
        "number": people.uscc(),
        "territory": "CN",
        "overseas_control": False,
    }
    return {
        "organisation": applicant | organisation,
        "person_name": "王小明",
        "email": EMAIL,
        "password": people.PASSWORD,
    }


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def sign_in(client: FlaskClient, email: str = EMAIL, **more: str) -> TestResponse:
    return client.post(f"{BASE}/sessions", json={"email": email, "password": people.PASSWORD} | more)


def owner(client: FlaskClient) -> dict[str, str]:
    assert client.post(f"{BASE}/members", json=sign_up_body()).status_code == 202
    with read() as session:
        code = accounts.sign_up_token(session.scalars(select(SignUp.id)).one())
    assert client.post(f"{BASE}/members/confirm", json={"token": code}).status_code == 201
    return bearer(sign_in(client).json["token"])  # type: ignore[index]


def officer(client: FlaskClient, admin: dict[str, str], role: str = "vetting_officer") -> dict[str, str]:
    body = {"person_name": "审核员", "email": f"{role}@example.org", "roles": [role]}
    nomination = client.post(f"{BASE}/appointments", json=body, headers=admin)
    assert nomination.status_code == 201
    accepted = client.post(
        f"{BASE}/appointments/accept", json={"token": nomination.json["token"], "password": people.PASSWORD}
    )
    assert accepted.json["state"] == "accepted"
    first = bearer(sign_in(client, body["email"]).json["token"])  # type: ignore[index, arg-type]
    assert client.get(f"{BASE}/identity-cases", headers=first).status_code == 403
    enrolment = client.post(f"{BASE}/me/second-factor", headers=first).json
    code = pyotp.TOTP(enrolment["secret"]).now()
    second = client.post(f"{BASE}/me/second-factor/confirm", json={"code": code}, headers=first)
    assert second.status_code == 201
    return bearer(second.json["token"])


def administrator(client: FlaskClient, db: object) -> dict[str, str]:
    code = pyotp.TOTP(people.installed(db).totp_secret).now()
    return bearer(sign_in(client, "admin@example.org", code=code).json["token"])  # type: ignore[index]


def test_from_sign_up_to_suspension(client: FlaskClient, db: object) -> None:
    party, vetting = owner(client), officer(client, administrator(client, db))
    me = client.get(f"{BASE}/me", headers=party).json
    assert (me["organisation"]["identity"], me["roles"]) == (None, ["owner"])
    case = client.post(f"{BASE}/identity-cases", json=FILE, headers=party).json
    url = f"{BASE}/identity-cases/{case['id']}"
    for kind in ("business_licence", "authority_letter"):
        upload = {"kind": kind, "file": (io.BytesIO(people.PNG), "扫描.png")}
        assert client.post(f"{url}/documents", data=upload, headers=party).status_code == 201
    assert client.put(url, json=FILE, headers=party).json["actions"] == ["submit"]
    assert client.post(f"{url}/submit", headers=party).json["state"] == "submitted"
    queue = client.get(f"{BASE}/identity-cases?limit=5", headers=vetting).json
    assert [item["id"] for item in queue["items"]] == [case["id"]]
    assert client.get(f"{url}/details", headers=vetting).json == FILE["details"]
    document = client.get(url, headers=vetting).json["documents"][0]["id"]
    scan = client.get(f"{url}/documents/{document}", headers=vetting)
    assert (scan.data, scan.mimetype) == (people.PNG, "image/png")
    assert scan.headers["Content-Disposition"] == "attachment"
    taken = client.post(f"{url}/take-up", headers=vetting).json
    assert taken["actions"] == ["approve", "return", "refuse"]
    incomplete = client.post(f"{url}/approve", json={"checklist": {}}, headers=vetting)
    assert (incomplete.status_code, incomplete.json["rule"]["id"]) == (409, "I-09")
    approved = client.post(f"{url}/approve", json={"checklist": people.passing()}, headers=vetting)
    assert (approved.status_code, approved.json["state"]) == (201, "approved")
    for verb, state in (("suspend", "suspended"), ("restore", "approved")):
        org_id = me["organisation"]["id"]
        answer = client.post(f"{BASE}/parties/{org_id}/{verb}", json={"reason": "复核"}, headers=vetting)
        assert answer.json["state"] == state


def test_return_and_refuse(client: FlaskClient, db: object) -> None:
    waiting = people.submitted(db, "示例公司")
    vetting = officer(client, administrator(client, db))
    url = f"{BASE}/identity-cases/{waiting.case_id}"
    decision = {"checklist": people.passing() | {"I-07": "fail"}, "reason": "缺少授权委托书"}
    for verb, state in (("take-up", "in_review"), ("return", "returned")):
        assert client.post(f"{url}/{verb}", json=decision, headers=vetting).json["state"] == state
    again = client.post(f"{url}/refuse", json=decision, headers=vetting)
    assert (again.status_code, again.json["code"]) == (409, "wrong_state")


def test_sign_in_fails_alike_and_sign_out_ends(client: FlaskClient) -> None:
    party = owner(client)
    unknown = sign_in(client, "nobody@example.org")
    wrong = client.post(f"{BASE}/sessions", json={"email": EMAIL, "password": "a wrong password"})
    assert unknown.status_code == wrong.status_code == 401
    assert unknown.json == wrong.json
    assert client.delete(f"{BASE}/sessions/current", headers=party).status_code == 204
    assert client.get(f"{BASE}/me", headers=party).status_code == 401


def test_a_session_that_the_caller_came_with_ends(client: FlaskClient) -> None:
    party = owner(client)
    body = {"email": EMAIL, "password": people.PASSWORD}
    assert client.post(f"{BASE}/sessions", json=body, headers=party).status_code == 201
    assert client.get(f"{BASE}/me", headers=party).status_code == 401


@pytest.mark.rule("I-04")
def test_what_is_wrong_is_said(client: FlaskClient) -> None:
    refused = client.post(f"{BASE}/members", json=sign_up_body(number="91110000600037341M"))
    assert (refused.status_code, refused.json["rule"]["id"]) == (409, "I-04")
    malformed = client.post(f"{BASE}/members", json=sign_up_body() | {"email": "nobody", "extra": 1})
    assert malformed.status_code == 422
    assert people.PASSWORD not in malformed.text


def test_who_is_not_signed_in_or_in_another_role_goes_no_further(client: FlaskClient, db: object) -> None:
    party = owner(client)
    other = people.submitted(db, "乙公司")
    url = f"{BASE}/identity-cases/{other.case_id}"
    assert client.get(url, headers=party).status_code == 404
    assert client.get(url).status_code == 401
    assert client.post(f"{url}/take-up", headers=party).status_code == 403
    assert client.post(f"{BASE}/appointments", json={}, headers=party).status_code == 403


def test_an_organs_officer_is_appointed(client: FlaskClient, db: object) -> None:
    admin = administrator(client, db)
    person = {"person_name": "监管员", "email": "organ@example.org"}
    organ = {"organ_name": "示例局", "organ_uscc": people.uscc()}
    made = client.post(f"{BASE}/appointments", json=person | organ, headers=admin)
    assert made.status_code == 201
    assert made.json["org_id"] != client.get(f"{BASE}/me", headers=admin).json["organisation"]["id"]
    both = client.post(f"{BASE}/appointments", json=person | organ | {"roles": ["auditor"]}, headers=admin)
    assert both.json["code"] == "ambiguous_appointment"


def test_the_document_describes_every_route(client: FlaskClient) -> None:
    paths = client.get(f"{BASE}/openapi.json").json["paths"]
    assert f"{BASE}/identity-cases/{{case_id}}/approve" in paths
    assert f"{BASE}/authorities/{{letter_id}}/revoke" in paths
    assert f"{BASE}/me/recovery-codes" in paths
