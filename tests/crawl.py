"""Walks a site as a reader does, link by link, and says what is wrong with each page in each dress."""

import re
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urldefrag, urlsplit

from playwright.sync_api import Browser, BrowserContext, Error, Page, Response

AXE = (Path(__file__).parent / "browser" / "vendor" / "axe-4.14.1.min.js").read_text(encoding="utf-8")
#: WCAG 2.2, levels A and AA, and what axe holds for good practice.
RULES = "{runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
#: Language, scheme and width: between the two every value of each occurs, and no value twice.
DRESSES = (("zh", "light", 1280), ("en", "dark", 360))
MAX_PAGES = 250
#: How many pages of a kind are opened on one walk: things of one kind are in different states.
EXAMPLES = 2
_ID = re.compile(r"(?<=/)[a-z]{3}_[0-9a-z]{26}|(?<=/)[A-Z]-[0-9A-Z-]{16,}|(?<=/)[0-9a-f]{64}")
#: What a browser says of an answer whose status the walk judges itself.
_STATUS = "Failed to load resource: the server responded with a status of"


@dataclass
class Walk:
    """The pages seen, by address, and what was wrong with them."""

    seen: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@contextmanager
def dressed(
    browser: Browser, dress: tuple[str, str, int], base_url: str, token: str | None
) -> Iterator[BrowserContext]:
    """A browser in one language, scheme and width, signed in with ``token``."""
    lang, scheme, width = dress
    context = browser.new_context(
        locale={"zh": "zh-CN", "en": "en"}[lang],
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": width, "height": 900},
    )
    if token:
        context.add_cookies([{"name": "databourse_session", "value": token, "url": base_url}])
    try:
        yield context
    finally:
        context.close()


def sign_in(page: Page, base_url: str, name: str, *, inspecting: bool = False) -> None:
    """Become a person of the demonstration; ``inspecting``: an officer of an organ, who says what for."""
    page.goto(f"{base_url}/sign-in")
    page.get_by_role("button", name=name, exact=True).click()
    if inspecting:
        page.goto(f"{base_url}/oversight/inspections")
        if page.locator("select[name=purpose]").count():  # none is open yet
            page.locator("select[name=purpose]").select_option(index=1)
            page.locator("input[name=reference]").fill("2026-1")
            page.locator("form:has(select[name=purpose]) button").click()


def walk(contexts: list[BrowserContext], base_url: str, starts: list[str], *, known: Counter[str]) -> Walk:
    """Follow every link from ``starts`` in the first of ``contexts``, ``EXAMPLES`` pages of each kind.

    What is looked at closely is looked at in each of ``contexts``. ``known`` counts the kinds that were, on walks of
    others too: of what is known it is only seen that it opens. Queries make no kind of their own.
    """
    found, queue, opened = Walk(), deque(starts), Counter[str]()
    done: set[str] = set()
    page, *others = [_listened_to(context, found) for context in contexts]
    while queue and len(found.seen) < MAX_PAGES:
        path = queue.popleft()
        kind = _ID.sub("*", path.partition("?")[0])
        if path in done or opened[kind] >= (EXAMPLES if "*" in kind else 1):
            continue
        done.add(path)
        opened[kind] += 1
        answer = _open(page, base_url + path)
        if answer is None or "text/html" not in answer.headers.get("content-type", ""):
            continue
        found.seen.append(path)
        if not answer.ok:
            found.faults.append(f"{path}: {answer.status}")
            continue
        if known[kind] < EXAMPLES:
            known[kind] += 1
            found.faults += [f"{path}: {fault}" for fault in faults(page)]
            for other in others:
                answer = _open(other, base_url + path)
                found.faults += [f"{other.url}: {fault}" for fault in faults(other)]
                if answer is None or not answer.ok or _language(other) == _language(page):
                    found.faults.append(f"{other.url}: not the same page in another language")
        queue.extend(_links(page, base_url))
    for each in (page, *others):
        each.close()
    return found


def _listened_to(context: BrowserContext, found: Walk) -> Page:
    page = context.new_page()
    page.on("console", lambda said: _hear(found, page, said.type, said.text))
    page.on("pageerror", lambda error: found.faults.append(f"{page.url}: {error}"))
    return page


def _language(page: Page) -> str:
    language: str = page.evaluate("document.documentElement.lang")
    return language


def _hear(found: Walk, page: Page, kind: str, text: str) -> None:
    if kind == "error" and not text.startswith(_STATUS):
        found.faults.append(f"{page.url}: {text}")


def _open(page: Page, url: str) -> Response | None:
    """Go to a page; ``None`` for what a browser downloads instead of showing it."""
    try:
        return page.goto(url)
    except Error as error:
        if "Download is starting" in error.message:
            return None
        raise


def faults(page: Page) -> list[str]:
    """What is wrong with the page that is open: axe's violations, overflow, no heading or several."""
    page.evaluate(AXE)
    violations = page.evaluate(f"axe.run(document, {RULES}).then(r => r.violations)")
    wrong = [
        f"{v['id']}: {v['nodes'][0]['html'][:160]} ({v['nodes'][0].get('failureSummary', '')[:200]})"
        for v in violations
    ]
    if page.evaluate(OVERFLOW) > 0:
        wrong.append("wider than the window")
    if page.locator("h1").count() != 1:
        wrong.append(f"{page.locator('h1').count()} first headings")
    return wrong


def _links(page: Page, base_url: str) -> list[str]:
    hrefs: list[str] = page.eval_on_selector_all("a[href]:not([download])", "nodes => nodes.map(n => n.href)")
    host = urlsplit(base_url).netloc
    places = (urlsplit(urldefrag(href).url) for href in hrefs)
    return [
        place.path + (f"?{place.query}" if place.query else "")
        for place in places
        if place.netloc == host
        and "lang=" not in place.query
        and not place.path.startswith(("/api", "/static", "/log/"))
    ]
