"""Pages of export assessments: the seller's, of each version, and the reviewers' queue and cases."""

from typing import Any

from flask import render_template, request, url_for
from flask_babel import gettext

from exchange.marks import N_
from exchange.web import access
from exchange.web.desk import NavItem
from exchange.web.forms import Form
from exchange.web.views import Answer, blueprint, done
from listings import desk_queries, export_queries, export_schemas, exports, queries, words
from listings.grade_schemas import WhyBody
from listings.states import REVIEWER
from provenance.crossborder import EDITION, FACTS, PATHS, SCENES
from provenance.purposes import PURPOSES

selling_abroad = blueprint("selling_abroad", __name__, url_prefix="/desk")
export_console = blueprint("export_console", __name__, url_prefix="/console/exports")
blps = [selling_abroad, export_console]

NAV = (NavItem("console", N_("Data going abroad"), "export_console.queue", roles=queries.READERS, place=23),)
INBOX = (export_queries.exports_wait,)
_SELLING = ("owner", "trader")


def _told() -> dict[str, Any]:
    return {
        "fact_words": FACTS,
        "scenes": SCENES,
        "paths": PATHS,
        "purposes": PURPOSES,
        "kinds": words.EXPORT_KINDS,
        "edition": EDITION,
    }


# -- the seller -------------------------------------------------------------------------------------------------------


@selling_abroad.get("/versions/<version_id>/exports")
@access.member()
def of_version(version_id: str) -> Answer:
    """The assessments of a version, and the form of another."""
    return _of_version(Form(export_schemas.ExportBody), version_id)


@selling_abroad.post("/versions/<version_id>/exports")
@access.member(*_SELLING)
def open_assessment(version_id: str) -> Answer:
    """Open an assessment."""
    form = Form(export_schemas.ExportBody)
    made = form.submit(lambda body: exports.open_assessment(access.actor(), version_id, body))
    if made is None:
        return _of_version(form, version_id)
    return done(gettext("The assessment is opened. Say what is known."), url_for(".show", assessment_id=made.id))


def _of_version(form: Form, version_id: str) -> Answer:
    actor = access.caller()
    draft = desk_queries.draft(actor, version_id)
    page = export_queries.of_version(actor, version_id, cursor=request.args.get("cursor"))
    return form.page("listings/exports.html", draft=draft, page=page, **_told())


@selling_abroad.get("/exports/<assessment_id>")
@access.member()
def show(assessment_id: str) -> Answer:
    """One assessment: its facts, and the path they come to."""
    shown = export_queries.assessment(access.caller(), assessment_id)
    return _show(Form(export_schemas.SubmitForm, values=_values(shown)), assessment_id)


def _values(shown: dict[str, Any]) -> dict[str, Any]:
    facts = {name: str(value).lower() for name, value in shown["facts"].items() if value is not None}
    return {"facts": facts, "documents": "\n".join(shown["documents"])}


def _show(form: Form, assessment_id: str) -> Answer:
    shown = export_queries.assessment(access.caller(), assessment_id)
    return form.page("listings/export.html", export=shown, console=False, decision=None, **_told())


@selling_abroad.post("/exports/<assessment_id>/submit")
@access.member(*_SELLING)
def submit(assessment_id: str) -> Answer:
    """Hand the facts in."""
    form = Form(export_schemas.SubmitForm)
    if form.submit(lambda body: exports.submit_assessment(access.actor(), assessment_id, **body)) is None:
        return _show(form, assessment_id)
    return done(gettext("Handed in. Two reviewers decide."), url_for(".show", assessment_id=assessment_id))


@selling_abroad.post("/exports/<assessment_id>/withdraw")
@access.member(*_SELLING)
def withdraw(assessment_id: str) -> Answer:
    """Take it back."""
    form = Form(None)
    if form.submit(lambda _: exports.withdraw_assessment(access.actor(), assessment_id)) is None:
        return _show(form, assessment_id)
    return done(gettext("The assessment is withdrawn."), url_for(".show", assessment_id=assessment_id))


# -- the reviewers ----------------------------------------------------------------------------------------------------


@export_console.get("")
@access.staff(*sorted(queries.READERS))
def queue() -> Answer:
    """What waits for two reviewers."""
    page = export_queries.waiting(access.caller(), cursor=request.args.get("cursor"))
    return render_template("listings/export_queue.html", page=page, **_told())


@export_console.get("/<assessment_id>")
@access.staff(*sorted(queries.READERS))
def case(assessment_id: str) -> Answer:
    """One assessment as reviewers decide it."""
    return _case(Form(WhyBody, name="decision"), assessment_id)


def _case(form: Form, assessment_id: str) -> Answer:
    shown = export_queries.assessment(access.caller(), assessment_id)
    deciding = REVIEWER in access.caller().roles
    return form.page("listings/export.html", export=shown, console=True, decision=form if deciding else None, **_told())


@export_console.post("/<assessment_id>")
@access.staff(REVIEWER)
def decide(assessment_id: str) -> Answer:
    """Agree, return or refuse, by the button that was pressed."""
    form = Form(WhyBody, name="decision")
    verbs = {"agree": exports.agree, "return": exports.send_back, "refuse": exports.refuse}
    if form.submit(lambda body: form.pressed(verbs)(access.actor(), assessment_id, **body)) is None:
        return _case(form, assessment_id)
    return done(gettext("The decision is recorded."), url_for(".case", assessment_id=assessment_id))
