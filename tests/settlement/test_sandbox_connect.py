import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
import stripe
from werkzeug.test import Client

from settlement.sandbox.cards import charge_fee
from settlement.sandbox.store import PLATFORM

HKD_100 = {
    "amount": 10_000,
    "currency": "hkd",
    "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
    "payment_method": "pm_card_visa",
    "confirm": True,
}


def seller(api: stripe.V1Services) -> str:
    return api.accounts.create({"country": "HK", "capabilities": {"transfers": {"requested": True}}}).id


def available(api: stripe.V1Services, **options: Any) -> int:
    return next((line.amount for line in api.balance.retrieve({}, options).available if line.currency == "hkd"), 0)


def to(account: str, amount: int, **params: Any) -> Any:
    return {"amount": amount, "currency": "hkd", "destination": account, **params}


def test_a_charge_funds_transfers_up_to_its_amount(api: stripe.V1Services) -> None:
    account = seller(api)
    intent = api.payment_intents.create({**HKD_100, "transfer_group": "ord_1"})
    made = api.transfers.create(to(account, 9_000, source_transaction=intent.latest_charge))
    assert (made.transfer_group, made.reversed) == ("ord_1", False)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.transfers.create(to(account, 1_001, source_transaction=intent.latest_charge))
    assert refused.value.param == "amount"
    api.transfers.create(to(account, 1_000, source_transaction=intent.latest_charge))
    assert available(api, stripe_account=account) == 10_000
    assert available(api) == -charge_fee(10_000, "hkd")
    assert [t.amount for t in api.transfers.list({"transfer_group": "ord_1"})] == [1_000, 9_000]
    assert api.transfers.retrieve(made.id).destination == account


def test_without_a_source_the_balance_must_cover_a_transfer(api: stripe.V1Services) -> None:
    account = seller(api)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.transfers.create(to(account, 1))
    assert refused.value.code == "balance_insufficient"
    api.payment_intents.create(HKD_100)
    assert api.transfers.create(to(account, 5_000)).amount == 5_000


def test_transfers_need_a_capable_account_and_a_matching_source(api: stripe.V1Services) -> None:
    account = seller(api)
    incapable = api.accounts.create({"country": "HK"}).id
    charge = api.payment_intents.create(HKD_100).latest_charge
    for params, code in (
        (to("acct_none", 1), "resource_missing"),
        (to(incapable, 1), "insufficient_capabilities_for_transfer"),
        (to(account, 1, source_transaction="ch_none"), "resource_missing"),
        ({**to(account, 1, source_transaction=charge), "currency": "usd"}, None),
    ):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            api.transfers.create(params)
        assert refused.value.code == code


def test_a_reversal_takes_back_what_the_account_still_has(api: stripe.V1Services) -> None:
    account = seller(api)
    charge = api.payment_intents.create(HKD_100).latest_charge
    made = api.transfers.create(to(account, 8_000, source_transaction=charge))
    api.payouts.create({"amount": 5_000, "currency": "hkd"}, {"stripe_account": account})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.transfers.reversals.create(made.id, {"amount": 3_001})
    assert refused.value.code == "balance_insufficient"
    part = api.transfers.reversals.create(made.id, {"amount": 3_000, "metadata": {"operation": "op_1"}})
    with pytest.raises(stripe.InvalidRequestError):
        api.transfers.reversals.create(made.id, {"amount": 5_001})
    assert api.transfers.retrieve(made.id).amount_reversed == 3_000
    assert [r.id for r in api.transfers.reversals.list(made.id)] == [part.id]
    assert available(api, stripe_account=account) == 0


def test_payouts_leave_an_account_and_may_come_back(api: stripe.V1Services, world: Any) -> None:
    account = seller(api)
    charge = api.payment_intents.create(HKD_100).latest_charge
    api.transfers.create(to(account, 8_000, source_transaction=charge))
    as_seller = {"stripe_account": account}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.payouts.create({"amount": 8_001, "currency": "hkd"}, as_seller)
    assert refused.value.code == "balance_insufficient"
    payout = api.payouts.create({"amount": 8_000, "currency": "hkd"}, as_seller)
    assert (payout.status, available(api, **as_seller)) == ("paid", 0)
    world.control.fail_payout(account, payout.id)
    assert api.payouts.retrieve(payout.id, {}, as_seller).status == "failed"
    assert available(api, **as_seller) == 8_000
    with pytest.raises(stripe.InvalidRequestError):
        api.payouts.retrieve(payout.id)  # not the platform's


def test_the_account_header_must_name_a_connected_account(api: stripe.V1Services) -> None:
    account = seller(api)
    assert api.accounts.retrieve(account).country == "HK"
    assert api.accounts.retrieve_current({}, {"stripe_account": account}).id == account
    assert api.accounts.retrieve_current().id == PLATFORM
    with pytest.raises(stripe.PermissionError):
        api.balance.retrieve({}, {"stripe_account": "acct_none"})


def test_an_onboarding_link_returns_the_seller(world: Any, api: stripe.V1Services) -> None:
    link = api.account_links.create(
        {
            "account": seller(api),
            "type": "account_onboarding",
            "return_url": "http://127.0.0.1:9/back",
            "refresh_url": "http://127.0.0.1:9/again",
        }
    )
    answer = Client(world.sandbox.hosted_pages).get("/onboarding/" + link.url.rpartition("/")[2])
    assert (answer.status_code, answer.location) == (303, "http://127.0.0.1:9/back")
    assert Client(world.sandbox.hosted_pages).get("/onboarding/link_none").status_code == 404


def assert_conserved(conninfo: str) -> None:
    """Balances are the sums of their lines, and nothing is in the house that did not come in and stay."""
    with psycopg.connect(conninfo) as connection:
        wrong = connection.execute(
            "SELECT b.account FROM sandbox.balances b WHERE b.available_minor <> (SELECT sum((o.body->>'net')::bigint)"
            " FROM sandbox.objects o WHERE o.kind = 'balance_transaction' AND o.account = b.account"
            " AND o.body->>'currency' = b.currency)"
        ).fetchall()
        held, outside, inside = connection.execute(
            "SELECT (SELECT sum(available_minor) FROM sandbox.balances),"
            " sum((body->>'net')::bigint) FILTER (WHERE body->>'type' IN"
            " ('charge', 'refund', 'adjustment', 'payout', 'payout_failure')),"
            " sum((body->>'net')::bigint) FILTER (WHERE body->>'type' IN"
            " ('transfer', 'payment', 'transfer_refund', 'payment_refund'))"
            " FROM sandbox.objects WHERE kind = 'balance_transaction'"
        ).fetchone()
        overdrawn = connection.execute(
            "SELECT account FROM sandbox.balances WHERE available_minor < 0 AND account <> %s", [PLATFORM]
        ).fetchall()
    assert (wrong, overdrawn, inside) == ([], [], 0)
    assert held == outside


def test_money_is_conserved_under_eight_threads(world: Any) -> None:
    api = world.client(retries=2)
    accounts = [seller(api) for _ in range(2)]
    charges = [api.payment_intents.create(HKD_100).latest_charge for _ in range(3)]

    def work(seed: int) -> None:
        dice = random.Random(seed)  # noqa: S311  (a game, not a secret)
        for _ in range(6):
            account, charge, amount = dice.choice(accounts), dice.choice(charges), dice.randint(1, 6_000)
            try:
                match dice.randrange(4):
                    case 0:
                        api.refunds.create({"charge": charge, "amount": amount})
                    case 1:
                        api.transfers.create(to(account, amount, source_transaction=charge))
                    case 2:
                        transfers = list(api.transfers.list({"destination": account}))
                        if transfers:
                            api.transfers.reversals.create(dice.choice(transfers).id, {"amount": amount})
                    case 3:
                        api.payouts.create({"amount": amount, "currency": "hkd"}, {"stripe_account": account})
            except stripe.InvalidRequestError:
                continue  # more than there was

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    for charge in charges:
        assert api.charges.retrieve(charge).amount_refunded <= 10_000
    assert_conserved(world.conninfo)


def test_eight_threads_cannot_refund_or_transfer_more_than_the_charge(world: Any) -> None:
    api = world.client()
    account, charge = seller(api), api.payment_intents.create(HKD_100).latest_charge

    def attempt(index: int) -> str:
        try:
            if index % 2:
                api.refunds.create({"charge": charge, "amount": 6_000})
            else:
                api.transfers.create(to(account, 6_000, source_transaction=charge))
        except stripe.InvalidRequestError:
            return "refused"
        return "refund" if index % 2 else "transfer"

    with ThreadPoolExecutor(8) as pool:
        outcomes = sorted(pool.map(attempt, range(8)))
    assert outcomes == ["refund", *["refused"] * 6, "transfer"]
    assert_conserved(world.conninfo)


def test_balance_lines_tell_the_story_in_order(api: stripe.V1Services) -> None:
    account = seller(api)
    intent = api.payment_intents.create(HKD_100)
    moved = api.transfers.create(to(account, 4_000, source_transaction=intent.latest_charge))
    api.transfers.reversals.create(moved.id)
    api.refunds.create({"payment_intent": intent.id})
    lines = list(api.balance_transactions.list())
    assert [(line.type, line.amount) for line in lines] == [
        ("refund", -10_000),
        ("transfer_refund", 4_000),
        ("transfer", -4_000),
        ("charge", 10_000),
    ]
    assert sum(line.net for line in lines) == available(api)
    (line,) = api.balance_transactions.list({"type": "transfer"})
    assert api.balance_transactions.retrieve(line.id).source == moved.id
