"""Life cycles of what stands beside a lot: extensions, refunds, orders of staff to move money, deals filed with us."""

from typing import Final

from exchange.lifecycle import GATEWAY, Edge, Lifecycle
from settlement.states import BUYER, EXCHANGE, SELLER, SETTLEMENT_OFFICER

_PARTIES = (BUYER, SELLER)
_EXCHANGE = (EXCHANGE,)
_GATEWAY = (GATEWAY,)
_OFFICER = (SETTLEMENT_OFFICER,)

#: 延期: proposed by one side, agreed to by the other. ``lapse``: the lot moved on before that.
EXTENSION: Final = Lifecycle(
    "extension",
    initial="proposed",
    final=frozenset({"agreed", "declined", "withdrawn", "lapsed"}),
    edges={
        ("proposed", "agree"): Edge("agreed", _PARTIES, "extension.agreed"),
        ("proposed", "decline"): Edge("declined", _PARTIES, "extension.declined"),
        ("proposed", "withdraw"): Edge("withdrawn", _PARTIES, "extension.withdrawn"),
        ("proposed", "lapse"): Edge("lapsed", _EXCHANGE, "extension.lapsed"),
    },
)

#: 退款 after settlement. The seller's money comes back first (``reversing``); only then is the buyer paid.
REFUND: Final = Lifecycle(
    "refund",
    initial="proposed",
    final=frozenset({"paid", "declined", "withdrawn", "failed"}),
    edges={
        ("proposed", "agree"): Edge("reversing", (*_PARTIES, SETTLEMENT_OFFICER), "refund.agreed"),
        ("proposed", "decline"): Edge("declined", _PARTIES, "refund.declined"),
        ("proposed", "withdraw"): Edge("withdrawn", _PARTIES, "refund.withdrawn"),
        ("reversing", "reverse"): Edge("refunding", _GATEWAY, "refund.reversed"),
        ("reversing", "fail"): Edge("failed", _GATEWAY, "refund.failed"),
        ("refunding", "confirm"): Edge("paid", _GATEWAY, "refund.paid"),
    },
)

#: 付款指令: what staff order to be paid is proposed by one natural person and confirmed by another.
PAYMENT_ORDER: Final = Lifecycle(
    "payment order",
    initial="proposed",
    final=frozenset({"confirmed", "rejected", "withdrawn"}),
    edges={
        ("proposed", "confirm"): Edge("confirmed", _OFFICER, "payment_order.confirmed"),
        ("proposed", "reject"): Edge("rejected", _OFFICER, "payment_order.rejected"),
        ("proposed", "withdraw"): Edge("withdrawn", _OFFICER, "payment_order.withdrawn"),
    },
)

#: 备案: filed by one party of a deal made elsewhere, confirmed by the other.
FILING: Final = Lifecycle(
    "filing",
    initial="filed",
    final=frozenset({"confirmed", "declined", "withdrawn"}),
    edges={
        ("filed", "confirm"): Edge("confirmed", _PARTIES, "filing.confirmed"),
        ("filed", "decline"): Edge("declined", _PARTIES, "filing.declined"),
        ("filed", "withdraw"): Edge("withdrawn", _PARTIES, "filing.withdrawn"),
    },
)
