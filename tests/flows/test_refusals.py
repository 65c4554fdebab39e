"""Parties and goods that the exchange refuses over HTTP: by rule and stable code, with nothing half done.

Steps that are none, requests sent twice or at once, and another party's ids have modules of their own.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import market
import origins
import pytest
from exchange_site import VISA, Site, entries_told, refused, request_of
from market import DESCRIPTION, PASSED, deposited
from people import Party, approved_company, approved_department, registered, staff, submitted
from werkzeug.test import TestResponse

from exchange.actors import Actor
from exchange.db import read, transaction
from exchange.members import vetting
from exchange.members.models import IdentityCase, Membership
from exchange.oversight import restraints
from listings import grading, versions
from provenance import declarations, register
from tests.flows.test_foreign_things import OFFER

Take = Callable[[], TestResponse]


# -- parties without standing, at each step --------------------------------------------------------------------------


def suspended(site: Site, party: Party) -> None:
    vetting.suspend_party(staff(site, "vetting_officer"), party.org_id, reason="licence in doubt")


def lapsed(_site: Site, party: Party) -> None:
    with transaction(Actor.clock()) as tx:
        case = tx.lock(IdentityCase, party.case_id)
        case.valid_until = tx.now
        tx.record(case.id, "identity.shortened", by="test")


def restored(site: Site, party: Party) -> None:
    """The party as it was before ``suspended`` or ``lapsed``."""
    with read() as session:
        state = session.get_one(IdentityCase, party.case_id).state
    if state == "suspended":
        vetting.restore_party(staff(site, "vetting_officer"), party.org_id, reason="cleared")
    with transaction(Actor.clock()) as tx:
        case = tx.lock(IdentityCase, party.case_id)
        case.valid_until = tx.now + vetting.VALIDITY
        tx.record(case.id, "identity.lengthened", by="test")


def listing(site: Site) -> Take:
    version = versions.create_product(site.seller.actor, DESCRIPTION)
    versions.attach(
        site.seller.actor,
        version.id,
        deposit_id=deposited(site.seller),
        declaration_id=market.declared(site.seller),
    )
    grading.grade_version(site.seller.actor, version.id, market.GRADED)
    return lambda: site.call(site.seller, "POST", f"/versions/{version.id}/submit")


def offering(site: Site) -> Take:
    return lambda: site.call(site.seller, "POST", "/offers", OFFER | {"version_id": site.product.version_id})


def ordering(site: Site) -> Take:
    return lambda: site.call(site.buyer, "POST", "/orders", request_of(site))


def signing(site: Site) -> Take:
    order_id = site.requested()
    body = {"password": site.seller.password}
    return lambda: site.call(site.seller, "POST", f"/orders/{order_id}/sign", body)


def paying(site: Site) -> Take:
    lot = site.due()
    return lambda: site.call(site.buyer, "POST", f"/lots/{lot.id}/pay", {"payment_method": VISA})


@pytest.mark.rule("I-02")
@pytest.mark.parametrize(
    ("step", "side"),
    [
        (listing, "seller"),
        (offering, "seller"),
        *((step, side) for step in (ordering, signing, paying) for side in ("buyer", "seller")),
    ],
)
@pytest.mark.parametrize(("lose", "code"), [(suspended, "party_suspended"), (lapsed, "party_lapsed")])
def test_a_party_that_lost_its_standing_goes_no_further(
    site: Site, step: Callable[[Site], Take], side: str, lose: Callable[[Site, Party], None], code: str
) -> None:
    take, party = step(site), getattr(site, side)
    lose(site, party)
    try:
        before = entries_told()
        refused(take(), "I-02", code)
        assert entries_told() == before + 1  # the refusal itself
    finally:
        restored(site, party)
    assert take().status_code in {200, 201}  # nothing was half done, and no key or number used up


@pytest.mark.rule("I-01")
@pytest.mark.parametrize("make", [registered, submitted])
def test_who_was_not_vetted_neither_deposits_nor_orders_nor_is_paid(site: Site, make: Callable[..., Party]) -> None:
    newcomer = make(site, "新来公司")
    for path, body in (
        ("/deposits", {"file_name": "a.csv", "size_bytes": 1, "media_type": "text/csv"}),
        ("/orders", request_of(site)),
        ("/payout-accounts", {"country": "HK"}),
    ):
        refused(site.call(newcomer, "POST", path, body), "I-01", "party_not_vetted")


@pytest.mark.rule("K-05")
@pytest.mark.parametrize("step", [ordering, signing, paying])
@pytest.mark.parametrize("about", ["product", "version", "offer", "seller", "buyer", "declaration"])
def test_nothing_restrained_is_traded(site: Site, step: Callable[[Site], Take], about: str) -> None:
    take = step(site)
    subject = {
        "product": site.product.product_id,
        "version": site.product.version_id,
        "offer": site.product.offer_id,
        "seller": site.seller.org_id,
        "buyer": site.buyer.org_id,
        "declaration": site.product.declaration_id,
    }[about]
    overseer = Actor("per_overseer", "org_organ", frozenset({"security_administrator"}))
    ordered = restraints.restrain(overseer, subject, measure="suspension", basis="示例条例第1条", reason="x")
    try:
        refused(take(), "K-05", "restrained")
    finally:
        restraints.lift(overseer, ordered.id, reason="x")
    assert take().status_code == 201


def test_one_body_does_not_lift_what_another_ordered(site: Site) -> None:
    stop = frozenset({"security_administrator"})
    organ, other = (Actor(f"per_{name}", f"org_{name}", stop) for name in ("one", "other"))
    body = {"subject": "prd_elsewhere", "measure": "suspension", "basis": "示例条例第1条", "reason": "x"}
    ordered = site.call(organ, "POST", "/restraints", body)
    assert ordered.status_code == 201
    path = f"/restraints/{ordered.json['id']}/lift"
    for by in (other, staff(site, "security_administrator")):
        answer = site.call(by, "POST", path, {"reason": "a favour"})
        assert (answer.status_code, answer.json["code"]) == (403, "another_body")
    assert site.call(organ, "POST", path, {"reason": "done"}).json["lifted_at"] is not None


# -- both sides --------------------------------------------------------------------------------------------------------


@pytest.mark.rule("I-02")
def test_nobody_buys_from_themselves(site: Site) -> None:
    refused(site.call(site.seller, "POST", "/orders", request_of(site)), "I-02", "same_party")


@pytest.mark.rule("I-02")
def test_one_person_does_not_stand_on_both_sides(site: Site) -> None:
    buyer = approved_company(site, "同人公司")
    with transaction(Actor.clock()) as tx:
        tx.add(Membership(person_id=buyer.person_id, org_id=site.seller.org_id, role="trader", since=tx.now))
        tx.record(site.seller.org_id, "member.joined", by="owner")
    refused(site.call(buyer, "POST", "/orders", request_of(site, password=buyer.password)), "I-02", "same_person")


@pytest.mark.rule("I-08")
def test_nobody_decides_their_own_case(site: Site) -> None:
    """Somebody who founded a company and then joined the staff."""
    party = submitted(site, "自审公司")
    officer = Actor(party.person_id, "org_operator", frozenset({"vetting_officer", "compliance_reviewer"}))
    refused(site.call(officer, "POST", f"/identity-cases/{party.case_id}/take-up"), "I-08", "own_case")
    owner = Actor(site.seller.person_id, "org_operator", frozenset({"vetting_officer", "compliance_reviewer"}))
    for path in (f"/parties/{site.seller.org_id}/suspend", f"/versions/{site.product.version_id}/suspend"):
        refused(site.call(owner, "POST", path, {"reason": "x"}), "I-08", "own_case")


@pytest.mark.rule("I-08")
def test_one_person_is_not_two_reviewers(site: Site) -> None:
    version = market.submitted(site.seller, market.open_data(site))
    first, second = staff(site, "compliance_reviewer"), staff(site, "compliance_reviewer")
    decision = {"checklist": PASSED, "reason": "x"}
    assert site.call(first, "POST", f"/versions/{version.id}/take-up").status_code == 200
    assert site.call(first, "POST", f"/versions/{version.id}/approve", decision).json["state"] == "in_review"
    refused(site.call(first, "POST", f"/versions/{version.id}/approve", decision), "I-08", "second_person_needed")
    assert site.call(second, "POST", f"/versions/{version.id}/approve", decision).json["state"] == "notice"


# -- where the data came from ------------------------------------------------------------------------------------------


def drafted(site: Site, declaration_id: str | None) -> str:
    version = versions.create_product(site.seller.actor, DESCRIPTION)
    versions.attach(site.seller.actor, version.id, deposit_id=deposited(site.seller), declaration_id=declaration_id)
    return version.id


@pytest.mark.rule("P-01")
def test_without_a_signed_declaration_nothing_is_listed(site: Site) -> None:
    unsigned = declarations.declare(site.seller.actor, origins.content()).id
    for declaration_id in (None, unsigned):
        version_id = drafted(site, declaration_id)
        refused(site.call(site.seller, "POST", f"/versions/{version_id}/submit"), "P-01", "declaration_missing")


@pytest.mark.rule("P-03")
@pytest.mark.parametrize("ground", [{}, {"ground": "A"}, {"ground": "A", "anonymisation_method": "x"}, {"ground": "B"}])
def test_with_neither_ground_nothing_is_signed(site: Site, ground: dict[str, str]) -> None:
    source = {
        "kind": "self_collected",
        "use": "incorporated",
        "title": "x",
        "holder": "x",
        "method": "x",
        "collected_from": "2026-01-01",
        "collected_to": "2026-02-01",
        "territory": "CN",
        "licence": "x",
        "evidence_digest": "ab" * 32,
    }
    content = {"sources": [source], "truth_undertaken": True, **ground}
    made = site.call(site.seller, "POST", "/declarations", {"content": content})
    assert made.status_code == 201, made.text
    signed = site.call(site.seller, "POST", f"/declarations/{made.json['id']}/sign", {"password": site.seller.password})
    refused(signed, "P-03", "no_ground")


def incomplete(site: Site) -> market.Source:
    return market.agreed_data(site, site.seller, disposal="")


def not_for_sale(site: Site) -> market.Source:
    return market.agreed_data(site, site.seller, outputs_may_be_sold=False)


def ended(site: Site) -> market.Source:
    source = market.agreed_data(site, site.seller)
    register.terminate_agreement(site.seller.actor, source.agreement_id or "", reason="x")
    return source


def without_agreement(site: Site) -> market.Source:
    return replace(market.agreed_data(site, site.seller), agreement_id=None)


def closed(site: Site) -> market.Source:
    department = approved_department(site, "示例局")
    record = origins.record(department, "closed")
    agreement = origins.agreement(site.seller, department, record)
    return replace(market.OWN_SOURCE, kind="government_open", record_id=record.id, agreement_id=agreement.id)


@pytest.mark.rule("G-04", "G-07", "G-08", "G-17", "G-18")
@pytest.mark.parametrize(
    ("source", "rule", "code"),
    [
        (incomplete, "G-08", "agreement_incomplete"),
        (not_for_sale, "G-17", "outputs_not_for_sale"),
        (ended, "G-18", "agreement_ended"),
        (without_agreement, "G-07", "agreement_missing"),
        (closed, "G-04", "closed_data"),
    ],
)
def test_government_data_that_may_not_be_sold_is_not_listed(
    site: Site, source: Callable[[Site], market.Source], rule: str, code: str
) -> None:
    version_id = drafted(site, market.declared(site.seller, source(site)))
    refused(site.call(site.seller, "POST", f"/versions/{version_id}/submit"), rule, code)
    assert site.call(site.seller, "GET", f"/versions/{version_id}").json["state"] == "draft"


@pytest.mark.rule("G-17", "G-18")
def test_an_agreement_stops_the_sale_it_does_not_cover_and_all_sales_when_it_ends(site: Site) -> None:
    source = market.agreed_data(
        site, site.seller, ends_on=date(2031, 6, 30), purposes=("research",), buyers_allowed=("department",)
    )
    version = market.published(market.approved(site, market.submitted(site.seller, source)))
    outside = OFFER | {"version_id": version.id, "purposes": ["commercial.insurance"]}
    refused(site.call(site.seller, "POST", "/offers", outside), "G-17", "purpose_not_covered")
    offered = site.call(site.seller, "POST", "/offers", OFFER | {"version_id": version.id})
    assert offered.status_code == 201, offered.text
    order = request_of(site, offer_id=offered.json["id"], purpose="research")
    refused(site.call(site.buyer, "POST", "/orders", order), "G-17", "buyer_not_allowed")
    register.terminate_agreement(site.seller.actor, source.agreement_id or "", reason="x")
    refused(site.call(site.buyer, "POST", "/orders", order), "G-18", "agreement_ended")
    refused(site.call(site.seller, "POST", "/offers", OFFER | {"version_id": version.id}), "G-18", "agreement_ended")


@pytest.mark.rule("G-01")
def test_government_data_two_trades_upstream_is_not_sold_directly(site: Site) -> None:
    first, second = approved_company(site, "上游一"), approved_company(site, "上游二")
    root = origins.signed(first, origins.content(market.open_data(site)))
    middle = origins.signed(second, origins.content(origins.bought_source(origins.acquired(second, root))))
    source = origins.bought_source(origins.acquired(site.seller, middle), title="加工表", use="derived")
    version = market.published(market.approved(site, market.submitted(site.seller, source)))
    shown = site.call(None, "GET", f"/versions/{version.id}").json["classification"]
    assert (shown["government_derived"], max(link["depth"] for link in shown["chain"])) == (True, 2)
    direct = OFFER | {"version_id": version.id, "channel": "direct"}
    refused(site.call(site.seller, "POST", "/offers", direct), "G-01", "direct_channel_barred")
