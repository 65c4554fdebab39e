"""Duties as gates: which rule is asked for at which step.

A gate is a function that raises ``Refused`` when its rule is not met; ``@gate("I-01")`` ties it to the rule pack. A
``Step`` is one row of the table gate x step: a room names its steps in ``gates.py`` and asks them inside its verbs.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from exchange import rules

Gate = Callable[..., None]
G = TypeVar("G", bound=Gate)

_gates: dict[str, list[Gate]] = defaultdict(list)
_steps: dict[str, "Step"] = {}


def gate(*rule_ids: str) -> Callable[[G], G]:
    """Mark a function as the gate of ``rule_ids``.

    Raises:
        UnknownRule: The rule pack has no such rule.
    """

    def mark(function: G) -> G:
        for rule_id in rule_ids:
            rules.rule(rule_id)
            _gates[rule_id].append(function)
        return function

    return mark


@dataclass(frozen=True)
class Step:
    """A step of the trade and the gates asked there, in order."""

    name: str
    gates: tuple[Gate, ...]

    def __post_init__(self) -> None:
        if self.name in _steps:
            raise ValueError(f"the step {self.name} is defined twice")
        _steps[self.name] = self

    def ask(self, tx: Any, *about: Any) -> None:
        """Ask every gate about the same things.

        Raises:
            Refused: By the first gate that says no.
        """
        for ask in self.gates:
            ask(tx, *about)


def gates() -> Mapping[str, tuple[Gate, ...]]:
    """Rule id to the gates that enforce it, of the rooms loaded so far."""
    return {rule_id: tuple(found) for rule_id, found in _gates.items()}


def steps() -> Mapping[str, Step]:
    """All steps of the rooms loaded so far, by name."""
    return dict(_steps)
