"""The pages everybody may read, in a real browser: both languages, light and dark, narrow and wide."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page

PAGES = {"home": "/", "rules": "/rules", "log": "/log", "missing": "/nowhere"}
LANGUAGES = {"zh": "zh-CN", "en": "en"}
SCHEMES = ("light", "dark")
WIDTHS = (360, 1030, 1280)

#: The contrast ratio (WCAG 2.2, 1.4.3) of every text on the page against the background it stands on; the lowest.
LOWEST_CONTRAST = """() => {
  const channels = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const linear = [r, g, b].map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const background = node => {
    for (; node; node = node.parentElement) {
      const found = channels(getComputedStyle(node).backgroundColor);
      if (found.length < 4 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  let lowest = 21;
  for (const node of document.querySelectorAll('body *')) {
    if (![...node.childNodes].some(child => child.nodeType === 3 && child.textContent.trim())) continue;
    const one = light(channels(getComputedStyle(node).color)), two = light(background(node));
    lowest = Math.min(lowest, (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05));
  }
  return lowest;
}"""


@dataclass
class Visit:
    """A page that is open, and what the browser complained about."""

    page: Page
    complaints: list[str] = field(default_factory=list)


@contextmanager
def visit(browser: Browser, lang: str, scheme: str, width: int, *, javascript: bool = True) -> Iterator[Visit]:
    context = browser.new_context(
        locale=LANGUAGES[lang],
        color_scheme=scheme,
        viewport={"width": width, "height": 800},
        java_script_enabled=javascript,
    )
    seen = Visit(context.new_page())
    seen.page.on("console", lambda said: seen.complaints.append(f"{said.type}: {said.text}"))
    seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    seen.page.on("requestfailed", lambda request: seen.complaints.append(f"failed: {request.url}"))
    try:
        yield seen
    finally:
        context.close()


def test_pages_are_sound_in_every_dress(browser: Browser, base_url: str, tmp_path: Path) -> None:
    for lang, scheme, width in itertools.product(LANGUAGES, SCHEMES, WIDTHS):
        with visit(browser, lang, scheme, width) as seen:
            for name, path in PAGES.items():
                which = f"{name}-{lang}-{scheme}-{width}"
                seen.complaints.clear()
                answer = seen.page.goto(base_url + path)
                assert answer is not None
                assert answer.status == (404 if name == "missing" else 200), which
                expected = ["Failed to load resource"] if name == "missing" else []
                assert [text for text in seen.complaints if not any(e in text for e in expected)] == [], which
                assert seen.page.locator("html").get_attribute("lang") == LANGUAGES[lang], which
                assert seen.page.locator("h1").count() == 1, which
                overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                assert seen.page.evaluate(overflow) <= 0, which
                assert seen.page.evaluate(LOWEST_CONTRAST) >= 4.5, which
                seen.page.screenshot(path=tmp_path / f"{which}.png")


def test_the_keyboard_skips_to_the_content(browser: Browser, base_url: str) -> None:
    for path in PAGES.values():
        with visit(browser, "en", "light", 1280) as seen:
            page = seen.page
            page.goto(base_url + path)
            link = page.locator("a.skip")
            assert not link.evaluate("node => node.getBoundingClientRect().right > 0")
            page.keyboard.press("Tab")
            assert link.evaluate("node => node === document.activeElement")
            assert link.evaluate("node => node.getBoundingClientRect().left >= 0")
            page.keyboard.press("Enter")
            assert page.evaluate("document.activeElement.id") == "main"


def test_the_language_links_stay_on_the_page(browser: Browser, base_url: str) -> None:
    with visit(browser, "zh", "light", 1280) as seen:
        seen.page.goto(f"{base_url}/rules")
        seen.page.get_by_role("link", name="English").click()
        assert seen.page.url == f"{base_url}/rules?lang=en"
        assert seen.page.locator("html").get_attribute("lang") == "en"
        seen.page.get_by_role("link", name="中文").click()
        assert seen.page.locator("html").get_attribute("lang") == "zh-CN"


def test_the_choice_of_a_language_holds_on_the_next_page(browser: Browser, base_url: str) -> None:
    with visit(browser, "zh", "light", 1280) as seen:
        seen.page.goto(f"{base_url}/?lang=en")
        seen.page.get_by_role("navigation", name="Main").get_by_role("link", name="Rules").click()
        assert seen.page.locator("html").get_attribute("lang") == "en"


def test_everything_is_there_without_javascript(browser: Browser, base_url: str) -> None:
    with visit(browser, "en", "light", 1280, javascript=False) as seen:
        for path in PAGES.values():
            seen.page.goto(base_url + path)
            assert seen.page.locator("h1").count() == 1
            assert seen.page.locator("main").inner_text().strip()


def test_a_script_that_is_not_ours_does_not_run(browser: Browser, base_url: str) -> None:
    with visit(browser, "en", "light", 1280) as seen:
        seen.page.goto(base_url)
        seen.page.evaluate(
            "() => { const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
            " document.head.append(s); }"
        )
        assert seen.page.evaluate("window.ran === undefined")
        assert any("Content Security Policy" in text for text in seen.complaints)
