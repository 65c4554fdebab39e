"""Every page that a link leads to, as somebody who may read it: axe-clean, no wider than the window, no complaint.

The site is the demonstration's: trades, lots, cases, listings, disputes, filings and directives in many states. Each
page is seen in Chinese, light, 1280 pixels wide, and in English, dark, 360 wide: each language, scheme and width, not
every combination of them. Two pages of a kind are looked at so, whoever comes to them first; that all others open, and
where they lead, is seen as everybody, in Chinese.
"""

from collections import Counter

from crawl import DRESSES, dressed, sign_in, walk
from playwright.sync_api import Browser

from demonstration.cast import PARTS

_DOORS = ["/", "/sign-in", "/sign-up", "/catalogue", "/vouchers", "/help"]
#: One person of each role.
PEOPLE = {name for name in PARTS if not name.startswith("second_") and name not in {"weather", "civil_affairs"}}
#: Who is not of the house that runs the exchange.
GUESTS = ("seller", "buyer", "aviation", "regulator")


def see_every_page(browser: Browser, base_url: str, known: Counter[str], who: str | None) -> None:
    """Walk the site as ``who``, or as a visitor; ``known`` counts the kinds of pages that were looked at closely."""
    first, second = DRESSES
    with dressed(browser, first, base_url, None) as context, dressed(browser, second, base_url, None) as other:
        doors = list(_DOORS)
        if who is not None:
            page = context.new_page()
            sign_in(page, base_url, PARTS[who].name_zh, inspecting=who == "regulator")
            page.goto(f"{base_url}/home")
            doors.insert(0, page.url.removeprefix(base_url))
            page.close()
            page = other.new_page()
            sign_in(page, base_url, PARTS[who].name_en, inspecting=who == "regulator")
            page.close()
        found = walk([context, other], base_url, doors, known=known)
    assert not found.faults, "\n".join(found.faults)
    assert len(found.seen) > len(doors)
