"""Agreements and the register on pages: drafted, signed here or brought as a scan, and what the department owes."""

import re

import origins
import people
import pytest
from origins import terms
from people import Party

from exchange.db import read
from provenance import register
from provenance.models import Agreement, CatalogueRecord
from tests.provenance.desks import CHINESE, Browser, Site, entries_kept

LANGUAGES = ("zh", "en")
SCAN = b"%PDF-1.7\n" + b"a signed agreement " * 20


def drafted(user: Party, department: Party, **other: object) -> Agreement:
    record = origins.record(department, "conditional")
    return register.draft_agreement(user.actor, terms(record, **other), department_org_id=department.org_id)


def page_of(site: Site, who: Party, agreement: Agreement, lang: str = "en") -> tuple[Browser, str]:
    browser, at = site.browser(who, lang), f"/desk/agreements/{agreement.id}"
    assert browser.get(at).status_code == 200
    return browser, at


@pytest.mark.parametrize("lang", LANGUAGES)
def test_an_agreement_is_drafted_from_a_record_signed_and_copied(
    site: Site, seller: Party, department: Party, lang: str
) -> None:
    record = origins.record(department, "conditional")
    user = site.browser(seller, lang)
    assert f"/desk/agreements/new?record_id={record.id}" in user.get(f"/register/{record.id}").text
    user.get(f"/desk/agreements/new?record_id={record.id}")
    more = user.submit("/desk/agreements/new", to="/desk/agreements/new?more=1", terms__application_scenario="延误分析")
    assert 'name="terms.data.1.record_id"' in more.text
    assert "延误分析" in more.text
    shown = user.follow(user.submit("/desk/agreements/new", terms__purposes=["commercial"]))
    assert "G-08" in shown.text  # four items are missing
    at = re.search(r"/desk/agreements/agr_\w+", shown.text)[0]
    user.get(f"{at}/edit")
    user.submit(
        f"{at}/edit",
        terms__security_measures="加密存储",
        terms__disposal="期满之日起十个工作日内删除原始数据及副本，并向政务部门出具处置证明。",
        terms__starts_on=origins.days_from_now(0).isoformat(),
        terms__ends_on=origins.days_from_now(20).isoformat(),
        terms__outputs_may_be_sold="true",
        terms__buyers_allowed=["company"],
    )
    shown = user.get(at)
    assert "G-08" not in shown.text
    assert (
        shown.text.count("Standard:" if lang == "en" else "标准条款：") == 1
    )  # the security measures depart, the disposal does not
    offered = user.follow(user.submit(f"{at}/sign", **{"sign-password": seller.password}))
    assert f"{at}/sign" not in offered.text
    holder = site.browser(department, lang)
    assert at in holder.get("/desk/agreements?side=department").text
    holder.get(at)
    owed = holder.follow(holder.submit(f"{at}/sign", **{"sign-password": department.password}))
    assert "G-09" in owed.text
    copied = holder.follow(holder.submit(f"{at}/copy", **{"copy-authority": "示例大数据局"}))
    assert "G-09" not in copied.text
    assert "示例大数据局" in copied.text


@pytest.mark.rule("G-08")
def test_a_scan_is_confirmed_by_the_department_and_then_in_force(site: Site, seller: Party, department: Party) -> None:
    agreement = drafted(seller, department)
    user, at = page_of(site, seller, agreement)
    brought = user.follow(user.submit(f"{at}/scan", files={"scan": SCAN}))
    assert f"{at}/confirm" not in brought.text  # the user does not confirm its own scan
    assert user.get(f"{at}/scan").data == SCAN
    holder, _ = page_of(site, department, agreement)
    wrong = holder.submit(f"{at}/confirm", **{"confirm-password": "wrong horse battery staple"})
    assert (wrong.status_code, "wrong_password" in wrong.text) == (403, True)
    done = holder.follow(holder.submit(f"{at}/confirm", **{"confirm-password": department.password}))
    assert "In force" in done.text
    with read() as session:
        kept = session.get_one(Agreement, agreement.id)
        assert (kept.state, kept.user_signature_id, kept.department_signature_id is None) == ("in_force", None, False)


def test_what_is_no_scan_is_not_brought(site: Site, seller: Party, department: Party) -> None:
    user, at = page_of(site, seller, drafted(seller, department))
    for files, code in (({"scan": b"plain text"}, "document_type"), ({}, "file_missing")):
        before = entries_kept()
        refused = user.submit(f"{at}/scan", files=files)
        assert (refused.status_code, code in refused.text, entries_kept()) == (422, True, before)


def test_a_draft_changed_by_the_other_side_is_not_signed(site: Site, seller: Party, department: Party) -> None:
    agreement = drafted(seller, department)
    user, at = page_of(site, seller, agreement)
    register.revise_agreement(department.actor, agreement.id, terms(disposal="别的"), row_version=agreement.row_version)
    before = entries_kept()
    stale = user.submit(f"{at}/sign", **{"sign-password": seller.password})
    assert (stale.status_code, "stale_version" in stale.text, entries_kept()) == (409, True, before)
    assert seller.password not in stale.text


def test_a_reason_is_asked_for_and_kept(site: Site, seller: Party, department: Party) -> None:
    agreement = drafted(seller, department)
    user, at = page_of(site, seller, agreement)
    assert user.submit(f"{at}/decline").status_code == 422
    assert "不再需要" in user.follow(user.submit(f"{at}/decline", **{"decline-reason": "不再需要"})).text
    in_force = origins.agreement(seller, department, origins.record(department, "conditional"))
    user, at = page_of(site, seller, in_force)
    assert "停用" in user.follow(user.submit(f"{at}/terminate", **{"terminate-reason": "停用"})).text
    again = user.get(f"/desk/agreements/new?from={in_force.id}")
    assert "期满后删除并出具证明" in again.text


def test_another_party_finds_no_agreement(site: Site, seller: Party, stranger: Party, department: Party) -> None:
    agreement = drafted(seller, department)
    browser, at = site.browser(stranger), f"/desk/agreements/{agreement.id}"
    for path in ("", "/edit", "/scan"):
        assert browser.get(at + path).status_code == 404
    assert browser.get(f"/desk/agreements/new?from={agreement.id}").status_code == 404
    browser.get("/desk/agreements/new")
    token, before = browser.forms["/desk/agreements/new"]["csrf_token"], entries_kept()
    said = {"sign-password": "x", "confirm-password": "x", "copy-authority": "x", "decline-reason": "x"}
    for verb in ("sign", "confirm", "copy", "decline", "terminate", "edit"):
        browser.forms[f"{at}/{verb}"] = {"csrf_token": token, "terminate-reason": "x"} | said
        assert browser.submit(f"{at}/{verb}").status_code == 404, verb
    assert entries_kept() == before


@pytest.mark.rule("G-09")
def test_the_console_shows_what_is_owed_and_what_is_missing(site: Site, seller: Party, department: Party) -> None:
    record = origins.record(department, "conditional")
    owed = origins.agreement(seller, department, record)
    lacking = origins.agreement(seller, department, record, disposal="")
    register.record_copy(department.actor, lacking.id, authority="示例大数据局")
    browser = site.browser(people.staff(None, "compliance_reviewer"))
    copies, items = (browser.get(f"/console/agreements{query}").text for query in ("", "?what=incomplete"))
    assert (owed.id in copies, lacking.id in copies) == (True, False)
    assert (owed.id in items, lacking.id in items) == (False, True)
    shown = browser.get(f"/console/agreements/{owed.id}")
    assert (shown.status_code, "/terminate" in shown.text) == (200, False)
    assert site.browser(seller).get("/console/agreements").status_code == 403


def test_the_desk_says_what_waits(site: Site, seller: Party, department: Party) -> None:
    record = origins.record(department, "conditional")
    origins.agreement(seller, department, record, ends_on=origins.days_from_now(10))
    offered = drafted(seller, department)
    register.sign_agreement(seller.actor, offered.id, password=seller.password)
    brought = drafted(seller, department)
    register.bring_agreement(seller.actor, brought.id, SCAN)
    drafted(seller, department)
    user, holder = site.browser(seller).get("/desk").text, site.browser(department).get("/desk").text
    assert ("agreement on government data ends" in user, "Finish and sign the agreement" in user) == (True, True)
    for what in ("Sign the agreement", "Confirm the scan", "Send the authority its copy"):
        assert (what in holder, what in user) == (True, False)


# -- the register ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_register_is_searched_and_narrowed(site: Site, department: Party, lang: str) -> None:
    other = people.approved_department(None, "示例交通局")
    weather = origins.record(department, title_zh="逐小时气象观测", title_en="Hourly weather")
    flights = origins.record(other, "conditional", title_zh="航班起降", title_en="Flight movements")
    visitor = site.browser(lang=lang)
    for query, found in {
        "": {weather.id, flights.id},
        "?q=气象": {weather.id},
        "?q=FLIGHT": {flights.id},
        "?q=气象+航班": set(),
        f"?q={weather.official_number}": {weather.id},
        f"?department={other.org_id}": {flights.id},
        "?attribute=unconditional": {weather.id},
        "?q='+OR+1=1--&attribute=conditional": set(),
        "?q=😀%26|!()": {weather.id, flights.id},
        "?q=" + "字" * 500: set(),
    }.items():
        answer = visitor.get(f"/register{query}")
        assert (answer.status_code, set(re.findall(r"/register/(cat_\w+)", answer.text))) == (200, found), query
    page = visitor.get(f"/register/{flights.id}").text
    assert ("有条件开放" if lang == "zh" else "open on conditions") in page
    assert visitor.get("/register/cat_nothing").status_code == 404


@pytest.mark.rule("G-05")
def test_a_department_enters_and_corrects_its_records(site: Site, department: Party, stranger: Party) -> None:
    browser = site.browser(department)
    browser.get("/desk/records/new")
    said = {
        "official_number": "CQ-77",
        "title_zh": "水质监测",
        "title_en": "Water quality",
        "open_attribute": "conditional",
        "update_frequency": "daily",
        "source_line_zh": "数据来源：示例",
        "source_line_en": "Source: example",
        "fields__0__name": "ph",
    }
    before = entries_kept()
    more = browser.submit("/desk/records/new", to="/desk/records/new?more=1", **said)
    assert ('name="fields.1.name"' in more.text, entries_kept()) == (True, before)
    refused = browser.submit("/desk/records/new")
    assert (refused.status_code, "G-05" in refused.text) == (409, True)
    page = browser.follow(browser.submit("/desk/records/new", legal_basis="某法第一条"))
    record_id = re.search(r"cat_\w{26}", page.text)[0]
    at = f"/desk/records/{record_id}"
    browser.get(at)
    corrected = browser.follow(browser.submit(at, title_en="Water quality, daily"))
    assert "Water quality, daily" in corrected.text
    browser.get(at)
    stale = browser.submit(at, revision="1", title_en="too late")
    assert (stale.status_code, "too late" in stale.text) == (409, True)
    with read() as session:
        assert session.get_one(CatalogueRecord, record_id).revision == 2
    assert site.browser(stranger).get(at).status_code == 404
    assert CHINESE.search(site.browser(department, "zh").get("/desk/records").text)


def test_others_keep_no_catalogue(site: Site, seller: Party) -> None:
    browser = site.browser(seller)
    assert "empty-title" in browser.get("/desk/records").text
    browser.get("/desk/records/new")
    said = dict.fromkeys(("official_number", "title_zh", "title_en", "update_frequency", "source_line_zh"), "x")
    refused = browser.submit("/desk/records/new", source_line_en="x", open_attribute="unconditional", **said)
    assert (refused.status_code, "not_a_department" in refused.text) == (403, True)
