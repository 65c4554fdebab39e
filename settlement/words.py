"""The room's states and journal actions in words."""

from exchange.marks import States, Words

STATES: States = {}
ACTIONS: Words = {}
