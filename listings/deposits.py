"""Deposits: a seller's file comes in by pieces, is resumable, and never stands whole in memory or unsealed on a disk.

The protocol is that of tus 1.0: a piece names the offset it begins at, and is taken only if the exchange holds exactly
that much. Each piece becomes a sealed object of its own; once the file is complete the worker seals it as a whole
(``listings.intake``).

What a file is, its content says: the first bytes are looked at here, all of it by the scan. A name is for display only:
it names no place in any store, and is shown without folders, hidden characters or a device's name. Cells that a
spreadsheet would take for formulas are goods like any others; they are delivered as they were committed to, and defused
only where the exchange itself writes tables from them.
"""

import re
import secrets
import unicodedata
from collections.abc import Iterator
from datetime import timedelta
from types import MappingProxyType
from typing import BinaryIO

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exchange import ids, sealing, vault
from exchange.actors import Actor
from exchange.db import Transaction, read, verb
from exchange.errors import Conflict, Invalid, NotFound, WrongState
from exchange.lifecycle import CLOCK
from exchange.members import gates as member_gates
from listings.goods import store
from listings.models import Deposit, DepositSegment
from listings.states import DEPOSIT, SELLER
from listings.streams import BLOCK_BYTES, reader

#: What may be deposited, and the format that its profile must then find.
FORMATS = MappingProxyType(
    {"text/csv": "csv", "application/x-ndjson": "jsonl", "application/vnd.apache.parquet": "parquet"}
)
#: The usual endings of such files' names.
ENDINGS = MappingProxyType(
    {
        ".csv": "text/csv",
        ".jsonl": "application/x-ndjson",
        ".ndjson": "application/x-ndjson",
        ".parquet": "application/vnd.apache.parquet",
    }
)
#: How a Parquet file begins; and how files begin that are no text: ZIP (XLSX too), gzip, bzip2, xz, Zstandard, 7-Zip,
#: RAR, PDF, OLE2 (XLS), ELF, SQLite.
_PARQUET = b"PAR1"
_NO_TEXT = (
    _PARQUET, b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf",
    b"Rar!", b"%PDF", b"\xd0\xcf\x11\xe0", b"\x7fELF", b"SQLite format 3",
)  # fmt: skip
#: Largest file, in bytes: what a scan takes.
MAX_BYTES = 1024**3
#: Most pieces of one upload, and uploads of one seller that may be under way.
MAX_SEGMENTS = 10_000
MAX_OPEN = 20
#: An upload that is not complete after this time is discarded.
UPLOAD_TERM = timedelta(days=7)

STAGING_KEY = "staging"
#: Longest name, in bytes of UTF-8: what file systems take.
_NAME_BYTES = 255
#: Names that some systems take for devices, whatever ending follows.
_DEVICE = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(?=\.|$)")
_SELLING = ("owner", "trader")


@verb
def open_deposit(tx: Transaction, *, file_name: str, size_bytes: int, media_type: str) -> Deposit:
    """Announce a file of ``size_bytes``. Its name is kept for display only.

    Raises:
        Invalid: Nothing, too much, or a kind of file that is not taken here.
        Refused: The seller is not vetted (I-01, I-02).
        Conflict: Too many uploads of this seller are under way.
    """
    tx.actor.need(*_SELLING)
    org_id = _org_of(tx.actor)
    if size_bytes < 1:
        raise Invalid("The file is empty.", code="empty_file")
    if size_bytes > MAX_BYTES:
        raise Invalid("A file has at most %(most)s bytes.", code="file_too_large", most=MAX_BYTES)
    if media_type not in FORMATS:
        raise Invalid("Only %(types)s are taken.", code="unsupported_type", types=", ".join(FORMATS))
    member_gates.vetted(tx, org_id)
    under_way = tx.first(
        select(func.count()).select_from(Deposit).where(Deposit.org_id == org_id, Deposit.state == DEPOSIT.initial)
    )
    if (under_way or 0) >= MAX_OPEN:
        raise Conflict(
            "Complete or abandon one of your %(most)s uploads first.", code="too_many_uploads", most=MAX_OPEN
        )
    deposit_id = ids.new("dep")
    deposit = Deposit(
        id=deposit_id,
        org_id=org_id,
        file_name=display_name(file_name),
        media_type=media_type,
        size_bytes=size_bytes,
        staging_key=vault.ring().wrap(secrets.token_bytes(sealing.KEY_BYTES), purpose=STAGING_KEY, subject=deposit_id),
    )
    facts = {"size_bytes": str(size_bytes), "media_type": media_type}
    tx.create(deposit, "deposit.opened", by=SELLER, facts=facts, links=[org_id])
    tx.due("deposit.lapse", deposit.id, tx.now + UPLOAD_TERM)
    return deposit


def append(actor: Actor, deposit_id: str, *, offset: int, content: BinaryIO, completing: bool = False) -> int:
    """Take what ``content`` yields as the bytes from ``offset`` on; the offset after them.

    A content that ends early is no error: what came is kept, and the upload goes on from there. With ``completing`` the
    last byte completes the file, as clients of tus expect; else ``complete_deposit`` is called for that.

    Raises:
        NotFound: There is no such deposit, or it is another party's.
        Conflict: ``upload_offset``: the exchange holds more or less, and its ``offset`` says how much.
        WrongState: The upload is over.
        Invalid: More bytes than were announced, too many pieces, or bytes that no file of the announced type begins
            with; nothing of this one is kept.
        StorageUnavailable: Nothing of this piece is kept.
    """
    actor.need(*_SELLING)
    with read() as session:
        deposit = session.get(Deposit, deposit_id)
        if deposit is None or deposit.org_id != actor.org_id:
            raise NotFound("There is no such %(kind)s.", kind="deposit")
        _refuse_elsewhere(session, deposit, offset)
    object_key = f"{segments_folder(deposit_id)}/{ids.new('seg')}"
    piece = _Limited(content, deposit.size_bytes - offset, None if offset else deposit.media_type)
    store().put(object_key, sealing.seal(reader(piece), open_staging_key(deposit), segment_context(object_key)))
    try:
        if piece.size_bytes:
            _keep_segment(actor.with_key(None), deposit_id, offset, piece.size_bytes, object_key)
    except Conflict:
        store().delete(object_key)
        raise
    held = offset + piece.size_bytes
    if completing and held == deposit.size_bytes:
        complete_deposit(actor.with_key(None), deposit_id)
    return held


@verb
def _keep_segment(tx: Transaction, deposit_id: str, start: int, size_bytes: int, object_key: str) -> Deposit:
    """Count a stored piece in, unless another one came first."""
    deposit = _own(tx, deposit_id)
    _refuse_elsewhere(tx.session, deposit, start)
    segment = DepositSegment(deposit_id=deposit_id, start=start, stop=start + size_bytes, object_key=object_key)
    tx.session.add(segment)
    return deposit


@verb
def complete_deposit(tx: Transaction, deposit_id: str, *, size_bytes: int | None = None) -> Deposit:
    """Say that all bytes have been sent; the worker seals and profiles the file.

    With ``size_bytes`` the size announced at first was the most it could be, and this is what it is.

    Raises:
        NotFound: There is no such deposit, or it is another party's.
        Conflict: ``upload_offset``: bytes are missing.
        Invalid: The file is empty (``empty_file``).
        WrongState: The upload is over.
    """
    deposit = _own(tx, deposit_id)
    held = held_bytes(tx.session, deposit_id)
    if size_bytes is not None and deposit.state == DEPOSIT.initial:
        if size_bytes < 1:
            raise Invalid("The file is empty.", code="empty_file")
        deposit.size_bytes = min(size_bytes, deposit.size_bytes)
    if deposit.state == DEPOSIT.initial and held != deposit.size_bytes:
        raise _elsewhere(held)
    tx.advance(deposit, "complete", by=SELLER)
    tx.undue("deposit.lapse", deposit_id)
    tx.send("deposit.seal", deposit_id=deposit_id)
    return deposit


def deposit_whole(actor: Actor, *, file_name: str, content: BinaryIO, most_bytes: int) -> str:
    """Take a whole file of at most ``most_bytes`` whose size nobody said before; the id of its deposit.

    Raises:
        Invalid: The file is empty, too large, or of a kind that is not taken here; nothing is kept.
        Refused: The seller is not vetted (I-01, I-02).
        Conflict: Too many uploads of this seller are under way.
    """
    media_type, room = media_type_of(file_name), min(most_bytes, MAX_BYTES)
    deposit_id = open_deposit(actor, file_name=file_name, size_bytes=room, media_type=media_type).id
    try:
        held = append(actor, deposit_id, offset=0, content=content)
        complete_deposit(actor, deposit_id, size_bytes=held)
    except Exception:
        abandon_deposit(actor, deposit_id)
        raise
    return deposit_id


@verb
def abandon_deposit(tx: Transaction, deposit_id: str) -> Deposit:
    """Give an upload up; what was sent is discarded.

    Raises:
        NotFound: There is no such deposit, or it is another party's.
        WrongState: The upload is over.
    """
    deposit = _own(tx, deposit_id)
    tx.advance(deposit, "abandon", by=SELLER)
    discard(tx, deposit, "abandoned")
    return deposit


@verb
def lapse_deposit(tx: Transaction, deposit_id: str) -> Deposit:
    """Discard an upload that was not completed in time (called by the clock)."""
    tx.actor.need(CLOCK)
    deposit = tx.lock(Deposit, deposit_id)
    if deposit.created_at + UPLOAD_TERM > tx.now:
        raise WrongState("The upload's time is not over.", code="not_over")
    tx.advance(deposit, "lapse", by=CLOCK)
    discard(tx, deposit, "lapsed")
    return deposit


def discard(tx: Transaction, deposit: Deposit, code: str) -> None:
    """Drop the keys of a deposit that was just rejected; its objects, unreadable from now on, follow."""
    deposit.code = code
    deposit.staging_key = b""
    deposit.file_key = None
    tx.undue("deposit.lapse", deposit.id)
    tx.send("deposit.sweep", deposit_id=deposit.id)


# -- pieces -----------------------------------------------------------------------------------------------------------


def held_bytes(session: Session, deposit_id: str) -> int:
    """How much of a file has come in: the offset the next piece begins at."""
    latest = select(func.max(DepositSegment.stop)).where(DepositSegment.deposit_id == deposit_id)
    return session.scalar(latest) or 0


def segments_folder(deposit_id: str) -> str:
    """Where the pieces of an upload lie in the store."""
    return f"deposits/{deposit_id}"


def segment_context(object_key: str) -> bytes:
    """What a piece is sealed as."""
    return b"segment " + object_key.encode()


def open_staging_key(deposit: Deposit) -> bytes:
    """The key that seals a deposit's pieces."""
    return vault.ring().unwrap(deposit.staging_key, purpose=STAGING_KEY, subject=deposit.id)


def display_name(file_name: str) -> str:
    """A file's name fit to be shown: without folders, without characters that control or hide, no device, not too long.

    What is too long is cut before its ending.
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", file_name))[-1]
    shown = "".join(c for c in last if unicodedata.category(c)[0] != "C").strip(" .") or "unnamed"
    if _DEVICE.match(shown):
        shown = f"_{shown}"
    stem, dot, ending = shown.rpartition(".")
    tail = dot + ending if stem and len(ending.encode()) < _NAME_BYTES // 2 else ""
    head = shown.removesuffix(tail).encode()[: _NAME_BYTES - len(tail.encode())].decode(errors="ignore")
    return head + tail


def media_type_of(file_name: str) -> str:
    """The type that a file's name says it has.

    Raises:
        Invalid: No type that is taken here has this ending.
    """
    for ending, media_type in ENDINGS.items():
        if file_name.lower().endswith(ending):
            return media_type
    raise Invalid("Only files that end in %(endings)s are taken.", code="unsupported_type", endings=", ".join(ENDINGS))


class _Limited:
    """The bytes of one piece, counted; more than ``room`` of them are refused.

    Of a file's first piece, given its ``media_type``, also those that no such file begins with.
    """

    def __init__(self, content: BinaryIO, room: int, media_type: str | None = None) -> None:
        self.size_bytes = 0
        self._content = content
        self._room = room
        self._media_type = media_type

    def __iter__(self) -> Iterator[bytes]:
        while block := self._content.read(BLOCK_BYTES):
            self.size_bytes += len(block)
            if self.size_bytes > self._room:
                raise Invalid("More bytes came than were announced.", code="file_too_large")
            if self._media_type is not None:
                _refuse_other_kind(block, self._media_type)
                self._media_type = None
            yield block


def _refuse_other_kind(head: bytes, media_type: str) -> None:
    """Refuse what begins as no file of the type does; what passes may still be anything, and the scan says what."""
    parquet = FORMATS[media_type] == "parquet"
    if (parquet and not head.startswith(_PARQUET[: len(head)])) or (not parquet and head.startswith(_NO_TEXT)):
        raise Invalid("The content is not of the type %(type)s.", code="wrong_type", type=media_type)


def _refuse_elsewhere(session: Session, deposit: Deposit, offset: int) -> None:
    if deposit.state != DEPOSIT.initial:
        raise WrongState("The upload is over.", code="upload_over")
    held = held_bytes(session, deposit.id)
    if held != offset:
        raise _elsewhere(held)
    pieces = select(func.count()).select_from(DepositSegment).where(DepositSegment.deposit_id == deposit.id)
    if (session.scalar(pieces) or 0) >= MAX_SEGMENTS:
        raise Invalid("An upload has at most %(most)s pieces.", code="too_many_pieces", most=MAX_SEGMENTS)


def _elsewhere(held: int) -> Conflict:
    return Conflict("The upload stands at %(offset)s bytes.", code="upload_offset", offset=held)


def _own(tx: Transaction, deposit_id: str) -> Deposit:
    """The seller's own deposit, locked."""
    tx.actor.need(*_SELLING)
    deposit = tx.lock(Deposit, deposit_id)
    if deposit.org_id != tx.actor.org_id:
        raise NotFound("There is no such %(kind)s.", kind="deposit")
    return deposit


def _org_of(actor: Actor) -> str:
    if actor.org_id is None:
        raise NotFound("You act for no organisation.")
    return actor.org_id
