"""The way data may leave the mainland (数据出境路径), from facts that may be unknown (RULES X-02 to X-11).

Edition ``CBF-2024``: 《促进和规范数据跨境流动规定》 (22 March 2024), read in excerpts [S]; NDR 35-38 [V].
Persons are counted without duplicates since 1 January of the current year. An unknown fact leaves the path
open (待补充); no default is favourable. What is found here is a decision aid, not a decision.
"""

from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Final

EDITION: Final = "CBF-2024"
#: Persons whose ordinary personal information is given: from here on a contract or certification, and an assessment.
CONTRACT_FROM: Final = 100_000
ASSESSMENT_FROM: Final = 1_000_000
#: Persons whose sensitive information is given: from here on an assessment, from the first one a contract.
SENSITIVE_ASSESSMENT_FROM: Final = 10_000

#: Years a result of a security assessment holds, and working days before its end to ask for renewal (CBF 9).
VALID_YEARS: Final = 3
RENEWAL_WORKING_DAYS: Final = 60

PATHS = MappingProxyType(
    {
        "security_assessment": ("安全评估", "Security assessment"),
        "contract_or_certification": ("标准合同或者个人信息保护认证", "Standard contract or certification"),
        "exempt": ("豁免", "Exempt"),
        "blocked": ("不得提供", "Blocked"),
        "manual": ("人工判定", "Manual decision"),
        "not_applicable": ("不适用", "Not applicable"),
        "incomplete": ("待补充", "Facts are missing"),
    }
)
#: Exempt scenes that need facts of their own (CBF 3-6, NDR 35).
SCENES = MappingProxyType(
    {
        "none": ("无豁免场景", "No exempt scene"),
        "individual_contract": (
            "为订立、履行个人作为一方当事人的合同所必需",
            "Needed for a contract with the individual",
        ),
        "human_resources": ("实施跨境人力资源管理所必需", "Needed for cross-border human resources management"),
        "emergency": ("紧急情况下保护自然人的生命健康和财产安全", "Protects life, health or property in an emergency"),
        "legal_duty": ("履行法定职责或者法定义务", "Performs a statutory duty"),
        "transit": (
            "境外收集的数据过境处理，未引入境内个人信息或者重要数据",
            "Collected abroad and only passing through",
        ),
        "unknown": ("待补充", "Not known yet"),
    }
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the path rests on; ``None`` (or the scene ``unknown``) is what nobody has said yet.

    ``important_data`` is true only of what was notified or published as such (CBF 2, X-04). Persons are distinct
    natural persons since 1 January of the current year, all exports of the exporter together: ``ordinary_persons`` of
    those whose information is not sensitive, ``sensitive_persons`` of those whose is. ``ftz_negative_list``: the
    exporter relies on the negative list of a free trade zone. ``separate_consent``: consent and notice under PIPL 39.
    """

    critical_infrastructure: bool | None = None
    important_data: bool | None = None
    personal_information: bool | None = None
    ordinary_persons: int | None = None
    sensitive_persons: int | None = None
    foreign_authority: bool | None = None
    government_held: bool | None = None
    scene: str = "unknown"
    ftz_negative_list: bool | None = None
    separate_consent: bool | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """One step of the explanation, with the rule it rests on."""

    rule: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Path:
    """What the facts come to: a code of ``PATHS``; ``missing`` names unknown facts; ``scene`` an exempt scene."""

    code: str
    reasons: tuple[Reason, ...]
    missing: tuple[str, ...] = ()
    scene: str | None = None
    edition: str = EDITION


#: Facts in words.
FACTS = MappingProxyType(
    {
        "critical_infrastructure": ("是否关键信息基础设施运营者", "Whether the exporter runs critical infrastructure"),
        "important_data": ("是否含已告知或者公布的重要数据", "Whether it holds notified or published important data"),
        "personal_information": ("是否含个人信息", "Whether it holds personal information"),
        "ordinary_persons": ("当年累计出境（非敏感）人数", "Persons since 1 January, information not sensitive"),
        "sensitive_persons": ("当年累计出境（敏感）人数", "Persons since 1 January, sensitive information"),
        "foreign_authority": (
            "接收方是否外国司法或者执法机构",
            "Whether the recipient is a foreign judicial or enforcement body",
        ),
        "government_held": ("是否国家机关处理的个人信息", "Whether it is personal information held by a state organ"),
        "scene": ("豁免场景", "Exempt scene"),
        "ftz_negative_list": ("是否适用自由贸易试验区负面清单", "Whether a free trade zone's negative list applies"),
        "separate_consent": (
            "是否取得单独同意并告知境外接收方",
            "Whether separate consent was given with notice of the recipient",
        ),
    }
)


def path(facts: Facts) -> Path:
    """The way out for these facts.

    Raises:
        ValueError: A number of persons is negative, or the scene is none of ``SCENES``.
    """
    _check(facts)
    for rule in (_foreign_authority, _free_trade_zone, _important, _nothing_regulated, _government, _scene):
        found = rule(facts)
        if found is not None:
            return found
    return _persons(facts)


def _check(facts: Facts) -> None:
    for count in (facts.ordinary_persons, facts.sensitive_persons):
        if count is not None and count < 0:
            raise ValueError("a number of persons is not negative")
    if facts.scene not in SCENES:
        raise ValueError("there is no such scene")


def _incomplete(facts: Facts) -> Path:
    """What is unknown and still matters: without personal information no persons are counted."""
    only_personal = {"critical_infrastructure", "ordinary_persons", "sensitive_persons", "government_held"}
    idle = only_personal | {"separate_consent", "scene"} if facts.personal_information is False else set()
    unknown = [field.name for field in fields(facts) if getattr(facts, field.name) in {None, "unknown"}]
    missing = tuple(name for name in unknown if name not in idle)
    zh = "、".join(FACTS[name][0] for name in missing)
    en = "; ".join(FACTS[name][1] for name in missing)
    told = Reason(
        "X-10",
        f"待补充：{zh}。未知事实不按有利情形推定。",
        f"Missing: {en}. What is unknown is not presumed favourable.",
    )
    return Path("incomplete", (told,), missing)


def _foreign_authority(facts: Facts) -> Path | None:
    if facts.foreign_authority is None:
        return _incomplete(facts)
    if facts.foreign_authority:
        zh = "未经主管机关批准，不得向外国司法或者执法机构提供境内存储的数据。"
        en = "Data stored in China is not given to foreign judicial or enforcement bodies without approval."
        return Path("blocked", (Reason("X-08", zh, en),))
    return None


def _free_trade_zone(facts: Facts) -> Path | None:
    if facts.ftz_negative_list is None:
        return _incomplete(facts)
    if facts.ftz_negative_list:
        zh = "主张适用自由贸易试验区负面清单：由人工核对清单和所附文件后判定。"
        en = "A free trade zone's negative list is relied on: people decide from the list and the documents."
        return Path("manual", (Reason("X-09", zh, en),))
    return None


def _important(facts: Facts) -> Path | None:
    if facts.important_data is None:
        return _incomplete(facts)
    if facts.important_data:
        zh = "含重要数据：任何处理者向境外提供均须通过安全评估。"
        en = "It holds important data: any exporter needs a security assessment."
        return Path("security_assessment", (Reason("X-02", zh, en),))
    return None


def _nothing_regulated(facts: Facts) -> Path | None:
    not_filed = Reason(
        "X-04",
        "未被告知或者公布为重要数据的，不作为重要数据申报。",
        "What was neither notified nor published as important data is not filed as such.",
    )
    if facts.personal_information is None:
        return _incomplete(facts)
    if not facts.personal_information:
        told = Reason("X-02", "不含个人信息和重要数据。", "It holds neither personal information nor important data.")
        return Path("not_applicable", (told, not_filed))
    return None


def _scene(facts: Facts) -> Path | None:
    """An exempt scene, if one is claimed."""
    if facts.scene in {"none", "unknown"}:
        return None
    zh, en = SCENES[facts.scene]
    return Path("exempt", (Reason("X-02", f"豁免场景：{zh}。", f"Exempt scene: {en}."),), scene=facts.scene)


def _government(facts: Facts) -> Path | None:
    if facts.government_held is None:
        return _incomplete(facts)
    if facts.government_held:
        zh = "国家机关处理的个人信息在境内存储，确需向境外提供的须进行安全评估。"
        en = "Personal information held by state organs is stored in China; giving it abroad needs an assessment."
        return Path("security_assessment", (Reason("X-12", zh, en),))
    return None


def _persons(facts: Facts) -> Path:
    ordinary, sensitive = facts.ordinary_persons or 0, facts.sensitive_persons or 0
    if facts.critical_infrastructure and facts.scene == "none":
        zh, en = (
            "关键信息基础设施运营者提供个人信息",
            "An operator of critical infrastructure gives personal information",
        )
        return _assessment(zh, en)
    if facts.scene == "none" and (ordinary >= ASSESSMENT_FROM or sensitive >= SENSITIVE_ASSESSMENT_FROM):
        zh = f"当年累计非敏感 {ordinary} 人、敏感 {sensitive} 人，达到一百万人或者一万人"
        en = f"{ordinary} persons, and {sensitive} with sensitive information, since 1 January reach"
        return _assessment(zh, f"{en} {ASSESSMENT_FROM} or {SENSITIVE_ASSESSMENT_FROM}")
    if facts.scene == "unknown" or None in (
        facts.critical_infrastructure, facts.ordinary_persons, facts.sensitive_persons, facts.separate_consent
    ):  # fmt: skip
        return _incomplete(facts)
    counted = (
        f"当年1月1日起累计非敏感 {ordinary} 人、敏感 {sensitive} 人",
        f"since 1 January, {ordinary} persons without and {sensitive} with sensitive information",
    )
    if ordinary >= CONTRACT_FROM or sensitive > 0:
        zh = f"{counted[0]}：订立标准合同或者通过个人信息保护认证。"
        return Path(
            "contract_or_certification",
            (Reason("X-02", zh, f"A contract or certification: {counted[1]}."), *_consent(facts)),
        )
    zh = f"{counted[0]}，不满 {CONTRACT_FROM} 人且不含敏感个人信息：豁免。"
    en = f"Exempt: {counted[1]}, fewer than {CONTRACT_FROM} and none sensitive."
    return Path("exempt", (Reason("X-02", zh, en), *_consent(facts)), scene="few_persons")


def _assessment(zh: str, en: str) -> Path:
    return Path("security_assessment", (Reason("X-02", f"{zh}：须通过安全评估。", f"{en}: a security assessment."),))


def _consent(facts: Facts) -> tuple[Reason, ...]:
    if facts.separate_consent:
        return ()
    zh = "基于同意的，须取得单独同意并告知境外接收方；所附说明中没有。"
    en = "Where consent is the ground it must be separate, with notice of the recipient; none is stated."
    return (Reason("X-07", zh, en),)
