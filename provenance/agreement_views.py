"""Pages of agreements on the use of government data, for the user of the data and for the department."""

from typing import Any

from flask import Response, request, url_for
from flask_babel import gettext

from exchange.errors import Invalid
from exchange.web import access
from exchange.web.forms import Form
from exchange.web.views import Answer, done
from provenance import queries, record_queries, register, schemas
from provenance.downloads import download
from provenance.pages import brought, room, rows
from provenance.standard_terms import CURRENT, STANDARDS
from provenance.states import AGREEMENT_BASES, BUYER_KINDS, DEPARTMENT, USER
from provenance.terms import last_day

desk = room("agreements", __name__, "/desk/agreements")
_WRITING = access.member("owner", "trader")
_TERMS = (
    "basis",
    "official_number",
    "registration_number",
    "data",
    "purposes",
    "purpose_text",
    "application_scenario",
    "security_measures",
    "starts_on",
    "disposal",
    "outputs_may_be_sold",
    "buyers_allowed",
    "standard",
)


@desk.get("")
@access.member()
def index() -> Answer:
    """The organisation's agreements, on the side that is asked for."""
    side = DEPARTMENT if request.args.get("side") == DEPARTMENT else USER
    page = queries.agreements(access.actor(), side=side, cursor=request.args.get("cursor"))
    return Form(None).page("provenance/agreements.html", page=page, side=side)


@desk.get("/new")
@_WRITING
def new() -> Answer:
    """An empty draft with the standard terms, or one with the terms of another agreement."""
    values: dict[str, Any] = {"terms": {"standard": CURRENT, "basis": "conditional_opening"}}
    if request.args.get("from"):
        before = queries.agreement(access.actor(), request.args["from"])
        values = {
            "department_org_id": before["department_org_id"],
            "user_org_id": before["user_org_id"],
            "terms": _terms(before),
        }
    elif request.args.get("record_id"):
        record = record_queries.catalogue_record(request.args["record_id"])
        values["department_org_id"] = record.department_org_id
        values["terms"]["data"] = [{"record_id": record.id}]
    return _page(Form(schemas.AgreementBody, values=values), None)


@desk.post("/new")
@_WRITING
def draft() -> Answer:
    """Draft the agreement."""
    form = Form(schemas.AgreementBody)
    if "more" in request.args:
        return _page(form, None)
    made = form.submit(lambda body: register.draft_agreement(access.actor(), body.pop("terms"), **body))
    if made is None:
        return _page(form, None)
    return done(gettext("The draft is saved."), url_for(".show", agreement_id=made.id))


@desk.get("/<agreement_id>")
@access.member()
def show(agreement_id: str) -> Answer:
    """One agreement: the six items, where it departs from the standard terms, and what to do next."""
    return _show(agreement_id, Form(None))


@desk.get("/<agreement_id>/edit")
@_WRITING
def edit(agreement_id: str) -> Answer:
    """The draft's terms."""
    shown = queries.agreement(access.actor(), agreement_id)
    values = {"row_version": shown["row_version"], "terms": _terms(shown)}
    return _page(Form(schemas.AgreementRevision, values=values), shown)


@desk.post("/<agreement_id>/edit")
@_WRITING
def revise(agreement_id: str) -> Answer:
    """Write the draft anew."""
    form = Form(schemas.AgreementRevision)
    shown = queries.agreement(access.actor(), agreement_id)
    if "more" in request.args:
        return _page(form, shown)
    made = form.submit(lambda body: register.revise_agreement(access.actor(), agreement_id, **body))
    if made is None:
        return _page(form, shown)
    return done(gettext("The draft is saved."), url_for(".show", agreement_id=agreement_id))


@desk.post("/<agreement_id>/sign")
@_WRITING
def sign(agreement_id: str) -> Answer:
    """Sign, as the side whose turn it is."""
    form = Form(schemas.AgreementSignature, name="sign")
    made = form.submit(lambda body: register.sign_agreement(access.actor(), agreement_id, **body))
    if made is None:
        return _show(agreement_id, form)
    return done(gettext("The agreement is signed."), url_for(".show", agreement_id=agreement_id))


@desk.post("/<agreement_id>/scan")
@_WRITING
def bring(agreement_id: str) -> Answer:
    """Bring the scan of an agreement that was signed elsewhere."""
    form = Form(None)

    def bring_it(_body: Any) -> Any:
        scan = brought("scan")
        if scan is None:
            raise Invalid("Choose the file first.", code="file_missing")
        return register.bring_agreement(access.actor(), agreement_id, scan)

    if form.submit(bring_it) is None:
        return _show(agreement_id, form)
    return done(
        gettext("The scan is kept; the department has to confirm it."), url_for(".show", agreement_id=agreement_id)
    )


@desk.get("/<agreement_id>/scan")
@access.member()
def scan(agreement_id: str) -> Response:
    """The scan, as a download."""
    return download(queries.agreement_scan(access.actor(), agreement_id))


@desk.post("/<agreement_id>/confirm")
@_WRITING
def confirm(agreement_id: str) -> Answer:
    """Confirm the scan, as the department."""
    form = Form(schemas.AgreementSignature, name="confirm")
    made = form.submit(lambda body: register.confirm_agreement(access.actor(), agreement_id, **body))
    if made is None:
        return _show(agreement_id, form)
    return done(gettext("The agreement is in force."), url_for(".show", agreement_id=agreement_id))


@desk.post("/<agreement_id>/decline")
@_WRITING
def decline(agreement_id: str) -> Answer:
    """Give the draft or offer up."""
    form = Form(schemas.ReasonBody, name="decline")
    made = form.submit(lambda body: register.decline_agreement(access.actor(), agreement_id, **body))
    if made is None:
        return _show(agreement_id, form)
    return done(gettext("The agreement is not concluded."), url_for(".show", agreement_id=agreement_id))


@desk.post("/<agreement_id>/copy")
@_WRITING
def copy(agreement_id: str) -> Answer:
    """Record the copy to the authority."""
    form = Form(schemas.CopyBody, name="copy")
    made = form.submit(lambda body: register.record_copy(access.actor(), agreement_id, **body))
    if made is None:
        return _show(agreement_id, form)
    return done(gettext("The copy is recorded."), url_for(".show", agreement_id=agreement_id))


@desk.post("/<agreement_id>/terminate")
@_WRITING
def terminate(agreement_id: str) -> Answer:
    """End the agreement before its term."""
    form = Form(schemas.ReasonBody, name="terminate")
    made = form.submit(lambda body: register.terminate_agreement(access.actor(), agreement_id, **body))
    if made is None:
        return _show(agreement_id, form)
    return done(gettext("The agreement is ended."), url_for(".show", agreement_id=agreement_id))


def _show(agreement_id: str, form: Form) -> Answer:
    shown = queries.agreement(access.actor(), agreement_id)
    parties, listed = queries.agreement_names(shown)
    return form.page(
        "provenance/agreement.html",
        agreement=shown,
        parties=parties,
        records=listed,
        last_day=None if shown["ends_at"] is None else last_day(shown["ends_at"]),
    )


def _page(form: Form, shown: dict[str, Any] | None) -> Answer:
    return form.page(
        "provenance/agreement_form.html",
        agreement=shown,
        rows=rows(form, "terms.data", "record_id"),
        holders=record_queries.record_holders(),
        bases=AGREEMENT_BASES,
        buyers=BUYER_KINDS,
        standards=STANDARDS,
    )


def _terms(shown: dict[str, Any]) -> dict[str, Any]:
    ends_on = None if shown["ends_at"] is None else last_day(shown["ends_at"])
    return {name: shown[name] for name in _TERMS} | {"ends_on": ends_on}
