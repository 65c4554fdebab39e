"""Marks on words that are translated when they are shown: ``N_("…")`` says that a literal is a message."""

from collections.abc import Mapping
from typing import Literal

#: How far something is, for the eye; the word beside it says it to everybody.
Tone = Literal["waiting", "live", "done", "stopped", "plain"]

#: (name of a life cycle, state) to its word and tone.
States = Mapping[tuple[str, str], tuple[str, Tone]]
#: A code to its words: journal actions, roles.
Words = Mapping[str, str]


def N_(message: str) -> str:  # noqa: N802  (gettext's customary name)
    """Mark ``message``, an English literal, for the catalogue; the rim translates it."""
    return message
