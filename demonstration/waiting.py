"""What is left waiting, so that whoever signs in finds something to do at their desk. New at every run."""

import csv
import random
import secrets
import tempfile
from pathlib import Path

from demonstration import people, shelf, trade
from demonstration.cast import Cast
from demonstration.client import Say, Unexpected
from demonstration.goods import (
    AIRPORTS,
    CHARGING,
    DIVISIONS,
    HERE,
    LIVING,
    ON_ORDER,
    PRICE_CURRENCY,
    WEATHER,
    simulated,
)
from demonstration.shelf import Shelf

_QUEUED = simulated("充电站逐时负荷：待审核（模拟）", "Hourly load of charging stations: to be reviewed (simulated)")
_NOTICED = simulated("充电站逐时负荷：公示中（模拟）", "Hourly load of charging stations: on notice (simulated)")
_HIDDEN = simulated("会员消费明细：隐瞒电话号码（模拟）", "Purchases of members: telephone numbers hidden (simulated)")
_RETURNED = simulated("充电站逐时负荷：退回补正（模拟）", "Hourly load of charging stations: to be mended (simulated)")
_ANSWER_DAYS = 30


def lay_out(cast: Cast, stock: Shelf, completed: str, say: Say) -> None:
    """Leave something at every desk; ``completed`` is an order that is over and paid."""
    _trades(cast, stock)
    say("waiting: an order to sign, one to pay, one to deliver, one to accept, a dispute to rule, a filing to confirm")
    _listings(cast, say)
    _hidden(cast, say)
    _staff(cast, stock, completed)
    _oversight(cast)
    say("waiting: an identity case, a listing to review, one to mend, an objection, two refunds to confirm,")
    say("         an appointment to confirm, agreements to sign, a directive to answer and one to confirm")


def _trades(cast: Cast, stock: Shelf) -> None:
    buyer = cast["buyer"]
    trade.request(cast, stock[LIVING.title_en].offers[HERE])
    trade.contract(cast, stock[WEATHER.title_en].offers[HERE])
    for goods, offer, state in ((CHARGING, ON_ORDER, "funded"), (DIVISIONS, HERE, "delivered")):
        _order, lot = trade.contract(cast, stock[goods.title_en].offers[offer])
        trade.pay(buyer, lot, state)
    _order, disputed = trade.contract(cast, stock[CHARGING.title_en].offers[HERE])
    trade.pay(buyer, disputed, "delivered")
    trade.dispute(cast, disputed)
    trade.file_deal(cast, stock)


def _listings(cast: Cast, say: Say) -> None:
    """A listing that a reviewer may take up, one that the buyer objects to, and one that went back to the seller."""
    seller, reviewer = cast["seller"], cast["reviewer"]
    with tempfile.TemporaryDirectory() as folder:
        paths = [_simulation(Path(folder) / f"charging-load-{place}.csv") for place in ("west", "east", "north")]
        held = shelf.deposit(seller, paths, say)
        queued, noticed, returned = (
            shelf.draft(seller, goods, deposit, shelf.declare(seller, shelf.self_made(goods, path)))
            for goods, deposit, path in zip((_QUEUED, _NOTICED, _RETURNED), held, paths, strict=True)
        )
    for goods, version in ((_QUEUED, queued), (_NOTICED, noticed), (_RETURNED, returned)):
        seller.post("/offers", shelf.terms_of(goods, version, *HERE))
    seller.post(f"/versions/{queued}/submit")
    shelf.review(cast, noticed)
    statement = "示范异议：来源说明不够清楚 Demo objection: the origin is not clear enough"
    cast["buyer"].post(f"/versions/{noticed}/objections", {"statement": statement})
    seller.post(f"/versions/{returned}/submit")
    reviewer.wait_for_state(f"/versions/{returned}", "scanned")
    reviewer.post(f"/versions/{returned}/take-up")
    question = {
        "checklist": {**shelf.CHECKLIST, "P-01": "question"},
        "reason": "示范：请写明模拟方法 Demo: say how it was simulated",
    }
    reviewer.post(f"/versions/{returned}/return", question)


def _hidden(cast: Cast, say: Say) -> None:
    """A seller who says that a file holds no personal information, and is asked about the telephone numbers in it.

    Raises:
        Unexpected: The scan found nothing, or the question does not stand in the way of approval.
    """
    seller, reviewer = cast["seller"], cast["reviewer"]
    with tempfile.TemporaryDirectory() as folder:
        path = _members(Path(folder) / "members.csv")
        [held] = shelf.deposit(seller, [path], say)
        version = shelf.draft(seller, _HIDDEN, held, shelf.declare(seller, shelf.self_made(_HIDDEN, path)))
    seller.post("/offers", shelf.terms_of(_HIDDEN, version, *HERE))
    seller.post(f"/versions/{version}/submit")
    reviewer.wait_for_state(f"/versions/{version}", "scanned")
    found = [one for one in seller.get("/findings")["items"] if one["about"] == held]
    if [one["kind"] for one in found] != ["personal"]:
        raise Unexpected("the telephone numbers should have been found")
    reviewer.post(f"/versions/{version}/take-up")
    refused = reviewer.post(
        f"/versions/{version}/approve", {"checklist": shelf.CHECKLIST, "reason": shelf.REASON}, expect=409
    )
    say(f"a seller hides telephone numbers: the scan asks about «{found[0]['title']}», {refused['rule']['id']} bars it")


def _members(path: Path) -> Path:
    """Made-up purchases of made-up people: numbers that were drawn, under names that were put together."""
    drawn = random.Random(20260701)
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["会员", "手机号", "门店", "金额"])
        for _ in range(300):
            name = drawn.choice("王李张刘陈杨赵黄周吴") + drawn.choice("伟芳娜敏静丽强磊军洋")
            phone = drawn.choice(("138", "139", "150", "186")) + f"{drawn.randrange(10**8):08}"
            rows.writerow(
                [name, phone, drawn.choice(("解放碑店", "观音桥店", "沙坪坝店")), drawn.randrange(1000, 90000)]
            )
    return path


def _staff(cast: Cast, stock: Shelf, completed: str) -> None:
    """What a second person of the staff has to look at."""
    administrator = cast["administrator"]
    applicant = people.sign_up(administrator.base_url, "company", "示范新会员 Demo applicant")
    people.bring_licence(applicant, "company")
    people.nominate(administrator, "示范争议处理员乙 Demo dispute officer B", {"roles": ["dispute_officer"]})
    _order, lot = trade.contract(cast, stock[AIRPORTS.title_en].offers[HERE])
    trade.pay(cast["buyer"], lot, "delivered")
    reason = {"reason": "示范：双方已书面同意取消 Demo: both sides agreed in writing to call it off"}
    cast["second_settlement_officer"].post(f"/lots/{lot}/return", reason)
    settled = cast["buyer"].get(f"/orders/{completed}")["lots"][0]["id"]
    decision = {
        "amount": {"amount": "100.00", "currency": PRICE_CURRENCY},
        "document_number": f"示范民初〔2026〕{_number()}号",
        "reason": "示范：法院判决部分退款 Demo: a court decided on a part refund",
    }
    cast["settlement_officer"].post(f"/lots/{settled}/decided-refund", decision)


def _oversight(cast: Cast) -> None:
    records = cast["seller"].get("/catalogue-records")["items"]
    for record in records:
        for department in ("aviation", "weather", "civil_affairs"):
            if record["department_org_id"] == cast[department].org_id:
                shelf.agree(cast, department, record["id"], signers=("seller",))
    interview = _directive(
        cast, "interview", "请说明航班产品的更新安排 Explain how the flight product is kept up to date"
    )
    served: str = cast["second_regulator"].post("/directives", interview)["id"]
    cast["regulator"].post(f"/directives/{served}/confirm")
    mending = _directive(cast, "rectification", "请补充充电站产品的说明 Describe the charging product more fully")
    cast["second_regulator"].post("/directives", mending)


def _directive(cast: Cast, measure: str, demand: str) -> dict[str, object]:
    return {
        "measure": measure,
        "basis": "dsl_44",
        "document_number": f"示范监〔2026〕{_number()}号",
        "target_kind": "party",
        "target": cast["seller"].org_id,
        "demand": f"示范 Demo: {demand}",
        "answer_days": _ANSWER_DAYS,
    }


def _number() -> int:
    """A number for a document of the demonstration."""
    return secrets.randbelow(900) + 100


def _simulation(path: Path) -> Path:
    """A small file that is like no other one."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("station", "hour", "energy_kwh"))
        for hour in range(24):
            writer.writerow(("A", f"2026-04-01T{hour:02d}:00:00+08:00", f"{secrets.randbelow(900) / 10:.1f}"))
    return path
