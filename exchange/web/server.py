"""Gunicorn, set up here so that one command serves: a few processes, a few threads each."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from gunicorn.app.base import BaseApplication

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

#: A worker that was silent for this long is replaced; long downloads beat regularly, so they are not cut.
TIMEOUT_SECONDS = 120


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    def __init__(self, make_app: "Callable[[], WSGIApplication]", options: dict[str, object]) -> None:
        self._make_app = make_app
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> "WSGIApplication":
        return self._make_app()


def serve(
    make_app: "Callable[[], WSGIApplication]",
    *,
    host: str,
    port: int,
    workers: int = 2,
    threads: int = 8,
    name: str = "databourse-web",
) -> None:
    """Serve until SIGTERM. ``make_app`` runs in each worker, so each has its own connections.

    ``name`` is what the processes are called.
    """
    options: dict[str, object] = {
        "bind": f"{host}:{port}",
        "workers": workers,
        "threads": threads,
        "worker_class": "gthread",
        "timeout": TIMEOUT_SECONDS,
        "graceful_timeout": 10,
        "keepalive": 5,
        "loglevel": "warning",
        "control_socket_disable": True,
        "proc_name": name,
    }
    _Server(make_app, options).run()
