"""Checking vouchers as anybody may: by number, or by the text of one. What is wrong is counted against guessing.

A voucher's text is its document, canonical JSON on one line, an empty line, and the exchange's signed note on it. The
note alone will do: it proves number and digest.
"""

import hashlib
from datetime import timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import select

from exchange import attest
from exchange.actors import Actor
from exchange.db import read
from exchange.errors import NotFound
from exchange.journal import canonical, note
from exchange.members import attempts
from settlement import vouchers
from settlement.delivery_models import Voucher

#: Wrong numbers and texts that one origin may ask about.
WRONG = attempts.Limit("voucher_check", 30, timedelta(minutes=15))
MAX_CHARACTERS: Final = 20_000
#: What a check may come to. The first three are vouchers of this exchange, as it issued them.
GENUINE = {"valid": "genuine", "suspended": "suspended", "void": "void"}
VERDICTS = (*GENUINE.values(), "altered", "not_ours", "unknown", "unreadable")

_NOTE_LINES = 3


class Verdict(NamedTuple):
    """What a check came to: a code of ``VERDICTS``, and the number when the voucher is one of ours."""

    code: str
    number: str | None = None


def by_number(number: str, *, origin: str) -> dict[str, Any]:
    """What anybody may know of the voucher of that number, as `vouchers.check`.

    Raises:
        NotFound: No voucher has this number.
        TooManyRequests: ``origin`` asked for too many that do not exist.
    """
    _refuse_guessing(origin)
    try:
        return vouchers.check(number)
    except NotFound:
        attempts.count(WRONG, origin)
        raise


def by_text(text: str, *, origin: str) -> Verdict:
    """Whether ``text`` is a voucher of this exchange, unaltered.

    Raises:
        TooManyRequests: ``origin`` asked about too many that were not.
    """
    _refuse_guessing(origin)
    verdict = _judge(text)
    if verdict.number is None:
        attempts.count(WRONG, origin)
    return verdict


def text_of(actor: Actor, number: str) -> str:
    """The text of a voucher, for its two parties.

    Raises:
        NotFound: No voucher has this number, or the actor acts for neither party.
    """
    document = vouchers.document(actor, number).decode()
    return f"{document}\n\n{vouchers.check(number)['note']}"


def _refuse_guessing(origin: str) -> None:
    with read() as session:
        attempts.refuse_exhausted(session, WRONG, origin)


def _judge(text: str) -> Verdict:
    document, signed = _parts(text)
    try:
        lines = note.open(signed, [attest.vkey()]).text.splitlines()
    except note.InvalidNote:
        return Verdict("not_ours" if vouchers.NOTE in signed else "unreadable")
    if len(lines) != _NOTE_LINES or lines[0] != vouchers.NOTE:
        return Verdict("unreadable")  # another kind of note that we signed
    _, number, digest = lines
    if document is not None and not _agrees(document, number, digest):
        return Verdict("altered")
    with read() as session:
        voucher = session.scalars(select(Voucher).where(Voucher.number == number)).one_or_none()
    if voucher is None or voucher.document_digest.hex() != digest:
        return Verdict("unknown")
    return Verdict(GENUINE[voucher.state], voucher.number)


def _parts(text: str) -> tuple[str | None, str]:
    """The document, if there is one, and the note; a browser's line ends and stray space around are forgiven."""
    plain = text.replace("\r\n", "\n").strip() + "\n"
    if not plain.startswith("{"):
        return None, plain
    document, _, signed = plain.partition("\n")
    return document, signed.lstrip("\n")


def _agrees(document: str, number: str, digest: str) -> bool:
    content = document.strip().encode()
    if hashlib.sha256(content).hexdigest() != digest:
        return False
    try:
        return bool(canonical.loads(content)["number"] == number)
    except (canonical.NotCanonical, KeyError, TypeError):
        return False
