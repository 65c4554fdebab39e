"""The API as schemathesis reads it from its own document: no answer is a 500, and none is undocumented."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import people
import pytest
import schemathesis
from exchange_site import Site, open_site
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode

from exchange.actors import Actor
from exchange.postgres import Server

DOCUMENT = "/api/v1/openapi.json"
#: Enough to send each operation something right, something wrong and something odd; the seed is fixed.
EXAMPLES = 4
CHECKS = [
    schemathesis.checks.not_a_server_error,
    schemathesis.checks.status_code_conformance,
    schemathesis.checks.content_type_conformance,
    schemathesis.checks.response_schema_conformance,
]
EFFORT = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def site(server: Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with ExitStack() as stack:
        yield stack.enter_context(open_site(server, template, tmp_path_factory.mktemp("site")))


@schemathesis.serializer("application/offset+octet-stream")
def _as_it_is(_context: schemathesis.SerializationContext, value: object) -> bytes:
    """A piece of an upload: bytes, whatever they say."""
    return value if isinstance(value, bytes) else str(value).encode()


def tokens(site: Site) -> dict[str, str]:
    """A token for somebody of each kind."""
    everybody: dict[str, Actor] = {
        "seller": site.seller.actor,
        "department": people.approved_department(site.house, "示例局").actor,
        "regulator": people.regulator(site.house),
        "administrator": people.administrator(site.house),
        "compliance_reviewer": people.staff(site.house, "compliance_reviewer"),
        "settlement_officer": people.staff(site.house, "settlement_officer"),
    }
    for name, actor in everybody.items():
        site.actors[f"token-{name}"] = actor
    return {name: f"token-{name}" for name in everybody}


def test_no_answer_is_a_500_or_undocumented(site: Site) -> None:
    found = tokens(site)
    document = schemathesis.openapi.from_wsgi(DOCUMENT, site.app)
    for result in document.get_all_operations():
        operation = result.ok()
        for name in (*found, "visitor"):
            headers = {"Authorization": f"Bearer {found[name]}"} if name in found else {}
            _fuzz(operation, headers, name)


def _fuzz(operation: Any, headers: dict[str, str], name: str) -> None:
    @EFFORT
    @given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
    def sound(case: Any) -> None:
        case.headers = {**(case.headers or {}), **headers}
        response = case.call()
        case.validate_response(response, checks=CHECKS)

    try:
        sound()
    except Exception as error:
        error.add_note(f"{operation.label} as {name}")
        raise
