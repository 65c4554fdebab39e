"""Life cycles and tables of oversight: inspections, directives, case files; who may order what, and on which basis."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from exchange.actors import MEMBER_ROLES, REGULATOR
from exchange.lifecycle import CLOCK, Edge, Lifecycle
from exchange.marks import N_, Words

_ORGAN = (REGULATOR,)
#: Who answers for a party.
ANSWERING = ("owner", "trader", "approver")
#: Who reads what was ordered of a party: everybody in it.
READING = MEMBER_ROLES
EXCHANGE = "exchange"

#: 检查. An officer has one at a time; it ends by itself.
INSPECTION = Lifecycle(
    "inspection",
    initial="open",
    final=frozenset({"closed", "lapsed"}),
    edges={
        ("open", "close"): Edge("closed", _ORGAN, "inspection.closed"),
        ("open", "lapse"): Edge("lapsed", (CLOCK,), "inspection.lapsed"),
    },
)

#: 监管措施. Proposed by one officer, in force when a second one confirms it; lifted in the same way.
DIRECTIVE = Lifecycle(
    "directive",
    initial="proposed",
    final=frozenset({"withdrawn", "lifted"}),
    edges={
        ("proposed", "confirm"): Edge("served", _ORGAN, "directive.served"),
        ("proposed", "withdraw"): Edge("withdrawn", _ORGAN, "directive.withdrawn"),
        ("served", "answer"): Edge("answered", ANSWERING, "directive.answered"),
        ("served", "overdue"): Edge("overdue", (CLOCK,), "directive.overdue"),
        ("overdue", "answer"): Edge("answered", ANSWERING, "directive.answered"),
        ("answered", "send_back"): Edge("served", _ORGAN, "directive.sent_back"),
        ("served", "lift"): Edge("lifted", _ORGAN, "directive.lifted"),
        ("overdue", "lift"): Edge("lifted", _ORGAN, "directive.lifted"),
        ("answered", "lift"): Edge("lifted", _ORGAN, "directive.lifted"),
    },
)
#: A directive of these states binds whom it was served on.
IN_FORCE = frozenset({"served", "overdue", "answered"})

#: 案卷. Built by the worker, kept for a day.
CASE_FILE = Lifecycle(
    "case file",
    initial="requested",
    final=frozenset({"failed", "discarded"}),
    edges={
        ("requested", "build"): Edge("ready", (EXCHANGE,), "inspection.file_ready"),
        ("requested", "fail"): Edge("failed", (EXCHANGE,), "inspection.file_failed"),
        ("ready", "discard"): Edge("discarded", (CLOCK,), "inspection.file_discarded"),
    },
)

#: What an inspection may be for (RULES Z-06).
PURPOSES: Words = MappingProxyType(
    {
        "routine": N_("Routine inspection"),
        "complaint": N_("Following up a complaint or report"),
        "case": N_("Investigation of a case"),
        "incident": N_("Security incident"),
        "assistance": N_("Assisting another organ"),
        "statistics": N_("Statistics"),
    }
)

#: Organs of supervision by their kind (RULES Z-08).
AUTHORITIES: Words = MappingProxyType(
    {
        "data": N_("Data authority"),
        "cyberspace": N_("Cyberspace administration"),
        "public_security": N_("Public security"),
        "sector": N_("Authority of the sector"),
        "market": N_("Market supervision"),
    }
)

#: What a scope may cover. ``all`` has no value; the others name a category, a district, a party or one case.
SCOPE_KINDS: Words = MappingProxyType(
    {
        "all": N_("The whole exchange"),
        "category": N_("A category"),
        "district": N_("A district"),
        "party": N_("A party"),
        "case": N_("One case"),
    }
)

#: What a directive may be about.
TARGET_KINDS: Words = MappingProxyType(
    {
        "party": N_("A party"),
        "subject": N_("One product, version, offer, order or lot"),
        "category": N_("A category"),
        "market": N_("The whole market"),
    }
)


@dataclass(frozen=True, slots=True)
class Measure:
    """What a directive orders.

    Args:
        words: Its name.
        targets: What it may be about.
        restrains: Whether gates refuse what it is about while it is in force.
        statutory: Whether it binds only on a basis that carries this very measure; on any other it is a request.
    """

    words: str
    targets: frozenset[str]
    restrains: bool = False
    statutory: bool = False


_SERVED = frozenset({"party", "subject"})
MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "interview": Measure(N_("Interview"), frozenset({"party"})),
        "rectification": Measure(N_("Rectification"), _SERVED),
        "suspension": Measure(N_("Suspension"), frozenset(TARGET_KINDS), restrains=True),
        "money": Measure(N_("Freezing the money of a trade"), frozenset({"subject"}), restrains=True, statutory=True),
    }
)


@dataclass(frozen=True, slots=True)
class Basis:
    """A provision on which some organs may order some measures; ``words`` cites it and says how well it is known."""

    words: str
    authorities: frozenset[str]
    measures: frozenset[str]


_EVERY = frozenset(AUTHORITIES)
#: Legal bases (measure x organ x basis). The draft regulation is not in force and is no basis (RULES Z-02 to Z-04).
BASES: Mapping[str, Basis] = MappingProxyType(
    {
        "dsl_44": Basis(
            N_("Data Security Law, Article 44 (interview and rectification; in force)"),
            _EVERY,
            frozenset({"interview", "rectification"}),
        ),
        "dsl_45": Basis(
            N_("Data Security Law, Articles 45 to 47 (suspension of business; in force)"),
            frozenset({"data", "cyberspace", "public_security", "sector"}),
            frozenset({"rectification", "suspension"}),
        ),
        "pipl_64": Basis(
            N_("Personal Information Protection Law, Article 64 (interview and audit; in force)"),
            frozenset({"cyberspace", "public_security", "sector"}),
            frozenset({"interview", "rectification"}),
        ),
        "ndr_51": Basis(
            N_("Regulations on Network Data Security, Article 51 (measures of inspection; in force)"),
            frozenset({"cyberspace", "public_security", "sector", "data"}),
            frozenset({"rectification", "suspension"}),
        ),
        "cpl_144": Basis(
            N_("Criminal Procedure Law, Article 144 (freezing of funds; text not checked)"),
            frozenset({"public_security"}),
            frozenset({"money"}),
        ),
        "trading_rules": Basis(
            N_("Trading rules of this exchange: parties co-operate with supervision (not a legal rule)"),
            _EVERY,
            frozenset({"interview", "rectification"}),
        ),
    }
)
