"""Negotiation: proposals signed by their makers, answered, accepted, reminded of, and kept."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from market import open_data, published_product
from people import PASSWORD, approved_company, authorised, handler, staff
from sqlalchemy import select, update
from trades import PURPOSE, Trade, entries, found, lot_of, restrained

from exchange.actors import Actor
from exchange.db import advance_clock, read, transaction
from exchange.errors import Conflict, Forbidden, Invalid, NotFound, Refused, TooManyRequests, WrongState
from exchange.journal import canonical
from exchange.members import authority
from exchange.members.models import MemberKey, Signature
from exchange.money import Money
from listings import offers
from listings.models import Version
from settlement import contracts, messages, negotiation, order_queries, orders, queries
from settlement.models import Order
from settlement.negotiation_models import TradeMessage
from settlement.orders import Request
from settlement.proposals import MAX_PROPOSALS, Changes

CHEAPER = Changes(price=Money(100_000, "HKD"), inspection_hours=120, disputes="none")


def counter(trade: Trade, order: Order, side: str = "seller", changes: Changes = CHEAPER) -> Order:
    party = getattr(trade, side)
    return negotiation.counter_order(party.actor, order.id, changes, password=party.password)


def said(trade: Trade, order: Order) -> dict[str, object]:
    value: dict[str, object] = canonical.loads(queries.contract(trade.buyer.actor, order.id))
    return value


def test_a_counter_proposal_is_signed_by_its_maker_and_accepted_by_the_other(trade: Trade) -> None:
    order = trade.request()
    first = order.contract_digest
    countered = counter(trade, order)
    assert (countered.state, countered.proposals, countered.proposed_by) == ("requested", 2, "seller")
    assert countered.contract_digest != first
    assert countered.buyer_signature_id is None
    signed = orders.sign_order(trade.buyer.actor, order.id, password=trade.buyer.password)
    assert signed.state == "open"
    assert lot_of(signed).amount == Money(100_000, "HKD")
    assert found(Order, order.id).disputes == "none"
    assert entries(order.id) == ["order.requested", "order.countered", "order.agreed", "order.opened"]
    with read() as session:
        under = session.scalars(select(Signature).where(Signature.digest == signed.contract_digest)).all()
    assert {one.org_id for one in under} == {trade.buyer.org_id, trade.seller.org_id}


def test_the_contract_shows_where_it_departs_from_the_offer(trade: Trade) -> None:
    order = counter(trade, trade.request())
    differences = {one["term"]: (one["offered"], one["agreed"]) for one in said(trade, order)["differences"]}
    assert differences == {
        "price": ({"minor": "120000", "currency": "HKD"}, {"minor": "100000", "currency": "HKD"}),
        "inspection_hours": (72, 120),
    }
    assert said(trade, order)["proposal"] == {"number": 2, "by": "seller"}
    assert said(trade, trade.request())["differences"] == []


def test_a_request_may_ask_for_other_terms(trade: Trade) -> None:
    asked = Request(
        trade.product.offer_id,
        PURPOSE,
        "officer",
        trade.buyer.password,
        words="客流预测 / forecasting",
        changes=Changes(delivery_days=14, term_days=30),
    )
    order = orders.request_order(trade.buyer.actor, asked)
    assert (order.terms["delivery_days"], order.terms["term_days"]) == (14, 30)
    assert said(trade, order)["purpose"]["words"] == "客流预测 / forecasting"
    assert said(trade, counter(trade, order))["purpose"]["words"] == "客流预测 / forecasting"
    with read() as session:
        from exchange.journal.models import JournalEntry

        bodies = session.scalars(select(JournalEntry.body).where(JournalEntry.subject == order.id)).all()
    assert all("客流预测" not in body.decode() for body in bodies)


def test_a_preview_is_the_contract_and_keeps_nothing(trade: Trade) -> None:
    asked = Request(trade.product.offer_id, PURPOSE, "officer", "")
    shown = canonical.loads(orders.preview(trade.buyer.actor, asked))
    order = trade.request()
    kept = said(trade, order)
    assert shown.keys() == kept.keys()
    assert {**shown, "order": 0, "made_at": 0} == {**kept, "order": 0, "made_at": 0}
    assert [card["id"] for card in queries.orders(trade.buyer.actor).items] == [order.id]
    with pytest.raises(Invalid):
        orders.preview(trade.buyer.actor, replace(asked, purpose="world.domination"))


def test_the_turns_are_taken(trade: Trade) -> None:
    order = trade.request()
    with pytest.raises(Conflict) as caught:
        counter(trade, order, "buyer")
    assert caught.value.code == "not_your_turn"
    counter(trade, order)
    with pytest.raises(Conflict) as caught:
        orders.sign_order(trade.seller.actor, order.id, password=trade.seller.password)
    assert caught.value.code == "not_your_turn"
    assert queries.order(trade.buyer.actor, order.id)["actions"] == ["sign", "counter", "withdraw"]
    assert queries.order(trade.seller.actor, order.id)["actions"] == ["decline"]
    back = counter(trade, order, "buyer", Changes(price=Money(110_000, "HKD")))
    assert (back.proposals, back.price) == (3, Money(110_000, "HKD"))
    assert [one["side"] for one in order_queries.proposals(trade.buyer.actor, order.id)] == ["buyer", "seller", "buyer"]


def test_each_answer_gives_the_other_side_its_time_and_lapses_with_it(trade: Trade) -> None:
    order = trade.request()
    trade.later(days=4)
    assert entries(order.id)[-1] == "order.reminded"
    counter(trade, order)
    trade.later(days=2)
    assert found(Order, order.id).state == "requested"
    trade.later(days=2)
    trade.later(days=1)
    assert found(Order, order.id).state == "cancelled"
    assert entries(order.id)[-2:] == ["order.reminded", "order.lapsed"]
    with pytest.raises(WrongState):
        counter(trade, order, "buyer")
    with pytest.raises(WrongState):
        negotiation.remind_signing(Actor.clock(), order.id)


def test_an_answer_that_comes_too_late_is_refused(trade: Trade) -> None:
    order = trade.request()
    advance_clock(Actor.clock(), timedelta(days=5))
    with pytest.raises(Conflict) as caught:
        counter(trade, order)
    assert caught.value.code == "signing_over"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        (Changes(price=Money(0, "HKD")), "invalid_amount"),
        (Changes(price=Money(1, "CNY")), "another_currency"),
        (Changes(term_days=0), "term_out_of_range"),
        (Changes(inspection_hours=0), "term_out_of_range"),
        (Changes(inspection_hours=2161), "term_out_of_range"),
        (Changes(delivery_days=91), "term_out_of_range"),
        (Changes(acceptance_criteria="x" * 2001), "criteria_too_long"),
        (Changes(disputes="duel"), "invalid_disputes"),
    ],
)
def test_terms_out_of_range_are_refused_and_nothing_changes(trade: Trade, changes: Changes, code: str) -> None:
    order = trade.request()
    with pytest.raises(Invalid) as caught:
        counter(trade, order, changes=changes)
    assert caught.value.code == code
    assert found(Order, order.id).row_version == order.row_version


@pytest.mark.rule("T-05")
def test_a_contract_without_a_part_is_refused(trade: Trade) -> None:
    order = trade.request()
    with pytest.raises(Refused) as caught:
        counter(trade, order, changes=Changes(acceptance_criteria="  "))
    assert (caught.value.rule_id, caught.value.code) == ("T-05", "contract_incomplete")
    whole = said(trade, order)
    contracts.complete(order, canonical.dumps(whole))
    clauses = {name: text for name, text in whole["clauses"].items() if name != "breach"}  # type: ignore[attr-defined]
    with pytest.raises(Refused, match="breach"):
        contracts.complete(order, canonical.dumps(whole | {"clauses": clauses}))


def test_the_same_again_is_no_answer(trade: Trade) -> None:
    order = trade.request()
    with pytest.raises(Conflict) as caught:
        counter(trade, order, changes=Changes(price=order.price))
    assert caught.value.code == "nothing_changed"


@pytest.mark.rule("G-17")
def test_rights_to_a_government_derived_product_are_not_widened(trade: Trade) -> None:
    product = published_product(trade, trade.seller, open_data(trade))
    request = Request(product.offer_id, "research", "officer", trade.buyer.password)
    order = orders.request_order(trade.buyer.actor, request)
    with pytest.raises(Refused) as caught:
        counter(trade, order, changes=Changes(redistribution=True))
    assert (caught.value.rule_id, caught.value.code) == ("G-17", "wider_than_offered")
    assert counter(trade, order, changes=Changes(derivation=False)).terms["derivation"] is False


def test_negotiations_do_not_go_on_forever(trade: Trade) -> None:
    order = trade.request()
    for number in range(2, MAX_PROPOSALS + 1):
        side = "seller" if number % 2 == 0 else "buyer"
        counter(trade, order, side, Changes(price=Money(100_000 + number, "HKD")))
    with pytest.raises(Conflict) as caught:
        counter(trade, order, "buyer", Changes(price=Money(1, "HKD")))
    assert caught.value.code == "too_many_proposals"


def _put(trade: Trade, state: str) -> None:
    with transaction(Actor.clock()) as tx:
        statement = update(Version).where(Version.id == trade.product.version_id).values(state=state)
        tx.session.execute(statement)
        tx.record(trade.product.version_id, "listing.moved", by="test")


@pytest.mark.parametrize(("state", "code"), [("suspended", "version_suspended"), ("superseded", "version_superseded")])
def test_a_version_that_is_suspended_or_superseded_cannot_be_ordered(trade: Trade, state: str, code: str) -> None:
    _put(trade, state)
    with pytest.raises(Conflict) as caught:
        trade.request()
    assert caught.value.code == code
    assert queries.orders(trade.buyer.actor).items == []


def test_an_open_negotiation_outlives_its_version_but_no_suspension(trade: Trade) -> None:
    order = trade.request()
    _put(trade, "suspended")
    for answer in _answers(trade, order):
        with pytest.raises(Conflict) as caught:
            answer()
        assert caught.value.code == "version_suspended"
    _put(trade, "superseded")
    offers.close_offer(trade.seller.actor, trade.product.offer_id)
    counter(trade, order)
    signed = orders.sign_order(trade.buyer.actor, order.id, password=trade.buyer.password)
    assert signed.state == "open"


def _answers(trade: Trade, order: Order) -> tuple[Callable[[], object], ...]:
    return (
        lambda: counter(trade, order),
        lambda: orders.sign_order(trade.seller.actor, order.id, password=trade.seller.password),
    )


@pytest.mark.rule("K-05")
def test_a_restraint_stops_a_negotiation(trade: Trade) -> None:
    order = trade.request()
    restrained(trade.product.product_id)
    for answer in _answers(trade, order):
        with pytest.raises(Refused) as caught:
            answer()
        assert caught.value.code == "restrained"


@pytest.mark.rule("I-02")
def test_one_person_does_not_sign_for_both_sides_whatever_seat_it_holds_now(trade: Trade) -> None:
    order = trade.request()
    with transaction(Actor.clock()) as tx:
        signature = tx.get(Signature, order.buyer_signature_id)
        key = tx.get(MemberKey, signature.key_id)
        person_id = key.person_id
    moved = replace(trade.seller.actor, person_id=person_id)
    for answer in (
        lambda: orders.sign_order(moved, order.id, password=trade.buyer.password),
        lambda: negotiation.counter_order(moved, order.id, CHEAPER, password=trade.buyer.password),
    ):
        with pytest.raises(Refused) as caught:
            answer()
        assert (caught.value.rule_id, caught.value.code) == ("I-02", "same_person")


def test_negotiations_of_others_do_not_exist(trade: Trade) -> None:
    order = trade.request()
    stranger = approved_company(trade, "旁人公司").actor
    for look in (
        lambda: negotiation.counter_order(stranger, order.id, CHEAPER, password="x"),
        lambda: order_queries.proposals(stranger, order.id),
        lambda: order_queries.signatures(stranger, order.id),
        lambda: order_queries.story(stranger, order.id),
        lambda: messages.send_message(stranger, order.id, words="?"),
        lambda: messages.between(stranger, order.id),
    ):
        with pytest.raises(NotFound):
            look()


# -- messages ---------------------------------------------------------------------------------------------------------


def test_messages_are_sealed_and_named_by_digest_only(trade: Trade) -> None:
    order = trade.request()
    messages.send_message(trade.buyer.actor, order.id, words="能否提供样例？")
    messages.send_message(trade.seller.actor, order.id, words=" 可以 ")
    shown = messages.between(trade.buyer.actor, order.id).items
    assert [(one.side, one.words) for one in shown] == [("seller", "可以"), ("buyer", "能否提供样例？")]
    assert messages.between(trade.seller.actor, order.id, limit=1).next_cursor is not None
    assert entries(order.id)[-2:] == ["order.message_sent"] * 2
    with read() as session:
        kept = session.scalars(select(TradeMessage).where(TradeMessage.order_id == order.id)).all()
    assert all("样例".encode() not in one.sealed for one in kept)
    assert {one.digest.hex() for one in kept} == {one.sha256 for one in shown}


def test_messages_say_something_and_not_too_much(trade: Trade) -> None:
    order = trade.request()
    for words, code in (("  ", "message_empty"), ("x" * 4001, "message_too_long")):
        with pytest.raises(Invalid) as caught:
            messages.send_message(trade.buyer.actor, order.id, words=words)
        assert caught.value.code == code
    with pytest.raises(Forbidden):
        messages.send_message(replace(trade.buyer.actor, roles=frozenset({"viewer"})), order.id, words="?")
    with pytest.raises(TooManyRequests):
        for _ in range(messages.SENDING.most + 1):
            messages.send_message(trade.buyer.actor, order.id, words="?")


@pytest.mark.rule("S-04")
def test_a_dispute_officer_reads_messages_in_a_dispute_only_and_that_is_recorded(trade: Trade) -> None:
    officer = staff(trade, "dispute_officer")
    order = trade.request()
    messages.send_message(trade.buyer.actor, order.id, words="?")
    with pytest.raises(Refused) as caught:
        messages.in_dispute(officer, order.id)
    assert caught.value.code == "no_dispute"
    disputed = trade.disputed()
    messages.send_message(trade.seller.actor, disputed.order_id, words="为什么")
    assert [one.words for one in messages.in_dispute(officer, disputed.order_id).items] == ["为什么"]
    assert entries(disputed.order_id)[-1] == "order.messages_read"
    with pytest.raises(Forbidden):
        messages.in_dispute(trade.buyer.actor, disputed.order_id)


# -- authority --------------------------------------------------------------------------------------------------------


@pytest.mark.rule("I-07")
@pytest.mark.parametrize("step", ["request", "counter", "sign"])
def test_a_handler_signs_within_a_letter_of_authority_only(trade: Trade, step: str) -> None:
    side = "buyer" if step == "request" else "seller"
    party = getattr(trade, side)
    who = handler(trade, party)

    def take() -> object:
        if step == "request":
            asked = Request(trade.product.offer_id, PURPOSE, "officer", PASSWORD)
            return orders.request_order(who, asked)
        order = trade.request()
        if step == "counter":
            return negotiation.counter_order(who, order.id, Changes(term_days=30), password=PASSWORD)
        return orders.sign_order(who, order.id, password=PASSWORD)

    def refused() -> str:
        with pytest.raises(Refused) as caught:
            take()
        assert caught.value.rule_id == "I-07"
        return caught.value.code

    assert refused() == "no_authority"
    low = authorised(party, who, ceiling=Money(119_999, "HKD"))
    assert refused() == "above_ceiling"
    authority.revoke_authority(party.actor, low.id)
    assert refused() == "authority_ended"
    authorised(party, who, ceiling=Money(120_000, "HKD"))
    take()
