"""Every address that names a thing, called by somebody whose thing it is not: the list comes from the routes."""

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import market
import origins
import pytest
from exchange_site import Site, entries_told
from market import DESCRIPTION, TERMS, deposited
from people import Party, approved_company, approved_department, staff
from sqlalchemy import select
from werkzeug.routing import Rule

from exchange.actors import Actor
from exchange.db import read
from exchange.members.models import IdentityDocument
from exchange.web.access import guard_of
from listings import notice, offers, versions
from provenance import register
from provenance.models import Acquisition, Authorisation
from settlement import lots, money
from settlement.delivery_models import PayoutAccount, Voucher

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
    "PUT /versions/<version_id>": DESCRIBED,
    "POST /versions/<version_id>/approve": REVIEWED,
    "POST /versions/<version_id>/attach": {},
    "POST /versions/<version_id>/objections": {"statement": "x"},
    "POST /versions/<version_id>/refuse": REVIEWED,
    "POST /versions/<version_id>/restore": REASON,
    "POST /versions/<version_id>/return": REVIEWED,
    "POST /versions/<version_id>/suspend": REASON,
    "POST /vouchers/<number>/restore": REASON,
    "POST /vouchers/<number>/suspend": REASON,
    "POST /vouchers/<number>/void": REASON,
}
#: What everybody may read of a thing, whosever it is.
OPEN_TO_ALL = {"GET /catalogue-records/<record_id>", "GET /vouchers/<number>"}


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
    declaration = origins.signed(site.seller, origins.on_grants(origins.grant()))
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
            "authorisation_id": session.scalars(
                select(Authorisation.id).where(Authorisation.declaration_id == declaration.id)
            ).one(),
            "case_id": site.seller.case_id,
            "declaration_id": declaration.id,
            "deposit_id": deposited(site.seller),
            "document_id": session.scalars(
                select(IdentityDocument.id).where(IdentityDocument.case_id == site.seller.case_id).limit(1)
            ).one(),
            "lot_id": lot.id,
            "number": voucher.number,
            "objection_id": objection.id,
            "offer_id": offer.id,
            "op_id": money.ops_of(session, lot.id)[0].id,
            "order_id": lot.order_id,
            "org_id": site.seller.org_id,
            "payout_account_id": session.scalars(select(PayoutAccount.id)).one(),
            "product_id": draft.product_id,
            "record_id": record.id,
            "restraint_id": "rst_00000000000000000000000000",
            "subject": lot.id,
            "token": "a-token-that-was-given-to-somebody-else",
            "version_id": draft.id,
        }


@pytest.fixture(scope="module")
def stranger(site: Site) -> Party:
    return approved_company(site, "旁人公司")


def sent(site: Site, by: Party | Actor | None, method: str, address: str, things: dict[str, str]) -> Any:
    """The answer to a call that is right in everything but who sends it."""
    path = re.sub(r"<(\w+)>", lambda name: things[name[1]], address)
    if address.endswith("/documents") and method == "POST":
        upload = {"kind": "other", "file": (io.BytesIO(b"%PDF-1.4"), "x.pdf")}
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
    return gone | {"number": "V-0000-0000-0000-0000", "token": "no-token"}


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
        if answer.status_code != (403 if barred else 404) or told != untold:
            wrong.append(f"{route}: {answer.text} {missing.text}")
        seen += 1
    assert wrong == []
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
