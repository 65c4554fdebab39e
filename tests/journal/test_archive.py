import io
import random
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.journal import archive

names = st.lists(st.text("abcXYZ09._-", min_size=1, max_size=6), min_size=1, max_size=3).map("/".join)
plain_names = names.filter(lambda name: not {".", ".."} & set(name.split("/")))
contents = st.dictionaries(plain_names, st.binary(max_size=300), min_size=1, max_size=6)

FILES = {"b/2": b"two", "a": b"", "b/10": bytes(1000)}


def build(files: dict[str, bytes]) -> bytes:
    output = io.BytesIO()
    with archive.Builder() as builder:
        for name, data in files.items():
            builder.add(name, [data[:7], data[7:]])
        builder.write_to(output)
    return output.getvalue()


def read(data: bytes) -> archive.Reader:
    return archive.Reader(io.BytesIO(data))


@settings(deadline=None)
@given(contents)
def test_what_is_written_is_read(files: dict[str, bytes]) -> None:
    data = build(files)
    reader = read(data)
    assert {name: reader.read(name) for name in reader.members} == files
    assert list(reader.members) == sorted(files)
    assert reader.corrupt == []
    assert build(dict(reversed(files.items()))) == data


@settings(deadline=None)
@given(contents)
def test_other_programs_read_it(files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(io.BytesIO(build(files))) as other:
        assert other.testzip() is None
        assert {name: other.read(name) for name in other.namelist()} == files
        assert {info.date_time for info in other.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.parametrize("limit", [0, 3, 1000, 1101])
def test_zip64_where_a_number_demands_it(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    """With the limits lowered, small numbers overflow as large ones would; the standard library agrees."""
    monkeypatch.setattr(archive, "_ZIP64_FROM", limit)
    data = build(FILES)
    assert b"PK\x06\x06" in data
    assert read(data).read("b/10") == bytes(1000)
    with zipfile.ZipFile(io.BytesIO(data)) as other:
        assert {name: other.read(name) for name in other.namelist()} == FILES


def test_more_members_than_sixteen_bits_count() -> None:
    files = {f"{number:06d}": b"" for number in range(66_000)}
    data = build(files)
    assert list(read(data).members) == list(files)
    with zipfile.ZipFile(io.BytesIO(data)) as other:
        assert len(other.namelist()) == 66_000


def test_every_changed_byte_is_noticed() -> None:
    original = build(FILES)
    for place in range(len(original)):
        data = bytearray(original)
        data[place] ^= random.Random(place).randrange(1, 256)  # noqa: S311  (not for cryptography)
        try:
            reader = read(bytes(data))
        except (archive.NotAnArchive, archive.NotCanonical):
            continue
        assert reader.corrupt, place


@pytest.mark.parametrize("data", [b"", b"PK", b"plain text", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_archive(data: bytes) -> None:
    with pytest.raises(archive.NotAnArchive):
        read(data)


def test_truncated_extended_and_prefixed() -> None:
    data = build(FILES)
    for length in range(30, len(data)):
        with pytest.raises(archive.NotCanonical):
            read(data[:length])
    with pytest.raises(archive.NotCanonical):
        read(data + b"\0")
    with pytest.raises(archive.NotAnArchive):
        read(b"\0" + data)


def test_an_archive_by_another_program_is_refused() -> None:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as other:
        other.writestr("a", b"data")
    with pytest.raises(archive.NotCanonical):
        read(output.getvalue())


@pytest.mark.parametrize(
    "name",
    ["", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a\\b", "a\nb", "a\0", "é", "a" * 513],
)
def test_a_name_is_a_plain_relative_path(name: str) -> None:
    with archive.Builder() as builder, pytest.raises(archive.NotCanonical):
        builder.add(name, [b""])


def test_a_file_may_be_made_from_one_added_before() -> None:
    with archive.Builder() as builder:
        builder.add("a", [b"one"])
        builder.add("b", (builder.read("a") + b"," for _ in range(3)))
        output = io.BytesIO()
        builder.write_to(output)
    assert read(output.getvalue()).read("b") == b"one,one,one,"


def test_a_name_is_taken_once() -> None:
    with archive.Builder() as builder:
        builder.add("a", [b"1"])
        with pytest.raises(ValueError, match="already"):
            builder.add("a", [b"2"])


def test_a_change_between_two_reads_is_noticed() -> None:
    stream = io.BytesIO(build(FILES))
    reader = archive.Reader(stream)
    stream.seek(reader.members["b/2"].offset)
    stream.write(b"TWO")
    with pytest.raises(archive.NotCanonical, match="changed while it was read"):
        reader.read("b/2")


def test_a_size_beyond_the_file_is_refused_without_reading_it() -> None:
    header = archive._Header("a", 2**62, 0, 0).local()
    with pytest.raises(archive.NotCanonical, match="ends within a"):
        read(header + b"short")
