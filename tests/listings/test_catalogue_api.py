"""The catalogue's search over the API: the same words and facets as the page, strictly."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import market as fair
import psycopg
import pytest
from conftest import Database
from flask.testing import FlaskClient
from opened import Site, opened
from people import approved_company
from sqlalchemy import Connection, event

from exchange import calendar, db
from exchange.actors import Actor

BASE = "/api/v1/products"
ROWS = 5_000
#: Rows like the one there is: enough for the planner to prefer an index.
FILL = """
    INSERT INTO product SELECT 'prd_' || n, org_id, created_at FROM product, generate_series(1, %(rows)s) n;
    INSERT INTO version (id, product_id, org_id, number, state, title_zh, title_en, description_zh, description_en,
        category, grade, submission, row_version, created_at, changed_at)
    SELECT 'ver_' || n, 'prd_' || n, org_id, 1, 'published', '', '', '', '', category, grade, 1, 1, created_at,
        changed_at FROM version, generate_series(1, %(rows)s) n;
    INSERT INTO shelf_entry
    SELECT (jsonb_populate_record(entry, jsonb_build_object('version_id', 'ver_' || n, 'product_id', 'prd_' || n,
        'listed_at', listed_at + n * interval '1 second', 'tokens', 'word' || mod(n, 50),
        'facets', jsonb_build_array('category:mining', 'price:HKD:' || mod(n, 9))))).*
    FROM shelf_entry entry, generate_series(1, %(rows)s) n;
"""


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with opened(database, tmp_path) as made:
        calendar.seed(Actor.clock())
        yield made


@pytest.fixture
def client(site: Site) -> FlaskClient:
    return site.client()


def asked(client: FlaskClient, query: str = "", status: int = 200) -> Any:
    answer = client.get(f"{BASE}{query}")
    assert answer.status_code == status, answer.text
    return answer.json


def test_search_and_facets(site: Site, client: FlaskClient) -> None:
    product = fair.published_product(site, approved_company(site, "甲数据公司"))
    [card] = asked(client, "?q=客流&category=transport&category=mining&currency=HKD&price_from=1200&price_to=1200.00")[
        "items"
    ]
    assert card == card | {
        "id": product.version_id,
        "product_id": product.product_id,
        "state": "published",
        "title": {"zh": fair.DESCRIPTION.title_zh, "en": fair.DESCRIPTION.title_en},
        "category": "transport",
        "format": "csv",
        "rows": 40,
        "columns": 3,
        "completeness": 1000,
        "government_derived": False,
        "source_line": None,
        "source_kinds": ["self_collected"],
        "prices": [{"amount": "1200.00", "currency": "HKD"}],
    }
    assert card["seller"]["name"] == "甲数据公司"
    for none in ("?q=天气", "?category=mining", "?currency=HKD&price_to=1199.99", "?state=notice", "?currency=CNY"):
        assert asked(client, none) == {"items": [], "next_cursor": None}, none
    counts = asked(client, "/facets?q=客流&category=mining")
    assert counts["found"] == 0
    assert counts["facets"] == {"category": {"transport": 1}}


def test_what_cannot_be_asked_is_refused(client: FlaskClient) -> None:
    for query in (
        "?category=nowhere", "?state=draft", "?price_from=5", "?currency=JPY&price_from=1.50", "?currency=XXX",
        "?currency=CNY&price_from=-1", "?price_to=1e9&currency=CNY", "?q=" + "a" * 501, "?cursor=x", "?limit=0",
        "?limit=101", "?currency=CNY&price_to=" + "9" * 17,
    ):  # fmt: skip
        assert asked(client, query, 422)["code"], query
    for query in ("?q=%27%3A%2A%26%21", "?q=%F0%9F%9A%87", "?q=%ff"):
        assert asked(client, query)["items"] == []


def test_the_document_tells_of_the_search(client: FlaskClient) -> None:
    document = client.get("/api/v1/openapi.json").json
    assert document is not None
    named = {parameter["name"] for parameter in document["paths"]["/api/v1/products"]["get"]["parameters"]}
    assert named >= {"q", "category", "origin", "source", "currency", "price_from", "price_to", "cursor", "limit"}
    assert "/api/v1/products/facets" in document["paths"]


def test_no_list_reads_the_whole_shelf(site: Site, client: FlaskClient) -> None:
    fair.published_product(site, approved_company(site, "甲数据公司"))
    noted: list[tuple[str, Any]] = []

    def note(_connection: Connection, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        if "shelf_entry" in statement:
            noted.append((statement, values))

    with psycopg.connect(site.database.conninfo("owner"), autocommit=True) as owner:
        for table in ("product", "version", "shelf_entry"):
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for statement in FILL.split(";")[:-1]:
            owner.execute(statement, {"rows": ROWS})
        owner.execute("ANALYZE shelf_entry")
        event.listen(db.engine(), "before_cursor_execute", note)
        for query in ("", "?q=word7", "?q=客流", "?category=transport", "?currency=HKD&price_from=1&price_to=2"):
            asked(client, query)
            asked(client, f"/facets{query}")
        event.remove(db.engine(), "before_cursor_execute", note)
        assert len(noted) == 10
        for statement, values in noted:
            plan = "\n".join(line for (line,) in owner.execute(f"EXPLAIN {statement}", values))
            assert "Seq Scan on shelf_entry" not in plan, plan
            assert "ix_shelf_entry" in plan, plan
