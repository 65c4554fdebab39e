"""Files under a ticket: who may fetch them, byte ranges, and what the exchange attests that it served."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
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
    found,
    grants_of,
    lot_of,
    receipt_of,
    restrained,
    shop_fixture,  # noqa: F401  (a fixture)
    story,
    streamed,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from people import approved_company
from sqlalchemy import select

from exchange import sealing, vault
from exchange.actors import Actor
from exchange.db import engine, read, transaction
from exchange.errors import Forbidden, NotFound, Refused, WrongState
from exchange.oversight import restraints
from listings import goods
from listings.commitments import CHUNK_BYTES
from listings.models import Deposit
from listings.streams import reader
from settlement import delivery, grants, lots
from settlement.delivery import GoodsDiffer, assemble
from settlement.delivery_models import ServedRange, Ticket

SIZE = len(CONTENT)
ETAG = f'"{DIGEST.hex()}"'


@pytest.fixture
def trade(shop: Shop) -> Bought:
    return bought(shop)


@pytest.fixture(scope="module")
def sold(shop: Shop) -> Bought:
    """A lot whose file may be fetched by any test, and that is otherwise left alone."""
    return bought(shop)


@pytest.fixture
def url(shop: Shop, sold: Bought) -> str:
    return ticket_url(shop, sold)


def ticket_url(shop: Shop, trade: Bought) -> str:
    return f"/deliveries/{delivery.issue_ticket(shop.buyer.actor, trade.lot_id).token}"


def ranges_of(trade: Bought) -> list[tuple[int, int]]:
    with read() as session:
        of_lot = select(ServedRange).where(ServedRange.grant_id.in_([grant.id for grant in grants_of(trade)]))
        return [(served.start, served.stop) for served in session.scalars(of_lot.order_by(ServedRange.id))]


# -- byte ranges ----------------------------------------------------------------------------------------------------


def test_the_whole_file(shop: Shop, desk: Desk, url: str) -> None:
    answer = desk("GET", url, shop.buyer.actor)
    assert answer.status_code == 200
    assert answer.data == CONTENT
    assert answer.headers["Content-Length"] == str(SIZE)
    assert answer.headers["ETag"] == ETAG
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Content-Disposition"] == "attachment; filename=visitors.csv"
    assert answer.headers["Repr-Digest"].startswith("sha-256=:")


@pytest.mark.parametrize(
    ("asked", "ends"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=10-", (10, SIZE)),
        ("bytes=65535-65536", (65535, 65537)),
        ("bytes=70000-999999999", (70000, SIZE)),
        ("bytes=-5", (SIZE - 5, SIZE)),
        (f"bytes=-{SIZE * 2}", (0, SIZE)),
        (f"bytes=0-{SIZE - 1}", (0, SIZE)),
    ],
)
def test_one_range(shop: Shop, desk: Desk, url: str, asked: str, ends: tuple[int, int]) -> None:
    start, stop = ends
    answer = desk("GET", url, shop.buyer.actor, headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.data == CONTENT[start:stop]
    assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{SIZE}"
    assert answer.headers["Content-Length"] == str(stop - start)


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", "bytes=999999999-"])
def test_a_range_outside_the_file(shop: Shop, desk: Desk, url: str, asked: str) -> None:
    answer = desk("GET", url, shop.buyer.actor, headers={"Range": asked})
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "lines=0-1", "bytes=5-1", "bytes=x", "0-1"])
def test_what_is_not_one_range_of_bytes_is_ignored(shop: Shop, desk: Desk, url: str, asked: str) -> None:
    answer = desk("GET", url, shop.buyer.actor, headers={"Range": asked})
    assert (answer.status_code, answer.data) == (200, CONTENT)


@pytest.mark.parametrize(
    ("condition", "status"),
    [(ETAG, 206), ('"another"', 200), (f"W/{ETAG}", 200), ("Mon, 23 Nov 2026 10:00:00 GMT", 200), ("", 200)],
)
def test_a_range_if_the_file_is_still_the_same(shop: Shop, desk: Desk, url: str, condition: str, status: int) -> None:
    answer = desk("GET", url, shop.buyer.actor, headers={"Range": "bytes=0-9", "If-Range": condition})
    assert answer.status_code == status


def test_head_tells_the_size_and_serves_nothing(shop: Shop, desk: Desk, trade: Bought) -> None:
    answer = desk("HEAD", ticket_url(shop, trade), shop.buyer.actor, headers={"Range": "bytes=0-9"})
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["Content-Length"] == str(SIZE)
    assert answer.headers["ETag"] == ETAG
    assert ranges_of(trade) == []


@settings(max_examples=30, deadline=None)
@given(ends=st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)).map(sorted).filter(lambda ends: ends[0] < ends[1]))
def test_every_range_is_that_part_of_the_file(shop: Shop, sold: Bought, ends: list[int]) -> None:
    assert b"".join(streamed(shop, sold, *ends)) == CONTENT[slice(*ends)]


def test_nothing_of_the_database_is_held_while_the_client_waits(shop: Shop, trade: Bought) -> None:
    stream = streamed(shop, trade)
    next(stream)
    assert engine().pool.checkedout() == 0  # type: ignore[attr-defined]
    stream.close()  # type: ignore[attr-defined]


# -- tickets --------------------------------------------------------------------------------------------------------


def test_a_ticket_is_shown_once_and_kept_as_a_hash(shop: Shop, desk: Desk, trade: Bought) -> None:
    answer = desk("POST", f"/lots/{trade.lot_id}/tickets", shop.buyer.actor, headers={"Idempotency-Key": "k1"})
    assert answer.status_code == 201
    told = answer.json
    assert (told["sha256"], told["size_bytes"], told["media_type"]) == (DIGEST.hex(), SIZE, "text/csv")
    ticket = found(Ticket, told["id"])
    assert ticket.person_id == shop.buyer.person_id
    assert told["token"] not in repr(vars(ticket))
    assert story(trade.lot_id)[-1] == "ticket.issued"
    again = desk("POST", f"/lots/{trade.lot_id}/tickets", shop.buyer.actor, headers={"Idempotency-Key": "k1"})
    assert again.json["token"] != told["token"]


def test_no_ticket_for_others(shop: Shop, desk: Desk, trade: Bought) -> None:
    stranger = approved_company(shop.database, "第三方公司")
    path = f"/lots/{trade.lot_id}/tickets"
    assert desk("POST", path).status_code == 401
    assert desk("POST", path, stranger.actor).status_code == 404
    assert desk("POST", path, shop.seller.actor).status_code == 403
    viewer = Actor("per_viewer", shop.buyer.org_id, frozenset({"viewer"}))
    assert desk("POST", path, viewer).status_code == 403
    assert desk("POST", "/lots/lot_none/tickets", shop.buyer.actor).status_code == 404


def expired(shop: Shop, trade: Bought, patch: pytest.MonkeyPatch) -> tuple[str, Actor]:
    patch.setattr(delivery, "TICKET_LIFETIME", timedelta(0))
    return delivery.issue_ticket(shop.buyer.actor, trade.lot_id).token, shop.buyer.actor


def used_up(shop: Shop, trade: Bought, patch: pytest.MonkeyPatch) -> tuple[str, Actor]:
    patch.setattr(delivery, "MAX_RESPONSES", 1)
    token = delivery.issue_ticket(shop.buyer.actor, trade.lot_id).token
    list(delivery.stream(delivery.open_delivery(shop.buyer.actor, token), 0, 10))
    return token, shop.buyer.actor


def anothers(shop: Shop, trade: Bought, patch: pytest.MonkeyPatch) -> tuple[str, Actor]:
    token = delivery.issue_ticket(shop.buyer.actor, trade.lot_id).token
    return token, Actor("per_colleague", shop.buyer.org_id, frozenset({"trader"}))


def another_partys(shop: Shop, trade: Bought, patch: pytest.MonkeyPatch) -> tuple[str, Actor]:
    return delivery.issue_ticket(shop.buyer.actor, trade.lot_id).token, shop.seller.actor


def revoked(shop: Shop, trade: Bought, patch: pytest.MonkeyPatch) -> tuple[str, Actor]:
    token = delivery.issue_ticket(shop.buyer.actor, trade.lot_id).token
    with transaction(Actor.clock()) as tx:
        grants.revoke(tx, trade.order_id, "refunded")
    return token, shop.buyer.actor


def of_a_rejected_lot(shop: Shop, trade: Bought, patch: pytest.MonkeyPatch) -> tuple[str, Actor]:
    token = delivery.issue_ticket(shop.buyer.actor, trade.lot_id).token
    lots.reject_lot(shop.buyer.actor, trade.lot_id, reason="列不全")
    return token, shop.buyer.actor


def of_an_earlier_delivery(shop: Shop, trade: Bought, patch: pytest.MonkeyPatch) -> tuple[str, Actor]:
    token, actor = of_a_rejected_lot(shop, trade, patch)
    lots.deliver_lot(shop.seller.actor, trade.lot_id)
    return token, actor


def unknown(shop: Shop, trade: Bought, patch: pytest.MonkeyPatch) -> tuple[str, Actor]:
    return "unknown", shop.buyer.actor


@pytest.mark.parametrize(
    "spoil",
    [expired, used_up, anothers, another_partys, revoked, of_a_rejected_lot, of_an_earlier_delivery, unknown],
)
def test_a_ticket_that_is_not_good_is_answered_alike(
    shop: Shop,
    desk: Desk,
    trade: Bought,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Shop, Bought, pytest.MonkeyPatch], tuple[str, Actor]],
) -> None:
    token, actor = spoil(shop, trade, monkeypatch)
    answer = desk("GET", f"/deliveries/{token}", actor)
    unlike = answer.json | {"request_id": None}
    assert answer.status_code == 404
    assert unlike == desk("GET", "/deliveries/none", shop.buyer.actor).json | {"request_id": None}
    assert unlike["code"] == "no_ticket"


def test_a_ticket_alone_opens_nothing(desk: Desk, url: str) -> None:
    assert desk("GET", url).status_code == 401


def test_a_disputed_lot_is_frozen(shop: Shop, trade: Bought) -> None:
    token = delivery.issue_ticket(shop.buyer.actor, trade.lot_id).token
    with transaction(shop.buyer.actor) as tx:
        tx.advance(tx.lock(type(lot_of(trade)), trade.lot_id), "dispute", by="buyer")
    with pytest.raises(WrongState, match="nothing to be fetched"):
        delivery.issue_ticket(shop.buyer.actor, trade.lot_id)
    with pytest.raises(NotFound):
        delivery.open_delivery(shop.buyer.actor, token)


@pytest.mark.rule("K-05")
def test_a_restraint_stops_tickets_and_what_they_opened(shop: Shop, desk: Desk, trade: Bought) -> None:
    url = ticket_url(shop, trade)
    restraint_id = restrained(trade.lot_id)
    with pytest.raises(Refused, match="suspended"):
        delivery.issue_ticket(shop.buyer.actor, trade.lot_id)
    answer = desk("GET", url, shop.buyer.actor)
    assert (answer.status_code, answer.json["code"]) == (409, "restrained")
    assert "gate.refused" in story(trade.lot_id)
    overseer = Actor("per_overseer", "org_organ", frozenset({"regulator"}))
    restraints.lift(overseer, restraint_id, reason="已查清")
    assert desk("GET", url, shop.buyer.actor).status_code == 200


def test_only_the_exchange_attests(shop: Shop, trade: Bought) -> None:
    with pytest.raises(Forbidden):
        delivery.attest_served(shop.buyer.actor, grants_of(trade)[0].id)
    with pytest.raises(Forbidden):
        delivery.report_problem(shop.seller.actor, grants_of(trade)[0].id, "goods_broken")


# -- what was served ------------------------------------------------------------------------------------------------


def test_a_broken_download_counts_with_what_was_handed_out_and_is_resumed(shop: Shop, trade: Bought) -> None:
    stream = streamed(shop, trade, 100)
    taken = [next(stream), next(stream)]
    stream.close()  # type: ignore[attr-defined]
    # The second piece left the exchange, but nobody came back to say so.
    assert ranges_of(trade) == [(100, CHUNK_BYTES)]
    assert b"".join(taken) == CONTENT[100 : 2 * CHUNK_BYTES]
    rest = b"".join(streamed(shop, trade, CHUNK_BYTES))
    assert receipt_of(trade).served_at is None
    start = b"".join(streamed(shop, trade, 0, 100))
    assert start + taken[0] + rest == CONTENT
    assert ranges_of(trade) == [(100, CHUNK_BYTES), (CHUNK_BYTES, SIZE), (0, 100)]
    assert receipt_of(trade).served_root == grants_of(trade)[0].plain_root
    assert story(trade.lot_id).count("lot.served") == 1


def test_every_byte_but_one_is_not_the_whole(shop: Shop, trade: Bought) -> None:
    list(streamed(shop, trade, 0, SIZE - 1))
    list(streamed(shop, trade, 1))
    assert "lot.served" in story(trade.lot_id)
    other = bought(shop)
    list(streamed(shop, other, 0, 70_000))
    list(streamed(shop, other, 70_001))
    assert "lot.served" not in story(other.lot_id)


def test_parallel_downloads_make_one_whole(shop: Shop, trade: Bought) -> None:
    half = SIZE // 2
    parts: dict[int, bytes] = {}
    ready = threading.Barrier(2)

    def fetch(start: int, stop: int) -> None:
        stream = streamed(shop, trade, start, stop)
        ready.wait()
        parts[start] = b"".join(stream)

    threads = [threading.Thread(target=fetch, args=ends) for ends in ((0, half), (half, SIZE))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert parts[0] + parts[half] == CONTENT
    assert story(trade.lot_id).count("lot.served") == 1


def test_a_receipt_makes_up_for_an_attestation_that_was_cut_off(
    shop: Shop, trade: Bought, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(_actor: Actor, _grant_id: str) -> None:
        raise SystemExit

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(delivery, "attest_served", die)
        fetched(shop, trade)
    assert receipt_of(trade).served_at is None
    delivery.confirm_receipt(shop.buyer.actor, trade.lot_id, DIGEST)
    assert receipt_of(trade).completed_at is not None


def test_a_chunk_served_in_two_versions_is_no_chunk() -> None:
    first, second = bytes(32), bytes([1]) * 32
    assert assemble([(0, 10, first), (0, 10, first)], 10) == [first]
    assert assemble([(0, 10, first), (0, 10, second)], 10) == [b""]
    assert assemble([(0, 5, first), (6, 10, first)], 10) is None
    assert assemble([], 10) is None


# -- other goods ----------------------------------------------------------------------------------------------------


@contextmanager
def as_stored(shop: Shop, **columns: object) -> Iterator[None]:
    """The deposit's row as somebody with the owner's power leaves it, for a while."""
    with read() as session:
        deposit = session.get_one(Deposit, shop.product.deposit_id)
    kept = {name: getattr(deposit, name) for name in columns}
    _write(shop, columns)
    yield
    _write(shop, kept)


def _write(shop: Shop, columns: dict[str, object]) -> None:
    with psycopg.connect(shop.database.conninfo("owner")) as connection:
        connection.execute("ALTER TABLE deposit DISABLE TRIGGER USER")
        for name, value in columns.items():
            connection.execute(
                f"UPDATE deposit SET {name} = %s WHERE id = %s",  # noqa: S608  (names of columns, ours)
                (value, shop.product.deposit_id),
            )
        connection.execute("ALTER TABLE deposit ENABLE TRIGGER USER")


def other_goods(shop: Shop, content: bytes) -> dict[str, object]:
    """Columns of a deposit whose store holds ``content``, sealed as it should be."""
    deposit_id, key, place = shop.product.deposit_id, bytes(range(32)), "goods/other"
    goods.store().put(place, sealing.seal(reader([content]), key, goods.context(deposit_id)))
    return {"object_key": place, "file_key": vault.ring().wrap(key, purpose=goods.FILE_KEY, subject=deposit_id)}


@contextmanager
def damaged(shop: Shop, at: int) -> Iterator[None]:
    """A byte of the sealed file is flipped, for a while."""
    with read() as session:
        path = shop.store / str(session.get_one(Deposit, shop.product.deposit_id).object_key)
    kept = path.read_bytes()
    path.write_bytes(kept[:at] + bytes([kept[at] ^ 1]) + kept[at + 1 :])
    yield
    path.write_bytes(kept)


def refuse_acceptance(shop: Shop, trade: Bought, code: str) -> None:
    delivery.confirm_receipt(shop.buyer.actor, trade.lot_id, DIGEST)  # whatever the buyer says
    with pytest.raises(Refused) as refusal:
        lots.accept_lot(shop.buyer.actor, trade.lot_id)
    assert (refusal.value.rule_id, refusal.value.code) == ("T-10", code)


@pytest.mark.rule("T-10")
def test_damaged_goods_stop_before_the_damage_and_are_not_accepted(shop: Shop, trade: Bought) -> None:
    received = []
    with damaged(shop, 100_000), pytest.raises(GoodsDiffer):
        received.extend(streamed(shop, trade))
    assert receipt_of(trade).problem == "goods_broken"
    assert story(trade.lot_id)[-1] == "receipt.mismatch"
    refuse_acceptance(shop, trade, "goods_broken")
    assert fetched(shop, trade) == CONTENT  # from the mended store
    lots.accept_lot(shop.buyer.actor, trade.lot_id)


def test_what_damaged_goods_handed_out_was_right(shop: Shop, trade: Bought) -> None:
    received = bytearray()
    with damaged(shop, 100_000):
        stream = streamed(shop, trade)
        with pytest.raises(GoodsDiffer):
            for piece in stream:
                received += piece
    assert received == CONTENT[: len(received)]
    assert ranges_of(trade) == [(0, len(received))]


@pytest.mark.parametrize("at", [0, -1])
def test_goods_broken_at_their_head_or_end_are_not_begun(shop: Shop, desk: Desk, trade: Bought, at: int) -> None:
    url = ticket_url(shop, trade)
    with damaged(shop, at if at == 0 else sealing.sealed_size(SIZE) - 1):
        answer = desk("GET", url, shop.buyer.actor, headers={"Range": "bytes=0-9"})
    assert (answer.status_code, answer.json["code"]) == (500, "goods_differ")
    assert ranges_of(trade) == []


def test_goods_that_are_gone_are_not_begun(shop: Shop, trade: Bought) -> None:
    with as_stored(shop, object_key="goods/gone"), pytest.raises(GoodsDiffer):
        streamed(shop, trade)
    refuse_acceptance(shop, trade, "goods_broken")


@pytest.mark.rule("T-10")
def test_substituted_goods_never_make_a_whole_file(shop: Shop, trade: Bought) -> None:
    fake = CONTENT[:-100] + bytes(100)
    received = bytearray()
    with as_stored(shop, **other_goods(shop, fake)), pytest.raises(GoodsDiffer):
        for piece in streamed(shop, trade):
            received += piece
    assert len(received) == SIZE // CHUNK_BYTES * CHUNK_BYTES  # the last chunk, which tells, stays here
    assert receipt_of(trade).problem == "served_differs"
    refuse_acceptance(shop, trade, "served_differs")


def test_goods_substituted_after_the_first_download_stop_at_the_first_other_chunk(shop: Shop, trade: Bought) -> None:
    assert fetched(shop, trade) == CONTENT
    fake = CONTENT[:CHUNK_BYTES] + bytes(1) + CONTENT[CHUNK_BYTES + 1 :]
    received = bytearray()
    with as_stored(shop, **other_goods(shop, fake)), pytest.raises(GoodsDiffer):
        for piece in streamed(shop, trade):
            received += piece
    assert received == CONTENT[:CHUNK_BYTES]
    assert fetched(shop, trade) == CONTENT


def test_goods_that_say_they_are_others_are_not_begun(shop: Shop, trade: Bought) -> None:
    with as_stored(shop, digest=bytes(32)), pytest.raises(GoodsDiffer):
        streamed(shop, trade)
    refuse_acceptance(shop, trade, "served_differs")
