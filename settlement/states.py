"""Life cycles of the room: orders and their lots.

RULES T-01 names the states of a trade; ``TRADE_STATES`` maps its words onto these tables.
"""

from types import MappingProxyType
from typing import Final

from exchange.lifecycle import CLOCK, GATEWAY, Edge, Lifecycle

#: The role of a member acting for the organisation that buys, or sells, in this trade.
BUYER: Final = "buyer"
SELLER: Final = "seller"
#: The role of the exchange's own work on a subject, which follows from what somebody else did.
EXCHANGE: Final = "exchange"
OFFICER: Final = "dispute_officer"
#: Answers for money and vouchers.
SETTLEMENT_OFFICER: Final = "settlement_officer"

_BUYER = (BUYER,)
_SELLER = (SELLER,)
_PARTIES = (BUYER, SELLER)
_EXCHANGE = (EXCHANGE,)
_CLOCK = (CLOCK,)
_GATEWAY = (GATEWAY,)

#: 订单. Requested with the buyer's signature. Either side may answer with a proposal of its own (磋商); the contract is
#: agreed once both signed the same one. From ``open`` on the order follows its lots.
ORDER = Lifecycle(
    "order",
    initial="requested",
    final=frozenset({"completed", "refunded", "cancelled", "terminated"}),
    edges={
        ("requested", "sign"): Edge("agreed", _PARTIES, "order.agreed"),
        ("requested", "counter"): Edge("requested", _PARTIES, "order.countered"),
        ("requested", "decline"): Edge("cancelled", _SELLER, "order.declined"),
        ("requested", "withdraw"): Edge("cancelled", _BUYER, "order.withdrawn"),
        ("requested", "lapse"): Edge("cancelled", _CLOCK, "order.lapsed"),
        ("agreed", "open"): Edge("open", _EXCHANGE, "order.opened"),
        ("open", "complete"): Edge("completed", _EXCHANGE, "order.completed"),
        ("open", "refund"): Edge("refunded", _EXCHANGE, "order.refunded"),
        ("open", "cancel"): Edge("cancelled", _EXCHANGE, "order.cancelled"),
        ("open", "terminate"): Edge("terminated", _PARTIES, "order.terminated"),
    },
)

#: 批次. Money is held from ``funded`` on; it leaves the hold with ``accepted``, ``ruled`` or ``refunding``.
LOT = Lifecycle(
    "lot",
    initial="due",
    final=frozenset({"settled", "refunded"}),
    edges={
        ("due", "pay"): Edge("funded", _GATEWAY, "lot.funded"),
        ("due", "cancel"): Edge("cancelled", (BUYER, EXCHANGE), "lot.cancelled"),
        ("due", "lapse"): Edge("cancelled", _CLOCK, "lot.payment_lapsed"),
        ("cancelled", "pay"): Edge("refunding", _GATEWAY, "lot.paid_late"),
        ("funded", "deliver"): Edge("delivered", (EXCHANGE, SELLER), "lot.delivered"),
        ("funded", "decline"): Edge("refunding", _SELLER, "lot.declined"),
        ("funded", "lapse"): Edge("refunding", _CLOCK, "lot.delivery_lapsed"),
        ("delivered", "accept"): Edge("accepted", _BUYER, "lot.accepted"),
        ("delivered", "lapse"): Edge("accepted", _CLOCK, "lot.inspection_lapsed"),
        ("delivered", "reject"): Edge("funded", _BUYER, "lot.rejected"),
        ("delivered", "dispute"): Edge("disputed", _BUYER, "lot.disputed"),
        ("delivered", "contest"): Edge("disputed", _CLOCK, "lot.contested"),
        ("disputed", "settle"): Edge("ruled", _PARTIES, "lot.dispute_settled"),
        ("disputed", "rule"): Edge("ruled", (OFFICER,), "lot.ruled"),
        ("ruled", "object"): Edge("disputed", _PARTIES, "lot.ruling_objected"),
        ("accepted", "confirm"): Edge("settled", _GATEWAY, "lot.settled"),
        ("ruled", "confirm"): Edge("settled", _GATEWAY, "lot.settled"),
        ("ruled", "confirm_refund"): Edge("refunded", _GATEWAY, "lot.refunded"),
        ("refunding", "confirm_refund"): Edge("refunded", _GATEWAY, "lot.refunded"),
        **{
            (state, "return"): Edge("refunding", (SETTLEMENT_OFFICER,), "lot.returned")
            for state in ("funded", "delivered", "disputed")
        },
        **{
            (state, "charge_back"): Edge("refunded", _GATEWAY, "lot.charged_back")
            for state in ("funded", "delivered", "disputed", "ruled", "refunding")
        },
    },
)
#: A lot in one of these no longer keeps its order open (money may still come late to a cancelled one).
LOT_ENDED = frozenset({"settled", "refunded", "cancelled"})
#: In these states the goods are at the buyer's disposal.
LOT_AVAILABLE = frozenset({"delivered", "disputed", "accepted", "ruled", "settled"})

#: RULES T-01: the words of the rule, to (subject, state). «磋商» and «交付中» are stretches of a state, not states.
TRADE_STATES = MappingProxyType(
    {
        "磋商": ("order", "requested"),
        "已签约": ("order", "agreed"),
        "已付款": ("lot", "funded"),
        "交付中": ("lot", "funded"),
        "待验收": ("lot", "delivered"),
        "已验收": ("lot", "accepted"),
        "已结算": ("lot", "settled"),
        "已完成": ("order", "completed"),
        "争议中": ("lot", "disputed"),
        "已解除": ("order", "cancelled"),
        "已终止": ("order", "terminated"),
    }
)
