"""Checkout sessions: the hosted page's side of a payment."""

from datetime import timedelta
from urllib.parse import urlsplit

from exchange import clock
from settlement.sandbox import cards, payments
from settlement.sandbox.errors import ApiError, NotBegun
from settlement.sandbox.params import Params, check_minimum
from settlement.sandbox.store import Call, Object, timestamp

#: How long a session may stay open (https://docs.stripe.com/api/checkout/sessions/create, ``expires_at``).
SHORTEST, LONGEST = timedelta(minutes=30), timedelta(hours=24)


def create(call: Call, params: Params) -> Object:
    """POST /v1/checkout/sessions, in mode ``payment`` with prices given in place."""
    mode = params.choice("mode", ("payment",))
    success_url, cancel_url = _url(params, "success_url"), _url(params, "cancel_url")
    if success_url is None:
        raise params.missing("success_url")
    fields = {
        "client_reference_id": params.text("client_reference_id"),
        "customer_email": params.text("customer_email"),
        "expires_at": _expiry(params),
        "metadata": params.metadata(),
    }
    data = params.hash("payment_intent_data")
    intent = {name: data.text(name) for name in ("description", "transfer_group")}
    intent_metadata = data.metadata()
    data.finish()
    amount, currency, items = _items(params)
    params.finish()
    session = call.insert(
        "checkout.session",
        {
            "amount_subtotal": amount,
            "amount_total": amount,
            "cancel_url": cancel_url,
            "currency": currency,
            "mode": mode,
            "payment_intent": None,
            "payment_status": "unpaid",
            "status": "open",
            "success_url": success_url,
            "ui_mode": "hosted",
            **fields,
        },
    )
    session["url"] = f"{call.public_url}/checkout/{session['id']}"
    call.save(session)
    # What the page needs later and the API does not show.
    call.insert(
        "checkout.terms",
        {"intent": intent | {"metadata": intent_metadata}, "items": items},
        id_=_terms_id(session["id"]),
    )
    return session


def _terms_id(session_id: str) -> str:
    return f"{session_id}_terms"


def _url(params: Params, name: str) -> str | None:
    url = params.text(name)
    if url is not None and (urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).netloc):
        raise NotBegun(400, "Not a valid URL", code="url_invalid", param=name)
    return url


def _expiry(params: Params) -> int:
    now = clock.real_now()
    given = params.integer("expires_at", maximum=2**40)
    expires_at = timestamp(now + LONGEST) if given is None else given
    # A second of grace on either side, since the caller's instant was cut to whole seconds before it came here.
    if not timestamp(now + SHORTEST) - 1 <= expires_at <= timestamp(now + LONGEST) + 1:
        raise NotBegun(
            400,
            "The expires_at timestamp must be between 30 minutes and 24 hours from Checkout Session creation.",
            param="expires_at",
        )
    return expires_at


def _items(params: Params) -> tuple[int, str, list[str]]:
    """Total, currency and names of the line items."""
    total, currencies, names = 0, [], []
    for item in params.hashes("line_items"):
        quantity = item.integer("quantity") or 1
        price = item.hash("price_data")
        currencies.append(price.currency())
        total += price.amount("unit_amount") * quantity
        product = price.hash("product_data")
        names.append(product.required("name"))
        product.text("description")
        for level in (product, price, item):
            level.finish()
    if not currencies:
        raise params.missing("line_items")
    if len(set(currencies)) > 1:
        raise NotBegun(400, "All line items must have the same currency.", param="line_items")
    check_minimum(total, currencies[0], "line_items")
    return total, currencies[0], names


def current(call: Call, id_: str) -> Object:
    """A session, locked, and expired first if its time is up."""
    session = call.get("checkout.session", id_, param="session", lock=True)
    if session["status"] == "open" and session["expires_at"] <= call.now:
        end(call, session)
    return session


def end(call: Call, session: Object) -> None:
    """Expire a locked, open session, and cancel what it had begun."""
    session["status"] = "expired"
    session["url"] = None
    if session["payment_intent"] is not None:
        intent = call.get("payment_intent", session["payment_intent"], lock=True)
        payments.cancel_intent(call, intent, "abandoned")
    call.save(session)
    call.emit("checkout.session.expired", session)


def retrieve(call: Call, params: Params, id_: str) -> Object:
    """GET /v1/checkout/sessions/{id}."""
    params.finish()
    return current(call, id_)


def list_sessions(call: Call, params: Params) -> Object:
    """GET /v1/checkout/sessions."""
    return call.page("checkout.session", "/v1/checkout/sessions", params, ("payment_intent", "status"))


def expire(call: Call, params: Params, id_: str) -> Object:
    """POST /v1/checkout/sessions/{id}/expire."""
    params.finish()
    session = current(call, id_)
    if session["status"] != "open":
        raise ApiError(
            400,
            f"Only Checkout Sessions with a status in [open] can be expired. This one is {session['status']}.",
        )
    end(call, session)
    return session


def items(call: Call, session: Object) -> list[str]:
    """The names of what is paid for."""
    names: list[str] = call.get("checkout.terms", _terms_id(session["id"]))["items"]
    return names


def pay(call: Call, session: Object, number: str) -> str | None:
    """Charge a card for a locked session; what the payer is told when it is declined, else nothing.

    A decline leaves the session open: the payer may try another card.

    Raises:
        ApiError: The session is not open, or the number is no test card's.
    """
    if session["status"] != "open":
        raise ApiError(400, f"This Checkout Session is {session['status']}.")
    method = cards.keep_card(call, number)
    if session["payment_intent"] is None:
        terms = call.get("checkout.terms", _terms_id(session["id"]))
        automatic = {"automatic_payment_methods": {"enabled": True, "allow_redirects": "always"}}
        intent = payments.new_intent(call, session["amount_total"], session["currency"], terms["intent"] | automatic)
        session["payment_intent"] = intent["id"]
        call.save(session)
    else:
        intent = call.get("payment_intent", session["payment_intent"], lock=True)
    intent["payment_method"] = method["id"]
    # The page is where the payer would be asked, so it counts as answered.
    answer = payments.confirm_intent(call, intent, authenticated=True)
    if isinstance(answer, payments.Answer):
        message: str = answer.body["error"]["message"]
        return message
    session |= {"payment_status": "paid", "status": "complete", "url": None}
    call.save(session)
    call.emit("checkout.session.completed", session)
    return None


def expire_overdue(call: Call) -> None:
    """Expire every session whose time is up."""
    rows = call.connection.execute(
        "SELECT id FROM sandbox.objects WHERE kind = 'checkout.session' AND account = %s"
        """ AND body @> '{"status": "open"}' AND (body->>'expires_at')::bigint <= %s ORDER BY id""",
        [call.account, call.now],
    ).fetchall()
    for (id_,) in rows:
        current(call, id_)
