"""A sequencer in a process of its own that is killed before a line of its code, or whenever its parent likes."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.journal import note
from exchange.journal.sequencer import Sequencer, SequencerRefuses, Settings

ORIGIN = "localhost/test"
#: What reads the tree when a sequencer starts, and what takes a batch, writes and signs it.
PHASES: tuple[CodeType, ...] = (Sequencer._load.__code__, Sequencer._batch.__code__)
_PATIENCE_SECONDS = 30.0


def signer(key: bytes) -> note.Signer:
    """The log's signer."""
    return note.Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(key))


def made(conninfo: str, key: bytes) -> Sequencer:
    """A sequencer that takes small batches, so that one has a past."""
    return Sequencer(conninfo, signer(key), Settings(interval_seconds=0.0, batch=50))


def before_each_line(do: Callable[[str, int], None]) -> None:
    """Call ``do`` with function and line before each line of the phases, from now on, in this thread."""

    def lines(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            do(frame.f_code.co_name, frame.f_lineno)
        return lines

    sys.settrace(lambda frame, _event, _: lines if frame.f_code in PHASES else None)


def run(conninfo: str, key: bytes, at: tuple[str, int] | None, running: Path) -> None:
    """Sequence until killed: by itself before the line ``at``, or by another, told by the file ``running``."""
    if at is not None:
        before_each_line(lambda *line: os.kill(os.getpid(), signal.SIGKILL) if line == at else None)
    sequencer, deadline = made(conninfo, key), time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            sequencer.open()
            break
        except SequencerRefuses as refusal:  # the database has not seen yet that the one before is dead
            if "another" not in str(refusal) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    running.touch()
    while time.monotonic() < deadline:
        sequencer.step()
