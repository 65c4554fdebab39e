"""``databourse scan profile``."""

import argparse

from provenance.scan import sandbox
from provenance.scan.contract import Result

WORDS = "Types, nulls, distinct values, ranges, duplicates, coverage in time and quality of a table."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A profile takes the file alone."""


def run(options: argparse.Namespace) -> Result:
    """See `provenance.scan.profile.profile`."""
    return sandbox.run_file("profile", options.file)


def report(result: Result) -> str:
    """A line on the table, then one on each column."""
    if "tables" in result:
        return "\n\n".join(f"{table['name']}\n{report(table)}" for table in result["tables"])
    coverage = result["time_coverage"]
    lines = [
        f"{result['format']} {result['encoding'] or ''}: {result['rows']:,} rows, {result['duplicate_rows']:,} twice",
        f"coverage {coverage['from']} to {coverage['to']} ({coverage['column']})" if coverage else "no column of time",
        "quality " + ", ".join(f"{part} {'-' if per is None else per} ‰" for part, per in result["quality"].items()),
        f"{'column':<28} {'type':<12} {'nulls':>10} {'distinct':>10}  range",
    ]
    for column in result["columns"]:
        extent = f"{column['min']} to {column['max']}" if column["min"] is not None else ""
        lines.append(
            f"{column['name']:<28.28} {column['type']:<12} {column['nulls']:>10,} {column['distinct']:>10,}  {extent}"
        )
    return "\n".join(lines)
