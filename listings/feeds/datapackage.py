"""Data Package v2 (datapackage.org): the descriptor that goes with the goods, and table schema of their columns."""

from collections.abc import Mapping
from typing import Any

from listings.feeds.facts import ProductFacts
from listings.feeds.odrl import policy_url

PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"
_RESOURCE = "https://datapackage.org/profiles/2.0/dataresource.json"
_SCHEMA = "https://datapackage.org/profiles/2.0/tableschema.json"

_TYPES = {
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "datetime",
    "timestamptz": "datetime",
}


def data_package(facts: ProductFacts) -> dict[str, Any]:
    """The product as a data package whose one resource is the goods, named as they lie beside the descriptor."""
    page = facts.page
    told: dict[str, Any] = {
        "$schema": PROFILE,
        "name": page["product_id"],
        "id": facts.url,
        "title": f"{facts.title.zh} / {facts.title.en}",
        "description": f"{facts.description.zh}\n\n{facts.description.en}",
        "homepage": facts.url,
        "version": f"{page['number']}.0.0",
        "created": facts.published_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "keywords": [facts.field.zh, facts.field.en],
        "contributors": [
            {"title": page["seller"]["name"], "roles": ["creator"]},
            {"title": "Databourse 数衡", "path": facts.base, "roles": ["publisher"]},
        ],
        "resources": [_resource(facts)],
    }
    if page["offers"]:
        told["licenses"] = [
            {"path": policy_url(facts.base, offer["id"]), "title": f"Offer {offer['id']}"} for offer in page["offers"]
        ]
    if facts.source_lines:
        told["sources"] = [{"title": f"{line.zh} / {line.en}", "path": facts.url} for line in facts.source_lines]
    return told


def _resource(facts: ProductFacts) -> dict[str, Any]:
    page, goods = facts.page, facts.page["goods"]
    ending = page["format"] or "bin"
    told: dict[str, Any] = {
        "$schema": _RESOURCE,
        "name": "goods",
        "path": f"{page['product_id']}.{ending}",
        "mediatype": facts.media_type,
    }
    if goods["digest"] is not None:
        told |= {"bytes": goods["size_bytes"], "hash": f"sha256:{goods['digest'].hex()}"}
    if page["format"] is not None:
        told |= {"format": ending, "type": "table", "schema": _schema(page)}
    return told


def _schema(page: Mapping[str, Any]) -> dict[str, Any]:
    fields = [{"name": one["name"], "type": _TYPES.get(one["type"], "string")} for one in page["columns"]]
    return {"$schema": _SCHEMA, "fields": fields}
