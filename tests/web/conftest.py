"""An open site for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Database
from flask.testing import FlaskClient
from opened import Site, opened


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    """The exchange in demonstration mode."""
    with opened(database, tmp_path) as made:
        yield made


@pytest.fixture
def client(site: Site) -> FlaskClient:
    return site.client()


@pytest.fixture
def sealed(site: Site) -> Site:
    """A site with three entries in its log and their checkpoint."""
    site.record(3)
    site.seal()
    return site
