"""The contract as people read it: both languages, amounts also in capitals, signatures below; for page and PDF alike.

It is made from the pinned bytes that were signed and from the signatures, from nothing else.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from exchange import attest, clock
from exchange.citations import Text
from exchange.journal import canonical
from exchange.money import Money
from settlement.capitals import capitals
from settlement.printing import Row, Section

_YES_NO = {True: Text(zh="是", en="yes"), False: Text(zh="否", en="no")}
_ALLOWED = {True: Text(zh="允许", en="allowed"), False: Text(zh="不允许", en="not allowed")}
_DELIVERY = {
    "deposit": Text(zh="由平台寄存数据即时交付", en="from the deposit, at once"),
    "on_order": Text(zh="按订单制作后交付", en="made on order"),
}
_CLAUSES = {
    "rights": Text(zh="产权安排", en="Rights"),
    "settlement": Text(zh="保障结算", en="Settlement"),
    "inspection": Text(zh="验收", en="Inspection"),
    "rejection": Text(zh="拒收与重新交付", en="Rejection"),
    "refund": Text(zh="退款", en="Refund"),
    "use": Text(zh="使用限制", en="Use"),
    "security": Text(zh="安全", en="Security"),
    "confidentiality": Text(zh="保密", en="Confidentiality"),
    "breach": Text(zh="违约责任", en="Breach"),
    "termination": Text(zh="解除", en="Termination"),
    "carried_duty": Text(zh="延续义务", en="Duty carried on"),
}
_SIDES = {"seller": Text(zh="供方（卖方）", en="Seller"), "buyer": Text(zh="需方（买方）", en="Buyer")}
#: What a signature's key is, truthfully (RULES T-07).
GRADES = {
    "platform_held": Text(
        zh="平台托管密钥，以签署人口令开启；不主张签署人独占控制",
        en="platform-held key, opened with the signer's password; no claim of exclusive control",
    ),
}


def sheet(content: bytes, signatures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The contract of ``content``, the bytes that were signed, with the ``signatures`` under it."""
    said = canonical.loads(content)
    sections = [
        Section("一、当事人", "Parties", [_party(said, side) for side in ("seller", "buyer")]),
        Section("二、标的", "Goods", _goods(said)),
        Section("三、价款与费用", "Price and fee", _price(said)),
        Section("四、目的与使用条件", "Purpose and terms of use", _terms(said)),
        Section("五、与挂牌条件的差异", "Differences to the offer", _differences(said)),
        Section("六、条款", "Clauses", _clauses(said)),
        Section("七、依据", "Rules", [Row(one["id"], "", one["zh"], one["en"]) for one in said["rules"]]),
        Section("八、签署", "Signatures", _signatures(signatures)),
    ]
    return {
        "title_zh": "数据提供合同",
        "title_en": "Data provision contract",
        "issuer": attest.signer().name,
        "notes": [
            f"合同（订单）编号 Contract (order): {said['order']}",
            f"订立版本 Proposal: {said['proposal']['number']} · {said['made_at']['beijing']}",
            f"SHA-256: {hashlib.sha256(content).hexdigest()}",
        ],
        "sections": [section._asdict() | {"rows": [row._asdict() for row in section.rows]} for section in sections],
        "footer": f"{said['order']} · 以中文文本为准 The Chinese text prevails",
    }


def _party(said: Mapping[str, Any], side: str) -> Row:
    party = said[side]
    number = f" · 统一社会信用代码 USCC {party['uscc']}" if party["uscc"] else ""
    return Row(_SIDES[side].zh, _SIDES[side].en, f"{party['name']}{number}", party["id"])


def _goods(said: Mapping[str, Any]) -> list[Row]:
    goods = said["goods"]
    derived = _YES_NO[said["government_derived"]]
    return [
        Row("产品", "Product", goods["title"]["zh"], goods["title"]["en"]),
        Row("版本", "Version", f"{goods['number']} · {goods['version']}"),
        Row("上架文件摘要", "Listing SHA-256", goods["listing_sha256"]),
        Row("数据文件摘要", "File SHA-256", goods["sha256"], f"{goods['size_bytes']} B · {goods['media_type']}"),
        Row("利用政务数据形成", "Government-derived", derived.zh, derived.en),
        *(Row("数据来源", "Source", line["zh"], line["en"]) for line in said["sources"]),
    ]


def _price(said: Mapping[str, Any]) -> list[Row]:
    price = amount_of(said["price"])
    percent = percent_of(said["fee"]["basis_points"])
    return [
        Row("价款", "Price", str(price), capitals(price)),
        Row("平台服务费", "Fee", f"{percent}，由卖方承担，向下取整", f"{percent}, paid by the seller, floored"),
        Row("付款期限", "To be paid within", f"{said['payment_days']} 日", f"{said['payment_days']} days"),
    ]


def _terms(said: Mapping[str, Any]) -> list[Row]:
    terms, purpose = said["terms"], said["purpose"]
    delivery = _DELIVERY[terms["delivery"]]
    passed, derived = _ALLOWED[terms["redistribution"]], _ALLOWED[terms["derivation"]]
    rows = [
        Row("使用目的", "Purpose", f"{purpose['zh']}（{purpose['code']}）", purpose["en"]),
        Row("买方说明", "In the buyer's words", purpose["words"]),
        Row("使用期限", "Term", f"{terms['term_days']} 日", f"{terms['term_days']} days"),
        Row("地域", "Territory", terms["territory"]),
        Row("再次提供", "Redistribution", passed.zh, passed.en),
        Row("加工形成新产品", "Derived products", derived.zh, derived.en),
        Row("交付方式", "Delivery", delivery.zh, delivery.en),
        Row("交付期限", "Delivered within", f"付款后 {terms['delivery_days']} 日", f"{terms['delivery_days']} days"),
        Row("验收标准", "Acceptance criteria", terms["acceptance_criteria"]),
        Row("验收期", "Inspection window", f"{terms['inspection_hours']} 小时", f"{terms['inspection_hours']} hours"),
    ]
    return [row for row in rows if row.value_zh]


def _differences(said: Mapping[str, Any]) -> list[Row]:
    rows = [
        Row(one["zh"], one["en"], f"挂牌：{_told(one['offered'])}", f"约定 Agreed: {_told(one['agreed'])}")
        for one in said["differences"]
    ]
    return rows or [Row("无", "None", "与挂牌条件一致", "as offered")]


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return f"{_ALLOWED[value].zh} {_ALLOWED[value].en}"
    return str(amount_of(value)) if isinstance(value, dict) else str(value)


def _clauses(said: Mapping[str, Any]) -> list[Row]:
    clauses = said["clauses"]
    kept = [(title, clauses[name]) for name, title in _CLAUSES.items() if name in clauses]
    rows = [Row(title.zh, title.en, clause["zh"], clause["en"]) for title, clause in kept]
    return [*rows, Row("争议", "Disputes", said["disputes"]["zh"], said["disputes"]["en"])]


def _signatures(signatures: Sequence[Mapping[str, Any]]) -> list[Row]:
    rows = []
    for signed in signatures:
        side, grade = _SIDES[signed["side"]], GRADES[signed["grade"]]
        value = f"{signed['name']} · {clock.beijing(signed['at'])} · {grade.zh}"
        detail = f"{grade.en} · Ed25519 {signed['public_key']} · {signed['signature']}"
        rows.append(Row(side.zh, side.en, value, detail))
    missing = {"seller", "buyer"} - {signed["side"] for signed in signatures}
    rows += [Row(_SIDES[side].zh, _SIDES[side].en, "尚未签署", "not signed yet") for side in sorted(missing)]
    return rows


def percent_of(basis_points: int) -> str:
    """A fee in per cent with two decimals, exactly."""
    whole, part = divmod(basis_points, 100)
    return f"{whole}.{part:02}%"


def amount_of(facts: Mapping[str, str]) -> Money:
    """An amount as documents hold it."""
    return Money(int(facts["minor"]), facts["currency"])
