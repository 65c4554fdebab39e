"""Forms that nobody in good faith sends, and forms that another site made: refused, and nothing is written."""

import re
from collections.abc import Callable
from html import unescape
from io import BytesIO
from typing import Any

import pytest
from exchange_site import Site, entries_told
from page_forms import OWN_WORDS, Attempt, browser, offering, ordering, problem_of, sent

from exchange.actors import STAFF_ROLES, Actor
from exchange.members.views import local_path
from listings.deposit_views import local
from settlement import voucher_checks

# -- hostile forms ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "amount", ["0", "-1", "1e9", "0x10", "１２", "1.001", "99999999999999999", "1,5", "1 2", "<b>", ""]
)
def test_amounts_in_a_form_are_plain_decimals(site: Site, amount: str) -> None:
    before = entries_told()
    answer = sent(site, offering(site, price__amount=amount))
    assert answer.status_code == 422, answer.text
    assert OWN_WORDS in unescape(answer.text)
    assert "<b>" not in problem_of(answer)
    assert entries_told() == before


def test_hostile_words_in_a_form_are_shown_as_text(site: Site) -> None:
    for words in ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}}", "%(kind)s"):
        described = {
            "title_zh": words,
            "title_en": words,
            "description_zh": words,
            "description_en": "",  # refused, so that everything comes back
            "category": "transport",
            "grade": "general",
        }
        answer = sent(site, Attempt(site.seller, "/desk/products/new", fields=described))
        assert answer.status_code == 422
        assert words in unescape(answer.text)
        assert not re.search("<script>alert|<img src=x", answer.text)


def test_a_form_names_no_field_beyond_its_own(site: Site) -> None:
    """What the exchange sets is not taken from a form."""
    for more in ({"state": "open"}, {"amount_minor": "1"}, {"fee_basis_points": "0"}, {"seller_org_id": "org_x"}):
        before = entries_told()
        answer = sent(site, ordering(site, **more))
        assert answer.status_code == 422, more
        assert entries_told() == before


# -- forms of other sites, and old ones -------------------------------------------------------------------------------

#: Programs post here, and prove themselves by a signature.
WITHOUT_TOKEN = {"hooks.stripe"}
#: What is read as it arrives looks for its token itself, once it knows the body for what it is.
STREAMED: dict[str, Callable[[], dict[str, Any]]] = {
    "deposits.send_whole": lambda: {"data": {"file": (BytesIO(b"a,b\n"), "a.csv")}},
    "deposits.append": lambda: {"data": b"x", "content_type": "application/offset+octet-stream"},
}


def test_no_form_is_taken_without_its_token(site: Site) -> None:
    """Whatever is sent to a page: a session alone does not authorise it."""
    seats = {
        "member": site.seller.actor,
        "staff": Actor("per_staff", "org_operator", STAFF_ROLES),
        "regulator": Actor("per_officer", "org_organ", frozenset({"regulator"})),
    }
    seen, before = 0, entries_told()
    for rule in site.app.url_map.iter_rules():
        methods = (rule.methods or set()) & {"POST", "PATCH", "PUT", "DELETE"}
        if rule.rule.startswith("/api/") or rule.endpoint in WITHOUT_TOKEN or not methods:
            continue
        kind = "staff" if rule.rule.startswith("/console") else "regulator"
        kind = kind if rule.rule.startswith(("/console", "/oversight")) else "member"
        reader = browser(site, seats[kind])
        path = re.sub(r"<any\((\w+)[^)]*\):\w+>", r"\1", rule.rule)
        path = re.sub(r"<int:\w+>", "0", path)
        path = re.sub(r"<[^>]*>", "x", path)
        for method in methods:
            body = STREAMED[rule.endpoint]() if rule.endpoint in STREAMED else {}
            answer = reader.client.open(path, method=method, headers={"Accept": "application/json"}, **body)
            assert (answer.status_code, answer.json["code"]) == (400, "form_expired"), (method, path, answer.text)
            seen += 1
    assert seen > 100
    assert entries_told() == before


# -- ways back that lead elsewhere -------------------------------------------------------------------------------------

ELSEWHERE = (
    "https://elsewhere.example/",
    "HTTPS:elsewhere.example",
    "//elsewhere.example/",
    "///elsewhere.example/",
    "/\\elsewhere.example/",
    "\\\\elsewhere.example/",
    "/\t/elsewhere.example/",
    "/\n/elsewhere.example/",
    " //elsewhere.example/",
    "javascript:alert(1)",
    "data:text/html,x",
    "elsewhere.example",
    "",
)


@pytest.mark.parametrize("wanted", ELSEWHERE)
def test_no_way_back_leads_to_another_site(site: Site, wanted: str) -> None:
    """Signing in, the one click of the demonstration, and sending a file go on to what they were asked for."""
    assert local_path(wanted) is None
    assert local(wanted) is None
    visitor = browser(site, None)
    visitor.get("/sign-in")
    sign_in = visitor.client.post(
        "/sign-in",
        query_string={"next": wanted},
        data={"csrf_token": visitor.csrf, "email": site.buyer.email, "password": site.buyer.password},
    )
    assert (sign_in.status_code, sign_in.location) == (303, "/home")


@pytest.mark.parametrize("wanted", ["/%2f%2felsewhere.example/", "/%5celsewhere.example/", "/%09/elsewhere.example/"])
def test_an_encoded_way_back_stays_a_path_of_this_site(site: Site, wanted: str) -> None:
    """A browser does not decode a path before it looks for a host: what is encoded stays below our own."""
    assert local_path(wanted) == wanted
    assert (local(wanted) or "").startswith("/%")


# -- guessing ---------------------------------------------------------------------------------------------------------


def test_numbers_of_vouchers_are_not_guessed_by_page_or_api(site: Site) -> None:
    """Wrong numbers count against one limit, whichever way they are asked; another origin is not kept waiting."""
    guesser, other = ({"REMOTE_ADDR": address} for address in ("198.51.100.7", "198.51.100.8"))  # RFC 5737
    wrong = "V-0000-0000-0000-0000"
    client = site.app.test_client()
    for number in range(voucher_checks.WRONG.most):
        place = f"/vouchers/{wrong}" if number % 2 else f"/api/v1/vouchers/{wrong}"
        assert client.get(place, environ_overrides=guesser).status_code == 404
    for place in (f"/vouchers/{wrong}", f"/api/v1/vouchers/{wrong}"):
        barred = client.get(place, environ_overrides=guesser, headers={"Accept": "application/json"})
        assert (barred.status_code, barred.json["code"]) == (429, "too_many.voucher_check")
        assert int(barred.headers["Retry-After"]) > 0
        assert client.get(place, environ_overrides=other).status_code == 404
