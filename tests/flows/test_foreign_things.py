"""Every address that names a thing, called by somebody whose thing it is not: the list comes from the routes."""

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import market
import origins
import pytest
from exchange_site import Site, entries_told
from market import DESCRIPTION, TERMS, deposited
from people import Party, approved_company, approved_department, staff
from sqlalchemy import select
from werkzeug.routing import Rule

from exchange import clock
from exchange.actors import Actor
from exchange.db import read, transaction
from exchange.journal.models import JournalEntry
from exchange.members import invitations
from exchange.members.models import IdentityDocument
from exchange.money import Money
from exchange.web.access import guard_of
from exchange.workdays import beijing_date
from listings import notice, offers, versions
from provenance import data_requests, findings, register
from provenance.data_requests import Receipt
from provenance.finding_models import Finding
from provenance.findings import Suspicion
from provenance.models import Acquisition, Authorisation
from settlement import dispute_files, extensions, filings, lots, lots_disputes, money, refunds
from settlement.delivery_models import PayoutAccount, Voucher
from settlement.filings import Deal
from settlement.models import Lot

_SAID = ("official_number", "title_zh", "title_en", "update_frequency", "source_line_zh", "source_line_en")
RECORD = {**dict.fromkeys(_SAID, "x"), "open_attribute": "unconditional", "revision": 1}
ONE = {"amount": "1.00", "currency": "HKD"}
PASSWORD = {"password": "correct horse battery staple"}
REASON = {"reason": "because"}
SHARE = {"seller_share_percent": 50}
DESCRIBED = {name: getattr(DESCRIPTION, name) for name in DESCRIPTION.__dataclass_fields__}
VETTED = {"checklist": {"I-03": "pass", "I-04": "pass", "I-07": "pass"}, "reason": "x"}
REVIEWED = {"checklist": market.PASSED, "reason": "x"}
FILE = {"details": {"legal_representative": "赵", "phone": "1", "address": "2"}}
TERMS_OF_USE = {"terms": {"data": [], "purposes": ["research"]}, "row_version": 1}
DECLARED = {"content": {"sources": []}, "row_version": 1}

OFFER = {
    "channel": "exchange",
    "price": {"amount": "1.00", "currency": "HKD"},
    "purposes": ["research"],
    "term_days": 1,
    "territory": "CN",
    "redistribution": False,
    "derivation": False,
    "inspection_hours": 1,
    "delivery": "deposit",
    "acceptance_criteria": "x",
}

#: A body that passes each route's schema, by method and the address without its prefix.
BODIES: dict[str, dict[str, Any]] = {
    "PUT /agreements/<agreement_id>": TERMS_OF_USE,
    "POST /agreements/<agreement_id>/confirm": PASSWORD,
    "POST /agreements/<agreement_id>/copy": {"authority": "示例大数据局"},
    "POST /agreements/<agreement_id>/decline": REASON,
    "POST /agreements/<agreement_id>/sign": PASSWORD,
    "POST /agreements/<agreement_id>/terminate": REASON,
    "PUT /declarations/<declaration_id>": DECLARED,
    "POST /declarations/<declaration_id>/authorisations/<authorisation_id>/withdraw": REASON,
    "POST /declarations/<declaration_id>/sign": PASSWORD,
    "PUT /identity-cases/<case_id>": FILE,
    "POST /identity-cases/<case_id>/approve": VETTED,
    "POST /identity-cases/<case_id>/refuse": VETTED,
    "POST /identity-cases/<case_id>/return": VETTED,
    "POST /lots/<lot_id>/decline": REASON,
    "POST /lots/<lot_id>/dispute": REASON,
    "POST /lots/<lot_id>/object": REASON,
    "POST /lots/<lot_id>/pay": {"payment_method": "pm_card_visa"},
    "POST /lots/<lot_id>/receipt": {"sha256": "ab" * 32},
    "POST /lots/<lot_id>/reject": REASON,
    "POST /lots/<lot_id>/rule": SHARE | REASON,
    "POST /lots/<lot_id>/settle": SHARE,
    "POST /objections/<objection_id>/dismiss": {"answer": "x"},
    "POST /objections/<objection_id>/uphold": {"answer": "x"},
    "POST /orders/<order_id>/decline": REASON,
    "POST /orders/<order_id>/sign": PASSWORD,
    "POST /orders/<order_id>/terminate": REASON,
    "POST /parties/<org_id>/restore": REASON,
    "POST /parties/<org_id>/suspend": REASON,
    "POST /products/<product_id>/versions": DESCRIBED,
    "POST /restraints/<restraint_id>/lift": REASON,
    "PUT /catalogue-records/<record_id>": RECORD,
    "PUT /calendar/<int:year>": {"source": "x", "days": []},
    "POST /declarations/<declaration_id>/renew": {},
    "POST /directives/<directive_id>/answer": {"answer": "x"},
    "POST /directives/<directive_id>/lift": REASON,
    "POST /directives/<directive_id>/propose-lifting": REASON,
    "POST /directives/<directive_id>/send-back": REASON | {"answer_days": 3},
    "POST /data-requests/<request_id>/extend": {"days": 5, "approved_by": "x"},
    "POST /data-requests/<request_id>/refuse": REASON | {"legal_basis": "x"},
    "POST /filings/<filing_id>/decline": REASON,
    "POST /findings/<finding_id>/accept": {},
    "POST /findings/<finding_id>/appeal": {"appeal": "x"},
    "POST /findings/<finding_id>/refute": {"answer": "x"},
    "POST /findings/<finding_id>/vote": {"outcome": "dismiss", "reason": "x"},
    "POST /lots/<lot_id>/answer": {"answer": "x"},
    "POST /lots/<lot_id>/decided-refund": REASON | {"amount": ONE, "document_number": "2026-1"},
    "POST /lots/<lot_id>/deliver": {},
    "POST /lots/<lot_id>/extend-holding": REASON | {"until": "2027-01-01T00:00:00Z"},
    "POST /lots/<lot_id>/extensions": REASON | {"until": "2027-01-01T00:00:00Z"},
    "POST /lots/<lot_id>/refunds": REASON | {"amount": ONE},
    "POST /lots/<lot_id>/return": REASON,
    "POST /money-operations/<op_id>/order-again": REASON,
    "POST /orders/<order_id>/counter": PASSWORD | {"price": ONE},
    "POST /orders/<order_id>/messages": {"words": "x"},
    "POST /payment-orders/<payment_order_id>/reject": REASON,
    "PUT /seats/<person_id>": {"roles": ["viewer"]},
    "POST /versions/<version_id>/revise": {"deposit_id": "dep_x", "note": "newer rows"},
    "PUT /versions/<version_id>": DESCRIBED,
    "POST /versions/<version_id>/approve": REVIEWED,
    "POST /versions/<version_id>/attach": {},
    "POST /data-reports/<report_id>/dismiss": REASON,
    "POST /data-reports/<report_id>/report": {"authority": "x", "reference": "1"},
    "POST /export-assessments/<assessment_id>/agree": REASON,
    "POST /export-assessments/<assessment_id>/refuse": REASON,
    "POST /export-assessments/<assessment_id>/return": REASON,
    "POST /export-assessments/<assessment_id>/submit": {"facts": {}},
    "POST /versions/<version_id>/export-assessments": {
        "recipient": "x",
        "territory": "HK",
        "purposes": ["research"],
        "kinds": ["personal"],
    },
    "POST /grade-lowerings/<lowering_id>/allow": REASON,
    "POST /grade-lowerings/<lowering_id>/refuse": REASON,
    "POST /versions/<version_id>/negative-checks": {"results": {}},
    "POST /versions/<version_id>/take-down": {"statement": "x"},
    "POST /versions/<version_id>/lower-grade": REASON,
    "PUT /versions/<version_id>/grading": {},
    "PUT /versions/<version_id>/important-data": {"identification": "x", "assessment": {}, "officer_id": "per_x"},
    "POST /versions/<version_id>/objections": {"statement": "x"},
    "POST /versions/<version_id>/refuse": REVIEWED,
    "POST /versions/<version_id>/restore": REASON,
    "POST /versions/<version_id>/return": REVIEWED,
    "POST /versions/<version_id>/suspend": REASON,
    "POST /vouchers/<number>/restore": REASON,
    "POST /vouchers/<number>/suspend": REASON,
    "POST /vouchers/<number>/void": REASON,
}
#: What a form that was sent empty may be told before the thing is looked for, whosever it is; 401: a session is needed.
BEFORE_A_LOOK = {400, 401, 422}
#: What everybody may read of a thing, whosever it is.
OPEN_TO_ALL = {
    "GET /catalogue-records/<record_id>",
    "GET /products/by-digest/<digest>",
    "GET /vouchers/<number>",
}


def addressed(site: Site) -> Iterator[tuple[str, str, Rule]]:
    """Each route of the API that names a thing: its method, its address, its rule."""
    for rule in site.app.url_map.iter_rules():
        if rule.arguments and rule.rule.startswith("/api/v1/"):
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield method, rule.rule.removeprefix("/api/v1"), rule


@pytest.fixture(scope="module")
def things(site: Site) -> dict[str, str]:
    """One thing of each kind, none of them a stranger's and none of them public."""
    order = site.received()
    lots.accept_lot(site.buyer.actor, order.id)
    site.work()
    lot = site.delivered()
    department = approved_department(site, "示例气象局")
    record = origins.record(department, "conditional")
    drafted = register.draft_agreement(site.seller.actor, origins.terms(record), department_org_id=department.org_id)
    with read() as session:
        deadline = session.get_one(Lot, lot.id).deadline_at or clock.now()
    until = deadline + timedelta(days=1)
    extension = extensions.propose_extension(site.buyer.actor, lot.id, until=until, reason="x")
    refund = refunds.propose_refund(site.buyer.actor, order.id, amount=Money(100, "HKD"), reason="x")
    disputed = site.delivered()
    lots_disputes.dispute_lot(site.buyer.actor, disputed.id, reason="x")
    evidence = dispute_files.add_evidence(site.buyer.actor, disputed.id, title="x", content=b"x")
    offers.open_offer(site.seller.actor, site.product.version_id, replace(TERMS, channel="direct"))
    filing = filings.file_deal(
        site.seller.actor,
        Deal(site.product.version_id, site.buyer.org_id, Money(100, "CNY"), date(2026, 1, 5), bytes(32)),
    )
    invitation = invitations.invite(
        site.seller.actor, email="new@example.org", person_name="新同事", roles=frozenset({"viewer"})
    )
    declaration = origins.signed(site.seller, origins.on_grants(origins.grant()))
    finding = _finding(declaration.id)
    request = data_requests.receive(department.actor, _receipt(site.seller, record.id))
    draft = versions.create_product(site.seller.actor, DESCRIPTION)
    shown = market.approved(site, market.submitted(site.seller))
    objection = notice.object_to(site.buyer.actor, shown.id, statement="x")
    offer = offers.open_offer(site.seller.actor, shown.id, TERMS)
    notice.uphold_objection(staff(site, "compliance_reviewer"), objection.id, answer="x")
    with read() as session:
        voucher = session.scalars(select(Voucher)).one()
        return {
            "acquisition_id": session.scalars(select(Acquisition.id)).one(),
            "agreement_id": drafted.id,
            "appointment_id": f"apt_{'0' * 26}",
            "assessment_id": f"exa_{'0' * 26}",
            "item_id": f"ngi_{'0' * 26}",
            "lowering_id": f"low_{'0' * 26}",
            "request_id": request.id,
            "report_id": f"drp_{'0' * 26}",
            "authorisation_id": session.scalars(
                select(Authorisation.id).where(Authorisation.declaration_id == declaration.id)
            ).one(),
            "case_id": site.seller.case_id,
            "declaration_id": declaration.id,
            "deposit_id": deposited(site.seller),
            "digest": "ab" * 32,
            "directive_id": f"drv_{'0' * 26}",
            "document_id": session.scalars(
                select(IdentityDocument.id).where(IdentityDocument.case_id == site.seller.case_id).limit(1)
            ).one(),
            "entry_id": session.scalars(select(JournalEntry.id).where(JournalEntry.subject == lot.id)).first() or "",
            "evidence_id": evidence.id,
            "extension_id": extension.id,
            "file_id": f"csf_{'0' * 26}",
            "filing_id": filing.id,
            "finding_id": finding.id,
            "inspection_id": f"isp_{'0' * 26}",
            "invitation_id": invitation.id,
            "letter_id": f"aut_{'0' * 26}",
            "lot_id": lot.id,
            "number": voucher.number,
            "objection_id": objection.id,
            "offer_id": offer.id,
            "op_id": money.ops_of(session, lot.id)[0].id,
            "order_id": lot.order_id,
            "org_id": site.seller.org_id,
            "payment_order_id": f"pmo_{'0' * 26}",
            "person_id": site.seller.person_id,
            "payout_account_id": session.scalars(select(PayoutAccount.id)).one(),
            "product_id": draft.product_id,
            "record_id": record.id,
            "refund_id": refund.id,
            "restraint_id": f"rst_{'0' * 26}",
            "scope_id": f"scp_{'0' * 26}",
            "session_id": f"ses_{'0' * 26}",
            "subject": lot.id,
            "token": "a-token-that-was-given-to-somebody-else",
            "version_id": draft.id,
            "year": "2027",
        }


def _finding(declaration_id: str) -> Finding:
    with transaction(Actor(None, None, frozenset({"exchange"}))) as tx:
        [finding] = findings.raise_findings(tx, declaration_id, [Suspicion("reported", "dep_x", "x")])
        return finding


def _receipt(applicant: Party, record_id: str) -> Receipt:
    return Receipt(
        kind="conditional",
        official_number="2026-1",
        applicant_org_id=applicant.org_id,
        record_id=record_id,
        received_on=beijing_date(clock.now()),
    )


@pytest.fixture(scope="module")
def stranger(site: Site) -> Party:
    return approved_company(site, "旁人公司")


def sent(site: Site, by: Party | Actor | None, method: str, address: str, things: dict[str, str]) -> Any:
    """The answer to a call that is right in everything but who sends it."""
    path = re.sub(r"<(?:\w+:)?(\w+)>", lambda name: things[name[1]], address)
    if address.endswith(("/documents", "/evidence", "/scan")) and method == "POST":
        more = {"documents": {"kind": "other"}, "evidence": {"title": "x"}}.get(address.rpartition("/")[2], {})
        upload = {**more, "file": (io.BytesIO(b"%PDF-1.4"), "x.pdf")}
        return site.call(by, method, path, data=upload, content_type="multipart/form-data")
    if method == "PATCH":
        headers = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        return site.call(by, method, path, data=b"x", headers=headers)
    if address.startswith("/journal"):
        path += "?purpose=curiosity"
    return site.call(by, method, path, BODIES.get(f"{method} {address}"))


def nowhere(things: dict[str, str]) -> dict[str, str]:
    """The same kinds of thing, none of which is there."""
    gone = {name: f"{thing[:4]}{'0' * 26}" for name, thing in things.items()}
    return gone | {"number": "V-0000-0000-0000-0000", "token": "no-token", "year": "2028", "digest": "cd" * 32}


def test_what_is_another_partys_is_answered_like_what_is_not_there(
    site: Site, things: dict[str, str], stranger: Party
) -> None:
    before, seen, wrong = entries_told(), 0, list[str]()
    for method, address, rule in addressed(site):
        guard = guard_of(site.app.view_functions[rule.endpoint])
        route = f"{method} {address}"
        if guard is None or route in OPEN_TO_ALL:
            continue
        barred = guard.kind not in {"public", "signed_in"} and "owner" not in guard.roles
        answer, missing = (sent(site, stranger, method, address, found) for found in (things, nowhere(things)))
        told, untold = ({k: v for k, v in found.json.items() if k != "request_id"} for found in (answer, missing))
        # Said of the stranger, before any record is looked for.
        barred = barred or told.get("code") == "not_a_department"
        if answer.status_code != (403 if barred else 404) or told != untold:
            wrong.append(f"{route}: {answer.text} {missing.text}")
        seen += 1
    assert not wrong, "\n".join(wrong)
    assert seen > 60
    assert entries_told() == before


@pytest.mark.parametrize("role", ["trader", "approver", "finance", "viewer", None])
def test_no_other_seat_in_a_strange_party_helps(
    site: Site, things: dict[str, str], stranger: Party, role: str | None
) -> None:
    by = replace(stranger.actor, roles=frozenset({role} if role else ()))
    before = entries_told()
    for method, address, _rule in addressed(site):
        if f"{method} {address}" not in OPEN_TO_ALL:
            assert sent(site, by, method, address, things).status_code in {403, 404}, (method, address)
    assert entries_told() == before


def test_who_is_not_signed_in_gets_nothing_but_what_is_public(site: Site, things: dict[str, str]) -> None:
    before = entries_told()
    for method, address, rule in addressed(site):
        guard = guard_of(site.app.view_functions[rule.endpoint])
        public = guard is not None and guard.kind == "public"
        if f"{method} {address}" not in OPEN_TO_ALL:
            expected = 404 if public else 401
            assert sent(site, None, method, address, things).status_code == expected, (method, address)
    assert entries_told() == before


@pytest.mark.parametrize("role", ["auditor", "administrator", "security_administrator", "settlement_officer"])
def test_staff_do_nothing_outside_their_office(site: Site, things: dict[str, str], role: str) -> None:
    by = staff(site, role)
    before = entries_told()
    for method, address, rule in addressed(site):
        guard = guard_of(site.app.view_functions[rule.endpoint])
        if method == "GET" or guard is None or role in guard.roles or guard.kind == "signed_in":
            continue
        answer = sent(site, by, method, address, things)
        assert answer.status_code == 403, (method, address, answer.text)
    assert entries_told() == before


def test_each_side_of_a_trade_does_nothing_in_the_others_place(site: Site, things: dict[str, str]) -> None:
    buyers, sellers = {"pay", "cancel", "accept", "reject", "dispute"}, {"deliver", "decline"}
    before = entries_told()
    for by, steps in ((site.seller, buyers), (site.buyer, sellers)):
        for step in steps:
            answer = sent(site, by, "POST", f"/lots/<lot_id>/{step}", things)
            assert (answer.status_code, answer.json["code"]) == (403, "other_side"), step
    for step in ("tickets", "receipt"):
        assert sent(site, site.seller, "POST", f"/lots/<lot_id>/{step}", things).status_code == 403
    assert entries_told() == before


def paged(site: Site) -> Iterator[tuple[str, Rule]]:
    """Each page and form that names a thing."""
    for rule in site.app.url_map.iter_rules():
        if rule.arguments and rule.rule.startswith(("/desk/", "/console/", "/oversight/")):
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield method, rule


def visited(site: Site, by: Party | Actor | None, method: str, rule: Rule, things: dict[str, str]) -> Any:
    """The answer to a visit of a page, or to its form sent empty with its token in order."""
    path = re.sub(r"<any\((\w+)[^)]*\):\w+>", r"\1", rule.rule)
    path = re.sub(r"<(?:\w+:)?(\w+)>", lambda name: things[name[1]], path)
    client = site.app.test_client()
    if by is not None:
        actor = by.actor if isinstance(by, Party) else by
        site.actors[f"page-{actor.person_id}"] = actor
        client.set_cookie("databourse_session", f"page-{actor.person_id}")
    more = {"content_type": "application/offset+octet-stream", "data": b"x"} if method == "PATCH" else {}
    return client.open(path, method=method, headers={"Accept": "text/html", "Upload-Offset": "0"}, **more)


@pytest.fixture
def forms_in_order(site: Site) -> Iterator[None]:
    """Forms are taken without their tokens, which a test of the pages demands: what is asked here comes after."""
    site.app.config["WTF_CSRF_ENABLED"] = False
    yield
    site.app.config["WTF_CSRF_ENABLED"] = True


@pytest.mark.usefixtures("forms_in_order")
def test_no_page_shows_another_partys_thing_or_that_it_is_there(
    site: Site, things: dict[str, str], stranger: Party
) -> None:
    more = {"position": "0", "ticket_id": f"tkt_{'0' * 26}"}
    before, wrong, seen = entries_told(), list[str](), 0
    for method, rule in paged(site):
        guard = guard_of(site.app.view_functions[rule.endpoint])
        if guard is None or guard.kind == "public":
            continue
        barred = guard.kind != "signed_in" and "owner" not in guard.roles
        answer, missing = (visited(site, stranger, method, rule, found | more) for found in (things, nowhere(things)))
        expected = {403} if barred else {404, *BEFORE_A_LOOK}
        if answer.status_code not in expected or missing.status_code != answer.status_code:
            wrong.append(f"{method} {rule.rule}: {answer.status_code} {missing.status_code}")
        asked = visited(site, None, method, rule, things | more)
        if asked.status_code not in {303, 401}:
            wrong.append(f"{method} {rule.rule} by a visitor: {asked.status_code}")
        seen += 1
    assert not wrong, "\n".join(wrong)
    assert seen > 100
    assert entries_told() == before


def test_an_id_in_a_body_is_no_way_around(site: Site, things: dict[str, str], stranger: Party) -> None:
    """What one names must be one's own: goods, declarations, agreements, versions."""
    own = versions.create_product(stranger.actor, DESCRIPTION)
    before = entries_told()
    for body in ({"deposit_id": things["deposit_id"]}, {"declaration_id": things["declaration_id"]}):
        assert site.call(stranger, "POST", f"/versions/{own.id}/attach", body).status_code == 404
    offered = site.call(stranger, "POST", "/offers", OFFER | {"version_id": site.product.version_id})
    assert offered.status_code == 404, offered.text
    source = {"kind": "government_open", "use": "derived", "title": "x", "holder": "x"}
    for named in ({"agreement_id": things["agreement_id"]}, {"acquisition_id": things["acquisition_id"]}):
        content = {"sources": [source | named]}
        assert site.call(stranger, "POST", "/declarations", {"content": content}).status_code == 404, named
    replaced = {"replaces_id": things["declaration_id"], "content": {"sources": []}}
    assert site.call(stranger, "POST", "/declarations", replaced).status_code == 404
    assert entries_told() == before


def test_nobody_else_sets_what_the_exchange_sets(site: Site) -> None:
    """Members of a body that the schema does not name are refused, not taken over."""
    order = {"offer_id": site.product.offer_id, "purpose": "research", **PASSWORD}
    for more in ({"state": "open"}, {"amount_minor": 1}, {"seller_org_id": site.buyer.org_id}, {"fee_basis_points": 0}):
        answer = site.call(site.buyer, "POST", "/orders", order | more)
        assert (answer.status_code, answer.json["code"]) == (422, "invalid"), more
    lot = site.due()
    for more in ({"amount": "0.01"}, {"currency": "JPY"}, {"lot_id": "lot_x"}, {"org_id": site.seller.org_id}):
        body = {"payment_method": "pm_card_visa"} | more
        assert site.call(site.buyer, "POST", f"/lots/{lot.id}/pay", body).status_code == 422, more
