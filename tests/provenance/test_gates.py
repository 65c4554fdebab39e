from collections.abc import Callable
from datetime import timedelta
from typing import Any

import origins
import people
import pytest
from origins import bought_source, content, government_source
from people import Party
from sqlalchemy import select

from exchange.actors import Actor
from exchange.db import Transaction, advance_clock, read, transaction, verb
from exchange.errors import Refused
from exchange.journal.models import JournalEntry
from exchange.oversight import restraints
from provenance import declarations, gates, government, register
from provenance.models import Declaration
from provenance.register import DataItem


@verb
def ask(tx: Transaction, declaration_id: str) -> None:
    """A verb of a room further right that asks whether the declaration stands."""
    gates.STANDING.ask(tx, declaration_id)


def stands(party: Party, declaration: Declaration) -> str:
    """``stands``, or the rule and code of the refusal."""
    try:
        ask(party.actor, declaration.id)
    except Refused as refusal:
        return f"{refusal.rule_id} {refusal.code}"
    return "stands"


def refused(party: Party, gate: Callable[..., None], *about: Any) -> str:
    with transaction(party.actor) as tx, pytest.raises(Refused) as refusal:
        gate(tx, *about)
    return f"{refusal.value.rule_id} {refusal.value.code}"


@pytest.mark.rule("P-01")
def test_a_draft_does_not_stand_and_the_refusal_is_kept(seller: Party) -> None:
    drafted = declarations.declare(seller.actor, content())
    assert stands(seller, drafted) == "P-01 declaration_not_signed"
    with read() as session:
        actions = session.scalars(select(JournalEntry.action).where(JournalEntry.subject == drafted.id)).all()
    assert "gate.refused" in actions
    declarations.sign_declaration(seller.actor, drafted.id, password=seller.password)
    assert stands(seller, drafted) == "stands"


@pytest.mark.rule("P-03")
def test_with_neither_ground_nothing_stands(seller: Party) -> None:
    for neither in ({"ground": None}, {"anonymisation_evidence": None}, {"ground": "B"}):
        drafted = declarations.declare(seller.actor, content(**neither))
        assert refused(seller, gates.grounded, drafted.id) == "P-03 no_ground"


# -- authorisations (P-04) --------------------------------------------------------------------------------------------


@pytest.mark.rule("P-04")
def test_an_authorisation_holds_from_its_first_day_to_the_end_of_its_last(seller: Party) -> None:
    signed = origins.signed(seller, origins.on_grants(origins.grant(ends_on=origins.days_from_now(9))))
    assert stands(seller, signed) == "stands"
    advance_clock(seller.actor, timedelta(days=10))
    assert stands(seller, signed) == "P-04 authorisation_ended"
    later = origins.on_grants(origins.grant(starts_on=origins.days_from_now(1)))
    assert refused(seller, signing(seller, later)) == "P-04 authorisation_not_begun"
    barred = origins.on_grants(origins.grant(onward_allowed=False))
    assert refused(seller, signing(seller, barred)) == "P-04 authorisation_not_onward"


def signing(party: Party, said: declarations.Content) -> Callable[[Transaction], None]:
    drafted = declarations.declare(party.actor, said)
    return lambda tx: gates.SIGNING.ask(tx, drafted.id)


@pytest.mark.rule("P-04")
def test_a_withdrawn_authorisation_stops_descendants_at_that_moment(seller: Party, stranger: Party) -> None:
    upstream = origins.signed(stranger, origins.on_grants(origins.grant()))
    last = origins.signed(seller, content(bought_source(origins.acquired(seller, upstream))))
    assert stands(seller, last) == "stands"
    with transaction(stranger.actor) as tx:
        _, (authorisation,) = declarations.rows_of(tx, upstream)
    declarations.withdraw_authorisation(stranger.actor, upstream.id, authorisation.id, reason="授权人来函")
    assert stands(stranger, upstream) == "P-04 authorisation_withdrawn"
    assert stands(seller, last) == "P-04 authorisation_withdrawn"


# -- what was bought here (P-06) --------------------------------------------------------------------------------------


@pytest.mark.rule("P-07")
def test_what_tools_gathered_comes_with_a_statement(seller: Party) -> None:
    with pytest.raises(Refused) as refusal:
        origins.signed(seller, content(origins.own_source(kind="web", not_intrusive=False)))
    assert (refusal.value.rule_id, refusal.value.code) == ("P-07", "intrusion_not_excluded")
    assert origins.signed(seller, content(origins.own_source(kind="web"))).state == "signed"


@pytest.mark.rule("P-06")
def test_a_licence_without_onward_use_bars_building_on_it(seller: Party, stranger: Party) -> None:
    upstream = origins.signed(stranger, content())
    bought = origins.acquired(seller, upstream, onward_allowed=False)
    assert refused(seller, signing(seller, content(bought_source(bought)))) == "P-06 onward_not_allowed"
    unnamed = content(origins.own_source(kind="purchased_here"))
    assert refused(seller, signing(seller, unnamed)) == "P-06 trade_not_named"


# -- government sources -----------------------------------------------------------------------------------------------


@pytest.mark.rule("G-03")
def test_government_data_names_its_record(seller: Party, department: Party) -> None:
    by_label = content(origins.own_source(kind="government_open"))
    by_holder = content(origins.own_source(kind="web", holder_org_id=department.org_id))
    for said in (by_label, by_holder):
        assert stands(seller, origins.signed(seller, said)) == "G-03 record_missing"


@pytest.mark.rule("G-04")
def test_closed_data_needs_authorised_operation(seller: Party, department: Party) -> None:
    record = origins.record(department, "closed")
    bare = origins.signed(seller, content(government_source(record)))
    assert stands(seller, bare) == "G-04 closed_data"
    opened = origins.agreement(seller, department, record)
    wrong = origins.signed(seller, content(government_source(record, agreement_id=opened.id)))
    assert stands(seller, wrong) == "G-04 closed_data"
    operated = origins.agreement(seller, department, record, basis="authorised_operation")
    right = origins.signed(seller, content(government_source(record, agreement_id=operated.id)))
    assert stands(seller, right) == "stands"


@pytest.mark.rule("G-04")
def test_a_use_that_passes_nothing_on_still_needs_a_lawful_source(seller: Party, department: Party) -> None:
    record = origins.record(department, "closed")
    trained = origins.signed(seller, content(government_source(record, use="trained")))
    assert stands(seller, trained) == "G-04 closed_data"


@pytest.mark.rule("G-06")
def test_open_data_comes_with_evidence_of_its_retrieval(seller: Party, department: Party) -> None:
    record = origins.record(department)
    assert stands(seller, origins.signed(seller, content(government_source(record)))) == "stands"
    without = origins.signed(seller, content(government_source(record, retrieved_at=None)))
    assert stands(seller, without) == "G-06 retrieval_not_evidenced"


@pytest.mark.rule("G-07")
def test_conditional_data_needs_an_agreement_in_force_that_lists_it(seller: Party, department: Party) -> None:
    record, other = origins.record(department, "conditional"), origins.record(department, "conditional")
    bare = origins.signed(seller, content(government_source(record)))
    assert stands(seller, bare) == "G-07 agreement_missing"
    drafted = register.draft_agreement(seller.actor, origins.terms(record), department_org_id=department.org_id)
    agreed = origins.signed(seller, content(government_source(record, agreement_id=drafted.id)))
    assert stands(seller, agreed) == "G-07 agreement_not_in_force"
    register.sign_agreement(seller.actor, drafted.id, password=seller.password)
    assert stands(seller, agreed) == "G-07 agreement_not_in_force"
    register.sign_agreement(department.actor, drafted.id, password=department.password)
    assert stands(seller, agreed) == "stands"
    unlisted = origins.signed(seller, content(government_source(other, agreement_id=drafted.id)))
    assert stands(seller, unlisted) == "G-07 agreement_without_record"


@pytest.mark.rule("G-07")
def test_an_agreement_counts_from_its_first_day(seller: Party, department: Party) -> None:
    record = origins.record(department, "conditional")
    agreement = origins.agreement(seller, department, record, starts_on=origins.days_from_now(2))
    signed = origins.signed(seller, content(government_source(record, agreement_id=agreement.id)))
    assert stands(seller, signed) == "G-07 agreement_not_begun"
    advance_clock(seller.actor, timedelta(days=2))
    assert stands(seller, signed) == "stands"


@pytest.mark.rule("G-08")
def test_an_agreement_that_lacks_an_item_blocks_the_listing(seller: Party, department: Party) -> None:
    record = origins.record(department, "conditional")
    lacking: dict[str, dict[str, Any]] = {
        "data_list": {"data": ()},
        "purpose": {"purposes": ()},
        "application_scenario": {"application_scenario": " "},
        "security_measures": {"security_measures": ""},
        "term": {"ends_on": None},
        "disposal": {"disposal": ""},
    }
    for item, terms in lacking.items():
        agreement = origins.agreement(seller, department, record, **terms)
        assert agreement.missing_items == (item,)
        signed = origins.signed(seller, content(government_source(record, agreement_id=agreement.id)))
        assert stands(seller, signed) == "G-08 agreement_incomplete"


@pytest.mark.rule("G-18")
def test_an_agreement_that_ended_stops_new_trades_at_once(seller: Party, stranger: Party, department: Party) -> None:
    record = origins.record(department, "conditional")
    agreement = origins.agreement(stranger, department, record)
    upstream = origins.signed(stranger, content(government_source(record, agreement_id=agreement.id)))
    last = origins.signed(seller, content(bought_source(origins.acquired(seller, upstream))))
    assert stands(seller, last) == "stands"
    advance_clock(seller.actor, timedelta(days=366))
    assert stands(stranger, upstream) == "G-18 agreement_ended"  # the worker may still be on its way
    register.end_agreement(Actor.clock(), agreement.id)
    assert stands(stranger, upstream) == "G-18 agreement_ended"
    assert stands(seller, last) == "G-18 agreement_ended"


@pytest.mark.rule("G-18")
def test_a_terminated_agreement_stops_new_trades(seller: Party, department: Party) -> None:
    record = origins.record(department, "conditional")
    agreement = origins.agreement(seller, department, record)
    signed = origins.signed(seller, content(government_source(record, agreement_id=agreement.id)))
    register.terminate_agreement(department.actor, agreement.id, reason="违反约定")
    assert stands(seller, signed) == "G-18 agreement_ended"


def test_a_department_needs_no_agreement_with_itself(department: Party) -> None:
    record = origins.record(department, "conditional")
    assert stands(department, origins.signed(department, content(government_source(record)))) == "stands"


@pytest.mark.rule("K-05")
def test_a_restraint_on_what_stands_behind_it_stops_new_trades(seller: Party, stranger: Party, db: object) -> None:
    upstream = origins.signed(stranger, content())
    last = origins.signed(seller, content(bought_source(origins.acquired(seller, upstream))))
    restraints.restrain(
        people.staff(db, "security_administrator"),
        upstream.id,
        measure="suspension",
        basis="《数据安全法》第四十四条",
        reason="来源存疑",
    )
    assert stands(seller, last) == "K-05 restrained"


# -- purposes and buyers (G-17) ---------------------------------------------------------------------------------------


@pytest.mark.rule("G-17")
def test_the_buyers_purpose_lies_inside_the_agreements(seller: Party, department: Party) -> None:
    record = origins.record(department, "conditional")
    agreement = origins.agreement(seller, department, record, purposes=("commercial.insurance", "research"))
    signed = origins.signed(seller, content(government_source(record, agreement_id=agreement.id)))
    with transaction(seller.actor) as tx:
        gates.purposes_covered(tx, signed.id, ["research.academic", "commercial.insurance"])
    for outside in (["commercial"], ["research", "commercial.credit"]):
        assert refused(seller, gates.purposes_covered, signed.id, outside) == "G-17 purpose_not_covered"


@pytest.mark.rule("G-17")
def test_purposes_are_carried_on_to_what_is_built_later(seller: Party, stranger: Party, department: Party) -> None:
    record = origins.record(department, "conditional")
    agreement = origins.agreement(stranger, department, record, purposes=("commercial.insurance",))
    upstream = origins.signed(stranger, content(government_source(record, agreement_id=agreement.id)))
    wide = origins.acquired(seller, upstream, purposes=("commercial",))
    last = origins.signed(seller, content(bought_source(wide)))
    assert refused(seller, gates.purposes_covered, last.id, ["commercial.credit"]) == "G-17 purpose_not_covered"
    narrow = origins.acquired(seller, upstream, purposes=("research",))
    other = origins.signed(seller, content(bought_source(narrow)))
    assert refused(seller, gates.purposes_covered, other.id, ["commercial.insurance"]) == "P-06 purpose_not_covered"


@pytest.mark.rule("P-04")
def test_the_buyers_purpose_lies_inside_the_authorisations(seller: Party) -> None:
    signed = origins.signed(seller, origins.on_grants(origins.grant(purposes=("research",))))
    assert refused(seller, gates.purposes_covered, signed.id, ["commercial"]) == "P-04 purpose_not_covered"


@pytest.mark.rule("G-17")
def test_outputs_are_sold_only_where_the_agreement_says_so_and_to_whom(seller: Party, department: Party) -> None:
    record = origins.record(department, "conditional")
    barred = origins.agreement(seller, department, record, outputs_may_be_sold=False)
    signed = origins.signed(seller, content(government_source(record, agreement_id=barred.id)))
    assert stands(seller, signed) == "G-17 outputs_not_for_sale"
    allowed = origins.agreement(seller, department, record, buyers_allowed=("department",))
    signed = origins.signed(seller, content(government_source(record, agreement_id=allowed.id)))
    with transaction(seller.actor) as tx:
        government.buyer_allowed(tx, signed.id, department.org_id)
    assert refused(seller, government.buyer_allowed, signed.id, seller.org_id) == "G-17 buyer_not_allowed"


def test_the_list_of_data_may_name_records_without_columns(seller: Party, department: Party) -> None:
    record = origins.record(department, "conditional")
    agreement = origins.agreement(seller, department, data=(DataItem(record.id, ()),))
    signed = origins.signed(seller, content(government_source(record, agreement_id=agreement.id)))
    assert stands(seller, signed) == "stands"
