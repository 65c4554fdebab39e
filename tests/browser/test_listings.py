"""The seller's and the reviewers' pages in Chromium, and a file that is sent by pieces, paused, cut and resumed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import market as fair
import pytest
from conftest import Database
from crawl import DRESSES, dressed, faults
from opened import Site, opened
from people import Party, approved_company, registered, staff
from playwright.sync_api import Browser, Page, Request, Route, expect
from served import served as serve

from exchange import calendar
from exchange.actors import Actor
from exchange.db import read
from listings import intake, notice, offers, review, versions
from listings.models import Deposit, Version

TOKENS = {"seller": "token-seller", "reviewer": "token-reviewer", "objector": "token-objector"}


@dataclass(frozen=True)
class Served:
    """The site on loopback, with a seller that has products in several states."""

    base_url: str
    pages: dict[str, list[str]]


@pytest.fixture
def served(database: Database, tmp_path: Path) -> Iterator[Served]:
    with opened(database, tmp_path) as site:
        calendar.seed(Actor.clock())
        seller = approved_company(site, "甲公司")
        pages = _stage(site, seller)
        with serve(site.app) as base_url:
            yield Served(base_url, pages)


def _stage(site: Site, seller: Party) -> dict[str, list[str]]:
    """Products in several states; the pages that show them, by who reads them."""
    reviewer, citizen = staff(site, "compliance_reviewer"), registered(site, "丙某", "individual")
    site.let_in({TOKENS["seller"]: seller.actor, TOKENS["reviewer"]: reviewer, TOKENS["objector"]: citizen.actor})
    sold = fair.published_product(site, seller)
    noticed = fair.approved(site, fair.submitted(seller, content=fair.CSV + b"S1,2026-04-01,1\n"))
    notice.object_to(citizen.actor, noticed.id, statement="不实")
    reviewed = fair.submitted(seller, fair.open_data(site), content=fair.CSV + b"S1,2026-04-02,1\n")
    offers.open_offer(seller.actor, reviewed.id, fair.TERMS)
    review.take_up(reviewer, reviewed.id)
    draft = versions.create_product(seller.actor, fair.DESCRIPTION)
    ready = fair.deposited(seller, fair.CSV + b"S1,2026-04-03,1\n")
    steps = [f"/desk/versions/{draft.id}/{step}" for step in ("describe", "goods", "source", "terms", "check")]
    return {
        "seller": [
            "/desk/products", "/desk/products?state=refused", f"/desk/products/{noticed.product_id}",
            f"/desk/products/{sold.product_id}", f"/desk/versions/{sold.version_id}/revise", *steps,
            f"/desk/versions/{noticed.id}/goods", "/desk/products/new", "/desk/deposits", f"/desk/deposits/{ready}",
        ],
        "reviewer": ["/console", "/console/listings", *(
            f"/console/listings/{one}" for one in (noticed.id, reviewed.id, sold.version_id))],
        "objector": [f"/products/{noticed.product_id}/objections"],
    }  # fmt: skip


@pytest.mark.parametrize("dress", DRESSES, ids=lambda dress: "-".join(map(str, dress)))
def test_pages_are_sound(browser: Browser, served: Served, dress: tuple[str, str, int]) -> None:
    found: list[str] = []
    note = found.append
    for who, paths in served.pages.items():
        with dressed(browser, dress, served.base_url, TOKENS[who]) as context:
            page = context.new_page()
            page.on("pageerror", lambda error: note(str(error)))
            page.on("console", lambda said: said.type == "error" and note(said.text))
            for path in paths:
                answer = page.goto(served.base_url + path)
                if answer is None or not answer.ok:
                    found.append(f"{path}: {answer and answer.status}")
                    continue
                found.extend(f"{path}: {fault}" for fault in faults(page))
    assert found == []


def _choose(page: Page, content: bytes) -> None:
    page.set_input_files("input[type=file]", {"name": "客流.csv", "mimeType": "text/csv", "buffer": content})
    page.get_by_role("button", name="Send the file").click()


def _newest() -> Deposit:
    with read() as session:
        return session.query(Deposit).order_by(Deposit.id.desc()).limit(1).one()


def test_an_upload_is_cut_and_goes_on_after_the_page_was_loaded_again(browser: Browser, served: Served) -> None:
    content = b"a,b\n" + b"1234567,7654321\n" * (20 * 1024 * 1024 // 16)
    goods = next(path for path in served.pages["seller"] if path.endswith("/goods"))
    with dressed(browser, ("en", "light", 1280), served.base_url, TOKENS["seller"]) as context:
        page = context.new_page()
        page.goto(served.base_url + goods)
        sent: list[int] = []

        def cut(route: Route, request: Request) -> None:
            """Let the first piece through, and nothing after it."""
            if request.method != "PATCH":
                route.continue_()
                return
            sent.append(int(request.headers["upload-offset"]))
            if len(sent) == 1:
                route.continue_()
            else:
                page.get_by_role("button", name="Pause").dispatch_event("click")
                route.abort()

        page.route("**/bytes", cut)
        _choose(page, content)
        expect(page.get_by_role("button", name="Go on")).to_be_visible()
        page.unroute("**/bytes")
        page.goto(served.base_url + goods)
        _choose(page, content)
        page.wait_for_selector("text=The file of this version")
        assert _newest().state == "received"
        assert _newest().size_bytes == len(content)
        with read() as session:
            version = session.query(Version).filter_by(deposit_id=_newest().id).one()
        assert version.id in goods
        intake.seal_deposit(_newest().id)
        intake.profile_deposit(_newest().id)
        page.wait_for_selector("text=The file is sealed and profiled.")  # the page asked for it by itself
    assert sent[0] == 0


def test_what_is_refused_is_said_beside_the_file(browser: Browser, served: Served) -> None:
    with dressed(browser, ("en", "dark", 360), served.base_url, TOKENS["seller"]) as context:
        page = context.new_page()
        page.goto(f"{served.base_url}/desk/deposits")
        page.set_input_files("input[type=file]", {"name": "x.csv", "mimeType": "text/csv", "buffer": b"PK\x03\x04abc"})
        page.get_by_role("button", name="Send the file").click()
        expect(page.locator("[data-upload-said]")).to_contain_text("wrong_type")


def test_without_a_script_a_file_is_sent_whole(browser: Browser, served: Served) -> None:
    context = browser.new_context(java_script_enabled=False, locale="en")
    context.add_cookies([{"name": "databourse_session", "value": TOKENS["seller"], "url": served.base_url}])
    page = context.new_page()
    page.goto(f"{served.base_url}/desk/deposits")
    _choose(page, fair.CSV)
    expect(page.locator("h1")).to_have_text("客流.csv")
    assert _newest().state == "received"
    context.close()
