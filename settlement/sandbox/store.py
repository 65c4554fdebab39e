"""The sandbox's rows: connections, and what one call may do with objects, balances and events."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import files
from typing import Any, LiteralString, cast

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from exchange import clock
from settlement.sandbox import faults
from settlement.sandbox.errors import ApiError, balance_insufficient, resource_missing
from settlement.sandbox.params import Params

Connection = psycopg.Connection[tuple[Any, ...]]
Object = dict[str, Any]

#: The account whose secret key the caller holds; others are connected to it.
PLATFORM = "acct_sandboxplatform"

API_VERSION = "2026-10-28.endive"

PREFIXES = {
    "account": "acct_",
    "account_link": "link_",
    "balance_transaction": "txn_",
    "charge": "ch_",
    "checkout.session": "cs_test_",
    "dispute": "du_",
    "event": "evt_",
    "payment_intent": "pi_",
    "payment_method": "pm_",
    "payout": "po_",
    "refund": "re_",
    "transfer": "tr_",
    "transfer_reversal": "trr_",
    "webhook_endpoint": "we_",
}

#: Any number does, as long as everyone who installs takes the same one.
_INSTALL_LOCK = 0x5A4D


def new_id(prefix: str) -> str:
    """An unguessable id."""
    return prefix + secrets.token_hex(12)


def timestamp(moment: datetime | None = None) -> int:
    """Whole Unix seconds: of now, unless given."""
    return int((moment or clock.real_now()).timestamp())


def install(conninfo: str, *, users: tuple[str, ...] = ()) -> None:
    """Create the schema ``sandbox`` where it is missing and let the roles ``users`` work in it.

    Safe to call again, and by several processes at once.
    """
    schema: LiteralString = files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")
    with psycopg.connect(conninfo) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_INSTALL_LOCK])
        connection.execute(schema)
        for user in users:
            connection.execute(sql.SQL("GRANT USAGE ON SCHEMA sandbox TO {}").format(sql.Identifier(user)))
            connection.execute(
                sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA sandbox TO {}").format(
                    sql.Identifier(user)
                )
            )


class Connections:
    """A few open connections, lent to one thread at a time."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._idle: list[Connection] = []

    @contextmanager
    def lend(self) -> Iterator[Connection]:
        """An autocommitting connection. When the database went away, the idle ones are given up as well."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = psycopg.connect(self._conninfo, autocommit=True)
        try:
            yield connection
        except psycopg.OperationalError:
            if connection.broken:
                self.close()
            raise
        finally:
            if connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
                self._idle.append(connection)
            else:
                connection.close()

    def close(self) -> None:
        """Close those that nobody uses."""
        with suppress(IndexError):
            while True:
                self._idle.pop().close()


@dataclass(slots=True)
class Call:
    """One call, inside its transaction. Objects are locked before balances, and a charge after what led to it."""

    connection: Connection
    account: str = PLATFORM
    public_url: str = ""
    request_id: str = ""
    idempotency_key: str | None = None
    now: int = field(default_factory=timestamp)

    def insert(self, kind: str, fields: Object, *, account: str | None = None, id_: str | None = None) -> Object:
        """Keep a new object."""
        obj = {
            "id": id_ or new_id(PREFIXES[kind]),
            "object": kind,
            "created": self.now,
            "livemode": False,
            **fields,
        }
        self.connection.execute(
            "INSERT INTO sandbox.objects (id, kind, account, body) VALUES (%s, %s, %s, %s)",
            [obj["id"], kind, account or self.account, Jsonb(obj)],
        )
        return obj

    def save(self, obj: Object) -> None:
        """Keep what was changed in an object that this call holds locked (or has just made)."""
        self.connection.execute("UPDATE sandbox.objects SET body = %s WHERE id = %s", [Jsonb(obj), obj["id"]])

    def get(self, kind: str, id_: str, *, param: str | None = None, lock: bool = False) -> Object:
        """An object of the calling account.

        Raises:
            ApiError: ``resource_missing``, blaming ``param``.
        """
        query: LiteralString = "SELECT body FROM sandbox.objects WHERE id = %s AND kind = %s AND account = %s"
        row = self.connection.execute(query + (" FOR UPDATE" if lock else ""), [id_, kind, self.account]).fetchone()
        if row is None:
            raise resource_missing(kind.replace("checkout.session", "checkout session"), id_, param or "id")
        return cast(Object, row[0])

    def find(self, kind: str, **members: Any) -> list[Object]:
        """The account's objects with these members, oldest first."""
        rows = self.connection.execute(
            "SELECT body FROM sandbox.objects WHERE account = %s AND kind = %s AND body @> %s ORDER BY position",
            [self.account, kind, Jsonb(members)],
        )
        return [row[0] for row in rows]

    def page(self, kind: str, url: str, params: Params, filters: tuple[str, ...] = ()) -> Object:
        """A list as Stripe pages it: newest first, ``limit`` 1 to 100, from behind or before a cursor."""
        limit = params.integer("limit", maximum=100) or 10
        after, before = params.text("starting_after"), params.text("ending_before")
        created = params.hash("created")
        since = created.integer("gte", minimum=0, maximum=2**40) or 0
        wanted = {name: value for name in filters if (value := params.text(name)) is not None}
        created.finish()
        params.finish()
        if after and before:
            raise ApiError(400, "Give one of starting_after and ending_before.", param="ending_before")
        lower = self._position(kind, before, "ending_before") if before else 0
        upper = self._position(kind, after, "starting_after") if after else 2**62
        query: LiteralString = (
            "SELECT body FROM sandbox.objects WHERE account = %s AND kind = %s AND body @> %s"
            " AND position > %s AND position < %s AND (body->>'created')::bigint >= %s ORDER BY position "
        )
        rows = self.connection.execute(
            query + ("ASC" if before else "DESC") + " LIMIT %s",
            [self.account, kind, Jsonb(wanted), lower, upper, since, limit + 1],
        ).fetchall()
        data = [row[0] for row in rows[:limit]]
        if before:
            data.reverse()
        return {"object": "list", "url": url, "has_more": len(rows) > limit, "data": data}

    def _position(self, kind: str, id_: str, param: str) -> int:
        row = self.connection.execute(
            "SELECT position FROM sandbox.objects WHERE id = %s AND kind = %s AND account = %s",
            [id_, kind, self.account],
        ).fetchone()
        if row is None:
            raise resource_missing(kind, id_, param)
        return cast(int, row[0])

    def post(
        self,
        amount: int,
        currency: str,
        type_: str,
        source: str,
        *,
        fee: int = 0,
        account: str | None = None,
        covered: bool = False,
    ) -> Object:
        """Move ``amount`` minor units into an account (out of it, when negative) and keep the balance transaction.

        The balance row stays locked until the call ends, so an account's transactions in one currency are listed in
        the order in which they were committed.

        Raises:
            ApiError: ``balance_insufficient``, when the movement must be ``covered`` and is not.
        """
        owner = account or self.account
        row = self.connection.execute(
            "INSERT INTO sandbox.balances AS b VALUES (%s, %s, %s) ON CONFLICT (account, currency)"
            " DO UPDATE SET available_minor = b.available_minor + excluded.available_minor"
            " RETURNING available_minor",
            [owner, currency, amount - fee],
        ).fetchone()
        if covered and (row is None or row[0] < 0):
            raise balance_insufficient()
        fee_details = [{"amount": fee, "currency": currency, "type": "stripe_fee", "description": None}]
        return self.insert(
            "balance_transaction",
            {
                "amount": amount,
                "available_on": self.now,
                "currency": currency,
                "description": None,
                "exchange_rate": None,
                "fee": fee,
                "fee_details": fee_details if fee else [],
                "net": amount - fee,
                "reporting_category": type_,
                "source": source,
                "status": "available",
                "type": type_,
            },
            account=owner,
        )

    def emit(self, type_: str, obj: Object) -> None:
        """Keep an event with the object as it stands, and a delivery for every endpoint that listens for it."""
        connected = self.account != PLATFORM
        event = self.insert(
            "event",
            {
                "type": type_,
                "api_version": API_VERSION,
                "data": {"object": obj},
                "pending_webhooks": 0,
                "request": {"id": self.request_id or None, "idempotency_key": self.idempotency_key},
                **({"account": self.account} if connected else {}),
            },
        )
        endpoints = self.connection.execute(
            "SELECT id FROM sandbox.objects WHERE account = %s AND kind = 'webhook_endpoint' AND body @> %s"
            " AND body->'enabled_events' ?| %s",
            [PLATFORM, Jsonb({"status": "enabled", "connect": connected}), [type_, "*"]],
        ).fetchall()
        for (endpoint_id,) in endpoints:
            self._enqueue(endpoint_id, event["id"], type_)

    def _enqueue(self, endpoint_id: str, event_id: str, type_: str) -> None:
        taken = faults.take(self.connection, faults.ON_WEBHOOKS, target=type_)
        fault = taken.fault if taken else None
        due_at = clock.real_now() + (taken.delay if taken else faults.NO_DELAY)
        copies = 2 if fault is faults.Fault.WEBHOOK_DUPLICATE else 1
        for _ in range(copies):
            self.connection.execute(
                "INSERT INTO sandbox.deliveries (endpoint_id, event_id, due_at, overtaken, forged)"
                " VALUES (%s, %s, %s, %s, %s)",
                [
                    endpoint_id,
                    event_id,
                    due_at,
                    fault is faults.Fault.WEBHOOK_OVERTAKEN,
                    fault is faults.Fault.WEBHOOK_FORGED,
                ],
            )
