"""The child's side of a scan: import, confine, run, answer. `provenance.scan.sandbox` starts it by name."""

import errno
import importlib
import json
import os
import traceback
from typing import Any

from provenance.scan.confine import confine
from provenance.scan.contract import Limits, Refusal, Scan, ScanRefused

_TRACE_CHARACTERS = 4_000


def main(job: dict[str, Any]) -> None:
    """Do the job and write its answer, one JSON object a line, to the pipe ``job["answer_fd"]``."""
    answer_fd: int = job["answer_fd"]

    def progress(per_cent: int) -> None:
        _say(answer_fd, {"progress": per_cent})

    try:
        module, _, name = job["target"].partition(":")
        scan: Scan = getattr(importlib.import_module(module), name)  # needs files: before the fence
        limits = Limits(**job["limits"])
        source_fd: int = job["source_fd"]
        confine(limits, source_fd, job["parent_pid"])
        answer = {"result": scan(f"/proc/self/fd/{source_fd}", limits, progress, **job["options"])}
        _say(answer_fd, answer)
    except BaseException as error:  # noqa: BLE001 - the last frame: whatever it is, the parent must hear of it
        _say(answer_fd, _judge(error))


def _judge(error: BaseException) -> dict[str, Any]:
    """What ``error`` says of the file, or else of the scan."""
    match error:
        case ScanRefused():
            return {"refused": error.code, "reason": error.reason}
        case MemoryError() | OSError(errno=errno.ENOMEM):
            return {"refused": Refusal.OUT_OF_MEMORY, "reason": "the scan needs more memory than it may use"}
        case OSError(errno=errno.EFBIG | errno.ENOSPC):
            return {"refused": Refusal.TOO_LARGE, "reason": "the scan needs more scratch space than it may use"}
        case _:
            return {"crashed": traceback.format_exc()[-_TRACE_CHARACTERS:]}


def _say(answer_fd: int, message: dict[str, Any]) -> None:
    line = json.dumps(message, allow_nan=False).encode() + b"\n"
    while line:
        line = line[os.write(answer_fd, line) :]
