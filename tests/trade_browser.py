"""A browser before the pages of the settlement room: keeps the form's token, sends forms as a page does."""

import re
import secrets
from collections.abc import Mapping

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from exchange.actors import Actor
from exchange.web import access, desk, pages
from exchange.web import words as words_of_pages
from exchange.web.app import make_app
from settlement import console, lot_views, views, words


class Browser:
    """Somebody's browser: keeps the form's token, sends forms as a page does."""

    def __init__(self, client: FlaskClient, token: str, lang: str) -> None:
        self.client, self.lang, self.csrf = client, lang, ""
        if token:
            client.set_cookie(access.COOKIE, token)

    def get(self, path: str, **more: str) -> TestResponse:
        answer = self.client.get(path, headers={"Accept": "text/html", "Accept-Language": self.lang, **more})
        self._keep(answer)
        return answer

    def post(self, path: str, **fields: str) -> TestResponse:
        body = {"csrf_token": self.csrf, "request_key": secrets.token_urlsafe(8)} | {
            name.replace("__", "."): value for name, value in fields.items()
        }
        answer = self.client.post(path, data=body, headers={"Accept": "text/html", "Accept-Language": self.lang})
        self._keep(answer)
        return answer

    def _keep(self, answer: TestResponse) -> None:
        match = re.search(r'name="csrf_token" value="([^"]+)"', answer.text) if answer.mimetype == "text/html" else None
        self.csrf = match[1] if match else self.csrf


class Desk:
    """The room's pages under the house's rim."""

    def __init__(self) -> None:
        self.actors: dict[str, Actor] = {}
        self.app = _application(self.actors)

    def browser(self, actor: Actor | None = None, lang: str = "en") -> Browser:
        token = ""
        if actor is not None:
            token = f"token-{actor.person_id}-{'-'.join(sorted(actor.roles))}"
            self.actors[token] = actor
        return Browser(self.app.test_client(), token, lang)


def _application(actors: Mapping[str, Actor]) -> Flask:
    app = make_app(secret_key=secrets.token_hex(24), base_url="http://localhost", load_actor=actors.get)
    app.register_blueprint(pages.blueprint)
    words_of_pages.init_app(app, [words])
    desk.init_app(app, [views, lot_views, console])
    return app
