"""Every page that a link leads to, as everybody who may read it: axe-clean, no wider than the window, no complaint."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import people
import pytest
from crawl import DRESSES, dressed, walk
from exchange_site import Site, open_site
from playwright.sync_api import Browser
from werkzeug.serving import WSGIRequestHandler, make_server

from exchange.actors import Actor
from exchange.postgres import Server

STAFF = (
    "vetting_officer",
    "compliance_reviewer",
    "settlement_officer",
    "dispute_officer",
    "security_administrator",
    "auditor",
    "administrator",
)


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002  (the base class's name)
        """Say nothing."""


@dataclass(frozen=True)
class Served:
    """A site with trades in several states, served on loopback; ``tokens`` sign its people in."""

    base_url: str
    tokens: dict[str, str]


@pytest.fixture(scope="module")
def served(server: Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with open_site(server, template, tmp_path_factory.mktemp("site")) as site:
        site.received()
        site.due()
        site.requested()
        actors = _actors(site)
        tokens = {}
        for name, actor in actors.items():
            tokens[name] = f"token-{name}"
            site.actors[tokens[name]] = actor
        web = make_server("127.0.0.1", 0, site.app, threaded=True, request_handler=_Quiet)
        thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield Served(f"http://127.0.0.1:{web.server_port}", tokens)
        finally:
            web.shutdown()
            thread.join()
            web.server_close()


def _actors(site: Site) -> dict[str, Actor]:
    """Somebody for each role, real people all."""
    database = site.house
    people.submitted(database, "待审公司")
    officers = {role: people.staff(database, role) for role in STAFF if role != "administrator"}
    department = people.approved_department(database, "示例交通局")
    regulator = people.regulator(database)
    return {
        "seller": site.seller.actor,
        "buyer": site.buyer.actor,
        "department": department.actor,
        "administrator": people.administrator(database),
        "regulator": regulator,
        **officers,
    }


STARTS = {
    "visitor": ["/", "/sign-in", "/sign-up", "/vouchers"],
    "seller": ["/desk"],
    "buyer": ["/desk", "/catalogue"],
    "department": ["/desk"],
    "regulator": ["/oversight"],
    **{role: ["/console"] for role in STAFF},
}


@pytest.mark.parametrize("dress", DRESSES, ids=lambda dress: "-".join(map(str, dress)))
@pytest.mark.parametrize("who", STARTS)
def test_every_page_is_sound(browser: Browser, served: Served, who: str, dress: tuple[str, str, int]) -> None:
    with dressed(browser, dress, served.base_url, served.tokens.get(who)) as context:
        found = walk(context, served.base_url, STARTS[who])
    assert found.faults == []
    assert found.seen
