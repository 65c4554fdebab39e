"""The roof: the only module that knows all four rooms.

``create_app()`` hangs their faces into one web application, ``worker()`` collects what falls due in them, and
``main()`` is the ``databourse`` command. Rooms are imported when a command needs them: ``verify`` needs none.
"""

# ruff: noqa: PLC0415  (imports inside functions: a command loads what it needs and no more)

import argparse
import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from flask import Flask

    from exchange.config import Config
    from exchange.jobs import Worker
    from exchange.lifecycle import Lifecycle
    from exchange.postgres import Role, Server
    from exchange.processes import Supervisor
    from settlement.gateways.stripe_gateway import StripeGateway
    from settlement.sandbox.app import Sandbox

ROLES: "dict[str, Role]" = {"owner": "databourse_owner", "app": "databourse_app", "sequencer": "databourse_sequencer"}
VARIABLES = {"owner": "DATABASE_URL_OWNER", "app": "DATABASE_URL", "sequencer": "DATABASE_URL_SEQUENCER"}


# -- the rooms --------------------------------------------------------------------------------------------------------


def rooms() -> None:
    """Load every room: its tables, gates and life cycles."""
    import listings.api
    import listings.jobs
    import provenance.api
    import provenance.jobs
    import settlement.api
    import settlement.delivery_api
    import settlement.jobs
    import settlement.ledger
    from exchange import handlers, schema

    schema.also(*settlement.ledger.statements())
    for part in (provenance.jobs, listings.jobs, settlement.jobs):
        for news, handler in getattr(part, "HANDLERS", {}).items():
            handlers.on(news, handler)


def lifecycles() -> "list[Lifecycle]":
    """Every life cycle of the house, by name."""
    from exchange.orm import Base, Stateful

    rooms()
    found = {m.class_.__lifecycle__ for m in Base.registry.mappers if issubclass(m.class_, Stateful)}
    return sorted(found, key=lambda cycle: cycle.name)


def create_app(opened: "House") -> "Flask":
    """The web application over an open house."""
    from werkzeug.middleware.dispatcher import DispatcherMiddleware
    from werkzeug.middleware.proxy_fix import ProxyFix

    import exchange.members.api
    import exchange.oversight.api
    import listings.api
    import provenance.api
    import settlement.api
    import settlement.delivery_api
    from exchange.members.queries import actor_of_token
    from exchange.web import api, demonstration, log, pages
    from exchange.web.app import csrf, make_app
    from settlement import hooks

    rooms()
    config = opened.config
    app = make_app(secret_key=config.secret_key, base_url=config.base_url, load_actor=actor_of_token)
    parts = (exchange.members.api, exchange.oversight.api, provenance.api, listings.api, settlement.api)
    blueprints = [blueprint for part in (*parts, settlement.delivery_api) for blueprint in part.blps]
    if config.demonstration:
        blueprints.append(demonstration.blp)
    api.init_app(app, *blueprints)
    for blueprint in (pages.blueprint, log.blueprint, hooks.hooks):
        app.register_blueprint(blueprint)
    for blueprint in (*blueprints, hooks.hooks):
        csrf.exempt(blueprint)  # bearer tokens and signatures are never sent by a browser on its own
    app.extensions[hooks.GATEWAY_EXTENSION] = opened.gateway
    if config.proxies:
        hops = config.proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    if opened.sandbox is not None:
        mount = {"/sandbox": opened.sandbox.hosted_pages}
        app.wsgi_app = DispatcherMiddleware(app.wsgi_app, mount)  # type: ignore[method-assign, arg-type]
    return app


def worker(opened: "House") -> "Worker":
    """Everything that falls due, in all rooms."""
    import exchange.members.jobs
    import listings.jobs
    import provenance.jobs
    import settlement.jobs
    from exchange.jobs import Worker

    rooms()
    parts = (exchange.members.jobs, provenance.jobs, listings.jobs, settlement.jobs)
    carriers = dict(settlement.jobs.outbox(opened.gateway))
    for part in parts:
        carriers |= getattr(part, "OUTBOX", {})
    rounds = list(settlement.jobs.rounds(opened.gateway))
    if opened.sandbox is not None:
        rounds.append(lambda: _deliver_webhooks(opened))
    return Worker(
        due={kind: handler for part in parts for kind, handler in getattr(part, "DUE", {}).items()},
        outbox=carriers,
        rounds=tuple(rounds),
    )


def _deliver_webhooks(opened: "House") -> bool:
    """Post the sandbox's events, as Stripe would."""
    import requests

    from settlement.sandbox.webhooks import deliver_webhooks

    def post(url: str, body: bytes, headers: "Mapping[str, str]") -> int:
        return requests.post(url, body, headers=dict(headers), timeout=10).status_code

    return deliver_webhooks(opened.conninfo("app"), post, limit=50) > 0


# -- the open house ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class House:
    """A configuration whose parts are bound in this process: database, keys, clock, goods, gateway."""

    config: "Config"
    databases: "Mapping[str, str]"
    gateway: "StripeGateway"
    sandbox: "Sandbox | None"
    server: "Server | None"

    def keep_database(self) -> None:
        """Start the embedded database again if it died."""
        from exchange import postgres

        if self.server is not None and not self.server.answers():
            postgres.start(self.config.home).release()

    def conninfo(self, role: str) -> str:
        """The database for psycopg, in a role (``owner``, ``app``, ``sequencer``)."""
        return _libpq(self.databases[role])

    @property
    def environ(self) -> dict[str, str]:
        """The environment for other processes of the same house."""
        return {
            **os.environ,
            **{VARIABLES[role]: url for role, url in self.databases.items()},
            "DATABOURSE_MODE": self.config.mode,
            "DATABOURSE_HOME": str(self.config.home),
            "DATABOURSE_URL": self.config.base_url,
            "PORT": str(self.config.port),
        }


@contextmanager
def house(config: "Config") -> "Iterator[House]":
    """Bind everything in this process; an embedded database is joined and left again."""
    from exchange import attest, clock, db, postgres, vault
    from exchange.journal.note import Signer
    from exchange.storage import open_store
    from listings import goods

    server = None
    databases = config.databases
    if not databases:
        server = postgres.start(config.home)
        databases = {role: server.url(name) for role, name in ROLES.items()}
    try:
        db.bind(databases["app"])
        clock.allow_offset(demonstration=config.demonstration)
        vault.bind(vault.KeyRing.of(config.master_key))
        attest.bind(Signer(config.origin, _log_key(config)))
        goods.bind(open_store(config.store_url, config.store_options))
        sandbox = _open_sandbox(config, _libpq(databases["app"]))
        yield House(config, databases, _open_gateway(config, sandbox), sandbox, server)
    finally:
        if server is not None:
            server.release()


def _libpq(url: str) -> str:
    """A SQLAlchemy URL as libpq reads it."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def _log_key(config: "Config") -> "Ed25519PrivateKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(config.log_key)


def _open_sandbox(config: "Config", conninfo: str) -> "Sandbox | None":
    if not config.sandbox:
        return None
    from settlement.sandbox.app import Sandbox

    return Sandbox(conninfo, secret_key=config.stripe_key, public_url=f"{config.base_url}/sandbox")


def _open_gateway(config: "Config", sandbox: "Sandbox | None") -> "StripeGateway":
    from settlement.gateways.stripe_gateway import open_gateway
    from settlement.sandbox.transport import InProcessClient

    return open_gateway(
        config.stripe_key,
        webhook_secrets=(config.webhook_secret,),
        http_client=InProcessClient(sandbox) if sandbox is not None else None,
        live=config.mode == "production" and config.stripe_key.startswith(("sk_live_", "rk_live_")),
    )


def prepare(open_house: House) -> None:
    """Bring the schema up to date and enter what a new installation starts with. Repeating it changes nothing."""
    from exchange import calendar, migrate
    from exchange.actors import Actor
    from settlement.sandbox import store, webhooks

    rooms()
    migrate.upgrade(open_house.databases["owner"])
    calendar.seed(Actor(None, None, frozenset({"operator"})))
    if open_house.sandbox is not None:
        config, owner = open_house.config, open_house.conninfo("owner")
        store.install(owner, users=(ROLES["app"],))
        webhooks.ensure_endpoint(owner, url=f"{config.base_url}/hooks/stripe", secret=config.webhook_secret)


# -- commands ---------------------------------------------------------------------------------------------------------


def main(arguments: "Sequence[str] | None" = None) -> int:
    """The ``databourse`` command; returns the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["verify"]:
        from exchange.journal import verify

        return verify.main(words[1:])
    options = _parser().parse_args(words)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    from exchange.config import ConfigError
    from exchange.postgres import PostgresUnavailable

    try:
        status: int = options.run(options)
    except (ConfigError, PostgresUnavailable) as refusal:
        print(f"databourse: {refusal}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="databourse",
        description="Databourse 数衡: a data exchange",
        epilog="databourse verify PATH --key VKEY checks an evidence bag and needs no database.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, words in (
        ("init", _init, "install the operator and its first administrator"),
        ("run", _run, "web, worker and sequencer on this machine"),
        ("web", _web, "the web server alone"),
        ("worker", _worker, "the worker alone"),
        ("sequencer", _sequencer, "the sequencer alone"),
        ("demo", _demo, "one whole trade on real data, then serve (SERVE=0: stop)"),
        ("routes", _routes, "every route with its guard"),
        ("lifecycle", _lifecycle, "the life cycles"),
        ("migrate", _migrate, "bring the schema up to date"),
        ("log-key", _log_vkey, "the log's public key, for: databourse verify PATH --key VKEY"),
    ):
        command = commands.add_parser(name, help=words, description=words)
        command.set_defaults(run=run)
        if name == "init":
            command.add_argument("--name", required=True, help="the operator's name")
            command.add_argument("--uscc", required=True, help="its unified social credit code")
            command.add_argument("--person", required=True, help="the first administrator's name")
            command.add_argument("--email", required=True, help="what the administrator signs in with")
            command.add_argument("--password-file", help="read the password there instead of asking for it")
        if name == "lifecycle":
            command.add_argument("what", choices=["draw"], help="print them as Mermaid diagrams")
    return parser


def _config(mode: str | None = None) -> "Config":
    from exchange.config import Config

    port = os.environ.get("PORT", "8000")
    environ = {"DATABOURSE_URL": f"http://127.0.0.1:{port}", **os.environ}
    return Config.load(environ, mode=mode)


def _init(options: argparse.Namespace) -> int:
    import getpass
    from pathlib import Path

    from exchange import attest
    from exchange.errors import ExchangeError
    from exchange.members.staff import create_operator

    try:
        if options.password_file:
            password = Path(options.password_file).read_text(encoding="utf-8").rstrip("\n")
        else:
            password = getpass.getpass("Password of the administrator: ")
    except (OSError, EOFError) as failure:
        print(f"databourse: no password: {failure}", file=sys.stderr)
        return 2
    with house(_config()) as opened:
        prepare(opened)
        try:
            made = create_operator(
                name=options.name,
                uscc=options.uscc,
                person_name=options.person,
                email=options.email,
                password=password,
            )
        except ExchangeError as refusal:
            print(f"databourse: {refusal}", file=sys.stderr)
            return 1
        print(f"operator {made.org_id}")
        print(f"totp {made.totp_secret}")
        print(f"log key {attest.vkey()}")
    print("Enter the totp secret in an authenticator now: it is not shown again. Then: databourse run")
    return 0


def _run(_options: argparse.Namespace) -> int:
    from exchange.db import read
    from exchange.members.people import operator_id
    from exchange.processes import stop_on_signals

    stop = stop_on_signals()
    with house(_config()) as opened:
        prepare(opened)
        with read() as session:
            if operator_id(session) is None:
                print("databourse: there is no operator yet; run: databourse init", file=sys.stderr)
                return 1
        with processes(opened) as supervisor:
            print(f"serving on {opened.config.base_url}", flush=True)
            return 0 if supervisor.watch(stop, opened.keep_database) else 1


@contextmanager
def processes(opened: House) -> "Iterator[Supervisor]":
    """Web, worker and sequencer of an open house, running; they end with the block."""
    from exchange.processes import Supervisor, command

    supervisor = Supervisor({name: command(name) for name in ("sequencer", "worker", "web")}, opened.environ)
    supervisor.start()
    try:
        yield supervisor
    finally:
        supervisor.stop()


def _web(_options: argparse.Namespace) -> int:
    from contextlib import ExitStack

    from exchange.processes import end_with_parent
    from exchange.web.server import serve

    end_with_parent()
    config = _config()
    kept = ExitStack()  # each worker process opens the house for its life

    def make_app() -> "Flask":
        return create_app(kept.enter_context(house(config)))

    serve(make_app, host=config.host, port=config.port)
    return 0


def _worker(_options: argparse.Namespace) -> int:
    from exchange.processes import end_with_parent, stop_on_signals

    end_with_parent()
    stop = stop_on_signals()
    with house(_config()) as opened:
        worker(opened).run(stop)
    return 0


def _sequencer(_options: argparse.Namespace) -> int:
    from exchange import attest
    from exchange.journal.sequencer import Sequencer, SequencerRefuses
    from exchange.processes import end_with_parent, stop_on_signals

    end_with_parent()
    stop = stop_on_signals()
    with house(_config()) as opened:
        sequencer = Sequencer(opened.conninfo("sequencer"), attest.signer())
        try:
            sequencer.open()
        except SequencerRefuses as refusal:
            print(f"databourse: the log does not grow: {refusal}", file=sys.stderr)
            return 1
        try:
            sequencer.run(stop)
        finally:
            sequencer.close()
    return 0


def _routes(_options: argparse.Namespace) -> int:
    from exchange.web.access import guard_of

    with house(_config("development")) as opened:
        app = create_app(opened)
        for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, rule.endpoint)):
            guard = guard_of(app.view_functions[rule.endpoint])
            kind = f"{guard.kind} {' '.join(sorted(guard.roles))}".strip() if guard else "public (files)"
            print(f"{' '.join(sorted((rule.methods or set()) - {'HEAD', 'OPTIONS'})):<12} {rule.rule:<60} {kind}")
    return 0


def _lifecycle(_options: argparse.Namespace) -> int:
    for cycle in lifecycles():
        print(f"## {cycle.name}\n\n```mermaid\n{cycle.mermaid()}\n```\n")
    return 0


def _migrate(_options: argparse.Namespace) -> int:
    with house(_config()) as opened:
        prepare(opened)
    return 0


def _log_vkey(_options: argparse.Namespace) -> int:
    from exchange.journal.note import Signer

    config = _config()
    print(Signer(config.origin, _log_key(config)).vkey)
    return 0


def _demo(_options: argparse.Namespace) -> int:
    from demonstration import run

    return run.main(sys.modules[__name__])


if __name__ == "__main__":
    sys.exit(main())
