"""``databourse witness``: a witness as a process of its own, over HTTP (c2sp.org/tlog-witness).

It needs neither the database nor the exchange, only Python, ``cryptography`` and gunicorn. It listens where it is told
and speaks plain HTTP: whoever opens it to others puts it behind a proxy with TLS.
"""

import argparse
import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exchange.journal import keys, witness
from exchange.journal.witness import CannotWitness, RequestRefused, Witness
from exchange.web import server

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_PATH = "/add-checkpoint"
_TEXT = "text/plain; charset=utf-8"
_STATUS: dict[type[RequestRefused], HTTPStatus] = {
    witness.BadRequest: HTTPStatus.BAD_REQUEST,
    witness.UnknownLog: HTTPStatus.NOT_FOUND,
    witness.Untrusted: HTTPStatus.FORBIDDEN,
    witness.NotConsistent: HTTPStatus.UNPROCESSABLE_ENTITY,
}
_Answer = tuple[HTTPStatus, str, str]  # status, type of content, text


def application(own: Witness) -> "WSGIApplication":
    """The witness as a WSGI application: one path, one method."""

    def serve(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        status, content_type, text = _answer(own, environ)
        body = text.encode()
        headers = [("Content-Type", content_type), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")]
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            headers.append(("Allow", "POST"))
        start_response(f"{status.value} {status.phrase}", headers)
        return [body]

    return serve


def _answer(own: Witness, environ: "WSGIEnvironment") -> _Answer:
    unread = _refuse_unread(environ)
    if unread is not None:
        return unread
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    try:
        return HTTPStatus.OK, _TEXT, own.add_checkpoint(body)
    except witness.AnotherSize as conflict:
        return HTTPStatus.CONFLICT, "text/x.tlog.size", f"{conflict.size}\n"
    except RequestRefused as refusal:
        return _said(_STATUS[type(refusal)], str(refusal))


def _refuse_unread(environ: "WSGIEnvironment") -> _Answer | None:
    """What can be said before the body is read."""
    if environ.get("PATH_INFO") != _PATH:
        return _said(HTTPStatus.NOT_FOUND, f"a witness answers POST {_PATH}")
    if environ["REQUEST_METHOD"] != "POST":
        return _said(HTTPStatus.METHOD_NOT_ALLOWED, f"a witness answers POST {_PATH}")
    length = environ.get("CONTENT_LENGTH") or ""
    if not (length.isascii() and length.isdigit()):
        return _said(HTTPStatus.LENGTH_REQUIRED, "the request does not say how long it is")
    if int(length) > witness.BODY_LIMIT_BYTES:
        return _said(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request has at most {witness.BODY_LIMIT_BYTES} bytes")
    return None


def _said(status: HTTPStatus, sentence: str) -> _Answer:
    return status, _TEXT, f"{sentence}\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status: 0 done, 1 there is evidence against a log (``show``), 2 refused."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except (CannotWitness, keys.InvalidKey) as refusal:
        sys.stderr.write(f"databourse witness: {refusal}\n")
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="databourse witness", description="Cosign the checkpoints of logs, and of each log one history only."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    init = _command(commands, "init", _init, "make a key, a list of logs and an empty memory; print the public key")
    init.add_argument("--name", required=True, help="what it signs under: a host and path, as witness.example/w1")
    init.add_argument("--log", action="append", default=[], metavar="VKEY", help="a log to cosign; may be repeated")
    init.add_argument(
        "--key", action="append", choices=sorted(witness.KINDS), help="kinds of keys to make (ed25519); may be repeated"
    )
    run = _command(
        commands, "run", _run, "serve POST /add-checkpoint until stopped; SIGHUP reads the list of logs anew"
    )
    run.add_argument("--host", default="127.0.0.1")
    run.add_argument("--port", type=int, default=8100)
    _command(commands, "show", _show, "its keys, the last checkpoint of each log, and any evidence (exit status 1)")
    return parser


def _command(commands: Any, name: str, run: Callable[[argparse.Namespace], int], words: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=words, description=words)
    command.add_argument("folder", type=Path, metavar="FOLDER", help="where its key and memory are kept")
    command.set_defaults(run=run)
    return command


def _init(options: argparse.Namespace) -> int:
    vkeys = witness.prepare(options.folder, options.name, kinds=options.key or ["ed25519"], logs=options.log)
    sys.stdout.write("".join(f"{vkey}\n" for vkey in vkeys))
    return 0


def _run(options: argparse.Namespace) -> int:
    Witness(options.folder)  # what is not whole is said at once, and not by a worker that ends again and again
    server.serve(
        lambda: application(Witness(options.folder)),
        host=options.host,
        port=options.port,
        workers=1,
        name="databourse-witness",
    )
    return 0


def _show(options: argparse.Namespace) -> int:
    own = Witness(options.folder)
    lines = [f"key {cosigner.vkey}" for cosigner in own.cosigners]
    for origin in own.logs:
        held = own.held(origin)
        lines.append(f"log {origin} size {held.size} root {held.root.hex()}")
    evidence = own.evidence()
    lines += [f"evidence {place}" for place in evidence]
    lines += [f"unproven {place}" for place in own.unproven()]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 1 if evidence else 0


if __name__ == "__main__":
    sys.exit(main())
