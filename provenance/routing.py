"""Routing: what is government-derived must be traded at an exchange (Art. 28(2)).

The classification is computed from who holds the sources, through everything bought here, and explains itself. No label
and no wish of the seller changes it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from exchange.citations import Text
from exchange.db import Transaction
from exchange.errors import Invalid, Refused
from exchange.gates import gate
from provenance.lineage import SourceLink, path, trace
from provenance.states import CHANNELS
from provenance.vocabulary import ATTRIBUTES

_USES = {
    "incorporated": Text(zh="包含", en="contains"),
    "derived": Text(zh="加工自", en="is derived from"),
    "trained": Text(zh="训练时使用", en="was trained on"),
    "validated": Text(zh="校验时使用", en="was validated against"),
    "reference": Text(zh="作为对照使用", en="refers to"),
}
_DERIVED = Text(
    zh="本产品系利用政务数据形成，应当通过依法设立的数据交易服务机构交易。",
    en="This product was made with government data and is traded through a lawfully established exchange only.",
)
_TOUCHED = Text(
    zh="本产品在制作中参照了政务数据，成品不含该数据；由两名审核员认定。",
    en="Government data helped to make this product and does not stand in it; two reviewers decide what that means.",
)
_SHAPED = Text(
    zh="本产品在制作中参照了政务数据，两名审核员认定成品不含该数据；予以记录，可以自愿选择交易场所。",
    en="Government data helped to make this product; two reviewers held that it does not stand in it. This is recorded;"
    " trading at an exchange is voluntary.",
)
_FREE = Text(
    zh="未发现政务数据来源；可以自愿选择在依法设立的数据交易服务机构交易。",
    en="No government source is known; trading at an exchange is voluntary.",
)


@dataclass(frozen=True, slots=True)
class ChainLink:
    """One step of the explanation: a declaration's source, how it was used, and in words.

    ``depth`` counts the purchases between the product and the declaration; ``government`` marks the end of a chain.
    """

    declaration_id: str
    position: int
    depth: int
    kind: str
    use: str
    record_id: str | None
    government: bool
    passing: bool
    text: Text


@dataclass(frozen=True, slots=True)
class Classification:
    """What the lineage of a declaration says.

    Attributes:
        government_derived: Government data stands in the product, directly or through what was bought.
        needs_decision: Government data only shaped it (trained, validated, reference): two reviewers decide.
        chain: The ways to every government source, step by step; empty when there is none.
        rules: Ids of the rules that apply.
        text: The finding in words.
    """

    government_derived: bool
    needs_decision: bool
    chain: tuple[ChainLink, ...]
    rules: tuple[str, ...]
    text: Text


def classify(tx: Transaction, declaration_id: str) -> Classification:
    """The classification of a declaration at this moment (RULES P-08).

    Raises:
        NotFound: There is no such declaration.
    """
    return classification(tx.session, declaration_id)


def classification(session: Session, declaration_id: str) -> Classification:
    """As ``classify``, for a session that only reads."""
    return classification_of(declaration_id, trace(session, declaration_id))


def classification_of(declaration_id: str, links: Sequence[SourceLink]) -> Classification:
    """The classification that follows from all sources behind a declaration."""
    government = [link for link in links if link.government]
    derived = any(link.passing for link in government)
    undecided = not derived and any(not settled(link, links) for link in government)
    return Classification(
        government_derived=derived,
        needs_decision=undecided,
        chain=tuple(_chain(declaration_id, links, government)),
        rules=("P-08", "G-01") if derived else ("P-08",),
        text=_DERIVED if derived else _TOUCHED if undecided else _SHAPED if government else _FREE,
    )


def settled(link: SourceLink, links: Sequence[SourceLink]) -> bool:
    """Whether reviewers held, at the source or at every purchase that leads to it, that nothing of it is passed on."""
    if link.settled:
        return True
    leading = [each for each in links if each.acquisition and each.acquisition.declaration_id == link.declaration.id]
    return bool(leading) and all(settled(each, links) for each in leading)


@gate("G-01", "P-08")
def channel_allowed(tx: Transaction, declaration_id: str, channel: str) -> None:
    """What is government-derived is offered at an exchange, never as a ``direct`` deal.

    Raises:
        Invalid: There is no such channel.
        Refused: ``direct`` for a government-derived product (Art. 28(2)).
    """
    if channel not in CHANNELS:
        raise Invalid("There is no such channel: %(channel)s.", code="unknown_channel", channel=channel)
    if channel == "direct" and classify(tx, declaration_id).government_derived:
        raise Refused(
            "G-01",
            "This product was made with government data: Article 28(2) lets it be traded through a lawfully established"
            " exchange only, not directly.",
            remedy="Offer it here, or name another lawfully established exchange.",
            code="direct_channel_barred",
            subjects=(declaration_id,),
        )


def _chain(root_id: str, links: Sequence[SourceLink], government: Sequence[SourceLink]) -> Iterator[ChainLink]:
    """The steps to every government source, what stands in the product first; a step shared by two ways comes once."""
    told: set[tuple[str, int]] = set()
    for end in sorted(government, key=lambda link: not link.passing):
        for link in path(root_id, links, end):
            place = (link.declaration.id, link.source.position)
            if place not in told:
                told.add(place)
                yield _step(link)


def _step(link: SourceLink) -> ChainLink:
    source = link.source
    return ChainLink(
        declaration_id=link.declaration.id,
        position=source.position,
        depth=link.depth,
        kind=source.kind,
        use=source.use,
        record_id=source.record_id,
        government=link.government,
        passing=link.passing,
        text=_words(link),
    )


def _words(link: SourceLink) -> Text:
    use, title = _USES[link.source.use], link.source.title
    what = Text(zh="本产品", en="This product") if link.depth == 0 else Text(zh="该数据", en="That data")
    if not link.government:
        return Text(
            zh=f"{what.zh}{use.zh}在本所购得的“{title}”。", en=f"{what.en} {use.en} “{title}”, which was bought here."
        )
    zh, en = [f"{link.source.holder}持有"], [f"held by {link.source.holder}"]
    if link.record is not None:
        attribute = ATTRIBUTES[link.record.open_attribute]
        zh += [f"目录编号 {link.record.official_number}", attribute.zh]
        en += [f"catalogue number {link.record.official_number}", attribute.en]
    return Text(
        zh=f"{what.zh}{use.zh}政务数据“{title}”（{'，'.join(zh)}）。",
        en=f"{what.en} {use.en} the government data “{title}” ({', '.join(en)}).",
    )
