"""A small log with one order's story, and the evidence bag about it."""

import hashlib
import io
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.journal import archive, canonical, checkpoint, evidence, merkle, note

ORIGIN = "log.example/1"
CONTRACT = "合同 contract\n".encode()
CONTRACT_SHA256 = hashlib.sha256(CONTRACT).hexdigest()
GOODS_SHA256 = hashlib.sha256(b"goods").hexdigest()


def make_entry(subject: str, seq: int, action: str, **changes: Any) -> dict[str, Any]:
    return {
        "v": 1,
        "id": f"ent_{subject}{seq}".replace("_", "0").replace("ent0", "ent_", 1),
        "nonce": f"{seq:032x}",
        "at": "2026-11-23T11:00:00.000000Z",
        "org": "org_1",
        "role": "buyer",
        "who": "ab" * 32,
        "action": action,
        "subject": subject,
        "seq": seq,
        "links": [],
        "facts": {"amount": "12.00"},
        "digests": {},
    } | changes


class SmallLog:
    """Six leaves: two of an order, one of its lot, the rest of others."""

    def __init__(self) -> None:
        self.signer = note.Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(32)))
        self.entries = [
            make_entry("oth_1", 1, "listing.published"),
            make_entry("ord_1", 1, "order.agreed", digests={"contract": CONTRACT_SHA256}),
            make_entry("oth_2", 1, "listing.published"),
            make_entry("lot_1", 1, "lot.delivered", links=["ord_1"], digests={"goods": GOODS_SHA256}),
            make_entry("ord_1", 2, "order.completed", org=None, role="clock", who=None),
            make_entry("oth_1", 2, "listing.withdrawn"),
        ]
        self.indices = [1, 3, 4]
        self.documents = {CONTRACT_SHA256: CONTRACT}
        self.story = evidence.Story(ORIGIN, "ord_1", {"ord_1": 2, "lot_1": 1}, {GOODS_SHA256: "数据商品 the goods"})

    def leaves(self) -> list[bytes]:
        return [canonical.dumps(leaf) for leaf in self.entries]

    def checkpoint(self) -> str:
        hashes = [merkle.leaf_hash(leaf) for leaf in self.leaves()]
        return note.sign(checkpoint.format(ORIGIN, len(hashes), merkle.root(hashes)), self.signer)

    def proven(self) -> list[evidence.ProvenEntry]:
        leaves = self.leaves()
        hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
        return [
            evidence.ProvenEntry(index, leaves[index], merkle.inclusion_proof(hashes, index)) for index in self.indices
        ]

    def bag(self, **changes: Any) -> bytes:
        output = io.BytesIO()
        parts: dict[str, Any] = {
            "story": self.story,
            "signed_checkpoint": self.checkpoint(),
            "entries": self.proven(),
            "documents": [(digest, io.BytesIO(data)) for digest, data in self.documents.items()],
            "signer": self.signer,
        }
        evidence.write_bag(output, **(parts | changes))
        return output.getvalue()

    def repack(self, bag: bytes, changes: Mapping[str, bytes | None], *, seal: bool = True) -> bytes:
        """The bag with files replaced, added or (None) left out; ``seal`` makes all tag files and signs again."""
        reader = archive.Reader(io.BytesIO(bag))
        files = {name: reader.read(name) for name in reader.members} | changes
        sealed = [evidence.BAG_INFO, evidence.MANIFEST, evidence.TAG_MANIFEST, evidence.SIGNATURE]
        output = io.BytesIO()
        with archive.Builder() as builder:
            for name, data in files.items():
                if data is not None and not (seal and name in sealed and name not in changes):
                    builder.add(name, [data])
            if seal:
                for name in sealed:
                    if name not in changes:
                        builder.add(name, [self._tag_file(name, builder.members)])
            builder.write_to(output)
        return output.getvalue()

    def _tag_file(self, name: str, members: Mapping[str, archive.Member]) -> bytes:
        if name == evidence.BAG_INFO:
            return evidence.bag_info(self.story, members)
        if name == evidence.MANIFEST:
            return evidence.manifest(members)
        if name == evidence.TAG_MANIFEST:
            return evidence.tag_manifest(members)
        digest = members[evidence.TAG_MANIFEST].sha256
        return note.sign(evidence.signed_text(ORIGIN, digest), self.signer).encode()


@pytest.fixture
def small_log() -> SmallLog:
    return SmallLog()


@pytest.fixture(scope="session")
def bag() -> bytes:
    """The evidence bag about order ``ord_1`` of the small log."""
    return SmallLog().bag()
