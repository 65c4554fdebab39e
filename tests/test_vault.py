"""Key ring, envelopes, personal fields with crypto-shredding, blind indexes, signing keys."""

import secrets
import struct
import threading
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange import db as exchange_db
from exchange import vault
from exchange.errors import InvariantBroken
from exchange.vault import KeyDestroyed, KeyRing, SubjectKey, VaultError, WrongPassword

PLACE = ("person", "legal_name")


# -- the ring ---------------------------------------------------------------------------------------------------


def test_wrap_and_unwrap() -> None:
    ring = KeyRing.generate()
    envelope = ring.wrap(b"k" * 32, purpose="goods", subject="fil_1")
    assert ring.unwrap(envelope, purpose="goods", subject="fil_1") == b"k" * 32
    assert envelope != ring.wrap(b"k" * 32, purpose="goods", subject="fil_1")
    assert envelope[0] == 1
    assert ring.current.encode() in envelope


@pytest.mark.parametrize(("purpose", "subject"), [("other", "fil_1"), ("goods", "fil_2"), ("goodsf", "il_1")])
def test_an_envelope_opens_for_its_purpose_and_subject_only(purpose: str, subject: str) -> None:
    ring = KeyRing.generate()
    envelope = ring.wrap(b"k" * 32, purpose="goods", subject="fil_1")
    with pytest.raises(VaultError):
        ring.unwrap(envelope, purpose=purpose, subject=subject)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_an_altered_or_cut_envelope_does_not_open(data: st.DataObject) -> None:
    ring = KeyRing.generate()
    envelope = bytearray(ring.wrap(b"k" * 32, purpose="goods", subject="fil_1"))
    if data.draw(st.booleans()):
        envelope[data.draw(st.integers(0, len(envelope) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    else:
        del envelope[data.draw(st.integers(0, len(envelope) - 1)) :]
    with pytest.raises(VaultError):
        ring.unwrap(bytes(envelope), purpose="goods", subject="fil_1")


def test_rotation_keeps_old_envelopes_and_indexes() -> None:
    old = KeyRing.generate()
    envelope, index = old.wrap(b"k" * 32, purpose="p", subject="s"), old.blind_index("phone", "13800000000")
    new = old.rotated()
    assert new.ids == (old.current, new.current)
    assert new.current != old.current
    assert new.unwrap(envelope, purpose="p", subject="s") == b"k" * 32
    assert new.blind_index("phone", "13800000000") == index
    with pytest.raises(VaultError, match="not on the ring"):
        old.unwrap(new.wrap(b"k" * 32, purpose="p", subject="s"), purpose="p", subject="s")


def test_a_ring_of_a_given_key_is_the_same_each_time() -> None:
    key = secrets.token_bytes(32)
    envelope = KeyRing.of(key).wrap(b"k" * 32, purpose="p", subject="s")
    assert KeyRing.of(key).unwrap(envelope, purpose="p", subject="s") == b"k" * 32
    assert KeyRing.generate().rotated(key).current == KeyRing.of(key).current


def test_ring_file(tmp_path: Path) -> None:
    ring = KeyRing.generate().rotated()
    path = tmp_path / "keys.json"
    ring.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["keys.json"]
    loaded = KeyRing.load(path)
    assert (loaded.ids, loaded.current, loaded.index) == (ring.ids, ring.current, ring.index)
    assert loaded.unwrap(ring.wrap(b"k", purpose="p", subject="s"), purpose="p", subject="s") == b"k"
    path.chmod(0o640)
    with pytest.raises(VaultError, match="0600"):
        KeyRing.load(path)


def test_ring_file_must_be_there_and_be_a_file(tmp_path: Path) -> None:
    ring_file = tmp_path / "keys.json"
    ring_file.symlink_to(tmp_path / "elsewhere")
    for path in (tmp_path / "missing", ring_file):
        with pytest.raises(VaultError, match="cannot be opened"):
            KeyRing.load(path)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"current": "a", "index": "a", "keys": {"a": "!hush!"}}',
        '{"current": "a", "index": "a", "keys": {"a": "aHVzaA=="}}',
        '{"current": "b", "index": "a", "keys": {"a": "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="}}',
        '{"current": [], "index": "a", "keys": {"a": "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="}}',
        "\x00hush",
    ],
)
def test_malformed_ring_files_are_refused_in_silence(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys.json"
    path.touch(mode=0o600)
    path.write_text(content, encoding="utf-8")
    with pytest.raises(VaultError) as caught:
        KeyRing.load(path)
    assert "hush" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("keys", [{}, {"b": bytes(32)}, {"a": bytes(31)}, {"a": bytes(32), "": bytes(32)}])
def test_impossible_rings(keys: dict[str, bytes]) -> None:
    with pytest.raises(VaultError):
        KeyRing(keys, current="a")


def test_repr_holds_no_key() -> None:
    key = secrets.token_bytes(32)
    shown = repr(KeyRing.of(key))
    assert key.hex() not in shown
    assert repr(key) not in shown


# -- blind indexes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "same"),
    [("Straße", "STRASSE"), ("ＡＢＣ１２３", "abc123"), ("  张  三 ", "张 三"), ("é", "e\u0301")],
)
def test_blind_index_finds_equal_texts(one: str, same: str) -> None:
    ring = KeyRing.generate()
    assert ring.blind_index("name", one) == ring.blind_index("name", same)
    assert len(ring.blind_index("name", one)) == 32


def test_blind_index_tells_texts_purposes_and_rings_apart() -> None:
    ring = KeyRing.generate()
    index = ring.blind_index("name", "张三")
    assert index != ring.blind_index("name", "张四")
    assert index != ring.blind_index("phone", "张三")
    assert index != KeyRing.generate().blind_index("name", "张三")
    with pytest.raises(VaultError, match="empty"):
        ring.blind_index("name", " \u3000")


# -- personal fields --------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("db")
def test_fields_open_in_their_place_only() -> None:
    with Session(exchange_db.engine()) as session:
        sealed = vault.seal_text(session, "per_1", *PLACE, "张三丰")
        vault.seal_text(session, "per_2", *PLACE, "another subject with a key")
        assert "张三丰".encode() not in sealed
        assert vault.open_text(session, "per_1", *PLACE, sealed) == "张三丰"
        for subject, table, column in (
            ("per_2", *PLACE),
            ("per_1", "person", "phone"),
            ("per_1", "organisation", "legal_name"),
            ("per_1", "personlegal", "_name"),
        ):
            with pytest.raises(VaultError):
                vault.open_text(session, subject, table, column, sealed)
        for broken in (b"", sealed[:10], b"\x02" + sealed[1:], sealed[:-1] + bytes([sealed[-1] ^ 1])):
            with pytest.raises(VaultError) as caught:
                vault.open_text(session, "per_1", *PLACE, broken)
            assert "张三丰" not in str(caught.value)
        with pytest.raises(VaultError, match="no key"):
            vault.open_text(session, "per_9", *PLACE, sealed)


@pytest.mark.usefixtures("db")
def test_keys_survive_rotation_and_not_another_ring() -> None:
    ring = vault.ring()
    with Session(exchange_db.engine()) as session, session.begin():
        sealed = vault.seal_text(session, "per_1", *PLACE, "text")
    vault.bind(ring.rotated())
    with exchange_db.read() as session:
        assert vault.open_text(session, "per_1", *PLACE, sealed) == "text"
        vault.bind(KeyRing.generate())
        with pytest.raises(VaultError):
            vault.open_text(session, "per_1", *PLACE, sealed)


@pytest.mark.usefixtures("db")
def test_a_destroyed_key_is_gone_for_good() -> None:
    with Session(exchange_db.engine()) as session, session.begin():
        sealed = vault.seal_text(session, "per_1", *PLACE, "text")
        vault.destroy_subject_key(session, "per_1")
        vault.destroy_subject_key(session, "per_never_seen")
    with Session(exchange_db.engine()) as session:
        row = session.scalars(select(SubjectKey).where(SubjectKey.subject == "per_1")).one()
        assert row.wrapped == b""
        first = row.destroyed_at
        assert first is not None
        for call in (
            lambda: vault.open_text(session, "per_1", *PLACE, sealed),
            lambda: vault.seal_text(session, "per_1", *PLACE, "more"),
            lambda: vault.subject_key(session, "per_never_seen"),
        ):
            with pytest.raises(KeyDestroyed):
                call()
        vault.destroy_subject_key(session, "per_1")
        session.refresh(row)
        assert row.destroyed_at == first


@pytest.mark.usefixtures("db")
def test_first_use_by_many_at_once_makes_one_key() -> None:
    start = threading.Barrier(8)
    keys: list[bytes] = []

    def use() -> None:
        with Session(exchange_db.engine()) as session, session.begin():
            start.wait()
            keys.append(vault.subject_key(session, "per_1"))

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1


@pytest.mark.usefixtures("db")
def test_a_key_made_by_a_transaction_that_rolls_back_is_made_anew() -> None:
    with Session(exchange_db.engine()) as session:
        lost = vault.subject_key(session, "per_1")
        session.rollback()
        assert vault.subject_key(session, "per_1") != lost


def test_without_a_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault, "_ring", None)
    with pytest.raises(InvariantBroken):
        vault.ring()


# -- signing keys -----------------------------------------------------------------------------------------------


def test_a_signing_key_is_sealed_under_another_password() -> None:
    public, sealed = vault.new_signing_key("the old one")
    resealed = vault.reseal_signing_key(sealed, "the old one", "the new one")
    key = Ed25519PublicKey.from_public_bytes(public)
    key.verify(vault.sign_with(resealed, "the new one", b"message"), b"message")
    for password in ("the old one", "another"):
        with pytest.raises(vault.WrongPassword):
            vault.sign_with(resealed, password, b"message")
    with pytest.raises(vault.WrongPassword):
        vault.reseal_signing_key(sealed, "the new one", "the new one")


def test_sign_with_the_right_password_only() -> None:
    public, sealed = vault.new_signing_key("口令 é")
    signature = vault.sign_with(sealed, "口令 e\u0301", b"message")
    Ed25519PublicKey.from_public_bytes(public).verify(signature, b"message")
    with pytest.raises(InvalidSignature):
        Ed25519PublicKey.from_public_bytes(public).verify(signature, b"another")
    with pytest.raises(WrongPassword) as caught:
        vault.sign_with(sealed, "wrong hush", b"message")
    assert "hush" not in str(caught.value)


def test_altered_signing_envelopes() -> None:
    _, sealed = vault.new_signing_key("pw")
    for at in (10, 26, -1):  # the salt, the nonce, the tag
        broken = bytearray(sealed)
        broken[at] ^= 1
        with pytest.raises(WrongPassword):
            vault.sign_with(bytes(broken), "pw", b"")
    for malformed in (b"", sealed[:-1], sealed + b"\0", b"\x02" + sealed[1:]):
        with pytest.raises(VaultError, match="malformed"):
            vault.sign_with(malformed, "pw", b"")


@pytest.mark.parametrize("costs", [(0, 65536, 4), (3, 1 << 31, 4), (1 << 31, 65536, 4), (3, 8, 4), (3, 65536, 0)])
def test_an_envelope_cannot_ask_for_unreasonable_work(costs: tuple[int, int, int]) -> None:
    _, sealed = vault.new_signing_key("pw")
    with pytest.raises(VaultError, match="unreasonable"):
        vault.sign_with(sealed[:1] + struct.pack(">IIB", *costs) + sealed[10:], "pw", b"")


def test_a_ring_of_several_keys_wraps_with_the_last_and_indexes_with_the_first() -> None:
    first, last = bytes(range(32)), bytes(range(32, 64))
    older, ring = KeyRing.of(first), KeyRing.of_all([first, last])
    wrapped = older.wrap(b"k" * 32, purpose="p", subject="s")
    assert ring.unwrap(wrapped, purpose="p", subject="s") == b"k" * 32
    assert ring.blind_index("p", "text") == older.blind_index("p", "text")
    with pytest.raises(VaultError):
        older.unwrap(ring.wrap(b"k" * 32, purpose="p", subject="s"), purpose="p", subject="s")
    with pytest.raises(VaultError):
        KeyRing.of_all([])
