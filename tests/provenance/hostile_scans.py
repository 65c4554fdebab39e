"""Scans that do what a taken-over parser would try. The sandbox tests register them by name; none may get anywhere."""

# ruff: noqa: S606 - a scan's signature is given; starting a program is what is tried

import mmap
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

from provenance.scan.contract import Limits, Progress, Refusal, ScanRefused

MEBIBYTE = 1024 * 1024


def honest(path: str, limits: Limits, progress: Progress) -> dict[str, Any]:
    progress(50)
    text = Path(path).read_text()
    return {
        "text": text,
        "cells": limits.cells,
        "scratch": len(list(Path().iterdir())),
        "environment": sorted(os.environ),
    }


def surroundings(path: str, limits: Limits, progress: Progress) -> dict[str, Any]:
    def attempt(action: Any) -> str:
        try:
            action()
        except OSError as error:
            return type(error).__name__
        return "done"

    parent = os.getppid()
    return {
        "uid": os.getuid(),
        "fds": [fd for fd in range(64) if attempt(lambda fd=fd: os.fstat(fd)) == "done"],
        "parent memory": attempt(lambda: Path(f"/proc/{parent}/mem").read_bytes()),
        "parent environment": attempt(lambda: Path(f"/proc/{parent}/environ").read_bytes()),
        "signal to parent": attempt(lambda: os.kill(parent, 0)),
        "new session": attempt(os.setsid),
        "folder": attempt(lambda: Path("folder").mkdir()),
        "memory file": attempt(lambda: os.memfd_create("hidden")),
        "own file": attempt(lambda: Path("own").write_text("kept here")),
    }


def connect(path: str, limits: Limits, progress: Progress) -> dict[str, Any]:
    port = int(Path(path).read_text())
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as speaker:
        speaker.connect(("127.0.0.1", port))
    return {"connected": True}


def unix_socket(path: str, limits: Limits, progress: Progress) -> dict[str, Any]:
    socket.socketpair()
    return {"connected": True}


def private_memory(path: str, limits: Limits, progress: Progress) -> dict[str, Any]:
    return {"size": len(bytearray(4096 * MEBIBYTE))}


def shared_memory(path: str, limits: Limits, progress: Progress) -> dict[str, Any]:
    return {"size": len(mmap.mmap(-1, 4096 * MEBIBYTE))}


def burn(path: str, limits: Limits, progress: Progress) -> dict[str, Any]:
    while True:
        pass


def sleep(path: str, limits: Limits, progress: Progress) -> dict[str, Any]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(60)
    return {}


def silent_sleep(path: str, limits: Limits, progress: Progress) -> dict[str, Any]:
    os.closerange(3, 64)
    time.sleep(60)
    return {}


def fork(path: str, limits: Limits, progress: Progress) -> dict[str, Any]:
    while True:
        os.fork()


def execute(path: str, limits: Limits, progress: Progress) -> dict[str, Any]:
    os.execv("/bin/sh", ["sh", "-c", "true"])


def big_file(path: str, limits: Limits, progress: Progress) -> dict[str, Any]:
    with Path("big").open("wb") as file:
        while True:
            file.write(bytes(MEBIBYTE))


def many_files(path: str, limits: Limits, progress: Progress) -> dict[str, Any]:
    for number in range(10):
        Path(f"file-{number}").write_bytes(bytes(MEBIBYTE))
    time.sleep(60)
    return {}


def outside_file(path: str, limits: Limits, progress: Progress) -> dict[str, Any]:
    Path("/dev/shm/scan-was-here").write_text("here")  # noqa: S108 - the place a fenced process must not reach
    return {}


def flood(path: str, limits: Limits, progress: Progress) -> dict[str, Any]:
    while True:
        progress(1)


def large_result(path: str, limits: Limits, progress: Progress) -> dict[str, Any]:
    return {"text": "x" * (limits.result_bytes + 1)}


def fractional(path: str, limits: Limits, progress: Progress) -> dict[str, Any]:
    return {"share": 0.5}


def surrogate(path: str, limits: Limits, progress: Progress) -> dict[str, Any]:
    return {"text": "\ud800"}


def listing(path: str, limits: Limits, progress: Progress) -> dict[str, Any]:
    return [1]  # type: ignore[return-value]


def refuse(path: str, limits: Limits, progress: Progress) -> dict[str, Any]:
    raise ScanRefused(Refusal.NOT_A_TABLE, "for the test")


def vanish(path: str, limits: Limits, progress: Progress) -> dict[str, Any]:
    os._exit(3)


def abort(path: str, limits: Limits, progress: Progress) -> dict[str, Any]:
    os.abort()
