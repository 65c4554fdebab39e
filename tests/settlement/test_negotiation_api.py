"""Negotiation over the API: a look beforehand, counter-proposals, messages, and who is refused."""

import pytest
from flask import Flask
from people import approved_company, sign_in, staff
from trades import PURPOSE, Trade
from werkzeug.test import TestResponse

from exchange.actors import Actor
from exchange.members import queries as members
from exchange.web import access, languages, problems
from exchange.web import api as web_api
from settlement import api


class Api:
    """The room's API as somebody calls it, in English."""

    def __init__(self) -> None:
        self.app = Flask(__name__)
        self.actors: dict[str, Actor] = {}
        languages.init_app(self.app)
        problems.init_app(self.app)
        access.init_app(self.app, lambda token: self.actors.get(token) or members.actor_of_token(token))
        web_api.init_app(self.app, *api.blps)

    def __call__(self, token: str, method: str, path: str, body: object = None) -> TestResponse:
        headers = {"Authorization": f"Bearer {token}", "Accept-Language": "en"}
        return self.app.test_client().open(f"/api/v1/orders{path}", method=method, json=body, headers=headers)


@pytest.fixture
def call(trade: Trade) -> Api:
    return Api()


def test_a_negotiation_over_http(trade: Trade, call: Api) -> None:
    buyer, seller = sign_in(trade.buyer).token, sign_in(trade.seller).token
    asked = {"offer_id": trade.product.offer_id, "purpose": PURPOSE, "purpose_words": "forecasting"}
    shown = call(buyer, "POST", "/preview", asked)
    assert (shown.status_code, shown.json["purpose"]["words"]) == (200, "forecasting")
    signed = asked | {"password": trade.buyer.password, "price": {"amount": "900.00", "currency": "HKD"}}
    made = call(buyer, "POST", "", signed)
    assert (made.status_code, made.json["proposed_by"], made.json["price"]["amount"]) == (201, "buyer", "900.00")
    place = f"/{made.json['id']}"
    answer = {"price": {"amount": "1000.00", "currency": "HKD"}, "password": trade.seller.password}
    countered = call(seller, "POST", f"{place}/counter", answer)
    assert (countered.status_code, countered.json["proposed_by"]) == (201, "seller")
    listed = call(buyer, "GET", f"{place}/proposals").json["items"]
    assert [(one["number"], one["side"], one["price"]["amount"]) for one in listed] == [
        (1, "buyer", "900.00"),
        (2, "seller", "1000.00"),
    ]
    agreed = call(buyer, "POST", f"{place}/sign", {"password": trade.buyer.password})
    assert (agreed.status_code, agreed.json["state"]) == (201, "open")


def test_what_is_out_of_range_or_unknown_is_invalid(trade: Trade, call: Api) -> None:
    seller = sign_in(trade.seller).token
    place = f"/{trade.request().id}/counter"
    for wrong in ({"term_days": 0}, {"term_days": "5"}, {"delivery_days": 91}, {"disputes": "duel"}, {"colour": "red"}):
        answer = call(seller, "POST", place, wrong | {"password": trade.seller.password})
        assert (answer.status_code, answer.json["code"]) == (422, "invalid"), wrong


def test_messages_over_http(trade: Trade, call: Api) -> None:
    buyer, seller = sign_in(trade.buyer).token, sign_in(trade.seller).token
    place = f"/{trade.request().id}/messages"
    assert call(buyer, "POST", place, {"words": "hello"}).status_code == 201
    shown = call(seller, "GET", place).json["items"]
    assert [(one["side"], one["words"]) for one in shown] == [("buyer", "hello")]
    call.actors["officer"] = staff(trade, "dispute_officer")
    refused = call("officer", "GET", place)
    assert (refused.status_code, refused.json["code"], refused.json["rule"]["id"]) == (409, "no_dispute", "S-04")
    stranger = sign_in(approved_company(trade, "旁人公司")).token
    for method, path, body in (("GET", place, None), ("POST", place, {"words": "x"})):
        assert call(stranger, method, path, body).status_code == 404
