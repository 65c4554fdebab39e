"""A client of API v1, as any member could write it: it knows the HTTP interface and nothing else of the house."""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyotp
import requests

#: How long background work (sealing, scanning, a gateway's answer) is waited for.
PATIENCE_SECONDS = 90.0
TIMEOUT_SECONDS = 60.0

#: Tell of a step that was taken.
Say = Callable[[str], None]


class Unexpected(RuntimeError):
    """The exchange answered something else than this step of the demonstration expects."""


@dataclass(slots=True)
class Person:
    """Somebody at a keyboard: signed in with ``token``, or a visitor."""

    base_url: str
    token: str = field(default="", repr=False)
    person_id: str = ""
    org_id: str = ""
    password: str = field(default="", repr=False)
    _http: requests.Session = field(default_factory=requests.Session, repr=False)

    def send(self, method: str, path: str, *, expect: int | None = None, **options: Any) -> requests.Response:
        """One request below ``/api/v1``; any success will do unless a status is expected.

        Raises:
            Unexpected: The answer has another status.
        """
        headers = {"Accept": "application/json", **options.pop("headers", {})}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        url = f"{self.base_url}/api/v1{path}"
        answer = self._http.request(method, url, headers=headers, timeout=TIMEOUT_SECONDS, **options)
        if answer.status_code != expect and not (expect is None and answer.ok):
            raise Unexpected(f"{method} {path}: {answer.status_code}: {answer.text[:500]}")
        return answer

    def get(self, path: str, **params: str) -> Any:
        """Read something."""
        return self.send("GET", path, params=params).json()

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        """What the exchange answers when ``body`` takes the place of what is at ``path``."""
        return self.send("PUT", path, json=dict(body)).json()

    def post(self, path: str, body: Mapping[str, Any] | None = None, *, expect: int | None = None) -> Any:
        """Do something, once: each call carries its own idempotency key."""
        headers = {"Idempotency-Key": secrets.token_hex(16)}
        options: dict[str, Any] = {"headers": headers}
        if body is not None:
            options["json"] = body
        return self.send("POST", path, expect=expect, **options).json()

    def wait(self, path: str, done: Callable[[Any], bool]) -> Any:
        """Read ``path`` again and again until ``done``.

        Raises:
            Unexpected: It took longer than anybody would wait.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            found = self.get(path)
            if done(found):
                return found
            time.sleep(0.1)
        raise Unexpected(f"{path} did not get there: {str(found)[:500]}")

    def wait_for_state(self, path: str, *states: str) -> Any:
        """Wait until the subject at ``path`` is in one of ``states``."""
        return self.wait(path, lambda subject: subject["state"] in states)

    def use(self, token: str, person_id: str, org_id: str, password: str) -> None:
        """Go on in a session that is open; ``password`` is asked for at each signature."""
        self.token, self.person_id, self.org_id, self.password = token, person_id, org_id, password

    def sign_in(self, email: str, password: str) -> None:
        """Open a session and keep its token."""
        opened = self.post("/sessions", {"email": email, "password": password})
        self.use(opened["token"], opened["person_id"], opened["org_id"], password)

    def enrol_second_factor(self) -> None:
        """Enrol a one-time-code generator and go on in the session that it opened."""
        secret: str = self.post("/me/second-factor")["secret"]
        opened = self.post("/me/second-factor/confirm", {"code": pyotp.TOTP(secret).now()})
        self.token = opened["token"]
