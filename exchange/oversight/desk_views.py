"""The party's side of directives: what was served on it, and its answers with documents."""

from collections.abc import Iterable

from flask import Response, render_template, request, url_for
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange.actors import Actor
from exchange.documents import MAX_BYTES
from exchange.marks import N_
from exchange.oversight import directives, queries, schemas
from exchange.oversight.models import Directive
from exchange.oversight.states import ANSWERING, BASES, MEASURES, READING
from exchange.web import access
from exchange.web.desk import NavItem, Waiting
from exchange.web.forms import Form
from exchange.web.views import Answer, blueprint, done

desk = blueprint("party_directives", __name__, url_prefix="/desk/directives")
blps = [desk]
NAV = (NavItem("desk", N_("Directives"), "party_directives.list_directives", roles=READING, place=85),)

_SUFFIXES = {"application/pdf": "pdf", "image/png": "png", "image/jpeg": "jpg"}


@desk.get("")
@access.member()
def list_directives() -> Answer:
    """What organs ordered of one's own organisation."""
    page = queries.directives(access.caller(), cursor=request.args.get("cursor"))
    return render_template("oversight/party_directives.html", page=page, measures=MEASURES)


@desk.get("/<directive_id>")
@access.member()
def show_directive(directive_id: str) -> Answer:
    """One directive: what is demanded, on which basis, by when, and what was said."""
    return _page(directive_id, Form(schemas.AnswerBody))


def _page(directive_id: str, form: Form) -> Answer:
    row = queries.directive(access.caller(), directive_id)
    return form.page("oversight/party_directive.html", directive=row, measures=MEASURES, bases=BASES)


@desk.post("/<directive_id>/answer")
@access.member(*ANSWERING)
def answer_directive(directive_id: str) -> Answer:
    """Answer, with documents."""
    form = Form(schemas.AnswerBody)
    files = [file.stream.read(MAX_BYTES + 1) for file in request.files.getlist("files") if file.filename]
    made = form.submit(lambda body: directives.answer_directive(access.actor(), directive_id, **body, files=files))
    if made is None:
        return _page(directive_id, form)
    return done(gettext("Your answer was given to the organ."), url_for(".show_directive", directive_id=directive_id))


@desk.get("/<directive_id>/files/<digest>")
@access.member()
def attachment(directive_id: str, digest: str) -> Answer:
    """A document of one's own answer."""
    return download(*queries.attachment(access.caller(), directive_id, digest), digest)


def download(content: bytes, media_type: str, digest: str) -> Response:
    """A document, always as a download under a name of ours."""
    response = Response(content, mimetype=media_type)
    name = f"{digest[:16]}.{_SUFFIXES.get(media_type, 'bin')}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def wait_for_party(session: Session, actor: Actor) -> Iterable[Waiting]:
    """Directives that the reader's organisation has to answer."""
    if not actor.roles & frozenset(ANSWERING):
        return
    rows = session.scalars(
        select(Directive)
        .where(
            Directive.served_on == actor.org_id,
            Directive.served_at.is_not(None),
            Directive.state.in_(("served", "overdue")),
        )
        .order_by(Directive.answer_due_at)
        .limit(50)
    )
    for row in rows:
        title = gettext("Answer a directive: %(measure)s", measure=gettext(MEASURES[row.measure].words))
        url = url_for("party_directives.show_directive", directive_id=row.id)
        yield Waiting(row.id, title, url, row.answer_due_at, row.served_at or row.changed_at)
