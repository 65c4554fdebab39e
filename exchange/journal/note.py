"""Signed notes: a text, a blank line, and one line per signature (c2sp.org/signed-note).

A signature line does not tell its algorithm, only a name and a key id, so lines by keys that the caller did not name
pass through unverified, whatever their algorithm. Keys and algorithms are those of ``exchange.journal.keys``.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from exchange.journal import keys
from exchange.journal.encoding import InvalidNote, decode_base64, encode_base64
from exchange.journal.keys import KEY_ID_BYTES, Algorithm, Cosigner, InvalidKey, Signature, Signer, Signs, VerifierKey

__all__ = [
    "SIGNATURE_LIMIT",
    "SIZE_LIMIT_BYTES",
    "Cosigner",
    "InvalidKey",
    "InvalidNote",
    "Note",
    "Signature",
    "Signer",
    "add",
    "check_vkeys",
    "cosign",
    "lines",
    "open",
    "parse_lines",
    "sign",
    "text_of",
    "verified",
    "vkey",
]

#: Notes with more signature lines are refused; the specification asks for at least 16.
SIGNATURE_LIMIT: Final = 100

#: Larger notes are refused: ``SIGNATURE_LIMIT`` post-quantum signatures and a text fit.
SIZE_LIMIT_BYTES: Final = 1 << 20

_LINE_START: Final = "\u2014 "  # em dash, space
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class Note:
    """A note of which at least one signature was verified.

    ``unverified`` signatures are by keys that the caller did not name; they show nothing.
    """

    text: str
    signatures: tuple[Signature, ...]
    unverified: tuple[Signature, ...]


def vkey(name: str, public_key: bytes) -> str:
    """The verifier key string of an Ed25519 public key.

    Raises:
        InvalidKey: ``name`` is empty, holds a space, a plus sign or a control character, or ``public_key`` is not 32
            bytes.
    """
    return str(VerifierKey(name, Algorithm.ED25519, public_key))


def check_vkeys(vkeys: Iterable[str]) -> None:
    """Check that all of ``vkeys`` can be used by ``open``.

    Raises:
        InvalidKey: One is not a verifier key of a known algorithm, or two different keys share name and id.
    """
    keys.known(vkeys)


def sign(text: str, *signers: Signs) -> str:
    """The note: ``text`` and a signature line by each signer, in order.

    Raises:
        InvalidNote: ``text`` does not end in a newline, holds a control character or a lone surrogate, or nobody
            signs; or a signer signs checkpoints only, and ``text`` is none.
    """
    _require_text(text)
    if not signers:
        raise InvalidNote("a note needs a signature")
    return _join(text, [signer.sign(text) for signer in signers])


def cosign(signed: str, *signers: Signs) -> str:
    """``signed`` with a line added by each signer; an earlier line by the same key is replaced.

    Signatures already there are kept as they are, unverified: open the note first.

    Raises:
        InvalidNote: ``signed`` is malformed, or would have too many signatures.
    """
    text, _ = _split(signed)
    return add(signed, [signer.sign(text) for signer in signers])


def add(signed: str, signatures: Iterable[Signature]) -> str:
    """``signed`` with a line for each of ``signatures``, as ``cosign`` adds them; they are not verified either.

    Raises:
        InvalidNote: ``signed`` is malformed, or would have too many signatures.
    """
    text, present = _split(signed)
    added = list(signatures)
    replaced = {(signature.name, signature.key_id) for signature in added}
    kept = [signature for signature in present if (signature.name, signature.key_id) not in replaced]
    return _join(text, kept + added)


def open(signed: str | bytes, vkeys: Iterable[str]) -> Note:  # noqa: A001  (read as ``note.open``)
    """The note, after every signature by a key of ``vkeys`` has been verified.

    A signature belongs to a key when name and key id both agree; all others are ignored. Repeated lines count once.

    Raises:
        InvalidNote: The note is malformed, no key of ``vkeys`` signed it, or a signature by one of them does not hold.
        InvalidKey: A string in ``vkeys`` is not a verifier key of a known algorithm, or two different keys share name
            and id.
    """
    text, by_known, by_unknown = _sort(signed, vkeys)
    if not by_known:
        raise InvalidNote("no known key signed the note")
    return Note(text, by_known, by_unknown)


def verified(signed: str | bytes, vkeys: Iterable[str]) -> tuple[Signature, ...]:
    """The signatures by keys of ``vkeys``, all of them verified; none if none of these keys signed.

    For counting cosignatures on a note that ``open`` has found to be the log's.

    Raises:
        InvalidNote: The note is malformed, or a signature by one of the keys does not hold.
        InvalidKey: As ``open``.
    """
    return _sort(signed, vkeys)[1]


def _sort(signed: str | bytes, vkeys: Iterable[str]) -> tuple[str, tuple[Signature, ...], tuple[Signature, ...]]:
    """Text, signatures by keys of ``vkeys`` (verified) and by others, each once."""
    known = keys.known(vkeys)
    text, signatures = _split(signed)
    by_known: dict[Signature, None] = {}
    by_unknown: dict[Signature, None] = {}
    for signature in signatures:
        key = known.get((signature.name, signature.key_id))
        if key is None:
            by_unknown[signature] = None
            continue
        key.verify(text, signature.value)
        by_known[signature] = None
    return text, tuple(by_known), tuple(by_unknown)


def text_of(signed: str | bytes) -> str:
    """The text of a note, with its final newline; nothing is verified.

    Raises:
        InvalidNote: The note is malformed.
    """
    return _split(signed)[0]


def lines(signatures: Iterable[Signature]) -> str:
    """The signature lines of ``signatures``, each ending in a newline."""
    return "".join(
        f"{_LINE_START}{signature.name} {encode_base64(signature.key_id + signature.value)}\n"
        for signature in signatures
    )


def parse_lines(text: str) -> list[Signature]:
    """The signatures that signature lines write, nothing verified: the inverse of ``lines``.

    Raises:
        InvalidNote: A line is malformed or does not end in a newline, or there are none or too many.
    """
    if not text.endswith("\n"):
        raise InvalidNote("a signature line ends in a newline")
    signatures = [_parse_line(line) for line in text[:-1].split("\n")]
    _require_count(signatures)
    return signatures


def _split(signed: str | bytes) -> tuple[str, list[Signature]]:
    """Text and signatures of a note, nothing verified."""
    try:
        data = signed.encode() if isinstance(signed, str) else signed
        whole = data.decode()
    except UnicodeError as error:
        raise InvalidNote("the note is not UTF-8") from error
    if len(data) > SIZE_LIMIT_BYTES:
        raise InvalidNote("the note is too large")
    body, separator, signature_lines = whole.rpartition("\n\n")
    if not separator or not signature_lines.endswith("\n"):
        raise InvalidNote("a note is a text, an empty line and signature lines, each ending in a newline")
    text = body + "\n"
    _require_text(text)
    return text, parse_lines(signature_lines)


def _parse_line(line: str) -> Signature:
    name, space, encoded = line.removeprefix(_LINE_START).partition(" ")
    if not line.startswith(_LINE_START) or not space:
        raise InvalidNote("a signature line is: em dash, name, base64")
    try:
        keys.require_name(name)
    except InvalidKey as error:
        raise InvalidNote(f"malformed signature line: {error}") from error
    value = decode_base64(encoded)
    if len(value) <= KEY_ID_BYTES:
        raise InvalidNote("a signature line lacks its signature")
    return Signature(name, value[:KEY_ID_BYTES], value[KEY_ID_BYTES:])


def _join(text: str, signatures: list[Signature]) -> str:
    _require_count(signatures)
    return f"{text}\n{lines(signatures)}"


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
