import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.journal import canonical

text = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)


def test_keys_sort_by_utf16_code_units() -> None:
    """RFC 8785 section 3.2.3, its own example: the smiley's surrogates sort before U+FB33."""
    value = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }
    assert list(json.loads(canonical.dumps(value)).values()) == [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ]


def test_strings_use_the_minimal_escapes() -> None:
    """RFC 8785 section 3.2.2.2, the string of its example."""
    value = {"string": '\u20ac$\u000f\nA\'B"\\\\"/'}
    assert canonical.dumps(value) == '{"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'.encode()
    assert canonical.dumps("\b\t\n\f\r\x00\x7f\u2028") == b'"\\b\\t\\n\\f\\r\\u0000\x7f\xe2\x80\xa8"'


def test_published_file_of_the_reference_implementation() -> None:
    """french.json of cyberphone/json-canonicalization."""
    value = {
        "peach": "This sorting order",
        "péché": "is wrong according to French",
        "pêche": "but canonicalization MUST",
        "sin": "ingnore locale",
    }
    expected = (
        '{"peach":"This sorting order","péché":"is wrong according to French",'
        '"pêche":"but canonicalization MUST","sin":"ingnore locale"}'
    )
    assert canonical.dumps(dict(reversed(value.items()))) == expected.encode()


@given(values)
def test_bytes_and_values_correspond(value: object) -> None:
    data = canonical.dumps(value)
    assert canonical.loads(data) == value
    assert canonical.dumps(canonical.loads(data)) == data


@given(values)
def test_any_other_spelling_is_refused(value: object) -> None:
    data = canonical.dumps(value)
    for other in (b" " + data, data + b"\n", data + data, b"\xef\xbb\xbf" + data):
        if other == data + data and isinstance(value, int) and not isinstance(value, bool):
            continue  # two numbers in a row are another number
        with pytest.raises(canonical.NotCanonical):
            canonical.loads(other)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"1.0",
        b"1e3",
        b"-0",
        b"01",
        b"NaN",
        b"Infinity",
        b"9007199254740992",
        b"-9007199254740992",
        b"1" * 5000,
        b'{"a":1,"a":1}',
        b'{"b":1,"a":1}',
        b'{"a": 1}',
        b'"\\u0041"',
        b'"\\/"',
        b'"\\u000F"',
        b'"\\ud800"',
        b'"\xed\xa0\x80"',
        b'"\xff"',
        b"[1,]",
        b"[" * 100 + b"]" * 100,
        b"[" * 60_000,
        b"{}x",
    ],
)
def test_loads_refuses(data: bytes) -> None:
    with pytest.raises(canonical.NotCanonical):
        canonical.loads(data)


@pytest.mark.parametrize(
    "value", [1.0, 2**53, -(2**53), "\ud800", {"\udc00": 1}, {1: 2}, (1, 2), b"x", {1}, object(), [[0.5]]]
)
def test_dumps_refuses(value: object) -> None:
    with pytest.raises(canonical.NotCanonical):
        canonical.dumps(value)


def test_the_largest_integers_pass() -> None:
    assert canonical.dumps([2**53 - 1, 1 - 2**53]) == b"[9007199254740991,-9007199254740991]"


def test_nesting_is_bounded() -> None:
    value: list[object] = []
    for _ in range(canonical.DEPTH_LIMIT):
        value = [value]
    assert canonical.loads(canonical.dumps(value)) == value
    with pytest.raises(canonical.NotCanonical):
        canonical.dumps([value])
