"""Signed notes: a text, a blank line, and one line per signature (c2sp.org/signed-note).

Keys are named in verifier keys, ``<name>+<8 hex digits of key id>+<base64 of algorithm byte and public key>``. This
module signs and verifies Ed25519 (algorithm 0x01). A signature line does not tell its algorithm, only a name and a key
id, so lines of witnesses or of other algorithms (0x04, 0x06) pass through as signatures by unknown keys.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

#: Notes with more signature lines are refused; the specification asks for at least 16.
SIGNATURE_LIMIT: Final = 100

#: Larger notes are refused: ``SIGNATURE_LIMIT`` post-quantum signatures and a text fit.
SIZE_LIMIT_BYTES: Final = 1 << 20

_ED25519: Final = b"\x01"
_PUBLIC_KEY_BYTES: Final = 32
_KEY_ID_BYTES: Final = 4
_LINE_START: Final = "\u2014 "  # em dash, space
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_KEY_ID = re.compile(r"[0-9a-f]{8}")


class InvalidNote(ValueError):
    """The note is malformed, no known key signed it, or a signature by a known key does not hold."""


class InvalidKey(ValueError):
    """A verifier key or key name is malformed, of another algorithm than Ed25519, or ambiguous."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: who signed, by which key, and the signature's bytes."""

    name: str
    key_id: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A note of which at least one signature was verified.

    ``unverified`` signatures are by keys that the caller did not name; they show nothing.
    """

    text: str
    signatures: tuple[Signature, ...]
    unverified: tuple[Signature, ...]


class Signer:
    """An Ed25519 key and the name it signs under."""

    def __init__(self, name: str, private_key: Ed25519PrivateKey) -> None:
        public_key = private_key.public_key().public_bytes_raw()
        self.name = name
        self.vkey = vkey(name, public_key)
        self.key_id = _key_id(name, public_key)
        self._private_key = private_key

    def sign(self, text: str) -> Signature:
        """The signature over ``text``, the note's text with its final newline."""
        return Signature(self.name, self.key_id, self._private_key.sign(text.encode()))


def vkey(name: str, public_key: bytes) -> str:
    """The verifier key string of an Ed25519 public key.

    Raises:
        InvalidKey: ``name`` is empty, holds a space, a plus sign or a control character, or ``public_key`` is not 32
            bytes.
    """
    _require_name(name)
    if len(public_key) != _PUBLIC_KEY_BYTES:
        raise InvalidKey(f"an Ed25519 public key is {_PUBLIC_KEY_BYTES} bytes")
    encoded = base64.b64encode(_ED25519 + public_key).decode()
    return f"{name}+{_key_id(name, public_key).hex()}+{encoded}"


def check_vkeys(vkeys: Iterable[str]) -> None:
    """Check that all of ``vkeys`` can be used by ``open``.

    Raises:
        InvalidKey: One is not an Ed25519 verifier key, or two different keys share name and id.
    """
    _known_keys(vkeys)


def sign(text: str, *signers: Signer) -> str:
    """The note: ``text`` and a signature line by each signer, in order.

    Raises:
        InvalidNote: ``text`` does not end in a newline, holds a control character or a lone surrogate, or nobody
            signs.
    """
    _require_text(text)
    if not signers:
        raise InvalidNote("a note needs a signature")
    return _join(text, [signer.sign(text) for signer in signers])


def cosign(signed: str, *signers: Signer) -> str:
    """``signed`` with a line added by each signer; an earlier line by the same key is replaced.

    Signatures already there are kept as they are, unverified: open the note first.

    Raises:
        InvalidNote: ``signed`` is malformed, or would have too many signatures.
    """
    text, signatures = _split(signed)
    replaced = {(signer.name, signer.key_id) for signer in signers}
    kept = [signature for signature in signatures if (signature.name, signature.key_id) not in replaced]
    return _join(text, kept + [signer.sign(text) for signer in signers])


def open(signed: str | bytes, vkeys: Iterable[str]) -> Note:  # noqa: A001  (read as ``note.open``)
    """The note, after every signature by a key of ``vkeys`` has been verified.

    A signature belongs to a key when name and key id both agree; all others are ignored. Repeated lines count once.

    Raises:
        InvalidNote: The note is malformed, no key of ``vkeys`` signed it, or a signature by one of them does not hold.
        InvalidKey: A string in ``vkeys`` is not an Ed25519 verifier key, or two different keys share name and id.
    """
    known = _known_keys(vkeys)
    text, signatures = _split(signed)
    verified: dict[Signature, None] = {}
    unverified: dict[Signature, None] = {}
    for signature in signatures:
        key = known.get((signature.name, signature.key_id))
        if key is None:
            unverified[signature] = None
            continue
        try:
            key.verify(signature.value, text.encode())
        except InvalidSignature as error:
            raise InvalidNote(f"the signature by {signature.name}+{signature.key_id.hex()} does not hold") from error
        verified[signature] = None
    if not verified:
        raise InvalidNote("no known key signed the note")
    return Note(text, tuple(verified), tuple(unverified))


def decode_base64(text: str) -> bytes:
    """The bytes of standard base64 (RFC 4648 section 4) in its only form: padded, no white space, zero spare bits.

    Raises:
        InvalidNote: Any other form.
    """
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise InvalidNote("malformed base64") from error
    if base64.b64encode(data).decode() != text:
        raise InvalidNote("malformed base64")
    return data


def _split(signed: str | bytes) -> tuple[str, list[Signature]]:
    """Text and signatures of a note, nothing verified."""
    try:
        data = signed.encode() if isinstance(signed, str) else signed
        whole = data.decode()
    except UnicodeError as error:
        raise InvalidNote("the note is not UTF-8") from error
    if len(data) > SIZE_LIMIT_BYTES:
        raise InvalidNote("the note is too large")
    body, separator, lines = whole.rpartition("\n\n")
    if not separator or not lines.endswith("\n"):
        raise InvalidNote("a note is a text, an empty line and signature lines, each ending in a newline")
    text = body + "\n"
    _require_text(text)
    signatures = [_parse_line(line) for line in lines[:-1].split("\n")]
    _require_count(signatures)
    return text, signatures


def _parse_line(line: str) -> Signature:
    name, space, encoded = line.removeprefix(_LINE_START).partition(" ")
    if not line.startswith(_LINE_START) or not space:
        raise InvalidNote("a signature line is: em dash, name, base64")
    try:
        _require_name(name)
    except InvalidKey as error:
        raise InvalidNote(f"malformed signature line: {error}") from error
    value = decode_base64(encoded)
    if len(value) <= _KEY_ID_BYTES:
        raise InvalidNote("a signature line lacks its signature")
    return Signature(name, value[:_KEY_ID_BYTES], value[_KEY_ID_BYTES:])


def _join(text: str, signatures: list[Signature]) -> str:
    _require_count(signatures)
    lines = [
        f"{_LINE_START}{signature.name} {base64.b64encode(signature.key_id + signature.value).decode()}\n"
        for signature in signatures
    ]
    return f"{text}\n{''.join(lines)}"


def _known_keys(vkeys: Iterable[str]) -> dict[tuple[str, bytes], Ed25519PublicKey]:
    keys: dict[tuple[str, bytes], Ed25519PublicKey] = {}
    for text in vkeys:
        name, public_key = _parse_vkey(text)
        identity = (name, _key_id(name, public_key))
        key = Ed25519PublicKey.from_public_bytes(public_key)
        if keys.setdefault(identity, key) != key:
            raise InvalidKey(f"two keys share the name and id {name}+{identity[1].hex()}")
    return keys


def _parse_vkey(text: str) -> tuple[str, bytes]:
    """Name and public key of a verifier key string."""
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    _require_name(name)
    try:
        data = decode_base64(encoded)
    except InvalidNote as error:
        raise InvalidKey("malformed verifier key") from error
    if not _KEY_ID.fullmatch(key_id) or len(data) != 1 + _PUBLIC_KEY_BYTES or data[:1] != _ED25519:
        raise InvalidKey("malformed verifier key, or not Ed25519")
    if _key_id(name, data[1:]).hex() != key_id:
        raise InvalidKey("the verifier key does not match its key id")
    return name, data[1:]


def _key_id(name: str, public_key: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public_key).digest()[:_KEY_ID_BYTES]


def _require_name(name: str) -> None:
    if not name or "+" in name or _CONTROL.search(name) or any(character.isspace() for character in name):
        raise InvalidKey("a key name is not empty and holds no space, plus sign or control character")
    if any("\ud800" <= character <= "\udfff" for character in name):
        raise InvalidKey("a key name is not UTF-8")


def _require_text(text: str) -> None:
    if not text.endswith("\n") or _CONTROL.search(text):
        raise InvalidNote("a note's text ends in a newline and holds no other control character")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidNote("the note is not UTF-8") from error


def _require_count(signatures: list[Signature]) -> None:
    if not 0 < len(signatures) <= SIGNATURE_LIMIT:
        raise InvalidNote(f"a note has 1 to {SIGNATURE_LIMIT} signatures")
