"""What must hold after each step, from the database alone: our own sums, our own replay, the gateway's own tables.

Nothing of the house is asked: the tables are read by SQL, entries are replayed along the edges that the life cycles
name, and money is added up from single transfers and from what the sandbox says it moved. Each look reads only what is
new since the last one and the rows that it touches; ``look_at_everything`` reads it all.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

import wsgi
from exchange.lifecycle import Lifecycle
from exchange.orm import Base, Stateful

#: A sandbox object that moves money, to the kind of operation that asks for it.
EFFECTS = {"charge": "payment", "transfer": "transfer", "refund": "refund", "transfer_reversal": "reversal"}
#: The transfer that a confirmed operation posts, exactly once.
POSTED_BY = {"payment": "fund", "transfer": "pay_out", "refund": "refund_paid", "reversal": "reversal_paid"}
#: What a transfer does to the lot whose hold it touches: which of the lot's sums it changes, and how.
SUMS = {
    "fund": {"funded": 1, "held": 1},
    "release": {"held": -1, "released": 1},
    "fee": {"held": -1, "fee": 1},
    "refund": {"held": -1, "refunded": 1},
    "reversal": {"held": 1, "released": -1},
    "fee_return": {"held": 1, "fee": -1},
    "chargeback": {"held": -1, "refunded": 1},
    "chargeback_won": {"held": 1, "refunded": -1},
}
#: Accounts on which money of one party stands; none of them may fall below zero.
OF_PARTIES = ("hold", "payable", "refundable", "receivable")
#: Balances of these rise with debits.
OF_DEBITS = ("cash", "receivable", "cost")
LOT_ENDED = {"settled", "refunded", "cancelled"}
#: The fee: three per cent of what the seller gets, floored.
FEE_PERCENT = 3

Row = Mapping[str, Any]

_ENTRIES = """
    SELECT p.position, e.subject, e.seq, e.action, e.links FROM journal_pending p
    JOIN journal_entry e ON e.id = p.entry_id WHERE p.position > %s ORDER BY p.position
"""
_SEQUENCED = """
    SELECT l.index + 1 AS position, e.subject, e.seq, e.action, e.links FROM journal_leaf l
    JOIN journal_entry e ON e.id = l.entry_id WHERE l.index + 1 > %s ORDER BY l.index
"""
_TRANSFERS = """
    SELECT id, kind, debit_account, credit_account, amount_minor, currency, subject, op_id
    FROM ledger_transfer WHERE id > %s ORDER BY id
"""
_MOVED = """
    SELECT position, kind, body FROM sandbox.objects
    WHERE position > %s AND kind IN ('charge', 'transfer', 'refund', 'transfer_reversal')
        AND account = 'acct_sandboxplatform' ORDER BY position
"""
_OPS = """
    SELECT id, kind, state, lot_id, amount_minor, currency, gateway_id FROM money_op
    WHERE lot_id = ANY(%(lots)s) OR id = ANY(%(ops)s)
"""
_LOT_ROWS = """
    SELECT lot_id, currency, funded_minor AS funded, held_minor AS held, released_minor - reversed_minor AS released,
        refunded_minor AS refunded, fee_minor AS fee
    FROM lot_money WHERE lot_id = ANY(%s)
"""
_LIVE_AFTER_REFUND = """
    SELECT g.id, g.lot_id FROM usage_grant g JOIN lot l ON l.id = g.lot_id
    WHERE g.state = 'live' AND g.order_id = ANY(%(orders)s) AND (
        l.state IN ('refunded', 'cancelled') OR EXISTS (
            SELECT FROM refund r JOIN lot_money m ON m.lot_id = r.lot_id
            WHERE r.lot_id = l.id AND m.released_minor = m.reversed_minor
            GROUP BY r.lot_id HAVING bool_or(r.state = 'paid') AND bool_and(r.state NOT IN ('reversing', 'refunding'))))
"""
#: An order has ended exactly when its lots have; money that came too late to a cancelled lot is still on its way back.
_ENDED_APART = """
    SELECT o.id, o.state, array_agg(l.state) AS lots FROM trade_order o JOIN lot l ON l.order_id = o.id
    WHERE o.id = ANY(%(orders)s) GROUP BY o.id
    HAVING (o.state = 'open') = bool_and(l.state IN ('settled', 'refunded', 'cancelled'))
        AND NOT (o.state IN ('cancelled', 'terminated') AND bool_and(l.state IN ('cancelled', 'refunding', 'refunded')))
"""
_STUCK = """
    SELECT kind, problem FROM due WHERE problem IS NOT NULL
    UNION ALL SELECT kind, problem FROM outbox WHERE problem IS NOT NULL AND done_at IS NULL
"""
#: What a worker may truthfully say stood in its way: a gate, or the gateway. Anything else is a fault of the exchange.
_FAULTS = {"invariant_broken", "insufficient_hold", "goods_differ", "error"}


class Violated(AssertionError):
    """Something does not hold that must."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was new at a look: the actions told, and how many transfers were posted."""

    told: Sequence[tuple[str, str]]
    transfers: int


class Watch:
    """Follows one database from its first entry on.

    Entries are read where they wait for their place in the log, or, ``sequenced``, where they have it.
    """

    def __init__(self, conninfo: str, *, sequenced: bool = False) -> None:
        self._entries = _SEQUENCED if sequenced else _ENTRIES
        self._db = psycopg.connect(conninfo, autocommit=True, row_factory=psycopg.rows.dict_row)
        self._tables = _stateful_tables()
        self._any_state = " UNION ALL ".join(
            f"SELECT '{name}' AS name, id, state FROM {name} WHERE id = ANY(%(ids)s)"  # noqa: S608  (our own names)
            for name in self._tables
        )
        self._entry_position = self._transfer_id = self._object_position = 0
        self._seq: Counter[str] = Counter()
        self._told: dict[str, list[str]] = defaultdict(list)
        self.states: dict[str, str] = {}
        self.order_of: dict[str, str] = {}
        self.balances: Counter[str] = Counter()
        self.sums: dict[str, Counter[str]] = defaultdict(Counter)
        self._posted: set[tuple[str, str]] = set()
        self._effects: dict[str, tuple[str, int]] = {}
        self.at_gateway: dict[str, Counter[str]] = defaultdict(Counter)

    def close(self) -> None:
        self._db.close()

    def rows(self, query: str, *values: Any, **named: Any) -> list[Row]:
        """The rows of a query, for whoever chooses what to do next."""
        return self._db.execute(query, named or values).fetchall()  # type: ignore[call-overload, no-any-return]

    def execute(self, statement: str) -> None:
        """Change rows that stand for the passing of real time, and nothing else."""
        self._db.execute(statement)  # type: ignore[call-overload]

    def lots(self, *states: str) -> list[str]:
        """The lots in these states, oldest first; all of them when none is named."""
        return [lot for lot in self.order_of if not states or self.states[lot] in states]

    def told(self, subject: str) -> list[str]:
        """The actions told of a subject, in order."""
        return self._told[subject]

    # -- one step ---------------------------------------------------------------------------------------------------

    def look(self) -> Look:
        """Read what is new, and hold it against everything that must hold.

        Raises:
            Violated: Something does not.
        """
        entries = self.rows(self._entries, self._entry_position)
        transfers = self.rows(_TRANSFERS, self._transfer_id)
        moved = self.rows(_MOVED, self._object_position)
        self._replay(entries)
        self._add_up(transfers)
        lots = {row["subject"] for row in (*entries, *transfers) if row["subject"] in self.order_of}
        self._follow_gateway(moved)
        lots |= {row["body"]["transfer_group"] for row in moved if row["kind"] in {"charge", "transfer"}}
        self._check_lots(sorted(lots), [row for row in entries if row["subject"] in self.order_of])
        self._check_parties(transfers)
        subjects = {row["subject"] for row in entries}
        self._check_orders(sorted({self.order_of[lot] for lot in lots} | {s for s in subjects if s in self._told}))
        self._check_worker()
        return Look([(row["subject"], row["action"]) for row in entries], len(transfers))

    def _replay(self, entries: Sequence[Row]) -> None:
        """Follow each subject along the edges its entries name; the tables must say the same."""
        if not entries:
            return
        kept = {row["id"]: row for row in self.rows(self._any_state, ids=sorted({row["subject"] for row in entries}))}
        for row in entries:
            self._entry_position = row["position"]
            subject, action = row["subject"], row["action"]
            self._seq[subject] += 1
            _hold(row["seq"] == self._seq[subject], f"{subject}: entry {action} has number {row['seq']}")
            self._told[subject].append(action)
            if subject in kept:
                self._advance(subject, action, self._tables[kept[subject]["name"]])
            if action == "lot.opened":
                self.order_of[subject] = next(link for link in row["links"] if link.startswith("ord_"))
        for subject, row in kept.items():
            _hold(self.states[subject] == row["state"], f"{subject}: {row['state']}, replayed {self.states[subject]}")

    def _advance(self, subject: str, action: str, cycle: Lifecycle) -> None:
        before = self.states.get(subject)
        if before is None:
            self.states[subject] = cycle.initial
            return
        targets = {e.to for (state, _), e in cycle.edges.items() if state == before and e.entry == action}
        edges = {edge.entry for edge in cycle.edges.values()}
        _hold(action not in edges or len(targets) == 1, f"{subject}: {action} leads nowhere from {before}")
        self.states[subject] = next(iter(targets), before)

    def _add_up(self, transfers: Iterable[Row]) -> None:
        for row in transfers:
            self._transfer_id, minor, kind = row["id"], row["amount_minor"], row["kind"]
            _hold(minor > 0, f"transfer {row['id']} moves {minor}")
            for side, sign in ((row["debit_account"], 1), (row["credit_account"], -1)):
                self.balances[side] += sign * minor * (1 if side.startswith(OF_DEBITS) else -1)
            for name, sign in SUMS.get(kind, {}).items():
                self.sums[row["subject"]][name] += sign * minor
            if row["op_id"] is not None and kind != "gateway_cost":  # a claim costs its fee, and what nobody covers
                _hold((kind, row["op_id"]) not in self._posted, f"{kind} of {row['op_id']} was posted twice")
                self._posted.add((kind, row["op_id"]))
                self.sums[row["subject"]][f"{kind} {row['op_id']}"] += minor

    def _follow_gateway(self, moved: Iterable[Row]) -> None:
        """Each operation takes effect at the gateway at most once, and nothing moves there that we did not ask for."""
        for row in moved:
            self._object_position, body = row["position"], row["body"]
            if body.get("status", "succeeded") != "succeeded":
                continue
            op, kind = body["metadata"].get("operation"), EFFECTS[row["kind"]]
            _hold(op is not None, f"{row['kind']} {body['id']} names no operation")
            _hold(op not in self._effects, f"{op} ({kind}) took effect at the gateway twice")
            self._effects[op] = (kind, body["amount"])

    # -- lots -------------------------------------------------------------------------------------------------------

    def _check_lots(self, lots: list[str], entries: Sequence[Row]) -> None:
        if not lots:
            return
        kept = {row["lot_id"]: row for row in self.rows(_LOT_ROWS, lots)}
        for lot in lots:
            self._check_conservation(lot, kept.get(lot))
        self._check_operations(lots)
        for row in entries:
            if row["action"] in {"lot.settled", "lot.refunded"}:
                self._check_end(row["subject"], row["action"])

    def _check_conservation(self, lot: str, kept: Row | None) -> None:
        """Held, released (net), refunded and the fee are what was funded; the table says what the transfers say."""
        sums = self.sums[lot]
        parts = sums["held"] + sums["released"] + sums["refunded"] + sums["fee"]
        _hold(parts == sums["funded"], f"{lot}: {dict(sums)} do not add up")
        _hold(min(sums["held"], sums["fee"], sums["refunded"]) >= 0, f"{lot}: below zero: {dict(sums)}")
        _hold(sums["held"] == self.balances[f"hold:{lot}"], f"{lot}: its hold is another")
        names = ("funded", "held", "released", "refunded", "fee")
        if kept is None:
            _hold(not any(sums[name] for name in names), f"{lot}: money, and no row")
        else:
            differing = {name: (sums[name], kept[name]) for name in names if sums[name] != kept[name]}
            _hold(not differing, f"{lot}: transfers and row differ: {differing}")

    def _check_operations(self, lots: list[str]) -> None:
        """What we take for confirmed the gateway did, for that amount; no more leaves a lot there than came in."""
        totals: dict[str, Counter[str]] = {lot: Counter() for lot in lots}
        for op in self.rows(_OPS, lots=lots, ops=[]):
            effect, kind = self._effects.get(op["id"]), op["kind"]
            if effect is not None:
                _hold(effect == (kind, op["amount_minor"]), f"{op['id']}: asked {dict(op)}, the gateway did {effect}")
                totals[op["lot_id"]][kind] += effect[1]
            if op["state"] != "confirmed" or kind not in POSTED_BY:
                continue
            _hold(effect is not None, f"{op['id']}: a {kind} is confirmed that the gateway does not know")
            posted = self.sums[op["lot_id"]][f"{POSTED_BY[kind]} {op['id']}"]
            _hold(posted == op["amount_minor"], f"{op['id']}: posted {posted} of {op['amount_minor']}")
        for lot, total in totals.items():
            self.at_gateway[lot] = total
            out = total["transfer"] - total["reversal"] + total["refund"]
            _hold(out <= total["payment"], f"{lot}: more left at the gateway than came: {dict(total)}")

    def _check_end(self, lot: str, action: str) -> None:
        """How the money of a lot is divided at its end, by our own arithmetic."""
        if any(told.startswith("lot.chargeback") for told in self._told[lot]):
            return  # the payer's bank divides otherwise; what left is still at most what came
        (row,) = self.rows(
            "SELECT o.amount_minor AS price, l.seller_share_percent AS percent"
            " FROM lot l JOIN trade_order o ON o.id = l.order_id WHERE l.id = %s",
            lot,
        )
        percent = 0 if action == "lot.refunded" else 100 if row["percent"] is None else row["percent"]
        share = row["price"] * percent // 100
        fee = share * FEE_PERCENT // 100
        sums, gateway = self.sums[lot], self.at_gateway[lot]
        divided = (sums["released"], sums["fee"], sums["refunded"], sums["held"])
        _hold(divided == (share - fee, fee, sums["funded"] - share, 0), f"{lot}: {action} at {percent} %: {dict(sums)}")
        _hold(gateway["transfer"] == share - fee, f"{lot}: the seller was sent {gateway['transfer']}")

    # -- accounts, orders, work -------------------------------------------------------------------------------------

    def _check_parties(self, transfers: Sequence[Row]) -> None:
        sides = {row[side] for row in transfers for side in ("debit_account", "credit_account")}
        touched = sorted(side for side in sides if side.startswith(OF_PARTIES))
        kept = {
            row["code"]: row["balance_minor"]
            for row in self.rows("SELECT code, balance_minor FROM ledger_account WHERE code = ANY(%s)", touched)
        }
        for code in touched:
            _hold(self.balances[code] >= 0, f"{code} is at {self.balances[code]}")
            _hold(
                code.startswith("hold:") or kept.get(code) == self.balances[code],
                f"{code}: the row says {kept.get(code)}, its transfers {self.balances[code]}",
            )

    def _check_orders(self, orders: Sequence[str]) -> None:
        if not orders:
            return
        live = self.rows(_LIVE_AFTER_REFUND, orders=orders)
        stories = {row["lot_id"]: self._told[row["lot_id"]] for row in live}
        _hold(not live, f"grants live on after the refund: {live}: {stories}")
        apart = self.rows(_ENDED_APART, orders=orders)
        _hold(not apart, f"orders and lots did not end together: {apart}")

    def _check_worker(self) -> None:
        broken = [row for row in self.rows(_STUCK) if row["problem"] in _FAULTS or row["problem"][0].isupper()]
        _hold(not broken, f"the worker met a fault: {broken}")

    # -- everything -------------------------------------------------------------------------------------------------

    def look_at_everything(self) -> None:
        """The same for all rows at once, whether or not anything told of them.

        Raises:
            Violated: Something does not hold.
        """
        self.look()
        for row in self.rows(self._any_state.replace("WHERE id = ANY(%(ids)s)", "")):
            known = self.states.get(row["id"])
            _hold(known == row["state"], f"{row['name']} {row['id']}: {row['state']}, replayed {known}")
        counters = {row["subject"]: row["seq"] for row in self.rows("SELECT subject, seq FROM journal_subject")}
        _hold(counters == dict(self._seq), "the counters of the journal differ from its entries")
        lots = sorted(self.order_of)
        for lot, kept in {row["lot_id"]: row for row in self.rows(_LOT_ROWS, lots)}.items():
            self._check_conservation(lot, kept)
        self._check_operations(lots)
        self._check_orders(sorted(set(self.order_of.values())))
        sides = sum(minor if code.startswith(OF_DEBITS) else -minor for code, minor in self.balances.items())
        _hold(sides == 0, f"the ledger is out of balance by {sides}")

    def balance_at_gateway(self) -> int:
        """What the sandbox says the exchange has there, in minor units of the one currency traded."""
        found = self.rows("SELECT available_minor FROM sandbox.balances WHERE account = 'acct_sandboxplatform'")
        return sum(row["available_minor"] for row in found)


def _hold(condition: bool, otherwise: str) -> None:  # noqa: FBT001  (reads as a sentence)
    if not condition:
        raise Violated(otherwise)


def _stateful_tables() -> dict[str, Lifecycle]:
    wsgi.rooms()
    kinds = (mapper.class_ for mapper in Base.registry.mappers)
    return {kind.__tablename__: kind.__lifecycle__ for kind in kinds if issubclass(kind, Stateful)}
