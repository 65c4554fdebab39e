"""Why a product is classified as it is: the whole chain in sentences, each with the rule it rests on.

Each step leads from a source to its holder, to the law that it stands under, to its use, to what follows from that.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from exchange.citations import Text
from provenance import lineage, routing
from provenance.lineage import SourceLine, SourceLink
from provenance.routing import Classification
from provenance.states import CHANNELS, PASSING_USES
from provenance.vocabulary import ATTRIBUTES, KINDS, USES

#: More steps than this are counted, not told: nobody reads on, and the classification does not depend on them.
MAX_STEPS = 60

#: By open attribute: the law that a record of the catalogue stands under, and the rule that asks for it.
_BY_ATTRIBUTE = {
    "unconditional": (
        Text(
            zh="无条件开放，经身份认证在开放系统获取（草案第十八条第一款）",
            en="it is open without conditions and retrieved in the open system by an identified user (Art. 18(1))",
        ),
        "G-06",
    ),
    "conditional": (
        Text(
            zh="有条件开放，凭政务数据利用协议使用（草案第十九条第一款）",
            en="it is open on conditions and used under an agreement with the department (draft, Art. 19(1))",
        ),
        "G-07",
    ),
    "closed": (
        Text(
            zh="不予开放，仅可凭授权运营使用（草案第十七条、第二十一条）",
            en="it is not open and used under authorised operation only (draft, Art. 17, 21)",
        ),
        "G-04",
    ),
}
_OF_A_DEPARTMENT = Text(
    zh="政务部门履行职责中制作或者收集的数据，即政务数据（草案第六十六条第二项）",
    en="a department made or collected it in its duties, so it is government data (draft, Art. 66, item 2)",
)
_OWN_CATALOGUE = Text(
    zh="本部门自有的目录数据，无需与自己订立协议（草案第十二条）",
    en="it stands in the department's own catalogue, for which it needs no agreement with itself (draft, Art. 12)",
)
_BOUGHT = Text(
    zh="本所交易购得，其来源的义务随之承继（草案第二十六条）",
    en="it was bought at this exchange, with the duties of its own sources (draft, Art. 26)",
)
_OTHER = Text(
    zh="持有人不是政务部门，亦未编入政务数据目录",
    en="its holder is no department, and it stands in no government catalogue",
)

_DERIVES = Text(zh="本产品因此系政务数据形成", en="so this product is made with government data")
_TOUCHES = Text(
    zh="该数据未进入成品，如何认定由两名审核员决定",
    en="it does not stand in this product, and two reviewers decide what that means",
)
_CARRIES = Text(zh="继续追溯其来源", en="so its own sources are followed")
_SHAPES = Text(
    zh="继续追溯其来源；其内容未进入成品",
    en="so its own sources are followed, though it does not stand in this product",
)
_FREE = Text(zh="不因此成为政务数据形成的产品", en="so it makes no government-derived product")


@dataclass(frozen=True, slots=True)
class Step:
    """One sentence of the chain; ``subject`` is the record, agreement, trade or declaration that it speaks of.

    ``depth`` counts the purchases between the product and the source.
    """

    text: Text
    rule_id: str
    subject: str
    depth: int
    government: bool


@dataclass(frozen=True, slots=True)
class ChannelRule:
    """Where the product may be traded, and by which rule."""

    channels: tuple[str, ...]
    text: Text
    rule_id: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """A classification with its reasons; ``left_out`` counts the sources that are not told one by one."""

    classification: Classification
    chain: tuple[Step, ...]
    channel: ChannelRule
    left_out: int


@dataclass(frozen=True, slots=True)
class Origin:
    """What everybody may know of a product's origin: lines to print, the finding, and the channel rule."""

    source_lines: tuple[SourceLine, ...]
    classification: Classification
    channel: ChannelRule


_EXCHANGE_ONLY = ChannelRule(
    tuple(channel for channel in CHANNELS if channel != "direct"),
    Text(
        zh="必须场内交易：涉及利用政务数据形成的数据产品和服务，应当通过依法设立的数据交易服务机构进行交易（草案第二十八条第二款）。",
        en="Must be traded at an exchange: what is made with government data is traded through a lawfully established"
        " data exchange (draft, Art. 28(2)).",
    ),
    "G-01",
)
_AWAITING = ChannelRule(
    CHANNELS,
    Text(
        zh="交易方式待两名审核员认定后确定；认定为政务数据形成的，必须场内交易。",
        en="Where it may be traded waits for two reviewers; if they find it government-derived, at an exchange only.",
    ),
    "P-08",
)
_VOLUNTARY = ChannelRule(
    CHANNELS,
    Text(
        zh="可以自愿选择场内交易（草案第二十八条第二款鼓励）。",
        en="Trading at an exchange is voluntary (and encouraged by Art. 28(2) of the draft).",
    ),
    "G-02",
)


def explain(session: Session, declaration_id: str) -> Explanation:
    """The classification of a declaration with its chain: the government sources and the ways to them, then the others.

    Raises:
        NotFound: There is no such declaration.
    """
    links = lineage.trace(session, declaration_id)
    found = routing.classification_of(declaration_id, links)
    told = _in_order(found, links)
    return Explanation(
        classification=found,
        chain=tuple(_step(link) for link in told[:MAX_STEPS]),
        channel=channel_rule(found),
        left_out=max(0, len(told) - MAX_STEPS),
    )


def origin(session: Session, declaration_id: str) -> Origin:
    """What the pages of a product print of its origin (RULES G-01, G-15).

    Raises:
        NotFound: There is no such declaration.
    """
    return origin_of(declaration_id, lineage.trace(session, declaration_id))


def origin_of(declaration_id: str, links: Sequence[SourceLink]) -> Origin:
    """As ``origin``, of a lineage that was traced."""
    found = routing.classification_of(declaration_id, links)
    return Origin(tuple(lineage.source_lines_of(links)), found, channel_rule(found))


def channel_rule(found: Classification) -> ChannelRule:
    """Where a product of that classification may be traded."""
    if found.government_derived:
        return _EXCHANGE_ONLY
    return _AWAITING if found.needs_decision else _VOLUNTARY


def _in_order(found: Classification, links: Sequence[SourceLink]) -> list[SourceLink]:
    """The links of the classification's chain as it leads, then all others, nearest first."""
    by_place = {(link.declaration.id, link.source.position): link for link in links}
    chain = [(link.declaration_id, link.position) for link in found.chain]
    return [by_place[place] for place in (*chain, *(place for place in by_place if place not in set(chain)))]


def _step(link: SourceLink) -> Step:
    law, rule_id, subject = _law(link)
    consequence = _consequence(link)
    held, use = _held(link), USES[link.source.use]
    within = Text(zh="", en="") if link.depth == 0 else Text(zh="所购产品的来源：", en="Behind what was bought: ")
    title = link.source.title
    return Step(
        text=Text(
            zh=f"{within.zh}“{title}”由{held.zh}，{law.zh}；{use.zh}；{consequence.zh}。",
            en=f"{within.en}“{title}” is {held.en}; {law.en}; it was {use.en}; {consequence.en}.",
        ),
        rule_id=rule_id,
        subject=subject,
        depth=link.depth,
        government=link.government,
    )


def _held(link: SourceLink) -> Text:
    """Who holds the source, and under which number and label."""
    holder, kind, record = link.source.holder, KINDS[link.source.kind], link.record
    if record is None:
        return Text(zh=f"{holder}持有（{kind.zh}）", en=f"held by {holder} ({kind.en.lower()})")
    attribute = ATTRIBUTES[record.open_attribute]
    return Text(
        zh=f"{holder}持有（目录编号 {record.official_number}，{attribute.zh}）",
        en=f"held by {holder} (catalogue number {record.official_number}, {attribute.en})",
    )


def _law(link: SourceLink) -> tuple[Text, str, str]:
    """The law a source stands under, the rule, and what the sentence is about."""
    if link.record is not None:
        law, rule_id = _BY_ATTRIBUTE[link.record.open_attribute]
        return (_OWN_CATALOGUE, "G-03", link.record.id) if link.from_own_catalogue else (law, rule_id, link.record.id)
    if link.government:
        return _OF_A_DEPARTMENT, "G-03", link.agreement.id if link.agreement is not None else link.declaration.id
    if link.acquisition is not None:
        return _BOUGHT, "P-06", link.acquisition.reference
    return _OTHER, "P-02", link.declaration.id


def _consequence(link: SourceLink) -> Text:
    if link.government:
        return _DERIVES if link.passing else _TOUCHES
    if link.acquisition is not None:
        return _CARRIES if link.source.use in PASSING_USES else _SHAPES
    return _FREE
