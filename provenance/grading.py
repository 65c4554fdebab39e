"""Data grading (数据分级) as GB/T 43697-2024 has it: what harm a leak would do, to whom; the highest wins (就高从严).

Pure: facts in, a grade with its reasons out. What nobody answered is named as missing and never taken for harmless.
The table of objects and degrees follows clause 6.5 of the standard, whose text was not read in full [M].
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

#: Grades, from low to high (DSL 21).
GRADES: Final = ("general", "important", "core")
#: 分级要素: what is said of the data before its effects are weighed (clause 6.3).
ELEMENTS = MappingProxyType(
    {
        "domain": ("领域", "Field"),
        "group": ("群体", "Group of people or bodies"),
        "region": ("区域", "Region"),
        "precision": ("精度", "Precision"),
        "scale": ("规模", "Scale"),
        "depth": ("深度", "Depth"),
        "coverage": ("覆盖度", "Coverage"),
        "importance": ("重要性", "Importance"),
    }
)
#: 影响对象: what a leak, change, loss or misuse would harm (clause 6.4).
OBJECTS = MappingProxyType(
    {
        "national_security": ("国家安全", "national security"),
        "economy": ("经济运行", "the running of the economy"),
        "social_order": ("社会秩序", "social order"),
        "public_interest": ("公共利益", "the public interest"),
        "organisations": ("组织权益", "rights of organisations"),
        "individuals": ("个人权益", "rights of individuals"),
    }
)
#: 影响程度: how much.
DEGREES = MappingProxyType(
    {
        "none": ("无危害", "no harm"),
        "ordinary": ("一般危害", "ordinary harm"),
        "serious": ("严重危害", "serious harm"),
        "extreme": ("特别严重危害", "extremely serious harm"),
        "unknown": ("待补充", "not known yet"),
    }
)
#: Whether the data is a secret that nobody trades.
SECRECY = MappingProxyType(
    {
        "none": ("不涉及国家秘密、工作秘密", "neither a state secret nor a work secret"),
        "state_secret": ("国家秘密", "a state secret"),
        "work_secret": ("工作秘密", "a work secret"),
        "unknown": ("待补充", "not known yet"),
    }
)
#: What a catalogue of important data, or a notice of an authority, says of the data.
IDENTIFIED = MappingProxyType(
    {
        "none": ("未被告知或者公布为重要数据、核心数据", "neither notified nor published as important or core data"),
        "important": ("已被告知或者公布为重要数据", "notified or published as important data"),
        "core": ("已被认定为核心数据", "identified as core data"),
        "unknown": ("待补充", "not known yet"),
    }
)
_PUBLIC: Final = {"ordinary": "general", "serious": "important", "extreme": "core"}
_TABLE: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "national_security": {"ordinary": "important", "serious": "core", "extreme": "core"},
        "economy": _PUBLIC,
        "social_order": _PUBLIC,
        "public_interest": _PUBLIC,
        "organisations": dict.fromkeys(_PUBLIC, "general"),
        "individuals": dict.fromkeys(_PUBLIC, "general"),
    }
)


@dataclass(frozen=True, slots=True)
class Form:
    """What a seller says of a version; codes are those of this module.

    ``elements`` describes each element in words, ``effects`` gives each object its degree.
    """

    elements: Mapping[str, str]
    effects: Mapping[str, str]
    identified_as: str
    secrecy: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a grade is at least ``grade``, in words."""

    grade: str
    zh: str
    en: str
    rule: str = "C-02"


@dataclass(frozen=True, slots=True)
class Result:
    """The grade, or ``None`` while ``missing`` names what has to be answered; ``secret`` is the code of a secret."""

    grade: str | None
    missing: tuple[str, ...]
    secret: str | None
    reasons: tuple[Reason, ...]


def rank(grade: str) -> int:
    """How high a grade is: a higher number asks for more protection."""
    return GRADES.index(grade)


def highest(grades: Sequence[str]) -> str:
    """The highest of ``grades``; general when there is none."""
    return max(grades, key=rank, default=GRADES[0])


def grade(form: Form) -> Result:
    """What the form comes to. An answer that is missing leaves the grade open unless it is core already."""
    missing = _missing(form)
    secret = form.secrecy if form.secrecy in {"state_secret", "work_secret"} else None
    reasons = [_by_effect(thing, degree) for thing, degree in form.effects.items() if degree in _PUBLIC]
    if form.identified_as in {"important", "core"}:
        zh, en = IDENTIFIED[form.identified_as]
        reasons.append(Reason(form.identified_as, f"该数据{zh}。", f"The data is {en}.", "C-04"))
    if secret is not None:
        zh, en = SECRECY[secret]
        reasons.append(Reason("core", f"该数据属于{zh}，不予交易。", f"The data is {en}: it is not traded.", "C-08"))
    found = highest([reason.grade for reason in reasons])
    if not reasons and not missing:
        reasons.append(
            Reason("general", "对各影响对象均无危害，定为一般数据。", "No object would be harmed: general data.")
        )
    open_still = bool(missing) and found != "core"
    ordered = sorted(reasons, key=lambda reason: -rank(reason.grade))
    return Result(None if open_still else found, missing, secret, tuple(ordered))


def _missing(form: Form) -> tuple[str, ...]:
    unsaid = [f"elements.{name}" for name in ELEMENTS if not form.elements.get(name, "").strip()]
    unsaid += [f"effects.{name}" for name in OBJECTS if form.effects.get(name, "unknown") not in {"none", *_PUBLIC}]
    if form.identified_as not in {"none", "important", "core"}:
        unsaid.append("identified_as")
    if form.secrecy not in {"none", "state_secret", "work_secret"}:
        unsaid.append("secrecy")
    return tuple(unsaid)


def _by_effect(thing: str, degree: str) -> Reason:
    found = _TABLE[thing][degree]
    (thing_zh, thing_en), (degree_zh, degree_en) = OBJECTS[thing], DEGREES[degree]
    words = {"general": ("一般数据", "general"), "important": ("重要数据", "important"), "core": ("核心数据", "core")}
    zh, en = words[found]
    return Reason(
        found, f"可能对{thing_zh}造成{degree_zh}：{zh}。", f"A leak may do {degree_en} to {thing_en}: {en} data."
    )
