"""Templates say nothing by themselves: every word on a page goes through the catalogues."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

TEMPLATES = Path(__file__).resolve().parent.parent.parent / "templates"
WORD = re.compile(r"[A-Za-z]{2,}|[\u4e00-\u9fff]")
#: Addresses, and attributes that a macro writes by themselves.
NO_WORDS = re.compile(r"/[\w./]+|[a-z-]*=\"[^\"]*\"|\brequired\b")
#: Names, the same in both languages, and the two languages' own names.
NAMES = re.compile(
    r"Databourse|数衡|SANDBOX|沙盒|English|中文|Data Package|PROV-JSON|DCAT-AP|JSON-LD"
    r"|\b(API|CSV|XLSX|PDF|QR|JSON|SHA-256|OpenAPI|Ed25519|USCC|TOTP|HKD|CNY|Croissant|Turtle|ODRL)\b"
)
SHOWN = ("alt", "aria-label", "placeholder", "title")
CODE = frozenset({"code", "pre", "script", "style", "kbd"})


class _Reader(HTMLParser):
    """Collects what a reader would see or hear: text outside code, and the attributes that are read out."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.said: list[str] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in CODE:
            self._inside.append(tag)
        self.said += [value for name, value in attrs if name in SHOWN and value]

    def handle_endtag(self, tag: str) -> None:
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self.said.append(data)


def spoken(source: str) -> list[str]:
    """The words of a template that no catalogue translates."""
    bare = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", source, flags=re.DOTALL)
    reader = _Reader()
    reader.feed(bare)
    return [text.strip() for text in reader.said if WORD.search(NAMES.sub("", NO_WORDS.sub("", text)))]


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_a_template_says_nothing_untranslated(path: Path) -> None:
    assert spoken(path.read_text(encoding="utf-8")) == []


def test_the_reader_notices_what_it_should() -> None:
    source = '<p>{{ _("ok") }} Hello <code>x-code</code></p><a title="Open">{% if x %}开{% endif %}</a><b>CSV · API</b>'
    assert spoken(source) == ["Hello", "Open", "开"]
