"""What is sold in the demonstration: real data (``demo_data/README.md``), deposited, declared, reviewed, published."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from demonstration.cast import ORGAN, PARTS, Cast
from demonstration.client import Person, Say, Unexpected
from demonstration.goods import FLIGHTS, GOODS, RECORDS, WEATHER_RECORD, Goods, Source
from provenance.grading import ELEMENTS, OBJECTS

PIECE_BYTES = 512 * 1024
#: The grading form of goods that harm nobody if they leak.
GRADING = {
    "elements": dict.fromkeys(ELEMENTS, "公开资料，已公开发布 Published material, open to everybody"),
    "effects": dict.fromkeys(OBJECTS, "none"),
    "identified_as": "none",
    "secrecy": "none",
}
#: What a reviewer goes through: declaration, ground, grade, prohibited matter.
CHECKLIST = dict.fromkeys(("P-01", "P-03", "C-01", "N-01"), "pass")
REASON = "示范 Demo"
#: How long the agreement on the weather lasts: ten years from the first run.
_AGREED_DAYS = 3650


@dataclass(frozen=True, slots=True)
class Listed:
    """A product on the shelf: its version, and its offers by channel and delivery."""

    version_id: str
    offers: Mapping[tuple[str, str], str]


#: What is listed, by the English title.
Shelf = Mapping[str, Listed]


def stock(cast: Cast, data: Path, say: Say) -> None:
    """Bring everything on sale; the demonstration's clock is moved behind the public notice.

    Raises:
        Unexpected: A step was not answered as it should be.
    """
    records = _record_catalogue(cast, say)
    agreement = agree(cast, "weather", records[WEATHER_RECORD])
    cast["weather"].post(f"/agreements/{agreement}/copy", {"authority": ORGAN})
    say("agreement of six items signed by both, its copy (抄送) recorded")
    deposits = deposit(cast["seller"], [data / goods.file for goods in GOODS], say)
    versions = []
    for goods, held in zip(GOODS, deposits, strict=True):
        content = _content(goods, records, {WEATHER_RECORD: agreement}, data)
        versions.append(draft(cast["seller"], goods, held, declare(cast["seller"], content)))
    found = cast["seller"].get(f"/versions/{versions[0]}")
    if not found["classification"]["government_derived"]:
        raise Unexpected("the first product should be government-derived")
    say("sources declared and signed; classified: three products are government-derived (政务数据形成), three are not")
    _offer(cast["seller"], versions, say)
    for version in versions:
        review(cast, version)
    say("what is government-derived was approved by two reviewers, two natural persons, the rest by one")
    _publish(cast, versions, say)


def taken_stock(seller: Person) -> Shelf:
    """What is on sale."""
    found = {}
    for card in seller.get("/versions")["items"]:
        if card["state"] == "published":
            offers = seller.get(f"/products/{card['product_id']}")["offers"]
            open_ones = {(offer["channel"], offer["delivery"]): str(offer["id"]) for offer in offers}
            found[str(card["title"]["en"])] = Listed(str(card["id"]), open_ones)
    return found


def agree(cast: Cast, department: str, record: str, *, signers: Sequence[str] = ("seller", "department")) -> str:
    """An agreement of the seller with a department on the use of one of its records; its id."""
    today = datetime.now(UTC).date()
    terms = {
        "data": [{"record_id": record}],
        "purposes": ["commercial.analytics", "commercial.logistics", "research"],
        "purpose_text": "数据分析 Analysis of the data",
        "application_scenario": "数据产品 A data product",
        "security_measures": "加密存放、按需授权 Sealed storage, access by need",
        "starts_on": (today - timedelta(days=1)).isoformat(),
        "ends_on": (today + timedelta(days=_AGREED_DAYS)).isoformat(),
        "disposal": "期满销毁并出具证明 Destroyed at the end, with proof",
        "outputs_may_be_sold": True,
        "buyers_allowed": ["company", "department", "individual"],
    }
    parties = {"seller": cast["seller"], "department": cast[department]}
    body = {"department_org_id": parties["department"].org_id, "terms": terms}
    agreement: str = cast["seller"].post("/agreements", body)["id"]
    for signer in signers:
        parties[signer].post(f"/agreements/{agreement}/sign", {"password": parties[signer].password})
    return agreement


def deposit(seller: Person, paths: Sequence[Path], say: Say) -> list[str]:
    """Deposit files in pieces, and wait until all of them are sealed and profiled; their ids."""
    sent = [_send(seller, path) for path in paths]
    for path, held in zip(paths, sent, strict=True):
        found = seller.wait_for_state(f"/deposits/{held}", "profiled", "rejected")
        if found["state"] != "profiled":
            raise Unexpected(f"the deposit was rejected: {found['code']}")
        rows, size = found["profile"]["rows"], path.stat().st_size
        say(f"deposited {path.name}: {size} bytes sealed, {rows} rows profiled in a confined process")
    return sent


def declare(seller: Person, content: Mapping[str, Any]) -> str:
    """Say where the data came from, and sign it."""
    declaration: str = seller.post("/declarations", {"content": content})["id"]
    seller.post(f"/declarations/{declaration}/sign", {"password": seller.password})
    return declaration


def draft(seller: Person, goods: Goods, deposit_id: str, declaration_id: str) -> str:
    """Describe a product, and attach its file and its declaration; the version's id."""
    version: str = seller.post("/products", goods.description)["id"]
    seller.post(f"/versions/{version}/attach", {"deposit_id": deposit_id, "declaration_id": declaration_id})
    seller.put(f"/versions/{version}/grading", GRADING)
    return version


def terms_of(goods: Goods, version: str, channel: str, delivery: str) -> dict[str, Any]:
    """The terms on which the demonstration sells."""
    return {
        "version_id": version,
        "price": goods.price,
        "channel": channel,
        "purposes": ["commercial.analytics", "research"],
        "term_days": 365,
        "territory": "中国境内 Mainland China",
        "redistribution": False,
        "derivation": True,
        "inspection_hours": 72,
        "delivery": delivery,
        "acceptance_criteria": "行数与摘要一致 Rows and digest as listed",
    }


def review(cast: Cast, version: str) -> None:
    """Submit a version, and approve it: by one natural person, or by two where government data stands in it."""
    cast["seller"].post(f"/versions/{version}/submit")
    cast["reviewer"].wait_for_state(f"/versions/{version}", "scanned")
    cast["reviewer"].post(f"/versions/{version}/take-up")
    decision = {"checklist": CHECKLIST, "reason": REASON}
    cast["reviewer"].post(f"/versions/{version}/approve", decision)
    if cast["reviewer"].get(f"/versions/{version}")["state"] == "in_review":
        cast["second_reviewer"].post(f"/versions/{version}/approve", decision)


def evidence(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def self_made(goods: Goods, path: Path) -> dict[str, Any]:
    """What is declared of data that the seller made up."""
    return _content(goods, {}, {}, path.parent, evidence(path))


def _record_catalogue(cast: Cast, say: Say) -> dict[str, str]:
    made = {}
    for name, record in RECORDS.items():
        made[name] = str(cast[record.department].post("/catalogue-records", record.body)["id"])
    say("catalogue: flights and divisions 无条件开放 (unconditional), weather 有条件开放 (conditional)")
    return made


def _send(seller: Person, path: Path) -> str:
    body = {"file_name": path.name, "size_bytes": path.stat().st_size, "media_type": "text/csv"}
    held: str = seller.post("/deposits", body)["id"]
    offset = 0
    for piece in _pieces(path):
        headers = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        seller.send("PATCH", f"/deposits/{held}", expect=204, data=piece, headers=headers)
        offset += len(piece)
    seller.post(f"/deposits/{held}/complete")
    return held


def _content(
    goods: Goods, records: Mapping[str, str], agreements: Mapping[str, str], data: Path, digest: str | None = None
) -> dict[str, Any]:
    return {
        "sources": [_declared(source, records, agreements, data, digest) for source in goods.sources],
        "ground": "A",
        "anonymisation_method": "不含个人信息 Holds no personal information",
        "anonymisation_evidence": digest or evidence(data / goods.file),
        "processing_steps": [{"name": name, "description": words} for name, words in goods.steps],
        "personal_information": False,
        "truth_undertaken": True,
    }


def _declared(
    source: Source, records: Mapping[str, str], agreements: Mapping[str, str], data: Path, digest: str | None
) -> dict[str, Any]:
    said: dict[str, Any] = {
        "use": "incorporated",
        "kind": source.kind,
        "title": source.title,
        "holder": source.holder,
        "licence": source.licence,
        "method": source.method,
        "collected_from": source.since,
        "collected_to": source.until,
        "territory": source.territory,
        "retrieved_at": datetime.now(UTC).isoformat(),
        "evidence_digest": digest or evidence(data / source.file),
    }
    if source.record is not None:
        said["holder"] = PARTS[RECORDS[source.record].department].name
        said["record_id"] = records[source.record]
        said["agreement_id"] = agreements.get(source.record)
    return said


def _offer(seller: Person, versions: Sequence[str], say: Say) -> None:
    refused = seller.post("/offers", terms_of(FLIGHTS, versions[0], "direct", "deposit"), expect=409)
    say(f"a direct offer is refused: {refused['rule']['id']}, {refused['rule']['citation']}")
    for goods, version in zip(GOODS, versions, strict=True):
        for channel, delivery in goods.offers:
            seller.post("/offers", terms_of(goods, version, channel, delivery))


def _publish(cast: Cast, versions: Sequence[str], say: Say) -> None:
    """Move the clock behind the latest public notice, and wait until all are published."""
    seller = cast["seller"]
    ends = max(datetime.fromisoformat(seller.get(f"/versions/{version}")["notice_ends_at"]) for version in versions)
    hours = move_clock(cast["administrator"], ends)
    for version in versions:
        seller.wait_for_state(f"/versions/{version}", "published")
    say(f"the public notice ended (the demonstration's clock moved {hours} hours); {len(versions)} products published")


def move_clock(administrator: Person, until: datetime) -> int:
    """Let it be later than ``until``; how many hours the demonstration's clock was moved for that."""
    now = datetime.fromisoformat(administrator.get("/demonstration/clock")["now"])
    hours = int((until - now) / timedelta(hours=1)) + 1
    administrator.post("/demonstration/clock", {"hours": hours})
    return hours


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece
