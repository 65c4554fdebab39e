"""States, journal actions and roles in words, gathered from the rooms, for every page that shows one."""

from collections.abc import Iterable
from types import ModuleType
from typing import NamedTuple

from flask import Flask, current_app
from flask_babel import gettext

from exchange.marks import N_, States, Tone, Words

ROLES: Words = {
    "owner": N_("owner"),
    "trader": N_("handler"),
    "approver": N_("approver"),
    "finance": N_("finance"),
    "viewer": N_("viewer"),
    "seller": N_("seller"),
    "buyer": N_("buyer"),
    "department": N_("government department"),
    "user": N_("user of the data"),
    "vetting_officer": N_("vetting officer"),
    "compliance_reviewer": N_("compliance reviewer"),
    "settlement_officer": N_("settlement officer"),
    "dispute_officer": N_("dispute officer"),
    "security_administrator": N_("security administrator"),
    "auditor": N_("auditor"),
    "administrator": N_("administrator"),
    "regulator": N_("regulator"),
    "appointee": N_("appointee"),
    "person": N_("the person"),
    "visitor": N_("visitor"),
    "objector": N_("objector"),
    "operator": N_("operator"),
    "exchange": N_("the exchange"),
    "gateway": N_("payment gateway"),
    "clock": N_("deadline"),
    "demonstration": N_("demonstration"),
}
#: Entries that the house itself writes.
_ACTIONS: Words = {
    "gate.refused": N_("A rule refused this step"),
    "clock.advanced": N_("The demonstration's clock was moved"),
    "calendar.announced": N_("Working days were announced"),
}
_STATES = "databourse.states"
_ACTIONS_OF = "databourse.actions"


class StateWord(NamedTuple):
    """A state for the eye: its word in the reader's language, and its tone."""

    word: str
    tone: Tone


def init_app(app: Flask, rooms: Iterable[ModuleType]) -> None:
    """Gather ``STATES`` and ``ACTIONS`` of the rooms' word lists."""
    states: dict[tuple[str, str], tuple[str, Tone]] = {}
    actions = dict(_ACTIONS)
    for room in rooms:
        found: States = room.STATES
        states.update(found)
        actions.update(room.ACTIONS)
    app.extensions[_STATES], app.extensions[_ACTIONS_OF] = states, actions
    app.jinja_env.filters.update(action=action, role=role)
    app.jinja_env.globals["state_word"] = state


def state(cycle: str, code: str) -> StateWord:
    """A state of a life cycle in words; its code where a room has none."""
    message, tone = current_app.extensions[_STATES].get((cycle, code), (code, "plain"))
    return StateWord(gettext(message), tone)


def action(code: str) -> str:
    """A journal action in words; its code where a room has none."""
    return str(gettext(current_app.extensions[_ACTIONS_OF].get(code, code)))


def role(code: str) -> str:
    """A role in words."""
    return str(gettext(ROLES.get(code, code)))
