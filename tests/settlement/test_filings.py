"""Deals made outside and filed here."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from market import TERMS, open_data, published_product
from people import Party, approved_company
from sqlalchemy import select
from trades import Trade, entries

from exchange import attest, clock, workdays
from exchange.db import read
from exchange.documents import Document
from exchange.errors import Conflict, Forbidden, Invalid, NotFound, Refused, WrongState
from exchange.journal import canonical
from exchange.money import Money
from listings import offers
from settlement import filings
from settlement.filings import Deal
from settlement.lot_models import Filing


def deal(trade: Trade, other: Party | None = None, **changes: object) -> Deal:
    """What the seller of the trade files about its product."""
    with read():
        today = workdays.beijing_date(clock.now())
    made = Deal(trade.product.version_id, (other or trade.buyer).org_id, Money(90_000, "CNY"), today, bytes(32))
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.fixture
def shown(trade: Trade) -> Trade:
    """The trade's product, also offered directly."""
    offers.open_offer(trade.seller.actor, trade.product.version_id, replace(TERMS, channel="direct"))
    return trade


def test_a_deal_is_filed_and_confirmed(shown: Trade) -> None:
    filed = filings.file_deal(shown.seller.actor, deal(shown))
    assert (filed.state, filed.filed_by, filed.number[:2]) == ("filed", "seller", "F-")
    assert [row["actions"] for row in filings.filings_of(shown.buyer.actor).items] == [["confirm", "decline"]]
    assert filings.filing(shown.seller.actor, filed.id)["actions"] == ["withdraw"]
    with pytest.raises(NotFound):
        filings.document(shown.buyer.actor, filed.id)
    confirmed = filings.confirm_filing(shown.buyer.actor, filed.id)
    assert entries(filed.id) == ["filing.filed", "filing.confirmed"]
    receipt = canonical.loads(filings.document(shown.seller.actor, filed.id))
    assert (receipt["number"], receipt["amount"]) == (filed.number, {"minor": "90000", "currency": "CNY"})
    with read() as session:
        note = session.scalars(select(Document).where(Document.digest == confirmed.note_digest)).one()
        assert attest.signer().name.encode() in note.content


def test_a_buyer_files_too(shown: Trade) -> None:
    filed = filings.file_deal(shown.buyer.actor, deal(shown, shown.seller))
    assert (filed.filed_by, filed.buyer_org_id) == ("buyer", shown.buyer.org_id)
    assert filings.confirm_filing(shown.seller.actor, filed.id).state == "confirmed"


def test_who_answers_a_filing(shown: Trade) -> None:
    stranger = approved_company(shown, "旁观公司").actor
    filed = filings.file_deal(shown.seller.actor, deal(shown))
    with pytest.raises(Forbidden):
        filings.confirm_filing(shown.seller.actor, filed.id)
    with pytest.raises(Forbidden):
        filings.withdraw_filing(shown.buyer.actor, filed.id)
    for look in (filings.confirm_filing, filings.filing, filings.document, filings.withdraw_filing):
        with pytest.raises(NotFound):
            look(stranger, filed.id)
    filings.decline_filing(shown.buyer.actor, filed.id, reason="no such deal")
    with pytest.raises(WrongState):
        filings.confirm_filing(shown.buyer.actor, filed.id)
    again = filings.file_deal(shown.seller.actor, deal(shown))
    assert filings.withdraw_filing(shown.seller.actor, again.id).state == "withdrawn"


@pytest.mark.rule("G-01")
def test_nothing_made_with_government_data_is_filed(trade: Trade) -> None:
    product = published_product(trade, trade.seller, open_data(trade))
    with pytest.raises(Refused) as caught:
        filings.file_deal(trade.seller.actor, deal(trade, version_id=product.version_id))
    assert (caught.value.rule_id, caught.value.code) == ("G-01", "direct_channel_barred")
    with read() as session:
        assert session.scalars(select(Filing)).all() == []


def test_what_was_never_offered_directly_is_not_filed(trade: Trade) -> None:
    with pytest.raises(Conflict) as caught:
        filings.file_deal(trade.seller.actor, deal(trade))
    assert caught.value.code == "not_direct"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": Money(0, "CNY")}, "invalid_amount"),
        ({"dealt_on": date(2020, 1, 1)}, "invalid_day"),
        ({"contract_digest": b"short"}, "invalid_digest"),
        ({"counterparty": "org_nobody"}, "unknown_party"),
    ],
)
def test_what_cannot_be_filed(shown: Trade, changes: dict[str, object], code: str) -> None:
    with pytest.raises(Invalid) as caught:
        filings.file_deal(shown.seller.actor, deal(shown, **changes))
    assert caught.value.code == code


def test_a_deal_of_tomorrow_or_with_oneself_is_not_filed(shown: Trade) -> None:
    tomorrow = deal(shown).dealt_on + timedelta(days=1)
    for changes in ({"dealt_on": tomorrow}, {"counterparty": shown.seller.org_id}):
        with pytest.raises(Invalid):
            filings.file_deal(shown.seller.actor, deal(shown, **changes))  # type: ignore[arg-type]
    third = approved_company(shown, "第三公司")
    with pytest.raises(Conflict) as caught:
        filings.file_deal(third.actor, deal(shown))
    assert caught.value.code == "not_seller"
