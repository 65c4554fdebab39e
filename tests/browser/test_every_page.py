"""Every page that a link leads to, as everybody who may read it: axe-clean, no wider than the window, no complaint.

The site is the demonstration's: trades, lots, cases, listings, disputes, filings and directives in many states.
"""

from collections import Counter
from collections.abc import Iterator

import pytest
from crawl import DRESSES, dressed, sign_in, walk
from demonstrated import served_demonstration
from playwright.sync_api import Browser

from demonstration.cast import PARTS

DOORS = ["/", "/sign-in", "/sign-up", "/catalogue", "/vouchers", "/help"]
#: One person of each role.
PEOPLE = [name for name in PARTS if not name.startswith("second_") and name not in {"weather", "civil_affairs"}]


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with served_demonstration() as url:
        yield url


@pytest.fixture(scope="module")
def known() -> dict[tuple[str, str, int], Counter[str]]:
    """The kinds of pages that were looked at closely, by dress: roles share most of them."""
    return {dress: Counter() for dress in DRESSES}


@pytest.mark.parametrize("who", ["visitor", *PEOPLE])
@pytest.mark.parametrize("dress", DRESSES, ids=lambda dress: "-".join(map(str, dress)))
def test_every_page_is_sound(
    browser: Browser,
    base_url: str,
    known: dict[tuple[str, str, int], Counter[str]],
    dress: tuple[str, str, int],
    who: str,
) -> None:
    with dressed(browser, dress, base_url, None) as context:
        doors = list(DOORS)
        if who != "visitor":
            page = context.new_page()
            name = PARTS[who].name_zh if dress[0] == "zh" else PARTS[who].name_en
            sign_in(page, base_url, name, inspecting=who == "regulator")
            page.goto(f"{base_url}/home")
            doors.insert(0, page.url.removeprefix(base_url))
            page.close()
        found = walk(context, base_url, doors, known=known[dress])
    assert not found.faults, "\n".join(found.faults)
    assert len(found.seen) > len(doors)
