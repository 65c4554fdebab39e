"""The catalogue and a product's page over HTTP, in both languages, as a visitor, a buyer and the seller see them."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import market as fair
import pytest
from conftest import Database
from flask.testing import FlaskClient
from opened import Site, opened
from people import Party, approved_company, sign_in, staff

from exchange import calendar
from exchange.actors import Actor
from exchange.db import read
from exchange.oversight import restraints
from exchange.web import access
from listings import catalogue, offers, review, versions, visitor_pages

SECRET = b"13812345678"
PEOPLE = b"name,phone,age\n" + b"".join(b"\xe5\xbc\xa0%d,%s,%d\n" % (n, SECRET, 20 + n % 30) for n in range(60))
HOSTILE = (
    "q=" + "a" * 4000,
    "q=%27%22%5C%3A%2A%28%29%26%7C%21%3C%3E",
    "q=%F0%9F%9A%87",
    "q=%ff%fe",
    "q=<script>alert(1)</script>",
    "category=nowhere&origin=&grade=core%27",
    "category=" + "&category=".join(["mining"] * 200),
    "currency=XXX&price_from=1",
    "currency=JPY&price_from=1.50",
    "price_from=1e9&currency=CNY",
    "price_from=-1&currency=CNY&price_to=%C2%B2",
    "price_from=" + "9" * 400 + "&currency=CNY",
    "price_from=5",
    "state=draft",
    "state=published&state=notice&utm_source=x&__proto__=1",
)


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with opened(database, tmp_path) as made:
        calendar.seed(Actor.clock())
        yield made


@pytest.fixture
def seller(site: Site) -> Party:
    return approved_company(site, "甲数据公司")


@pytest.fixture
def client(site: Site) -> FlaskClient:
    return site.client()


def seen(client: FlaskClient, url: str, lang: str = "en", status: int = 200) -> str:
    answer = client.get(url + ("&" if "?" in url else "?") + f"lang={lang}", headers={"Accept": "text/html"})
    assert answer.status_code == status, answer.text
    return answer.text


def as_party(site: Site, party: Party) -> FlaskClient:
    client = site.client()
    client.set_cookie(access.COOKIE, sign_in(party).token)
    return client


def test_an_empty_catalogue_says_what_will_stand_here(client: FlaskClient) -> None:
    assert "Nothing is published yet" in seen(client, "/catalogue")
    assert "尚未" in seen(client, "/catalogue", "zh")
    assert "Nothing is on public notice" in seen(client, "/catalogue?state=notice")
    assert "Nothing was found" in seen(client, "/catalogue?q=x")


def test_a_card_says_what_matters(site: Site, client: FlaskClient, seller: Party) -> None:
    fair.published_product(site, seller, fair.OWN_SOURCE, fair.open_data(site))
    page = seen(client, "/catalogue")
    for told in (
        fair.DESCRIPTION.title_en, "甲数据公司", fair.RECORD.source_line_en, "HKD 1,200.00", "40 rows, 3 columns",
        "100.0% complete", "Made with government data", "Products found: 1", "Transport, storage and post",
    ):  # fmt: skip
        assert told in page, told
    page = seen(client, "/catalogue", "zh")
    for told in (fair.DESCRIPTION.title_zh, fair.RECORD.source_line_zh, "交通运输、仓储和邮政业"):
        assert told in page, told


def test_choices_are_kept_and_can_be_removed(site: Site, client: FlaskClient, seller: Party) -> None:
    fair.published_product(site, seller)
    page = seen(client, "/catalogue?q=客流&category=transport&category=mining&origin=other&currency=HKD&price_to=2000")
    assert fair.DESCRIPTION.title_en in page
    assert 'value="客流"' in page
    assert 'id="category-transport" name="category" value="transport" checked' in page
    assert 'value="2000.00"' in page
    without_mining = (
        "/catalogue?q=%E5%AE%A2%E6%B5%81&amp;category=transport&amp;origin=other&amp;currency=HKD&amp;price_to=2000"
    )
    assert f'href="{without_mining}"' in page
    page = seen(client, "/catalogue?category=mining")
    assert "Nothing was found" in page
    assert 'href="/catalogue"' in page


def test_nothing_in_an_address_stops_the_page(site: Site, client: FlaskClient, seller: Party) -> None:
    fair.published_product(site, seller)
    for query, lang in itertools.product(HOSTILE, ("zh", "en")):
        page = seen(client, f"/catalogue?{query}", lang)
        assert "<script>alert" not in page
    assert "Part of the search was left out" in seen(client, "/catalogue?price_from=5")
    assert client.get("/catalogue?q=%00").status_code == 400
    assert client.get("/catalogue?cursor=x").status_code == 422
    assert client.get("/catalogue?cursor=WyJ4IiwgMV0").status_code == 422


def test_pages_are_linked(site: Site, client: FlaskClient, seller: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    first = fair.published_product(site, seller)
    second = fair.published_product(site, seller, content=fair.CSV + b"S1,,5\n")
    monkeypatch.setattr(catalogue.search.products, "__kwdefaults__", {"cursor": None, "limit": 1})
    page = seen(client, "/catalogue?q=客流")
    assert second.product_id in page
    assert first.product_id not in page
    following = page.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    assert first.product_id in seen(client, following)


def test_a_product_is_told_whole(site: Site, client: FlaskClient, seller: Party) -> None:
    product = fair.published_product(site, seller, fair.OWN_SOURCE, fair.open_data(site))
    url = f"/products/{product.product_id}"
    page = seen(client, url)
    for told in (
        fair.DESCRIPTION.title_en, fair.DESCRIPTION.description_en, "甲数据公司", fair.RECORD.source_line_en,
        "Must be traded at an exchange", "<code>visitors</code>", "whole number", "Shape of visitors",
        "The data may not be passed on", "Products may be made from it and sold", "72 hours to inspect",
        "HKD 1,200.00", "Research", "Cells that are filled", "First version shown",
        f"/sign-in?next=/desk/orders/new%3Foffer%3D{product.offer_id}",
    ):  # fmt: skip
        assert told in page, told
    assert page.index('class="obligation"') < page.index('id="about"')  # before anything is read about the data
    page = seen(client, url, "zh")
    for told in ("上架日期", "必须场内交易", "第二十八条", fair.RECORD.source_line_zh, "数据不得转让"):
        assert told in page, told


def test_each_reader_has_their_next_step(site: Site, seller: Party) -> None:
    product = fair.published_product(site, seller)
    url = f"/products/{product.product_id}"
    request = f'href="/desk/orders/new?offer={product.offer_id}"'
    assert request in seen(as_party(site, approved_company(site, "乙公司")), url)
    own = seen(as_party(site, seller), url)
    assert request not in own
    assert f"/desk/products/{product.product_id}" in own


def test_no_value_of_the_goods_is_shown(site: Site, client: FlaskClient, seller: Party) -> None:
    product = fair.published_product(site, seller, content=PEOPLE, personal_information=True)
    for lang in ("zh", "en"):
        page = seen(client, f"/products/{product.product_id}", lang)
        assert SECRET.decode() not in page
        assert "张1" not in page
        assert "<code>phone</code>" in page
    assert "characters" in page


def test_what_stops_a_trade_is_said(site: Site, client: FlaskClient, seller: Party) -> None:
    product = fair.published_product(site, seller)
    url = f"/products/{product.product_id}"
    reviewer = staff(site, "compliance_reviewer")
    review.suspend(reviewer, product.version_id, reason="核查 / to be checked")
    page = seen(client, url)
    assert "This product is suspended" in page
    assert "orders/new" not in page
    assert product.product_id not in seen(client, "/catalogue")
    review.restore(reviewer, product.version_id, reason="核查完毕 / checked")
    security = staff(site, "security_administrator")
    restraints.restrain(security, product.product_id, measure="suspension", basis="《数据安全法》第44条", reason="核查")
    page = seen(client, url)
    assert "Trading is stopped by order of an overseer" in page
    assert "orders/new" not in page


def test_a_public_notice_leads_to_the_objection(site: Site, client: FlaskClient, seller: Party) -> None:
    version = fair.approved(site, fair.submitted(seller))
    url = f"/products/{version.product_id}"
    page = seen(client, url)
    assert "Public notice of version 1" in page
    assert f"/sign-in?next=/products/{version.product_id}/objections" in page
    assert f'href="{url}/objections"' in seen(as_party(site, approved_company(site, "乙公司")), url)
    assert version.product_id in seen(client, "/catalogue?state=notice")
    assert version.product_id not in seen(client, "/catalogue")


def test_versions_say_what_changed(site: Site, client: FlaskClient, seller: Party) -> None:
    product = fair.published_product(site, seller)
    content = fair.CSV.replace(b"visitors", b"people", 1) + b"S1,2026-03-02,5\n"
    further = fair.approved(site, fair.submitted(seller, product_id=product.product_id, content=content))
    url = f"/products/{product.product_id}"
    page = seen(client, url)
    assert "Public notice of version 2" in page
    assert "Rows: 40, then 41" in page
    assert "Columns added: people" in page
    assert "Columns removed: visitors" in page
    assert "The origin is declared anew" in page
    fair.published(further)
    assert "<code>people</code>" in seen(client, url)


def test_there_is_no_such_product(client: FlaskClient) -> None:
    for product_id in ("prd_nothing", "prd_" + "a" * 3000, "%E5%AE%A2", "'"):
        assert "prd" not in seen(client, f"/products/{product_id}", "en", 404).replace(product_id, "")
        seen(client, f"/products/{product_id}", "zh", 404)
    assert client.get("/products/%00").status_code == 400


def test_what_was_never_shown_is_not_found(site: Site, client: FlaskClient, seller: Party) -> None:
    version = fair.submitted(seller, description=replace(fair.DESCRIPTION, title_en="Hidden"))
    page = seen(client, f"/products/{version.product_id}", status=404)
    assert "Hidden" not in page
    assert version.product_id not in seen(client, "/catalogue")


def test_the_newest_are_given_to_the_home_page(site: Site, seller: Party) -> None:
    product = fair.published_product(site, seller)
    with read() as session:
        newest = catalogue.newest(session, limit=2)
    assert [card["product_id"] for card in newest] == [product.product_id]
    with site.app.test_request_context("/?lang=en"):
        template = site.app.jinja_env.get_template("listings/catalogue/_newest.html")
        assert fair.DESCRIPTION.title_en in template.render(newest=newest)
        assert "Nothing is published yet" in template.render(newest=[])


def test_a_page_kept_for_visitors_is_never_an_old_one(site: Site, client: FlaskClient) -> None:
    seller = approved_company(site, "甲数据公司")
    product = fair.published_product(site, seller)
    url = f"/products/{product.product_id}"
    first = client.get(url).text
    assert client.get(url).text == first
    assert len(visitor_pages._kept) >= 1
    offers.close_offer(seller.actor, product.offer_id)
    assert product.offer_id in first
    assert product.offer_id not in client.get(url).text
    assert client.get(f"{url}?lang=en").text != first
    versions.withdraw(seller.actor, product.version_id)
    assert client.get(url).status_code == 404


def test_pages_kept_are_bounded_and_no_page_with_a_form_is_kept(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitor_pages, "MOST_PAGES", 2)
    visitor_pages.forget()
    with site.app.test_request_context("/x"):
        for number in range(4):
            assert visitor_pages.kept(number, lambda number=number: f"page {number}") == f"page {number}"
        assert len(visitor_pages._kept) == 2
        form = '<input name="csrf_token">'
        assert visitor_pages.kept("form", lambda: form) == form
        assert form not in visitor_pages._kept.values()
