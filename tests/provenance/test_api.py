import hashlib
import io
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

    def bring(self, path: str, content: bytes) -> TestResponse:
        file = {"file": (io.BytesIO(content), "file")}
        return self._client.post(f"/api/v1{path}", data=file, headers=self._headers)


SCAN = b"%PDF-1.7 a signed agreement"
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


def test_an_agreement_signed_elsewhere_is_brought_and_confirmed(
    client: FlaskClient, seller: Party, department: Party
) -> None:
    user, holder = Caller(client, seller), Caller(client, department)
    drafted = register.draft_agreement(
        seller.actor, origins.terms(origins.record(department, "conditional")), department_org_id=department.org_id
    )
    path = f"/agreements/{drafted.id}"
    assert user.bring(f"{path}/scan", b"no scan").get_json()["code"] == "document_type"
    brought = user.bring(f"{path}/scan", SCAN).get_json()
    assert (brought["state"], brought["actions"]) == ("brought", ["decline"])
    assert user("POST", f"{path}/confirm", {"password": seller.password}).get_json()["code"] == "not_the_department"
    assert holder("GET", f"{path}/scan").data == SCAN
    stale = holder("POST", f"{path}/confirm", {"password": department.password, "row_version": 1})
    assert stale.get_json()["code"] == "stale_version"
    confirmed = holder("POST", f"{path}/confirm", {"password": department.password}).get_json()
    assert (confirmed["state"], confirmed["scan_digest"]) == ("in_force", brought["scan_digest"])
    assert [each["item"] for each in confirmed["deviations"]] == []


def test_deviations_from_the_standard_terms_are_named(client: FlaskClient, seller: Party, department: Party) -> None:
    call = Caller(client, seller)
    body = {"department_org_id": department.org_id, "terms": {"standard": "DB-GOV-1", "disposal": "随意"}}
    drafted = call("POST", "/agreements", body).get_json()
    assert [(each["item"], each["said"]) for each in drafted["deviations"]] == [
        ("security_measures", ""),
        ("disposal", "随意"),
    ]
    body["terms"] = {"standard": "another"}
    assert call("POST", "/agreements", body).status_code == 422


def test_a_declaration_explains_itself_and_what_changed(client: FlaskClient, seller: Party, department: Party) -> None:
    call = Caller(client, seller)
    source = origins.government_source(origins.record(department))
    signed = origins.signed(seller, origins.content(source, origins.own_source()))
    path = f"/declarations/{signed.id}"
    said = call("GET", f"{path}/explanation").get_json()
    assert (said["channel"]["rule_id"], [step["rule_id"] for step in said["chain"]]) == ("G-01", ["G-06", "P-02"])
    graph = call("GET", f"{path}/lineage").get_json()
    assert (len(graph["nodes"]), len(graph["edges"])) == (3, 2)
    assert call("GET", f"{path}/difference").get_json() == {"fields": [], "sources": [], "authorisations": []}
    renewed = call("POST", f"{path}/renew")
    assert (renewed.status_code, renewed.get_json()["replaces_id"]) == (201, signed.id)
    following = f"/declarations/{renewed.get_json()['id']}"
    whole = {"row_version": renewed.get_json()["row_version"], "content": CONTENT}
    call("PUT", following, whole)
    changed = call("GET", f"{following}/difference").get_json()
    assert [(each["how"], each["title"]) for each in changed["sources"]] == [("removed", source.title)]
    undertaken = {"password": seller.password, "truth_undertaken": True}
    assert call("POST", f"{following}/sign", undertaken).get_json()["state"] == "signed"


def test_evidence_is_kept_with_the_draft(client: FlaskClient, seller: Party, stranger: Party) -> None:
    call, other = Caller(client, seller), Caller(client, stranger)
    drafted = declarations.declare(seller.actor, origins.content())
    path = f"/declarations/{drafted.id}/evidence"
    assert other.bring(path, SCAN).status_code == 404
    assert call.bring(path, b"").get_json()["code"] == "document_size"
    assert call.bring(path, SCAN).status_code == 201
    digest = hashlib.sha256(SCAN).hexdigest()
    assert call("GET", f"{path}/{digest}").data == SCAN
    assert call("GET", f"{path}/{'0' * 64}").status_code == 404
    assert call("GET", f"{path}/nonsense").status_code == 404
    assert other("GET", f"{path}/{digest}").status_code == 404


def test_a_record_is_corrected_by_its_department(client: FlaskClient, department: Party, seller: Party) -> None:
    call = Caller(client, department)
    made = call("POST", "/catalogue-records", RECORD).get_json()
    path = f"/catalogue-records/{made['id']}"
    changed = call("PUT", path, RECORD | {"revision": 1, "open_attribute": "closed"})
    assert (changed.status_code, changed.get_json()["revision"]) == (200, 2)
    assert call("PUT", path, RECORD | {"revision": 1}).get_json()["code"] == "stale_version"
    assert call("PUT", path, RECORD | {"revision": 2, "legal_basis": ""}).get_json()["code"] == "legal_basis_missing"
    second = call("POST", "/catalogue-records", RECORD | {"official_number": "CQ-2"}).get_json()
    taken = call("PUT", f"/catalogue-records/{second['id']}", RECORD | {"revision": 1})
    assert taken.get_json()["code"] == "number_taken"
    assert Caller(client, seller)("PUT", path, RECORD | {"revision": 2}).get_json()["code"] == "not_a_department"
    found = client.get("/api/v1/catalogue-records?q=气象&open_attribute=closed").get_json()["items"]
    assert [item["id"] for item in found] == [made["id"]]


def test_reviewers_list_what_is_owed(client: FlaskClient, seller: Party) -> None:
    assert Caller(client, seller)("GET", "/agreements/to-look-at").status_code == 403


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
        ("GET", f"/declarations/{declaration.id}/explanation"): None,
        ("GET", f"/declarations/{declaration.id}/lineage"): None,
        ("GET", f"/declarations/{declaration.id}/difference"): None,
        ("POST", f"/declarations/{declaration.id}/renew"): None,
        ("GET", f"/agreements/{agreement.id}/scan"): None,
        ("POST", f"/agreements/{agreement.id}/confirm"): {"password": stranger.password},
        ("POST", f"/declarations/{declaration.id}/authorisations/aut_x/withdraw"): {"reason": "x"},
    }
    for (method, path), body in asked.items():
        assert call(method, path, body).status_code == 404, path
    for listed in ("/agreements", "/declarations"):
        assert call("GET", listed).get_json()["items"] == []


def test_nobody_writes_without_signing_in(client: FlaskClient) -> None:
    for path in ("/catalogue-records", "/agreements", "/declarations"):
        assert client.post(f"/api/v1{path}", json={}).status_code == 401
