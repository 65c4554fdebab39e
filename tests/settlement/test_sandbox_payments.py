from typing import Any

import pytest
import stripe

from settlement.sandbox.cards import charge_fee
from settlement.sandbox.errors import ApiError

NO_REDIRECTS = {"enabled": True, "allow_redirects": "never"}
HKD_100 = {"amount": 10_000, "currency": "hkd", "automatic_payment_methods": NO_REDIRECTS}


def pay(api: stripe.V1Services, payment_method: str = "pm_card_visa", **params: Any) -> Any:
    return api.payment_intents.create({**HKD_100, "payment_method": payment_method, "confirm": True, **params})


def available(api: stripe.V1Services, currency: str = "hkd", **options: Any) -> int:
    funds = api.balance.retrieve({}, options).available
    return next((line.amount for line in funds if line.currency == currency), 0)


def test_a_confirmed_payment_succeeds_and_the_balance_grows_by_its_net(api: stripe.V1Services) -> None:
    intent = pay(api, metadata={"reference": "lot_1"}, transfer_group="ord_1")
    charge = api.charges.retrieve(intent.latest_charge)
    assert (intent.status, intent.amount_received) == ("succeeded", 10_000)
    assert (charge.paid, charge.captured, charge.transfer_group) == (True, True, "ord_1")
    assert charge.metadata["reference"] == "lot_1"
    assert available(api) == 10_000 - charge_fee(10_000, "hkd") == 10_000 - 340 - 235


def test_create_confirm_and_retrieve_are_steps_of_their_own(api: stripe.V1Services) -> None:
    intent = api.payment_intents.create(HKD_100)
    assert intent.status == "requires_payment_method"
    confirmed = api.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert api.payment_intents.retrieve(intent.id).status == confirmed.status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.payment_intents.confirm(intent.id)
    assert refused.value.code == "payment_intent_unexpected_state"


def test_manual_capture_takes_a_part_and_releases_the_rest(api: stripe.V1Services) -> None:
    intent = pay(api, capture_method="manual")
    assert (intent.status, available(api)) == ("requires_capture", 0)
    captured = api.payment_intents.capture(intent.id, {"amount_to_capture": 6_000})
    charge = api.charges.retrieve(captured.latest_charge)
    assert (captured.status, captured.amount_received) == ("succeeded", 6_000)
    assert (charge.amount_captured, charge.amount_refunded) == (6_000, 4_000)


def test_nothing_is_captured_after_a_cancellation(api: stripe.V1Services) -> None:
    intent = pay(api, capture_method="manual")
    assert api.payment_intents.cancel(intent.id).status == "canceled"
    for step in (api.payment_intents.capture, api.payment_intents.cancel):
        with pytest.raises(stripe.InvalidRequestError, match="status of canceled"):
            step(intent.id)
    assert available(api) == 0


@pytest.mark.parametrize(
    ("payment_method", "decline_code"),
    [
        ("pm_card_chargeDeclined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient_funds"),
    ],
)
def test_a_declined_card_leaves_a_failed_charge_and_no_money(
    api: stripe.V1Services, payment_method: str, decline_code: str
) -> None:
    with pytest.raises(stripe.CardError) as declined:
        pay(api, payment_method)
    error = declined.value.error
    assert (declined.value.code, error.decline_code) == ("card_declined", decline_code)
    intent = api.payment_intents.retrieve(error.payment_intent["id"])
    assert intent.status == "requires_payment_method"
    assert api.charges.retrieve(intent.latest_charge).status == "failed"
    assert available(api) == 0
    assert api.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"}).status == "succeeded"


@pytest.mark.parametrize(
    ("number", "outcome"),
    [
        ("4242424242424242", "succeeded"),
        ("4000000000000259", "succeeded"),
        ("4000000000000002", "generic_decline"),
        ("4000000000009995", "insufficient_funds"),
        ("4111111111111111", "test_mode_live_card"),
    ],
)
def test_test_cards_do_what_stripe_documents(api: stripe.V1Services, number: str, outcome: str) -> None:
    try:
        card = {"number": number, "exp_month": 12, "exp_year": 2040, "cvc": "123"}
        method = api.payment_methods.create({"type": "card", "card": card})
        met = pay(api, method.id).status
    except stripe.CardError as declined:
        met = declined.error.decline_code
    assert met == outcome


def test_a_card_that_asks_its_holder(api: stripe.V1Services) -> None:
    asked = pay(api, "pm_card_authenticationRequired")
    assert (asked.status, asked.latest_charge) == ("requires_action", None)
    with pytest.raises(stripe.CardError) as declined:
        pay(api, "pm_card_authenticationRequired", error_on_requires_action=True)
    assert declined.value.code == "authentication_required"


def test_refunds_in_parts_never_exceed_the_charge(api: stripe.V1Services) -> None:
    intent = pay(api)
    first = api.refunds.create({"payment_intent": intent.id, "amount": 3_000, "metadata": {"reference": "lot_1"}})
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        api.refunds.create({"payment_intent": intent.id, "amount": 7_001})
    second = api.refunds.create({"charge": intent.latest_charge})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.refunds.create({"payment_intent": intent.id})
    assert refused.value.code == "charge_already_refunded"
    assert (first.amount, second.amount, second.status) == (3_000, 7_000, "succeeded")
    assert [refund.id for refund in api.refunds.list({"payment_intent": intent.id})] == [second.id, first.id]
    assert api.refunds.retrieve(first.id).metadata["reference"] == "lot_1"
    assert api.charges.retrieve(intent.latest_charge).refunded
    assert available(api) == -charge_fee(10_000, "hkd")  # Stripe keeps its fee


def test_what_was_not_charged_is_not_refunded(api: stripe.V1Services) -> None:
    unpaid = api.payment_intents.create(HKD_100)
    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        api.refunds.create({"payment_intent": unpaid.id})
    held = pay(api, capture_method="manual")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.refunds.create({"payment_intent": held.id})
    assert refused.value.code == "charge_not_captured"


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"currency": "hkd"}, "parameter_missing", "amount"),
        ({"amount": 10_000}, "parameter_missing", "currency"),
        ({"amount": "ten", "currency": "hkd"}, "parameter_invalid_integer", "amount"),
        ({"amount": "1e5", "currency": "hkd"}, "parameter_invalid_integer", "amount"),
        ({"amount": 0, "currency": "hkd"}, "parameter_invalid_integer", "amount"),
        ({"amount": 399, "currency": "hkd"}, "amount_too_small", "amount"),
        ({"amount": 100_000_000, "currency": "hkd"}, "amount_too_large", "amount"),
        ({"amount": 10_000, "currency": "xau"}, None, "currency"),
        ({"amount": 10_000, "currency": ""}, "parameter_invalid_empty", "currency"),
        ({**HKD_100, "colour": "red"}, "parameter_unknown", "colour"),
        ({**HKD_100, "metadata": {"k" * 41: "v"}}, None, "metadata[" + "k" * 41 + "]"),
        ({**HKD_100, "automatic_payment_methods": {"on": True}}, "parameter_unknown", "automatic_payment_methods[on]"),
        ({**HKD_100, "payment_method": "pm_none"}, "resource_missing", "payment_method"),
        (
            {"amount": 10_000, "currency": "hkd", "payment_method": "pm_card_visa", "confirm": True},
            None,
            "return_url",
        ),
    ],
)
def test_parameters_are_refused_in_stripes_words(
    near_world: Any, params: dict[str, Any], code: str | None, param: str | None
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        near_world.client().payment_intents.create(params)
    assert (refused.value.code, refused.value.param) == (code, param)


def test_the_smallest_charge_in_a_currency_without_decimals(api: stripe.V1Services) -> None:
    assert pay(api, amount=50, currency="jpy").status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError):
        pay(api, amount=49, currency="jpy")


def test_missing_things_and_unknown_paths_are_404(api: stripe.V1Services) -> None:
    for missing in (
        lambda: api.payment_intents.retrieve("pi_none"),
        lambda: api.charges.retrieve("ch_none"),
        lambda: api.refunds.create({"payment_intent": "pi_none"}),
    ):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            missing()
        assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")
    with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL"):
        api.customers.create({})


def test_live_and_foreign_keys_are_refused(world: Any) -> None:
    for key in ("sk_live_real", "rk_live_real", "sk_test_theirs", "sk_test_ourselves"):
        with pytest.raises(stripe.AuthenticationError):
            world.client(key=key).balance.retrieve()


def test_lists_are_paged_by_cursors_both_ways(api: stripe.V1Services) -> None:
    made = [pay(api).id for _ in range(5)]
    newest_first = made[::-1]
    assert [p.id for p in api.payment_intents.list({"limit": 2}).auto_paging_iter()] == newest_first
    page = api.payment_intents.list({"limit": 2, "starting_after": newest_first[0]})
    assert ([p.id for p in page], page.has_more) == (newest_first[1:3], True)
    before = api.payment_intents.list({"limit": 2, "ending_before": newest_first[3]})
    assert [p.id for p in before] == newest_first[1:3]
    since = api.payment_intents.list({"ending_before": made[1], "limit": 2}).auto_paging_iter()
    assert [p.id for p in since] == made[2:]
    with pytest.raises(stripe.InvalidRequestError):
        api.payment_intents.list({"starting_after": "pi_none"})


def test_charges_are_listed_by_group_and_expanded(api: stripe.V1Services) -> None:
    intent = pay(api, transfer_group="ord_1")
    pay(api, transfer_group="ord_2")
    (charge,) = api.charges.list({"transfer_group": "ord_1", "expand": ["data.payment_intent"]})
    assert charge.payment_intent.id == intent.id
    expanded = api.payment_intents.retrieve(intent.id, {"expand": ["latest_charge.balance_transaction"]})
    assert expanded.latest_charge.balance_transaction.fee == charge_fee(10_000, "hkd")
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        api.payment_intents.retrieve(intent.id, {"expand": ["amount"]})


def test_a_disputed_charge_takes_the_money_back_and_bars_refunds(api: stripe.V1Services, world: Any) -> None:
    intent = pay(api, "pm_card_createDispute")
    (dispute,) = api.disputes.list({"payment_intent": intent.id})
    after_charge = 10_000 - charge_fee(10_000, "hkd")
    assert available(api) == after_charge - 10_000 - 8_500
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.refunds.create({"payment_intent": intent.id})
    assert refused.value.code == "charge_disputed"
    assert world.control.decide_dispute(dispute.id, "won")["status"] == "won"
    assert available(api) == after_charge - 8_500
    with pytest.raises(stripe.InvalidRequestError, match="already closed"):
        api.disputes.close(dispute.id)
    with pytest.raises(ApiError, match="cannot be disputed"):
        world.control.open_dispute(intent.latest_charge)


def test_a_dispute_is_lost_by_giving_in_or_by_the_banks_decision(api: stripe.V1Services, world: Any) -> None:
    first, second = (pay(api) for _ in range(2))
    for intent in (first, second):
        world.control.open_dispute(intent.latest_charge)
    newest, oldest = api.disputes.list()
    assert api.disputes.close(newest.id).status == "lost"
    world.control.decide_dispute(oldest.id, "lost")
    assert api.disputes.retrieve(oldest.id).status == "lost"
    assert available(api) == -2 * (charge_fee(10_000, "hkd") + 8_500)
