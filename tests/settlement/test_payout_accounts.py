"""Payout accounts: asked for here, opened at the gateway by the worker, once."""

import json
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from delivered import (
    Desk,
    Shop,
    desk_fixture,  # noqa: F401  (a fixture)
    found,
    shop_fixture,  # noqa: F401  (a fixture)
    story,
)
from people import Party, approved_company, registered
from sqlalchemy import select

from exchange.actors import Actor
from exchange.db import read, transaction
from exchange.errors import Conflict, Forbidden, Refused, Unavailable, WrongState
from exchange.models import Outbox
from settlement import payout_accounts
from settlement.delivery_models import PayoutAccount
from settlement.gateways.stripe_gateway import StripeGateway, open_gateway
from settlement.jobs import outbox
from settlement.money_models import STRIPE, GatewayAccount
from settlement.sandbox.faults import Fault
from settlement.sandbox.transport import InProcessClient


@pytest.fixture
def seller(shop: Shop) -> Party:
    return approved_company(shop.database, "供方公司")


def requested(seller: Party) -> PayoutAccount:
    return payout_accounts.request_account(seller.actor, country="HK")


def carried(gateway: StripeGateway, account: PayoutAccount) -> PayoutAccount:
    """The account after the worker carried its outbox row."""
    with read() as session:
        rows = session.scalars(select(Outbox).where(Outbox.kind == payout_accounts.CREATE))
        (payload,) = [row.payload for row in rows if row.payload["payout_account_id"] == account.id]
    outbox(gateway)[payout_accounts.CREATE](payload)
    return found(PayoutAccount, account.id)  # type: ignore[no-any-return]


def accounts_at(world: Any) -> int:
    """How many connected accounts the gateway holds."""
    with psycopg.connect(world.conninfo) as connection:
        (count,) = connection.execute("SELECT count(*) FROM sandbox.objects WHERE kind = 'account'").fetchone() or (0,)
    return int(count)


def test_the_worker_opens_the_account(near_world: Any, seller: Party) -> None:
    account = requested(seller)
    assert account.state == "requested"
    ready = carried(near_world.gateway(), account)
    assert ready.state == "ready"
    assert story(account.id) == ["payout_account.requested", "payout_account.ready"]
    assert found(GatewayAccount, (STRIPE, seller.org_id)).account_id == ready.account_id
    with transaction(Actor.clock()) as tx:
        assert payout_accounts.ready_account(tx, seller.org_id).id == account.id
    assert carried(near_world.gateway(), account).account_id == ready.account_id  # at least once is harmless


@pytest.mark.parametrize("fault", [Fault.LOST_REQUEST, Fault.LOST_RESPONSE, Fault.ERROR_BEFORE, Fault.ERROR_AFTER])
def test_no_answer_means_asking_again_under_the_same_key(near_world: Any, seller: Party, fault: Fault) -> None:
    account = requested(seller)
    near_world.control.inject(fault, target="/v1/accounts", method="POST", times=10)
    with pytest.raises(Unavailable):
        carried(near_world.gateway(), account)
    assert found(PayoutAccount, account.id).state == "requested"
    near_world.control.clear_faults()
    assert carried(near_world.gateway(), account).state == "ready"
    assert accounts_at(near_world) == 1


def test_a_key_that_the_gateway_forgot_is_not_used_again(
    near_world: Any, seller: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payout_accounts, "KEY_LIFETIME", timedelta(0))
    failed = carried(near_world.gateway(), requested(seller))
    assert (failed.state, failed.problem) == ("failed", payout_accounts.NEVER_ANSWERED)
    assert accounts_at(near_world) == 0


def test_a_refusal_of_the_gateway_ends_it_and_another_may_be_asked_for(near_world: Any, seller: Party) -> None:
    def refusing(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("400 Bad Request", [("Content-Type", "application/json")])
        error = {"type": "invalid_request_error", "code": "country_unsupported", "message": "not there"}
        return [json.dumps({"error": error}).encode()]

    account = requested(seller)
    failed = carried(open_gateway("sk_test_ours", http_client=InProcessClient(refusing)), account)
    assert (failed.state, failed.problem) == ("failed", "gateway.country_unsupported")
    with transaction(Actor.clock()) as tx, pytest.raises(Conflict, match="no payout account yet"):
        payout_accounts.ready_account(tx, seller.org_id)
    again = requested(seller)
    assert carried(near_world.gateway(), again).state == "ready"
    with pytest.raises(WrongState):
        payout_accounts.make_account_ready(Actor.gateway(), account.id, account_id="acct_other")


def test_one_account_for_each_seller(seller: Party) -> None:
    requested(seller)
    with pytest.raises(Conflict) as conflict:
        requested(seller)
    assert conflict.value.code == "payout_account_exists"


def test_only_the_gateway_answers(seller: Party) -> None:
    account = requested(seller)
    with pytest.raises(Forbidden):
        payout_accounts.make_account_ready(seller.actor, account.id, account_id="acct_mine")
    with pytest.raises(Forbidden):
        payout_accounts.fail_account(seller.actor, account.id, code="x")


@pytest.mark.rule("I-01")
def test_a_seller_that_was_not_vetted_gets_none(shop: Shop) -> None:
    with pytest.raises(Refused) as refusal:
        requested(registered(shop.database, "未审核公司"))
    assert refusal.value.rule_id == "I-01"


def test_payout_accounts_over_the_api(shop: Shop, desk: Desk, seller: Party) -> None:
    for country in ("hk", "HKG", "1K", ""):
        assert desk("POST", "/payout-accounts", seller.actor, json={"country": country}).status_code == 422
    trader = Actor("per_trader", seller.org_id, frozenset({"trader"}))
    assert desk("POST", "/payout-accounts", trader, json={"country": "HK"}).status_code == 403
    key = {"Idempotency-Key": "payout-1"}
    answer = desk("POST", "/payout-accounts", seller.actor, json={"country": "HK"}, headers=key)
    assert (answer.status_code, answer.json["state"]) == (201, "requested")
    again = desk("POST", "/payout-accounts", seller.actor, json={"country": "HK"}, headers=key)
    assert (again.status_code, again.json) == (201, answer.json)
    path = f"/payout-accounts/{answer.json['id']}"
    assert desk("GET", path, seller.actor).json == answer.json
    assert desk("GET", path, shop.buyer.actor).status_code == 404
    assert desk("GET", "/payout-accounts", seller.actor).json["items"] == [answer.json]
    assert desk("GET", "/payout-accounts", shop.buyer.actor).json["items"] == []
