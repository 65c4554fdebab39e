from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import stripe

from settlement.sandbox.app import KEY_LIFETIME, KEY_LOCKS
from settlement.sandbox.store import PLATFORM

ORDER: Any = {
    "amount": 10_000,
    "currency": "hkd",
    "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
    "payment_method": "pm_card_visa",
    "confirm": True,
}
KEY: Any = {"idempotency_key": "op_1"}


def test_the_same_order_under_the_same_key_is_replayed(api: stripe.V1Services) -> None:
    first = api.payment_intents.create(ORDER, KEY)
    again = api.payment_intents.create(ORDER, KEY)
    assert again.id == first.id
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.last_response.headers
    assert len(list(api.payment_intents.list())) == 1


def test_another_order_under_a_used_key_is_an_error(api: stripe.V1Services) -> None:
    api.payment_intents.create(ORDER, KEY)
    for call in (
        lambda: api.payment_intents.create({**ORDER, "amount": 10_001}, KEY),
        lambda: api.refunds.create({"payment_intent": "pi_any"}, KEY),
    ):
        with pytest.raises(stripe.IdempotencyError):
            call()
    assert len(list(api.payment_intents.list())) == 1


def test_a_decline_is_replayed_too(api: stripe.V1Services) -> None:
    declined = {**ORDER, "payment_method": "pm_card_chargeDeclined"}
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            api.payment_intents.create(declined, KEY)
    assert len(list(api.payment_intents.list())) == 1


def test_a_refusal_that_had_begun_is_replayed(api: stripe.V1Services) -> None:
    account = api.accounts.create({"country": "HK", "capabilities": {"transfers": {"requested": True}}}).id
    order = {"amount": 1_000, "currency": "hkd", "destination": account}
    for _ in range(2):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            api.transfers.create(order, KEY)
        assert refused.value.code == "balance_insufficient"
        api.payment_intents.create(ORDER)  # from now on there is enough, and still the answer stands
    assert api.transfers.create(order, {"idempotency_key": "op_2"}).amount == 1_000


def test_a_malformed_order_leaves_its_key_unused(api: stripe.V1Services) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        api.payment_intents.create({**ORDER, "amount": 1}, KEY)
    assert api.payment_intents.create(ORDER, KEY).status == "succeeded"


def test_keys_belong_to_an_account_and_end_after_a_day(near_world: Any) -> None:
    api = near_world.client()
    account = api.accounts.create({"country": "HK"}).id
    first = api.payment_intents.create(ORDER, KEY)
    theirs = api.payment_intents.create(ORDER, {**KEY, "stripe_account": account})
    with psycopg.connect(near_world.conninfo) as connection:
        connection.execute(
            "UPDATE sandbox.answers SET created_at = created_at - %s", [KEY_LIFETIME + timedelta(minutes=1)]
        )
    later = api.payment_intents.create(ORDER, KEY)
    assert len({first.id, theirs.id, later.id}) == 3
    with pytest.raises(stripe.IdempotencyError):
        api.payment_intents.create(ORDER, {"idempotency_key": "k" * 256})


def test_a_key_in_use_is_409(near_world: Any) -> None:
    api = near_world.client()
    with psycopg.connect(near_world.conninfo) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [KEY_LOCKS, f"{PLATFORM} op_1"])
        with pytest.raises(stripe.APIError) as busy:
            api.payment_intents.create(ORDER, KEY)
    assert (busy.value.http_status, busy.value.error.code) == (409, "idempotency_key_in_use")
    assert api.payment_intents.create(ORDER, KEY).status == "succeeded"


def test_eight_threads_with_one_key_make_one_payment(world: Any) -> None:
    api = world.client(retries=8)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: api.payment_intents.create(ORDER, KEY).id, range(8)))
    assert len(set(made)) == 1
    assert len(list(api.payment_intents.list())) == len(list(api.balance_transactions.list())) == 1
