"""What the exchange refuses, refused by its pages: the form comes back and says why and what to do, in both languages.

The same refusals over the API stand in ``test_refusals`` and ``test_steps``.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from html import unescape
from io import BytesIO

import market
import origins
import pytest
from exchange_site import VISA, Site, entries_told
from market import DESCRIPTION, deposited
from page_forms import LANGUAGES, OWN_WORDS, Attempt, browser, offering, ordering, problem_of, sent, told
from people import (
    PASSWORD,
    Party,
    approved_company,
    authorised,
    handler,
    registered,
    staff,
    submitted,
)

from exchange import clock, rules
from exchange.actors import Actor
from exchange.db import advance_clock, transaction
from exchange.members import authority
from exchange.members.models import Membership
from exchange.money import Money
from exchange.oversight import restraints
from listings import grading, review, versions
from listings.states import CHECKLIST
from provenance import declarations, register
from settlement import delivery, lots
from settlement.models import Lot
from tests.flows import test_refusals as over_the_api
from tests.flows.test_steps import POSSIBLE, brought

#: Nothing that a party could do makes these lawful.
WITHOUT_REMEDY = {"same_party"}


def refused_on_page(site: Site, attempt: Attempt, rule_id: str, code: str) -> None:
    """In both languages: rule, citation and remedy are shown, what was typed is kept, nothing but the refusal told."""
    for lang in LANGUAGES:
        before = entries_told()
        answer = sent(site, attempt, lang)
        said = told(answer, lang, code, 409)
        rule = rules.rule(rule_id)
        assert f'#{rule_id}">{rule_id}</a>' in said
        assert rules.citation(rule, lang) in said
        assert rule.text.in_lang(lang) in said
        remedy = {"zh": "如何处理：", "en": "What to do:"}[lang]
        assert (remedy in said) == (code not in WITHOUT_REMEDY), said
        for words in attempt.kept:
            assert words in unescape(answer.text), words
        assert PASSWORD not in answer.text
        assert entries_told() - before <= 1  # the refusal itself, where there is a subject to tell it of


def turned_away(site: Site, attempt: Attempt, code: str, status: int = 409) -> None:
    """In both languages: the code is shown, what was typed is kept, nothing is told."""
    for lang in LANGUAGES:
        before = entries_told()
        answer = sent(site, attempt, lang)
        told(answer, lang, code, status)
        for words in attempt.kept:
            assert words in unescape(answer.text), words
        assert entries_told() == before


# -- parties without standing, at each step ---------------------------------------------------------------------------


def drafted(site: Site, declaration_id: str | None) -> str:
    version = versions.create_product(site.seller.actor, DESCRIPTION)
    versions.attach(site.seller.actor, version.id, deposit_id=deposited(site.seller), declaration_id=declaration_id)
    grading.grade_version(site.seller.actor, version.id, market.GRADED)
    return version.id


def listing(site: Site) -> Attempt:
    return Attempt(site.seller, f"/desk/versions/{drafted(site, market.declared(site.seller))}/check")


def signing(site: Site) -> Attempt:
    return Attempt(site.seller, f"/desk/trades/{site.requested()}/sign", fields={"password": site.seller.password})


def lot_form(by: Party | Actor, lot: Lot, step: str, **fields: str) -> Attempt:
    """A form of a lot's page; its fields carry the names of the step and of the lot."""
    named = {f"{step}_{lot.id}-{name}": value for name, value in fields.items()}
    return Attempt(by, f"/desk/lots/{lot.id}", f"/desk/lots/{lot.id}/{step}", named)


def paying(site: Site) -> Attempt:
    return lot_form(site.buyer, site.due(), "pay")


Make = Callable[[Site], Attempt]


@pytest.mark.rule("I-02")
@pytest.mark.parametrize("make", [listing, offering, ordering, signing, paying])
@pytest.mark.parametrize(
    ("lose", "code"), [(over_the_api.suspended, "party_suspended"), (over_the_api.lapsed, "party_lapsed")]
)
def test_a_party_that_lost_its_standing_is_told_so_on_the_page(
    site: Site, make: Make, lose: Callable[[Site, Party], None], code: str
) -> None:
    attempt = make(site)
    assert isinstance(attempt.by, Party)
    lose(site, attempt.by)
    try:
        refused_on_page(site, attempt, "I-02", code)
    finally:
        over_the_api.restored(site, attempt.by)
    assert sent(site, attempt).status_code == 303


@pytest.mark.rule("I-01")
@pytest.mark.parametrize("make", [registered, submitted])
def test_who_was_not_vetted_is_told_so_on_the_page(site: Site, make: Callable[..., Party]) -> None:
    newcomer = make(site, "新来公司")
    refused_on_page(site, ordering(site, by=newcomer), "I-01", "party_not_vetted")
    account = Attempt(newcomer, "/desk/money/account", fields={"country": "HK"})
    refused_on_page(site, account, "I-01", "party_not_vetted")
    reader = browser(site, newcomer)
    reader.get("/desk/deposits")
    body = {"csrf_token": reader.csrf, "next": "/desk/deposits", "file": (BytesIO(market.CSV), "a.csv")}
    answer = reader.client.post("/desk/deposits/whole", data=body, headers={"Accept": "text/html"})
    assert answer.status_code == 409
    assert "party_not_vetted" in answer.text


@pytest.mark.rule("K-05")
@pytest.mark.parametrize("make", [ordering, signing, paying])
def test_nothing_restrained_is_traded_by_a_form(site: Site, make: Make) -> None:
    attempt = make(site)
    overseer = Actor("per_overseer", "org_organ", frozenset({"security_administrator"}))
    ordered = restraints.restrain(
        overseer, site.product.product_id, measure="suspension", basis="示例条例第1条", reason="x"
    )
    try:
        refused_on_page(site, attempt, "K-05", "restrained")
    finally:
        restraints.lift(overseer, ordered.id, reason="x")
    assert sent(site, attempt).status_code == 303


# -- both sides, and who signs ----------------------------------------------------------------------------------------


@pytest.mark.rule("I-02")
def test_nobody_buys_from_themselves_by_a_form(site: Site) -> None:
    refused_on_page(site, ordering(site, by=site.seller), "I-02", "same_party")
    buyer = approved_company(site, "同人公司")
    with transaction(Actor.clock()) as tx:
        tx.add(Membership(person_id=buyer.person_id, org_id=site.seller.org_id, role="trader", since=tx.now))
        tx.record(site.seller.org_id, "member.joined", by="owner")
    refused_on_page(site, ordering(site, by=buyer), "I-02", "same_person")


@pytest.mark.rule("I-07")
def test_a_form_is_signed_within_a_letter_of_authority_only(site: Site) -> None:
    who = handler(site, site.buyer)
    attempt = replace(ordering(site), by=who)
    refused_on_page(site, attempt, "I-07", "no_authority")
    low = authorised(site.buyer, who, ceiling=Money(119_999, "HKD"))
    refused_on_page(site, attempt, "I-07", "above_ceiling")
    authority.revoke_authority(site.buyer.actor, low.id)
    refused_on_page(site, attempt, "I-07", "authority_ended")
    authorised(site.buyer, who, ends_at=clock.now() + timedelta(days=1))
    assert sent(site, attempt).status_code == 303
    advance_clock(Actor.clock(), timedelta(days=1))
    refused_on_page(site, attempt, "I-07", "authority_ended")


@pytest.mark.rule("I-08")
def test_nobody_decides_their_own_case_by_a_form(site: Site) -> None:
    party = submitted(site, "自审公司")
    roles = frozenset({"vetting_officer", "compliance_reviewer"})
    officer = Actor(party.person_id, "org_operator", roles)
    case = f"/console/identity/{party.case_id}"
    refused_on_page(site, Attempt(officer, case, f"{case}/take-up"), "I-08", "own_case")
    owner = Actor(site.seller.person_id, "org_operator", roles)
    reason = {"standing-reason": OWN_WORDS}
    suspending = Attempt(
        owner,
        f"/console/identity/{site.seller.case_id}",
        f"/console/identity/parties/{site.seller.org_id}/suspend",
        reason,
        kept=(OWN_WORDS,),
    )
    refused_on_page(site, suspending, "I-08", "own_case")
    shown = f"/console/listings/{site.product.version_id}"
    refused_on_page(site, Attempt(owner, shown, f"{shown}/suspend", reason, kept=(OWN_WORDS,)), "I-08", "own_case")


@pytest.mark.rule("I-08")
def test_one_person_is_not_two_reviewers_on_the_page(site: Site) -> None:
    version = market.submitted(site.seller, market.open_data(site))
    first = staff(site, "compliance_reviewer")
    review.take_up(first, version.id)
    review.approve(first, version.id, checklist=market.PASSED)
    case = f"/console/listings/{version.id}"
    decision = {f"decision-checklist.{rule}": "pass" for rule in CHECKLIST}
    fields = decision | {"decision-reason": OWN_WORDS, "decide": "approve"}
    attempt = Attempt(first, case, f"{case}/decide", fields, kept=(OWN_WORDS,))
    refused_on_page(site, attempt, "I-08", "second_person_needed")


# -- where the data came from -----------------------------------------------------------------------------------------


@pytest.mark.rule("P-01")
def test_without_a_signed_declaration_the_last_step_says_so(site: Site) -> None:
    unsigned = declarations.declare(site.seller.actor, origins.content()).id
    for declaration_id in (None, unsigned):
        attempt = Attempt(site.seller, f"/desk/versions/{drafted(site, declaration_id)}/check")
        refused_on_page(site, attempt, "P-01", "declaration_missing")


@pytest.mark.rule("P-03")
def test_with_neither_ground_the_page_signs_nothing(site: Site) -> None:
    content = declarations.Content(sources=(market.OWN_SOURCE,), ground=None, truth_undertaken=True)
    declaration = declarations.declare(site.seller.actor, content)
    attempt = Attempt(
        site.seller,
        f"/desk/declarations/{declaration.id}/sign",
        fields={"password": site.seller.password, "truth_undertaken": "true"},
    )
    refused_on_page(site, attempt, "P-03", "no_ground")


@pytest.mark.rule("G-04", "G-07", "G-08", "G-17", "G-18")
@pytest.mark.parametrize(
    ("source", "rule_id", "code"),
    [
        (over_the_api.incomplete, "G-08", "agreement_incomplete"),
        (over_the_api.not_for_sale, "G-17", "outputs_not_for_sale"),
        (over_the_api.ended, "G-18", "agreement_ended"),
        (over_the_api.without_agreement, "G-07", "agreement_missing"),
        (over_the_api.closed, "G-04", "closed_data"),
    ],
)
def test_government_data_that_may_not_be_sold_stops_at_the_last_step(
    site: Site, source: Callable[[Site], market.Source], rule_id: str, code: str
) -> None:
    version_id = drafted(site, market.declared(site.seller, source(site)))
    refused_on_page(site, Attempt(site.seller, f"/desk/versions/{version_id}/check"), rule_id, code)
    assert site.call(site.seller, "GET", f"/versions/{version_id}").json["state"] == "draft"


@pytest.mark.rule("G-01", "G-17", "G-18")
def test_an_agreement_bounds_offers_and_orders_on_their_pages(site: Site) -> None:
    source = market.agreed_data(
        site, site.seller, ends_on=date(2031, 6, 30), purposes=("research",), buyers_allowed=("department",)
    )
    version = market.published(market.approved(site, market.submitted(site.seller, source)))
    for change, rule_id, code in (
        ({"purposes": "commercial.insurance"}, "G-17", "purpose_not_covered"),
        ({"channel": "direct"}, "G-01", "direct_channel_barred"),
    ):
        refused_on_page(site, offering(site, version.id, **change), rule_id, code)
    body = over_the_api.OFFER | {"version_id": version.id}
    offer_id = site.call(site.seller, "POST", "/offers", body).json["id"]
    asked = ordering(site, offer_id, purpose="research")
    refused_on_page(site, asked, "G-17", "buyer_not_allowed")
    register.terminate_agreement(site.seller.actor, source.agreement_id or "", reason="x")
    refused_on_page(site, asked, "G-18", "agreement_ended")
    refused_on_page(site, offering(site, version.id), "G-18", "agreement_ended")


# -- steps that are none ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", POSSIBLE)
def test_a_form_for_a_step_that_is_none_from_here_is_refused(site: Site, state: str) -> None:
    lot = brought(site, state)
    steps: dict[str, tuple[str, dict[str, str]]] = {
        "pay": ("buyer", {}),
        "cancel": ("buyer", {}),
        "accept": ("buyer", {}),
        "reject": ("buyer", {"reason": OWN_WORDS}),
        "dispute": ("buyer", {"reason": OWN_WORDS}),
        "deliver": ("seller", {}),
        "decline": ("seller", {"reason": OWN_WORDS}),
        "settle": ("buyer", {"seller_share_percent": "50"}),
        "object": ("buyer", {"reason": OWN_WORDS}),
    }
    before = entries_told()
    for step in steps.keys() - POSSIBLE[state]:
        side, fields = steps[step]
        reader = browser(site, getattr(site, side))
        reader.get(f"/desk/lots/{lot.id}")
        answer = reader.post(f"/desk/lots/{lot.id}/{step}", **lot_form(site.buyer, lot, step, **fields).fields)
        assert answer.status_code == 409, (step, answer.text)
        assert re.search("<code>(wrong_state|not_due)</code>", problem_of(answer)), step
    assert (site.state_of(lot), entries_told()) == (state, before)


def test_an_order_that_ended_takes_no_form(site: Site) -> None:
    order_id = site.requested()
    place = f"/desk/trades/{order_id}"
    assert sent(site, Attempt(site.buyer, place, f"{place}/withdraw")).status_code == 303
    for by, step, fields in (
        (site.buyer, "withdraw", {}),
        (site.seller, "sign", {"password": site.seller.password}),
        (site.seller, "decline", {"reason": "x"}),
        (site.buyer, "terminate", {"reason": "x"}),
    ):
        turned_away(site, Attempt(by, place, f"{place}/{step}", fields), "wrong_state")


@pytest.mark.rule("T-10")
def test_bytes_that_differ_are_not_accepted_on_the_page(site: Site) -> None:
    lot = site.delivered()
    accepting = lot_form(site.buyer, lot, "accept")
    refused_on_page(site, accepting, "T-10", "receipt_incomplete")
    delivery.confirm_receipt(site.buyer.actor, lot.id, bytes(32))
    refused_on_page(site, accepting, "T-10", "received_differs")
    assert site.state_of(lot) == "delivered"


def test_a_wrong_password_signs_no_form(site: Site) -> None:
    turned_away(site, ordering(site, password="not the password"), "wrong_password", 403)
    turned_away(site, replace(signing(site), fields={"password": "not the password"}), "wrong_password", 403)


def test_a_payment_under_way_is_not_ordered_twice_by_a_form(site: Site) -> None:
    lot = site.due()
    lots.pay_lot(site.buyer.actor, lot.id, request={"payment_method": VISA})
    turned_away(site, lot_form(site.buyer, lot, "pay"), "payment_under_way")
    site.work()


def test_what_a_suspended_or_superseded_version_offered_is_not_ordered(site: Site) -> None:
    product = market.published_product(site, site.seller)
    attempt = ordering(site, product.offer_id)
    reviewer = staff(site, "compliance_reviewer")
    review.suspend(reviewer, product.version_id, reason="x")
    turned_away(site, attempt, "version_suspended")
    review.restore(reviewer, product.version_id, reason="x")
    newer = market.submitted(site.seller, product_id=product.product_id, content=market.CSV + b"S9,2026-04-01,7\n")
    market.published(market.approved(site, newer))
    turned_away(site, attempt, "version_superseded")
