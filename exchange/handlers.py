"""How a room to the left makes something happen further right without knowing it.

``wsgi.py`` registers handlers at start; a room calls ``tell`` with its open transaction. What handlers write commits or
rolls back with the teller.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

Handler = Callable[..., None]

_handlers: dict[str, list[Handler]] = defaultdict(list)


def on(news: str, handler: Handler) -> None:
    """Call ``handler(tx, **what)`` whenever ``news`` is told. Registering the same handler again changes nothing."""
    if handler not in _handlers[news]:
        _handlers[news].append(handler)


def tell(tx: Any, news: str, **what: Any) -> None:
    """Tell ``news`` to its handlers, in the order they were registered, inside the open transaction ``tx``."""
    for handler in _handlers[news]:
        handler(tx, **what)
