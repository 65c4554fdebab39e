"""The whole exchange for the tests of a module."""

from collections.abc import Iterator

import pytest
from exchange_site import Site, open_site

from exchange.postgres import Server


@pytest.fixture(scope="module")
def site(server: Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One exchange for the tests of a module: a test that spoils a party makes one of its own."""
    with open_site(server, template, tmp_path_factory.mktemp("site")) as made:
        yield made
