"""Checking a file by its digest: anybody may ask whether it must be traded at an exchange."""

import hashlib
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import market as fair
import pytest
from conftest import Database
from flask.testing import FlaskClient
from opened import Site, opened
from people import approved_company

from exchange import calendar
from exchange.actors import Actor

OTHER = fair.CSV + b"S9,2026-03-05,1\n"


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with opened(database, tmp_path) as made:
        calendar.seed(Actor.clock())
        yield made


def checked(client: FlaskClient, digest: str) -> tuple[int, str]:
    page = client.get("/files/check?lang=en").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token
    answer = client.post("/files/check", data={"csrf_token": unescape(token[1]), "digest": digest})
    return answer.status_code, unescape(answer.text)


@pytest.mark.rule("G-01")
def test_a_file_made_with_government_data_is_known_by_its_digest(site: Site) -> None:
    client = site.client()
    seller = approved_company(site, "甲数据公司")
    made = fair.published_product(site, seller, fair.OWN_SOURCE, fair.open_data(site))
    free = fair.published_product(site, seller, content=OTHER)
    shown = {made.product_id: fair.CSV, free.product_id: OTHER}
    for product_id, content in shown.items():
        digest = hashlib.sha256(content).hexdigest()
        told = client.get(f"/api/v1/products/by-digest/{digest.upper()}").json
        assert (told["product_id"], told["exchange_only"]) == (product_id, content == fair.CSV)
        status, page = checked(client, f" {digest} ")
        assert status == 200
        assert (f"/products/{product_id}" in page, "must be traded" in page) == (True, content == fair.CSV)


def test_what_is_not_shown_is_not_known_and_what_is_no_digest_is_said(site: Site) -> None:
    client = site.client()
    fair.submitted(approved_company(site, "甲数据公司"))
    digest = hashlib.sha256(fair.CSV).hexdigest()
    assert client.get(f"/api/v1/products/by-digest/{digest}").json == {"known": False}
    assert "No product on show here" in checked(client, digest)[1]
    for wrong in ("", "abc", "g" * 64, digest + "0"):
        assert checked(client, wrong)[0] == 422
    assert client.get("/api/v1/products/by-digest/xyz").status_code == 422
