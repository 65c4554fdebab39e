"""Steps of a trade that are none from where it stands, over HTTP: refused by a stable code, with nothing changed."""

import hashlib
from typing import Any

import pytest
from exchange_site import VISA, Site, entries_told, refused, request_of
from people import Party, approved_company

from exchange.db import read
from settlement import lots
from settlement.models import Lot, Order

STEPS: dict[str, tuple[str, dict[str, Any] | None]] = {
    "pay": ("buyer", {"payment_method": VISA}),
    "cancel": ("buyer", None),
    "accept": ("buyer", None),
    "reject": ("buyer", {"reason": "x"}),
    "dispute": ("buyer", {"reason": "x"}),
    "deliver": ("seller", None),
    "decline": ("seller", {"reason": "x"}),
    "settle": ("buyer", {"seller_share_percent": 50}),
    "object": ("buyer", {"reason": "x"}),
}
#: Where each step leads on from; everywhere else it is none.
POSSIBLE = {
    "due": {"pay", "cancel"},
    "delivered": {"accept", "reject", "dispute"},
    "funded": {"deliver", "decline"},
    "disputed": {"settle"},
    "cancelled": set[str](),
    "refunding": set[str](),
}


def brought(site: Site, state: str) -> Lot:
    lot = site.due() if state in {"due", "cancelled"} else site.delivered()
    buyer, seller, here = site.buyer, site.seller, f"/lots/{lot.id}"
    ways: dict[str, list[tuple[Party, str]]] = {
        "cancelled": [(buyer, "cancel")],
        "funded": [(buyer, "reject")],
        "refunding": [(buyer, "reject"), (seller, "decline")],
        "disputed": [(buyer, "dispute")],
    }
    for by, step in ways.get(state, []):
        assert site.call(by, "POST", f"{here}/{step}", STEPS[step][1]).status_code == 201
    return lot


@pytest.mark.parametrize("state", POSSIBLE)
def test_a_step_that_is_none_from_here_is_refused(site: Site, state: str) -> None:
    lot = brought(site, state)
    assert site.state_of(lot) == state
    before = entries_told()
    for step, (side, body) in STEPS.items():
        if step not in POSSIBLE[state]:
            answer = site.call(getattr(site, side), "POST", f"/lots/{lot.id}/{step}", body)
            assert (answer.status_code, answer.json["code"]) in {(409, "wrong_state"), (409, "not_due")}, (
                step,
                answer.text,
            )
    assert (site.state_of(lot), entries_told()) == (state, before)


def test_an_order_that_ended_takes_no_further_step(site: Site) -> None:
    order_id = site.requested()
    assert site.call(site.buyer, "POST", f"/orders/{order_id}/withdraw").status_code == 201
    before = entries_told()
    for by, step, body in (
        (site.buyer, "withdraw", None),
        (site.seller, "sign", {"password": site.seller.password}),
        (site.seller, "decline", {"reason": "x"}),
        (site.buyer, "terminate", {"reason": "x"}),
    ):
        answer = site.call(by, "POST", f"/orders/{order_id}/{step}", body)
        assert (answer.status_code, answer.json["code"]) == (409, "wrong_state"), step
    assert entries_told() == before


# -- other bytes, wrong passwords -------------------------------------------------------------------------------------


@pytest.mark.rule("T-10")
def test_bytes_that_differ_from_the_listing_are_not_accepted(site: Site) -> None:
    lot = site.received(approved_company(site, "他方公司"))  # somebody else's receipt helps nobody
    assert site.state_of(lot) == "delivered"
    mine = site.delivered()
    refused(site.call(site.buyer, "POST", f"/lots/{mine.id}/accept"), "T-10", "receipt_incomplete")
    other = hashlib.sha256(b"other bytes").hexdigest()
    assert site.call(site.buyer, "POST", f"/lots/{mine.id}/receipt", {"sha256": other}).status_code == 201
    refused(site.call(site.buyer, "POST", f"/lots/{mine.id}/accept"), "T-10", "received_differs")
    assert site.call(site.buyer, "POST", f"/lots/{mine.id}/dispute", {"reason": "other bytes"}).status_code == 201


def test_a_contract_is_signed_with_the_password_of_who_signs(site: Site) -> None:
    wrong = site.call(site.buyer, "POST", "/orders", request_of(site, password="not it"))
    assert (wrong.status_code, wrong.json["code"]) == (403, "wrong_password")
    order_id = site.requested()
    signed = site.call(site.seller, "POST", f"/orders/{order_id}/sign", {"password": "not it"})
    assert (signed.status_code, signed.json["code"]) == (403, "wrong_password")
    with read() as session:
        assert session.get_one(Order, order_id).state == "requested"


def test_a_payment_under_way_is_not_ordered_twice(site: Site) -> None:
    lot = site.due()
    lots.pay_lot(site.buyer.actor, lot.id, request={"payment_method": VISA})
    again = site.call(site.buyer, "POST", f"/lots/{lot.id}/pay", {"payment_method": VISA})
    assert (again.status_code, again.json["code"]) == (409, "payment_under_way")
    site.work()
