"""Life cycles and tables of the room: deposits, versions of products, objections, offers."""

from types import MappingProxyType
from typing import Final

from exchange.lifecycle import CLOCK, Edge, Lifecycle

#: The role of a member acting for the organisation that sells.
SELLER: Final = "seller"
#: The role of the exchange's own work on a subject: sealing, profiling, computing.
EXCHANGE: Final = "exchange"
REVIEWER: Final = "compliance_reviewer"

_SELLER = (SELLER,)
_REVIEWER = (REVIEWER,)
_EXCHANGE = (EXCHANGE,)
_CLOCK = (CLOCK,)

#: 数据寄存. What is rejected is discarded, key first.
DEPOSIT = Lifecycle(
    "deposit",
    initial="receiving",
    final=frozenset({"profiled", "rejected"}),
    edges={
        ("receiving", "complete"): Edge("received", _SELLER, "deposit.received"),
        ("receiving", "abandon"): Edge("rejected", _SELLER, "deposit.abandoned"),
        ("receiving", "lapse"): Edge("rejected", _CLOCK, "deposit.lapsed"),
        ("received", "seal"): Edge("sealed", _EXCHANGE, "deposit.sealed"),
        ("received", "reject"): Edge("rejected", _EXCHANGE, "deposit.rejected"),
        ("sealed", "profile"): Edge("profiled", _EXCHANGE, "deposit.profiled"),
        ("sealed", "reject"): Edge("rejected", _EXCHANGE, "deposit.rejected"),
    },
)

#: 产品上架. A published version never changes; a returned one may be mended and submitted again. A revision, which the
#: exchange found to differ from a published version in its rows alone, needs no review of its own.
LISTING = Lifecycle(
    "listing",
    initial="draft",
    final=frozenset({"refused", "withdrawn", "superseded"}),
    edges={
        ("draft", "submit"): Edge("submitted", _SELLER, "listing.submitted"),
        ("returned", "submit"): Edge("submitted", _SELLER, "listing.submitted"),
        ("draft", "revise"): Edge("published", _EXCHANGE, "listing.revised"),
        ("submitted", "scan"): Edge("scanned", _EXCHANGE, "listing.scanned"),
        ("scanned", "take_up"): Edge("in_review", _REVIEWER, "listing.taken_up"),
        ("in_review", "approve"): Edge("notice", _REVIEWER, "listing.approved"),
        ("in_review", "return"): Edge("returned", _REVIEWER, "listing.returned"),
        ("in_review", "refuse"): Edge("refused", _REVIEWER, "listing.refused"),
        ("notice", "publish"): Edge("published", _CLOCK, "listing.published"),
        ("notice", "return"): Edge("returned", (REVIEWER, CLOCK), "listing.returned"),
        ("notice", "refuse"): Edge("refused", _REVIEWER, "listing.refused"),
        ("published", "suspend"): Edge("suspended", (REVIEWER, EXCHANGE), "listing.suspended"),
        ("suspended", "restore"): Edge("published", _REVIEWER, "listing.restored"),
        ("published", "supersede"): Edge("superseded", (CLOCK, EXCHANGE), "listing.superseded"),
        ("suspended", "supersede"): Edge("superseded", _CLOCK, "listing.superseded"),
        **{
            (state, "withdraw"): Edge("withdrawn", _SELLER, "listing.withdrawn")
            for state in ("draft", "returned", "submitted", "scanned", "in_review", "notice", "published", "suspended")
        },
    },
)
#: In these states the seller may change the version.
LISTING_OPEN = frozenset({"draft", "returned"})
#: In these states everybody may see the version.
LISTING_PUBLIC = frozenset({"notice", "published", "suspended", "superseded"})
#: In these states offers may be opened for the version: reviewers and the public see what it is to be sold for.
LISTING_OFFERED = frozenset({"draft", "returned", "submitted", "scanned", "in_review", "notice", "published"})

#: 公示异议. A subject of its own, so that the listing's story does not name who objected (RULES K-02).
OBJECTION = Lifecycle(
    "objection",
    initial="open",
    final=frozenset({"upheld", "dismissed"}),
    edges={
        ("open", "uphold"): Edge("upheld", _REVIEWER, "objection.upheld"),
        ("open", "dismiss"): Edge("dismissed", _REVIEWER, "objection.dismissed"),
    },
)

OFFER = Lifecycle(
    "offer",
    initial="open",
    final=frozenset({"closed"}),
    edges={("open", "close"): Edge("closed", (SELLER, EXCHANGE), "offer.closed")},
)

#: 降低级别: a derived product's grade below that of its sources, asked for with a reason; two natural persons grant it.
LOWERING = Lifecycle(
    "grade_lowering",
    initial="asked",
    final=frozenset({"granted", "refused"}),
    edges={
        ("asked", "second"): Edge("seconded", _REVIEWER, "grade_lowering.seconded"),
        ("asked", "refuse"): Edge("refused", _REVIEWER, "grade_lowering.refused"),
        ("seconded", "grant"): Edge("granted", _REVIEWER, "grade_lowering.granted"),
        ("seconded", "refuse"): Edge("refused", _REVIEWER, "grade_lowering.refused"),
    },
)
#: The officer whom core data, secrets and forbidden goods are reported to.
SECURITY: Final = "security_administrator"
#: 上报: what must not be here, until an authority was told or it proved to be nothing.
DATA_REPORT = Lifecycle(
    "data_report",
    initial="open",
    final=frozenset({"reported", "dismissed"}),
    edges={
        ("open", "report"): Edge("reported", (SECURITY,), "data_report.reported"),
        ("open", "dismiss"): Edge("dismissed", (SECURITY,), "data_report.dismissed"),
    },
)
REPORT_KINDS = ("core_data", "state_secret", "work_secret", "prohibited")
#: 提供重要数据前的风险评估, the six points of NDR 31.
RISK_POINTS = ("necessity", "risks", "recipient", "contract", "measures", "authority_rules")

#: 出境评估: how data of a version may be given to a recipient outside the mainland. What is returned lacks facts.
EXPORT = Lifecycle(
    "export_assessment",
    initial="opened",
    final=frozenset({"refused", "withdrawn", "lapsed"}),
    edges={
        ("opened", "submit"): Edge("submitted", _SELLER, "export_assessment.submitted"),
        ("submitted", "return"): Edge("opened", _REVIEWER, "export_assessment.returned"),
        ("submitted", "second"): Edge("seconded", _REVIEWER, "export_assessment.seconded"),
        ("submitted", "refuse"): Edge("refused", _REVIEWER, "export_assessment.refused"),
        ("seconded", "approve"): Edge("valid", _REVIEWER, "export_assessment.approved"),
        ("seconded", "refuse"): Edge("refused", _REVIEWER, "export_assessment.refused"),
        ("opened", "withdraw"): Edge("withdrawn", _SELLER, "export_assessment.withdrawn"),
        ("submitted", "withdraw"): Edge("withdrawn", _SELLER, "export_assessment.withdrawn"),
        ("valid", "withdraw"): Edge("withdrawn", _SELLER, "export_assessment.withdrawn"),
        ("valid", "remind"): Edge("valid", _CLOCK, "export_assessment.renewal_due"),
        ("valid", "lapse"): Edge("lapsed", _CLOCK, "export_assessment.lapsed"),
    },
)
#: Kinds of data that do not leave the mainland without a path.
EXPORT_KINDS = ("personal", "sensitive", "important")

#: 负面清单: an item holds from its effective date until it is ended or a new edition takes its place.
NEGATIVE_ITEM = Lifecycle(
    "negative_item",
    initial="kept",
    final=frozenset({"ended"}),
    edges={("kept", "end"): Edge("ended", (REVIEWER, "administrator", CLOCK), "negative_item.ended")},
)
NEGATIVE_RESULTS = ("clear", "found")

#: What a reviewer checks, by rule id: declaration and grounds, category and grade, prohibited products.
CHECKLIST = ("P-01", "P-03", "C-01", "N-01")
CHECK_RESULTS = ("pass", "fail", "question")
DECISIONS = ("approve", "return", "refuse", "suspend", "restore")

#: 数据分级 (DSL 21): core data is never listed here, important data after its procedure (RULES C-04).
GRADES = ("general", "important", "core")
#: Goods lie here already, or are made when they are ordered.
DELIVERIES = ("deposit", "on_order")

#: The industry a product is about: the sections of GB/T 4754-2017.
CATEGORIES = MappingProxyType(
    {
        "agriculture": ("农、林、牧、渔业", "Agriculture, forestry, animal husbandry and fishery"),
        "mining": ("采矿业", "Mining"),
        "manufacturing": ("制造业", "Manufacturing"),
        "utilities": ("电力、热力、燃气及水生产和供应业", "Electricity, heat, gas and water supply"),
        "construction": ("建筑业", "Construction"),
        "trade": ("批发和零售业", "Wholesale and retail trade"),
        "transport": ("交通运输、仓储和邮政业", "Transport, storage and post"),
        "hospitality": ("住宿和餐饮业", "Accommodation and catering"),
        "information": ("信息传输、软件和信息技术服务业", "Information transmission, software and IT services"),
        "finance": ("金融业", "Finance"),
        "real_estate": ("房地产业", "Real estate"),
        "business": ("租赁和商务服务业", "Leasing and business services"),
        "science": ("科学研究和技术服务业", "Scientific research and technical services"),
        "environment": ("水利、环境和公共设施管理业", "Water, environment and public facilities"),
        "residents": ("居民服务、修理和其他服务业", "Residents' services, repair and other services"),
        "education": ("教育", "Education"),
        "health": ("卫生和社会工作", "Health and social work"),
        "culture": ("文化、体育和娱乐业", "Culture, sports and entertainment"),
        "public_administration": ("公共管理、社会保障和社会组织", "Public administration and social organisations"),
        "international": ("国际组织", "International organisations"),
    }
)
