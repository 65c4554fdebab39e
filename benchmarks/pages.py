"""The catalogue, a search and a product's page at 100,000 listings, as a share of the same rows fetched by raw psycopg.

A page is a GET by a visitor through the whole WSGI application: headers, language, guards, reading, template. What it
asked the database is noted once for each address by a hook on the engine; then page and statements take turns, the
latter by psycopg in one transaction, results fetched. So both read the same rows, and the difference is the
application. The ratio is that of the medians. The copies of one listing differ in words, facets, prices and times; they
share its file and its declaration. No plan of the list may read the whole shelf.
"""

import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

import psycopg
from flask.testing import FlaskClient
from sqlalchemy import Connection, event
from stage import Stage, stage

from exchange import db

LISTINGS = 100_000
TURNS = 240
#: A word of each group is found in one listing of so many.
TOPICS, RARE = 97, 9_973
Statement = tuple[str, Any]

#: Copies of the one listing.
_FILL = "INSERT INTO {table} ({columns}) SELECT {values} FROM {table}, generate_series(1, %(n)s) n WHERE {key} = %(of)s"
_TOPIC = "(ARRAY['transport','mining','finance','health','education','culture'])[1 + mod(n, 6)]"
#: What differs in a copy, by table and column.
_OWN = {
    "product": {"id": "'prd_bench' || n"},
    "version": {"id": "'ver_bench' || n", "product_id": "'prd_bench' || n", "category": _TOPIC},
    "offer": {"id": "'off_bench' || n", "version_id": "'ver_bench' || n", "product_id": "'prd_bench' || n"},
    "shelf_entry": {
        "version_id": "'ver_bench' || n",
        "product_id": "'prd_bench' || n",
        "category": _TOPIC,
        "listed_at": "listed_at + n * interval '1 second'",
        "prices": "jsonb_build_object('HKD', 1000 + mod(n * 7919, 9000000))",
        "facets": f"ARRAY['category:' || {_TOPIC},"
        " 'origin:' || CASE mod(n, 5) WHEN 0 THEN 'government' ELSE 'other' END,"
        " 'format:csv', 'grade:general', 'source:self_collected', 'channel:exchange', 'delivery:deposit',"
        " 'currency:HKD', 'price:HKD:' || length((1000 + mod(n * 7919, 9000000))::text)]",
        "tokens": f"tokens || to_tsvector('english', 'topic' || mod(n, {TOPICS}) || ' rare' || mod(n, {RARE}))",
    },
}
_SEARCHES = (
    *(f"/catalogue?q=topic{n}" for n in range(0, TOPICS, 9)),
    *(f"/catalogue?q=rare{n}" for n in range(0, RARE, 997)),
    *(f"/catalogue?q=客流&category={topic}&origin=government" for topic in ("mining", "health", "culture")),
    *(f"/catalogue?q=车站 topic{n}&currency=HKD&price_from=500&price_to=9000" for n in range(5)),
)
_PAGES = {
    "catalogue_page": ("/catalogue", "/catalogue?category=mining", "/catalogue?origin=government&format=csv"),
    "search_page": _SEARCHES,
    "product_page": tuple(f"/products/prd_bench{n}" for n in range(1, LISTINGS, LISTINGS // 40)),
}


def fill(made: Stage, owner: psycopg.Connection) -> None:
    """Bring the shelf to its size, past the verbs: what they write is measured elsewhere."""
    product = made.product
    kept = {"product": product.product_id, "version": product.version_id, "offer": product.offer_id}
    for table, own in _OWN.items():
        found = owner.execute("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0", [table])
        columns = [str(name) for (name,) in found]
        words = {
            "table": table,
            "columns": ", ".join(f'"{name}"' for name in columns),
            "values": ", ".join(own.get(name, f'{table}."{name}"') for name in columns),
            "key": "version_id" if table == "shelf_entry" else "id",
        }
        owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        owner.execute(_FILL.format(**words), {"n": LISTINGS, "of": kept.get(table, product.version_id)})
        owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    owner.commit()
    owner.autocommit = True
    owner.execute("VACUUM ANALYZE")


def statements(client: FlaskClient, url: str) -> list[Statement]:
    """What the page asks the database once it is warm."""
    get(client, url)
    noted: list[Statement] = []

    def note(_connection: Connection, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        noted.append((statement, values))

    event.listen(db.engine(), "before_cursor_execute", note)
    try:
        get(client, url)
    finally:
        event.remove(db.engine(), "before_cursor_execute", note)
    return noted


def get(client: FlaskClient, url: str) -> float:
    """Seconds that a page takes."""
    started = time.perf_counter()
    answer = client.get(url, headers={"Accept": "text/html"})
    taken = time.perf_counter() - started
    if answer.status_code != 200:  # noqa: PLR2004
        raise RuntimeError(f"{url}: {answer.status_code}")
    return taken


def fetch(raw: psycopg.Connection, asked: Sequence[Statement]) -> float:
    """Seconds that the same rows take by psycopg."""
    started = time.perf_counter()
    with raw.transaction():
        for statement, values in asked:
            raw.execute(statement, values).fetchall()
    return time.perf_counter() - started


def check_plans(raw: psycopg.Connection, asked: Sequence[Statement]) -> None:
    """No statement reads the whole shelf.

    Raises:
        RuntimeError: One does.
    """
    for statement, values in asked:
        plan = "\n".join(line for (line,) in raw.execute(f"EXPLAIN {statement}", values))
        if "Seq Scan on shelf_entry" in plan:
            raise RuntimeError(plan)


def main() -> None:
    """Print ``name ratio`` lines; times go to standard error."""
    with stage() as made:
        with psycopg.connect(made.server.conninfo("databourse_owner")) as owner:
            fill(made, owner)
        client = made.app.test_client()
        with psycopg.connect(made.server.conninfo("databourse_app")) as raw:
            for name, urls in _PAGES.items():
                asked = {url: statements(client, url) for url in urls}
                for each in asked.values():
                    check_plans(raw, each)
                pages, rows = [], []
                for turn in range(TURNS):
                    url = urls[turn % len(urls)]
                    pages.append(get(client, url))
                    rows.append(fetch(raw, asked[url]))
                page, fetched = statistics.median(pages), statistics.median(rows)
                count = len(asked[urls[0]])
                print(
                    f"# {name}: {page * 1000:.2f} ms, rows {fetched * 1000:.2f} ms, {count} statements", file=sys.stderr
                )
                print(f"{name} {fetched / page:.2f} ratio")


if __name__ == "__main__":
    main()
