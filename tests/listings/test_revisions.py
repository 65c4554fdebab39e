"""Revisions: newer rows of a published version, without review; anything else is a version that is reviewed."""

from collections.abc import Callable, Iterator

import market as fair
import pytest
from market import Published
from people import Party, approved_company, staff

from exchange import documents, handlers
from exchange.db import read
from exchange.errors import Conflict, Invalid, NotFound, Refused
from exchange.journal import canonical, queries
from exchange.members.vetting import suspend_party
from listings import review, revisions, versions
from listings.models import Offer, Version

NEWER = fair.CSV + b"S9,2026-04-01,7\n"
OTHER_COLUMNS = b"station,day,visitors,weather\nS1,2026-04-01,7,rain\nS2,2026-04-01,8,sun\n"


@pytest.fixture
def seller(market: object) -> Party:
    return approved_company(market, "甲公司")


@pytest.fixture
def on_sale(market: object, seller: Party) -> Published:
    return fair.published_product(market, seller, fair.open_data(market))


@pytest.fixture
def news() -> Iterator[list[dict[str, str]]]:
    """What is told of revisions while a test runs."""
    told: list[dict[str, str]] = []

    def listen(_tx: object, **what: str) -> None:
        told.append(what)

    handlers.on(revisions.REVISED, listen)
    yield told
    handlers._handlers[revisions.REVISED].remove(listen)


def revised(seller: Party, version_id: str, content: bytes = NEWER) -> Version:
    return revisions.revise(
        seller.actor, version_id, deposit_id=fair.deposited(seller, content), note="四月数据 / April"
    )


def told(subject: str) -> list[str]:
    with read() as session:
        return [one.action for one in queries.story(session, subject)]


def code(act: Callable[[], object], kind: type[Exception] = Conflict) -> str:
    with pytest.raises(kind) as caught:
        act()
    return str(caught.value.code)  # type: ignore[attr-defined]


def test_newer_rows_are_published_at_once(seller: Party, on_sale: Published, news: list[dict[str, str]]) -> None:
    revision = revised(seller, on_sale.version_id)
    with read() as session:
        before = session.get_one(Version, on_sale.version_id)
        offers = {offer.version_id: offer for offer in session.query(Offer)}
        document = canonical.loads(documents.get(session, revision.listing_digest or b"").content)
    assert (before.state, revision.state, revision.number) == ("superseded", "published", 2)
    assert told(revision.id) == ["listing.drafted", "listing.revised"]
    assert (offers[before.id].state, offers[revision.id].state) == ("closed", "open")
    assert offers[before.id].price == offers[revision.id].price
    assert document["revises"] == before.id
    assert news == [{"previous_id": before.id, "version_id": revision.id}]


def test_a_revision_of_a_revision_rests_on_the_same_review(market: object, seller: Party, on_sale: Published) -> None:
    first = revised(seller, on_sale.version_id)
    second = revised(seller, first.id, NEWER + b"S9,2026-04-02,8\n")
    assert second.revises_id == on_sale.version_id
    reviewer = staff(market, "compliance_reviewer")
    review.suspend(reviewer, second.id, reason="核查")
    assert review.restore(reviewer, second.id, reason="核查完毕").state == "published"  # two approvals still count


def test_what_differs_in_more_than_rows_is_no_revision(market: object, seller: Party, on_sale: Published) -> None:
    assert code(lambda: revised(seller, on_sale.version_id, OTHER_COLUMNS)) == "schema_changed"
    assert code(lambda: revised(seller, on_sale.version_id, fair.CSV)) == "nothing_changed"
    raw = fair.received(seller, NEWER)
    assert (
        code(lambda: revisions.revise(seller.actor, on_sale.version_id, deposit_id=raw, note="x"))
        == "deposit_not_ready"
    )
    ready = fair.deposited(seller, NEWER)
    assert (
        code(lambda: revisions.revise(seller.actor, on_sale.version_id, deposit_id=ready, note=" "), Invalid)
        == "note_length"
    )
    with read() as session:
        assert session.query(Version).count() == 1


def test_only_the_seller_revises_and_only_what_is_published(market: object, seller: Party, on_sale: Published) -> None:
    other = approved_company(market, "乙公司")
    mine, foreign = fair.deposited(seller, NEWER), fair.deposited(other, NEWER)
    for party, deposit_id in ((other, foreign), (seller, foreign)):
        with pytest.raises(NotFound):
            revisions.revise(party.actor, on_sale.version_id, deposit_id=deposit_id, note="x")
    draft = versions.add_version(seller.actor, on_sale.product_id, fair.DESCRIPTION)
    assert code(lambda: revisions.revise(seller.actor, draft.id, deposit_id=mine, note="x")) == "not_on_sale"
    review.suspend(staff(market, "compliance_reviewer"), on_sale.version_id, reason="核查")
    assert code(lambda: revisions.revise(seller.actor, on_sale.version_id, deposit_id=mine, note="x")) == "not_on_sale"


@pytest.mark.rule("I-02")
def test_a_revision_asks_the_gates_of_publication(market: object, seller: Party, on_sale: Published) -> None:
    deposit_id = fair.deposited(seller, NEWER)
    suspend_party(staff(market, "vetting_officer"), seller.org_id, reason="reason")
    with pytest.raises(Refused) as caught:
        revisions.revise(seller.actor, on_sale.version_id, deposit_id=deposit_id, note="x")
    assert caught.value.code == "party_suspended"
    assert told(seller.org_id)[-1] == "gate.refused"
