"""The shelf follows the listings, and the search finds what stands on it."""

from dataclasses import replace

import market as fair
import pytest
from people import Party, approved_company, staff
from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange.db import engine, read, transaction
from exchange.money import Money
from listings import notice, offers, review, search, shelf, versions
from listings.models import Version
from listings.search import Search
from listings.shelf import ShelfEntry
from listings.states import SELLER


@pytest.fixture
def seller(market: object) -> Party:
    return approved_company(market, "甲数据公司")


def on_shelf() -> dict[str, str]:
    with read() as session:
        return dict(session.execute(select(ShelfEntry.version_id, ShelfEntry.state)).all())


def found(**wanted: object) -> list[str]:
    with read() as session:
        return [card["product_id"] for card in search.products(session, Search(**wanted)).items]  # type: ignore[arg-type]


def priced(low: int | None = None, high: int | None = None, currency: str = "HKD") -> dict[str, Money]:
    limits = {"price_from": low, "price_to": high}
    return {name: Money(minor, currency) for name, minor in limits.items() if minor is not None}


def test_the_shelf_follows_a_listing_through_its_life(market: object, seller: Party) -> None:
    reviewer = staff(market, "compliance_reviewer")
    version = fair.submitted(seller)
    assert on_shelf() == {}
    version = fair.approved(market, version)
    assert on_shelf() == {version.id: "notice"}
    fair.published(version)
    assert on_shelf() == {version.id: "published"}
    review.suspend(reviewer, version.id, reason="核查 / to be checked")
    assert on_shelf() == {}
    review.restore(reviewer, version.id, reason="核查完毕 / checked")
    assert on_shelf() == {version.id: "published"}
    further = fair.approved(
        market, fair.submitted(seller, product_id=version.product_id, content=fair.CSV + b"S1,,5\n")
    )
    assert on_shelf() == {version.id: "published", further.id: "notice"}
    fair.published(further)
    assert on_shelf() == {further.id: "published"}
    versions.withdraw(seller.actor, further.id)
    assert on_shelf() == {}
    with read() as session:
        assert session.scalar(select(Version.state).where(Version.id == version.id)) == "superseded"


def test_an_upheld_objection_takes_a_version_off_the_shelf(market: object, seller: Party) -> None:
    version = fair.approved(market, fair.submitted(seller))
    objector = approved_company(market, "乙公司")
    objection = notice.object_to(objector.actor, version.id, statement="这是我方的数据")
    notice.uphold_objection(staff(market, "compliance_reviewer"), objection.id, answer="异议成立")
    assert on_shelf() == {}


def test_a_transaction_that_fails_leaves_the_shelf_alone(market: object, seller: Party) -> None:
    product = fair.published_product(market, seller)
    before = on_shelf()
    with pytest.raises(ZeroDivisionError), transaction(seller.actor) as tx:
        tx.advance(tx.lock(Version, product.version_id), "withdraw", by=SELLER)
        tx.session.flush()
        raise ZeroDivisionError
    assert on_shelf() == before


def test_prices_follow_the_offers(market: object, seller: Party) -> None:
    product = fair.published_product(market, seller)
    dear = offers.open_offer(seller.actor, product.version_id, replace(fair.TERMS, price=Money(9_900_000, "CNY")))
    cheap = offers.open_offer(seller.actor, product.version_id, replace(fair.TERMS, price=Money(80_000, "HKD")))
    with read() as session:
        [card] = search.products(session, Search()).items
    assert card["prices"] == [Money(9_900_000, "CNY"), Money(80_000, "HKD")]
    assert (
        found(**priced(80_000, 80_000)) == found(**priced(1, 99_999)) == found(**priced(79_999)) == [product.product_id]
    )
    assert found(**priced(80_001)) == found(**priced(None, 79_999)) == found(**priced(1, currency="USD")) == []
    for offer in (dear, cheap):
        offers.close_offer(seller.actor, offer.id)
    assert found(**priced(80_001)) == [product.product_id]
    offers.close_offer(seller.actor, product.offer_id)
    with read() as session:
        [card] = search.products(session, Search()).items
    assert card["prices"] == []
    assert found(chosen={"channel": ["exchange"]}) == []


FINDING = (
    "客流", "车站客流", "日统计", "Visitors", "station visitor", "STATION", "甲数据公司", "交通运输", "Transport",
    "客流 station", "ｖｉｓｉｔｏｒｓ", "进站人次", "每日进站人次。", "station\tday", "客流 " * 5000,
)  # fmt: skip
#: No sign is an operator, none breaks the search.
SIGNS = (
    "客流'", '"客流"', "客流 & !", "客流:*", "(客流", "客流)", "客流\\", "客流 <-> ", "%客流_", "客流🚇", "客流\n",
    "客流;", "客流 | !",
)  # fmt: skip
OTHER = (
    "天气",
    "weather",
    "客流 天气",
    "station weather",
    "🚇",
    "'",
    "' OR 1=1 --",
    "the",
    "。",
    "客" * 500,
    "客流|天气",
)


def test_words_of_both_languages_find_it(market: object, seller: Party) -> None:
    product = fair.published_product(market, seller)
    for text in (*FINDING, *SIGNS):
        assert found(text=text) == [product.product_id], text
    for text in OTHER:
        assert found(text=text) == [], text


def test_facets_are_chosen_together(market: object, seller: Party) -> None:
    plain = fair.published_product(market, seller)
    mining = replace(fair.DESCRIPTION, category="mining", title_zh="矿山产量", title_en="Output of mines")
    content = fair.CSV.replace(b"S1", b"M1")
    derived = fair.published_product(
        market, seller, fair.OWN_SOURCE, fair.open_data(market), content=content, description=mining
    )
    both = [derived.product_id, plain.product_id]
    assert found() == found(chosen={"category": ["mining", "transport"]}) == both
    assert found(chosen={"origin": ["government"]}) == found(chosen={"category": ["mining"]}) == [derived.product_id]
    assert found(chosen={"category": ["mining"], "origin": ["other"]}) == []
    assert found(text="客流", chosen={"source": ["self_collected"]})[-1:] == [plain.product_id]
    with read() as session:
        counts = search.count(session, Search(chosen={"category": ["mining"]}))
        card = search.products(session, Search()).items[0]
    assert counts.found == 1
    assert counts.facets["category"] == {"mining": 1, "transport": 1}
    assert counts.facets["origin"] == {"government": 1}
    assert counts.facets["currency"] == {"HKD": 1}
    assert "price" not in counts.facets
    assert card["government_derived"]
    assert card["source_line"] == {"zh": fair.RECORD.source_line_zh, "en": fair.RECORD.source_line_en, "count": 1}
    assert (card["rows"], card["columns"], card["completeness"], card["format"]) == (40, 3, 1000, "csv")


def test_an_empty_catalogue_has_no_counts(market: object) -> None:
    with read() as session:
        assert search.count(session, Search(text="x")) == search.Counts(0, {})
        assert search.newest(session) == []


def test_pages_follow_each_other(market: object, seller: Party) -> None:
    made = [fair.published_product(market, seller, content=fair.CSV + b"S%d,,5\n" % n).product_id for n in range(3)]
    with read() as session:
        first = search.products(session, Search(text="客流"), limit=2)
        second = search.products(session, Search(text="客流"), limit=2, cursor=first.next_cursor)
        newest = search.newest(session, 1)
    assert [card["product_id"] for card in [*first.items, *second.items]] == made[::-1]
    assert second.next_cursor is None
    assert [card["product_id"] for card in newest] == made[-1:]


def test_restocking_makes_what_is_missing_or_old(market: object, seller: Party) -> None:
    product = fair.published_product(market, seller)
    fair.approved(market, fair.submitted(seller, product_id=product.product_id, content=fair.CSV + b"S1,,5\n"))
    before = on_shelf()
    assert len(before) == 2
    assert shelf.restock() == 0
    with Session(engine()) as session, session.begin():
        session.get_one(ShelfEntry, product.version_id).edition = 0
        session.delete(session.get_one(ShelfEntry, next(key for key in before if key != product.version_id)))
    assert shelf.restock(batch=1) == 2
    assert on_shelf() == before
    assert shelf.restock() == 0


@pytest.mark.parametrize(
    ("profile", "share"),
    [
        ({}, None),
        ({"rows": 0, "columns": [{"nulls": 0}]}, None),
        ({"rows": 3, "columns": [{"nulls": 1}]}, 666),
        ({"rows": 2, "columns": [{"nulls": 0}, {"nulls": 2}]}, 500),
    ],
)
def test_completeness_counts_cells(profile: dict[str, object], share: int | None) -> None:
    assert shelf.completeness(profile) == share
