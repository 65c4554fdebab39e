"""The few plain pages everybody may read: home, the rules, the log."""

from flask import Blueprint, current_app, render_template

from exchange import attest, rules
from exchange.db import read
from exchange.errors import NotFound
from exchange.journal import queries
from exchange.journal.models import JournalCheckpoint
from exchange.web import access
from exchange.web.languages import language

blueprint = Blueprint("pages", __name__)

#: What finds the cards of what was published last; the roof hands it in.
NEWEST = "databourse.newest"


@blueprint.get("/")
@access.public
def home() -> str:
    """What this is, the doors into it, what is new on offer, and how far the log has come."""
    shown = current_app.extensions.get(NEWEST)
    with read() as session:
        newest = shown(session) if shown is not None else None
    return render_template("exchange/home.html", checkpoint=_checkpoint(), newest=newest)


@blueprint.get("/rules")
@access.public
def duties() -> str:
    """Every statement of the rule pack: its source, whether this release enforces it, where, and by which entries."""
    pack = rules.pack()
    return render_template("exchange/rules.html", pack=pack, cite=rules.citations, basis=rules.BASIS, lang=language())


@blueprint.get("/log")
@access.public
def log() -> str:
    """The log for people: size, root, key and how to check it."""
    return render_template("exchange/log.html", checkpoint=_checkpoint(), vkey=attest.vkey())


@blueprint.get("/help")
@access.public
def help_page() -> str:
    """How a trade goes, for each kind of reader."""
    return render_template("exchange/help.html")


@blueprint.get("/health")
@access.public
def health() -> dict[str, str]:
    """Whether the web process and the database answer."""
    with read():
        return {"status": "ok"}


def _checkpoint() -> JournalCheckpoint | None:
    with read() as session:
        try:
            found = queries.latest_checkpoint(session)
        except NotFound:
            return None
        session.expunge(found)
        return found
