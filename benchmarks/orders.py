"""Whole orders over HTTP, as a share of the same SQL replayed by raw psycopg.

An order is eight requests through the WSGI application: request, signature of the seller, the order read, payment,
ticket, the file (2 KiB), receipt, acceptance. Between them the worker and the gateway do their part; that is not
measured. A hook on the engine notes every statement with its arguments, every commit and rollback, by connection. After
each order all of it is replayed on a copy of the database as it was before, statement by statement, results fetched;
what was measured over HTTP is measured again. So both do the same to equal databases, and the difference is the
application: HTTP, validation, rules, signatures, encryption, and SQLAlchemy. The ratio is that of the medians.
"""

import hashlib
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, event
from stage import TWIN, Stage, stage

from exchange import db

ORDERS = 12
#: (measured, connection, statement or COMMIT or ROLLBACK, arguments).
Step = tuple[bool, int, str, Any]


@dataclass
class Recording:
    """What was done to the database for one order."""

    steps: list[Step] = field(default_factory=list)
    measuring: bool = False
    seconds: float = 0.0
    requests: int = 0

    def listen(self, engine: Engine) -> None:
        """Note what goes through ``engine``."""
        event.listen(engine, "before_cursor_execute", self._statement)
        event.listen(engine, "commit", lambda connection: self._note(connection, "COMMIT"))
        event.listen(engine, "rollback", lambda connection: self._note(connection, "ROLLBACK"))

    def begin(self) -> None:
        """Forget what was, for the next order."""
        self.steps, self.seconds, self.requests = [], 0.0, 0

    def timed(self, work: Callable[[], Any]) -> Any:
        """Do and measure ``work``: a request."""
        self.measuring, started = True, time.perf_counter()
        answer = work()
        self.seconds += time.perf_counter() - started
        self.measuring = False
        self.requests += 1
        return answer

    def _statement(self, connection: Connection, _cursor: Any, statement: str, values: Any, *more: Any) -> None:
        _context, many = more
        for each in values if many else [values]:
            self._note(connection, statement, each)

    def _note(self, connection: Connection, statement: str, values: Any = None) -> None:
        self.steps.append((self.measuring, id(connection.connection.dbapi_connection), statement, values))


def order(made: Stage, recording: Recording) -> None:
    """One order, from its request to its acceptance."""

    def call(by: Any, method: str, path: str, body: Any = None) -> Any:
        return recording.timed(lambda: made.call(by, method, path, body))

    buyer, seller = made.buyer, made.seller
    asked = {"offer_id": made.product.offer_id, "purpose": "commercial.analytics", "password": buyer.password}
    order_id = call(buyer, "POST", "/orders", asked).json["id"]
    call(seller, "POST", f"/orders/{order_id}/sign", {"password": seller.password})
    lot_id = call(buyer, "GET", f"/orders/{order_id}").json["lots"][0]["id"]
    call(buyer, "POST", f"/lots/{lot_id}/pay", {"payment_method": "pm_card_visa"})
    made.work()
    token = call(buyer, "POST", f"/lots/{lot_id}/tickets").json["token"]
    content = call(buyer, "GET", f"/deliveries/{token}").data
    call(buyer, "POST", f"/lots/{lot_id}/receipt", {"sha256": hashlib.sha256(content).hexdigest()})
    call(buyer, "POST", f"/lots/{lot_id}/accept")
    made.work()


class Replay:
    """Does the same to a copy of the database, by psycopg."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._connections: dict[int, psycopg.Connection] = {}

    def __call__(self, steps: Sequence[Step]) -> float:
        """Replay ``steps``; the seconds of what was measured."""
        seconds = 0.0
        for measured, number, statement, values in steps:
            if number not in self._connections:
                self._connections[number] = psycopg.connect(self._conninfo)
            started = time.perf_counter()
            self._do(self._connections[number], statement, values)
            if measured:
                seconds += time.perf_counter() - started
        return seconds

    def close(self) -> None:
        """Let go of the connections."""
        for connection in self._connections.values():
            connection.close()

    def _do(self, connection: psycopg.Connection, statement: str, values: Any) -> None:
        if statement == "COMMIT":
            connection.commit()
        elif statement == "ROLLBACK":
            connection.rollback()
        else:
            done = connection.execute(statement, values)
            if done.description is not None:
                done.fetchall()


def main() -> None:
    """Print ``order_http ratio``; what both do goes to standard error."""
    with stage() as made:
        recording, replay = Recording(), Replay(made.server.conninfo("databourse_app", TWIN))
        recording.listen(db.engine())
        turns = []
        for _ in range(1 + ORDERS):  # the first loads, compiles and plans what an order needs, and does not count
            recording.begin()
            order(made, recording)
            turns.append((recording.seconds, replay(recording.steps)))
        replay.close()
        over_http, raw = (statistics.median(each) for each in zip(*turns[1:], strict=True))
        measured = [statement for is_measured, _, statement, _ in recording.steps if is_measured]
        commits = measured.count("COMMIT")
        print(
            f"# an order: {recording.requests} requests, {over_http * 1000:.0f} ms;"
            f" {len(measured) - commits} statements and {commits} commits, {raw * 1000:.0f} ms by psycopg",
            file=sys.stderr,
        )
        print(f"order_http {raw / over_http:.2f} ratio")


if __name__ == "__main__":
    main()
