"""``databourse scan``: what the exchange will find in a file, found out before anything is deposited.

No database, no settings and no network: the scan runs confined as it does on deposit, and what it answers is printed.
"""

import argparse
import importlib
import json
import os
import sys
from collections.abc import Sequence
from typing import Protocol, cast

from provenance.scan.contract import Result, ScanCrashed, ScanRefused

#: Exit status: the file was scanned, whatever was found; it could not be read or scanned.
SCANNED, UNREADABLE = 0, 2

#: Scans by their names, each with the module that is its `Face`. Only the one asked for is loaded.
FACES = {
    "profile": "provenance.scan.commands.profile",
    "personal": "provenance.scan.commands.personal",
    "anonymity": "provenance.scan.commands.anonymity",
    "derivation": "provenance.scan.commands.derivation",
}


class Face(Protocol):
    """What a module named in `FACES` holds."""

    WORDS: str
    """What the scan finds, in a line of help."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add what the scan takes besides ``FILE`` and ``--json``."""

    def run(self, options: argparse.Namespace) -> Result:
        """The scan's result for ``options.file`` (a path).

        Raises:
            OSError: A file cannot be read.
            ScanRefused: A file is no table, or needs more than its limits.
            ScanCrashed: The scan failed, or cannot be confined on this machine.
        """

    def report(self, result: Result) -> str:
        """The result for people to read."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The ``databourse scan`` command; returns the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(
        prog="databourse scan",
        description="What the exchange will find in a file. Exit status 0, findings or none; 2 if it cannot be read.",
    )
    parser.add_argument("scan", choices=FACES, help="what to look for; databourse scan NAME --help explains it")
    name = parser.parse_args(words[:1]).scan
    face = cast(Face, importlib.import_module(FACES[name]))
    parser = argparse.ArgumentParser(prog=f"databourse scan {name}", description=face.WORDS)
    parser.add_argument("file", metavar="FILE", help="a table: CSV, Parquet, JSON Lines, XLSX, or a ZIP of such files")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    face.add_arguments(parser)
    options = parser.parse_args(words[1:])
    try:
        result = face.run(options)
    except (OSError, ScanRefused, ScanCrashed) as failure:
        print(f"databourse scan: {options.file}: {failure}", file=sys.stderr)
        return UNREADABLE
    try:
        print(json.dumps(result, ensure_ascii=False, indent=2) if options.json else face.report(result), flush=True)
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return SCANNED
