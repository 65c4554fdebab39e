"""The pages of regulators. Every one records a look; those that show others' business need an open inspection."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import redirect, render_template, request, url_for
from flask_babel import gettext
from marshmallow import ValidationError
from sqlalchemy import or_, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from exchange import clock
from exchange.actors import REGULATOR, Actor
from exchange.errors import Invalid, Refused
from exchange.journal.queries import Told
from exchange.marks import N_
from exchange.money import Money
from exchange.oversight import (
    case_files,
    console,
    desk_views,
    directives,
    inspection,
    log_views,
    looks,
    options,
    queries,
    schemas,
)
from exchange.oversight.api import sent
from exchange.oversight.models import Directive
from exchange.oversight.states import BASES, DIRECTIVE, MEASURES, PURPOSES, SCOPE_KINDS, TARGET_KINDS
from exchange.web import access
from exchange.web.desk import NavItem, Waiting, waiting
from exchange.web.filters import money
from exchange.web.forms import Form
from exchange.web.views import Answer, blueprint, done

oversight = blueprint("oversight", __name__, url_prefix="/oversight")
oversight.context_processor(options.helpers)
blps = [oversight, *desk_views.blps, *console.blps, *log_views.blps]

NAV = (
    NavItem("oversight", N_("Overview"), "oversight.overview", place=10),
    NavItem("oversight", N_("Search the journal"), "oversight.search", place=20),
    NavItem("oversight", N_("Directives"), "oversight.list_directives", place=30),
    NavItem("oversight", N_("Ledger of government data products"), "oversight.ledger", place=40),
    NavItem("oversight", N_("Case files"), "oversight.list_case_files", place=50),
    NavItem("oversight", N_("Inspections"), "oversight.list_inspections", place=60),
    *desk_views.NAV,
    *console.NAV,
)


# -- purpose ----------------------------------------------------------------------------------------------------------


@oversight.context_processor
def _banner() -> dict[str, Any]:
    """Every page says that looking is recorded, and what for."""
    actor = access.caller()
    return {"purposes": PURPOSES, "current": queries.inspection_now(actor) if REGULATOR in actor.roles else None}


@oversight.errorhandler(Refused)
def _ask_purpose(refusal: Refused) -> Response:
    """Where no inspection is open, first ask what it is for, then go on to the page."""
    if refusal.code != "purpose_missing":
        raise refusal
    wanted = request.full_path.rstrip("?") if request.method == "GET" else ""
    return redirect(url_for("oversight.list_inspections", next=wanted or None), 303)


@oversight.get("/inspections")
@access.regulator
def list_inspections() -> Answer:
    """What one's own organ inspected, and the form that opens an inspection."""
    return _inspections(Form(schemas.InspectionBody, values={"hours": 4}))


def _inspections(form: Form) -> Answer:
    shown = queries.inspections(access.caller(), cursor=request.args.get("cursor"))
    return form.page("oversight/inspections.html", inspections=shown, wanted=_wanted())


@oversight.post("/inspections")
@access.regulator
def open_inspection() -> Answer:
    """Say what the looks of the next hours are for."""
    form = Form(schemas.InspectionBody)
    made = form.submit(lambda body: looks.open_inspection(access.actor(), **body))
    if made is None:
        return _inspections(form)
    return done(gettext("The inspection is open."), _wanted() or url_for(".overview"))


@oversight.post("/inspections/<inspection_id>/close")
@access.regulator
def close_inspection(inspection_id: str) -> Answer:
    """End one's own inspection."""
    form = Form(None)
    if form.submit(lambda _: looks.close_inspection(access.actor(), inspection_id)) is None:
        return _inspections(form)
    return done(gettext("The inspection is closed."), url_for(".list_inspections"))


def _wanted() -> str:
    """The page of ours that was asked for before a purpose was: never another site's."""
    wanted = request.args.get("next", "")
    parts = urlsplit(wanted)
    inside = not parts.scheme and not parts.netloc and parts.path.startswith("/oversight")
    return wanted if inside and wanted.isascii() and wanted.isprintable() and "\\" not in wanted else ""


# -- overview and ledger ----------------------------------------------------------------------------------------------


@oversight.get("", strict_slashes=False)
@access.regulator
def overview() -> Answer:
    """Today: what waits, figures, and how the log stands."""
    shown = queries.overview(access.caller())
    return render_template("oversight/overview.html", waiting=waiting(), kinds=SCOPE_KINDS, **shown)


@oversight.get("/ledger")
@access.regulator
def ledger() -> Answer:
    """The ledger of products made from government data."""
    shown = queries.ledger(access.caller(), cursor=request.args.get("cursor"))
    return render_template("oversight/ledger.html", ledger=shown)


# -- the journal ------------------------------------------------------------------------------------------------------


@oversight.get("/search")
@access.regulator
def search() -> Answer:
    """Find entries by words, subject, party, action and time."""
    given = {name: value for name, value in request.args.items() if value and name not in {"cursor", "lang"}}
    form = Form(schemas.SearchForm, values=given)
    cursor = request.args.get("cursor")
    found = form.submit(lambda _: inspection.search(access.caller(), **_criteria(given), cursor=cursor))
    if form.problem is not None and form.problem.get("code") == "purpose_missing":
        return redirect(url_for(".list_inspections", next=request.full_path), 303)
    entries = None if found is None else [shape(told) for told in found.items]
    return form.page("oversight/search.html", found=found, entries=entries, given=given)


def _criteria(given: dict[str, str]) -> dict[str, Any]:
    """The form's criteria; days are days in Beijing, both included."""
    try:
        criteria: dict[str, Any] = schemas.SearchForm().load(given)
    except ValidationError as error:
        raise Invalid("Some fields are not right.", fields=error.normalized_messages()) from None  # type: ignore[no-untyped-call]
    for name, days in (("since", 0), ("until", 1)):
        if name in criteria:
            midnight = datetime.combine(criteria[name], time(), clock.BEIJING)
            criteria[name] = (midnight + timedelta(days=days)).astimezone(UTC)
    return criteria


@oversight.get("/subjects/<subject>")
@access.regulator
def story(subject: str) -> Answer:
    """The story of a subject: its own entries, or one line with those of everything around it."""
    return _story(subject)


def _story(subject: str) -> str:
    actor = access.caller()
    whole = request.args.get("whole") == "1"
    told, related = inspection.story(actor, subject)
    page = inspection.case(actor, subject, cursor=request.args.get("cursor")) if whole else None
    return render_template(
        "oversight/story.html",
        subject=subject,
        entries=[shape(entry) for entry in (told if page is None else page.items)],
        page=page,
        related=queries.neighbours(actor, related),
    )


@oversight.get("/entries/<entry_id>")
@access.regulator
def entry(entry_id: str) -> Answer:
    """One entry, byte for byte, with the proof that the log holds it."""
    proven = inspection.proof(access.caller(), entry_id)
    return render_template("oversight/entry.html", entry=shape(proven.told), proof=proven.text)


def shape(told: Told) -> dict[str, Any]:
    """An entry for a template: its words and, beside them, the very bytes."""
    body = told.body.decode()
    leaf = json.loads(body)
    names = ("action", "subject", "seq", "role", "org", "links", "digests")
    return {name: leaf[name] for name in names} | {
        "id": told.id,
        "at": told.at,
        "index": told.index,
        "facts": list(_flat(leaf["facts"])),
        "body": body,
    }


#: The members of an amount of money among facts (`Money.facts`).
_AMOUNT = {"minor", "currency"}


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Facts by path, as they stand; an amount of money as people write it."""
    if isinstance(value, dict) and set(value) == _AMOUNT:
        yield path, money(Money(int(value["minor"]), value["currency"]))
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        yield path, ", ".join(item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in value)
    elif value is not None:
        yield path, json.dumps(value) if isinstance(value, bool) else str(value)


# -- case files -------------------------------------------------------------------------------------------------------


@oversight.get("/case-files")
@access.regulator
def list_case_files() -> Answer:
    """The case files that the organ asked for, and how far they are."""
    page = queries.case_files(access.caller(), cursor=request.args.get("cursor"))
    return render_template("oversight/case_files.html", files=page)


@oversight.post("/subjects/<subject>/case-file")
@access.regulator
def request_case_file(subject: str) -> Answer:
    """Ask for the evidence bag of a subject; the worker builds it."""
    form = Form(None)
    if form.submit(lambda _: case_files.request_case_file(access.actor(), subject)) is None:
        return form.answer(lambda: _story(subject))
    return done(gettext("The case file is being built. You can leave this page."), url_for(".list_case_files"))


@oversight.get("/case-files/<file_id>/content")
@access.regulator
def case_file_content(file_id: str) -> Answer:
    """A built case file."""
    return sent(case_files.parts(access.caller(), file_id), f"{file_id}.zip")


@oversight.get("/looks")
@access.regulator
def list_looks() -> Answer:
    """What the officers of one's own organ looked at."""
    page = queries.organ_looks(access.caller(), cursor=request.args.get("cursor"))
    return render_template("oversight/looks.html", page=page, entries=[shape(told) for told in page.items])


# -- directives -------------------------------------------------------------------------------------------------------


@oversight.get("/directives")
@access.regulator
def list_directives() -> Answer:
    """The organ's directives."""
    page = queries.directives(access.caller(), cursor=request.args.get("cursor"))
    return render_template("oversight/directives.html", page=page, measures=MEASURES)


@oversight.get("/directives/new")
@access.regulator
def new_directive() -> Answer:
    """Draft a directive; what it is about may come with the address."""
    given = {name: request.args[name] for name in ("target", "target_kind", "served_on") if name in request.args}
    return _draft(Form(schemas.DirectiveBody, values={"answer_days": 5, **given}))


@oversight.post("/directives/new")
@access.regulator
def propose_directive() -> Answer:
    """Propose what was drafted to a second officer."""
    form = Form(schemas.DirectiveBody)
    made = form.submit(lambda body: directives.propose_directive(access.actor(), **body))
    if made is None:
        return _draft(form)
    message = gettext("The draft waits for a second officer of your organ.")
    return done(message, url_for(".show_directive", directive_id=made.id))


def _draft(form: Form) -> Answer:
    table = queries.measures_of(access.caller())
    return form.page("oversight/directive_new.html", measures=MEASURES, bases=BASES, kinds=TARGET_KINDS, allowed=table)


@oversight.get("/directives/<directive_id>")
@access.regulator
def show_directive(directive_id: str) -> Answer:
    """A directive with what was said about it, and what the reader may do next."""
    return _directive(directive_id, {})


def _directive(directive_id: str, forms: dict[str, Form]) -> str:
    shown = {
        "lift": Form(schemas.WordsBody, name="lift"),
        "back": Form(schemas.SendBackBody, name="back", values={"answer_days": 5}),
    }
    row = queries.directive(access.caller(), directive_id)
    return render_template(
        "oversight/directive.html", directive=row, forms=shown | forms, measures=MEASURES, bases=BASES
    )


@oversight.post("/directives/<directive_id>/<any(confirm, withdraw, lift):step>")
@access.regulator
def step_directive(directive_id: str, step: str) -> Answer:
    """Confirm, withdraw or lift a directive."""
    verbs = {
        "confirm": directives.confirm_directive,
        "withdraw": directives.withdraw_directive,
        "lift": directives.lift_directive,
    }
    form = Form(None)
    if form.submit(lambda _: verbs[step](access.actor(), directive_id)) is None:
        return form.answer(lambda: _directive(directive_id, {}))
    said = {
        "confirm": gettext("The directive is served and in force."),
        "withdraw": gettext("The draft is withdrawn."),
        "lift": gettext("The directive is lifted."),
    }
    return done(said[step], url_for(".show_directive", directive_id=directive_id))


@oversight.post("/directives/<directive_id>/send-back")
@access.regulator
def send_back_directive(directive_id: str) -> Answer:
    """Find an answer insufficient."""
    form = Form(schemas.SendBackBody, name="back")
    if form.submit(lambda body: directives.send_back_directive(access.actor(), directive_id, **body)) is None:
        return form.answer(lambda: _directive(directive_id, {"back": form}))
    return done(gettext("The answer was sent back."), url_for(".show_directive", directive_id=directive_id))


@oversight.post("/directives/<directive_id>/propose-lifting")
@access.regulator
def propose_lifting(directive_id: str) -> Answer:
    """Propose to end a directive."""
    form = Form(schemas.WordsBody, name="lift")
    if form.submit(lambda body: directives.propose_lifting(access.actor(), directive_id, **body)) is None:
        return form.answer(lambda: _directive(directive_id, {"lift": form}))
    message = gettext("Lifting waits for a second officer of your organ.")
    return done(message, url_for(".show_directive", directive_id=directive_id))


@oversight.get("/directives/<directive_id>/files/<digest>")
@access.regulator
def attachment(directive_id: str, digest: str) -> Answer:
    """A document of an answer."""
    return desk_views.download(*queries.attachment(access.caller(), directive_id, digest), digest)


# -- inbox ------------------------------------------------------------------------------------------------------------


def wait_for_officers(session: Session, actor: Actor) -> Iterable[Waiting]:
    """Drafts and liftings that wait for a second officer, answers to read, answers overdue."""
    if REGULATOR not in actor.roles:
        return
    second = (Directive.state == "proposed") & (Directive.proposed_by != actor.person_id)
    lifting = Directive.lift_proposed_by.is_not(None) & (Directive.lift_proposed_by != actor.person_id)
    concerned = or_(second, lifting, Directive.state.in_(("answered", "overdue")))
    rows = session.scalars(
        select(Directive)
        .where(Directive.organ_id == actor.org_id, Directive.state.not_in(DIRECTIVE.final), concerned)
        .order_by(Directive.answer_due_at, Directive.id)
        .limit(50)
    )
    for row in rows:
        measure = gettext(MEASURES[row.measure].words)
        if row.state == "proposed":
            title = gettext("Confirm or withdraw: %(measure)s", measure=measure)
        elif row.lift_proposed_by is not None:
            title = gettext("Lift: %(measure)s", measure=measure)
        elif row.state == "answered":
            title = gettext("Read the answer: %(measure)s", measure=measure)
        else:
            title = gettext("No answer in time: %(measure)s", measure=measure)
        url = url_for("oversight.show_directive", directive_id=row.id)
        yield Waiting(row.id, title, url, row.answer_due_at, row.changed_at)


INBOX = (wait_for_officers, desk_views.wait_for_party)
