"""Forms over the same schemas as the API: fields by path, errors beside them, nothing typed is lost.

A form's field names are paths into the body: ``price.amount``, ``sources.0.holder``. The form carries the request key
that makes a double click one request, and the version of the subject it was filled in from.
"""

import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from flask import g, render_template, request
from marshmallow import Schema, ValidationError, fields
from werkzeug.datastructures import MultiDict

from exchange.errors import ExchangeError, Invalid, InvariantBroken
from exchange.web import problems
from exchange.web.field_messages import translated
from exchange.web.views import Answer

R = TypeVar("R")

KEY, VERSION, CSRF = "request_key", "version", "csrf_token"
_CARRIED = frozenset({KEY, VERSION, CSRF, "lang"})
_NUMBER = re.compile(r"[0-9]{1,3}")
_MAX_DEPTH = 8


class Form:
    """A form as it was sent, or as it is shown first.

    Args:
        schema: The schema of the body; ``None`` for a form of buttons only.
        values: What the fields hold when nothing was sent: nested as the body, or by path.
        name: Tells forms of one page apart; fields of a form with a name begin with ``<name>-``.
    """

    def __init__(
        self, schema: type[Schema] | Schema | None = None, *, values: Mapping[str, Any] | None = None, name: str = ""
    ) -> None:
        self.schema = schema() if isinstance(schema, type) else schema
        self.name = name
        self.sent = request.method == "POST"
        self.key = (request.form.get(KEY) if self.sent else None) or secrets.token_urlsafe(16)
        self.errors: dict[str, list[str]] = {}
        self.problem: dict[str, Any] | None = None
        self.status = 200
        self._sent = _named(request.form, name) if self.sent else MultiDict()
        self._values = _flat(values or {})

    def value(self, path: str) -> str:
        """What the field holds: what was sent, else what it was shown with."""
        if self.sent and path in self._sent:
            return str(self._sent[path])
        return "" if self._left_out(path) else str(self._values.get(path, ""))

    def values(self, path: str) -> list[str]:
        """What a field with several choices holds."""
        if self.sent:
            return self._sent.getlist(path)
        many = [self._values[f"{path}.{n}"] for n in range(len(self._values)) if f"{path}.{n}" in self._values]
        return [str(value) for value in many] or ([str(self._values[path])] if path in self._values else [])

    def _left_out(self, path: str) -> bool:
        """Whether the field belongs to the form that was sent and was sent without it: an empty checkbox."""
        return self.sent and bool(self._sent) and path not in self._sent

    def errors_of(self, path: str) -> list[str]:
        """The messages for a field and what lies below it."""
        return [text for at, texts in self.errors.items() if at == path or at.startswith(path + ".") for text in texts]

    def body(self) -> Any:
        """The body that was sent, as the schema loads it.

        Raises:
            Invalid: Some fields are not right; ``fields`` names them by path.
        """
        if self.schema is None:
            return {}
        try:
            return self.schema.load(_nested(self._sent, self.schema))
        except ValidationError as error:
            raise Invalid("Some fields are not right.", fields=error.normalized_messages()) from None  # type: ignore[no-untyped-call]

    def submit(self, call: Callable[[Any], R]) -> R | None:
        """What ``call`` makes of the body; ``None`` when it was refused: the form then says why.

        Errors that are our own fault are not caught.
        """
        try:
            return call(self.body())
        except InvariantBroken:
            raise
        except ExchangeError as error:
            self.refuse(error)
            return None

    @staticmethod
    def pressed(choices: Mapping[str, R]) -> R:
        """What the button that sent the form stands for, of a form with several (all named ``decide``).

        Raises:
            Invalid: None of them was pressed: nothing is decided by default.
        """
        try:
            return choices[request.form.get("decide", "")]
        except KeyError:
            raise Invalid("Press the button of the decision you take.", code="no_decision") from None

    def refuse(self, error: ExchangeError) -> None:
        """Show ``error`` on the page: messages beside their fields, all else at the top."""
        self.problem, self.status = problems.problem(error)
        if isinstance(error, Invalid):
            self.errors = _by_path(translated(error.fields))
        known = set(self._sent) | {path.rsplit(".", 1)[0] for path in self._sent}
        self.problem["elsewhere"] = {path: texts for path, texts in self.errors.items() if path not in known}
        g.problem = self.problem

    def page(self, template: str, **context: Any) -> Answer:
        """The page with this form (as ``form``), under the status its refusal asks for."""
        return self.answer(lambda: render_template(template, form=self, **context))

    def answer(self, show: Callable[[], Answer]) -> Answer:
        """The page that ``show`` makes, under the status this form's refusal asks for."""
        page = show()
        return (page, self.status) if isinstance(page, str) else page


def _named(sent: MultiDict[str, str], name: str) -> MultiDict[str, str]:
    """The fields of the form called ``name``, without what every form carries."""
    prefix = f"{name}-" if name else ""
    pairs = [(at.removeprefix(prefix), value) for at, value in sent.items(multi=True) if at.startswith(prefix)]
    return MultiDict([(path, value) for path, value in pairs if path not in _CARRIED])


def _flat(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Nested values by path; what is absent stays absent."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        path = f"{above}{name}"
        if isinstance(value, Mapping):
            found |= _flat(value, f"{path}.")
        elif isinstance(value, (list, tuple, set, frozenset)):
            found |= _flat({str(n): item for n, item in enumerate(value)}, f"{path}.")
        elif isinstance(value, bool):
            found[path] = "true" if value else ""
        elif value is not None:
            found[path] = value
    return found


def _by_path(messages: Mapping[Any, Any], above: str = "") -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in messages.items():
        path = f"{above}{name}"
        if isinstance(value, Mapping):
            found |= _by_path(value, f"{path}.")
        else:
            found[path] = [str(text) for text in value]
    return found


def _nested(sent: MultiDict[str, str], schema: Schema) -> dict[str, Any]:
    """The body that the fields' paths describe. An empty field is an absent one."""
    tree: dict[str, Any] = {}
    for path, texts in sent.lists():
        given = [text.strip() if not _secret(path) else text for text in texts if text.strip()]
        parts = path.split(".")
        if given and len(parts) <= _MAX_DEPTH:
            _put(tree, parts, given)
    shaped = _shaped(tree, schema)
    return shaped if isinstance(shaped, dict) else {}


def _secret(path: str) -> bool:
    return "password" in path


def _put(tree: dict[str, Any], parts: list[str], value: list[str]) -> None:
    for part in parts[:-1]:
        below = tree.setdefault(part, {})
        if not isinstance(below, dict):
            return  # a path through a plain value: the schema will say what is missing
        tree = below
    tree.setdefault(parts[-1], value)


def _shaped(found: Any, place: Schema | fields.Field[Any] | None) -> Any:
    """Numbered members as lists, and plain values alone or as lists, as the schema has them."""
    if isinstance(place, fields.Nested):
        inner = place.schema
        if place.many or inner.many:
            return [_shaped(item, inner) for item in _numbered(found)]
        return _shaped(found, inner)
    if isinstance(place, fields.List):
        items = found if isinstance(found, list) else _numbered(found)
        return [_shaped(item if isinstance(item, dict) else [item], place.inner) for item in items]
    if isinstance(place, Schema) and isinstance(found, dict):
        places = {field.data_key or name: field for name, field in place.load_fields.items()}
        return {name: _shaped(value, places.get(name)) for name, value in found.items()}
    if isinstance(place, fields.Dict) and isinstance(found, dict):
        return {name: _shaped(value, place.value_field) for name, value in found.items()}
    return found[0] if isinstance(found, list) and len(found) == 1 else found


def _numbered(found: Any) -> list[Any]:
    """``{"0": a, "2": b}`` as ``[a, b]``: a removed row leaves a gap."""
    if not isinstance(found, dict):
        return [found]
    numbered = {int(name): value for name, value in found.items() if _NUMBER.fullmatch(name)}
    items = [numbered[number] for number in sorted(numbered)]
    return [item[0] if isinstance(item, list) and len(item) == 1 else item for item in items]
