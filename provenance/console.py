"""The console's pages about agreements and declarations: read by reviewers and auditors, written by nobody here."""

from flask import Response, request, url_for
from flask_babel import gettext

from exchange.marks import N_
from exchange.web import access
from exchange.web.desk import NavItem
from exchange.web.forms import Form
from exchange.web.views import Answer, done
from provenance import data_request_queries, finding_views, queries, schemas
from provenance import declarations as declaring
from provenance.declaration_views import told
from provenance.downloads import download
from provenance.pages import room
from provenance.terms import last_day

agreements = room("reviewed_agreements", __name__, "/console/agreements")
declarations = room("reviewed_declarations", __name__, "/console/declarations")
requests = room("overdue_requests", __name__, "/console/data-requests")
blps = [agreements, declarations, requests, finding_views.console]
INBOX = (finding_views.to_decide,)
_READING = access.staff(*sorted(queries.READERS))
NAV = (
    finding_views.CONSOLE_NAV,
    NavItem("console", N_("Declarations"), "reviewed_declarations.index", roles=queries.READERS, place=30),
    NavItem("console", N_("Agreements"), "reviewed_agreements.index", roles=queries.READERS, place=31),
    NavItem("console", N_("Overdue requests"), "overdue_requests.index", roles=queries.READERS, place=32),
)


@agreements.get("")
@_READING
def index() -> Answer:
    """Agreements whose copy is owed, or which lack one of the six items."""
    what = "incomplete" if request.args.get("what") == "incomplete" else "owed"
    page = queries.agreements_to_look_at(access.actor(), what=what, cursor=request.args.get("cursor"))
    return Form(None).page("provenance/console_agreements.html", page=page, what=what)


@agreements.get("/<agreement_id>")
@_READING
def show(agreement_id: str) -> Answer:
    """One agreement, to read."""
    shown = queries.agreement(access.actor(), agreement_id)
    parties, listed = queries.agreement_names(shown)
    return Form(None).page(
        "provenance/agreement.html",
        agreement=shown,
        parties=parties,
        records=listed,
        last_day=None if shown["ends_at"] is None else last_day(shown["ends_at"]),
    )


@agreements.get("/<agreement_id>/scan")
@_READING
def scan(agreement_id: str) -> Response:
    """The scan, as a download."""
    return download(queries.agreement_scan(access.actor(), agreement_id))


@declarations.get("", endpoint="index")
@_READING
def signed() -> Answer:
    """All signed declarations, newest first."""
    page = queries.declarations(access.actor(), cursor=request.args.get("cursor"))
    return Form(None).page("provenance/console_declarations.html", page=page)


@declarations.get("/<declaration_id>", endpoint="show")
@_READING
def declaration(declaration_id: str) -> Answer:
    """One declaration, to read, with what changed since the version before."""
    return _declaration_page(Form(None), declaration_id)


def _declaration_page(form: Form, declaration_id: str) -> Answer:
    shown = queries.declaration(access.actor(), declaration_id)
    return form.page("provenance/declaration.html", declaration=shown, steps=None, **told(declaration_id, shown))


@declarations.get("/<declaration_id>/evidence/<digest>", endpoint="evidence")
@_READING
def evidence(declaration_id: str, digest: str) -> Response:
    """An evidence file, as a download."""
    return download(queries.evidence(access.actor(), declaration_id, digest))


@declarations.post("/<declaration_id>/authorisations/<authorisation_id>/withdraw", endpoint="withdraw")
@access.staff(declaring.REVIEWER)
def withdraw(declaration_id: str, authorisation_id: str) -> Answer:
    """Record a withdrawal that the grantor told the exchange of."""
    form = Form(schemas.ReasonBody, name=authorisation_id)
    made = form.submit(
        lambda body: declaring.withdraw_authorisation(access.actor(), declaration_id, authorisation_id, **body)
    )
    if made is None:
        return _declaration_page(form, declaration_id)
    return done(
        gettext("The withdrawal is recorded; new trades on this declaration stop."),
        url_for(".show", declaration_id=declaration_id),
    )


@requests.get("", endpoint="index")
@_READING
def overdue() -> Answer:
    """Requests for government data whose period is over without an answer, newest first."""
    page = data_request_queries.overdue(access.actor(), cursor=request.args.get("cursor"))
    return Form(None).page("provenance/console_data_requests.html", page=page)
