"""Croissant 1.1 (mlcommons.org/croissant/1.1): what a data set is and how its columns are read, as JSON-LD."""

from collections.abc import Mapping
from typing import Any

from listings.feeds.facts import ProductFacts
from listings.feeds.odrl import policy_url

#: The context that the specification prescribes, word for word: readers compare it.
CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
CONFORMS_TO = "http://mlcommons.org/croissant/1.1"

_TYPES = {
    "integer": "sc:Integer",
    "number": "sc:Float",
    "boolean": "sc:Boolean",
    "date": "sc:Date",
    "timestamp": "sc:DateTime",
    "timestamptz": "sc:DateTime",
}


def croissant(facts: ProductFacts) -> dict[str, Any]:
    """The product as a Croissant data set.

    The file is named by digest and address of its page: who bought it has the bytes, everybody can compare them.
    """
    page = facts.page
    told: dict[str, Any] = {
        "@context": dict(CONTEXT),
        "@type": "sc:Dataset",
        "@id": facts.url,
        "conformsTo": CONFORMS_TO,
        "name": facts.title.en,
        "alternateName": facts.title.zh,
        "description": facts.description.en,
        "url": facts.url,
        "identifier": page["product_id"],
        "version": f"{page['number']}.0.0",
        "datePublished": facts.published_at.date().isoformat(),
        "dateModified": page["changed_at"].date().isoformat(),
        "inLanguage": ["zh-CN", "en"],
        "keywords": [facts.field.en, facts.field.zh],
        "creator": {"@type": "sc:Organization", "name": page["seller"]["name"]},
        "publisher": {"@type": "sc:Organization", "name": "Databourse 数衡", "url": facts.base},
        "license": [policy_url(facts.base, offer["id"]) for offer in page["offers"]] or [facts.url],
        "isAccessibleForFree": False,
        "offers": [_offer(facts, offer) for offer in page["offers"]],
        "citeAs": _cited(facts),
    }
    if facts.source_lines:
        told["isBasedOn"] = [{"@type": "sc:CreativeWork", "name": line.en} for line in facts.source_lines]
        told["creditText"] = "; ".join(line.en for line in facts.source_lines)
    if page["goods"]["digest"] is not None:
        told["distribution"] = [_file(facts)]
        told["recordSet"] = [_records(facts)]
    return told


def _cited(facts: ProductFacts) -> str:
    lines = "".join(f" {line.en}." for line in facts.source_lines)
    return f"{facts.page['seller']['name']}: {facts.title.en}, version {facts.page['number']}. {facts.url}.{lines}"


def _offer(facts: ProductFacts, offer: Mapping[str, Any]) -> dict[str, Any]:
    price = offer["price"]
    return {
        "@type": "sc:Offer",
        "url": f"{facts.url}#offers",
        "identifier": offer["id"],
        "price": str(price.decimal),
        "priceCurrency": price.currency,
    }


def _file(facts: ProductFacts) -> dict[str, Any]:
    goods = facts.page["goods"]
    return {
        "@type": "cr:FileObject",
        "@id": "goods",
        "name": "goods",
        "description": "The file as it is delivered to whoever bought it.",
        "contentUrl": facts.url,
        "contentSize": f"{goods['size_bytes']} B",
        "encodingFormat": facts.media_type,
        "sha256": goods["digest"].hex(),
    }


def _records(facts: ProductFacts) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "rows",
        "name": "rows",
        "field": [_field(facts, position, column) for position, column in enumerate(facts.page["columns"])],
    }


def _field(facts: ProductFacts, position: int, column: Mapping[str, Any]) -> dict[str, Any]:
    name = column["name"]
    extract = {"jsonPath": f"$.{name}"} if facts.page["format"] == "jsonl" else {"column": name}
    return {
        "@type": "cr:Field",
        "@id": f"rows/{position}",
        "name": name,
        "dataType": _TYPES.get(column["type"], "sc:Text"),
        "source": {"fileObject": {"@id": "goods"}, "extract": extract},
    }
