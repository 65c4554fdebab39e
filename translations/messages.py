"""What the interface says in English, gathered from the source, and the catalogue that translates it.

Gathered are the messages and remedies of ``exchange.errors`` wherever one is raised, the messages of marshmallow
validators, arguments of ``gettext`` and ``N_``, and what templates mark. Each room has its catalogue; what several
rooms say stands in the leftmost one's. ``python -m translations.messages [room ...]`` brings catalogues up to date: new
messages wait with an empty translation, those that nobody says any more leave.
"""

# ruff: noqa: INP001  (a folder of catalogues, with the script that keeps them)

import ast
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from babel.messages import Catalog, extract, pofile

from exchange import errors
from exchange.web import field_messages, problems

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("exchange", "provenance", "listings", "settlement")
CATALOGUES = ROOT / "translations" / "zh" / "LC_MESSAGES"
#: The rooms with a catalogue each, from left to right.
ROOMS = ("exchange", "members", "oversight", "provenance", "listings", "settlement")
#: Rooms whose code stands inside another package.
_INNER = {"exchange/members/": "members", "exchange/oversight/": "oversight"}

_HEADER = "# What Databourse 数衡 says, in Chinese. Brought up to date by: python -m translations.messages"
_MAKERS = dict.fromkeys(("copyright_holder", "msgid_bugs_address", "last_translator", "language_team"), "Databourse")

#: Never shown: it says what is wrong with the program, to those who mend it.
_INTERNAL = errors.InvariantBroken.__name__
#: Calls whose argument at this place is a message.
_PLACES = {name: 0 for name, kind in vars(errors).items() if isinstance(kind, type)} | {
    "Refused": 1,
    "ValidationError": 0,
    "gettext": 0,
    "N_": 0,
}
_WORDS = ("remedy",)


@dataclass
class Found:
    """The messages, each with where it is said, and the places whose words cannot be known before they are said."""

    messages: dict[str, list[str]] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)

    def add(self, message: str, where: str) -> None:
        """Note that ``message`` is said at ``where``."""
        self.messages.setdefault(message, []).append(where)


def gather() -> Found:
    """Everything the interface may say."""
    found = Found()
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "sandbox" not in path.parts:  # another service's words
                gather_module(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"), found)
    for path in sorted((ROOT / "templates").rglob("*.html")):
        with path.open("rb") as file:
            said = extract.extract("jinja2.ext:babel_extract", file, options={"silent": "false"})
            for line, message, *_ in said:
                found.add(str(message), f"{path.relative_to(ROOT)}:{line}")
    for answer in problems.HTTP_ERRORS.values():
        for message in (answer.title, answer.detail):
            found.add(message, "exchange/web/problems.py")
    for message in field_messages.MESSAGES:
        found.add(message, "exchange/web/field_messages.py")
    return found


def gather_module(path: str, source: str, found: Found) -> None:
    """Add what one module says."""
    tree = ast.parse(source)
    module = _Module(tree)
    for call in module.calls:
        name = _name(call.func)
        place = _PLACES.get(name)
        if place is None or (len(call.args) > place and isinstance(call.args[place], ast.Starred)):
            continue
        said = [*call.args[place : place + 1], *(word.value for word in call.keywords if word.arg in _WORDS)]
        for argument in said:
            where = f"{path}:{call.lineno}"
            texts = module.texts(argument)
            if texts is None:
                if name != "gettext":  # what the rim passes on was gathered where it began
                    found.unknown.append(where)
            elif name != _INTERNAL:
                for text in texts:
                    found.add(text, where)


class _Module:
    """Follows a message from where it is used to the literals it can be."""

    def __init__(self, tree: ast.Module) -> None:
        self.calls: list[ast.Call] = []
        self._constants = _assignments(tree.body)
        self._around: dict[ast.AST, ast.FunctionDef | None] = {}
        self._walk(tree, None)

    def _walk(self, node: ast.AST, function: ast.FunctionDef | None) -> None:
        self._around[node] = function
        if isinstance(node, ast.Call):
            self.calls.append(node)
        inner = node if isinstance(node, ast.FunctionDef) else function
        for child in ast.iter_child_nodes(node):
            self._walk(child, inner)

    def texts(self, value: ast.expr) -> list[str] | None:
        """The literals ``value`` can be; ``None`` when that is not plain to see."""
        function = self._around[value]
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return [value.value]
        if isinstance(value, ast.IfExp):
            return self._all([value.body, value.orelse])
        if isinstance(value, ast.Subscript) and isinstance(value.value, ast.Name):
            table = self._constants.get(value.value.id, [value])[0]
            return self._all(table.values) if isinstance(table, ast.Dict) else None
        if isinstance(value, ast.Name) and function is not None:
            local = _assignments(function.body).get(value.id)
            return self._all(local or list(self._arguments(value.id, function)))
        return None

    def _arguments(self, name: str, function: ast.FunctionDef) -> Iterator[ast.expr]:
        """What this module hands to the parameter ``name`` of its own helper ``function``."""
        positional = [argument.arg for argument in function.args.args]
        if not function.name.startswith("_") or name not in {*positional, *(a.arg for a in function.args.kwonlyargs)}:
            return
        for call in self.calls:
            if _name(call.func) == function.name:
                if name in positional:
                    position = positional.index(name)
                    yield from call.args[position : position + 1]
                yield from (word.value for word in call.keywords if word.arg == name)

    def _all(self, values: Sequence[ast.expr]) -> list[str] | None:
        found: list[str] = []
        for value in values:
            texts = self.texts(value)
            if texts is None:
                return None
            found += texts
        return found or None


def _assignments(body: Iterable[ast.stmt]) -> dict[str, list[ast.expr]]:
    """Name to everything assigned to it in ``body``, unpacked where both sides are tuples."""
    found: dict[str, list[ast.expr]] = {}
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
                found.setdefault(node.target.id, []).append(node.value)
            if isinstance(node, ast.Assign):
                for name, value in _pairs(node.targets[0], node.value):
                    found.setdefault(name, []).append(value)
    return found


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, its in zip(target.elts, value.elts, strict=False):
            yield from _pairs(one, its)
    elif isinstance(target, ast.Name):
        yield target.id, value


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def room_of(where: Iterable[str]) -> str:
    """The room whose catalogue holds a message said at ``where``."""
    return min((_room(place) for place in where), key=ROOMS.index)


def _room(place: str) -> str:
    path = place.removeprefix("templates/")
    inner = next((room for folder, room in _INNER.items() if path.startswith(folder)), None)
    first = path.partition("/")[0]
    return inner or (first if first in ROOMS else ROOMS[0])


def read(room: str) -> Catalog:
    """The catalogue of ``room`` as it stands; empty before its first message."""
    path = CATALOGUES / f"{room}.po"
    if not path.exists():
        return Catalog(locale="zh")
    with path.open("rb") as file:
        return pofile.read_po(file, locale="zh")


def update(room: str) -> list[str]:
    """Bring the messages of a room's catalogue up to date; the ones without a translation."""
    old = read(room)
    new = Catalog(locale="zh", header_comment=_HEADER, project="Databourse", version="1", fuzzy=False, **_MAKERS)
    elsewhere = [read(other) for other in ROOMS if other != room]
    for message, where in gather().messages.items():
        if room_of(where) == room:
            known = next((found for book in (old, *elsewhere) if (found := book.get(message)) and found.string), None)
            new.add(message, known.string if known is not None else "")
    new.revision_date = new.creation_date = old.creation_date  # the file changes only when a message does
    with (CATALOGUES / f"{room}.po").open("wb") as file:
        pofile.write_po(file, new, width=0, sort_output=True)
    return sorted(str(message.id) for message in new if message.id and not message.string)


if __name__ == "__main__":
    waiting = [message for room in sys.argv[1:] or ROOMS for message in update(room)]
    sys.stdout.writelines(f"{message}\n" for message in waiting)
    sys.exit(bool(waiting))
