"""The pages of regulators, parties and staff: guarded, recorded, in both languages, telling nobody off."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import people
import pytest
from conftest import Database
from flask.testing import FlaskClient
from opened import Site, opened
from oversight.conftest import grant, officer, tell
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from exchange import attest
from exchange.actors import Actor
from exchange.db import read, transaction
from exchange.errors import Refused
from exchange.journal import entry, queries, verify
from exchange.members import notifications
from exchange.oversight import case_files, directives, looks, projection, restraints, words
from exchange.web.access import COOKIE, guard_of

FIRST, SECOND = officer(person="per_first"), officer(person="per_second")
STRANGER = officer("org_other", "per_third")
PARTY = Actor("per_owner", "org_seller", frozenset({"owner"}))
VIEWER = Actor("per_viewer", "org_seller", frozenset({"viewer"}))
OTHER_PARTY = Actor("per_x", "org_x", frozenset({"owner"}))
STAFF = {
    role: Actor(f"per_{role}", "org_operator", frozenset({role}))
    for role in ("auditor", "administrator", "security_administrator")
}
PEOPLE = {
    "first": FIRST,
    "second": SECOND,
    "stranger": STRANGER,
    "party": PARTY,
    "viewer": VIEWER,
    "other": OTHER_PARTY,
    **STAFF,
}
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with opened(database, tmp_path) as made:
        made.app.config["WTF_CSRF_ENABLED"] = False
        made.let_in(PEOPLE)
        grant("org_organ", "all")
        grant("org_other", "category", "weather")
        tell("org_seller")
        tell("prd_rail", "org_seller", org="org_seller", role="seller", category="transport", title="客流")
        follow(made)
        yield made


def follow(site: Site) -> None:
    site.seal()
    while projection.follow():
        pass


def browser(site: Site, who: str, lang: str = "en") -> FlaskClient:
    client = site.client()
    client.set_cookie(COOKIE, who)
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = lang
    return client


def opened_inspection(client: FlaskClient, **other: str) -> TestResponse:
    return client.post("/oversight/inspections", data={"purpose": "case", "reference": "7", "hours": "2", **other})


def looked(organ: str = "org_organ") -> list[dict[str, object]]:
    with read() as session:
        return [entry.parse(told.body)["facts"] for told in queries.story(session, looks.looks_of(organ))]


# -- every look -------------------------------------------------------------------------------------------------------


def filled(rule: Rule) -> str:
    ids = {"subject": "prd_rail", "step": "confirm"}
    path = re.sub(r"<any\([^)]*\):step>", "confirm", rule.rule)
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda match: ids.get(match[1], "0"), path)


def looking_routes(site: Site) -> Iterator[str]:
    """Every page under /oversight and every regulators' own route of the API, from the url map."""
    for rule in site.app.url_map.iter_rules():
        guard = guard_of(site.app.view_functions[rule.endpoint]) if rule.endpoint != "static" else None
        if guard is not None and "GET" in (rule.methods or ()):
            own_page = rule.rule.startswith("/oversight")
            assert not own_page or guard.kind == "regulator", rule
            if guard.kind == "regulator":
                yield filled(rule).replace("/entries/0", "/entries/000.p/1") if "tile" in rule.rule else filled(rule)


@pytest.mark.rule("Z-01")
def test_every_page_and_every_read_of_a_regulator_leaves_a_look(site: Site) -> None:
    client = browser(site, "first")
    opened_inspection(client)
    routes = sorted(looking_routes(site))
    assert len(routes) >= 20
    for path in routes:
        before = len(looked())
        answer = client.get(path, headers={"Authorization": "Bearer first"})
        answer.close()
        assert answer.status_code in {200, 404}, (path, answer.status_code)
        assert len(looked()) > before, path


@pytest.mark.rule("Z-06")
@pytest.mark.parametrize("path", ["/subjects/prd_rail", "/search?words=%E5%AE%A2%E6%B5%81", "/ledger"])
def test_a_page_about_others_first_asks_what_it_is_for(site: Site, path: str) -> None:
    client = browser(site, "first")
    answer = client.get(f"/oversight{path}")
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/oversight/inspections?next=")
    assert looked() == []
    asked = client.get(answer.headers["Location"]).text
    assert "First say what this look is for" in asked
    action = re.search(r'action="(/oversight/inspections[^"]*)"', asked)
    assert action is not None
    form = {"purpose": "case", "reference": "7", "hours": "2"}
    answer = client.post(action[1].replace("&amp;", "&"), data=form)
    assert answer.headers["Location"] == f"/oversight{path}"
    assert client.get(answer.headers["Location"]).status_code == 200


@pytest.mark.parametrize(("lang", "words"), [("en", "An inspection without a purpose is refused."), ("zh", "目的")])
def test_the_api_refuses_a_look_without_a_purpose(site: Site, lang: str, words: str) -> None:
    headers = {"Authorization": "Bearer first", "Accept-Language": lang}
    for path in ("subjects/prd_rail", "entries", "subjects/prd_rail/bag"):
        answer = site.client().get(f"/api/v1/journal/{path}", headers=headers)
        assert (answer.status_code, answer.json["code"], answer.json["rule"]["id"]) == (409, "purpose_missing", "Z-01")
        assert words in answer.json["detail"]
    assert looked() == []


@pytest.mark.parametrize(
    "evil",
    ["https://evil.example/", "//evil.example/oversight", "/desk", "/oversight\\@evil.example", "javascript:alert(1)"],
)
def test_the_page_after_the_purpose_is_ours(site: Site, evil: str) -> None:
    client = browser(site, "first")
    data = {"purpose": "case", "reference": "7", "hours": "2"}
    answer = client.post("/oversight/inspections", query_string={"next": evil}, data=data)
    assert answer.headers["Location"] == "/oversight"
    answer = client.post("/oversight/inspections", query_string={"next": "/oversight/search?words=a"}, data=data)
    assert answer.headers["Location"] == "/oversight/search?words=a"


@pytest.mark.rule("Z-01")
def test_a_look_tips_nobody_off(site: Site) -> None:
    """Neither the subject's story nor a page of its party changes by being looked at."""
    party, officer_ = browser(site, "party"), browser(site, "first")
    pages = ("/desk", "/desk/directives")
    before = [_shown(party.get(path).text) for path in pages]
    with read() as session:
        story = queries.story(session, "prd_rail"), queries.related(session, "org_seller")
    opened_inspection(officer_)
    assert officer_.get("/oversight/subjects/prd_rail?whole=1").status_code == 200
    officer_.post("/oversight/subjects/prd_rail/case-file")
    follow(site)
    assert case_files.build_next()
    follow(site)
    with read() as session:
        assert (queries.story(session, "prd_rail"), queries.related(session, "org_seller")) == story
    assert [_shown(party.get(path).text) for path in pages] == before


def _shown(page: str) -> str:
    """What a page says, without what differs each time it is made."""
    fresh = r'(name="(csrf_token|request_key)" value=")[^"]*|<time.*?</time>'
    return re.sub(fresh, r"\1", page.partition("<main")[2])


# -- pages ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_pages_say_everything_in_the_readers_language(site: Site, lang: str) -> None:
    client = browser(site, "first", lang)
    opened_inspection(client)
    made = directives.propose_directive(
        FIRST,
        measure="suspension",
        basis="dsl_45",
        document_number="7",
        target_kind="party",
        target="org_seller",
        demand="x",
        answer_days=5,
    )
    client.post("/oversight/subjects/prd_rail/case-file")
    with read() as session:
        entry_id = queries.story(session, "prd_rail")[0].id
    pages = ["", "/inspections", "/search", "/subjects/prd_rail", f"/entries/{entry_id}", "/case-files", "/looks"]
    pages += ["/directives", "/directives/new", f"/directives/{made.id}", "/ledger"]
    for page in pages:
        answer = client.get(f"/oversight{page}")
        assert answer.status_code == 200, (page, answer.text)
        assert "<h1" in answer.text
        heading = re.search(r"<h1[^>]*>(.*?)</h1>", answer.text, re.DOTALL)
        assert heading is not None
        assert bool(CHINESE.search(heading[1])) == (lang == "zh"), (page, heading[1])
        banner = re.search(r'<aside class="banner".*?</aside>', answer.text, re.DOTALL)
        assert banner is not None, page
    directives.confirm_directive(SECOND, made.id)
    for who, path in (
        ("party", "/desk/directives"),
        ("party", f"/desk/directives/{made.id}"),
        ("auditor", "/console/oversight"),
        ("administrator", "/console/oversight/scopes"),
    ):
        answer = browser(site, who, lang).get(path)
        assert answer.status_code == 200, (path, answer.text)


def test_a_story_shows_words_bytes_and_proof(site: Site) -> None:
    client = browser(site, "first")
    opened_inspection(client)
    page = client.get("/oversight/subjects/prd_rail").text
    assert "transport" in page
    assert "org_seller" in page
    entry_url = re.search(r'href="(/oversight/entries/ent_\w+)"', page)
    assert entry_url is not None
    proven = client.get(entry_url[1]).text
    assert "c2sp.org/tlog-proof@v1" in proven
    assert "&#34;subject&#34;:&#34;prd_rail&#34;" in proven


@pytest.mark.rule("Z-06")
def test_outside_the_scope_is_not_found(site: Site) -> None:
    client = browser(site, "stranger")
    opened_inspection(client)
    for path in ("/oversight/subjects/prd_rail", "/oversight/subjects/org_seller"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "transport" not in answer.text
    assert client.post("/oversight/subjects/prd_rail/case-file").status_code == 404
    found = client.get("/oversight/search?subject=prd_rail").text
    assert "Nothing found" in found


def test_search_keeps_what_was_typed_and_says_what_is_wrong(site: Site) -> None:
    client = browser(site, "first")
    opened_inspection(client)
    assert "prd_rail" in client.get("/oversight/search?words=客流&since=2020-01-01&until=2199-01-01").text
    answer = client.get("/oversight/search?since=yesterday&words=%3Cscript%3E")
    assert answer.status_code == 422
    assert 'value="yesterday"' in answer.text
    assert "<script>" not in answer.text.partition("<main")[2]
    assert client.get("/oversight/search?cursor=!").status_code == 422


def test_a_directive_from_draft_to_lifting_on_pages(site: Site) -> None:
    first, second, party = browser(site, "first"), browser(site, "second"), browser(site, "party")
    body = {
        "measure": "suspension",
        "basis": "dsl_44",
        "document_number": "CQ-7",
        "target_kind": "party",
        "target": "org_seller",
        "demand": "Explain the source",
        "answer_days": "5",
    }
    refused = first.post("/oversight/directives/new", data=body)
    assert refused.status_code == 409
    assert "This basis does not let your organ order this measure." in refused.text
    assert "Explain the source" in refused.text  # nothing typed is lost
    url = first.post("/oversight/directives/new", data=body | {"basis": "dsl_45"}).headers["Location"]
    assert first.post(f"{url}/confirm").status_code == 409
    assert browser(site, "stranger").get(url).status_code == 404
    assert "Confirm or withdraw" in second.get("/oversight").text
    assert second.post(f"{url}/confirm").status_code == 303
    desk = url.replace("/oversight/", "/desk/")
    assert "Answer a directive: Suspension" in party.get("/desk").text
    assert "Explain the source" in party.get(desk).text
    assert browser(site, "other").get(desk).status_code == 404
    assert browser(site, "viewer").post(f"{desk}/answer", data={"answer": "x"}).status_code == 403
    assert party.post(f"{desk}/answer", data={"answer": ""}).status_code == 409
    answered = party.post(f"{desk}/answer", data={"answer": "Done", "files": (io.BytesIO(b"%PDF-1"), "a.pdf")})
    assert answered.status_code == 303
    page = first.get(url).text
    file = re.search(r'href="(/oversight/directives/\w+/files/[0-9a-f]{64})"', page)
    assert file is not None
    assert first.get(file[1]).data == b"%PDF-1"
    assert first.get(file[1]).headers["Content-Disposition"].startswith("attachment")
    assert first.post(f"{url}/send-back", data={"back-reason": "more", "back-answer_days": "2"}).status_code == 303
    assert first.post(f"{url}/propose-lifting", data={"lift-reason": ""}).status_code == 422
    assert first.post(f"{url}/propose-lifting", data={"lift-reason": "fine"}).status_code == 303
    assert second.post(f"{url}/lift").status_code == 303
    assert "Lifted" in party.get(desk).text


def test_a_stale_page_confirms_nothing(site: Site) -> None:
    made = directives.propose_directive(
        FIRST,
        measure="interview",
        basis="dsl_44",
        document_number="7",
        target_kind="party",
        target="org_seller",
        demand="x",
        answer_days=5,
    )
    data = {"version": f"{made.id}:{made.row_version + 1}"}
    answer = browser(site, "second").post(f"/oversight/directives/{made.id}/confirm", data=data)
    assert answer.status_code == 409
    assert directives.withdraw_directive(FIRST, made.id).state == "withdrawn"


def test_a_case_file_is_built_by_the_worker_and_verifies(site: Site, tmp_path: Path) -> None:
    client = browser(site, "first")
    opened_inspection(client)
    assert client.post("/oversight/subjects/prd_rail/case-file").status_code == 303
    assert "Being built" in client.get("/oversight/case-files").text
    assert case_files.build_next()
    assert not case_files.build_next()
    page = client.get("/oversight/case-files").text
    url = re.search(r'href="(/oversight/case-files/\w+/content)"', page)
    assert url is not None
    content = client.get(url[1])
    (tmp_path / "bag.zip").write_bytes(content.data)
    with (tmp_path / "bag.zip").open("rb") as file:
        assert verify.verify_stream(file, [attest.vkey()]).findings == ()
    stranger = browser(site, "stranger")
    opened_inspection(stranger)
    assert stranger.get(url[1]).status_code == 404


# -- staff ------------------------------------------------------------------------------------------------------------


def test_the_administrator_gives_scopes_and_sees_no_look(site: Site) -> None:
    client = browser(site, "administrator")
    body = {"organ_id": "org_new", "authority": "sector", "kind": "category", "value": "transport", "basis": "Letter 7"}
    assert client.post("/console/oversight/scopes", data=body).status_code == 303
    assert client.post("/console/oversight/scopes", data=body).status_code == 409
    wrong = client.post("/console/oversight/scopes", data=body | {"kind": "district"})
    assert wrong.status_code == 422
    assert "Letter 7" in wrong.text
    page = client.get("/console/oversight/scopes").text
    assert "cat_transport" in page
    ends = re.findall(r'action="(/console/oversight/scopes/scp_\w+/end)"', page)
    assert client.post(ends[0]).status_code == 303
    assert client.get("/console/oversight").status_code == 403


@pytest.mark.rule("K-05")
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_operator_stops_something_and_lets_it_go_on(site: Site, lang: str) -> None:
    client = browser(site, "security_administrator", lang)
    place = "/console/oversight/restraints"
    body = {"subject": "prd_rail", "measure": "suspension", "basis": "Rules 7", "reason": "Leak <b>"}
    wrong = client.post(place, data=body | {"subject": "no id of ours"})
    assert wrong.status_code == 422
    assert "Rules 7" in wrong.text
    assert client.post(place, data=body | {"measure": "money"}).status_code == 422
    assert client.post(place, data=body).status_code == 303
    page = client.get(place).text
    assert "Leak &lt;b&gt;" in page
    seen = browser(site, "auditor", lang).get(place).text
    assert "Rules 7" in seen
    assert "<textarea" not in seen
    assert browser(site, "auditor").post(place, data=body).status_code == 403
    with pytest.raises(Refused), transaction(PARTY) as tx:
        restraints.refuse_restrained(tx, "prd_rail")
    (lift,) = re.findall(rf'action="({place}/(rst_\w+)/lift)"', page)
    assert client.post(lift[0]).status_code == 422
    assert client.post(lift[0], data={f"{lift[1]}-reason": "Mended"}).status_code == 303
    assert "/lift" not in client.get(place).text
    with transaction(PARTY) as tx:
        restraints.refuse_restrained(tx, "prd_rail")
        tx.record("prd_rail", "subject.looked_at", by="seller")


def test_a_party_is_told_that_the_operator_stopped_what_is_its(site: Site) -> None:
    seller = people.registered(site, "示例供方")
    with transaction(seller.actor) as tx:
        tx.record("prd_own", "product.created", by="seller", links=[seller.org_id])
    restraints.restrain(
        STAFF["security_administrator"], "prd_own", measure="suspension", basis="Rules 7", reason="Leak"
    )
    site.seal()
    advance = notifications.follow(words.TOLD)
    while advance():
        pass
    told = notifications.notifications(seller.actor).items
    assert [(item["subject"], item["action"]) for item in told] == [("prd_own", "subject.restrained")]


def test_the_auditor_sees_how_often_and_never_what_for(site: Site) -> None:
    client = browser(site, "first")
    opened_inspection(client, reference="SECRET-7", note="why")
    client.get("/oversight/subjects/prd_rail")
    page = browser(site, "auditor").get("/console/oversight").text
    assert "org_organ" in page
    for kept_back in ("SECRET-7", "why", "prd_rail"):
        assert kept_back not in page
    assert browser(site, "auditor").post("/console/oversight/scopes").status_code == 403


def test_people_are_named_nowhere(site: Site) -> None:
    client = browser(site, "first")
    opened_inspection(client, note="赵法定")
    assert "per_first" not in client.get("/oversight/looks").text
