"""Settings: read from the environment once, at start, by the command line; everything else is handed them.

Outside production, secrets that were not given are made once and kept in ``<home>/secrets.json`` (0600). In production
every one must be given, and none may be a default or too short to be a secret.
"""

import base64
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

MODES = ("production", "development", "demonstration")

#: What people leave standing from examples; none of these is a secret.
_DEFAULTS = frozenset({"changeme", "change-me", "secret", "password", "default", "dev", "test", "example"})
_SHORTEST, _DIFFERENT = 24, 8
_SANDBOX = "sk_test_sandbox"
_SECRETS = {
    "secret_key": "DATABOURSE_SECRET_KEY",
    "master_keys": "DATABOURSE_MASTER_KEY",
    "log_key": "DATABOURSE_LOG_KEY",
    "stripe_key": "STRIPE_SECRET_KEY",
    "webhook_secret": "STRIPE_WEBHOOK_SECRET",
}
#: These hold exactly 32 random bytes, in base64; of master keys there may be several, by commas, the newest last.
_KEYS = frozenset({"master_keys", "log_key"})
_DATABASES = {
    "owner": "DATABASE_URL_OWNER",
    "app": "DATABASE_URL",
    "sequencer": "DATABASE_URL_SEQUENCER",
}


class ConfigError(Exception):
    """The settings do not allow a start; the message says which variable to set and how."""


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of one process. Secrets stay out of its representation.

    Args:
        mode: ``production``, ``development`` or ``demonstration``.
        home: The folder of everything local: embedded database, goods, secrets.
        origin: The log's name in checkpoints, a host and path without a scheme (C2SP tlog-checkpoint).
        base_url: Where people reach the site, without a trailing slash.
        store_url: Where goods lie: ``file:///…`` or ``s3://bucket/prefix``.
        databases: Role to URL; empty when the embedded database is used.
        master_keys: Oldest first; the last one wraps, all of them unwrap.
        proxies: How many proxies in front add to ``X-Forwarded-For``; limits per origin count what they say.
        fee_basis_points: The fee of the house on new trades, in hundredths of a percent of the price.
        log_mirror: Where the public log is copied to, ``file:///…`` or ``s3://bucket/prefix``; nowhere if empty.
        witnesses: The policy file (C2SP tlog-policy) of the witnesses to ask for cosignatures; none are asked without.
        witness_late_minutes: How long a checkpoint may wait for a witness before an alarm is raised.
        stripe_key: A Stripe secret key; one that begins with ``sk_test_sandbox`` opens the built-in sandbox.
    """

    mode: str
    home: Path
    origin: str
    base_url: str
    store_url: str
    databases: Mapping[str, str] = field(repr=False)
    secret_key: str = field(repr=False)
    master_keys: tuple[bytes, ...] = field(repr=False)
    log_key: bytes = field(repr=False)
    stripe_key: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    store_options: Mapping[str, str] = field(default_factory=dict, repr=False)
    smtp_url: str = field(default="", repr=False)
    mail_sender: str = "databourse@localhost"
    host: str = "127.0.0.1"
    port: int = 8000
    proxies: int = 0
    fee_basis_points: int = 300
    log_mirror: str = ""
    log_mirror_options: Mapping[str, str] = field(default_factory=dict, repr=False)
    witnesses: Path | None = None
    witness_late_minutes: int = 10

    @classmethod
    def load(cls, environ: Mapping[str, str], **overrides: object) -> Self:
        """Read the settings from ``environ``; ``overrides`` win.

        Raises:
            ConfigError: Something is missing, malformed, or not fit for production.
        """
        mode = str(overrides.pop("mode", None) or environ.get("DATABOURSE_MODE", "production"))
        if mode not in MODES:
            raise ConfigError(f"DATABOURSE_MODE is one of {', '.join(MODES)}")
        home = Path(environ.get("DATABOURSE_HOME", "var")).resolve()
        given = {name: environ[variable] for name, variable in _SECRETS.items() if environ.get(variable)}
        databases = {role: environ[v] for role, v in _DATABASES.items() if environ.get(v)}
        if databases and len(databases) < len(_DATABASES):
            raise ConfigError(f"set all of {', '.join(_DATABASES.values())}, or none for the embedded database")
        if mode == "production":
            _require_fit(given)
        else:
            given = {**_kept_secrets(home), **given}
        values: dict[str, object] = {
            "mode": mode,
            "home": home,
            "origin": environ.get("DATABOURSE_ORIGIN", "localhost/databourse"),
            "base_url": environ.get("DATABOURSE_URL", "http://127.0.0.1:8000").rstrip("/"),
            "store_url": environ.get("DATABOURSE_STORE", f"file://{home}/goods"),
            "store_options": _options(environ, "DATABOURSE_STORE_"),
            "databases": databases,
            "smtp_url": environ.get("DATABOURSE_SMTP", ""),
            "mail_sender": environ.get("DATABOURSE_MAIL_SENDER", "databourse@localhost"),
            "port": _number(environ, "PORT", 8000),
            "proxies": _number(environ, "DATABOURSE_PROXIES", 0),
            "fee_basis_points": _number(environ, "DATABOURSE_FEE_BASIS_POINTS", 300),
            "log_mirror": environ.get("DATABOURSE_LOG_MIRROR", ""),
            "log_mirror_options": _options(environ, "DATABOURSE_LOG_MIRROR_"),
            "witnesses": Path(environ["DATABOURSE_WITNESSES"]) if environ.get("DATABOURSE_WITNESSES") else None,
            "witness_late_minutes": _number(environ, "DATABOURSE_WITNESS_LATE_MINUTES", 10),
            **{name: _value(name, text) for name, text in given.items()},
        }
        return cls(**{**values, **overrides})  # type: ignore[arg-type]  # each value is typed where it is read

    @property
    def demonstration(self) -> bool:
        """Whether the clock may be moved and demonstration people may be signed in with one click."""
        return self.mode == "demonstration"

    @property
    def sandbox(self) -> bool:
        """Whether payments go to the project's own sandbox instead of Stripe."""
        return self.stripe_key.startswith(_SANDBOX)


def _require_fit(given: Mapping[str, str]) -> None:
    missing = [variable for name, variable in _SECRETS.items() if name not in given]
    if missing:
        raise ConfigError(
            f"production needs {', '.join(missing)}; make one with: openssl rand -base64 32"
            " (to try the software out instead, set DATABOURSE_MODE=development)"
        )
    if given["stripe_key"].startswith(_SANDBOX):
        raise ConfigError("STRIPE_SECRET_KEY opens the built-in sandbox, where nobody pays; production needs Stripe's")
    for name, text in given.items():
        if text.lower() in _DEFAULTS or len(text) < _SHORTEST or len(set(text)) < _DIFFERENT:
            raise ConfigError(f"{_SECRETS[name]} is a default or too simple; make one with: openssl rand -base64 32")
    if len(set(given.values())) < len(given):
        raise ConfigError("each secret is its own: two of them are the same")


def _value(name: str, text: str) -> object:
    if name == "master_keys":
        return tuple(_key(name, part.strip()) for part in text.split(","))
    return _key(name, text) if name in _KEYS else text


def _key(name: str, text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != 32:  # noqa: PLR2004  (AES-256 and Ed25519 keys)
        raise ConfigError(f"{_SECRETS[name]} is 32 bytes in base64; make one with: openssl rand -base64 32")
    return key


def _kept_secrets(home: Path) -> dict[str, str]:
    """The secrets of a development or demonstration home, made the first time."""
    path = home / "secrets.json"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = {name: base64.b64encode(secrets.token_bytes(32)).decode() for name in _SECRETS}
    fresh["stripe_key"] = f"sk_test_sandbox{secrets.token_hex(16)}"
    fresh["webhook_secret"] = f"whsec_{secrets.token_hex(24)}"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        kept: dict[str, str] = json.loads(path.read_text())
        return kept
    with os.fdopen(descriptor, "w") as file:
        json.dump(fresh, file)
    return fresh


def _number(environ: Mapping[str, str], variable: str, default: int) -> int:
    text = environ.get(variable, str(default))
    if not (text.isascii() and text.isdigit()):
        raise ConfigError(f"{variable} is a whole number")
    return int(text)


def _options(environ: Mapping[str, str], prefix: str) -> dict[str, str]:
    """``DATABOURSE_STORE_ENDPOINT=…`` becomes the store's option ``endpoint``."""
    return {name.removeprefix(prefix).lower(): value for name, value in environ.items() if name.startswith(prefix)}
