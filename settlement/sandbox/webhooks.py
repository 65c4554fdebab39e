"""Events, webhook endpoints, and the delivery of signed events (https://docs.stripe.com/webhooks)."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from datetime import timedelta
from urllib.parse import urlsplit

import psycopg

from exchange import clock
from settlement.sandbox import checkout
from settlement.sandbox.errors import NotBegun
from settlement.sandbox.params import Params
from settlement.sandbox.store import Call, Connection, Object, timestamp

#: Posts a body with headers to a URL and returns the status; it raises ``OSError`` when there is no answer.
Post = Callable[[str, bytes, Mapping[str, str]], int]

#: A failed delivery is tried again after 2, 4, 8 … seconds (Stripe: minutes to hours), this often in all.
MAX_ATTEMPTS = 12


def create(call: Call, params: Params) -> Object:
    """POST /v1/webhook_endpoints; the secret is told here and never again."""
    url, events = params.required("url"), params.texts("enabled_events")
    connect, metadata, description = params.boolean("connect"), params.metadata(), params.text("description")
    params.finish()
    if urlsplit(url).scheme not in {"http", "https"}:
        raise NotBegun(400, "Invalid URL: an explicit scheme must be provided.", code="url_invalid", param="url")
    if not events:
        raise params.missing("enabled_events")
    made = call.insert(
        "webhook_endpoint",
        {
            "connect": connect,
            "description": description,
            "enabled_events": events,
            "metadata": metadata,
            "status": "enabled",
            "url": url,
        },
    )
    secret = f"whsec_{secrets.token_hex(16)}"
    call.connection.execute("INSERT INTO sandbox.webhook_secrets VALUES (%s, %s)", [made["id"], secret])
    return made | {"secret": secret}


def ensure_endpoint(conninfo: str, *, url: str, secret: str) -> None:
    """One endpoint for all events of the platform and its accounts at ``url``, signing with ``secret``.

    Stripe chooses the secret itself; an installation that owns its sandbox gives it the one it will check with.
    """
    with psycopg.connect(conninfo) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('sandbox.ensure_endpoint'))")
        call = Call(connection)
        fields: Object = {"description": None, "enabled_events": ["*"], "metadata": {}, "status": "enabled", "url": url}
        for connect in (False, True):
            known = call.find("webhook_endpoint", url=url, connect=connect)
            endpoint = known[0] if known else call.insert("webhook_endpoint", {**fields, "connect": connect})
            connection.execute(
                "INSERT INTO sandbox.webhook_secrets VALUES (%s, %s)"
                " ON CONFLICT (endpoint_id) DO UPDATE SET secret = excluded.secret",
                [endpoint["id"], secret],
            )


def retrieve(call: Call, params: Params, id_: str) -> Object:
    """GET /v1/webhook_endpoints/{id}."""
    params.finish()
    return call.get("webhook_endpoint", id_)


def list_endpoints(call: Call, params: Params) -> Object:
    """GET /v1/webhook_endpoints."""
    return call.page("webhook_endpoint", "/v1/webhook_endpoints", params)


def delete(call: Call, params: Params, id_: str) -> Object:
    """DELETE /v1/webhook_endpoints/{id}; what it has not been sent yet is dropped."""
    params.finish()
    call.get("webhook_endpoint", id_, lock=True)
    call.connection.execute("DELETE FROM sandbox.objects WHERE id = %s", [id_])
    return {"id": id_, "object": "webhook_endpoint", "deleted": True}


def retrieve_event(call: Call, params: Params, id_: str) -> Object:
    """GET /v1/events/{id}."""
    params.finish()
    return call.get("event", id_)


def list_events(call: Call, params: Params) -> Object:
    """GET /v1/events."""
    return call.page("event", "/v1/events", params, ("type",))


def sign(payload: bytes, secret: str, at: int) -> str:
    """The ``Stripe-Signature`` header: HMAC-SHA-256 over ``<Unix seconds>.<body>``."""
    mac = hmac.new(secret.encode(), f"{at}.".encode() + payload, hashlib.sha256)
    return f"t={at},v1={mac.hexdigest()}"


def deliver_webhooks(conninfo: str, post: Post, *, limit: int = 1000) -> int:
    """Expire overdue sessions, then post what is due, ``limit`` attempts at most; how many were answered with 2xx.

    Safe to run in several processes: a delivery is locked while it is posted. A process that dies while posting
    leaves it due, so an event may arrive twice, as Stripe's do.
    """
    delivered = 0
    with psycopg.connect(conninfo, autocommit=True) as connection:
        with connection.transaction():
            checkout.expire_overdue(Call(connection))
        for _ in range(limit):
            with connection.transaction():
                answered = _deliver_next(connection, post)
            if answered is None:
                break
            delivered += answered
    return delivered


def _deliver_next(connection: Connection, post: Post) -> bool | None:
    """Post the next delivery that is due; whether it was taken, or nothing when none is due."""
    row = connection.execute(
        "SELECT d.id, d.attempts, d.forged, event.body, endpoint.body->>'url', s.secret"
        " FROM sandbox.deliveries d JOIN sandbox.objects event ON event.id = d.event_id"
        " JOIN sandbox.objects endpoint ON endpoint.id = d.endpoint_id"
        " JOIN sandbox.webhook_secrets s ON s.endpoint_id = d.endpoint_id"
        " WHERE d.state = 'pending' AND d.due_at <= %s ORDER BY d.overtaken, d.due_at, d.id LIMIT 1"
        " FOR UPDATE OF d SKIP LOCKED",
        [clock.real_now()],
    ).fetchone()
    if row is None:
        return None
    id_, attempts, forged, event, url, secret = row
    payload = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    signature = sign(payload, "whsec_forged" if forged else secret, timestamp())
    headers = {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": signature}
    try:
        taken = post(url, payload, headers) // 100 == 2  # noqa: PLR2004  (2xx)
    except OSError:
        taken = False
    attempts += 1
    state = "delivered" if taken else "failed" if attempts >= MAX_ATTEMPTS else "pending"
    connection.execute(
        "UPDATE sandbox.deliveries SET attempts = %s, state = %s, due_at = %s WHERE id = %s",
        [attempts, state, clock.real_now() + timedelta(seconds=2**attempts), id_],
    )
    return taken
