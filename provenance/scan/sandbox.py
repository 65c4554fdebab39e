"""Run one registered scan over one file in one confined subprocess.

The file is hostile until shown otherwise: a parser may be taken over by what it reads. So the child starts with a clean
environment and nothing open but the file, standard streams on /dev/null and one pipe; gives up its user, the network,
other programs and the file system (`provenance.scan.confine`) before it reads the first byte; and is believed only as
far as its answer is well-formed JSON of modest size. Whatever happens, its process group is killed and the scratch
removed.
"""

import dataclasses
import fcntl
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, BinaryIO

from provenance.scan.contract import Limits, Progress, Refusal, Result, ScanCrashed, ScanRefused

__all__ = ["Limits", "Refusal", "ScanCrashed", "ScanRefused", "register", "run", "run_file"]

_COPY_BYTES = 1024 * 1024
_READ_BYTES = 64 * 1024
_LOOK_SECONDS = 0.2  # how often time and scratch are looked at while the child is silent
_SCRATCH_PREFIX = "databourse-scan-"
_STALE_SECONDS = 60  # a folder just made may not be locked yet

# Isolated from PYTHON* and the user's site; then the parent's own module path, so both run the same code.
_BOOT = (
    "import json, sys; job = json.loads(sys.argv[1]); sys.path[:] = job['sys_path']; "
    "from provenance.scan.child import main; main(job)"
)
_ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "HOME": "/nonexistent",
    "MALLOC_ARENA_MAX": "2",
    "OPENBLAS_NUM_THREADS": "1",
}

_SCANS = {
    "examine": "provenance.scan.examine:examine",
    "profile": "provenance.scan.profile:profile",
    "personal": "provenance.scan.personal:personal",
    "anonymity": "provenance.scan.anonymity:anonymity",
    "fingerprint": "provenance.scan.fingerprint:fingerprint",
}


def register(scan: str, target: str) -> None:
    """Make the `provenance.scan.contract.Scan` at ``target`` (``module:function``) known as ``scan``.

    Raises:
        ValueError: the name is taken by another function.
    """
    if _SCANS.setdefault(scan, target) != target:
        raise ValueError(f"scan {scan!r} is registered as {_SCANS[scan]}")


def run(
    scan: str,
    source: BinaryIO,
    limits: Limits | None = None,
    *,
    progress: Progress | None = None,
    scratch_root: Path | None = None,
    options: Mapping[str, Any] | None = None,
) -> Result:
    """Run ``scan`` over the plaintext read from ``source`` and return its result: JSON, without floats.

    ``progress`` is told per cents as they come; ``options``, which must be JSON, are the scan's own arguments. The
    plaintext rests, without a name, in ``scratch_root`` (default: the system's folder for temporary files) until this
    returns.

    Raises:
        LookupError: no such scan.
        ScanRefused: the file is empty, no table, a bomb, or needs more than its limits.
        ScanCrashed: the scan failed, tried what it must not, answered nonsense, or cannot be confined here.
    """
    target = _SCANS[scan]
    limits = limits or Limits()
    scratch_root = scratch_root or Path(tempfile.gettempdir())
    _sweep(scratch_root)
    with tempfile.TemporaryFile(dir=scratch_root) as file, _scratch(scratch_root) as scratch:
        _copy(source, file, limits.source_bytes)
        with _child(target, file.fileno(), limits, scratch, options or {}) as (process, answers):
            return _supervise(process, answers, limits, scratch, progress or _ignore)


def run_file(scan: str, path: str | Path, limits: Limits | None = None, **options: Any) -> Result:
    """`run` over the file at ``path``, with the scan's own ``options``.

    Raises:
        OSError: the file cannot be read.
        ScanRefused, ScanCrashed: as `run`.
    """
    with Path(path).open("rb") as source:
        return run(scan, source, limits, options=options)


def _ignore(per_cent: int) -> None:
    """Nobody asked how far the scan is."""


@contextmanager
def _scratch(root: Path) -> Iterator[Path]:
    """An empty folder, locked as long as it is in use."""
    with tempfile.TemporaryDirectory(prefix=_SCRATCH_PREFIX, dir=root) as name:
        lock = os.open(name, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield Path(name)
        finally:
            os.close(lock)


def _sweep(root: Path) -> None:
    """Remove scratch folders whose scan was killed before it could: they hold decoded goods."""
    for folder in root.glob(f"{_SCRATCH_PREFIX}*"):
        with suppress(
            FileNotFoundError, PermissionError, BlockingIOError, NotADirectoryError
        ):  # gone, not ours, in use
            if time.time() - folder.lstat().st_mtime < _STALE_SECONDS:
                continue
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(lock)


def _copy(source: BinaryIO, file: IO[bytes], source_bytes: int) -> None:
    size = 0
    while chunk := source.read(_COPY_BYTES):
        size += len(chunk)
        if size > source_bytes:
            raise ScanRefused(Refusal.TOO_LARGE, f"the file is larger than {source_bytes} bytes")
        file.write(chunk)
    if size == 0:
        raise ScanRefused(Refusal.EMPTY, "the file has no bytes")
    file.flush()
    file.seek(0)


@contextmanager
def _child(
    target: str, source_fd: int, limits: Limits, scratch: Path, options: Mapping[str, Any]
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Start the child; at the end neither it nor anything of its process group lives."""
    answers, answer_fd = os.pipe()
    job = {
        "target": target,
        "source_fd": source_fd,
        "answer_fd": answer_fd,
        "parent_pid": os.getpid(),
        "limits": dataclasses.asdict(limits),
        "options": dict(options),
        "sys_path": [entry or str(Path.cwd()) for entry in sys.path],
    }
    try:
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-B", "-c", _BOOT, json.dumps(job)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=scratch,
                env=_ENVIRONMENT,
                pass_fds=(source_fd, answer_fd),
                start_new_session=True,
            )
        finally:
            os.close(answer_fd)
        try:
            yield process, answers
        finally:
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    finally:
        os.close(answers)


def _supervise(
    process: subprocess.Popen[bytes], answers: int, limits: Limits, scratch: Path, progress: Progress
) -> dict[str, Any]:
    deadline = time.monotonic() + limits.wall_seconds

    def look() -> None:
        if time.monotonic() > deadline:
            raise ScanRefused(Refusal.TIMEOUT, f"the scan took longer than {limits.wall_seconds} seconds")
        if _used_bytes(scratch) > limits.scratch_bytes:
            raise ScanRefused(Refusal.TOO_LARGE, "the scan needs more scratch space than it may use")

    for line in _lines(answers, limits.result_bytes, look):
        message = _parse(line)
        match message:
            case {"progress": int(per_cent)}:
                progress(max(0, min(100, per_cent)))
            case {"result": dict(result)}:
                return result
            case {"refused": str(code), "reason": str(reason)} if code in set(Refusal):
                raise ScanRefused(Refusal(code), reason)
            case {"crashed": str(trace)}:
                raise ScanCrashed(trace)
            case _:
                raise ScanCrashed("the child spoke out of turn")
    while process.poll() is None:  # it closed the pipe and lives on
        look()
        time.sleep(_LOOK_SECONDS / 10)
    raise _death(process.returncode, limits)


def _lines(answers: int, result_bytes: int, look: Callable[[], None]) -> Iterator[bytearray]:
    """Whole lines from the pipe; ``look`` is called between reads and may raise."""
    buffer = bytearray()
    total = 0
    with selectors.DefaultSelector() as selector:
        selector.register(answers, selectors.EVENT_READ)
        while True:
            look()
            if not selector.select(_LOOK_SECONDS):
                continue
            chunk = os.read(answers, _READ_BYTES)
            if not chunk:
                return
            total += len(chunk)
            if total > result_bytes:
                raise ScanCrashed(f"the child said more than {result_bytes} bytes")
            *lines, buffer = (buffer + chunk).split(b"\n")
            yield from lines


def _used_bytes(scratch: Path) -> int:
    """Size of the scratch folder, which is flat: the child cannot make folders."""
    used = 0
    with os.scandir(scratch) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # removed since
                used += entry.stat(follow_symlinks=False).st_size
    return used


def _parse(line: bytearray) -> Any:
    """The message of one line.

    Raises:
        ScanCrashed: not JSON, or JSON that could not be stored: floats, lone surrogates, endless nesting or digits.
    """

    def refuse(literal: str) -> None:
        raise ValueError(f"{literal[:40]} is a float")

    try:
        message = json.loads(line, parse_float=refuse, parse_constant=refuse)
        json.dumps(message, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise ScanCrashed(f"the child answered what is not acceptable JSON: {error}") from None
    return message


def _death(status: int, limits: Limits) -> ScanRefused | ScanCrashed:
    """Why the child ended without an answer."""
    if status == -signal.SIGXCPU:
        return ScanRefused(Refusal.TIMEOUT, f"the scan used more than {limits.cpu_seconds} seconds of processor time")
    if status == -signal.SIGXFSZ:
        return ScanRefused(Refusal.TOO_LARGE, "the scan needs more scratch space than it may use")
    if status == -signal.SIGKILL:  # not ours: the kernel ran out of memory, or the limit of processor time struck twice
        return ScanRefused(Refusal.OUT_OF_MEMORY, "the kernel ended the scan")
    return ScanCrashed(f"the child ended with status {status} and no answer")
