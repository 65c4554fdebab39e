"""Why a product is classified as it is, in words and as a picture, on nested sources."""

import origins
import pytest
from origins import acquired, bought_source, content, government_source, own_source, signed
from people import Party

from exchange.db import read
from provenance import declarations, drafting, queries
from provenance.difference import Difference, Said, compare
from provenance.explanation import Explanation, explain, origin
from provenance.graph import MAX_NODES, lineage_graph
from provenance.models import Declaration


def explained(declaration: Declaration) -> Explanation:
    with read() as session:
        return explain(session, declaration.id)


def nested(seller: Party, stranger: Party, department: Party, use: str = "derived") -> Declaration:
    """Government data behind something that was bought, beside an own source."""
    record = origins.record(department)
    upstream = signed(stranger, content(government_source(record), own_source(title="上游自有", holder="另一公司")))
    bought = bought_source(acquired(seller, upstream), use=use)
    return signed(seller, content(own_source(), bought))


@pytest.mark.rule("P-08")
def test_the_chain_leads_from_each_source_to_its_consequence(seller: Party, stranger: Party, department: Party) -> None:
    said = explained(nested(seller, stranger, department))
    assert (said.classification.government_derived, said.channel.rule_id) == (True, "G-01")
    assert "direct" not in said.channel.channels
    assert "第二十八条第二款" in said.channel.text.zh
    bought, government, *others = said.chain
    assert (bought.rule_id, bought.depth, bought.government) == ("P-06", 0, False)
    assert "延误天气表" in bought.text.zh
    assert (government.rule_id, government.depth, government.government) == ("G-06", 1, True)
    for part in ("气象观测", "示例气象局", "目录编号", "无条件开放", "第十八条", "政务数据形成"):
        assert part in government.text.zh
    for part in ("held by 示例气象局", "catalogue number", "Art. 18(1)", "made with government data"):
        assert part in government.text.en
    assert {step.rule_id for step in others} == {"P-02"}
    assert [step.depth for step in others] == [0, 1]
    assert all("不因此成为" in step.text.zh for step in others)


def test_data_that_only_shaped_the_product_leaves_the_channel_open(
    seller: Party, stranger: Party, department: Party
) -> None:
    said = explained(nested(seller, stranger, department, use="trained"))
    assert (said.classification.needs_decision, said.channel.rule_id) == (True, "P-08")
    assert "两名审核员" in said.chain[1].text.zh


def test_the_law_follows_the_open_attribute(seller: Party, department: Party) -> None:
    conditional, closed = (origins.record(department, kind) for kind in ("conditional", "closed"))
    drafted = drafting_of(seller, government_source(conditional), government_source(closed))
    assert [step.rule_id for step in explained(drafted).chain] == ["G-07", "G-04"]
    unnamed = drafting_of(seller, own_source(kind="shared", holder_org_id=department.org_id))
    assert explained(unnamed).chain[0].rule_id == "G-03"


def drafting_of(seller: Party, *sources: object) -> Declaration:
    return declarations.declare(seller.actor, content(*sources))


def test_the_origin_for_everybody_has_lines_words_and_channel(seller: Party, department: Party) -> None:
    derived, free = signed(seller, content(government_source(origins.record(department)))), signed(seller, content())
    with read() as session:
        found, other = origin(session, derived.id), origin(session, free.id)
    assert found.source_lines[0].zh.startswith("数据来源：示例气象局")
    assert (found.channel.rule_id, other.channel.rule_id, other.source_lines) == ("G-01", "G-02", ())


# -- the picture ----------------------------------------------------------------------------------------------------


def test_the_graph_has_an_edge_for_each_use(seller: Party, stranger: Party, department: Party) -> None:
    declared = nested(seller, stranger, department)
    with read() as session:
        graph, public = lineage_graph(session, declared.id), lineage_graph(session, declared.id, public=True)
    assert [(node.kind, node.depth) for node in graph.nodes] == [
        ("product", 0),
        ("source", 1),
        ("bought", 1),
        ("source", 2),
        ("source", 2),
    ]
    assert {(graph.node(edge.source).depth, graph.node(edge.target).depth) for edge in graph.edges} == {(1, 0), (2, 1)}
    assert [node.government for node in graph.nodes] == [False, False, False, True, False]
    assert (graph.left_out, len(graph.edges)) == (0, 4)
    told = " ".join(node.label.zh for node in public.nodes)
    assert ("气象观测" in told, "客流计数" in told, "上游自有" in told) == (True, False, False)


def test_the_picture_is_bounded_and_says_what_it_leaves_out(seller: Party) -> None:
    many = drafting_of(seller, *(own_source(title=f"来源{n}") for n in range(MAX_NODES + 20)))
    with read() as session:
        graph = lineage_graph(session, many.id)
    assert (len(graph.nodes), graph.left_out) == (MAX_NODES, 21)
    drawing = graph.drawing
    assert all(0 <= box.x <= drawing.width - drawing.box_width for box in drawing.boxes)
    assert all(0 <= box.y <= drawing.height - drawing.box_height for box in drawing.boxes)
    assert len({(box.x, box.y) for box in drawing.boxes}) == MAX_NODES


def test_long_labels_are_cut_where_the_box_ends(seller: Party) -> None:
    drafted = drafting_of(seller, own_source(title="很长的名称" * 20))
    with read() as session:
        box = lineage_graph(session, drafted.id).drawing.boxes[1]
    assert (len(box.label.zh), box.label.zh[-1]) == (14, "…")
    assert box.node.label.zh == "很长的名称" * 20


# -- versions and their difference ------------------------------------------------------------------------------------


def difference(seller: Party, declaration: Declaration) -> Difference:
    found = queries.difference(seller.actor, declaration.id)
    assert found is not None
    return found


@pytest.mark.rule("P-05")
def test_a_new_version_carries_over_what_still_holds(seller: Party) -> None:
    before = signed(seller, origins.on_grants(origins.grant(), origins.grant(grantor="另一授权人")))
    kept = queries.declaration(seller.actor, before.id)["authorisations"]
    declarations.withdraw_authorisation(seller.actor, before.id, kept[0].id, reason="撤回")
    following = drafting.renew_declaration(seller.actor, before.id)
    assert drafting.renew_declaration(seller.actor, before.id).id == following.id
    assert (following.replaces_id, following.truth_undertaken) == (before.id, False)
    shown = queries.declaration(seller.actor, following.id)
    assert [each.grantor for each in shown["authorisations"]] == [kept[1].grantor]
    changed = difference(seller, following)
    assert (changed.fields, changed.sources) == ((), ())
    assert [(item.how, item.title) for item in changed.authorisations] == [("removed", kept[0].grantor)]
    assert [each["id"] for each in queries.versions(seller.actor, following.id)] == [before.id, following.id]


def test_the_difference_names_what_came_went_and_changed(seller: Party, department: Party) -> None:
    record = origins.record(department)
    before = signed(seller, content(own_source(), own_source(title="会撤下的"), government_source(record)))
    following = drafting.renew_declaration(seller.actor, before.id)
    drafting.remove_source(seller.actor, following.id, 1)
    drafting.put_source(
        seller.actor, following.id, government_source(record, title="改名", method="另一方式"), position=1
    )
    drafting.put_source(seller.actor, following.id, own_source(title="新来的", kind="synthetic"))
    found = difference(seller, following)
    assert [(item.how, item.title) for item in found.sources] == [
        ("changed", "改名"),
        ("added", "新来的"),
        ("removed", "会撤下的"),
    ]
    assert [change.name for change in found.sources[0].fields] == ["title", "method"]
    assert queries.difference(seller.actor, before.id) is None


def test_moving_a_source_changes_nothing() -> None:
    one, two = (
        {"position": 0, "kind": "public", "title": "一", "holder": "甲"},
        {"position": 1, "kind": "public", "title": "二", "holder": "乙"},
    )
    moved = [two | {"position": 0}, one | {"position": 1}]
    assert not compare(Said({"ground": "A"}, [one, two], []), Said({"ground": "A"}, moved, []))
    changed = compare(Said({"ground": "A"}, [one], []), Said({"ground": "B"}, [one | {"holder": "丙"}], []))
    assert [change.name for change in changed.fields] == ["ground"]
    assert [(item.how, item.fields[0].before, item.fields[0].after) for item in changed.sources] == [
        ("changed", "甲", "丙")
    ]
