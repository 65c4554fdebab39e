"""Trades, over HTTP, a line per step: one that goes well, one disputed, one too late, one made outside and filed.

Everything is done as its people would do it, through API v1 of a running exchange. The data are real
(``demo_data/README.md``); the parties are demonstration parties.
"""

import hashlib
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import requests

from demonstration import shelf
from demonstration.cast import Cast
from demonstration.client import PATIENCE_SECONDS, TIMEOUT_SECONDS, Person, Say, Unexpected
from demonstration.goods import AIRPORTS, CHARGING, FLIGHTS, HERE, ON_ORDER
from demonstration.shelf import Shelf
from exchange.clock import BEIJING

#: A Stripe test card that pays, known to the sandbox by this name.
GOOD_CARD = "pm_card_visa"
#: What the seller gets of the disputed trade, in per cent.
SELLER_SHARE_PERCENT = 40
_PURPOSE = "commercial.analytics"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of the first trade."""

    voucher: str
    checkpoint_size: int
    checkpoint_root: str
    bag: Path


def open_account(seller: Person) -> None:
    """Let the seller be paid, in Hong Kong."""
    account = seller.post("/payout-accounts", {"country": "HK"})["id"]
    seller.wait(
        "/payout-accounts",
        lambda page: any(row["id"] == account and row["state"] == "ready" for row in page["items"]),
    )


def trade(cast: Cast, stock: Shelf, data: Path, out: Path, say: Say) -> tuple[str, str]:
    """The trade that goes well: its order and its voucher; ``out`` takes what is downloaded, for a moment."""
    buyer = cast["buyer"]
    order, lot = contract(cast, stock[FLIGHTS.title_en].offers[HERE])
    found = buyer.get(f"/orders/{order}")
    say(f"requested for {_PURPOSE}, contract signed by both: {found['contract_sha256'][:16]}…")
    pay(buyer, lot, "delivered")
    say("paid in the sandbox; the signed webhook put the money in the hold; the goods are at the buyer's disposal")
    _receive(buyer, lot, data / FLIGHTS.file, out, say)
    return order, _settle(buyer, order, lot, say)


def dispute_and_delay(cast: Cast, stock: Shelf, say: Say) -> None:
    """A trade that is disputed and ruled, and one that is delivered too late; the clock is moved once for both."""
    buyer = cast["buyer"]
    disputed, ruled = contract(cast, stock[FLIGHTS.title_en].offers[HERE])
    pay(buyer, ruled, "delivered")
    dispute(cast, ruled)
    ruling = {"seller_share_percent": SELLER_SHARE_PERCENT, "reason": "示范：部分字段与约定不符 Demo: partly as agreed"}
    cast["dispute_officer"].post(f"/lots/{ruled}/rule", ruling)
    say("second order: disputed, answered, ruled by the officer 40/60")
    late, awaited = contract(cast, stock[CHARGING.title_en].offers[ON_ORDER])
    pay(buyer, awaited, "funded")
    say("third order: made on order, paid, and not delivered")
    ends = max(datetime.fromisoformat(buyer.get(f"/lots/{lot}")["deadline_at"]) for lot in (ruled, awaited))
    hours = shelf.move_clock(cast["administrator"], ends)
    buyer.wait_for_state(f"/orders/{disputed}", "completed")
    buyer.wait_for_state(f"/orders/{late}", "refunded")
    say(
        f"{hours} hours later: nobody objected, {_parts(buyer, ruled)}; not delivered in time, {_parts(buyer, awaited)}"
    )


def sell_directly(cast: Cast, stock: Shelf, say: Say) -> None:
    """A trade between the parties of what is not government-derived, filed here (备案) and confirmed."""
    filing = file_deal(cast, stock)
    confirmed = cast["buyer"].post(f"/filings/{filing}/confirm")
    say(f"fourth: not government-derived, sold directly and filed (备案): {confirmed['number']}, {confirmed['state']}")


def inspect(regulator: Person, order: str, voucher: str, out: Path, say: Say) -> Result:
    """The regulator reads the trade's story and takes its evidence bag away."""
    purpose = "示范检查 Demo inspection"
    entries = regulator.get("/journal/entries", subject=order, purpose=purpose)["items"]
    story = regulator.get(f"/journal/subjects/{order}", purpose=purpose)
    say(f"the regulator found the trade: {len(entries)} entries, around it {len(story['related'])} subjects")
    bag = out / f"{order}.zip"
    bag.write_bytes(_bag(regulator, order, purpose))
    size, root = _checkpoint(regulator.base_url)
    return Result(voucher, size, root, bag)


# -- steps, which leave things waiting too ---------------------------------------------------------------------------


def request(cast: Cast, offer: str) -> str:
    """The buyer asks for an offer, with its signature; the order's id."""
    buyer = cast["buyer"]
    body = {"offer_id": offer, "purpose": _PURPOSE, "password": buyer.password}
    order: str = buyer.post("/orders", body)["id"]
    return order


def contract(cast: Cast, offer: str) -> tuple[str, str]:
    """Requested and signed by both: the order and its lot."""
    order, seller = request(cast, offer), cast["seller"]
    seller.post(f"/orders/{order}/sign", {"password": seller.password})
    found = cast["buyer"].wait_for_state(f"/orders/{order}", "open")
    return order, str(found["lots"][0]["id"])


def pay(buyer: Person, lot: str, *states: str) -> None:
    """Pay into the hold, and wait for what follows from that."""
    buyer.post(f"/lots/{lot}/pay", {"payment_method": GOOD_CARD})
    buyer.wait_for_state(f"/lots/{lot}", *states)


def dispute(cast: Cast, lot: str) -> None:
    """The buyer disputes a delivery, the seller answers: the officer may rule."""
    cast["buyer"].post(f"/lots/{lot}/dispute", {"reason": "示范：字段缺失 Demo: a column is missing"})
    cast["seller"].post(f"/lots/{lot}/answer", {"answer": "示范：已按约定交付 Demo: delivered as agreed"})


def file_deal(cast: Cast, stock: Shelf) -> str:
    """The seller files a deal that was made outside; its id."""
    now = datetime.fromisoformat(cast["administrator"].get("/demonstration/clock")["now"])
    deal = {
        "version_id": stock[AIRPORTS.title_en].version_id,
        "counterparty": cast["buyer"].org_id,
        "amount": AIRPORTS.price,
        "dealt_on": now.astimezone(BEIJING).date().isoformat(),
        "contract_sha256": hashlib.sha256("示范合同 Demo contract".encode()).hexdigest(),
    }
    filing: str = cast["seller"].post("/filings", deal)["id"]
    return filing


# -- inside -----------------------------------------------------------------------------------------------------------


def _receive(buyer: Person, lot: str, original: Path, out: Path, say: Say) -> None:
    token = buyer.post(f"/lots/{lot}/tickets")["token"]
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = out / f"{lot}.csv"
    try:
        first = _download(buyer, token, target, start=0, most=original.stat().st_size // 3)
        rest = _download(buyer, token, target, start=first, most=None)
        digest = shelf.evidence(target)
    finally:
        target.unlink(missing_ok=True)
    if digest != shelf.evidence(original):
        raise Unexpected("the goods that came are not the goods that were deposited")
    say(f"transfer broken off after {first} bytes, resumed for the remaining {rest}; SHA-256 {digest[:16]}… as listed")
    buyer.post(f"/lots/{lot}/receipt", {"sha256": digest})
    buyer.wait(f"/lots/{lot}/receipt", lambda receipt: receipt["completed_at"])
    say("served and received digests agree: the receipt is complete")


def _settle(buyer: Person, order: str, lot: str, say: Say) -> str:
    buyer.post(f"/lots/{lot}/accept")
    buyer.wait_for_state(f"/orders/{order}", "completed")
    say(f"accepted; released, fee taken, transfer confirmed ({_parts(buyer, lot)})")
    vouchers = buyer.get("/vouchers", side="buyer")["items"]
    number: str = next(voucher["number"] for voucher in vouchers if voucher["order_id"] == order)
    checked = Person(buyer.base_url).get(f"/vouchers/{number}")
    say(f"voucher {number} issued; anybody can check it: {checked['state']}")
    return number


def _parts(buyer: Person, lot: str) -> str:
    """Where a lot's money went."""
    money: dict[str, Any] = buyer.get(f"/lots/{lot}")["money"]
    names = ("funded", "released", "refunded", "fee", "held")
    parts = ", ".join(f"{name} {money[name]['amount']}" for name in names)
    return f"{money['funded']['currency']}: {parts}"


def _bag(regulator: Person, order: str, purpose: str) -> bytes:
    """The evidence bag; asked for again while the sequencer still places an entry."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return regulator.send("GET", f"/journal/subjects/{order}/bag", params={"purpose": purpose}).content
        except Unexpected:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _checkpoint(base_url: str) -> tuple[int, str]:
    """The size and the root (base64) of the newest public checkpoint."""
    answer = requests.get(f"{base_url}/log/checkpoint", timeout=TIMEOUT_SECONDS)
    answer.raise_for_status()
    _origin, size, root, *_rest = answer.text.splitlines()
    return int(size), root


def _download(buyer: Person, token: str, target: Path, *, start: int, most: int | None) -> int:
    """Fetch from ``start`` on, breaking off after ``most`` bytes; how many came."""
    headers = {"Range": f"bytes={start}-"} if start else {}
    with buyer.send("GET", f"/deliveries/{token}", headers=headers, stream=True) as answer, target.open("ab") as file:
        for piece in answer.iter_content(1 << 16):
            file.write(piece if most is None else piece[: most - file.tell()])
            if most is not None and file.tell() >= most:
                break
        return file.tell() - start
