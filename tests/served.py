"""The real application behind a threaded server on loopback, for browsers."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002  (the base class's name)
        """Say nothing."""


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serve ``app`` while the context lasts; its base URL."""
    web = make_server("127.0.0.1", 0, _closing(app), threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{web.server_port}"
    finally:
        web.shutdown()
        thread.join()
        web.server_close()


def _closing(app: Flask) -> Callable[..., Iterable[bytes]]:
    """The application, its answers closed even when the browser is gone.

    After an answer Werkzeug reads what is left of the request, and closes the answer only after that: when a browser
    has reset the connection, the reading fails and the file of the answer stays open.
    """

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        return _closed(app(environ, start_response))

    return answer


def _closed(body: Iterable[bytes]) -> Iterator[bytes]:
    try:
        yield from body
    finally:
        close = getattr(body, "close", None)
        if close is not None:
            close()
