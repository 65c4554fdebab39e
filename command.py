"""The ``databourse`` command.

Commands are looked up by name and load what they need: those of ``ALONE`` need neither the exchange nor a database.
"""

# ruff: noqa: PLC0415  (imports inside functions: a command loads what it needs and no more)

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import log_command
import wsgi

if TYPE_CHECKING:
    from flask import Flask

    from exchange.config import Config

#: Commands that need neither the settings nor the database, and the module whose ``main`` each of them is.
ALONE = {
    "verify": "exchange.journal.verify",
    "monitor": "exchange.journal.monitor",
    "witness": "exchange.web.witness",
    "scan": "scan_command",
}


def main(arguments: "Sequence[str] | None" = None) -> int:
    """The ``databourse`` command; returns the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0] in ALONE:
        module = importlib.import_module(ALONE[words[0]])
        alone: int = module.main(words[1:])
        return alone
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
        epilog=f"These need no database and explain themselves: {', '.join(ALONE)} (databourse verify --help).",
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
    log_command.add_to(commands, _config)
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
    with wsgi.house(_config()) as opened:
        wsgi.prepare(opened)
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
    with wsgi.house(_config()) as opened:
        wsgi.prepare(opened)
        with read() as session:
            if operator_id(session) is None:
                print("databourse: there is no operator yet; run: databourse init", file=sys.stderr)
                return 1
        with wsgi.processes(opened) as supervisor:
            print(f"serving on {opened.config.base_url}", flush=True)
            return 0 if supervisor.watch(stop, opened.keep_database) else 1


def _web(_options: argparse.Namespace) -> int:
    from contextlib import ExitStack

    from exchange.processes import end_with_parent
    from exchange.web.server import serve

    end_with_parent()
    config = _config()
    kept = ExitStack()  # each worker process opens the house for its life

    def make_app() -> "Flask":
        return wsgi.create_app(kept.enter_context(wsgi.house(config)))

    serve(make_app, host=config.host, port=config.port)
    return 0


def _worker(_options: argparse.Namespace) -> int:
    from exchange.processes import end_with_parent, stop_on_signals

    end_with_parent()
    stop = stop_on_signals()
    with wsgi.house(_config()) as opened:
        wsgi.worker(opened).run(stop)
    return 0


def _sequencer(_options: argparse.Namespace) -> int:
    from exchange import attest
    from exchange.journal.sequencer import Sequencer, SequencerRefuses
    from exchange.processes import end_with_parent, stop_on_signals

    end_with_parent()
    stop = stop_on_signals()
    with wsgi.house(_config()) as opened:
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

    with wsgi.house(_config("development")) as opened:
        app = wsgi.create_app(opened)
        for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, rule.endpoint)):
            guard = guard_of(app.view_functions[rule.endpoint])
            kind = f"{guard.kind} {' '.join(sorted(guard.roles))}".strip() if guard else "public (files)"
            print(f"{' '.join(sorted((rule.methods or set()) - {'HEAD', 'OPTIONS'})):<12} {rule.rule:<60} {kind}")
    return 0


def _lifecycle(_options: argparse.Namespace) -> int:
    for cycle in wsgi.lifecycles():
        print(f"## {cycle.name}\n\n```mermaid\n{cycle.mermaid()}\n```\n")
    return 0


def _migrate(_options: argparse.Namespace) -> int:
    with wsgi.house(_config()) as opened:
        wsgi.prepare(opened)
    return 0


def _log_vkey(_options: argparse.Namespace) -> int:
    from exchange.journal.note import Signer

    config = _config()
    print(Signer(config.origin, wsgi.log_key(config)).vkey)
    return 0


def _demo(_options: argparse.Namespace) -> int:
    from demonstration import run

    return run.main()


if __name__ == "__main__":
    sys.exit(main())
