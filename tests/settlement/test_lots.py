"""Lots by the table: paid, delivered, accepted, given back."""

from trades import Trade, entries, found

from settlement import lots
from settlement.models import Lot, Order


def test_a_trade_from_request_to_voucher(trade: Trade) -> None:
    import time
    t=time.time()
    lot = trade.delivered()
    print(time.time()-t)
    assert lot.state == "delivered"
    trade.received(lot)
    lots.accept_lot(trade.buyer.actor, lot.id)
    trade.work()
    assert found(Lot, lot.id).state == "settled"
    assert found(Order, lot.order_id).state == "completed"
    print(entries(lot.id), entries(lot.order_id))
    print(time.time()-t)
