"""Extensions, evidence, refunds, payment orders, statements and filings over HTTP."""

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from market import CSV, TERMS, deposited, published_product
from people import approved_company, sign_in, staff
from trades import Trade, found
from werkzeug.test import TestResponse

from exchange import clock, workdays
from exchange.actors import Actor
from exchange.db import advance_clock
from exchange.members import queries as members
from exchange.web import access, languages, problems
from exchange.web import api as web_api
from listings import offers
from settlement import api
from settlement.models import Lot

Call = Callable[..., TestResponse]


@pytest.fixture
def app(trade: Trade) -> Flask:
    app = Flask(__name__)
    languages.init_app(app)
    problems.init_app(app)
    access.init_app(app, members.actor_of_token)
    web_api.init_app(app, *api.blps)
    return app


def caller(app: Flask, token: str) -> Call:
    headers = {"Authorization": f"Bearer {token}", "Accept-Language": "en"}

    def call(method: str, path: str, body: Any = None, **more: Any) -> TestResponse:
        sent = {"json": body} if body is not None else more
        return app.test_client().open(f"/api/v1{path}", method=method, headers=headers, **sent)

    return call


@pytest.fixture
def buyer(app: Flask, trade: Trade) -> Call:
    return caller(app, sign_in(trade.buyer).token)


@pytest.fixture
def seller(app: Flask, trade: Trade) -> Call:
    return caller(app, sign_in(trade.seller).token)


@pytest.fixture
def stranger(app: Flask, trade: Trade) -> Call:
    return caller(app, sign_in(approved_company(trade, "旁观公司")).token)


@pytest.fixture
def officers(app: Flask, trade: Trade, monkeypatch: pytest.MonkeyPatch) -> tuple[Call, Call]:
    acting: dict[str, Actor] = {name: staff(trade, "settlement_officer") for name in ("first", "second")}
    known = app.extensions["load_actor"]
    monkeypatch.setitem(app.extensions, "load_actor", lambda token: acting.get(token) or known(token))
    return caller(app, "first"), caller(app, "second")


def test_what_is_made_on_order(trade: Trade, seller: Call) -> None:
    made = replace(trade, product=published_product(trade, trade.seller, delivery="on_order"))
    lot = made.due()
    made.pay(lot)
    missing = seller("POST", f"/lots/{lot.id}/deliver", {})
    assert (missing.status_code, missing.json["code"]) == (422, "goods_missing")
    goods = deposited(trade.seller, CSV + b"S1,2026-04-01,11\n")
    sent = seller("POST", f"/lots/{lot.id}/deliver", {"deposit_id": goods})
    assert (sent.status_code, sent.json["state"]) == (201, "delivered")


def test_an_extension(trade: Trade, buyer: Call, seller: Call, stranger: Call) -> None:
    lot = trade.funded()
    assert lot.deadline_at is not None
    body = {"until": (lot.deadline_at + timedelta(days=2)).isoformat(), "reason": "a holiday"}
    assert stranger("POST", f"/lots/{lot.id}/extensions", body).status_code == 404
    made = seller("POST", f"/lots/{lot.id}/extensions", body)
    assert (made.status_code, made.json["state"], made.json["step"]) == (201, "proposed", "funded")
    place = f"/extensions/{made.json['id']}"
    assert stranger("POST", f"{place}/agree").status_code == 404
    assert seller("POST", f"{place}/agree").status_code == 403
    agreed = buyer("POST", f"{place}/agree")
    assert (agreed.status_code, agreed.json["state"]) == (201, "agreed")
    assert seller("POST", f"{place}/withdraw").status_code == 409
    assert buyer("POST", f"{place}/decline").status_code == 409


def test_the_file_of_a_dispute(trade: Trade, buyer: Call, seller: Call, stranger: Call) -> None:
    lot = trade.disputed()
    data = {"title": "a log", "personal": "true", "file": (io.BytesIO(b"rows: 40"), "log.txt")}
    given = buyer("POST", f"/lots/{lot.id}/evidence", data=data)
    assert (given.status_code, given.json["side"], given.json["sealed"]) == (201, "buyer", True)
    answered = seller("POST", f"/lots/{lot.id}/answer", {"answer": "all rows are there"})
    assert (answered.status_code, len(answered.json)) == (201, 1)
    assert len(seller("GET", f"/lots/{lot.id}/evidence").json) == 1
    assert seller("GET", f"/evidence/{given.json['id']}").get_data() == b"rows: 40"
    assert stranger("GET", f"/evidence/{given.json['id']}").status_code == 404
    assert stranger("GET", f"/lots/{lot.id}/evidence").status_code == 404


def test_a_refund_and_the_statement(trade: Trade, buyer: Call, seller: Call, stranger: Call) -> None:
    lot = trade.settled()
    body = {"amount": {"amount": "10.00", "currency": "HKD"}, "reason": "old rows"}
    made = buyer("POST", f"/lots/{lot.id}/refunds", body)
    assert (made.status_code, made.json["amount"]) == (201, {"amount": "10.00", "currency": "HKD"})
    place = f"/refunds/{made.json['id']}"
    assert stranger("POST", f"{place}/agree").status_code == 404
    assert seller("POST", f"{place}/decline").json["state"] == "declined"
    place = f"/refunds/{buyer('POST', f'/lots/{lot.id}/refunds', body).json['id']}"
    assert buyer("POST", f"{place}/withdraw").json["state"] == "withdrawn"
    place = f"/refunds/{buyer('POST', f'/lots/{lot.id}/refunds', body).json['id']}"
    assert seller("POST", f"{place}/agree").json["state"] == "reversing"
    trade.work()
    lines = buyer("GET", "/statements").json["items"]
    assert [(line["kind"], line["amount"]["amount"]) for line in lines] == [
        ("refund", "10.00"),
        ("payment", "-1200.00"),
    ]


@pytest.mark.rule("I-08")
def test_staff_order_payments_by_two(trade: Trade, buyer: Call, officers: tuple[Call, Call]) -> None:
    lot, (first, second) = trade.disputed(), officers
    assert buyer("POST", f"/lots/{lot.id}/return", {"reason": "so"}).status_code == 403
    made = first("POST", f"/lots/{lot.id}/return", {"reason": "nobody answers"})
    assert (made.status_code, made.json["kind"]) == (201, "return")
    place = f"/payment-orders/{made.json['id']}"
    alone = first("POST", f"{place}/confirm")
    assert (alone.status_code, alone.json["rule"]["id"]) == (409, "I-08")
    assert second("POST", f"{place}/reject").json["state"] == "rejected"
    place = f"/payment-orders/{first('POST', f'/lots/{lot.id}/return', {'reason': 'so'}).json['id']}"
    assert first("POST", f"{place}/withdraw").json["state"] == "withdrawn"
    made = first("POST", f"/lots/{lot.id}/return", {"reason": "so"})
    assert [row["id"] for row in second("GET", "/payment-orders").json["items"]] == [made.json["id"]]
    assert second("POST", f"/payment-orders/{made.json['id']}/confirm").json["state"] == "confirmed"
    trade.work()
    assert found(Lot, lot.id).state == "refunded"


def test_held_money_and_decisions(trade: Trade, officers: tuple[Call, Call]) -> None:
    settled, lot, (first, _) = trade.settled(), trade.disputed(), officers
    body = {"amount": {"amount": "1.00", "currency": "HKD"}, "document_number": "示例1号", "reason": "judgment"}
    assert first("POST", f"/lots/{settled.id}/decided-refund", body).json["document_number"] == "示例1号"
    advance_clock(Actor.clock(), timedelta(days=81))
    trade.work()
    until = (clock.now() + timedelta(days=3)).isoformat()
    waits = first("POST", f"/lots/{lot.id}/extend-holding", {"until": until, "reason": "talks"})
    assert (waits.status_code, waits.json["id"]) == (201, lot.id)
    assert first("POST", "/money-operations/mop_none/order-again", {"reason": "so"}).status_code == 404


def test_a_filing(trade: Trade, buyer: Call, seller: Call, stranger: Call) -> None:
    body = {
        "version_id": trade.product.version_id,
        "counterparty": trade.buyer.org_id,
        "amount": {"amount": "900.00", "currency": "CNY"},
        "dealt_on": workdays.beijing_date(clock.now()).isoformat(),
        "contract_sha256": "ab" * 32,
    }
    assert seller("POST", "/filings", body).json["code"] == "not_direct"
    offers.open_offer(trade.seller.actor, trade.product.version_id, replace(TERMS, channel="direct"))
    made = seller("POST", "/filings", body)
    assert (made.status_code, made.json["actions"], made.json["number"][:2]) == (201, ["withdraw"], "F-")
    place = f"/filings/{made.json['id']}"
    assert stranger("GET", place).status_code == 404
    assert buyer("GET", "/filings").json["items"][0]["actions"] == ["confirm", "decline"]
    assert buyer("POST", f"{place}/decline", {"reason": "no"}).json["state"] == "declined"
    place = f"/filings/{seller('POST', '/filings', body).json['id']}"
    assert seller("POST", f"{place}/withdraw").json["state"] == "withdrawn"
    place = f"/filings/{seller('POST', '/filings', body).json['id']}"
    assert buyer("POST", f"{place}/confirm").json["state"] == "confirmed"
    assert buyer("GET", f"{place}/document").json["notice"]["zh"]
