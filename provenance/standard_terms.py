"""Standard terms of an agreement on the use of government data, and where an agreement departs from them (RULES G-10).

The exchange's own words for the items that can be worded beforehand. Once the municipal authority has issued its model
text (Art. 19(3)), that text stands here under its own number and the older one stays for agreements that began with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from exchange.citations import Text

#: The standard terms that new agreements start from.
CURRENT = "DB-GOV-1"
#: Number of the terms to the text of each item.
STANDARDS: Mapping[str, Mapping[str, Text]] = MappingProxyType(
    {
        CURRENT: MappingProxyType(
            {
                "security_measures": Text(
                    zh="加密传输和存储；专人管理，最小授权；访问留痕不少于六个月；发生安全事件立即处置并告知政务部门。",
                    en="Encrypted in transit and at rest; named keepers with least access; access logged for at least"
                    " six months; incidents handled and told to the department at once.",
                ),
                "disposal": Text(
                    zh="期满之日起十个工作日内删除原始数据及副本，并向政务部门出具处置证明。",
                    en="The original data and all copies are deleted within ten working days of the end, and the"
                    " department receives proof of it.",
                ),
            }
        )
    }
)


@dataclass(frozen=True, slots=True)
class Deviation:
    """An item whose words differ from the standard terms."""

    item: str
    standard: Text
    said: str


def deviations(standard: str, items: Mapping[str, str]) -> tuple[Deviation, ...]:
    """The items worded otherwise than ``standard`` words them in either language; empty when none was chosen."""
    return tuple(
        Deviation(item, text, items[item])
        for item, text in STANDARDS.get(standard, {}).items()
        if _joined(items[item]) not in {_joined(text.zh), _joined(text.en)}
    )


def _joined(text: str) -> str:
    """Line breaks and runs of space are no deviation."""
    return " ".join(text.split())
