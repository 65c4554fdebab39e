"""DCAT-AP 3 (SEMIC, release 3.0.0): the catalogue and its data sets for data portals, as JSON-LD and Turtle.

One description, written as JSON-LD with its context inside; Turtle is the same graph as a library writes it.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import rdflib

from exchange.citations import Text
from listings.feeds.facts import MEDIA_TYPES, ProductFacts
from listings.feeds.odrl import policy_url

CONTEXT: Mapping[str, Any] = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "dcatap": "http://data.europa.eu/r5r/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "hydra": "http://www.w3.org/ns/hydra/core#",
    "odrl": "http://www.w3.org/ns/odrl/2/",
    "prov": "http://www.w3.org/ns/prov#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "spdx": "http://spdx.org/rdf/terms#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_AUTHORITY = "http://publications.europa.eu/resource/authority"
_LANGUAGES = [{"@id": f"{_AUTHORITY}/language/{code}"} for code in ("ZHO", "ENG")]
#: The goods are had under a contract; the description is for everybody.
_RESTRICTED = {"@id": f"{_AUTHORITY}/access-right/RESTRICTED"}
_FILE_TYPES = {"csv": "CSV", "jsonl": "JSON", "parquet": "PARQUET"}
_NAME = Text(zh="Databourse 数衡产品目录", en="Databourse catalogue of data products")
_ABOUT = Text(
    zh="本所上架和公示中的数据产品，附来源、条款和质量说明。",
    en="The data products on sale or on public notice here, with their origin, terms and quality.",
)


def dataset(facts: ProductFacts) -> dict[str, Any]:
    """The product as a data set, a document of its own."""
    return {"@context": dict(CONTEXT), **_dataset(facts)}


def catalogue(base: str, products: Sequence[ProductFacts], *, here: str, following: str | None) -> dict[str, Any]:
    """One page of the catalogue: ``here`` is its address, ``following`` that of the next page."""
    told: dict[str, Any] = {
        "@context": dict(CONTEXT),
        "@id": f"{base}/catalogue",
        "@type": "dcat:Catalog",
        "dct:title": _both(_NAME),
        "dct:description": _both(_ABOUT),
        "dct:publisher": _operator(base),
        "dct:language": _LANGUAGES,
        "foaf:homepage": {"@id": f"{base}/", "@type": "foaf:Document"},
        "dcat:dataset": [_dataset(facts) for facts in products],
    }
    if products:
        told["dct:modified"] = _instant(max(facts.page["changed_at"] for facts in products))
    view: dict[str, Any] = {"@id": here, "@type": "hydra:PartialCollectionView"}
    if following is not None:
        view["hydra:next"] = {"@id": following}
    return {**told, "hydra:view": view}


def turtle(document: Mapping[str, Any]) -> str:
    """The same graph in Turtle."""
    graph = rdflib.Graph()
    graph.parse(data=json.dumps(document), format="json-ld")
    return graph.serialize(format="turtle")


def _dataset(facts: ProductFacts) -> dict[str, Any]:
    page = facts.page
    told: dict[str, Any] = {
        "@id": facts.url,
        "@type": "dcat:Dataset",
        "dct:identifier": page["product_id"],
        "dct:title": _both(facts.title),
        "dct:description": _both(facts.description),
        "dct:publisher": {"@id": f"{facts.url}#seller", "@type": "foaf:Agent", "foaf:name": page["seller"]["name"]},
        "dct:issued": _instant(facts.published_at),
        "dct:modified": _instant(page["changed_at"]),
        "dct:language": _LANGUAGES,
        "dct:accessRights": {**_RESTRICTED, "@type": "dct:RightsStatement"},
        "dcat:version": str(page["number"]),
        "dcat:keyword": _both(facts.field),
        "dcat:landingPage": {"@id": facts.url},
        "dcat:distribution": [_distribution(facts, offer) for offer in page["offers"]],
    }
    if facts.origin is not None:
        statement = {"@id": f"{facts.url}#origin", "@type": "dct:ProvenanceStatement"}
        told["dct:provenance"] = {**statement, "rdfs:label": [each for text in _origin(facts) for each in _both(text)]}
    return told


def _origin(facts: ProductFacts) -> list[Text]:
    classified = [] if facts.origin is None else [facts.origin.classification.text]
    return [*classified, *facts.source_lines]


def _distribution(facts: ProductFacts, offer: Mapping[str, Any]) -> dict[str, Any]:
    """An offer: the terms on which the file is had."""
    page, goods = facts.page, facts.page["goods"]
    policy = policy_url(facts.base, offer["id"])
    told: dict[str, Any] = {
        "@id": f"{facts.url}#{offer['id']}",
        "@type": "dcat:Distribution",
        "dct:title": _both(facts.title),
        "dcat:accessURL": {"@id": f"{facts.url}#offers"},
        "dct:license": {"@id": policy, "@type": ["dct:LicenseDocument", "odrl:Offer"]},
        "odrl:hasPolicy": {"@id": policy},
    }
    if page["format"] in MEDIA_TYPES:
        told["dcat:mediaType"] = {"@id": f"https://www.iana.org/assignments/media-types/{facts.media_type}"}
        told["dct:format"] = {"@id": f"{_AUTHORITY}/file-type/{_FILE_TYPES[page['format']]}"}
    if goods["digest"] is not None:
        size = {"@value": str(goods["size_bytes"]), "@type": "xsd:nonNegativeInteger"}
        value = {"@value": goods["digest"].hex(), "@type": "xsd:hexBinary"}
        algorithm = {"@id": "spdx:checksumAlgorithm_sha256"}
        told["dcat:byteSize"] = size
        told["spdx:checksum"] = {
            "@id": f"{facts.url}#{offer['id']}-checksum",
            "@type": "spdx:Checksum",
            "spdx:algorithm": algorithm,
            "spdx:checksumValue": value,
        }
    return told


def _operator(base: str) -> dict[str, Any]:
    return {"@id": f"{base}/#operator", "@type": "foaf:Agent", "foaf:name": "Databourse 数衡"}


def _both(text: Text) -> list[dict[str, str]]:
    return [{"@value": text.zh, "@language": "zh"}, {"@value": text.en, "@language": "en"}]


def _instant(at: datetime) -> dict[str, str]:
    return {"@value": at.isoformat(timespec="seconds"), "@type": "xsd:dateTime"}
