"""The lineage as a picture: what was made of what, layer by layer, small enough to be looked at.

The product stands at the right, its sources to the left of it, and left of what was bought here stand its own sources.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy.orm import Session

from exchange.citations import Text
from provenance.lineage import SourceLink, trace
from provenance.vocabulary import ATTRIBUTES, KINDS, USES

#: More nodes than this are counted and left out, the furthest first.
MAX_NODES = 48

_WIDTH, _HEIGHT, _BESIDE, _BELOW, _MARGIN = 208, 56, 72, 16, 8
#: How many halves of an em fit into a box.
_FIT = 26
_WIDE = frozenset({"W", "F"})
_PRODUCT = Text(zh="本产品", en="This product")

NodeKind = Literal["product", "bought", "source"]


@dataclass(frozen=True, slots=True)
class Node:
    """Something data came from or went into. ``note`` says who holds it or what kind of source it is."""

    id: str
    kind: NodeKind
    label: Text
    note: Text
    government: bool
    depth: int


@dataclass(frozen=True, slots=True)
class Edge:
    """``source`` was used in ``target``; ``passing`` when what it holds stands in the product."""

    source: str
    target: str
    use: Text
    passing: bool


@dataclass(frozen=True, slots=True)
class Box:
    """Where a node is drawn: its upper left corner, in units of the picture."""

    node: Node
    x: int
    y: int

    @property
    def label(self) -> Text:
        """The label as far as it fits."""
        return Text(zh=_fitted(self.node.label.zh), en=_fitted(self.node.label.en))

    @property
    def note(self) -> Text:
        """The note as far as it fits."""
        return Text(zh=_fitted(self.node.note.zh), en=_fitted(self.node.note.en))


@dataclass(frozen=True, slots=True)
class Line:
    """An edge from the right side of one box to the left side of another."""

    edge: Edge
    x1: int
    y1: int
    x2: int
    y2: int


@dataclass(frozen=True, slots=True)
class Drawing:
    """The picture: its size, boxes and lines."""

    width: int
    height: int
    box_width: int
    box_height: int
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes and edges, nearest first; ``left_out`` counts the sources that did not fit."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    left_out: int

    @property
    def drawing(self) -> Drawing:
        """The graph laid out in columns by depth."""
        return _draw(self)

    def node(self, node_id: str) -> Node:
        """The node of that id."""
        return next(node for node in self.nodes if node.id == node_id)


def lineage_graph(session: Session, declaration_id: str, *, public: bool = False) -> Graph:
    """What stands behind a declaration, as far as ``MAX_NODES`` reaches.

    Args:
        session: Reads.
        declaration_id: The root.
        public: For everybody: government sources and what was bought here by title, all others by their kind alone.

    Raises:
        NotFound: There is no such declaration.
    """
    return graph_of(declaration_id, trace(session, declaration_id), public=public)


def graph_of(declaration_id: str, links: Sequence[SourceLink], *, public: bool = False) -> Graph:
    """As ``lineage_graph``, of a lineage that was traced."""
    nodes = {declaration_id: Node(declaration_id, "product", _PRODUCT, Text("", ""), government=False, depth=0)}
    edges: list[Edge] = []
    left_out = 0
    for link in links:
        node = _node(link, public=public)
        if link.declaration.id not in nodes or (node.id not in nodes and len(nodes) >= MAX_NODES):
            left_out += 1
            continue
        nodes.setdefault(node.id, node)
        edges.append(Edge(node.id, link.declaration.id, USES[link.source.use], link.passing))
    return Graph(tuple(nodes.values()), tuple(edges), left_out)


def _node(link: SourceLink, *, public: bool) -> Node:
    """A bought product is its declaration, however often it was bought; every other source stands for itself."""
    kind, holder = KINDS[link.source.kind], link.source.holder
    if link.acquisition is not None:
        title, bought = link.source.title, link.acquisition.declaration_id
        return Node(bought, "bought", Text(title, title), kind, link.government, link.depth + 1)
    label = Text(link.source.title, link.source.title)
    note = Text(f"{holder} · {kind.zh}", f"{holder} · {kind.en}")
    if link.record is not None:
        attribute = ATTRIBUTES[link.record.open_attribute]
        label = Text(link.record.title_zh, link.record.title_en)
        note = Text(f"{holder} · {attribute.zh}", f"{holder} · {attribute.en}")
    elif public and not link.government:
        label, note = kind, Text("非政务数据来源", "No government source")
    node_id = f"{link.declaration.id}.{link.source.position}"
    return Node(node_id, "source", label, note, link.government, link.depth + 1)


def _draw(graph: Graph) -> Drawing:
    columns: dict[int, list[Node]] = defaultdict(list)
    for node in graph.nodes:
        columns[node.depth].append(node)
    deepest, tallest = max(columns), max(len(column) for column in columns.values())
    height = tallest * (_HEIGHT + _BELOW) - _BELOW + 2 * _MARGIN
    boxes = {
        node.id: Box(node, _MARGIN + (deepest - depth) * (_WIDTH + _BESIDE), top + row * (_HEIGHT + _BELOW))
        for depth, column in columns.items()
        for top in [_centred(column, height)]
        for row, node in enumerate(column)
    }
    width = (deepest + 1) * (_WIDTH + _BESIDE) - _BESIDE + 2 * _MARGIN
    lines = tuple(_line(edge, boxes[edge.source], boxes[edge.target]) for edge in graph.edges)
    return Drawing(width, height, _WIDTH, _HEIGHT, tuple(boxes.values()), lines)


def _centred(column: Sequence[Node], height: int) -> int:
    return (height - len(column) * (_HEIGHT + _BELOW) + _BELOW) // 2


def _line(edge: Edge, source: Box, target: Box) -> Line:
    middle = _HEIGHT // 2
    return Line(edge, source.x + _WIDTH, source.y + middle, target.x, target.y + middle)


def _fitted(text: str) -> str:
    """``text`` cut where the box ends; Chinese characters are twice as wide as Latin ones."""
    used = 0
    for position, character in enumerate(text):
        used += 2 if unicodedata.east_asian_width(character) in _WIDE else 1
        if used > _FIT:
            return f"{text[:position].rstrip()}…"
    return text
