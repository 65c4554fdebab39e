"""``databourse demo``: open the house, carry trades through it over HTTP, verify evidence offline, then serve."""

import os
import subprocess
import sys
import time
from pathlib import Path

import requests

import wsgi
from demonstration import cast, shelf, trade, waiting
from demonstration.client import Say, Unexpected
from demonstration.trade import Result
from exchange import attest
from exchange.config import Config
from exchange.processes import stop_on_signals

DATA = Path(__file__).resolve().parent.parent / "demo_data"
START_SECONDS = 60.0


def main() -> int:
    """Run the demonstration; the exit status. ``SERVE=0`` ends it after the trade, ``PORT`` says where it serves."""
    started = time.monotonic()
    stop = stop_on_signals()
    port = os.environ.get("PORT", "8000")
    config = Config.load({**os.environ, "DATABOURSE_URL": f"http://127.0.0.1:{port}"}, mode="demonstration")
    with wsgi.house(config) as house:
        wsgi.prepare(house)
        with wsgi.processes(house) as supervisor:
            try:
                cast.install()
                _await_health(config.base_url)
                result = _carry_out(config.base_url, config.home / "bags", _say(started))
                verified = _verify(result.bag, attest.vkey())
            except (Unexpected, requests.RequestException) as failure:
                print(f"databourse demo: {failure}", file=sys.stderr)
                return 1
            print(f"voucher {result.voucher}")
            print(f"checkpoint {result.checkpoint_size} {result.checkpoint_root}")
            print(f"bag {result.bag}")
            print(f"verified {'yes' if verified else 'no'}", flush=True)
            if not verified:
                return 1
            if os.environ.get("SERVE") == "0":
                return 0
            return 0 if supervisor.watch(stop, house.keep_database) else 1


def _carry_out(base_url: str, out: Path, say: Say) -> Result:
    """Everybody in, the shelf filled if it is empty, four trades, something waiting at every desk, and the regulator.

    Raises:
        Unexpected: A step was not answered as it should be.
    """
    everybody, new = cast.assemble(base_url, say)
    if new:
        shelf.stock(everybody, DATA, say)
        trade.open_account(everybody["seller"])
    stock = shelf.taken_stock(everybody["seller"])
    order, voucher = trade.trade(everybody, stock, DATA, out, say)
    trade.dispute_and_delay(everybody, stock, say)
    trade.sell_directly(everybody, stock, say)
    waiting.lay_out(everybody, stock, order, say)
    return trade.inspect(everybody["regulator"], order, voucher, out, say)


def _say(started: float) -> Say:
    """Print a step with the seconds since the start."""
    return lambda line: print(f"{time.monotonic() - started:6.1f} s  {line}", flush=True)


def _await_health(base_url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            if requests.get(f"{base_url}/health", timeout=5).ok:
                return
        except (requests.ConnectionError, requests.Timeout):
            time.sleep(0.1)
    raise Unexpected(f"nothing serves on {base_url}: is the port taken? Choose another one with PORT=")


def _verify(bag: Path, vkey: str) -> bool:
    """Check the bag in a process of its own, as a stranger would; and that one changed byte is noticed."""
    command = [sys.executable, "-m", "exchange.journal.verify"]
    whole = subprocess.run([*command, str(bag), "--key", vkey], capture_output=True, check=False)
    altered = bag.with_suffix(".altered")
    content = bytearray(bag.read_bytes())
    content[len(content) // 2] ^= 1
    altered.write_bytes(content)
    try:
        broken = subprocess.run([*command, str(altered), "--key", vkey], capture_output=True, check=False)
    finally:
        altered.unlink()
    return whole.returncode == 0 and broken.returncode == 1
