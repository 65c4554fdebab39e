from collections.abc import Iterator
from typing import Any

import origins
import people
import pytest
from flask import Flask
from flask.testing import FlaskClient
from people import Party
from werkzeug.test import TestResponse

from exchange.members import queries as members
from exchange.web import access, languages, problems
from exchange.web import api as web_api
from provenance import api, declarations, register


@pytest.fixture
def client(db: object) -> Iterator[FlaskClient]:
    app = Flask(__name__)
    languages.init_app(app)
    problems.init_app(app)
    access.init_app(app, members.actor_of_token)
    web_api.init_app(app, *api.blps)
    with app.test_client() as client:
        yield client


class Caller:
    """Somebody signed in, speaking to the API in English."""

    def __init__(self, client: FlaskClient, party: Party) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {people.sign_in(party).token}", "Accept-Language": "en"}

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        return self._client.open(f"/api/v1{path}", method=method, json=body, headers=self._headers | headers)


SOURCE = {
    "kind": "self_collected",
    "use": "incorporated",
    "title": "客流计数",
    "holder": "本公司",
    "method": "传感器自动采集",
    "collected_from": "2025-01-01",
    "collected_to": "2025-12-31",
    "territory": "CN-50",
    "licence": "自有数据",
    "evidence_digest": origins.EVIDENCE.hex(),
}
CONTENT = {
    "sources": [SOURCE],
    "ground": "A",
    "anonymisation_method": "汇总到小时",
    "anonymisation_evidence": origins.EVIDENCE.hex(),
    "processing_steps": [{"name": "clean", "description": "去除空值"}],
    "truth_undertaken": True,
}
RECORD = {
    "official_number": "CQ-1",
    "title_zh": "气象观测",
    "title_en": "Weather observations",
    "open_attribute": "conditional",
    "legal_basis": "《中华人民共和国气象法》第十八条",
    "fields": [{"name": "temp", "description": "Temperature"}],
    "update_frequency": "hourly",
    "source_line_zh": "数据来源：示例气象局",
    "source_line_en": "Source: Example Weather Service",
}


def test_a_declaration_from_draft_to_classification(client: FlaskClient, seller: Party) -> None:
    call = Caller(client, seller)
    made = call("POST", "/declarations", {"content": CONTENT}, **{"Idempotency-Key": "k1"})
    assert made.status_code == 201
    draft = made.get_json()
    assert (draft["state"], draft["actions"]) == ("draft", ["revise", "sign"])
    again = call("POST", "/declarations", {"content": CONTENT}, **{"Idempotency-Key": "k1"})
    assert again.get_json()["id"] == draft["id"]

    path = f"/declarations/{draft['id']}"
    renamed = CONTENT | {"sources": [SOURCE | {"title": "改过的标题"}]}
    put = call("PUT", path, {"row_version": draft["row_version"], "content": renamed})
    assert (put.status_code, put.get_json()["revision"]) == (200, 2)
    assert call("PUT", path, {"row_version": 1, "content": CONTENT}).get_json()["code"] == "stale_version"

    signed = call("POST", f"{path}/sign", {"password": seller.password})
    assert (signed.get_json()["state"], signed.get_json()["actions"]) == ("signed", [])
    shown = call("GET", path).get_json()
    assert [source["title"] for source in shown["sources"]] == ["改过的标题"]
    assert shown["sources"][0]["evidence_digest"] == origins.EVIDENCE.hex()
    assert [item["id"] for item in call("GET", "/declarations").get_json()["items"]] == [draft["id"]]
    found = call("GET", f"{path}/classification").get_json()
    assert (found["government_derived"], found["chain"], found["rules"]) == (False, [], ["P-08"])


def test_a_refusal_names_its_rule(client: FlaskClient, seller: Party) -> None:
    call = Caller(client, seller)
    draft = call("POST", "/declarations", {"content": CONTENT | {"ground": None}}).get_json()
    answer = call("POST", f"/declarations/{draft['id']}/sign", {"password": seller.password})
    assert answer.status_code == 409
    assert (answer.get_json()["rule"]["id"], answer.get_json()["code"]) == ("P-03", "no_ground")


def test_a_malformed_body_is_told_by_field(client: FlaskClient, seller: Party) -> None:
    call = Caller(client, seller)
    body = {"content": CONTENT | {"sources": [SOURCE | {"evidence_digest": "ABC", "kind": "found"}]}}
    answer = call("POST", "/declarations", body)
    assert answer.status_code == 422
    assert set(answer.get_json()["fields"]["json"]["content"]["sources"]["0"]) == {"evidence_digest", "kind"}


def test_an_agreement_over_the_api(client: FlaskClient, seller: Party, department: Party) -> None:
    user, holder = Caller(client, seller), Caller(client, department)
    record = holder("POST", "/catalogue-records", RECORD)
    assert record.status_code == 201
    terms = {
        "data": [{"record_id": record.get_json()["id"], "columns": ["temp"]}],
        "purposes": ["commercial"],
        "application_scenario": "航班延误分析",
        "security_measures": "加密存储",
        "starts_on": origins.days_from_now(0).isoformat(),
        "ends_on": origins.days_from_now(30).isoformat(),
        "outputs_may_be_sold": True,
        "buyers_allowed": ["company"],
    }
    drafted = user("POST", "/agreements", {"department_org_id": department.org_id, "terms": terms})
    assert (drafted.status_code, drafted.get_json()["missing_items"]) == (201, ["disposal"])
    path = f"/agreements/{drafted.get_json()['id']}"
    whole = {"row_version": drafted.get_json()["row_version"], "terms": terms | {"disposal": "期满删除"}}
    assert user("PUT", path, whole).get_json()["missing_items"] == []
    assert user("POST", f"{path}/sign", {"password": seller.password}).get_json()["state"] == "offered"
    assert holder("GET", path).get_json()["actions"] == ["sign", "decline"]
    signed = holder("POST", f"{path}/sign", {"password": department.password}).get_json()
    assert (signed["state"], signed["copy_overdue"]) == ("in_force", True)
    copied = holder("POST", f"{path}/copy", {"authority": "示例大数据局"}).get_json()
    assert (copied["copy_overdue"], copied["copy_sent_to"]) == (False, "示例大数据局")
    assert [item["id"] for item in holder("GET", "/agreements?side=department").get_json()["items"]] == [signed["id"]]
    assert user("POST", f"{path}/terminate", {"reason": "不再使用"}).get_json()["state"] == "terminated"
    assert holder("POST", f"{path}/decline", {"reason": "晚了"}).get_json()["code"] == "wrong_state"


def test_the_catalogue_is_public_and_paged(client: FlaskClient, department: Party) -> None:
    records = [origins.record(department).id for _ in range(3)]
    first = client.get("/api/v1/catalogue-records?limit=2").get_json()
    second = client.get(f"/api/v1/catalogue-records?limit=2&cursor={first['next_cursor']}").get_json()
    assert [item["id"] for item in first["items"] + second["items"]] == sorted(records, reverse=True)
    assert second["next_cursor"] is None
    shown = client.get(f"/api/v1/catalogue-records/{records[0]}").get_json()
    assert [field["name"] for field in shown["fields"]] == ["time_hour", "temp", "dep_delay"]
    assert client.get("/api/v1/catalogue-records/cat_00000000000000000000000000").status_code == 404


def test_another_partys_things_are_not_there(
    client: FlaskClient, seller: Party, stranger: Party, department: Party
) -> None:
    record = origins.record(department, "conditional")
    agreement = register.draft_agreement(seller.actor, origins.terms(record), department_org_id=department.org_id)
    declaration = declarations.declare(seller.actor, origins.content())
    call = Caller(client, stranger)
    asked = {
        ("GET", f"/agreements/{agreement.id}"): None,
        ("POST", f"/agreements/{agreement.id}/sign"): {"password": stranger.password},
        ("POST", f"/agreements/{agreement.id}/decline"): {"reason": "x"},
        ("POST", f"/agreements/{agreement.id}/copy"): {"authority": "x"},
        ("POST", f"/agreements/{agreement.id}/terminate"): {"reason": "x"},
        ("GET", f"/declarations/{declaration.id}"): None,
        ("PUT", f"/declarations/{declaration.id}"): {"row_version": 1, "content": CONTENT},
        ("POST", f"/declarations/{declaration.id}/sign"): {"password": stranger.password},
        ("GET", f"/declarations/{declaration.id}/classification"): None,
        ("POST", f"/declarations/{declaration.id}/authorisations/aut_x/withdraw"): {"reason": "x"},
    }
    for (method, path), body in asked.items():
        assert call(method, path, body).status_code == 404, path
    for listed in ("/agreements", "/declarations"):
        assert call("GET", listed).get_json()["items"] == []


def test_nobody_writes_without_signing_in(client: FlaskClient) -> None:
    for path in ("/catalogue-records", "/agreements", "/declarations"):
        assert client.post(f"/api/v1{path}", json={}).status_code == 401
