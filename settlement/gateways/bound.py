"""The payment gateway this process uses."""

from exchange.errors import InvariantBroken
from settlement.gateways.stripe_gateway import StripeGateway

_gateway: StripeGateway | None = None


def bind(gateway: StripeGateway) -> None:
    """Use ``gateway`` in this process from now on."""
    global _gateway  # noqa: PLW0603  (a process has one gateway)
    _gateway = gateway


def gateway() -> StripeGateway:
    """The bound gateway.

    Raises:
        InvariantBroken: ``bind`` was not called.
    """
    if _gateway is None:
        raise InvariantBroken("no payment gateway is bound")
    return _gateway
