"""Events as Stripe sends them: late, twice, out of order, forged, of things that are not ours, or not at all."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace

import pytest
from flask import Flask
from money_desk import PRICE, Desk, Lot, held, op, ops, paid, plan, wait
from sqlalchemy import func, select

from exchange import ids
from exchange.db import read
from exchange.errors import NotFound
from exchange.models import Outbox
from settlement import hooks, inbox, ledger, money, suspense
from settlement.gateways.errors import BadSignature
from settlement.gateways.stripe_gateway import StripeGateway
from settlement.money_models import GatewayEvent
from settlement.sandbox.faults import Fault
from settlement.sandbox.webhooks import deliver_webhooks

pytestmark = pytest.mark.usefixtures("db")


class Line:
    """A gateway whose events come to the hook over HTTP, and what a worker does about them."""

    def __init__(self, near_world: SimpleNamespace, desk: Desk) -> None:
        endpoint = near_world.client().webhook_endpoints.create(
            {"url": "https://exchange.test/hooks/stripe", "enabled_events": ["*"]}
        )
        self.desk = desk
        self.control = near_world.control
        self.api = near_world.client()
        self.gateway: StripeGateway = near_world.gateway(endpoint.secret)
        self.conninfo: str = near_world.conninfo
        self.statuses: list[int] = []
        app = Flask(__name__)
        app.register_blueprint(hooks.hooks)
        app.extensions[hooks.GATEWAY_EXTENSION] = self.gateway
        self.client = app.test_client()

    def post(self, _url: str, payload: bytes, headers: Mapping[str, str]) -> int:
        self.statuses.append(self.client.post("/hooks/stripe", data=payload, headers=dict(headers)).status_code)
        return self.statuses[-1]

    def deliver(self) -> None:
        """Bring what is due to the hook, then do what it left in the outbox."""
        deliver_webhooks(self.conninfo, self.post)
        with read() as session:
            letters = session.scalars(select(Outbox.payload).where(Outbox.kind == "gateway.event")).all()
        for payload in letters:
            inbox.process(self.gateway, payload["event_id"])

    def paid_on_a_page(self) -> str:
        request = money.on_page(description="A lot", success_url="https://a.test/paid", cancel_url="https://a.test/no")
        op_id = plan("payment", PRICE, lot=Lot(ids.new("lot")), request=request)
        money.carry_out(self.gateway, op_id)
        self.control.pay_checkout(op(op_id).page_id, "4242424242424242")
        return op_id


@pytest.fixture
def line(near_world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> Line:
    desk = Desk()
    monkeypatch.setattr(money, "OUTCOMES", desk.outcomes())
    return Line(near_world, desk)


def listed() -> list[tuple[str, str]]:
    with read() as session:
        return [(item.code, item.object_id) for item in suspense.items(session).items]


def kept() -> int:
    with read() as session:
        return session.scalar(select(func.count()).select_from(GatewayEvent)) or 0


def nothing(_line: Line) -> None:
    """Everything goes well."""


def twice(line: Line) -> None:
    line.control.inject(Fault.WEBHOOK_DUPLICATE, times=10)


def reordered(line: Line) -> None:
    line.control.inject(Fault.WEBHOOK_OVERTAKEN, target="payment_intent.created")
    line.control.inject(Fault.WEBHOOK_OVERTAKEN, target="payment_intent.succeeded")


@pytest.mark.parametrize("trouble", [nothing, twice, reordered])
def test_events_settle_a_payment_once(line: Line, trouble: Callable[[Line], None]) -> None:
    trouble(line)
    op_id = line.paid_on_a_page()
    line.deliver()
    line.deliver()
    assert set(line.statuses) == {200}
    assert (op(op_id).state, line.desk.told) == ("confirmed", [("payment", "confirmed")])
    assert held(Lot(op(op_id).lot_id)) == PRICE
    assert kept() < len(line.statuses) or trouble is not twice
    assert listed() == []


def test_a_poller_finds_what_no_event_told_of(line: Line) -> None:
    op_id = line.paid_on_a_page()
    wait(op_id)
    assert money.poll(line.gateway)
    assert op(op_id).state == "confirmed"


def test_an_event_may_be_faster_than_the_answer(line: Line) -> None:
    op_id = plan("payment", PRICE, lot=Lot(ids.new("lot")), request=money.by_method("pm_card_visa"))
    line.control.inject(Fault.LOST_RESPONSE, target="/v1/payment_intents", times=3)
    money.carry_out(line.gateway, op_id)
    assert op(op_id).state == "unknown"
    line.deliver()
    assert op(op_id).state == "confirmed"
    wait(op_id)
    assert not money.poll(line.gateway)
    assert line.desk.told == [("payment", "confirmed")]


def test_a_decline_on_a_page_is_not_the_end_of_it(line: Line) -> None:
    request = money.on_page(description="A lot", success_url="https://a.test/paid", cancel_url="https://a.test/no")
    op_id = plan("payment", PRICE, lot=Lot(ids.new("lot")), request=request)
    money.carry_out(line.gateway, op_id)
    for number, state in (("4000000000000002", "sent"), ("4242424242424242", "confirmed")):
        line.control.pay_checkout(op(op_id).page_id, number)
        line.deliver()
        assert op(op_id).state == state


def test_a_payment_that_is_not_ours_is_put_on_the_list(line: Line) -> None:
    intent = line.api.payment_intents.create(
        {
            "amount": 700,
            "currency": "hkd",
            "confirm": True,
            "payment_method": "pm_card_visa",
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
    )
    line.deliver()
    line.deliver()
    assert listed() == [("unknown_payment", intent.latest_charge)]
    assert line.desk.told == []


def test_a_chargeback_is_told_when_it_begins_and_when_it_is_won(line: Line) -> None:
    lot = paid(line.gateway, "pm_card_createDispute")
    line.deliver()
    assert line.desk.told == [("payment", "confirmed"), ("chargeback", "sent")]
    assert held(lot).minor == 0
    dispute = line.api.disputes.list({}).data[0]
    line.control.decide_dispute(dispute.id, "won")
    line.deliver()
    line.deliver()
    assert line.desk.told[2:] == [("chargeback", "failed")]
    assert held(lot) == PRICE


def test_a_lost_chargeback_stays_with_the_buyer(line: Line) -> None:
    lot = paid(line.gateway, "pm_card_createDispute")
    line.control.decide_dispute(line.api.disputes.list({}).data[0].id, "lost")
    line.deliver()
    assert line.desk.told[1:] == [("chargeback", "sent"), ("chargeback", "confirmed")]
    assert ops(lot) == [("payment", "confirmed"), ("chargeback", "confirmed")]
    with read() as session:
        money_of_lot = ledger.lot_money(session, lot.id)
    assert money_of_lot is not None
    assert (money_of_lot.held_minor, money_of_lot.refunded_minor) == (0, PRICE.minor)


def test_a_forged_event_is_turned_away(line: Line) -> None:
    line.control.inject(Fault.WEBHOOK_FORGED, target="payment_intent.succeeded")
    paid(line.gateway)
    line.deliver()
    assert 400 in line.statuses
    with pytest.raises(BadSignature):
        inbox.receive(line.gateway, b"{}", "t=1,v1=00")
    with read() as session:
        types = set(session.scalars(select(GatewayEvent.type)))
    assert "charge.succeeded" in types
    assert "payment_intent.succeeded" not in types


def test_what_is_too_long_is_no_event(line: Line) -> None:
    answer = line.client.post("/hooks/stripe", data=b" " * (hooks.MAX_BYTES + 1))
    assert answer.status_code == 413


def test_an_event_is_processed_once_it_was_kept(line: Line) -> None:
    with pytest.raises(NotFound):
        inbox.process(line.gateway, "evt_unknown")
    paid(line.gateway)
    line.deliver()
    with read() as session:
        assert session.scalars(select(GatewayEvent).where(GatewayEvent.done_at.is_(None))).all() == []
