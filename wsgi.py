"""The roof: the only module that knows all four rooms.

``create_app()`` hangs their faces into one web application, ``worker()`` collects what falls due in them, and
``house()`` binds what they lean on. Rooms are imported when something needs them: most commands need few.
"""

# ruff: noqa: PLC0415  (imports inside functions: whoever opens the house loads what it needs and no more)

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from flask import Flask

    from exchange.config import Config
    from exchange.jobs import Worker
    from exchange.lifecycle import Lifecycle
    from exchange.mail import Post
    from exchange.postgres import Role, Server
    from exchange.processes import Supervisor
    from settlement.gateways.stripe_gateway import StripeGateway
    from settlement.sandbox.app import Sandbox

ROLES: "dict[str, Role]" = {"owner": "databourse_owner", "app": "databourse_app", "sequencer": "databourse_sequencer"}
VARIABLES = {"owner": "DATABASE_URL_OWNER", "app": "DATABASE_URL", "sequencer": "DATABASE_URL_SEQUENCER"}


# -- the rooms --------------------------------------------------------------------------------------------------------


def rooms() -> None:
    """Load every room: its tables, gates and life cycles."""
    import exchange.members.api
    import exchange.members.demonstration
    import exchange.members.notifications
    import exchange.oversight.api
    import exchange.oversight.jobs  # noqa: F401  (their tables)
    import listings.api
    import listings.figures
    import listings.jobs
    import provenance.api
    import provenance.jobs
    import settlement.api
    import settlement.delivery_api
    import settlement.figures
    import settlement.jobs
    import settlement.ledger
    from exchange import handlers, schema
    from exchange.oversight import figures

    schema.also(*settlement.ledger.statements())
    for part in (provenance.jobs, listings.jobs, settlement.jobs):
        for news, handler in getattr(part, "HANDLERS", {}).items():
            handlers.on(news, handler)
    for provider in (*listings.figures.FIGURES, *settlement.figures.FIGURES):
        figures.register(provider)
    for keeper in listings.figures.LEDGERS:
        figures.register_ledger(keeper)


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
    import exchange.members.demonstration
    import exchange.oversight.api
    import listings.api
    import listings.catalogue
    import provenance.api
    import settlement.api
    import settlement.delivery_api
    from exchange.members.queries import actor_of_token
    from exchange.web import api, demonstration, desk, log, pages, words
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
    words.init_app(app, _words())
    app.extensions[pages.NEWEST] = listings.catalogue.newest
    desk.init_app(app, faces())
    for blueprint in (*blueprints, hooks.hooks):
        csrf.exempt(blueprint)  # bearer tokens and signatures are never sent by a browser on its own
    app.extensions[hooks.GATEWAY_EXTENSION] = opened.gateway
    if config.demonstration:
        exchange.members.demonstration.init_app(app)
    app.jinja_env.globals.update(sandbox=config.sandbox)
    if config.proxies:
        hops = config.proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    if opened.sandbox is not None:
        mount = {"/sandbox": opened.sandbox.hosted_pages}
        app.wsgi_app = DispatcherMiddleware(app.wsgi_app, mount)  # type: ignore[method-assign, arg-type]
    return app


def faces() -> "list[ModuleType]":
    """The modules with pages, in the order of their menus."""
    import exchange.members.console
    import exchange.members.notification_views
    import exchange.members.views
    import exchange.oversight.views
    import listings.catalogue
    import listings.console
    import listings.export_views
    import listings.grade_views
    import listings.prohibited_views
    import listings.views
    import provenance.console
    import provenance.views
    import settlement.console
    import settlement.lot_views
    import settlement.views

    parties = (listings.catalogue, settlement.views, settlement.lot_views, listings.views, provenance.views)
    staff = (
        exchange.members.console,
        listings.console,
        listings.grade_views,
        listings.export_views,
        listings.prohibited_views,
        provenance.console,
        settlement.console,
    )
    own = (exchange.members.views, exchange.members.notification_views)
    return [*parties, *own, *staff, exchange.oversight.views]


def _words() -> "list[ModuleType]":
    import exchange.members.words
    import exchange.oversight.words
    import listings.words
    import provenance.words
    import settlement.words

    return [exchange.members.words, exchange.oversight.words, provenance.words, listings.words, settlement.words]


def _union(name: str) -> "dict[str, str]":
    """What the rooms' word lists hold under ``name``, together."""
    return {action: words.ACTIONS[action] for words in _words() for action in getattr(words, name, ())}


def worker(opened: "House") -> "Worker":
    """Everything that falls due, in all rooms."""
    import exchange.members.jobs
    import exchange.oversight.jobs
    import listings.jobs
    import provenance.jobs
    import settlement.jobs
    import settlement.words
    from exchange import attest, hygiene, witnesses
    from exchange.jobs import Worker
    from exchange.journal.mirror import Mirror
    from exchange.journal.nightly import Nightly
    from exchange.members import notifications, stale
    from exchange.storage import open_store

    rooms()
    parts = (exchange.members.jobs, exchange.oversight.jobs, provenance.jobs, listings.jobs, settlement.jobs)
    carriers = dict(settlement.jobs.outbox(opened.gateway))
    carriers[notifications.MAIL] = notifications.carrier(_union("ACTIONS"), opened.config.base_url)
    for part in parts:
        carriers |= getattr(part, "OUTBOX", {})
    rounds = [
        *settlement.jobs.rounds(opened.gateway),
        *exchange.oversight.jobs.ROUNDS,
        notifications.follow(frozenset(_union("TOLD")), settlement.words.HANDS_ON),
    ]
    rounds.append(hygiene.Hygiene(*hygiene.STALE, *stale.STALE))
    if opened.config.witnesses is not None:
        late_after = timedelta(minutes=opened.config.witness_late_minutes)
        rounds.append(witnesses.open_collector(opened.config.witnesses, late_after, attest.vkey()))
    rounds.append(Nightly(opened.conninfo("app"), [attest.vkey()]))
    if opened.config.log_mirror:
        mirrored = open_store(opened.config.log_mirror, opened.config.log_mirror_options)
        rounds.append(Mirror(mirrored, opened.conninfo("app")))
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
    from exchange import attest, clock, db, mail, postgres, vault
    from exchange.journal.note import Signer
    from exchange.storage import open_store
    from listings import goods
    from settlement import tariff

    server = None
    databases = config.databases
    if not databases:
        server = postgres.start(config.home)
        databases = {role: server.url(name) for role, name in ROLES.items()}
    try:
        db.bind(databases["app"])
        clock.allow_offset(demonstration=config.demonstration)
        vault.bind(vault.KeyRing.of_all(config.master_keys))
        attest.bind(Signer(config.origin, log_key(config)))
        goods.bind(open_store(config.store_url, config.store_options))
        mail.bind(_open_post(config))
        tariff.bind(config.fee_basis_points)
        sandbox = _open_sandbox(config, _libpq(databases["app"]))
        yield House(config, databases, _open_gateway(config, sandbox), sandbox, server)
    finally:
        if server is not None:
            server.release()


def _libpq(url: str) -> str:
    """A SQLAlchemy URL as libpq reads it."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def log_key(config: "Config") -> "Ed25519PrivateKey":
    """The key that signs checkpoints."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(config.log_key)


def _open_post(config: "Config") -> "Post":
    from exchange.mail import Folder, Smtp

    if config.smtp_url:
        return Smtp(config.smtp_url, config.mail_sender)
    return Folder(config.home / "mail", config.mail_sender)


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
    from listings import shelf
    from settlement.sandbox import store, webhooks

    rooms()
    migrate.upgrade(open_house.databases["owner"])
    shelf.restock()
    calendar.seed(Actor(None, None, frozenset({"operator"})))
    if open_house.sandbox is not None:
        config, owner = open_house.config, open_house.conninfo("owner")
        store.install(owner, users=(ROLES["app"],))
        webhooks.ensure_endpoint(owner, url=f"{config.base_url}/hooks/stripe", secret=config.webhook_secret)


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
