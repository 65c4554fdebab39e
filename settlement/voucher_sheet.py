"""The voucher as people read it (RULES section 16): both languages, the amount also in capitals, a QR code to check."""

import hashlib
from collections.abc import Mapping
from typing import Any

from exchange.citations import Text
from exchange.journal import canonical
from provenance.purposes import PURPOSES
from settlement.capitals import capitals
from settlement.contract_sheet import amount_of
from settlement.printing import Row, Section, qr_svg

_STATES = {
    "valid": Text(zh="有效", en="valid"),
    "suspended": Text(zh="暂停", en="suspended"),
    "void": Text(zh="注销", en="void"),
}


def sheet(content: bytes, *, state: str, check_url: str) -> dict[str, Any]:
    """The voucher of ``content``, the bytes that were signed; ``check_url`` is where anybody checks its number."""
    said = canonical.loads(content)
    parties = [_party(said, "seller", "供方", "Seller"), _party(said, "buyer", "需方", "Buyer")]
    lots = [
        Section(f"四、交付与结算（批次 {lot['number']}）", "Delivery and settlement", _lot(lot)) for lot in said["lots"]
    ]
    sections = [
        Section("一、当事人", "Parties", parties),
        Section("二、产品", "Product", _product(said)),
        Section("三、成交", "Deal", _deal(said)),
        *lots,
        Section("五、声明", "Notice", [Row("声明", "Notice", said["notice"]["zh"], said["notice"]["en"])]),
    ]
    word = _STATES[state]
    return {
        "title_zh": "数据交易凭证",
        "title_en": "Data trade voucher",
        "issuer": said["issued_by"],
        "notes": [
            f"编号 Number: {said['number']}",
            f"签发 Issued: {said['issued']['beijing']} · {said['issued_by']}",
            f"状态 State: {word.zh} {word.en}",
            f"SHA-256: {hashlib.sha256(content).hexdigest()}",
        ],
        "sections": [section._asdict() | {"rows": [row._asdict() for row in section.rows]} for section in sections],
        "footer": f"{said['number']} · 核验 Check: {check_url}",
        "qr": qr_svg(check_url),
        "qr_alt": check_url,
    }


def _party(said: Mapping[str, Any], side: str, zh: str, en: str) -> Row:
    party = said[side]
    number = f" · 统一社会信用代码 USCC {party['uscc']}" if party["uscc"] else ""
    return Row(zh, en, f"{party['name']}{number}")


def _product(said: Mapping[str, Any]) -> list[Row]:
    product, derived = said["product"], said["government_derived"]
    basis = derived["basis"] or {"zh": "", "en": ""}
    rows = [
        Row("名称", "Title", product["title"]["zh"], product["title"]["en"]),
        Row("版本", "Version", product["version"]),
        Row("上架文件摘要", "Listing SHA-256", product["listing_sha256"] or ""),
        Row("利用政务数据形成", "Government-derived", derived["answer"]["zh"], derived["answer"]["en"]),
        Row("依据", "Basis", basis["zh"], basis["en"]),
        *(Row("数据来源", "Source", line["zh"], line["en"]) for line in said["source_lines"]),
    ]
    return [row for row in rows if row.value_zh]


def _deal(said: Mapping[str, Any]) -> list[Row]:
    price, purpose = amount_of(said["price"]), PURPOSES[said["purpose"]]
    return [
        Row("成交价款", "Price", str(price), capitals(price)),
        Row("使用目的", "Purpose", purpose.zh, purpose.en),
        Row("合同（订单）编号", "Contract (order)", said["order"]),
        Row("合同摘要", "Contract SHA-256", said["contract_sha256"]),
    ]


def _lot(lot: Mapping[str, Any]) -> list[Row]:
    steps = (("delivered", "交付", "Delivered"), ("accepted", "验收", "Accepted"), ("settled", "结算", "Settled"))
    rows = [Row(zh, en, lot[step]["beijing"]) for step, zh, en in steps if lot[step]]
    digests = (("content_sha256", "数据摘要", "Content SHA-256"), ("receipt_sha256", "回执摘要", "Receipt SHA-256"))
    return rows + [Row(zh, en, lot[name]) for name, zh, en in digests if lot[name]]
