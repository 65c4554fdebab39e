"""Stripe's test cards (https://docs.stripe.com/testing) and the sandbox's fees."""

from dataclasses import dataclass

from settlement.sandbox.errors import ApiError
from settlement.sandbox.params import Params
from settlement.sandbox.store import Call, Object

#: A charge costs 3.4 % (rounded half up) and a fixed part in minor units; a dispute costs a fixed fee.
FEE_PER_MILLE = 34
FIXED_FEE = {"cny": 235, "hkd": 235, "usd": 30, "eur": 25, "gbp": 20, "sgd": 50, "jpy": 40}
DISPUTE_FEE = {"cny": 8500, "hkd": 8500, "usd": 1500, "eur": 2000, "gbp": 2000, "sgd": 1500, "jpy": 1500}


@dataclass(frozen=True, slots=True)
class Card:
    """A test card and what comes of charging it."""

    number: str
    label: str
    decline_code: str | None = None
    authenticates: bool = False
    disputed: bool = False

    @property
    def last4(self) -> str:
        """The only part of the number that is kept; it tells the test cards apart."""
        return self.number[-4:]


CARDS = {
    card.last4: card
    for card in (
        Card("4242424242424242", "pays 付款成功"),
        Card("4000000000000002", "declined 拒付", decline_code="generic_decline"),
        Card("4000000000009995", "insufficient funds 余额不足", decline_code="insufficient_funds"),
        Card("4000000000000259", "pays, then disputed 付款后争议", disputed=True),
        Card("4000002500003155", "asks for authentication 需要验证", authenticates=True),
    )
}

#: Ready-made payment methods, by the last four digits of their card.
READY_MADE = {
    "pm_card_visa": "4242",
    "pm_card_chargeDeclined": "0002",
    "pm_card_visa_chargeDeclined": "0002",
    "pm_card_chargeDeclinedInsufficientFunds": "9995",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "9995",
    "pm_card_createDispute": "0259",
    "pm_card_authenticationRequired": "3155",
}


def charge_fee(amount: int, currency: str) -> int:
    """What Stripe keeps of a charge, in minor units."""
    return (amount * FEE_PER_MILLE + 500) // 1000 + FIXED_FEE[currency]


def _method(last4: str) -> Object:
    return {"type": "card", "card": {"brand": "visa", "last4": last4}, "customer": None, "metadata": {}}


def keep_card(call: Call, number: str, metadata: dict[str, str] | None = None) -> Object:
    """A payment method for a card's number, of which four digits are kept.

    Raises:
        ApiError: ``card_declined`` with decline code ``test_mode_live_card``: no test card has this number.
    """
    card = CARDS.get(number[-4:])
    if card is None or card.number != number:
        raise ApiError(
            402,
            "Your card was declined. Your request was in test mode, but used a non test card.",
            type_="card_error",
            code="card_declined",
            decline_code="test_mode_live_card",
        )
    return call.insert("payment_method", _method(card.last4) | {"metadata": metadata or {}})


def payment_method(call: Call, id_: str) -> Object:
    """A payment method, ready-made or kept."""
    if id_ in READY_MADE:
        made = {"id": id_, "object": "payment_method", "created": call.now, "livemode": False}
        return made | _method(READY_MADE[id_])
    return call.get("payment_method", id_, param="payment_method")


def card_of(call: Call, payment_method_id: str) -> Card:
    """The card behind a payment method."""
    last4: str = payment_method(call, payment_method_id)["card"]["last4"]
    return CARDS[last4]


def create(call: Call, params: Params) -> Object:
    """POST /v1/payment_methods."""
    params.choice("type", ("card",))
    card, metadata = params.hash("card"), params.metadata()
    number = card.required("number")
    for name in ("exp_month", "exp_year", "cvc"):  # the test cards are good with any
        card.text(name)
    card.finish()
    params.finish()
    return keep_card(call, number, metadata)


def retrieve(call: Call, params: Params, id_: str) -> Object:
    """GET /v1/payment_methods/{id}."""
    params.finish()
    return payment_method(call, id_)


def ready_to_charge(call: Call, payment_method_id: str | None) -> None:
    """Refuse a payment method that does not exist (none is fine)."""
    if payment_method_id is not None:
        payment_method(call, payment_method_id)
