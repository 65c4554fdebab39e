import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import stripe
from typeguard import TypeCheckMemo, check_type_internal

from exchange import clock
from exchange.errors import InvariantBroken, PaymentDeclined, Unavailable
from exchange.money import Money
from settlement.gateways.errors import BadSignature, GatewayRefused, OutcomeUnknown
from settlement.gateways.stripe_gateway import StripeGateway, open_gateway
from settlement.gateways.stripe_values import Payment
from settlement.sandbox.faults import Fault
from settlement.sandbox.webhooks import deliver_webhooks, sign

HKD = partial(Money, currency="HKD")
PAY = "/v1/payment_intents"


def checkout_order() -> dict[str, Any]:
    return {
        "amount": HKD(120_000),
        "reference": "lot_1",
        "transfer_group": "ord_1",
        "description": "Rainfall 雨量 2013",
        "success_url": "https://shop.example/paid",
        "cancel_url": "https://shop.example/back",
        "expires_at": clock.real_now() + timedelta(hours=1),
    }


def pay(gateway: StripeGateway, key: str = "op_pay", method: str = "pm_card_visa", minor: int = 120_000) -> Payment:
    return gateway.pay_with_method(
        key, amount=HKD(minor), reference="lot_1", transfer_group="ord_1", payment_method=method
    )


def transfer(gateway: StripeGateway, account: str, charge: str | None, minor: int, key: str = "op_release") -> Any:
    return gateway.transfer(
        key,
        amount=HKD(minor),
        account_id=account,
        charge_id=charge or "",
        transfer_group="ord_1",
        reference="lot_1",
    )


@pytest.fixture
def gateway(world: Any) -> StripeGateway:
    made: StripeGateway = world.gateway()
    return made


@pytest.fixture
def near_gateway(near_world: Any) -> StripeGateway:
    made: StripeGateway = near_world.gateway()
    return made


def test_a_checkout_is_paid_and_read_back(world: Any, gateway: StripeGateway) -> None:
    page = gateway.create_checkout("op_1", **checkout_order())
    assert (page.status, page.payment_id) == ("open", None)
    assert gateway.checkout(page.id) == page
    world.control.pay_checkout(page.id, "4242424242424242")
    paid = gateway.checkout(page.id)
    payment = gateway.payment(paid.payment_id or "")
    assert (paid.status, paid.url) == ("complete", None)
    assert (payment.status, payment.amount) == ("succeeded", HKD(120_000))
    assert (payment.reference, payment.operation) == ("lot_1", "op_1")
    assert gateway.find_payments("ord_1") == (payment,)


def test_a_page_with_a_declined_card_is_still_open(near_world: Any, near_gateway: StripeGateway) -> None:
    page = near_gateway.create_checkout("op_1", **checkout_order())
    near_world.control.pay_checkout(page.id, "4000000000000002")
    (payment,) = near_gateway.find_payments("ord_1")
    assert (near_gateway.checkout(page.id).status, payment.status) == ("open", "failed")
    assert near_gateway.expire_checkout("op_2", page.id).status == "expired"
    assert near_gateway.payment(payment.id).status == "cancelled"
    with pytest.raises(GatewayRefused):
        near_gateway.expire_checkout("op_3", page.id)


def test_a_payment_method_is_charged_once_per_key(gateway: StripeGateway) -> None:
    payment = pay(gateway)
    assert (payment.status, payment.amount, payment.reference) == ("succeeded", HKD(120_000), "lot_1")
    assert pay(gateway) == payment == gateway.payment(payment.id)
    assert gateway.find_payments("ord_1") == (payment,)
    with pytest.raises(InvariantBroken):
        pay(gateway, minor=120_001)


@pytest.mark.parametrize(
    ("method", "decline_code"),
    [
        ("pm_card_chargeDeclined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_card_authenticationRequired", "authentication_required"),
    ],
)
def test_a_declined_payment_is_its_own_error(gateway: StripeGateway, method: str, decline_code: str) -> None:
    with pytest.raises(PaymentDeclined) as declined:
        pay(gateway, method=method)
    assert declined.value.params == {"decline_code": decline_code}
    (payment,) = gateway.find_payments("ord_1")
    assert payment.status == "failed"


def test_release_and_refund_of_one_payment(gateway: StripeGateway) -> None:
    payment = pay(gateway)
    account = gateway.create_account("op_account", reference="org_1", country="HK")
    assert gateway.create_account("op_account", reference="org_1", country="HK") == account
    released = transfer(gateway, account, payment.charge_id, 90_000)
    assert (released.amount, released.account_id, released.operation) == (HKD(90_000), account, "op_release")
    assert gateway.find_transfers("ord_1") == (released,)
    back = gateway.refund("op_refund", payment_id=payment.id, amount=HKD(30_000), reference="lot_1")
    assert (back.status, back.amount, back.payment_id) == ("succeeded", HKD(30_000), payment.id)
    assert gateway.find_refunds(payment.id) == (back,)

    reversal = gateway.reverse("op_reverse", transfer_id=released.id, amount=HKD(40_000))
    assert gateway.find_reversals(released.id) == (reversal,)
    assert gateway.find_transfers("ord_1")[0].reversed_amount == HKD(40_000)
    payout = gateway.payout("op_payout", account_id=account, amount=HKD(50_000))
    assert (payout.status, payout.operation) == ("succeeded", "op_payout")
    since = clock.real_now() - timedelta(minutes=1)
    assert gateway.find_payouts(account, since=since) == (payout,)
    assert gateway.find_payouts(account, since=since + timedelta(hours=1)) == ()


def test_a_payout_may_fail_after_it_succeeded(near_world: Any, near_gateway: StripeGateway) -> None:
    account = near_gateway.create_account("op_account", reference="org_1", country="HK")
    transfer(near_gateway, account, pay(near_gateway).charge_id, 50_000)
    payout = near_gateway.payout("op_payout", account_id=account, amount=HKD(50_000))
    near_world.control.fail_payout(account, payout.id)
    assert near_gateway.payout_of(account, payout.id).status == "failed"


def test_refusals_carry_the_gateways_code(near_gateway: StripeGateway) -> None:
    payment = pay(near_gateway)
    account = near_gateway.create_account("op_account", reference="org_1", country="HK")
    made = transfer(near_gateway, account, payment.charge_id, 50_000)
    near_gateway.payout("op_payout", account_id=account, amount=HKD(50_000))
    near_gateway.refund("op_refund", payment_id=payment.id, amount=HKD(120_000), reference="lot_1")
    for refused, code in (
        (partial(near_gateway.payment, "pi_none"), "gateway.resource_missing"),
        (
            partial(near_gateway.reverse, "op_1", transfer_id=made.id, amount=HKD(1)),
            "gateway.balance_insufficient",
        ),
        (
            partial(near_gateway.payout, "op_2", account_id=account, amount=HKD(1)),
            "gateway.balance_insufficient",
        ),
        (
            partial(near_gateway.refund, "op_3", payment_id=payment.id, amount=HKD(1), reference="lot_1"),
            "gateway.charge_already_refunded",
        ),
        (partial(transfer, near_gateway, account, payment.charge_id, 70_001, "op_4"), "gateway.transfer_source"),
        (partial(pay, near_gateway, "op_5", minor=399), "gateway.amount_too_small"),
    ):
        with pytest.raises(GatewayRefused) as error:
            refused()
        assert error.value.code.startswith(code)


def test_an_order_in_another_currency_than_its_payment_is_noticed(near_gateway: StripeGateway) -> None:
    payment = pay(near_gateway)
    with pytest.raises(InvariantBroken):
        near_gateway.refund("op_1", payment_id=payment.id, amount=Money(1_000, "USD"), reference="lot_1")


@pytest.mark.parametrize("fault", [Fault.LOST_RESPONSE, Fault.ERROR_AFTER, Fault.LOST_REQUEST])
def test_a_lost_answer_is_made_good_without_paying_twice(world: Any, gateway: StripeGateway, fault: Fault) -> None:
    world.control.inject(fault, target=PAY, times=2)
    payment = pay(gateway)
    assert payment.status == "succeeded"
    assert len(list(world.client().payment_intents.list())) == 1


@pytest.mark.parametrize("fault", [Fault.LOST_RESPONSE, Fault.ERROR_AFTER, Fault.LOST_REQUEST, Fault.ERROR_BEFORE])
def test_an_unknown_outcome_is_found_by_reading_or_sent_again(world: Any, gateway: StripeGateway, fault: Fault) -> None:
    world.control.inject(fault, target=PAY, method="POST", times=3)
    with pytest.raises(OutcomeUnknown):
        pay(gateway)
    done = gateway.find_payments("ord_1")
    assert [p.operation for p in done] == ["op_pay"] * (fault in {Fault.LOST_RESPONSE, Fault.ERROR_AFTER})
    assert pay(gateway).status == "succeeded"
    assert len(gateway.find_payments("ord_1")) == 1


def test_a_rate_limit_did_nothing(near_world: Any, near_gateway: StripeGateway) -> None:
    near_world.control.inject(Fault.RATE_LIMITED, target=PAY)
    with pytest.raises(Unavailable) as busy:
        pay(near_gateway)
    assert (type(busy.value), busy.value.code) == (Unavailable, "gateway_busy")
    assert near_gateway.find_payments("ord_1") == ()


def test_eight_workers_with_one_operation_pay_once(world: Any, gateway: StripeGateway) -> None:
    def send(_: int) -> str | None:
        try:
            return pay(gateway).id
        except OutcomeUnknown:  # another one holds the key
            return None

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(send, range(8))) - {None}
    assert ids == {payment.id for payment in gateway.find_payments("ord_1")}
    assert len(ids) == 1


def test_keys_must_be_of_the_kind_that_is_asked_for(near_world: Any) -> None:
    for key, live in (("sk_live_x", False), ("rk_live_x", False), ("sk_test_x", True), ("pk_test_x", False)):
        with pytest.raises(ValueError, match="key of Stripe is wanted"):
            open_gateway(key, live=live)
    stranger = open_gateway("sk_test_stranger", http_client=near_world.http_client)
    with pytest.raises(Unavailable) as refused:
        pay(stranger)
    assert refused.value.code == "gateway_key_refused"
    assert isinstance(open_gateway("sk_live_x", live=True), StripeGateway)


def test_balance_lines_are_read_onwards_from_a_cursor(gateway: StripeGateway) -> None:
    first = pay(gateway, "op_1")
    (line,) = gateway.balance_transactions(None)
    assert (line.type, line.amount, line.source_id) == ("charge", HKD(120_000), first.charge_id)
    assert line.net == line.amount - line.fee
    assert abs(line.created_at - clock.real_now()) < timedelta(minutes=1)
    for index in range(2, 5):
        pay(gateway, f"op_{index}", minor=index * 1_000)
    gateway.refund("op_5", payment_id=first.id, amount=HKD(500), reference="lot_1")
    later = list(gateway.balance_transactions(line.id))
    assert [one.amount.minor for one in later] == [2_000, 3_000, 4_000, -500]
    assert list(gateway.balance_transactions(None)) == [line, *later]
    assert list(gateway.balance_transactions(later[-1].id)) == []


def test_more_than_a_page_of_lines(near_gateway: StripeGateway, near_world: Any) -> None:
    api, payment = near_world.client(), pay(near_gateway)
    (first,) = near_gateway.balance_transactions(None)
    for _ in range(101):
        api.refunds.create({"payment_intent": payment.id, "amount": 1})
    assert len(list(near_gateway.balance_transactions(first.id))) == 101
    assert len(near_gateway.find_refunds(payment.id)) == 101


def test_events_are_opened_with_any_of_our_secrets(world: Any) -> None:
    endpoint = world.client().webhook_endpoints.create(
        {"url": "http://127.0.0.1:9/hook", "enabled_events": ["payment_intent.succeeded"]}
    )
    gateway = world.gateway("whsec_next", endpoint.secret)
    payment, sent = pay(gateway), []
    deliver_webhooks(world.conninfo, lambda _, body, headers: sent.append((body, headers)) or 200)
    ((body, headers),) = sent
    event = gateway.open_event(body, headers["Stripe-Signature"])
    assert (event.type, event.object_id, event.account_id) == ("payment_intent.succeeded", payment.id, None)
    assert event.created_at.tzinfo is UTC
    for wrong_body, signature in (
        (body + b" ", headers["Stripe-Signature"]),
        (body, ""),
        (body, "t=yesterday,v1=00"),
        (b"\xff\xfe", headers["Stripe-Signature"]),
    ):
        with pytest.raises(BadSignature):
            gateway.open_event(wrong_body, signature)
    with pytest.raises(BadSignature):
        world.gateway("whsec_other").open_event(body, headers["Stripe-Signature"])


def test_an_old_signature_is_refused_by_real_time() -> None:
    gateway = open_gateway("sk_test_x", webhook_secrets=("whsec_1",))
    body = b'{"id": "evt_1", "type": "x", "created": 0, "data": {"object": {"object": "balance"}}}'
    now = int(clock.real_now().timestamp())
    with pytest.raises(BadSignature):
        gateway.open_event(body, sign(body, "whsec_1", now - 301))
    event = gateway.open_event(body, sign(body, "whsec_1", now - 299))
    assert (event.object_id, event.created_at) == (None, datetime(1970, 1, 1, tzinfo=UTC))
    assert gateway.open_event(body, sign(body, "whsec_1", now - 399), tolerance_seconds=400).id == "evt_1"


CREATIONS: tuple[tuple[type, str], ...] = (
    (stripe.PaymentIntentService, "PaymentIntentCreateParams"),
    (stripe.RefundService, "RefundCreateParams"),
    (stripe.AccountService, "AccountCreateParams"),
    (stripe.AccountLinkService, "AccountLinkCreateParams"),
    (stripe.TransferService, "TransferCreateParams"),
    (stripe.PayoutService, "PayoutCreateParams"),
)


def test_every_parameter_has_the_vendors_name_and_type(
    near_gateway: StripeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []

    def watch(service: type, method: str, params_type: Any, position: int = 0) -> None:
        real: Callable[..., Any] = getattr(service, method)

        def watched(self: Any, *args: Any) -> Any:
            # Types within lists are named by strings: they are looked up where the vendor wrote them.
            where = vars(sys.modules[params_type.__module__])
            check_type_internal(args[position], params_type, TypeCheckMemo(where, {}))
            checked.append(params_type.__name__)
            return real(self, *args)

        monkeypatch.setattr(service, method, watched)

    for service, name in CREATIONS:
        watch(service, "create", getattr(stripe.params, name))
    watch(stripe.checkout.SessionService, "create", stripe.params.checkout.SessionCreateParams)
    watch(stripe.TransferReversalService, "create", stripe.params.TransferReversalCreateParams, 1)
    watch(stripe.BalanceTransactionService, "list", stripe.params.BalanceTransactionListParams)
    watch(stripe.ChargeService, "list", stripe.params.ChargeListParams)
    watch(stripe.PayoutService, "list", stripe.params.PayoutListParams)
    watch(stripe.RefundService, "list", stripe.params.RefundListParams)
    watch(stripe.TransferService, "list", stripe.params.TransferListParams)
    near_gateway.create_checkout("op_checkout", **checkout_order())
    account = near_gateway.create_account("op_account", reference="org_1", country="HK")
    near_gateway.onboarding_url(account, return_url="https://a.example", refresh_url="https://b.example")
    payment = pay(near_gateway)
    made = transfer(near_gateway, account, payment.charge_id, 90_000)
    near_gateway.reverse("op_reverse", transfer_id=made.id, amount=HKD(1))
    near_gateway.refund("op_refund", payment_id=payment.id, amount=HKD(1), reference="lot_1")
    near_gateway.payout("op_payout", account_id=account, amount=HKD(1))
    near_gateway.find_payouts(account, since=clock.real_now())
    near_gateway.find_refunds(payment.id)
    near_gateway.find_payments("ord_1")
    near_gateway.find_transfers("ord_1")
    list(near_gateway.balance_transactions(None))
    assert len(set(checked)) == len(checked) == len(CREATIONS) + 7
