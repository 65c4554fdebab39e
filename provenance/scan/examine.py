"""Everything that is asked of a deposited file, over one load of its table."""

from provenance.scan import anonymity, personal, profile
from provenance.scan.containers import scan_tables
from provenance.scan.contract import Limits, Progress, Result
from provenance.scan.tables import Table


def examine(path: str, limits: Limits, progress: Progress) -> Result:
    """Profile the table in the file at ``path``, and look for personal information and for people who stand out.

    Returns ``profile``, ``personal`` and ``anonymity``, as the scans of these names answer; anonymity for the
    quasi-identifiers that are suggested.

    Raises:
        ScanRefused: see `provenance.scan.tables.load`; a file with several tables is answered as
            `provenance.scan.containers.scan_tables` does.
    """

    def look(table: Table) -> Result:
        return {
            "format": table.format,
            "rows": table.rows,
            "columns": len(table.columns),
            "profile": profile.of_table(table, progress),
            "personal": personal.of_table(table, progress),
            "anonymity": anonymity.of_table(table, progress, (), ()),
        }

    return scan_tables(path, limits, progress, look)
