"""The console's pages of this room: the identity queue and its cases, staff and appointments, the calendar."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from flask import render_template, request, url_for
from flask_babel import gettext
from marshmallow import fields, validate
from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange import calendar
from exchange.actors import STAFF_ROLES, Actor
from exchange.db import read
from exchange.errors import Invalid
from exchange.journal.models import JournalEntry
from exchange.marks import N_
from exchange.members import identity, queries, staff, vetting
from exchange.members.identity import OFFICER
from exchange.members.models import Appointment, IdentityCase, Organisation
from exchange.members.organisation_views import download
from exchange.members.queries import READERS, WAITING
from exchange.members.schemas import AppointSchema, DecisionSchema, ReasonSchema
from exchange.members.staff import Nomination
from exchange.members.states import CHECK_RESULTS, CHECKLIST, COMBINABLE, CONFIRMING
from exchange.web import access
from exchange.web.api import Body
from exchange.web.desk import NavItem, Waiting
from exchange.web.forms import Form
from exchange.web.views import Answer, blueprint, done
from exchange.workdays import CalendarDay

cases = blueprint("identity", __name__, url_prefix="/console/identity")
people = blueprint("staff", __name__, url_prefix="/console/staff")
days = blueprint("calendar", __name__, url_prefix="/console/calendar")
blps = [cases, people, days]

_STAFF_READERS = ("administrator", "auditor")
NAV = (
    NavItem("console", N_("Identity"), "identity.queue", roles=READERS, place=10),
    NavItem("console", N_("Staff"), "staff.show", roles=frozenset(_STAFF_READERS), place=80),
    NavItem("console", N_("Working days"), "calendar.show_calendar", place=90),
)
_DECISIONS: dict[str, Callable[..., IdentityCase]] = {
    "approve": vetting.approve,
    "return": vetting.return_case,
    "refuse": vetting.refuse_case,
}
#: More of a party's history is read in the journal.
_HISTORY = 50


class NoticeForm(Body):
    """The State Council's notice as it is typed: a line for each day, «2027-02-06 off 春节» or «2027-02-07 work …»."""

    year = fields.Integer(required=True, validate=validate.Range(2000, 2199))
    source = fields.String(required=True, validate=validate.Length(1, 300))
    days = fields.String(load_default="", validate=validate.Length(max=20_000))


# -- identity ---------------------------------------------------------------------------------------------------------


@cases.get("")
@access.staff(*READERS)
def queue() -> Answer:
    """The cases that wait, the oldest first."""
    return render_template(
        "members/identity_queue.html", page=queries.identity_queue(cursor=request.args.get("cursor"))
    )


@cases.get("/<case_id>")
@access.staff(*READERS)
def show_case(case_id: str) -> Answer:
    """A case: evidence, checklist, decision, and the party's history."""
    return _case_page(case_id)


@cases.post("/<case_id>/take-up")
@access.staff(OFFICER)
def take_up(case_id: str) -> Answer:
    """Begin the review."""
    form = Form(None)
    if form.submit(lambda _: vetting.take_up(access.actor(), case_id)) is None:
        return form.answer(lambda: _case_page(case_id))
    return done(gettext("The review has begun."), url_for(".show_case", case_id=case_id))


@cases.post("/<case_id>/decide/<any(approve, return, refuse):decision>")
@access.staff(OFFICER)
def decide(case_id: str, decision: str) -> Answer:
    """Decide the case with the checklist and the reason."""
    form = Form(DecisionSchema, name="decision")
    if form.submit(lambda body: _DECISIONS[decision](access.actor(), case_id, **body)) is None:
        return form.answer(lambda: _case_page(case_id, decision=form))
    return done(gettext("The decision is recorded, and the party is told."), url_for(".queue"))


@cases.post("/<case_id>/details")
@access.staff(OFFICER)
def read_details(case_id: str) -> Answer:
    """Open the sealed details; the look is recorded."""
    form = Form(None)
    details = form.submit(lambda _: identity.read_details(access.caller(), case_id))
    return form.answer(lambda: _case_page(case_id, details=details))


@cases.post("/<case_id>/documents/<document_id>")
@access.staff(OFFICER)
def read_document(case_id: str, document_id: str) -> Answer:
    """Open a sealed document; the look is recorded."""
    return download(access.caller(), case_id, document_id)


@cases.post("/parties/<org_id>/<any(suspend, restore):step>")
@access.staff(OFFICER)
def change_standing(org_id: str, step: str) -> Answer:
    """Suspend a party, or lift its suspension."""
    form = Form(ReasonSchema, name="standing")
    change = vetting.suspend_party if step == "suspend" else vetting.restore_party
    case = form.submit(lambda body: change(access.actor(), org_id, **body))
    if case is None:
        return form.answer(lambda: _case_page(_case_of(org_id), standing=form))
    return done(gettext("The standing of the party is changed."), url_for(".show_case", case_id=case.id))


def _case_of(org_id: str) -> str:
    with read() as session:
        return session.scalars(
            select(IdentityCase.id).where(IdentityCase.org_id == org_id).order_by(IdentityCase.id.desc()).limit(1)
        ).one()


def _case_page(case_id: str, details: identity.Details | None = None, **forms: Form) -> str:
    actor = access.caller()
    case = queries.identity_case(actor, case_id)
    with read() as session:
        entries = session.scalars(
            select(JournalEntry)
            .where(JournalEntry.subject.in_([case_id, case["organisation"]["id"]]))
            .order_by(JournalEntry.at.desc())
            .limit(_HISTORY)
        ).all()
        history = [{"at": entry.at, "action": entry.action} for entry in entries]
    points = CHECKLIST[case["organisation"]["kind"]]
    shown = {
        "decision": Form(DecisionSchema, values={"checklist": case["checklist"] or {}}, name="decision"),
        "standing": Form(ReasonSchema, name="standing"),
    } | forms
    return render_template(
        "members/identity_case.html",
        case=case,
        details=details,
        history=history,
        points=points,
        results=CHECK_RESULTS,
        officer=OFFICER in actor.roles,
        **shown,
    )


# -- staff ------------------------------------------------------------------------------------------------------------


@people.get("")
@access.staff(*_STAFF_READERS)
def show() -> Answer:
    """Who holds which office, what waits for a second person, and who may combine what."""
    return _staff_page()


@people.post("/appointments")
@access.staff("administrator")
def appoint() -> Answer:
    """Propose an appointment; its code is shown this once."""
    form = Form(AppointSchema, name="appoint")
    made = form.submit(_appoint)
    if made is None:
        return form.answer(lambda: _staff_page(appoint=form))
    return render_template("members/nomination.html", made=made)


@people.post("/appointments/<appointment_id>/<any(confirm, refuse):step>")
@access.staff(*sorted(CONFIRMING))
def second(appointment_id: str, step: str) -> Answer:
    """Confirm or refuse an appointment as a second person."""
    form = Form(None)
    verb = staff.confirm_appointment if step == "confirm" else staff.refuse_appointment
    if form.submit(lambda _: verb(access.actor(), appointment_id)) is None:
        return form.answer(_staff_page)
    return done(
        gettext("The appointment is confirmed.") if step == "confirm" else gettext("The appointment is refused."),
        url_for(".show"),
    )


def _appoint(body: dict[str, Any]) -> Nomination:
    person = {"person_name": body["person_name"], "email": body["email"]}
    organ = {name: body[name] for name in ("organ_name", "organ_uscc") if name in body}
    if not organ:
        return staff.appoint_staff(access.caller(), roles=frozenset(body["roles"]), **person)
    if body["roles"] or len(organ) < 2:  # noqa: PLR2004  (name and code)
        raise Invalid("Name either staff roles, or the organ with its code.", code="ambiguous_appointment")
    return staff.appoint_regulator(access.caller(), **organ, **person)


def _staff_page(**forms: Form) -> str:
    return render_template(
        "members/staff.html",
        staff=queries.staff_members(),
        appointments=queries.appointments_waiting(),
        role_codes=sorted(STAFF_ROLES),
        combinable={(one, other) for pair in COMBINABLE for one in pair for other in pair - {one}},
        actor=access.caller(),
        confirming=bool(CONFIRMING & access.caller().roles),
        administrator="administrator" in access.caller().roles,
        appoint=forms.get("appoint") or Form(AppointSchema, name="appoint"),
    )


# -- working days -----------------------------------------------------------------------------------------------------


@days.get("")
@access.staff()
def show_calendar() -> Answer:
    """The years the calendar holds; those without a notice yet are flagged."""
    return _calendar_page(Form(NoticeForm, name="notice"))


@days.post("")
@access.staff("administrator")
def announce() -> Answer:
    """Enter a year's notice."""
    form = Form(NoticeForm, name="notice")
    entered = form.submit(
        lambda body: calendar.announce(access.caller(), body["year"], source=body["source"], days=_parsed(body["days"]))
    )
    if entered is None:
        return form.answer(lambda: _calendar_page(form))
    return done(gettext("The notice is entered. The year is official now."), url_for(".show_calendar"))


def _parsed(text: str) -> list[CalendarDay]:
    """The days of a notice, a line each.

    Raises:
        Invalid: A line is not «date off|work occasion».
    """
    found = []
    for number, line in enumerate(filter(None, (line.strip() for line in text.splitlines())), 1):
        said, _, rest = line.partition(" ")
        how, _, occasion = rest.strip().partition(" ")
        try:
            found.append(CalendarDay(date.fromisoformat(said), {"off": False, "work": True}[how], occasion.strip()))
        except (KeyError, ValueError):
            problem = "A line is not of the form: date, off or work, occasion."
            raise Invalid(problem, code="invalid_notice", fields={"days": [problem]}) from None
        if not found[-1].occasion:
            raise Invalid("Line %(line)s names no occasion.", code="invalid_notice", line=number)
    return found


def _calendar_page(form: Form) -> str:
    return render_template(
        "members/calendar.html",
        years=queries.calendar_years(),
        notice=form,
        administrator="administrator" in access.caller().roles,
    )


# -- what waits -------------------------------------------------------------------------------------------------------


def _waiting(session: Session, actor: Actor) -> Iterator[Waiting]:
    """Identity cases for officers; appointments for those who confirm."""
    if OFFICER in actor.roles:
        waiting = (
            select(IdentityCase, Organisation.name)
            .join(Organisation, Organisation.id == IdentityCase.org_id)
            .where(IdentityCase.state.in_(WAITING))
            .order_by(IdentityCase.submitted_at)
            .limit(50)
        )
        for case, name in session.execute(waiting):
            title = gettext("Identity file of %(name)s", name=name)
            due = case.valid_until if case.state == "renewing" else None
            yield Waiting(case.id, title, url_for("identity.show_case", case_id=case.id), due, case.changed_at)
    if CONFIRMING & actor.roles:
        proposed = select(Appointment).where(
            Appointment.state == "proposed",
            Appointment.proposed_by != actor.person_id,
            Appointment.person_id != actor.person_id,
        )
        for row in session.scalars(proposed.order_by(Appointment.expires_at).limit(50)):
            yield Waiting(
                row.id,
                gettext("An appointment waits for a second person"),
                url_for("staff.show"),
                row.expires_at,
                row.created_at,
            )


INBOX = (_waiting,)
