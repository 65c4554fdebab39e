"""Contracts: one document, both signatures, what it has to say."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from market import open_data, published_product
from sqlalchemy import select
from trades import Trade

from exchange.db import read
from exchange.journal import canonical
from exchange.members.models import Signature
from settlement import orders, queries
from settlement.models import Order, PartyCheck
from settlement.orders import Request


def contract(trade: Trade, order: Order) -> dict[str, object]:
    value: dict[str, object] = canonical.loads(queries.contract(trade.buyer.actor, order.id))
    return value


def test_both_sides_sign_the_same_bytes(trade: Trade) -> None:
    order = trade.signed()
    content = queries.contract(trade.seller.actor, order.id)
    assert content == queries.contract(trade.buyer.actor, order.id)
    assert hashlib.sha256(content).digest() == order.contract_digest
    with read() as session:
        signed = session.scalars(select(Signature).where(Signature.subject == order.id).order_by(Signature.id)).all()
    assert [one.id for one in signed] == [order.buyer_signature_id, order.seller_signature_id]
    assert [one.org_id for one in signed] == [trade.buyer.org_id, trade.seller.org_id]
    for one in signed:
        Ed25519PublicKey.from_public_bytes(one.public_key).verify(one.signature, content)
        assert one.digest == order.contract_digest


def test_a_contract_names_parties_goods_price_purpose_and_clauses(trade: Trade) -> None:
    order = trade.request()
    said = contract(trade, order)
    assert said["buyer"]["id"] == trade.buyer.org_id
    assert said["seller"]["name"] == "供方公司"
    assert said["goods"]["version"] == trade.product.version_id
    assert len(said["goods"]["sha256"]) == len(said["goods"]["listing_sha256"]) == 64
    assert said["price"] == {"minor": "120000", "currency": "HKD"}
    assert said["fee"] == {"basis_points": 300, "paid_by": "seller", "rounding": "floor"}
    assert said["purpose"]["code"] == "commercial.analytics"
    assert said["terms"] == order.terms
    assert said["disputes"]["by"] == "officer"
    assert {"refund", "termination", "inspection", "settlement"} <= set(said["clauses"])
    assert all({"zh", "en"} <= set(clause) for clause in said["clauses"].values())
    assert said["government_derived"] is False
    assert "carried_duty" not in said["clauses"]


def test_the_parties_may_leave_disputes_to_the_courts(trade: Trade) -> None:
    assert contract(trade, trade.request(disputes="none"))["disputes"]["by"] == "none"


@pytest.mark.rule("G-15")
def test_a_government_derived_product_prints_its_sources_and_the_duty_that_is_carried_on(trade: Trade) -> None:
    product = published_product(trade, trade.seller, open_data(trade))
    request = Request(product.offer_id, "research", "officer", trade.buyer.password)
    order = orders.request_order(trade.buyer.actor, request)
    said = contract(trade, order)
    assert order.government_derived is said["government_derived"] is True
    assert said["sources"] == [
        {
            "zh": "数据来源：示例交通局《轨道交通客流》",
            "en": "Source: Example Transport Bureau, Rail passenger flow",
        }
    ]
    assert "第二十八条第二款" in said["clauses"]["carried_duty"]["zh"]


@pytest.mark.rule("I-02")
def test_the_check_of_both_parties_is_kept_with_the_trade_at_every_step(trade: Trade) -> None:
    lot = trade.delivered()
    with read() as session:
        rows = session.scalars(select(PartyCheck).where(PartyCheck.order_id == lot.order_id).order_by(PartyCheck.id))
        checks = [(check.step, check.org_id, check.case_id) for check in rows]
    parties = sorted([trade.buyer, trade.seller], key=lambda party: party.org_id)
    expected = [(step, party.org_id, party.case_id) for step in ("request", "sign", "pay") for party in parties]
    assert sorted(checks) == sorted(expected)
