"""Delivery of files: a short-lived ticket, byte ranges, and what the exchange attests that it served.

What is attested is arithmetic over the bytes handed out, not a claim about a request. While a response is streamed,
each 64 KiB chunk it touches is read whole and hashed as a leaf of the tree that the listing committed to, just before
its bytes leave. Responses record their range and leaves when they end, also when they break off. Once the ranges cover
the file, in whatever order and from however many tickets, the root over the leaves is compared with the committed one:
if they are equal, the bytes served were the bytes listed. A running SHA-256 could not do that, since a download that is
resumed or fetched in parallel has no order; hashing the stored file once more would cost another pass and would attest
what lies in the store, not what was served.

Three things stop other bytes. Sealed segments open only unaltered and at their own place (``exchange.sealing``). The
last chunk of a response that completes the file leaves only if the root is right; should two responses complete it
together, both may end, and the comparison after them tells. Later downloads under the same grant compare every chunk
with the leaf known from the first. Whatever is found stands in the way of accepting the delivery.
"""

import hashlib
import itertools
import logging
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from exchange import clock, ids
from exchange.actors import Actor
from exchange.db import Transaction, engine, read, verb
from exchange.errors import InvariantBroken, NotFound, WrongState
from exchange.journal import merkle
from exchange.sealing import SealBroken
from exchange.storage import ObjectMissing
from listings import goods
from listings.commitments import CHUNK_BYTES
from listings.goods import Goods
from listings.models import Deposit
from listings.streams import ahead, reader
from provenance.lineage import SourceLine, source_lines
from settlement import deadlines, gates, receipts
from settlement.delivery_models import GOODS_BROKEN, SERVED_DIFFERS, Grant, Receipt, ServedRange, Ticket
from settlement.delivery_states import GRANT
from settlement.grants import latest_grant
from settlement.models import Lot, Order
from settlement.parties import SIGNING, locked_lot, own_lot
from settlement.states import BUYER, EXCHANGE

log = logging.getLogger(__name__)

#: How long a ticket lasts, in real time. A download that began goes on to its end.
TICKET_LIFETIME = timedelta(minutes=15)
#: Most responses under one ticket: enough for any client that fetches in parallel and resumes.
MAX_RESPONSES = 1000
#: In these states the buyer may fetch the goods; a dispute freezes them (RULES K-05).
DELIVERABLE = frozenset({"delivered", "accepted", "settled"})

_TOKEN_BYTES = 32
#: So many chunks are opened and hashed at a time, ahead of those that leave.
_BLOCK_CHUNKS = 16
_UNREADABLE = (SealBroken, ObjectMissing)
_EXCHANGE_ACTOR = Actor(None, None, frozenset({EXCHANGE}))


class GoodsDiffer(InvariantBroken):
    """The exchange was about to serve other bytes than were listed."""

    default_code = "goods_differ"


@dataclass(frozen=True, slots=True)
class IssuedTicket:
    """A ticket, its token, which is shown this once, and what is said of the file beside it."""

    id: str
    token: str = field(repr=False)
    expires_at: datetime
    media_type: str
    size_bytes: int
    sha256: bytes
    source_lines: list[SourceLine]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A file about to be served under a ticket.

    Args:
        plain_root: The root over the file's chunks that was committed to.
        known: The leaf of every chunk, once the file was served as a whole; empty before.
    """

    ticket_id: str
    grant_id: str
    goods: Goods
    plain_root: bytes
    known: tuple[bytes, ...]


# -- tickets --------------------------------------------------------------------------------------------------------


def issue_ticket(actor: Actor, lot_id: str) -> IssuedTicket:
    """Issue the actor a ticket for the file of a lot. A retry issues another one: the exchange keeps no token.

    Raises:
        NotFound: There is no such lot, or it is another party's.
        WrongState: Nothing is there to be fetched: not delivered, disputed, the grant ended, or no file.
        Refused: By a restraint or a chargeback.
    """
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    ticket = _issue(actor.with_key(None), lot_id, _digest(token))
    with read() as session:
        grant = session.get_one(Grant, ticket.grant_id)
        order = session.get_one(Order, grant.order_id)
        lines = source_lines(session, order.declaration_id)
    if grant.media_type is None or grant.size_bytes is None or grant.digest is None:
        raise InvariantBroken("a ticket for goods that are no file")
    return IssuedTicket(ticket.id, token, ticket.expires_at, grant.media_type, grant.size_bytes, grant.digest, lines)


@verb
def _issue(tx: Transaction, lot_id: str, token_digest: bytes) -> Ticket:
    order, lot = own_lot(tx, lot_id, BUYER, *SIGNING)
    grant = _open_grant(tx, order, lot)
    if tx.actor.person_id is None:
        raise InvariantBroken("a member is a person")
    ticket = Ticket(
        id=ids.new("tkt"),
        lot_id=lot.id,
        grant_id=grant.id,
        person_id=tx.actor.person_id,
        org_id=grant.org_id,
        token_digest=token_digest,
        expires_at=clock.real_now() + TICKET_LIFETIME,
    )
    tx.add(ticket)
    tx.record(lot.id, "ticket.issued", by=BUYER, links=[ticket.id, grant.id])
    return ticket


def open_delivery(actor: Actor, token: str) -> Delivery:
    """The file that a ticket is for.

    Raises:
        NotFound: ``no_ticket``: unknown, another person's, expired, used up, or its grant or lot is closed. The
            answer is the same in every case.
        Refused: By a restraint or a chargeback.
        GoodsDiffer: The goods in the store are not those that were listed.
    """
    return _open(actor, Ticket.token_digest == _digest(token))


def open_by_session(actor: Actor, ticket_id: str) -> Delivery:
    """As ``open_delivery``, for the very person the ticket was issued to, known by the session instead of the token."""
    return _open(actor, Ticket.id == ticket_id)


def _open(actor: Actor, key: ColumnElement[bool]) -> Delivery:
    ticket, grant, receipt = _admit(actor.with_key(None).expecting(None), key)
    if grant.digest is None or grant.plain_root is None:
        raise InvariantBroken("a ticket for goods that are no file")
    found = _goods_of(grant)
    if (found.digest, found.size_bytes) != (grant.digest, grant.size_bytes):
        report_problem(_EXCHANGE_ACTOR, grant.id, SERVED_DIFFERS)
        raise GoodsDiffer("the goods of %(version)s were replaced", version=grant.version_id)
    known: Sequence[bytes] = ()
    if receipt.served_at is not None:
        with read() as session:
            known = assemble(_ranges(session, grant.id), found.size_bytes) or ()
    return Delivery(ticket.id, grant.id, found, grant.plain_root, tuple(known))


def _goods_of(grant: Grant) -> Goods:
    """The goods that a grant is pinned to; a grant of old names the version only."""
    if grant.deposit_id is None:
        return goods.open_goods(grant.version_id)
    with read() as session:
        return goods.goods_of(session.get_one(Deposit, grant.deposit_id))


@verb
def _admit(tx: Transaction, key: ColumnElement[bool]) -> tuple[Ticket, Grant, Receipt]:
    ticket = tx.first(select(Ticket).where(key))
    if ticket is None or (ticket.person_id, ticket.org_id) != (tx.actor.person_id, tx.actor.org_id):
        raise _no_ticket()
    responses = tx.first(select(func.count()).select_from(ServedRange).where(ServedRange.ticket_id == ticket.id))
    if ticket.expires_at <= clock.real_now() or (responses or 0) >= MAX_RESPONSES:
        raise _no_ticket()
    lot = tx.get(Lot, ticket.lot_id)
    try:
        grant = _open_grant(tx, tx.get(Order, lot.order_id), lot)
    except WrongState:
        raise _no_ticket() from None
    receipt = receipts.receipt_of(tx, grant)
    if grant.id != ticket.grant_id or receipt is None:
        raise _no_ticket()
    return ticket, grant, receipt


def _open_grant(tx: Transaction, order: Order, lot: Lot) -> Grant:
    """The live grant under which a lot's file may be fetched now."""
    if lot.state not in DELIVERABLE:
        raise WrongState("There is nothing to be fetched.", code="not_deliverable")
    grant = latest_grant(tx, lot.id)
    if grant is None or grant.state != GRANT.initial or grant.ends_at <= tx.now:
        raise WrongState("The right to use these goods has ended.", code="grant_ended")
    if grant.digest is None:
        raise WrongState("These goods are no file.", code="no_file")
    gates.DELIVER.ask(tx, order, lot)
    return grant


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _no_ticket() -> NotFound:
    return NotFound("This ticket is not valid, or no longer.", code="no_ticket")


# -- streaming ------------------------------------------------------------------------------------------------------


def stream(delivery: Delivery, start: int, stop: int) -> Iterator[bytes]:
    """The bytes ``start`` to ``stop`` of the file, in pieces of at most 64 KiB, recorded as they leave.

    Nothing of the database is held while the iterator waits. The end of the stored object is checked before this
    returns, so a broken one is answered and not begun.

    Raises:
        GoodsDiffer: The goods are broken or others; from the iterator, before the first wrong byte.
        StorageUnavailable: The store does not answer.
    """
    first = start - start % CHUNK_BYTES
    try:
        pieces = delivery.goods.open_range(first, -(-stop // CHUNK_BYTES) * CHUNK_BYTES)
    except _UNREADABLE:
        raise _broken(delivery) from None
    return _stream(delivery, pieces, start, stop)


def _stream(delivery: Delivery, pieces: Iterator[bytes], start: int, stop: int) -> Iterator[bytes]:
    served, leaves = start, list[bytes]()
    try:
        for number, chunk, leaf in _chunks(delivery, pieces, start):
            leaves.append(leaf)
            begins = number * CHUNK_BYTES
            piece = chunk[max(start - begins, 0) : stop - begins]
            _refuse_other(delivery, number, leaves, start, stop)
            yield piece
            served += len(piece)  # the server came back for more, so this much was handed out
    finally:
        if served > start:
            _keep(delivery, start, served, leaves)


def _chunks(delivery: Delivery, pieces: Iterator[bytes], start: int) -> Iterator[tuple[int, bytes, bytes]]:
    """Number, bytes and leaf of each chunk from ``start`` on; the next ones are opened and hashed meanwhile."""
    numbers = itertools.count(start // CHUNK_BYTES)
    try:
        for block in ahead(_hashed(pieces)):
            for chunk, leaf in block:
                yield next(numbers), chunk, leaf
    except _UNREADABLE:
        raise _broken(delivery) from None


def _hashed(pieces: Iterator[bytes]) -> Iterator[list[tuple[bytes, bytes]]]:
    """The chunks in ``pieces``, each with its leaf, a block of them at a time."""
    source, block = reader(pieces), list[tuple[bytes, bytes]]()
    try:
        while chunk := source.read(CHUNK_BYTES):
            block.append((chunk, merkle.leaf_hash(chunk)))
            if len(block) == _BLOCK_CHUNKS:
                yield block
                block = []
    except _UNREADABLE:
        yield block  # what stands before the damage is right
        raise
    yield block


def _refuse_other(delivery: Delivery, number: int, leaves: list[bytes], start: int, stop: int) -> None:
    """Stop before chunk ``number`` leaves, if it, or the file it completes, is not what was committed to."""
    if delivery.known:
        right = leaves[-1] == delivery.known[number]
    elif (number + 1) * CHUNK_BYTES < stop:
        return
    else:
        with read() as session:
            ranges = [*_ranges(session, delivery.grant_id), (start, stop, b"".join(leaves))]
        whole = assemble(ranges, delivery.goods.size_bytes)
        right = whole is None or merkle.root(whole) == delivery.plain_root
    if not right:
        report_problem(_EXCHANGE_ACTOR, delivery.grant_id, SERVED_DIFFERS)
        raise GoodsDiffer("other goods than were listed were about to be served")


def _broken(delivery: Delivery) -> GoodsDiffer:
    report_problem(_EXCHANGE_ACTOR, delivery.grant_id, GOODS_BROKEN)
    return GoodsDiffer("the goods of %(deposit)s do not open", deposit=delivery.goods.deposit_id)


# -- what was served ------------------------------------------------------------------------------------------------


def _keep(delivery: Delivery, start: int, stop: int, leaves: Sequence[bytes]) -> None:
    """Record what a response handed out, and attest the whole once there is no gap."""
    touched = -(-stop // CHUNK_BYTES) - start // CHUNK_BYTES
    with Session(engine()) as session, session.begin():
        served = ServedRange(
            grant_id=delivery.grant_id,
            ticket_id=delivery.ticket_id,
            start=start,
            stop=stop,
            leaves=b"" if delivery.known else b"".join(leaves[:touched]),
            completed_at=clock.real_now(),
        )
        session.add(served)
    if delivery.known:
        return
    with read() as session:  # after the commit: of two responses that end at once, the later one sees both
        whole = _is_whole(session, delivery.grant_id, delivery.goods.size_bytes)
    if whole:
        attest_served(_EXCHANGE_ACTOR, delivery.grant_id)


def assemble(ranges: Iterable[tuple[int, int, bytes]], size_bytes: int) -> list[bytes] | None:
    """The leaf of every chunk of a file, from the ranges served of it; ``None`` while a byte is missing.

    Args:
        ranges: (start, stop, leaves of the chunks touched).
        size_bytes: Size of the file.
    """
    leaves: dict[int, bytes] = {}
    covered = 0
    for start, stop, hashes in sorted(ranges):
        if start > covered:
            return None
        covered = max(covered, stop)
        for place in range(len(hashes) // merkle.HASH_BYTES):
            leaf = hashes[place * merkle.HASH_BYTES : (place + 1) * merkle.HASH_BYTES]
            number = start // CHUNK_BYTES + place
            if leaves.setdefault(number, leaf) != leaf:
                leaves[number] = b""  # served in two versions: no leaf, so that no root is right
    if covered < size_bytes:
        return None
    return [leaves[number] for number in sorted(leaves)]


def _ranges(session: Session, grant_id: str) -> list[tuple[int, int, bytes]]:
    statement = select(ServedRange.start, ServedRange.stop, ServedRange.leaves)
    rows = session.execute(statement.where(ServedRange.grant_id == grant_id, ServedRange.leaves != b""))
    return [(row.start, row.stop, row.leaves) for row in rows]


def _is_whole(session: Session, grant_id: str, size_bytes: int) -> bool:
    covered = func.range_agg(func.int8range(ServedRange.start, ServedRange.stop))
    whole = func.int8multirange(func.int8range(0, size_bytes))
    return session.scalar(select(covered == whole).where(ServedRange.grant_id == grant_id)) is True


@verb
def attest_served(tx: Transaction, grant_id: str) -> Grant:
    """Attest that a grant's file was served, if every byte of it was; saying so again changes nothing."""
    tx.actor.need(EXCHANGE)
    grant = tx.get(Grant, grant_id)
    _, lot = locked_lot(tx, grant.lot_id)
    _attest(tx, lot, grant)
    return grant


def _attest(tx: Transaction, lot: Lot, grant: Grant) -> None:
    receipt = receipts.receipt_of(tx, grant)
    if receipt is None or receipt.served_at is not None or grant.size_bytes is None:
        return
    leaves = assemble(_ranges(tx.session, grant.id), grant.size_bytes)
    if leaves is not None and receipts.note_served(tx, lot, grant, receipt, merkle.root(leaves)):
        deadlines.receipt_complete(tx, lot)


@verb
def report_problem(tx: Transaction, grant_id: str, problem: str) -> Grant:
    """The exchange could not serve what was listed: the delivery cannot be accepted as it is."""
    tx.actor.need(EXCHANGE)
    grant = tx.get(Grant, grant_id)
    _, lot = locked_lot(tx, grant.lot_id)
    receipt = receipts.receipt_of(tx, grant)
    if receipt is not None:
        log.error("%s: the goods cannot be served as listed: %s", grant.id, problem)
        receipts.note_problem(tx, lot, receipt, problem)
    return grant


@verb
def confirm_receipt(tx: Transaction, lot_id: str, digest: bytes) -> Receipt:
    """The recipient confirms the SHA-256 of the file as received; another digest than the listed one is kept as well.

    Raises:
        NotFound: There is no such lot, or it is another party's.
        WrongState: Nothing was delivered that has a digest.
    """
    _, lot = own_lot(tx, lot_id, BUYER, *SIGNING)
    grant = latest_grant(tx, lot.id)
    receipt = receipts.receipt_of(tx, grant) if grant is not None else None
    if lot.state not in DELIVERABLE or grant is None or receipt is None:
        raise WrongState("There is nothing to be confirmed.", code="nothing_to_confirm")
    _attest(tx, lot, grant)  # in case the process that served the last byte ended before it could
    if receipts.note_received(tx, lot, grant, receipt, digest):
        deadlines.receipt_complete(tx, lot)
    return receipt


def receipt_for(actor: Actor, lot_id: str) -> Receipt:
    """The receipt of a lot's last delivery, for both parties.

    Raises:
        NotFound: There is none, or the lot is another party's.
    """
    mine = or_(Order.buyer_org_id == actor.org_id, Order.seller_org_id == actor.org_id)
    statement = (
        select(Receipt)
        .join(Lot, Lot.id == Receipt.lot_id)
        .join(Order, Order.id == Lot.order_id)
        .where(Receipt.lot_id == lot_id, mine)
        .order_by(Receipt.id.desc())
        .limit(1)
    )
    with read() as session:
        found = session.scalars(statement).one_or_none()
    if found is None:
        raise NotFound("There is no such %(kind)s.", kind=Receipt.__tablename__)
    return found
