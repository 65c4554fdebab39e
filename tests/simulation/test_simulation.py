"""Seeded people, a gateway that fails, a clock that moves: every invariant holds after each step."""

import os
import sys
from collections import Counter, deque
from pathlib import Path

import pytest
from faults.whole_log import rehashed
from simulation.deeds import Attempt, chosen
from simulation.town import Town, open_town
from simulation.watch import Violated

from exchange import attest
from exchange.errors import ExchangeError, InvariantBroken
from exchange.postgres import Server
from settlement.reconciliation import reconcile
from settlement.sandbox.errors import ApiError

#: ``make simulate`` chooses others.
SEED = int(os.environ.get("SEED", "20260701"))
STEPS = int(os.environ.get("STEPS", "1000"))
#: How often everything is looked at, and not only what a step touched.
WHOLE_LOOKS = 250
REPEATS = 0.1
#: How a simulation must come out to have shown anything: some trades end each way.
ENDS = {"settled", "refunded", "cancelled"}


def test_every_invariant_holds_after_each_step(
    server: Server, template: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    last: deque[str] = deque(maxlen=20)
    with open_town(server, template, tmp_path / "town", SEED) as town:
        outcomes = Counter[str]()
        try:
            town.watch.look_at_everything()
            for number in range(1, STEPS + 1):
                outcomes[_step(town, number, last)] += 1
            _end(town)
        except BaseException as error:
            error.add_note("\n".join([f"SEED={SEED} STEPS={STEPS}; the last steps:", *last]))
            raise
        ended = Counter(town.watch.states[lot] for lot in town.watch.lots())
        _say(capsys, f"SEED={SEED} STEPS={STEPS}: {dict(outcomes)}; lots: {dict(ended)}")
        assert ended.keys() >= ENDS


def _say(capsys: pytest.CaptureFixture[str], *lines: str) -> None:
    with capsys.disabled():
        sys.stdout.write("\n" + "\n  ".join(lines) + "\n")


def _step(town: Town, number: int, last: deque[str]) -> str:
    attempt = chosen(town)
    last.append(f"{number}. {attempt.words}")
    try:
        outcome = _carry_out(town, attempt)
    finally:
        if town.complaints.heard:
            raise Violated("\n".join(town.complaints.heard))
    last[-1] += f": {outcome}"
    if number % WHOLE_LOOKS == 0:
        town.watch.look_at_everything()
    return outcome.partition(" ")[0]


def _carry_out(town: Town, attempt: Attempt) -> str:
    key = f"key-{town.dice.random()}" if attempt.keyed and town.dice.random() < REPEATS else None
    actor = attempt.actor.with_key(key) if attempt.actor is not None else None
    try:
        answer = attempt.do(actor)
    except InvariantBroken:
        raise
    except ExchangeError as refusal:
        told = town.watch.look()
        if attempt.quiet and (told.transfers or {action for _, action in told.told} - {"gate.refused", *_LOOKS}):
            raise Violated(f"a refusal ({refusal.code}) left something behind: {told}") from refusal
        return f"refused {refusal.code}"
    except ApiError as refusal:
        town.watch.look()
        return f"refused {refusal}"
    town.watch.look()
    if attempt.must_fail:
        raise Violated(f"this must not be possible: {attempt.words}")
    if key is not None:
        again = attempt.do(actor)
        told = town.watch.look()
        if again.id != answer.id or told.told or told.transfers:
            raise Violated(f"a repetition under the same key did something: {told}")
        return "repeated"
    return "done"


#: What a download may have told before a later step of it was refused.
_LOOKS = frozenset({"ticket.issued", "receipt.served", "receipt.problem"})


def _end(town: Town) -> None:
    """When the dust has settled nothing is on its way, and the gateway has exactly what the ledger says it has."""
    town.come_to_rest()
    for row in town.watch.rows("SELECT id FROM sandbox.objects WHERE kind = 'dispute' AND body @> %s", _UNDECIDED):
        town.site.control.decide_dispute(row["id"], "lost")
    for row in town.watch.rows("SELECT id FROM sandbox.objects WHERE kind = 'checkout.session' AND body @> %s", _OPEN):
        town.site.house.gateway.expire_checkout(f"expire {row['id']}", row["id"])
    town.come_to_rest()
    town.watch.look_at_everything()
    found = reconcile(town.site.house.gateway)
    town.watch.look_at_everything()
    assert (found.waiting, found.suspense, list(found.missing), list(found.discrepancies)) == (0, 0, [], [])
    assert town.watch.balances["cash:stripe:HKD"] == town.watch.balance_at_gateway()
    assert town.watch.rows("SELECT id, kind, state FROM money_op WHERE state IN ('planned', 'sent', 'unknown')") == []
    while town.sequencer.step():
        pass
    rehashed(town.site.house.conninfo("owner"), attest.vkey())


_UNDECIDED, _OPEN = '{"status": "needs_response"}', '{"status": "open"}'
