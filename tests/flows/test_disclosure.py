"""Who learns what: regulators' looks are recorded, case files hold no strangers, nothing private is logged or told."""

import io
import logging
import zipfile
from typing import Any

import people
import pytest
from exchange_site import VISA, Site, entries_told
from market import DESCRIPTION
from people import approved_company, regulator, sign_in, staff
from sqlalchemy import select
from werkzeug.datastructures import Headers
from werkzeug.http import parse_options_header

from exchange import attest, documents
from exchange.actors import Actor
from exchange.db import read
from exchange.errors import Refused
from exchange.journal import canonical
from exchange.journal.models import JournalEntry
from exchange.journal.sequencer import Sequencer
from exchange.journal.verify import verify_stream
from exchange.members import vetting
from exchange.oversight import inspection, restraints
from listings import deposits, versions
from settlement import lots, vouchers
from settlement.byte_ranges import named
from settlement.delivery_models import Voucher
from settlement.models import Order


def sealed(site: Site) -> None:
    """Every entry has its place in the log."""
    sequencer = Sequencer(site.house.conninfo("sequencer"), attest.signer())
    sequencer.open()
    try:
        while sequencer.step():
            pass
    finally:
        sequencer.close()


def bag_of(site: Site, officer: Actor, subject: str) -> zipfile.ZipFile:
    """The case file of a subject, which verifies."""
    sealed(site)
    with inspection.bag(officer, subject, purpose="p") as file:
        content = file.read()
    assert verify_stream(io.BytesIO(content), [attest.signer().vkey]).findings == ()
    return zipfile.ZipFile(io.BytesIO(content))


def entries_of(subject: str) -> list[dict[str, Any]]:
    with read() as session:
        told = select(JournalEntry.body).where(JournalEntry.subject == subject).order_by(JournalEntry.seq)
        return [canonical.loads(body) for body in session.scalars(told)]


# -- looks ----------------------------------------------------------------------------------------------------------


@pytest.mark.rule("Z-01")
def test_a_regulators_look_at_an_unpublished_version_is_recorded(site: Site) -> None:
    officer, draft = regulator(site), versions.create_product(site.seller.actor, DESCRIPTION)
    before = entries_told()
    assert site.call(officer, "GET", f"/versions/{draft.id}").status_code == 404
    assert "file" not in site.call(officer, "GET", f"/versions/{site.product.version_id}").json
    assert entries_told() == before
    shown = site.call(officer, "GET", f"/versions/{draft.id}?purpose=case%207")
    assert (shown.status_code, shown.json["file"]["submission"]) == (200, 0)
    look = entries_of(f"look_{officer.org_id}")[-1]
    assert look["facts"] == {"what": "version", "about": draft.id, "purpose": "stated"}
    assert "look" not in str(entries_of(draft.id))
    assert site.call(site.buyer, "GET", f"/versions/{draft.id}?purpose=curiosity").status_code == 404
    assert site.call(officer, "GET", "/versions/queue").status_code == 403


# -- case files -------------------------------------------------------------------------------------------------------


def test_a_borrowed_digest_brings_no_strangers_document_into_a_case_file(site: Site) -> None:
    """Whoever knows a document's digest may name it as evidence; the document stays where it belongs."""
    officer = regulator(site)
    private = site.requested(approved_company(site, "不相干公司"))
    with read() as session:
        digest = session.get_one(Order, private).contract_digest
        content = documents.get(session, digest).content
    lot = site.delivered()
    body = {"reason": "x", "evidence_sha256": digest.hex()}
    assert site.call(site.buyer, "POST", f"/lots/{lot.id}/dispute", body).status_code == 201
    with bag_of(site, officer, lot.id) as bag:
        assert entries_of(lot.id)[-1]["digests"]["evidence"] == digest.hex()
        assert all(content not in bag.read(name) for name in bag.namelist())
    with bag_of(site, officer, private) as own:
        assert any(own.read(name) == content for name in own.namelist())


def test_a_trades_case_file_holds_nothing_of_the_vetting_of_its_parties(site: Site) -> None:
    officer, buyer = regulator(site), approved_company(site, "曾被暂停公司")
    order_id = site.requested(buyer)
    vetting.suspend_party(staff(site, "vetting_officer"), buyer.org_id, reason="赵法定 is under investigation")
    with pytest.raises(Refused):
        site.requested(buyer)
    with bag_of(site, officer, order_id) as bag:
        everything = b"".join(bag.read(name) for name in bag.namelist())
    assert buyer.org_id.encode() in everything
    assert buyer.case_id.encode() not in everything
    assert "赵法定".encode() not in everything


# -- words and secrets ------------------------------------------------------------------------------------------------


def test_words_about_people_stand_in_no_entry(site: Site) -> None:
    """Entries are for good; what somebody says is a document beside them, named by its digest."""
    words = "王小明 of the buyer's office called"
    lot = site.received()
    lots.accept_lot(site.buyer.actor, lot.id)
    site.work()
    with read() as session:
        number = session.scalars(select(Voucher.number).where(Voucher.order_id == lot.order_id)).one()
    voucher = vouchers.suspend_voucher(staff(site, "settlement_officer"), number, reason=words)
    overseer = staff(site, "security_administrator")
    ordered = restraints.restrain(overseer, lot.id, measure="suspension", basis="示例条例第1条", reason=words)
    restraints.lift(overseer, ordered.id, reason=words)
    other = site.delivered()
    site.call(site.buyer, "POST", f"/lots/{other.id}/reject", {"reason": words})
    with read() as session:
        bodies = b"".join(session.scalars(select(JournalEntry.body)))
        for subject, name in ((voucher.id, "statement"), (lot.id, "lifting"), (other.id, "statement")):
            digest = bytes.fromhex(entries_of(subject)[-1]["digests"][name])
            assert words in canonical.loads(documents.get(session, digest).content).values()
    assert words.encode() not in bodies


def test_no_secret_and_no_person_is_logged_or_kept_in_the_clear(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    buyer = approved_company(site, "记录公司")
    with caplog.at_level(logging.DEBUG):
        session = sign_in(buyer)
        headers = {"Authorization": f"Bearer {session.token}"}
        client = site.app.test_client()
        lot = site.due(buyer)
        client.post(f"/api/v1/lots/{lot.id}/pay", json={"payment_method": VISA}, headers=headers)
        site.work()
        token = client.post(f"/api/v1/lots/{lot.id}/tickets", headers=headers).json["token"]
        assert client.get(f"/api/v1/deliveries/{token}", headers=headers).status_code == 200
        client.get("/api/v1/me", headers=headers)
        client.post("/api/v1/orders", json={"password": buyer.password}, headers=headers)
    kept = people.everything_kept()
    for private in (session.token, token, buyer.password, buyer.email, people.DETAILS.phone, people.DETAILS.address):
        assert private not in caplog.text
        assert private not in kept


# -- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["客流 2026.csv", "a\"b;c'd.csv", "naïve.csv", "evil\u202efdp.csv\r\nX: y"])
def test_a_file_keeps_its_name_in_a_header_that_any_server_can_send(site: Site, name: str) -> None:
    """A header travels as latin-1; a Chinese name has to survive that (RFC 6266)."""
    shown = deposits.display_name(name)
    headers = Headers()
    headers.set("Content-Disposition", "attachment", **named(shown))
    sent = headers["Content-Disposition"].encode("latin-1").decode("latin-1")
    assert parse_options_header(sent) == ("attachment", {"filename": shown})
