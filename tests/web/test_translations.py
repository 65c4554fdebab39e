"""The Chinese catalogue holds everything the interface says, and says it with the same places."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages import Message, pofile
from marshmallow import Schema, ValidationError, fields, validate
from opened import Site

from exchange.web import field_messages, languages
from exchange.web.problems import HTTP_ERRORS
from translations import messages

PLACES = re.compile(r"%\((\w+)\)s")
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def said() -> messages.Found:
    return messages.gather()


def test_every_message_can_be_known_from_the_source(said: messages.Found) -> None:
    """No f-string, no concatenation, nothing computed is raised as a message."""
    assert said.unknown == []


def test_the_catalogue_holds_every_message_and_no_other(said: messages.Found) -> None:
    kept = {(room, str(message.id)) for room, message in entries()}
    wanted = {(messages.room_of(where), message) for message, where in said.messages.items()}
    assert sorted(wanted - kept) == [], "run: python -m translations.messages"
    assert sorted(kept - wanted) == [], "run: python -m translations.messages"


def entries() -> Iterator[tuple[str, Message]]:
    """Every message of every catalogue, with its room."""
    for room in messages.ROOMS:
        yield from ((room, message) for message in messages.read(room) if message.id)


def test_every_message_is_translated_with_its_places() -> None:
    for _, message in entries():
        assert CHINESE.search(str(message.string)), message.id
        assert sorted(PLACES.findall(message.string)) == sorted(PLACES.findall(message.id)), message.id
        assert not message.fuzzy, message.id
        assert not message.pluralizable, message.id


def test_places_are_plain_names(said: messages.Found) -> None:
    for message, where in said.messages.items():
        if "%(" in message:
            message % dict.fromkeys(PLACES.findall(message), "x")
            assert "%" not in PLACES.sub("", message), where


def test_the_catalogue_has_no_obsolete_messages() -> None:
    for path in messages.CATALOGUES.glob("*.po"):
        with path.open("rb") as file:
            assert pofile.read_po(file).obsolete == {}


def test_the_words_of_the_trade() -> None:
    """One word, one meaning, as the pages use them."""
    words = {"seller": "供方", "buyer": "需方", "provenance declaration": "数据来源说明", "public notice": "公示"}
    for _, message in entries():
        for english, chinese in words.items():
            if re.search(rf"\b{english}s?\b", str(message.id), re.IGNORECASE):
                assert chinese in str(message.string), message.id


def module(source: str) -> messages.Found:
    found = messages.Found()
    messages.gather_module("a.py", source, found)
    return found


def test_the_extraction_follows_what_helpers_are_given() -> None:
    found = module(
        "WORDS = {1: 'One.', 2: 'Two.'}\n"
        "def _refusal(problem, *, remedy=''):\n    return Refused('I-01', problem, remedy=remedy)\n"
        "def gate(n):\n"
        "    if n:\n        problem, code = 'Three.', 'x'\n    else:\n        problem, code = 'Four.', 'y'\n"
        "    raise _refusal(problem, remedy='Five.')\n"
        "def other(n):\n    raise _refusal(WORDS[n], remedy='Six.' if n else 'Seven.')\n"
    )
    assert found.unknown == []
    assert set(found.messages) == {"One.", "Two.", "Three.", "Four.", "Five.", "Six.", "Seven."}


@pytest.mark.parametrize(
    "raised",
    ["Invalid(f'{x} is wrong')", "NotFound('a' + x)", "Refused('I-01', x)", "Conflict(str(x))", "Invalid('%s' % x)"],
)
def test_the_extraction_notices_what_it_cannot_know(raised: str) -> None:
    assert ast.parse(raised)
    assert module(f"def public(x):\n    raise {raised}\n").unknown == ["a.py:2"]


def test_what_only_we_read_is_not_translated() -> None:
    assert module("raise InvariantBroken('no ring is bound')").messages == {}


def test_a_compiled_catalogue_lies_nowhere() -> None:
    assert list(Path(messages.ROOT / "translations").rglob("*.mo")) == []


def test_http_titles_and_details_are_translated() -> None:
    chinese = languages.translations("zh")
    for answer in HTTP_ERRORS.values():
        assert chinese.ugettext(answer.title) != answer.title
        assert chinese.ugettext(answer.detail) != answer.detail


def test_marshmallow_still_says_what_is_recognised(site: Site) -> None:
    class Everything(Schema):
        required = fields.String(required=True)
        null = fields.String()
        text = fields.String()
        number = fields.Integer()
        flag = fields.Boolean()
        when = fields.AwareDateTime()
        day = fields.Date()
        many = fields.List(fields.String())
        table = fields.Dict()
        email = fields.Email()
        url = fields.Url()
        shape = fields.String(validate=validate.Regexp("^a$"))
        choice = fields.String(validate=validate.OneOf(["a", "b"]))
        short = fields.String(validate=validate.Length(min=3))
        long = fields.String(validate=validate.Length(max=3))
        between = fields.String(validate=validate.Length(2, 3))
        exact = fields.String(validate=validate.Length(equal=3))
        least = fields.Integer(validate=validate.Range(3))
        span = fields.Integer(validate=validate.Range(1, 3))
        below = fields.Nested(Schema.from_dict({"a": fields.String()}))

    wrong = {
        **dict.fromkeys(("text", "many", "table"), 1),
        **dict.fromkeys(("number", "flag", "when", "day", "email", "url", "shape", "choice", "below"), "x y"),
        "null": None,
        "short": "a",
        "long": "abcd",
        "between": "a",
        "exact": "a",
        "least": 1,
        "span": 9,
        "more": 1,
    }
    with pytest.raises(ValidationError) as caught:
        Everything().load(wrong)
    found = caught.value.messages
    assert set(found) == set(Everything().fields) | {"more"}
    with site.app.test_request_context("/?lang=zh"):
        for name, told in field_messages.translated(found).items():
            assert all(CHINESE.search(line) for line in (told["_schema"] if isinstance(told, dict) else told)), name
    with site.app.test_request_context("/?lang=en"):
        assert field_messages.translated(found) == found
