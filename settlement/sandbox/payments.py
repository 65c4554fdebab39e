"""PaymentIntents, charges and refunds."""

import secrets
from typing import Any, NamedTuple

from settlement.sandbox import cards, disputes
from settlement.sandbox.errors import ApiError, NotBegun, unexpected_state
from settlement.sandbox.params import Params
from settlement.sandbox.store import Call, Object

CONFIRMABLE = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})
CANCELLABLE = CONFIRMABLE | {"requires_capture"}


class Answer(NamedTuple):
    """An answer other than 200 whose writes stay: a declined card leaves its failed charge behind."""

    status: int
    body: Object


def new_intent(call: Call, amount: int, currency: str, fields: Object) -> Object:
    """Keep a PaymentIntent; ``fields`` are those the caller chose."""
    intent = call.insert(
        "payment_intent",
        {
            "amount": amount,
            "amount_capturable": 0,
            "amount_received": 0,
            "canceled_at": None,
            "cancellation_reason": None,
            "capture_method": "automatic_async",
            "client_secret": f"secret_{secrets.token_hex(12)}",
            "currency": currency,
            "customer": None,
            "last_payment_error": None,
            "latest_charge": None,
            "next_action": None,
            "payment_method": None,
            "status": "requires_payment_method",
            **fields,
        },
    )
    call.emit("payment_intent.created", intent)
    return intent


def create(call: Call, params: Params) -> Object | Answer:
    """POST /v1/payment_intents."""
    amount, currency = params.charge()
    payment_method, confirmed = params.text("payment_method"), params.boolean("confirm")
    methods = params.hash("automatic_payment_methods")
    methods.boolean("enabled")
    redirects = methods.choice("allow_redirects", ("always", "never"))
    methods.finish()
    fields = {
        "capture_method": params.choice("capture_method", ("automatic_async", "automatic", "manual")),
        "description": params.text("description"),
        "metadata": params.metadata(),
        "payment_method": payment_method,
        "status": "requires_confirmation" if payment_method else "requires_payment_method",
        "transfer_group": params.text("transfer_group"),
        "automatic_payment_methods": {"enabled": True, "allow_redirects": redirects},
    }
    strict = params.boolean("error_on_requires_action")
    return_url = params.text("return_url")
    params.finish()
    if confirmed and redirects == "always" and return_url is None:
        raise _return_url_missing()
    cards.ready_to_charge(call, payment_method)
    intent = new_intent(call, amount, currency, fields)
    return confirm_intent(call, intent, strict=strict) if confirmed else intent


def _return_url_missing() -> NotBegun:
    return NotBegun(
        400,
        "This PaymentIntent may redirect the payer: give a return_url, or set"
        " automatic_payment_methods[allow_redirects] to never.",
        param="return_url",
    )


def confirm(call: Call, params: Params, id_: str) -> Object | Answer:
    """POST /v1/payment_intents/{id}/confirm."""
    payment_method, return_url = params.text("payment_method"), params.text("return_url")
    strict = params.boolean("error_on_requires_action")
    params.finish()
    intent = call.get("payment_intent", id_, param="intent", lock=True)
    if intent["automatic_payment_methods"]["allow_redirects"] == "always" and return_url is None:
        raise _return_url_missing()
    _refuse_checkout(call, intent, "confirm")
    if payment_method is not None:
        cards.ready_to_charge(call, payment_method)
        intent["payment_method"] = payment_method
    return confirm_intent(call, intent, strict=strict)


def confirm_intent(call: Call, intent: Object, *, strict: bool = False, authenticated: bool = False) -> Object | Answer:
    """Charge the card of a locked PaymentIntent.

    A card that asks its holder is charged when the holder is ``authenticated``, declined when the caller is
    ``strict`` about it, and else left in ``requires_action``.

    Raises:
        ApiError: Its status does not allow it, or it has no payment method.
    """
    if intent["status"] not in CONFIRMABLE or intent["payment_method"] is None:
        raise unexpected_state("confirm", intent)
    card = cards.card_of(call, intent["payment_method"])
    if card.authenticates and not authenticated and not strict:
        intent |= {"status": "requires_action", "next_action": {"type": "use_stripe_sdk"}}
        call.save(intent)
        call.emit("payment_intent.requires_action", intent)
        return intent
    if card.authenticates and not authenticated:
        return _decline(call, intent, "authentication_required", "authentication_required")
    if card.decline_code:
        return _decline(call, intent, "card_declined", card.decline_code)
    charge = _new_charge(call, intent, paid=True)
    intent |= {"latest_charge": charge["id"], "next_action": None, "last_payment_error": None}
    if intent["capture_method"] == "manual":
        intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
        call.save(intent)
        call.emit("payment_intent.amount_capturable_updated", intent)
    else:
        _capture(call, intent, charge, intent["amount"])
    if card.disputed and charge["captured"]:
        disputes.open_dispute(call, charge)
    return intent


def _new_charge(call: Call, intent: Object, *, paid: bool, failure_code: str | None = None) -> Object:
    return call.insert(
        "charge",
        {
            "amount": intent["amount"],
            "amount_captured": 0,
            "amount_refunded": 0,
            "balance_transaction": None,
            "captured": False,
            "currency": intent["currency"],
            "disputed": False,
            "failure_code": failure_code,
            "metadata": intent["metadata"],
            "paid": paid,
            "payment_intent": intent["id"],
            "payment_method": intent["payment_method"],
            "refunded": False,
            "status": "succeeded" if paid else "failed",
            "transfer_group": intent["transfer_group"],
        },
    )


def _decline(call: Call, intent: Object, code: str, decline_code: str) -> Answer:
    charge = _new_charge(call, intent, paid=False, failure_code=code)
    error: dict[str, Any] = {
        "type": "card_error",
        "code": code,
        "decline_code": decline_code,
        "message": "Your card was declined.",
        "charge": charge["id"],
        "doc_url": f"https://docs.stripe.com/error-codes#{code}",
    }
    intent |= {
        "latest_charge": charge["id"],
        "last_payment_error": error,
        "payment_method": None,
        "status": "requires_payment_method",
    }
    call.save(intent)
    call.emit("charge.failed", charge)
    call.emit("payment_intent.payment_failed", intent)
    return Answer(402, {"error": error | {"payment_intent": intent}})


def _capture(call: Call, intent: Object, charge: Object, amount: int) -> None:
    fee = cards.charge_fee(amount, intent["currency"])
    line = call.post(amount, intent["currency"], "charge", charge["id"], fee=fee)
    released = charge["amount"] - amount
    charge |= {
        "amount_captured": amount,
        "amount_refunded": released,
        "balance_transaction": line["id"],
        "captured": True,
    }
    intent |= {"amount_capturable": 0, "amount_received": amount, "status": "succeeded"}
    call.save(charge)
    call.save(intent)
    call.emit("charge.captured" if intent["capture_method"] == "manual" else "charge.succeeded", charge)
    call.emit("payment_intent.succeeded", intent)


def capture(call: Call, params: Params, id_: str) -> Object:
    """POST /v1/payment_intents/{id}/capture; what is not captured is released."""
    amount = params.integer("amount_to_capture")
    params.finish()
    intent = call.get("payment_intent", id_, param="intent", lock=True)
    if intent["status"] != "requires_capture":
        raise unexpected_state("capture", intent)
    if amount is not None and amount > intent["amount_capturable"]:
        raise ApiError(
            400,
            "The amount to capture is greater than the amount authorised.",
            code="amount_too_large",
            param="amount_to_capture",
        )
    charge = call.get("charge", intent["latest_charge"], lock=True)
    _capture(call, intent, charge, amount or intent["amount_capturable"])
    return intent


def cancel(call: Call, params: Params, id_: str) -> Object:
    """POST /v1/payment_intents/{id}/cancel."""
    reason = params.text("cancellation_reason")
    params.finish()
    intent = call.get("payment_intent", id_, param="intent", lock=True)
    _refuse_checkout(call, intent, "cancel")
    cancel_intent(call, intent, reason)
    return intent


def _refuse_checkout(call: Call, intent: Object, verb: str) -> None:
    if call.find("checkout.session", payment_intent=intent["id"]):
        raise ApiError(400, f"You cannot {verb} this PaymentIntent because it was created by Checkout.")


def cancel_intent(call: Call, intent: Object, reason: str | None) -> None:
    """Cancel a locked PaymentIntent and release what it had authorised."""
    if intent["status"] not in CANCELLABLE:
        raise unexpected_state("cancel", intent)
    if intent["status"] == "requires_capture":
        charge = call.get("charge", intent["latest_charge"], lock=True)
        charge |= {"amount_refunded": charge["amount"], "refunded": True}
        call.save(charge)
    intent |= {
        "amount_capturable": 0,
        "canceled_at": call.now,
        "cancellation_reason": reason,
        "status": "canceled",
    }
    call.save(intent)
    call.emit("payment_intent.canceled", intent)


def retrieve(call: Call, params: Params, id_: str) -> Object:
    """GET /v1/payment_intents/{id}."""
    params.finish()
    return call.get("payment_intent", id_, param="intent")


def list_intents(call: Call, params: Params) -> Object:
    """GET /v1/payment_intents."""
    return call.page("payment_intent", "/v1/payment_intents", params, ("customer",))


def retrieve_charge(call: Call, params: Params, id_: str) -> Object:
    """GET /v1/charges/{id}."""
    params.finish()
    return call.get("charge", id_)


def list_charges(call: Call, params: Params) -> Object:
    """GET /v1/charges."""
    return call.page("charge", "/v1/charges", params, ("payment_intent", "transfer_group"))


def refund(call: Call, params: Params) -> Object:
    """POST /v1/refunds: whole, or in parts that never exceed the charge. No transfer is pulled back by it."""
    charge_id, intent_id = params.text("charge"), params.text("payment_intent")
    amount, metadata = params.integer("amount"), params.metadata()
    reasons = ("", "duplicate", "fraudulent", "requested_by_customer")
    reason = params.choice("reason", reasons) or None
    params.finish()
    if charge_id is None:
        if intent_id is None:
            raise params.missing("charge")
        charge_id = call.get("payment_intent", intent_id, param="payment_intent")["latest_charge"]
    if charge_id is None:
        raise ApiError(400, f"The PaymentIntent {intent_id} does not have a successful charge to refund.")
    charge = call.get("charge", charge_id, param="charge", lock=True)
    if not charge["captured"]:
        raise ApiError(400, f"Charge {charge_id} was not captured.", code="charge_not_captured")
    if charge["disputed"]:
        raise ApiError(400, f"Charge {charge_id} has been charged back.", code="charge_disputed")
    left = charge["amount"] - charge["amount_refunded"]
    if left == 0:
        raise ApiError(400, f"Charge {charge_id} has already been refunded.", code="charge_already_refunded")
    amount = left if amount is None else amount
    if amount > left:
        raise ApiError(
            400,
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})",
            param="amount",
        )
    return _new_refund(call, charge, amount, reason, metadata)


def _new_refund(call: Call, charge: Object, amount: int, reason: str | None, metadata: dict[str, str]) -> Object:
    made = call.insert(
        "refund",
        {
            "amount": amount,
            "charge": charge["id"],
            "currency": charge["currency"],
            "metadata": metadata,
            "payment_intent": charge["payment_intent"],
            "reason": reason,
            "source_transfer_reversal": None,
            "status": "succeeded",
            "transfer_reversal": None,
        },
    )
    line = call.post(-amount, charge["currency"], "refund", made["id"])
    made["balance_transaction"] = line["id"]
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    call.save(made)
    call.save(charge)
    call.emit("refund.created", made)
    call.emit("charge.refunded", charge)
    return made


def retrieve_refund(call: Call, params: Params, id_: str) -> Object:
    """GET /v1/refunds/{id}."""
    params.finish()
    return call.get("refund", id_)


def list_refunds(call: Call, params: Params) -> Object:
    """GET /v1/refunds."""
    return call.page("refund", "/v1/refunds", params, ("payment_intent", "charge"))
