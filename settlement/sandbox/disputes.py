"""Disputes: the payer's bank takes the money back, and perhaps returns it."""

from datetime import timedelta
from typing import Literal

from exchange import clock
from settlement.sandbox import cards
from settlement.sandbox.errors import ApiError
from settlement.sandbox.params import Params
from settlement.sandbox.store import Call, Object, timestamp

#: How long the platform has to send evidence.
EVIDENCE_PERIOD = timedelta(days=7)


def open_dispute(call: Call, charge: Object) -> Object:
    """Take what is left of a captured charge from the account, with a fee; the charge can be refunded no more.

    Raises:
        ApiError: Nothing is left of the charge, or it is disputed already.
    """
    currency, amount = charge["currency"], charge["amount"] - charge["amount_refunded"]
    if not charge["captured"] or charge["disputed"] or amount == 0:
        raise ApiError(400, f"Charge {charge['id']} cannot be disputed.")
    made = call.insert(
        "dispute",
        {
            "amount": amount,
            "charge": charge["id"],
            "currency": currency,
            "evidence_details": {
                "due_by": timestamp(clock.real_now() + EVIDENCE_PERIOD),
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
            },
            "is_charge_refundable": False,
            "metadata": {},
            "payment_intent": charge["payment_intent"],
            "reason": "fraudulent",
            "status": "needs_response",
        },
    )
    line = call.post(-amount, currency, "adjustment", made["id"], fee=cards.DISPUTE_FEE[currency])
    charge["disputed"] = True
    made["balance_transactions"] = [line]
    call.save(charge)
    call.save(made)
    call.emit("charge.dispute.created", made)
    call.emit("charge.dispute.funds_withdrawn", made)
    return made


def decide(call: Call, id_: str, outcome: Literal["won", "lost"]) -> Object:
    """End a dispute; when it is ``won`` the amount comes back, the fee does not.

    Raises:
        ApiError: It has ended already.
    """
    dispute = call.get("dispute", id_, lock=True)
    if dispute["status"] != "needs_response":
        raise ApiError(400, "This dispute is already closed.", code="dispute_already_closed")
    dispute["status"] = outcome
    if outcome == "won":
        line = call.post(dispute["amount"], dispute["currency"], "adjustment", dispute["id"])
        dispute["balance_transactions"].append(line)
        call.emit("charge.dispute.funds_reinstated", dispute)
    call.save(dispute)
    call.emit("charge.dispute.closed", dispute)
    return dispute


def close(call: Call, params: Params, id_: str) -> Object:
    """POST /v1/disputes/{id}/close: the platform gives in."""
    params.finish()
    return decide(call, id_, "lost")


def retrieve(call: Call, params: Params, id_: str) -> Object:
    """GET /v1/disputes/{id}."""
    params.finish()
    return call.get("dispute", id_)


def list_disputes(call: Call, params: Params) -> Object:
    """GET /v1/disputes."""
    return call.page("dispute", "/v1/disputes", params, ("charge", "payment_intent"))
