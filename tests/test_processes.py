"""Processes side by side: what dies is started again, what keeps dying ends the whole, nothing is left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from exchange import processes
from exchange.processes import Supervisor

NOTE_PID = "import os,sys,time; open(sys.argv[1],'a').write(f'{os.getpid()}\\n'); time.sleep(60)"


def until(done: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def pids(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_killed_part_is_started_again_and_all_end_together(tmp_path: Path) -> None:
    notes = {name: tmp_path / name for name in ("one", "two")}
    commands = {name: [sys.executable, "-c", NOTE_PID, str(path)] for name, path in notes.items()}
    supervisor, stop, kept = Supervisor(commands, dict(os.environ)), threading.Event(), []
    supervisor.start()
    watching = threading.Thread(target=lambda: kept.append(supervisor.watch(stop)))
    watching.start()
    until(lambda: all(len(pids(path)) == 1 for path in notes.values()))
    os.kill(pids(notes["one"])[0], signal.SIGKILL)
    until(lambda: len(pids(notes["one"])) == 2)
    stop.set()
    watching.join()
    supervisor.stop()
    assert kept == [True]
    assert len(pids(notes["two"])) == 1
    assert not any(alive(pid) for path in notes.values() for pid in pids(path))


def test_a_part_that_keeps_dying_ends_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(processes, "SETTLED_SECONDS", 600.0)  # more than a slow machine takes to start and to end it
    supervisor = Supervisor({"dies": [sys.executable, "-c", "raise SystemExit(3)"]}, dict(os.environ))
    supervisor.start()
    assert not supervisor.watch(threading.Event())
    supervisor.stop()


def test_what_has_run_before_is_started_again_for_as_long_as_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that recovers for a minute ends whatever leans on it, again and again."""
    monkeypatch.setattr(processes, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(processes, "SETTLED_SECONDS", 0.5)  # less than the first run takes on any machine
    note = tmp_path / "pids"
    code = (
        "import os,sys,time; path=sys.argv[1]; open(path,'a').write(f'{os.getpid()}\\n');"
        "runs=len(open(path).readlines()); time.sleep({1: 0.8, 9: 60}.get(runs, 0)); sys.exit(1)"
    )
    monkeypatch.setattr(processes, "MAX_DEATHS", 3)
    supervisor, stop = (
        Supervisor({"dies": [sys.executable, "-c", code, str(note)]}, dict(os.environ)),
        threading.Event(),
    )
    supervisor.start()
    watching = threading.Thread(target=supervisor.watch, args=(stop,))
    watching.start()
    until(lambda: len(pids(note)) == 9)
    stop.set()
    watching.join()
    supervisor.stop()


def test_what_the_parts_lean_on_is_looked_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "KEEP_SECONDS", 0.0)
    supervisor, stop, looks = Supervisor({}, {}), threading.Event(), []

    def keep() -> None:
        looks.append(1)
        stop.set()

    assert supervisor.watch(stop, keep)
    assert looks


def test_parts_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    note = tmp_path / "note"
    child = f"from exchange.processes import end_with_parent; end_with_parent(); {NOTE_PID}"
    parent = (
        "import subprocess,sys,time; subprocess.Popen([sys.executable,'-c',sys.argv[1],sys.argv[2]]); time.sleep(60)"
    )
    running = subprocess.Popen([sys.executable, "-c", parent, child, str(note)])
    until(lambda: len(pids(note)) == 1)
    running.kill()
    running.wait()
    until(lambda: not alive(pids(note)[0]))


def test_a_signal_asks_to_stop() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    try:
        stop = processes.stop_on_signals()
        assert not stop.is_set()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(5)
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
