import time
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import stripe

from exchange.postgres import Server
from settlement.sandbox.app import Sandbox
from settlement.sandbox.faults import Fault
from settlement.sandbox.store import Connections, install
from settlement.sandbox.transport import InProcessClient

ORDER: Any = {
    "amount": 10_000,
    "currency": "hkd",
    "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
    "payment_method": "pm_card_visa",
    "confirm": True,
}
PAY = "/v1/payment_intents"


@pytest.mark.parametrize(
    ("fault", "error", "done"),
    [
        (Fault.LOST_REQUEST, stripe.APIConnectionError, 0),
        (Fault.LOST_RESPONSE, stripe.APIConnectionError, 1),
        (Fault.ERROR_BEFORE, stripe.APIError, 0),
        (Fault.ERROR_AFTER, stripe.APIError, 1),
        (Fault.RATE_LIMITED, stripe.RateLimitError, 0),
    ],
)
def test_a_fault_befalls_one_call(
    world: Any, api: stripe.V1Services, fault: Fault, error: type[stripe.StripeError], done: int
) -> None:
    world.control.inject(fault, target=PAY, method="POST")
    key: Any = {"idempotency_key": "op_1"}
    assert len(list(api.payment_intents.list())) == 0  # another method
    with pytest.raises(error):
        api.payment_intents.create(ORDER, key)
    assert len(list(api.payment_intents.list())) == done
    assert api.payment_intents.create(ORDER, key).status == "succeeded"
    assert len(list(api.payment_intents.list())) == 1


@pytest.mark.parametrize("fault", [Fault.LOST_REQUEST, Fault.LOST_RESPONSE, Fault.ERROR_BEFORE, Fault.ERROR_AFTER])
def test_the_clients_own_retries_make_one_payment(world: Any, fault: Fault) -> None:
    api = world.client(retries=2)
    world.control.inject(fault, target=PAY, times=2)
    api.payment_intents.create(ORDER)
    assert len(list(api.payment_intents.list())) == len(list(api.charges.list())) == 1


def test_a_delayed_answer_belongs_to_work_already_done(world: Any, api: stripe.V1Services) -> None:
    world.control.inject(Fault.DELAYED, target=PAY, delay=timedelta(seconds=0.3))
    started = time.monotonic()
    api.payment_intents.create(ORDER)
    assert time.monotonic() - started >= 0.3


def test_faults_elsewhere_are_left_alone_and_can_be_cleared(world: Any, api: stripe.V1Services) -> None:
    world.control.inject(Fault.ERROR_BEFORE, target="/v1/refunds", times=5)
    intent = api.payment_intents.create(ORDER)
    world.control.clear_faults()
    assert api.refunds.create({"payment_intent": intent.id}).status == "succeeded"


def test_the_sandbox_takes_no_live_key(sandbox_conninfo: str) -> None:
    with pytest.raises(ValueError, match="test keys"):
        Sandbox(sandbox_conninfo, secret_key="sk_live_real", public_url="http://127.0.0.1:9")


def test_installing_again_changes_nothing_and_lets_a_role_in(near_world: Any, server: Server) -> None:
    intent = near_world.client().payment_intents.create(ORDER)
    install(near_world.conninfo, users=("databourse_app",))
    database = psycopg.conninfo.conninfo_to_dict(near_world.conninfo)["dbname"]
    as_app = Sandbox(
        server.conninfo("databourse_app", database), secret_key="sk_test_ours", public_url="http://127.0.0.1:9"
    )
    api = stripe.StripeClient("sk_test_ours", http_client=InProcessClient(as_app)).v1
    assert api.payment_intents.retrieve(intent.id).status == "succeeded"
    assert api.payment_intents.create(ORDER).status == "succeeded"
    as_app.close()


def test_a_database_that_goes_away_is_a_500_and_comes_back(near_world: Any) -> None:
    api = near_world.client()
    api.balance.retrieve()
    with psycopg.connect(near_world.conninfo, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    with pytest.raises(stripe.APIError) as failed:
        api.balance.retrieve()
    assert failed.value.http_status == 500
    assert api.balance.retrieve().object == "balance"


def test_a_connection_left_inside_a_transaction_is_not_lent_again(sandbox_conninfo: str) -> None:
    connections = Connections(sandbox_conninfo)
    with connections.lend() as first:
        first.execute("BEGIN")
    assert first.closed
    with connections.lend() as second:
        second.execute("SELECT 1")
    with connections.lend() as third:
        assert third is second
    connections.close()
    assert second.closed
