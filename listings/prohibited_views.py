"""Pages of the negative list: its upkeep, the check of a version in review, and taking down what slipped through."""

from typing import Any

from flask import request, url_for
from flask_babel import gettext

from exchange.marks import N_
from exchange.web import access
from exchange.web.desk import NavItem
from exchange.web.forms import Form
from exchange.web.views import Answer, blueprint, done
from listings import prohibited, prohibited_queries, prohibited_schemas, queries
from listings.prohibited import ADMINISTRATOR
from listings.states import REVIEWER

negative_list = blueprint("negative_list", __name__, url_prefix="/console/negative-list")
blps = [negative_list]

_KEEPERS = frozenset({REVIEWER, ADMINISTRATOR})
_READERS = tuple(sorted(queries.READERS | _KEEPERS))
NAV = (NavItem("console", N_("Negative list"), "negative_list.index", roles=queries.READERS | _KEEPERS, place=26),)


@negative_list.get("")
@access.staff(*_READERS)
def index() -> Answer:
    """The list with its former editions, and the form of an item."""
    return _index(Form(prohibited_schemas.ItemBody))


def _index(form: Form) -> Answer:
    page = prohibited_queries.items(cursor=request.args.get("cursor"))
    return form.page("listings/negative_list.html", page=page, keeping=bool(_KEEPERS & access.caller().roles))


@negative_list.post("")
@access.staff(*sorted(_KEEPERS))
def enter() -> Answer:
    """Enter an item, or a new edition of one."""
    form = Form(prohibited_schemas.ItemBody)

    def call(body: dict[str, Any]) -> Any:
        return prohibited.enter_item(access.actor(), body["item"], effective_at=body["effective_at"])

    if form.submit(call) is None:
        return _index(form)
    return done(gettext("The item is entered."), url_for(".index"))


@negative_list.post("/initial")
@access.staff(*sorted(_KEEPERS))
def initial() -> Answer:
    """Enter what a list begins with."""
    form = Form(None)
    if form.submit(lambda _: prohibited.enter_initial(access.actor())) is None:
        return _index(form)
    return done(gettext("The list is begun."), url_for(".index"))


@negative_list.post("/<item_id>/end")
@access.staff(*sorted(_KEEPERS))
def end(item_id: str) -> Answer:
    """End an item."""
    form = Form(None)
    if form.submit(lambda _: prohibited.end_item(access.actor(), item_id)) is None:
        return _index(form)
    return done(gettext("The item is ended."), url_for(".index"))


@negative_list.get("/versions/<version_id>")
@access.staff(*sorted(queries.READERS))
def version(version_id: str) -> Answer:
    """The check of a version, item by item."""
    return _version(Form(prohibited_schemas.ResultsBody), version_id)


def _version(form: Form, version_id: str) -> Answer:
    return form.page(
        "listings/negative_checks.html",
        version=queries.version(access.caller(), version_id),
        checks=prohibited_queries.of_version(version_id),
        check=form if not form.name else Form(prohibited_schemas.ResultsBody),
        down=form if form.name == "down" else Form(prohibited_schemas.TakeDownBody, name="down"),
        deciding=REVIEWER in access.caller().roles,
    )


@negative_list.post("/versions/<version_id>")
@access.staff(REVIEWER)
def check(version_id: str) -> Answer:
    """Keep what was found of each item."""
    form = Form(prohibited_schemas.ResultsBody)
    verb = prohibited.check_version
    if form.submit(lambda body: verb(access.actor(), version_id, body["results"])) is None:
        return _version(form, version_id)
    return done(gettext("The check is recorded."), url_for("listings_console.case", version_id=version_id))


@negative_list.post("/versions/<version_id>/take-down")
@access.staff(REVIEWER)
def take_down(version_id: str) -> Answer:
    """Take down what turned out to be forbidden."""
    form = Form(prohibited_schemas.TakeDownBody, name="down")
    if form.submit(lambda body: prohibited.take_down(access.actor(), version_id, **body)) is None:
        return _version(form, version_id)
    told = gettext("It is taken down and reported to the security administrator.")
    return done(told, url_for("listings_console.case", version_id=version_id))
