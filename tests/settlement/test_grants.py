"""Grants: opened at delivery, ended by their term or by what undoes the trade."""

from dataclasses import replace
from datetime import timedelta

import pytest
from delivered import (
    DIGEST,
    Desk,
    Shop,
    answered,
    bought,
    desk_fixture,  # noqa: F401  (a fixture)
    fetched,
    grants_of,
    lot_of,
    order_of,
    shop_fixture,  # noqa: F401  (a fixture)
    story,
)
from market import TERMS
from people import approved_company
from sqlalchemy import select

from exchange.actors import Actor
from exchange.db import advance_clock, read
from exchange.errors import Forbidden, NotFound, WrongState
from exchange.models import Due
from listings import offers
from settlement import delivery, grants, lots
from settlement.delivery_states import GRANT
from settlement.jobs import DUE
from settlement.money_models import REFUND


def test_a_delivery_opens_a_grant_for_the_offers_term(shop: Shop) -> None:
    trade = bought(shop)
    (grant,) = grants_of(trade)
    assert (grant.state, grant.org_id, grant.digest) == ("live", shop.buyer.org_id, DIGEST)
    assert grant.ends_at == (lot_of(trade).available_at or grant.created_at) + timedelta(days=TERMS.term_days)
    assert story(grant.id) == ["grant.opened"]


def test_a_grant_expires_with_its_term_and_the_file_with_it(shop: Shop) -> None:
    offer = offers.open_offer(shop.seller.actor, shop.product.version_id, replace(TERMS, term_days=1))
    trade = bought(shop, product=replace(shop.product, offer_id=offer.id))
    (grant,) = grants_of(trade)
    with pytest.raises(WrongState):
        grants.expire_grant(Actor.clock(), grant.id)
    with pytest.raises(Forbidden):
        grants.expire_grant(shop.seller.actor, grant.id)
    token = delivery.issue_ticket(shop.buyer.actor, trade.lot_id).token
    advance_clock(Actor.clock(), timedelta(days=1, seconds=1))
    # The term counts although no worker has come by yet.
    with pytest.raises(WrongState, match="has ended"):
        delivery.issue_ticket(shop.buyer.actor, trade.lot_id)
    with read() as session:
        due = session.scalars(select(Due).where(Due.kind == "grant.expire", Due.subject == grant.id)).one()
    assert due.at == grant.ends_at
    DUE[due.kind](Actor.clock(), due.subject)
    (grant,) = grants_of(trade)
    assert (grant.state, story(grant.id)) == ("expired", ["grant.opened", "grant.expired"])
    with pytest.raises(NotFound):
        delivery.open_delivery(shop.buyer.actor, token)


def test_a_refund_revokes(shop: Shop) -> None:
    trade = bought(shop)
    fetched(shop, trade)
    lots.reject_lot(shop.buyer.actor, trade.lot_id, reason="与验收标准不符")
    lots.decline_lot(shop.seller.actor, trade.lot_id, reason="不能交付")
    answered(trade.lot_id, REFUND)
    assert order_of(trade).state == "refunded"
    (grant,) = grants_of(trade)
    assert (grant.state, grant.closing_reason) == ("revoked", "refunded")
    with pytest.raises(WrongState):
        grants.expire_grant(Actor.clock(), grant.id)


def test_what_was_accepted_is_fetched_again_while_the_grant_lives(shop: Shop) -> None:
    trade = bought(shop)
    content = fetched(shop, trade)
    delivery.confirm_receipt(shop.buyer.actor, trade.lot_id, DIGEST)
    lots.accept_lot(shop.buyer.actor, trade.lot_id)
    assert fetched(shop, trade) == content
    assert grants_of(trade)[0].state == "live"


def test_a_party_lists_its_own_grants_page_by_page(shop: Shop, desk: Desk) -> None:
    made = {grant.id for grant in grants_of(bought(shop)) + grants_of(bought(shop))}
    first = desk("GET", "/grants?limit=1", shop.buyer.actor).json
    second = desk("GET", f"/grants?limit=1&cursor={first['next_cursor']}", shop.buyer.actor).json
    assert {first["items"][0]["id"], second["items"][0]["id"]} == made
    assert first["items"][0]["sha256"] == DIGEST.hex()
    stranger = approved_company(shop.database, "第三方公司")
    assert desk("GET", "/grants", stranger.actor).json == {"items": [], "next_cursor": None}
    assert desk("GET", "/grants", shop.seller.actor).json["items"] == []
    assert desk("GET", "/grants").status_code == 401


@pytest.mark.parametrize("state", sorted(GRANT.final))
def test_an_ended_grant_takes_no_further_step(state: str) -> None:
    for action in ("expire", "revoke"):
        with pytest.raises(WrongState):
            GRANT.edge(state, action)
