"""``databourse scan derivation``."""

import argparse
import sys
from pathlib import Path

from provenance.scan import sandbox
from provenance.scan.contract import Result, ScanCrashed, ScanRefused
from provenance.scan.derivation import compare

WORDS = "Registered sources that the file seems to be made from: questions to the seller, no verdict."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the sources are."""
    parser.add_argument(
        "--against",
        required=True,
        metavar="FOLDER",
        help="one file per registered source; a finding names the file, with its extension",
    )


def run(options: argparse.Namespace) -> Result:
    """The findings, strongest first; a source that cannot be read is told on standard error and passed over."""
    paths = sorted(path for path in Path(options.against).iterdir() if path.is_file())
    uploads = _tables(options.file)
    sources: dict[str, Result] = {}
    names: dict[str, str] = {}
    for path in paths:
        try:
            for number, table in enumerate(_tables(path)):
                sources[f"{path.name}/{number}"] = table
                names[f"{path.name}/{number}"] = path.name
        except (OSError, ScanRefused, ScanCrashed) as failure:
            print(f"databourse scan: {path}: {failure}", file=sys.stderr)  # noqa: T201 - the command line speaks so
    findings = [
        {
            "source": names[found.source],
            "kind": found.kind,
            "rows": found.rows,
            "share": found.permille / 1000,
            "columns": [list(pair) for pair in found.columns],
            "lift": found.lift,
        }
        for upload in uploads
        for found in compare(upload, sources)
    ]
    return {"findings": findings}


def report(result: Result) -> str:
    """A line on each finding."""
    lines = [
        f"{found['source']}: {found['kind']}, {found['rows']:,} rows ({found['share']:.1%}): "
        + ", ".join(f"{mine} = {theirs}" for mine, theirs in found["columns"])
        for found in result["findings"]
    ]
    return "\n".join(lines) or "no registered source recognised"


def _tables(path: str | Path) -> list[Result]:
    result = sandbox.run_file("fingerprint", path)
    tables: list[Result] = result.get("tables", [result])
    return tables
