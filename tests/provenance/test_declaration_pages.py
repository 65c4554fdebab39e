"""Declarations on pages: drafted in steps, signed, read, compared, in both languages."""

import hashlib
import re

import origins
import people
import pytest
from origins import content, own_source
from people import Party

from exchange.db import read
from provenance import declarations, drafting
from provenance.models import Declaration
from tests.provenance.desks import CHINESE, Browser, Site, entries_kept

LANGUAGES = ("zh", "en")
PDF = b"%PDF-1.7\n" + b"evidence" * 10
SOURCE = {
    "title": "客流计数",
    "holder": "本公司",
    "use": "incorporated",
    "method": "传感器自动采集",
    "collected_from": "2025-01-01",
    "collected_to": "2025-12-31",
    "territory": "CN-50",
    "licence": "自有数据",
}


def begun(site: Site, seller: Party, lang: str = "en") -> tuple[Browser, str, str]:
    browser = site.browser(seller, lang)
    browser.get("/desk/declarations")
    page = browser.follow(browser.submit("/desk/declarations"))
    declaration_id = re.search(r"/desk/declarations/(dec_\w+)/sources/new", page.text)[1]
    return browser, f"/desk/declarations/{declaration_id}", declaration_id


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_declaration_is_drafted_in_steps_left_taken_up_and_signed(site: Site, seller: Party, lang: str) -> None:
    browser, at, declaration_id = begun(site, seller, lang)
    browser.get(f"{at}/sources/new?kind=self_collected")
    listed = browser.follow(browser.submit(f"{at}/sources/new", files={"evidence": PDF}, **SOURCE))
    assert "客流计数" in listed.text

    again = site.browser(seller, lang)  # left, and taken up on another machine
    assert f"{at}/sources" in again.get("/desk/declarations").text
    again.get(f"{at}/basis")
    page = again.follow(
        again.submit(
            f"{at}/basis",
            files={"evidence": PDF},
            ground="A",
            anonymisation_method="汇总到小时",
            to=f"{at}/basis?more=1",
            processing_steps__0__name="clean",
        )
    )
    assert "processing_steps.1.name" in page.text
    assert "clean" in page.text
    review = again.follow(again.submit(f"{at}/basis"))
    assert "汇总到小时" in review.text
    assert declarations.UNDERTAKING[lang] in review.text
    signed = again.follow(again.submit(f"{at}/sign", password=seller.password, truth_undertaken="true"))
    assert ("已签署" if lang == "zh" else "Signed declaration") in signed.text
    kept = f"{at}/evidence/{hashlib.sha256(PDF).hexdigest()}"
    assert kept in signed.text
    file = again.get(kept)
    assert (file.data, file.headers["Content-Disposition"].split(";")[0]) == (PDF, "attachment")
    assert again.get(f"{at}/sources").status_code == 409
    with read() as session:
        assert session.get_one(Declaration, declaration_id).state == "signed"


@pytest.mark.parametrize(("lang", "said"), [("zh", "承诺"), ("en", "undertaking")])
@pytest.mark.rule("P-05")
def test_a_refusal_shows_its_rule_and_keeps_what_was_typed(site: Site, seller: Party, lang: str, said: str) -> None:
    drafted = declarations.declare(seller.actor, content(truth_undertaken=False))
    browser, at = site.browser(seller, lang), f"/desk/declarations/{drafted.id}"
    browser.get(f"{at}/sign")
    refused = browser.submit(f"{at}/sign", password=seller.password)
    assert refused.status_code == 409
    assert "P-05" in refused.text
    assert said in refused.text
    assert seller.password not in refused.text


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_field_that_is_not_right_says_so_and_the_rest_stays(site: Site, seller: Party, lang: str) -> None:
    browser, at, _ = begun(site, seller, lang)
    browser.get(f"{at}/sources/new?kind=self_collected")
    before = entries_kept()
    bad = browser.submit(f"{at}/sources/new", **SOURCE | {"collected_from": "yesterday", "evidence_digest": "xyz"})
    assert bad.status_code == 422
    assert 'value="本公司"' in bad.text
    assert 'value="yesterday"' in bad.text
    assert bad.text.count('aria-invalid="true"') == 2
    assert entries_kept() == before


def test_evidence_of_another_kind_or_size_is_not_kept(site: Site, seller: Party) -> None:
    browser, at, _ = begun(site, seller)
    for file, code in ((b"MZ\x00\x01", "document_type"), (b"%PDF-" + b"x" * (8 * 1024 * 1024), "document_size")):
        browser.get(f"{at}/sources/new?kind=self_collected")
        before = entries_kept()
        refused = browser.submit(f"{at}/sources/new", files={"evidence": file}, **SOURCE)
        assert (refused.status_code, code in refused.text, entries_kept()) == (422, True, before)
        assert "传感器自动采集" in refused.text


def test_a_stale_form_changes_nothing(site: Site, seller: Party) -> None:
    drafted = declarations.declare(seller.actor, content())
    browser, at = site.browser(seller), f"/desk/declarations/{drafted.id}"
    browser.get(f"{at}/sources/0")
    drafting.put_source(seller.actor, drafted.id, own_source(title="another"))
    before = entries_kept()
    stale = browser.submit(f"{at}/sources/0", title="too late")
    assert (stale.status_code, "too late" in stale.text, entries_kept()) == (409, True, before)
    browser.get(f"{at}/sources")
    drafting.remove_source(seller.actor, drafted.id, 1)
    assert browser.submit(f"{at}/sources/0/remove").status_code == 409


def test_sources_are_changed_and_taken_out(site: Site, seller: Party) -> None:
    drafted = declarations.declare(seller.actor, content(own_source(), own_source(title="第二个")))
    browser, at = site.browser(seller), f"/desk/declarations/{drafted.id}"
    browser.get(f"{at}/sources/1")
    page = browser.follow(browser.submit(f"{at}/sources/1", title="改名"))
    assert "改名" in page.text
    assert "第二个" not in page.text
    assert "改名" not in browser.follow(browser.submit(f"{at}/sources/1/remove")).text
    assert browser.get(f"{at}/sources/7").status_code == 404


def test_a_government_source_is_found_in_the_register(site: Site, seller: Party, department: Party) -> None:
    record = origins.record(department)
    browser, at, _ = begun(site, seller)
    found = browser.get(f"{at}/sources/new?kind=government_open&q=气象观测")
    assert f"record_id={record.id}" in found.text
    picked = browser.get(f"{at}/sources/new?kind=government_open&record_id={record.id}")
    assert "示例气象局" in picked.text
    saved = browser.submit(
        f"{at}/sources/new", **SOURCE | {"title": record.title_zh, "retrieved_at": "2026-01-05T10:30"}
    )
    assert "2026-01-05T10:30" in browser.follow(saved).text or saved.status_code == 303
    assert 'value="2026-01-05T10:30"' in browser.get(f"{at}/sources/0").text


def test_ground_b_asks_for_authorisations_with_their_document(site: Site, seller: Party) -> None:
    drafted = declarations.declare(seller.actor, content(ground="B", anonymisation_evidence=None))
    browser, at = site.browser(seller), f"/desk/declarations/{drafted.id}"
    browser.get(f"{at}/authorisations")
    browser.get(f"{at}/authorisations/new")
    said = {
        "grantor": "示例地铁公司",
        "data": "客流计数",
        "columns": "hour\ncount",
        "purposes": ["commercial"],
        "onward_allowed": "true",
        "starts_on": origins.days_from_now(0).isoformat(),
        "ends_on": origins.days_from_now(90).isoformat(),
    }
    missing = browser.submit(f"{at}/authorisations/new", **said)
    assert (missing.status_code, "evidence_missing" in missing.text) == (422, True)
    listed = browser.follow(browser.submit(f"{at}/authorisations/new", files={"evidence": PDF}, **said))
    assert "示例地铁公司" in listed.text
    one = re.search(rf"{at}/authorisations/(aut_\w+)", listed.text)[0]
    assert "hour\ncount" in browser.get(one).text
    assert "改名的公司" in browser.follow(browser.submit(one, grantor="改名的公司")).text
    removed = re.search(rf"{at}/authorisations/(aut_\w+)/remove", browser.get(f"{at}/authorisations").text)[0]
    assert "改名的公司" not in browser.follow(browser.submit(removed)).text


@pytest.mark.rule("P-04")
def test_a_withdrawal_is_recorded_on_the_page(site: Site, seller: Party) -> None:
    signed = origins.signed(seller, origins.on_grants(origins.grant()))
    reviewer = people.staff(None, "compliance_reviewer")
    for who, at in ((seller, "/desk/declarations"), (reviewer, "/console/declarations")):
        assert "withdraw" in site.browser(who).get(f"{at}/{signed.id}").text
    browser = site.browser(reviewer)
    page = browser.get(f"/console/declarations/{signed.id}")
    action = re.search(r"/console/declarations/\w+/authorisations/(aut_\w+)/withdraw", page.text)
    refused = browser.submit(action[0])
    assert refused.status_code == 422
    done = browser.follow(browser.submit(action[0], **{f"{action[1]}-reason": "授权人通知"}))
    assert "withdrawn" in done.text
    assert "/withdraw" not in done.text


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_of_a_new_version_shows_what_changed(site: Site, seller: Party, lang: str) -> None:
    signed = origins.signed(seller, content(own_source(), own_source(title="会撤下的")))
    browser = site.browser(seller, lang)
    browser.get(f"/desk/declarations/{signed.id}")
    page = browser.follow(browser.submit(f"/desk/declarations/{signed.id}/renew"))
    following = re.search(r"/desk/declarations/(dec_\w+)/sources/1", page.text)[1]
    at = f"/desk/declarations/{following}"
    browser.submit(f"{at}/sources/1/remove")
    browser.get(f"{at}/sources/0")
    browser.submit(f"{at}/sources/0", territory="CN-51")
    browser.get(f"{at}/sign")
    browser.submit(f"{at}/sign", password=seller.password, truth_undertaken="true")
    reviewer = site.browser(people.staff(None, "compliance_reviewer"), lang)
    for reader, path in ((browser, at), (reviewer, f"/console/declarations/{following}")):
        shown = reader.get(path).text
        difference = shown[shown.index('id="difference"') :]
        assert "会撤下的" in difference
        assert "CN-50" in difference
        assert "CN-51" in difference
        assert f"{path.rpartition('/')[0]}/{signed.id}" in shown  # the other version is one click away


def test_another_party_finds_nothing(site: Site, seller: Party, stranger: Party) -> None:
    drafted = declarations.declare(seller.actor, content())
    signed = origins.signed(seller, origins.on_grants(origins.grant()))
    browser = site.browser(stranger)
    before = entries_kept()
    for declaration_id in (drafted.id, signed.id):
        at = f"/desk/declarations/{declaration_id}"
        for path in ("", "/sources", "/sources/0", "/basis", "/authorisations", "/authorisations/aut_x", "/sign"):
            assert browser.get(at + path).status_code == 404, path
        assert browser.get(f"{at}/evidence/{origins.EVIDENCE.hex()}").status_code == 404
    browser.get("/desk/declarations")
    token = browser.forms["/desk/declarations"]["csrf_token"]
    for path in ("sources/new", "sources/0/remove", "basis", "sign", "renew", "authorisations/aut_x/withdraw"):
        at = f"/desk/declarations/{signed.id}/{path}"
        browser.forms[at] = {"csrf_token": token, "ground": "A", "password": "x", "aut_x-reason": "x"} | SOURCE
        browser.forms[at]["kind"] = "self_collected"
        assert browser.submit(at).status_code == 404, path
        browser.get("/desk/declarations")
    assert entries_kept() == before


def test_a_form_without_its_token_is_refused(site: Site, seller: Party) -> None:
    browser = site.browser(seller)
    browser.get("/desk/declarations")
    before = entries_kept()
    assert browser.submit("/desk/declarations", csrf_token="").status_code == 400
    assert entries_kept() == before


def test_only_those_who_may_write_write(site: Site, seller: Party) -> None:
    from dataclasses import replace

    drafted = declarations.declare(seller.actor, content())
    viewer = replace(seller.actor, person_id="per_viewer", roles=frozenset({"viewer"}))
    browser = site.browser(viewer)
    assert browser.get(f"/desk/declarations/{drafted.id}").status_code == 200
    assert browser.get(f"/desk/declarations/{drafted.id}/sources").status_code == 403


def test_the_reviewers_read_only_what_is_signed(site: Site, seller: Party) -> None:
    drafted, signed = declarations.declare(seller.actor, content()), origins.signed(seller, content())
    browser = site.browser(people.staff(None, "auditor"))
    listed = browser.get("/console/declarations").text
    assert (signed.id in listed, drafted.id in listed) == (True, False)
    assert browser.get(f"/console/declarations/{drafted.id}").status_code == 404
    shown = browser.get(f"/console/declarations/{signed.id}")
    assert (shown.status_code, "/renew" in shown.text) == (200, False)


def test_the_empty_list_says_what_to_do(site: Site, seller: Party) -> None:
    assert "empty-title" in site.browser(seller).get("/desk/declarations").text
    assert CHINESE.search(site.browser(seller, "zh").get("/desk/declarations").text)
