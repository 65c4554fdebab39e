"""The listings' API over HTTP: a whole story, what others see, and an upload whose connection is cut."""

import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import market as fair
import pytest
from flask import Flask
from flask.testing import FlaskClient
from people import Party, approved_company, staff
from werkzeug.serving import make_server

from exchange.actors import Actor
from exchange.db import advance_clock
from exchange.jobs import Worker
from exchange.web import access, languages, problems
from exchange.web import api as rim
from listings import api, jobs

BASE = "/api/v1"
DESCRIPTION = {
    "title_zh": "车站客流日统计",
    "title_en": "Daily visitors of stations",
    "description_zh": "三个车站每日进站人次。",
    "description_en": "Visitors of three stations, by day.",
    "category": "transport",
    "grade": "general",
}
TERMS = {
    "price": {"amount": "1200.00", "currency": "HKD"},
    "channel": "exchange",
    "purposes": ["research"],
    "term_days": 365,
    "territory": "中国境内",
    "redistribution": False,
    "derivation": True,
    "inspection_hours": 72,
    "delivery": "deposit",
    "acceptance_criteria": "内容与上架摘要一致",
}
PASSED = {"checklist": fair.PASSED, "reason": ""}


class Tokens:
    """Bearer tokens of actors, for one test."""

    def __init__(self) -> None:
        self.actors: dict[str, Actor] = {}

    def of(self, actor: Actor, **more: str) -> dict[str, str]:
        token = f"token-of-{actor.person_id}"
        self.actors[token] = actor
        return {"Authorization": f"Bearer {token}", **more}


@pytest.fixture
def tokens() -> Tokens:
    return Tokens()


@pytest.fixture
def app(market: object, tokens: Tokens) -> Flask:
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = 4096  # of bodies; goods are streamed by their own route
    languages.init_app(app)
    problems.init_app(app)
    rim.init_app(app, *api.blps)
    access.init_app(app, tokens.actors.get)
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def seller(market: object) -> Party:
    return approved_company(market, "甲公司")


@pytest.fixture
def port(app: Flask) -> Iterator[int]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def work() -> None:
    worker = Worker(due={}, outbox=jobs.OUTBOX)
    while worker.step():
        pass


def piece(headers: dict[str, str], offset: int) -> dict[str, str]:
    return headers | {
        "Tus-Resumable": "1.0.0",
        "Upload-Offset": str(offset),
        "Content-Type": "application/offset+octet-stream",
    }


def opened(client: FlaskClient, headers: dict[str, str], size: int) -> str:
    body = {"file_name": "../v.csv", "size_bytes": size, "media_type": "text/csv"}
    answer = client.post(f"{BASE}/deposits", json=body, headers=headers)
    assert answer.status_code == 201
    return str(answer.json["id"])  # type: ignore[index]


def deposited(client: FlaskClient, headers: dict[str, str]) -> str:
    deposit_id = opened(client, headers, len(fair.CSV))
    sent = client.patch(f"{BASE}/deposits/{deposit_id}", data=fair.CSV, headers=piece(headers, 0))
    assert (sent.status_code, sent.headers["Upload-Offset"]) == (204, str(len(fair.CSV)))
    assert client.post(f"{BASE}/deposits/{deposit_id}/complete", headers=headers).json["state"] == "received"  # type: ignore[index]
    work()
    return deposit_id


def ok(answer: Any, status: int = 200) -> Any:
    assert answer.status_code == status, answer.json
    return answer.json


def on_notice(market: object, seller: Party) -> tuple[str, str]:
    """Paths of a version on public notice and of its product, brought there without HTTP."""
    version = fair.approved(market, fair.submitted(seller, fair.open_data(market)))
    return f"{BASE}/versions/{version.id}", f"{BASE}/products/{version.product_id}"


def test_a_version_is_drafted_and_reviewed(market: object, client: FlaskClient, tokens: Tokens, seller: Party) -> None:
    mine = tokens.of(seller.actor)
    deposit_id, declaration_id = deposited(client, mine), fair.declared(seller, fair.open_data(market))
    deposit = ok(client.get(f"{BASE}/deposits/{deposit_id}", headers=mine))
    assert (deposit["state"], deposit["file_name"], deposit["profile"]["rows"]) == ("profiled", "v.csv", 40)
    drafted = ok(client.post(f"{BASE}/products", json=DESCRIPTION, headers=mine), 201)
    version, product = f"{BASE}/versions/{drafted['id']}", f"{BASE}/products/{drafted['product_id']}"
    assert drafted["actions"] == ["submit", "withdraw"]
    assert client.get(version).status_code == client.get(product).status_code == 404
    ok(client.put(version, json=DESCRIPTION | {"title_en": "Visitors"}, headers=mine))
    attached = {"deposit_id": deposit_id, "declaration_id": declaration_id}
    ok(client.post(f"{version}/attach", json=attached, headers=mine))
    graded = ok(client.put(f"{version}/grading", json=asdict(fair.GRADED), headers=mine))
    assert (graded["computed"], graded["missing"], graded["sources_grade"]) == ("general", [], "general")
    assert ok(client.post(f"{version}/submit", headers=mine))["state"] == "submitted"
    work()
    first, second = (tokens.of(staff(market, "compliance_reviewer")) for _ in range(2))
    (waiting,) = ok(client.get(f"{BASE}/versions/queue", headers=first))["items"]
    assert (waiting["id"], waiting["state"], waiting["title"]["en"]) == (drafted["id"], "scanned", "Visitors")
    assert client.get(f"{BASE}/versions/queue", headers=mine).status_code == 403
    ok(client.post(f"{version}/take-up", headers=first))
    ok(client.post(f"{version}/approve", json=PASSED, headers=first))
    twice = client.post(f"{version}/approve", json=PASSED, headers=first)
    assert (twice.status_code, twice.json["rule"]["id"]) == (409, "I-08")  # type: ignore[index]
    noticed = ok(client.post(f"{version}/approve", json=PASSED, headers=second))
    assert noticed["state"] == "notice"
    assert len(noticed["file"]["reviews"]) == 2
    assert client.get(product).status_code == 200


def test_a_version_on_notice_is_objected_to_and_offered(
    market: object, client: FlaskClient, tokens: Tokens, seller: Party
) -> None:
    mine, reviewer = tokens.of(seller.actor), tokens.of(staff(market, "compliance_reviewer"))
    version, product = on_notice(market, seller)
    (shown,) = ok(client.get(f"{BASE}/products?state=notice"))["items"]
    assert product.endswith(shown["product_id"])
    citizen = tokens.of(approved_company(market, "丙公司").actor)
    said = ok(client.post(f"{version}/objections", json={"statement": "不实"}, headers=citizen), 201)
    objection = f"{BASE}/objections/{said['id']}"
    assert client.get(objection, headers=mine).status_code == 404
    assert ok(client.get(objection, headers=reviewer))["actions"] == ["uphold", "dismiss"]
    assert ok(client.get(version, headers=mine))["file"]["objections"] == []
    ok(client.post(f"{objection}/dismiss", json={"answer": "已核实"}, headers=reviewer))
    assert ok(client.get(objection, headers=citizen))["answer"] == "已核实"
    terms = TERMS | {"version_id": shown["id"]}
    offer = ok(client.post(f"{BASE}/offers", json=terms, headers=mine), 201)
    assert offer["price"] == {"amount": "1200.00", "currency": "HKD"}
    direct = client.post(f"{BASE}/offers", json=terms | {"channel": "direct"}, headers=mine)
    assert (direct.status_code, direct.json["rule"]["id"]) == (409, "G-01")  # type: ignore[index]
    assert [one["id"] for one in ok(client.get(product))["offers"]] == [offer["id"]]
    assert ok(client.post(f"{BASE}/offers/{offer['id']}/close", headers=mine))["state"] == "closed"
    assert ok(client.get(f"{BASE}/offers/{offer['id']}"))["actions"] == []


@pytest.mark.rule("G-15")
def test_the_worker_publishes_and_everybody_reads(
    market: object, client: FlaskClient, tokens: Tokens, seller: Party
) -> None:
    mine, reviewer = tokens.of(seller.actor), tokens.of(staff(market, "compliance_reviewer"))
    version, product = on_notice(market, seller)
    advance_clock(Actor.clock(), timedelta(days=12))
    worker = Worker(due=jobs.DUE, outbox=jobs.OUTBOX)
    while worker.step():
        pass
    page = ok(client.get(product))["version"]
    assert page["state"] == "published"
    assert page["source_lines"][0]["zh"] == fair.RECORD.source_line_zh
    assert page["classification"]["government_derived"]
    assert "轨道交通客流" in page["classification"]["chain"][0]["zh"]
    assert page["goods"]["digest"] == hashlib.sha256(fair.CSV).hexdigest()
    columns = page["goods"]["columns"]
    assert [column["name"] for column in columns] == ["station", "day", "visitors"]
    assert set(columns[0]) == {"name", "type", "nulls", "distinct"}  # no value of the data
    assert "file" not in page
    (card,) = ok(client.get(f"{BASE}/products?category=transport"))["items"]
    assert card["seller"]["name"] == "甲公司"
    assert ok(client.get(f"{BASE}/products?category=finance"))["items"] == []
    reason = {"reason": "核查"}
    assert ok(client.post(f"{version}/suspend", json=reason, headers=reviewer))["state"] == "suspended"
    assert ok(client.post(f"{version}/restore", json=reason, headers=reviewer))["state"] == "published"
    assert ok(client.post(f"{version}/withdraw", headers=mine))["state"] == "withdrawn"
    assert client.get(product).status_code == 404


def test_the_queue_shows_the_nearest_deadline_first(
    market: object, client: FlaskClient, tokens: Tokens, seller: Party
) -> None:
    first = fair.submitted(seller)
    advance_clock(Actor.clock(), timedelta(days=3))
    second = fair.submitted(seller)
    reviewer = tokens.of(staff(market, "compliance_reviewer"))
    page = ok(client.get(f"{BASE}/versions/queue?limit=1", headers=reviewer))
    rest = ok(client.get(f"{BASE}/versions/queue?cursor={page['next_cursor']}", headers=reviewer))
    assert [page["items"][0]["id"], *(one["id"] for one in rest["items"])] == [first.id, second.id]


def test_what_is_another_partys_is_not_found(
    market: object, client: FlaskClient, tokens: Tokens, seller: Party
) -> None:
    mine, theirs = tokens.of(seller.actor), tokens.of(approved_company(market, "乙公司").actor)
    deposit_id = opened(client, mine, 4)
    version_id = ok(client.post(f"{BASE}/products", json=DESCRIPTION, headers=mine), 201)["id"]
    deposit, version = f"{BASE}/deposits/{deposit_id}", f"{BASE}/versions/{version_id}"
    attempts = [
        client.get(deposit, headers=theirs),
        client.head(deposit, headers=theirs),
        client.patch(deposit, data=b"abcd", headers=piece(theirs, 0)),
        client.post(f"{deposit}/complete", headers=theirs),
        client.post(f"{deposit}/abandon", headers=theirs),
        client.get(version, headers=theirs),
        client.put(version, json=DESCRIPTION, headers=theirs),
        client.post(f"{version}/attach", json={}, headers=theirs),
        client.post(f"{version}/submit", headers=theirs),
        client.post(f"{version}/withdraw", headers=theirs),
        client.post(f"{BASE}/offers", json=TERMS | {"version_id": version_id}, headers=theirs),
    ]
    assert [answer.status_code for answer in attempts] == [404] * len(attempts)
    assert ok(client.get(f"{BASE}/deposits", headers=theirs))["items"] == []
    assert ok(client.get(f"{BASE}/versions", headers=theirs))["items"] == []


def test_guards_and_bodies(market: object, client: FlaskClient, tokens: Tokens, seller: Party) -> None:
    mine, reviewer = tokens.of(seller.actor), tokens.of(staff(market, "compliance_reviewer"))
    assert client.post(f"{BASE}/products", json=DESCRIPTION).status_code == 401
    assert client.post(f"{BASE}/products", json=DESCRIPTION, headers=reviewer).status_code == 403
    bad = client.post(f"{BASE}/products", json=DESCRIPTION | {"colour": "red", "grade": "top"}, headers=mine)
    assert bad.status_code == 422
    assert set(bad.json["fields"]["json"]) == {"colour", "grade"}  # type: ignore[index]
    empty = {"file_name": "a", "size_bytes": 0, "media_type": "text/csv"}
    answer = client.post(f"{BASE}/deposits", json=empty, headers=mine)
    assert (answer.status_code, answer.json["code"]) == (422, "empty_file")  # type: ignore[index]


def test_a_request_key_opens_one_deposit(client: FlaskClient, tokens: Tokens, seller: Party) -> None:
    mine = tokens.of(seller.actor, **{"Idempotency-Key": "k-1"})
    assert opened(client, mine, 4) == opened(client, mine, 4)
    body = {"file_name": "x", "size_bytes": 5, "media_type": "text/csv"}
    reused = client.post(f"{BASE}/deposits", json=body, headers=mine)
    assert (reused.status_code, reused.json["code"]) == (409, "key_reused")  # type: ignore[index]


def test_the_upload_speaks_tus(client: FlaskClient, tokens: Tokens, seller: Party) -> None:
    mine = tokens.of(seller.actor)
    deposit = f"{BASE}/deposits/{opened(client, mine, 10)}"
    assert client.patch(deposit, data=b"abc", headers=piece(mine, 0)).headers["Upload-Offset"] == "3"
    head = client.head(deposit, headers=mine)
    assert [head.headers[name] for name in ("Upload-Offset", "Upload-Length", "Cache-Control")] == [
        "3",
        "10",
        "no-store",
    ]
    missed = client.patch(deposit, data=b"xyz", headers=piece(mine, 7))
    assert (missed.status_code, missed.json["code"], missed.headers["Upload-Offset"]) == (409, "upload_offset", "3")  # type: ignore[index]
    other = piece(mine, 3) | {"Tus-Resumable": "0.2.2"}
    assert client.patch(deposit, data=b"defg", headers=other).status_code == 412
    assert client.patch(deposit, data=b"defg", headers=mine | {"Upload-Offset": "3"}).status_code == 415
    nowhere = piece(mine, 3) | {"Upload-Offset": "-1"}
    assert client.patch(deposit, data=b"defg", headers=nowhere).status_code == 400
    more = client.patch(deposit, data=b"defghijk", headers=piece(mine, 3))
    assert (more.status_code, more.json["code"]) == (422, "file_too_large")  # type: ignore[index]
    assert client.patch(deposit, data=b"defghij", headers=piece(mine, 3)).status_code == 204


def test_a_cut_connection_loses_nothing_that_arrived(
    client: FlaskClient, tokens: Tokens, seller: Party, port: int
) -> None:
    mine = tokens.of(seller.actor)
    content = b"a,b\n" + b"1,2\n" * 100_000
    deposit_id = opened(client, mine, len(content))
    path = f"{BASE}/deposits/{deposit_id}"
    headers = piece(mine, 0) | {"Host": "127.0.0.1", "Content-Length": str(len(content))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"PATCH {path} HTTP/1.1\r\n{lines}\r\n".encode() + content[:150_000])
    held, deadline = 0, time.monotonic() + 60
    while time.monotonic() < deadline:
        held = int(client.head(path, headers=mine).headers["Upload-Offset"])
        if held:
            break
        time.sleep(0.05)
    assert held == 150_000
    assert client.patch(path, data=content[held:], headers=piece(mine, held)).status_code == 204
    ok(client.post(f"{path}/complete", headers=mine))
    work()
    assert ok(client.get(path, headers=mine))["digest"] == hashlib.sha256(content).hexdigest()


def test_lists_are_paged(client: FlaskClient, tokens: Tokens, seller: Party) -> None:
    mine = tokens.of(seller.actor)
    made = [ok(client.post(f"{BASE}/products", json=DESCRIPTION, headers=mine), 201)["id"] for _ in range(5)]
    found, cursor = [], ""
    while True:
        page = ok(client.get(f"{BASE}/versions?limit=2{cursor}", headers=mine))
        found += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert found == made[::-1]


def test_newer_rows_and_a_stale_reader(market: object, client: FlaskClient, tokens: Tokens, seller: Party) -> None:
    made = fair.published_product(market, seller)
    mine, version = tokens.of(seller.actor), f"{BASE}/versions/{made.version_id}"
    read_as = client.get(version, headers=mine).json["row_version"]  # type: ignore[index]
    stale = mine | {"If-Match": f'"{made.version_id}:{read_as - 1}"'}
    body = {"deposit_id": fair.deposited(seller, fair.CSV + b"S9,2026-04-01,7\n"), "note": "四月"}
    refused = client.post(f"{version}/revise", json=body, headers=stale)
    assert (refused.status_code, refused.json["code"]) == (409, "stale_version")  # type: ignore[index]
    fresh = mine | {"If-Match": f'"{made.version_id}:{read_as}"'}
    revision = ok(client.post(f"{version}/revise", json=body, headers=fresh), 201)
    assert (revision["state"], revision["revises_id"], revision["change_note"]) == (
        "published",
        made.version_id,
        "四月",
    )
    again = client.post(f"{version}/revise", json=body, headers=mine)
    assert (again.status_code, again.json["code"]) == (409, "not_on_sale")  # type: ignore[index]
