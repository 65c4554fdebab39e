"""The demonstration in processes of its own: run once for all tests of a run, each of which has a copy of its home."""

import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).resolve().parent.parent
COMMAND = [sys.executable, "-m", "command"]
_OURS = ("DATABASE", "DATABOURSE", "STRIPE")
_START_SECONDS = _STOP_SECONDS = 60


@dataclass(frozen=True)
class Carried:
    """A demonstration that carried its trades and ended: its home, which stays as it is, and the lines it printed."""

    home: Path
    lines: list[str]

    @contextmanager
    def copied(self) -> Iterator[dict[str, str]]:
        """The environment of a copy of the home, on a free port."""
        with _folder() as home:
            # The database's files stay those of its account, which a copy by shutil would not see to.
            subprocess.run(["/bin/cp", "-a", f"{self.home}/.", home], check=True)
            yield _environ(home)

    @contextmanager
    def served(self) -> Iterator[str]:
        """The base URL of the exchange, run on a copy of the home."""
        with self.copied() as environ, tempfile.TemporaryFile("w+") as told:
            run = subprocess.Popen(
                [*COMMAND, "run"],
                cwd=ROOT,
                env={**environ, "DATABOURSE_MODE": "demonstration"},
                stdout=told,
                stderr=told,
            )
            base_url = f"http://127.0.0.1:{environ['PORT']}"
            try:
                if not _answers(base_url):
                    told.seek(0)
                    raise AssertionError(told.read())
                yield base_url
            finally:
                run.terminate()
                run.wait(_STOP_SECONDS)


def carry_out(environ: dict[str, str]) -> list[str]:
    """Run the demonstration until its trades are done; what it printed."""
    done = subprocess.run(
        [*COMMAND, "demo"],
        cwd=ROOT,
        env={**environ, "SERVE": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


@contextmanager
def carried(factory: pytest.TempPathFactory) -> Iterator[Carried]:
    """The demonstration of this run of the tests: who asks first makes it, the last one out removes it."""
    run = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        run = run.parent  # each of the processes has a folder in it
    note = run / "demonstration.json"
    with (run / "demonstration.lock").open("w") as lock, (run / "demonstration.users").open("w") as users:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not note.exists():
            home = Path(tempfile.mkdtemp(prefix="databourse-flow-"))
            home.chmod(0o755)
            note.write_text(json.dumps([str(home), carry_out(_environ(home))]))
        fcntl.flock(users, fcntl.LOCK_SH)
        fcntl.flock(lock, fcntl.LOCK_UN)
        place, lines = json.loads(note.read_text())
        try:
            yield Carried(Path(place), lines)
        finally:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with suppress(BlockingIOError):  # others use it still
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                note.unlink()
                shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder that the database's account can reach; it is removed with all that is in it."""
    home = Path(tempfile.mkdtemp(prefix="databourse-flow-"))
    home.chmod(0o755)
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _environ(home: Path) -> dict[str, str]:
    """The settings of an exchange in ``home``, on a free port, and nothing of the caller's own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return {**kept, "DATABOURSE_HOME": str(home), "PORT": str(port)}


def _answers(base_url: str) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        with suppress(requests.RequestException):
            if requests.get(f"{base_url}/health", timeout=5).ok:
                return True
        time.sleep(0.1)
    return False
