"""One-click sign-in exists in demonstrations, and nowhere else."""

from pathlib import Path

import people
import pytest
from conftest import Database
from opened import opened

from exchange.errors import Forbidden
from exchange.members import demonstration
from exchange.web import access

CLICK = "/demonstration/sign-in/<person_id>"


@pytest.mark.parametrize("mode", ["development", "production"])
def test_the_route_does_not_exist_outside_a_demonstration(database: Database, tmp_path: Path, mode: str) -> None:
    with opened(database, tmp_path, mode) as site:
        assert CLICK not in {rule.rule for rule in site.app.url_map.iter_rules()}
        assert "demonstration_people" not in site.app.jinja_env.globals
        person = people.registered(database, "示例公司").person_id
        with pytest.raises(Forbidden):
            demonstration.enter(person, 1, "seller", name_zh="供方", name_en="Seller")
        with pytest.raises(Forbidden):
            demonstration.sign_in(person)


def test_one_click_signs_in_those_who_are_listed(database: Database, tmp_path: Path) -> None:
    with opened(database, tmp_path) as site:
        site.app.config["WTF_CSRF_ENABLED"] = False
        listed, other = people.registered(database, "示例供方"), people.registered(database, "其他公司")
        demonstration.enter(listed.person_id, 1, "seller", name_zh="示范供方", name_en="Demo seller")
        client = site.client()
        assert client.post(f"/demonstration/sign-in/{other.person_id}").status_code == 404
        answer = client.post(f"/demonstration/sign-in/{listed.person_id}")
        assert (answer.status_code, answer.headers["Location"]) == (303, "/home")
        assert client.get("/home").headers["Location"] == "/desk"
        assert client.get("/desk").status_code == 200
        wanted = client.post(f"/demonstration/sign-in/{listed.person_id}?next=/catalogue")
        assert wanted.headers["Location"] == "/catalogue"
        elsewhere = client.post(f"/demonstration/sign-in/{listed.person_id}?next=//example.org/")
        assert elsewhere.headers["Location"] == "/home"
        cookie = next(text for text in answer.headers.getlist("Set-Cookie") if text.startswith(access.COOKIE))
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie


def test_one_click_asks_for_the_forms_token(database: Database, tmp_path: Path) -> None:
    with opened(database, tmp_path) as site:
        listed = people.registered(database, "示例供方")
        demonstration.enter(listed.person_id, 1, "seller", name_zh="示范供方", name_en="Demo seller")
        assert site.client().post(f"/demonstration/sign-in/{listed.person_id}").status_code == 400
