"""What falls due in this room, and what its outbox asks for.

Of the news of other rooms revisions and changes of origin are listened for. Whether a party or a declaration still has
standing is asked by the gates at each step, and by the clocks when they are about to take theirs.
"""

import functools
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from exchange import clock
from exchange.errors import Unavailable
from exchange.handlers import Handler
from exchange.jobs import Carrier, DueHandler, Round
from listings.revisions import REVISED
from provenance.changes import CHANGED
from settlement import (
    deadlines,
    extensions,
    grants,
    inbox,
    lots,
    lots_disputes,
    lots_money,
    money,
    negotiation,
    orders,
    payment_orders,
    payout_accounts,
    refunds,
    upstream,
)
from settlement.gateways.stripe_gateway import StripeGateway
from settlement.reconciliation import reconcile

log = logging.getLogger(__name__)

DUE: Mapping[str, DueHandler] = {
    "order.signing": orders.lapse_signing,
    "order.reminder": negotiation.remind_signing,
    "lot.payment": lots.lapse_payment,
    "lot.availability": lots.make_available,
    "lot.delivery": lots.lapse_delivery,
    "lot.inspection": lots.lapse_inspection,
    "lot.ruling": lots_disputes.carry_out_ruling,
    deadlines.HALF: extensions.remind,
    deadlines.LAST: extensions.remind,
    "lot.held": payment_orders.flag_long_hold,
    "grant.expire": grants.expire_grant,
    grants.REVISED: grants.tell_holders,
    CHANGED: upstream.tell_holders,
}
HANDLERS: Mapping[str, Handler] = {REVISED: grants.plan_telling, CHANGED: upstream.plan_telling}

money.OUTCOMES.update(dict.fromkeys(lots_money.HEARD, lots_money.heard))
money.OUTCOMES.update(dict.fromkeys(refunds.HEARD, refunds.heard))


def outbox(gateway: StripeGateway) -> Mapping[str, Carrier]:
    """The carriers of this room, which talk to ``gateway``."""

    def carry_out(payload: dict[str, Any]) -> None:
        money.carry_out(gateway, payload["op_id"])

    def look_into(payload: dict[str, Any]) -> None:
        inbox.process(gateway, payload["event_id"])

    def open_account(payload: dict[str, Any]) -> None:
        payout_accounts.create_at_gateway(gateway, payload["payout_account_id"])

    return {"money.carry_out": carry_out, "gateway.event": look_into, payout_accounts.CREATE: open_account}


def rounds(gateway: StripeGateway) -> tuple[Round, ...]:
    """What a worker looks after besides due rows and the outbox.

    Operations that no event told of, and once a day the gateway's whole statement.
    """
    return (functools.partial(money.poll, gateway), DailyReconciliation(gateway))


class DailyReconciliation:
    """Reconciles ``first`` after the worker starts and then once a day, in real time; says in the log what is amiss.

    Several workers may do it: a line is kept once.
    """

    def __init__(self, gateway: StripeGateway, *, first: timedelta = timedelta(hours=1)) -> None:
        self._gateway = gateway
        self._next = clock.real_now() + first

    def __call__(self) -> bool:
        """Reconcile if it is time; nothing more is waiting either way."""
        if clock.real_now() < self._next:
            return False
        self._next = clock.real_now() + timedelta(days=1)
        try:
            found = reconcile(self._gateway)
        except Unavailable:
            self._next = clock.real_now() + timedelta(minutes=15)
            return False
        if found.suspense or found.missing or found.discrepancies:
            counts = (found.suspense, len(found.missing), len(found.discrepancies))
            log.error("reconciliation: %d lines to suspense, %d operations missing, %d accounts that differ", *counts)
        return False
