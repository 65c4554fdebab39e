from typing import Any

import origins
import pytest
from origins import bought_source, content, government_source, own_source
from people import Party
from sqlalchemy import event

from exchange.db import engine, read, transaction
from exchange.errors import Invalid, NotFound, Refused
from provenance import declarations, lineage, routing
from provenance.models import Declaration
from provenance.routing import Classification


def classified(declaration: Declaration) -> Classification:
    with read() as session:
        return routing.classification(session, declaration.id)


@pytest.fixture
def upstream(department: Party, stranger: Party) -> Declaration:
    """Another party's goods, which incorporate open government data."""
    return origins.signed(stranger, content(government_source(origins.record(department))))


@pytest.mark.rule("P-08")
def test_own_data_is_not_government_derived(seller: Party) -> None:
    found = classified(origins.signed(seller, content()))
    assert not found.government_derived
    assert not found.needs_decision
    assert found.chain == ()
    assert "自愿" in found.text.zh


@pytest.mark.rule("P-08")
def test_a_mixed_product_counts(seller: Party, department: Party) -> None:
    record = origins.record(department)
    found = classified(origins.signed(seller, content(own_source(), government_source(record, use="derived"))))
    assert found.government_derived
    assert found.rules == ("P-08", "G-01")
    (step,) = found.chain
    assert (step.position, step.depth, step.record_id, step.government) == (1, 0, record.id, True)
    assert record.official_number in step.text.zh
    assert record.official_number in step.text.en


@pytest.mark.rule("P-08")
def test_data_that_only_shaped_the_product_is_left_to_two_reviewers(seller: Party, department: Party) -> None:
    record = origins.record(department)
    for use in ("trained", "validated", "reference"):
        found = classified(origins.signed(seller, content(government_source(record, use=use))))
        assert not found.government_derived
        assert found.needs_decision
        assert [step.passing for step in found.chain] == [False]


@pytest.mark.rule("P-08")
def test_the_holder_counts_and_not_the_label(seller: Party, department: Party) -> None:
    for label in ("public", "self_collected", "purchased_elsewhere", "web", "synthetic", "shared"):
        source = own_source(kind=label, holder_org_id=department.org_id)
        assert classified(origins.signed(seller, content(source))).government_derived


@pytest.mark.rule("P-08")
def test_a_catalogue_record_counts_and_not_the_label(seller: Party, department: Party) -> None:
    source = own_source(kind="web", record_id=origins.record(department).id)
    assert classified(origins.signed(seller, content(source))).government_derived


@pytest.mark.rule("P-08")
def test_what_a_department_collected_itself_is_government_data(department: Party) -> None:
    assert classified(origins.signed(department, content())).government_derived


@pytest.mark.rule("P-08")
def test_government_data_two_purchases_away_is_found(
    department: Party, stranger: Party, seller: Party, upstream: Declaration
) -> None:
    middle = origins.signed(
        department, content(bought_source(origins.acquired(department, upstream), title="中间产品", use="derived"))
    )
    bought = origins.acquired(seller, middle)
    last = origins.signed(seller, content(own_source(), bought_source(bought, title="末端来源")))
    found = classified(last)
    assert found.government_derived
    assert [(step.depth, step.declaration_id) for step in found.chain] == [
        (0, last.id),
        (1, middle.id),
        (2, upstream.id),
    ]
    assert [step.government for step in found.chain] == [False, False, True]
    assert "末端来源" in found.chain[0].text.zh
    assert "This product" in found.chain[0].text.en


@pytest.mark.rule("P-08")
def test_one_use_that_does_not_pass_the_data_on_ends_the_chain(seller: Party, upstream: Declaration) -> None:
    bought = origins.acquired(seller, upstream)
    trained = classified(origins.signed(seller, content(bought_source(bought, use="trained"))))
    assert not trained.government_derived
    assert trained.needs_decision
    both = content(bought_source(bought, use="trained"), bought_source(bought, use="derived"))
    mixed = classified(origins.signed(seller, both))
    assert mixed.government_derived
    assert [step.position for step in mixed.chain if step.depth == 0] == [1]


def test_the_whole_closure_is_one_query(seller: Party, stranger: Party, upstream: Declaration) -> None:
    declaration = upstream
    for party in (seller, stranger, seller, stranger):
        bought = origins.acquired(party, declaration)
        declaration = origins.signed(party, content(bought_source(bought), bought_source(bought, use="trained")))
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    with read() as session:
        event.listen(engine(), "before_cursor_execute", note)
        try:
            links = lineage.trace(session, declaration.id)
        finally:
            event.remove(engine(), "before_cursor_execute", note)
    assert len(statements) == 1
    assert len(links) == 4 * 2 + 1
    assert max(link.depth for link in links) == 4


def test_a_cycle_ends(seller: Party, department: Party) -> None:
    """No verb can make one: a declaration that buys itself is written here row by row."""
    drafted = declarations.declare(seller.actor, content(own_source()))
    bought = origins.acquired(seller, drafted)
    again = content(bought_source(bought), government_source(origins.record(department)))
    declarations.revise_declaration(seller.actor, drafted.id, again, row_version=drafted.row_version)
    found = classified(drafted)
    assert found.government_derived
    assert len(found.chain) == 1


def test_a_draft_is_classified_as_it_stands(seller: Party, department: Party) -> None:
    drafted = declarations.declare(seller.actor, content(government_source(origins.record(department))))
    assert classified(drafted).government_derived
    declarations.revise_declaration(seller.actor, drafted.id, content(), row_version=drafted.row_version)
    assert not classified(drafted).government_derived


def test_nothing_is_known_of_what_is_not_there(db: object) -> None:
    with read() as session, pytest.raises(NotFound):
        routing.classification(session, "dec_00000000000000000000000000")


@pytest.mark.rule("G-01")
def test_government_derived_goods_are_not_offered_directly(seller: Party, upstream: Declaration) -> None:
    last = origins.signed(seller, content(bought_source(origins.acquired(seller, upstream))))
    with transaction(seller.actor) as tx:
        routing.channel_allowed(tx, last.id, "exchange")
        routing.channel_allowed(tx, last.id, "other_exchange")
        with pytest.raises(Refused) as refusal:
            routing.channel_allowed(tx, last.id, "direct")
    assert refusal.value.rule_id == "G-01"
    assert "Article 28(2)" in refusal.value.message


@pytest.mark.rule("G-01")
def test_other_goods_may_be_offered_directly(seller: Party) -> None:
    own = origins.signed(seller, content())
    with transaction(seller.actor) as tx:
        routing.channel_allowed(tx, own.id, "direct")
        with pytest.raises(Invalid):
            routing.channel_allowed(tx, own.id, "pigeon")


@pytest.mark.rule("G-15")
def test_the_lines_of_all_government_sources_are_printed_once(
    seller: Party, department: Party, upstream: Declaration
) -> None:
    record = origins.record(department)
    said = content(
        own_source(),
        government_source(record),
        government_source(record, use="validated"),
        bought_source(origins.acquired(seller, upstream), use="trained"),
        own_source(kind="public", holder="示例气象局", holder_org_id=department.org_id, title="雨量"),
    )
    with read() as session:
        lines = lineage.source_lines(session, origins.signed(seller, said).id)
        (inherited,) = lineage.source_lines(session, upstream.id)
    assert lines[0].zh == record.source_line_zh
    assert lines[1].zh == "数据来源：示例气象局《雨量》"
    assert lines[2:] == [inherited]
