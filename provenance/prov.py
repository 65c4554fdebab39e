"""PROV-JSON (W3C Member Submission of 2013-04-24): what a product was made from, by whom and how (RULES P-10).

A lineage picture says the same to people; here each source and product is an entity, each making of a product an
activity, each party an agent. What the picture does not show to everybody, the document does not say either.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from provenance.graph import Graph, Node

#: Prefix of this exchange's own names.
OWN = "db"
_KINDS = {"product": "DataProduct", "bought": "DataProduct", "source": "DataSource"}


def prov_document(
    graph: Graph, namespace: str, *, maker: tuple[str, str], steps: Sequence[Mapping[str, str]] = ()
) -> dict[str, Any]:
    """The lineage as a PROV-JSON document.

    Args:
        graph: The lineage; its first node is the product.
        namespace: What the exchange's own names expand to.
        maker: The id and the name of the party that made the product.
        steps: The steps of processing as declared (``name``, ``description``), in order; none for the public.
    """
    root = graph.nodes[0]
    maker_id, maker_name = maker
    entities = {_name(node.id): _entity(node) for node in graph.nodes}
    made = sorted({edge.target for edge in graph.edges} | {root.id})
    activities = {_making(node_id): {"prov:type": qualified("Making")} for node_id in made}
    document: dict[str, Any] = {
        "prefix": {OWN: namespace, "prov": "http://www.w3.org/ns/prov#", "xsd": "http://www.w3.org/2001/XMLSchema#"},
        "entity": entities,
        "activity": activities,
        "agent": {_name(maker_id): {"prov:type": {"$": "prov:Organization", "type": "prov:QUALIFIED_NAME"},
                                    "prov:label": maker_name}},
        "wasGeneratedBy": {
            f"_:made{number}": {"prov:entity": _name(node_id), "prov:activity": _making(node_id)}
            for number, node_id in enumerate(made)
        },
        "wasAttributedTo": {"_:attributed": {"prov:entity": _name(root.id), "prov:agent": _name(maker_id)}},
        "wasAssociatedWith": {"_:associated": {"prov:activity": _making(root.id), "prov:agent": _name(maker_id)}},
    }  # fmt: skip
    used, derived = {}, {}
    for number, edge in enumerate(graph.edges):
        used[f"_:used{number}"] = {
            "prov:activity": _making(edge.target),
            "prov:entity": _name(edge.source),
            "prov:role": [_said(edge.use.zh, "zh"), _said(edge.use.en, "en")],
        }
        if edge.passing:
            derived[f"_:derived{number}"] = {
                "prov:generatedEntity": _name(edge.target),
                "prov:usedEntity": _name(edge.source),
                "prov:activity": _making(edge.target),
            }
    document |= {name: rows for name, rows in (("used", used), ("wasDerivedFrom", derived)) if rows}
    _add_steps(document, root.id, steps)
    return document


def _add_steps(document: dict[str, Any], root_id: str, steps: Sequence[Mapping[str, str]]) -> None:
    """The declared steps, each an activity that followed the one before it; the last one led to the making."""
    before: str | None = None
    informed: dict[str, Any] = {}
    for number, step in enumerate(steps, start=1):
        name = f"{OWN}:{root_id}.step{number}"
        document["activity"][name] = {
            "prov:type": qualified("ProcessingStep"),
            "prov:label": step["name"],
            f"{OWN}:description": step["description"],
        }
        if before is not None:
            informed[f"_:informed{number}"] = {"prov:informed": name, "prov:informant": before}
        before = name
    if before is not None:
        informed["_:informed"] = {"prov:informed": _making(root_id), "prov:informant": before}
        document["wasInformedBy"] = informed


def _entity(node: Node) -> dict[str, Any]:
    told: dict[str, Any] = {
        "prov:type": qualified(_KINDS[node.kind]),
        "prov:label": [_said(node.label.zh, "zh"), _said(node.label.en, "en")],
        f"{OWN}:government": {"$": str(node.government).lower(), "type": "xsd:boolean"},
    }
    if node.note.zh:
        told[f"{OWN}:note"] = [_said(node.note.zh, "zh"), _said(node.note.en, "en")]
    return told


def _name(local: str) -> str:
    return f"{OWN}:{local}"


def _making(node_id: str) -> str:
    return f"{OWN}:{node_id}.making"


def qualified(local: str) -> dict[str, str]:
    """One of the exchange's own names, as a value."""
    return {"$": f"{OWN}:{local}", "type": "prov:QUALIFIED_NAME"}


def _said(text: str, lang: str) -> dict[str, str]:
    return {"$": text, "lang": lang}
