"""Purposes of use, as a small tree of dotted codes: a code covers everything below it.

Agreements, authorisations, licences and offers name purposes by these codes, so that «inside the agreed purpose»
(Art. 20(2), RULES G-17) can be decided; the words beside them explain and do not widen.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from exchange.citations import Text
from exchange.errors import Invalid

PURPOSES: Mapping[str, Text] = MappingProxyType(
    {
        "commercial": Text(zh="商业使用", en="Commercial use"),
        "commercial.analytics": Text(zh="商业分析与咨询", en="Business analysis and advice"),
        "commercial.credit": Text(zh="信用评估", en="Credit assessment"),
        "commercial.insurance": Text(zh="保险产品与定价", en="Insurance products and pricing"),
        "commercial.logistics": Text(zh="物流与运输", en="Logistics and transport"),
        "commercial.marketing": Text(zh="市场营销", en="Marketing"),
        "commercial.model_training": Text(zh="训练模型", en="Training of models"),
        "commercial.products": Text(zh="开发数据产品和服务", en="Making data products and services"),
        "internal": Text(zh="内部管理", en="Internal management"),
        "public": Text(zh="公共治理与公益事业", en="Public governance and welfare"),
        "public.emergency": Text(zh="应急处置", en="Response to emergencies"),
        "public.governance": Text(zh="公共治理", en="Public governance"),
        "public.welfare": Text(zh="公益事业", en="Public welfare"),
        "research": Text(zh="研究", en="Research"),
        "research.academic": Text(zh="学术研究与教学", en="Academic research and teaching"),
        "research.development": Text(zh="技术研发", en="Research and development"),
    }
)


def check(codes: Iterable[str]) -> list[str]:
    """``codes`` in order, each once.

    Raises:
        Invalid: One of them is not in the tree.
    """
    wanted = sorted(set(codes))
    unknown = [code for code in wanted if code not in PURPOSES]
    if unknown:
        raise Invalid("Unknown purpose: %(codes)s.", code="unknown_purpose", codes=", ".join(unknown))
    return wanted


def covers(granted: str, wanted: str) -> bool:
    """Whether ``granted`` is ``wanted`` or stands above it in the tree."""
    return wanted == granted or wanted.startswith(granted + ".")


def uncovered(granted: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """Those of ``wanted`` that nothing granted covers, in order."""
    grants = tuple(granted)
    return sorted({code for code in wanted if not any(covers(grant, code) for grant in grants)})
