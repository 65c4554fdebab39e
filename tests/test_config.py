"""A start is refused on anything odd."""

import base64
import secrets
from pathlib import Path

import pytest

from exchange.config import Config, ConfigError


def key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


@pytest.fixture
def fit(tmp_path: Path) -> dict[str, str]:
    return {
        "DATABOURSE_MODE": "production",
        "DATABOURSE_HOME": str(tmp_path),
        "DATABOURSE_SECRET_KEY": key(),
        "DATABOURSE_MASTER_KEY": key(),
        "DATABOURSE_LOG_KEY": key(),
        "STRIPE_SECRET_KEY": "sk_test_" + secrets.token_hex(16),
        "STRIPE_WEBHOOK_SECRET": "whsec_" + secrets.token_hex(16),
    }


SECRETS = (
    "DATABOURSE_SECRET_KEY",
    "DATABOURSE_MASTER_KEY",
    "DATABOURSE_LOG_KEY",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRET",
)


def test_production_starts_when_everything_is_given(fit: dict[str, str]) -> None:
    config = Config.load(fit)
    assert config.mode == "production"
    assert not config.demonstration


def test_production_is_the_mode_when_none_is_named(fit: dict[str, str]) -> None:
    del fit["DATABOURSE_MODE"]
    assert Config.load(fit).mode == "production"


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("value", [None, "", "changeme", "secret", "a" * 40, "short"])
def test_production_does_not_start_on_a_missing_or_default_secret(
    fit: dict[str, str], name: str, value: str | None
) -> None:
    if value is None:
        del fit[name]
    else:
        fit[name] = value
    with pytest.raises(ConfigError, match=name):
        Config.load(fit)


def test_two_secrets_are_not_one(fit: dict[str, str]) -> None:
    fit["DATABOURSE_LOG_KEY"] = fit["DATABOURSE_MASTER_KEY"]
    with pytest.raises(ConfigError, match="its own"):
        Config.load(fit)


@pytest.mark.parametrize("name", ["DATABOURSE_MASTER_KEY", "DATABOURSE_LOG_KEY"])
def test_keys_are_32_bytes_in_base64(fit: dict[str, str], name: str) -> None:
    fit[name] = base64.b64encode(secrets.token_bytes(31)).decode()
    with pytest.raises(ConfigError, match="32 bytes"):
        Config.load(fit)


def test_master_keys_rotate_by_adding_one(fit: dict[str, str]) -> None:
    older = fit["DATABOURSE_MASTER_KEY"]
    fit["DATABOURSE_MASTER_KEY"] = f"{older}, {key()}"
    first, last = Config.load(fit).master_keys
    assert (base64.b64encode(first).decode(), first != last) == (older, True)
    fit["DATABOURSE_MASTER_KEY"] = f"{older},"
    with pytest.raises(ConfigError, match="32 bytes"):
        Config.load(fit)


def test_databases_are_given_all_or_none(fit: dict[str, str]) -> None:
    fit["DATABASE_URL"] = "postgresql+psycopg:///x"
    with pytest.raises(ConfigError, match="DATABASE_URL_OWNER"):
        Config.load(fit)


def test_an_unknown_mode_is_refused(fit: dict[str, str]) -> None:
    fit["DATABOURSE_MODE"] = "debug"
    with pytest.raises(ConfigError, match="DATABOURSE_MODE"):
        Config.load(fit)


@pytest.mark.parametrize("value", ["x", "-1", "１", "1.5"])
def test_numbers_are_whole(fit: dict[str, str], value: str) -> None:
    fit["DATABOURSE_PROXIES"] = value
    with pytest.raises(ConfigError, match="DATABOURSE_PROXIES"):
        Config.load(fit)


def test_a_demonstration_makes_its_secrets_once_and_keeps_them_private(tmp_path: Path) -> None:
    environ = {"DATABOURSE_HOME": str(tmp_path / "home")}
    first = Config.load(environ, mode="demonstration")
    assert Config.load(environ, mode="demonstration") == first
    assert (tmp_path / "home" / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert first.sandbox
    assert len({first.secret_key, first.webhook_secret, first.stripe_key, first.log_key, first.master_keys}) == 5


def test_a_configuration_does_not_show_its_secrets(fit: dict[str, str]) -> None:
    shown = repr(Config.load(fit))
    assert not [name for name in SECRETS if fit[name] in shown]


def test_production_does_not_start_on_the_sandbox_where_nobody_pays(fit: dict[str, str]) -> None:
    fit["STRIPE_SECRET_KEY"] = f"sk_test_sandbox{secrets.token_hex(16)}"
    with pytest.raises(ConfigError, match="STRIPE_SECRET_KEY"):
        Config.load(fit)
