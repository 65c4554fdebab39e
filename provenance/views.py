"""Pages about where data came from: declarations, agreements, the register of government data."""

from exchange.marks import N_
from exchange.web.desk import NavItem
from provenance import (
    agreement_views,
    data_request_views,
    declaration_views,
    finding_views,
    inbox,
    record_views,
)

blps = [
    declaration_views.desk,
    agreement_views.desk,
    record_views.public,
    record_views.desk,
    data_request_views.desk,
    finding_views.desk,
]
INBOX = (
    inbox.drafts,
    inbox.to_conclude,
    inbox.copies_owed,
    inbox.ending_soon,
    inbox.to_answer,
    finding_views.to_answer,
)
NAV = (
    finding_views.DESK_NAV,
    NavItem("public", N_("Register of government data"), "register.index", place=20),
    NavItem("desk", N_("Declarations"), "declarations.index", place=40),
    NavItem("desk", N_("Agreements"), "agreements.index", place=41),
    NavItem("desk", N_("Catalogue records"), "records.kept", roles=frozenset({"owner", "trader"}), place=42),
    NavItem("desk", N_("Requests for government data"), "data_requests.index", place=43),
)
