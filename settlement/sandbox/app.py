"""The sandbox as a WSGI application."""

import hashlib
import hmac
import json
import logging
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import timedelta
from errno import ECONNRESET
from typing import TYPE_CHECKING, Any

import psycopg
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from exchange import clock
from settlement.sandbox import cards, checkout, connect, disputes, faults, pages, payments, webhooks
from settlement.sandbox.errors import ApiError, NotBegun
from settlement.sandbox.expand import expand
from settlement.sandbox.faults import Fault
from settlement.sandbox.params import Params, nested
from settlement.sandbox.payments import Answer
from settlement.sandbox.store import PLATFORM, Call, Connections, Object, new_id

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_log = logging.getLogger(__name__)

Handler = Callable[..., Object | Answer]

#: A key is forgotten after this time (https://docs.stripe.com/api/idempotent_requests).
KEY_LIFETIME = timedelta(hours=24)
MAX_KEY_LENGTH = 255

#: The class of advisory locks that stand for keys in use.
KEY_LOCKS = 0x53424B

_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/v1/payment_methods", cards.create),
    ("GET", "/v1/payment_methods/<id_>", cards.retrieve),
    ("POST", "/v1/payment_intents", payments.create),
    ("GET", "/v1/payment_intents", payments.list_intents),
    ("GET", "/v1/payment_intents/<id_>", payments.retrieve),
    ("POST", "/v1/payment_intents/<id_>/confirm", payments.confirm),
    ("POST", "/v1/payment_intents/<id_>/capture", payments.capture),
    ("POST", "/v1/payment_intents/<id_>/cancel", payments.cancel),
    ("GET", "/v1/charges", payments.list_charges),
    ("GET", "/v1/charges/<id_>", payments.retrieve_charge),
    ("POST", "/v1/refunds", payments.refund),
    ("GET", "/v1/refunds", payments.list_refunds),
    ("GET", "/v1/refunds/<id_>", payments.retrieve_refund),
    ("POST", "/v1/checkout/sessions", checkout.create),
    ("GET", "/v1/checkout/sessions", checkout.list_sessions),
    ("GET", "/v1/checkout/sessions/<id_>", checkout.retrieve),
    ("POST", "/v1/checkout/sessions/<id_>/expire", checkout.expire),
    ("GET", "/v1/account", connect.retrieve_platform),
    ("POST", "/v1/accounts", connect.create_account),
    ("GET", "/v1/accounts/<id_>", connect.retrieve_account),
    ("POST", "/v1/account_links", connect.create_link),
    ("POST", "/v1/transfers", connect.create_transfer),
    ("GET", "/v1/transfers", connect.list_transfers),
    ("GET", "/v1/transfers/<id_>", connect.retrieve_transfer),
    ("POST", "/v1/transfers/<id_>/reversals", connect.create_reversal),
    ("GET", "/v1/transfers/<id_>/reversals", connect.list_reversals),
    ("POST", "/v1/payouts", connect.create_payout),
    ("GET", "/v1/payouts", connect.list_payouts),
    ("GET", "/v1/payouts/<id_>", connect.retrieve_payout),
    ("GET", "/v1/balance", connect.balance),
    ("GET", "/v1/balance_transactions", connect.list_lines),
    ("GET", "/v1/balance_transactions/<id_>", connect.retrieve_line),
    ("GET", "/v1/disputes", disputes.list_disputes),
    ("GET", "/v1/disputes/<id_>", disputes.retrieve),
    ("POST", "/v1/disputes/<id_>/close", disputes.close),
    ("GET", "/v1/events", webhooks.list_events),
    ("GET", "/v1/events/<id_>", webhooks.retrieve_event),
    ("POST", "/v1/webhook_endpoints", webhooks.create),
    ("GET", "/v1/webhook_endpoints", webhooks.list_endpoints),
    ("GET", "/v1/webhook_endpoints/<id_>", webhooks.retrieve),
    ("DELETE", "/v1/webhook_endpoints/<id_>", webhooks.delete),
)

_API = Map([Rule(path, methods=[method], endpoint=handler) for method, path, handler in _ROUTES])
_PAGES = Map(
    [
        Rule("/checkout/<id_>", methods=["GET", "POST"], endpoint=pages.checkout_page),
        Rule("/onboarding/<id_>", methods=["GET"], endpoint=pages.onboarding_page),
    ]
)


class ConnectionDropped(ConnectionResetError):
    """A fault breaks the connection. WSGI servers take it for the client's leaving and send no answer."""

    def __init__(self) -> None:
        super().__init__(ECONNRESET, "the sandbox dropped the connection")


class Sandbox:
    """Stripe's API and hosted pages over the schema ``sandbox``, which ``store.install()`` has made.

    Args:
        conninfo: Where the schema is.
        secret_key: The one key that is let in; it begins with ``sk_test_``.
        public_url: Where browsers reach the hosted pages, without a slash at the end.

    Raises:
        ValueError: The key is not a test key.
    """

    def __init__(self, conninfo: str, *, secret_key: str, public_url: str) -> None:
        if not secret_key.startswith("sk_test_"):
            raise ValueError("the sandbox takes test keys (sk_test_…) only")
        self._key = secret_key
        self._public_url = public_url
        self._connections = Connections(conninfo)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a call of the API, or a page.

        Raises:
            ConnectionDropped: A fault wants it.
        """
        request = Request(environ)
        try:
            answer = self._api(request) if request.path.startswith("/v1/") else self._page(request)
        except ConnectionDropped:
            _hang_up(environ)
            raise
        return answer(environ, start_response)

    def hosted_pages(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """The pages without the API, to be mounted at ``public_url`` where browsers come in."""
        return self._page(Request(environ))(environ, start_response)

    def close(self) -> None:
        """Close the database connections."""
        self._connections.close()

    def _page(self, request: Request) -> Response:
        try:
            view, args = _PAGES.bind_to_environ(request.environ).match()
            with self._connections.lend() as connection, connection.transaction():
                page: Response = view(Call(connection), request, **args)
                return page
        except HTTPException as error:
            return Response(error.get_body(request.environ), error.code, mimetype="text/html")

    def _api(self, request: Request) -> Response:
        try:
            return self._answer_or_fault(request)
        except psycopg.OperationalError:
            _log.exception("the sandbox cannot use its database")
            return _refusal(NotBegun(500, "An unknown error occurred.", type_="api_error"), "")

    def _answer_or_fault(self, request: Request) -> Response:
        with self._connections.lend() as connection:
            taken = faults.take(connection, faults.ON_CALLS, target=request.path, method=request.method)
            fault = taken.fault if taken else None
            if fault is Fault.LOST_REQUEST:
                raise ConnectionDropped
            call = Call(connection, public_url=self._public_url, request_id=new_id("req_"))
            if fault in {Fault.ERROR_BEFORE, Fault.RATE_LIMITED}:
                return _refusal(_failure(fault), call.request_id)
            answer = self._answer(call, request)
        if taken and fault is Fault.DELAYED:
            time.sleep(taken.delay.total_seconds())
        if fault is Fault.LOST_RESPONSE:
            raise ConnectionDropped
        return _refusal(_failure(fault), call.request_id) if fault is Fault.ERROR_AFTER else answer

    def _answer(self, call: Call, request: Request) -> Response:
        try:
            self._authenticate(request)
            handler, args = _route(request)
            values = nested((request.form if request.method == "POST" else request.args).items(multi=True))
            wanted = Params({"expand": values.pop("expand", {})}).texts("expand")
            self._choose_account(call, request)
            call.idempotency_key = _key(request)

            def run() -> tuple[int, Object]:
                with call.connection.transaction():
                    result = handler(call, Params(values), **args)
                    status, body = result if isinstance(result, Answer) else (200, result)
                    return status, expand(call, body, wanted)

            with call.connection.transaction():
                status, body, replayed = _once(call, _fingerprint(request), run)
        except ApiError as refused:
            return _refusal(refused, call.request_id)
        except (psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable):
            return _refusal(_locked(), call.request_id)
        return _json(status, body, call.request_id, replayed=replayed)

    def _authenticate(self, request: Request) -> None:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if given.startswith(("sk_live_", "rk_live_")):
            raise NotBegun(401, "This is a sandbox: a live key has no place here. Revoke it if it leaked.")
        if scheme != "Bearer" or not hmac.compare_digest(given.encode(), self._key.encode()):
            raise NotBegun(401, f"Invalid API Key provided: {given[:8]}***")

    def _choose_account(self, call: Call, request: Request) -> None:
        account = request.headers.get("Stripe-Account")
        if account is not None and account != PLATFORM:
            connect.speaks_for(call, account)
            call.account = account


def _hang_up(environ: "WSGIEnvironment") -> None:
    """Close the connection at once where the server tells it; left alone, some wait for another request on it."""
    for server in ("werkzeug", "gunicorn"):
        connection: socket.socket | None = environ.get(f"{server}.socket")
        if connection is not None:
            with suppress(OSError):  # the client may have left already
                connection.shutdown(socket.SHUT_RDWR)


def _route(request: Request) -> tuple[Handler, dict[str, Any]]:
    try:
        handler, args = _API.bind_to_environ(request.environ).match()
    except HTTPException as error:
        raise NotBegun(404, f"Unrecognized request URL ({request.method}: {request.path}).") from error
    return handler, dict(args)


def _key(request: Request) -> str | None:
    key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
    if key is not None and not 0 < len(key) <= MAX_KEY_LENGTH:
        raise NotBegun(400, f"Idempotency keys have 1 to {MAX_KEY_LENGTH} characters.", type_="idempotency_error")
    return key


def _fingerprint(request: Request) -> bytes:
    """What must be the same when a key comes back."""
    pairs = sorted(request.form.items(multi=True))
    return hashlib.sha256(json.dumps([request.method, request.path, pairs]).encode()).digest()


def _once(call: Call, fingerprint: bytes, run: Callable[[], tuple[int, Object]]) -> tuple[int, str, bool]:
    """Run a call, or replay the answer that its key got before: status, body, whether replayed.

    Raises:
        NotBegun: The key came with other parameters, or is in use this moment.
    """
    if call.idempotency_key is None:
        status, body = run()
        return status, json.dumps(body), False
    lock = call.connection.execute(
        "SELECT pg_try_advisory_xact_lock(%s, hashtext(%s))",
        [KEY_LOCKS, f"{call.account} {call.idempotency_key}"],
    ).fetchone()
    if lock is None or not lock[0]:
        raise NotBegun(
            409,
            "There is currently another in-progress request using this idempotency key.",
            type_="idempotency_error",
            code="idempotency_key_in_use",
        )
    kept = _kept_answer(call, fingerprint)
    if kept is not None:
        return *kept, True
    try:
        status, body = run()
    except ApiError as refused:
        if not refused.kept:
            raise
        status, body = refused.status, {"error": refused.error}
    text = json.dumps(body)
    call.connection.execute(
        "INSERT INTO sandbox.answers VALUES (%s, %s, %s, %s, %s, %s)",
        [call.account, call.idempotency_key, fingerprint, status, text, clock.real_now()],
    )
    return status, text, False


def _kept_answer(call: Call, fingerprint: bytes) -> tuple[int, str] | None:
    call.connection.execute(
        "DELETE FROM sandbox.answers WHERE account = %s AND key = %s AND created_at < %s",
        [call.account, call.idempotency_key, clock.real_now() - KEY_LIFETIME],
    )
    row = call.connection.execute(
        "SELECT fingerprint, status, body FROM sandbox.answers WHERE account = %s AND key = %s",
        [call.account, call.idempotency_key],
    ).fetchone()
    if row is None:
        return None
    if row[0] != fingerprint:
        raise NotBegun(
            400,
            "Keys for idempotent requests can only be used with the same parameters they were first used with.",
            type_="idempotency_error",
        )
    return row[1], row[2]


def _failure(fault: Fault) -> NotBegun:
    if fault is Fault.RATE_LIMITED:
        return NotBegun(429, "Too many requests hit the API too quickly.", code="rate_limit")
    return NotBegun(500, "An unknown error occurred.", type_="api_error")


def _locked() -> NotBegun:
    message = "This object cannot be accessed right now because another request is accessing it."
    return NotBegun(429, message, code="lock_timeout")


def _refusal(refused: ApiError, request_id: str) -> Response:
    return _json(refused.status, json.dumps({"error": refused.error}), request_id, replayed=False)


def _json(status: int, body: str, request_id: str, *, replayed: bool) -> Response:
    headers = {"Request-Id": request_id}
    if replayed:
        headers["Idempotent-Replayed"] = "true"
    return Response(body, status, headers, mimetype="application/json")
