"""Every state and every entry of a life cycle has its words, so no page shows a code to a reader."""

import pytest

import wsgi
from exchange.lifecycle import Lifecycle

CYCLES = wsgi.lifecycles()


@pytest.fixture(scope="module")
def states() -> dict[tuple[str, str], object]:
    return {key: word for room in wsgi._words() for key, word in room.STATES.items()}


@pytest.fixture(scope="module")
def actions() -> set[str]:
    return {action for room in wsgi._words() for action in room.ACTIONS}


@pytest.mark.parametrize("cycle", CYCLES, ids=lambda cycle: cycle.name)
def test_states_and_entries_have_words(
    cycle: Lifecycle, states: dict[tuple[str, str], object], actions: set[str]
) -> None:
    assert sorted(state for state in cycle.states if (cycle.name, state) not in states) == []
    assert sorted({edge.entry for edge in cycle.edges.values()} - actions) == []


def test_words_are_of_states_that_exist(states: dict[tuple[str, str], object]) -> None:
    known = {(cycle.name, state) for cycle in CYCLES for state in cycle.states}
    assert sorted(set(states) - known) == []


def test_what_is_told_to_parties_has_words(actions: set[str]) -> None:
    for room in wsgi._words():
        assert set(getattr(room, "TOLD", ())) <= actions, room.__name__
