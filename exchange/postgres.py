"""The embedded PostgreSQL: used when no DATABASE_URL is set, shared by all processes of one home folder.

    with start(home) as server:
        psycopg.connect(server.conninfo("databourse_app"))

The first process starts the server, the others find it by an authenticated connection, and the last one out stops
it. Users are counted by shared locks, which the kernel frees when a process dies by whatever means. A server whose
users were all killed runs on; the next one to come uses it.

In `home`: `postgres/` (data and socket; 0700, the server's account), `postgres.secrets` (0600), `postgres.lock`
(one process at a time starts or stops), `postgres.users` (a shared lock per user), `postgres.log`, and
`postgres.location` if the data had to live elsewhere (root, below a folder closed to the server's account).
"""

import fcntl
import json
import os
import secrets
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from exchange.postgres_account import Account, PostgresUnavailable, binaries, exclusive, locate, write_private
from exchange.postgres_server import Cluster

__all__ = ["DATABASE", "STATE_FOLDER", "PostgresUnavailable", "Role", "Server", "start"]

Role = Literal["databourse_owner", "databourse_app", "databourse_sequencer"]

DATABASE = "databourse"
STATE_FOLDER = Path("/var/lib/databourse")

_OWNER: Role = "databourse_owner"
_OTHERS: tuple[Role, ...] = ("databourse_app", "databourse_sequencer")
_SUPERUSER = "postgres"
_CONNECT_SECONDS = 5


def start(home: Path, *, fast: bool = False, state: Path = STATE_FOLDER) -> "Server":
    """Use the PostgreSQL of `home`: make it, start it or join it, whichever is needed.

    Args:
        home: A folder of the caller; made if missing.
        fast: For tests. A cluster made now gives up its safety against a crash of the machine (fsync off); a
            cluster that exists stays as it was made.
        state: Where root keeps data and binaries that the server's account cannot reach in their own place.

    Raises:
        PostgresUnavailable: No server can be had; the message says why and ends with the server's log.
    """
    if sys.platform != "linux":
        raise PostgresUnavailable(f"the embedded PostgreSQL runs on Linux, not on {sys.platform}: set DATABASE_URL")
    try:
        home.mkdir(parents=True, exist_ok=True)
        return _start(home.resolve(), fast=fast, state=state)
    except OSError as error:
        raise PostgresUnavailable(f"the embedded PostgreSQL of {home} cannot be used: {error}") from error


def _start(home: Path, *, fast: bool, state: Path) -> "Server":
    with exclusive(home / "postgres.lock") as lock:
        account = Account.current()
        cluster = Cluster(account, locate(home, account, state), home / "postgres.log")
        exists = cluster.major() is not None
        server = Server(home, cluster, _secrets(home / "postgres.secrets", exists=exists))
        if not (exists and server.answers()):
            programs = binaries(account, state, cluster.major())
            if not exists:
                cluster.initialise(programs, server.provision(), fast=fast, lock=lock)
            cluster.start(programs, server.answers)
        server.join()
        return server


def _secrets(path: Path, *, exists: bool) -> "Secrets":
    """Read the passwords, or make them for a cluster that does not exist yet."""
    if not path.exists():
        if exists:
            raise PostgresUnavailable(f"{path} is missing: without it nobody can sign in to the existing cluster")
        made = {name: secrets.token_urlsafe(32) for name in (_SUPERUSER, _OWNER, *_OTHERS)}
        write_private(path, json.dumps(made, indent=1))
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise PostgresUnavailable(f"{path} is not a private file (0600) of user id {os.geteuid()}")
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        return Secrets(read.pop(_SUPERUSER), {role: str(read[role]) for role in (_OWNER, *_OTHERS)})
    except (ValueError, KeyError, AttributeError):
        raise PostgresUnavailable(f"{path} does not hold the passwords of the cluster") from None


@dataclass(frozen=True)
class Secrets:
    """The passwords of a cluster, each good for one role."""

    superuser: str
    roles: dict[Role, str]

    def __repr__(self) -> str:
        return "Secrets(...)"


class Server:
    """A running server, and this process's claim on it until `release`."""

    def __init__(self, home: Path, cluster: Cluster, passwords: Secrets) -> None:
        self._home = home
        self._cluster = cluster
        self._secrets = passwords
        self._sockets = cluster.sockets()
        self._users: int | None = None
        self._process = os.getpid()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def conninfo(self, role: Role, database: str = DATABASE) -> str:
        """A libpq connection string for psycopg; it holds the role's password."""
        return self._conninfo(role, self._secrets.roles[role], database)

    def url(self, role: Role, database: str = DATABASE) -> str:
        """A SQLAlchemy URL; it holds the role's password."""
        where = urlencode({"host": self._sockets, "port": 5432, "require_auth": "scram-sha-256"}, quote_via=quote)
        user, password = quote(role, safe=""), quote(self._secrets.roles[role], safe="")
        return f"postgresql+psycopg://{user}:{password}@/{quote(database, safe='')}?{where}"

    def create_database(self, name: str, template: str = "template1") -> None:
        """Make a database of `databourse_owner` that the other roles may connect to.

        Raises psycopg's `DuplicateDatabase`, `InvalidCatalogName`, or `ObjectInUse` while the template has sessions.
        """
        with self._superuser() as connection:
            for statement in _database_statements(name, template):
                connection.execute(statement)

    def drop_database(self, name: str) -> None:
        """Remove a database, if it exists, and end the sessions in it."""
        with self._superuser() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def release(self) -> None:
        """Give up this process's claim; the last one out stops the server. A second call does nothing.

        In a forked child it only forgets: the claim is its parent's.

        Raises:
            PostgresUnavailable: The server had to be stopped and did not stop.
        """
        users, self._users = self._users, None
        if users is None:
            return
        try:
            if os.getpid() != self._process:
                return
            with exclusive(self._home / "postgres.lock"):
                if self._claims_this_home(users) and _only_holder(users):
                    self._cluster.stop()
                os.close(users)  # before the next process is let in
                users = None
        except OSError as error:
            raise PostgresUnavailable(f"the embedded PostgreSQL of {self._home} did not stop: {error}") from error
        finally:
            if users is not None:
                os.close(users)

    def _claims_this_home(self, users: int) -> bool:
        """Whether the lock held is still the one that users take: not if the home was removed and made anew."""
        return os.path.samestat(os.fstat(users), (self._home / "postgres.users").stat())

    def join(self) -> None:
        """Claim the server; the caller holds the cluster's lock, under which no other process can be leaving."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._users = os.open(self._home / "postgres.users", flags, 0o600)
        fcntl.flock(self._users, fcntl.LOCK_SH)

    def answers(self) -> bool:
        """Whether this cluster's server accepts its launcher's sign-in.

        Raises:
            PostgresUnavailable: A server is there and refuses, for a reason that waiting does not mend.
        """
        try:
            with self._superuser() as connection:
                found = connection.execute("SELECT current_setting('cluster_name')").fetchone()
        except psycopg.OperationalError as error:
            # «the database system is starting up», «... is shutting down», «... is in recovery mode»
            if "FATAL:" in str(error) and "the database system is" not in str(error):
                raise PostgresUnavailable(f"the server at {self._sockets} refuses its launcher: {error}") from error
            return False
        return found == (self._cluster.name(),)

    def provision(self) -> Sequence[str]:
        """The statements that give a new cluster its roles and its database."""
        attributes = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
        statements: list[sql.Composable] = [
            sql.SQL("ALTER ROLE postgres PASSWORD {}").format(sql.Literal(self._secrets.superuser)),
            *(
                sql.SQL("CREATE ROLE {} " + attributes + " PASSWORD {}").format(sql.Identifier(role), sql.Literal(word))
                for role, word in self._secrets.roles.items()
            ),
            sql.SQL("REVOKE CREATE ON SCHEMA public FROM PUBLIC"),  # in template1, so in every database
            sql.SQL("REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC"),
            *_database_statements(DATABASE, "template1"),
        ]
        return [statement.as_string() for statement in statements]

    def _conninfo(self, user: str, password: str, database: str) -> str:
        # require_auth: never hand a password to whoever else might listen there.
        return make_conninfo(
            host=str(self._sockets),
            port=5432,
            user=user,
            password=password,
            dbname=database,
            require_auth="scram-sha-256",
        )

    def _superuser(self) -> psycopg.Connection:
        info = self._conninfo(_SUPERUSER, self._secrets.superuser, "postgres")
        return psycopg.connect(info, autocommit=True, connect_timeout=_CONNECT_SECONDS)


def _database_statements(name: str, template: str) -> list[sql.Composed]:
    database, owner = sql.Identifier(name), sql.Identifier(_OWNER)
    others = sql.SQL(", ").join(map(sql.Identifier, _OTHERS))
    return [
        sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(database, owner, sql.Identifier(template)),
        sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database),
        sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, others),
    ]


def _only_holder(users: int) -> bool:
    """Whether nobody else holds the shared lock; it is ours alone if so, and perhaps lost if not."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
