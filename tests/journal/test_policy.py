"""Policies (c2sp.org/tlog-policy): what they mean, and what is no policy."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from exchange.journal import checkpoint, note
from exchange.journal.policy import InvalidPolicy, NotWitnessed, Policy

ORIGIN = "log.example/1"


def key(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


LOG = note.Signer(ORIGIN, key(1))
WITNESSES = {f"w{n}": note.Cosigner(f"witness.example/{n}", key(10 + n)) for n in range(1, 7)}
TWO_LEVELS = "\n".join(
    [
        "# two of the first organisation, one of the second",
        f"log {LOG.vkey} https://log.example/log/",
        *(f"witness {name}\t{one.vkey}  https://{one.name} " for name, one in WITNESSES.items()),
        "",
        "  group X 2 w1 w2 w3",
        "group Y any w4 w5 w6",
        "group X-and-Y all X Y",
        "quorum X-and-Y",
    ]
)


def signed(*cosigners: str, size: int = 6) -> str:
    text = checkpoint.format(ORIGIN, size, bytes(32))
    return note.sign(text, LOG, *(WITNESSES[name] for name in cosigners))


@given(st.sets(st.sampled_from(sorted(WITNESSES))))
def test_the_quorum_is_what_the_groups_say(cosigners: set[str]) -> None:
    policy = Policy.parse(TWO_LEVELS)
    met = len(cosigners & {"w1", "w2", "w3"}) >= 2 and bool(cosigners & {"w4", "w5", "w6"})
    assert policy.is_met_by(cosigners) is met
    found = policy.open(signed(*sorted(cosigners)))
    assert (found.cosigners, found.meets_quorum) == (cosigners, met)
    assert found.checkpoint == checkpoint.Checkpoint(ORIGIN, 6, bytes(32))


def test_too_few_cosignatures_are_refused() -> None:
    policy = Policy.parse(TWO_LEVELS)
    policy.require(signed("w1", "w2", "w6"))
    with pytest.raises(NotWitnessed, match="1 of 6"):
        policy.require(signed("w6"))


def test_where_parties_are_reached() -> None:
    policy = Policy.parse(TWO_LEVELS.encode())
    assert policy.logs[0].url == "https://log.example/log"
    assert policy.witnesses["w2"].url == "https://witness.example/2"
    assert Policy.parse(f"witness w {WITNESSES['w1'].vkey}\nquorum w").witnesses["w"].url is None


def test_no_cosignature_may_be_asked_for() -> None:
    found = Policy.parse(f"log {LOG.vkey}\nquorum none\n").require(signed())
    assert found.meets_quorum


def test_a_log_speaks_for_its_own_origin_only() -> None:
    other = note.Signer("log.example/2", key(2))
    policy = Policy.parse(f"log {LOG.vkey}\nlog {other.vkey}\nquorum none")
    text = checkpoint.format(ORIGIN, 1, bytes(32))
    policy.open(note.sign(text, LOG))
    with pytest.raises(note.InvalidNote, match="another log"):
        policy.open(note.sign(text, other))
    with pytest.raises(note.InvalidNote, match="no known key"):
        policy.open(note.sign(text, WITNESSES["w1"]))


def test_a_cosignature_that_does_not_hold_is_refused() -> None:
    policy = Policy.parse(TWO_LEVELS)
    stolen = note.add(signed(size=6), note.verified(signed("w1", size=7), [WITNESSES["w1"].vkey]))
    with pytest.raises(note.InvalidNote, match="does not hold"):
        policy.open(stolen)


def test_a_log_may_sign_by_ml_dsa_too() -> None:
    second = note.Cosigner(ORIGIN, MLDSA44PrivateKey.from_seed_bytes(bytes(32)), lambda: 0)
    policy = Policy.parse(f"log {second.vkey}\nquorum none")
    assert policy.require(note.cosign(signed(), second)).checkpoint.size == 6


W1, W2 = WITNESSES["w1"].vkey, WITNESSES["w2"].vkey
RENAMED = note.Cosigner("other.example", key(11)).vkey


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "one quorum"),
        ("quorum none\nquorum none", "once"),
        ("quorum", "once"),
        ("quorum w1", "no line above"),
        ("quroum none", "begins with"),
        (f"quorum w\nwitness w {W1}", "line 1: no line above"),
        (f"log {W1}\nquorum none", "a log signs by"),
        (f"witness w {LOG.vkey}\nquorum w", "a witness by"),
        (f"log {LOG.vkey[:-4]}\nquorum none", "line 1"),
        (f"log {LOG.vkey}\nlog {LOG.vkey}\nquorum none", "twice"),
        (f"log {LOG.vkey} ftp://log.example\nquorum none", "http"),
        (f"log {LOG.vkey} https://a https://b\nquorum none", "log <vkey>"),
        (f"witness a {W1}\nwitness b {RENAMED}\nquorum a", "twice"),
        (f"witness a {W1}\nwitness a {W2}\nquorum a", "taken"),
        (f"witness none {W1}\nquorum none", "taken"),
        (f"witness a\u00a0 {W1}x\nquorum none", "line 1"),
        (f"witness a {W1}\ngroup a any a\nquorum a", "taken"),
        (f"witness a {W1}\ngroup g 2 a\nquorum g", "1 members only"),
        (f"witness a {W1}\ngroup g 0 a\nquorum g", "how many"),
        (f"witness a {W1}\ngroup g 01 a\nquorum g", "how many"),
        (f"witness a {W1}\ngroup g any\nquorum g", "group <name>"),
        (f"witness a {W1}\ngroup g any a a\nquorum g", "in a group already"),
        (f"witness a {W1}\ngroup g any a\ngroup h any a\nquorum h", "in a group already"),
        (f"witness a {W1}\ngroup g any none\nquorum g", "no line above"),
        (f"witness a {W1}\ngroup g any h\ngroup h any a\nquorum h", "no line above"),
        ("quorum none\r\n", "control"),
        ("quorum none\n" + "#" * (1 << 20), "1 MiB"),
        (
            "".join(f"witness w{n} {note.Cosigner('w', Ed25519PrivateKey.generate()).vkey}\n" for n in range(257)),
            "most",
        ),
    ],
)
def test_what_is_no_policy_is_refused(text: str, why: str) -> None:
    with pytest.raises(InvalidPolicy, match=why):
        Policy.parse(text)


def test_bytes_beyond_ascii_are_opaque() -> None:
    data = b"witness \xff\xfe " + W1.encode() + b"\nwitness \xe2\x84\xaa " + W2.encode() + b"\nquorum \xff\xfe # \n"
    with pytest.raises(InvalidPolicy, match="once"):
        Policy.parse(data)
    policy = Policy.parse(data.replace(b" # ", b"").replace(b"quorum", b"# \x80 comment\nquorum"))
    assert sorted(map(len, policy.witnesses)) == [1, 2]
