"""One private PostgreSQL cluster as files and processes: make it, start it, stop it.

Nothing here decides when; `exchange.postgres` does, holding the cluster's lock. Linux only.

Processes are recognised by what they say they are, never by a recorded number: each server runs with a
`cluster_name` made of its data folder's device and inode, which PostgreSQL shows in the command line of the
postmaster and in the title of every other process. Whether a server is *alive* is asked by a real connection.
"""

import contextlib
import hashlib
import os
import re
import select
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from exchange.postgres_account import SHELL, Account, PostgresUnavailable, sync

SOCKET = ".s.PGSQL.5432"
SOCKET_PATH_BYTES = 107  # sockaddr_un.sun_path holds 108 with the closing zero, unix(7)
STALL_SECONDS = 60
ORPHAN_SECONDS = 2
LOG_BYTES = 16 * 1024 * 1024

_PLAIN_PATH = re.compile(r"/[A-Za-z0-9._/-]+")  # means itself in a conninfo, a URL and postgresql.conf
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_parallel_workers_per_gather": "0",  # two cores, many small queries
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "log_startup_progress_interval": "10s",  # what `Cluster.wait` sees of a long recovery
}
_FAST_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class Cluster:
    """A data folder, the folder of its socket, its log, and the processes that serve it."""

    account: Account
    folder: Path
    log: Path

    @property
    def data(self) -> Path:
        """PGDATA."""
        return self.folder / "data"

    def major(self) -> int | None:
        """The PostgreSQL version that made the data; None before there is any."""
        try:
            return int((self.data / "PG_VERSION").read_text(encoding="ascii"))
        except FileNotFoundError:
            return None

    def name(self) -> str:
        """The cluster's name among processes; it stays when the folder is moved."""
        found = self.data.stat()
        return f"databourse-{found.st_dev:x}-{found.st_ino:x}"

    def sockets(self) -> Path:
        """The 0700 folder of the socket: the cluster's own, or a short one in /tmp if that path is unusable."""
        fits = len(os.fsencode(self.folder / SOCKET)) <= SOCKET_PATH_BYTES
        if fits and _PLAIN_PATH.fullmatch(str(self.folder)):
            return self.folder
        digest = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        # /tmp is the same for every process of this user, which XDG_RUNTIME_DIR is not (cron, su, services).
        return self.account.private_folder(Path(f"/tmp/databourse-{self.account.uid}-{digest}"))  # noqa: S108

    def initialise(self, programs: Path, script: Sequence[str], *, fast: bool, lock: int) -> None:
        """Make the data folder under a temporary name, run the SQL statements of `script`, then name it.

        The statements run in single-user mode: no server ever accepts connections without its passwords.
        `fast` gives up every safety of the data against a crash of the machine. The programs inherit `lock`: should
        the caller be killed, the next one waits for them to end before it removes what they made.

        Raises:
            PostgresUnavailable: A step failed; nothing but the temporary folder is left.
        """
        partial = self.folder / "data.partial"
        if partial.exists():
            shutil.rmtree(partial)
        settings = _SETTINGS | (_FAST_SETTINGS if fast else {})
        self.account.must_run(
            [
                programs / "initdb",
                f"--pgdata={partial}",
                "--username=postgres",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",  # the same order of text whatever the system's C library
                "--builtin-locale=C.UTF-8",
                "--data-checksums",
                "--auth=reject",
                "--no-instructions",
                *(["--no-sync"] if fast else []),
                *(f"--set={name}={value}" for name, value in settings.items()),
            ],
            folder=self.folder,
            inherit=[lock],
        )
        rule = "local all all scram-sha-256\n"
        # Written by the account itself: root follows no path inside a folder that another account controls.
        write: list[str | Path] = [SHELL, "-c", 'printf %s "$1" >"$2"', "sh", rule, partial / "pg_hba.conf"]
        self.account.must_run(write, folder=self.folder, inherit=[lock])
        quiet = ["-c", "exit_on_error=on", "-c", "log_min_error_statement=panic"]  # no password in an error
        self.account.must_run(
            [programs / "postgres", "--single", "-D", partial, "-j", *quiet, "template1"],
            folder=self.folder,
            text="".join(f"{statement};\n\n" for statement in script),
            inherit=[lock],
        )
        sync(partial / "pg_hba.conf")
        partial.rename(self.data)
        sync(self.folder)

    def start(self, programs: Path, answers: Callable[[], bool]) -> None:
        """Have a server that answers: wait for the one that is coming up, or launch one.

        Raises:
            PostgresUnavailable: It ended, or its log stood still for 60 seconds; with the log's last lines.
        """
        if self._postmasters():
            if not (self.sockets() / SOCKET).exists():
                self._signal(self._postmasters, signal.SIGINT)  # no one can reach it any more
            self.wait(lambda: self._ready(answers) or not self._postmasters(), "the running server")
            if self._ready(answers):
                return
        self._clear()
        ended = self._launch(programs)
        try:
            self.wait(lambda: self._ready(answers) or _closed(ended), "the new server")
            if not self._ready(answers):
                raise PostgresUnavailable(f"PostgreSQL ended at its start; {self._log_end()}")
        finally:
            os.close(ended)

    def stop(self) -> None:
        """Shut down cleanly («fast»: sessions end, a checkpoint is written) and wait until all processes ended.

        Raises:
            PostgresUnavailable: The server still runs and its log stood still for 60 seconds.
        """
        self._signal(self._postmasters, signal.SIGINT)
        self.wait(lambda: not self._processes(), "the stopping server")
        if self.sockets() != self.folder:
            with contextlib.suppress(OSError):  # not empty: somebody keeps something there
                self.sockets().rmdir()

    def wait(self, done: Callable[[], bool], what: str) -> None:
        """Wait as long as the log grows: crash recovery and checkpoints take the time they take."""
        size, since = -1, time.monotonic()
        while not done():
            if (grown := self._log_size()) != size:
                size, since = grown, time.monotonic()
            if time.monotonic() - since > STALL_SECONDS:
                raise PostgresUnavailable(
                    f"{what} ({self.data}) made no progress for {STALL_SECONDS} s; {self._log_end()}"
                )
            time.sleep(0.02)

    def _ready(self, answers: Callable[[], bool]) -> bool:
        """Ask for an answer once the postmaster says it is ready: an earlier question only fills the log."""
        try:
            lines = (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return False
        return lines[7:8] == ["ready   "] and answers()  # written by AddToDataDirLockFile, miscadmin.h

    def _clear(self) -> None:
        """Leave nothing of an earlier server that would stop a new one; the caller knows that none is alive.

        A server whose data folder was removed or moved away would take our socket with it when it ends, so it is
        ended first. Sessions that outlived their postmaster keep its shared memory; they get a moment to notice.
        """
        self._signal(self._displaced, signal.SIGQUIT)
        self.wait(lambda: not self._displaced(), "a server of removed data")
        end = time.monotonic() + ORPHAN_SECONDS
        while self._processes() and time.monotonic() < end:
            time.sleep(0.02)
        self._signal(self._processes, signal.SIGKILL)
        self.wait(lambda: not self._processes(), "what is left of an earlier server")
        for name in (SOCKET, f"{SOCKET}.lock"):
            (self.sockets() / name).unlink(missing_ok=True)
        if self._recorded_pid() is None:  # absent, or cut short by a full disk: PostgreSQL would refuse it
            (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _launch(self, programs: Path) -> int:
        """Start a postmaster that belongs to no caller; returns a pipe's end that closes when it has ended."""
        if self._log_size() > LOG_BYTES:
            self.log.replace(self.log.with_name(f"{self.log.name}.1"))
        stale = self._recorded_pid()
        # The number in a stale postmaster.pid may be a zombie's or a stranger's by now. Named as the grandparent,
        # it is not taken for a live server, while PostgreSQL's own check of the shared memory stays in force.
        extra = {} if stale is None else {"PG_GRANDPARENT_PID": str(stale)}
        command: list[str | Path] = [
            programs / "postgres",
            *("-D", self.data),
            *("-c", f"unix_socket_directories={self.sockets()}"),
            *("-c", self._name_setting()),
        ]
        ended, held = os.pipe()
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        try:
            # The shell ends at once, so the postmaster is nobody's child to wait for.
            launch = [SHELL, "-c", 'exec "$@" &', "sh", *command]
            self.account.run(launch, folder=self.folder, extra=extra, output=log, inherit=[held])
        except BaseException:
            os.close(ended)
            raise
        finally:
            os.close(log)
            os.close(held)
        return ended

    def _recorded_pid(self) -> int | None:
        try:
            return abs(int((self.data / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0]))
        except (FileNotFoundError, ValueError):
            return None

    def _name_setting(self) -> str:
        return f"cluster_name={self.name()}"

    def _postmasters(self) -> list[int]:
        """The postmaster, if one runs (and for an instant a child of it that has no title yet)."""
        setting = os.fsencode(self._name_setting())
        return [pid for pid, command in self._commands() if setting in command.split(b"\0")]

    def _processes(self) -> list[int]:
        """Every live process of this cluster, with or without its postmaster."""
        title, setting = os.fsencode(f"postgres: {self.name()}: "), os.fsencode(self._name_setting())
        return [
            pid for pid, command in self._commands() if command.startswith(title) or setting in command.split(b"\0")
        ]

    def _displaced(self) -> list[int]:
        """Postmasters that were started on this path when another folder stood here."""
        setting, path = os.fsencode(self._name_setting()), os.fsencode(self.data)
        commands = [(pid, command.split(b"\0")) for pid, command in self._commands()]
        return [pid for pid, words in commands if words[1:3] == [b"-D", path] and setting not in words]

    def _commands(self) -> Iterator[tuple[int, bytes]]:
        """The processes of the server's account and their command lines; a zombie's is empty."""
        for entry in os.scandir("/proc"):
            if entry.name.isdigit():
                with contextlib.suppress(OSError):  # it ended meanwhile
                    if entry.stat().st_uid == self.account.uid:
                        yield int(entry.name), Path(entry.path, "cmdline").read_bytes()

    def _signal(self, listed: Callable[[], Sequence[int]], number: signal.Signals) -> None:
        for pid in listed():
            with contextlib.suppress(ProcessLookupError):
                handle = os.pidfd_open(pid)
                try:
                    if pid in listed():  # still, now that the handle pins whom the number means
                        signal.pidfd_send_signal(handle, number)
                finally:
                    os.close(handle)

    def _log_size(self) -> int:
        try:
            return self.log.stat().st_size
        except FileNotFoundError:
            return 0

    def _log_end(self) -> str:
        try:
            lines = self.log.read_bytes()[-8192:].decode(errors="replace").splitlines()[-20:]
        except FileNotFoundError:
            lines = ["(none)"]
        return f"the end of {self.log}:\n" + "\n".join(lines)


def _closed(pipe: int) -> bool:
    return bool(select.select([pipe], [], [], 0)[0])
