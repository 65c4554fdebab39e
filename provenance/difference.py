"""What differs between two versions of a declaration: what was added, removed and changed, source by source."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Item = Mapping[str, Any]
How = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class Said:
    """What a version says, as plain JSON values: its own fields, its sources and its authorisations."""

    fields: Item
    sources: Sequence[Item]
    authorisations: Sequence[Item]


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field and what it said before and after; ``None`` where it was not there."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class ItemChange:
    """A source or an authorisation that came, went or changed; ``title`` is what it is called now."""

    how: How
    title: str
    fields: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """Everything that differs; nothing in it when the versions say the same."""

    fields: tuple[FieldChange, ...]
    sources: tuple[ItemChange, ...]
    authorisations: tuple[ItemChange, ...]

    def __bool__(self) -> bool:
        return bool(self.fields or self.sources or self.authorisations)


#: Where an item stands and what it is called by is no part of what it says.
_PLACE = frozenset({"position", "id"})


def compare(before: Said, after: Said) -> Difference:
    """What changed from one version to the other."""
    return Difference(
        fields=_fields(before.fields, after.fields),
        sources=_items(before.sources, after.sources, _SOURCE_LIKENESS, "title"),
        authorisations=_items(before.authorisations, after.authorisations, _AUTHORISATION_LIKENESS, "grantor"),
    )


def _fields(before: Item, after: Item) -> tuple[FieldChange, ...]:
    names = [name for name in (*after, *(name for name in before if name not in after)) if name not in _PLACE]
    return tuple(
        FieldChange(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)
    )


def _same(item: Item) -> Hashable:
    return repr(sorted((name, value) for name, value in item.items() if name not in _PLACE))


def _reference(item: Item) -> Hashable:
    """The record or trade that a source names; a source that names none is like no other by it."""
    return item.get("record_id") or item.get("acquisition_id")


#: What makes two items the same one, the surest likeness first.
_SOURCE_LIKENESS: tuple[Callable[[Item], Hashable], ...] = (
    _same,
    _reference,
    lambda item: (item["kind"], item["title"], item["holder"]),
    lambda item: item["title"],
    lambda item: (item["kind"], item["holder"]),
)
_AUTHORISATION_LIKENESS: tuple[Callable[[Item], Hashable], ...] = (
    _same,
    lambda item: (item["grantor"], item["data"]),
    lambda item: item["grantor"],
)


def _items(
    before: Sequence[Item], after: Sequence[Item], likeness: Sequence[Callable[[Item], Hashable]], title: str
) -> tuple[ItemChange, ...]:
    earlier: dict[int, Item] = dict(enumerate(before))
    matched: dict[int, Item] = {}
    for like in likeness:
        for number, item in enumerate(after):
            key = like(item)
            found = None if number in matched or key is None else _first(earlier, like, key)
            if found is not None:
                matched[number] = earlier.pop(found)
    changes = []
    for number, item in enumerate(after):
        changed = _fields(matched.get(number, {}), item)
        if changed:
            changes.append(ItemChange("changed" if number in matched else "added", item[title], changed))
    gone = [ItemChange("removed", item[title], _fields(item, {})) for item in earlier.values()]
    return (*changes, *gone)


def _first(items: Mapping[int, Item], like: Callable[[Item], Hashable], key: Hashable) -> int | None:
    return next((number for number, item in items.items() if like(item) == key), None)
