"""The pictures in docs/screens, of what ``make demo`` serves: ``python tests/browser/screens.py [BASE_URL]``."""

import os
import re
import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[1]))
from crawl import sign_in
from playwright.sync_api import Browser, Page, sync_playwright

FOLDER = Path(__file__).parents[2] / "docs" / "screens"
LOCALES = {"zh": "zh-CN", "en": "en"}
#: Who is signed in with one click, by the role's name in each language; None: a visitor.
SELLER, BUYER = {"zh": "示范供方", "en": "Demo seller"}, {"zh": "示范需方", "en": "Demo buyer"}
REVIEWER = {"zh": "示范合规审核员甲", "en": "Demo reviewer A"}
REGULATOR = {"zh": "示范监管员甲", "en": "Demo regulator A"}
VIEWPORT = {"width": 1280, "height": 860}


def main(base_url: str) -> None:
    """Take every picture in both languages."""
    found = next(path for path in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if path)
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=flags)
        try:
            for lang in LOCALES:
                _pictures(browser, base_url, lang)
        finally:
            browser.close()


def _pictures(browser: Browser, base_url: str, lang: str) -> None:
    def take(name: str, path: str, who: dict[str, str] | None = None, first: str = "") -> None:
        context = browser.new_context(locale=LOCALES[lang], viewport=VIEWPORT, color_scheme="light")
        page = context.new_page()
        if who is not None:
            sign_in(page, base_url, who[lang], inspecting=who is REGULATOR)
        page.goto(base_url + path)
        if first:
            page.goto(base_url + _first(page, first))
        page.screenshot(path=FOLDER / f"{name}-{lang}.png")
        context.close()

    take("home", "/")
    take("catalogue", "/catalogue")
    take("product", "/catalogue", first=r"^/products/[^/?]+$")
    take("rules", "/rules")
    take("log", "/log")
    take("wizard", "/desk/products/new", SELLER)
    take("desk", "/desk", SELLER)
    take("trade", "/desk/trades?side=buyer", BUYER, first=r"^/desk/trades/ord_[^/?]+$")
    take("money", "/desk/money", SELLER)
    take("review", "/console/listings", REVIEWER, first=r"^/console/listings/[^/?]+$")
    take("overview", "/oversight", REGULATOR)
    take("story", "/oversight/search?action=order.completed", REGULATOR, first=r"^/oversight/subjects/ord_[^/?]+$")


def _first(page: Page, pattern: str) -> str:
    hrefs: list[str] = page.eval_on_selector_all("main a[href]", "nodes => nodes.map(n => n.href)")
    return next(path for path in (urlsplit(href).path for href in hrefs) if re.match(pattern, path))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000")
