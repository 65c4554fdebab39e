"""Life cycles of what follows an order: the grant to use the goods, the voucher, the seller's payout account."""

from exchange.lifecycle import CLOCK, GATEWAY, Edge, Lifecycle
from settlement.states import EXCHANGE, SETTLEMENT_OFFICER

_CLOCK = (CLOCK,)
_GATEWAY = (GATEWAY,)
_EXCHANGE = (EXCHANGE,)
_OFFICER = (SETTLEMENT_OFFICER,)

#: 使用授权. Revoked when the order is refunded or terminated, or the goods are delivered again.
GRANT = Lifecycle(
    "grant",
    initial="live",
    final=frozenset({"expired", "revoked"}),
    edges={
        ("live", "expire"): Edge("expired", _CLOCK, "grant.expired"),
        ("live", "revoke"): Edge("revoked", _EXCHANGE, "grant.revoked"),
    },
)

#: 交易凭证: 有效、暂停、注销.
VOUCHER = Lifecycle(
    "voucher",
    initial="valid",
    final=frozenset({"void"}),
    edges={
        ("valid", "suspend"): Edge("suspended", _OFFICER, "voucher.suspended"),
        ("suspended", "restore"): Edge("valid", _OFFICER, "voucher.restored"),
        ("valid", "void"): Edge("void", _OFFICER, "voucher.voided"),
        ("suspended", "void"): Edge("void", _OFFICER, "voucher.voided"),
    },
)

#: 收款账户. After a failure the seller asks for another one.
PAYOUT_ACCOUNT = Lifecycle(
    "payout account",
    initial="requested",
    final=frozenset({"ready", "failed"}),
    edges={
        ("requested", "make_ready"): Edge("ready", _GATEWAY, "payout_account.ready"),
        ("requested", "fail"): Edge("failed", _GATEWAY, "payout_account.failed"),
    },
)
