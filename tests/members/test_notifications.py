"""Notifications follow the log, tell the other party, and go out by mail."""

from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path

import people
import pytest
from conftest import Database
from opened import Site, opened

from exchange import ids, mail
from exchange.actors import Actor
from exchange.db import read, transaction
from exchange.jobs import Worker
from exchange.members import notifications
from exchange.oversight import inspection, scopes

WORDS = {"lot.accepted": "The trade is completed"}
BASE_URL = "http://127.0.0.1:8000"


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Site]:
    with opened(database, tmp_path) as made:
        yield made


def tell(actor: Actor, subject: str, action: str, *links: str) -> None:
    with transaction(actor) as tx:
        tx.record(subject, action, by="buyer", links=links)


def test_the_other_party_is_told_once_and_by_mail(site: Site, tmp_path: Path) -> None:
    seller, buyer = people.registered(site, "示例供方"), people.registered(site, "示例需方")
    order, lot = ids.new("ord"), ids.new("lot")
    tell(buyer.actor, order, "order.requested", seller.org_id, buyer.org_id)
    tell(buyer.actor, lot, "lot.accepted", order)
    site.seal()
    follow = notifications.follow(frozenset(WORDS), ("ord_", "lot_"))
    while follow():
        pass
    told = notifications.notifications(seller.actor).items
    assert [(item["subject"], item["action"], item["read_at"]) for item in told] == [(lot, "lot.accepted", None)]
    assert notifications.notifications(buyer.actor).items == []  # it knows what it did

    outbox = Worker(due={}, outbox={notifications.MAIL: notifications.carrier(WORDS, BASE_URL)})
    assert outbox.step()
    letters = sorted((tmp_path / "mail").glob("*.eml"))
    assert len(letters) == 1
    assert letters[0].stat().st_mode & 0o077 == 0
    letter = message_from_bytes(letters[0].read_bytes(), policy=policy.default)
    assert lot in letter.get_content()
    assert not outbox.step()

    notifications.mark_read(seller.actor)
    with read() as session:
        assert notifications.unread(session, seller.org_id) == 0


def test_a_look_tips_nobody_off(site: Site) -> None:
    seller = people.registered(site, "示例供方")
    order = ids.new("ord")
    tell(seller.actor, order, "order.requested", seller.org_id)
    administrator = Actor("per_admin", "org_operator", frozenset({"administrator"}))
    scopes.grant_scope(administrator, "org_organ", authority="data", kind="all", value="", basis="DRAFT 32")
    inspection.look(Actor("per_officer", "org_organ", frozenset({"regulator"})), "story", order, "a test")
    site.seal()
    follow = notifications.follow(frozenset({"order.requested", "inspection.looked"}))
    while follow():
        pass
    assert notifications.notifications(seller.actor).items == []


def test_a_letter_cannot_carry_a_second_header() -> None:
    with pytest.raises(ValueError, match=r"linefeed|newline"):
        mail.Letter("a@example.org", "one\r\nBcc: b@example.org", "text").message("x@example.org")
