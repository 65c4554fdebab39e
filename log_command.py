"""``databourse log``: check the whole log, copy it into a folder, prove an entry."""

# ruff: noqa: PLC0415  (imports inside functions: a command loads what it needs and no more)

import argparse
import dataclasses
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import wsgi

if TYPE_CHECKING:
    from exchange.config import Config
    from exchange.journal.fsck import Result
    from exchange.journal.sources import Address

SOUND, FAULTY, UNREADABLE = 0, 1, 2
#: A regulator's token for the bundles of entries of a site.
TOKEN = "DATABOURSE_TOKEN"  # noqa: S105  (the variable's name)

_Load = Callable[[], "Config"]


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", load: _Load) -> None:
    """Add the command and its parts to the parser; ``load`` reads the settings for those that need a database."""
    log = commands.add_parser("log", help="check, copy and prove the log", description="The log: check, copy, prove.")
    parts = log.add_subparsers(required=True, metavar="PART")

    words = "check every entry, tile, checkpoint and story; exit status 0 sound, 1 findings, 2 not readable"
    fsck = parts.add_parser("fsck", help=words, description=words)
    fsck.add_argument("where", nargs="?", help="a folder or the URL of a log; without it the database of this house")
    fsck.add_argument(
        "--key", action="append", required=True, metavar="VKEY", help="a verifier key of the log; may be repeated"
    )
    fsck.add_argument("--json", action="store_true", help="print the result as JSON")
    fsck.add_argument("--deep", action="store_true", help="parse each entry in full; takes some ten times as long")
    fsck.add_argument("--jobs", type=_count, default=os.cpu_count() or 1, help="processes that read (one per core)")
    fsck.set_defaults(run=lambda options: _fsck(options, load))

    words = "copy the log into a folder: tiles, bundles of entries, checkpoint; any file server can serve it"
    export = parts.add_parser("export", help=words, description=words)
    export.add_argument("folder", type=Path)
    export.add_argument("--from", dest="where", help="a folder or the URL of a log instead of this house's database")
    export.set_defaults(run=lambda options: _export(options, load))

    words = "print the tlog-proof of an entry of this house's log"
    proof = parts.add_parser("proof", help=words, description=words)
    proof.add_argument("entry", metavar="ENTRY_ID")
    proof.add_argument("--leaf", type=Path, help="write the entry's bytes there: what the proof is about")
    proof.add_argument("--receipt", type=Path, help="write the COSE receipt (RFC 9942) there")
    proof.set_defaults(run=lambda options: _proof(options, load))


def _fsck(options: argparse.Namespace, load: _Load) -> int:
    from exchange.journal.fsck import Fsck
    from exchange.journal.note import InvalidKey
    from exchange.journal.sources import Unreadable

    try:
        with _address(options.where, load) as address:
            check = Fsck(address, options.key, jobs=options.jobs, deep=options.deep)
            _show_progress("fsck", check.steps())
    except (Unreadable, InvalidKey) as error:
        print(f"databourse log fsck: {error}", file=sys.stderr)
        return UNREADABLE
    result = check.result
    sys.stdout.write(_as_json(result) if options.json else _as_text(result))
    return FAULTY if result.findings else SOUND


def _export(options: argparse.Namespace, load: _Load) -> int:
    from exchange.journal import export
    from exchange.journal.sources import Unreadable

    try:
        with _address(options.where, load) as address:
            copied = _show_progress("export", export.steps(address, options.folder))
    except (Unreadable, OSError) as error:
        print(f"databourse log export: {error}", file=sys.stderr)
        return UNREADABLE
    print(f"{copied} entries copied to {options.folder}")
    print(f"databourse log fsck {options.folder} --key VKEY")
    return SOUND


def _proof(options: argparse.Namespace, load: _Load) -> int:
    from exchange.db import read
    from exchange.errors import ExchangeError
    from exchange.journal import proofs

    with wsgi.house(load()):
        try:
            with read() as session:
                proven = proofs.of_entry(session, options.entry)
        except ExchangeError as refusal:
            print(f"databourse log proof: {refusal}", file=sys.stderr)
            return UNREADABLE
        if options.receipt is not None:
            from exchange import attest

            options.receipt.write_bytes(proven.receipt(attest.signer()))
    if options.leaf is not None:
        options.leaf.write_bytes(proven.leaf)
    sys.stdout.write(proven.text)
    return SOUND


@contextmanager
def _address(where: str | None, load: _Load) -> "Iterator[Address]":
    """What was named, or this house's database while it is open."""
    from exchange.journal.sources import Address

    if where is not None:
        yield Address(place=where, token=os.environ.get(TOKEN))
        return
    with wsgi.house(load()) as opened:
        yield Address(conninfo=opened.conninfo("app"))


def _show_progress(name: str, steps: "Iterable[tuple[int, int]]") -> int:
    """Go through the steps with a bar on the terminal, if there is one; how far they came."""
    shown, begun, done = sys.stderr.isatty(), time.monotonic(), 0
    for done, total in steps:
        if shown:
            filled = 40 * done // total if total else 40
            rate = done / max(time.monotonic() - begun, 0.001)
            bar = "█" * filled + "·" * (40 - filled)
            print(f"\r{name} {bar} {done:,}/{total:,} ({rate:,.0f}/s) ", end="", file=sys.stderr, flush=True)
    if shown:
        print(file=sys.stderr)
    return done


def _as_json(result: "Result") -> str:
    value = {"sound": not result.findings, **dataclasses.asdict(result)}
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def _as_text(result: "Result") -> str:
    lines = []
    for found in result.findings:
        where = " ".join(filter(None, (found.path, found.detail)))
        lines += [f"{found.code}  {where}", f"  {found.en}", f"  {found.zh}"]
    told = len(result.findings)
    if (all_of_them := sum(result.found.values())) > told:
        lines.append(f"and {all_of_them - told} more 另有 {all_of_them - told} 项: {result.found}")
    verdict = "NOT SOUND 日志有误或已改动" if result.findings else "SOUND 日志完好"
    lines += [
        f"{verdict}: {result.origin}",
        f"  size 条目总数 {result.size}, root 根哈希 {result.root}",
        f"  entries hashed again 已重新计算条目 {result.entries} ({result.size_bytes} bytes)",
        f"  checkpoints 检查点 {result.checkpoints}",
    ]
    if result.size and not result.entries:
        lines.append(
            "  The entries were not given to this reader: only the tree was checked. 未读取条目，仅核验哈希树。"
        )
    return "\n".join(lines) + "\n"


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError("not a count")
    return number
