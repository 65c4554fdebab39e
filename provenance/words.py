"""The room's states and journal actions in words."""

from exchange.marks import N_, States, Words

STATES: States = {
    ("agreement", "draft"): (N_("Draft agreement"), "waiting"),
    ("agreement", "offered"): (N_("Waits for the department's signature"), "waiting"),
    ("agreement", "brought"): (N_("Scan waits for the department's confirmation"), "waiting"),
    ("agreement", "in_force"): (N_("In force"), "live"),
    ("agreement", "declined"): (N_("Not concluded"), "stopped"),
    ("agreement", "ended"): (N_("Term over"), "done"),
    ("agreement", "terminated"): (N_("Ended before its term"), "stopped"),
    ("data_request", "received"): (N_("Waits for the department's decision"), "waiting"),
    ("data_request", "extended"): (N_("Period extended"), "waiting"),
    ("data_request", "granted"): (N_("Granted"), "done"),
    ("data_request", "refused"): (N_("Refused"), "stopped"),
    ("data_request", "withdrawn"): (N_("Withdrawn"), "stopped"),
    ("declaration", "draft"): (N_("Draft declaration"), "waiting"),
    ("declaration", "signed"): (N_("Signed declaration"), "done"),
}
ACTIONS: Words = {
    "catalogue.recorded": N_("The department entered a catalogue record"),
    "catalogue.revised": N_("The department corrected the catalogue record"),
    "agreement.drafted": N_("The agreement was drafted"),
    "agreement.revised": N_("The draft of the agreement was changed"),
    "agreement.offered": N_("The user of the data signed the agreement"),
    "agreement.brought": N_("A scan of the signed agreement was brought"),
    "agreement.signed": N_("The department signed; the agreement is in force"),
    "agreement.confirmed": N_("The department confirmed the scan; the agreement is in force"),
    "agreement.declined": N_("The agreement was not concluded"),
    "agreement.copied": N_("The copy to the authority was recorded"),
    "agreement.ended": N_("The term of the agreement ended"),
    "agreement.terminated": N_("The agreement was ended before its term"),
    "data_request.received": N_("The department recorded a request for government data"),
    "data_request.extended": N_("The head of the unit approved a longer period"),
    "data_request.granted": N_("The department granted the request"),
    "data_request.refused": N_("The department refused the request"),
    "data_request.withdrawn": N_("The request was withdrawn"),
    "declaration.drafted": N_("The declaration of provenance was begun"),
    "declaration.revised": N_("The draft of the declaration was changed"),
    "declaration.evidenced": N_("An evidence file was kept with the declaration"),
    "declaration.signed": N_("The declaration of provenance was signed"),
    "authorisation.withdrawn": N_("A grantor withdrew its authorisation"),
    "acquisition.recorded": N_("What was bought here was recorded for later declarations"),
}

#: What a party hears of when somebody else, or nobody, did it.
TOLD = frozenset(action for action in ACTIONS if action.partition(".")[0] in {"agreement", "data_request"})
