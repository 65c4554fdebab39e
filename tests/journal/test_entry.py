from typing import Any

import pytest

from exchange.journal import canonical, entry

GOOD: dict[str, Any] = {
    "v": 1,
    "id": "ent_01k9zzzzzzzzzzzzzzzzzzzzzz",
    "nonce": "0123456789abcdef" * 2,
    "at": "2026-11-23T11:00:00.000000Z",
    "org": "org_01k9zzzzzzzzzzzzzzzzzzzzzz",
    "role": "buyer",
    "who": "ab" * 32,
    "action": "lot.accepted",
    "subject": "lot_01k9zzzzzzzzzzzzzzzzzzzzzz",
    "seq": 3,
    "links": ["ord_1", "org_1"],
    "facts": {"amount": "12.00", "lines": [1, None, True, {"zh": "数"}]},
    "digests": {"voucher": "cd" * 32},
}


def test_an_entry_is_read() -> None:
    assert entry.parse(canonical.dumps(GOOD)) == GOOD
    assert entry.parse(canonical.dumps(GOOD | {"org": None, "who": None, "links": []}))["org"] is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("v", 2),
        ("v", True),
        ("v", "1"),
        ("id", "lot_1"),
        ("nonce", "AB" * 16),
        ("nonce", "ab" * 15),
        ("at", "2026-11-23T11:00:00Z"),
        ("at", "2026-11-23T11:00:00.000000+00:00"),
        ("at", "2026-02-30T11:00:00.000000Z"),
        ("at", "2026-11-23T24:30:00.000000Z"),
        ("org", ""),
        ("org", "Acme Ltd"),
        ("role", None),
        ("role", "Buyer"),
        ("who", "zhang san"),
        ("action", "accepted"),
        ("action", "lot."),
        ("subject", None),
        ("subject", "张三"),
        ("seq", 0),
        ("seq", True),
        ("seq", "1"),
        ("links", ["b_1", "a_1"]),
        ("links", ["abc_1", "abc_1"]),
        ("links", [1]),
        ("links", {}),
        ("facts", []),
        ("digests", {"a": "CD" * 32}),
        ("digests", {"a": None}),
        ("digests", []),
    ],
)
def test_a_value_of_another_form_is_refused(key: str, value: Any) -> None:
    with pytest.raises(entry.InvalidEntry, match=f"^{key} "):
        entry.parse(canonical.dumps(GOOD | {key: value}))


@pytest.mark.parametrize("key", GOOD)
def test_every_key_is_required(key: str) -> None:
    with pytest.raises(entry.InvalidEntry, match="exactly the keys"):
        entry.parse(canonical.dumps({name: value for name, value in GOOD.items() if name != key}))


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"null", canonical.dumps(GOOD | {"more": 1}), canonical.dumps(GOOD) + b"\n"]
)
def test_nothing_else_is_an_entry(data: bytes) -> None:
    with pytest.raises(entry.InvalidEntry):
        entry.parse(data)


def test_an_entry_has_at_most_65535_bytes() -> None:
    room = entry.SIZE_LIMIT_BYTES - len(canonical.dumps(GOOD | {"facts": {"x": ""}}))
    assert entry.parse(canonical.dumps(GOOD | {"facts": {"x": "a" * room}}))
    with pytest.raises(entry.InvalidEntry, match="at most"):
        entry.parse(canonical.dumps(GOOD | {"facts": {"x": "a" * (room + 1)}}))
