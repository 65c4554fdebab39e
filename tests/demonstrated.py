"""The demonstration in processes of its own: a fresh home, a free port, and nothing of the caller's settings."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMAND = [sys.executable, "-m", "command"]
_OURS = ("DATABASE", "DATABOURSE", "STRIPE")
_STOP_SECONDS = 60


@contextmanager
def fresh_home() -> Iterator[dict[str, str]]:
    """The environment of a demonstration that has not run yet; what it leaves behind is removed."""
    home = Path(tempfile.mkdtemp(prefix="databourse-flow-"))
    home.chmod(0o755)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    try:
        yield {**kept, "DATABOURSE_HOME": str(home), "PORT": str(port)}
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def served_demonstration() -> Iterator[str]:
    """The base URL of a demonstration that has carried its trades and serves."""
    with fresh_home() as environ, tempfile.TemporaryFile("w+") as errors:
        run = subprocess.Popen(
            [*COMMAND, "demo"], cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        try:
            told = []
            for line in run.stdout or ():
                told.append(line)
                if line.startswith("verified"):
                    break
            else:
                errors.seek(0)
                raise AssertionError("".join(told) + errors.read())
            yield f"http://127.0.0.1:{environ['PORT']}"
        finally:
            run.terminate()
            run.communicate(timeout=_STOP_SECONDS)
