"""Offers, and what stands between an offer and an order."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import market as fair
import pytest
from market import Published
from people import Party, approved_company, staff

from exchange import workdays
from exchange.actors import Actor
from exchange.db import advance_clock, read, transaction
from exchange.errors import Conflict, Forbidden, Invalid, NotFound, Refused, WrongState
from exchange.journal import entry, queries
from exchange.members.vetting import restore_party, suspend_party
from exchange.money import Money
from exchange.oversight.restraints import lift, restrain
from listings import gates, goods, grading, offers, review, versions
from listings.models import Offer

SECURITY = Actor("per_x", "org_operator", frozenset({"security_administrator"}))


@pytest.fixture
def seller(market: object) -> Party:
    return approved_company(market, "甲公司")


@pytest.fixture
def on_sale(market: object, seller: Party) -> Published:
    return fair.published_product(market, seller)


def order(offer_id: str, *, negotiation_open: bool = False) -> Offer:
    """What settlement asks before it takes an order."""
    with transaction(Actor.clock()) as tx:
        return gates.orderable(tx, offer_id, negotiation_open=negotiation_open)[0]


def conflict(act: Callable[[], object]) -> str:
    with pytest.raises(Conflict) as caught:
        act()
    return caught.value.code


def refusal(act: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(Refused) as caught:
        act()
    return caught.value.rule_id, caught.value.code


def test_an_offer_on_a_published_version_can_be_ordered(on_sale: Published) -> None:
    with transaction(Actor.clock()) as tx:
        offer, version, product = gates.orderable(tx, on_sale.offer_id)
    assert (offer.id, version.id, product.id) == (on_sale.offer_id, on_sale.version_id, on_sale.product_id)
    assert offer.price == Money(120_000, "HKD")
    with read() as session:
        (made,) = queries.story(session, on_sale.offer_id)
    assert entry.parse(made.body)["facts"]["price"] == {"minor": "120000", "currency": "HKD"}


def test_goods_are_described_and_opened_by_version(on_sale: Published) -> None:
    with transaction(Actor.clock()) as tx:
        described = goods.describe(tx, on_sale.version_id)
    found = goods.open_goods(on_sale.version_id)
    assert (described.digest, described.size_bytes) == (found.digest, found.size_bytes)
    assert b"".join(found.open_range(0, found.size_bytes)) == fair.CSV
    assert not described.government_derived
    assert described.source_lines == ()
    with pytest.raises(NotFound):
        goods.open_goods("ver_none")
    assert "key" not in repr(found)


@pytest.mark.rule("G-15")
def test_the_source_line_goes_with_the_goods(market: object, seller: Party) -> None:
    made = fair.published_product(market, seller, fair.open_data(market))
    with transaction(Actor.clock()) as tx:
        described = goods.describe(tx, made.version_id)
    assert described.government_derived
    assert [line.zh for line in described.source_lines] == [fair.RECORD.source_line_zh]


@pytest.mark.rule("G-01")
def test_a_government_derived_version_has_no_direct_offer(market: object, seller: Party) -> None:
    made = fair.published_product(market, seller, fair.open_data(market))
    direct = replace(fair.TERMS, channel="direct")
    assert refusal(lambda: offers.open_offer(seller.actor, made.version_id, direct))[0] == "G-01"
    elsewhere = replace(fair.TERMS, channel="other_exchange", exchange_name="上海数据交易所")
    assert offers.open_offer(seller.actor, made.version_id, elsewhere).state == "open"


def test_a_direct_offer_is_a_shop_window(market: object, seller: Party) -> None:
    made = fair.published_product(market, seller, channel="direct")
    with pytest.raises(Conflict) as caught:
        order(made.offer_id)
    assert caught.value.code == "not_traded_here"


@pytest.mark.rule("G-17")
def test_purposes_outside_the_agreement_are_not_offered(market: object, seller: Party) -> None:
    source = fair.agreed_data(market, seller)
    version = fair.approved(market, fair.submitted(seller, source))
    outside = replace(fair.TERMS, purposes=("commercial.insurance",))
    assert refusal(lambda: offers.open_offer(seller.actor, version.id, outside))[0] == "G-17"
    assert offers.open_offer(seller.actor, version.id, fair.TERMS).state == "open"


@pytest.mark.rule("G-18")
def test_an_agreement_that_ends_stops_orders_at_that_moment(market: object, seller: Party) -> None:
    with read():
        last_day = workdays.beijing_date(fair.clock.now()) + timedelta(days=20)
    made = fair.published_product(market, seller, fair.agreed_data(market, seller, ends_on=last_day))
    order(made.offer_id)
    advance_clock(Actor.clock(), timedelta(days=21))
    assert refusal(lambda: order(made.offer_id)) == ("G-18", "agreement_ended")


@pytest.mark.rule("I-02")
def test_a_suspended_sellers_offer_cannot_be_ordered(market: object, seller: Party, on_sale: Published) -> None:
    officer = staff(market, "vetting_officer")
    suspend_party(officer, seller.org_id, reason="reason")
    assert refusal(lambda: order(on_sale.offer_id)) == ("I-02", "party_suspended")
    restore_party(officer, seller.org_id, reason="reason")
    order(on_sale.offer_id)
    advance_clock(Actor.clock(), timedelta(days=370))
    assert refusal(lambda: order(on_sale.offer_id)) == ("I-02", "party_lapsed")


@pytest.mark.rule("K-05")
def test_nothing_restrained_can_be_ordered(on_sale: Published) -> None:
    for subject in (on_sale.product_id, on_sale.version_id, on_sale.offer_id, on_sale.declaration_id):
        restraint = restrain(SECURITY, subject, measure="suspension", basis="basis", reason="reason")
        assert refusal(lambda: order(on_sale.offer_id)) == ("K-05", "restrained")
        lift(SECURITY, restraint.id, reason="reason")
        order(on_sale.offer_id)


def test_only_what_is_published_and_open_can_be_ordered(market: object, seller: Party) -> None:
    version = fair.approved(market, fair.submitted(seller))
    offer = offers.open_offer(seller.actor, version.id, fair.TERMS)
    with pytest.raises(Conflict) as early:
        order(offer.id)
    assert early.value.code == "not_on_sale"
    fair.published(version)
    order(offer.id)
    reviewer = staff(market, "compliance_reviewer")
    review.suspend(reviewer, version.id, reason="核查")
    with pytest.raises(Conflict):
        order(offer.id)
    review.restore(reviewer, version.id, reason="核查完毕")
    order(offer.id)
    offers.close_offer(seller.actor, offer.id)
    with pytest.raises(Conflict) as closed:
        order(offer.id)
    assert closed.value.code == "offer_closed"
    with pytest.raises(WrongState):
        offers.close_offer(seller.actor, offer.id)
    with pytest.raises(NotFound):
        order("off_none")


def test_offers_are_seen_by_reviewers_and_ordered_only_when_published(market: object, seller: Party) -> None:
    version = fair.submitted(seller)
    offer = offers.open_offer(seller.actor, version.id, fair.TERMS)
    with pytest.raises(Conflict) as caught:
        order(offer.id)
    assert caught.value.code == "not_on_sale"


def test_what_is_over_is_not_offered(market: object, seller: Party) -> None:
    version = fair.submitted(seller)
    versions.withdraw(seller.actor, version.id)
    with pytest.raises(Conflict) as caught:
        offers.open_offer(seller.actor, version.id, fair.TERMS)
    assert caught.value.code == "not_offerable"


@pytest.mark.rule("P-01")
def test_nothing_is_offered_before_its_origin_is_declared(market: object, seller: Party) -> None:
    draft = versions.create_product(seller.actor, fair.DESCRIPTION)
    assert refusal(lambda: offers.open_offer(seller.actor, draft.id, fair.TERMS)) == ("P-01", "declaration_missing")


@pytest.mark.rule("G-01")
def test_a_direct_offer_of_what_turns_out_government_derived_stops_it(market: object, seller: Party) -> None:
    draft = versions.create_product(seller.actor, fair.DESCRIPTION)
    own, government = fair.declared(seller), fair.declared(seller, fair.open_data(market))
    versions.attach(seller.actor, draft.id, deposit_id=fair.deposited(seller), declaration_id=own)
    direct = offers.open_offer(seller.actor, draft.id, replace(fair.TERMS, channel="direct"))
    versions.attach(seller.actor, draft.id, declaration_id=government)
    assert refusal(lambda: versions.submit(seller.actor, draft.id))[0] == "G-01"
    offers.close_offer(seller.actor, direct.id)
    grading.grade_version(seller.actor, draft.id, fair.GRADED)
    assert versions.submit(seller.actor, draft.id).state == "submitted"


def test_why_a_version_cannot_be_ordered_has_a_code(market: object, seller: Party, on_sale: Published) -> None:
    reviewer = staff(market, "compliance_reviewer")
    review.suspend(reviewer, on_sale.version_id, reason="核查")
    for negotiating in (False, True):
        assert conflict(lambda: order(on_sale.offer_id, negotiation_open=negotiating)) == "version_suspended"  # noqa: B023
    review.restore(reviewer, on_sale.version_id, reason="核查完毕")
    fair.published(fair.approved(market, fair.submitted(seller, product_id=on_sale.product_id)))
    assert conflict(lambda: order(on_sale.offer_id)) == "version_superseded"
    assert order(on_sale.offer_id, negotiation_open=True).id == on_sale.offer_id
    offers.close_offer(seller.actor, on_sale.offer_id)
    assert order(on_sale.offer_id, negotiation_open=True).state == "closed"


def test_terms_have_bounds(seller: Party, on_sale: Published) -> None:
    for changes, code in (
        ({"price": Money(0, "HKD")}, "invalid_amount"),
        ({"purposes": ()}, "purpose_missing"),
        ({"purposes": ("commercial.spying",)}, "unknown_purpose"),
        ({"term_days": 0}, "invalid_term"),
        ({"inspection_hours": 0}, "invalid_term"),
        ({"channel": "other_exchange"}, "exchange_name"),
        ({"exchange_name": "上海数据交易所"}, "exchange_name"),
        ({"channel": "anywhere"}, "unknown_channel"),
    ):
        with pytest.raises(Invalid) as caught:
            offers.open_offer(seller.actor, on_sale.version_id, replace(fair.TERMS, **changes))  # type: ignore[arg-type]
        assert caught.value.code == code


def test_another_party_neither_offers_nor_closes(market: object, on_sale: Published) -> None:
    other = approved_company(market, "乙公司")
    with pytest.raises(NotFound):
        offers.open_offer(other.actor, on_sale.version_id, fair.TERMS)
    with pytest.raises(NotFound):
        offers.close_offer(other.actor, on_sale.offer_id)
    with pytest.raises(Forbidden):
        offers.close_offer(staff(market, "compliance_reviewer"), on_sale.offer_id)
