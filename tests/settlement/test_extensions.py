"""Later deadlines by consent of both sides, and reminders before an inspection window ends."""

from datetime import timedelta

import pytest
from people import approved_company
from trades import Trade, entries, found

from exchange.actors import Actor
from exchange.db import advance_clock
from exchange.errors import Conflict, Forbidden, Invalid, NotFound, Refused, WrongState
from settlement import extensions, lots
from settlement.lot_models import Extension
from settlement.models import Lot


def propose(actor: Actor, lot: Lot, **delta: int) -> Extension:
    """Propose a deadline so much after the present one."""
    assert lot.deadline_at is not None
    until = lot.deadline_at + timedelta(**delta)
    return extensions.propose_extension(actor, lot.id, until=until, reason="the source is late")


@pytest.mark.parametrize("step", ["funded", "delivered"])
def test_both_sides_move_a_deadline(trade: Trade, step: str) -> None:
    lot: Lot = getattr(trade, step)()
    proposed = propose(trade.seller.actor, lot, days=10)
    assert found(Lot, lot.id).deadline_at == lot.deadline_at
    agreed = extensions.agree_extension(trade.buyer.actor, proposed.id)
    moved = found(Lot, lot.id)
    assert (agreed.state, agreed.step, moved.deadline_at) == ("agreed", step, proposed.until)
    assert entries(proposed.id) == ["extension.proposed", "extension.agreed"]
    assert entries(lot.id)[-1] == "lot.extended"
    advance_clock(Actor.clock(), lot.deadline_at - (lot.available_at or lot.deadline_at) + timedelta(days=1))
    trade.work()
    assert found(Lot, lot.id).state == step


def test_an_extended_inspection_is_not_cut_by_the_receipt(trade: Trade) -> None:
    lot = trade.delivered()
    agreed = propose(trade.buyer.actor, lot, days=1)
    extensions.agree_extension(trade.seller.actor, agreed.id)
    assert trade.received(lot).deadline_at == agreed.until


def test_who_answers_a_proposal(trade: Trade) -> None:
    lot, stranger = trade.funded(), approved_company(trade, "旁观公司").actor
    proposed = propose(trade.seller.actor, lot, days=1)
    for answer in (extensions.agree_extension, extensions.decline_extension):
        with pytest.raises(Forbidden):
            answer(trade.seller.actor, proposed.id)
        with pytest.raises(NotFound):
            answer(stranger, proposed.id)
    with pytest.raises(Forbidden):
        extensions.withdraw_extension(trade.buyer.actor, proposed.id)
    with pytest.raises(Conflict) as caught:
        propose(trade.buyer.actor, lot, days=2)
    assert caught.value.code == "extension_open"
    extensions.decline_extension(trade.buyer.actor, proposed.id)
    with pytest.raises(WrongState):
        extensions.agree_extension(trade.buyer.actor, proposed.id)
    again = propose(trade.buyer.actor, lot, days=2)
    assert extensions.withdraw_extension(trade.buyer.actor, again.id).state == "withdrawn"
    assert found(Lot, lot.id).deadline_at == lot.deadline_at


def test_a_proposal_lapses_with_the_step_it_is_about(trade: Trade) -> None:
    lot = trade.funded()
    proposed = propose(trade.seller.actor, lot, days=1)
    lots.deliver_lot(trade.seller.actor, lot.id)
    assert found(Extension, proposed.id).state == "lapsed"
    with pytest.raises(WrongState):
        extensions.agree_extension(trade.buyer.actor, proposed.id)


def test_which_deadlines_can_be_proposed(trade: Trade) -> None:
    lot = trade.funded()
    for delta in ({"days": 0}, {"days": 100}):
        with pytest.raises(Invalid) as caught:
            propose(trade.seller.actor, lot, **delta)
        assert caught.value.code == "extension_range"
    due = trade.due()
    with pytest.raises(WrongState):
        propose(trade.seller.actor, due, days=1)


@pytest.mark.rule("T-01")
def test_nothing_is_extended_that_is_over(trade: Trade) -> None:
    lot = trade.funded()
    proposed = propose(trade.seller.actor, lot, days=20)
    advance_clock(Actor.clock(), timedelta(days=8))
    with pytest.raises(Refused) as caught:
        extensions.agree_extension(trade.buyer.actor, proposed.id)
    assert caught.value.code == "deadline_passed"


def reminders(lot: Lot) -> int:
    return entries(lot.id).count("lot.reminded")


def test_the_buyer_is_reminded_at_half_and_a_day_before_the_end(trade: Trade) -> None:
    lot = trade.received(trade.delivered())  # 72 hours from here
    trade.later(hours=35)
    assert reminders(lot) == 0
    trade.later(hours=2)
    assert reminders(lot) == 1
    trade.later(hours=12)
    assert reminders(lot) == 2
    assert found(Lot, lot.id).reminded_at is not None
    trade.later(hours=24)
    assert (reminders(lot), found(Lot, lot.id).state) == (2, "settled")


def test_nobody_is_reminded_of_what_is_over(trade: Trade) -> None:
    lot = trade.accepted()
    trade.later(days=3)
    assert reminders(lot) == 0
