"""What kind of file evidence is, by its first bytes: names and headers of an upload are not believed."""

from exchange.errors import Invalid

PDF, PNG, JPEG, TEXT, ZIP = "application/pdf", "image/png", "image/jpeg", "text/plain", "application/zip"
_STARTS = {b"%PDF-": PDF, b"\x89PNG\r\n\x1a\n": PNG, b"\xff\xd8\xff": JPEG, b"PK\x03\x04": ZIP}
#: What a signed agreement may come as.
SCANS = frozenset({PDF, PNG, JPEG})


def media_type(content: bytes) -> str | None:
    """The media type of a PDF, PNG, JPEG, ZIP (also of office files) or UTF-8 text file; ``None`` for others."""
    for start, kind in _STARTS.items():
        if content.startswith(start):
            return kind
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    return TEXT if "\0" not in text else None


def scan_type(content: bytes) -> str:
    """The media type of a scan.

    Raises:
        Invalid: It is no PDF, PNG or JPEG file.
    """
    found = media_type(content)
    if found not in SCANS:
        raise Invalid("A scan is a PDF, PNG or JPEG file.", code="document_type")
    return found


def evidence_type(content: bytes) -> str:
    """The media type of an evidence file.

    Raises:
        Invalid: It is of none of the kinds that are kept.
    """
    found = media_type(content)
    if found is None:
        raise Invalid("Evidence is a PDF, PNG, JPEG, ZIP or text file.", code="document_type")
    return found
