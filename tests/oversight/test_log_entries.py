"""Bundles of entries for organs that supervise everything, and a party's own entries with their proofs."""

import base64
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import Database
from flask.testing import FlaskClient
from opened import Site, opened
from written import tell

from exchange import attest
from exchange.actors import Actor
from exchange.db import read, transaction
from exchange.journal import bundles, canonical, checkpoint, merkle, note, queries
from exchange.journal.queries import Criteria
from exchange.oversight import looks, projection, scopes
from exchange.postgres import Server
from exchange.web import access

ADMINISTRATOR = Actor("per_admin", "org_operator", frozenset({"administrator"}))
OFFICER = Actor("per_officer", "org_organ", frozenset({"regulator"}))
NARROW = Actor("per_narrow", "org_district", frozenset({"regulator"}))
BUYER = Actor("per_buyer", "org_buyer", frozenset({"owner"}))
SELLER = Actor("per_seller", "org_seller", frozenset({"viewer"}))
STRANGER = Actor("per_stranger", "org_stranger", frozenset({"owner"}))
PEOPLE = {"officer": OFFICER, "narrow": NARROW, "buyer": BUYER, "seller": SELLER, "stranger": STRANGER}


@pytest.fixture(scope="module")
def site(server: Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    name = f"entries_{secrets.token_hex(4)}"
    server.create_database(name, template)
    with opened(Database(server, name), tmp_path_factory.mktemp("home")) as made:
        made.let_in(PEOPLE)
        for organ, kind in (("org_organ", "all"), ("org_district", "district")):
            value = "" if kind == "all" else "500000"
            scopes.grant_scope(ADMINISTRATOR, organ, authority="data", kind=kind, value=value, basis="DRAFT 32")
        for number in range(3):
            tell(f"ord_{number}aa", times=100)
        with transaction(BUYER) as tx:
            tx.record("ord_trade", "order.requested", by="buyer", links=["org_seller"], facts={"amount": "7.00"})
        with transaction(OFFICER) as tx:
            tx.record("ord_trade", "order.watched", by="regulator", links=["org_buyer"])
        made.seal()
        while projection.follow():
            pass
        yield made
    server.drop_database(name)


def signed_in(site: Site, who: str) -> FlaskClient:
    client = site.client()
    client.set_cookie(access.COOKIE, who)
    return client


def over_the_api(site: Site, who: str, path: str) -> Any:
    return site.client().get(f"/api/v1/journal{path}", headers={"Authorization": f"Bearer {who}"})


def entry_id(action: str) -> str:
    with read() as session:
        found: str = session.execute(queries.search(Criteria(action=action))).first().id  # type: ignore[union-attr]
        return found


def looks_taken() -> list[Any]:
    with read() as session:
        return [canonical.loads(told.body)["facts"] for told in queries.story(session, looks.looks_of("org_organ"))]


def test_a_bundle_hashes_to_the_public_tile(site: Site) -> None:
    client = signed_in(site, "officer")
    for place, width in (("000", 256), ("001.p/40", 40), ("000.p/7", 7)):
        answer = client.get(f"/log/tile/entries/{place}?purpose=case+7")
        assert (answer.status_code, answer.mimetype) == (200, "application/octet-stream")
        bodies = bundles.split(answer.data, width)
        hashes = b"".join(merkle.leaf_hash(body) for body in bodies)
        assert hashes == site.client().get(f"/log/tile/0/{place}").data


def test_each_reading_is_a_look_and_is_not_cached_without_one(site: Site) -> None:
    client, before = signed_in(site, "officer"), len(looks_taken())
    first = client.get("/log/tile/entries/000?purpose=case+7")
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = client.get("/log/tile/entries/000?purpose=case+7", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert looks_taken()[before:] == [{"what": "bundle", "about": "all", "purpose": "stated"}] * 2


def test_bundles_are_refused_without_a_purpose_and_to_whom_less_is_entrusted(site: Site) -> None:
    assert signed_in(site, "officer").get("/log/tile/entries/000").status_code == 409
    narrow = signed_in(site, "narrow").get("/log/tile/entries/000?purpose=case+7")
    assert (narrow.status_code, b"ord_" in narrow.data) == (403, False)
    assert signed_in(site, "buyer").get("/log/tile/entries/000?purpose=case+7").status_code == 403
    visitor = site.client().get("/log/tile/entries/000?purpose=case+7")
    assert visitor.status_code == 401 or visitor.status_code // 100 == 3
    assert b"ord_" not in visitor.data


def test_bundles_that_are_not_there_are_not_found(site: Site) -> None:
    client = signed_in(site, "officer")
    for place in ("002", "001", "001.p/255", "000.p/256", "000.p/0", "0", "x000/000", "000/"):
        assert client.get(f"/log/tile/entries/{place}?purpose=case+7").status_code == 404, place


def test_a_party_proves_its_own_entry_without_the_exchange(site: Site) -> None:
    """What the party holds then is the bytes, the proof and, from elsewhere, the log's key."""
    wanted = entry_id("order.requested")
    for who in ("buyer", "seller"):
        answer = over_the_api(site, who, f"/proofs/{wanted}").json
        leaf, proof = base64.b64decode(answer["leaf"]), checkpoint.parse_proof(answer["proof"])
        tree = checkpoint.parse(note.open(proof.checkpoint, [attest.vkey()]))
        merkle.verify_inclusion(merkle.leaf_hash(leaf), proof.index, tree.size, proof.hashes, tree.root)
        assert (proof.index, answer["entry"]) == (answer["index"], canonical.loads(leaf))
        assert answer["entry"]["facts"] == {"amount": "7.00"}


def test_a_party_gets_the_receipt_too(site: Site) -> None:
    answer = over_the_api(site, "buyer", f"/proofs/{entry_id('order.requested')}/receipt")
    assert (answer.status_code, answer.mimetype) == (200, "application/cose")
    assert answer.data[:2] == b"\xd2\x84"  # tag 18, four items; tests/journal/test_cose.py reads the rest


def test_what_is_not_the_partys_is_not_found(site: Site) -> None:
    wanted = entry_id("order.requested")
    for who, entry in (("stranger", wanted), ("buyer", entry_id("order.watched")), ("buyer", "ent_none")):
        for path in (f"/proofs/{entry}", f"/proofs/{entry}/receipt"):
            answer = over_the_api(site, who, path)
            assert (answer.status_code, answer.json["code"]) == (404, "not_found"), (who, path)
    assert over_the_api(site, "officer", f"/proofs/{wanted}").status_code == 403


def test_an_entry_without_its_place_is_asked_for_again(site: Site) -> None:
    with transaction(BUYER) as tx:
        tx.record("ord_trade", "order.renewed", by="buyer")
    answer = over_the_api(site, "buyer", f"/proofs/{entry_id('order.renewed')}")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


def test_tiles_are_asked_for_by_their_etag(site: Site) -> None:
    first = site.client().get("/log/tile/0/000")
    assert first.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    again = site.client().get("/log/tile/0/000", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_an_old_partial_tile_is_still_answered(site: Site) -> None:
    old = site.client().get("/log/tile/0/000.p/100").data
    assert old == site.client().get("/log/tile/0/000").data[: 100 * 32]
