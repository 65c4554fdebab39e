"""The lineage of a product at 100,000 declarations in chains of 50, across sellers.

``lineage_trace_50_ms``: all sources behind the end of a chain, through 50 purchases, as every gate asks for them
(``provenance.lineage.trace``). ``lineage_descendants_50_ms``: everything made with the head of a chain, as a change
upstream walks it. Medians over chains drawn at random; ``lineage_trace_rows`` is the share of the first that the same
rows take by raw psycopg. Rows are written past the verbs, like those that the verbs wrote for one declaration.
"""

import random
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import psycopg
from sqlalchemy import Connection, event
from sqlalchemy.orm import Session
from stage import stage

from exchange import db
from provenance import changes, lineage

DECLARATIONS, CHAIN, TURNS = 100_000, 50, 60

_FILL = (
    (
        "INSERT INTO declaration SELECT (jsonb_populate_record(d, jsonb_build_object('id', 'dec_' || n))).*"
        " FROM declaration d, generate_series(0, %(n)s - 1) n WHERE d.id = %(like)s"
    ),
    (
        "INSERT INTO acquisition (id, org_id, declaration_id, reference, onward_allowed, purposes, acquired_at)"
        " SELECT 'acq_' || n, d.org_id, 'dec_' || n - 1, 'lot_' || n, true, '[\"commercial\"]', now()"
        " FROM declaration d, generate_series(1, %(n)s - 1) n WHERE d.id = %(like)s AND mod(n, %(chain)s) <> 0"
    ),
    (
        "INSERT INTO declared_source SELECT (jsonb_populate_record(s, jsonb_build_object("
        "'declaration_id', 'dec_' || n, "
        "'kind', CASE WHEN mod(n, %(chain)s) = 0 THEN 'self_collected' ELSE 'purchased_here' END, "
        "'acquisition_id', CASE WHEN mod(n, %(chain)s) = 0 THEN NULL ELSE 'acq_' || n END))).*"
        " FROM declared_source s, generate_series(0, %(n)s - 1) n"
        " WHERE s.declaration_id = %(like)s AND s.position = 0"
    ),
)


def fill(owner: psycopg.Connection, like: str) -> None:
    """Chains of purchases: each declaration names what was bought of the one before it."""
    for table in ("declaration", "acquisition", "declared_source"):
        owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    for statement in _FILL:
        owner.execute(statement, {"n": DECLARATIONS, "chain": CHAIN, "like": like})
    owner.commit()
    owner.autocommit = True
    owner.execute("VACUUM ANALYZE")


def median_ms(call: Callable[[str], int], chains: list[int], end: int) -> float:
    """Milliseconds that ``call`` takes on a declaration of each chain; it has to reach all of the chain."""
    taken = []
    for chain in chains:
        started = time.perf_counter()
        reached = call(f"dec_{chain * CHAIN + end}")
        taken.append((time.perf_counter() - started) * 1000)
        if reached != CHAIN:
            raise RuntimeError(f"{reached} of {CHAIN} reached")
    return statistics.median(taken)


def main() -> None:
    """Print ``name value unit`` lines."""
    noted: list[tuple[str, Any]] = []

    def note(_connection: Connection, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        noted.append((statement, values))

    def trace(declaration_id: str) -> int:
        with Session(db.engine()) as session:
            return len(lineage.trace(session, declaration_id))

    def below(declaration_id: str) -> int:
        with Session(db.engine()) as session:
            return len(changes.descendants_of(session, declaration_id))

    with stage() as made:
        with psycopg.connect(made.server.conninfo("databourse_owner")) as owner:
            fill(owner, made.product.declaration_id)
        drawn = random.Random(5)  # noqa: S311  (a load, not a secret)
        chains = [drawn.randrange(DECLARATIONS // CHAIN) for _ in range(TURNS)]
        trace(f"dec_{CHAIN - 1}")
        traced = median_ms(trace, chains, CHAIN - 1)
        event.listen(db.engine(), "before_cursor_execute", note)
        trace(f"dec_{CHAIN - 1}")
        event.remove(db.engine(), "before_cursor_execute", note)
        with psycopg.connect(made.server.conninfo("databourse_app")) as raw:
            spent = []
            for _ in range(TURNS):
                started = time.perf_counter()
                for statement, values in noted:
                    raw.execute(statement, values).fetchall()
                spent.append((time.perf_counter() - started) * 1000)
        print(f"lineage_trace_50_ms {traced:.1f} ms")
        print(f"lineage_descendants_50_ms {median_ms(below, chains, 0):.1f} ms")
        print(f"# {len(noted)} statements", file=sys.stderr)
        print(f"lineage_trace_rows {statistics.median(spent) / traced:.2f} ratio")


if __name__ == "__main__":
    main()
