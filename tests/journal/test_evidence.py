import dataclasses
import hashlib
import io
import re
import tracemalloc
import zipfile
from typing import Any, BinaryIO, cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.journal import archive, canonical, checkpoint, evidence, merkle, note, verify


class Zeros(io.RawIOBase):
    """A source of so many zero bytes that never holds them all."""

    def __init__(self, size: int) -> None:
        self._left = size

    def read(self, size: int = -1) -> bytes:
        count = min(size, self._left)
        self._left -= count
        return bytes(count)


def files(bag: bytes) -> dict[str, bytes]:
    reader = archive.Reader(io.BytesIO(bag))
    return {name: reader.read(name) for name in reader.members}


def test_a_bag_holds_what_the_format_says(bag: bytes, small_log: Any) -> None:
    held = files(bag)
    contract = next(iter(small_log.documents))
    assert list(held) == [
        "bag-info.txt",
        "bagit.txt",
        "data/checkpoint",
        f"data/documents/{contract}",
        *(f"data/entries/{index:012d}.json" for index in (1, 3, 4)),
        *(f"data/proofs/{index:012d}.tlog-proof" for index in (1, 3, 4)),
        "data/report.html",
        "data/story.json",
        "manifest-sha256.txt",
        "signature.note",
        "tagmanifest-sha256.txt",
    ]
    assert held["bagit.txt"] == b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    payload = {name: data for name, data in held.items() if name.startswith("data/")}
    oxum = f"{sum(map(len, payload.values()))}.{len(payload)}"
    assert f"Payload-Oxum: {oxum}\n".encode() in held["bag-info.txt"]
    lines = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in payload.items())
    assert held["manifest-sha256.txt"] == lines.encode()
    sealed = hashlib.sha256(held["tagmanifest-sha256.txt"]).hexdigest()
    signed = note.open(held["signature.note"], [small_log.signer.vkey])
    assert signed.text == f"databourse-bag/v1\nlog.example/1\n{sealed}\n"
    assert evidence.Story.loads(held["data/story.json"]) == small_log.story
    assert checkpoint.parse_proof(held["data/proofs/000000000003.tlog-proof"].decode()).index == 3


def test_the_same_parts_make_the_same_bag(bag: bytes, small_log: Any) -> None:
    assert small_log.bag() == bag
    with zipfile.ZipFile(io.BytesIO(bag)) as other:
        assert other.testzip() is None


def test_the_report_is_bilingual_and_inert(bag: bytes) -> None:
    page = files(bag)["data/report.html"].decode()
    for words in ("证据报告 Evidence report: ord_1", "order.agreed", "lot_1 #1", "数据商品 the goods", "12.00", "公钥"):
        assert words in page
    assert "<script" not in page
    assert re.findall(r"(?:src|href|url)\s*[=(]", page) == []
    assert "default-src 'none'" in page


def test_the_report_escapes_what_parties_wrote(small_log: Any) -> None:
    small_log.entries[1]["facts"] = {"<b>": "<script>alert(1)</script>"}
    small_log.entries[1]["digests"] |= {'<img src="x">': next(iter(small_log.documents))}
    page = files(small_log.bag())["data/report.html"].decode()
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_checkpoint_by_another_key_of_the_log(small_log: Any) -> None:
    other = note.Signer(small_log.story.origin, Ed25519PrivateKey.from_private_bytes(b"2" * 32))
    with pytest.raises(note.InvalidNote, match="no known key"):
        small_log.bag(signer=other)
    keys = [small_log.signer.vkey, other.vkey]
    bag = small_log.bag(signer=other, vkeys=keys)
    assert verify.verify_stream(io.BytesIO(bag), keys).findings == ()
    found = verify.verify_stream(io.BytesIO(bag), keys[:1]).findings
    assert [finding.code for finding in found] == ["signature.invalid"]


def refused(small_log: Any, message: str, **changes: Any) -> None:
    with pytest.raises(evidence.InvalidBag, match=message):
        small_log.bag(**changes)


def test_what_would_not_verify_is_not_written(small_log: Any) -> None:
    story, proven = small_log.story, small_log.proven()
    digest, data = next(iter(small_log.documents.items()))
    refused(small_log, "ascending", entries=proven[::-1])
    refused(small_log, "ascending", entries=[proven[0], *proven])
    refused(small_log, "subject.incomplete: ord_1 #2", entries=proven[:2])
    refused(small_log, "inclusion proof|proof is", entries=[dataclasses.replace(proven[0], proof=[]), *proven[1:]])
    refused(small_log, "proof leads", entries=[dataclasses.replace(proven[0], index=0), *proven[1:]])
    refused(small_log, "canonical", entries=[dataclasses.replace(proven[0], data=b"{} ")])
    refused(small_log, "document.missing", documents=[])
    refused(small_log, "has SHA-256", documents=[(digest, io.BytesIO(data + b"x"))])
    refused(small_log, "once", documents=[(digest, io.BytesIO(data)), (digest, io.BytesIO(data))])
    refused(small_log, "lower hex", documents=[("../x", io.BytesIO(data))])
    other = hashlib.sha256(b"x").hexdigest()
    refused(small_log, "not_mentioned", documents=[(digest, io.BytesIO(data)), (other, io.BytesIO(b"x"))])
    refused(small_log, "different origins", story=dataclasses.replace(story, origin="other.example"))
    refused(small_log, "about_incomplete", story=dataclasses.replace(story, about="oth_1"))
    refused(small_log, "beyond_last", story=dataclasses.replace(story, complete={"ord_1": 1, "lot_1": 1}))
    refused(
        small_log, "withheld_but_present", story=dataclasses.replace(story, withheld={**story.withheld, digest: "no"})
    )
    refused(small_log, "withheld does not", story=dataclasses.replace(story, withheld={digest: "two\nlines"}))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'{"v":1}',
        b'{"about":"ord_1","complete":{},"origin":"o","v":1,"withheld":{} }',
        b'{"about":"ord_1","complete":{},"origin":"","v":1,"withheld":{}}',
        b'{"about":"ord_1","complete":{},"origin":"o","v":2,"withheld":{}}',
        b'{"about":"ord_1","complete":{"ord_1":0},"origin":"o","v":1,"withheld":{}}',
        b'{"about":"ord_1","complete":{"ord_1":true},"origin":"o","v":1,"withheld":{}}',
        b'{"about":"ord_1","complete":{},"origin":"o","v":1,"withheld":{"a":"b"}}',
    ],
)
def test_malformed_stories_are_refused(data: bytes) -> None:
    with pytest.raises(evidence.InvalidBag):
        evidence.Story.loads(data)


def test_a_claim_of_any_size_costs_nothing() -> None:
    story = evidence.Story("o", "ord_1", {"ord_1": 2**53 - 1}, {})
    assert [gap.about for gap in evidence.Coverage().gaps(story, set())] == ["ord_1 #1"]


def test_a_large_document_passes_in_chunks(small_log: Any, tmp_path: Any) -> None:
    size = 24 << 20
    digest = hashlib.sha256(bytes(size)).hexdigest()
    small_log.entries[1]["digests"] = {"contract": digest}
    path = tmp_path / "bag.zip"
    tracemalloc.start()
    try:
        with path.open("wb") as output:
            evidence.write_bag(
                output,
                story=small_log.story,
                signed_checkpoint=small_log.checkpoint(),
                entries=small_log.proven(),
                documents=[(digest, cast(BinaryIO, Zeros(size)))],
                signer=small_log.signer,
            )
        result = verify.verify_bag(path, [small_log.signer.vkey])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert result.findings == ()
    assert peak < 8 << 20


def test_a_leaf_of_the_bag_is_a_leaf_of_the_log(bag: bytes, small_log: Any) -> None:
    held = files(bag)["data/entries/000000000001.json"]
    assert held == canonical.dumps(small_log.entries[1])
    assert merkle.leaf_hash(held) == merkle.leaf_hash(small_log.leaves()[1])
