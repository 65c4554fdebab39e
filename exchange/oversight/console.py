"""The operator's side of oversight: who may see what, what is in force, and how often organs looked (never at what)."""

from datetime import timedelta

from flask import render_template, request, url_for
from flask_babel import gettext

from exchange import clock
from exchange.db import read
from exchange.journal import nightly
from exchange.journal.fsck_findings import SENTENCES
from exchange.marks import N_
from exchange.oversight import options, queries, restraints, schemas, scopes
from exchange.oversight.states import AUTHORITIES, MEASURES, SCOPE_KINDS
from exchange.web import access
from exchange.web.desk import NavItem
from exchange.web.forms import Form
from exchange.web.views import Answer, blueprint, done

console = blueprint("oversight_console", __name__, url_prefix="/console/oversight")
console.context_processor(options.helpers)
blps = [console]
_SCOPES = ("administrator", "auditor")
NAV = (
    NavItem("console", N_("Directives in force"), "oversight_console.list_directives", queries.STAFF, place=80),
    NavItem("console", N_("Stopped by the operator"), "oversight_console.list_restraints", queries.STAFF, place=79),
    NavItem("console", N_("Scopes of organs"), "oversight_console.list_scopes", frozenset(_SCOPES), place=81),
    NavItem("console", N_("Checks of the log"), "oversight_console.list_checks", frozenset(_SCOPES), place=82),
)
#: The auditor sees counts of the last days.
COUNTED = timedelta(days=30)


@console.get("")
@access.staff(*sorted(queries.STAFF))
def list_directives() -> Answer:
    """What organs ordered, without its words; for the auditor also how often they looked."""
    actor = access.caller()
    page = queries.directives(actor, cursor=request.args.get("cursor"))
    counts = queries.look_counts(clock.now() - COUNTED) if "auditor" in actor.roles else None
    return render_template("oversight/console.html", page=page, measures=MEASURES, counts=counts, days=COUNTED.days)


@console.get("/restraints")
@access.staff(*sorted(queries.STAFF))
def list_restraints() -> Answer:
    """What the operator stopped, and the form to stop something."""
    return _restraints()


def _restraints(sent: Form | None = None) -> str:
    actor = access.caller()

    def form_of(restraint_id: str) -> Form:
        return sent if sent is not None and sent.name == restraint_id else Form(schemas.LiftBody, name=restraint_id)

    return render_template(
        "oversight/restraints.html",
        page=queries.restraints(actor, cursor=request.args.get("cursor")),
        form=sent if sent is not None and not sent.name else Form(schemas.RestraintBody),
        form_of=form_of,
        measures={code: MEASURES[code].words for code in schemas.STOPPING},
        acts=restraints.OPERATOR in actor.roles,
    )


@console.post("/restraints")
@access.staff(restraints.OPERATOR)
def restrain() -> Answer:
    """Stop something at once."""
    form = Form(schemas.RestraintBody)
    if form.submit(lambda body: restraints.restrain(access.actor(), **body)) is None:
        return form.answer(lambda: _restraints(form))
    return done(gettext("Stopped: every step about it is refused from now on."), url_for(".list_restraints"))


@console.post("/restraints/<restraint_id>/lift")
@access.staff(restraints.OPERATOR)
def lift(restraint_id: str) -> Answer:
    """Let it go on."""
    form = Form(schemas.LiftBody, name=restraint_id)
    if form.submit(lambda body: restraints.lift(access.actor(), restraint_id, **body)) is None:
        return form.answer(lambda: _restraints(form))
    return done(gettext("It may go on."), url_for(".list_restraints"))


@console.get("/log")
@access.staff(*_SCOPES)
def list_checks() -> Answer:
    """What the nightly checks of the log found."""
    with read() as session:
        checks = nightly.newest(session)
    return render_template("oversight/log_checks.html", checks=checks, sentences=SENTENCES)


@console.get("/scopes")
@access.staff(*_SCOPES)
def list_scopes() -> Answer:
    """What each organ may see."""
    return _scopes(Form(schemas.ScopeBody))


def _scopes(form: Form) -> Answer:
    actor = access.caller()
    found = scopes.scopes_of(actor)
    grants = scopes.ADMINISTRATOR in actor.roles
    return form.page(
        "oversight/scopes.html", scopes=found, grants=grants, authorities=AUTHORITIES, scope_kinds=SCOPE_KINDS
    )


@console.post("/scopes")
@access.staff(scopes.ADMINISTRATOR)
def grant_scope() -> Answer:
    """Let an organ see more."""
    form = Form(schemas.ScopeBody)
    if form.submit(lambda body: scopes.grant_scope(access.actor(), **body)) is None:
        return _scopes(form)
    return done(gettext("The scope is in force."), url_for(".list_scopes"))


@console.post("/scopes/<scope_id>/end")
@access.staff(scopes.ADMINISTRATOR)
def end_scope(scope_id: str) -> Answer:
    """Take a scope away."""
    form = Form(None)
    if form.submit(lambda _: scopes.end_scope(access.actor(), scope_id)) is None:
        return _scopes(form)
    return done(gettext("The scope has ended."), url_for(".list_scopes"))
