"""What goes wrong on demand. Faults are rows, so a test in one process disturbs a worker in another."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

import psycopg


class Fault(StrEnum):
    """What may go wrong with a call to the API, or with the delivery of an event."""

    LOST_REQUEST = "lost_request"
    """The connection breaks before anything is done."""
    LOST_RESPONSE = "lost_response"
    """The work is done; the connection breaks before the answer."""
    ERROR_BEFORE = "error_before"
    """Answered 500, nothing done."""
    ERROR_AFTER = "error_after"
    """Answered 500 although the work is done; the same key is later answered as if nothing had gone wrong."""
    RATE_LIMITED = "rate_limited"
    """Answered 429, nothing done."""
    DELAYED = "delayed"
    """The work is done, the answer waits."""
    WEBHOOK_LATE = "webhook_late"
    """Not posted before a delay has passed."""
    WEBHOOK_DUPLICATE = "webhook_duplicate"
    """Posted twice."""
    WEBHOOK_OVERTAKEN = "webhook_overtaken"
    """Posted after every other event that is due."""
    WEBHOOK_FORGED = "webhook_forged"
    """Signed with a secret that is not the endpoint's."""


ON_WEBHOOKS = frozenset(fault for fault in Fault if fault.startswith("webhook_"))
ON_CALLS = frozenset(Fault) - ON_WEBHOOKS

NO_DELAY = timedelta()


@dataclass(frozen=True, slots=True)
class Taken:
    """A fault that befalls the call or event in hand."""

    fault: Fault
    delay: timedelta


def inject(
    connection: psycopg.Connection[Any],
    fault: Fault,
    *,
    target: str = "",
    method: str | None = None,
    times: int = 1,
    delay: timedelta = NO_DELAY,
) -> None:
    """Let ``fault`` befall the next ``times`` calls whose path begins with ``target`` (events: whose type does)."""
    connection.execute(
        "INSERT INTO sandbox.faults (fault, method, target, delay_milliseconds, remaining) VALUES (%s, %s, %s, %s, %s)",
        [fault, method, target, delay // timedelta(milliseconds=1), times],
    )


def take(
    connection: psycopg.Connection[Any], faults: frozenset[Fault], *, target: str, method: str | None = None
) -> Taken | None:
    """Use up one of the ``faults`` waiting for this call or event, oldest first."""
    row = connection.execute(
        "UPDATE sandbox.faults SET remaining = remaining - 1 WHERE id = ("
        "SELECT id FROM sandbox.faults WHERE remaining > 0 AND fault = ANY(%s) AND starts_with(%s, target)"
        " AND (method IS NULL OR method = %s) ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)"
        " RETURNING fault, delay_milliseconds",
        [sorted(faults), target, method],
    ).fetchone()
    return Taken(Fault(row[0]), timedelta(milliseconds=row[1])) if row else None


def clear(connection: psycopg.Connection[Any]) -> None:
    """Let nothing more go wrong."""
    connection.execute("DELETE FROM sandbox.faults")
