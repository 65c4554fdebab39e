"""What marshmallow finds wrong with a field, in the reader's language.

The library formats its messages before anybody can translate them, so the templates are recognised by their shape.
"""

import re
from functools import cache
from typing import Any

from flask_babel import gettext

#: Marshmallow's messages for the fields and validators used here; ``%(name)s`` stands where the library puts a value.
MESSAGES = (
    "Missing data for required field.",
    "Field may not be null.",
    "Unknown field.",
    "Invalid value.",
    "Invalid type.",
    "Invalid input type.",
    "Invalid JSON body.",
    "Not a valid list.",
    "Not a valid string.",
    "Not a valid integer.",
    "Number too large.",
    "Not a valid boolean.",
    "Not a valid datetime.",
    "Not a valid aware datetime.",
    "Not a valid date.",
    "Not a valid mapping type.",
    "Not a valid URL.",
    "Not a valid email address.",
    "String does not match expected pattern.",
    "Must be one of: %(choices)s.",
    "Shorter than minimum length %(min)s.",
    "Longer than maximum length %(max)s.",
    "Length must be between %(min)s and %(max)s.",
    "Length must be %(equal)s.",
    "Must be greater than or equal to %(min)s.",
    "Must be greater than or equal to %(min)s and less than or equal to %(max)s.",
)


def translated(found: Any) -> Any:
    """A validation error's messages, however deep they lie below the names of their fields."""
    if isinstance(found, dict):
        return {name: translated(below) for name, below in found.items()}
    if isinstance(found, list):
        return [translated(below) for below in found]
    return _translated(found) if isinstance(found, str) else found


def _translated(message: str) -> str:
    for template, pattern in _patterns():
        if match := pattern.fullmatch(message):
            return str(gettext(template)) % match.groupdict()
    return str(gettext(message))


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """The templates with places, each as a pattern; the longest first, as one may begin like another."""
    with_places = sorted((template for template in MESSAGES if "%(" in template), key=len, reverse=True)
    return tuple((template, re.compile(_pattern(template), re.DOTALL)) for template in with_places)


def _pattern(template: str) -> str:
    pieces = re.split(r"%\((\w+)\)s", template)
    return "".join(re.escape(piece) if at % 2 == 0 else f"(?P<{piece}>.+)" for at, piece in enumerate(pieces))
