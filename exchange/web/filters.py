"""How values look on pages: instants in Beijing time, amounts with their currency, ids shortened in the middle."""

import secrets
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from babel.dates import format_timedelta
from babel.numbers import format_currency
from flask import Flask, request, url_for
from flask_babel import format_date, format_datetime, gettext

from exchange import clock
from exchange.money import Money
from exchange.web.languages import language

_SIZES = ("B", "KiB", "MiB", "GiB", "TiB")
_STEP = 1024
_WHOLE_ID = 18


def init_app(app: Flask) -> None:
    """Give templates the filters and the few functions that build addresses."""
    app.jinja_env.filters.update(
        when=when, day=day, left=left, overdue=overdue, money=money, size=size, ident=short_ident
    )
    app.jinja_env.globals.update(
        asset=_Assets(Path(app.static_folder or "")), in_language=in_language, with_query=with_query, new_key=new_key
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True


def when(instant: datetime) -> str:
    """Date and time of day in Beijing."""
    return str(format_datetime(instant, "yyyy-MM-dd HH:mm"))


def day(instant: datetime | date) -> str:
    """A day; of an instant, the day it is in Beijing."""
    if isinstance(instant, datetime):
        return str(format_datetime(instant, "yyyy-MM-dd"))
    return str(format_date(instant, "yyyy-MM-dd"))


def left(instant: datetime) -> str:
    """How far away a deadline is, or how long ago it passed, on the exchange's clock."""
    distance = instant - clock.now()
    words = format_timedelta(abs(distance), threshold=1, locale="zh" if language() == "zh" else "en")
    if distance.total_seconds() < 0:
        return str(gettext("overdue by %(time)s", time=words))
    return str(gettext("%(time)s left", time=words))


def overdue(instant: datetime) -> bool:
    """Whether a deadline has passed."""
    return instant < clock.now()


def money(amount: Money | Mapping[str, Any]) -> str:
    """An amount with its currency by its code: two dollars look alike."""
    shown = amount if isinstance(amount, Money) else Money.parse(str(amount["amount"]), str(amount["currency"]))
    return format_currency(shown.decimal, shown.currency, format="¤¤ #,##0.00", locale="en")


def size(size_bytes: int) -> str:
    """A number of bytes with one decimal, cut off, in binary units."""
    power = max(0, min((size_bytes.bit_length() - 1) // 10, len(_SIZES) - 1))
    whole, tenth = divmod(size_bytes * 10 // _STEP**power, 10)
    return f"{whole}.{tenth} {_SIZES[power]}" if tenth else f"{whole} {_SIZES[power]}"


def short_ident(text: str) -> str:
    """An id or a digest, shortened in the middle."""
    return text if len(text) <= _WHOLE_ID else f"{text[:9]}…{text[-6:]}"


def new_key() -> str:
    """A request key for a form that has none yet."""
    return secrets.token_urlsafe(16)


def with_query(**changes: str | None) -> str:
    """This page's address with some members of its query changed, or left out where ``None``."""
    query = {**request.args.to_dict(flat=False), **{name: [value] for name, value in changes.items() if value}}
    kept = {name: values for name, values in query.items() if not (name in changes and changes[name] is None)}
    return f"{request.path}?{urlencode(kept, doseq=True)}" if kept else request.path


def in_language(lang: str) -> str:
    """This page in another language; a page that answers a form is shown afresh."""
    return with_query(lang=lang)


class _Assets:
    """Addresses of static files that change with their content, so that browsers may keep them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._urls: dict[str, str] = {}

    def __call__(self, path: str) -> str:
        if path not in self._urls:
            stamp = self._folder.joinpath(path).stat().st_mtime_ns
            self._urls[path] = url_for("static", filename=path, v=f"{stamp:x}")
        return self._urls[path]
