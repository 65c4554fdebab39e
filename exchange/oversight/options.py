"""Tables of codes as the choices of a form, in the reader's language."""

from collections.abc import Mapping
from typing import Any, Protocol

from flask_babel import gettext

from exchange.marks import Words


class Worded(Protocol):
    """A row of a table that has a name."""

    @property
    def words(self) -> str:
        """A marked message."""


def translated(words: Words) -> list[tuple[str, str]]:
    """Codes and their words."""
    return [(code, gettext(message)) for code, message in words.items()]


def worded(table: Mapping[str, Worded]) -> list[tuple[str, str]]:
    """Codes and the names of their rows."""
    return [(code, gettext(row.words)) for code, row in table.items()]


def helpers() -> dict[str, Any]:
    """What templates of this room call."""
    return {"translated": translated, "worded": worded}
