"""Stripe, in the exchange's words: https://docs.stripe.com/connect/separate-charges-and-transfers.

Every order carries the id of its ``money_op`` as idempotency key. On each object the metadata ``operation`` is that key
and ``reference`` the lot or order it is for, so that an order of unknown outcome can be found again by reading. The
client repeats an order by itself when the connection breaks or Stripe answers 5xx: under the same key, thus without
doing it twice.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

import stripe

from exchange.errors import ExchangeError, InvariantBroken, PaymentDeclined, Unavailable
from exchange.money import Money
from settlement.gateways.errors import BadSignature, GatewayRefused, OutcomeUnknown
from settlement.gateways.stripe_values import (
    BalanceLine,
    Checkout,
    Dispute,
    Event,
    Payment,
    Payout,
    Refund,
    Reversal,
    Transfer,
    id_in,
    instant,
    read_checkout,
    read_dispute,
    read_line,
    read_payment,
    read_payout,
    read_refund,
    read_reversal,
    read_transfer,
)

#: Repetitions by the client itself, half a second to a few seconds apart.
MAX_RETRIES = 2
TIMEOUT_SECONDS = 30

_TEST_KEYS = ("sk_test_", "rk_test_")
_LIVE_KEYS = ("sk_live_", "rk_live_")
_PAGE = 100

Made = TypeVar("Made", Refund, Transfer, Reversal, Payout)

#: The name under which a web application keeps its gateway (``app.extensions``).
EXTENSION = "settlement.stripe"


def _declined(error: stripe.StripeError) -> ExchangeError:
    detail = error.error
    if detail is None or detail.type != "card_error":  # 402 is also the answer to other orders that cannot be met
        return _refused(error)
    return PaymentDeclined("The payment was declined.", decline_code=detail.decline_code or detail.code or "")


def _refused(error: stripe.StripeError) -> ExchangeError:
    return GatewayRefused("The payment gateway refused the order.", code=f"gateway.{error.code or 'refused'}")


def _unknown(_error: stripe.StripeError) -> ExchangeError:
    return OutcomeUnknown("The payment gateway did not answer; what it did is not known yet.")


def _busy(_error: stripe.StripeError) -> ExchangeError:
    return Unavailable("The payment gateway is busy.", code="gateway_busy")


def _key_refused(_error: stripe.StripeError) -> ExchangeError:
    # Nothing was done, and once the operator has mended the key the same order will do.
    return Unavailable("The payment gateway does not accept our key.", code="gateway_key_refused")


def _key_reused(_error: stripe.StripeError) -> ExchangeError:
    return InvariantBroken("A gateway order was sent with two contents under one key.")


#: The border: the first class that fits decides. What is not listed may have been carried out.
_TRANSLATIONS: tuple[tuple[type[stripe.StripeError], Callable[[stripe.StripeError], ExchangeError]], ...] = (
    (stripe.CardError, _declined),
    (stripe.InvalidRequestError, _refused),
    (stripe.IdempotencyError, _key_reused),
    (stripe.RateLimitError, _busy),
    (stripe.AuthenticationError, _key_refused),
    (stripe.PermissionError, _key_refused),
    (stripe.StripeError, _unknown),
)


@contextmanager
def _border() -> Iterator[None]:
    try:
        yield
    except stripe.StripeError as error:
        raise next(to(error) for kind, to in _TRANSLATIONS if isinstance(error, kind)) from error


def open_gateway(
    secret_key: str,
    *,
    webhook_secrets: tuple[str, ...] = (),
    http_client: stripe.HTTPClient | None = None,
    base_url: str | None = None,
    live: bool = False,
) -> "StripeGateway":
    """A gateway to Stripe, or to the sandbox by ``http_client`` (in process) or ``base_url`` (over HTTP).

    Raises:
        ValueError: The key is malformed, or is a live key although ``live`` was not asked for (or the reverse).
    """
    if not secret_key.startswith(_LIVE_KEYS if live else _TEST_KEYS):
        raise ValueError(f"a {'live' if live else 'test'} key of Stripe is wanted")
    client = stripe.StripeClient(
        secret_key,
        http_client=http_client or stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
        base_addresses={"api": base_url} if base_url else {},
        max_network_retries=MAX_RETRIES,
    )
    return StripeGateway(client, webhook_secrets)


class StripeGateway:
    """Orders to Stripe and readings from it.

    Every method raises, of the gateway's side: ``OutcomeUnknown`` (an order may have been carried out),
    ``GatewayRefused`` and ``Unavailable`` (nothing was done), ``InvariantBroken`` (a key came with another order).
    """

    def __init__(self, client: stripe.StripeClient, webhook_secrets: tuple[str, ...]) -> None:
        self._api = client.v1
        self._webhook_secrets = webhook_secrets

    def create_checkout(
        self,
        key: str,
        *,
        amount: Money,
        reference: str,
        transfer_group: str,
        description: str,
        success_url: str,
        cancel_url: str,
        expires_at: datetime,
    ) -> Checkout:
        """A hosted page where a payer pays ``amount``; it may stay open for 30 minutes to 24 hours of real time."""
        notes = _notes(key, reference)
        with _border():
            session = self._api.checkout.sessions.create(
                {
                    "mode": "payment",
                    "line_items": [
                        {
                            "price_data": {
                                "currency": amount.currency.lower(),
                                "unit_amount": amount.minor,
                                "product_data": {"name": description},
                            },
                            "quantity": 1,
                        }
                    ],
                    "payment_intent_data": {
                        "description": description,
                        "metadata": notes,
                        "transfer_group": transfer_group,
                    },
                    "client_reference_id": reference,
                    "metadata": notes,
                    "success_url": success_url,
                    "cancel_url": cancel_url,
                    "expires_at": int(expires_at.timestamp()),
                },
                {"idempotency_key": key},
            )
        return read_checkout(session)

    def checkout(self, id_: str) -> Checkout:
        """The page as it stands."""
        with _border():
            return read_checkout(self._api.checkout.sessions.retrieve(id_))

    def expire_checkout(self, key: str, checkout_id: str) -> Checkout:
        """Close an open page, so that nobody can pay on it any more; ``GatewayRefused`` when it is not open."""
        with _border():
            return read_checkout(self._api.checkout.sessions.expire(checkout_id, {}, {"idempotency_key": key}))

    def payment(self, id_: str) -> Payment:
        """The payment as it stands."""
        with _border():
            return read_payment(self._api.payment_intents.retrieve(id_))

    def pay_with_method(
        self, key: str, *, amount: Money, reference: str, transfer_group: str, payment_method: str
    ) -> Payment:
        """Charge a payment method at once, its holder not being there to be asked.

        Raises:
            PaymentDeclined: Nothing was charged (also when the card's bank wants to ask its holder).
        """
        with _border():
            intent = self._api.payment_intents.create(
                {
                    "amount": amount.minor,
                    "currency": amount.currency.lower(),
                    "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
                    "confirm": True,
                    "error_on_requires_action": True,
                    "metadata": _notes(key, reference),
                    "payment_method": payment_method,
                    "transfer_group": transfer_group,
                },
                {"idempotency_key": key},
            )
        return read_payment(intent)

    def find_payments(self, transfer_group: str) -> tuple[Payment, ...]:
        """The payments of a group that were attempted with a card, newest first."""
        with _border():
            charges = self._api.charges.list({"transfer_group": transfer_group, "limit": _PAGE})
            intents = dict.fromkeys(id_in(charge.payment_intent) for charge in charges.auto_paging_iter())
        return tuple(self.payment(intent) for intent in intents if intent is not None)

    def refund(self, key: str, *, payment_id: str, amount: Money, reference: str) -> Refund:
        """Send money back to the payer from the platform's balance; a transfer is not pulled back by it."""
        with _border():
            made = self._api.refunds.create(
                {
                    "payment_intent": payment_id,
                    "amount": amount.minor,
                    "metadata": _notes(key, reference),
                },
                {"idempotency_key": key},
            )
        return _as_ordered(read_refund(made), amount)

    def find_refunds(self, payment_id: str) -> tuple[Refund, ...]:
        """The refunds of a payment, newest first."""
        with _border():
            page = self._api.refunds.list({"payment_intent": payment_id, "limit": _PAGE})
            return tuple(read_refund(refund) for refund in page.auto_paging_iter())

    def create_account(self, key: str, *, reference: str, country: str) -> str:
        """A connected account for a seller in ``country`` (ISO 3166-1 alpha-2); the platform bears fees and losses."""
        with _border():
            account = self._api.accounts.create(
                {
                    "country": country,
                    "controller": {
                        "fees": {"payer": "application"},
                        "losses": {"payments": "application"},
                        "stripe_dashboard": {"type": "express"},
                    },
                    "capabilities": {"transfers": {"requested": True}},
                    "metadata": _notes(key, reference),
                },
                {"idempotency_key": key},
            )
        return account.id

    def onboarding_url(self, account_id: str, *, return_url: str, refresh_url: str) -> str:
        """A page, good for minutes, where a seller answers Stripe's questions about its account."""
        with _border():
            link = self._api.account_links.create(
                {
                    "account": account_id,
                    "type": "account_onboarding",
                    "return_url": return_url,
                    "refresh_url": refresh_url,
                }
            )
        return link.url

    def transfer(
        self, key: str, *, amount: Money, account_id: str, charge_id: str, transfer_group: str, reference: str
    ) -> Transfer:
        """Put part of a charge to a seller's account; all transfers of a charge together never exceed it."""
        with _border():
            made = self._api.transfers.create(
                {
                    "amount": amount.minor,
                    "currency": amount.currency.lower(),
                    "destination": account_id,
                    "source_transaction": charge_id,
                    "transfer_group": transfer_group,
                    "metadata": _notes(key, reference),
                },
                {"idempotency_key": key},
            )
        return _as_ordered(read_transfer(made), amount)

    def find_transfers(self, transfer_group: str) -> tuple[Transfer, ...]:
        """The transfers of a group, newest first."""
        with _border():
            page = self._api.transfers.list({"transfer_group": transfer_group, "limit": _PAGE})
            return tuple(read_transfer(transfer) for transfer in page.auto_paging_iter())

    def reverse(self, key: str, *, transfer_id: str, amount: Money) -> Reversal:
        """Take a transfer back, wholly or in part; ``GatewayRefused`` when the seller's account has it no more."""
        with _border():
            made = self._api.transfers.reversals.create(
                transfer_id,
                {"amount": amount.minor, "metadata": _notes(key, transfer_id)},
                {"idempotency_key": key},
            )
        return _as_ordered(read_reversal(made), amount)

    def find_reversals(self, transfer_id: str) -> tuple[Reversal, ...]:
        """The reversals of a transfer, newest first."""
        with _border():
            page = self._api.transfers.reversals.list(transfer_id, {"limit": _PAGE})
            return tuple(read_reversal(reversal) for reversal in page.auto_paging_iter())

    def payout(self, key: str, *, account_id: str, amount: Money) -> Payout:
        """Send money from a connected account to its bank; ``GatewayRefused`` when it has not that much."""
        with _border():
            made = self._api.payouts.create(
                {
                    "amount": amount.minor,
                    "currency": amount.currency.lower(),
                    "metadata": _notes(key, account_id),
                },
                {"idempotency_key": key, "stripe_account": account_id},
            )
        return _as_ordered(read_payout(made), amount)

    def payout_of(self, account_id: str, id_: str) -> Payout:
        """A payout as it stands."""
        with _border():
            return read_payout(self._api.payouts.retrieve(id_, {}, {"stripe_account": account_id}))

    def find_payouts(self, account_id: str, *, since: datetime) -> tuple[Payout, ...]:
        """An account's payouts made since then, newest first."""
        with _border():
            page = self._api.payouts.list(
                {"created": {"gte": int(since.timestamp())}, "limit": _PAGE}, {"stripe_account": account_id}
            )
            return tuple(read_payout(payout) for payout in page.auto_paging_iter())

    def dispute(self, id_: str) -> Dispute:
        """A chargeback as it stands."""
        with _border():
            return read_dispute(self._api.disputes.retrieve(id_))

    def balance_transactions(self, after: str | None) -> Iterator[BalanceLine]:
        """The platform's balance transactions behind the line ``after``, oldest first; all of them when it is None.

        Pages are fetched as the caller goes on; only the first reading of all (newest first at Stripe) is gathered.
        """
        with _border():
            if after is None:
                newest_first = self._api.balance_transactions.list({"limit": _PAGE}).auto_paging_iter()
                yield from reversed([read_line(line) for line in newest_first])
                return
            page = self._api.balance_transactions.list({"limit": _PAGE, "ending_before": after})
            for line in page.auto_paging_iter():
                yield read_line(line)

    def open_event(self, payload: bytes, signature: str, tolerance_seconds: int = 300) -> Event:
        """Check who sent a webhook's body and read it. Any of the secrets will do, so that they can be rotated.

        Raises:
            BadSignature: Not signed by any of them, malformed, or signed longer ago than tolerated.
        """
        if not any(_signed(payload, signature, secret, tolerance_seconds) for secret in self._webhook_secrets):
            raise BadSignature("The message is not signed by the payment gateway.")
        event: Mapping[str, Any] = json.loads(payload)
        return Event(
            id=event["id"],
            type=event["type"],
            object_id=event["data"]["object"].get("id"),
            created_at=instant(event["created"]),
            account_id=event.get("account"),
        )


def _signed(payload: bytes, signature: str, secret: str, tolerance_seconds: int) -> bool:
    try:
        stripe.WebhookSignature.verify_header(payload, signature, secret, tolerance_seconds)
    except (stripe.SignatureVerificationError, UnicodeDecodeError):
        return False
    return True


def _notes(key: str, reference: str) -> dict[str, str]:
    return {"operation": key, "reference": reference}


def _as_ordered(made: Made, ordered: Money) -> Made:
    """Stripe takes no currency with refunds and reversals, so what it made is compared with what was meant."""
    if made.amount != ordered:
        raise InvariantBroken(
            "The gateway moved %(made)s where %(ordered)s was ordered.", made=str(made.amount), ordered=str(ordered)
        )
    return made
