"""Browsers of made-up people at the room's pages: they keep cookies and send a form with every field the page gave."""

import io
import re
import secrets
from html.parser import HTMLParser
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from people import Party
from sqlalchemy import func, select
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from exchange.actors import Actor
from exchange.db import read
from exchange.journal.models import JournalEntry
from exchange.web import access, desk, log, pages
from exchange.web import words as words_of_pages
from exchange.web.app import make_app
from provenance import console, views, words

CHINESE = re.compile(r"[\u4e00-\u9fff]")
LATIN_SENTENCE = re.compile(r">\s*[A-Z][a-z]+ [a-z]+ [a-z]+[^<]*<")


def application() -> Flask:
    """The room's pages under the house's rim."""
    app = make_app(secret_key=secrets.token_hex(24), base_url="http://localhost", load_actor=lambda _token: None)
    app.register_blueprint(pages.blueprint)
    app.register_blueprint(log.blueprint)
    words_of_pages.init_app(app, [words])
    desk.init_app(app, [views, console])
    return app


class Site:
    """The application, and who may sign in to it."""

    def __init__(self, app: Flask) -> None:
        self.app, self._actors = app, dict[str, Actor]()
        app.extensions["load_actor"] = self._actors.get

    def browser(self, who: Party | Actor | None = None, lang: str = "en") -> "Browser":
        client = self.app.test_client()
        if who is not None:
            actor = who.actor if isinstance(who, Party) else who
            token = f"token-{actor.person_id}-{'-'.join(sorted(actor.roles))}"
            self._actors[token] = actor
            client.set_cookie(access.COOKIE, token)
        return Browser(client, lang)


class Browser:
    """Somebody's browser, looking at one page at a time."""

    def __init__(self, client: FlaskClient, lang: str) -> None:
        self._client, self._lang = client, lang
        self.forms: dict[str, dict[str, Any]] = {}

    def get(self, path: str) -> TestResponse:
        return self._seen(self._client.get(path, headers=self._headers()))

    def submit(self, action: str, files: dict[str, bytes] | None = None, *, to: str = "", **said: Any) -> TestResponse:
        """Send the form of this page whose address is ``action``; ``__`` in a name is a dot.

        ``to`` is the address of a button that sends the form elsewhere.
        """
        fields = self.forms[action] | {name.replace("__", "."): value for name, value in said.items()}
        sent: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
        for name, content in (files or {}).items():
            sent[name] = FileStorage(io.BytesIO(content), filename="file")
        boundary, body = encode_multipart(sent)
        kind = f"multipart/form-data; boundary={boundary}"
        return self._seen(self._client.post(to or action, data=body, headers=self._headers(), content_type=kind))

    def follow(self, answer: TestResponse) -> TestResponse:
        assert answer.status_code == 303, answer.text
        return self.get(answer.headers["Location"])

    def _headers(self) -> dict[str, str]:
        return {"Accept": "text/html", "Accept-Language": self._lang}

    def _seen(self, answer: TestResponse) -> TestResponse:
        if answer.mimetype == "text/html":
            reader = _Forms()
            reader.feed(answer.text)
            self.forms = reader.forms
        return answer


class _Forms(HTMLParser):
    """The forms of a page by their addresses, with what their fields hold."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: dict[str, dict[str, Any]] = {}
        self._form: dict[str, Any] | None = None
        self._select = self._textarea = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = self.forms.setdefault(given["action"], {}) if given.get("method") == "post" else None
        if self._form is None:
            return
        name = given.get("name", "")
        if tag == "input" and name and given.get("type") not in {"file", "checkbox", "radio"}:
            self._form[name] = given.get("value", "")
        elif tag == "input" and name and "checked" in given:
            self._form.setdefault(name, []).append(given["value"])
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and "selected" in given:
            self._form[self._select] = given.get("value", "")
        elif tag == "textarea":
            self._textarea, self._form[name] = name, ""

    def handle_data(self, data: str) -> None:
        if self._form is not None and self._textarea:
            self._form[self._textarea] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._textarea = ""


def entries_kept() -> int:
    """How many entries the journal holds."""
    with read() as session:
        return session.scalar(select(func.count()).select_from(JournalEntry)) or 0
