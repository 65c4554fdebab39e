"""The pages a payer or seller would see at Stripe: plain HTML, no script."""

import base64
import hashlib
from http import HTTPStatus

from jinja2 import Environment, StrictUndefined
from werkzeug.exceptions import NotFound
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from exchange.money import Money
from settlement.sandbox import checkout
from settlement.sandbox.cards import CARDS
from settlement.sandbox.errors import ApiError
from settlement.sandbox.store import Call, Object

_STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 32rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a;
  background: #fff }
strong.sandbox { display: block; padding: .5rem 1rem; background: #ffd75e; text-align: center }
p.error { border-left: .25rem solid #b00020; padding-left: .75rem; color: #8a0018 }
label, input { display: block; font: inherit } input { width: 100%; box-sizing: border-box; padding: .5rem }
button { font: inherit; margin: 1rem .5rem 0 0; padding: .5rem 1.5rem }
"""

_PAGE = Environment(autoescape=True, undefined=StrictUndefined).from_string("""<!doctype html>
<html lang="zh-CN">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>SANDBOX 沙盒 {{ amount }}</title><style>{{ style|safe }}</style></head>
<body>
<strong class="sandbox">SANDBOX 沙盒 · no money moves 不发生真实扣款</strong>
<main>
<h1>{{ amount }}</h1>
<ul>{% for item in items %}<li>{{ item }}</li>{% endfor %}</ul>
{% if error %}<p class="error" role="alert" id="error">已拒付 · {{ error }}</p>{% endif %}
<form method="post">
<label for="card_number">卡号 · Card number</label>
<input id="card_number" name="card_number" inputmode="numeric" autocomplete="off" required
 value="4242 4242 4242 4242"{% if error %} aria-invalid="true" aria-describedby="error"{% endif %}>
<button name="action" value="pay">付款 · Pay</button>
{% if cancel %}<button name="action" value="cancel" formnovalidate>取消 · Cancel</button>{% endif %}
</form>
<h2>测试卡 · Test cards</h2>
<ul>{% for card in cards %}<li><code>{{ card.number }}</code> {{ card.label }}</li>{% endfor %}</ul>
</main>
</body></html>
""")

# No form-action: browsers would apply it to the redirect back to the shop as well.
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def checkout_page(call: Call, request: Request, id_: str) -> Response:
    """The hosted payment page: shows the form, charges the card, sends the payer back."""
    try:
        session = checkout.current(call, id_)
    except ApiError as missing:
        raise NotFound from missing
    if session["status"] == "complete":
        return redirect(_return_url(session), HTTPStatus.SEE_OTHER)
    if session["status"] != "open":
        return _gone("付款页面已过期 · This payment page has expired.")
    if request.method != "POST":
        return _form(call, session, None, HTTPStatus.OK)
    if request.form.get("action") == "cancel" and session["cancel_url"]:
        return redirect(session["cancel_url"], HTTPStatus.SEE_OTHER)
    number = "".join(request.form.get("card_number", "").split())
    try:
        refusal = checkout.pay(call, session, number)
    except ApiError as not_a_test_card:
        refusal = str(not_a_test_card)
    if refusal is not None:
        return _form(call, session, refusal, HTTPStatus.PAYMENT_REQUIRED)
    return redirect(_return_url(session), HTTPStatus.SEE_OTHER)


def _return_url(session: Object) -> str:
    url: str = session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"])
    return url


def _form(call: Call, session: Object, error: str | None, status: HTTPStatus) -> Response:
    html = _PAGE.render(
        style=_STYLE,
        amount=Money(session["amount_total"], session["currency"].upper()),
        items=checkout.items(call, session),
        error=error,
        cancel=session["cancel_url"],
        cards=CARDS.values(),
    )
    return Response(html, status, _HEADERS, mimetype="text/html")


def _gone(text: str) -> Response:
    # Returned, not raised: that the session expired is to be kept.
    return Response(text, HTTPStatus.GONE, _HEADERS, mimetype="text/plain")


def onboarding_page(call: Call, _request: Request, id_: str) -> Response:
    """The hosted onboarding: the sandbox asks nothing and sends the seller back."""
    try:
        link = call.get("account_link", id_)
    except ApiError as missing:
        raise NotFound from missing
    if link["expires_at"] <= call.now:
        return _gone("链接已过期 · This link has expired.")
    return redirect(link["return_url"], HTTPStatus.SEE_OTHER)
