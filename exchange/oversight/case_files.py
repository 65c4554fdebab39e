"""Case files 案卷: evidence bags that take long, asked for on a page and built by the worker, kept for a day."""

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from typing import BinaryIO

from sqlalchemy import delete, insert, select

from exchange import ids
from exchange.actors import REGULATOR, Actor
from exchange.db import Transaction, read, verb
from exchange.errors import ExchangeError, Forbidden, NotFound, Unavailable, WrongState
from exchange.lifecycle import CLOCK
from exchange.oversight import inspection
from exchange.oversight.looks import look, record_look
from exchange.oversight.models import CaseFile, CaseFilePart
from exchange.oversight.states import EXCHANGE

DISCARD = "case_file.discard"
KEPT = timedelta(hours=24)
PART_BYTES = 1 << 20
#: Who builds: the exchange itself, by its worker.
_WORKER = Actor(None, None, frozenset({EXCHANGE}))


def request_case_file(actor: Actor, about: str, *, purpose: str = "") -> CaseFile:
    """Ask for the evidence bag of ``about``; the look is recorded first.

    Raises:
        NotFound: It is outside the organ's scope.
        Refused: No inspection is open and no purpose was given.
    """
    look(actor, "case_file", about, purpose)
    return _request(actor, about)


@verb
def _request(tx: Transaction, about: str) -> CaseFile:
    tx.actor.need(REGULATOR)
    if tx.actor.org_id is None or tx.actor.person_id is None:
        raise Forbidden("An overseer acts for a body.")
    file = CaseFile(id=ids.new("csf"), organ_id=tx.actor.org_id, person_id=tx.actor.person_id, about=about)
    tx.create(file, "inspection.file_requested", by=REGULATOR)
    return file


def build_next() -> bool:
    """Build the case file that waits longest; says whether there was one (called by the worker)."""
    with read() as session:
        waiting = select(CaseFile).where(CaseFile.state == "requested").order_by(CaseFile.id)
        file = session.scalars(waiting.limit(1)).first()
    if file is None:
        return False
    try:
        with read() as session:
            built = inspection.build(session, file.organ_id, file.about)
    except Unavailable:
        return False  # entries are just being placed in the log: the next round finds them there
    except ExchangeError as problem:
        _fail(_WORKER, file.id, problem.code)
    else:
        with built:
            _keep(_WORKER, file.id, built)
    return True


@verb
def _keep(tx: Transaction, file_id: str, built: BinaryIO) -> CaseFile:
    file = tx.lock(CaseFile, file_id)
    digest = hashlib.sha256()
    built.seek(0)
    for number, content in enumerate(iter(lambda: built.read(PART_BYTES), b"")):
        digest.update(content)
        tx.session.execute(insert(CaseFilePart), {"file_id": file.id, "number": number, "content": content})
    file.size_bytes, file.digest = built.tell(), digest.digest()
    file.expires_at = tx.now + KEPT
    tx.due(DISCARD, file.id, file.expires_at)
    tx.advance(file, "build", by=EXCHANGE, digests={"file": file.digest})
    return file


@verb
def _fail(tx: Transaction, file_id: str, code: str) -> CaseFile:
    file = tx.lock(CaseFile, file_id)
    file.problem = code
    tx.advance(file, "fail", by=EXCHANGE, facts={"code": code})
    return file


@verb
def discard_case_file(tx: Transaction, file_id: str) -> CaseFile:
    """Delete what was built when its day is over (called by the clock)."""
    tx.actor.need(CLOCK)
    file = tx.lock(CaseFile, file_id)
    if file.expires_at is None or file.expires_at > tx.now:
        raise WrongState("The case file is kept until its day is over.", code="not_over")
    tx.session.execute(delete(CaseFilePart).where(CaseFilePart.file_id == file.id))
    tx.advance(file, "discard", by=CLOCK)
    return file


def case_file(actor: Actor, file_id: str) -> CaseFile:
    """A case file of one's own organ.

    Raises:
        NotFound: There is none, or it is another organ's.
    """
    with read() as session:
        file = session.get(CaseFile, file_id)
        if file is None or file.organ_id != actor.org_id:
            raise NotFound("There is no such %(kind)s.", kind="case_file")
        return file


def parts(actor: Actor, file_id: str, *, purpose: str = "") -> Iterator[bytes]:
    """The bytes of a built case file; fetching them is a look of its own.

    Raises:
        NotFound: There is none, it is another organ's, or it is no longer (or not yet) there.
    """
    record_look(actor.with_key(None), "download", file_id, purpose)
    file = case_file(actor, file_id)
    if file.state != "ready":
        raise NotFound("There is no such %(kind)s.", kind="case_file")
    count = -(-(file.size_bytes or 0) // PART_BYTES)
    return (_part(file_id, number) for number in range(count))


def _part(file_id: str, number: int) -> bytes:
    with read() as session:
        return session.get_one(CaseFilePart, (file_id, number)).content
