"""Home, the rules and the log, as a person reads them."""

import html
import re

import pytest
from flask.testing import FlaskClient
from opened import Site

from exchange import attest, rules
from exchange.citations import Lang

LANGUAGES = ["zh", "en"]


def shown(page: str) -> str:
    """The text of a page, its white space joined."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def joined(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_rules_page_shows_every_rule_with_its_citations(client: FlaskClient, lang: Lang) -> None:
    page = client.get(f"/rules?lang={lang}").text
    rows = dict(re.findall(r'<tr id="([A-Z]+-\d\d)" role="row">(.*?)</tr>', page, re.DOTALL))
    assert list(rows) == [rule.id for rule in _in_sections()]
    for rule in rules.pack().rules.values():
        row = shown(rows[rule.id])
        assert joined(rule.text.in_lang(lang)) in row, rule.id
        for citation in rules.citations(rule, lang):
            assert joined(citation) in row, rule.id
        assert ({"zh": "未实现", "en": "not implemented"}[lang] in row) == (not rule.implemented), rule.id
        assert all(place in row for place in (*rule.where, *rule.evidence)), rule.id
    assert joined(rules.BASIS.in_lang(lang)) in shown(page)


def _in_sections() -> list[rules.Rule]:
    pack = rules.pack()
    return [rule for letter in pack.sections for rule in pack.rules.values() if rule.section == letter]


def test_a_rule_of_the_draft_says_that_it_is_not_in_force(client: FlaskClient) -> None:
    page = client.get("/rules?lang=zh").text
    row = re.search(r'<tr id="G-01" role="row">(.*?)</tr>', page, re.DOTALL)
    assert row is not None
    assert "参照《重庆市大数据发展管理条例（草案）》第二十八条第二款（2021年征求意见稿，未生效）" in row[1]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_an_empty_log_says_so(client: FlaskClient, lang: str) -> None:
    assert {"zh": "尚无任何记录。", "en": "Nothing has been recorded yet."}[lang] in client.get(
        f"/log?lang={lang}"
    ).text
    assert re.search(r"<dd>\s*0\s*</dd>", client.get("/").text)


def test_the_log_page_shows_key_and_checkpoint(sealed: Site) -> None:
    client = sealed.client()
    page = html.unescape(client.get("/log").text)
    assert client.get("/log/checkpoint").text.strip() in page
    assert attest.vkey() in page
    assert 'href="/log/checkpoint"' in page


def test_home_says_how_far_the_log_has_come(sealed: Site) -> None:
    assert re.search(r"<dd>\s*3\s*</dd>", sealed.client().get("/").text)


@pytest.mark.parametrize("path", ["/", "/rules", "/log", "/nowhere"])
def test_pages_have_one_heading_a_title_and_nothing_inline(sealed: Site, path: str) -> None:
    page = sealed.client().get(path, headers={"Accept": "text/html"}).text
    assert len(re.findall("<h1", page)) == 1
    assert re.search(r"<title>[^<]+ · Databourse 数衡</title>", page)
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", page)
    assert re.search(r'<a class="skip" href="#main">', page)
    assert len(re.findall(r'<main id="main"', page)) == 1


def test_health_answers_while_the_database_does(client: FlaskClient) -> None:
    assert client.get("/health").json == {"status": "ok"}
