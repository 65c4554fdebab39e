"""Receipts: served, received and listed agree, or nothing is accepted."""

import json
from datetime import timedelta

import pytest
from delivered import (
    CONTENT,
    DIGEST,
    Bought,
    Desk,
    Shop,
    bought,
    desk_fixture,  # noqa: F401  (a fixture)
    fetched,
    grants_of,
    lot_of,
    order_of,
    receipt_of,
    shop_fixture,  # noqa: F401  (a fixture)
    story,
    streamed,
)
from people import approved_company

from exchange import attest, clock, documents
from exchange.actors import Actor
from exchange.db import read, transaction
from exchange.errors import Refused, WrongState
from exchange.journal import canonical, note
from settlement import delivery, lots, receipts
from settlement.models import Lot

WRONG = bytes(32)


@pytest.fixture
def trade(shop: Shop) -> Bought:
    return bought(shop)


def confirmed(shop: Shop, trade: Bought, digest: bytes = DIGEST) -> None:
    delivery.confirm_receipt(shop.buyer.actor, trade.lot_id, digest)


def refusal_to_accept(shop: Shop, trade: Bought) -> str:
    with pytest.raises(Refused) as refusal:
        lots.accept_lot(shop.buyer.actor, trade.lot_id)
    assert refusal.value.rule_id == "T-10"
    return refusal.value.code


@pytest.mark.rule("T-10")
@pytest.mark.parametrize("served_first", [True, False])
def test_both_halves_make_the_receipt(shop: Shop, trade: Bought, *, served_first: bool) -> None:
    assert refusal_to_accept(shop, trade) == "receipt_incomplete"
    halves = [lambda: fetched(shop, trade), lambda: confirmed(shop, trade)]
    first, second = halves if served_first else halves[::-1]
    first()
    assert refusal_to_accept(shop, trade) == "receipt_incomplete"
    second()
    told = [action for action in story(trade.lot_id) if action in {"lot.served", "lot.received", "lot.receipted"}]
    assert told[-1] == "lot.receipted"
    assert sorted(told[:2]) == ["lot.received", "lot.served"]
    assert lots.accept_lot(shop.buyer.actor, trade.lot_id).state == "accepted"


def test_the_document_is_what_the_exchange_signed(shop: Shop, trade: Bought) -> None:
    fetched(shop, trade)
    confirmed(shop, trade)
    receipt, grant = receipt_of(trade), grants_of(trade)[0]
    with read() as session:
        content = documents.get(session, receipt.document_digest or b"").content
        signed = documents.get(session, receipt.note_digest or b"").content
    opened = note.open(signed, [attest.vkey()])
    assert opened.text.splitlines() == [receipts.NOTE, trade.lot_id, (receipt.document_digest or b"").hex()]
    told = canonical.loads(content)
    assert told["file"] == {"sha256": DIGEST.hex(), "size_bytes": str(len(CONTENT)), "media_type": "text/csv"}
    assert told["received"]["sha256"] == DIGEST.hex()
    assert told["served"]["plain_root"] == (grant.plain_root or b"").hex()
    assert told["served"]["at"]["beijing"].endswith("(UTC+08:00)")
    assert (told["recipient"], told["seller"]) == (shop.buyer.org_id, shop.seller.org_id)
    assert shop.buyer.person_id not in content.decode()  # no natural person


def test_the_first_complete_receipt_starts_the_inspection_window(shop: Shop, trade: Bought) -> None:
    before = lot_of(trade).deadline_at
    fetched(shop, trade)
    assert lot_of(trade).deadline_at == before
    confirmed(shop, trade)
    ends = lot_of(trade).deadline_at
    assert before is not None
    assert ends is not None
    window = timedelta(hours=order_of(trade).terms["inspection_hours"])
    assert timedelta() <= clock.now() + window - ends < timedelta(minutes=1)
    assert ends < before
    confirmed(shop, trade)
    assert lot_of(trade).deadline_at == ends


@pytest.mark.rule("T-10")
def test_a_digest_that_differs_blocks_acceptance_and_its_lapse(shop: Shop, trade: Bought) -> None:
    fetched(shop, trade)
    confirmed(shop, trade, WRONG)
    assert story(trade.lot_id)[-1] == "receipt.mismatch"
    assert refusal_to_accept(shop, trade) == "received_differs"
    with transaction(Actor.clock()) as tx, pytest.raises(Refused, match="not that of the listed version"):
        receipts.refuse_differing(tx, tx.get(Lot, trade.lot_id))
    assert receipt_of(trade).document_digest is None


def test_the_right_digest_after_a_wrong_one_completes_the_receipt(shop: Shop, trade: Bought) -> None:
    confirmed(shop, trade, WRONG)
    fetched(shop, trade)
    assert receipt_of(trade).problem == "received_differs"
    confirmed(shop, trade)
    assert receipt_of(trade).problem is None
    assert receipt_of(trade).completed_at is not None
    confirmed(shop, trade, WRONG)  # what was once confirmed stays so
    assert receipt_of(trade).received_digest == DIGEST
    lots.accept_lot(shop.buyer.actor, trade.lot_id)


def test_nothing_stands_against_a_delivery_that_nobody_fetched(shop: Shop, trade: Bought) -> None:
    with transaction(Actor.clock()) as tx:
        receipts.refuse_differing(tx, tx.get(Lot, trade.lot_id))


def test_a_new_delivery_needs_a_new_receipt(shop: Shop, trade: Bought) -> None:
    fetched(shop, trade)
    confirmed(shop, trade)
    lots.reject_lot(shop.buyer.actor, trade.lot_id, reason="与验收标准不符")
    with pytest.raises(WrongState, match="nothing to be confirmed"):
        confirmed(shop, trade)
    lots.deliver_lot(shop.seller.actor, trade.lot_id)
    first, second = grants_of(trade)
    assert (first.state, first.closing_reason, second.state) == ("revoked", "delivered_again", "live")
    assert refusal_to_accept(shop, trade) == "receipt_incomplete"
    fetched(shop, trade)
    confirmed(shop, trade)
    lots.accept_lot(shop.buyer.actor, trade.lot_id)


def test_before_a_delivery_nothing_matches(shop: Shop, trade: Bought) -> None:
    with transaction(Actor.clock()) as tx, pytest.raises(Refused, match="Nothing was delivered"):
        receipts.require_matching(tx, Lot(id="lot_none", order_id=trade.order_id))


def test_the_receipt_over_the_api(shop: Shop, desk: Desk, trade: Bought) -> None:
    path = f"/lots/{trade.lot_id}/receipt"
    b"".join(streamed(shop, trade))
    for sent in ({"sha256": "aa"}, {"sha256": DIGEST.hex().upper()}, {}):
        assert desk("POST", path, shop.buyer.actor, json=sent).status_code == 422
    body = {"sha256": DIGEST.hex()}
    stranger = approved_company(shop.database, "第三方公司")
    assert desk("POST", path, stranger.actor, json=body).status_code == 404
    assert desk("POST", path, shop.seller.actor, json=body).status_code == 403
    key = {"Idempotency-Key": "receipt-1"}
    answer = desk("POST", path, shop.buyer.actor, json=body, headers=key)
    assert answer.status_code == 201
    assert answer.json["problem"] is None
    assert answer.json["document_sha256"] == (receipt_of(trade).document_digest or b"").hex()
    again = desk("POST", path, shop.buyer.actor, json=body, headers=key)
    assert (again.status_code, again.json) == (201, answer.json)
    reused = desk("POST", path, shop.buyer.actor, json={"sha256": "0" * 64}, headers=key)
    assert (reused.status_code, reused.json["code"]) == (409, "key_reused")
    assert desk("GET", path, shop.seller.actor).json == answer.json
    unknown = desk("GET", "/lots/lot_none/receipt", stranger.actor)
    hidden = desk("GET", path, stranger.actor)
    assert hidden.status_code == 404
    assert json.loads(hidden.data) | {"request_id": 0} == json.loads(unknown.data) | {"request_id": 0}
