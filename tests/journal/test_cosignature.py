"""Cosignatures (c2sp.org/tlog-cosignature): public ones of other implementations, and what must never hold."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.journal import checkpoint, cosignature, keys, merkle, note
from exchange.journal.keys import Algorithm, VerifierKey

# The staging CT log of transparency.dev, signed by the log and cosigned by four public witnesses on 23 May 2026, and
# the verifier keys that log and witnesses publish.
ARCHE = """\
arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
— witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==
"""  # noqa: E501  (one signature, one line)
ARCHE_LOG = "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f"
ARCHE_WITNESSES = {
    "remora.n621.de": "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
    "witness.stagemole.eu": "witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv",
    "transparency.dev/DEV:witness-little-garden": (
        "transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM"
    ),
}
COSIGNED_AT = 1779573024

# A log that signs by ML-DSA-44, from the tests of filippo.io/torchwood (litewitness, testdata/mldsa.txt).
ML_DSA_VKEY = Path(__file__).with_name("mldsa_log_vkey.txt").read_text().strip()
ML_DSA_CHECKPOINT = Path(__file__).with_name("mldsa_log_checkpoint.txt").read_text()

TEXT = checkpoint.format("log.example/1", 6, bytes(range(32)))
ED25519 = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
ML_DSA = MLDSA44PrivateKey.from_seed_bytes(b"w" * 32)


def cosigner(kind: str, *, name: str = "witness.example/w1", at: int = 1_679_315_147) -> note.Cosigner:
    return note.Cosigner(name, ED25519 if kind == "ed25519" else ML_DSA, lambda: at)


both = pytest.mark.parametrize("kind", ["ed25519", "ml-dsa-44"])


def test_public_cosignatures_hold() -> None:
    opened = note.open(ARCHE, [ARCHE_LOG, *ARCHE_WITNESSES.values()])
    assert {signature.name for signature in opened.signatures} == {opened.text.split("\n")[0], *ARCHE_WITNESSES}
    times = {cosignature.split(line.value)[0] for line in opened.signatures if line.name in ARCHE_WITNESSES}
    assert times == {COSIGNED_AT}
    assert len(opened.unverified) == 2  # the log's own older form (0x05), and a witness whose key is not given here


@pytest.mark.parametrize("name", ARCHE_WITNESSES)
def test_a_public_cosignature_does_not_hold_for_another_size(name: str) -> None:
    with pytest.raises(note.InvalidNote, match="does not hold"):
        note.open(ARCHE.replace("1432088532", "1432088533"), [ARCHE_WITNESSES[name]])


def test_a_public_checkpoint_signed_by_ml_dsa_holds() -> None:
    opened = note.open(ML_DSA_CHECKPOINT, [ML_DSA_VKEY])
    assert checkpoint.parse(opened).origin == "example.com/mldsa-log"
    assert cosignature.split(opened.signatures[0].value)[0] == 0
    with pytest.raises(note.InvalidNote, match="does not hold"):
        note.open(ML_DSA_CHECKPOINT.replace("\n1\n", "\n2\n"), [ML_DSA_VKEY])


def test_verifier_keys_are_read_and_written_alike() -> None:
    for vkey, algorithm in (
        (ARCHE_LOG, Algorithm.ED25519),
        (ARCHE_WITNESSES["remora.n621.de"], Algorithm.COSIGNATURE_V1),
        (ML_DSA_VKEY, Algorithm.ML_DSA_44),
    ):
        assert VerifierKey.parse(vkey).algorithm is algorithm
        assert str(VerifierKey.parse(vkey)) == vkey


@pytest.mark.parametrize(
    "vkey",
    [
        ARCHE_LOG.replace("+AU0v", "+BE0v"),  # another algorithm has another key id
        ML_DSA_VKEY[:-4],
        ML_DSA_VKEY.replace("+Buhtc", "+Aehtc"),
        "w+00000000+",
        "w+00000000+Aw==",
    ],
)
def test_a_key_of_another_length_or_algorithm_is_refused(vkey: str) -> None:
    with pytest.raises(note.InvalidKey):
        VerifierKey.parse(vkey)


def test_the_signed_message_is_the_specifications() -> None:
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    assert cosignature.ed25519_message(1679315147, text) == f"cosignature/v1\ntime 1679315147\n{text}".encode()
    message = cosignature.ml_dsa_44_message("witness.example.com/w1", 1679315147, text)
    root = checkpoint.parse(text).root
    assert message == (
        b"subtree/v1\n\0\x16witness.example.com/w1"
        + (1679315147).to_bytes(8, "big")
        + b"\x1bexample.com/behind-the-sofa"
        + bytes(8)
        + (20852163).to_bytes(8, "big")
        + root
    )


@both
def test_a_cosignature_holds_beside_the_logs(kind: str) -> None:
    log = note.Signer("log.example/1", Ed25519PrivateKey.from_private_bytes(bytes(32)))
    second = note.Cosigner("log.example/1", ML_DSA, lambda: 0)
    witness = cosigner(kind)
    signed = note.cosign(note.sign(TEXT, log, second), witness)
    opened = note.open(signed, [log.vkey, second.vkey, witness.vkey])
    assert [line.name for line in opened.signatures] == ["log.example/1", "log.example/1", "witness.example/w1"]
    assert cosignature.split(opened.signatures[2].value)[0] == 1_679_315_147
    assert len(note.open(signed, [log.vkey]).unverified) == 2


@both
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_changed_cosignature_holds(kind: str, data: st.DataObject) -> None:
    witness = cosigner(kind)
    line = witness.sign(TEXT)
    value = bytearray(line.value)
    value[data.draw(st.integers(0, len(value) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(note.InvalidNote):
        witness.key.verify(TEXT, bytes(value))
    with pytest.raises(note.InvalidNote):
        witness.key.verify(TEXT, line.value[: data.draw(st.integers(0, len(value) - 1))])


@both
@settings(max_examples=40, deadline=None)
@given(
    origin=st.text(st.characters(exclude_categories=["Cc", "Cs", "Z"]), min_size=1, max_size=60),
    size=st.integers(0, 2**60),
    root=st.binary(min_size=32, max_size=32),
    at=st.integers(0, cosignature.TIME_LIMIT),
)
def test_any_checkpoint_can_be_cosigned_and_no_other_is_meant(
    kind: str, origin: str, size: int, root: bytes, at: int
) -> None:
    witness = cosigner(kind, at=at)
    line = witness.sign(checkpoint.format(origin, size, root))
    witness.key.verify(checkpoint.format(origin, size, root), line.value)
    for other in (
        checkpoint.format(origin + "x", size, root),
        checkpoint.format(origin, size + 1, root),
        checkpoint.format(origin, size, merkle.leaf_hash(root)),
    ):
        with pytest.raises(note.InvalidNote):
            witness.key.verify(other, line.value)


@both
def test_a_signature_is_for_one_name_where_the_algorithm_says_so(kind: str) -> None:
    """ML-DSA-44 signs the cosigner's name; Ed25519 does not, so such keys are never used under two names."""
    line = cosigner(kind).sign(TEXT)
    other = cosigner(kind, name="witness.example/w2").key
    if kind == "ed25519":
        other.verify(TEXT, line.value)
    else:
        with pytest.raises(note.InvalidNote, match="does not hold"):
            other.verify(TEXT, line.value)


def test_extension_lines_are_signed_by_ed25519_and_refused_for_ml_dsa() -> None:
    extended = TEXT + "extension\n"
    witness = cosigner("ed25519")
    witness.key.verify(extended, witness.sign(extended).value)
    with pytest.raises(note.InvalidNote, match="does not hold"):
        witness.key.verify(TEXT + "other\n", witness.sign(extended).value)
    with pytest.raises(note.InvalidNote, match="extension"):
        cosigner("ml-dsa-44").sign(extended)
    line = cosigner("ml-dsa-44").sign(TEXT)
    with pytest.raises(note.InvalidNote, match="extension"):
        cosigner("ml-dsa-44").key.verify(extended, line.value)


def test_ml_dsa_signs_checkpoints_only() -> None:
    for text in ("abc\n", "log\n07\nAAAA\n", checkpoint.format("o" * 256, 1, bytes(32))):
        with pytest.raises(note.InvalidNote):
            cosigner("ml-dsa-44").sign(text)


@pytest.mark.parametrize("at", [-1, 2**63])
def test_a_time_has_63_bits(at: int) -> None:
    with pytest.raises(note.InvalidNote, match="time"):
        cosigner("ed25519", at=at).sign(TEXT)
    if at > 0:
        with pytest.raises(note.InvalidNote, match="time"):
            cosignature.split(at.to_bytes(8, "big") + bytes(64))


@both
def test_a_cosignature_is_no_signature_and_the_reverse(kind: str) -> None:
    """One private key under both algorithms: key ids differ, and so does what is signed."""
    witness = cosigner(kind)
    plain = note.Signer(witness.name, ED25519)
    for key, line in ((plain.key, witness.sign(TEXT)), (witness.key, plain.sign(TEXT))):
        assert key.key_id != line.key_id
        with pytest.raises(note.InvalidNote):
            key.verify(TEXT, line.value)


def test_signature_lines_stand_alone() -> None:
    lines = note.lines([cosigner("ed25519").sign(TEXT), cosigner("ml-dsa-44").sign(TEXT)])
    assert note.lines(note.parse_lines(lines)) == lines
    for malformed in ("", "\n", lines[:-1], lines + "\n", lines + "x\n", "\n" + lines, lines.replace("— ", "- ")):
        with pytest.raises(note.InvalidNote):
            note.parse_lines(malformed)


def test_adding_replaces_lines_of_the_same_key() -> None:
    log = note.Signer("log.example/1", ED25519)
    first, later = cosigner("ed25519", at=1), cosigner("ed25519", at=2)
    signed = note.cosign(note.sign(TEXT, log), first)
    again = note.add(signed, [later.sign(TEXT)])
    assert [cosignature.split(s.value)[0] for s in note.open(again, [later.vkey]).signatures] == [2]
    assert len(keys.known([log.vkey, first.vkey, later.vkey])) == 2
