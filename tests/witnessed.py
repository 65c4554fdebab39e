"""Logs made for tests, served over HTTP on loopback, and witnesses as processes of their own."""

import functools
import http.server
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.journal import bundles, checkpoint, merkle, note, tiles, witness

ROOT = Path(__file__).resolve().parent.parent
ORIGIN = "log.example/1"


@dataclass
class MadeLog:
    """A log of which every leaf is known; ``signer`` may sign another history too."""

    leaves: list[bytes]
    signer: note.Signer = field(
        default_factory=lambda: note.Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"l" * 32))
    )

    @classmethod
    def of(cls, size: int, *, changed: int | None = None) -> "MadeLog":
        """``size`` leaves; with leaf ``changed`` it is the history of a log that lies."""
        return cls([b"leaf %d%s" % (index, b" changed" if index == changed else b"") for index in range(size)])

    def hashes(self, size: int | None = None) -> list[bytes]:
        return [merkle.leaf_hash(leaf) for leaf in self.leaves[:size]]

    def checkpoint(self, size: int | None = None) -> str:
        hashes = self.hashes(size)
        return note.sign(checkpoint.format(self.signer.name, len(hashes), merkle.root(hashes)), self.signer)

    def request(self, old: int, size: int | None = None) -> witness.Request:
        hashes = self.hashes(size)
        proof = merkle.consistency_proof(hashes, old) if 0 < old <= len(hashes) else []
        return witness.Request(old, tuple(proof), self.checkpoint(size))

    def export(self, folder: Path, *, entries: bool = True) -> None:
        """Write the log as files, as c2sp.org/tlog-tiles lays them out."""
        tree = tiles.TreeBuilder()
        files = {tiles.tile_path(t.level, t.index, t.width): t.hashes for t in tree.append(self.hashes())}
        if entries:
            for start in range(0, len(self.leaves), tiles.WIDTH):
                bodies = self.leaves[start : start + tiles.WIDTH]
                files[tiles.entries_path(start // tiles.WIDTH, len(bodies))] = bundles.join(bodies)
        files["checkpoint"] = self.checkpoint().encode()
        for path, data in files.items():
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Files of a folder; bundles of entries for whoever brings the token."""

    token = ""

    def do_GET(self) -> None:
        guarded = self.token and "/tile/entries/" in self.path
        if guarded and self.headers.get("Authorization") != f"Bearer {self.token}":
            self.send_error(401)
            return
        super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(folder: Path, *, token: str = "") -> Iterator[str]:
    """A site that serves ``folder``; its address."""
    handler = type("Handler", (_Handler,), {"token": token})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(folder))) as site:
        thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{site.server_address[1]}"
        finally:
            site.shutdown()
            thread.join()


@dataclass
class Answer:
    status: int
    content_type: str
    text: str


def post(url: str, body: bytes) -> Answer:
    """What a witness answers."""
    request = urllib.request.Request(f"{url}/add-checkpoint", body, method="POST")  # noqa: S310  (loopback)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310  (loopback)
            return Answer(answer.status, answer.headers["Content-Type"], answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers["Content-Type"], error.read().decode())


@dataclass
class RunningWitness:
    """A witness process; ``kill`` ends it as a power cut would."""

    folder: Path
    url: str
    process: "subprocess.Popen[bytes]"
    vkeys: list[str]

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def running_witness(folder: Path, *logs: str, kinds: Sequence[str] = ("ed25519",)) -> Iterator[RunningWitness]:
    """A witness in ``folder`` (made unless it is there), serving."""
    if not (folder / "vkey").exists():
        witness.prepare(folder, "witness.example/w1", kinds=kinds, logs=logs)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "command", "witness", "run", str(folder), "--port", str(port)]
    with (folder / "output").open("ab") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output, start_new_session=True)
    running = RunningWitness(folder, f"http://127.0.0.1:{port}", process, (folder / "vkey").read_text().split())
    try:
        _await(running)
        yield running
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=20)


def _await(running: RunningWitness) -> None:
    for _ in range(600):
        try:
            post(running.url, b"")
        except OSError:
            if running.process.poll() is not None:
                raise AssertionError((running.folder / "output").read_text()) from None
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the witness does not answer")
