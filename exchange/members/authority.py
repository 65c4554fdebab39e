"""Letters of authority 授权委托书: an owner lets a handler sign for the organisation, up to a ceiling, for a term."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from exchange import clock, documents, ids
from exchange.db import Transaction, verb
from exchange.errors import Invalid, NotFound, WrongState
from exchange.journal import canonical
from exchange.lifecycle import CLOCK
from exchange.members import signatures
from exchange.members.models import LetterOfAuthority, Membership
from exchange.members.states import SCOPES
from exchange.money import Money

OWNER, HANDLER = "owner", "trader"
#: A letter is given anew after this time at the latest: who may sign is looked at again.
LONGEST_TERM = timedelta(days=2 * 365)
#: What an owner signs when giving a letter: no letter can let anybody else give one.
_GIVING = "authority"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a letter lets its holder sign: kinds of things, the highest amount of one signature, and when."""

    scopes: frozenset[str]
    ceiling: Money | None
    starts_at: datetime
    ends_at: datetime


@verb
def give_authority(tx: Transaction, person_id: str, terms: Terms, *, password: str) -> LetterOfAuthority:
    """Let a handler of the actor's organisation sign what ``terms`` say. The owner signs the letter.

    Raises:
        Forbidden: The actor owns no member organisation, or the password is not right.
        NotFound: The person is no handler of the organisation.
        Invalid: The terms name nothing known, or a term that is over, reversed or too long, or a ceiling of nothing.
    """
    role = tx.actor.need(OWNER)
    org_id = tx.actor.org_id
    if org_id is None or not _is_handler(tx, person_id, org_id):
        raise NotFound("There is no such %(kind)s.", kind="handler")
    _check_terms(terms, tx.now)
    letter_id = ids.new("loa")
    content = canonical.dumps(_document(letter_id, org_id, person_id, terms))
    kept = documents.put(tx, content, subject=letter_id, kind="authority", media_type="application/json")
    signature = signatures.sign(tx, letter_id, password, content, scope=_GIVING)
    letter = LetterOfAuthority(
        id=letter_id,
        org_id=org_id,
        person_id=person_id,
        scopes=sorted(terms.scopes),
        ceiling_minor=None if terms.ceiling is None else terms.ceiling.minor,
        currency=None if terms.ceiling is None else terms.ceiling.currency,
        starts_at=terms.starts_at,
        ends_at=terms.ends_at,
        document_digest=kept.digest,
        signature_id=signature.id,
    )
    facts = {"scopes": sorted(terms.scopes), "ends_at": clock.text(terms.ends_at), "signature": signature.id}
    digests = {"authority": kept.digest}
    tx.create(letter, "authority.given", by=role, facts=facts, links=[org_id], digests=digests)
    tx.due("authority.expire", letter.id, letter.ends_at)
    return letter


@verb
def revoke_authority(tx: Transaction, letter_id: str) -> LetterOfAuthority:
    """Take a letter back: from this moment its holder signs nothing under it. What was signed stays signed.

    Raises:
        Forbidden: The actor owns no member organisation.
        NotFound: There is no such letter, or it is another party's.
        WrongState: It was revoked or has expired.
    """
    tx.actor.need(OWNER)
    letter = tx.lock(LetterOfAuthority, letter_id)
    if letter.org_id != tx.actor.org_id:
        raise NotFound("There is no such %(kind)s.", kind=LetterOfAuthority.__tablename__)
    revoke(tx, letter)
    return letter


@verb
def expire_authority(tx: Transaction, letter_id: str) -> LetterOfAuthority:
    """End a letter whose term is over (called by the clock); the gate looked at the term already."""
    tx.actor.need(CLOCK)
    letter = tx.lock(LetterOfAuthority, letter_id)
    if letter.ends_at > tx.now:
        raise WrongState("The term of this letter is not over.", code="not_over")
    tx.advance(letter, "expire", by=CLOCK, links=[letter.org_id])
    return letter


def revoke(tx: Transaction, letter: LetterOfAuthority) -> None:
    """Take back a locked ``letter`` of the actor's organisation."""
    tx.advance(letter, "revoke", by=OWNER, links=[letter.org_id])
    tx.undue("authority.expire", letter.id)


def revoke_all(tx: Transaction, person_id: str, org_id: str) -> None:
    """Take back every letter in force of a person who is no longer a handler there."""
    statement = (
        select(LetterOfAuthority)
        .where(
            LetterOfAuthority.person_id == person_id,
            LetterOfAuthority.org_id == org_id,
            LetterOfAuthority.state == "live",
        )
        .order_by(LetterOfAuthority.id)
        .with_for_update()
    )
    for letter in tx.all(statement):
        revoke(tx, letter)


# -- inside -----------------------------------------------------------------------------------------------------------


def _is_handler(tx: Transaction, person_id: str, org_id: str) -> bool:
    seat = select(Membership.person_id).where(
        Membership.person_id == person_id,
        Membership.org_id == org_id,
        Membership.role == HANDLER,
        Membership.ended_at.is_(None),
    )
    return tx.first(seat.with_for_update(read=True)) is not None


def _check_terms(terms: Terms, now: datetime) -> None:
    if not terms.scopes or not terms.scopes <= set(SCOPES):
        raise Invalid("Name what may be signed.", code="unknown_scope", fields={"scopes": ["Name what may be signed."]})
    if not (now < terms.ends_at and terms.starts_at < terms.ends_at <= terms.starts_at + LONGEST_TERM):
        problem = "A term begins before it ends, ends in the future, and lasts two years at most."
        raise Invalid(problem, code="invalid_term", fields={"ends_at": [problem]})
    if terms.ceiling is not None and terms.ceiling.minor <= 0:
        problem = "A ceiling is more than nothing."
        raise Invalid(problem, code="invalid_ceiling", fields={"ceiling": [problem]})


def _document(letter_id: str, org_id: str, person_id: str, terms: Terms) -> dict[str, object]:
    """The letter as it is signed. The holder stands in it by id: the story of the organisation names no person."""
    return {
        "kind": "letter of authority 授权委托书",
        "id": letter_id,
        "organisation": org_id,
        "handler": person_id,
        "scopes": sorted(terms.scopes),
        "ceiling": None if terms.ceiling is None else terms.ceiling.facts(),
        "starts_at": clock.text(terms.starts_at),
        "ends_at": clock.text(terms.ends_at),
    }
