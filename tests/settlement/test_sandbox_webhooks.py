import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import stripe

from settlement.sandbox.faults import Fault
from settlement.sandbox.webhooks import MAX_ATTEMPTS, deliver_webhooks

URL = "http://127.0.0.1:9/hook"
ORDER: Any = {
    "amount": 10_000,
    "currency": "hkd",
    "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
    "payment_method": "pm_card_visa",
    "confirm": True,
}


class Receiver:
    """Keeps what it is sent and answers ``status``."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.status = 200
        self.refused = 0
        self.events: list[Any] = []

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        assert url == URL
        try:
            event = stripe.Webhook.construct_event(body, headers["Stripe-Signature"], self.secret)
        except stripe.SignatureVerificationError:
            self.refused += 1
            return 401
        if self.status == 200:
            self.events.append(event)
        return self.status

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.events]


def listen(api: stripe.V1Services, *types: str, connect: bool = False) -> Receiver:
    endpoint = api.webhook_endpoints.create({"url": URL, "enabled_events": [*types], "connect": connect})
    return Receiver(endpoint.secret)


def make_due(conninfo: str) -> None:
    with psycopg.connect(conninfo) as connection:
        connection.execute("UPDATE sandbox.deliveries SET due_at = due_at - interval '1 hour'")


def test_signed_events_arrive_in_order_and_once(world: Any, api: stripe.V1Services) -> None:
    receiver = listen(api, "*")
    intent = api.payment_intents.create(ORDER)
    assert deliver_webhooks(world.conninfo, receiver) == 3
    assert receiver.types == ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]
    assert receiver.events[2].data.object["id"] == intent.id
    assert deliver_webhooks(world.conninfo, receiver) == 0
    (kept,) = api.events.list({"type": "payment_intent.succeeded"})
    assert api.events.retrieve(kept.id).id == receiver.events[2].id


def test_a_changed_byte_or_an_old_signature_is_refused(near_world: Any) -> None:
    api, sent = near_world.client(), []
    receiver = listen(api, "payment_intent.succeeded")
    api.payment_intents.create(ORDER)
    deliver_webhooks(near_world.conninfo, lambda _, body, headers: sent.append((body, headers)) or 200)
    ((body, headers),) = sent
    signature = headers["Stripe-Signature"]
    assert stripe.Webhook.construct_event(body, signature, receiver.secret).type == "payment_intent.succeeded"
    for wrong in (body.replace(b"10000", b"10001"), body + b" "):
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(wrong, signature, receiver.secret)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body, signature, "whsec_other")


def test_an_endpoint_hears_what_it_asked_for_until_it_is_deleted(api: stripe.V1Services, world: Any) -> None:
    receiver = listen(api, "refund.created")
    intent = api.payment_intents.create(ORDER)
    api.refunds.create({"payment_intent": intent.id, "amount": 1})
    (endpoint,) = api.webhook_endpoints.list()
    assert "secret" not in api.webhook_endpoints.retrieve(endpoint.id).to_dict()
    deliver_webhooks(world.conninfo, receiver)
    assert receiver.types == ["refund.created"]
    api.refunds.create({"payment_intent": intent.id, "amount": 1})
    assert api.webhook_endpoints.delete(endpoint.id).deleted
    assert deliver_webhooks(world.conninfo, receiver) == 0


def test_events_of_connected_accounts_go_to_connect_endpoints(near_world: Any) -> None:
    api = near_world.client()
    account = api.accounts.create({"country": "HK", "capabilities": {"transfers": {"requested": True}}}).id
    charge = api.payment_intents.create(ORDER).latest_charge
    api.transfers.create({"amount": 5_000, "currency": "hkd", "destination": account, "source_transaction": charge})
    own, connected = listen(api, "payout.paid"), listen(api, "payout.paid", connect=True)
    api.payouts.create({"amount": 5_000, "currency": "hkd"}, {"stripe_account": account})
    deliver_webhooks(near_world.conninfo, connected)
    assert (own.events, [event.account for event in connected.events]) == ([], [account])


@pytest.mark.parametrize("answer", [500, 302, OSError])
def test_an_event_that_is_not_taken_is_sent_again_later(near_world: Any, answer: Any) -> None:
    api = near_world.client()
    receiver = listen(api, "payment_intent.succeeded")
    api.payment_intents.create(ORDER)

    def failing(*_: Any) -> int:
        if answer is OSError:
            raise ConnectionRefusedError
        return answer

    assert deliver_webhooks(near_world.conninfo, failing) == 0
    assert deliver_webhooks(near_world.conninfo, receiver) == 0  # not due yet
    make_due(near_world.conninfo)
    assert deliver_webhooks(near_world.conninfo, receiver) == 1


def test_deliveries_are_given_up_in_the_end(near_world: Any) -> None:
    api = near_world.client()
    receiver = listen(api, "payment_intent.succeeded")
    api.payment_intents.create(ORDER)
    receiver.status = 500
    for _ in range(MAX_ATTEMPTS):
        deliver_webhooks(near_world.conninfo, receiver)
        make_due(near_world.conninfo)
    receiver.status = 200
    make_due(near_world.conninfo)
    assert deliver_webhooks(near_world.conninfo, receiver) == 0


def test_a_duplicated_event_keeps_its_id(near_world: Any) -> None:
    api = near_world.client()
    receiver = listen(api, "payment_intent.succeeded")
    near_world.control.inject(Fault.WEBHOOK_DUPLICATE, target="payment_intent.succeeded")
    for _ in range(2):
        api.payment_intents.create(ORDER)
    assert deliver_webhooks(near_world.conninfo, receiver) == 3
    first, again, other = (event.id for event in receiver.events)
    assert first == again != other


def test_an_overtaken_event_comes_last(near_world: Any) -> None:
    api = near_world.client()
    receiver = listen(api, "*")
    near_world.control.inject(Fault.WEBHOOK_OVERTAKEN, target="payment_intent.created")
    api.payment_intents.create(ORDER)
    deliver_webhooks(near_world.conninfo, receiver)
    assert receiver.types == ["charge.succeeded", "payment_intent.succeeded", "payment_intent.created"]


def test_a_late_event_waits(near_world: Any) -> None:
    api = near_world.client()
    receiver = listen(api, "payment_intent.succeeded")
    near_world.control.inject(Fault.WEBHOOK_LATE, target="payment_intent.succeeded", delay=timedelta(minutes=30))
    api.payment_intents.create(ORDER)
    assert deliver_webhooks(near_world.conninfo, receiver) == 0
    make_due(near_world.conninfo)
    assert deliver_webhooks(near_world.conninfo, receiver) == 1


def test_a_forged_event_does_not_verify(near_world: Any) -> None:
    api = near_world.client()
    receiver = listen(api, "payment_intent.succeeded")
    near_world.control.inject(Fault.WEBHOOK_FORGED, target="payment_intent.succeeded")
    api.payment_intents.create(ORDER)
    assert deliver_webhooks(near_world.conninfo, receiver) == 0
    assert (receiver.events, receiver.refused) == ([], 1)


def test_four_workers_deliver_each_event_once(near_world: Any) -> None:
    api = near_world.client()
    receiver = listen(api, "*")
    for _ in range(6):
        api.payment_intents.create(ORDER)
    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda _: deliver_webhooks(near_world.conninfo, receiver), range(4)))
    assert sum(counts) == len({event.id for event in receiver.events}) == 18


def test_an_event_is_a_snapshot(near_world: Any) -> None:
    api, bodies = near_world.client(), []
    listen(api, "payment_intent.created")
    api.payment_intents.create(ORDER)
    deliver_webhooks(near_world.conninfo, lambda _, body, __: bodies.append(json.loads(body)) or 200)
    assert bodies[0]["data"]["object"]["status"] == "requires_confirmation"
