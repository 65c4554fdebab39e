"""The API of the negative list."""

from typing import Any

from exchange.web import access
from exchange.web.api import PageQuery, blueprint
from exchange.web.paging import Page
from listings import prohibited, prohibited_queries, prohibited_schemas, queries, schemas
from listings.prohibited import ADMINISTRATOR
from listings.prohibited_models import NegativeItem
from listings.states import REVIEWER

list_api = blueprint("negative-list", __name__, "What is not traded here, with legal basis and edition.")
check_api = blueprint("negative_checks", __name__, "Checks against the negative list.", below="versions")
blps = [list_api, check_api]


@list_api.route("", methods=["GET"])
@access.public
@list_api.arguments(PageQuery, location="query")
@list_api.response(200, prohibited_schemas.ItemPage)
def list_items(query: dict[str, Any]) -> Page[NegativeItem]:
    """The list with its former editions, by code."""
    return prohibited_queries.items(**query)


@list_api.route("", methods=["POST"])
@access.staff(REVIEWER, ADMINISTRATOR)
@list_api.arguments(prohibited_schemas.ItemBody)
@list_api.response(201, prohibited_schemas.ItemOut)
def enter_item(body: dict[str, Any]) -> NegativeItem:
    """Enter an item, or a new edition of one."""
    return prohibited.enter_item(access.actor(), body["item"], effective_at=body["effective_at"])


@list_api.route("/initial", methods=["POST"])
@access.staff(REVIEWER, ADMINISTRATOR)
@list_api.response(201, prohibited_schemas.ItemOut)
def enter_initial() -> NegativeItem:
    """Enter the items that a list begins with; the answer is the first of them."""
    return prohibited.enter_initial(access.actor())


@list_api.route("/<item_id>/end", methods=["POST"])
@access.staff(REVIEWER, ADMINISTRATOR)
@list_api.response(200, prohibited_schemas.ItemOut)
def end_item(item_id: str) -> NegativeItem:
    """End an item."""
    return prohibited.end_item(access.actor(), item_id)


@check_api.route("/<version_id>/negative-checks", methods=["POST"])
@access.staff(REVIEWER)
@check_api.arguments(prohibited_schemas.ResultsBody)
@check_api.response(200, schemas.VersionOut)
def check_version(body: dict[str, Any], version_id: str) -> dict[str, Any]:
    """Keep what was found of each item."""
    prohibited.check_version(access.actor(), version_id, body["results"])
    return queries.version(access.caller(), version_id)


@check_api.route("/<version_id>/take-down", methods=["POST"])
@access.staff(REVIEWER)
@check_api.arguments(prohibited_schemas.TakeDownBody)
@check_api.response(200, schemas.VersionOut)
def take_down(body: dict[str, Any], version_id: str) -> dict[str, Any]:
    """Take down what turned out to be forbidden, and report it."""
    prohibited.take_down(access.actor(), version_id, **body)
    return queries.version(access.caller(), version_id)
