import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from exchange.journal import keys, note

# Keys, text and signatures published with golang.org/x/mod/sumdb/note (note_test.go).
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
PETER_SIGNATURE = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
PETER = f"— PeterNeumann {PETER_SIGNATURE}\n"
ENOCH_KEY = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
ENOCH = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"

SIGNER = note.Signer("PeterNeumann", Ed25519PrivateKey.from_private_bytes(PETER_SEED))


def key(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


def test_published_key_and_signature() -> None:
    assert SIGNER.vkey == PETER_KEY
    assert note.sign(TEXT, SIGNER) == f"{TEXT}\n{PETER}"


def test_one_signature_verified_and_one_unknown() -> None:
    opened = note.open(f"{TEXT}\n{PETER}{ENOCH}", [PETER_KEY])
    assert opened.text == TEXT
    assert [(found.name, found.key_id.hex()) for found in opened.signatures] == [("PeterNeumann", "c74f20a3")]
    assert [(found.name, found.key_id.hex()) for found in opened.unverified] == [("EnochRoot", "af0cfe78")]


def test_both_signatures_verified() -> None:
    opened = note.open(f"{TEXT}\n{PETER}{ENOCH}".encode(), [ENOCH_KEY, PETER_KEY, PETER_KEY])
    assert [found.name for found in opened.signatures] == ["PeterNeumann", "EnochRoot"]
    assert opened.unverified == ()


def test_repeated_lines_count_once() -> None:
    mangled = ENOCH[:60] + "ABCD" + ENOCH[60:]
    opened = note.open(f"{TEXT}\n{PETER}{PETER}{ENOCH}{ENOCH}{mangled}", [PETER_KEY])
    assert len(opened.signatures) == 1
    assert len(opened.unverified) == 2


def test_unknown_algorithms_pass_by() -> None:
    """A cosignature (0x04: timestamp and signature) or ML-DSA-44 signature is a line by an unknown key."""
    lines = [f"— witness.example/w1 {base64.b64encode(bytes(4 + length)).decode()}\n" for length in (1, 8 + 64, 2420)]
    opened = note.open(f"{TEXT}\n{lines[0]}{PETER}{lines[1]}{lines[2]}", [PETER_KEY])
    assert len(opened.unverified) == 3


@pytest.mark.parametrize("vkeys", [[], [ENOCH_KEY], [note.vkey("PeterNeumann", bytes(32))]])
def test_a_note_without_a_known_signature_is_refused(vkeys: list[str]) -> None:
    with pytest.raises(note.InvalidNote, match="no known key"):
        note.open(f"{TEXT}\n{PETER}", vkeys)


def test_a_bad_signature_by_a_known_key_is_refused_beside_a_good_one() -> None:
    bad = base64.b64decode(PETER_SIGNATURE)[:4] + bytes(64)
    for line in (f"— PeterNeumann {base64.b64encode(bad).decode()}\n", PETER[:60] + "ABCD" + PETER[60:]):
        for lines in (PETER + line, line + PETER, ENOCH + line):
            with pytest.raises(note.InvalidNote, match="does not hold"):
                note.open(f"{TEXT}\n{lines}", [PETER_KEY, ENOCH_KEY])


def test_the_text_may_hold_empty_lines() -> None:
    """The example of c2sp.org/signed-note: the last empty line divides."""
    text = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n"
    assert note.open(note.sign(text, SIGNER), [PETER_KEY]).text == text
    assert note.open(note.sign("a\n\n\n", SIGNER), [PETER_KEY]).text == "a\n\n\n"


@pytest.mark.parametrize(
    "signed",
    [
        "",
        "\n",
        TEXT,
        TEXT + "\n",
        f"{TEXT}{PETER}",
        f"{TEXT}\n{PETER}"[:-1],
        f"{TEXT}\n{PETER}\n",
        f"{TEXT}\n{PETER}Unexpected line.\n",
        f"\x01{TEXT}\n{PETER}",
        f"{TEXT}\t\n\n{PETER}",
        f"{TEXT}\r\n\r\n{PETER}",
        b"\xff" + f"{TEXT}\n{PETER}".encode(),
        f"\ud800{TEXT}\n{PETER}",
        f"{TEXT}\n- PeterNeumann {PETER_SIGNATURE}\n",
        f"{TEXT}\n—PeterNeumann {PETER_SIGNATURE}\n",
        f"{TEXT}\n— Bad Name {PETER_SIGNATURE}\n",
        f"{TEXT}\n— Bad+Name {PETER_SIGNATURE}\n",
        f"{TEXT}\n— Bad\u2003Name {PETER_SIGNATURE}\n",
        f"{TEXT}\n—  {PETER_SIGNATURE}\n",
        f"{TEXT}\n— PeterNeumann  {PETER_SIGNATURE}\n",
        f"{TEXT}\n— PeterNeumann {PETER_SIGNATURE} \n",
        f"{TEXT}\n— PeterNeumann\n",
        f"{TEXT}\n— PeterNeumann \n",
        f"{TEXT}\n— PeterNeumann x08gow==\n",  # a key id and nothing signed
        f"{TEXT}\n— PeterNeumann {PETER_SIGNATURE[:-1]}\n",
        f"{TEXT}\n— PeterNeumann {PETER_SIGNATURE[:-2]}N=\n",  # spare bits set
        f"{TEXT}\n— PeterNeumann {PETER_SIGNATURE}====\n",
        f"{TEXT}\n— PeterNeumann {PETER_SIGNATURE.replace('/', '_')}\n",
        f"{TEXT}\n— PeterNeumann {PETER_SIGNATURE[:8]}\u00e9{PETER_SIGNATURE[9:]}\n",
        f"{TEXT}\n{PETER * 101}",
        f"{'a' * note.SIZE_LIMIT_BYTES}\n\n{PETER}",
    ],
)
def test_malformed_notes_are_refused(signed: str | bytes) -> None:
    with pytest.raises(note.InvalidNote, match=r"^(?!no known key)"):
        note.open(signed, [PETER_KEY])


def test_a_hundred_signatures_are_accepted() -> None:
    assert len(note.open(f"{TEXT}\n{PETER}{ENOCH * 99}", [PETER_KEY]).unverified) == 1


@given(st.data())
def test_any_change_of_a_byte_is_refused(data: st.DataObject) -> None:
    signed = bytearray(f"{TEXT}\n{PETER}".encode())
    place = data.draw(st.integers(0, len(signed) - 1))
    signed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(note.InvalidNote):
        note.open(bytes(signed), [PETER_KEY])


def test_every_mangled_verifier_key_is_refused() -> None:
    mangled = [PETER_KEY[:end] for end in range(len(PETER_KEY))]
    mangled += [PETER_KEY[start:] for start in range(1, len(PETER_KEY))]
    mangled += [PETER_KEY[:i] + chr(ord(PETER_KEY[i]) + 1) + PETER_KEY[i + 1 :] for i in range(len(PETER_KEY))]
    mangled += [
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",  # wrong length
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",  # unknown algorithm
        PETER_KEY.replace("c74f", "C74F"),
        PETER_KEY + "\n",
    ]
    for vkey in mangled:
        with pytest.raises(note.InvalidKey):
            note.open(f"{TEXT}\n{PETER}", [PETER_KEY, vkey])


def test_two_keys_of_one_name_and_id_are_ambiguous(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys.VerifierKey, "key_id", property(lambda _key: b"same"))
    vkeys = [note.vkey("log", bytes([number]) * 32) for number in (1, 2)]
    note.check_vkeys(vkeys[:1] * 2)
    with pytest.raises(note.InvalidKey, match="share the name and id"):
        note.check_vkeys(vkeys)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u3000b", "a\u2028b", "a\nb", "a\x00b", "\ud800"])
def test_a_key_name_holds_no_space_or_plus(name: str) -> None:
    with pytest.raises(note.InvalidKey):
        note.Signer(name, key(1))


def test_a_public_key_is_32_bytes() -> None:
    with pytest.raises(note.InvalidKey, match="32 bytes"):
        note.vkey("log", bytes(31))


@pytest.mark.parametrize("text", ["", "abc", "a\tb\n", "a\r\n", "a\n\x00\n", "\ud800\n"])
def test_a_text_that_is_no_note_is_not_signed(text: str) -> None:
    with pytest.raises(note.InvalidNote):
        note.sign(text, SIGNER)


def test_a_note_needs_a_signer() -> None:
    with pytest.raises(note.InvalidNote, match="needs a signature"):
        note.sign(TEXT)


def test_cosigning_keeps_other_lines_and_replaces_ones_own() -> None:
    witness = note.Signer("witness.example/数", key(2))
    once = note.cosign(f"{TEXT}\n{PETER}{ENOCH}", witness)
    assert once.startswith(f"{TEXT}\n{PETER}{ENOCH}— witness.example/数 ")
    assert note.cosign(once, witness) == once
    assert len(note.open(once, [PETER_KEY, ENOCH_KEY, witness.vkey]).signatures) == 3
    with pytest.raises(note.InvalidNote):
        note.cosign(TEXT, witness)
