"""Vouchers: issued for what was completed, checked by anybody, read whole by the parties."""

import hashlib

import pytest
from delivered import (
    CONTENT,
    DIGEST,
    Bought,
    Desk,
    Shop,
    bought,
    completed,
    desk_fixture,  # noqa: F401  (a fixture)
    fetched,
    found,
    order_of,
    receipt_of,
    shop_fixture,  # noqa: F401  (a fixture)
    story,
)
from market import DESCRIPTION, published_product
from origins import government_source, record
from people import approved_company, approved_department, staff

from exchange import attest
from exchange.db import transaction
from exchange.errors import Invalid, Refused, WrongState
from exchange.journal import canonical, note
from listings.models import Version
from settlement import vouchers
from settlement.delivery_models import Voucher
from settlement.delivery_states import VOUCHER
from settlement.models import Order

MINIMAL = {"number", "state", "issued_at", "title_zh", "title_en", "note", "key", "notice"}


@pytest.fixture(scope="module")
def trade(shop: Shop) -> Bought:
    return bought(shop)


@pytest.fixture(scope="module")
def voucher(shop: Shop, trade: Bought) -> Voucher:
    return completed(shop, trade)


@pytest.mark.rule("T-22")
def test_no_voucher_before_the_order_is_completed(shop: Shop) -> None:
    trade = bought(shop)
    fetched(shop, trade)
    with pytest.raises(Refused) as refusal, transaction(shop.buyer.actor) as tx:
        vouchers.issue(tx, tx.get(Order, trade.order_id))
    assert (refusal.value.rule_id, refusal.value.code) == ("T-22", "order_not_completed")


@pytest.mark.rule("T-22")
def test_a_completed_order_has_one_voucher(trade: Bought, voucher: Voucher) -> None:
    assert order_of(trade).state == "completed"
    assert voucher.state == "valid"
    assert story(voucher.id) == ["voucher.issued"]


@pytest.mark.rule("G-15")
def test_the_document_tells_the_trade(shop: Shop, trade: Bought, voucher: Voucher) -> None:
    content = vouchers.document(shop.buyer.actor, voucher.number)
    assert vouchers.document(shop.seller.actor, voucher.number) == content
    assert hashlib.sha256(content).digest() == voucher.document_digest
    told = canonical.loads(content)
    order = order_of(trade)
    assert told["number"] == voucher.number
    assert told["buyer"] == {"id": shop.buyer.org_id, "name": "需方示例公司", "uscc": told["buyer"]["uscc"]}
    assert len(told["buyer"]["uscc"]) == 18
    version = found(Version, order.version_id)
    assert told["product"] == {
        "id": order.product_id,
        "version": order.version_id,
        "title": {"zh": DESCRIPTION.title_zh, "en": DESCRIPTION.title_en},
        "listing_sha256": version.listing_digest.hex(),
    }
    assert told["price"] == {"minor": "120000", "currency": "HKD"}
    assert told["contract_sha256"] == order.contract_digest.hex()
    (lot,) = told["lots"]
    assert (lot["id"], lot["content_sha256"]) == (trade.lot_id, DIGEST.hex())
    assert lot["receipt_sha256"] == (receipt_of(trade).document_digest or b"").hex()
    for step in ("delivered", "accepted", "settled"):
        assert lot[step]["utc"].endswith("Z")
        assert lot[step]["beijing"].endswith("(UTC+08:00)")
    assert told["source_lines"] == []
    assert told["government_derived"] == {"answer": {"zh": "否", "en": "no"}, "basis": None}
    assert told["notice"]["zh"] == "本凭证不构成对数据合法性的担保"
    assert shop.buyer.person_id not in content.decode()  # no natural person


@pytest.mark.rule("G-15")
def test_a_government_derived_product_says_so_with_its_sources(shop: Shop) -> None:
    department = approved_department(shop.database, "示例气象局")
    source = government_source(record(department))
    product = published_product(shop.database, shop.seller, source, content=CONTENT)
    voucher = completed(shop, bought(shop, product=product))
    told = canonical.loads(vouchers.document(shop.buyer.actor, voucher.number))
    assert told["government_derived"]["answer"] == {"zh": "是", "en": "yes"}
    assert "第二十八条第二款" in told["government_derived"]["basis"]["zh"]
    assert told["source_lines"][0]["zh"].startswith("数据来源：示例气象局")


def test_anybody_checks_a_voucher_and_learns_little(shop: Shop, desk: Desk, voucher: Voucher) -> None:
    answer = desk("GET", f"/vouchers/{voucher.number.lower()}")
    assert answer.status_code == 200
    assert set(answer.json) == MINIMAL
    assert (answer.json["number"], answer.json["state"]) == (voucher.number, "valid")
    for hidden in (shop.buyer.org_id, shop.seller.org_id, "示例公司", "120000", voucher.order_id):
        assert hidden not in answer.text
    signed = note.open(answer.json["note"], [answer.json["key"]])
    assert signed.text.splitlines() == [vouchers.NOTE, voucher.number, voucher.document_digest.hex()]
    assert answer.json["key"] == attest.vkey()


@pytest.mark.parametrize("number", ["V-0000-0000-0000-0000", "V-", "x", "vou_1", "%27%20OR%201=1"])
def test_forged_and_unknown_numbers_are_answered_alike(shop: Shop, desk: Desk, number: str) -> None:
    answers = [desk("GET", f"/vouchers/{number}"), desk("GET", f"/vouchers/{number}/document", shop.buyer.actor)]
    assert [(answer.status_code, answer.json["code"]) for answer in answers] == [(404, "not_found")] * 2


def test_the_document_is_for_the_parties(shop: Shop, desk: Desk, voucher: Voucher) -> None:
    path = f"/vouchers/{voucher.number}/document"
    answer = desk("GET", path, shop.seller.actor)
    assert hashlib.sha256(answer.data).digest() == voucher.document_digest
    assert answer.headers["Content-Type"] == "application/json"
    stranger = approved_company(shop.database, "第三方公司")
    hidden = desk("GET", path, stranger.actor)
    unknown = desk("GET", "/vouchers/V-0000-0000-0000-0000/document", stranger.actor)
    assert hidden.status_code == 404
    assert hidden.json | {"request_id": 0} == unknown.json | {"request_id": 0}
    assert desk("GET", path).status_code == 401


def test_each_party_lists_its_vouchers(shop: Shop, desk: Desk, voucher: Voucher) -> None:
    def numbers(side: str, by: object) -> set[str]:
        return {item["number"] for item in desk("GET", f"/vouchers?side={side}", by).json["items"]}  # type: ignore[arg-type]

    assert voucher.number in numbers("buyer", shop.buyer.actor)
    assert voucher.number in numbers("seller", shop.seller.actor)
    assert numbers("seller", shop.buyer.actor) == set()
    assert desk("GET", "/vouchers?side=both", shop.buyer.actor).status_code == 422


def test_officers_suspend_restore_and_void(shop: Shop, desk: Desk) -> None:
    voucher = completed(shop, bought(shop))
    officer = staff(shop.database, "settlement_officer")
    path = f"/vouchers/{voucher.number}"
    for action, state in (("suspend", "suspended"), ("restore", "valid"), ("suspend", "suspended"), ("void", "void")):
        answer = desk("POST", f"{path}/{action}", officer, json={"reason": "核查"})
        assert (answer.status_code, answer.json["state"]) == (200, state)
        assert desk("GET", path).json["state"] == state
    assert desk("POST", f"{path}/restore", officer, json={"reason": "核查"}).status_code == 409
    assert story(voucher.id)[-1] == "voucher.voided"
    with pytest.raises(WrongState):
        vouchers.suspend_voucher(officer, voucher.number, reason="核查")


def test_only_officers_decide_and_say_why(shop: Shop, desk: Desk, voucher: Voucher) -> None:
    path = f"/vouchers/{voucher.number}/void"
    for actor in (shop.seller.actor, shop.buyer.actor, staff(shop.database, "vetting_officer")):
        assert desk("POST", path, actor, json={"reason": "核查"}).status_code == 403
    officer = staff(shop.database, "settlement_officer")
    assert desk("POST", path, officer, json={"reason": ""}).status_code == 422
    with pytest.raises(Invalid):
        vouchers.void_voucher(officer, voucher.number, reason="  ")
    assert found(Voucher, voucher.id).state == "valid"


def test_every_step_that_is_not_in_the_table_is_refused() -> None:
    for state in VOUCHER.states:
        for action in ("suspend", "restore", "void"):
            if (state, action) not in VOUCHER.edges:
                with pytest.raises(WrongState):
                    VOUCHER.edge(state, action)
