"""Requests that nobody in good faith sends: every one is answered, none with a fault of ours, and nothing is kept."""

import itertools
import secrets
from typing import Any
from urllib.parse import quote

import pytest
from exchange_site import Site, entries_told
from flask import Flask
from people import DETAILS, registered, regulator, staff

from exchange.actors import Actor
from exchange.web.access import guard_of

DEEP = "[" * 100_000
LONG_NUMBER = '{"reason": ' + "9" * 5000 + "}"
HALF_A_PAIR = '{"reason": "\\ud800", "password": "\\ud800", "sha256": "\\ud800"}'
NUL = '{"reason": "a\\u0000b", "password": "a\\u0000b", "offer_id": "a\\u0000b"}'
#: Nothing of the body is read there.
TAKES_NO_BODY = {"/me/second-factor", "/negative-list/initial", "/notifications/read"}
NO_BODIES = (DEEP, LONG_NUMBER, HALF_A_PAIR, NUL, "{", "[]", "null", "\x00", '"text"', '{"a":' * 2000)


def routes(app: Flask, *methods: str) -> list[tuple[str, str, str]]:
    """Method, path filled with ids of nothing, and a role that the guard lets through."""
    found = []
    for rule in app.url_map.iter_rules():
        guard = guard_of(app.view_functions[rule.endpoint]) if rule.rule.startswith("/api/v1/") else None
        for method in sorted((rule.methods or set()) & set(methods)):
            if guard is not None:
                role = next(iter(sorted(guard.roles & {"owner"}) or sorted(guard.roles)), "owner")
                path = rule.rule.removeprefix("/api/v1")
                for name in rule.arguments:
                    path = path.replace(f"<{name}>", "nothing")
                found.append((method, path, role))
    return found


def in_role(site: Site, role: str) -> Actor:
    """The buyer, or somebody made up who holds the role."""
    if role in site.buyer.actor.roles:
        return site.buyer.actor
    return Actor(f"per_{role}", "org_somewhere", frozenset({role}))


@pytest.mark.parametrize("body", NO_BODIES, ids=range(len(NO_BODIES)))
def test_a_body_that_is_none_is_answered_by_every_route(site: Site, body: str) -> None:
    before = entries_told()
    for method, path, role in routes(site.app, "POST", "PUT"):
        if path in TAKES_NO_BODY:
            continue
        answer = site.call(in_role(site, role), method, path, data=body.encode(), content_type="application/json")
        assert 400 <= answer.status_code < 500, (method, path, answer.text)
    assert entries_told() == before


@pytest.mark.parametrize("key", ["k", "x" * 255])
def test_a_key_on_a_reading_changes_nothing_about_it(site: Site, key: str) -> None:
    """An idempotency key belongs to what is done; on GET it means nothing."""
    for method, path, role in routes(site.app, "GET"):
        by = in_role(site, role)
        suffix = "?purpose=curiosity" if path.startswith("/journal") else ""
        with_key, without = (site.call(by, method, path + suffix, **more) for more in ({"key": key}, {}))
        assert with_key.status_code == without.status_code < 500, (path, with_key.text)


def test_a_look_with_a_key_is_given_and_recorded_each_time(site: Site) -> None:
    officer = regulator(site)
    for _ in range(2):
        looked = site.call(officer, "GET", f"/journal/subjects/{site.product.product_id}?purpose=p", key="same")
        assert (looked.status_code, looked.json["subject"]) == (200, site.product.product_id)
    vetting = staff(site, "vetting_officer")
    seen = site.call(vetting, "GET", f"/identity-cases/{site.seller.case_id}/details", key="same")
    assert (seen.status_code, seen.json["phone"]) == (200, DETAILS.phone)


@pytest.mark.parametrize("key", ["", "x" * 256, secrets.token_hex(5000), "a b\tc", "é"])
def test_a_key_is_short_and_plain(site: Site, key: str) -> None:
    before = entries_told()
    answer = site.call(site.buyer, "POST", "/deposits", deposit(), key=key)
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_idempotency_key")
    assert entries_told() == before


def deposit(**changes: Any) -> dict[str, Any]:
    return {"file_name": "a.csv", "size_bytes": 10, "media_type": "text/csv"} | changes


@pytest.mark.parametrize(
    "days", [("0001-01-01", "9999-12-31"), ("1500-01-01", "2026-01-01"), ("2026-01-01", "9999-12-31")]
)
def test_days_outside_of_time_are_refused(site: Site, days: tuple[str, str]) -> None:
    first, last = days
    grant = {
        "grantor": "x",
        "data": "x",
        "purposes": ["research"],
        "onward_allowed": True,
        "starts_on": first,
        "ends_on": last,
        "evidence_digest": "ab" * 32,
    }
    declared = site.call(site.seller, "POST", "/declarations", {"content": {"authorisations": [grant]}})
    agreed = site.call(
        site.seller, "POST", "/agreements", {"department_org_id": "x", "terms": {"starts_on": first, "ends_on": last}}
    )
    party = registered(site, "日期公司")
    case = {"details": {"legal_representative": "赵", "phone": "1", "address": "2"}, "licence_expires_on": last}
    opened = site.call(party, "POST", "/identity-cases", case)
    for answer in (declared, agreed, *([opened] if last.startswith("9") else [])):
        assert answer.status_code == 422, answer.text
        assert "_on" in answer.text


def test_an_instant_outside_of_time_is_refused(site: Site) -> None:
    for instant in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1000-01-01T00:00:00Z"):
        source = {"kind": "web", "use": "derived", "title": "x", "holder": "x", "retrieved_at": instant}
        answer = site.call(site.seller, "POST", "/declarations", {"content": {"sources": [source]}})
        assert (answer.status_code, "retrieved_at" in answer.text) == (422, True), answer.text


@pytest.mark.parametrize("size", [-1, 0, 2**63, 10**40, 1.5, "10", True])
def test_sizes_are_bounded(site: Site, size: object) -> None:
    assert site.call(site.seller, "POST", "/deposits", deposit(size_bytes=size)).status_code == 422


@pytest.mark.parametrize(
    "amount", ["0", "-1", "1e9", "0x10", "１２", "1.001", "99999999999999999", "1,5", " 1", "1\n", ""]
)
def test_amounts_are_plain_decimals(site: Site, amount: str) -> None:
    body = offer() | {"price": {"amount": amount, "currency": "HKD"}}
    answer = site.call(site.seller, "POST", "/offers", body)
    assert answer.status_code == 422, answer.text


def offer() -> dict[str, Any]:
    return {
        "channel": "exchange",
        "price": {"amount": "1.00", "currency": "HKD"},
        "purposes": ["research"],
        "term_days": 1,
        "territory": "CN",
        "redistribution": False,
        "derivation": False,
        "inspection_hours": 1,
        "delivery": "deposit",
        "acceptance_criteria": "x",
    }


@pytest.mark.parametrize(
    "subject", ["Robert'); DROP TABLE lot;--", "a" * 65, "订单", "ord x", "ORD_X", 'ord_"x', "ord_\r\nx", "../../etc"]
)
def test_a_restraint_names_a_subject(site: Site, subject: str) -> None:
    before = entries_told()
    order = {"subject": subject, "measure": "suspension", "basis": "x", "reason": "x"}
    answer = site.call(staff(site, "security_administrator"), "POST", "/restraints", order)
    assert answer.status_code == 422, answer.text
    assert entries_told() - before <= 20  # the officer's own appointment, nothing else


HOSTILE_TEXT = ("' OR 1=1 --", '{"$gt": ""}', "%(kind)s %s %d", "{{7*7}}", "<script>alert(1)</script>", "\u202egnp.exe")


def test_text_is_data_wherever_it_goes(site: Site) -> None:
    for text in HOSTILE_TEXT:
        described = {
            "title_zh": text,
            "title_en": text,
            "description_zh": text,
            "description_en": text,
            "category": "transport",
            "grade": "general",
        }
        made = site.call(site.seller, "POST", "/products", described)
        assert (made.status_code, made.json["title"]) == (201, {"zh": text, "en": text})
        for path in ("/vouchers/", "/products/", "/orders/"):
            asked = site.call(site.buyer, "GET", path + quote(text, safe=""))
            assert asked.status_code == 404, (path, asked.text)


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example",
        "https://evil.example/\r\nSet-Cookie: a=b",
        "https://evil.example/\n",
        "ftp://x",
    ],
)
def test_a_way_back_is_a_plain_web_address(site: Site, url: str) -> None:
    lot = site.due()
    answer = site.call(site.buyer, "POST", f"/lots/{lot.id}/pay", {"return_url": url})
    assert answer.status_code == 422, answer.text


def test_no_answer_tells_how_the_house_is_built(site: Site) -> None:
    """Neither SQL, nor paths, nor class names."""
    paths = itertools.product(("/orders/", "/vouchers/", "/versions/"), ("%27", "0" * 4000, "%F0%9F%92%A9", "..%2f.."))
    for place, thing in paths:
        text = site.call(site.buyer, "GET", place + thing).text
        assert not any(word in text for word in ("SELECT", "sqlalchemy", "psycopg", "Traceback", "/exchange/")), text
    broken = site.call(site.buyer, "POST", "/orders", data=b"{", content_type="application/json")
    assert set(broken.json) <= {"type", "title", "status", "code", "detail", "request_id", "fields"}
