"""Life cycles of agreements and declarations, and the closed sets of words that their rows use."""

from exchange.lifecycle import CLOCK, Edge, Lifecycle

USER, DEPARTMENT, SELLER = "user", "department", "seller"
#: The exchange's own work, and those who review for it.
EXCHANGE, REVIEWER = "exchange", "compliance_reviewer"
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

#: 疑点 (DESIGN 5): something that speaks against a declaration is a question to the party that made it. Until it is
#: settled nothing new is traded on the declaration. What the party denies, and how a source was used, two reviewers
#: decide; against them the party may appeal once, to two others. A new declaration that says it remedies the old one.
FINDING = Lifecycle(
    "finding",
    initial="open",
    final=frozenset({"dismissed", "remedied"}),
    edges={
        ("open", "accept"): Edge("accepted", (SELLER,), "finding.accepted"),
        ("open", "refute"): Edge("in_review", (SELLER,), "finding.refuted"),
        ("open", "put"): Edge("in_review", (EXCHANGE,), "finding.put_to_reviewers"),
        ("open", "lapse"): Edge("overdue", (CLOCK,), "finding.overdue"),
        ("overdue", "accept"): Edge("accepted", (SELLER,), "finding.accepted"),
        ("overdue", "refute"): Edge("in_review", (SELLER,), "finding.refuted"),
        ("overdue", "confirm"): Edge("confirmed", (REVIEWER,), "finding.confirmed"),
        ("in_review", "confirm"): Edge("confirmed", (REVIEWER,), "finding.confirmed"),
        ("in_review", "dismiss"): Edge("dismissed", (REVIEWER,), "finding.dismissed"),
        ("confirmed", "appeal"): Edge("appealed", (SELLER,), "finding.appealed"),
        ("appealed", "confirm"): Edge("affirmed", (REVIEWER,), "finding.affirmed"),
        ("appealed", "dismiss"): Edge("dismissed", (REVIEWER,), "finding.overturned"),
        **{
            (state, "remedy"): Edge("remedied", (SELLER,), "finding.remedied")
            for state in ("accepted", "confirmed", "affirmed")
        },
    },
)
#: The finding is not settled, and speaks of something that may or may not be so: new trades pause.
SUSPECTED = frozenset({"open", "overdue", "in_review", "appealed"})
#: It is so: what the finding names is a source of the declaration, whatever that says.
ESTABLISHED = frozenset({"accepted", "confirmed", "appealed", "affirmed", "remedied"})
#: Nothing new is traded on the declaration.
UNSETTLED = SUSPECTED | {"accepted", "confirmed", "affirmed"}

#: What a finding says: rows or figures of something registered (``derivation``), personal information that nobody
#: declared (``personal``), people who can be singled out (``anonymity``), how a declared source was used (``use``), or
#: what somebody reported (``reported``).
FINDING_KINDS = ("derivation", "personal", "anonymity", "use", "reported")

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
