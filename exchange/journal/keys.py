"""Keys that sign notes, and how their public halves are written (c2sp.org/signed-note, «Verifier keys»).

A verifier key is ``<name>+<8 hex digits of key id>+<base64 of algorithm byte and public key>``. A signature line names
its key by name and key id only; the algorithm follows from the key. Three are known: a log signs by Ed25519 and,
beside it, by ML-DSA-44; a witness cosigns by timestamped Ed25519 or by ML-DSA-44.
"""

import hashlib
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Protocol, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from exchange.journal import cosignature
from exchange.journal.encoding import InvalidNote, decode_base64, encode_base64

KEY_ID_BYTES: Final = 4

_KEY_ID = re.compile(r"[0-9a-f]{8}")
_CONTROL = re.compile(r"[\x00-\x1f]")


class InvalidKey(ValueError):
    """A verifier key or key name is malformed, of an unknown algorithm, or ambiguous."""


class Algorithm(IntEnum):
    """The signature types of c2sp.org/signed-note that are understood here."""

    ED25519 = 0x01
    COSIGNATURE_V1 = 0x04
    ML_DSA_44 = 0x06


#: Who may use what: a witness's signature bears a time, a log's by Ed25519 none.
LOG_ALGORITHMS: Final = frozenset({Algorithm.ED25519, Algorithm.ML_DSA_44})
WITNESS_ALGORITHMS: Final = frozenset({Algorithm.COSIGNATURE_V1, Algorithm.ML_DSA_44})

_PUBLIC_KEY_BYTES: Final = {Algorithm.ED25519: 32, Algorithm.COSIGNATURE_V1: 32, Algorithm.ML_DSA_44: 1312}


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: who signed, by which key, and the signature's bytes (with their time, if they bear one)."""

    name: str
    key_id: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key, the algorithm it is used with, and the name it signs under.

    Raises:
        InvalidKey: The name is empty or holds a space, a plus sign or a control character, or the public key does not
            have its length.
    """

    name: str
    algorithm: Algorithm
    public_key: bytes

    def __post_init__(self) -> None:
        require_name(self.name)
        if len(self.public_key) != _PUBLIC_KEY_BYTES[self.algorithm]:
            raise InvalidKey(f"a public key of this kind is {_PUBLIC_KEY_BYTES[self.algorithm]} bytes")

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """The key that the verifier key ``vkey`` writes.

        Raises:
            InvalidKey: It is malformed, its key id is not its own, or its algorithm is unknown.
        """
        name, _, rest = vkey.partition("+")
        key_id, _, encoded = rest.partition("+")
        require_name(name)
        try:
            data = decode_base64(encoded)
        except InvalidNote as error:
            raise InvalidKey("malformed verifier key") from error
        if not _KEY_ID.fullmatch(key_id) or data[:1] not in _ALGORITHM_BYTES:
            raise InvalidKey("malformed verifier key, or of an unknown algorithm")
        key = cls(name, Algorithm(data[0]), data[1:])
        if key.key_id.hex() != key_id:
            raise InvalidKey("the verifier key does not match its key id")
        return key

    def __str__(self) -> str:
        """The verifier key."""
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(self._material)}"

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256 over name, newline, algorithm and public key."""
        return hashlib.sha256(self.name.encode() + b"\n" + self._material).digest()[:KEY_ID_BYTES]

    @property
    def _material(self) -> bytes:
        return bytes([self.algorithm]) + self.public_key

    def verify(self, text: str, signature: bytes) -> None:
        """Check that ``signature`` is this key's over the note ``text``.

        Raises:
            InvalidNote: It is not, or ``text`` is nothing that a key of this algorithm signs.
        """
        try:
            if self.algorithm is Algorithm.ED25519:
                Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, text.encode())
                return
            timestamp, raw = cosignature.split(signature)
            if self.algorithm is Algorithm.COSIGNATURE_V1:
                message = cosignature.ed25519_message(timestamp, text)
                Ed25519PublicKey.from_public_bytes(self.public_key).verify(raw, message)
            else:
                message = cosignature.ml_dsa_44_message(self.name, timestamp, text)
                MLDSA44PublicKey.from_public_bytes(self.public_key).verify(raw, message)
        except InvalidSignature as error:
            raise InvalidNote(f"the signature by {self.name}+{self.key_id.hex()} does not hold") from error


class Signs(Protocol):
    """A private key in use: it knows its public half and signs the text of notes."""

    @property
    def key(self) -> VerifierKey:
        """The public half."""

    def sign(self, text: str) -> Signature:
        """The signature over ``text``, the note's text with its final newline."""


class Signer:
    """An Ed25519 key and the name it signs under: a log's own signature."""

    def __init__(self, name: str, private_key: Ed25519PrivateKey) -> None:
        self.key = VerifierKey(name, Algorithm.ED25519, private_key.public_key().public_bytes_raw())
        self.name = name
        self.vkey = str(self.key)
        self._private_key = private_key

    def sign(self, text: str) -> Signature:
        """The signature over ``text``, the note's text with its final newline."""
        return Signature(self.name, self.key.key_id, self.sign_bytes(text.encode()))

    def sign_bytes(self, message: bytes) -> bytes:
        """The bare signature over ``message``, for other envelopes than notes; it must not be readable as a note."""
        return self._private_key.sign(message)


class Cosigner:
    """A key whose signatures bear a time: a witness's, or a log's second line by ML-DSA-44.

    Args:
        name: Who signs.
        private_key: Its kind decides the algorithm.
        now: The time to state, in seconds since 1970. A log states 0: by its own second line it says nothing of time.
    """

    def __init__(
        self, name: str, private_key: Ed25519PrivateKey | MLDSA44PrivateKey, now: Callable[[], int] | None = None
    ) -> None:
        ed25519 = isinstance(private_key, Ed25519PrivateKey)
        algorithm = Algorithm.COSIGNATURE_V1 if ed25519 else Algorithm.ML_DSA_44
        self.key = VerifierKey(name, algorithm, private_key.public_key().public_bytes_raw())
        self.name = name
        self.vkey = str(self.key)
        self._private_key = private_key
        self._now = now or _posix_now

    def sign(self, text: str) -> Signature:
        """The timestamped signature over the checkpoint ``text``.

        Raises:
            InvalidNote: ``text`` is no checkpoint that this kind of key can sign.
        """
        timestamp = self._now()
        if self.key.algorithm is Algorithm.COSIGNATURE_V1:
            message = cosignature.ed25519_message(timestamp, text)
        else:
            message = cosignature.ml_dsa_44_message(self.name, timestamp, text)
        return Signature(self.name, self.key.key_id, cosignature.join(timestamp, self._private_key.sign(message)))


def known(vkeys: Iterable[str]) -> dict[tuple[str, bytes], VerifierKey]:
    """The keys that ``vkeys`` write, each under what a signature line says of it: name and key id.

    Raises:
        InvalidKey: One is malformed, or two different keys share name and id.
    """
    keys: dict[tuple[str, bytes], VerifierKey] = {}
    for vkey in vkeys:
        key = VerifierKey.parse(vkey)
        if keys.setdefault((key.name, key.key_id), key) != key:
            raise InvalidKey(f"two keys share the name and id {key.name}+{key.key_id.hex()}")
    return keys


def require_name(name: str) -> None:
    """Hold a key's name to its form.

    Raises:
        InvalidKey: It is empty, or holds a space, a plus sign, a control character or half a character.
    """
    if not name or "+" in name or _CONTROL.search(name) or any(character.isspace() for character in name):
        raise InvalidKey("a key name is not empty and holds no space, plus sign or control character")
    if any("\ud800" <= character <= "\udfff" for character in name):
        raise InvalidKey("a key name is not UTF-8")


def _posix_now() -> int:
    return int(time.time())


_ALGORITHM_BYTES: Final = frozenset(bytes([algorithm]) for algorithm in Algorithm)
