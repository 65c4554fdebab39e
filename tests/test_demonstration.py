"""The demonstration's people and goods, and where the walks of the home page lead; the run itself: tests/flows."""

import re
from collections.abc import Iterator
from pathlib import Path

import people
import pytest
from exchange_site import Site, open_site

from demonstration import run
from demonstration.cast import PARTS
from demonstration.goods import DIRECT, GOODS, ON_ORDER, RECORDS
from exchange.actors import STAFF_ROLES
from exchange.postgres import Server
from exchange.web import access
from exchange.web.words import ROLES
from listings.states import CATEGORIES
from provenance.states import GOVERNMENT_KINDS

_WALK = re.compile(r'<h2 id="(?P<walk>[a-z]+)">.*?<ol>(?P<steps>.*?)</ol>', re.DOTALL)
_LINK = re.compile(r'<a href="([^"]+)">')


@pytest.fixture(scope="module")
def site(server: Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with open_site(server, template, tmp_path_factory.mktemp("site")) as made:
        yield made


def test_every_role_of_the_house_is_played_and_has_a_name_in_both_languages() -> None:
    roles = [part.role for part in PARTS.values()]
    assert {"seller", "buyer", "department", "regulator", *STAFF_ROLES} == set(roles)
    assert set(roles) <= ROLES.keys()
    for twice in ("department", "compliance_reviewer", "settlement_officer", "regulator"):  # what takes two people
        assert roles.count(twice) >= 2
    assert (
        len({part.name_en for part in PARTS.values()}) == len({part.name_zh for part in PARTS.values()}) == len(PARTS)
    )


def test_the_goods_are_there_and_of_many_fields_and_both_kinds() -> None:
    assert len({goods.category for goods in GOODS}) == len(GOODS) >= 6
    assert {goods.category for goods in GOODS} <= CATEGORIES.keys()
    derived = [goods for goods in GOODS if any(source.kind in GOVERNMENT_KINDS for source in goods.sources)]
    assert 0 < len(derived) < len(GOODS)
    described = (Path(run.DATA) / "README.md").read_text(encoding="utf-8")
    for goods in GOODS:
        for file in (goods.file, *(source.file for source in goods.sources)):
            assert (run.DATA / file).is_file()
            assert f"`{file}`" in described
        for source in goods.sources:
            assert (source.kind in GOVERNMENT_KINDS) == (source.record is not None)
            assert source.record is None or RECORDS[source.record].department in PARTS
    assert not any(DIRECT in goods.offers for goods in derived)
    assert any(DIRECT in goods.offers for goods in GOODS)
    assert any(ON_ORDER in goods.offers for goods in GOODS)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_step_of_the_walks_leads_to_a_page_of_whom_it_names(site: Site, lang: str) -> None:
    site.requested()
    actors = {"sell": site.seller.actor, "buy": site.buyer.actor, "supervise": people.regulator(site.house)}
    home = site.app.test_client().get(f"/?lang={lang}").text
    walks = {found["walk"]: _LINK.findall(found["steps"]) for found in _WALK.finditer(home)}
    assert {walk: len(steps) for walk, steps in walks.items()} == {"sell": 5, "buy": 5, "supervise": 5}
    for walk, steps in walks.items():
        site.actors[f"token-{walk}"] = actors[walk]
        client = site.app.test_client()
        client.set_cookie(access.COOKIE, f"token-{walk}", domain="localhost")
        for step in steps:
            answer = client.get(step.replace("&amp;", "&"), follow_redirects=True)
            assert answer.status_code == 200, (walk, step)
            assert "<h1" in answer.text, (walk, step)
