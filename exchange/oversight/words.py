"""The room's states and journal actions in words."""

from exchange.marks import N_, States, Words

STATES: States = {
    ("inspection", "open"): (N_("Open"), "live"),
    ("inspection", "closed"): (N_("Closed"), "done"),
    ("inspection", "lapsed"): (N_("Over"), "done"),
    ("directive", "proposed"): (N_("Draft, waits for a second officer"), "waiting"),
    ("directive", "withdrawn"): (N_("Draft withdrawn"), "plain"),
    ("directive", "served"): (N_("In force, answer due"), "live"),
    ("directive", "answered"): (N_("In force, answered"), "live"),
    ("directive", "overdue"): (N_("In force, answer overdue"), "stopped"),
    ("directive", "lifted"): (N_("Lifted"), "done"),
    ("case file", "requested"): (N_("Being built"), "waiting"),
    ("case file", "ready"): (N_("Ready"), "live"),
    ("case file", "failed"): (N_("Not built"), "stopped"),
    ("case file", "discarded"): (N_("Deleted after a day"), "done"),
}
ACTIONS: Words = {
    "inspection.opened": N_("An inspection was opened"),
    "inspection.closed": N_("The inspection was closed"),
    "inspection.lapsed": N_("The inspection's time was over"),
    "inspection.looked": N_("An officer looked"),
    "inspection.file_requested": N_("A case file was asked for"),
    "inspection.file_ready": N_("The case file was built"),
    "inspection.file_failed": N_("The case file could not be built"),
    "inspection.file_discarded": N_("The case file was deleted"),
    "directive.proposed": N_("A directive was drafted"),
    "directive.withdrawn": N_("The draft was withdrawn"),
    "directive.served": N_("The directive was served and is in force"),
    "directive.answered": N_("The party answered"),
    "directive.sent_back": N_("The answer was sent back"),
    "directive.overdue": N_("No answer came in time"),
    "directive.lifting_proposed": N_("Lifting was proposed"),
    "directive.lifted": N_("The directive was lifted"),
    "scope.granted": N_("The organ may see more"),
    "scope.ended": N_("The organ's scope was ended"),
    "subject.restrained": N_("This was suspended by an overseer"),
    "subject.unrestrained": N_("The suspension was lifted"),
}

#: What a party hears of when somebody else, or nobody, did it.
TOLD = frozenset(action for action in ACTIONS if action.partition(".")[0] in {"directive", "subject"})
