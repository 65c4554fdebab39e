"""The pages of this room: the entrance, the own account, the organisation, the console; and what they refuse."""

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path

import people
import pyotp
import pytest
from conftest import Database
from flask.testing import FlaskClient
from opened import Site, opened
from sqlalchemy import select
from werkzeug.test import TestResponse

from exchange import clock, mail
from exchange.actors import Actor
from exchange.db import read
from exchange.jobs import Worker
from exchange.members import accounts, jobs, queries, staff
from exchange.members.models import LetterOfAuthority, Organisation, SessionRow, SignUp
from exchange.web import access


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with opened(database, tmp_path, "development") as running:
        yield running


@pytest.fixture
def client(site: Site) -> FlaskClient:
    return site.client()


@pytest.fixture
def company(site: Site) -> people.Party:
    return people.registered(site.database, "示例公司")


def sent(
    client: FlaskClient, url: str, fields: dict[str, object], at: str | None = None, **other: object
) -> TestResponse:
    """Send a form as a browser does that first loaded the page ``at``."""
    page = client.get(at or url.partition("?")[0], headers={"Accept": "text/html"})
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token, page.text
    return client.post(url, data={"csrf_token": unescape(token[1]), **fields}, headers={"Accept": "text/html"}, **other)


def signed_in(client: FlaskClient, party: people.Party, **fields: object) -> TestResponse:
    return sent(client, "/sign-in", {"email": party.email, "password": party.password, **fields})


def seated(site: Site, client: FlaskClient, actor: Actor, name: str = "token") -> FlaskClient:
    """The browser of somebody whom the site knows by a session of its own."""
    site.let_in({name: actor})
    client.set_cookie(access.COOKIE, name)
    return client


# -- the entrance -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/sign-in", "/sign-up", "/sign-up/confirm", "/accept/invitation", "/accept/appointment", "/password-reset"]
)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_entrance_stands_in_both_languages(client: FlaskClient, path: str, lang: str) -> None:
    page = client.get(path, query_string={"lang": lang})
    assert page.status_code == 200
    assert page.text.count("<h1>") == 1


def test_signing_in_gives_a_fresh_session_and_forgets_the_browsers(client: FlaskClient, company: people.Party) -> None:
    client.set_cookie(access.COOKIE, "chosen by somebody else")
    with client.session_transaction() as before:
        before["planted"] = "by somebody else"
    answer = signed_in(client, company)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/home")
    cookie = next(text for text in answer.headers.getlist("Set-Cookie") if text.startswith(access.COOKIE))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie  # the test site is served over plain HTTP
    assert "chosen" not in cookie
    with client.session_transaction() as after:
        assert "planted" not in after
    assert client.get("/desk").status_code == 200


def test_the_session_the_browser_came_with_ends(client: FlaskClient, company: people.Party) -> None:
    first = signed_in(client, company)
    old = client.get_cookie(access.COOKIE)
    assert old is not None
    assert first.status_code == 303
    signed_in(client, company)
    client.set_cookie(access.COOKIE, old.value)
    assert client.get("/desk/account").status_code == 401


@pytest.mark.parametrize(
    "wanted",
    [
        "https://elsewhere.example/",
        "//elsewhere.example/",
        "/\\elsewhere.example/",
        "\\\\elsewhere.example",
        "javascript:alert(1)",
        "/%0d%0aSet-Cookie:a=b"[:1] + "\r\nx",
        "desk",
    ],
)
def test_signing_in_leads_nowhere_else(client: FlaskClient, company: people.Party, wanted: str) -> None:
    client.get("/sign-in", query_string={"next": wanted})
    page = client.get("/sign-in")
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token
    fields = {"csrf_token": unescape(token[1]), "email": company.email, "password": company.password}
    answer = client.post("/sign-in", query_string={"next": wanted}, data=fields)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/home")


def test_signing_in_leads_on_to_the_page_that_was_asked_for(client: FlaskClient, company: people.Party) -> None:
    fields = {"email": company.email, "password": company.password}
    answer = sent(client, "/sign-in?next=/desk/organisation%23identity", fields)
    assert answer.headers["Location"] == "/desk/organisation#identity"


def test_an_unknown_address_gets_the_answer_of_a_wrong_password(client: FlaskClient, company: people.Party) -> None:
    pages = []
    for email in (company.email, "nobody@example.org"):
        answer = sent(client, "/sign-in", {"email": email, "password": "not the password"})
        pages.append((answer.status_code, normal(answer.text).replace(email, "…")))
    assert pages[0] == pages[1]
    assert pages[0][0] == 401


def test_a_sign_up_says_nothing_about_address_or_code(client: FlaskClient, company: people.Party) -> None:
    with read() as session:
        taken = session.get_one(Organisation, company.org_id).uscc
    pages = set()
    for number, email in ((people.uscc(), company.email), (taken, "new@example.org"), (people.uscc(), "x@example.org")):
        answer = sent(client, "/sign-up", sign_up_fields(email) | {"organisation.number": number})
        pages.add((answer.status_code, normal(answer.text).replace(email, "…").replace(str(number), "…")))
    assert len(pages) == 1
    assert pages.pop()[0] == 303


def test_asking_for_a_reset_says_nothing_about_the_address(client: FlaskClient, company: people.Party) -> None:
    answers = set()
    for email in (company.email, "nobody@example.org"):
        answer = sent(client, "/password-reset/ask", {"ask-email": email}, at="/password-reset")
        answers.add((answer.status_code, answer.headers["Location"], normal(client.get("/password-reset").text)))
    assert len(answers) == 1
    assert answers.pop()[0] == 303


def test_signing_up_leads_to_signing_in_and_on_to_the_file(client: FlaskClient) -> None:
    answer = sent(client, "/sign-up", sign_up_fields("new@example.org"))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-up/confirm")
    with read() as session:
        code = accounts.sign_up_token(session.scalars(select(SignUp.id)).one())
    assert sent(client, "/sign-up/confirm", {"token": "sup_x.y"}).status_code == 401
    answer = sent(client, "/sign-up/confirm", {"token": code})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in?next=/desk/organisation%23identity")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"organisation.number": "91500000MA0000001X"}, "invalid_uscc"),
        ({"organisation.territory": "HK"}, "overseas_party"),
        ({"organisation.overseas_control": "true"}, "overseas_party"),
        ({"password": "short"}, "weak_password"),
        ({"email": "no address"}, "invalid"),
    ],
)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_refused_sign_up_keeps_what_was_typed(
    client: FlaskClient, change: dict[str, str], code: str, lang: str
) -> None:
    client.get("/sign-up", query_string={"lang": lang})
    answer = sent(client, "/sign-up", sign_up_fields("new@example.org") | change)
    assert answer.status_code in {409, 422}
    assert "王小明" in answer.text
    assert people.PASSWORD not in answer.text
    with read() as session:
        assert session.query(Organisation).filter_by(kind="company").all() == []
    api = client.post("/api/v1/members", json=sign_up_body("new@example.org", change))
    assert api.json["code"] == code


def test_every_form_asks_for_its_token(site: Site, client: FlaskClient, company: people.Party) -> None:
    signed_in(client, company)
    posts = [
        rule.rule
        for rule in site.app.url_map.iter_rules()
        if "POST" in (rule.methods or ()) and rule.endpoint.split(".")[0] in ROOMS
    ]
    assert len(posts) > 20
    for path in posts:
        answer = client.post(re.sub("<[^>]*>", "x", path).replace("/accept/x", "/accept/invitation"), data={})
        assert answer.status_code in {400, 403, 404}, path
        if answer.status_code == 400:
            assert answer.json["code"] == "form_expired", path
    assert client.get("/desk/account").status_code == 200


ROOMS = {"entrance", "account", "organisation", "identity", "staff", "calendar"}


def test_signing_out_takes_a_form(client: FlaskClient, company: people.Party) -> None:
    signed_in(client, company)
    assert client.get("/sign-out").status_code == 405
    token = client.get_cookie(access.COOKIE)
    assert token is not None
    assert sent(client, "/sign-out", {}, at="/desk/account").status_code == 303
    client.set_cookie(access.COOKIE, token.value)
    assert client.get("/desk/account").status_code == 401


# -- the own account --------------------------------------------------------------------------------------------------


def test_a_second_factor_is_set_up_and_recovery_codes_stand_in_once(client: FlaskClient, company: people.Party) -> None:
    signed_in(client, company)
    shown = sent(client, "/desk/account/second-factor", {}, at="/desk/account")
    secret = re.search(r"<code>([A-Z2-7]{32})</code>", shown.text)
    assert secret
    assert 'src="data:image/svg+xml' in shown.text
    code = pyotp.TOTP(secret[1]).now()
    answer = sent(client, "/desk/account/second-factor/confirm", {"confirm-code": code}, at="/desk/account")
    assert answer.headers["Location"] == "/desk/account#recovery"
    assert secret[1] not in client.get("/desk/account").text
    codes = re.findall(
        r"<code>([0-9a-z]{5}-[0-9a-z]{5})</code>",
        sent(client, "/desk/account/recovery-codes", {}, at="/desk/account").text,
    )
    assert len(set(codes)) == 10
    other = client.application.test_client()
    assert signed_in(other, company).status_code == 401
    assert signed_in(other, company, code=codes[0].upper()).status_code == 303
    assert signed_in(other, company, code=codes[0]).status_code == 401
    assert signed_in(other, company, code=codes[1]).status_code == 303


def test_a_changed_password_keeps_the_key_and_ends_other_sessions(client: FlaskClient, company: people.Party) -> None:
    other = client.application.test_client()
    signed_in(other, company)
    signed_in(client, company)
    new = "another long password"
    fields = {"change-password": "wrong password", "change-new_password": new}
    assert sent(client, "/desk/account/password", fields, at="/desk/account").status_code == 422
    fields["change-password"] = company.password
    assert sent(client, "/desk/account/password", fields, at="/desk/account").status_code == 303
    assert client.get("/desk/account").status_code == 200
    assert other.get("/desk/account").status_code == 401
    assert signed_in(other, company).status_code == 401
    assert sent(other, "/sign-in", {"email": company.email, "password": new}).status_code == 303


def test_one_session_ends_another_and_nobody_elses(site: Site, client: FlaskClient, company: people.Party) -> None:
    other, stranger = site.client(), site.client()
    signed_in(other, company)
    signed_in(stranger, people.registered(site.database, "另一公司"))
    signed_in(client, company)
    listed = re.findall(r"/desk/account/sessions/([0-9a-f]{32})/end", client.get("/desk/account").text)
    assert len(listed) == 1
    assert sent(stranger, f"/desk/account/sessions/{listed[0]}/end", {}, at="/desk/account").status_code == 404
    assert sent(client, f"/desk/account/sessions/{listed[0]}/end", {}, at="/desk/account").status_code == 303
    assert other.get("/desk/account").status_code == 401


def test_staff_without_a_second_factor_are_led_to_set_one_up(site: Site, client: FlaskClient) -> None:
    nomination = staff.appoint_staff(
        people.administrator(site.database), person_name="新人", email="new@example.org", roles=frozenset({"auditor"})
    )
    people.accept(nomination)
    answer = sent(client, "/sign-in", {"email": "new@example.org", "password": people.PASSWORD})
    assert answer.headers["Location"] == "/desk/account#second-factor"
    assert client.get("/desk/account").status_code == 200
    assert client.get("/console/staff").status_code == 403


# -- the organisation -------------------------------------------------------------------------------------------------


def test_a_handler_is_invited_accepts_and_gets_a_letter(
    site: Site, client: FlaskClient, company: people.Party, tmp_path: Path
) -> None:
    mail.bind(mail.Folder(tmp_path / "mail", "exchange@example.org"))
    signed_in(client, company)
    fields = {"invite-person_name": "经办人", "invite-email": "handler@example.org", "invite-roles": "trader"}
    assert sent(client, "/desk/organisation/invitations", fields, at="/desk/organisation").status_code == 303
    Worker(due={}, outbox=jobs.OUTBOX).step()
    (letter,) = (tmp_path / "mail").glob("*.eml")
    code = re.search(r"^inv_\S+$", letter_text(letter), re.MULTILINE)
    assert code
    assert code[0] not in people.everything_kept()
    visitor = site.client()
    taken = {"token": code[0], "password": people.PASSWORD}
    assert sent(visitor, "/accept/invitation", taken).status_code == 303
    assert sent(visitor, "/accept/invitation", taken).status_code == 401
    page = client.get("/desk/organisation").text
    person_id = re.search(r'<option value="(per_[^"]+)"', page)
    assert person_id
    today = clock.now().astimezone(clock.BEIJING).date()
    letter_fields = {
        "letter-person_id": person_id[1],
        "letter-scopes": ["contract", "declare"],
        "letter-ceiling.currency": "CNY",
        "letter-first_day": today.isoformat(),
        "letter-last_day": (today + timedelta(days=30)).isoformat(),
        "letter-password": company.password,
    }
    answer = sent(client, "/desk/organisation/authorities", letter_fields, at="/desk/organisation")
    assert answer.status_code == 303, answer.text
    with read() as session:
        (made,) = session.query(LetterOfAuthority).all()
        assert (made.scopes, made.ceiling, made.state) == (["contract", "declare"], None, "live")
    stale = f"{made.id}:{made.row_version + 1}"
    url = f"/desk/organisation/authorities/{made.id}/revoke"
    assert sent(client, url, {"version": stale}, at="/desk/organisation").status_code == 409
    current = f"{made.id}:{made.row_version}"
    assert sent(client, url, {"version": current}, at="/desk/organisation").status_code == 303


def test_the_last_owner_stays(client: FlaskClient, company: people.Party) -> None:
    signed_in(client, company)
    answer = sent(client, f"/desk/organisation/members/{company.person_id}/end", {}, at="/desk/organisation")
    assert answer.status_code == 409
    assert client.get("/desk/organisation").status_code == 200


def test_the_file_is_filled_submitted_reviewed_and_approved(
    site: Site, client: FlaskClient, company: people.Party
) -> None:
    import io

    signed_in(client, company)
    details = {
        "file-details.legal_representative": "赵法定",
        "file-details.phone": "+86 23 5550 0100",
        "file-details.address": "重庆市渝中区示例路1号",
    }
    assert sent(client, "/desk/organisation/identity", details, at="/desk/organisation").status_code == 303
    case_id = re.search(r"/identity/(idc_[^/]+)/documents", client.get("/desk/organisation").text)
    assert case_id
    base = f"/desk/organisation/identity/{case_id[1]}"
    for kind in ("business_licence", "authority_letter"):
        upload = {"upload-kind": kind, "upload-file": (io.BytesIO(people.PNG), "scan.png")}
        assert sent(client, f"{base}/documents", upload, at="/desk/organisation").status_code == 303
    assert sent(client, f"{base}/submit", {}, at="/desk/organisation").status_code == 303

    officer = seated(site, site.client(), people.staff(site.database, "vetting_officer"))
    queue = officer.get("/console/identity").text
    assert case_id[1] in queue
    page = f"/console/identity/{case_id[1]}"
    assert sent(officer, f"{page}/take-up", {}, at=page).status_code == 303
    assert "赵法定" not in officer.get(page).text
    assert "赵法定" in sent(officer, f"{page}/details", {}, at=page).text
    fields = {f"decision-checklist.{point}": "pass" for point in people.passing()}
    incomplete = dict(list(fields.items())[1:])
    assert sent(officer, f"{page}/decide/approve", incomplete, at=page).status_code == 409
    assert sent(officer, f"{page}/decide/approve", fields, at=page).status_code == 303
    assert client.get("/desk/organisation").status_code == 200


# -- the console ------------------------------------------------------------------------------------------------------


@pytest.mark.rule("S-04")
def test_an_appointment_takes_a_second_person(site: Site, client: FlaskClient) -> None:
    admin = people.administrator(site.database)
    auditor = people.staff(site.database, "auditor")
    chief = seated(site, client, admin, "chief")
    fields = {"appoint-person_name": "新人", "appoint-email": "new@example.org", "appoint-roles": "vetting_officer"}
    shown = sent(chief, "/console/staff/appointments", fields, at="/console/staff")
    token = re.search(r"<code>([\w-]{40,})</code>", shown.text)
    assert token
    taken = {"token": token[1], "password": people.PASSWORD}
    assert sent(site.client(), "/accept/appointment", taken).status_code == 401
    second = seated(site, site.client(), auditor, "auditor")
    confirm = re.search(r"/console/staff/appointments/apt_\w+/confirm", second.get("/console/staff").text)
    assert confirm
    assert confirm[0] not in chief.get("/console/staff").text
    assert sent(chief, confirm[0], {}, at="/console/staff").status_code == 409
    assert sent(second, confirm[0], {}, at="/console/staff").status_code == 303
    assert sent(site.client(), "/accept/appointment", taken).status_code == 303


def test_a_years_notice_is_entered(site: Site, client: FlaskClient) -> None:
    chief = seated(site, client, people.administrator(site.database))
    fields = {
        "notice-year": "2027",
        "notice-source": "示例通知",
        "notice-days": "2027-02-06 off 春节\n2027-02-07 work 春节调休",
    }
    assert sent(chief, "/console/calendar", fields).status_code == 303
    assert "示例通知" in chief.get("/console/calendar").text
    for days in ("soon", "2027-02-30 off x", "2027-02-06 maybe x", "2027-02-06 off", "2028-01-01 off x"):
        assert sent(chief, "/console/calendar", fields | {"notice-days": days}).status_code == 422


def test_a_forgotten_password_is_reset_by_mail(
    site: Site, client: FlaskClient, company: people.Party, tmp_path: Path
) -> None:
    mail.bind(mail.Folder(tmp_path / "mail", "exchange@example.org"))
    opened_before = accounts.sign_in(
        people.VISITOR, email=company.email, password=company.password, origin=people.ORIGIN
    )
    for email in (company.email, "nobody@example.org"):
        sent(client, "/password-reset/ask", {"ask-email": email}, at="/password-reset")
    worker = Worker(due={}, outbox=jobs.OUTBOX)
    while worker.step():
        pass
    (letter,) = (tmp_path / "mail").glob("*.eml")
    code = re.search(r"^rst_\S+$", letter_text(letter), re.MULTILINE)
    assert code
    assert code[0] not in people.everything_kept()
    fields = {"use-token": code[0], "use-password": "a new long password"}
    forged = fields | {"use-token": code[0][:-2] + "xx"}
    assert sent(client, "/password-reset/use", forged, at="/password-reset").status_code == 401
    assert sent(client, "/password-reset/use", fields, at="/password-reset").status_code == 303
    assert sent(client, "/password-reset/use", fields, at="/password-reset").status_code == 401
    with read() as session:
        row = session.query(SessionRow).filter_by(person_id=company.person_id).one()
        assert row.revoked_at is not None
    assert opened_before.person_id == company.person_id
    assert signed_in(client, company).status_code == 401
    assert sent(client, "/sign-in", {"email": company.email, "password": "a new long password"}).status_code == 303
    assert client.get("/desk/account").text.count("chip-stopped") == 1  # the revoked key


# -- inside -----------------------------------------------------------------------------------------------------------


def letter_text(path: Path) -> str:
    from email import message_from_bytes, policy

    body = message_from_bytes(path.read_bytes(), policy=policy.default).get_body()
    assert body is not None
    return str(body.get_content())


def normal(page: str) -> str:
    """A page without what differs from answer to answer."""
    page = re.sub(r'(name="(?:csrf_token|request_key)" value=")[^"]+', r"\1", page)
    return re.sub(r"\b[0-9a-f]{16}\b", "", page)


def sign_up_fields(email: str) -> dict[str, object]:
    return {
        "organisation.kind": "company",
        "organisation.name": "新公司",
        "organisation.number": people.uscc(),
        "organisation.territory": "CN",
        "organisation.overseas_control": "false",
        "person_name": "王小明",
        "email": email,
        "password": people.PASSWORD,
    }


def sign_up_body(email: str, change: dict[str, str]) -> dict[str, object]:
    flat = sign_up_fields(email) | change
    organisation = {name.partition(".")[2]: value for name, value in flat.items() if name.startswith("organisation.")}
    organisation["overseas_control"] = organisation["overseas_control"] == "true"
    return {"organisation": organisation} | {name: flat[name] for name in ("person_name", "email", "password")}


def test_the_queue_is_paged_the_longest_waiting_first(site: Site) -> None:
    for number in range(3):
        people.submitted(site.database, f"第{number}公司")
    first = queries.identity_queue(limit=2)
    rest = queries.identity_queue(limit=2, cursor=first.next_cursor)
    assert [case["name"] for case in (*first.items, *rest.items)] == ["第0公司", "第1公司", "第2公司"]
    assert rest.next_cursor is None
