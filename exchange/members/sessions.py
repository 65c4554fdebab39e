"""A person's open sessions: listed, ended, moved to another desk; and new recovery codes."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from exchange import clock
from exchange.actors import REGULATOR, Actor
from exchange.db import Transaction, read, transaction
from exchange.errors import Conflict, Forbidden, NotFound, NotSignedIn
from exchange.members import attempts, credentials, people, recovery
from exchange.members.accounts import PERSON, SignedIn, revoke_sessions, take_code
from exchange.members.models import Organisation, Person, SessionRow

#: A session is named by the first half of its token's digest, which says nothing about the token.
_NAME_BYTES = 16
#: For so long a passed second factor is not asked for again.
FRESH = timedelta(minutes=10)


def sessions_of(actor: Actor, token: str | None) -> list[dict[str, Any]]:
    """The signed-in person's open sessions, newest first; ``current`` is the one of ``token``.

    Raises:
        NotSignedIn: Nobody is signed in.
    """
    own = None if token is None else credentials.token_digest(token)
    with read() as session:
        rows = session.execute(
            select(SessionRow, Organisation.name)
            .join(Organisation, Organisation.id == SessionRow.org_id)
            .where(
                SessionRow.person_id == _person_of(actor),
                SessionRow.revoked_at.is_(None),
                SessionRow.expires_at > clock.real_now(),
            )
            .order_by(SessionRow.created_at.desc())
        ).all()
        return [
            {
                "id": _name(row),
                "organisation": name,
                "created_at": row.created_at,
                "expires_at": row.expires_at,
                "second_factor": row.second_factor_at is not None,
                "current": row.token_digest == own,
            }
            for row, name in rows
        ]


def end_session(actor: Actor, session_id: str) -> None:
    """End one of the signed-in person's sessions.

    Raises:
        NotFound: The person has no such open session.
    """
    with transaction(actor.with_key(None), "end_session") as tx:
        row = next((row for row in _open_rows(tx, _person_of(actor)) if _name(row) == session_id), None)
        if row is None:
            raise NotFound("There is no such %(kind)s.", kind="session")
        row.revoked_at = clock.real_now()
        tx.record(row.person_id, "session.closed", by=PERSON)


def end_other_sessions(actor: Actor, token: str) -> None:
    """End all of the signed-in person's sessions but the one of ``token``."""
    with transaction(actor.with_key(None), "end_other_sessions") as tx:
        revoke_sessions(tx, _person_of(actor), but=token)
        tx.record(_person_of(actor), "session.others_closed", by=PERSON)


def switch_desk(actor: Actor, token: str, org_id: str) -> SignedIn:
    """Act for another organisation in which the person has a seat: a new token, the old one ends.

    The session's life and its second factor stay what they were.

    Raises:
        NotSignedIn: The token is of no open session of the actor.
        Forbidden: The person has no seat there, or is of the staff.
    """
    with transaction(actor.with_key(None), "switch_desk") as tx:
        digest = credentials.token_digest(token)
        old = next((row for row in _open_rows(tx, _person_of(actor)) if row.token_digest == digest), None)
        if old is None:
            raise NotSignedIn("Sign in first.")
        standing = people.standing(tx.session, old.person_id)
        if standing.staff or org_id not in standing.seats:
            raise Forbidden("You have no seat there.", code="no_seat")
        fresh, fresh_digest = credentials.new_token()
        old.revoked_at = clock.real_now()
        tx.add(
            SessionRow(
                token_digest=fresh_digest,
                person_id=old.person_id,
                org_id=org_id,
                created_at=clock.real_now(),
                expires_at=old.expires_at,
                second_factor_at=old.second_factor_at,
            )
        )
        tx.record(old.person_id, "session.switched", by=PERSON)
        second_factor = "passed" if old.second_factor_at is not None else "none"
        if old.second_factor_at is None and REGULATOR in standing.seats[org_id]:
            second_factor = "required"
        return SignedIn(fresh, old.expires_at, old.person_id, org_id, second_factor)


def new_recovery_codes(actor: Actor, token: str, code: str | None = None) -> tuple[str, ...]:
    """Ten new recovery codes, shown this once; the old ones end.

    A session that passed its second factor a while ago has to pass it again: ``code`` is the one-time code.

    Raises:
        NotSignedIn: Nobody is signed in, the code is missing (``step_up_required``) or not right.
        Conflict: The person has no second factor.
        TooManyRequests: Too many codes.
    """
    person_id = _person_of(actor)
    attempts.count(attempts.SECOND_FACTOR, person_id)
    with transaction(actor.with_key(None), "new_recovery_codes") as tx:
        person = tx.lock(Person, person_id)
        if person.totp_confirmed_at is None:
            raise Conflict("You have no second factor yet.", code="no_second_factor")
        if code:
            take_code(tx, person, code)
        else:
            _refuse_stale(tx, token)
        attempts.forget(tx.session, attempts.SECOND_FACTOR, person_id)
        codes = recovery.issue(tx, person)
        tx.record(person_id, "recovery_codes.issued", by=PERSON)
        return codes


def _refuse_stale(tx: Transaction, token: str) -> None:
    row = tx.session.get(SessionRow, credentials.token_digest(token))
    if row is None or row.second_factor_at is None or row.second_factor_at + FRESH < clock.real_now():
        raise NotSignedIn("Enter the code of your second factor once more.", code="step_up_required")


def _person_of(actor: Actor) -> str:
    if actor.person_id is None:
        raise NotSignedIn("Sign in first.")
    return actor.person_id


def _open_rows(tx: Transaction, person_id: str) -> list[SessionRow]:
    live = select(SessionRow).where(
        SessionRow.person_id == person_id, SessionRow.revoked_at.is_(None), SessionRow.expires_at > clock.real_now()
    )
    return list(tx.all(live.order_by(SessionRow.token_digest).with_for_update()))


def _name(row: SessionRow) -> str:
    return row.token_digest[:_NAME_BYTES].hex()
