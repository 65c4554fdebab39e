"""An exchange of its own in a group of processes that can be killed, and clients that do not give up."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import people
import psycopg
import requests
from market import published_product
from people import Party, approved_company

import wsgi
from demonstration.client import Person, Unexpected
from exchange import attest, clock, db
from exchange.config import Config
from settlement import payout_accounts

ROOT = Path(__file__).resolve().parent.parent.parent
PARTS = ("web", "worker", "sequencer")
#: How long a client keeps at it; a part is back after a few seconds.
PATIENCE_SECONDS = 120.0
#: A client that waited so long asks whether time could not pass a little faster (see ``Running.hurry``).
IMPATIENCE_SECONDS = 2.0
_SERVER_ERROR = re.compile(r": 5\d\d: ")
_HURRY = (
    "UPDATE due SET retry_at = NULL WHERE retry_at IS NOT NULL",
    "UPDATE outbox SET retry_at = created_at WHERE done_at IS NULL",
    "UPDATE money_op SET retry_at = planned_at WHERE state IN ('planned', 'sent', 'unknown')",
)


@dataclass(slots=True)
class Patient(Person):
    """Somebody whose requests are sent again, each under its own idempotency key, until they are answered."""

    retried: int = 0

    def send(self, method: str, path: str, *, expect: int | None = None, **options: Any) -> requests.Response:
        """One request, sent as often as it takes."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return Person.send(self, method, path, expect=expect, **options)
            except (requests.RequestException, Unexpected) as failure:
                final = isinstance(failure, Unexpected) and not _SERVER_ERROR.search(str(failure))
                if final or time.monotonic() > deadline:
                    raise
                self.retried += 1
                time.sleep(0.1)


@dataclass
class Running:
    """A running exchange: its home, its processes, and a market in it."""

    config: Config
    environ: dict[str, str]
    conninfo: str
    data: Path
    vkey: str
    seller: Party
    buyers: list[Party]
    offer_id: str
    processes: "subprocess.Popen[bytes] | None" = field(default=None)

    def start(self) -> None:
        """``databourse run``; it is the leader of a group of its own."""
        log = (self.config.home / "run.log").open("ab")
        command = [sys.executable, "-m", "command", "run"]
        with log:
            self.processes = subprocess.Popen(
                command, cwd=ROOT, env=self.environ, stdout=log, stderr=log, start_new_session=True
            )

    def await_health(self) -> None:
        """Wait until it serves."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            with suppress(requests.RequestException):
                if requests.get(f"{self.config.base_url}/health", timeout=5).ok:
                    return
            time.sleep(0.1)
        raise TimeoutError((self.config.home / "run.log").read_text()[-4000:])

    def stop(self) -> None:
        """End it as an operator would."""
        if self.processes is not None:
            self.processes.terminate()
            self.processes.wait(60)

    def pids(self, part: str) -> list[int]:
        """The processes of a part: ``web`` has several, the first is their parent; ``database`` is the postmaster."""
        if part == "database":
            with suppress(FileNotFoundError):
                return [int((self.data / "postmaster.pid").read_text().splitlines()[0])]
            return []
        leaders = [pid for pid in _children(self._leader) if _arguments(pid)[-1:] == [part]]
        return [*leaders, *(child for leader in leaders for child in _children(leader))]

    @property
    def _leader(self) -> int:
        if self.processes is None:
            raise RuntimeError("nothing runs")
        return self.processes.pid

    def kill(self, part: str, *, child: bool = False) -> int:
        """``kill -9`` of a part; of ``web`` one of the processes that serve, if ``child``."""
        for _ in range(100):
            found = self.pids(part)
            if found:
                pid = found[-1] if child else found[0]
                os.kill(pid, signal.SIGKILL)
                return pid
            time.sleep(0.05)
        raise RuntimeError(f"there is no {part} to be killed")

    def kill_everything(self) -> None:
        """As if the machine lost its power, and start it again."""
        victims = [pid for part in (*PARTS, "database") for pid in self.pids(part)]
        for pid in [self._leader, *victims]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.processes is not None:
            self.processes.wait()
        self.start()

    def hurry(self) -> None:
        """Let real time pass until what a dead process had claimed is anybody's again (it takes minutes)."""
        with suppress(psycopg.OperationalError), psycopg.connect(self.conninfo, connect_timeout=2) as connection:
            for statement in _HURRY:
                connection.execute(statement)

    def read(self, path: str) -> str:
        """A public page of the log, asked for until it comes: who just answered may be the one that is killed."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = requests.get(self.config.base_url + path, timeout=30)
                answer.raise_for_status()
            except requests.RequestException:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return answer.text

    def client(self, party: Party) -> Patient:
        """A party at its keyboard, signed in."""
        person = Patient(self.config.base_url)
        person.sign_in(party.email, party.password)
        return person

    def wait(self, person: Patient, path: str, done: Callable[[Any], bool]) -> Any:
        """Read ``path`` until ``done``."""
        started = looked = time.monotonic()
        while time.monotonic() < started + PATIENCE_SECONDS:
            found = person.get(path)
            if done(found):
                return found
            if time.monotonic() > looked + IMPATIENCE_SECONDS:
                self.hurry()
                looked = time.monotonic()
            time.sleep(0.05)
        raise TimeoutError(f"{path}: {found}")


@contextmanager
def opened(config: Config) -> Iterator[wsgi.House]:
    """The house of an exchange that does not run, in this process."""
    with wsgi.house(config) as house:
        try:
            yield house
        finally:
            db.engine().dispose()
            if house.sandbox is not None:
                house.sandbox.close()


@contextmanager
def running() -> Iterator[Running]:
    """An exchange with a seller, two buyers and a product on sale, running; its home goes with it."""
    home = Path(tempfile.mkdtemp(prefix="databourse-faults-"))
    home.chmod(0o755)
    environ = _environ(home)
    config = Config.load(environ)
    try:
        with opened(config) as house, people.small_argon2():
            made = _furnished(house, config, environ)
        made.start()
        made.await_health()
        yield made
    finally:
        with suppress(NameError, UnboundLocalError):
            made.stop()
        clock.set_offset(timedelta())
        shutil.rmtree(home, ignore_errors=True)


def _environ(home: Path) -> dict[str, str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DATABASE", "DATABOURSE", "STRIPE", "PORT"))}
    own = {
        "DATABOURSE_MODE": "demonstration",
        "DATABOURSE_HOME": str(home),
        "DATABOURSE_URL": f"http://127.0.0.1:{port}",
        "PORT": str(port),
    }
    return kept | own


def _furnished(house: wsgi.House, config: Config, environ: dict[str, str]) -> Running:
    if house.server is None:
        raise RuntimeError("the database is the embedded one here")
    wsgi.prepare(house)
    seller = approved_company(house, "供方公司")
    buyers = [approved_company(house, f"需方{name}公司") for name in "甲乙"]
    product = published_product(house, seller)
    payout_accounts.request_account(seller.actor, country="HK")
    return Running(
        config=config,
        environ=environ,
        conninfo=house.conninfo("owner"),
        data=house.server._cluster.data,
        vkey=attest.vkey(),
        seller=seller,
        buyers=buyers,
        offer_id=product.offer_id,
    )


def _children(pid: int) -> list[int]:
    with suppress(FileNotFoundError, ProcessLookupError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _arguments(pid: int) -> list[str]:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")
    return []
