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
        ("approved", "renew"): Edge("renewing", _OWNER, "identity.renewed"),
        ("renewing", "approve"): Edge("approved", _OFFICER, "identity.approved"),
        ("renewing", "return"): Edge("approved", _OFFICER, "identity.renewal_returned"),
        ("renewing", "refuse"): Edge("refused", _OFFICER, "identity.refused"),
        ("renewing", "suspend"): Edge("suspended", _OFFICER, "identity.suspended"),
        # The approval ended while the officers had the new file: it is theirs like any other that waits.
        ("renewing", "lapse"): Edge("submitted", (CLOCK,), "identity.lapsed"),
        ("approved", "lapse"): Edge("lapsed", (CLOCK,), "identity.lapsed"),
        ("lapsed", "submit"): Edge("submitted", _OWNER, "identity.submitted"),
        ("approved", "suspend"): Edge("suspended", _OFFICER, "identity.suspended"),
        ("suspended", "restore"): Edge("approved", _OFFICER, "identity.restored"),
    },
)
#: In these states the party may change the file; an approved one to have it renewed.
IDENTITY_OPEN = frozenset({"draft", "returned", "lapsed", "approved"})
#: In these states the party may trade, as long as the approval lasts.
IDENTITY_STANDING = frozenset({"approved", "renewing"})

#: Who confirms what an administrator proposes: the auditor, who has no other office and so nothing to gain from who
#: is appointed, or another administrator.
_CONFIRMING = ("auditor", "administrator")
CONFIRMING = frozenset(_CONFIRMING)

APPOINTMENT = Lifecycle(
    "appointment",
    initial="proposed",
    final=frozenset({"accepted", "refused", "lapsed"}),
    edges={
        ("proposed", "confirm"): Edge("open", _CONFIRMING, "appointment.confirmed"),
        ("proposed", "waive"): Edge("open", ("administrator",), "appointment.confirmation_waived"),
        ("proposed", "refuse"): Edge("refused", _CONFIRMING, "appointment.refused"),
        ("proposed", "lapse"): Edge("lapsed", (CLOCK,), "appointment.lapsed"),
        ("open", "accept"): Edge("accepted", ("appointee",), "appointment.accepted"),
        ("open", "lapse"): Edge("lapsed", (CLOCK,), "appointment.lapsed"),
    },
)

#: 授权委托书: in force from the day it names; nobody changes one, another is given.
AUTHORITY = Lifecycle(
    "letter of authority",
    initial="live",
    final=frozenset({"revoked", "expired"}),
    edges={
        ("live", "revoke"): Edge("revoked", _OWNER, "authority.revoked"),
        ("live", "expire"): Edge("expired", (CLOCK,), "authority.expired"),
    },
)
INVITATION = Lifecycle(
    "invitation",
    initial="open",
    final=frozenset({"accepted", "withdrawn", "lapsed"}),
    edges={
        ("open", "accept"): Edge("accepted", ("person",), "invitation.accepted"),
        ("open", "withdraw"): Edge("withdrawn", _OWNER, "invitation.withdrawn"),
        ("open", "lapse"): Edge("lapsed", (CLOCK,), "invitation.lapsed"),
    },
)
#: What a letter of authority can let a handler sign: declarations, offers and listings, contracts, agreements,
#: statements in disputes, undertakings.
SCOPES = ("declare", "list", "contract", "agreement", "dispute", "undertake")

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
