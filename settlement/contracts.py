"""Contracts: the canonical JSON document that both parties of an order sign, byte for byte the same.

Its parts follow the model contract 《数据提供合同（示范文本）》 (NDA and SAMR, 2025; recommended): parties, goods,
rights of use, delivery and acceptance, price, duties, and what happens when something goes wrong. Words stand in both
languages; the Chinese text prevails.
"""

from collections.abc import Mapping
from typing import Any

from exchange import clock, documents, rules
from exchange.citations import Text
from exchange.db import Transaction
from exchange.errors import InvariantBroken, Refused
from exchange.gates import gate
from exchange.journal import canonical
from exchange.members.people import org_of
from exchange.money import Money
from listings.models import Deposit, Version
from provenance.lineage import source_lines
from provenance.purposes import PURPOSES
from settlement import deadlines
from settlement.models import Order

TYPE = "databourse/contract/v2"
MEDIA_TYPE = "application/json"

_CARRIED_DUTY = Text(
    zh="本产品系利用政务数据形成。参照《重庆市大数据发展管理条例（草案）》（2021年征求意见稿，未生效）第二十八条第二款和平台"
    "交易规则，买方以本产品或者其中数据再形成的数据产品和服务，应当继续注明数据来源，并通过依法设立的数据交易服务机构交易。",
    en="This product was made with government data. Under the exchange's trading rules, which adopt Article 28(2) of"
    " the Draft Regulations of Chongqing Municipality on Big Data Development and Management (2021, not in force),"
    " whatever the buyer makes with it names the sources and is traded through a lawfully established data exchange.",
)
_DISPUTES = {
    "officer": Text(
        zh="双方可以自行和解；未能和解的，同意由平台争议调处员裁定卖方应得的比例。裁定后五个工作日内任一方可以提出异议，由另一名"
        "调处员再次裁定；期满或者再次裁定后平台据此划付。该裁定不是法定仲裁，不影响任何一方提起诉讼。",
        en="The parties may settle. Failing that, both agree that a dispute officer of the exchange rules on the"
        " seller's share. Either party may object within five working days, and another officer rules once more; the"
        " exchange then pays accordingly. The ruling is not statutory arbitration and leaves the way to court open.",
    ),
    "none": Text(
        zh="双方可以自行和解；未能和解的，依法诉讼解决。争议期间价款继续保留，平台不作裁定。",
        en="The parties may settle; failing that, a court decides. The price stays held meanwhile, and the exchange"
        " does not rule.",
    ),
}
_CLAUSES = {
    "settlement": Text(
        zh="价款由买方经平台指定的支付机构支付，保留至验收、视为验收或者争议决定之后，扣除平台服务费，划付卖方（保障结算）。",
        en="The buyer pays through the payment institution that the exchange names; the price is held until acceptance,"
        " deemed acceptance or a decision, and then paid to the seller less the exchange's fee (conditional"
        " settlement).",
    ),
    "inspection": Text(
        zh="验收期自交付回执齐备时起算；无完整回执的，最迟自可下载之日起满十四日起算。期满未提出异议的，视为验收。",
        en="The inspection window begins with the complete receipt, at the latest 14 days after the goods can be"
        " downloaded. Without an objection by its end the goods are deemed accepted.",
    ),
    "rejection": Text(
        zh="交付不符合验收标准的，买方可以拒收一次，卖方应当重新交付；仍不符合的，买方可以提起争议。",
        en="If a delivery does not meet the acceptance criteria the buyer may reject it once and the seller delivers"
        " again; after that the buyer may dispute it.",
    ),
    "refund": Text(
        zh="卖方拒绝交付、逾期未交付，或者买方逾期付款的，已付价款全额退还。",
        en="The whole price goes back if the seller declines or does not deliver in time, or if the payment came late.",
    ),
    "rights": Text(
        zh="卖方声明其依法享有对外提供本产品的权利；买方取得约定范围内的使用权，数据资源持有权和数据产品经营权不因本合同转移。",
        en="The seller states that it may lawfully provide the product. The buyer acquires a right of use within the"
        " agreed bounds; the rights to hold the resource and to market the product do not pass.",
    ),
    "security": Text(
        zh="双方采取与数据分类分级相适应的安全措施；发生或者可能发生泄露、篡改、丢失的，立即处置，并通知对方和平台。",
        en="Both parties protect the data as its category and grade ask for, act at once on an actual or possible leak,"
        " alteration or loss, and tell each other and the exchange.",
    ),
    "confidentiality": Text(
        zh="双方对因本合同知悉的对方未公开信息保密；依法应当向监管机构提供的除外。保密义务在合同终止后继续有效。",
        en="Each party keeps what it learns of the other in confidence, except towards authorities entitled to it; this"
        " outlasts the contract.",
    ),
    "breach": Text(
        zh="一方违约的，应当继续履行、采取补救措施或者赔偿损失；买方超出约定目的或者范围使用的，卖方可以要求停止使用并赔偿。",
        en="A party in breach performs, mends or compensates. If the buyer uses the data beyond the agreed purpose or"
        " scope, the seller may demand an end to it and compensation.",
    ),
    "termination": Text(
        zh="付款之前任何一方可以说明理由解除合同。",
        en="Before payment either party may end the contract, giving a reason.",
    ),
    "use": Text(
        zh="买方仅可为约定目的在约定期限和地域内使用数据，不得试图识别个人或者复原已处理的信息，不得向境外提供。",
        en="The buyer uses the data for the agreed purpose, term and territory only, does not try to identify anybody"
        " or to restore what was removed, and does not send the data abroad.",
    ),
}


#: Terms that proposals may change, as the differences to the offer name them.
TERMS = {
    "price": Text(zh="价款", en="Price"),
    "term_days": Text(zh="使用期限（日）", en="Term of use (days)"),
    "redistribution": Text(zh="再次提供", en="Redistribution"),
    "derivation": Text(zh="加工形成新产品", en="Derived products"),
    "inspection_hours": Text(zh="验收期（小时）", en="Inspection window (hours)"),
    "delivery_days": Text(zh="交付期限（付款后日数）", en="Delivery (days after payment)"),
    "acceptance_criteria": Text(zh="验收标准", en="Acceptance criteria"),
}
#: What every contract rests on, and what is added for a product made with government data.
_RULES = ("T-01", "T-09", "T-10", "T-14", "T-22")
_GOVERNMENT_RULES = ("G-01", "G-15", "G-17")
#: RULES T-05: the parts of the model contract, as members of the document and as clauses.
_PARTS = frozenset({"goods", "sources", "price", "fee", "purpose", "terms", "disputes", "clauses"})
_NEEDED_CLAUSES = frozenset({"rights", "settlement", "inspection", "security", "confidentiality", "breach", "use"})


@gate("T-05")
def complete(order: Order, content: bytes) -> None:
    """A contract states its subject, rights, delivery, fees, acceptance, security, confidence, breach and disputes.

    Raises:
        Refused: A part is missing, or there is nothing to accept the goods against.
    """
    said = canonical.loads(content)
    missing = sorted((_PARTS - said.keys()) | (_NEEDED_CLAUSES - said.get("clauses", {}).keys()))
    if not missing and not said["terms"].get("acceptance_criteria"):
        missing = ["acceptance_criteria"]
    if missing:
        raise Refused(
            "T-05",
            "The contract lacks a part: %(parts)s.",
            remedy="State it and propose again.",
            code="contract_incomplete",
            subjects=(order.offer_id,),
            parts=", ".join(missing),
        )


def compose(
    tx: Transaction, order: Order, version: Version, *, offered: tuple[Money, Mapping[str, Any]], words: str
) -> bytes:
    """The canonical bytes of the contract of ``order`` as it now stands.

    Args:
        tx: The open transaction.
        order: What is ordered; it need not be kept yet.
        version: The goods.
        offered: Price and terms of the offer: where the contract differs, it says so.
        words: What the buyer needs the goods for, in its own words; they stand in this document only.
    """
    purpose = PURPOSES[order.purpose]
    clauses, rule_ids = dict(_CLAUSES), list(_RULES)
    if order.government_derived:
        clauses["carried_duty"] = _CARRIED_DUTY
        rule_ids += _GOVERNMENT_RULES
    return canonical.dumps(
        {
            "type": TYPE,
            "order": order.id,
            "made_at": {"utc": clock.text(tx.now), "beijing": clock.beijing(tx.now)},
            "buyer": _party(tx, order.buyer_org_id),
            "seller": _party(tx, order.seller_org_id),
            "goods": _goods(tx, version),
            "sources": [{"zh": line.zh, "en": line.en} for line in source_lines(tx.session, order.declaration_id)],
            "government_derived": order.government_derived,
            "price": order.price.facts(),
            "fee": {"basis_points": order.fee_basis_points, "paid_by": "seller", "rounding": "floor"},
            "purpose": {"code": order.purpose, **_both(purpose), "words": words},
            "terms": order.terms,
            "proposal": {"number": order.proposals, "by": order.proposed_by},
            "differences": _differences(order, *offered),
            "payment_days": deadlines.PAYMENT.days,
            "disputes": {"by": order.disputes, **_both(_DISPUTES[order.disputes])},
            "clauses": {name: _both(text) for name, text in clauses.items()},
            "rules": [_rule(rule_id) for rule_id in rule_ids],
        }
    )


def keep(tx: Transaction, order: Order, content: bytes) -> bytes:
    """Keep the contract in the story of its order; its digest."""
    return documents.put(tx, content, subject=order.id, kind="contract", media_type=MEDIA_TYPE).digest


def content_of(tx: Transaction, order: Order) -> bytes:
    """The bytes that both parties sign."""
    return documents.get(tx.session, order.contract_digest).content


def _party(tx: Transaction, org_id: str) -> dict[str, Any]:
    organisation = org_of(tx, org_id)
    return {"id": org_id, "kind": organisation.kind, "name": organisation.name, "uscc": organisation.uscc}


def _goods(tx: Transaction, version: Version) -> dict[str, Any]:
    if version.deposit_id is None or version.listing_digest is None:
        raise InvariantBroken("the version %(version)s is on sale without goods", version=version.id)
    deposit = tx.get(Deposit, version.deposit_id)
    if deposit.digest is None:
        raise InvariantBroken("the goods of %(version)s are not sealed", version=version.id)
    return {
        "product": version.product_id,
        "version": version.id,
        "number": version.number,
        "title": {"zh": version.title_zh, "en": version.title_en},
        "listing_sha256": version.listing_digest.hex(),
        "sha256": deposit.digest.hex(),
        "size_bytes": str(deposit.size_bytes),
        "media_type": deposit.media_type,
    }


def _differences(order: Order, price: Money, terms: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Where the contract departs from the offer."""
    pairs: dict[str, tuple[Any, Any]] = {name: (terms[name], order.terms[name]) for name in TERMS if name in terms}
    pairs = {"price": (price.facts(), order.price.facts())} | pairs
    return [
        {"term": name, **_both(TERMS[name]), "offered": before, "agreed": now}
        for name, (before, now) in pairs.items()
        if before != now
    ]


def _rule(rule_id: str) -> dict[str, str]:
    """A rule with its source and what force that has."""
    rule = rules.rule(rule_id)
    return {"id": rule_id, "zh": rules.citation(rule, "zh"), "en": rules.citation(rule, "en")}


def _both(text: Text) -> dict[str, str]:
    return {"zh": text.zh, "en": text.en}
