"""A canonical ZIP: for given names and contents there is exactly one sequence of bytes.

Members are stored, sorted by name (as UTF-8), dated 1980-01-01 and mode 0644, without comments, data descriptors or
extra fields (but for ZIP64's where a number demands it). The reader rebuilds every header and the directory from what
it parsed and compares them with what it read, so nothing can hide between members, before, behind or inside a header.
Source of the layout: PKWARE APPNOTE 6.3.10, sections 4.3 to 4.5.

Contents pass in chunks; only the directory is held in memory.
"""

import hashlib
import os
import struct
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO, Final, Self

CHUNK_BYTES: Final = 1 << 20

_LOCAL: Final = struct.Struct("<4s5H3I2H")
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_END: Final = struct.Struct("<4s4H2IH")
_END64: Final = struct.Struct("<4sQ2H2I4Q")
_END64_LOCATOR: Final = struct.Struct("<4sIQI")
_LOCAL_SIGNATURE: Final = b"PK\x03\x04"

_VERSION: Final = 20  # features of ZIP 2.0
_VERSION_ZIP64: Final = 45
_MADE_BY: Final = 3 << 8 | _VERSION_ZIP64  # Unix, so that the attributes below hold a mode
_UTF8_NAME: Final = 0x0800
_STORED: Final = 0
_TIME: Final = 0
_DATE: Final = 1 << 5 | 1  # 1980-01-01, the earliest there is
_ATTRIBUTES: Final = 0o100644 << 16
_ZIP64_EXTRA_ID: Final = 1
_EXTRA_HEADER: Final = struct.Struct("<2H")

# A field full of ones says that the number is in ZIP64's field. Numbers from there on go there.
_FULL_16: Final = 0xFFFF
_FULL_32: Final = 0xFFFFFFFF
_ZIP64_FROM = _FULL_32

_NAME_LIMIT_BYTES: Final = 512


class NotAnArchive(ValueError):
    """The bytes do not begin as a ZIP with at least one member does."""


class NotCanonical(ValueError):
    """A ZIP, but not in canonical form: some byte differs from what the members demand."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file in the archive; ``offset`` is where its bytes begin in the stream that holds them."""

    name: str
    size: int
    crc: int
    sha256: str
    offset: int


class Reader:
    """An archive read once from end to end: every header compared, every member hashed.

    Raises:
        NotAnArchive: The stream does not begin with a member.
        NotCanonical: A byte outside the members' contents is not as it must be.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.members: dict[str, Member] = {}
        #: Members whose contents do not match the checksum in their header.
        self.corrupt: list[str] = []
        self._last_name = b""
        headers = []
        stream.seek(0)
        position = 0
        while (header := self._read_member(position)) is not None:
            headers.append(header)
            position = header.end
        if not headers:
            raise NotAnArchive("not a ZIP archive, or an empty one")
        stream.seek(position)
        expected = _directory(headers, position)
        if stream.read(len(expected) + 1) != expected:
            raise NotCanonical(f"the directory from byte {position} does not match the members")

    def read(self, name: str) -> bytes:
        """The contents of a member, whole: ask for its size first.

        Raises:
            NotCanonical: The archive changed while it was read.
        """
        member = self.members[name]
        self._stream.seek(member.offset)
        data = self._stream.read(member.size)
        if hashlib.sha256(data).hexdigest() != member.sha256:
            raise NotCanonical(f"{name} changed while it was read")
        return data

    def _read_member(self, position: int) -> "_Header | None":
        """Check and hash the member at ``position``; None where the directory begins."""
        fixed = self._stream.read(_LOCAL.size)
        if len(fixed) < _LOCAL.size or not fixed.startswith(_LOCAL_SIGNATURE):
            return None
        *_, crc, _, size, name_length, extra_length = _LOCAL.unpack(fixed)
        raw_name = self._stream.read(name_length)
        extra = self._stream.read(extra_length)
        if size == _FULL_32 and len(extra) == _EXTRA_HEADER.size + 16:
            (size,) = struct.unpack_from("<Q", extra, _EXTRA_HEADER.size)
        header = _Header(_check_name(raw_name), size, crc, position)
        if fixed + raw_name + extra != header.local():
            raise NotCanonical(f"the header at byte {position} is not in canonical form")
        if header.raw_name <= self._last_name:
            raise NotCanonical(f"{header.name} is out of order or repeated")
        self._last_name = header.raw_name
        summary = _Digest()
        for chunk in _chunks(self._stream, size):
            summary.update(chunk)
        if summary.size != size:
            raise NotCanonical(f"the archive ends within {header.name}")
        if summary.crc != crc:
            self.corrupt.append(header.name)
        offset = header.end - size
        self.members[header.name] = Member(header.name, size, crc, summary.sha256, offset)
        return header


class Builder:
    """Collects files in any order, then writes the archive.

    Contents wait in an unnamed temporary file, so that every source is read once and the output need not seek.
    """

    def __init__(self) -> None:
        self._spool = tempfile.TemporaryFile()  # noqa: SIM115  (closed by __exit__)
        self.members: dict[str, Member] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spool.close()

    def add(self, name: str, chunks: Iterable[bytes]) -> Member:
        """Add a file.

        Raises:
            ValueError: The name is taken, or is not a plain relative path.
        """
        _check_name(name.encode())
        if name in self.members:
            raise ValueError(f"{name} is already in the archive")
        offset = self._spool.seek(0, os.SEEK_END)
        summary = _Digest()
        for chunk in chunks:
            self._spool.seek(offset + summary.size)  # making the chunk may have read a file added before
            self._spool.write(chunk)
            summary.update(chunk)
        member = Member(name, summary.size, summary.crc, summary.sha256, offset)
        self.members[name] = member
        return member

    def read(self, name: str) -> bytes:
        """The contents of a file added before, whole."""
        member = self.members[name]
        self._spool.seek(member.offset)
        return self._spool.read(member.size)

    def write_to(self, output: BinaryIO) -> None:
        """Write the canonical archive; ``output`` need not be seekable."""
        headers = []
        position = 0
        for name in sorted(self.members, key=str.encode):
            member = self.members[name]
            header = _Header(name, member.size, member.crc, position)
            output.write(header.local())
            self._spool.seek(member.offset)
            output.writelines(_chunks(self._spool, member.size))
            headers.append(header)
            position = header.end
        output.write(_directory(headers, position))


@dataclass(frozen=True, slots=True)
class _Header:
    """What the headers of a member are made of; ``position`` is that of its local header."""

    name: str
    size: int
    crc: int
    position: int

    @property
    def raw_name(self) -> bytes:
        return self.name.encode()

    @property
    def end(self) -> int:
        return self.position + len(self.local()) + self.size

    def local(self) -> bytes:
        extra = _zip64_extra([self.size, self.size]) if self.size >= _ZIP64_FROM else b""
        size = _field(self.size)
        return (
            _LOCAL.pack(
                _LOCAL_SIGNATURE,
                _VERSION_ZIP64 if extra else _VERSION,
                _UTF8_NAME,
                _STORED,
                _TIME,
                _DATE,
                self.crc,
                size,
                size,
                len(self.raw_name),
                len(extra),
            )
            + self.raw_name
            + extra
        )

    def central(self) -> bytes:
        large = [self.size, self.size] if self.size >= _ZIP64_FROM else []
        if self.position >= _ZIP64_FROM:
            large.append(self.position)
        extra = _zip64_extra(large) if large else b""
        size = _field(self.size)
        return (
            _CENTRAL.pack(
                b"PK\x01\x02",
                _MADE_BY,
                _VERSION_ZIP64 if extra else _VERSION,
                _UTF8_NAME,
                _STORED,
                _TIME,
                _DATE,
                self.crc,
                size,
                size,
                len(self.raw_name),
                len(extra),
                0,  # length of comment
                0,  # disk
                0,  # internal attributes
                _ATTRIBUTES,
                _field(self.position),
            )
            + self.raw_name
            + extra
        )


class _Digest:
    """Size and checksums of bytes that pass in chunks."""

    def __init__(self) -> None:
        self.size = 0
        self.crc = 0
        self._sha256 = hashlib.sha256()

    def update(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self.crc = zlib.crc32(chunk, self.crc)
        self._sha256.update(chunk)

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()


def _directory(headers: list[_Header], position: int) -> bytes:
    """The central directory that begins at ``position``, and the records behind it."""
    directory = b"".join(header.central() for header in headers)
    count, size = len(headers), len(directory)
    if count >= _FULL_16 or size >= _ZIP64_FROM or position >= _ZIP64_FROM:
        directory += _END64.pack(
            b"PK\x06\x06",
            _END64.size - 12,  # the record's size counts neither its signature nor itself
            _MADE_BY,
            _VERSION_ZIP64,
            0,
            0,
            count,
            count,
            size,
            position,
        )
        directory += _END64_LOCATOR.pack(b"PK\x06\x07", 0, position + size, 1)
    count = min(count, _FULL_16)
    return directory + _END.pack(b"PK\x05\x06", 0, 0, count, count, _field(size), _field(position), 0)


def _field(number: int) -> int:
    """What stands in a field of 32 bits for ``number``."""
    return number if number < _ZIP64_FROM else _FULL_32


def _zip64_extra(numbers: list[int]) -> bytes:
    return _EXTRA_HEADER.pack(_ZIP64_EXTRA_ID, 8 * len(numbers)) + struct.pack(f"<{len(numbers)}Q", *numbers)


def _check_name(raw_name: bytes) -> str:
    """The name, if it is a plain relative path of printable ASCII that means one file on every system."""
    plain = raw_name.isascii() and raw_name.decode("ascii").isprintable() and len(raw_name) <= _NAME_LIMIT_BYTES
    if not plain or b"\\" in raw_name or any(part in {b"", b".", b".."} for part in raw_name.split(b"/")):
        raise NotCanonical("a member's name is not a plain relative path")
    return raw_name.decode("ascii")


def _chunks(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """The next ``size`` bytes of ``stream``, or as many as there are."""
    while size and (chunk := stream.read(min(CHUNK_BYTES, size))):
        size -= len(chunk)
        yield chunk
