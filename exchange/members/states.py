"""Life cycles and tables of the room: identity cases, appointments, who may combine which roles."""

from types import MappingProxyType

from exchange.lifecycle import CLOCK, Edge, Lifecycle

_OFFICER = ("vetting_officer",)
_OWNER = ("owner",)

#: 身份审核. A refused case stays refused: the party opens another one.
IDENTITY = Lifecycle(
    "identity case",
    initial="draft",
    final=frozenset({"refused"}),
    edges={
        ("draft", "submit"): Edge("submitted", _OWNER, "identity.submitted"),
        ("submitted", "take_up"): Edge("in_review", _OFFICER, "identity.taken_up"),
        ("in_review", "approve"): Edge("approved", _OFFICER, "identity.approved"),
        ("in_review", "return"): Edge("returned", _OFFICER, "identity.returned"),
        ("in_review", "refuse"): Edge("refused", _OFFICER, "identity.refused"),
        ("returned", "submit"): Edge("submitted", _OWNER, "identity.submitted"),
        ("approved", "lapse"): Edge("lapsed", (CLOCK,), "identity.lapsed"),
        ("lapsed", "submit"): Edge("submitted", _OWNER, "identity.submitted"),
        ("approved", "suspend"): Edge("suspended", _OFFICER, "identity.suspended"),
        ("suspended", "restore"): Edge("approved", _OFFICER, "identity.restored"),
    },
)
#: In these states the party may change the file.
IDENTITY_OPEN = frozenset({"draft", "returned", "lapsed"})

APPOINTMENT = Lifecycle(
    "appointment",
    initial="open",
    final=frozenset({"accepted", "lapsed"}),
    edges={
        ("open", "accept"): Edge("accepted", ("appointee",), "appointment.accepted"),
        ("open", "lapse"): Edge("lapsed", (CLOCK,), "appointment.lapsed"),
    },
)

#: Kinds of organisation that trade, and the documents each one's identity case must hold (RULES I-07).
REQUIRED_DOCUMENTS = MappingProxyType(
    {
        "company": frozenset({"business_licence", "authority_letter"}),
        "department": frozenset({"registration_certificate", "authority_letter"}),
        "individual": frozenset({"id_document"}),
    }
)
DOCUMENT_KINDS = frozenset(
    {"business_licence", "registration_certificate", "authority_letter", "id_document", "permit", "other"}
)

#: What an officer checks, by rule id: the code or number belongs to the bearer, its form, the completeness of the file.
CHECKLIST = MappingProxyType(
    {
        "company": ("I-03", "I-04", "I-07"),
        "department": ("I-03", "I-04", "I-07"),
        "individual": ("I-03", "I-05", "I-07"),
    }
)
CHECK_RESULTS = ("pass", "fail", "question")

#: Roles that one natural person may hold together; every other pair is kept apart. Who audits or administers does
#: nothing else, and who moves money decides neither listings nor disputes. Five people fill all seven roles.
COMBINABLE = frozenset(
    {
        frozenset({"vetting_officer", "compliance_reviewer"}),
        frozenset({"vetting_officer", "settlement_officer"}),
        frozenset({"vetting_officer", "dispute_officer"}),
        frozenset({"compliance_reviewer", "dispute_officer"}),
        frozenset({"compliance_reviewer", "security_administrator"}),
        frozenset({"dispute_officer", "security_administrator"}),
    }
)
