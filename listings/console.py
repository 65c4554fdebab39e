"""The console of compliance reviewers: the queue of listings, and each case with its decision."""

from collections.abc import Callable
from typing import Any

from flask import render_template, request, url_for
from flask_babel import gettext

from exchange.marks import N_
from exchange.web import access
from exchange.web.desk import NavItem
from exchange.web.forms import Form
from exchange.web.views import Answer, blueprint, done
from listings import desk_queries, grade_queries, notice, queries, review, schemas, words
from listings.models import Version
from listings.states import CATEGORIES, CHECKLIST, REVIEWER
from provenance import vocabulary
from provenance.grading import ELEMENTS
from provenance.purposes import PURPOSES

console = blueprint("listings_console", __name__, url_prefix="/console/listings")
blps = [console]

_READERS = tuple(sorted(queries.READERS))
NAV = (NavItem("console", N_("Listings"), "listings_console.queue", roles=queries.READERS, place=20),)
INBOX = (desk_queries.waits_for_reviewer,)


@console.get("")
@access.staff(*_READERS)
def queue() -> Answer:
    """What waits for reviewers, the nearest deadline first."""
    page = queries.review_queue(cursor=request.args.get("cursor"))
    return render_template("listings/queue.html", page=page)


@console.get("/<version_id>")
@access.staff(*_READERS)
def case(version_id: str) -> Answer:
    """One version with all that speaks for and against it."""
    return _case(version_id, Form(None))


def _case(version_id: str, form: Form) -> Answer:
    shown = desk_queries.case(access.caller(), version_id)
    return form.page(
        "listings/case.html",
        case=shown,
        decision=form if form.name == "decision" else Form(schemas.DecisionBody, name="decision"),
        standing=form if form.name == "standing" else Form(schemas.ReasonBody, name="standing"),
        answers={
            one["id"]: form if form.name == one["id"] else Form(schemas.AnswerBody, name=one["id"])
            for one in shown["file"]["objections"]
        },
        deciding=REVIEWER in access.caller().roles,
        checklist=[(rule_id, words.CHECKS[rule_id]) for rule_id in CHECKLIST],
        results=[(code, gettext(word)) for code, word in words.RESULTS.items()],
        result_words=words.RESULTS,
        column_types=words.COLUMN_TYPES,
        scan_kinds=vocabulary.SCANNED,
        confidences=vocabulary.CONFIDENCES,
        decisions=words.DECISIONS,
        category=CATEGORIES[shown["category"]],
        grades=words.GRADES,
        grading=grade_queries.graded(access.caller(), version_id),
        points=words.RISK_POINTS,
        elements=ELEMENTS,
        purposes=PURPOSES,
        channels=words.CHANNELS,
        deliveries=words.DELIVERIES,
    )


def _act(version_id: str, form: Form, call: Callable[[Any], Any], told: str) -> Answer:
    """Carry one decision out, and come back to the case."""
    if form.submit(call) is None:
        return _case(version_id, form)
    return done(told, url_for(".case", version_id=version_id))


@console.post("/<version_id>/take-up")
@access.staff(REVIEWER)
def take_up(version_id: str) -> Answer:
    """Begin the review."""
    form = Form(None)
    return _act(version_id, form, lambda _: review.take_up(access.actor(), version_id), gettext("You took this up."))


@console.post("/<version_id>/decide")
@access.staff(REVIEWER)
def decide(version_id: str) -> Answer:
    """Approve, return or refuse, by the button that was pressed."""
    form = Form(schemas.DecisionBody, name="decision")
    verbs: dict[str, Callable[..., Version]] = {
        "approve": review.approve,
        "return": review.return_version,
        "refuse": review.refuse,
    }
    return _act(
        version_id,
        form,
        lambda body: form.pressed(verbs)(access.actor(), version_id, **body),
        gettext("The decision is recorded."),
    )


@console.post("/<version_id>/suspend")
@access.staff(REVIEWER)
def suspend(version_id: str) -> Answer:
    """Stop new orders."""
    form = Form(schemas.ReasonBody, name="standing")
    return _act(
        version_id, form, lambda body: review.suspend(access.actor(), version_id, **body), gettext("It is suspended.")
    )


@console.post("/<version_id>/restore")
@access.staff(REVIEWER)
def restore(version_id: str) -> Answer:
    """Let it be ordered again."""
    form = Form(schemas.ReasonBody, name="standing")
    told = gettext("It can be ordered again.")
    return _act(version_id, form, lambda body: review.restore(access.actor(), version_id, **body), told)


@console.post("/<version_id>/objections/<objection_id>")
@access.staff(REVIEWER)
def decide_objection(version_id: str, objection_id: str) -> Answer:
    """Uphold or dismiss an objection, by the button that was pressed."""
    form = Form(schemas.AnswerBody, name=objection_id)
    verbs = {"uphold": notice.uphold_objection, "dismiss": notice.dismiss_objection}
    told = gettext("The objection is decided.")
    return _act(version_id, form, lambda body: form.pressed(verbs)(access.actor(), objection_id, **body), told)
