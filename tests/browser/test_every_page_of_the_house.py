"""Every page as those who run the exchange."""

from collections import Counter

import pytest
from browser.every_page import GUESTS, PEOPLE, see_every_page
from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def known() -> Counter[str]:
    """The kinds of pages that were looked at closely: roles share most of them."""
    return Counter()


@pytest.mark.parametrize("who", sorted(PEOPLE.difference(GUESTS)))
def test_every_page_is_sound(browser: Browser, demonstrated: str, known: Counter[str], who: str) -> None:
    see_every_page(browser, demonstrated, known, who)
