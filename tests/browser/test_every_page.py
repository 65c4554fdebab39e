"""Every page as a visitor, as either side of a trade, as a department and as the regulator."""

from collections import Counter

import pytest
from browser.every_page import GUESTS, see_every_page
from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def known() -> Counter[str]:
    """The kinds of pages that were looked at closely: roles share most of them."""
    return Counter()


@pytest.mark.parametrize("who", ["visitor", *GUESTS])
def test_every_page_is_sound(browser: Browser, demonstrated: str, known: Counter[str], who: str) -> None:
    see_every_page(browser, demonstrated, known, None if who == "visitor" else who)
