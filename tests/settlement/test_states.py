"""The life cycles as tables, and every verb against every state it has no edge from."""

from collections.abc import Callable

import pytest
from people import staff
from trades import VISA, Trade, entries, found

from exchange.actors import Actor
from exchange.errors import WrongState
from exchange.lifecycle import Lifecycle
from exchange.money import Money
from settlement import lots, lots_disputes, negotiation, orders
from settlement.models import Lot, Order
from settlement.proposals import Changes
from settlement.states import LOT, LOT_AVAILABLE, LOT_ENDED, ORDER, TRADE_STATES

CLOCK = Actor.clock()

#: The verbs that take the edges of the table, by action; those that gateways take are outcomes, not verbs.
LOT_VERBS: dict[str, list[Callable[[Trade, str], object]]] = {
    "pay": [lambda t, id_: lots.pay_lot(t.buyer.actor, id_, request={"payment_method": VISA})],
    "cancel": [lambda t, id_: lots.cancel_lot(t.buyer.actor, id_)],
    "deliver": [
        lambda t, id_: lots.deliver_lot(t.seller.actor, id_),
        lambda _, id_: lots.make_available(CLOCK, id_),
    ],
    "decline": [lambda t, id_: lots.decline_lot(t.seller.actor, id_, reason="no")],
    "accept": [lambda t, id_: lots.accept_lot(t.buyer.actor, id_)],
    "reject": [lambda t, id_: lots.reject_lot(t.buyer.actor, id_, reason="no")],
    "dispute": [lambda t, id_: lots_disputes.dispute_lot(t.buyer.actor, id_, reason="no")],
    "settle": [lambda t, id_: lots_disputes.settle_dispute(t.buyer.actor, id_, seller_share_percent=50)],
    "rule": [lambda t, id_: lots_disputes.rule_dispute(officer(t), id_, seller_share_percent=50, reason="so")],
    "object": [lambda t, id_: lots_disputes.object_to_ruling(t.buyer.actor, id_, reason="no")],
}
#: The clock's verbs, each of which knows one state.
LAPSES = {
    "due": lots.lapse_payment,
    "funded": lots.lapse_delivery,
    "delivered": lots.lapse_inspection,
    "ruled": lots_disputes.carry_out_ruling,
}
ORDER_VERBS: dict[str, Callable[[Trade, str], object]] = {
    "counter": lambda t, id_: negotiation.counter_order(
        t.seller.actor, id_, Changes(price=Money(90_000, "HKD")), password=t.seller.password
    ),
    "sign": lambda t, id_: orders.sign_order(t.seller.actor, id_, password=t.seller.password),
    "decline": lambda t, id_: orders.decline_order(t.seller.actor, id_, reason="no"),
    "withdraw": lambda t, id_: orders.withdraw_order(t.buyer.actor, id_),
    "terminate": lambda t, id_: orders.terminate_order(t.buyer.actor, id_, reason="no"),
}


def officer(trade: Trade) -> Actor:
    return staff(trade, "dispute_officer")


@pytest.mark.parametrize("lifecycle", [ORDER, LOT], ids=lambda cycle: cycle.name)
def test_every_pair_that_is_not_in_the_table_is_refused(lifecycle: Lifecycle) -> None:
    actions = {action for _, action in lifecycle.edges}
    missing = [(s, a) for s in lifecycle.states for a in actions if (s, a) not in lifecycle.edges]
    assert missing
    for state, action in missing:
        with pytest.raises(WrongState):
            lifecycle.edge(state, action)


@pytest.mark.rule("T-01")
@pytest.mark.parametrize("state", sorted(LOT.states))
def test_a_lot_takes_only_the_edges_of_its_state(trade: Trade, state: str) -> None:
    made: Lot = getattr(trade, state)()
    told = entries(made.id)
    assert made.state == state
    for action, verbs in LOT_VERBS.items():
        payable = (state, action) == ("cancelled", "pay")  # late money takes that edge, no order to pay does
        if (state, action) in LOT.edges and not payable:
            continue
        for take in verbs:
            with pytest.raises(WrongState):
                take(trade, made.id)
    for home, lapse in LAPSES.items():
        if home != state:
            with pytest.raises(WrongState):
                lapse(CLOCK, made.id)
    assert found(Lot, made.id).row_version == made.row_version
    assert entries(made.id) == told


@pytest.mark.rule("T-01")
@pytest.mark.parametrize("state", ["requested", "open", "completed", "cancelled"])
def test_an_order_takes_only_the_edges_of_its_state(trade: Trade, state: str) -> None:
    make: dict[str, Callable[[], str]] = {
        "requested": lambda: trade.request().id,
        "open": lambda: trade.signed().id,
        "completed": lambda: trade.settled().order_id,
        "cancelled": lambda: trade.cancelled().order_id,
    }
    order_id = make[state]()
    assert found(Order, order_id).state == state
    for action, take in ORDER_VERBS.items():
        if (state, action) not in ORDER.edges:
            with pytest.raises(WrongState):
                take(trade, order_id)
    assert found(Order, order_id).state == state


def test_every_action_of_a_person_has_its_verb() -> None:
    people = {"buyer", "seller", "dispute_officer"}
    assert {a for (_, a), edge in LOT.edges.items() if people & set(edge.by)} == set(LOT_VERBS) - {"pay"}
    assert {a for (_, a), edge in ORDER.edges.items() if people & set(edge.by)} == set(ORDER_VERBS)
    assert {s for (s, a), edge in LOT.edges.items() if "clock" in edge.by} | {"ruled"} == set(LAPSES)


def test_the_words_of_the_rule_map_onto_states() -> None:
    cycles = {"order": ORDER, "lot": LOT}
    assert all(state in cycles[subject].states for subject, state in TRADE_STATES.values())


def test_money_leaves_the_hold_by_three_doors_only() -> None:
    leaving = {e.to for (s, _), e in LOT.edges.items() if s in {"funded", "delivered", "disputed"}} - {
        "funded",
        "delivered",
        "disputed",
    }
    assert leaving == {"accepted", "ruled", "refunding", "refunded"}
    assert {"settled", "refunded", "cancelled"} == LOT_ENDED
    assert "refunding" not in LOT_AVAILABLE
