"""Sealed streams against published vectors, an independent reading of the specification, and every mutation."""

import hashlib
import hmac
import io
import json
import secrets
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange import sealing
from exchange.sealing import SEGMENT_BYTES, SealBroken, plain_size, seal, sealed_size, unseal, unseal_range

KEY = bytes(range(32))
CONTEXT = b"goods fil_test"
VECTORS = json.loads((Path(__file__).parent / "cobblestone_256_vectors.json").read_text(encoding="utf-8"))["tests"]
SEALED_SEGMENT = SEGMENT_BYTES + 16


def sealed(plain: bytes, key: bytes = KEY, context: bytes = CONTEXT) -> bytes:
    return b"".join(seal(io.BytesIO(plain), key, context))


def unsealed(stream: bytes, key: bytes = KEY, context: bytes = CONTEXT) -> bytes:
    return b"".join(unseal(io.BytesIO(stream), key, context))


def ranged(stream: bytes, start: int, stop: int, key: bytes = KEY, context: bytes = CONTEXT) -> bytes:
    return b"".join(unseal_range(io.BytesIO(stream), key, context, start, stop))


def by_the_specification(plain: bytes, key: bytes, context: bytes, salt: bytes) -> bytes:
    """C2SP chunked-encryption with SHA-512 and AES-256-GCM, written from the document with HMAC for HKDF-Expand."""
    info = b"c2sp.org/chunked-encryption@v1+" + b"AEAD_AES_256_GCM" + b"\0" + salt + context
    first = hmac.digest(key, info + b"\1", "sha512")
    material = first + hmac.digest(key, first + info + b"\2", "sha512")
    message_key, base_nonce, commitment = material[:32], material[32:44], material[44:76]
    out = [salt, commitment]
    for number in range(len(plain) // 16384 + 1):
        nonce = bytes(a ^ b for a, b in zip(base_nonce, number.to_bytes(12, "big"), strict=True))
        out.append(AESGCM(message_key).encrypt(nonce, plain[number * 16384 : (number + 1) * 16384], None))
    return b"".join(out)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['tcId']}: {v['comment']}")
def test_published_vectors(vector: dict[str, Any]) -> None:
    stream = zlib.decompress(bytes.fromhex(vector["ct"]))
    key, context = bytes.fromhex(vector["key"]), bytes.fromhex(vector["ctx"])
    if vector["result"] == "valid":
        plain = unsealed(stream, key, context)
        assert (len(plain), hashlib.sha512(plain).hexdigest()) == (vector["msgLength"], vector["msgSha512"])
        assert ranged(stream, 0, len(plain), key, context) == plain
        assert plain_size(len(stream)) == len(plain)
        return
    with pytest.raises(SealBroken):
        unsealed(stream, key, context)
    with pytest.raises(SealBroken):
        ranged(stream, 0, len(stream), key, context)


@settings(max_examples=40, deadline=None)
@given(
    size=st.integers(0, 5 * SEGMENT_BYTES)
    | st.sampled_from([n * SEGMENT_BYTES + d for n in (1, 3, 64) for d in (-1, 0, 1)]),
    context=st.binary(max_size=40),
    data=st.data(),
)
def test_both_ways_with_an_independent_implementation(size: int, context: bytes, data: st.DataObject) -> None:
    plain = secrets.token_bytes(size)
    theirs = by_the_specification(plain, KEY, context, secrets.token_bytes(24))
    ours = sealed(plain, KEY, context)
    assert ours == by_the_specification(plain, KEY, context, ours[:24])
    assert len(ours) == len(theirs) == sealed_size(size)
    assert plain_size(len(theirs)) == size
    assert unsealed(theirs, KEY, context) == plain
    start = data.draw(st.integers(0, size + 10))
    stop = data.draw(st.integers(start, size + 2 * SEGMENT_BYTES))
    assert ranged(theirs, start, stop, KEY, context) == plain[start:stop]


PLAIN = secrets.token_bytes(3 * SEGMENT_BYTES + 100)


def segments_of(stream: bytes) -> list[bytes]:
    body = stream[sealing.HEADER_BYTES :]
    return [body[i : i + SEALED_SEGMENT] for i in range(0, len(body), SEALED_SEGMENT)]


MUTATIONS: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "last dropped": lambda s: s[:-1],
    "middle dropped": lambda s: [s[0], *s[2:]],
    "first dropped": lambda s: s[1:],
    "swapped": lambda s: [s[1], s[0], *s[2:]],
    "duplicated": lambda s: [s[0], s[0], *s[1:]],
    "one in place of another": lambda s: [s[0], s[0], *s[2:]],
    "last repeated": lambda s: [*s, s[-1]],
    "a byte appended": lambda s: [*s, b"\0"],
    "a byte cut": lambda s: [*s[:-1], s[-1][:-1]],
    "only the last": lambda s: s[-1:],
    "none": lambda _: [],
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_moved_missing_and_added_segments(name: str) -> None:
    stream = sealed(PLAIN)
    broken = stream[: sealing.HEADER_BYTES] + b"".join(MUTATIONS[name](segments_of(stream)))
    yielded = b""
    with pytest.raises(SealBroken):
        for part in unseal(io.BytesIO(broken), KEY, CONTEXT):
            yielded += part
    assert PLAIN.startswith(yielded)
    with pytest.raises(SealBroken):
        ranged(broken, 0, len(PLAIN) + SEGMENT_BYTES)


@settings(max_examples=150, deadline=None)
@given(where=st.integers(0, sealed_size(len(PLAIN)) - 1), bit=st.integers(0, 7))
def test_any_flipped_bit_is_refused(where: int, bit: int) -> None:
    broken = bytearray(sealed(PLAIN))
    broken[where] ^= 1 << bit
    with pytest.raises(SealBroken):
        unsealed(bytes(broken))
    with pytest.raises(SealBroken):
        ranged(bytes(broken), 0, len(PLAIN))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, sealed_size(len(PLAIN)) - 1))
def test_any_shortened_file_is_refused_whatever_the_range(length: int) -> None:
    short = sealed(PLAIN)[:length]
    with pytest.raises(SealBroken):
        unsealed(short)
    with pytest.raises(SealBroken):
        unseal_range(io.BytesIO(short), KEY, CONTEXT, 0, 1)


def test_another_key_or_context_opens_nothing() -> None:
    stream = sealed(PLAIN)
    for key, context in ((bytes(32), CONTEXT), (KEY, b"goods fil_other"), (KEY, b"")):
        with pytest.raises(SealBroken):
            next(unseal(io.BytesIO(stream), key, context))
        with pytest.raises(SealBroken):
            unseal_range(io.BytesIO(stream), key, context, 0, 0)


def test_key_of_another_size_is_a_plain_value_error() -> None:
    calls: list[Callable[[], bytes]] = [
        lambda: sealed(b"", key=b"short"),
        lambda: unsealed(sealed(b""), key=b"short"),
        lambda: ranged(sealed(b""), 0, 0, key=b"short"),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="32") as caught:
            call()
        assert not isinstance(caught.value, SealBroken)


def test_damage_outside_a_range_is_not_read_and_inside_is_refused_before_its_bytes() -> None:
    broken = bytearray(sealed(PLAIN))
    broken[sealing.HEADER_BYTES + SEALED_SEGMENT + 5] ^= 1
    assert ranged(bytes(broken), 2 * SEGMENT_BYTES, len(PLAIN)) == PLAIN[2 * SEGMENT_BYTES :]
    parts = unseal_range(io.BytesIO(bytes(broken)), KEY, CONTEXT, 10, 2 * SEGMENT_BYTES)
    assert next(parts) == PLAIN[10:SEGMENT_BYTES]
    with pytest.raises(SealBroken):
        next(parts)


def test_ranges_clamp_at_the_end_and_refuse_nonsense() -> None:
    stream = sealed(b"abcdef")
    assert ranged(stream, 2, 4) == b"cd"
    assert ranged(stream, 4, 1 << 50) == b"ef"
    assert ranged(stream, 6, 9) == b""
    assert ranged(stream, 3 * SEGMENT_BYTES, 9 * SEGMENT_BYTES) == b""
    for start, stop in ((-1, 2), (3, 2)):
        with pytest.raises(ValueError, match="range"):
            unseal_range(io.BytesIO(stream), KEY, CONTEXT, start, stop)


class Dribble(io.RawIOBase):
    """A raw file that returns a few bytes at a time and keeps count of how much it was asked for."""

    def __init__(self, data: bytes) -> None:
        self.inner = io.BytesIO(data)
        self.read_bytes = 0

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self.inner.seek(offset, whence)

    def readinto(self, buffer: Any, /) -> int:
        data = self.inner.read(min(len(buffer), 1000))
        buffer[: len(data)] = data
        self.read_bytes += len(data)
        return len(data)


def test_short_reads_are_read_on() -> None:
    stream = sealed(PLAIN)
    assert b"".join(unseal(Dribble(stream), KEY, CONTEXT)) == PLAIN  # type: ignore[arg-type]
    assert b"".join(unseal_range(Dribble(stream), KEY, CONTEXT, 5, 40_000)) == PLAIN[5:40_000]  # type: ignore[arg-type]


def test_a_range_reads_its_segments_only_and_pieces_stay_small() -> None:
    plain = bytes(6 * 1024 * 1024)
    stream = sealed(plain)
    source = Dribble(stream)
    got = b"".join(unseal_range(source, KEY, CONTEXT, 3_000_000, 3_000_100))  # type: ignore[arg-type]
    assert got == plain[3_000_000:3_000_100]
    assert source.read_bytes <= sealing.HEADER_BYTES + 3 * SEALED_SEGMENT
    assert max(len(part) for part in unseal(io.BytesIO(stream), KEY, CONTEXT)) <= 1024 * 1024 + SEALED_SEGMENT
    assert max(len(part) for part in seal(io.BytesIO(plain), KEY, CONTEXT)) <= 2 * 1024 * 1024


def test_sizes() -> None:
    assert [sealed_size(n) for n in (0, 1, 16383, 16384, 16385)] == [72, 73, 16455, 16472, 16473]
    for impossible in (-1, 0, 55, 56, 71, 56 + SEALED_SEGMENT, 56 + SEALED_SEGMENT + 15):
        with pytest.raises(SealBroken):
            plain_size(impossible)
    largest = sealing.MAX_SEGMENTS * SEGMENT_BYTES - 1
    assert plain_size(sealed_size(largest)) == largest
    for size in (-1, largest + 1):
        with pytest.raises(ValueError, match=r"size|PiB"):
            sealed_size(size)
    with pytest.raises(SealBroken):
        plain_size(sealed_size(largest) + 17)
