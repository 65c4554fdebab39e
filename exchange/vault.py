"""Keys: the ring of master keys, envelope encryption of personal fields, blind indexes, members' signing keys.

Master keys never touch data: they wrap data keys. Every subject of personal data has a data key of its own, in the
table ``subject_key``; destroying it makes the subject's sealed fields unreadable wherever they were copied
(crypto-shredding, PIPL Art. 47). What a field belongs to is authenticated with it, so a ciphertext moved to
another row, table or column does not open. Errors and reprs hold no secret and no plaintext.
"""

import base64
import binascii
import hmac
import json
import os
import secrets
import stat
import struct
import tempfile
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Self

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from exchange import clock
from exchange.errors import InvariantBroken
from exchange.orm import Base, Bookkeeping

KEY_BYTES = 32

_VERSION = 1
_NONCE_BYTES = 12
_TAG_BYTES = 16
_MAX_ID_BYTES = 255

# argon2id as RFC 9106, section 4, second recommendation: 3 passes over 64 MiB in 4 lanes.
_PASSES, _MEMORY_KIB, _LANES = 3, 64 * 1024, 4
#: No envelope makes the server spend more than this, whatever it claims.
_MAX_PASSES, _MAX_MEMORY_KIB, _MAX_LANES = 16, 1024 * 1024, 16
_SALT_BYTES = 16
_SIGNING_HEADER = struct.Struct(f">BIIB{_SALT_BYTES}s{_NONCE_BYTES}s")


class VaultError(ValueError):
    """Something sealed does not open, or a key is not what it should be."""


class KeyDestroyed(VaultError):
    """The subject's data key was shredded: what it sealed is gone."""


class WrongPassword(VaultError):
    """The password does not open the signing key."""


class KeyRing:
    """Master keys by id, one of them current: it wraps, all of them unwrap. Immutable.

    ``index`` names the key that blind indexes derive from. It stays when the current key changes, since an index
    that changed would no longer find what was indexed before.
    """

    def __init__(self, keys: Mapping[str, bytes], *, current: str, index: str | None = None) -> None:
        self._keys = dict(keys)
        self.current = current
        self.index = current if index is None else index
        if not {self.current, self.index} <= self._keys.keys():
            raise VaultError("the current key and the index key must be on the ring")
        for key_id, key in self._keys.items():
            if len(key) != KEY_BYTES or not 0 < len(key_id.encode()) <= _MAX_ID_BYTES:
                raise VaultError(f"a master key is {KEY_BYTES} bytes under a short id")
        self._wrapping = {key_id: _derive(key, _bound("wrap")) for key_id, key in self._keys.items()}

    def __repr__(self) -> str:
        return f"KeyRing(ids={list(self._keys)}, current={self.current!r})"

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the keys, oldest first."""
        return tuple(self._keys)

    @classmethod
    def generate(cls) -> Self:
        """A ring of one new random key."""
        return cls.of(secrets.token_bytes(KEY_BYTES))

    @classmethod
    def of(cls, key: bytes) -> Self:
        """A ring of this one key, under an id computed from it."""
        key_id = _key_id(key)
        return cls({key_id: key}, current=key_id)

    @classmethod
    def of_all(cls, keys: Sequence[bytes]) -> Self:
        """A ring of these keys, oldest first: the last one is current, the first one stays the index key.

        Raises:
            VaultError: There is none.
        """
        if not keys:
            raise VaultError("a ring has at least one key")
        ring = cls.of(keys[0])
        for key in keys[1:]:
            ring = ring.rotated(key)
        return ring

    def rotated(self, key: bytes | None = None) -> Self:
        """A ring with one more key (random if not given), which becomes the current one."""
        fresh = secrets.token_bytes(KEY_BYTES) if key is None else key
        return type(self)({**self._keys, _key_id(fresh): fresh}, current=_key_id(fresh), index=self.index)

    @classmethod
    def load(cls, path: Path) -> Self:
        """The ring kept in a JSON file.

        Raises:
            VaultError: Not a regular file, open to others (the mode must be 0600), or malformed.
        """
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError as error:
            raise VaultError(f"the key file cannot be opened: {error.strerror}") from None
        with os.fdopen(descriptor, encoding="utf-8") as file:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode) or stat.S_IMODE(mode) & 0o077:
                raise VaultError("the key file must be a regular file of mode 0600")
            try:
                kept = json.load(file)
                keys = {key_id: base64.b64decode(text, validate=True) for key_id, text in kept["keys"].items()}
                return cls(keys, current=kept["current"], index=kept["index"])
            except (KeyError, TypeError, AttributeError, ValueError):
                # The parser's own errors carry the document: they are cut off here.
                raise VaultError("the key file is malformed") from None

    def save(self, path: Path) -> None:
        """Write the ring to ``path``, mode 0600, whole or not at all."""
        keys = {key_id: base64.b64encode(key).decode() for key_id, key in self._keys.items()}
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600 from the start
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump({"current": self.current, "index": self.index, "keys": keys}, file, indent=2)
                file.flush()
                os.fsync(descriptor)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def wrap(self, data_key: bytes, *, purpose: str, subject: str) -> bytes:
        """Envelope of a data key: version, length and text of the master key's id, nonce, AES-256-GCM."""
        key_id = self.current.encode()
        header = bytes([_VERSION, len(key_id)]) + key_id
        return header + _seal(self._wrapping[self.current], data_key, _bound("wrap", purpose, subject))

    def unwrap(self, envelope: bytes, *, purpose: str, subject: str) -> bytes:
        """The data key in an envelope.

        Raises:
            VaultError: Malformed, wrapped by a key that is not on the ring, for another purpose or subject, or altered.
        """
        if len(envelope) < 2 or envelope[0] != _VERSION:  # noqa: PLR2004  (version and length of the id)
            raise VaultError("the envelope is malformed")
        end = 2 + envelope[1]
        key_id = envelope[2:end].decode(errors="replace")
        if key_id not in self._keys:
            raise VaultError("the envelope names a master key that is not on the ring")
        return _open(self._wrapping[key_id], envelope[end:], _bound("wrap", purpose, subject))

    def blind_index(self, purpose: str, text: str) -> bytes:
        """32 bytes by which equal texts are found without being kept, unlinkable between purposes.

        Texts are equal if they are after NFKC, case folding and the trimming and joining of white space.

        Raises:
            VaultError: Nothing is left of the text: an index of nothing would match every other nothing.
        """
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
        normal = " ".join(folded.split())
        if not normal:
            raise VaultError("an empty text has no index")
        key = _derive(self._keys[self.index], _bound("blind index", purpose))
        return hmac.digest(key, normal.encode(), "sha256")

    def mac(self, purpose: str, message: bytes) -> bytes:
        """32 bytes that tell equal messages, which may hold secrets, without keeping anything to guess them from."""
        return hmac.digest(_derive(self._keys[self.index], _bound("mac", purpose)), message, "sha256")


_ring: KeyRing | None = None


def bind(ring: KeyRing) -> None:
    """Use ``ring`` in this process from now on."""
    global _ring  # noqa: PLW0603  (a process has one ring)
    _ring = ring


def ring() -> KeyRing:
    """The bound ring.

    Raises:
        InvariantBroken: ``bind`` was not called.
    """
    if _ring is None:
        raise InvariantBroken("no key ring is bound")
    return _ring


# -- personal fields ----------------------------------------------------------------------------------------------


class SubjectKey(Base, Bookkeeping):
    """The wrapped data key of a subject of personal data; empty once destroyed, and then never made again."""

    __tablename__ = "subject_key"
    __bookkeeping__ = "keys are no business; the verb that has one destroyed records that"
    __grants__ = "SELECT, INSERT, UPDATE"

    subject: Mapped[str] = mapped_column(primary_key=True)
    wrapped: Mapped[bytes]
    created_at: Mapped[datetime]
    destroyed_at: Mapped[datetime | None]


def subject_key(session: Session, subject: str) -> bytes:
    """The subject's data key, made on first use.

    What a transaction seals while another destroys the key is as unreadable as the rest.

    Raises:
        KeyDestroyed: The key was destroyed.
    """
    wrapped = _wrapped(session, subject)
    if wrapped is None:
        fresh = ring().wrap(secrets.token_bytes(KEY_BYTES), purpose="subject", subject=subject)
        # A concurrent first use is waited for here: one key wins, and both sides read it back.
        row = {"subject": subject, "wrapped": fresh, "created_at": clock.now()}
        session.execute(insert(SubjectKey).values(row).on_conflict_do_nothing())
        wrapped = _wrapped(session, subject)
    if wrapped is None:
        raise InvariantBroken("a subject's key vanished while it was made")
    return open_key(wrapped, subject)


def open_key(wrapped: bytes, subject: str) -> bytes:
    """The data key of ``subject`` in ``wrapped``, its row's column.

    Raises:
        KeyDestroyed: The column is empty: the key was destroyed.
    """
    if not wrapped:
        raise KeyDestroyed("the subject's key was destroyed")
    return ring().unwrap(wrapped, purpose="subject", subject=subject)


def destroy_subject_key(session: Session, subject: str) -> None:
    """Shred the subject's data key, for good; repeating it, or doing it before first use, is no error.

    Copies of the wrapped key in backups open as long as they and the master key are kept: retention of backups bounds
    the promise.
    """
    moment = clock.now()
    row = {"subject": subject, "wrapped": b"", "created_at": moment, "destroyed_at": moment}
    session.execute(
        insert(SubjectKey)
        .values(row)
        .on_conflict_do_update(
            index_elements=["subject"],
            set_={"wrapped": b"", "destroyed_at": moment},
            where=SubjectKey.destroyed_at.is_(None),
        )
    )


def seal_text(session: Session, subject: str, table: str, column: str, text: str) -> bytes:
    """Seal a personal field of ``subject`` for its place: version, nonce, AES-256-GCM.

    Raises:
        KeyDestroyed: The subject's key was destroyed.
    """
    key = subject_key(session, subject)
    return bytes([_VERSION]) + _seal(key, text.encode(), _bound("field", subject, table, column))


def open_text(session: Session, subject: str, table: str, column: str, sealed: bytes) -> str:
    """The text of a sealed field; writes nothing, so read-only sessions can call it.

    Raises:
        KeyDestroyed: The subject's key was destroyed.
        VaultError: The subject never had a key, or this was not sealed for this place, or it was altered.
    """
    wrapped = _wrapped(session, subject)
    if wrapped is None:
        raise VaultError("the subject has no key")
    key = ring().unwrap(wrapped, purpose="subject", subject=subject)
    if sealed[:1] != bytes([_VERSION]):
        raise VaultError("the sealed field is malformed")
    return _open(key, sealed[1:], _bound("field", subject, table, column)).decode()


def _wrapped(session: Session, subject: str) -> bytes | None:
    statement = select(SubjectKey.wrapped, SubjectKey.destroyed_at).where(SubjectKey.subject == subject)
    row = session.execute(statement).one_or_none()
    if row is None:
        return None
    if row.destroyed_at is not None:
        raise KeyDestroyed("the subject's key was destroyed")
    return bytes(row.wrapped)


# -- members' signing keys ----------------------------------------------------------------------------------------


def new_signing_key(password: str) -> tuple[bytes, bytes]:
    """A new Ed25519 key: the 32 public bytes, and the private ones sealed under the member's password (argon2id).

    The exchange keeps the sealed key and not the password: it cannot sign in the member's absence. It still handles
    both at each signature; the grade shown with a signature says so.
    """
    private = Ed25519PrivateKey.generate()
    return private.public_key().public_bytes_raw(), _seal_signing_key(private.private_bytes_raw(), password)


def reseal_signing_key(sealed: bytes, password: str, new_password: str) -> bytes:
    """The same signing key, sealed under another password.

    Raises:
        WrongPassword: ``password`` does not open it.
        VaultError: The envelope is malformed, or asks for more work than any this module makes.
    """
    return _seal_signing_key(_open_signing_key(sealed, password), new_password)


def sign_with(sealed: bytes, password: str, message: bytes) -> bytes:
    """The Ed25519 signature (64 bytes) of ``message`` by the key sealed under ``password``.

    Raises:
        WrongPassword: The password does not open it (an altered envelope looks the same).
        VaultError: The envelope is malformed, or asks for more work than any this module makes.
    """
    return Ed25519PrivateKey.from_private_bytes(_open_signing_key(sealed, password)).sign(message)


def _seal_signing_key(private: bytes, password: str) -> bytes:
    salt, nonce = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES)
    header = _SIGNING_HEADER.pack(_VERSION, _PASSES, _MEMORY_KIB, _LANES, salt, nonce)
    key = _stretch(password, salt, _PASSES, _MEMORY_KIB, _LANES)
    return header + AESGCM(key).encrypt(nonce, private, header)


def _open_signing_key(sealed: bytes, password: str) -> bytes:
    if len(sealed) != _SIGNING_HEADER.size + KEY_BYTES + _TAG_BYTES or sealed[0] != _VERSION:
        raise VaultError("the sealed signing key is malformed")
    header, ciphertext = sealed[: _SIGNING_HEADER.size], sealed[_SIGNING_HEADER.size :]
    _, passes, memory_kib, lanes, salt, nonce = _SIGNING_HEADER.unpack(header)
    if not (1 <= passes <= _MAX_PASSES and 1 <= lanes <= _MAX_LANES and 8 * lanes <= memory_kib <= _MAX_MEMORY_KIB):
        raise VaultError("the sealed signing key asks for unreasonable work")
    try:
        return AESGCM(_stretch(password, salt, passes, memory_kib, lanes)).decrypt(nonce, ciphertext, header)
    except InvalidTag:
        raise WrongPassword("the password does not open the signing key") from None


def _stretch(password: str, salt: bytes, passes: int, memory_kib: int, lanes: int) -> bytes:
    secret = unicodedata.normalize("NFC", password).encode()  # the same password from any keyboard
    return hash_secret_raw(secret, salt, passes, memory_kib, lanes, KEY_BYTES, Type.ID)


# -- primitives ---------------------------------------------------------------------------------------------------


def _seal(key: bytes, plain: bytes, aad: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, aad)


def _open(key: bytes, sealed: bytes, aad: bytes) -> bytes:
    if len(sealed) < _NONCE_BYTES + _TAG_BYTES:
        raise VaultError("what is sealed is too short")
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], aad)
    except InvalidTag:
        raise VaultError("what is sealed does not open here") from None


def _bound(kind: str, *names: str) -> bytes:
    """Names as unambiguous bytes: each with its length before it."""
    parts = (part.encode() for part in ("databourse v1", kind, *names))
    return b"".join(len(part).to_bytes(4) + part for part in parts)


def _derive(master: bytes, info: bytes) -> bytes:
    """A key for one use (RFC 5869, expand only: master keys are uniformly random)."""
    return HKDFExpand(SHA256(), KEY_BYTES, info).derive(master)


def _key_id(key: bytes) -> str:
    return binascii.hexlify(_derive(key, _bound("key id"))[:8]).decode()
