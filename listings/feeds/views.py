"""Addresses of the feeds. All are public, and say no more than the pages do."""

import json
from collections.abc import Mapping
from typing import Any

from flask import Response, current_app, request, url_for

from exchange.citations import Text
from exchange.db import read
from exchange.errors import NotFound
from exchange.web import access
from exchange.web.views import blueprint
from listings import search
from listings.feeds import dcat
from listings.feeds.croissant import croissant
from listings.feeds.datapackage import data_package
from listings.feeds.facts import ProductFacts, product_facts
from listings.feeds.odrl import PURPOSES_FEED, offer_policy
from listings.models import Offer
from provenance.prov import prov_document
from provenance.purposes import PURPOSES

feeds = blueprint("feeds", __name__)
#: Data sets on one page of the catalogue's feed.
PAGE = 20
_JSON_LD = "application/ld+json"


def base_url() -> str:
    """Where people reach the site, without a trailing slash."""
    return url_for("pages.home", _external=True).rstrip("/")


@feeds.get("/products/<product_id>/croissant.json")
@access.public
def croissant_of(product_id: str) -> Response:
    """The product as Croissant 1.1."""
    return _json(croissant(_facts(product_id)), _JSON_LD)


@feeds.get("/products/<product_id>/datapackage.json")
@access.public
def data_package_of(product_id: str) -> Response:
    """The product as Data Package v2."""
    return _json(data_package(_facts(product_id)), "application/json")


@feeds.get("/products/<product_id>/dcat.jsonld")
@access.public
def dcat_json(product_id: str) -> Response:
    """The product as a DCAT-AP 3 data set, in JSON-LD."""
    return _json(dcat.dataset(_facts(product_id)), _JSON_LD)


@feeds.get("/products/<product_id>/dcat.ttl")
@access.public
def dcat_turtle(product_id: str) -> Response:
    """The product as a DCAT-AP 3 data set, in Turtle."""
    return _answer(dcat.turtle(dcat.dataset(_facts(product_id))), "text/turtle; charset=utf-8")


@feeds.get("/products/<product_id>/prov.json")
@access.public
def prov_of(product_id: str) -> Response:
    """What the product was made from, as PROV-JSON."""
    facts = _facts(product_id)
    if facts.lineage is None:
        raise NotFound("There is no such %(kind)s.", kind="declaration")
    seller = facts.page["seller"]
    return _json(
        prov_document(facts.lineage, f"{facts.base}/prov#", maker=(seller["id"], seller["name"])), "application/json"
    )


@feeds.get("/offers/<offer_id>/odrl.jsonld")
@access.public
def odrl_of(offer_id: str) -> Response:
    """An open offer's licence as an ODRL policy."""
    with read() as session:
        found = session.get(Offer, offer_id)
        if found is None:
            raise NotFound("There is no such %(kind)s.", kind="offer")
        facts = product_facts(session, found.product_id, base_url())
    terms = next((offer for offer in facts.page["offers"] if offer["id"] == offer_id), None)
    if terms is None:  # closed, or of a version that is not shown
        raise NotFound("There is no such %(kind)s.", kind="offer")
    return _json(offer_policy(facts, terms), _JSON_LD)


@feeds.get("/catalogue.jsonld")
@access.public
def catalogue_json() -> Response:
    """The catalogue as DCAT-AP 3, in JSON-LD, by pages."""
    return _json(_catalogue("feeds.catalogue_json"), _JSON_LD)


@feeds.get("/catalogue.ttl")
@access.public
def catalogue_turtle() -> Response:
    """The catalogue as DCAT-AP 3, in Turtle, by pages."""
    return _answer(dcat.turtle(_catalogue("feeds.catalogue_turtle")), "text/turtle; charset=utf-8")


@feeds.get(PURPOSES_FEED)
@access.public
def purposes() -> Response:
    """The purposes that licences name, as a SKOS concept scheme."""
    here = f"{base_url()}{PURPOSES_FEED}"
    context = {"skos": "http://www.w3.org/2004/02/skos/core#"}
    concepts = [_concept(here, code, text) for code, text in PURPOSES.items()]
    return _json({"@context": context, "@graph": [{"@id": here, "@type": "skos:ConceptScheme"}, *concepts]}, _JSON_LD)


def _concept(scheme: str, code: str, text: Text) -> dict[str, Any]:
    labels = [{"@value": text.zh, "@language": "zh"}, {"@value": text.en, "@language": "en"}]
    told: dict[str, Any] = {
        "@id": f"{scheme}#{code}",
        "@type": "skos:Concept",
        "skos:notation": code,
        "skos:prefLabel": labels,
        "skos:inScheme": {"@id": scheme},
    }
    above, _, _ = code.rpartition(".")
    return told | {"skos:broader": {"@id": f"{scheme}#{above}"}} if above else told


def _facts(product_id: str) -> ProductFacts:
    with read() as session:
        return product_facts(session, product_id, base_url())


def _catalogue(endpoint: str) -> dict[str, Any]:
    cursor = request.args.get("cursor")
    with read() as session:
        page = search.products(session, search.Search(), cursor=cursor, limit=PAGE)
        products = [product_facts(session, card["product_id"], base_url()) for card in page.items]
    here = url_for(endpoint, cursor=cursor, _external=True)
    following = url_for(endpoint, cursor=page.next_cursor, _external=True) if page.next_cursor else None
    return dcat.catalogue(base_url(), products, here=here, following=following)


def _json(document: Mapping[str, Any], media_type: str) -> Response:
    return _answer(json.dumps(document, ensure_ascii=False, indent=2) + "\n", media_type)


def _answer(text: str, media_type: str) -> Response:
    answer: Response = current_app.response_class(text, content_type=media_type)
    answer.headers["Access-Control-Allow-Origin"] = "*"  # portals read these from their own pages
    answer.headers["Cache-Control"] = "public, max-age=300"
    return answer
