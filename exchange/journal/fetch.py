"""One HTTP request, bounded in time and size, that goes where it is sent and nowhere else.

Redirections are answers like any other: what is asked here may carry a token, and whoever is asked has a fixed address.
"""

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

#: How long the other side may be silent; the whole answer may take ``_PATIENCE`` times as long.
TIMEOUT_SECONDS: Final = 10.0
_PATIENCE: Final = 6
_CHUNK_BYTES: Final = 1 << 16


class Unreachable(Exception):
    """There was no answer, or one that is longer than it may be; the message says which, without the address."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    content_type: str
    body: bytes

    @property
    def text(self) -> str:
        """The body as text; what is not UTF-8 is replaced."""
        return self.body.decode(errors="replace")


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows nothing."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_opener = urllib.request.build_opener(_Stay)


def fetch(
    url: str,
    *,
    limit_bytes: int,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Answer:
    """GET ``url``, or POST ``body`` to it.

    Raises:
        Unreachable: See the class.
    """
    if urlsplit(url).scheme not in {"http", "https"}:
        raise Unreachable("an address begins with http:// or https://")
    request = urllib.request.Request(url, body, dict(headers or {}))  # noqa: S310  (the scheme was looked at)
    try:
        try:
            answer = _opener.open(request, timeout=timeout_seconds)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            body = _read(answer, limit_bytes, time.monotonic() + _PATIENCE * timeout_seconds)
            return Answer(answer.status, answer.headers.get("Content-Type", ""), body)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise Unreachable(str(error) or type(error).__name__) from error


def _read(answer: Any, limit_bytes: int, until: float) -> bytes:
    parts = []
    left = limit_bytes + 1
    while left and (part := answer.read1(min(left, _CHUNK_BYTES))):
        parts.append(part)
        left -= len(part)
        if time.monotonic() > until:
            raise Unreachable("the answer takes too long")
    if not left:
        raise Unreachable(f"the answer is longer than {limit_bytes} bytes")
    return b"".join(parts)
