"""The same request twice, two requests at once, and a gateway in trouble: things happen once, and money moves once."""

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import stripe
from exchange_site import HOOK, VISA, Site, entries_told, request_of
from people import Party, approved_company
from sqlalchemy import func, select, text
from werkzeug.test import TestResponse

from exchange.actors import Actor
from exchange.db import advance_clock, engine, read
from exchange.journal.models import JournalEntry
from settlement import ledger, money
from settlement.models import Lot, Order
from settlement.money_models import GatewayEvent
from settlement.sandbox.faults import ON_CALLS, Fault
from tests.flows.test_foreign_things import OFFER

PRICE = 120_000


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The payment client's pauses between its attempts, in a test's time."""
    monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0.02)
    monkeypatch.setattr(stripe.HTTPClient, "MAX_DELAY", 0.1)


def at_once(*calls: Callable[[], TestResponse]) -> list[TestResponse]:
    """What each call was answered, all having begun together."""
    barrier = threading.Barrier(len(calls))
    answers: dict[int, TestResponse] = {}

    def run(place: int, call: Callable[[], TestResponse]) -> None:
        barrier.wait()
        answers[place] = call()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [answers[place] for place in range(len(calls))]


def told(lot: Lot, action: str) -> int:
    """How often the lot's story tells of an action."""
    with read() as session:
        of = select(func.count()).where(JournalEntry.subject == lot.id, JournalEntry.action == action)
        return session.scalar(of) or 0


def money_of(lot: Lot) -> dict[str, int]:
    with read() as session:
        found = ledger.lot_money(session, lot.id)
        names = ("funded", "held", "released", "refunded", "fee")
        return {name: getattr(found, f"{name}_minor") for name in names if found and getattr(found, f"{name}_minor")}


def ops_of(lot: Lot) -> list[tuple[str, str]]:
    with read() as session:
        return [(op.kind, op.state) for op in money.ops_of(session, lot.id)]


# -- idempotency keys --------------------------------------------------------------------------------------------------


def requests_of(site: Site) -> list[tuple[Party, str, dict[str, Any], dict[str, Any]]]:
    """Who, where, a body, and another one."""
    lot = site.due()
    return [
        (site.buyer, "/orders", request_of(site), {"disputes": "none"}),
        (site.buyer, f"/lots/{lot.id}/pay", {"payment_method": VISA}, {"payment_method": "pm_card_mastercard"}),
        (site.seller, "/offers", OFFER | {"version_id": site.product.version_id}, {"term_days": 2}),
        (site.seller, "/declarations", {"content": {"sources": []}}, {"content": {"ground": "A"}}),
        (
            site.seller,
            "/deposits",
            {"file_name": "a.csv", "size_bytes": 5, "media_type": "text/csv"},
            {"size_bytes": 6},
        ),
    ]


def test_the_same_request_under_the_same_key_is_answered_with_the_same_subject(site: Site) -> None:
    for by, path, body, other in requests_of(site):
        first = site.call(by, "POST", path, body, key="k-1")
        before = entries_told()
        again = site.call(by, "POST", path, body, key="k-1")
        assert (first.status_code, again.status_code, again.json["id"]) == (201, 201, first.json["id"]), path
        changed = site.call(by, "POST", path, body | other, key="k-1")
        assert (changed.status_code, changed.json["code"]) == (409, "key_reused"), path
        assert entries_told() == before


def test_one_key_sent_eight_times_at_once_makes_one_order(site: Site) -> None:
    buyer = approved_company(site, "八手公司")
    body = request_of(site, password=buyer.password)
    answers = at_once(*[lambda: site.call(buyer, "POST", "/orders", body, key="at-once")] * 8)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json["id"] for answer in answers}) == 1
    with read() as session:
        assert session.scalar(select(func.count()).where(Order.buyer_org_id == buyer.org_id)) == 1


def test_a_key_belongs_to_one_person_at_one_desk_and_to_one_thing_done(site: Site) -> None:
    buyer = approved_company(site, "另一需方")
    mine = site.call(site.buyer, "POST", "/orders", request_of(site), key="shared")
    theirs = site.call(buyer, "POST", "/orders", request_of(site, password=buyer.password), key="shared")
    assert (mine.status_code, theirs.status_code) == (201, 201)
    assert mine.json["id"] != theirs.json["id"]
    elsewhere = Actor(site.buyer.person_id, buyer.org_id, frozenset({"owner"}))
    third = site.call(elsewhere, "POST", "/orders", request_of(site), key="shared")
    assert third.json["id"] not in {mine.json["id"], theirs.json["id"]}
    withdrawn = site.call(site.buyer, "POST", f"/orders/{mine.json['id']}/withdraw", key="shared")
    assert (withdrawn.status_code, withdrawn.json["state"]) == (201, "cancelled")


def test_a_refused_request_leaves_its_key_free(site: Site) -> None:
    wrong = site.call(site.buyer, "POST", "/orders", request_of(site, password="not it"), key="free")
    assert wrong.status_code == 403
    outside = site.call(site.buyer, "POST", "/orders", request_of(site, purpose="commercial.insurance"), key="free")
    assert outside.status_code == 409
    assert site.call(site.buyer, "POST", "/orders", request_of(site), key="free").status_code == 201


# -- at once ----------------------------------------------------------------------------------------------------------


def test_two_acceptances_at_once_release_once(site: Site) -> None:
    lot = site.received()
    answers = at_once(*[lambda: site.call(site.buyer, "POST", f"/lots/{lot.id}/accept")] * 6)
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]
    site.work()
    assert (told(lot, "lot.accepted"), site.state_of(lot)) == (1, "settled")
    assert ops_of(lot) == [("payment", "confirmed"), ("transfer", "confirmed")]
    assert money_of(lot) == {"funded": PRICE, "released": 116_400, "fee": 3_600}


@pytest.mark.parametrize("_round", range(3))
def test_acceptance_against_dispute_at_once(site: Site, _round: int) -> None:
    lot = site.received()
    here = f"/lots/{lot.id}"
    accepted, disputed = at_once(
        lambda: site.call(site.buyer, "POST", f"{here}/accept"),
        lambda: site.call(site.buyer, "POST", f"{here}/dispute", {"reason": "half the rows"}),
    )
    assert {accepted.status_code, disputed.status_code} == {201, 409}
    site.work()
    ended = "settled" if accepted.status_code == 201 else "disputed"
    assert site.state_of(lot) == ended
    assert money_of(lot).get("held", 0) == (PRICE if ended == "disputed" else 0)


def test_two_orders_to_pay_at_once_are_one_payment(site: Site) -> None:
    lot = site.due()
    answers = at_once(*[lambda: site.call(site.buyer, "POST", f"/lots/{lot.id}/pay", {"payment_method": VISA})] * 5)
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    site.work()
    assert ops_of(lot) == [("payment", "confirmed")]
    assert money_of(lot) == {"funded": PRICE, "held": PRICE}


# -- the gateway in trouble -------------------------------------------------------------------------------------------


def test_a_declined_card_leaves_the_lot_due_and_another_pays(site: Site) -> None:
    lot = site.due()
    site.call(site.buyer, "POST", f"/lots/{lot.id}/pay", {"payment_method": "pm_card_chargeDeclined"})
    site.work()
    assert (site.state_of(lot), money_of(lot)) == ("due", {})
    (payment,) = site.call(site.buyer, "GET", f"/lots/{lot.id}").json["payments"]
    assert (payment["state"], bool(payment["problem"])) == ("failed", True)
    assert site.call(site.buyer, "POST", f"/lots/{lot.id}/pay", {"payment_method": VISA}).status_code == 201
    site.work()
    assert money_of(lot) == {"funded": PRICE, "held": PRICE}


@pytest.mark.parametrize("fault", sorted(ON_CALLS))
def test_whatever_befalls_the_calls_there_is_one_payment_in_the_end(site: Site, fault: Fault) -> None:
    lot = site.due()
    site.control.inject(fault, times=6)
    assert site.call(site.buyer, "POST", f"/lots/{lot.id}/pay", {"payment_method": VISA}).status_code == 201
    site.work()
    site.control.clear_faults()
    site.work()
    assert ops_of(lot) == [("payment", "confirmed")]
    assert money_of(lot) == {"funded": PRICE, "held": PRICE}
    assert site.state_of(lot) == "delivered"
    assert charges_of(lot) == 1


def charges_of(lot: Lot) -> int:
    """How many charges the sandbox holds for a lot that took money."""
    of = text(
        "SELECT count(*) FROM sandbox.objects WHERE kind = 'charge'"
        " AND body->>'transfer_group' = :lot AND body->>'status' = 'succeeded'"
    )
    with engine().connect() as connection:
        return int(connection.execute(of, {"lot": lot.id}).scalar_one())


@pytest.mark.parametrize("fault", [Fault.WEBHOOK_DUPLICATE, Fault.WEBHOOK_OVERTAKEN, Fault.WEBHOOK_FORGED])
def test_events_twice_out_of_order_or_forged_fund_once(site: Site, fault: Fault) -> None:
    lot = site.due()
    site.control.inject(fault, times=3)
    site.call(site.buyer, "POST", f"/lots/{lot.id}/pay", {"payment_method": VISA})
    site.work()
    site.control.clear_faults()
    site.work()
    assert (told(lot, "lot.funded"), money_of(lot)) == (1, {"funded": PRICE, "held": PRICE})


def signed(site: Site, event: dict[str, Any], *, secret: str | None = None, age_seconds: int = 0) -> tuple[str, str]:
    """An event's body and its signature, by the gateway's secret or another one."""
    body, at = json.dumps(event), int(time.time()) - age_seconds
    key = secret or site.house.config.webhook_secret
    digest = hmac.new(key.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
    return body, f"t={at},v1={digest}"


def event_of(object_id: str, kind: str = "payment_intent.succeeded") -> dict[str, Any]:
    return {
        "id": f"evt_{object_id}",
        "object": "event",
        "type": kind,
        "created": int(time.time()),
        "livemode": False,
        "api_version": None,
        "pending_webhooks": 0,
        "request": None,
        "data": {"object": {"id": object_id, "object": kind.partition(".")[0], "status": "succeeded"}},
    }


def events_kept() -> int:
    with read() as session:
        return session.scalar(select(func.count()).select_from(GatewayEvent)) or 0


def test_an_event_that_the_gateway_did_not_sign_is_not_kept(site: Site) -> None:
    before, client = events_kept(), site.app.test_client()
    body, good = signed(site, event_of("pi_forged"))
    stale = signed(site, event_of("pi_forged"), age_seconds=3600)
    forged = signed(site, event_of("pi_forged"), secret="whsec_somebody_elses")
    for sent, signature in ((body, ""), (body, "t=1,v1=00"), (f"{body} ", good), stale, forged, (body, "é" * 9)):
        answer = client.post(HOOK, data=sent, headers={"Stripe-Signature": signature.encode().decode("latin-1")})
        assert answer.status_code == 400, signature
    assert client.post(HOOK, data=b"x" * (256 * 1024 + 1)).status_code == 413
    assert events_kept() == before


def test_a_signed_event_alone_moves_no_money(site: Site) -> None:
    """An event says that something changed, never what is true: the object is read, and an unknown one is nothing."""
    lot = site.due()
    body, signature = signed(site, event_of("pi_unknown"))
    client = site.app.test_client()
    for _replayed in range(2):
        assert client.post(HOOK, data=body, headers={"Stripe-Signature": signature}).status_code == 200
    site.deliver_events()
    with read() as session:
        kept = select(func.count()).where(GatewayEvent.id == "evt_pi_unknown")
        assert session.scalar(kept) == 1
    assert (site.state_of(lot), money_of(lot)) == ("due", {})
    with engine().begin() as connection:  # nobody will ever answer for it
        connection.execute(text("UPDATE outbox SET done_at = created_at WHERE payload->>'event_id' = 'evt_pi_unknown'"))


def test_a_payment_after_the_lapse_goes_back(site: Site) -> None:
    """The last of this module: the exchange's clock moves on."""
    lot = site.due()
    page = {"return_url": "https://buyer.example/back"}
    assert site.call(site.buyer, "POST", f"/lots/{lot.id}/pay", page).status_code == 201
    site.work()
    (payment,) = site.call(site.buyer, "GET", f"/lots/{lot.id}").json["payments"]
    advance_clock(Actor.clock(), timedelta(days=4))
    site.work()
    assert site.state_of(lot) == "cancelled"
    late = site.call(site.buyer, "POST", f"/lots/{lot.id}/pay", {"payment_method": VISA})
    assert (late.status_code, late.json["code"]) == (409, "not_due")
    assert site.control.pay_checkout(payment["page_url"].rpartition("/")[2], "4242424242424242") is None
    site.work()
    assert site.state_of(lot) == "refunded"
    assert money_of(lot) == {"funded": PRICE, "refunded": PRICE}
