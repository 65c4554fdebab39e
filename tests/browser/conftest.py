"""Chromium over the real site, served on loopback."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Database
from demonstrated import Carried
from opened import opened
from playwright.sync_api import Browser, sync_playwright
from served import served as serve

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for a module's tests; left out when BROWSER=none says so, and only then."""
    if os.environ.get("BROWSER") == "none":
        pytest.skip("BROWSER=none: the browser tests are left out")
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    if found is None:
        pytest.fail("no Chromium on PATH: install one (make browser), or set BROWSER=none")
    flags = [*FLAGS, "--disable-sync", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=flags)
        try:
            yield running
        finally:
            running.close()


@pytest.fixture
def base_url(database: Database, tmp_path: Path) -> Iterator[str]:
    """Where a site with three entries in its log is served."""
    with opened(database, tmp_path) as site:
        site.record(3)
        site.seal()
        with serve(site.app) as base_url:
            yield base_url


@pytest.fixture(scope="session")
def demonstrated(demonstration: Carried) -> Iterator[str]:
    """Where an exchange is served in which the demonstration ran."""
    with demonstration.served() as base_url:
        yield base_url
