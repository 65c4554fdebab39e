"""Life cycles as tables of data.

A room's ``states.py`` writes its life cycle as ``{(state, action): Edge(...)}``; buttons, API links, journal actions
and diagrams come from that one table. It is checked when the module loads.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from exchange.errors import WrongState

#: The actor of an edge that time takes.
CLOCK = "clock"
#: The actor of an edge that a payment gateway's answer takes.
GATEWAY = "gateway"


@dataclass(frozen=True, slots=True)
class Edge:
    """Where an action leads, who may take it (roles, ``CLOCK`` or ``GATEWAY``) and the journal action it writes."""

    to: str
    by: tuple[str, ...]
    entry: str


class Lifecycle:
    """A named table of edges with one initial state.

    A state without an edge out of it must be named in ``final``, and no final state may have one.

    Raises:
        ValueError: When loaded with an unreachable state, a dead end that is not final, a final state with an exit,
            or an edge nobody may take.
    """

    def __init__(
        self, name: str, *, initial: str, final: frozenset[str], edges: Mapping[tuple[str, str], Edge]
    ) -> None:
        self.name = name
        self.initial = initial
        self.final = final
        self.edges = dict(edges)
        self.states = frozenset({initial, *(s for s, _ in edges), *(e.to for e in edges.values())})
        self._check()

    def _check(self) -> None:
        reached, frontier = {self.initial}, [self.initial]
        while frontier:
            state = frontier.pop()
            for (source, _), edge in self.edges.items():
                if source == state and edge.to not in reached:
                    reached.add(edge.to)
                    frontier.append(edge.to)
        leaving = {source for source, _ in self.edges}
        faults = [
            *(f"{s} cannot be reached" for s in sorted(self.states - reached)),
            *(f"{s} has no way out" for s in sorted(self.states - leaving - self.final)),
            *(f"{s} is final but has a way out" for s in sorted(self.final & leaving)),
            *(f"{s} is final but unknown" for s in sorted(self.final - self.states)),
            *(f"nobody may {action} from {s}" for (s, action), edge in self.edges.items() if not edge.by),
        ]
        if faults:
            raise ValueError(f"life cycle {self.name}: {'; '.join(faults)}")

    def edge(self, state: str, action: str) -> Edge:
        """The edge ``action`` takes from ``state``.

        Raises:
            WrongState: There is none.
        """
        try:
            return self.edges[state, action]
        except KeyError:
            raise WrongState(
                "%(name)s: «%(action)s» is not possible in state «%(state)s».",
                name=self.name,
                action=action,
                state=state,
            ) from None

    def actions(self, state: str, roles: frozenset[str]) -> list[str]:
        """What somebody acting in one of ``roles`` may do from ``state``, in the table's order."""
        return [a for (s, a), edge in self.edges.items() if s == state and roles.intersection(edge.by)]

    def mermaid(self) -> str:
        """The table as a Mermaid state diagram."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.initial}"]
        lines += [f"    {s} --> {e.to}: {a} ({', '.join(e.by)})" for (s, a), e in self.edges.items()]
        lines += [f"    {s} --> [*]" for s in sorted(self.final)]
        return "\n".join(lines)
