"""Recovery codes: ten codes on paper, each of which stands in once for the second factor."""

import secrets

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from exchange import vault
from exchange.db import Transaction
from exchange.errors import NotSignedIn
from exchange.members.models import Person, RecoveryCode

CODES = 10
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_HALF = 5


def issue(tx: Transaction, person: Person) -> tuple[str, ...]:
    """New codes of 50 random bits for the locked ``person``, shown this once; the old ones end.

    The caller records an entry of the person.
    """
    _end(tx, person.id)
    codes = tuple(_new_code() for _ in range(CODES))
    tx.session.add_all(
        RecoveryCode(digest=_digest(person.id, code), person_id=person.id, created_at=tx.now) for code in codes
    )
    return codes


def take(tx: Transaction, person: Person, code: str) -> None:
    """Use up a code of the locked ``person``; its use is told in the person's story.

    Raises:
        NotSignedIn: It is none of the codes in force.
    """
    known = tx.session.get(RecoveryCode, _digest(person.id, code))
    if known is None or known.ended_at is not None:
        raise NotSignedIn("The code is not right or was used before.", code="second_factor_failed")
    known.ended_at = tx.now
    tx.record(person.id, "recovery_code.used", by="person")


def left(session: Session, person_id: str) -> int:
    """How many codes the person has left."""
    live = select(func.count()).where(RecoveryCode.person_id == person_id, RecoveryCode.ended_at.is_(None))
    return session.scalar(live) or 0


def _end(tx: Transaction, person_id: str) -> None:
    live = (RecoveryCode.person_id == person_id) & RecoveryCode.ended_at.is_(None)
    tx.session.execute(update(RecoveryCode).where(live).values(ended_at=tx.now))


def _new_code() -> str:
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(2 * _HALF))
    return f"{letters[:_HALF]}-{letters[_HALF:]}"


def _digest(person_id: str, code: str) -> bytes:
    """A keyed digest: whoever reads the table without the key ring can guess at nothing."""
    normal = "".join(letter for letter in code.casefold() if letter in _ALPHABET)
    return vault.ring().mac("recovery code", f"{person_id} {normal}".encode())
