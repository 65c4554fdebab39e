"""Time by consent: one side proposes a later deadline for delivering or inspecting a lot, the other agrees.

And the reminders that an inspection window ends.
"""

from datetime import datetime, timedelta

from sqlalchemy import Select, select

from exchange import ids
from exchange.db import Transaction, verb
from exchange.errors import Conflict, Forbidden, Invalid, NotFound, WrongState
from exchange.lifecycle import CLOCK
from exchange.marks import N_
from settlement import deadlines, gates, parties, statements
from settlement.lot_models import Extension
from settlement.lot_states import EXTENSION
from settlement.models import Lot, Order

#: What may be extended: the states of a lot in which one side works and the other waits.
STEPS = ("funded", "delivered")
#: Held money does not wait for ever: no deadline is moved further ahead than this.
MOST = timedelta(days=60)


@verb
def propose_extension(tx: Transaction, lot_id: str, *, until: datetime, reason: str) -> Extension:
    """Propose, as either side, that the lot's present deadline is ``until``.

    Raises:
        NotFound: There is no such lot, or it is another party's.
        WrongState: The lot waits for neither delivery nor inspection.
        Conflict: A proposal is open already (``extension_open``).
        Invalid: ``until`` is not after the deadline, or more than 60 days ahead (``extension_range``); no reason.
        Refused: The time for this step is over (T-01).
    """
    order, lot, side = parties.party_lot(tx, lot_id, *parties.SIGNING)
    if lot.state not in STEPS or lot.deadline_at is None:
        raise WrongState("There is no deadline here to be moved.", code="no_deadline")
    gates.in_time(tx, order, lot)
    if tx.first(_open(lot)) is not None:
        raise Conflict("An extension was proposed already; it has to be answered first.", code="extension_open")
    if not lot.deadline_at < until <= tx.now + MOST:
        raise Invalid(
            "The new deadline lies after the present one and at most %(days)s days ahead.",
            code="extension_range",
            fields={"until": [N_("The new deadline is too early or too late.")]},
            days=MOST.days,
        )
    extension = Extension(
        id=ids.new("ext"),
        lot_id=lot.id,
        step=lot.state,
        proposed_by=side,
        deadline_at=lot.deadline_at,
        until=until,
        reason=statements.cleaned(reason),
    )
    digests = statements.keep(tx, extension.id, by=side, step="extension", words=reason)
    facts = {"step": lot.state, "until": until.isoformat()}
    tx.create(extension, "extension.proposed", by=side, facts=facts, links=[lot.id, order.id], digests=digests)
    return extension


@verb
def agree_extension(tx: Transaction, extension_id: str) -> Extension:
    """Agree, as the other side: the lot's deadline moves at once.

    Raises:
        NotFound: There is no such proposal, or it is another trade's.
        Forbidden: The actor's own side proposed it.
        WrongState: It was answered, withdrawn, or the lot moved on.
        Refused: The time for this step is over (T-01).
    """
    extension, order, lot, side = _locked(tx, extension_id)
    extension.__lifecycle__.edge(extension.state, "agree")
    _refuse_own(extension, side)
    gates.in_time(tx, order, lot)
    tx.advance(extension, "agree", by=side, links=[lot.id])
    lot.extended_until = extension.until
    facts = {"step": extension.step, "until": extension.until.isoformat()}
    tx.record(lot.id, "lot.extended", by=side, facts=facts, links=[order.id, extension.id])
    lot.clock_stopped_at = None
    deadlines.set_deadline(tx, lot, extension.until)
    return extension


@verb
def decline_extension(tx: Transaction, extension_id: str) -> Extension:
    """Decline, as the other side; the deadline stands.

    Raises:
        NotFound: There is no such proposal, or it is another trade's.
        Forbidden: The actor's own side proposed it.
        WrongState: It was answered, withdrawn, or the lot moved on.
    """
    extension, _, lot, side = _locked(tx, extension_id)
    extension.__lifecycle__.edge(extension.state, "decline")
    _refuse_own(extension, side)
    tx.advance(extension, "decline", by=side, links=[lot.id])
    return extension


@verb
def withdraw_extension(tx: Transaction, extension_id: str) -> Extension:
    """Take one's own proposal back before it is answered.

    Raises:
        NotFound: There is no such proposal, or it is another trade's.
        Forbidden: The other side proposed it.
        WrongState: It was answered, withdrawn, or the lot moved on.
    """
    extension, _, lot, side = _locked(tx, extension_id)
    extension.__lifecycle__.edge(extension.state, "withdraw")
    if extension.proposed_by != side:
        raise Forbidden("Only the side that proposed this may withdraw it.", code="other_side")
    tx.advance(extension, "withdraw", by=side, links=[lot.id])
    return extension


@verb
def remind(tx: Transaction, lot_id: str) -> Lot:
    """Remind the buyer that an inspection window ends (called by the clock).

    Raises:
        WrongState: The lot is no longer under inspection.
    """
    tx.actor.need(CLOCK)
    order, lot = parties.locked_lot(tx, lot_id)
    if lot.state != "delivered" or lot.deadline_at is None or lot.deadline_at <= tx.now:
        raise WrongState("The lot is no longer «%(state)s».", state="delivered")
    if lot.clock_stopped_at is None:
        lot.reminded_at = tx.now
        tx.record(lot.id, "lot.reminded", by=CLOCK, facts={"deadline": lot.deadline_at.isoformat()}, links=[order.id])
    return lot


def _open(lot: Lot) -> Select[str]:
    return select(Extension.id).where(Extension.lot_id == lot.id, Extension.state == EXTENSION.initial)


def _locked(tx: Transaction, extension_id: str) -> tuple[Extension, Order, Lot, str]:
    """A proposal with its order and lot, all locked in the order of every verb of lots, and the actor's side."""
    try:
        order, lot, side = parties.party_lot(tx, tx.get(Extension, extension_id).lot_id, *parties.SIGNING)
    except NotFound:
        raise NotFound("There is no such %(kind)s.", kind=Extension.__tablename__) from None
    return tx.lock(Extension, extension_id), order, lot, side


def _refuse_own(extension: Extension, side: str) -> None:
    if extension.proposed_by == side:
        raise Forbidden("The other side has to answer this.", code="other_side")
