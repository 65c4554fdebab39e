"""Gates about who somebody is: asked by every room before a trade moves or a case is decided."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select

from exchange.actors import REGULATOR, STAFF_ROLES
from exchange.db import Transaction
from exchange.errors import InvariantBroken, Refused
from exchange.gates import Step, gate
from exchange.identifiers import InvalidIdentifier, check_uscc
from exchange.members.models import Appointment, IdentityCase, LetterOfAuthority, Membership, Organisation
from exchange.members.states import CHECK_RESULTS, CHECKLIST, IDENTITY_STANDING
from exchange.money import Money
from exchange.oversight.restraints import refuse_restrained


@gate("I-01", "I-02")
def vetted(tx: Transaction, *org_ids: str) -> None:
    """Both sides are who they say: each party's case is approved, unexpired, and neither suspended nor restrained.

    The cases stay locked against a change (shared, in the order of their parties) until the transaction ends, so a
    suspension and a trade cannot miss each other.

    Raises:
        Refused: By I-01 without an approved case, by I-02 when it expired or is suspended, by K-05 under a restraint.
    """
    statement = select(IdentityCase).where(IdentityCase.org_id.in_(org_ids), IdentityCase.state != "refused")
    found = tx.all(
        statement.order_by(IdentityCase.org_id).with_for_update(read=True).execution_options(populate_existing=True)
    )
    cases = {case.org_id: case for case in found}
    for org_id in org_ids:
        _refuse_unfit(tx, org_id, cases.get(org_id))
    refuse_restrained(tx, *org_ids)


def _refuse_unfit(tx: Transaction, org_id: str, case: IdentityCase | None) -> None:
    if case is not None and case.state == "suspended":
        raise Refused(
            "I-02",
            "The party is suspended.",
            remedy="A vetting officer has to restore it.",
            code="party_suspended",
            subjects=(org_id,),
        )
    if case is None or case.state not in IDENTITY_STANDING | {"lapsed"}:
        raise Refused(
            "I-01",
            "The party's identity has not been approved.",
            remedy="Submit an identity case and wait for its approval.",
            code="party_not_vetted",
            subjects=(org_id,),
        )
    if case.valid_until is None:
        raise InvariantBroken("the case %(case)s was approved without an end", case=case.id)
    if case.state == "lapsed" or case.valid_until <= tx.now:
        raise Refused(
            "I-02",
            "The approval of the party's identity has expired.",
            remedy="Submit the identity case again with valid documents.",
            code="party_lapsed",
            subjects=(org_id,),
        )


@gate("I-04")
def well_formed_code(uscc: str) -> None:
    """A body is keyed on a unified social credit code that passes its structure (GB 32100-2015); no more is proven."""
    try:
        check_uscc(uscc)
    except InvalidIdentifier as fault:
        raise Refused(
            "I-04",
            "The unified social credit code is not well formed: %(fault)s.",
            remedy="Copy all 18 characters of the code from the licence.",
            code="invalid_uscc",
            fault=str(fault),
        ) from None


@gate("S-05")
def second_factor_passed(roles: frozenset[str], passed_at: datetime | None) -> None:
    """Staff and regulators act in sessions that passed a second factor only."""
    if passed_at is None and roles & (STAFF_ROLES | {REGULATOR}):
        raise Refused(
            "S-05",
            "Staff and regulators act with a second factor only.",
            remedy="Enrol a second factor and confirm it with a code.",
            code="second_factor_missing",
        )


@gate("I-08", "S-04")
def not_own_case(tx: Transaction, org_id: str) -> None:
    """Nobody decides about a party they belong to or ever belonged to; so nobody decides what they submitted either."""
    if tx.actor.person_id is None:
        return
    membership = select(Membership.org_id).where(
        Membership.person_id == tx.actor.person_id, Membership.org_id == org_id
    )
    if tx.first(membership) is not None:
        raise Refused(
            "I-08",
            "You belong to the party that this case is about.",
            remedy="Another officer has to decide it.",
            code="own_case",
            subjects=(org_id,),
        )


@gate("S-04")
def second_person(tx: Transaction, appointment: Appointment) -> None:
    """Who confirms an appointment neither proposed it nor is appointed by it.

    Raises:
        Refused: It is the same natural person.
    """
    if tx.actor.person_id in {appointment.proposed_by, appointment.person_id}:
        raise Refused(
            "S-04",
            "An appointment is confirmed by a second person.",
            remedy="An auditor or another administrator has to confirm it.",
            code="second_person",
            subjects=(appointment.id,),
        )


@gate("I-09")
def reasoned(tx: Transaction, case: IdentityCase, action: str, checklist: Mapping[str, str], reason: str) -> None:
    """A decision says what was checked and why: every point has a result, an approval passes all, a «no» has a reason.

    Raises:
        Refused: One of these is missing.
    """
    required = CHECKLIST[tx.get(Organisation, case.org_id).kind]
    if set(checklist) != set(required) or not set(checklist.values()) <= set(CHECK_RESULTS):
        raise _unreasoned(case, "Every point of the checklist needs a result: %(points)s.", points=", ".join(required))
    if action == "approve" and set(checklist.values()) != {"pass"}:
        raise _unreasoned(case, "A case is approved only when every point of the checklist passes.")
    if action != "approve" and not reason.strip():
        raise _unreasoned(case, "The applicant has to be told the reason.")


def letter_for(tx: Transaction, scope: str, amount: Money | None) -> LetterOfAuthority | None:
    """The letter under which the actor signs for the organisation; ``None`` for an owner, who signs by the seat.

    The letters stay locked against revocation (shared) until the transaction ends.

    Raises:
        Refused: By I-07, as ``authorised`` says.
    """
    if "owner" in tx.actor.roles:
        return None
    statement = (
        select(LetterOfAuthority)
        .where(LetterOfAuthority.person_id == tx.actor.person_id, LetterOfAuthority.org_id == tx.actor.org_id)
        .order_by(LetterOfAuthority.id)
        .with_for_update(read=True)
        .execution_options(populate_existing=True)
    )
    held = [letter for letter in tx.all(statement) if scope in letter.scopes and letter.starts_at <= tx.now]
    authorised(tx, held, amount)
    return next(letter for letter in held if _covers(letter, amount, tx.now))


@gate("I-07")
def authorised(tx: Transaction, held: Sequence[LetterOfAuthority], amount: Money | None) -> None:
    """One of the letters ``held``, which name what is to be signed and have begun, covers the amount now.

    A ceiling in another currency than the amount's covers nothing: nobody is bound by an exchange rate.

    Raises:
        Refused: There is no letter (``no_authority``), its term is over or it was revoked (``authority_ended``), or
            the amount is above its ceiling (``above_ceiling``).
    """
    if any(_covers(letter, amount, tx.now) for letter in held):
        return
    if any(_in_force(letter, tx.now) for letter in held):
        raise _unauthorised(tx, "above_ceiling", "The amount is above the ceiling of your letter of authority.")
    if held:
        raise _unauthorised(tx, "authority_ended", "Your letter of authority has ended or was revoked.")
    raise _unauthorised(tx, "no_authority", "No letter of authority lets you sign this for the organisation.")


def _in_force(letter: LetterOfAuthority, now: datetime) -> bool:
    return letter.state == "live" and letter.starts_at <= now < letter.ends_at


def _covers(letter: LetterOfAuthority, amount: Money | None, now: datetime) -> bool:
    ceiling = letter.ceiling
    if amount is not None and ceiling is not None:
        return ceiling.currency == amount.currency and amount.minor <= ceiling.minor and _in_force(letter, now)
    return _in_force(letter, now)


def _unauthorised(tx: Transaction, code: str, problem: str) -> Refused:
    return Refused(
        "I-07",
        problem,
        remedy="An owner of the organisation signs, or gives you a letter of authority that covers it.",
        code=code,
        subjects=(tx.actor.org_id,) if tx.actor.org_id is not None else (),
    )


def _unreasoned(case: IdentityCase, problem: str, **params: str) -> Refused:
    return Refused(
        "I-09",
        problem,
        remedy="Complete the checklist and the reason, then decide again.",
        code="decision_incomplete",
        subjects=(case.id,),
        **params,
    )


DECIDE = Step("identity.decide", (not_own_case,))
