"""What a scan is given, what it may answer and how it fails: the words that parent and child share."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

_MIB = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """What one scan of one file may use; every limit is enforced by the kernel or by the parent, never by trust.

    Attributes:
        source_bytes: size of the file.
        wall_seconds: time from start to answer.
        cpu_seconds: processor time of the child, all threads together.
        memory_bytes: private writable memory of the child (``RLIMIT_DATA``).
        scratch_bytes: what the child may write to its scratch folder, each file and all together.
        result_bytes: everything the child says, progress included.
        columns: columns of the table.
        cells: rows times columns of the table, whatever its header claims.
        decoded_bytes: text of the table once decoded.
    """

    source_bytes: int = 1024 * _MIB
    wall_seconds: int = 300
    cpu_seconds: int = 240
    memory_bytes: int = 1024 * _MIB
    scratch_bytes: int = 4096 * _MIB
    result_bytes: int = 4 * _MIB
    columns: int = 500
    cells: int = 200_000_000
    decoded_bytes: int = 4096 * _MIB


class Refusal(StrEnum):
    """Why a file was refused. The values are stable: they stand in the journal and in the API."""

    EMPTY = "empty"
    NOT_A_TABLE = "not_a_table"
    TOO_LARGE = "too_large"
    BOMB = "bomb"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"


class ScanRefused(Exception):
    """The file cannot be scanned within the limits, or is no table. ``code`` is a `Refusal`."""

    def __init__(self, code: Refusal, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.code}: {self.reason}"


class ScanCrashed(Exception):
    """The scan itself failed or misbehaved: a defect, or a file that took the parser over. Never the seller's duty."""


Progress = Callable[[int], None]
"""Told how much is done, in per cent."""

Result = dict[str, Any]
"""What a scan answers: a JSON object without floats, whose keys the scan's docstring names."""

Scan = Callable[..., Result]
"""``scan(path, limits, progress, **options)`` reads the file at the path. Its working directory is its scratch folder.

It may import only what its module has imported when loaded: later the interpreter's files are out of reach.
"""
