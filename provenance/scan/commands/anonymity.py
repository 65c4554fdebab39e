"""``databourse scan anonymity``."""

import argparse

from provenance.scan import sandbox
from provenance.scan.contract import Result

WORDS = "Groups of like rows (k, l, unique rows) and digests of identifiers that can be reversed: evidence, no verdict."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Columns that the measures go by."""
    parser.add_argument("--quasi", action="append", default=[], metavar="COLUMN", help="a quasi-identifier; repeatable")
    parser.add_argument(
        "--sensitive", action="append", default=[], metavar="COLUMN", help="a sensitive column; repeatable"
    )


def run(options: argparse.Namespace) -> Result:
    """See `provenance.scan.anonymity.anonymity`."""
    return sandbox.run_file("anonymity", options.file, quasi_identifiers=options.quasi, sensitive=options.sensitive)


def report(result: Result) -> str:
    """A paragraph on each set of quasi-identifiers and on each column of digests."""
    if "tables" in result:
        return "\n\n".join(f"{table['name']}\n{report(table)}" for table in result["tables"])
    lines = [
        f"{result['rows']:,} rows; linkage risk: {result['linkage_risk'] or 'not assessed'} (evidence, no verdict)"
    ]
    for found in result["assessments"]:
        diversity = "".join(f", l {one['l']} ({one['column']})" for one in found["l"])
        lines.append(
            f"{found['basis']}: {', '.join(found['quasi_identifiers'])}: k {found['k']}, {found['groups']:,} groups, "
            f"{found['unique_rows']:,} unique rows ({found['unique_permille']} ‰){diversity}"
        )
    for column in result["hashed"]:
        outcome = (
            f"reversed: {column['algorithm']} of {column['method']}, {column['matched']:,} values"
            if column["reversed"]
            else "looks like digests, not reversed"
        )
        lines.append(f"{column['column']}: {outcome}; {column['tested']:,} candidates tested")
    return "\n".join(lines)
