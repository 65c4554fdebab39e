"""A browser before the whole exchange: forms filled in by anybody, sent as a page sends them, and what comes back."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape

from exchange_site import PURPOSE, Site
from people import Party
from trade_browser import Browser
from werkzeug.test import TestResponse

from exchange.actors import Actor
from exchange.citations import Lang

LANGUAGES: tuple[Lang, ...] = ("zh", "en")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
OWN_WORDS = "words of my own / 自己的话"
OFFERED = {
    "price__amount": "1.00",
    "price__currency": "HKD",
    "channel": "exchange",
    "purposes": "research",
    "term_days": "1",
    "territory": "CN",
    "redistribution": "false",
    "derivation": "false",
    "inspection_hours": "1",
    "delivery": "deposit",
    "acceptance_criteria": OWN_WORDS,
}


@dataclass(frozen=True)
class Attempt:
    """A form that ``by`` fills in on ``page`` and sends to ``action`` (the same address if not given)."""

    by: Party | Actor
    page: str
    action: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    kept: tuple[str, ...] = ()


def browser(site: Site, by: Party | Actor | None, lang: str = "en") -> Browser:
    token = ""
    if by is not None:
        actor = by.actor if isinstance(by, Party) else by
        token = f"page-{actor.person_id}-{actor.org_id}-{'-'.join(sorted(actor.roles))}"
        site.actors[token] = actor
    return Browser(site.app.test_client(), token, lang)


def sent(site: Site, attempt: Attempt, lang: str = "en") -> TestResponse:
    """The answer to the form, sent as a browser does that loaded the page first."""
    reader = browser(site, attempt.by, lang)
    shown = reader.get(attempt.page)
    assert shown.status_code == 200, shown.text
    return reader.post(attempt.action or attempt.page.partition("?")[0], **attempt.fields)


def problem_of(answer: TestResponse) -> str:
    """What the page says stood in the way."""
    found = re.search(r'<div class="problem".*?</div>', answer.text, re.DOTALL)
    assert found is not None, answer.text
    return unescape(found[0])


def told(answer: TestResponse, lang: Lang, code: str, status: int) -> str:
    """The page's own account of the refusal: status, code, in the reader's language."""
    assert answer.status_code == status, answer.text
    said = problem_of(answer)
    assert f"<code>{code}</code>" in said, said
    title = re.search(r'class="problem-title">(.*?)</p>', said, re.DOTALL)
    assert title is not None
    ours = re.sub("«.*?»", "", title[1])  # without what somebody called their data
    assert bool(CHINESE.search(ours)) == (lang == "zh"), title[1]
    return said


def offering(site: Site, version_id: str = "", **changes: str) -> Attempt:
    about = version_id or site.product.version_id
    fields = OFFERED | {"version_id": about} | changes
    return Attempt(site.seller, f"/desk/versions/{about}/terms", fields=fields, kept=(OWN_WORDS,))


def ordering(site: Site, offer_id: str = "", by: Party | None = None, **changes: str) -> Attempt:
    asked = offer_id or site.product.offer_id
    fields = {"offer_id": asked, "purpose": PURPOSE, "disputes": "officer", "purpose_words": OWN_WORDS}
    who = by or site.buyer
    fields |= {"password": who.password} | changes
    return Attempt(who, f"/desk/orders/new?offer={asked}", fields=fields, kept=(OWN_WORDS,))
