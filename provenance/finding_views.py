"""Pages of findings: questions to a party at its desk, decisions at the reviewers' console."""

from collections.abc import Callable, Iterator
from typing import Any

from flask import request, url_for
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange.actors import Actor
from exchange.marks import N_
from exchange.web import access
from exchange.web.desk import INBOX_LIMIT, NavItem, Waiting
from exchange.web.forms import Form
from exchange.web.views import Answer, done
from provenance import finding_queries, finding_schemas, findings
from provenance.finding_models import Finding
from provenance.pages import room
from provenance.states import REVIEWER

desk = room("findings", __name__, "/desk/findings")
console = room("reviewed_findings", __name__, "/console/findings")
DESK_NAV = NavItem("desk", N_("Findings"), "findings.index", place=35)
CONSOLE_NAV = NavItem("console", N_("Findings"), "reviewed_findings.queue", roles=finding_queries.READERS, place=25)
_WRITING = access.member("owner", "trader")
_FORMS = {
    "accept": finding_schemas.AcceptBody,
    "refute": finding_schemas.RefuteBody,
    "appeal": finding_schemas.AppealBody,
    "vote": finding_schemas.VoteBody,
}


@desk.get("")
@access.member()
def index() -> Answer:
    """The party's findings."""
    settled = request.args.get("settled") == "true"
    page = finding_queries.findings(access.actor(), settled=settled, cursor=request.args.get("cursor"))
    return Form(None).page("provenance/findings.html", page=page, settled=settled, queue=False)


@desk.get("/<finding_id>")
@access.member()
def show(finding_id: str) -> Answer:
    """One finding: what was found, what the party says, what was decided."""
    return _page(Form(None), finding_id)


@desk.post("/<finding_id>/<any(accept, refute, appeal):action>")
@_WRITING
def answer(finding_id: str, action: str) -> Answer:
    """Accept or deny the finding, or appeal against the decision."""
    verbs: dict[str, tuple[Callable[..., Finding], str]] = {
        "accept": (findings.accept_finding, gettext("Accepted. Sign a new declaration that names what was found.")),
        "refute": (findings.refute_finding, gettext("Sent. Two reviewers decide.")),
        "appeal": (findings.appeal_finding, gettext("Sent. Two other reviewers decide.")),
    }
    verb, message = verbs[action]
    return _act(finding_id, action, verb, message)


@console.get("")
@access.staff(*sorted(finding_queries.READERS))
def queue() -> Answer:
    """What waits for reviewers."""
    page = finding_queries.queue(cursor=request.args.get("cursor"))
    return Form(None).page("provenance/findings.html", page=page, settled=False, queue=True)


@console.get("/<finding_id>", endpoint="show")
@access.staff(*sorted(finding_queries.READERS))
def case(finding_id: str) -> Answer:
    """One finding, to decide."""
    return _page(Form(None), finding_id)


@console.post("/<finding_id>/vote")
@access.staff(REVIEWER)
def vote(finding_id: str) -> Answer:
    """Hold the finding for true or not."""
    return _act(finding_id, "vote", findings.vote_on_finding, gettext("Your vote is recorded."))


def _act(finding_id: str, name: str, verb: Callable[..., Finding], message: str) -> Answer:
    form = Form(_FORMS[name], name=name)
    if form.submit(lambda body: verb(access.actor(), finding_id, **body)) is None:
        return _page(form, finding_id)
    return done(message, url_for(".show", finding_id=finding_id))


def _page(form: Form, finding_id: str) -> Answer:
    shown = finding_queries.finding(access.caller(), finding_id)
    forms: dict[str, Any] = {
        name: form if form.name == name else Form(schema, name=name) for name, schema in _FORMS.items()
    }
    return form.page("provenance/finding.html", finding=shown, forms=forms)


def to_answer(session: Session, actor: Actor) -> Iterator[Waiting]:
    """Findings that wait for the party's answer, and those that a new declaration has to remedy."""
    if not actor.roles & {"owner", "trader"}:
        return
    asked = {
        "open": gettext("Answer a finding against your declaration"),
        "overdue": gettext("Answer a finding against your declaration: the time is over"),
        "accepted": gettext("Sign a new declaration that names what was found"),
        "confirmed": gettext("A finding was confirmed: declare anew, or appeal"),
        "affirmed": gettext("A finding was confirmed on appeal: declare anew"),
    }
    rows = session.execute(
        select(Finding.id, Finding.state, Finding.answer_due_at, Finding.changed_at)
        .where(Finding.org_id == actor.org_id, Finding.state.in_(asked))
        .order_by(Finding.id)
        .limit(INBOX_LIMIT)
    )
    for row in rows:
        due = row.answer_due_at if row.state in {"open", "overdue"} else None
        yield Waiting(row.id, asked[row.state], url_for("findings.show", finding_id=row.id), due, row.changed_at)


def to_decide(session: Session, actor: Actor) -> Iterator[Waiting]:
    """Findings that wait for reviewers."""
    if REVIEWER not in actor.roles:
        return
    rows = session.execute(
        select(Finding.id, Finding.changed_at)
        .where(Finding.state.in_(finding_queries.TO_DECIDE))
        .order_by(Finding.id)
        .limit(INBOX_LIMIT)
    )
    for row in rows:
        url = url_for("reviewed_findings.show", finding_id=row.id)
        yield Waiting(row.id, gettext("Decide a finding"), url, None, row.changed_at)
