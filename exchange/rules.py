"""The rule pack: what the law asks, rule by rule, as data (``rules.toml``).

A gate names its rule by id; refusals, pages and the compliance matrix print what the pack says about it. The pack
follows a consultation draft that never took force, and says so wherever it is cited. ``python -m exchange.rules``
prints the compliance matrix, which is kept as ``docs/compliance.md``.
"""

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from exchange.citations import Force, Instrument, Lang, Provision, Source, Status, Text, cite


class UnknownRule(LookupError):
    """The pack has no rule of that id."""


class InvalidRulePack(ValueError):
    """``rules.toml`` contradicts itself or its form."""


class Kind(StrEnum):
    """How a rule takes effect.

    A gate refuses a step, a clock runs, words are printed, a mechanism holds by construction (schema, roles, formats),
    and the rest is for people to organise.
    """

    GATE = "gate"
    CLOCK = "clock"
    PRINT = "print"
    MECHANISM = "mechanism"
    ORGANISATIONAL = "organisational"


#: On what a refusal rests, to be printed beside the rule it names.
BASIS = Text(
    zh=(
        "平台拒绝办理，依据的是运营者公布的平台交易规则；该规则采纳规则包 CQ-DRAFT-2021。"
        "所引条例草案未生效，不作为法律依据。"
    ),
    en=(
        "A refusal rests on the operator's published trading rules, which adopt the rule pack CQ-DRAFT-2021. "
        "The draft regulations it refers to are not in force and are not relied on as law."
    ),
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One duty.

    ``where`` names the modules that enforce it and ``evidence`` the journal actions that show it; both are empty
    until gate and test exist. ``floor`` is the shortest lawful retention of the records it asks for (ISO 8601).
    """

    id: str
    sources: tuple[Source, ...]
    kind: Kind
    text: Text
    floor: str | None
    implemented: bool
    where: tuple[str, ...]
    evidence: tuple[str, ...]

    @property
    def article(self) -> str:
        """All sources in short form: ``DRAFT 28(1)(一); DSL 33``."""
        return "; ".join(source.reference for source in self.sources)

    @property
    def status(self) -> Status:
        """How well the source that carries the duty (the first) is known."""
        return self.sources[0].status

    @property
    def section(self) -> str:
        """The letters before the number."""
        return self.id.partition("-")[0]


@dataclass(frozen=True, slots=True)
class RulePack:
    """All rules of one version, in order, and the headings of their sections."""

    id: str
    sections: Mapping[str, Text]
    rules: Mapping[str, Rule]


@cache
def pack() -> RulePack:
    """The rule pack of this release, read and checked once.

    Raises:
        InvalidRulePack: ``rules.toml`` breaks its form.
    """
    return parse(files("exchange").joinpath("rules.toml").read_text(encoding="utf-8"))


def rule(rule_id: str) -> Rule:
    """The rule of that id.

    Raises:
        UnknownRule: The pack has none.
    """
    try:
        return pack().rules[rule_id]
    except KeyError:
        raise UnknownRule(f"the rule pack has no rule {rule_id}") from None


def parse(document: str) -> RulePack:
    """Read a rule pack from TOML.

    Raises:
        InvalidRulePack: A field is missing, unknown or malformed, an id occurs twice, a section or an instrument is
            unknown, or a rule names its place in the code without being implemented (or the reverse).
    """
    try:
        return _pack(tomllib.loads(document))
    except (AttributeError, KeyError, TypeError, ValueError) as fault:
        raise InvalidRulePack(f"the rule pack cannot be read: {fault}") from fault


_RULE_ID = re.compile(r"[A-Z]{1,2}-\d{2}")
_SOURCE = re.compile(r"(?P<instrument>[A-Z][A-Z0-9]*)(?: (?P<provision>\S+))? \[(?P<status>[VSMD])\]")
_DOTTED = re.compile(r"[a-z_]+(?:\.[a-z_]+)*")
_ACTION = re.compile(r"[a-z_]+\.[a-z_]+")
_FLOOR = re.compile(r"P[1-9]\d*[YM]")
_RULE_FIELDS = frozenset({"id", "basis", "kind", "zh", "en", "floor", "implemented", "where", "evidence"})


def _pack(table: Mapping[str, Any]) -> RulePack:
    sections = {letters: _text(row) for letters, row in table["sections"].items()}
    instruments = {key: Instrument(key, _text(row), Force(row["force"])) for key, row in table["instruments"].items()}
    rules = [_rule(row, instruments) for row in table["rules"]]
    by_id = {rule.id: rule for rule in rules}
    if len(by_id) != len(rules):
        raise ValueError("a rule id occurs twice")
    if unknown := {rule.section for rule in rules} - sections.keys():
        raise ValueError(f"unknown sections: {sorted(unknown)}")
    return RulePack(table["id"], MappingProxyType(sections), MappingProxyType(by_id))


def _rule(row: Mapping[str, Any], instruments: Mapping[str, Instrument]) -> Rule:
    name, floor, implemented = row["id"], row.get("floor"), row.get("implemented", False)
    where, evidence = tuple(row.get("where", ())), tuple(row.get("evidence", ()))
    faults = {
        "unknown fields": bool(row.keys() - _RULE_FIELDS),
        "malformed id": not _RULE_ID.fullmatch(name),
        "no source": not row["basis"],
        "malformed floor": floor is not None and not _FLOOR.fullmatch(floor),
        "malformed place": not all(map(_DOTTED.fullmatch, where)),
        "malformed journal action": not all(map(_ACTION.fullmatch, evidence)),
        "implemented, but nowhere": implemented and not where,
        "evidence or place of a rule that is not implemented": not implemented and bool(where or evidence),
    }
    if found := [fault for fault, present in faults.items() if present]:
        raise ValueError(f"{name}: {', '.join(found)}")
    return Rule(
        id=name,
        sources=tuple(_source(text, instruments) for text in row["basis"]),
        kind=Kind(row["kind"]),
        text=_text(row),
        floor=floor,
        implemented=implemented,
        where=where,
        evidence=evidence,
    )


def _source(text: str, instruments: Mapping[str, Instrument]) -> Source:
    match = _SOURCE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no source")
    source = Source(
        instruments[match["instrument"]],
        Provision.parse(match["provision"]) if match["provision"] else None,
        Status(match["status"]),
    )
    if (source.status is Status.DESIGN) != (source.instrument.force is Force.DESIGN):
        raise ValueError(f"{text!r}: the reading D belongs to our own design, and to nothing else")
    return source


def _text(row: Mapping[str, str]) -> Text:
    if not (row["zh"].strip() and row["en"].strip()):
        raise ValueError("a text is empty in one language")
    return Text(zh=row["zh"], en=row["en"])


def citation(rule: Rule, lang: Lang) -> str:
    """The citation to print beside a duty: the draft where the rule follows it, else the source that carries it.

    For a rule of the draft: 参照《重庆市大数据发展管理条例（草案）》第X条（2021年征求意见稿，未生效）.
    """
    return citations(rule, lang)[0]


def citations(rule: Rule, lang: Lang) -> tuple[str, ...]:
    """All citations of a rule, the draft's first."""
    return cite(rule.sources, rule.id, lang)


def matrix() -> str:
    """The compliance matrix: every rule of the pack with its sources, its place and its evidence, as Markdown."""
    held = pack()
    done = sum(rule.implemented for rule in held.rules.values())
    lines = [
        f"# Compliance matrix: {held.id}",
        "",
        "Generated by `python -m exchange.rules`.",
        "",
        BASIS.en,
        "",
        BASIS.zh,
        "",
        f"{done} of {len(held.rules)} rules are implemented: their gate and their test exist.",
        "",
        "Status of the first source: V text read; S an excerpt or secondary page; M not checked; D our own design.",
    ]
    for letters, heading in held.sections.items():
        lines += ["", f"## {heading.en} {heading.zh}", ""]
        lines += ["| id | duty | article | status | kind | where | evidence | |", "|---|---|---|---|---|---|---|---|"]
        lines += [_row(rule) for rule in held.rules.values() if rule.section == letters]
    return "\n".join([*lines, "", "## Sources", "", *_sources(held), ""])


def _row(rule: Rule) -> str:
    cells = (
        rule.id,
        f"{rule.text.en}<br>{rule.text.zh}",
        rule.article,
        rule.status.value,
        rule.kind.value,
        "<br>".join(f"`{place}`" for place in rule.where),
        "<br>".join(f"`{action}`" for action in rule.evidence),
        "implemented" if rule.implemented else "not implemented",
    )
    return f"| {' | '.join(cells)} |"


def _sources(held: RulePack) -> Iterator[str]:
    yield "| key | source | force |"
    yield "|---|---|---|"
    used = {source.instrument for rule in held.rules.values() for source in rule.sources}
    for instrument in sorted(used, key=lambda instrument: instrument.key):
        yield f"| {instrument.key} | {instrument.name.en} {instrument.name.zh} | {instrument.note.en} |"


if __name__ == "__main__":
    sys.stdout.buffer.write(matrix().encode())
