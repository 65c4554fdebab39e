"""What only a log's database can tell: entries that wait, counters, leaves and tiles that nobody signed."""

from collections.abc import Iterator
from typing import Final

from exchange.journal.findings import Finding
from exchange.journal.fsck_findings import finding
from exchange.journal.sources import DatabaseSource

#: Each query yields a code, what it is about, and detail. A statement sees the log at
#: one moment, so one that grows meanwhile is no reason for a finding.
_QUERIES: Final = (
    """
    SELECT 'leaf.unsigned', index::text, entry_id FROM journal_leaf
    WHERE index >= (SELECT coalesce(max(size), 0) FROM journal_checkpoint) ORDER BY index
    """,
    """
    SELECT 'tile.unexpected', level || '/' || index, (octet_length(hashes) / 32) || ' hashes'
    FROM journal_tile, (SELECT coalesce(max(size), 0) FROM journal_checkpoint) AS signed (size)
    WHERE level > 7 OR octet_length(hashes) > 32 * ((size >> (8 * level)) - 256 * index)
    """,
    """
    SELECT 'checkpoint.order', size::text, signed_at::text FROM (
        SELECT size, signed_at, lag(signed_at) OVER (ORDER BY size) AS before FROM journal_checkpoint) AS signed
    WHERE signed_at < before
    """,
    """
    SELECT 'entry.unplaced', e.id, e.subject || ' #' || e.seq FROM journal_entry e
    WHERE NOT EXISTS (SELECT FROM journal_leaf l WHERE l.entry_id = e.id)
        AND NOT EXISTS (SELECT FROM journal_pending p WHERE p.entry_id = e.id)
    """,
    """
    SELECT 'entry.awaited', p.entry_id, p.position::text FROM journal_pending p
    WHERE NOT EXISTS (SELECT FROM journal_entry e WHERE e.id = p.entry_id)
    """,
    """
    SELECT 'subject.counter', subject, format('counter %s, last %s, entries %s', s.seq, e.last, e.entries)
    FROM journal_subject s FULL JOIN (
        SELECT subject, max(seq) AS last, count(*) AS entries FROM journal_entry GROUP BY subject) AS e USING (subject)
    WHERE s.seq IS DISTINCT FROM e.last OR s.seq IS DISTINCT FROM e.entries
    """,
)


def database_findings(source: DatabaseSource) -> Iterator[Finding]:
    """What stands beside the tree: entries that wait, counters, leaves and tiles that nobody signed."""
    source.connection.execute("RESET ALL")  # these read whole tables, and are planned for that
    for query in _QUERIES:
        for code, about, detail in source.connection.execute(query + " LIMIT 1000"):
            yield finding(code, about, detail or "")
