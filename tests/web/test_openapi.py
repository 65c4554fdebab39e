"""The OpenAPI 3.1 document: complete, consistent in itself, and true to the routes."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from opened import Site

from exchange.web.access import guard_of
from exchange.web.api import PREFIX

METHODS = {"get", "put", "post", "delete", "patch", "head", "options"}


@pytest.fixture
def document(site: Site) -> dict[str, Any]:
    answer = site.client().get(f"{PREFIX}/openapi.json")
    assert answer.status_code == 200
    return answer.json


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any], list[dict[str, Any]]]]:
    """Path, method, operation and all its parameters."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                yield path, method, operation, [*item.get("parameters", []), *operation.get("parameters", [])]


def everything(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for below in node.values():
            yield from everything(below)
    elif isinstance(node, list):
        for below in node:
            yield from everything(below)


def test_the_document_says_what_it_is(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert document["info"]["title"]
    assert document["info"]["version"] == "v1"
    assert document["components"]["securitySchemes"]["bearer"] == {"type": "http", "scheme": "bearer"}
    assert document["security"] == [{"bearer": []}]
    assert set(document) <= {"openapi", "info", "paths", "components", "tags", "security", "servers"}


def test_every_route_of_the_api_is_described_and_no_other(site: Site, document: dict[str, Any]) -> None:
    served = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in site.app.url_map.iter_rules()
        if rule.endpoint.startswith("api_")
        for method in rule.methods - {"OPTIONS"}
    }
    described = {(path, method) for path, method, _, _ in operations(document)}
    assert described <= served
    assert {route for route in served - described if route[1] != "head"} == set()


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for node in everything(document):
        reference = node.get("$ref")
        if isinstance(reference, str):
            found: Any = document
            for part in reference.removeprefix("#/").split("/"):
                assert part in found, reference
                found = found[part]


def test_names_of_components_are_allowed(document: dict[str, Any]) -> None:
    for kind in document["components"].values():
        for name in kind:
            assert re.fullmatch(r"[a-zA-Z0-9._-]+", name)


def test_parameters_of_a_path_are_declared_once_and_required(document: dict[str, Any]) -> None:
    for path, method, _, parameters in operations(document):
        resolved = [_resolve(document, parameter) for parameter in parameters]
        in_path = [parameter for parameter in resolved if parameter["in"] == "path"]
        assert sorted(p["name"] for p in in_path) == sorted(re.findall(r"{(\w+)}", path)), (method, path)
        assert all(parameter["required"] for parameter in in_path)
        places = [(parameter["in"], parameter["name"]) for parameter in resolved]
        assert len(places) == len(set(places)), (method, path)
        assert all("schema" in parameter or "content" in parameter for parameter in resolved), (method, path)


def _resolve(document: dict[str, Any], parameter: dict[str, Any]) -> dict[str, Any]:
    name = parameter.get("$ref", "").rpartition("/")[2]
    return document["components"]["parameters"][name] if name else parameter


def test_operations_have_a_summary_a_name_of_their_own_and_a_success(document: dict[str, Any]) -> None:
    names = []
    for path, method, operation, _ in operations(document):
        assert operation.get("summary"), (method, path)
        statuses = {status for status in operation["responses"] if status != "default"}
        assert any(status.startswith("2") for status in statuses), (method, path)
        assert all("description" in _answer(document, answer) for answer in operation["responses"].values())
        names.append(operation["operationId"])
    assert len(names) == len(set(names))


def _answer(document: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    name = answer.get("$ref", "").rpartition("/")[2]
    return document["components"]["responses"][name] if name else answer


def test_errors_are_described_as_problems(document: dict[str, Any]) -> None:
    problem = document["components"]["schemas"]["web.api.Problem"]["properties"]
    assert {"type", "title", "status", "code", "detail", "request_id", "fields", "rule", "remedy"} == set(problem)
    for path, method, operation, _ in operations(document):
        default = _answer(document, operation["responses"]["default"])
        assert "web.api.Problem" in str(default), (method, path)


def test_what_is_open_to_everybody_is_said_to_need_no_token(site: Site, document: dict[str, Any]) -> None:
    views = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower()): site.app.view_functions[rule.endpoint]
        for rule in site.app.url_map.iter_rules()
        for method in rule.methods
    }
    for path, method, operation, _ in operations(document):
        guard = guard_of(views[path, method])
        assert guard is not None
        assert (operation.get("security") == []) == (guard.kind == "public"), (method, path)
