"""Signatures of members: the person's own key, opened with the person's password at each signature."""

import hashlib

from sqlalchemy import select

from exchange import ids, vault
from exchange.db import Transaction
from exchange.errors import Forbidden
from exchange.members import attempts, gates
from exchange.members.models import MemberKey, Signature
from exchange.money import Money


def sign(
    tx: Transaction, subject_id: str, password: str, message: bytes, *, scope: str, amount: Money | None = None
) -> Signature:
    """Sign ``message``, the exact bytes of a document of ``subject_id``, with the actor's key.

    The caller records an entry of the subject in the same transaction, and has asked for the role that may sign.
    Opening the key takes about a tenth of a second of work.

    Args:
        tx: The open transaction; its actor signs.
        subject_id: What the document is of.
        password: The actor's.
        message: What is signed.
        scope: What kind of thing it is: one of ``states.SCOPES``, which a handler's letter of authority has to name.
        amount: What it binds the organisation to pay or to forgo, held against the letter's ceiling.

    Raises:
        Refused: A handler's letter of authority does not cover this (I-07).
        Forbidden: The actor acts for no organisation or has no key, or the password is not right.
        TooManyRequests: Too many wrong passwords in a row.
    """
    person_id, org_id = tx.actor.person_id, tx.actor.org_id
    key = tx.first(select(MemberKey).where(MemberKey.person_id == person_id, MemberKey.revoked_at.is_(None)))
    if key is None or person_id is None or org_id is None:
        raise Forbidden("You have no signing key.", code="no_signing_key")
    letter = gates.letter_for(tx, scope, amount)
    attempts.refuse_exhausted(tx.session, attempts.SIGNATURE, person_id)
    try:
        signature = vault.sign_with(key.sealed_key, password, message)
    except vault.WrongPassword:
        # Kept although this transaction rolls back: it counts on a connection of its own.
        attempts.count(attempts.SIGNATURE, person_id)
        raise Forbidden("The password is not right.", code="wrong_password") from None
    row = Signature(
        id=ids.new("sig"),
        subject=subject_id,
        key_id=key.id,
        org_id=org_id,
        public_key=key.public_key,
        digest=hashlib.sha256(message).digest(),
        signature=signature,
        at=tx.now,
        authority_id=None if letter is None else letter.id,
    )
    return tx.add(row)
