"""``databourse demo``: open the house, carry a trade through it over HTTP, verify its evidence offline, then serve."""

import json
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

import requests

import wsgi
from demonstration import people, trade
from demonstration.client import Unexpected
from demonstration.people import Administrator
from exchange import attest
from exchange.config import Config
from exchange.db import read
from exchange.members.people import operator_id
from exchange.members.staff import create_operator
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
        administrator = _administrator(config)
        with wsgi.processes(house) as supervisor:
            try:
                _await_health(config.base_url)
                result = trade.carry_out(config.base_url, administrator, DATA, config.home / "bags", _say(started))
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


def _say(started: float) -> trade.Say:
    """Print a step with the seconds since the start."""
    return lambda line: print(f"{time.monotonic() - started:6.1f} s  {line}", flush=True)


def _administrator(config: Config) -> Administrator:
    """The administrator of this home: installed at the first run, kept in a private file for the next ones."""
    path = config.home / "demonstration.json"
    with read() as session:
        if operator_id(session) is not None:
            return Administrator(**json.loads(path.read_text(encoding="utf-8")))
    email, password = "administrator@example.org", secrets.token_urlsafe(18)
    made = create_operator(
        name="示范数据交易服务机构 Demo data exchange",
        uscc=people.uscc("91"),
        person_name="示范系统管理员 Demo administrator",
        email=email,
        password=password,
    )
    kept = {"email": email, "password": password, "totp_secret": made.totp_secret}
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(kept, file)
    return Administrator(**kept)


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
