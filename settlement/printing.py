"""Documents as PDF: typst sets what a sheet says, with the vendored Chinese font, the same bytes every time.

Nothing of the machine goes in: no system font, no time of day, no file but the template and the font.
"""

import base64
import io
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import segno
import typst

_ROOT: Final = Path(__file__).resolve().parent.parent
_TEMPLATES: Final = _ROOT / "templates" / "settlement" / "print"
_FONTS: Final = _ROOT / "static" / "fonts"
MEDIA_TYPE: Final = "application/pdf"


class Row(NamedTuple):
    """A labelled value in both languages; the English value is left out where it would repeat the Chinese."""

    zh: str
    en: str
    value_zh: str
    value_en: str = ""


class Section(NamedTuple):
    """A titled part of a document."""

    zh: str
    en: str
    rows: Sequence[Row]


def pdf(template: str, sheet: Mapping[str, Any], *, at: datetime) -> bytes:
    """``sheet``, which is JSON, set by a template of ``templates/settlement/print``; ``at`` is the document's own date.

    It takes a fraction of a second: call it outside any transaction.
    """
    made = typst.compile(
        str(_TEMPLATES / template),
        root=str(_TEMPLATES),
        font_paths=[str(_FONTS)],
        ignore_system_fonts=True,
        format="pdf",
        timestamp=int(at.timestamp()),
        sys_inputs={"sheet": json.dumps(sheet, ensure_ascii=False)},
    )
    if not isinstance(made, bytes):
        raise TypeError("a document is set in one piece")
    return made


def qr_svg(text: str) -> str:
    """A QR code of ``text`` (ISO/IEC 18004, error correction M) as an SVG picture."""
    picture = io.BytesIO()
    segno.make(text, error="m", micro=False).save(picture, kind="svg", scale=4, border=4, xmldecl=False, svgns=True)
    return picture.getvalue().decode()


def data_url(svg: str) -> str:
    """An SVG picture as an address that a page can show without another request."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"
