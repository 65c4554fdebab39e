"""The API's refusals, in Stripe's shapes (https://docs.stripe.com/api/errors)."""

from typing import Any

INVALID_REQUEST = "invalid_request_error"


class ApiError(Exception):
    """The call is answered with ``status`` and an error object; all it wrote is undone.

    Under an idempotency key this answer is kept and replayed: the call had begun to run.
    """

    kept = True

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type_: str = INVALID_REQUEST,
        code: str | None = None,
        param: str | None = None,
        **members: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"type": type_, "message": message, **members}
        if code is not None:
            self.error |= {"code": code, "doc_url": f"https://docs.stripe.com/error-codes#{code}"}
        if param is not None:
            self.error["param"] = param


class NotBegun(ApiError):
    """Refused before the call began: malformed, unauthenticated or in the way of another. Its key stays unused."""

    kept = False


def resource_missing(kind: str, id_: str, param: str) -> ApiError:
    """There is no such object in the calling account."""
    return ApiError(404, f"No such {kind}: '{id_}'", code="resource_missing", param=param)


def unexpected_state(verb: str, intent: dict[str, Any]) -> ApiError:
    """A PaymentIntent's status does not allow the step."""
    return ApiError(
        400,
        f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}.",
        code="payment_intent_unexpected_state",
        payment_intent=intent,
    )


def balance_insufficient() -> ApiError:
    """An account has not what should leave it."""
    return ApiError(
        400,
        "You have insufficient available funds in your Stripe account.",
        code="balance_insufficient",
    )
