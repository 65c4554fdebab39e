"""Life cycles of agreements and declarations, and the closed sets of words that their rows use."""

from exchange.lifecycle import CLOCK, Edge, Lifecycle

USER, DEPARTMENT, SELLER = "user", "department", "seller"
_EITHER = (USER, DEPARTMENT)

#: 政务数据利用协议 (Art. 19): the user signs first, the department's signature puts it in force. One that was signed
#: elsewhere is brought as a scan, and the department's confirmation of that scan puts it in force.
AGREEMENT = Lifecycle(
    "agreement",
    initial="draft",
    final=frozenset({"declined", "ended", "terminated"}),
    edges={
        ("draft", "revise"): Edge("draft", _EITHER, "agreement.revised"),
        ("draft", "offer"): Edge("offered", (USER,), "agreement.offered"),
        ("draft", "bring"): Edge("brought", _EITHER, "agreement.brought"),
        ("draft", "decline"): Edge("declined", _EITHER, "agreement.declined"),
        ("offered", "sign"): Edge("in_force", (DEPARTMENT,), "agreement.signed"),
        ("offered", "decline"): Edge("declined", _EITHER, "agreement.declined"),
        ("brought", "confirm"): Edge("in_force", (DEPARTMENT,), "agreement.confirmed"),
        ("brought", "decline"): Edge("declined", _EITHER, "agreement.declined"),
        ("in_force", "copy"): Edge("in_force", (DEPARTMENT,), "agreement.copied"),
        ("in_force", "end"): Edge("ended", (CLOCK,), "agreement.ended"),
        ("in_force", "terminate"): Edge("terminated", _EITHER, "agreement.terminated"),
    },
)

#: 数据来源说明. Signed is for good: a change is a new declaration that replaces this one (RULES P-05).
DECLARATION = Lifecycle(
    "declaration",
    initial="draft",
    final=frozenset({"signed"}),
    edges={
        ("draft", "revise"): Edge("draft", (SELLER,), "declaration.revised"),
        ("draft", "sign"): Edge("signed", (SELLER,), "declaration.signed"),
    },
)

#: An application for conditional data (Art. 18(2)) or a sharing case (Art. 16(2)) that a department answers. Silence is
#: no answer (RULES G-14): no edge is taken by time.
DATA_REQUEST = Lifecycle(
    "data_request",
    initial="received",
    final=frozenset({"granted", "refused", "withdrawn"}),
    edges={
        ("received", "extend"): Edge("extended", (DEPARTMENT,), "data_request.extended"),
        ("received", "grant"): Edge("granted", (DEPARTMENT,), "data_request.granted"),
        ("received", "refuse"): Edge("refused", (DEPARTMENT,), "data_request.refused"),
        ("received", "withdraw"): Edge("withdrawn", _EITHER, "data_request.withdrawn"),
        ("extended", "grant"): Edge("granted", (DEPARTMENT,), "data_request.granted"),
        ("extended", "refuse"): Edge("refused", (DEPARTMENT,), "data_request.refused"),
        ("extended", "withdraw"): Edge("withdrawn", _EITHER, "data_request.withdrawn"),
    },
)

#: Working days in which each kind of request is answered, and by which its period is extended at most (G-11, G-12).
ANSWER_DAYS = {"conditional": 10, "sharing": 5}

#: 开放属性 (Art. 17): 无条件开放, 有条件开放, 不予开放.
OPEN_ATTRIBUTES = ("unconditional", "conditional", "closed")

#: On what an agreement rests: conditional opening (Art. 18, 19) or authorised operation 授权运营 (Art. 21).
AGREEMENT_BASES = ("conditional_opening", "authorised_operation")

#: Kinds of organisation an agreement may allow as buyers of what is made.
BUYER_KINDS = ("company", "department", "individual")

#: Where data came from (RULES P-02), as the declaring party labels it. Classification looks at the holder as well.
SOURCE_KINDS = (
    "self_collected",
    "public",
    "purchased_here",
    "purchased_elsewhere",
    "individuals",
    "government_open",
    "government_authorised",
    "shared",
    "synthetic",
    "web",
)
GOVERNMENT_KINDS = frozenset({"government_open", "government_authorised"})

#: How a source was used. What is incorporated or derived stands in the product; the others shaped it.
SOURCE_USES = ("incorporated", "derived", "trained", "validated", "reference")
PASSING_USES = frozenset({"incorporated", "derived"})

#: Grounds of trade (Art. 26): A anonymised beyond restoration; B origin explained and expressly authorised.
ANONYMISED, AUTHORISED = "A", "B"
GROUNDS = (ANONYMISED, AUTHORISED)

#: Where an offer is traded: here, at another exchange, or between the parties.
CHANNELS = ("exchange", "other_exchange", "direct")
