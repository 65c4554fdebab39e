"""Inspections and looks: what an officer reads is recorded, with what for, before anything is shown.

A look is an entry of a subject of the organ's own, which links to nothing: the story of what was looked at does not
change, so that inspection tips nobody off. Purposes are coded; an officer's own words are kept sealed or by digest.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange import documents, ids, vault
from exchange.actors import REGULATOR, Actor
from exchange.db import Transaction, read, verb
from exchange.errors import Invalid, NotFound, Refused, WrongState
from exchange.gates import gate
from exchange.journal import canonical
from exchange.lifecycle import CLOCK
from exchange.oversight import scopes
from exchange.oversight.models import Inspection
from exchange.oversight.states import PURPOSES

#: How long an inspection is open: a working session, not a day.
MAX_HOURS = 8
MAX_NOTE = 2000
MAX_REFERENCE = 100
LAPSE = "inspection.lapse"
#: The purpose of reading one's own organ's papers, for which no inspection is needed.
OWN_DESK = "own_desk"
#: The purpose of a look that said what it was for in words, over the API.
STATED = "stated"


def looks_of(organ_id: str) -> str:
    """The subject that an organ's looks belong to."""
    return f"look_{organ_id}"


# -- inspections ------------------------------------------------------------------------------------------------------


@verb
def open_inspection(tx: Transaction, *, purpose: str, reference: str, note: str = "", hours: int = 4) -> Inspection:
    """Say what the looks of the next hours are for; an inspection that is still open is closed.

    Args:
        tx: The open transaction of an officer.
        purpose: A code of ``PURPOSES``.
        reference: The number of the order, case or plan; no words.
        note: The officer's own words, kept sealed under the organ's key.
        hours: How long, 1 to ``MAX_HOURS``.

    Raises:
        Invalid: An unknown purpose, no reference, or hours out of range.
    """
    tx.actor.need(REGULATOR)
    organ_id, person_id = _officer(tx.actor)
    if purpose not in PURPOSES or not 1 <= hours <= MAX_HOURS:
        raise Invalid("Choose what the inspection is for, and 1 to %(most)s hours.", most=MAX_HOURS)
    if not reference.strip() or len(reference) > MAX_REFERENCE or len(note) > MAX_NOTE:
        raise Invalid("An inspection names its reference number.", code="reference_missing")
    before = tx.first(_open_of(person_id).with_for_update())
    if before is not None:
        _end(tx, before, "close", by=REGULATOR)
        tx.session.flush()
    inspection = Inspection(
        id=ids.new("isp"),
        organ_id=organ_id,
        person_id=person_id,
        purpose=purpose,
        reference=reference.strip(),
        sealed_note=_sealed(tx, organ_id, note.strip()),
        expires_at=tx.now + timedelta(hours=hours),
    )
    facts = {"purpose": purpose, "reference": inspection.reference, "hours": hours}
    tx.create(inspection, "inspection.opened", by=REGULATOR, facts=facts)
    tx.due(LAPSE, inspection.id, inspection.expires_at)
    return inspection


@verb
def close_inspection(tx: Transaction, inspection_id: str) -> Inspection:
    """End one's own inspection.

    Raises:
        NotFound: There is none, or it is another officer's.
        WrongState: It has ended.
    """
    tx.actor.need(REGULATOR)
    inspection = tx.lock(Inspection, inspection_id)
    if inspection.person_id != tx.actor.person_id:
        raise NotFound("There is no such %(kind)s.", kind="inspection")
    _end(tx, inspection, "close", by=REGULATOR)
    return inspection


@verb
def lapse_inspection(tx: Transaction, inspection_id: str) -> Inspection:
    """End an inspection whose time is over (called by the clock)."""
    tx.actor.need(CLOCK)
    inspection = tx.lock(Inspection, inspection_id)
    if inspection.expires_at > tx.now:
        raise WrongState("The inspection is not over.", code="not_over")
    _end(tx, inspection, "lapse", by=CLOCK)
    return inspection


def current(session: Session, actor: Actor, now: datetime) -> Inspection | None:
    """The inspection an officer is in the middle of."""
    if actor.person_id is None:
        return None
    found = session.scalars(_open_of(actor.person_id)).first()
    return found if found is not None and found.organ_id == actor.org_id and found.expires_at > now else None


def note_of(session: Session, inspection: Inspection) -> str:
    """What its officer wrote about an inspection."""
    if inspection.sealed_note is None:
        return ""
    return vault.open_text(session, inspection.organ_id, "inspection", "note", inspection.sealed_note)


# -- looks ------------------------------------------------------------------------------------------------------------


@gate("Z-01", "Z-06")
def purpose_given(_tx: Transaction, inspection: Inspection | None, purpose: str) -> None:
    """A look at somebody's business says what it is for, or is not given."""
    if inspection is None and not purpose.strip():
        raise Refused(
            "Z-01",
            "An inspection without a purpose is refused.",
            remedy="Say what this inspection is for.",
            code="purpose_missing",
        )


def look(actor: Actor, what: str, about: str, purpose: str = "", criteria: Mapping[str, Any] | None = None) -> None:
    """Record that an officer looks at ``about``, then see that it lies in the organ's scope (RULES Z-01, Z-06).

    ``about`` is a subject, or ``all`` for a list of everything. The look stays recorded when the scope says no.

    Raises:
        Refused: No inspection is open and no purpose was given.
        NotFound: The subject is outside the organ's scope.
        Forbidden: Everything was asked for by an organ that does not supervise everything.
    """
    record_look(actor.with_key(None), what, about, purpose, criteria)
    with read() as session:
        if about == "all":
            scopes.require_whole(session, actor)
        else:
            scopes.require(session, actor, about)


@verb
def record_look(
    tx: Transaction, what: str, about: str, purpose: str = "", criteria: Mapping[str, Any] | None = None
) -> None:
    """Record a look and nothing else: for lists, which show what the scope covers and leave out the rest.

    Raises:
        Refused: No inspection is open and no purpose was given.
    """
    tx.actor.need(REGULATOR)
    organ_id, _ = _officer(tx.actor)
    inspection = current(tx.session, tx.actor, tx.now)
    purpose_given(tx, inspection, purpose)
    subject = looks_of(organ_id)
    facts: dict[str, Any] = {"what": what, "about": about}
    words = dict(criteria or {})
    if inspection is not None and purpose != OWN_DESK:
        facts |= {"inspection": inspection.id, "purpose": inspection.purpose}
    elif purpose == OWN_DESK:
        facts |= {"purpose": OWN_DESK}
    else:
        facts |= {"purpose": STATED}
        words["purpose"] = purpose
    digests = {}
    if words:
        content = canonical.dumps({"type": "databourse/look/v1", **words})
        kept = documents.put(tx, content, subject=subject, kind="look", media_type="application/json")
        digests["words"] = kept.digest
    tx.record(subject, "inspection.looked", by=REGULATOR, facts=facts, digests=digests)


def _open_of(person_id: str) -> Any:
    return select(Inspection).where(Inspection.person_id == person_id, Inspection.state == "open")


def _end(tx: Transaction, inspection: Inspection, action: str, *, by: str) -> None:
    tx.undue(LAPSE, inspection.id)
    tx.advance(inspection, action, by=by)


def _officer(actor: Actor) -> tuple[str, str]:
    """The organ and the natural person."""
    if actor.org_id is None or actor.person_id is None:
        raise NotFound("There is no such %(kind)s.", kind="organ")
    return actor.org_id, actor.person_id


def _sealed(tx: Transaction, organ_id: str, note: str) -> bytes | None:
    return vault.seal_text(tx.session, organ_id, "inspection", "note", note) if note else None
