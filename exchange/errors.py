"""What may go wrong, in the exchange's own words.

Every error carries a stable ``code`` that clients may rely on and a message in English that the rim translates.
HTTP statuses are not known here: ``exchange.web.problems`` maps classes to statuses.
"""

from collections.abc import Mapping
from typing import Any, ClassVar


class ExchangeError(Exception):
    """Anything the exchange answers with on purpose.

    ``message`` is an English template with ``%(name)s`` places, translated at the rim; ``params`` fills it. Neither
    may hold personal data or a secret: both are shown, logged and kept.
    """

    default_code: ClassVar[str] = "error"

    def __init__(self, message: str, *, code: str | None = None, **params: Any) -> None:
        self.message = message
        self.code = code or self.default_code
        self.params: Mapping[str, Any] = params
        super().__init__(message % params if params else message)


class Invalid(ExchangeError):
    """The input is malformed or out of range; ``fields`` maps a field to its messages."""

    default_code = "invalid"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        fields: Mapping[str, list[str]] | None = None,
        **params: Any,
    ) -> None:
        self.fields = dict(fields or {})
        super().__init__(message, code=code, **params)


class NotSignedIn(ExchangeError):
    """No valid session or token came with the request."""

    default_code = "not_signed_in"


class Forbidden(ExchangeError):
    """Signed in, but not in a role that may do this."""

    default_code = "forbidden"


class NotFound(ExchangeError):
    """There is no such thing, or it is another party's (the answer is the same on purpose)."""

    default_code = "not_found"


class Conflict(ExchangeError):
    """The request does not fit the subject as it stands."""

    default_code = "conflict"


class WrongState(Conflict):
    """The life cycle has no such edge from the present state."""

    default_code = "wrong_state"


class StaleVersion(Conflict):
    """The subject changed since the caller read it."""

    default_code = "stale_version"


class KeyReused(Conflict):
    """An idempotency key came back with another body."""

    default_code = "key_reused"


class Refused(ExchangeError):
    """A gate said no.

    Args:
        rule_id: The rule of the pack that refuses, e.g. ``"G-01"``.
        reason: English template of what is wrong.
        remedy: English template of what would satisfy the rule; empty when nothing would.
        subjects: Ids of what the refusal is about.
    """

    default_code = "refused"

    def __init__(
        self,
        rule_id: str,
        reason: str,
        *,
        remedy: str = "",
        code: str | None = None,
        subjects: tuple[str, ...] = (),
        **params: Any,
    ) -> None:
        self.rule_id = rule_id
        self.remedy = remedy
        self.subjects = subjects
        super().__init__(reason, code=code or f"refused.{rule_id}", **params)


class PaymentDeclined(ExchangeError):
    """The payer's bank or card said no; nothing was charged."""

    default_code = "payment_declined"


class Unavailable(ExchangeError):
    """Something the exchange leans on does not answer; the same request may be tried again."""

    default_code = "unavailable"

    def __init__(self, message: str, *, code: str | None = None, retry_after_seconds: int = 5, **params: Any) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(message, code=code, **params)


class TooManyRequests(ExchangeError):
    """A limit on attempts was reached."""

    default_code = "too_many_requests"

    def __init__(self, message: str, *, retry_after_seconds: int, code: str | None = None, **params: Any) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(message, code=code, **params)


class InvariantBroken(ExchangeError):
    """The exchange contradicts itself. Never caught on the way to the rim, where it is answered and logged."""

    default_code = "invariant_broken"
