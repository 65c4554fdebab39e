"""A witness: cosigns the checkpoints of logs, and of each log one history only (c2sp.org/tlog-witness).

It is somebody else than the log: it has its own machine, key and memory. The memory is a small SQLite file that moves
from one checkpoint to the next in one transaction, and a cosignature is given out only when that is on the disk; so
neither two requests at once nor a power cut make it sign two histories. A witness that lost its memory must not go on
under the old key: prepare a new one, and tell those who relied on the old key.

    keys.json     the name and the private keys, readable by the owner only
    vkey          the public keys, a line each: what others put into their policies
    logs          whose checkpoints are cosigned (the format «logs/v0» of the witness network)
    state.db      the last cosigned checkpoint of each log
    evidence/     two roots that a log signed for one size
    unproven/     what a log signed that was not shown to continue its history
"""

import base64
import json
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from exchange.journal import checkpoint, durable, loglist, merkle, note
from exchange.journal.encoding import decode_decimal, decode_hash
from exchange.journal.forks import Fork

log = logging.getLogger(__name__)

#: The specification's limit of a consistency proof, and a limit for the checkpoint with its signatures.
PROOF_LIMIT: Final = 63
BODY_LIMIT_BYTES: Final = 1 << 17

#: Kinds of keys a witness may have, each with what makes one of 32 random bytes.
KINDS: Final[dict[str, Callable[[bytes], Ed25519PrivateKey | MLDSA44PrivateKey]]] = {
    "ed25519": Ed25519PrivateKey.from_private_bytes,
    "ml-dsa-44": MLDSA44PrivateKey.from_seed_bytes,
}

_SEED_BYTES: Final = 32
_SIZE_LIMIT: Final = (1 << 63) - 1
_PATIENCE_SECONDS: Final = 20.0
_KEYS, _VKEY, _LOGS, _STATE = "keys.json", "vkey", "logs", "state.db"
_EVIDENCE, _UNPROVEN = "evidence", "unproven"
_SCHEMA: Final = """
    CREATE TABLE held (
        origin TEXT PRIMARY KEY, size INTEGER NOT NULL CHECK (size >= 0), root BLOB NOT NULL CHECK (length(root) = 32),
        note TEXT NOT NULL, cosigned_at INTEGER NOT NULL
    ) STRICT
"""
_MOVE: Final = """
    INSERT INTO held (origin, size, root, note, cosigned_at) VALUES (:origin, :size, :root, :note, :now)
    ON CONFLICT (origin) DO UPDATE SET size = :size, root = :root, note = :note, cosigned_at = :now
    WHERE held.size <= excluded.size
"""


class CannotWitness(Exception):
    """The folder is not that of a witness, or not whole; the message says what is missing."""


class RequestRefused(Exception):
    """The checkpoint is not cosigned; the message says why."""


class BadRequest(RequestRefused):
    """The request is malformed."""


class UnknownLog(RequestRefused):
    """The list does not name the log."""


class Untrusted(RequestRefused):
    """No key that the list gives for the log signed the checkpoint."""


class NotConsistent(RequestRefused):
    """The proof does not lead from the last cosigned checkpoint to this one."""


class AnotherSize(RequestRefused):
    """The request starts from another checkpoint than the last one cosigned, which has ``size`` leaves."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the last cosigned checkpoint has size {size}")
        self.size = size


@dataclass(frozen=True, slots=True)
class Request:
    """What ``add-checkpoint`` asks: from the tree of ``old`` leaves, by ``proof``, to the tree that ``signed`` says."""

    old: int
    proof: tuple[bytes, ...]
    signed: str

    def dumps(self) -> bytes:
        """The body of the request."""
        hashes = "".join(f"{base64.b64encode(value).decode()}\n" for value in self.proof)
        return f"old {self.old}\n{hashes}\n{self.signed}".encode()

    @classmethod
    def loads(cls, body: bytes) -> "Request":
        """The request whose body is ``body``; nothing in it is verified.

        Raises:
            BadRequest: It is malformed or has too many hashes.
        """
        try:
            head, separator, signed = body.decode().partition("\n\n")
            first, *hashes = head.split("\n")
            if not separator or not first.startswith("old "):
                raise BadRequest("a request is «old <size>», hashes, an empty line and a checkpoint")
            if len(hashes) > PROOF_LIMIT:
                raise BadRequest(f"a proof has at most {PROOF_LIMIT} hashes")
            return cls(decode_decimal(first.removeprefix("old ")), tuple(map(decode_hash, hashes)), signed)
        except (UnicodeDecodeError, note.InvalidNote) as error:
            raise BadRequest(str(error)) from error


@dataclass(frozen=True, slots=True)
class Held:
    """The last cosigned checkpoint of a log; ``signed`` is empty and ``size`` 0 when there is none yet."""

    size: int
    root: bytes
    signed: str
    cosigned_at: int = 0


class Witness:
    """A prepared witness at work.

    Args:
        folder: What ``prepare`` made.

    Raises:
        CannotWitness: See the class.
    """

    def __init__(self, folder: Path) -> None:
        self._state = folder / _STATE
        self._evidence = folder / _EVIDENCE
        self._unproven = folder / _UNPROVEN
        try:
            self.cosigners = _load_keys((folder / _KEYS).read_bytes())
            self.logs = loglist.parse((folder / _LOGS).read_text(encoding="utf-8"))
            with self._open_state() as state:
                self._held(state, "")
        except (OSError, ValueError, sqlite3.Error) as error:
            raise CannotWitness(f"{folder}: {error}") from error

    def add_checkpoint(self, body: bytes) -> str:
        """Cosign the checkpoint in a request's ``body``; the signature lines, one for each key of this witness.

        Raises:
            RequestRefused: See its subclasses, in the order in which the specification asks for them.
        """
        request = Request.loads(body)
        text, tree = self._open_note(request.signed)
        if request.old > tree.size:
            raise BadRequest("the old size is larger than the checkpoint's")
        with self._open_state() as state:
            held = self._held(state, tree.origin)
            try:
                self._check(held, request, tree)
            except RequestRefused as refusal:
                self._keep_evidence(held, request, tree, refusal)
                raise
            now = int(time.time())
            row = {"origin": tree.origin, "size": tree.size, "root": tree.root, "note": request.signed, "now": now}
            if state.execute(_MOVE, row).rowcount != 1:
                raise AnotherSize(held.size)
            # Signed before the commit and given out after it: no later checkpoint comes in between, so what the
            # signature says of its time is true.
            lines = self._cosign(text)
            state.execute("COMMIT")
        log.info("cosigned %s at size %d", tree.origin, tree.size)
        return lines

    def held(self, origin: str) -> Held:
        """The last cosigned checkpoint of a log."""
        with self._open_state() as state:
            return self._held(state, origin)

    def evidence(self) -> list[Path]:
        """A folder for each time a log signed two roots for one size (``exchange.journal.forks``)."""
        return _folders(self._evidence)

    def unproven(self) -> list[Path]:
        """A folder for each checkpoint that a log signed and nobody showed to continue its history."""
        return _folders(self._unproven)

    def _open_note(self, signed: str) -> tuple[str, checkpoint.Checkpoint]:
        """Text and tree of a checkpoint, found to be signed by the log it names."""
        vkeys = self.logs.get(signed.partition("\n")[0])
        if vkeys is None:
            raise UnknownLog("this log is not in the list")
        try:
            opened = note.open(signed, vkeys)
        except note.InvalidNote as error:
            raise _why(signed, error) from error
        try:
            tree = checkpoint.parse(opened)
        except note.InvalidNote as error:
            raise BadRequest(str(error)) from error
        if tree.size > _SIZE_LIMIT:
            raise BadRequest("no tree is that large")
        return opened.text, tree

    @staticmethod
    def _check(held: Held, request: Request, tree: checkpoint.Checkpoint) -> None:
        if request.old != held.size:
            raise AnotherSize(held.size)
        if held.size in {0, tree.size} and request.proof:
            raise NotConsistent("between these sizes a proof is empty")
        if tree.size == held.size and tree.root != held.root:
            raise AnotherSize(held.size) if held.size else NotConsistent("an empty tree has another root")
        if 0 < held.size < tree.size:
            try:
                merkle.verify_consistency(held.size, tree.size, request.proof, held.root, tree.root)
            except merkle.InvalidProof as error:
                raise NotConsistent(str(error)) from error

    def _cosign(self, text: str) -> str:
        try:
            return note.lines(cosigner.sign(text) for cosigner in self.cosigners)
        except note.InvalidNote as error:  # a key of this witness signs no checkpoints of this form
            raise BadRequest(str(error)) from error

    def _keep_evidence(
        self, held: Held, request: Request, tree: checkpoint.Checkpoint, refusal: RequestRefused
    ) -> None:
        """Keep what the log signed beside what it signed before, if the two do not fit.

        Two roots for one size prove by themselves that the log told two stories. A proof that does not hold may be the
        log's or that of whoever sent it, for requests come from anybody: such checkpoints are kept apart, for the log
        to be asked about. A late repetition contradicts nothing.
        """
        forked = tree.size == held.size and tree.root != held.root
        if not held.signed or not (forked or isinstance(refusal, NotConsistent)):
            return
        reason = "two roots for one size" if forked else str(refusal)
        place = Fork(held.signed, request.signed, reason, request.proof).keep(
            self._evidence if forked else self._unproven
        )
        level = logging.ERROR if forked else logging.WARNING
        log.log(level, "%s at size %d after %d: %s; kept in %s", tree.origin, tree.size, held.size, reason, place)

    @contextmanager
    def _open_state(self) -> Iterator[sqlite3.Connection]:
        """The memory, in a transaction that nobody else writes beside; left without a commit it changes nothing."""
        uri = f"{self._state.resolve().as_uri()}?mode=rw"
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_PATIENCE_SECONDS)) as state:
            state.execute("PRAGMA synchronous = EXTRA")
            state.execute("BEGIN IMMEDIATE")
            yield state

    @staticmethod
    def _held(state: sqlite3.Connection, origin: str) -> Held:
        found = state.execute("SELECT size, root, note, cosigned_at FROM held WHERE origin = ?", (origin,)).fetchone()
        return Held(*found) if found else Held(0, merkle.EMPTY_ROOT, "")


def prepare(folder: Path, name: str, *, kinds: Sequence[str] = ("ed25519",), logs: Sequence[str] = ()) -> list[str]:
    """Make a new witness in ``folder``; its verifier keys.

    Args:
        folder: Must not exist, or be empty.
        name: What the witness signs under: a host and path without a scheme, as ``witness.example/w1``.
        kinds: Of the keys to make, from ``KINDS``.
        logs: Verifier keys of the logs to begin with.

    Raises:
        CannotWitness: There is something in the folder, or a name or key is malformed.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise CannotWitness(f"{folder} is not empty: a witness's key and memory are made once")
        seeds = [{"kind": kind, "seed": base64.b64encode(os.urandom(_SEED_BYTES)).decode()} for kind in kinds]
        kept = json.dumps({"name": name, "keys": seeds}).encode()
        vkeys = [cosigner.vkey for cosigner in _load_keys(kept)]
        listed = loglist.dumps(logs)
        loglist.parse(listed)
        with closing(sqlite3.connect(folder / _STATE)) as state:
            state.execute(_SCHEMA)
        durable.write(folder / _LOGS, listed.encode())
        durable.write(folder / _VKEY, "".join(f"{vkey}\n" for vkey in vkeys).encode())
        durable.write(folder / _KEYS, kept, mode=0o600)
    except (OSError, ValueError) as error:
        raise CannotWitness(f"{folder}: {error}") from error
    return vkeys


def _load_keys(data: bytes) -> list[note.Cosigner]:
    try:
        value = json.loads(data)
        seeds = [(KINDS[key["kind"]], base64.b64decode(key["seed"], validate=True)) for key in value["keys"]]
        cosigners = [note.Cosigner(value["name"], make(seed)) for make, seed in seeds]
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{_KEYS} is malformed") from error
    if not cosigners:
        raise ValueError("a witness has a key")
    return cosigners


def _folders(place: Path) -> list[Path]:
    return sorted(place.iterdir()) if place.exists() else []


def _why(signed: str, error: note.InvalidNote) -> RequestRefused:
    """Whether a note that could not be verified is malformed, or signed wrongly."""
    try:
        note.verified(signed, ())
    except note.InvalidNote:
        return BadRequest(str(error))
    return Untrusted(str(error))
