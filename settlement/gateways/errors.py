"""What may go wrong between the exchange and whoever moves its money, apart from ``exchange.errors``."""

from exchange.errors import Conflict, NotSignedIn, Unavailable


class OutcomeUnknown(Unavailable):
    """The order may or may not have been carried out. Send it again under the same key, or read what happened.

    To be caught before ``Unavailable``, which promises that nothing was done.
    """

    default_code = "outcome_unknown"


class GatewayRefused(Conflict):
    """The gateway understood the order and declined it; nothing was done. ``code`` is ``gateway.`` and its own code."""

    default_code = "gateway.refused"


class BadSignature(NotSignedIn):
    """A message that claims to come from the gateway is not signed with any of our secrets, or is too old."""

    default_code = "bad_signature"
