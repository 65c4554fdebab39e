"""Evidence bags: everything needed to check a story offline, in one file.

A bag is a BagIt 1.0 bag (RFC 8493) in a canonical ZIP: the entries of a subject and of what it links to, the proof of
each to one signed checkpoint, the documents they name by digest, and a report for people. Its signature covers the
manifests, its proofs lead to the log's checkpoint; a key inside a bag would prove nothing, so there is none.

    bagit.txt, bag-info.txt, manifest-sha256.txt, tagmanifest-sha256.txt
    signature.note                 signed note over the origin and the SHA-256 of tagmanifest-sha256.txt
    data/story.json                what the bag claims to hold
    data/checkpoint                the signed note
    data/entries/<index>.json      the bytes of the leaf
    data/proofs/<index>.tlog-proof
    data/documents/<sha256>
    data/report.html

``exchange.journal.verify`` checks bags; both sides take file names, manifests and the rules of completeness from here.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, Self

from exchange.journal import archive, canonical, checkpoint, entry, merkle, note, report

VERSION: Final = 1

BAGIT: Final = "bagit.txt"
BAG_INFO: Final = "bag-info.txt"
MANIFEST: Final = "manifest-sha256.txt"
TAG_MANIFEST: Final = "tagmanifest-sha256.txt"
SIGNATURE: Final = "signature.note"
STORY: Final = "data/story.json"
CHECKPOINT: Final = "data/checkpoint"
REPORT: Final = "data/report.html"
ENTRIES: Final = "data/entries/"
PROOFS: Final = "data/proofs/"
DOCUMENTS: Final = "data/documents/"

PAYLOAD: Final = "data/"
#: The tag files under the tag manifest, in its order; the signature stands outside, for it signs that manifest.
TAG_FILES: Final = (BAG_INFO, BAGIT, MANIFEST)

BAGIT_TEXT: Final = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


_LINE: Final = re.compile(r"[^\x00-\x1f\x7f]+")


class InvalidBag(ValueError):
    """What was given does not make a bag that would verify, or a story is malformed."""


@dataclass(frozen=True, slots=True)
class ProvenEntry:
    """An entry's bytes, its index in the log, and the inclusion proof to the bag's checkpoint."""

    index: int
    data: bytes
    proof: list[bytes]


@dataclass(frozen=True, slots=True)
class Story:
    """What a bag claims: about which subject, which subjects are complete, which documents are kept back.

    ``complete`` maps a subject to its last ``seq``: all its entries up to that are in the bag. ``withheld`` maps the
    SHA-256 of a document or of goods that an entry names to the reason why it is not in the bag.
    """

    origin: str
    about: str
    complete: Mapping[str, int]
    withheld: Mapping[str, str]

    def dumps(self) -> bytes:
        """The bytes of ``data/story.json``."""
        return canonical.dumps(
            {
                "v": VERSION,
                "origin": self.origin,
                "about": self.about,
                "complete": dict(self.complete),
                "withheld": dict(self.withheld),
            }
        )

    @classmethod
    def loads(cls, data: bytes) -> Self:
        """The story whose bytes are ``data``.

        Raises:
            InvalidBag: Not canonical JSON, keys missing or unknown, or a value of another form.
        """
        try:
            value = canonical.loads(data)
        except canonical.NotCanonical as error:
            raise InvalidBag(str(error)) from error
        if not isinstance(value, dict) or value.keys() != _STORY_KEYS.keys():
            raise InvalidBag("a story is an object with exactly the keys of version 1")
        for key, has_form in _STORY_KEYS.items():
            if not has_form(value[key]):
                raise InvalidBag(f"{key} does not have its form")
        return cls(value["origin"], value["about"], value["complete"], value["withheld"])


@dataclass(frozen=True, slots=True)
class Gap:
    """Where the entries and documents of a bag differ from its story; ``code`` is one of verify's finding codes."""

    code: str
    about: str


class Coverage:
    """Which entries, and which mentions of documents, a bag holds; what of its story that leaves open."""

    def __init__(self) -> None:
        self._seqs: dict[str, set[int]] = {}
        self._mentioned: set[str] = set()
        self._repeated: list[str] = []

    @property
    def mentioned(self) -> set[str]:
        """The digests of documents and goods that the entries name."""
        return self._mentioned

    def add(self, leaf: Mapping[str, Any]) -> None:
        """Take note of a parsed entry."""
        seqs = self._seqs.setdefault(leaf["subject"], set())
        if leaf["seq"] in seqs:
            self._repeated.append(f"{leaf['subject']} #{leaf['seq']}")
        seqs.add(leaf["seq"])
        self._mentioned.update(leaf["digests"].values())

    def gaps(self, story: Story, documents: set[str]) -> Iterator[Gap]:
        """What is missing, repeated or too much; ``documents`` are the digests of those in the bag."""
        for repeated in self._repeated:
            yield Gap("subject.repeated", repeated)
        if story.about not in story.complete:
            yield Gap("story.about_incomplete", story.about)
        for subject, last in sorted(story.complete.items()):
            yield from self._subject_gaps(subject, last)
        withheld = story.withheld.keys()
        for digest in sorted(self._mentioned - documents - withheld):
            yield Gap("document.missing", digest)
        for digest in sorted(documents & withheld):
            yield Gap("document.withheld_but_present", digest)
        for digest in sorted((documents | withheld) - self._mentioned):
            yield Gap("document.not_mentioned", digest)

    def _subject_gaps(self, subject: str, last: int) -> Iterator[Gap]:
        seqs = sorted(self._seqs.get(subject, ()))
        within = [seq for seq in seqs if seq <= last]
        if len(within) < last:
            # The first number that is not in its place; the claim may be of any size, so no range is walked.
            missing = next((place for place, seq in enumerate(within, 1) if place != seq), len(within) + 1)
            yield Gap("subject.incomplete", f"{subject} #{missing}")
        if len(within) < len(seqs):
            yield Gap("subject.beyond_last", f"{subject} #{seqs[len(within)]}")


def entry_name(index: int) -> str:
    """The file of the entry with this index."""
    return f"{ENTRIES}{index:012d}.json"


def proof_name(index: int) -> str:
    """The file of its proof."""
    return f"{PROOFS}{index:012d}.tlog-proof"


def bag_info(story: Story, members: Mapping[str, archive.Member]) -> bytes:
    """The bytes of ``bag-info.txt``; the Oxum counts the payload's bytes and files (RFC 8493 section 2.2.2)."""
    sizes = [member.size for name, member in members.items() if name.startswith(PAYLOAD)]
    return (
        f"External-Identifier: {story.about}\n"
        f"Payload-Oxum: {sum(sizes)}.{len(sizes)}\n"
        f"Source-Organization: {story.origin}\n"
    ).encode()


def manifest(members: Mapping[str, archive.Member]) -> bytes:
    """The bytes of ``manifest-sha256.txt``: every file of the payload, sorted by name."""
    return _manifest(members, sorted(name for name in members if name.startswith(PAYLOAD)))


def tag_manifest(members: Mapping[str, archive.Member]) -> bytes:
    """The bytes of ``tagmanifest-sha256.txt``: those of ``TAG_FILES`` that ``members`` has."""
    return _manifest(members, [name for name in TAG_FILES if name in members])


def signed_text(origin: str, tag_manifest_sha256: str) -> str:
    """The text of ``signature.note``. Its first line keeps it from being read as a checkpoint, and the reverse."""
    return f"databourse-bag/v1\n{origin}\n{tag_manifest_sha256}\n"


def write_bag(
    output: BinaryIO,
    *,
    story: Story,
    signed_checkpoint: str,
    entries: Iterable[ProvenEntry],
    documents: Iterable[tuple[str, BinaryIO]],
    signer: note.Signer,
    vkeys: Iterable[str] = (),
) -> None:
    """Write a bag that verifies, or none.

    Args:
        output: Receives the archive; need not be seekable. Nothing is written before everything has been checked.
        story: What the bag is to claim.
        signed_checkpoint: The signed note that all proofs lead to.
        entries: In ascending order of index.
        documents: SHA-256 in lower hex and source, each read once, in chunks.
        signer: Signs the bag, under the log's origin as its name.
        vkeys: Verifier keys of the log, where it signs its checkpoints by another key than ``signer``'s.

    Raises:
        InvalidBag: Something is missing, too much, out of order or not proven; the message says what.
        note.InvalidNote: The checkpoint is malformed or not signed by one of the keys.
    """
    tree = checkpoint.parse(note.open(signed_checkpoint, [signer.vkey, *vkeys]))
    if not story.origin == tree.origin == signer.name:
        raise InvalidBag("story, checkpoint and signer name different origins")
    Story.loads(story.dumps())
    with archive.Builder() as builder:
        builder.add(STORY, [story.dumps()])
        builder.add(CHECKPOINT, [signed_checkpoint.encode()])
        coverage = Coverage()
        indices: list[int] = []
        for proven in entries:
            if indices and proven.index <= indices[-1]:
                raise InvalidBag("entries are not in ascending order of index")
            indices.append(proven.index)
            coverage.add(_add_entry(builder, proven, tree, signed_checkpoint))
        held = {_add_document(builder, digest, source) for digest, source in documents}
        for gap in coverage.gaps(story, held):
            raise InvalidBag(f"{gap.code}: {gap.about}")
        leaves = ((index, canonical.loads(builder.read(entry_name(index)))) for index in indices)
        page = report.render(
            about=story.about,
            complete=story.complete,
            withheld=story.withheld,
            tree=tree,
            entries=leaves,
            documents=sorted(held),
        )
        builder.add(REPORT, page)
        _add_tag_files(builder, story, signer)
        builder.write_to(output)


def _add_entry(
    builder: archive.Builder, proven: ProvenEntry, tree: checkpoint.Checkpoint, signed_checkpoint: str
) -> dict[str, Any]:
    name = entry_name(proven.index)
    try:
        leaf = entry.parse(proven.data)
        merkle.verify_inclusion(merkle.leaf_hash(proven.data), proven.index, tree.size, proven.proof, tree.root)
    except (entry.InvalidEntry, merkle.InvalidProof) as error:
        raise InvalidBag(f"{name}: {error}") from error
    builder.add(name, [proven.data])
    proof = checkpoint.format_proof(proven.index, proven.proof, signed_checkpoint)
    builder.add(proof_name(proven.index), [proof.encode()])
    return leaf


def _add_document(builder: archive.Builder, digest: str, source: BinaryIO) -> str:
    if not entry.is_sha256(digest) or DOCUMENTS + digest in builder.members:
        raise InvalidBag("a document goes by its SHA-256 in lower hex, once")
    member = builder.add(DOCUMENTS + digest, iter(lambda: source.read(archive.CHUNK_BYTES), b""))
    if member.sha256 != digest:
        raise InvalidBag(f"a document has SHA-256 {member.sha256}, not {digest}")
    return digest


def _add_tag_files(builder: archive.Builder, story: Story, signer: note.Signer) -> None:
    builder.add(BAGIT, [BAGIT_TEXT])
    builder.add(BAG_INFO, [bag_info(story, builder.members)])
    builder.add(MANIFEST, [manifest(builder.members)])
    sealed = builder.add(TAG_MANIFEST, [tag_manifest(builder.members)])
    builder.add(SIGNATURE, [note.sign(signed_text(story.origin, sealed.sha256), signer).encode()])


def _manifest(members: Mapping[str, archive.Member], names: list[str]) -> bytes:
    return "".join(f"{members[name].sha256}  {name}\n" for name in names).encode()


def _is_line(value: Any) -> bool:
    return isinstance(value, str) and _LINE.fullmatch(value) is not None


_STORY_KEYS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "v": lambda value: value == VERSION and not isinstance(value, bool),
    "origin": _is_line,
    "about": entry.is_subject,
    "complete": lambda value: (
        isinstance(value, dict) and all(map(entry.is_subject, value)) and all(map(entry.is_count, value.values()))
    ),
    "withheld": lambda value: (
        isinstance(value, dict) and all(map(entry.is_sha256, value)) and all(map(_is_line, value.values()))
    ),
}
