"""The seller's and the reviewers' pages over HTTP: the five steps, files by pieces and whole, decisions, objections."""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import market as fair
import origins
import pytest
from conftest import Database
from flask.testing import FlaskClient
from opened import Site, opened
from people import Party, approved_company, registered, staff
from werkzeug.test import TestResponse

from exchange import calendar
from exchange.actors import Actor
from exchange.db import read
from exchange.jobs import Worker
from exchange.web import access
from listings import deposits, grading, jobs, notice, offers, versions
from listings.grade_models import DataReport
from listings.models import Deposit, Objection, Offer, Version
from listings.states import RISK_POINTS
from provenance.models import Declaration

NEWER = fair.CSV + b"S9,2026-04-01,7\n"
DESCRIPTION = {
    "title_zh": "车站客流日统计",
    "title_en": "Daily visitors of stations",
    "description_zh": "三个车站每日进站人次。",
    "description_en": "Visitors of three stations, by day.",
    "category": "transport",
    "grade": "general",
}
TERMS = {
    "price.amount": "1200.00",
    "price.currency": "HKD",
    "channel": "exchange",
    "purposes": ["research", "commercial.analytics"],
    "term_days": "365",
    "territory": "中国境内",
    "redistribution": "false",
    "derivation": "true",
    "inspection_hours": "72",
    "delivery": "deposit",
    "acceptance_criteria": "内容与上架摘要一致",
}


@dataclass
class Browser:
    """A person's browser: keeps cookies, fills the token in, follows nothing by itself."""

    client: FlaskClient

    def get(self, url: str, lang: str = "en") -> str:
        answer = self.client.get(url, query_string={"lang": lang} if "?" not in url else None)
        assert answer.status_code == 200, (url, answer.status_code, answer.text[:2000])
        return answer.text

    def token(self, page: str = "/help") -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.client.get(page).text)
        assert found is not None
        return found[1]

    def post(self, url: str, page: str, **fields: Any) -> TestResponse:
        """Send a form that stands on ``page``."""
        return self.client.post(url, data={"csrf_token": self.token(page), **fields}, headers={"Accept": "text/html"})


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with opened(database, tmp_path) as site:
        calendar.seed(Actor.clock())
        site.app.jinja_env.auto_reload = False
        yield site


def browser(site: Site, actor: Actor) -> Browser:
    token = f"token-of-{actor.person_id}"
    site.let_in({token: actor})
    client = site.client()
    client.set_cookie(access.COOKIE, token)
    return Browser(client)


@pytest.fixture
def seller(site: Site) -> Party:
    return approved_company(site, "甲公司")


@pytest.fixture
def desk(site: Site, seller: Party) -> Browser:
    return browser(site, seller.actor)


@pytest.fixture
def reviewer(site: Site) -> Browser:
    return browser(site, staff(site, "compliance_reviewer"))


def work() -> None:
    worker = Worker(due={}, outbox=jobs.OUTBOX)
    while worker.step():
        pass


def graded(**effects: str) -> dict[str, str]:
    """The fields of the grading form that finds no harm but ``effects``."""
    told = {f"elements.{name}": text for name, text in fair.GRADED.elements.items()}
    told |= {f"effects.{name}": effects.get(name, degree) for name, degree in fair.GRADED.effects.items()}
    return told | {"identified_as": "none", "secrecy": "none"}


def only(kind: type[Any]) -> Any:
    with read() as session:
        return session.query(kind).one()


def rows(kind: type[Any]) -> int:
    with read() as session:
        return session.query(kind).count()


def shows(answer: TestResponse, code: str, status: int) -> None:
    """The page says why it refused, under the status of the refusal."""
    assert answer.status_code == status, answer.text[:3000]
    assert f"<code>{code}</code>" in answer.text, answer.text[:3000]


def test_a_new_product_in_six_steps(desk: Browser, seller: Party, site: Site) -> None:
    assert "No products yet" in desk.get("/desk/products")
    made = desk.post("/desk/products/new", "/desk/products/new", **DESCRIPTION)
    assert made.status_code == 303
    goods = made.location
    version_id = goods.split("/")[3]
    steps = f"/desk/versions/{version_id}"
    page = desk.get(f"{steps}/check")
    assert "The version has no deposit that is sealed and profiled." in page
    assert "The version has no signed provenance declaration." in page
    sent = desk.post("/desk/deposits/whole", goods, next=goods, file=(BytesIO(fair.CSV), "客流.csv"))
    assert (sent.status_code, sent.location) == (303, goods)
    deposit_id = only(Deposit).id
    assert desk.post(goods, goods, deposit_id=deposit_id).status_code == 303
    assert 'hx-trigger="every 2s"' in desk.get(goods)
    work()
    page = desk.get(goods)
    assert "Data dictionary" in page
    assert 'hx-trigger="every 2s"' not in page
    declaration_id = fair.declared(seller)
    assert declaration_id[:9] in desk.get(f"{steps}/source")
    assert desk.post(f"{steps}/source", f"{steps}/source", declaration_id=declaration_id).status_code == 303
    assert desk.post(f"{steps}/terms", f"{steps}/terms", version_id=version_id, **TERMS).status_code == 303
    assert "The grading form is not complete." in desk.get(f"{steps}/check")
    assert desk.post(f"{steps}/grading", f"{steps}/grading", **graded()).status_code == 303
    assert "no harm" in desk.get(f"{steps}/grading")
    assert "Nothing is missing." in desk.get(f"{steps}/check")
    submitted = desk.post(f"{steps}/check", f"{steps}/check")
    assert submitted.status_code == 303
    work()
    assert only(Version).state == "scanned"
    assert only(Offer).state == "open"
    for lang, words in (("en", "a reviewer decides by"), ("zh", "审核")):
        assert words in desk.get(submitted.location, lang)


def test_what_was_typed_stays_when_a_step_is_refused(desk: Browser) -> None:
    answer = desk.post(
        "/desk/products/new", "/desk/products/new", **(DESCRIPTION | {"title_en": "", "title_zh": "票价"})
    )
    shows(answer, "invalid", 422)
    assert 'value="票价"' in answer.text
    assert rows(Version) == 0


def test_a_stale_form_changes_nothing(desk: Browser, seller: Party) -> None:
    draft = versions.create_product(seller.actor, fair.DESCRIPTION)
    url = f"/desk/versions/{draft.id}/describe"
    read_as = f"{draft.id}:{draft.row_version}"
    assert desk.post(url, url, version=read_as, **DESCRIPTION).status_code == 303
    shows(desk.post(url, url, version=read_as, **(DESCRIPTION | {"title_en": "Other"})), "stale_version", 409)
    assert only(Version).title_en == DESCRIPTION["title_en"]


@pytest.mark.rule("G-01")
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_direct_offer_of_government_data_is_refused_with_its_rule(
    site: Site, desk: Browser, seller: Party, lang: str
) -> None:
    version = fair.submitted(seller, fair.open_data(site))
    url = f"/desk/versions/{version.id}/terms"
    answer = desk.client.post(
        f"{url}?lang={lang}",
        data={"csrf_token": desk.token(url), "version_id": version.id, **(TERMS | {"channel": "direct"})},
        headers={"Accept": "text/html"},
    )
    assert answer.status_code == 409
    assert 'href="/rules#G-01"' in answer.text
    assert ("政务数据" if lang == "zh" else "government") in answer.text
    assert rows(Offer) == 0


def test_pages_of_another_party_are_not_found(site: Site, seller: Party) -> None:
    draft = versions.create_product(seller.actor, fair.DESCRIPTION)
    deposit_id = deposits.open_deposit(seller.actor, file_name="a.csv", size_bytes=9, media_type="text/csv").id
    other = browser(site, approved_company(site, "乙公司").actor)
    steps = ("describe", "goods", "source", "terms", "check")
    urls = [f"/desk/versions/{draft.id}/{step}" for step in steps]
    urls += [f"/desk/products/{draft.product_id}", f"/desk/deposits/{deposit_id}", f"/desk/versions/{draft.id}/revise"]
    for url in urls:
        assert other.client.get(url).status_code == 404, url
    assert other.post(f"/desk/versions/{draft.id}/withdraw", "/desk/deposits").status_code == 404
    assert only(Version).state == "draft"


# -- files ------------------------------------------------------------------------------------------------------------


def begun(desk: Browser, size: int, name: str = "v.csv") -> TestResponse:
    metadata = f"filename {base64.b64encode(name.encode()).decode()}"
    headers = {"Upload-Length": str(size), "Upload-Metadata": metadata, "X-CSRFToken": desk.token("/desk/deposits")}
    return desk.client.post("/desk/deposits/uploads", headers=headers | {"Accept": "application/json"})


def piece(desk: Browser, url: str, offset: int, content: bytes, **other: str) -> TestResponse:
    headers = {
        "Upload-Offset": str(offset),
        "Content-Type": "application/offset+octet-stream",
        "X-CSRFToken": desk.token("/desk/deposits"),
        "Accept": "application/json",
    }
    return desk.client.patch(url, data=content, headers=headers | other)


def test_a_file_by_pieces_goes_on_where_it_was_cut(desk: Browser) -> None:
    made = begun(desk, len(fair.CSV))
    assert made.status_code == 201
    half = len(fair.CSV) // 2
    assert piece(desk, made.location, 0, fair.CSV[:half]).headers["Upload-Offset"] == str(half)
    again = piece(desk, made.location, 0, fair.CSV)
    assert (again.status_code, again.headers["Upload-Offset"]) == (409, str(half))
    head = desk.client.head(made.location)
    assert (head.headers["Upload-Offset"], head.headers["Upload-Length"]) == (str(half), str(len(fair.CSV)))
    assert "Being sent" in desk.get("/desk/deposits")
    assert piece(desk, made.location, half, fair.CSV[half:]).status_code == 204
    work()
    assert only(Deposit).state == "profiled"
    assert "What was found in it" in desk.get(f"/desk/deposits/{only(Deposit).id}")


def test_pieces_and_files_without_the_token_are_refused(desk: Browser) -> None:
    made = begun(desk, 10)
    assert piece(desk, made.location, 0, b"a,b", **{"X-CSRFToken": ""}).json["code"] == "form_expired"  # type: ignore[index]
    for token in ({}, {"csrf_token": "forged"}):
        fields = {**token, "file": (BytesIO(b"a,b\n1,2\n"), "v.csv")}
        answer = desk.client.post("/desk/deposits/whole", data=fields, headers={"Accept": "application/json"})
        assert (answer.status_code, answer.json["code"]) == (400, "form_expired")  # type: ignore[index]
    assert desk.client.head(made.location).headers["Upload-Offset"] == "0"
    assert rows(Deposit) == 1


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("v.csv", b"", "empty_file"),
        ("v.exe", b"MZ", "unsupported_type"),
        ("v.csv", b"PK\x03\x04bomb", "wrong_type"),
        ("v.parquet", b"a,b\n1,2\n", "wrong_type"),
        ("", b"a,b\n", "file_missing"),
    ],
)
def test_files_that_are_refused_say_why(desk: Browser, name: str, content: bytes, code: str) -> None:
    answer = desk.post("/desk/deposits/whole", "/desk/deposits", file=(BytesIO(content), name))
    shows(answer, code, 422)
    with read() as session:
        assert session.query(Deposit).filter(Deposit.state != "rejected").count() == 0


def test_a_file_over_the_limit_is_refused(desk: Browser) -> None:
    made = begun(desk, deposits.MAX_BYTES + 1)
    assert (made.status_code, made.json["code"]) == (422, "file_too_large")  # type: ignore[index]
    answer = desk.client.post(
        "/desk/deposits/whole",
        content_type="multipart/form-data; boundary=b",
        headers={"Accept": "application/json"},
        environ_overrides={"CONTENT_LENGTH": str(deposits.MAX_BYTES * 2)},
    )
    assert (answer.status_code, answer.json["code"]) == (413, "too_large")  # type: ignore[index]
    assert rows(Deposit) == 0


def test_a_file_larger_than_other_forms_is_streamed(desk: Browser) -> None:
    content = b"a,b\n" + b"1234567,7654321\n" * 900_000
    assert len(content) > 12 * 1024 * 1024
    parts = (
        f'--b\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n{desk.token("/desk/deposits")}\r\n',
        '--b\r\nContent-Disposition: form-data; name="file"; filename="../../v\u202e.csv"\r\n\r\n',
    )
    body = "".join(parts).encode() + content + b"\r\n--b--\r\n"
    kind = "multipart/form-data; boundary=b"
    assert desk.client.post("/desk/deposits/whole", data=body, content_type=kind).status_code == 303
    assert (only(Deposit).size_bytes, only(Deposit).file_name) == (len(content), "v.csv")


@pytest.mark.parametrize("url", ["https://example.org/", "//example.org", "/\\example.org", "javascript:alert(1)"])
def test_a_file_leads_to_no_other_site(desk: Browser, url: str) -> None:
    answer = desk.post("/desk/deposits/whole", "/desk/deposits", next=url, file=(BytesIO(fair.CSV), "v.csv"))
    assert answer.location.startswith("/desk/deposits/dep_")


def test_an_upload_is_given_up_after_it_was_confirmed(desk: Browser) -> None:
    begun(desk, 10)
    page = f"/desk/deposits/{only(Deposit).id}"
    assert "discarded for good" in desk.get(page)
    assert desk.post(f"{page}/abandon", page).status_code == 303
    assert only(Deposit).state == "rejected"


# -- reviewers --------------------------------------------------------------------------------------------------------


def decided(reviewer: Browser, version: Version, decide: str, result: str = "pass", reason: str = "") -> TestResponse:
    page = f"/console/listings/{version.id}"
    checklist = {f"decision-checklist.{rule_id}": result for rule_id in fair.PASSED}
    fields = {"decide": decide, "decision-reason": reason, **checklist}
    return reviewer.post(f"{page}/decide", page, **fields)


def test_a_reviewer_takes_up_and_approves(site: Site, reviewer: Browser, seller: Party) -> None:
    version = fair.submitted(seller)
    offers.open_offer(seller.actor, version.id, fair.TERMS)
    assert fair.DESCRIPTION.title_en in reviewer.get("/console/listings")
    page = f"/console/listings/{version.id}"
    for lang in ("zh", "en"):
        assert "甲公司" in reviewer.get(page, lang)
    assert reviewer.post(f"{page}/take-up", page).status_code == 303
    shows(decided(reviewer, version, "approve", "question"), "decision_incomplete", 409)
    assert decided(reviewer, version, "approve").status_code == 303
    assert only(Version).state == "notice"
    assert "Nothing waits for review" in reviewer.get("/console/listings")


def test_remarks_of_a_returned_version_reach_the_seller(
    site: Site, reviewer: Browser, desk: Browser, seller: Party
) -> None:
    version = fair.submitted(seller)
    page = f"/console/listings/{version.id}"
    reviewer.post(f"{page}/take-up", page)
    refused = decided(reviewer, version, "return", "fail")
    shows(refused, "decision_incomplete", 409)
    assert decided(reviewer, version, "return", "fail", "请补充说明").status_code == 303
    shown = desk.get(f"/desk/products/{version.product_id}")
    assert "请补充说明" in shown
    assert "Go on with it" in shown
    assert "Mend and submit again" in desk.get("/desk")


@pytest.mark.rule("I-08")
def test_the_case_shows_who_signed_when_two_are_needed(site: Site, reviewer: Browser, seller: Party) -> None:
    version = fair.submitted(seller, fair.open_data(site))
    page = f"/console/listings/{version.id}"
    reviewer.post(f"{page}/take-up", page)
    assert decided(reviewer, version, "approve").status_code == 303
    assert "Signed so far: 1 of 2" in reviewer.get(page)
    shows(decided(reviewer, version, "approve"), "second_person_needed", 409)
    second = browser(site, staff(site, "compliance_reviewer"))
    assert decided(second, version, "approve").status_code == 303
    assert only(Version).state == "notice"


def test_objections_are_made_and_all_decided_before_publication(
    site: Site, reviewer: Browser, seller: Party, desk: Browser
) -> None:
    version = fair.approved(site, fair.submitted(seller))
    citizen = browser(site, registered(site, "丙某", "individual").actor)
    page = f"/products/{version.product_id}/objections"
    assert citizen.post(page, page, statement="不实").status_code == 303
    shows(citizen.post(page, page, statement="还是不实"), "objection_waits", 409)
    assert "不实" in citizen.get(page)
    assert fair.published(version).state == "notice"  # undecided
    case = f"/console/listings/{version.id}"
    objection = only(Objection)
    assert "Decide an objection" in reviewer.get("/console")
    answer = {f"{objection.id}-answer": ""}
    shows(reviewer.post(f"{case}/objections/{objection.id}", case, decide="dismiss", **answer), "invalid", 422)
    answer = {f"{objection.id}-answer": "已核实，不成立"}
    assert reviewer.post(f"{case}/objections/{objection.id}", case, decide="dismiss", **answer).status_code == 303
    assert notice.publish(Actor.clock(), version.id).state == "published"
    assert "已核实，不成立" in citizen.get(page)
    assert "丙某" not in desk.get(f"/desk/products/{version.product_id}")


def test_an_upheld_objection_sends_the_version_back(site: Site, reviewer: Browser, seller: Party) -> None:
    version = fair.approved(site, fair.submitted(seller))
    notice.object_to(registered(site, "丙").actor, version.id, statement="不实")
    case, objection = f"/console/listings/{version.id}", only(Objection)
    answer = {f"{objection.id}-answer": "成立"}
    assert reviewer.post(f"{case}/objections/{objection.id}", case, decide="uphold", **answer).status_code == 303
    assert only(Version).state == "returned"


def test_what_is_on_sale_is_suspended_restored_revised_and_withdrawn(
    site: Site, reviewer: Browser, desk: Browser, seller: Party
) -> None:
    made = fair.published_product(site, seller)
    case = f"/console/listings/{made.version_id}"
    for verb in ("suspend", "restore"):
        shows(reviewer.post(f"{case}/{verb}", case), "invalid", 422)
        assert reviewer.post(f"{case}/{verb}", case, **{"standing-reason": "核查"}).status_code == 303
    url = f"/desk/versions/{made.version_id}/revise"
    assert "No file is ready" in desk.get(url)
    deposit_id = fair.deposited(seller, NEWER)
    assert desk.post(url, url, deposit_id=deposit_id, note="四月").status_code == 303
    page = desk.get(f"/desk/products/{made.product_id}")
    assert "四月" in page
    assert "taken back for good" in page
    with read() as session:
        newest = session.query(Version).filter_by(number=2).one()
    desk.post(f"/desk/versions/{newest.id}/withdraw", f"/desk/products/{made.product_id}")
    with read() as session:
        assert session.get_one(Version, newest.id).state == "withdrawn"


def test_a_viewer_reads_and_changes_nothing(site: Site, seller: Party) -> None:
    draft = versions.create_product(seller.actor, fair.DESCRIPTION)
    viewer = browser(site, Actor(seller.person_id, seller.org_id, frozenset({"viewer"})))
    assert fair.DESCRIPTION.title_en in viewer.get("/desk/products")
    assert "Submit for review" not in viewer.get(f"/desk/versions/{draft.id}/check")
    assert viewer.post(f"/desk/versions/{draft.id}/check", "/desk/deposits").status_code == 403
    assert only(Version).state == "draft"


def test_core_data_is_told_to_security_on_its_page(desk: Browser, seller: Party, site: Site) -> None:
    draft = fair.drafted(seller)
    form = f"/desk/versions/{draft.id}/grading"
    assert desk.post(form, form, **graded(national_security="extreme")).status_code == 303
    assert "The security administrator was told." in desk.get(form)
    security = browser(site, staff(site, "security_administrator"))
    assert "Report what must not be here" in security.get("/console")
    assert "Core data" in security.get("/console/data-reports")
    report = only(DataReport).id
    told = {f"{report}-authority": "网信办", f"{report}-reference": "2026-1"}
    sent = security.post(f"/console/data-reports/{report}/report", "/console/data-reports", **told)
    assert sent.status_code == 303
    assert "2026-1" in security.get("/console/data-reports")


def test_important_data_and_a_lower_grade_have_their_forms(desk: Browser, reviewer: Browser, seller: Party) -> None:
    draft = fair.drafted(seller)
    form = f"/desk/versions/{draft.id}/grading"
    desk.post(form, form, **graded(economy="serious"))
    points = {f"important-assessment.{point}": "checked" for point in RISK_POINTS}
    filed = {"important-identification": "行业目录 12", "important-officer_id": seller.actor.person_id}
    assert desk.post(f"/desk/versions/{draft.id}/important-data", form, **filed, **points).status_code == 303
    assert "行业目录 12" in desk.get(form)
    versions.submit(seller.actor, draft.id)
    assert "行业目录 12" in reviewer.get(f"/console/listings/{draft.id}")
    maker = approved_company(None, "乙公司")
    with read() as session:
        declaration = session.get_one(Declaration, draft.declaration_id)
    derived = fair.drafted(maker, origins.bought_source(origins.acquired(maker, declaration)))
    grading.grade_version(maker.actor, derived.id, fair.GRADED)
    asked = grading.ask_lower_grade(maker.actor, derived.id, reason="只留月度合计")
    assert "只留月度合计" in reviewer.get("/console/grading")
    shown = f"/console/grading/{asked.id}"
    shows(reviewer.post(shown, "/console/grading", **{f"{asked.id}-reason": "no button"}), "no_decision", 422)
    sent = reviewer.post(shown, "/console/grading", decide="allow", **{f"{asked.id}-reason": "sums only"})
    assert sent.status_code == 303
    assert "a second reviewer decides" in reviewer.get("/console/grading")


def test_data_going_abroad_has_its_pages(desk: Browser, reviewer: Browser, seller: Party) -> None:
    draft = fair.drafted(seller)
    pages = f"/desk/versions/{draft.id}/exports"
    assert f"/desk/versions/{draft.id}/exports" in desk.get(f"/desk/products/{draft.product_id}")
    assert "cannot be admitted to this exchange yet" in desk.get(pages)
    export = {"recipient": "Example Ltd", "territory": "HK", "kinds": "personal", "purposes": "research"}
    opened = desk.post(pages, pages, **export)
    assert opened.status_code == 303
    assert "Whether it holds personal information" in desk.get(opened.location)
    facts = {"facts.foreign_authority": "false", "facts.personal_information": "true", "facts.ordinary_persons": "5"}
    submitted = desk.post(f"{opened.location}/submit", opened.location, documents=f"{'ab' * 32}\n", **facts)
    assert submitted.status_code == 303
    assert "What is unknown is not presumed favourable." in desk.get(opened.location)
    case = opened.location.replace("/desk/", "/console/")
    assert "Example Ltd" in reviewer.get("/console/exports")
    assert "Facts are missing" in reviewer.get(case)
    shows(reviewer.post(case, case, decide="agree", **{"decision-reason": "x"}), "facts_missing", 409)
    sent = reviewer.post(case, case, decide="return", **{"decision-reason": "complete it"})
    assert sent.status_code == 303
    assert "complete it" in desk.get(opened.location)
    shows(reviewer.post(case, case, **{"decision-reason": "no button"}), "no_decision", 422)
    assert desk.post(f"{opened.location}/withdraw", opened.location).status_code == 303


def test_the_negative_list_is_kept_and_checked_on_its_pages(reviewer: Browser, seller: Party) -> None:
    pages = "/console/negative-list"
    assert "The list is empty" in reviewer.get(pages)
    assert reviewer.post(f"{pages}/initial", pages).status_code == 303
    assert "Edition 1" in reviewer.get(pages)
    item = {"code": "N-90", "text_zh": "示例", "text_en": "an example", "basis": "示例条例"}
    assert reviewer.post(pages, pages, effective_at="2026-01-01T00:00:00+08:00", **item).status_code == 303
    version = fair.submitted(seller)
    case, check = f"/console/listings/{version.id}", f"{pages}/versions/{version.id}"
    assert reviewer.post(f"{case}/take-up", case).status_code == 303
    assert check in reviewer.get(case)
    results = {f"results.{found}": "clear" for found in set(re.findall(r"results\.(ngi_\w+)", reviewer.get(check)))}
    assert len(results) == 6
    assert reviewer.post(check, check, **results).status_code == 303
