"""An offer's licence as an ODRL 2.2 policy (W3C Recommendation, Information Model and Vocabulary), in JSON-LD.

What may be done, for which purposes, where and how long; what must not; what must be paid. The contract decides: the
policy says the same in a form that programs read.
"""

from collections.abc import Mapping
from typing import Any

from listings.feeds.facts import ProductFacts

#: Written out, so that nothing has to be fetched to read a policy; it maps the same names as the standard's own.
CONTEXT: Mapping[str, Any] = {
    "@vocab": "http://www.w3.org/ns/odrl/2/",
    "odrl": "http://www.w3.org/ns/odrl/2/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "uid": "@id",
    "profile": {"@type": "@id"},
    "assigner": {"@type": "@id"},
    "target": {"@type": "@id"},
    "action": {"@type": "@vocab"},
    "leftOperand": {"@type": "@vocab"},
    "operator": {"@type": "@vocab"},
    "unit": {"@type": "@id"},
}
_BEYOND_USE = (("derivation", "derive"), ("redistribution", "distribute"))
PURPOSES_FEED = "/purposes.jsonld"


def policy_url(base: str, offer_id: str) -> str:
    """Where an offer's policy is read."""
    return f"{base}/offers/{offer_id}/odrl.jsonld"


def offer_policy(facts: ProductFacts, offer: Mapping[str, Any]) -> dict[str, Any]:
    """The offer as a policy; purposes are the exchange's codes, each an address of its own."""
    within = [*_purposes(facts, offer), _term(offer), _territory(offer)]
    permitted = ["use", *(action for term, action in _BEYOND_USE if offer[term])]
    barred = [action for term, action in _BEYOND_USE if not offer[term]]
    policy: dict[str, Any] = {
        "@context": dict(CONTEXT),
        "@type": "Offer",
        "uid": policy_url(facts.base, offer["id"]),
        "profile": f"{facts.base}/rules",
        "assigner": f"{facts.url}#seller",
        "target": facts.url,
        "permission": [
            {"action": action, "constraint": within, "duty": [_payment(offer), *_attribution(facts)]}
            for action in permitted
        ],
    }
    if barred:
        policy["prohibition"] = [{"action": action} for action in barred]
    return policy


def _purposes(facts: ProductFacts, offer: Mapping[str, Any]) -> list[dict[str, Any]]:
    allowed = [{"@id": f"{facts.base}{PURPOSES_FEED}#{code}"} for code in offer["purposes"]]
    return [{"leftOperand": "purpose", "operator": "isAnyOf", "rightOperand": allowed}]


def _term(offer: Mapping[str, Any]) -> dict[str, Any]:
    term = {"@value": f"P{offer['term_days']}D", "@type": "xsd:duration"}
    return {"leftOperand": "elapsedTime", "operator": "lteq", "rightOperand": term}


def _territory(offer: Mapping[str, Any]) -> dict[str, Any]:
    return {"leftOperand": "spatial", "operator": "eq", "rightOperand": offer["territory"]}


def _payment(offer: Mapping[str, Any]) -> dict[str, Any]:
    price = offer["price"]
    amount = {"@value": str(price.decimal), "@type": "xsd:decimal"}
    unit = f"http://dbpedia.org/resource/ISO_4217:{price.currency}"
    due = {"leftOperand": "payAmount", "operator": "eq", "rightOperand": amount, "unit": unit}
    return {"action": [{"rdf:value": {"@id": "odrl:compensate"}, "refinement": [due]}]}


def _attribution(facts: ProductFacts) -> list[dict[str, Any]]:
    """Users of government data print its source (Art. 20(1))."""
    return [{"action": "attribute"}] if facts.source_lines else []
