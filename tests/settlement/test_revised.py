"""Who holds a right to use goods is told of newer data of them; a field that is stopped stops at once."""

from collections.abc import Iterator
from dataclasses import replace

import market as fair
import pytest
from delivered import (
    CONTENT,
    OVERSEER,
    Shop,
    bought,
    grants_of,
    restrained,
    shop_fixture,  # noqa: F401  (a fixture)
    story,
)
from market import Published
from sqlalchemy import select

from exchange import handlers
from exchange.actors import Actor
from exchange.db import read, transaction
from exchange.errors import Forbidden, Refused
from exchange.journal.models import JournalEntry
from exchange.models import Due
from exchange.oversight import restraints
from listings import revisions
from listings.models import Offer, Version
from settlement import gates as settlement_gates
from settlement import grants, jobs
from settlement.models import Lot, Order


@pytest.fixture(autouse=True)
def listening() -> Iterator[None]:
    """The room hears of revisions, as ``wsgi`` lets it."""
    before = list(handlers._handlers[revisions.REVISED])
    for news, handler in jobs.HANDLERS.items():
        handlers.on(news, handler)
    yield
    handlers._handlers[revisions.REVISED][:] = before


@pytest.fixture
def product(shop: Shop) -> Published:
    return fair.published_product(shop.database, shop.seller, content=CONTENT)


def revised(shop: Shop, version_id: str, number: int) -> Version:
    deposit_id = fair.deposited(shop.seller, CONTENT + b"S9,2026-04-%02d,%d\n" % (number, number))
    return revisions.revise(shop.seller.actor, version_id, deposit_id=deposit_id, note="四月数据 / April")


def on(product: Published, version: Version) -> Published:
    """The product as the revision offers it."""
    with read() as session:
        offer_id = session.scalars(select(Offer.id).where(Offer.version_id == version.id)).one()
    return replace(product, version_id=version.id, offer_id=offer_id)


def work(version_id: str) -> int:
    """Carry out what is due for the revision; how many rounds it took."""
    rounds = 0
    while True:
        with read() as session:
            due = session.scalars(select(Due).where(Due.kind == grants.REVISED, Due.subject == version_id)).one()
        jobs.DUE[due.kind](Actor.clock(), due.subject)
        rounds += 1
        with read() as session:
            if session.get_one(Due, due.id).at == due.at:  # the worker forgets a row that was not put off
                return rounds


def entry_of(grant_id: str) -> JournalEntry:
    with read() as session:
        told = select(JournalEntry).where(JournalEntry.subject == grant_id, JournalEntry.action == "grant.revised")
        return session.scalars(told.order_by(JournalEntry.seq.desc())).first()  # type: ignore[return-value]


def test_holders_of_live_grants_are_told_once(shop: Shop, product: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    trades = [bought(shop, product=product) for _ in range(3)]
    revision = revised(shop, product.version_id, 2)
    held = [grants_of(trade)[0] for trade in trades]
    assert [story(grant.id) for grant in held] == [["grant.opened"]] * 3  # nobody yet: that is the worker's
    monkeypatch.setattr(grants, "BATCH", 2)
    assert work(revision.id) == 2
    work(revision.id)  # again, as a worker that died would
    for grant in held:
        assert story(grant.id) == ["grant.opened", "grant.revised"]
        entry = entry_of(grant.id)
        assert {grant.lot_id, grant.order_id, revision.id} <= set(entry.links)
        assert entry.org_id == shop.seller.org_id  # so the seller is not told of its own doing
    assert [grants_of(trade)[0].version_id for trade in trades] == [product.version_id] * 3  # told, and no more


def test_a_later_revision_is_told_to_holders_of_all_before_it_and_an_earlier_one_never_after(
    shop: Shop, product: Published
) -> None:
    first = bought(shop, product=product)
    second = revised(shop, product.version_id, 2)
    newer = bought(shop, product=on(product, second))
    third = revised(shop, second.id, 3)
    work(third.id)
    work(second.id)
    for trade in (first, newer):
        (grant,) = grants_of(trade)
        assert story(grant.id) == ["grant.opened", "grant.revised"]
        assert third.id in entry_of(grant.id).links


def test_who_holds_nothing_any_more_is_not_told(shop: Shop, product: Published) -> None:
    trade = bought(shop, product=product)
    (grant,) = grants_of(trade)
    with transaction(Actor.clock()) as tx:
        grants.revoke(tx, trade.order_id, "refunded")
    work(revised(shop, product.version_id, 2).id)
    assert story(grant.id) == ["grant.opened", "grant.revoked"]


def test_only_the_clock_tells(shop: Shop, product: Published) -> None:
    with pytest.raises(Forbidden):
        grants.tell_holders(shop.seller.actor, product.version_id)


@pytest.mark.rule("K-05")
@pytest.mark.parametrize("subject", ["cat_transport", restraints.MARKET])
def test_a_field_or_the_market_is_stopped_before_the_log_is_read_off(
    shop: Shop, product: Published, subject: str
) -> None:
    trade = bought(shop, product=product)
    restraint_id = restrained(subject)
    try:
        with transaction(Actor.clock()) as tx:
            order, lot = tx.get(Order, trade.order_id), tx.get(Lot, trade.lot_id)
            with pytest.raises(Refused) as caught:
                settlement_gates.unrestrained(tx, order, lot)
        assert caught.value.code == "restrained"
    finally:
        restraints.lift(OVERSEER, restraint_id, reason="核查完毕")
    with transaction(Actor.clock()) as tx:
        settlement_gates.unrestrained(tx, tx.get(Order, trade.order_id))
