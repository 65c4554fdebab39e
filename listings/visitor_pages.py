"""Pages of the public that were made before, kept by what they were made from.

A page is a function of the rows it reads, the language and the release. Its key is a digest over the rows as the
database gave them, read anew at each request: a page that was kept can never be an old one, and nothing has to be told
when something changes. What a visitor is shown alone (a form's token, a message said once) is never kept.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from flask import request, session

from exchange.web.languages import language

#: Pages kept by one process, and the longest that is worth it, in characters.
MOST_PAGES: Final = 512
MOST_CHARACTERS: Final = 200_000
_PERSONAL: Final = 'name="csrf_token"'

_kept: "OrderedDict[bytes, str]" = OrderedDict()
_lock = threading.Lock()


def kept(rows: Any, make: Callable[[], str]) -> str:
    """The page for a visitor made from ``rows``: one that was made before for another one, or a new one.

    Args:
        rows: All that the page is made from, with a ``repr`` that tells apart what differs.
        make: Makes the page.
    """
    if request.args or "_flashes" in session:
        return make()
    key = hashlib.sha256(repr((request.path, request.host_url, language(), rows)).encode()).digest()
    with _lock:
        page = _kept.get(key)
        if page is not None:
            _kept.move_to_end(key)
            return page
    page = make()
    if _PERSONAL not in page and len(page) <= MOST_CHARACTERS:
        with _lock:
            _kept[key] = page
            while len(_kept) > MOST_PAGES:
                _kept.popitem(last=False)
    return page


def forget() -> None:
    """Drop every page that was kept."""
    with _lock:
        _kept.clear()
