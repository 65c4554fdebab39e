"""The pages of lots, money, disputes and filed deals, as the parties and the staff see them, in both languages."""

import hashlib
import re
import secrets
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from market import CSV, DESCRIPTION, TERMS, deposited, published_product
from people import approved_company, staff
from trades import Trade, entries, found, ops_of
from werkzeug.test import TestResponse

import wsgi
from exchange.actors import Actor
from exchange.db import advance_clock
from exchange.web import access, desk, words
from exchange.web.app import make_app
from listings import offers
from settlement import delivery, exports, lots, payment_orders
from settlement.gateways.stripe_gateway import EXTENSION
from settlement.lot_models import Filing
from settlement.models import Lot
from settlement.states import LOT

LANGUAGES = ("zh", "en")
CHINESE = re.compile(r"[\u4e00-\u9fff]")


class Browser:
    """Somebody's browser: it keeps cookies and sends forms as they were rendered."""

    def __init__(self, client: FlaskClient, token: str) -> None:
        self.client = client
        client.set_cookie(access.COOKIE, token)

    def get(self, path: str, language: str = "en", **headers: str) -> TestResponse:
        return self.client.get(path, headers={"Accept-Language": language, "Accept": "text/html"} | headers)

    def send(self, page: str, action: str, **fields: Any) -> TestResponse:
        """Send the form of ``page`` that goes to ``action``."""
        shown = self.get(page).get_data(as_text=True)
        form = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', shown, re.DOTALL)
        assert form is not None, f"{page} has no form for {action}"
        inputs = re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', form[0])
        kept = {name: value for name, value in inputs if name in {"csrf_token", "request_key", "version"}}
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form[0]))
        return self.client.post(action, data=hidden | kept | fields, headers={"Accept-Language": "en"})


@pytest.fixture
def app(trade: Trade) -> Flask:
    """The pages of every room over the trade's database."""
    actors: dict[str, Actor] = {}
    app = make_app(secret_key=secrets.token_hex(24), base_url="http://localhost", load_actor=actors.get)
    wsgi.rooms()
    from exchange.web import log, pages

    for blueprint in (pages.blueprint, log.blueprint):
        app.register_blueprint(blueprint)
    words.init_app(app, wsgi._words())
    desk.init_app(app, wsgi.faces())
    app.extensions[EXTENSION] = trade.gateway
    app.extensions["test.actors"] = actors
    return app


@pytest.fixture
def browse(app: Flask) -> Any:
    def browse(actor: Actor) -> Browser:
        token = secrets.token_hex(8)
        app.extensions["test.actors"][token] = actor
        return Browser(app.test_client(), token)

    return browse


def field(action: str, lot: Lot, name: str) -> str:
    return f"{action}_{lot.id}-{name}"


def place(lot: Lot, action: str = "") -> str:
    return f"/desk/lots/{lot.id}" + (f"/{action}" if action else "")


STATES = sorted(LOT.states)


@pytest.mark.parametrize("state", STATES)
def test_a_lot_is_shown_in_every_state_to_both_sides(trade: Trade, browse: Any, state: str) -> None:
    lot: Lot = getattr(trade, state)()
    for party in (trade.buyer, trade.seller):
        browser = browse(party.actor)
        for language in LANGUAGES:
            for path in (place(lot), f"/desk/trades/{lot.order_id}"):
                page = browser.get(path, language)
                assert page.status_code == 200
                assert "style=" not in page.get_data(as_text=True)
        chinese = browser.get(place(lot), "zh").get_data(as_text=True)
        assert CHINESE.search(chinese)


def test_what_is_another_partys_is_not_there(trade: Trade, browse: Any) -> None:
    lot = trade.delivered()
    stranger = browse(approved_company(trade, "旁观公司").actor)
    own = browse(trade.buyer.actor)
    assert stranger.get(place(lot)).status_code == 404
    assert stranger.get(place(lot, "payment")).status_code == 404
    fetched = own.send(place(lot), place(lot, "ticket"))
    assert (fetched.status_code, stranger.get(fetched.location).status_code) == (303, 404)
    assert own.get(fetched.location).get_data() == CSV


def test_a_ticket_is_good_for_its_person_its_file_and_its_time(
    trade: Trade, browse: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lot, own = trade.delivered(), browse(trade.buyer.actor)
    colleague = browse(replace(trade.buyer.actor, person_id="per_colleague"))
    shared = own.send(place(lot), place(lot, "ticket")).location
    assert (colleague.get(shared).status_code, own.get(shared).status_code) == (404, 200)
    lots.reject_lot(trade.buyer.actor, lot.id, reason="wrong encoding")
    lots.deliver_lot(trade.seller.actor, lot.id)
    other_file = own.get(shared)
    assert (other_file.status_code, other_file.get_data()[:9] == CSV[:9]) == (404, False)
    monkeypatch.setattr(delivery, "TICKET_LIFETIME", timedelta(seconds=-1))
    expired = own.send(place(lot), place(lot, "ticket")).location
    for language in LANGUAGES:
        answer = own.get(expired, language)
        assert (answer.status_code, bool(CHINESE.search(answer.get_data(as_text=True)))) == (404, True)


def test_a_buyer_pays_on_the_gateways_page(trade: Trade, browse: Any) -> None:
    lot, buyer = trade.due(), browse(trade.buyer.actor)
    sent = buyer.send(place(lot), place(lot, "pay"))
    assert (sent.status_code, sent.location) == (303, place(lot, "payment"))
    waiting = buyer.get(place(lot, "payment")).get_data(as_text=True)
    page = re.search(r'rel="external" href="([^"]+)"', waiting)
    assert page is not None
    trade.world.control.pay_checkout(page[1].rsplit("/", 1)[-1], "4242424242424242")
    trade.work()
    assert "The payment has arrived and is held." in buyer.get(place(lot, "payment")).get_data(as_text=True)
    assert found(Lot, lot.id).state == "delivered"


def test_the_goods_are_fetched_by_ranges_and_confirmed(trade: Trade, browse: Any) -> None:
    lot, buyer = trade.delivered(), browse(trade.buyer.actor)
    link = buyer.send(place(lot), place(lot, "ticket")).location
    part = buyer.get(link, Range="bytes=10-19")
    assert (part.status_code, part.get_data()) == (206, CSV[10:20])
    assert buyer.get(link).get_data() == CSV
    wrong = buyer.send(place(lot), place(lot, "receipt"), **{field("receipt", lot, "sha256"): "00" * 32})
    assert wrong.status_code == 303
    told = buyer.get(place(lot)).get_data(as_text=True)
    assert "What arrived is not what was listed." in told
    refused = buyer.send(place(lot), place(lot, "accept"))
    assert refused.status_code == 409
    assert "T-10" in refused.get_data(as_text=True)
    digest = hashlib.sha256(CSV).hexdigest().upper()
    buyer.send(place(lot), place(lot, "receipt"), **{field("receipt", lot, "sha256"): f" {digest} "})
    accepted = buyer.send(place(lot), place(lot, "accept"))
    assert accepted.status_code == 303
    trade.work()
    assert found(Lot, lot.id).state == "settled"


def test_a_stale_page_changes_nothing(trade: Trade, browse: Any) -> None:
    lot, buyer = trade.delivered(), browse(trade.buyer.actor)
    shown = buyer.get(place(lot)).get_data(as_text=True)
    form = re.search(rf'<form[^>]*action="{place(lot, "dispute")}".*?</form>', shown, re.DOTALL)
    assert form is not None
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form[0]))
    trade.received(lot)
    told = entries(lot.id)
    sent = buyer.client.post(place(lot, "dispute"), data=fields | {field("dispute", lot, "reason"): "late"})
    assert (sent.status_code, found(Lot, lot.id).state, entries(lot.id)) == (409, "delivered", told)
    assert "late" in sent.get_data(as_text=True)


def test_a_reason_is_asked_for_beside_its_field(trade: Trade, browse: Any) -> None:
    lot, buyer = trade.delivered(), browse(trade.buyer.actor)
    sent = buyer.send(place(lot), place(lot, "reject"))
    assert sent.status_code == 422
    assert f'id="f-reject_{lot.id}-reason-error"' in sent.get_data(as_text=True)
    assert found(Lot, lot.id).state == "delivered"


def test_made_on_order_through_the_pages(trade: Trade, browse: Any) -> None:
    made = replace(trade, product=published_product(trade, trade.seller, delivery="on_order"))
    lot = made.due()
    made.pay(lot)
    goods = deposited(trade.seller, CSV + b"S1,2026-04-01,11\n", name="made.csv")
    seller = browse(trade.seller.actor)
    assert "made.csv" in seller.get(place(lot)).get_data(as_text=True)
    missing = seller.send(place(lot), place(lot, "deliver"))
    assert (missing.status_code, found(Lot, lot.id).state) == (422, "funded")
    sent = seller.send(place(lot), place(lot, "deliver"), **{field("deliver", lot, "deposit_id"): goods})
    assert (sent.status_code, found(Lot, lot.id).state) == (303, "delivered")


def test_time_by_consent_through_the_pages(trade: Trade, browse: Any) -> None:
    lot, seller, buyer = trade.funded(), browse(trade.seller.actor), browse(trade.buyer.actor)
    assert lot.deadline_at is not None
    until = (lot.deadline_at + timedelta(days=2, hours=8)).strftime("%Y-%m-%dT%H:%M")
    fields = {field("extension", lot, "until"): until, field("extension", lot, "reason"): "a holiday"}
    assert seller.send(place(lot), place(lot, "extension"), **fields).status_code == 303
    shown = buyer.get(place(lot)).get_data(as_text=True)
    agree = re.search(r'action="(/desk/extensions/[^"]+/agree)"', shown)
    assert agree is not None
    assert buyer.send(place(lot), agree[1]).status_code == 303
    moved = found(Lot, lot.id).deadline_at
    assert moved is not None
    assert moved - lot.deadline_at > timedelta(days=1, hours=23)


def test_a_dispute_from_both_sides_to_its_decision(trade: Trade, browse: Any) -> None:
    lot, buyer, seller = trade.received(trade.delivered()), browse(trade.buyer.actor), browse(trade.seller.actor)
    officer = browse(staff(trade, "dispute_officer"))
    assert buyer.send(place(lot), place(lot, "dispute"), **{field("dispute", lot, "reason"): "half"}).status_code == 303
    import io

    upload = {
        field("evidence", lot, "title"): "a log",
        field("evidence", lot, "personal"): "true",
        field("evidence", lot, "file"): (io.BytesIO("行".encode()), "log.txt"),
    }
    assert buyer.send(place(lot), place(lot, "evidence"), **upload).status_code == 303
    case = f"/console/disputes/{lot.id}"
    assert "The seller may still answer" in officer.get(case).get_data(as_text=True)
    assert seller.send(place(lot), place(lot, "answer"), **{field("answer", lot, "answer"): "no"}).status_code == 303
    for language in LANGUAGES:
        assert officer.get(case, language).status_code == 200
        assert officer.get("/console/disputes", language).status_code == 200
    link = re.search(r'href="(/console/disputes/evidence/[^"]+)"', officer.get(case).get_data(as_text=True))
    assert link is not None
    opened = officer.get(link[1])
    assert (opened.get_data(as_text=True), opened.headers["Content-Disposition"][:10]) == ("行", "attachment")
    ruling = {field("rule", lot, "seller_share_percent"): "40", field("rule", lot, "reason"): "as shown"}
    assert officer.send(case, f"{case}/rule", **ruling).status_code == 303
    assert (found(Lot, lot.id).state, found(Lot, lot.id).seller_share_percent) == ("ruled", 40)
    trade.later(days=15)
    assert found(Lot, lot.id).state == "settled"


@pytest.mark.rule("K-03")
def test_no_decision_where_the_contract_has_none(trade: Trade, browse: Any) -> None:
    lot = trade.answered(trade.disputed(disputes="none"))
    officer = browse(staff(trade, "dispute_officer"))
    case = f"/console/disputes/{lot.id}"
    for language, said in (("en", "the parties and the courts"), ("zh", "双方协商")):
        shown = officer.get(case, language).get_data(as_text=True)
        assert said in shown
        assert f'action="{case}/rule"' not in shown
    assert browse(trade.buyer.actor).get(case).status_code == 403


def test_the_parties_settle_through_the_pages(trade: Trade, browse: Any) -> None:
    lot, buyer, seller = trade.disputed(), browse(trade.buyer.actor), browse(trade.seller.actor)
    share = {field("settle", lot, "seller_share_percent"): "70"}
    assert buyer.send(place(lot), place(lot, "settle"), **share).status_code == 303
    assert "Agree to 70 % for the seller" in seller.get(place(lot)).get_data(as_text=True)
    assert seller.send(place(lot), place(lot, "settle")).status_code == 303
    assert found(Lot, lot.id).state == "ruled"


def test_a_refund_through_the_pages(trade: Trade, browse: Any) -> None:
    lot, buyer, seller = trade.settled(), browse(trade.buyer.actor), browse(trade.seller.actor)
    asked = {
        field("refund", lot, "amount.amount"): "10.00",
        field("refund", lot, "amount.currency"): "HKD",
        field("refund", lot, "reason"): "old rows",
    }
    assert buyer.send(place(lot), place(lot, "refund"), **asked).status_code == 303
    shown = seller.get(place(lot)).get_data(as_text=True)
    agree = re.search(r'action="(/desk/refunds/[^"]+/agree)"', shown)
    assert agree is not None
    assert seller.send(place(lot), agree[1]).status_code == 303
    trade.work()
    assert ops_of(lot)[-1] == ("refund", "confirmed")
    for party in (trade.buyer, trade.seller):
        browser = browse(party.actor)
        for language in LANGUAGES:
            page = browser.get("/desk/money", language)
            assert page.status_code == 200
        table = browser.get("/desk/money/statement.csv")
        assert table.get_data(as_text=True).count("\r\n") == 3
        assert browser.get("/desk/money/statement.xlsx").get_data()[:2] == b"PK"


def test_pages_of_money_and_rights(trade: Trade, browse: Any) -> None:
    trade.delivered()
    buyer, seller = browse(trade.buyer.actor), browse(trade.seller.actor)
    for language in LANGUAGES:
        for path in ("money", "money/account", "grants", "filings", "filings/new", "trades"):
            assert buyer.get(f"/desk/{path}", language).status_code == 200
            assert seller.get(f"/desk/{path}", language).status_code == 200
    bad = buyer.send("/desk/money/account", "/desk/money/account", country="Chongqing")
    assert bad.status_code == 422
    asked = buyer.send("/desk/money/account", "/desk/money/account", country="HK")
    assert asked.status_code == 303


def test_a_deal_is_filed_through_the_pages(trade: Trade, browse: Any) -> None:
    offers.open_offer(trade.seller.actor, trade.product.version_id, replace(TERMS, channel="direct"))
    seller, buyer = browse(trade.seller.actor), browse(trade.buyer.actor)
    asked = {
        "version_id": trade.product.version_id,
        "counterparty": trade.buyer.org_id,
        "amount.amount": "900.00",
        "amount.currency": "CNY",
        "dealt_on": "2020-01-01",
        "contract_sha256": "ab" * 32,
    }
    late = seller.send("/desk/filings/new", "/desk/filings/new", **asked)
    assert late.status_code == 422
    assert "2020-01-01" in late.get_data(as_text=True)
    from exchange import clock, workdays

    today = workdays.beijing_date(clock.now()).isoformat()
    sent = seller.send("/desk/filings/new", "/desk/filings/new", **(asked | {"dealt_on": today}))
    assert sent.status_code == 303
    page = sent.location
    assert browse(approved_company(trade, "旁观公司").actor).get(page).status_code == 404
    assert buyer.send(page, f"{page}/confirm").status_code == 303
    assert found(Filing, page.rsplit("/", 1)[-1]).state == "confirmed"
    assert seller.get(f"{page}/receipt.json").json["number"].startswith("F-")


def confirmation(officer: Browser) -> re.Match[str] | None:
    """The order that the officer may confirm."""
    shown = officer.get("/console/money").get_data(as_text=True)
    return re.search(r'action="(/console/money/orders/[^"]+)/confirm"', shown)


@pytest.mark.rule("I-08")
def test_the_money_desk_needs_two_officers(trade: Trade, browse: Any) -> None:
    lot = trade.disputed()
    advance_clock(Actor.clock(), timedelta(days=81))
    trade.work()
    first, second = staff(trade, "settlement_officer"), staff(trade, "settlement_officer")
    one, other = browse(first), browse(second)
    for language in LANGUAGES:
        assert one.get("/console/money", language).status_code == 200
        assert one.get("/console/money/refunds/new", language).status_code == 200
        assert one.get("/console", language).status_code == 200
    reason = {f"return_{lot.id}-reason": "nobody answers"}
    assert one.send("/console/money", f"/console/money/lots/{lot.id}/return", **reason).status_code == 303
    order = confirmation(other)
    assert order is not None
    assert "/confirm" not in one.get("/console/money").get_data(as_text=True)
    token = one.send("/console/money", f"{order[1]}/withdraw")
    assert token.status_code == 303
    assert one.send("/console/money", f"/console/money/lots/{lot.id}/return", **reason).status_code == 303
    again = confirmation(other)
    assert again is not None
    with pytest.raises(Exception, match="proposed this yourself"):
        payment_orders.confirm_payment_order(first, again[1].rsplit("/", 1)[-1])
    assert other.send("/console/money", f"{again[1]}/confirm").status_code == 303
    trade.work()
    assert found(Lot, lot.id).state == "refunded"


def test_what_waits_stands_in_the_inbox(trade: Trade, browse: Any) -> None:
    trade.delivered()
    waiting = browse(trade.buyer.actor).get("/desk").get_data(as_text=True)
    assert f"Goods wait to be checked and accepted: {DESCRIPTION.title_en}" in waiting
    trade.disputed()
    assert "A dispute is open" in browse(trade.seller.actor).get("/desk").get_data(as_text=True)
    assert "A dispute" in browse(staff(trade, "dispute_officer")).get("/console").get_data(as_text=True)


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("-12.50", "-12.50"),
        ("--1", "'--1"),
        ("供方", "供方"),
    ],
)
def test_no_export_holds_a_formula(cell: str, shown: str) -> None:
    assert exports.defused(cell) == shown
    assert "".join(exports.csv_lines(["a"], [[cell]])).startswith("\ufeffa\r\n")
