"""The pages of a trade, in both languages, for both sides, and what they refuse."""

import hashlib
import re
from dataclasses import replace

import pytest
from people import approved_company
from sqlalchemy import func, select, update
from trade_browser import Browser, Desk
from trades import PURPOSE, Trade, entries, found, lot_of
from werkzeug.test import TestResponse

from exchange.actors import Actor
from exchange.db import read, transaction
from exchange.money import Money
from listings.models import Version
from settlement import messages, negotiation, printing
from settlement.models import Order
from settlement.negotiation_models import TradeMessage
from settlement.proposals import Changes

LANGUAGES = ("zh", "en")
CHINESE = re.compile(r"[\u4e00-\u9fff]")


class Site:
    """Both sides of a trade before the room's pages."""

    def __init__(self, desk: Desk, trade: Trade) -> None:
        self.browser, self.trade = desk.browser, trade

    def buyer(self, lang: str = "en") -> Browser:
        return self.browser(self.trade.buyer.actor, lang)

    def seller(self, lang: str = "en") -> Browser:
        return self.browser(self.trade.seller.actor, lang)


@pytest.fixture(scope="session")
def desk() -> Desk:
    """Made once: no page here talks to the gateway."""
    return Desk()


@pytest.fixture
def site(desk: Desk, trade: Trade) -> Site:
    return Site(desk, trade)


def request_fields(trade: Trade, **changes: str) -> dict[str, str]:
    """What the request form sends."""
    return {"offer_id": trade.product.offer_id, "purpose": PURPOSE, "disputes": "officer"} | changes


def orders_kept() -> int:
    with read() as session:
        return session.scalar(select(func.count()).select_from(Order)) or 0


def test_a_request_is_looked_at_then_signed(site: Site, trade: Trade) -> None:
    buyer = site.buyer()
    page = buyer.get(f"/desk/orders/new?offer={trade.product.offer_id}")
    assert page.status_code == 200
    assert "1200.00" in page.text
    fields = request_fields(trade, purpose_words="forecasting", price__amount="1100.00", price__currency="HKD")
    looked = buyer.post("/desk/orders/preview", **fields)
    assert (looked.status_code, orders_kept()) == (200, 0)
    for words in ("数据提供合同", "港币壹仟壹佰元整", "forecasting", "1100.00 HKD"):
        assert words in looked.text
    made = buyer.post("/desk/orders/new", password=trade.buyer.password, **fields)
    assert (made.status_code, orders_kept()) == (303, 1)
    trade_page = buyer.get(made.location)
    assert trade_page.status_code == 200
    assert "The request is signed" in trade_page.text


def test_a_wrong_password_signs_nothing_and_keeps_what_was_typed(site: Site, trade: Trade) -> None:
    buyer = site.buyer()
    buyer.get(f"/desk/orders/new?offer={trade.product.offer_id}")
    fields = request_fields(trade, purpose_words="my own words")
    answer = buyer.post("/desk/orders/new", password="not the password", **fields)
    assert (answer.status_code, orders_kept()) == (403, 0)
    assert "my own words" in answer.text
    assert "not the password" not in answer.text
    assert "数据提供合同" in answer.text


def test_fields_out_of_range_stand_beside_their_fields(site: Site, trade: Trade) -> None:
    buyer = site.buyer()
    buyer.get(f"/desk/orders/new?offer={trade.product.offer_id}")
    answer = buyer.post("/desk/orders/preview", **request_fields(trade, term_days="0", purpose=""))
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(("state", "code"), [("suspended", "suspended"), ("superseded", "newer version")])
def test_an_order_on_a_suspended_or_superseded_version_is_refused_in_words(
    site: Site, trade: Trade, state: str, code: str, lang: str
) -> None:
    buyer = site.buyer(lang)
    buyer.get(f"/desk/orders/new?offer={trade.product.offer_id}")
    with transaction(Actor.clock()) as tx:
        tx.session.execute(update(Version).where(Version.id == trade.product.version_id).values(state=state))
        tx.record(trade.product.version_id, "listing.moved", by="test")
    answer = buyer.post("/desk/orders/new", password=trade.buyer.password, **request_fields(trade))
    assert (answer.status_code, orders_kept()) == (409, 0)
    problem = re.search(r'class="problem".*?</div>|class="problem".*?</section>', answer.text, re.DOTALL)
    assert problem is not None
    assert CHINESE.search(problem[0]) if lang == "zh" else code in problem[0]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_both_sides_negotiate_and_sign(site: Site, trade: Trade, lang: str) -> None:
    order = trade.request()
    place = f"/desk/trades/{order.id}"
    seller, buyer = site.seller(lang), site.buyer(lang)
    assert f"{place}/sign" in seller.get(place).text
    assert f"{place}/sign" not in buyer.get(place).text
    form = seller.get(f"{place}/counter")
    assert form.status_code == 200
    version = version_in(form)
    fields = {"price__amount": "1000.00", "price__currency": "HKD", "inspection_hours": "96"}
    countered = seller.post(f"{place}/counter", version=version, password=trade.seller.password, **fields)
    assert countered.status_code == 303
    assert found(Order, order.id).proposals == 2
    shown = buyer.get(f"{place}/sign")
    assert "港币壹仟元整" in shown.text
    signed = buyer.post(f"{place}/sign", version=version_in(shown), password=trade.buyer.password)
    assert signed.status_code == 303
    page = buyer.get(place)
    assert (page.status_code, found(Order, order.id).state) == (200, "open")
    assert f"lot-{lot_of(order).id}" in page.text
    assert bool(CHINESE.search(re.sub(r"<title>.*?</title>", "", page.text))) or lang == "en"


def test_the_rights_are_chosen_by_word(site: Site, trade: Trade) -> None:
    order = trade.request()
    seller = site.seller()
    form = seller.get(f"/desk/trades/{order.id}/counter")
    fields = {"version": version_in(form), "derivation": "false", "password": trade.seller.password}
    assert seller.post(f"/desk/trades/{order.id}/counter", **fields).status_code == 303
    assert found(Order, order.id).terms["derivation"] is False


def test_a_form_of_an_older_proposal_is_stale(site: Site, trade: Trade) -> None:
    order = trade.request()
    place = f"/desk/trades/{order.id}"
    seller, again = site.seller(), site.seller()
    old = version_in(seller.get(f"{place}/counter"))
    again.get(place)
    messages.send_message(trade.buyer.actor, order.id, words="a message changes no order")
    negotiation.counter_order(
        trade.seller.actor, order.id, Changes(price=Money(110_000, "HKD")), password=trade.seller.password
    )
    negotiation.counter_order(
        trade.buyer.actor, order.id, Changes(price=Money(115_000, "HKD")), password=trade.buyer.password
    )
    answer = seller.post(f"{place}/sign", version=old, password=trade.seller.password)
    assert (answer.status_code, found(Order, order.id).state) == (409, "requested")


def test_without_the_forms_token_nothing_is_signed(site: Site, trade: Trade) -> None:
    order = trade.request()
    seller = site.seller()
    answer = seller.post(f"/desk/trades/{order.id}/sign", password=trade.seller.password)
    assert (answer.status_code, found(Order, order.id).state) == (400, "requested")


def test_either_side_ends_the_matter(site: Site, trade: Trade) -> None:
    declined, withdrawn, terminated = trade.request(), trade.request(), trade.signed()
    seller, buyer = site.seller(), site.buyer()
    seller.get(f"/desk/trades/{declined.id}")
    assert seller.post(f"/desk/trades/{declined.id}/decline").status_code == 422
    assert seller.post(f"/desk/trades/{declined.id}/decline", reason="no capacity").status_code == 303
    assert "no capacity" in seller.get(f"/desk/trades/{declined.id}").text
    buyer.get(f"/desk/trades/{withdrawn.id}")
    assert buyer.post(f"/desk/trades/{withdrawn.id}/withdraw").status_code == 303
    assert buyer.post(f"/desk/trades/{terminated.id}/terminate", reason="plans changed").status_code == 303
    states = [found(Order, order.id).state for order in (declined, withdrawn, terminated)]
    assert states == ["cancelled", "cancelled", "terminated"]
    again = buyer.post(f"/desk/trades/{withdrawn.id}/withdraw")
    assert again.status_code == 409


def test_messages_go_to_the_other_side(site: Site, trade: Trade) -> None:
    order = trade.request()
    place = f"/desk/trades/{order.id}"
    buyer = site.buyer()
    buyer.get(place)
    assert buyer.post(f"{place}/messages", words=" ").status_code == 422
    assert buyer.post(f"{place}/messages", words="<b>hello</b>").status_code == 303
    assert "&lt;b&gt;hello&lt;/b&gt;" in site.seller().get(place).text
    with read() as session:
        assert session.scalar(select(func.count()).select_from(TradeMessage)) == 1


@pytest.mark.parametrize("lang", LANGUAGES)
def test_lists_filter_by_side_state_and_deadline(site: Site, trade: Trade, lang: str) -> None:
    order = trade.request()
    buyer = site.buyer(lang)
    assert order.id in buyer.get("/desk/trades").text
    assert order.id not in buyer.get("/desk/trades?side=seller").text
    assert order.id not in buyer.get("/desk/trades?state=completed").text
    assert order.id not in buyer.get("/desk/trades?soon=true").text
    trade.later(days=3)
    assert order.id in buyer.get("/desk/trades?soon=true").text
    assert buyer.get("/desk/trades?state=nonsense").status_code == 422
    assert buyer.get("/desk/trades?cursor=nonsense").status_code == 422


def test_the_inbox_holds_what_waits_for_a_signature(site: Site, trade: Trade) -> None:
    order = trade.request()
    assert order.id in site.seller().get("/desk").text
    assert order.id not in site.buyer().get("/desk").text
    viewer = replace(trade.seller.actor, roles=frozenset({"viewer"}))
    assert order.id not in site.browser(viewer).get("/desk").text


def test_every_entry_of_a_trade_is_one_click_away(site: Site, trade: Trade) -> None:
    order = trade.signed()
    place = f"/desk/trades/{order.id}"
    buyer = site.buyer()
    links = re.findall(rf'href="({place}/entries/[^"]+)"', buyer.get(place).text)
    assert len(links) == len(entries(order.id)) + len(entries(lot_of(order).id))
    page = buyer.get(links[0])
    assert (page.status_code, "order.requested" in page.text) == (200, True)
    stranger = approved_company(trade, "旁人公司").actor
    for path in (place, links[0], f"{place}/contract", f"{place}/contract.pdf", f"{place}/contract.json"):
        assert site.browser(stranger).get(path).status_code == 404
    other = trade.request()
    elsewhere = links[0].rpartition("/")[2]
    assert buyer.get(f"/desk/trades/{other.id}/entries/{elsewhere}").status_code == 404


def test_the_contract_is_printed_from_the_signed_bytes_the_same_each_time(site: Site, trade: Trade) -> None:
    order = trade.signed()
    buyer = site.buyer()
    page = buyer.get(f"/desk/trades/{order.id}/contract")
    for words in ("港币壹仟贰佰元整", order.contract_digest.hex(), "platform-held key", "T-14"):
        assert words in page.text
    first, second = (buyer.get(f"/desk/trades/{order.id}/contract.pdf") for _ in range(2))
    assert first.mimetype == printing.MEDIA_TYPE
    assert first.data == second.data
    assert first.data.startswith(b"%PDF-")
    signed = buyer.get(f"/desk/trades/{order.id}/contract.json")
    assert hashlib.sha256(signed.data).digest() == order.contract_digest


@pytest.mark.parametrize("lang", LANGUAGES)
def test_pages_hold_no_untranslated_and_no_inline_script_or_style(site: Site, trade: Trade, lang: str) -> None:
    order = trade.request()
    browser = site.seller(lang)
    place = f"/desk/trades/{order.id}"
    for path in (place, f"{place}/sign", f"{place}/counter", f"{place}/contract", "/desk/trades", "/desk/vouchers"):
        page = browser.get(path)
        assert page.status_code == 200, path
        assert not re.search(r"<[^>]+ (style|on[a-z]+)=", page.text), path
        assert page.text.count("<h1") == 1, path


def version_in(page: TestResponse) -> str:
    """The version of the order that a page's form carries."""
    match = re.search(r'name="version" value="(ord_[^"]+)"', page.text)
    assert match is not None
    return match[1]
