import dataclasses
import io
import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange.journal import archive, canonical, checkpoint, entry, evidence, findings, merkle, note, verify
from exchange.journal.policy import Policy
from exchange.journal.trust import Trust

WITNESS = note.Signer("witness.example", Ed25519PrivateKey.from_private_bytes(b"w" * 32))
ENTRY = evidence.entry_name(1)
PROOF = evidence.proof_name(1)


def check(data: bytes, *vkeys: str) -> verify.Result:
    return verify.verify_stream(io.BytesIO(data), vkeys)


def codes(data: bytes, *vkeys: str) -> set[str]:
    return {found.code for found in check(data, *vkeys).findings}


def contents(bag: bytes, name: str) -> bytes:
    return archive.Reader(io.BytesIO(bag)).read(name)


def noticed(data: bytes, vkey: str) -> bool:
    """Whether the verifier finds something, or cannot read the archive at all."""
    try:
        return bool(check(data, vkey).findings)
    except archive.NotAnArchive:
        return True


def test_a_whole_bag(bag: bytes, small_log: Any) -> None:
    result = check(bag, small_log.signer.vkey)
    assert result.findings == ()
    hashes = [merkle.leaf_hash(leaf) for leaf in small_log.leaves()]
    assert result.summary == verify.Summary(
        about="ord_1",
        origin="log.example/1",
        size=6,
        root=merkle.root(hashes).hex(),
        entries_proven=3,
        documents=1,
        withheld=1,
    )


def test_every_changed_byte_is_noticed(bag: bytes, small_log: Any) -> None:
    for place in range(len(bag)):
        data = bytearray(bag)
        data[place] ^= random.Random(place).randrange(1, 256)  # noqa: S311  (not for cryptography)
        assert noticed(bytes(data), small_log.signer.vkey), place


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_every_edit_is_noticed(bag: bytes, small_log: Any, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(bag)))
    end = data.draw(st.integers(start, min(len(bag), start + 400)))
    middle = data.draw(st.integers(start, end))
    piece = data.draw(st.binary(min_size=1, max_size=40))
    edits: dict[str, Callable[[], bytes]] = {
        "insert": lambda: bag[:start] + piece + bag[start:],
        "delete": lambda: bag[:start] + bag[end:],
        "swap": lambda: bag[:start] + bag[middle:end] + bag[start:middle] + bag[end:],
        "truncate": lambda: bag[:start],
        "append": lambda: bag + piece,
        "repeat": lambda: bag[:end] + bag[start:],
    }
    edited = edits[data.draw(st.sampled_from(sorted(edits)))]()
    assert edited == bag or noticed(edited, small_log.signer.vkey)


def edited_entry(bag: bytes) -> bytes:
    leaf = canonical.loads(contents(bag, ENTRY))
    return canonical.dumps(leaf | {"facts": {"amount": "1200.00"}})


def with_proof(bag: bytes, **changes: Any) -> bytes:
    parts = dataclasses.asdict(checkpoint.parse_proof(contents(bag, PROOF).decode())) | changes
    return checkpoint.format_proof(**parts).encode()


def resigned_checkpoint(root: bytes, signer: note.Signer) -> bytes:
    return note.sign(checkpoint.format("log.example/1", 6, root), signer).encode()


def story(small_log: Any, **changes: Any) -> bytes:
    return dataclasses.replace(small_log.story, **changes).dumps()


# What an insider who holds the log's key may do to a bag and sign again: (files changed, findings).
WITHOUT_ENTRY = {"subject.incomplete", "document.not_mentioned"}
Changes = Callable[[bytes, Any], dict[str, bytes | None]]
SEALED: list[tuple[Changes, set[str]]] = [
    (lambda bag, _log: {ENTRY: edited_entry(bag)}, {"entry.not_proven"}),
    (lambda bag, _log: {ENTRY: contents(bag, ENTRY) + b"\n"}, {"entry.malformed", "entry.not_proven", *WITHOUT_ENTRY}),
    (lambda _bag, _log: {ENTRY: bytes(entry.SIZE_LIMIT_BYTES + 1)}, {"bag.file_too_large", *WITHOUT_ENTRY}),
    (lambda _bag, _log: {ENTRY: None}, {"proof.no_entry", *WITHOUT_ENTRY}),
    (lambda _bag, _log: {ENTRY: None, PROOF: None}, WITHOUT_ENTRY),
    (lambda _bag, _log: {PROOF: None}, {"entry.no_proof"}),
    (lambda _bag, _log: {PROOF: b"proof"}, {"proof.malformed"}),
    (lambda _bag, _log: {PROOF: b"\xff"}, {"proof.malformed"}),
    (lambda bag, _log: {PROOF: with_proof(bag, index=2)}, {"proof.other_index"}),
    (lambda bag, _log: {PROOF: with_proof(bag, hashes=[])}, {"entry.not_proven"}),
    (lambda bag, _log: {PROOF: with_proof(bag, checkpoint="other\n")}, {"proof.other_checkpoint"}),
    (lambda bag, _log: {evidence.entry_name(2): contents(bag, ENTRY)}, {"entry.no_proof", "subject.repeated"}),
    (
        lambda bag, _log: {f"{evidence.ENTRIES}0000000000001.json": contents(bag, ENTRY)},
        {"bag.unexpected_file", "subject.repeated"},
    ),
    (lambda _bag, _log: {"data/extra.txt": b""}, {"bag.unexpected_file"}),
    (lambda _bag, _log: {"extra.txt": b""}, {"bag.unexpected_file"}),
    (lambda _bag, _log: {evidence.REPORT: None}, {"bag.missing_file"}),
    (lambda _bag, _log: {evidence.BAGIT: b"BagIt-Version: 0.97\n"}, {"bag.malformed_tag_file"}),
    (lambda _bag, _log: {evidence.BAG_INFO: b"Payload-Oxum: 1.1\n"}, {"bag.malformed_tag_file"}),
    (lambda bag, _log: {evidence.MANIFEST: contents(bag, evidence.MANIFEST) + b"\n"}, {"manifest.malformed"}),
    (lambda bag, _log: {evidence.MANIFEST: contents(bag, evidence.MANIFEST)[100:]}, {"manifest.not_listed"}),
    (
        lambda bag, _log: {evidence.MANIFEST: contents(bag, evidence.MANIFEST) + b"ab" * 32 + b"  data/x\n"},
        {"manifest.absent"},
    ),
    (lambda _bag, _log: {evidence.STORY: b"{}"}, {"story.malformed"}),
    (
        lambda _bag, log: {evidence.STORY: story(log, origin="other.example")},
        {"story.other_log", "bag.malformed_tag_file"},
    ),
    (
        lambda _bag, log: {evidence.STORY: story(log, about="oth_1")},
        {"story.about_incomplete", "bag.malformed_tag_file"},
    ),
    (lambda _bag, log: {evidence.STORY: story(log, complete={"ord_1": 3, "lot_1": 1})}, {"subject.incomplete"}),
    (lambda _bag, log: {evidence.STORY: story(log, complete={"ord_1": 1})}, {"subject.beyond_last"}),
    (lambda _bag, log: {evidence.STORY: story(log, withheld={})}, {"document.missing"}),
    (
        lambda _bag, log: {
            evidence.STORY: story(log, withheld=log.story.withheld | dict.fromkeys(log.documents, "no"))
        },
        {"document.withheld_but_present"},
    ),
    (lambda _bag, _log: {evidence.DOCUMENTS + "ab" * 32: b"x"}, {"document.digest", "document.not_mentioned"}),
    (
        lambda _bag, log: {evidence.DOCUMENTS + digest: b"another contract" for digest in log.documents},
        {"document.digest"},
    ),
    (
        lambda _bag, log: {evidence.CHECKPOINT: resigned_checkpoint(bytes(32), log.signer)},
        {"proof.other_checkpoint", "entry.not_proven"},
    ),
    (lambda _bag, _log: {evidence.CHECKPOINT: resigned_checkpoint(bytes(32), WITNESS)}, {"checkpoint.invalid"}),
    (lambda _bag, _log: {evidence.CHECKPOINT: b""}, {"checkpoint.invalid"}),
    (
        lambda _bag, log: {evidence.SIGNATURE: note.sign("databourse-bag/v1\nx\n", log.signer).encode()},
        {"signature.other_contents"},
    ),
    (lambda bag, _log: {evidence.SIGNATURE: contents(bag, evidence.SIGNATURE)[:-2]}, {"signature.invalid"}),
]


@pytest.mark.parametrize(("changes", "expected"), SEALED)
def test_a_bag_changed_by_the_holder_of_the_key(
    changes: Changes, expected: set[str], bag: bytes, small_log: Any
) -> None:
    assert codes(small_log.repack(bag, changes(bag, small_log)), small_log.signer.vkey) == expected


def test_a_bag_changed_by_anybody_else(bag: bytes, small_log: Any) -> None:
    repacked = small_log.repack(bag, {evidence.REPORT: b"<p>All is well"}, seal=False)
    assert codes(repacked, small_log.signer.vkey) == {"manifest.digest", "bag.malformed_tag_file"}
    thief = type(small_log)()
    thief.signer = note.Signer("log.example/1", Ed25519PrivateKey.from_private_bytes(b"t" * 32))
    assert codes(thief.repack(bag, {evidence.REPORT: b""}), small_log.signer.vkey) == {"signature.invalid"}
    assert codes(thief.bag(), small_log.signer.vkey) == {"signature.invalid", "checkpoint.invalid"}


def test_a_changed_document_is_named(bag: bytes, small_log: Any) -> None:
    data = bytearray(bag)
    data[bag.index("合同".encode())] ^= 1
    found = {finding.code: finding.path for finding in check(bytes(data), small_log.signer.vkey).findings}
    path = evidence.DOCUMENTS + next(iter(small_log.documents))
    assert found == {"archive.checksum": path, "manifest.digest": path, "document.digest": path}


def test_a_witness_does_not_speak_for_the_log(bag: bytes, small_log: Any) -> None:
    text = contents(bag, evidence.SIGNATURE).decode().rpartition("\n\n")[0] + "\n"
    forged = small_log.repack(bag, {evidence.SIGNATURE: note.sign(text, WITNESS).encode()}, seal=False)
    assert codes(forged, small_log.signer.vkey, WITNESS.vkey) == {"signature.not_by_log"}


def test_a_cosigned_checkpoint(small_log: Any) -> None:
    bag = small_log.bag(signed_checkpoint=note.cosign(small_log.checkpoint(), WITNESS))
    for vkeys in ((small_log.signer.vkey,), (small_log.signer.vkey, WITNESS.vkey)):
        assert codes(bag, *vkeys) == set()


COSIGNERS = [
    note.Cosigner(f"witness.example/{n}", Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32)) for n in (1, 2)
]


def policy(log_vkey: str, quorum: str) -> Policy:
    lines = [f"witness W{number} {one.vkey}" for number, one in enumerate(COSIGNERS, 1)]
    return Policy.parse("\n".join([f"log {log_vkey}", *lines, "group both all W1 W2", f"quorum {quorum}"]))


def test_it_says_how_many_witnesses_saw_the_same_log(small_log: Any) -> None:
    own, (first, second) = small_log.signer.vkey, COSIGNERS
    bag = io.BytesIO(small_log.bag(signed_checkpoint=note.cosign(small_log.checkpoint(), first)))
    named = Trust((own,), {"first": first.vkey, "second": second.vkey})
    summary = verify.verify(bag, named).summary
    assert (summary.witnesses, summary.cosigned_by) == (2, ("first",))
    assert check(bag.getvalue(), own).summary.cosigned_by == ()
    for quorum, whole in (("none", True), ("both", False)):
        result = verify.verify(bag, Trust((), policy=policy(own, quorum)))
        assert (result.summary.witnesses, result.summary.cosigned_by) == (2, ("W1",))
        assert [found.code for found in result.findings] == ([] if whole else ["checkpoint.not_witnessed"])
    with_both = Trust((own,), {"first": first.vkey}, policy(own, "none"))
    assert verify.verify(bag, with_both).summary.cosigned_by == ("W1",)


def test_a_cosignature_of_another_checkpoint_is_found(small_log: Any) -> None:
    other = note.sign(checkpoint.format("log.example/1", 5, bytes(32)), small_log.signer)
    stolen = note.verified(note.cosign(other, COSIGNERS[0]), [COSIGNERS[0].vkey])
    bag = small_log.bag(signed_checkpoint=note.add(small_log.checkpoint(), stolen))
    assert codes(bag, small_log.signer.vkey) == set()
    trust = Trust((small_log.signer.vkey,), {"first": COSIGNERS[0].vkey})
    result = verify.verify(io.BytesIO(bag), trust)
    assert [found.code for found in result.findings] == ["checkpoint.cosignature"]
    assert result.summary.cosigned_by == ()


def test_keys_are_of_their_kind(small_log: Any) -> None:
    with pytest.raises(note.InvalidKey, match="independent source"):
        Trust(())
    with pytest.raises(note.InvalidKey, match="witness"):
        Trust((small_log.signer.vkey,), {"log": small_log.signer.vkey})
    with pytest.raises(note.InvalidKey, match="log"):
        Trust((COSIGNERS[0].vkey,))


def test_the_command_line_takes_witnesses_and_a_policy(
    small_log: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, own = tmp_path / "bag.zip", small_log.signer.vkey
    path.write_bytes(small_log.bag(signed_checkpoint=note.cosign(small_log.checkpoint(), COSIGNERS[0])))
    witnesses = [word for one in COSIGNERS for word in ("--witness", one.vkey)]
    assert verify.main([str(path), "--key", own, *witnesses]) == 0
    assert f"1 / 2\n    {COSIGNERS[0].name}+" in capsys.readouterr().out
    (tmp_path / "policy").write_text(f"log {own}\nwitness W1 {COSIGNERS[0].vkey}\nquorum W1\n")
    assert verify.main([str(path), "--policy", str(tmp_path / "policy"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["summary"]["cosigned_by"] == ["W1"]
    for wrong in ("quorum none\n", "nonsense\n"):
        (tmp_path / "policy").write_text(wrong)
        assert verify.main([str(path), "--policy", str(tmp_path / "policy")]) == 2
    assert verify.main([str(path), "--key", own, "--witness", own]) == 2
    assert verify.main([str(path), "--policy", str(tmp_path / "absent")]) == 2


def test_an_archive_with_hidden_bytes(bag: bytes, small_log: Any) -> None:
    assert codes(bag + b"\0", small_log.signer.vkey) == {"archive.not_canonical"}


def test_a_key_from_outside_is_required(bag: bytes) -> None:
    with pytest.raises(note.InvalidKey):
        check(bag)
    with pytest.raises(note.InvalidKey):
        check(bag, "nonsense")


def test_every_code_has_a_case() -> None:
    tested = set().union(*(expected for _, expected in SEALED))
    elsewhere = {"archive.not_canonical", "archive.checksum", "manifest.digest", "signature.not_by_log"}
    elsewhere |= {"checkpoint.cosignature", "checkpoint.not_witnessed"}
    assert tested | elsewhere == findings.SENTENCES.keys()


def test_command_line(bag: bytes, small_log: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bag.zip"
    path.write_bytes(bag)
    arguments = [str(path), "--key", small_log.signer.vkey]
    assert verify.main(arguments) == 0
    assert "WHOLE 完整无改动: ord_1" in capsys.readouterr().out
    assert verify.main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["whole"] is True

    path.write_bytes(small_log.repack(bag, {"data/extra.txt": b""}))
    assert verify.main(arguments) == 1
    shown = capsys.readouterr().out
    assert "bag.unexpected_file  data/extra.txt" in shown
    assert "NOT WHOLE" in shown
    assert verify.main([*arguments, "--json"]) == 1
    value = json.loads(capsys.readouterr().out)
    assert value["whole"] is False
    assert value["findings"] == [
        {
            "code": "bag.unexpected_file",
            "path": "data/extra.txt",
            "en": "The file has no place in a bag.",
            "zh": "证据包中不应有此文件。",
            "detail": "",
        }
    ]

    path.write_bytes(b"no archive")
    assert verify.main(arguments) == 2
    assert verify.main([str(tmp_path / "absent"), *arguments[1:]]) == 2
    assert verify.main([str(path), "--key", "nonsense"]) == 2
    assert verify.main([str(path)]) == 2


def test_only_the_standard_library_and_cryptography_are_needed() -> None:
    program = (
        "import sys; before = set(sys.modules)\n"
        "import exchange.journal.verify\n"
        "names = {name.partition('.')[0] for name in sys.modules.keys() - before}\n"
        "print(*sorted(names - set(sys.stdlib_module_names)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"exchange", "cryptography", "_cffi_backend", "_openssl"}
