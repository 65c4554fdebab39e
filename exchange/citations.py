"""Citing statutes: provisions, the instruments they stand in, and how both are printed in Chinese and English.

A citation always says what force its instrument has on an exchange in Chongqing, and how well its text is known.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Literal, Self

Lang = Literal["zh", "en"]


@dataclass(frozen=True, slots=True)
class Text:
    """The same words in both languages."""

    zh: str
    en: str

    def in_lang(self, lang: Lang) -> str:
        """The words in ``lang``."""
        return self.zh if lang == "zh" else self.en


class Status(StrEnum):
    """How well a source is known to those who wrote the pack."""

    VERIFIED = "V"
    SECONDARY = "S"
    MEMORY = "M"
    DESIGN = "D"


class Force(StrEnum):
    """What binds an instrument has on an exchange in Chongqing."""

    DRAFT = "draft"
    IN_FORCE = "in_force"
    SUPERSEDED = "superseded"
    GUIDANCE = "guidance"
    ELSEWHERE = "elsewhere"
    STANDARD = "standard"
    DESIGN = "design"


_LEAD: Mapping[Force, Text] = {
    Force.DRAFT: Text("参照", "With reference to the "),
    Force.IN_FORCE: Text("依据", "Under the "),
    Force.SUPERSEDED: Text("参考", "Compare the "),
    Force.GUIDANCE: Text("参考", "Guided by: "),
    Force.ELSEWHERE: Text("参考", "Modelled on: "),
    Force.STANDARD: Text("参考", "See "),
    Force.DESIGN: Text("依据", "Under the "),
}
_FORCE: Mapping[Force, Text] = {
    Force.DRAFT: Text("2021年征求意见稿，未生效", "consultation draft of 2021, not in force"),
    Force.IN_FORCE: Text("现行", "in force"),
    Force.SUPERSEDED: Text("已修改或被取代的文本", "text since amended or superseded"),
    Force.GUIDANCE: Text("政策或示范文件", "policy or model text"),
    Force.ELSEWHERE: Text("在本市不具约束力", "not binding in Chongqing"),
    Force.STANDARD: Text("国家标准", "national standard"),
    Force.DESIGN: Text("平台自定，非法律规定", "the platform's own requirement, not a legal rule"),
}
_READING: Mapping[Status, Text] = {
    Status.VERIFIED: Text("已核对原文", "text checked"),
    Status.SECONDARY: Text("据摘录，未核对原文", "from an excerpt, text not checked"),
    Status.MEMORY: Text("未核对", "not checked"),
}

_NUMERALS = "零一二三四五六七八九"
_ITEMS = ("一", "二", "三", "四", "五", "六", "七", "八", "九", "十")


def chinese_numeral(number: int) -> str:
    """``number`` (1 to 9999) as statutes number their articles: 二十八, 二百零一, 一千零三十八.

    Raises:
        ValueError: Out of range.
    """
    if not 1 <= number <= 9999:  # noqa: PLR2004  (the range is the docstring's)
        raise ValueError("articles are numbered 1 to 9999")
    written = ""
    for digit, unit in zip(f"{number:04}", ("千", "百", "十", ""), strict=True):
        if digit != "0":
            written += _NUMERALS[int(digit)] + unit
        elif written and not written.endswith("零"):
            written += "零"
    written = written.rstrip("零")
    return written.removeprefix("一") if written.startswith("一十") else written


_PROVISION = re.compile(r"([1-9]\d*)(?:-([1-9]\d*)|(?:\(([1-9]\d*)\))?(?:\(([一二三四五六七八九十])\))?)")


@dataclass(frozen=True, slots=True)
class Provision:
    """An article, a range of articles, or a paragraph (款) or item (项) of an article."""

    article: int
    through: int | None = None
    paragraph: int | None = None
    item: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the pack's notation: ``28(1)(四)`` is Article 28, paragraph 1, item 4; ``28-31`` a range.

        Raises:
            ValueError: ``text`` is not in that notation.
        """
        match = _PROVISION.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} names no article")
        article, through, paragraph, item = match.groups()
        if through and int(through) <= int(article):
            raise ValueError(f"{text!r} is no range of articles")
        return cls(
            int(article),
            int(through) if through else None,
            int(paragraph) if paragraph else None,
            _ITEMS.index(item) + 1 if item else None,
        )

    def __str__(self) -> str:
        written = str(self.article)
        if self.through:
            written += f"-{self.through}"
        if self.paragraph:
            written += f"({self.paragraph})"
        if self.item:
            written += f"({_ITEMS[self.item - 1]})"
        return written

    def in_lang(self, lang: Lang) -> str:
        """As it is printed: 第二十八条第一款第四项, or ``Article 28, paragraph 1, item 4``."""
        if lang == "zh":
            written = f"第{chinese_numeral(self.article)}条"
            written += f"至第{chinese_numeral(self.through)}条" if self.through else ""
            written += f"第{chinese_numeral(self.paragraph)}款" if self.paragraph else ""
            return written + (f"第{chinese_numeral(self.item)}项" if self.item else "")
        if self.through:
            return f"Articles {self.article} to {self.through}"
        written = f"Article {self.article}"
        written += f", paragraph {self.paragraph}" if self.paragraph else ""
        return written + (f", item {self.item}" if self.item else "")


@dataclass(frozen=True, slots=True)
class Instrument:
    """A statute, standard, policy or model text that duties are drawn from."""

    key: str
    name: Text
    force: Force

    @property
    def note(self) -> Text:
        """What force it has, as citations print it."""
        return _FORCE[self.force]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a duty comes from and how well that place is known; a whole instrument has no provision."""

    instrument: Instrument
    provision: Provision | None
    status: Status

    @property
    def reference(self) -> str:
        """Short form: ``DRAFT 28(1)(四)``."""
        return self.instrument.key if self.provision is None else f"{self.instrument.key} {self.provision}"


def cite(sources: Iterable[Source], rule_id: str, lang: Lang) -> tuple[str, ...]:
    """Citations of ``sources``, one for each instrument and reading: the draft first, then in the order given.

    ``rule_id`` is the provision of the operator's own trading rules, which follow the rule pack's numbers.
    """
    ordered = sorted(sources, key=lambda source: source.instrument.force is not Force.DRAFT)
    groups = groupby(ordered, key=lambda source: (source.instrument, source.status))
    citations = []
    for (instrument, status), group in groups:
        places = [source.provision.in_lang(lang) for source in group if source.provision]
        if instrument.force is Force.DESIGN:
            places = [rule_id]
        citations.append(_cite(instrument, status, places, lang))
    return tuple(citations)


def _cite(instrument: Instrument, status: Status, places: list[str], lang: Lang) -> str:
    notes = [instrument.note.in_lang(lang)]
    if instrument.force is not Force.DRAFT and status in _READING:
        notes.append(_READING[status].in_lang(lang))
    head = _LEAD[instrument.force].in_lang(lang) + instrument.name.in_lang(lang)
    if lang == "zh":
        return f"{head}{'、'.join(places)}（{'；'.join(notes)}）"
    return f"{', '.join([head, '; '.join(places)] if places else [head])} ({'; '.join(notes)})"
