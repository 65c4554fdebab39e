"""Orders and lots over HTTP: what each side is told, what it may do, what others may not even see."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from people import approved_company, sign_in, staff
from trades import PURPOSE, VISA, Trade
from werkzeug.test import TestResponse

from exchange.actors import Actor
from exchange.members import queries as members
from exchange.web import access, languages, problems
from exchange.web import api as web_api
from settlement import api

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
    """Somebody signed in, speaking to the API in English."""
    headers = {"Authorization": f"Bearer {token}", "Accept-Language": "en"}

    def call(method: str, path: str, body: Any = None, **more: str) -> TestResponse:
        return app.test_client().open(f"/api/v1{path}", method=method, json=body, headers=headers | more)

    return call


@pytest.fixture
def buyer(app: Flask, trade: Trade) -> Call:
    return caller(app, sign_in(trade.buyer).token)


@pytest.fixture
def seller(app: Flask, trade: Trade) -> Call:
    return caller(app, sign_in(trade.seller).token)


def asked(trade: Trade) -> dict[str, str]:
    return {"offer_id": trade.product.offer_id, "purpose": PURPOSE, "password": trade.buyer.password}


def test_a_trade_over_http(trade: Trade, buyer: Call, seller: Call) -> None:
    made = buyer("POST", "/orders", asked(trade))
    assert (made.status_code, made.json["state"], made.json["actions"]) == (201, "requested", ["withdraw"])
    assert made.json["price"] == {"amount": "1200.00", "currency": "HKD"}
    place = f"/orders/{made.json['id']}"
    contract = buyer("GET", f"{place}/contract")
    assert contract.mimetype == "application/json"
    assert hashlib.sha256(contract.data).hexdigest() == made.json["contract_sha256"]
    signed = seller("POST", f"{place}/sign", {"password": trade.seller.password})
    assert (signed.status_code, signed.json["state"]) == (201, "open")
    order = seller("GET", place).json
    assert (order["buyer"]["name"], order["lots"][0]["state"], order["actions"]) == ("需方公司", "due", ["terminate"])
    lot = f"/lots/{order['lots'][0]['id']}"
    paid = buyer("POST", f"{lot}/pay", {"payment_method": VISA})
    assert (paid.status_code, paid.json["state"]) == (201, "planned")
    trade.work()
    delivered = buyer("GET", lot).json
    assert (delivered["state"], delivered["actions"]) == ("delivered", ["accept", "reject", "dispute"])
    assert delivered["money"]["held"] == {"amount": "1200.00", "currency": "HKD"}
    assert [payment["state"] for payment in delivered["payments"]] == ["confirmed"]
    assert seller("GET", lot).json["payments"] == []
    refused = buyer("POST", f"{lot}/accept")
    assert (refused.status_code, refused.json["code"]) == (409, "receipt_incomplete")
    disputed = buyer("POST", f"{lot}/dispute", {"reason": "half the rows", "evidence_sha256": "ab" * 32})
    assert (disputed.status_code, disputed.json["actions"]) == (201, ["settle"])
    assert seller("POST", f"{lot}/settle", {"seller_share_percent": 40}).json["proposed_by"] == "seller"
    assert buyer("POST", f"{lot}/settle", {"seller_share_percent": 40}).json["state"] == "ruled"
    trade.work()
    assert buyer("GET", lot).json["money"]["refunded"]["amount"] == "720.00"
    (card,) = buyer("GET", "/orders?side=buyer").json["items"]
    assert (card["state"], card["title"]["zh"]) == ("completed", "车站客流日统计")


def test_an_idempotency_key_makes_one_order(trade: Trade, buyer: Call) -> None:
    first, second = (buyer("POST", "/orders", asked(trade), **{"Idempotency-Key": "k-1"}) for _ in range(2))
    assert first.json["id"] == second.json["id"]
    other = buyer("POST", "/orders", asked(trade) | {"disputes": "none"}, **{"Idempotency-Key": "k-1"})
    assert (other.status_code, other.json["code"]) == (409, "key_reused")


def test_others_find_nothing(app: Flask, trade: Trade, buyer: Call) -> None:
    stranger = caller(app, sign_in(approved_company(trade, "旁人公司")).token)
    lot = trade.due()
    for path in (f"/orders/{lot.order_id}", f"/orders/{lot.order_id}/contract", f"/lots/{lot.id}"):
        assert stranger("GET", path).status_code == 404
        assert buyer("GET", path).status_code == 200
    for path, body in (("cancel", None), ("accept", None), ("pay", {"payment_method": VISA})):
        assert stranger("POST", f"/lots/{lot.id}/{path}", body).status_code == 404
    assert stranger("GET", "/orders").json["items"] == []
    assert caller(app, "nobody")("GET", f"/lots/{lot.id}").status_code == 401


def test_bodies_that_say_too_little_or_too_much(trade: Trade, buyer: Call) -> None:
    lot = trade.due()
    for path, body in (
        ("/orders", asked(trade) | {"price": "1"}),
        ("/orders", asked(trade) | {"purpose": "world.domination"}),
        (f"/lots/{lot.id}/pay", {}),
        (f"/lots/{lot.id}/pay", {"payment_method": VISA, "return_url": "https://buyer.example"}),
        (f"/lots/{lot.id}/pay", {"return_url": "javascript:alert(1)"}),
        (f"/lots/{lot.id}/settle", {"seller_share_percent": 101}),
        (f"/lots/{lot.id}/dispute", {"reason": "x", "evidence_sha256": "no digest"}),
    ):
        assert buyer("POST", path, body).status_code == 422, (path, body)


def test_the_officers_queue(app: Flask, trade: Trade, seller: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    lot = trade.answered(trade.disputed())
    officer = staff(trade, "dispute_officer")
    assert seller("GET", "/lots/disputed").status_code == 403
    acting: dict[str, Actor] = {"officer": officer}
    monkeypatch.setitem(app.extensions, "load_actor", acting.get)
    as_officer = caller(app, "officer")
    (card,) = as_officer("GET", "/lots/disputed").json["items"]
    assert (card["id"], card["dispute_reason"]) == (lot.id, "half the rows")
    ruled = as_officer("POST", f"/lots/{lot.id}/rule", {"seller_share_percent": 10, "reason": "see the sample"})
    assert (ruled.status_code, ruled.json["state"], ruled.json["seller_share_percent"]) == (201, "ruled", 10)
    assert as_officer("GET", f"/orders/{lot.order_id}/contract").status_code == 200
