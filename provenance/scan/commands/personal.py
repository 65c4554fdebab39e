"""``databourse scan personal``."""

import argparse

from provenance.scan import sandbox
from provenance.scan.contract import Result

WORDS = "Identity numbers, mobile numbers, bank cards, names, addresses and other personal information, masked."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The search takes the file alone."""


def run(options: argparse.Namespace) -> Result:
    """See `provenance.scan.personal.personal`."""
    return sandbox.run_file("personal", options.file)


def report(result: Result) -> str:
    """A line on the table, then one on each finding."""
    if "tables" in result:
        return "\n\n".join(f"{table['name']}\n{report(table)}" for table in result["tables"])
    lines = [f"{result['rows']:,} rows, {result['columns']} columns, {len(result['findings'])} findings"]
    lines += [
        f"{found['column']:<24.24} {found['kind']:<12} {found['count']:>10,} rows ({found['share_permille']} ‰) "
        f"{found['confidence']:<7} {', '.join(found['evidence'])}  {' '.join(found['samples'])}"
        for found in result["findings"]
    ]
    return "\n".join(lines)
