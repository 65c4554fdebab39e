"""Follow a log from outside: ``databourse monitor URL --key VKEY --state FOLDER [--policy FILE] [--once]``.

Needs only the standard library and ``cryptography``. The monitor remembers the last checkpoint it believed and believes
a new one only when the log's own tiles lead from the one to the other, make the signed root leaf by leaf, and hold the
hashes of the entries, as far as it may read these (``--token-file``). So nobody who follows a log in this way can be
shown another history later; and two who compare their checkpoints, or whose checkpoints one witness cosigned, were
shown the same.

Exit status: 0 all is well (after ``--once``), 1 the log contradicts itself or lacks its quorum (what it signed is kept
in ``FOLDER/evidence``), 2 it cannot be read, or a key or file is malformed.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exchange.journal import bundles, checkpoint, durable, keys, merkle, note, tiles
from exchange.journal.checkpoint import Checkpoint
from exchange.journal.fetch import Unreachable
from exchange.journal.forks import Fork
from exchange.journal.log_site import Site
from exchange.journal.policy import InvalidPolicy
from exchange.journal.trust import Trust

#: Tiles fetched at once, and between two reports of progress.
_THREADS: Final = 8
_WINDOW_TILES: Final = 64


class Contradiction(Exception):
    """The log does not keep to what it signed; ``fork`` is the evidence."""

    def __init__(self, fork: Fork) -> None:
        super().__init__(fork.reason)
        self.fork = fork


class NoQuorum(Exception):
    """The log shows no checkpoint that enough witnesses cosigned."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look found, and believes: ``hashed`` entries were read, of ``size``."""

    size: int
    root: bytes
    grown: int
    hashed: int
    cosigned_by: tuple[str, ...]
    witnesses: int

    def __str__(self) -> str:
        """A line for people."""
        cosigned = f"{len(self.cosigned_by)} of {self.witnesses} witnesses"
        return f"size {self.size} (+{self.grown}), root {self.root.hex()}, {self.hashed} entries read, {cosigned}"


class Monitor:
    """Follows one log; what it believed last is kept in a folder.

    Args:
        site: Where the log is read.
        trust: Whom to believe.
        folder: Kept from one run to the next: ``checkpoint``, ``hashed``, ``evidence/``.
        say: Takes lines about progress.

    Raises:
        note.InvalidNote: The kept checkpoint is malformed or not by the log.
    """

    def __init__(self, site: Site, trust: Trust, folder: Path, say: Callable[[str], None] = lambda _: None) -> None:
        self._site = site
        self._trust = trust
        self._folder = folder
        self._say = say
        self._first: dict[int, bytes] = {}
        folder.mkdir(parents=True, exist_ok=True)
        kept = folder / "checkpoint"
        self._held = kept.read_text(encoding="utf-8") if kept.exists() else ""
        self._tree = self._open(self._held) if self._held else None

    def look(self) -> Seen:
        """Look once, and remember what is believed.

        Raises:
            Contradiction: See the class; nothing new is believed.
            NoQuorum: As above.
            Unreachable: The log cannot be read, or gives no tile that its checkpoint demands.
        """
        quorum = self._site.witnessed() if self._trust.policy else None  # first, so that it is not the newer one
        signed = self._site.checkpoint()
        tree = self._open_offered(signed)
        cosigned_by = self._cosigners(signed, tree, quorum)
        self._require_growth(signed, tree)
        hashed = self._rebuild(signed, tree)
        grown = tree.size - (self._tree.size if self._tree else 0)
        durable.write(self._folder / "checkpoint", signed.encode())
        durable.write(self._folder / "hashed", f"{hashed}\n".encode())
        self._held, self._tree = signed, tree
        return Seen(tree.size, tree.root, grown, hashed, cosigned_by, len(self._trust.witness_vkeys))

    # -- the checkpoint ---------------------------------------------------------------------------------------------

    def _open(self, signed: str) -> Checkpoint:
        opened = note.open(signed, self._trust.log_vkeys)
        tree = checkpoint.parse(opened)
        if all(signature.name != tree.origin for signature in opened.signatures):
            raise note.InvalidNote("the checkpoint is signed by another log than the one it names")
        return tree

    def _open_offered(self, signed: str) -> Checkpoint:
        try:
            tree = self._open(signed)
        except note.InvalidNote as error:
            raise self._contradiction(signed, f"the checkpoint does not hold: {error}") from error
        if self._tree is not None and tree.origin != self._tree.origin:
            raise self._contradiction(signed, "the checkpoint is another log's")
        return tree

    def _cosigners(self, signed: str, tree: Checkpoint, quorum: str | None) -> tuple[str, ...]:
        """The witnesses of the checkpoint, or of the newest that meets the policy, which must lead to this one."""
        try:
            cosigned_by = self._trust.cosigners(signed)
            policy = self._trust.policy
            if policy is None or policy.is_met_by(cosigned_by):
                return cosigned_by
            if quorum is None:
                raise NoQuorum(f"cosigned by {len(cosigned_by)} of {len(policy.witnesses)} witnesses: no quorum")
            earlier = self._open(quorum)
            cosigned_by = self._trust.cosigners(quorum)
        except note.InvalidNote as error:
            raise self._contradiction(signed, f"a cosignature does not hold: {error}") from error
        if not policy.is_met_by(cosigned_by):
            raise NoQuorum(f"cosigned by {len(cosigned_by)} of {len(policy.witnesses)} witnesses: no quorum")
        self._require_consistent(quorum, earlier, signed, tree)
        return cosigned_by

    def _require_growth(self, signed: str, tree: Checkpoint) -> None:
        if self._tree is not None:
            self._require_consistent(self._held, self._tree, signed, tree)

    def _require_consistent(self, held: str, old: Checkpoint, offered: str, new: Checkpoint) -> None:
        """Hold two signed checkpoints against each other, by a proof from the log's tiles."""
        if new.size < old.size:
            reason = f"the log shows {new.size} leaves; it had {old.size}"
            raise Contradiction(Fork(held, offered, reason))
        if (old.size, old.root) == (0, merkle.EMPTY_ROOT):
            return  # everything continues the empty tree
        proof: list[bytes] = []
        try:
            if old.size < new.size:
                proof = tiles.consistency_proof(max(old.size, 1), new.size, self._site.tile)
            merkle.verify_consistency(old.size, new.size, proof, old.root, new.root)
        except (merkle.InvalidProof, tiles.InvalidTile) as error:
            reason = f"{new.size} leaves do not continue {old.size}: {error}"
            raise Contradiction(Fork(held, offered, reason, proof)) from error

    def _contradiction(self, offered: str, reason: str, served: bytes = b"") -> Contradiction:
        return Contradiction(Fork(self._held, offered, reason, served=served))

    # -- tiles and entries ------------------------------------------------------------------------------------------

    def _rebuild(self, signed: str, tree: Checkpoint) -> int:
        """Make the signed tree from the log's tiles, and read its entries; how many of them were ever read.

        What was made before is taken up at the remembered checkpoint, unless entries before it were never read.
        """
        old, hashed = self._tree.size if self._tree else 0, self._hashed()
        if tree.size == old == hashed:
            return hashed
        unread = hashed if hashed == old else 0
        readable = unread < tree.size and self._first_bundle(unread // tiles.WIDTH, tree.size)
        start = unread if readable else old
        edge: dict[tuple[int, int], tiles.Tile] = {}
        try:
            builder = tiles.TreeBuilder.load(start, self._reader(tree.size))
            if self._tree and start and builder.root() != self._tree.root:  # ``start`` is its size
                raise self._contradiction(signed, f"the tiles no longer make the root of {start} leaves")
            for index, hashes in self._leaves(start, tree.size):
                known = max(0, start - index * tiles.WIDTH)
                if readable:
                    self._check_entries(signed, index, hashes, known)
                self._check_upper(signed, builder.append(hashes[known:]), edge)
        except tiles.InvalidTile as error:
            raise self._contradiction(signed, str(error)) from error
        if builder.root() != tree.root:
            raise self._contradiction(signed, f"the tiles do not make the signed root of {tree.size} leaves")
        for tile in edge.values():
            self._compare(signed, tile)
        return tree.size if readable else hashed

    def _reader(self, size: int) -> tiles.ReadTile:
        """Reads the beginning of tiles as they are at ``size``: narrower ones of earlier sizes may be gone."""

        def read(level: int, index: int, width: int) -> bytes:
            return self._site.tile(level, index, tiles.width_at(level, index, size))[: width * merkle.HASH_BYTES]

        return read

    def _hashed(self) -> int:
        """How many entries of the remembered checkpoint were read."""
        kept = self._folder / "hashed"
        text = kept.read_text(encoding="utf-8").strip() if kept.exists() else ""
        return int(text) if text.isascii() and text.isdigit() else 0

    def _leaves(self, start: int, size: int) -> Iterator[tuple[int, list[bytes]]]:
        """The tiles of leaf hashes from the one with leaf ``start`` on, each with its index."""
        first, end = start // tiles.WIDTH, -(-size // tiles.WIDTH)
        with ThreadPoolExecutor(_THREADS) as threads:
            for window in range(first, end, _WINDOW_TILES):
                indices = range(window, min(window + _WINDOW_TILES, end))
                yield from zip(indices, threads.map(lambda index: self._leaf_tile(index, size), indices), strict=True)
                self._say(f"{min(indices.stop * tiles.WIDTH, size)} of {size} leaves")

    def _leaf_tile(self, index: int, size: int) -> list[bytes]:
        width = tiles.width_at(0, index, size)
        data = self._site.tile(0, index, width)
        if len(data) != width * merkle.HASH_BYTES:
            raise tiles.InvalidTile(f"{tiles.tile_path(0, index, width)} has {len(data)} bytes")
        return [data[at : at + merkle.HASH_BYTES] for at in range(0, len(data), merkle.HASH_BYTES)]

    def _first_bundle(self, index: int, size: int) -> bool:
        """Whether entries are given to this reader. Reading may be recorded over there, so nothing is read twice."""
        data = self._site.bundle(index, tiles.width_at(0, index, size))
        self._first = {} if data is None else {index: data}
        return data is not None

    def _check_entries(self, signed: str, index: int, hashes: list[bytes], known: int) -> None:
        """Hash the entries of a bundle and compare; those before ``known`` were read before."""
        data = self._first.pop(index, None) or self._site.bundle(index, len(hashes))
        if data is None:
            raise Unreachable(f"{tiles.entries_path(index, len(hashes))}: not given, though others are")
        try:
            bodies = bundles.split(data, len(hashes))
        except bundles.InvalidBundle as error:
            raise self._contradiction(signed, f"bundle {index}: {error}", data) from error
        for offset, body in enumerate(bodies[known:], known):
            if merkle.leaf_hash(body) != hashes[offset]:
                leaf = index * tiles.WIDTH + offset
                raise self._contradiction(signed, f"entry {leaf} is not the one whose hash is in the tree", data)

    def _check_upper(self, signed: str, grown: list[tiles.Tile], edge: dict[tuple[int, int], tiles.Tile]) -> None:
        """Compare the full tiles above the leaves; those that still grow wait in ``edge``."""
        for tile in grown:
            if tile.level == 0:
                continue
            edge[tile.level, tile.index] = tile
            if tile.width == tiles.WIDTH:
                self._compare(signed, edge.pop((tile.level, tile.index)))

    def _compare(self, signed: str, tile: tiles.Tile) -> None:
        served = self._site.tile(tile.level, tile.index, tile.width)
        if served != tile.hashes:
            path = tiles.tile_path(tile.level, tile.index, tile.width)
            raise self._contradiction(signed, f"{path} is not made of the tiles below it", served)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        trust = Trust.given(options.key, options.witness, options.policy)
        token = options.token_file.read_text(encoding="utf-8").strip() if options.token_file else None
        prefix = options.url.rstrip("/")
        site = Site(prefix, (options.entries or prefix).rstrip("/"), token, options.purpose)
        monitor = Monitor(site, trust, options.state, _say)
    except (OSError, UnicodeDecodeError, keys.InvalidKey, InvalidPolicy, note.InvalidNote) as error:
        _say(str(error))
        return 2
    try:
        return _follow(monitor, options)
    except KeyboardInterrupt:
        return 0


def _follow(monitor: Monitor, options: argparse.Namespace) -> int:
    while True:
        try:
            sys.stdout.write(f"{monitor.look()}\n")
            sys.stdout.flush()
        except Contradiction as found:
            place = found.fork.keep(options.state / "evidence")
            _say(f"THE LOG CONTRADICTS ITSELF 日志自相矛盾: {found}; kept in {place}")
            return 1
        except NoQuorum as found:
            _say(f"NOT WITNESSED 见证不足: {found}")
            return 1
        except Unreachable as error:
            _say(f"cannot be read 无法读取: {error}")
            if options.once:
                return 2
        if options.once:
            return 0
        time.sleep(options.every)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="databourse monitor",
        description="Follow a log from outside: whatever it shows must continue what it showed.",
    )
    parser.add_argument("url", help="the log's prefix, under which are checkpoint and tile/, as https://example/log")
    parser.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="VKEY",
        help="a verifier key of the log, obtained from an independent source; may be repeated",
    )
    parser.add_argument("--state", required=True, type=Path, metavar="FOLDER", help="what is remembered between runs")
    parser.add_argument(
        "--policy",
        type=Path,
        metavar="FILE",
        help="keys of log and witnesses, and how many of these must have cosigned",
    )
    parser.add_argument(
        "--witness", action="append", default=[], metavar="VKEY", help="a witness's verifier key; may be repeated"
    )
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="a file with the token that opens the entries")
    parser.add_argument("--entries", metavar="URL", help="the prefix of the entries, where it is another than URL")
    parser.add_argument("--purpose", default="", metavar="WORDS", help="what the entries are read for; it is recorded")
    parser.add_argument(
        "--once", action="store_true", help="look once; else look again and again until something is found"
    )
    parser.add_argument("--every", type=float, default=60.0, metavar="SECONDS", help="between two looks (60)")
    return parser


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
