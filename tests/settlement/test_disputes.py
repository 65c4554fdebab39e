"""The file of a dispute: the answer, the evidence of both sides, who may read it, and the queue."""

from datetime import timedelta

import pytest
from people import PNG, approved_company, staff
from sqlalchemy import select
from trades import Trade, entries, found

from exchange.actors import Actor
from exchange.db import advance_clock, read
from exchange.documents import Document
from exchange.errors import Conflict, Forbidden, Invalid, NotFound, Refused, WrongState
from settlement import dispute_files, lot_queries, lots_disputes
from settlement.lot_models import Dispute, Evidence
from settlement.models import Lot


def rule(officer: Actor, lot: Lot, percent: int = 40) -> Lot:
    return lots_disputes.rule_dispute(officer, lot.id, seller_share_percent=percent, reason="as shown")


def dispute_of(lot: Lot) -> Dispute:
    with read() as session:
        return session.scalars(select(Dispute).where(Dispute.lot_id == lot.id)).one()


@pytest.mark.rule("K-03")
def test_the_seller_is_heard_before_an_officer_rules(trade: Trade) -> None:
    lot, officer = trade.disputed(), staff(trade, "dispute_officer")
    with pytest.raises(Refused) as caught:
        rule(officer, lot)
    assert (caught.value.rule_id, caught.value.code) == ("K-03", "answer_awaited")
    dispute_files.answer_dispute(trade.seller.actor, lot.id, answer=" all rows are there ")
    assert dispute_of(lot).answer == "all rows are there"
    assert rule(officer, lot).state == "ruled"
    assert dispute_of(lot).closed_at is not None


@pytest.mark.rule("K-03")
def test_a_seller_who_stays_silent_is_ruled_on_when_its_time_is_over(trade: Trade) -> None:
    lot, officer = trade.disputed(), staff(trade, "dispute_officer")
    advance_clock(Actor.clock(), timedelta(days=7))
    assert rule(officer, lot).state == "ruled"


def test_an_answer_is_given_once_by_the_seller(trade: Trade) -> None:
    lot = trade.disputed()
    with pytest.raises(Forbidden):
        dispute_files.answer_dispute(trade.buyer.actor, lot.id, answer="no")
    dispute_files.answer_dispute(trade.seller.actor, lot.id, answer="yes")
    with pytest.raises(Conflict) as caught:
        dispute_files.answer_dispute(trade.seller.actor, lot.id, answer="more")
    assert caught.value.code == "answered"


def test_evidence_of_both_sides_is_sealed_and_read_by_those_concerned(trade: Trade) -> None:
    lot = trade.disputed()
    first = dispute_files.add_evidence(trade.buyer.actor, lot.id, title="a screenshot", content=PNG)
    log = "行数 40\n".encode()
    dispute_files.add_evidence(trade.seller.actor, lot.id, title="our log", content=log, personal=False)
    with read() as session:
        kept = {row.kind: row.content for row in session.scalars(select(Document).where(Document.subject == lot.id))}
    assert PNG not in kept["sealed_evidence"]
    assert kept["evidence"] == log
    for reader in (trade.buyer.actor, trade.seller.actor, staff(trade, "dispute_officer")):
        opened = dispute_files.read_evidence(reader, first.id)
        assert (opened.content, opened.media_type) == (PNG, "image/png")
    assert entries(lot.id)[-1] == "lot.evidence_read"
    assert [(row["side"], row["sealed"]) for row in lot_queries.evidence_of(trade.seller.actor, lot.id)] == [
        ("buyer", True),
        ("seller", False),
    ]


def test_evidence_is_none_of_anybody_elses_business(trade: Trade) -> None:
    lot, stranger = trade.disputed(), approved_company(trade, "旁观公司").actor
    given = dispute_files.add_evidence(trade.buyer.actor, lot.id, title="a screenshot", content=PNG)
    for look in (
        lambda: dispute_files.read_evidence(stranger, given.id),
        lambda: dispute_files.add_evidence(stranger, lot.id, title="x", content=PNG),
        lambda: dispute_files.answer_dispute(stranger, lot.id, answer="x"),
        lambda: lot_queries.evidence_of(stranger, lot.id),
        lambda: lot_queries.lot_sheet(stranger, lot.id),
    ):
        with pytest.raises(NotFound):
            look()


@pytest.mark.parametrize(
    ("title", "content", "code"),
    [
        ("", PNG, "title_missing"),
        ("x" * 121, PNG, "title_missing"),
        ("empty", b"", "document_size"),
        ("large", b"a" * (dispute_files.MAX_BYTES + 1), "document_size"),
        ("program", b"\x7fELF\x02\x01", "document_type"),
        ("page", b"text\x00", "document_type"),
    ],
)
def test_what_is_no_evidence(trade: Trade, title: str, content: bytes, code: str) -> None:
    lot = trade.disputed()
    told = entries(lot.id)
    with pytest.raises(Invalid) as caught:
        dispute_files.add_evidence(trade.buyer.actor, lot.id, title=title, content=content)
    assert caught.value.code == code
    assert entries(lot.id) == told
    with read() as session:
        assert session.scalars(select(Evidence)).all() == []


def test_no_more_evidence_than_an_officer_can_read(trade: Trade, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispute_files, "MAX_EVIDENCE", 1)
    lot = trade.disputed()
    dispute_files.add_evidence(trade.buyer.actor, lot.id, title="one", content=b"1")
    with pytest.raises(Conflict) as caught:
        dispute_files.add_evidence(trade.buyer.actor, lot.id, title="two", content=b"2")
    assert caught.value.code == "too_much_evidence"
    dispute_files.add_evidence(trade.seller.actor, lot.id, title="ours", content=b"3")


def test_without_a_dispute_there_is_no_file(trade: Trade) -> None:
    lot = trade.delivered()
    with pytest.raises(WrongState):
        dispute_files.add_evidence(trade.buyer.actor, lot.id, title="one", content=b"1")
    with pytest.raises(WrongState):
        dispute_files.answer_dispute(trade.seller.actor, lot.id, answer="none")


def test_the_queue_and_the_case(trade: Trade) -> None:
    officer = staff(trade, "dispute_officer")
    lot = trade.answered(trade.disputed())
    assert [(card["lot_id"], card["answered_at"] is None) for card in lot_queries.open_disputes().items] == [
        (lot.id, False)
    ]
    case = lot_queries.dispute_case(officer, lot.id)
    assert (case["dispute"]["reason"], case["dispute"]["may_rule"]) == ("half the rows", True)
    rule(officer, lot)
    assert lot_queries.open_disputes().items == []
    lots_disputes.object_to_ruling(trade.seller.actor, lot.id, reason="no")
    assert [card["rulings"] for card in lot_queries.open_disputes().items] == [1]
    assert lot_queries.dispute_case(officer, lot.id)["decided_by_reader"]
    assert found(Lot, lot.id).state == "disputed"
