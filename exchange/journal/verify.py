"""Verify an evidence bag offline: ``python -m exchange.journal.verify PATH --key VKEY [--json]``.

Needs only the standard library and ``cryptography``. The keys come from outside: from the operator's publication, a
regulator, a witness. A bag that is whole shows that its entries are in the log that the key signed, unchanged, at
their places, none of the subjects' entries left out; not that what they say is true. The report is covered by the
bag's signature only.

Keys of witnesses (``--witness``) or a policy (``--policy``) tell how many of them saw the same log: a log that shows
different people different histories cannot show them all one that its witnesses cosigned. Without them that is open.

Exit status: 0 whole, 1 something is wrong (each finding says what), 2 the bag or a key cannot be read.
"""

import argparse
import dataclasses
import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from exchange.journal import archive, checkpoint, entry, evidence, merkle, note
from exchange.journal.findings import Finding, finding
from exchange.journal.policy import InvalidPolicy
from exchange.journal.trust import Trust

_ENTRY_NAME = re.compile(re.escape(evidence.ENTRIES) + r"([0-9]{12,18})\.json")
_PROOF_NAME = re.compile(re.escape(evidence.PROOFS) + r"([0-9]{12,18})\.tlog-proof")
_DOCUMENT_NAME = re.compile(re.escape(evidence.DOCUMENTS) + r"([0-9a-f]{64})")
_MANIFEST_LINE = re.compile(r"([0-9a-f]{64})  (.+)")

_SINGLE_FILES: Final = (
    *evidence.TAG_FILES,
    evidence.TAG_MANIFEST,
    evidence.SIGNATURE,
    evidence.STORY,
    evidence.CHECKPOINT,
    evidence.REPORT,
)
#: A proof holds a checkpoint and at most 64 hashes.
_PROOF_LIMIT_BYTES: Final = note.SIZE_LIMIT_BYTES + 4096
_STORY_LIMIT_BYTES: Final = 1 << 26


@dataclass(frozen=True, slots=True)
class Summary:
    """What was checked; ``origin``, ``size`` and ``root`` (lower hex) are of the checkpoint, None when unverified.

    ``cosigned_by`` are the witnesses, of ``witnesses`` whose keys were given, that cosigned the checkpoint: names of
    the policy or of keys. Cosignatures by others are not counted.
    """

    about: str | None = None
    origin: str | None = None
    size: int | None = None
    root: str | None = None
    entries_proven: int = 0
    documents: int = 0
    withheld: int = 0
    witnesses: int = 0
    cosigned_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """The verdict on a bag: whole if there are no findings."""

    findings: tuple[Finding, ...]
    summary: Summary


def verify_bag(path: str | Path, vkeys: Iterable[str]) -> Result:
    """Check the bag in the file ``path`` against the log's verifier keys.

    Raises:
        OSError: The file cannot be read.
        archive.NotAnArchive: It is not a ZIP.
        note.InvalidKey: A key is malformed, or none was given.
    """
    with Path(path).open("rb") as stream:
        return verify_stream(stream, vkeys)


def verify_stream(stream: BinaryIO, vkeys: Iterable[str]) -> Result:
    """As ``verify_bag``, for a seekable stream."""
    return verify(stream, Trust(tuple(vkeys)))


def verify(stream: BinaryIO, trust: Trust) -> Result:
    """Check the bag in a seekable stream, counting the cosignatures of witnesses that ``trust`` names.

    Raises:
        archive.NotAnArchive: It is not a ZIP.
    """
    try:
        return _Verification(archive.Reader(stream), trust).run()
    except archive.NotCanonical as error:
        return Result((finding("archive.not_canonical", "", str(error)),), Summary())


class _Verification:
    """One pass over one bag; every check adds its findings and leaves what later checks need."""

    def __init__(self, reader: archive.Reader, trust: Trust) -> None:
        self._reader = reader
        self._trust = trust
        self._vkeys = trust.log_vkeys
        self._cosigned_by: tuple[str, ...] = ()
        self._findings: list[Finding] = []
        self._story: evidence.Story | None = None
        self._signed_checkpoint = ""
        self._tree: checkpoint.Checkpoint | None = None
        self._coverage = evidence.Coverage()
        self._entries_proven = 0

    def run(self) -> Result:
        members = self._reader.members
        documents = {match[1] for name in members if (match := _DOCUMENT_NAME.fullmatch(name))}
        self._check_files()
        self._check_story_and_checkpoint()
        self._check_tag_files()
        self._check_signature()
        for name in members:
            if match := _ENTRY_NAME.fullmatch(name):
                self._check_entry(name, int(match[1]))
        for digest in sorted(documents):
            self._check_document(digest)
        if self._story is not None:
            for gap in self._coverage.gaps(self._story, documents):
                self._found(gap.code, evidence.STORY, gap.about)
        return Result(tuple(self._findings), self._summary(len(documents)))

    def _summary(self, documents: int) -> Summary:
        story, tree = self._story, self._tree
        return Summary(
            about=story.about if story else None,
            origin=tree.origin if tree else None,
            size=tree.size if tree else None,
            root=tree.root.hex() if tree else None,
            entries_proven=self._entries_proven,
            documents=documents,
            withheld=len(story.withheld) if story else 0,
            witnesses=len(self._trust.witness_vkeys),
            cosigned_by=self._cosigned_by,
        )

    def _found(self, code: str, path: str, detail: object = "") -> None:
        self._findings.append(finding(code, path, str(detail)))

    def _read(self, name: str, limit_bytes: int) -> bytes | None:
        """The file, or None when it is absent (found elsewhere) or too large (found here)."""
        member = self._reader.members.get(name)
        if member is None:
            return None
        if member.size > limit_bytes:
            self._found("bag.file_too_large", name, member.size)
            return None
        return self._reader.read(name)

    def _check_files(self) -> None:
        members = self._reader.members
        for name in self._reader.corrupt:
            self._found("archive.checksum", name)
        for name in _SINGLE_FILES:
            if name not in members:
                self._found("bag.missing_file", name)
        for name in members:
            if name in _SINGLE_FILES or _DOCUMENT_NAME.fullmatch(name):
                continue
            entry_match, proof_match = _ENTRY_NAME.fullmatch(name), _PROOF_NAME.fullmatch(name)
            if entry_match and name == evidence.entry_name(index := int(entry_match[1])):
                if evidence.proof_name(index) not in members:
                    self._found("entry.no_proof", name)
            elif proof_match and name == evidence.proof_name(index := int(proof_match[1])):
                if evidence.entry_name(index) not in members:
                    self._found("proof.no_entry", name)
            else:
                self._found("bag.unexpected_file", name)

    def _check_story_and_checkpoint(self) -> None:
        if (data := self._read(evidence.STORY, _STORY_LIMIT_BYTES)) is not None:
            try:
                self._story = evidence.Story.loads(data)
            except evidence.InvalidBag as error:
                self._found("story.malformed", evidence.STORY, error)
        if (data := self._read(evidence.CHECKPOINT, note.SIZE_LIMIT_BYTES)) is None:
            return
        try:
            opened = note.open(data, self._vkeys)
            tree = checkpoint.parse(opened)
        except note.InvalidNote as error:
            self._found("checkpoint.invalid", evidence.CHECKPOINT, error)
            return
        self._check_signed_by_log(opened, tree.origin, evidence.CHECKPOINT)
        if self._story is not None and self._story.origin != tree.origin:
            self._found("story.other_log", evidence.STORY, self._story.origin)
        self._signed_checkpoint = data.decode()
        self._tree = tree
        self._check_witnesses()

    def _check_witnesses(self) -> None:
        """Count the witnesses that cosigned the checkpoint, and hold them to the policy's quorum."""
        try:
            self._cosigned_by = self._trust.cosigners(self._signed_checkpoint)
        except note.InvalidNote as error:
            self._found("checkpoint.cosignature", evidence.CHECKPOINT, error)
            return
        policy = self._trust.policy
        if policy is not None and not policy.is_met_by(self._cosigned_by):
            counted = f"{len(self._cosigned_by)} of {len(policy.witnesses)}"
            self._found("checkpoint.not_witnessed", evidence.CHECKPOINT, counted)

    def _check_signed_by_log(self, opened: note.Note, origin: str, path: str) -> None:
        """A witness's key may be among those given; it does not speak for the log."""
        if all(signature.name != origin for signature in opened.signatures):
            self._found("signature.not_by_log", path, origin)

    def _check_tag_files(self) -> None:
        members = self._reader.members
        self._check_manifest(evidence.MANIFEST, evidence.manifest(members))
        self._check_manifest(evidence.TAG_MANIFEST, evidence.tag_manifest(members))
        expected = {evidence.BAGIT: evidence.BAGIT_TEXT}
        if self._story is not None:
            expected[evidence.BAG_INFO] = evidence.bag_info(self._story, members)
        for name, text in expected.items():
            if name in members and self._read(name, len(text)) not in {text, None}:
                self._found("bag.malformed_tag_file", name)

    def _check_manifest(self, name: str, expected: bytes) -> None:
        """Compare with the manifest as it must be; where they differ, say for which file."""
        actual = self._read(name, 2 * len(expected) + 4096)
        if actual is None or actual == expected:
            return
        listed = _parse_manifest(actual)
        demanded = _parse_manifest(expected)
        if listed == demanded:
            self._found("manifest.malformed", name)
        for path, digest in demanded.items():
            if path not in listed:
                self._found("manifest.not_listed", path)
            elif listed[path] != digest:
                self._found("manifest.digest", path, listed[path])
        for path in listed.keys() - demanded.keys():
            self._found("manifest.absent", name, path)

    def _check_signature(self) -> None:
        data = self._read(evidence.SIGNATURE, note.SIZE_LIMIT_BYTES)
        sealed = self._reader.members.get(evidence.TAG_MANIFEST)
        if data is None or sealed is None:
            return
        try:
            opened = note.open(data, self._vkeys)
        except note.InvalidNote as error:
            self._found("signature.invalid", evidence.SIGNATURE, error)
            return
        if self._tree is None:
            return  # which log the signature must name is not known; that is a finding already
        if opened.text != evidence.signed_text(self._tree.origin, sealed.sha256):
            self._found("signature.other_contents", evidence.SIGNATURE)
        self._check_signed_by_log(opened, self._tree.origin, evidence.SIGNATURE)

    def _check_entry(self, name: str, index: int) -> None:
        if (data := self._read(name, entry.SIZE_LIMIT_BYTES)) is None:
            return
        try:
            self._coverage.add(entry.parse(data))
        except entry.InvalidEntry as error:
            self._found("entry.malformed", name, error)
        path = evidence.proof_name(index)
        if self._tree is None or (text := self._read(path, _PROOF_LIMIT_BYTES)) is None:
            return
        try:
            proof = checkpoint.parse_proof(text.decode())
        except ValueError as error:  # not UTF-8, or InvalidNote
            self._found("proof.malformed", path, error)
            return
        if proof.index != index:
            self._found("proof.other_index", path, proof.index)
        if proof.checkpoint != self._signed_checkpoint:
            self._found("proof.other_checkpoint", path)
        try:
            leaf = merkle.leaf_hash(data)
            merkle.verify_inclusion(leaf, index, self._tree.size, proof.hashes, self._tree.root)
        except merkle.InvalidProof as error:
            self._found("entry.not_proven", name, error)
        else:
            self._entries_proven += 1

    def _check_document(self, digest: str) -> None:
        member = self._reader.members[evidence.DOCUMENTS + digest]
        if member.sha256 != digest:
            self._found("document.digest", member.name, member.sha256)


def _parse_manifest(data: bytes) -> dict[str, str]:
    """Digest by path, as far as the lines can be read; only for telling differences apart."""
    lines = data.decode(errors="replace").split("\n")
    return {match[2]: match[1] for line in lines if (match := _MANIFEST_LINE.fullmatch(line))}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        with Path(options.path).open("rb") as stream:
            result = verify(stream, Trust.given(options.key, options.witness, options.policy))
    except (OSError, archive.NotAnArchive, note.InvalidKey, InvalidPolicy) as error:
        sys.stderr.write(f"{options.path}: {error}\n")
        return 2
    sys.stdout.write(_as_json(result) if options.json else _as_text(result))
    return 1 if result.findings else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="databourse verify", description="Verify an evidence bag offline.")
    parser.add_argument("path", help="the bag, a ZIP file")
    parser.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="VKEY",
        help="a verifier key of the log, obtained from an independent source; may be repeated",
    )
    parser.add_argument(
        "--witness", action="append", default=[], metavar="VKEY", help="a witness's verifier key; may be repeated"
    )
    parser.add_argument(
        "--policy",
        type=Path,
        metavar="FILE",
        help="keys of log and witnesses, and how many of these must have cosigned",
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def _as_json(result: Result) -> str:
    value = {"whole": not result.findings, **dataclasses.asdict(result)}
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def _as_text(result: Result) -> str:
    summary = result.summary
    lines = []
    for found in result.findings:
        where = " ".join(filter(None, (found.path, found.detail)))
        lines += [f"{found.code}  {where}", f"  {found.en}", f"  {found.zh}"]
    verdict = "NOT WHOLE 不完整或已改动" if result.findings else "WHOLE 完整无改动"
    lines += [
        f"{verdict}: {summary.about}",
        f"  log 日志: {summary.origin}, size 条目总数 {summary.size}, root 根哈希 {summary.root}",
        f"  entries proven 已证明条目 {summary.entries_proven}",
        f"  documents 文件 {summary.documents}, withheld 未附 {summary.withheld}",
        f"  cosigned by 见证方联署 {len(summary.cosigned_by)} / {summary.witnesses}",
        *(f"    {name}" for name in summary.cosigned_by),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
