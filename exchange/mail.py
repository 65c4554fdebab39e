"""Mail as a transport: a letter goes to an SMTP server, or into a folder where no server is set up.

Nothing here decides what is written to whom. Letters are posted after the commit, by the worker.
"""

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from exchange import clock, ids
from exchange.errors import InvariantBroken

TIMEOUT_SECONDS = 20
SMTP_PORT, SUBMISSION_TLS_PORT = 587, 465


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail in plain text. ``to`` is personal: a letter is never logged."""

    to: str
    subject: str
    text: str

    def message(self, sender: str) -> EmailMessage:
        """The letter in the form of RFC 5322; line breaks in a header are refused by the library."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = sender, self.to, self.subject
        message["Date"] = format_datetime(clock.real_now())
        message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers, please
        message.set_content(self.text)
        return message


class Post(Protocol):
    """Takes letters away."""

    def send(self, letter: Letter) -> None:
        """Hand a letter over, or raise."""
        ...


@dataclass(frozen=True, slots=True)
class Folder:
    """Letters as files, readable by the operator's account only: the default until a server is named."""

    path: Path
    sender: str

    def send(self, letter: Letter) -> None:
        """Write the letter into the folder."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = self.path / f"{ids.new('eml')}.eml"
        target.touch(mode=0o600)
        target.write_bytes(bytes(letter.message(self.sender)))


@dataclass(frozen=True, slots=True)
class Smtp:
    """A mail server: ``smtp://user:password@host:587`` (STARTTLS when offered) or ``smtps://…:465``.

    A password is sent over TLS only.
    """

    url: str
    sender: str

    def send(self, letter: Letter) -> None:
        """Hand the letter to the server.

        Raises:
            OSError: The server does not answer or does not take it; the worker tries again.
        """
        place = urlsplit(self.url)
        host = place.hostname or "localhost"
        with _connect(place.scheme, host, place.port) as server:
            encrypted = place.scheme == "smtps"
            server.ehlo()
            if not encrypted and server.has_extn("starttls"):
                server.starttls(context=ssl.create_default_context())
                server.ehlo()
                encrypted = True
            if place.username:
                if not encrypted:
                    raise smtplib.SMTPNotSupportedError("the mail server offers no TLS for the password")
                server.login(unquote(place.username), unquote(place.password or ""))
            server.send_message(letter.message(self.sender))


def _connect(scheme: str, host: str, port: int | None) -> smtplib.SMTP:
    if scheme == "smtps":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(host, port or SUBMISSION_TLS_PORT, timeout=TIMEOUT_SECONDS, context=context)
    return smtplib.SMTP(host, port or SMTP_PORT, timeout=TIMEOUT_SECONDS)


_post: Post | None = None


def bind(post: Post) -> None:
    """Send letters through ``post`` in this process from now on."""
    global _post  # noqa: PLW0603  (a process has one way to send mail)
    _post = post


def send(letter: Letter) -> None:
    """Hand a letter over.

    Raises:
        InvariantBroken: ``bind`` was not called.
    """
    if _post is None:
        raise InvariantBroken("no way to send mail is bound")
    _post.send(letter)
