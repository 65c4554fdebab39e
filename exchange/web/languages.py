"""Which language an answer is in: ``zh`` first, ``en`` when the reader asks for it.

Messages are written in English and translated by the rooms' catalogues in ``translations/zh/LC_MESSAGES``. They
are read when first needed: there is no compiled copy beside it that could differ.
"""

from functools import cache
from io import BytesIO
from pathlib import Path

from babel.messages import mofile, pofile
from babel.support import NullTranslations, Translations
from flask import Flask, Response, g, has_request_context, request
from flask_babel import Babel, Domain, get_locale

from exchange.citations import Lang

LANGUAGES: tuple[Lang, ...] = ("zh", "en")
COOKIE = "databourse_language"
COOKIE_SECONDS = 365 * 24 * 3600
CATALOGUES = Path(__file__).resolve().parent.parent.parent / "translations"


class _Catalogues(Domain):  # type: ignore[misc]  # flask-babel ships no types
    """Translations straight from the catalogues that people edit."""

    def get_translations(self) -> NullTranslations:
        return translations(language())


def init_app(app: Flask) -> None:
    """Choose by ``?lang=``, then the reader's cookie, then Accept-Language, then Chinese."""
    babel = Babel(app, default_locale="zh", default_timezone="Asia/Shanghai", locale_selector=_choose)
    babel.domain_instance = _Catalogues()
    app.jinja_env.globals["language"] = language
    # As the library's, without its way through the request for each of a page's hundred messages.
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]  # Jinja's extension adds it
        lambda message: translations(language()).ugettext(message),
        lambda one, many, n: translations(language()).ungettext(one, many, n),
        newstyle=True,
    )
    app.after_request(_remember)


def language() -> Lang:
    """The language of this request; Chinese outside of one."""
    if not has_request_context():
        return LANGUAGES[0]
    if "language" not in g:
        locale = get_locale()
        g.language = "en" if locale is not None and locale.language == "en" else "zh"
    chosen: Lang = g.language
    return chosen


@cache
def translations(lang: Lang) -> NullTranslations:
    """The catalogue of ``lang``; English is what messages are written in and needs none."""
    if lang == "en":
        return NullTranslations()
    together = Translations()
    for path in sorted((CATALOGUES / lang / "LC_MESSAGES").glob("*.po")):
        compiled = BytesIO()
        with path.open("rb") as file:
            mofile.write_mo(compiled, pofile.read_po(file, locale=lang))
        compiled.seek(0)
        together.add(Translations(compiled))
    return together


def _remember(response: Response) -> Response:
    """Keep to the language that a reader chose on a page."""
    wish = request.args.get("lang")
    if wish in LANGUAGES and response.mimetype == "text/html":
        response.set_cookie(
            COOKIE, wish, max_age=COOKIE_SECONDS, httponly=True, samesite="Lax", secure=request.is_secure
        )
    return response


def _choose() -> str:
    for wish in (request.args.get("lang"), request.cookies.get(COOKIE)):
        if wish in LANGUAGES:
            return wish
    return request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]
