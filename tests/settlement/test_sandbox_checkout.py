import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import stripe
from werkzeug.test import Client

from exchange import clock
from settlement.sandbox.webhooks import deliver_webhooks

SHOP = "https://shop.example"


def order(**params: Any) -> Any:
    return {
        "mode": "payment",
        "line_items": [
            {
                "price_data": {"currency": "hkd", "unit_amount": 5_000, "product_data": {"name": "<Rain> 雨量"}},
                "quantity": 2,
            }
        ],
        "payment_intent_data": {"metadata": {"reference": "lot_1"}, "transfer_group": "ord_1"},
        "success_url": SHOP + "/paid?session={CHECKOUT_SESSION_ID}",
        "cancel_url": SHOP + "/back",
        **params,
    }


def page(world: Any, session: Any, card: str | None = None, action: str = "pay") -> Any:
    browser, path = Client(world.sandbox.hosted_pages), f"/checkout/{session.id}"
    if card is None and action == "pay":
        return browser.get(path)
    return browser.post(path, data={"card_number": card or "", "action": action})


def test_a_payer_pays_on_the_hosted_page(world: Any, api: stripe.V1Services) -> None:
    session = api.checkout.sessions.create(order())
    assert (session.status, session.payment_intent, session.amount_total) == ("open", None, 10_000)
    assert session.url == f"http://127.0.0.1:9/sandbox/checkout/{session.id}"
    paid = page(world, session, "4242 4242 4242 4242")
    assert (paid.status_code, paid.location) == (303, f"{SHOP}/paid?session={session.id}")
    after = api.checkout.sessions.retrieve(session.id)
    assert (after.status, after.payment_status, after.url) == ("complete", "paid", None)
    intent = api.payment_intents.retrieve(after.payment_intent)
    assert (intent.status, intent.metadata["reference"], intent.transfer_group) == ("succeeded", "lot_1", "ord_1")
    assert [s.id for s in api.checkout.sessions.list({"payment_intent": intent.id})] == [session.id]
    assert page(world, session).status_code == 303  # a reload does not pay again
    assert page(world, session, "4242424242424242").status_code == 303
    assert len(list(api.charges.list())) == 1


def test_a_declined_card_may_be_followed_by_a_good_one(world: Any, api: stripe.V1Services) -> None:
    session = api.checkout.sessions.create(order())
    for number in ("4000000000000002", "4000 0000 0000 9995", "1234"):
        declined = page(world, session, number)
        assert declined.status_code == 402
        assert "declined" in declined.text
    assert api.checkout.sessions.retrieve(session.id).status == "open"
    assert page(world, session, "4000002500003155").status_code == 303
    assert [charge.status for charge in api.charges.list()] == ["succeeded", "failed", "failed"]
    assert len(list(api.payment_intents.list())) == 1


def test_the_page_is_plain_html_that_says_sandbox(near_world: Any) -> None:
    session = near_world.client().checkout.sessions.create(order())
    shown = page(near_world, session)
    assert "SANDBOX 沙盒" in shown.text
    assert "100.00 HKD" in shown.text
    assert "&lt;Rain&gt; 雨量" in shown.text
    assert "<script" not in shown.text
    assert "form-action" not in shown.headers["Content-Security-Policy"]
    assert not re.search(r"\b(src|href)=", shown.text)  # nothing comes from elsewhere
    assert page(near_world, session, action="cancel").location == SHOP + "/back"
    assert Client(near_world.sandbox.hosted_pages).get("/checkout/cs_test_none").status_code == 404
    assert Client(near_world.sandbox.hosted_pages).get("/v1/balance").status_code == 404


def test_an_expired_session_takes_no_money(world: Any, api: stripe.V1Services) -> None:
    session = api.checkout.sessions.create(order())
    page(world, session, "4000000000000002")
    assert api.checkout.sessions.expire(session.id).status == "expired"
    assert page(world, session, "4242424242424242").status_code == 410
    (intent,) = api.payment_intents.list()
    assert intent.status == "canceled"
    with pytest.raises(stripe.InvalidRequestError, match="expired"):
        api.checkout.sessions.expire(session.id)


def test_only_its_page_confirms_or_cancels_what_checkout_began(world: Any, api: stripe.V1Services) -> None:
    session = api.checkout.sessions.create(order())
    page(world, session, "4000000000000002")
    (intent,) = api.payment_intents.list()
    for step in (api.payment_intents.cancel, api.payment_intents.confirm):
        with pytest.raises(stripe.InvalidRequestError, match=r"created by Checkout|return_url"):
            step(intent.id)


def test_sessions_expire_by_themselves(near_world: Any) -> None:
    api = near_world.client()
    seen, swept = (api.checkout.sessions.create(order()) for _ in range(2))
    with psycopg.connect(near_world.conninfo) as connection:
        connection.execute(
            "UPDATE sandbox.objects SET body = body || '{\"expires_at\": 1}' WHERE kind = 'checkout.session'"
        )
    assert page(near_world, seen, "4242424242424242").status_code == 410
    deliver_webhooks(near_world.conninfo, lambda *_: 200)
    expired = {event.data.object["id"] for event in api.events.list({"type": "checkout.session.expired"})}
    assert expired == {seen.id, swept.id}
    assert api.checkout.sessions.retrieve(swept.id).status == "expired"


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"success_url": "javascript:alert(1)"}, "success_url"),
        ({"success_url": "/paid"}, "success_url"),
        ({"mode": "subscription"}, "mode"),
        ({"line_items": []}, "line_items"),
        ({"line_items": [{"price": "price_1", "quantity": 1}]}, "line_items[0][price_data][currency]"),
        ({"allow_promotion_codes": True}, "allow_promotion_codes"),
        ({"expires_at": 1}, "expires_at"),
        ({"expires_at": int((clock.real_now() + timedelta(hours=25)).timestamp())}, "expires_at"),
    ],
)
def test_wrong_sessions_are_refused(near_world: Any, wrong: dict[str, Any], param: str | None) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        near_world.client().checkout.sessions.create(order(**wrong))
    assert refused.value.param == param


def test_two_payers_at_once_pay_once(near_world: Any) -> None:
    api = near_world.client()
    session = api.checkout.sessions.create(order())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: page(near_world, session, "4242424242424242").status_code, range(8)))
    assert answers == [303] * 8
    assert len(list(api.charges.list())) == 1
