"""What people, the gateway and time may do next: chosen by dice, mostly sensible, sometimes not allowed at all.

Each deed answers with an ``Attempt`` or, when there is nothing to do it to, with nothing. What must not be possible is
said here by a table of our own and not by the life cycles: the wrong side, a stranger, the wrong moment.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from exchange_site import PURPOSE
from people import Party
from simulation.town import Goods, Town

from exchange import clock
from exchange.actors import Actor
from exchange.db import advance_clock, read
from exchange.money import Money
from exchange.oversight import restraints
from settlement import (
    delivery,
    dispute_files,
    extensions,
    lots,
    lots_disputes,
    negotiation,
    orders,
    payment_orders,
    refunds,
)
from settlement.orders import Request
from settlement.proposals import Changes
from settlement.reconciliation import reconcile
from settlement.sandbox.faults import ON_CALLS, ON_WEBHOOKS, Fault

CARDS = ("pm_card_visa", "pm_card_chargeDeclined", "pm_card_createDispute", "pm_card_authenticationRequired")
CARD_NUMBERS = ("4242424242424242", "4000000000000002")
PAGE = {"return_url": "https://buyer.example/back"}
CALLS = ("", "/v1/payment_intents", "/v1/transfers", "/v1/refunds", "/v1/checkout")

#: Who may take a step of a lot, and from where; nobody else and from nowhere else.
STEPS = {
    "pay": ("buyer", {"due"}),
    "cancel": ("buyer", {"due"}),
    "receive": ("buyer", {"delivered", "accepted", "settled"}),
    "accept": ("buyer", {"delivered"}),
    "reject": ("buyer", {"delivered"}),
    "dispute": ("buyer", {"delivered"}),
    "deliver": ("seller", {"funded"}),
    "decline": ("seller", {"funded"}),
    "answer": ("seller", {"disputed"}),
    "settle": ("either", {"disputed"}),
    "object": ("either", {"ruled"}),
    "extend": ("either", {"funded", "delivered"}),
    "refund": ("either", {"settled"}),
}
#: How often somebody does what is none of their business, or what the moment does not allow.
MISTAKES = 0.12


@dataclass(frozen=True)
class Attempt:
    """Something about to be done.

    Args:
        words: What, for the report of a failure.
        do: Does it, as the actor given.
        actor: Who does it; ``None`` when no verb is called.
        must_fail: It must be refused.
        keyed: It answers with a subject, so that it may be sent under an idempotency key and repeated.
        quiet: A refusal of it leaves nothing but word of the refusal behind.
    """

    words: str
    do: Callable[[Any], Any]
    actor: Actor | None = None
    must_fail: bool = False
    keyed: bool = True
    quiet: bool = True


def chosen(town: Town) -> Attempt:
    """The next attempt."""
    while True:
        deed = town.dice.choices(list(DEEDS), list(DEEDS.values()))[0]
        attempt = deed(town)
        if attempt is not None:
            return attempt


# -- orders -----------------------------------------------------------------------------------------------------------


def request(town: Town) -> Attempt:
    goods = town.dice.choice(list(town.goods.values()))
    buyer = town.dice.choice(town.buyers)
    asked = Request(goods.offer_id, PURPOSE, town.dice.choice(("officer", "officer", "none")), buyer.password)
    return Attempt(
        f"{_name(buyer)} requests {goods.offer_id}",
        lambda actor: orders.request_order(actor, asked),
        buyer.actor,
        must_fail=buyer is goods.seller,
    )


def negotiate(town: Town) -> Attempt | None:
    waiting = town.watch.rows(
        "SELECT id, offer_id, buyer_org_id, seller_org_id, proposed_by, amount_minor FROM trade_order"
        " WHERE state = 'requested' ORDER BY id"
    )
    if not waiting:
        return None
    row = town.dice.choice(waiting)
    buyer, seller = town.parties[row["buyer_org_id"]], town.parties[row["seller_org_id"]]
    turn, other = (seller, buyer) if row["proposed_by"] == "buyer" else (buyer, seller)
    step = town.dice.choices(("sign", "counter", "end"), (12, 3, 2))[0]
    mistaken = town.dice.random() < MISTAKES
    by = town.dice.choice([other, _stranger(town, buyer, seller)]) if mistaken else turn
    order_id, password = row["id"], by.password
    price = Money(max(1, row["amount_minor"] - town.dice.randint(1, 999)), "HKD")
    verbs: dict[str, Callable[[Actor], Any]] = {
        "sign": lambda actor: orders.sign_order(actor, order_id, password=password),
        "counter": lambda actor: negotiation.counter_order(actor, order_id, Changes(price=price), password=password),
        "end": lambda actor: (
            orders.withdraw_order(actor, order_id)
            if by is buyer
            else orders.decline_order(actor, order_id, reason="no longer wanted")
        ),
    }
    must_fail = mistaken and not (step == "end" and by is other)
    return Attempt(f"{_name(by)} {step}s {order_id}", verbs[step], by.actor, must_fail=must_fail)


def terminate(town: Town) -> Attempt | None:
    lot = _any_lot(town, "due")
    if lot is None:
        return None
    deal = _deal(town, lot)
    by = town.dice.choice([deal.buyer, deal.seller])
    return Attempt(
        f"{_name(by)} terminates {deal.order_id}",
        lambda actor: orders.terminate_order(actor, deal.order_id, reason="the project was given up"),
        by.actor,
    )


# -- lots -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Deal:
    """A lot's parties and goods."""

    order_id: str
    buyer: Party
    seller: Party
    goods: Goods


def step_of_a_lot(town: Town) -> Attempt | None:
    """One of the steps of ``STEPS``."""
    step = town.dice.choices(list(_VERBS), [weight for weight, _ in _VERBS.values()])[0]
    side, states = STEPS[step]
    lot = _any_lot(town, *(() if town.dice.random() < MISTAKES else states))
    if lot is None:
        return None
    deal, mistaken = _deal(town, lot), town.dice.random() < MISTAKES
    right = {"buyer": [deal.buyer], "seller": [deal.seller], "either": [deal.buyer, deal.seller]}[side]
    wrong = [party for party in town.buyers if party not in right]
    by = town.dice.choice(wrong if mistaken else right)
    verb = _VERBS[step][1](town, lot, deal)
    must_fail = mistaken or town.watch.states[lot] not in states
    return Attempt(f"{_name(by)}: {step} {lot}", verb, by.actor, must_fail=must_fail, keyed=step != "receive")


def _pay(town: Town, lot: str, _deal: Deal) -> Callable[[Actor], Any]:
    card = town.dice.choices(CARDS, (12, 3, 1, 1))[0]
    asked = PAGE if town.dice.random() < 0.2 else {"payment_method": card}
    return lambda actor: lots.pay_lot(actor, lot, request=asked)


def _receive(town: Town, lot: str, _deal: Deal) -> Callable[[Actor], Any]:
    wrong = town.dice.random() < 0.1

    def fetch_and_confirm(actor: Actor) -> None:
        opened = delivery.open_delivery(actor, delivery.issue_ticket(actor, lot).token)
        content = b"".join(delivery.stream(opened, 0, opened.goods.size_bytes))
        delivery.confirm_receipt(actor, lot, hashlib.sha256(content + b"!" * wrong).digest())

    return fetch_and_confirm


def _deliver(town: Town, lot: str, deal: Deal) -> Callable[[Actor], Any]:
    deposit = town.dice.choice(deal.goods.made) if deal.goods.made else None
    return lambda actor: lots.deliver_lot(actor, lot, deposit_id=deposit)


def _settle(town: Town, lot: str, _deal: Deal) -> Callable[[Actor], Any]:
    percent = town.dice.choice((0, 40, 50, 50, 100))
    return lambda actor: lots_disputes.settle_dispute(actor, lot, seller_share_percent=percent)


def _extend(town: Town, lot: str, _deal: Deal) -> Callable[[Actor], Any]:
    until = _now() + timedelta(days=town.dice.randint(1, 30))
    return lambda actor: extensions.propose_extension(actor, lot, until=until, reason="more time is needed")


def _refund(town: Town, lot: str, _deal: Deal) -> Callable[[Actor], Any]:
    most = max(town.watch.sums[lot]["released"], 1)
    amount = Money(most if town.dice.random() < 0.4 else town.dice.randint(1, most + 100), "HKD")
    return lambda actor: refunds.propose_refund(actor, lot, amount=amount, reason="a part was missing")


def _said(verb: Callable[..., Any], word: str, words: str) -> Callable[[Town, str, Deal], Callable[[Actor], Any]]:
    return lambda _town, lot, _deal: lambda actor: verb(actor, lot, **{word: words})


_VERBS: dict[str, tuple[int, Callable[[Town, str, Deal], Callable[[Actor], Any]]]] = {
    "pay": (20, _pay),
    "cancel": (1, lambda _town, lot, _deal: lambda actor: lots.cancel_lot(actor, lot)),
    "receive": (14, _receive),
    "accept": (10, lambda _town, lot, _deal: lambda actor: lots.accept_lot(actor, lot)),
    "reject": (3, _said(lots.reject_lot, "reason", "the encoding is wrong")),
    "dispute": (5, _said(lots_disputes.dispute_lot, "reason", "half of the rows are missing")),
    "deliver": (8, _deliver),
    "decline": (1, _said(lots.decline_lot, "reason", "the source is gone")),
    "answer": (4, _said(dispute_files.answer_dispute, "answer", "all of the rows are there")),
    "settle": (5, _settle),
    "object": (2, _said(lots_disputes.object_to_ruling, "reason", "the evidence was not looked at")),
    "extend": (2, _extend),
    "refund": (3, _refund),
}


def answer_a_proposal(town: Town) -> Attempt | None:
    """Agree to, decline or withdraw an extension or a refund."""
    table, kind = town.dice.choice((("lot_extension", "extension"), ("refund", "refund")))
    proposed = town.watch.rows(f"SELECT id, lot_id, proposed_by FROM {table} WHERE state = 'proposed' ORDER BY id")  # noqa: S608
    if not proposed:
        return None
    row = town.dice.choice(proposed)
    deal = _deal(town, row["lot_id"])
    step = town.dice.choices(("agree", "decline", "withdraw"), (6, 1, 1))[0]
    by = town.dice.choice([deal.buyer, deal.seller, _stranger(town, deal.buyer, deal.seller)])
    proposer = deal.buyer if row["proposed_by"] == "buyer" else deal.seller
    may = by is proposer if step == "withdraw" else by in {deal.buyer, deal.seller} - {proposer}
    verb = getattr(extensions if kind == "extension" else refunds, f"{step}_{kind}")
    return Attempt(
        f"{_name(by)}: {step} {row['id']}", lambda actor: verb(actor, row["id"]), by.actor, must_fail=not may
    )


# -- officers ---------------------------------------------------------------------------------------------------------


def rule(town: Town) -> Attempt | None:
    lot = _any_lot(town, "disputed")
    if lot is None:
        return None
    percent, reason = town.dice.choice((0, 40, 60, 100)), "by the evidence of both"
    officers = [*town.dispute_officers, town.dice.choice(town.settlement_officers)]
    by = town.dice.choice(officers)
    return Attempt(
        f"an officer rules {lot} at {percent} %",
        lambda actor: lots_disputes.rule_dispute(actor, lot, seller_share_percent=percent, reason=reason),
        by,
        must_fail=by not in town.dispute_officers,
    )


def order_payment(town: Town) -> Attempt | None:
    """Propose one of the three things that officers order to be paid."""
    by, reason = town.dice.choice(town.settlement_officers), "as the file shows"
    failed = town.watch.rows(
        "SELECT id FROM money_op WHERE state = 'failed' AND kind IN ('transfer', 'refund') ORDER BY id"
    )
    if failed and town.dice.random() < 0.7:
        op = town.dice.choice(failed)["id"]
        return Attempt(f"again {op}", lambda actor: payment_orders.propose_again(actor, op, reason=reason), by)
    settled = _any_lot(town, "settled")
    if settled is not None and town.dice.random() < 0.5:
        amount = Money(town.dice.randint(1, max(1, town.watch.sums[settled]["released"])), "HKD")
        return Attempt(
            f"a court decides {settled}",
            lambda actor: payment_orders.propose_decided_refund(
                actor, settled, amount=amount, document_number="(2026) 1", reason=reason
            ),
            by,
        )
    held = _any_lot(town, "funded", "delivered", "disputed")
    if held is None or town.dice.random() < 0.7:
        return None
    return Attempt(f"return {held}", lambda actor: payment_orders.propose_return(actor, held, reason=reason), by)


def decide_payment(town: Town) -> Attempt | None:
    waiting = town.watch.rows("SELECT id, proposed_by FROM payment_order WHERE state = 'proposed' ORDER BY id")
    if not waiting:
        return None
    row, by = town.dice.choice(waiting), town.dice.choice(town.settlement_officers)
    step = town.dice.choices(("confirm", "reject", "withdraw"), (8, 2, 1))[0]
    own = by.person_id == row["proposed_by"]
    verb = getattr(payment_orders, f"{step}_payment_order")
    return Attempt(
        f"{step} {row['id']}", lambda actor: verb(actor, row["id"]), by, must_fail=own != (step == "withdraw")
    )


def restrain(town: Town) -> Attempt | None:
    if town.restraints and town.dice.random() < 0.75:
        lifted = town.restraints.pop()
        return Attempt(
            f"lift {lifted}", lambda actor: restraints.lift(actor, lifted, reason="cleared"), town.overseer, keyed=False
        )
    lot = _any_lot(town, "due", "funded", "delivered", "accepted", "ruled")
    if lot is None or len(town.restraints) > 1:
        return None
    subject = town.dice.choice((lot, town.watch.order_of[lot]))

    def put(actor: Actor) -> None:
        made = restraints.restrain(actor, subject, measure="suspension", basis="示例条例第1条", reason="looked into")
        town.restraints.append(made.id)

    return Attempt(f"restrain {subject}", put, town.overseer, keyed=False)


# -- the gateway and the payer's bank ---------------------------------------------------------------------------------


def fail_calls(town: Town) -> Attempt:
    fault = town.dice.choice(sorted(ON_CALLS - {Fault.DELAYED}))
    target, times = town.dice.choice(CALLS), town.dice.randint(1, 6)
    method = town.dice.choice((None, "POST"))
    return _happens(
        f"{fault} befalls {times} calls of {target or 'anything'}",
        lambda: town.site.control.inject(fault, target=target, method=method, times=times),
    )


def disturb_events(town: Town) -> Attempt:
    fault, times = town.dice.choice(sorted(ON_WEBHOOKS)), town.dice.randint(1, 4)
    delay = timedelta(hours=1) if fault is Fault.WEBHOOK_LATE else timedelta()
    return _happens(
        f"{fault} befalls {times} events", lambda: town.site.control.inject(fault, times=times, delay=delay)
    )


def pay_on_page(town: Town) -> Attempt | None:
    open_pages = town.watch.rows(
        "SELECT id FROM sandbox.objects WHERE kind = 'checkout.session' AND body->>'status' = 'open' ORDER BY position"
    )
    if not open_pages:
        return None
    page, number = town.dice.choice(open_pages)["id"], town.dice.choices(CARD_NUMBERS, (4, 1))[0]
    return _happens(f"somebody pays on {page}", lambda: town.site.control.pay_checkout(page, number))


def claim_back(town: Town) -> Attempt | None:
    charges = town.watch.rows(
        "SELECT id FROM sandbox.objects WHERE kind = 'charge' AND body @> %s"
        " AND body->>'amount' <> body->>'amount_refunded' ORDER BY position",
        '{"status": "succeeded", "disputed": false}',
    )
    if not charges:
        return None
    charge = town.dice.choice(charges)["id"]
    return _happens(f"the payer's bank claims {charge} back", lambda: town.site.control.open_dispute(charge))


def decide_claim(town: Town) -> Attempt | None:
    disputes = town.watch.rows(
        "SELECT id FROM sandbox.objects WHERE kind = 'dispute' AND body->>'status' = 'needs_response' ORDER BY position"
    )
    if not disputes:
        return None
    dispute, outcome = town.dice.choice(disputes)["id"], town.dice.choice(("won", "lost"))
    return _happens(f"{dispute} is {outcome}", lambda: town.site.control.decide_dispute(dispute, outcome))


# -- time and work ----------------------------------------------------------------------------------------------------


def work(town: Town) -> Attempt:
    def step() -> None:
        town.hurry()  # what is due must not depend on how fast this machine is
        town.worker.step()

    return _happens("the worker steps", step)


def events_arrive(town: Town) -> Attempt:
    limit = town.dice.randint(1, 12)
    return _happens(f"{limit} events arrive", lambda: town.deliver_events(limit))


def time_passes(town: Town) -> Attempt:
    hours = town.dice.choices((town.dice.randint(1, 18), town.dice.randint(24, 150)), (9, 1))[0]
    return _happens(f"{hours} hours pass", lambda: advance_clock(Actor.clock(), timedelta(hours=hours)))


def a_day_at_the_gateway(town: Town) -> Attempt:
    return _happens("a day passes at the gateway", town.a_day_passes_at_the_gateway)


def sequence(town: Town) -> Attempt:
    return _happens("the sequencer seals", town.sequencer.step)


def read_statement(town: Town) -> Attempt:
    return _happens("the statement is reconciled", lambda: reconcile(town.site.house.gateway))


def calm(town: Town) -> Attempt:
    return _happens("the gateway is well again", town.site.control.clear_faults)


#: What may happen, and how often beside the others.
DEEDS: dict[Callable[[Town], Attempt | None], int] = {
    request: 10,
    negotiate: 24,
    terminate: 1,
    step_of_a_lot: 64,
    answer_a_proposal: 4,
    rule: 4,
    order_payment: 3,
    decide_payment: 3,
    restrain: 2,
    fail_calls: 4,
    disturb_events: 2,
    pay_on_page: 3,
    claim_back: 1,
    decide_claim: 2,
    work: 28,
    events_arrive: 9,
    time_passes: 3,
    a_day_at_the_gateway: 1,
    sequence: 3,
    read_statement: 1,
    calm: 3,
}


# -- choosing ---------------------------------------------------------------------------------------------------------


def _happens(words: str, do: Callable[[], Any]) -> Attempt:
    return Attempt(words, lambda _actor: do(), keyed=False, quiet=False)


def _any_lot(town: Town, *states: str) -> str | None:
    """A lot in one of these states, rather a late one: most of the early ones have ended."""
    found: Sequence[str] = town.watch.lots(*states)
    return town.dice.choice(found[-12:]) if found else None


def _deal(town: Town, lot: str) -> Deal:
    order_id = town.watch.order_of[lot]
    (row,) = town.watch.rows("SELECT buyer_org_id, seller_org_id, offer_id FROM trade_order WHERE id = %s", order_id)
    buyer, seller = town.parties[row["buyer_org_id"]], town.parties[row["seller_org_id"]]
    return Deal(order_id, buyer, seller, town.goods[row["offer_id"]])


def _stranger(town: Town, *parties: Party) -> Party:
    return town.dice.choice([party for party in town.buyers if party not in parties])


def _name(party: Party) -> str:
    return party.org_id[-4:]


def _now() -> Any:
    with read():
        return clock.now()
