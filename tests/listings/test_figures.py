"""What overseers see of listings: figures by field, and the ledger of government data products, in their scope."""

import market as fair
import pytest
from people import Party, approved_company, approved_department, staff

from exchange.actors import Actor
from exchange.db import read, transaction
from exchange.errors import Invalid, Refused
from exchange.oversight import restraints
from exchange.oversight.scopes import Reach
from listings import figures, gates, review
from listings.models import Version

WHOLE = Reach(whole=True, keys=frozenset(), cases=frozenset(), authorities=frozenset())
NOTHING = Reach(whole=False, keys=frozenset(), cases=frozenset(), authorities=frozenset())
OVERSEER = Actor("per_overseer", "org_operator", frozenset({"security_administrator"}))


@pytest.fixture
def seller(market: object) -> Party:
    return approved_company(market, "甲公司")


@pytest.fixture
def products(market: object, seller: Party) -> list[fair.Published]:
    """Two made from government data, one from the seller's own."""
    source = fair.open_data(market, approved_department(market, "示例交通局"))
    contents = [fair.CSV + b"S9,2026-04-%02d,7\n" % day for day in (1, 2, 3)]
    return [
        fair.published_product(market, seller, *sources, content=content)
        for sources, content in zip(((source,), (source,), ()), contents, strict=True)
    ]


def only(*subjects: str) -> Reach:
    return Reach(whole=False, keys=frozenset(), cases=frozenset(subjects), authorities=frozenset())


def counted(reach: Reach = WHOLE) -> dict[str, object]:
    with read() as session:
        return {figure.label: (figure.value, figure.of) for figure in figures.listing_figures(session, reach)}


def ledger(reach: Reach = WHOLE) -> list[tuple[str, str]]:
    with read() as session:
        page = figures.government_ledger(session, reach, None)
    return [(line.subject, line.state) for line in page.items]


def test_products_are_counted_within_the_scope(market: object, products: list[fair.Published]) -> None:
    review.suspend(staff(market, "compliance_reviewer"), products[0].version_id, reason="核查")
    assert counted() == {
        "Published products": (2, None),
        "Published, made from government data": (1, 2),
        "Products suspended": (1, None),
        "Products on public notice": (0, None),
    }
    assert counted(only(products[1].version_id))["Published, made from government data"] == (1, 1)
    assert counted(NOTHING)["Published products"] == (0, None)
    with read() as session:
        first = next(iter(figures.listing_figures(session, WHOLE)))
    assert [bar.value for bar in first.bars] == [2]


@pytest.mark.rule("Z-01")
def test_the_ledger_holds_what_government_data_stands_in(
    market: object, seller: Party, products: list[fair.Published]
) -> None:
    older, newer, own = (product.version_id for product in products)
    assert ledger() == [(newer, "published"), (older, "published")]
    review.suspend(staff(market, "compliance_reviewer"), older, reason="核查")
    review.suspend(staff(market, "compliance_reviewer"), own, reason="核查")
    assert ledger() == [(newer, "published"), (older, "suspended")]
    assert ledger(only(older, own)) == [(older, "suspended")]
    assert ledger(NOTHING) == []
    with read() as session:
        line = figures.government_ledger(session, only(newer), None).items[0]
        with pytest.raises(Invalid):
            figures.government_ledger(session, WHOLE, "no cursor")
    assert (line.party, line.cycle, line.feedback_due_at) == ("甲公司", "listing", None)
    assert line.sources == [fair.RECORD.source_line_zh]


def test_the_ledger_is_read_page_by_page(
    market: object, products: list[fair.Published], monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer, own = (product.version_id for product in products)
    review.suspend(staff(market, "compliance_reviewer"), own, reason="核查")
    paged = figures.page
    monkeypatch.setattr(figures, "page", lambda *args, **named: paged(*args, **named, limit=1))
    with read() as session:
        first = figures.government_ledger(session, WHOLE, None)  # a page without a line is passed over
        second = figures.government_ledger(session, WHOLE, first.next_cursor)
    assert [line.subject for line in (*first.items, *second.items)] == [newer, older]
    assert second.next_cursor is None


@pytest.mark.rule("K-05")
@pytest.mark.parametrize("subject", ["cat_transport", restraints.MARKET])
def test_a_field_or_the_market_is_stopped_before_the_log_is_read_off(
    market: object, seller: Party, subject: str
) -> None:
    product = fair.published_product(market, seller)
    restraint = restraints.restrain(OVERSEER, subject, measure="suspension", basis="示例条例第1条", reason="调查")
    with transaction(Actor.clock()) as tx, pytest.raises(Refused) as caught:
        gates.unrestrained(tx, tx.get(Version, product.version_id))
    assert caught.value.code == "restrained"
    restraints.lift(OVERSEER, restraint.id, reason="核查完毕")
    with transaction(Actor.clock()) as tx:
        gates.unrestrained(tx, tx.get(Version, product.version_id))
