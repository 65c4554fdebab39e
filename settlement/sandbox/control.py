"""What nobody can ask of Stripe: disasters, and decisions that others take. For tests and the demonstration."""

from datetime import timedelta
from typing import Literal

import psycopg

from settlement.sandbox import checkout, connect, disputes, faults
from settlement.sandbox.faults import Fault
from settlement.sandbox.store import Call, Object


class Control:
    """Acts on the rows that every sandbox process over ``conninfo`` shares."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo

    def inject(
        self,
        fault: Fault,
        *,
        target: str = "",
        method: str | None = None,
        times: int = 1,
        delay: timedelta = faults.NO_DELAY,
    ) -> None:
        """Let ``fault`` befall the next ``times`` calls whose path (events whose type) begins with ``target``."""
        with psycopg.connect(self._conninfo) as connection:
            faults.inject(connection, fault, target=target, method=method, times=times, delay=delay)

    def clear_faults(self) -> None:
        """Let nothing more go wrong."""
        with psycopg.connect(self._conninfo) as connection:
            faults.clear(connection)

    def decide_dispute(self, id_: str, outcome: Literal["won", "lost"]) -> Object:
        """The payer's bank decides a dispute.

        Raises:
            ApiError: There is no such dispute, or it is closed.
        """
        with psycopg.connect(self._conninfo) as connection:
            return disputes.decide(Call(connection), id_, outcome)

    def open_dispute(self, charge_id: str) -> Object:
        """The payer disputes a charge that seemed to be good.

        Raises:
            ApiError: There is no such charge, or it cannot be disputed.
        """
        with psycopg.connect(self._conninfo) as connection:
            call = Call(connection)
            return disputes.open_dispute(call, call.get("charge", charge_id, lock=True))

    def fail_payout(self, account_id: str, payout_id: str) -> Object:
        """A seller's bank sends a payout back.

        Raises:
            ApiError: There is no such payout, or it has failed already.
        """
        with psycopg.connect(self._conninfo) as connection:
            return connect.fail_payout(Call(connection, account=account_id), payout_id)

    def pay_checkout(self, session_id: str, card_number: str) -> str | None:
        """Pay a session as its page would; what the payer is told when the card is declined.

        Raises:
            ApiError: There is no such session, or it is not open.
        """
        with psycopg.connect(self._conninfo) as connection:
            call = Call(connection)
            return checkout.pay(call, checkout.current(call, session_id), card_number)
