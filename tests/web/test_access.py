"""Who may call which route: generated from the routes and their guards, over HTTP."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import people
import pyotp
import pytest
from conftest import Database
from flask import Flask
from opened import Site, opened
from werkzeug.routing import Rule

from exchange.actors import MEMBER_ROLES, REGULATOR, STAFF_ROLES, Actor
from exchange.members import accounts
from exchange.web import access, languages, problems
from exchange.web.access import Access, guard_of

ROLES = sorted(MEMBER_ROLES | STAFF_ROLES | {REGULATOR})


@dataclass(frozen=True)
class Call:
    """A route with one of its methods, filled with ids of nothing."""

    method: str
    path: str
    endpoint: str
    guard: Access


def calls(app: Flask) -> Iterator[Call]:
    for rule in app.url_map.iter_rules():
        if rule.endpoint == "static":
            continue
        guard = guard_of(app.view_functions[rule.endpoint])
        if guard is not None:
            for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"}):
                yield Call(method, filled(rule), rule.endpoint, guard)


def filled(rule: Rule) -> str:
    path = rule.rule
    for name in rule.arguments:
        for converter in ("", "path:", "int:", "string:"):
            path = path.replace(f"<{converter}{name}>", "0")
        path = re.sub(rf"<any\((\w+)[^)]*\):{name}>", r"\1", path)  # the first of the words it may be
    return path


def test_every_route_has_a_guard(site: Site) -> None:
    unguarded = [
        rule.rule
        for rule in site.app.url_map.iter_rules()
        if rule.endpoint != "static" and guard_of(site.app.view_functions[rule.endpoint]) is None
    ]
    assert unguarded == []


def test_what_is_public_is_named_here(site: Site) -> None:
    """A route becomes public by a decision, not by accident: it is entered in this list."""
    public = {f"{call.method} {call.endpoint}" for call in calls(site.app) if call.guard.kind == "public"}
    assert public == {
        "GET pages.home",
        "GET pages.duties",
        "GET pages.log",
        "GET pages.health",
        "GET pages.help_page",
        "GET register.index",
        "GET register.show",
        "GET log.checkpoint",
        "GET log.witnessed",
        "GET log.vkey",
        "GET log.tile",
        "POST hooks.stripe",
        "GET api-docs.openapi_json",
        "POST api_members.sign_up",
        "POST api_sessions.sign_in",
        "POST api_appointments.accept_appointment",
        "POST api_invitations.accept_invitation",
        "POST api_password-resets.ask_reset",
        "POST api_password-resets.reset_password",
        "GET entrance.show_sign_in",
        "POST entrance.sign_in",
        "POST entrance.sign_out",
        "GET entrance.show_sign_up",
        "POST entrance.sign_up",
        "GET entrance.show_confirm",
        "POST entrance.confirm_sign_up",
        "POST api_members.confirm_sign_up",
        "GET entrance.show_accept",
        "POST entrance.accept",
        "GET entrance.show_reset",
        "POST entrance.ask_reset",
        "POST entrance.use_reset",
        "GET api_catalogue-records.list_catalogue",
        "GET api_catalogue-records.show_record",
        "GET feeds.catalogue_json",
        "GET feeds.catalogue_turtle",
        "GET feeds.croissant_of",
        "GET feeds.data_package_of",
        "GET feeds.dcat_json",
        "GET feeds.dcat_turtle",
        "GET feeds.odrl_of",
        "GET feeds.prov_of",
        "GET feeds.purposes",
        "GET catalogue.list_products",
        "GET catalogue.show_product",
        "GET catalogue.show_file_check",
        "POST catalogue.check_file",
        "GET api_products.check_file",
        "GET api_negative-list.list_items",
        "GET api_products.count_products",
        "GET api_products.list_products",
        "GET api_products.show_product",
        "GET api_versions.show_version",
        "GET api_offers.show_offer",
        "GET api_vouchers.check_voucher",
        "POST api_vouchers.check_text",
        "GET voucher_check.enter",
        "POST voucher_check.find",
        "GET voucher_check.show",
        "POST voucher_check.check",
        "POST demonstration.sign_in_with_one_click",  # in demonstration mode, which this site is in
    }


def test_guards_name_known_roles_only(site: Site) -> None:
    for call in calls(site.app):
        assert call.guard.kind in {"public", "signed_in", "member", "staff", "regulator", "roles"}, call
        assert call.guard.roles <= set(ROLES), call
        assert bool(call.guard.roles) == (call.guard.kind not in {"public", "signed_in"}), call


def test_a_visitor_is_asked_to_sign_in_wherever_a_guard_asks(site: Site) -> None:
    client = site.client()
    for call in calls(site.app):
        answer = client.open(call.path, method=call.method, headers={"Accept": "application/json"})
        if call.guard.kind == "public":
            told = answer.json if isinstance(answer.json, dict) else {}
            assert told.get("code") != "not_signed_in", call
        else:
            assert (answer.status_code, answer.json["code"]) == (401, "not_signed_in"), call
            assert answer.headers["WWW-Authenticate"].startswith("Bearer"), call


def test_each_role_comes_as_far_as_the_guard_says(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind the guard stands a view that only says it was reached: what the guard lets through is seen exactly."""
    reached: list[str] = []
    for endpoint, view in list(site.app.view_functions.items()):
        guard = guard_of(view)
        if guard is not None:
            monkeypatch.setitem(site.app.view_functions, endpoint, access._guarded(_noting(reached, endpoint), guard))
    site.let_in({role: Actor("per_somebody", "org_somewhere", frozenset({role})) for role in ROLES})
    site.app.config["WTF_CSRF_ENABLED"] = False  # a form's token is asked for after the guard, and elsewhere tested
    every_call = list(calls(site.app))
    for role in ROLES:
        client = site.client()
        client.set_cookie(access.COOKIE, role)
        for call in every_call:
            reached.clear()
            by_token = {"Authorization": f"Bearer {role}"} if call.path.startswith("/api/") else {}
            headers = {"Accept": "application/json"} | by_token
            answer = client.open(call.path, method=call.method, headers=headers)
            if call.guard.roles and role not in call.guard.roles:
                assert (answer.status_code, answer.json["code"], reached) == (403, "forbidden", []), (role, call)
            else:
                assert (answer.status_code, reached) == (200, [call.endpoint]), (role, call)
    assert {call.path.split("/")[1] for call in every_call} >= {"api", "desk", "console", "oversight"}


def _noting(reached: list[str], endpoint: str) -> Callable[..., str]:
    def view(**_ids: str) -> str:
        reached.append(endpoint)
        return ""

    return view


def test_a_guard_is_asked_before_the_body_is_read(site: Site) -> None:
    answer = site.client().post("/api/v1/products", data="{", content_type="application/json")
    assert answer.status_code == 401


def test_a_view_without_a_guard_is_never_served() -> None:
    app = Flask(__name__)
    languages.init_app(app)
    problems.init_app(app)
    access.init_app(app, lambda _token: Actor("per_1", "org_1", frozenset({"administrator"})))
    app.add_url_rule("/open", view_func=lambda: "secret", endpoint="open")
    answer = app.test_client().get("/open", headers={"Authorization": "Bearer t"})
    assert answer.status_code == 500
    assert "secret" not in answer.text


def test_the_api_takes_no_cookie_and_pages_take_no_bearer(site: Site) -> None:
    actor = Actor("per_somebody", "org_somewhere", frozenset({"owner"}))
    site.let_in({"token": actor})
    client = site.client()
    client.set_cookie(access.COOKIE, "token")
    assert client.get("/api/v1/orders").status_code == 401
    client.delete_cookie(access.COOKIE)
    assert client.get("/api/v1/orders", headers={"Authorization": "Bearer token"}).status_code == 200
    for headers in ({"Authorization": "Basic token"}, {"Authorization": "Bearer"}, {"Authorization": "Bearer other"}):
        assert client.get("/api/v1/orders", headers=headers).status_code == 401
    with site.app.test_request_context("/log", headers={"Authorization": "Bearer token"}):
        assert access.actor().person_id is None
    with site.app.test_request_context("/log", headers={"Cookie": f"{access.COOKIE}=token"}):
        assert access.actor().person_id == actor.person_id


def test_staff_without_their_second_factor_reach_nothing_of_theirs(site: Site) -> None:
    """Real sessions, through the real loader."""
    client = site.client()
    installed = people.installed(site.database)
    administrator = Actor(installed.person_id, installed.org_id, frozenset({"administrator"}))
    nomination = people.appointing.appoint_staff(
        administrator, person_name="审核员", email="officer@example.org", roles=frozenset({"auditor"})
    )
    people.accept(nomination)
    opened = accounts.sign_in(people.VISITOR, email="officer@example.org", password=people.PASSWORD, origin="a")
    headers = {"Authorization": f"Bearer {opened.token}"}
    queue = "/api/v1/versions/queue"
    assert client.get(queue, headers=headers).status_code == 403
    secret = client.post("/api/v1/me/second-factor", headers=headers).json["secret"]
    code = {"code": pyotp.TOTP(secret).now()}
    token = client.post("/api/v1/me/second-factor/confirm", json=code, headers=headers).json["token"]
    assert client.get(queue, headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert client.get(queue, headers=headers).status_code == 401  # the first session ended


@pytest.mark.parametrize(("mode", "status"), [("demonstration", 401), ("development", 404)])
def test_the_clock_is_moved_in_a_demonstration_only(database: Database, tmp_path: Path, mode: str, status: int) -> None:
    with opened(database, tmp_path, mode) as site:
        routes = {rule.rule for rule in site.app.url_map.iter_rules()}
        assert ("/api/v1/demonstration/clock" in routes) == (mode == "demonstration")
        assert site.client().post("/api/v1/demonstration/clock", json={"hours": 1}).status_code == status
