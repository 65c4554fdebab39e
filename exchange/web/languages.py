"""Which language an answer is in: ``zh`` first, ``en`` when the reader asks for it."""

from flask import Flask, request
from flask_babel import Babel, get_locale

LANGUAGES = ("zh", "en")
COOKIE = "databourse_language"


def init_app(app: Flask) -> None:
    """Choose by ``?lang=``, then the reader's cookie, then Accept-Language, then Chinese."""
    Babel(app, default_locale="zh", default_timezone="Asia/Shanghai", locale_selector=_choose)
    app.jinja_env.globals["language"] = language


def language() -> str:
    """The language of this request."""
    locale = get_locale()
    return locale.language if locale is not None else LANGUAGES[0]


def _choose() -> str:
    for wish in (request.args.get("lang"), request.cookies.get(COOKIE)):
        if wish in LANGUAGES:
            return wish
    return request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]
