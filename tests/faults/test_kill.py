"""``kill -9`` at seeded moments of trades: each ends as it would have, and nothing is lost or done twice."""

import base64
import hashlib
import os
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from faults.exchange_run import PARTS, ROOT, Patient, Running, opened, running
from faults.whole_log import rehashed
from people import regulator
from simulation.watch import Watch

from exchange.oversight import inspection, projection

SEED = int(os.environ.get("SEED", "20260701"))
TRADES, STEPS = 2, 6
PRICE, FEE = 120_000, 3_600
#: Every part is killed twice, and once everything at the same moment.
VICTIMS = [part for part in (*PARTS, "database") for _ in range(2)] + ["everything"]
#: How long after a step began its victim is killed, at most.
WITHIN_SECONDS = 0.25


class Fate:
    """Who is killed when: a victim for some of the steps of all trades, at some moment while the step is taken."""

    def __init__(self, exchange: Running, seed: int) -> None:
        self._exchange = exchange
        self._dice = random.Random(seed)  # noqa: S311  (so that a failure can be repeated)
        moments = sorted(self._dice.sample(range(TRADES * STEPS), len(VICTIMS)))
        self._victims = dict(zip(moments, self._dice.sample(VICTIMS, len(VICTIMS)), strict=True))
        self._steps = 0
        self.killed: Counter[str] = Counter()
        self.log: list[str] = []
        self.checkpoints: dict[int, bytes] = {}

    @contextmanager
    def step(self, words: str) -> Iterator[None]:
        """One step of a trade, during which somebody may die; afterwards the public checkpoint is noted."""
        victim = self._victims.get(self._steps)
        self._steps += 1
        delay = self._dice.uniform(0, WITHIN_SECONDS)
        self.log.append(f"{words}: {victim} after {delay:.2f} s" if victim else words)
        blow = threading.Timer(delay, self._strike, [victim, self._dice.random() < 0.5])
        if victim:
            blow.start()
        yield
        if victim:
            blow.join()
            self._exchange.await_health()
        self._note_checkpoint()

    def _strike(self, victim: str, child: bool) -> None:  # noqa: FBT001  (called by a timer)
        if victim == "everything":
            self._exchange.kill_everything()
        else:
            self._exchange.kill(victim, child=child and victim == "web")
        self.killed[victim] += 1

    def _note_checkpoint(self) -> None:
        _, size, root, *_ = self._exchange.read("/log/checkpoint").split("\n")
        self.checkpoints[int(size)] = base64.b64decode(root)


def test_whoever_is_killed_trades_end_as_they_would_have(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running() as exchange:
        fate = Fate(exchange, SEED)
        try:
            clients = [exchange.client(party) for party in (exchange.seller, *exchange.buyers)]
            orders = [_trade(exchange, fate, clients[0], clients[1 + n % 2]) for n in range(TRADES)]
            exchange.stop()
            assert fate.killed == Counter(VICTIMS)
            _check(exchange, fate, orders, tmp_path)
        except BaseException as error:
            log = (exchange.config.home / "run.log").read_text()
            error.add_note("\n".join([f"SEED={SEED}; what was done, and who was killed:", *fate.log, log[-6000:]]))
            raise
        retried = sum(client.retried for client in clients)
        _say(capsys, f"SEED={SEED}: killed {dict(fate.killed)}; requests sent again: {retried}")


def _say(capsys: pytest.CaptureFixture[str], *lines: str) -> None:
    with capsys.disabled():
        sys.stdout.write("\n" + "\n  ".join(lines) + "\n")


def _trade(exchange: Running, fate: Fate, seller: Patient, buyer: Patient) -> tuple[str, str]:
    """One trade as its people carry it; the order and its lot."""
    with fate.step("request"):
        asked = {"offer_id": exchange.offer_id, "purpose": "research", "password": buyer.password}
        order = buyer.post("/orders", asked)["id"]
    with fate.step("sign"):
        seller.post(f"/orders/{order}/sign", {"password": seller.password})
        lot = exchange.wait(buyer, f"/orders/{order}", lambda o: o["state"] == "open")["lots"][0]["id"]
    with fate.step("pay"):
        buyer.post(f"/lots/{lot}/pay", {"payment_method": "pm_card_visa"})
        exchange.wait(buyer, f"/lots/{lot}", lambda paid: paid["state"] == "delivered")
    with fate.step("fetch"):
        content = _fetched(buyer, lot)
    with fate.step("confirm"):
        buyer.post(f"/lots/{lot}/receipt", {"sha256": hashlib.sha256(content).hexdigest()})
        exchange.wait(buyer, f"/lots/{lot}/receipt", lambda receipt: receipt["completed_at"])
    with fate.step("accept"):
        buyer.post(f"/lots/{lot}/accept")
        exchange.wait(buyer, f"/orders/{order}", lambda o: o["state"] == "completed")
    return str(order), str(lot)


def _fetched(buyer: Patient, lot: str) -> bytes:
    """The whole file, resumed where a connection broke."""
    content = b""
    while True:
        ticket = buyer.post(f"/lots/{lot}/tickets")
        headers = {"Range": f"bytes={len(content)}-"} if content else {}
        try:
            answer = buyer.send("GET", f"/deliveries/{ticket['token']}", headers=headers, stream=True)
            for piece in answer.iter_content(1 << 16):
                content += piece
        except requests.RequestException:
            continue
        if len(content) == ticket["size_bytes"]:
            return content


# -- afterwards -------------------------------------------------------------------------------------------------------


def _check(exchange: Running, fate: Fate, orders: list[tuple[str, str]], folder: Path) -> None:
    with opened(exchange.config) as house:
        watch = Watch(house.conninfo("owner"), sequenced=True)
        try:
            watch.look_at_everything()
            for order, lot in orders:
                _check_trade(watch, order, lot)
        finally:
            watch.close()
        roots = rehashed(house.conninfo("owner"), exchange.vkey)
        assert {size: roots.get(size) for size in fate.checkpoints} == fate.checkpoints
        overseer = regulator(house)
        while projection.follow():
            pass
        for order, _ in orders:
            _check_bag(overseer, order, exchange.vkey, folder / f"{order}.zip")


def _check_trade(watch: Watch, order: str, lot: str) -> None:
    """One payment, one transfer, every acknowledged step told once, a voucher."""
    assert (watch.states[order], watch.states[lot]) == ("completed", "settled")
    assert dict(watch.at_gateway[lot]) == {"payment": PRICE, "transfer": PRICE - FEE}
    kinds = watch.rows("SELECT kind, state FROM money_op WHERE lot_id = %s ORDER BY id", lot)
    assert [tuple(row.values()) for row in kinds] == [("payment", "confirmed"), ("transfer", "confirmed")]
    names = ("funded", "held", "released", "refunded", "fee")
    assert [watch.sums[lot][name] for name in names] == [PRICE, 0, PRICE - FEE, 0, FEE]
    once = {
        order: ("order.requested", "order.agreed", "order.opened", "order.completed"),
        lot: ("lot.opened", "lot.payment_ordered", "lot.funded", "lot.delivered", "lot.accepted", "lot.settled"),
    }
    for subject, actions in once.items():
        told = Counter(watch.told(subject))
        assert {action: told[action] for action in actions} == dict.fromkeys(actions, 1)
    vouchers = watch.rows("SELECT state FROM voucher WHERE order_id = %s", order)
    assert [row["state"] for row in vouchers] == ["valid"]


def _check_bag(overseer: Any, order: str, vkey: str, path: Path) -> None:
    with inspection.bag(overseer, order, purpose="after the faults") as bag:
        path.write_bytes(bag.read())
    command = [sys.executable, "-m", "command", "verify", str(path), "--key", vkey]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
