"""Several processes as one: start them, start again what dies, end them together."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

log = logging.getLogger(__name__)

#: A process that ran shorter than this before it died is started again only after a pause.
SETTLED_SECONDS = 5.0
PAUSE_SECONDS = 1.0
#: Deaths in a row of a part that has never settled, after which the whole is given up: it cannot run at all. What has
#: run before is started again for as long as it takes: its database may be recovering.
MAX_DEATHS = 15
STOP_SECONDS = 20.0
KEEP_SECONDS = 2.0


@dataclass(slots=True)
class _Part:
    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = field(default=0)
    settled: bool = False


class Supervisor:
    """Runs named commands side by side until told to stop.

    Args:
        commands: Name to argument list.
        environ: The environment of all of them.
    """

    def __init__(self, commands: Mapping[str, Sequence[str]], environ: Mapping[str, str]) -> None:
        self._parts = [_Part(name, command) for name, command in commands.items()]
        self._environ = dict(environ)

    def start(self) -> None:
        """Start every part."""
        for part in self._parts:
            self._start(part)

    def watch(self, stop: threading.Event, keep: Callable[[], None] = lambda: None) -> bool:
        """Keep the parts running until ``stop`` is set; ``False`` when one could not be kept running.

        ``keep`` is called every ``KEEP_SECONDS``, for what the parts lean on.
        """
        looked = time.monotonic()
        while not stop.wait(0.2):
            if time.monotonic() - looked > KEEP_SECONDS:
                keep()
                looked = time.monotonic()
            for part in self._parts:
                if part.process is not None and part.process.poll() is not None and not self._revive(part, stop):
                    return False
        return True

    def stop(self) -> None:
        """Ask every part to end, wait, and kill what does not."""
        running = [part.process for part in self._parts if part.process is not None and part.process.poll() is None]
        for process in running:
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, part: _Part) -> None:
        part.started = time.monotonic()
        part.process = subprocess.Popen(part.command, env=self._environ, stdin=subprocess.DEVNULL)

    def _revive(self, part: _Part, stop: threading.Event) -> bool:
        lasted = time.monotonic() - part.started
        part.settled = part.settled or lasted >= SETTLED_SECONDS
        part.deaths = part.deaths + 1 if lasted < SETTLED_SECONDS else 1
        status = part.process.returncode if part.process is not None else None
        log.error("%s ended with status %s after %.1f s", part.name, status, lasted)
        if part.deaths >= MAX_DEATHS and not part.settled:
            return False
        if part.deaths > 1:
            stop.wait(PAUSE_SECONDS)
        self._start(part)
        return True


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def command(*words: str) -> list[str]:
    """The argument list that runs another ``databourse`` command with this interpreter."""
    return [sys.executable, "-m", "command", *words]


def end_with_parent() -> None:
    """Let the kernel send this process SIGTERM when its parent dies (Linux: PR_SET_PDEATHSIG)."""
    import ctypes  # noqa: PLC0415  (only long-running commands need it)

    pr_set_pdeathsig = 1
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)
