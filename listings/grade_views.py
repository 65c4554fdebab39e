"""Pages of grading: the seller's step of the form, and the console's lower grades and reports."""

from typing import Any

from flask import request, url_for
from flask_babel import gettext

from exchange.marks import N_
from exchange.members.seats import members_of
from exchange.web import access
from exchange.web.desk import NavItem
from exchange.web.forms import Form
from exchange.web.views import Answer, blueprint, done
from listings import desk_queries, grade_queries, grade_schemas, grading, queries, words
from listings.states import LISTING_OPEN, REVIEWER, RISK_POINTS, SECURITY
from listings.wizard_views import steps_of, wizard
from provenance.grading import DEGREES, ELEMENTS, IDENTIFIED, OBJECTS, SECRECY

grade_console = blueprint("grade_console", __name__, url_prefix="/console")
blps = [grade_console]

NAV = (
    NavItem("console", N_("Grades"), "grade_console.lowerings", roles=queries.READERS, place=22),
    NavItem("console", N_("Data reports"), "grade_console.reports", roles=grade_queries.REPORT_READERS, place=24),
)
INBOX = (grade_queries.lowerings_wait, grade_queries.reports_wait)
_SELLING = ("owner", "trader")


# -- the seller's step ------------------------------------------------------------------------------------------------


@wizard.get("/versions/<version_id>/grading", endpoint="grading")
@access.member()
def grading_form(version_id: str) -> Answer:
    """The grading form of a version, and what it comes to."""
    shown = grade_queries.graded(access.caller(), version_id)
    return _grading(Form(grade_schemas.GradingBody, values=shown), version_id)


@wizard.post("/versions/<version_id>/grading")
@access.member(*_SELLING)
def grade(version_id: str) -> Answer:
    """Fill the form in."""
    form = Form(grade_schemas.GradingBody)
    if form.submit(lambda body: grading.grade_version(access.actor(), version_id, body)) is None:
        return _grading(form, version_id)
    return done(gettext("The grading form is saved."), url_for("wizard.grading", version_id=version_id))


@wizard.post("/versions/<version_id>/important-data")
@access.member(*_SELLING)
def file_important_data(version_id: str) -> Answer:
    """Bring what important data needs."""
    form = Form(grade_schemas.ImportantDataBody, name="important")
    if form.submit(lambda body: grading.file_important_data(access.actor(), version_id, **body)) is None:
        return _grading(form, version_id)
    return done(gettext("The file of important data is saved."), url_for("wizard.grading", version_id=version_id))


@wizard.post("/versions/<version_id>/lower-grade")
@access.member(*_SELLING)
def ask_lower_grade(version_id: str) -> Answer:
    """Ask for a grade below that of the sources."""
    form = Form(grade_schemas.WhyBody, name="lower")
    if form.submit(lambda body: grading.ask_lower_grade(access.actor(), version_id, **body)) is None:
        return _grading(form, version_id)
    told = gettext("Two reviewers decide about the lower grade.")
    return done(told, url_for("wizard.grading", version_id=version_id))


def _grading(form: Form, version_id: str) -> Answer:
    actor = access.caller()
    draft = desk_queries.draft(actor, version_id)
    shown = grade_queries.graded(actor, version_id)
    held = shown["important_data"]
    filed = (
        {} if held is None else {name: getattr(held, name) for name in ("identification", "assessment", "officer_id")}
    )
    return form.page(
        "listings/grading.html",
        draft=draft,
        steps=steps_of(draft, "grading"),
        grading=shown,
        open=draft["state"] in LISTING_OPEN,
        main=form if not form.name else Form(grade_schemas.GradingBody, values=shown),
        important=form
        if form.name == "important"
        else Form(grade_schemas.ImportantDataBody, values=filed, name="important"),
        lower=form if form.name == "lower" else Form(grade_schemas.WhyBody, name="lower"),
        officers=[(one["person_id"], one["name"]) for one in members_of(str(draft["org_id"]))],
        points=[(point, words.RISK_POINTS[point]) for point in RISK_POINTS],
        grades=words.GRADES,
        **codes(),
    )


def codes() -> dict[str, Any]:
    """The closed sets of the form with their words in both languages."""
    return {
        "elements": ELEMENTS,
        "objects": OBJECTS,
        "degrees": DEGREES,
        "identified": IDENTIFIED,
        "secrecies": SECRECY,
    }


# -- the console ------------------------------------------------------------------------------------------------------


@grade_console.get("/grading")
@access.staff(*sorted(queries.READERS))
def lowerings() -> Answer:
    """Lower grades that wait for two reviewers."""
    return _lowerings(Form(None))


def _lowerings(form: Form) -> Answer:
    page = grade_queries.lowerings(cursor=request.args.get("cursor"))
    return form.page(
        "listings/lowerings.html",
        page=page,
        forms=_forms(form, page.items, grade_schemas.WhyBody),
        deciding=REVIEWER in access.caller().roles,
        grades=words.GRADES,
    )


def _forms(form: Form, items: Any, schema: Any) -> dict[str, Form]:
    return {one["id"]: form if form.name == one["id"] else Form(schema, name=one["id"]) for one in items}


@grade_console.post("/grading/<lowering_id>")
@access.staff(REVIEWER)
def decide_lowering(lowering_id: str) -> Answer:
    """Allow or refuse, by the button that was pressed."""
    form = Form(grade_schemas.WhyBody, name=lowering_id)
    verbs = {"allow": grading.allow_lower_grade, "refuse": grading.refuse_lower_grade}
    if form.submit(lambda body: form.pressed(verbs)(access.actor(), lowering_id, **body)) is None:
        return form.answer(lambda: _lowerings(form))
    return done(gettext("The decision is recorded."), url_for(".lowerings"))


@grade_console.get("/data-reports")
@access.staff(*sorted(grade_queries.REPORT_READERS))
def reports() -> Answer:
    """What must not be here, and what became of it."""
    return _reports(Form(None))


def _reports(form: Form) -> Answer:
    page = grade_queries.reports(cursor=request.args.get("cursor"))
    return form.page(
        "listings/data_reports.html",
        page=page,
        told=_forms(form, page.items, grade_schemas.AuthorityBody),
        dismissed={one["id"]: _dismissing(form, one["id"]) for one in page.items},
        deciding=SECURITY in access.caller().roles,
        kinds=words.REPORT_KINDS,
    )


def _dismissing(form: Form, report_id: str) -> Form:
    name = f"dismiss_{report_id}"
    return form if form.name == name else Form(grade_schemas.WhyBody, name=name)


@grade_console.post("/data-reports/<report_id>/report")
@access.staff(SECURITY)
def tell_authority(report_id: str) -> Answer:
    """Record which authority was told."""
    form = Form(grade_schemas.AuthorityBody, name=report_id)
    if form.submit(lambda body: grading.tell_authority(access.actor(), report_id, **body)) is None:
        return _reports(form)
    return done(gettext("It is recorded that the authority was told."), url_for(".reports"))


@grade_console.post("/data-reports/<report_id>/dismiss")
@access.staff(SECURITY)
def dismiss_report(report_id: str) -> Answer:
    """Find that it was nothing."""
    form = Form(grade_schemas.WhyBody, name=f"dismiss_{report_id}")
    if form.submit(lambda body: grading.dismiss_report(access.actor(), report_id, answer=body["reason"])) is None:
        return _reports(form)
    return done(gettext("The report is dismissed."), url_for(".reports"))
