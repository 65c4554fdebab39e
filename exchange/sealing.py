"""Goods at rest: Cobblestone-256, the C2SP chunked encryption (https://c2sp.org/chunked-encryption, v1).

A sealed stream is a header of 56 bytes (24 of salt, 32 of key commitment) and segments of AES-256-GCM: 16 KiB of
plaintext and a tag of 16 bytes each. The last segment is always shorter than 16 KiB, and may be empty: that shortness
is the end of the message. The segment's number enters its nonce, so a segment opens at its own place and nowhere else;
the context enters the key, so a stream opens only as what it was sealed as.

Whole streams go through ``cryptography``'s own recipe; that library reads no ranges, so ``unseal_range`` is ours.
"""

import hmac
import io
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, Protocol

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

KEY_BYTES = 32
SALT_BYTES = 24
COMMITMENT_BYTES = 32
HEADER_BYTES = SALT_BYTES + COMMITMENT_BYTES
SEGMENT_BYTES = 16 * 1024
TAG_BYTES = 16
#: The largest number of segments of one message: 4 PiB.
MAX_SEGMENTS = 1 << 38

_NONCE_BYTES = 12
_SEALED_SEGMENT_BYTES = SEGMENT_BYTES + TAG_BYTES
_BLOCK_SEGMENTS = 64
_BLOCK_BYTES = _BLOCK_SEGMENTS * SEGMENT_BYTES
_INFO = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\x00"


class Readable(Protocol):
    """What is read from its start to its end."""

    def read(self, size: int, /) -> bytes:
        """The next ``size`` bytes, or as many as there are; nothing at the end."""


class SealBroken(ValueError):
    """The stream is not, byte for byte, what was sealed under this key and context."""


def sealed_size(plain_bytes: int) -> int:
    """Size in bytes of the sealed stream of a plaintext of ``plain_bytes``.

    Raises:
        ValueError: The size is negative or beyond 4 PiB.
    """
    if plain_bytes < 0:
        raise ValueError("a size is not negative")
    segments = plain_bytes // SEGMENT_BYTES + 1
    if segments > MAX_SEGMENTS:
        raise ValueError("a sealed stream holds less than 4 PiB")
    return HEADER_BYTES + plain_bytes + segments * TAG_BYTES


def plain_size(sealed_bytes: int) -> int:
    """Size in bytes of the plaintext within a sealed stream of ``sealed_bytes``; arithmetic only, nothing is proven.

    Raises:
        SealBroken: No plaintext seals to this size.
    """
    full, last = divmod(sealed_bytes - HEADER_BYTES, _SEALED_SEGMENT_BYTES)
    if full < 0 or last < TAG_BYTES or full >= MAX_SEGMENTS:
        raise SealBroken("the size is not that of a sealed stream")
    return full * SEGMENT_BYTES + last - TAG_BYTES


def seal(source: Readable, key: bytes, context: bytes) -> Iterator[bytes]:
    """Seal what ``source`` holds from its present position on; about 1 MiB is in memory at a time.

    Args:
        source: A binary file, or what reads like one.
        key: 32 uniformly random bytes; one key may seal many streams (the salt is random).
        context: What the stream is, e.g. ``b"goods " + file_id``; needed again to open it, not secret, not stored.

    Raises:
        ValueError: The key is not 32 bytes.
    """
    encryptor = Cobblestone256Encryptor(key, context)
    while block := source.read(_BLOCK_BYTES):
        yield encryptor.update(block)
    yield encryptor.finalize()


def unseal(source: BinaryIO, key: bytes, context: bytes) -> Iterator[bytes]:
    """The plaintext of the sealed stream that starts at ``source``'s present position, in pieces of at most 1 MiB.

    Every byte is authenticated, at its place, before it is yielded. That nothing is missing behind it is known only
    when the iterator ends without an error: who acts earlier must be able to take it back.

    Raises:
        SealBroken: Wrong key or context, or a segment is altered, moved, repeated, missing or too many.
        ValueError: The key is not 32 bytes.
    """
    decryptor = Cobblestone256Decryptor(key, context)
    try:
        while block := source.read(_BLOCK_BYTES):
            if plain := decryptor.update(block):
                yield plain
        if plain := decryptor.finalize():
            yield plain
    except InvalidTag:
        raise SealBroken("the sealed stream does not open") from None


def unseal_range(source: BinaryIO, key: bytes, context: bytes, start: int, stop: int) -> Iterator[bytes]:
    """The plaintext bytes ``start`` to ``stop`` (exclusive) of the sealed file ``source``, up to 1 MiB at a time.

    As with slices and HTTP ranges, ``stop`` is clamped to the end of the plaintext. Before this function returns, the
    key is checked against the commitment and the length against the final segment; so a shortened or lengthened file
    is refused whatever the range. Segments outside the range are not read: damage there goes unseen.

    Args:
        source: A seekable binary file that holds the sealed stream and nothing else.
        key: The 32 bytes it was sealed under.
        context: The context it was sealed with.
        start: First plaintext offset; past the end, nothing is yielded.
        stop: Plaintext offset behind the last byte wanted.

    Raises:
        SealBroken: As ``unseal``, for the header, the final segment and every segment the range touches (these
            last from the iterator, before a byte of the segment is yielded).
        ValueError: ``start`` is negative or behind ``stop``, or the key is not 32 bytes.
    """
    if not 0 <= start <= stop:
        raise ValueError("a range starts at 0 or later and does not end before it starts")
    size = plain_size(source.seek(0, io.SEEK_END))
    source.seek(0)
    segments = _Segments.derive(key, context, _read_exactly(source, HEADER_BYTES))
    last = size // SEGMENT_BYTES
    source.seek(_offset(last))
    segments.open(last, _read_exactly(source, size % SEGMENT_BYTES + TAG_BYTES))
    return _slices(source, segments, start, min(stop, size), size)


def _slices(source: BinaryIO, segments: "_Segments", start: int, stop: int, size: int) -> Iterator[bytes]:
    first, behind = start // SEGMENT_BYTES, -(-stop // SEGMENT_BYTES)
    source.seek(_offset(first))
    for block in range(first, behind, _BLOCK_SEGMENTS):
        numbers = range(block, min(block + _BLOCK_SEGMENTS, behind))
        end = min(_offset(numbers.stop), sealed_size(size))
        sealed = memoryview(_read_exactly(source, end - _offset(block)))
        begins, opened = block * SEGMENT_BYTES, list[bytes]()
        wanted = slice(max(start - begins, 0), stop - begins)
        try:
            for place, number in enumerate(numbers):
                segment = sealed[place * _SEALED_SEGMENT_BYTES :][:_SEALED_SEGMENT_BYTES]
                opened.append(segments.open(number, segment))
        except SealBroken:
            yield b"".join(opened)[wanted]  # what stands before the damage is right
            raise
        yield b"".join(opened)[wanted]


class _Segments(NamedTuple):
    """What the header yields: opens single segments."""

    cipher: AESGCM
    base_nonce: int

    @classmethod
    def derive(cls, key: bytes, context: bytes, header: bytes) -> "_Segments":
        if len(key) != KEY_BYTES:
            raise ValueError(f"the key is not {KEY_BYTES} bytes")
        salt, commitment = header[:SALT_BYTES], header[SALT_BYTES:]
        expand = HKDFExpand(SHA512(), KEY_BYTES + _NONCE_BYTES + COMMITMENT_BYTES, _INFO + salt + context)
        material = expand.derive(key)
        if not hmac.compare_digest(material[-COMMITMENT_BYTES:], commitment):
            raise SealBroken("the key or the context is not that of the sealed stream")
        nonce = material[KEY_BYTES : KEY_BYTES + _NONCE_BYTES]
        return cls(AESGCM(material[:KEY_BYTES]), int.from_bytes(nonce))

    def open(self, number: int, sealed: bytes | memoryview) -> bytes:
        nonce = (self.base_nonce ^ number).to_bytes(_NONCE_BYTES)
        try:
            return self.cipher.decrypt(nonce, sealed, None)
        except InvalidTag:
            raise SealBroken("a segment does not open") from None


def _offset(segment: int) -> int:
    return HEADER_BYTES + segment * _SEALED_SEGMENT_BYTES


def _read_exactly(source: BinaryIO, size: int) -> bytes:
    """Raw files may return less than asked for: read on until there is enough."""
    parts: list[bytes] = []
    while size:
        part = source.read(size)
        if not part:
            raise SealBroken("the sealed stream ends early")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
