"""The room's states, journal actions and closed sets of words, said to people."""

from exchange.marks import N_, States, Words

STATES: States = {
    ("deposit", "receiving"): (N_("Being sent"), "waiting"),
    ("deposit", "received"): (N_("Being sealed"), "waiting"),
    ("deposit", "sealed"): (N_("Being looked into"), "waiting"),
    ("deposit", "profiled"): (N_("Ready"), "live"),
    ("deposit", "rejected"): (N_("Rejected"), "stopped"),
    ("listing", "draft"): (N_("Draft"), "plain"),
    ("listing", "submitted"): (N_("Submitted"), "waiting"),
    ("listing", "scanned"): (N_("Waits for review"), "waiting"),
    ("listing", "in_review"): (N_("In review"), "waiting"),
    ("listing", "notice"): (N_("On public notice"), "waiting"),
    ("listing", "published"): (N_("Published"), "live"),
    ("listing", "suspended"): (N_("Suspended"), "stopped"),
    ("listing", "returned"): (N_("Returned to be mended"), "waiting"),
    ("listing", "refused"): (N_("Refused"), "stopped"),
    ("listing", "withdrawn"): (N_("Withdrawn"), "done"),
    ("listing", "superseded"): (N_("Superseded"), "done"),
    ("objection", "open"): (N_("Undecided"), "waiting"),
    ("objection", "upheld"): (N_("Upheld"), "stopped"),
    ("objection", "dismissed"): (N_("Dismissed"), "done"),
    ("grade_lowering", "asked"): (N_("Asked for"), "waiting"),
    ("grade_lowering", "seconded"): (N_("One reviewer agreed"), "waiting"),
    ("grade_lowering", "granted"): (N_("Granted"), "live"),
    ("grade_lowering", "refused"): (N_("Refused"), "stopped"),
    ("data_report", "open"): (N_("To be reported"), "waiting"),
    ("data_report", "reported"): (N_("Reported to the authority"), "done"),
    ("data_report", "dismissed"): (N_("Dismissed"), "done"),
    ("export_assessment", "opened"): (N_("To be completed"), "waiting"),
    ("export_assessment", "submitted"): (N_("Waits for two reviewers"), "waiting"),
    ("export_assessment", "seconded"): (N_("One reviewer agreed"), "waiting"),
    ("export_assessment", "valid"): (N_("Valid"), "live"),
    ("export_assessment", "refused"): (N_("Refused"), "stopped"),
    ("export_assessment", "withdrawn"): (N_("Withdrawn"), "done"),
    ("export_assessment", "lapsed"): (N_("Lapsed"), "stopped"),
    ("negative_item", "kept"): (N_("On the list"), "live"),
    ("negative_item", "ended"): (N_("Ended"), "done"),
    ("offer", "open"): (N_("Open"), "live"),
    ("offer", "closed"): (N_("Closed"), "done"),
}
ACTIONS: Words = {
    "deposit.opened": N_("A file was announced"),
    "deposit.received": N_("The file was sent whole"),
    "deposit.abandoned": N_("The upload was given up"),
    "deposit.lapsed": N_("The upload was not completed in time"),
    "deposit.sealed": N_("The file was sealed and committed to"),
    "deposit.profiled": N_("The file was looked into"),
    "deposit.scan_failed": N_("The scan of the file failed and is tried again"),
    "deposit.rejected": N_("The file was rejected"),
    "product.created": N_("A product was begun"),
    "listing.drafted": N_("A version was drafted"),
    "listing.edited": N_("The description was changed"),
    "listing.attached": N_("Goods or origin were named"),
    "listing.graded": N_("The grading form was filled in"),
    "listing.important_data_filed": N_("The file of important data was brought"),
    "listing.grade_lowered": N_("A lower grade was granted by two reviewers"),
    "grade_lowering.asked": N_("A grade below that of the sources was asked for"),
    "grade_lowering.seconded": N_("The first of two reviewers agreed to the lower grade"),
    "grade_lowering.granted": N_("The lower grade was granted"),
    "grade_lowering.refused": N_("The lower grade was refused"),
    "export_assessment.opened": N_("An assessment of giving data abroad was opened"),
    "export_assessment.submitted": N_("The facts of the export were handed in"),
    "export_assessment.returned": N_("The assessment was returned to be completed"),
    "export_assessment.seconded": N_("The first of two reviewers agreed to the export"),
    "export_assessment.approved": N_("The export is covered by a valid assessment"),
    "export_assessment.refused": N_("The export was refused"),
    "export_assessment.withdrawn": N_("The assessment was withdrawn"),
    "export_assessment.renewal_due": N_("Renewal of the assessment can be asked for"),
    "export_assessment.lapsed": N_("The assessment lapsed"),
    "negative_item.entered": N_("An item of the negative list was entered"),
    "negative_item.ended": N_("An item of the negative list was ended"),
    "listing.checked_against_list": N_("The version was checked against the negative list"),
    "listing.taken_down": N_("The version was taken down as forbidden"),
    "data_report.made": N_("What must not be here was reported to the security administrator"),
    "data_report.reported": N_("The authority was told"),
    "data_report.dismissed": N_("The report was dismissed"),
    "listing.submitted": N_("The version was submitted for review"),
    "listing.scanned": N_("The scans were handed to the reviewers"),
    "listing.taken_up": N_("A reviewer took the version up"),
    "listing.approved_once": N_("The first of two reviewers approved"),
    "listing.approved": N_("Approved; the public notice began"),
    "listing.returned": N_("Returned to the seller to be mended"),
    "listing.refused": N_("The listing was refused"),
    "listing.published": N_("The version was published"),
    "listing.revised": N_("A revision was published"),
    "listing.suspended": N_("The version was suspended"),
    "listing.restored": N_("The version can be ordered again"),
    "listing.superseded": N_("A newer version took its place"),
    "listing.withdrawn": N_("The seller withdrew the version"),
    "objection.made": N_("An objection was made"),
    "objection.upheld": N_("The objection was upheld"),
    "objection.dismissed": N_("The objection was dismissed"),
    "offer.opened": N_("An offer was opened"),
    "offer.closed": N_("The offer was closed"),
}
#: Why a deposit was rejected: `provenance.scan.contract.Refusal`, and the codes of this room.
REJECTIONS: Words = {
    "empty": N_("The file holds no rows."),
    "not_a_table": N_("The content is no table that can be read: CSV, JSON Lines or Parquet."),
    "too_large": N_("The table is larger than what can be looked into."),
    "bomb": N_("The file unpacks to far more than it seems to hold."),
    "timeout": N_("Looking into the file took too long."),
    "out_of_memory": N_("Looking into the file took too much memory."),
    "other_format": N_("The file is in another format than its name says."),
    "damaged": N_("What lies in the store is not what was sent. Send the file again."),
    "scan_failed": N_("The scan failed several times. Send the file again; if that does not help, ask the exchange."),
    "abandoned": N_("You gave the upload up."),
    "lapsed": N_("The upload was not completed in time."),
}
CHANNELS: Words = {
    "exchange": N_("Here: contract, held payment and delivery at this exchange"),
    "other_exchange": N_("At another exchange, named below"),
    "direct": N_("Directly: the parties trade elsewhere and may file the deal"),
}
DELIVERIES: Words = {
    "deposit": N_("From deposit, at once after payment"),
    "on_order": N_("Made when it is ordered"),
}
GRADES: Words = {
    "general": N_("General data"),
    "important": N_("Important data"),
    "core": N_("Core data"),
}
EXPORT_KINDS: Words = {
    "personal": N_("Personal information"),
    "sensitive": N_("Sensitive personal information"),
    "important": N_("Important data"),
}
REPORT_KINDS: Words = {
    "core_data": N_("Core data"),
    "state_secret": N_("State secret"),
    "work_secret": N_("Work secret"),
    "prohibited": N_("Forbidden goods"),
}
#: The six points of the risk assessment before important data is provided (NDR 31).
RISK_POINTS: Words = {
    "necessity": N_("Purpose, method and scope of providing and of the recipient's use: lawful, proper and necessary"),
    "risks": N_("Risk of change, damage, leak or misuse, and what it would mean for security, public and people"),
    "recipient": N_("Honesty and lawfulness of the recipients"),
    "contract": N_("Whether the contract binds the recipient to protect the data"),
    "measures": N_("Whether technical and organisational measures prevent those risks"),
    "authority_rules": N_("What else the competent authority asks for"),
}
#: What a reviewer looks at, by rule id.
CHECKS: Words = {
    "P-01": N_("A signed declaration says where the data came from, and fits the goods"),
    "P-03": N_("One of the two lawful grounds is shown with evidence"),
    "C-01": N_("Category and grade are right"),
    "N-01": N_("Nothing in it may not be traded"),
}
RESULTS: Words = {"pass": N_("Pass"), "fail": N_("Fail"), "question": N_("Question")}
DECISIONS: Words = {
    "approve": N_("Approved"),
    "return": N_("Returned"),
    "refuse": N_("Refused"),
    "suspend": N_("Suspended"),
    "restore": N_("Restored"),
}
COLUMN_TYPES: Words = {
    "integer": N_("whole number"),
    "number": N_("number"),
    "boolean": N_("yes or no"),
    "date": N_("date"),
    "timestamp": N_("date and time"),
    "timestamptz": N_("instant"),
    "text": N_("text"),
    "other": N_("other"),
}

#: What a party hears of when somebody else, or nobody, did it.
TOLD = frozenset(
    action
    for action in ACTIONS
    if action.partition(".")[0] in {"listing", "objection", "deposit", "grade_lowering", "export_assessment"}
)
